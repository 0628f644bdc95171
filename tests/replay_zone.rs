// SPDX-License-Identifier: Apache-2.0
//! Answers of Route 53 with every member set, and the errors of its operations, which no emulator returns.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Observation, Scope};
use regionctl_core::spec;
use regionctl_core::spec::write::yaml;
use serde_json::{Value, json};

use crate::replay::{Answer, Replay, location, open, run};

const KIND: &str = "route53.private_zone";

pub const BY_NAME: Answer = (
    200,
    "Path=/hostedzonesbyname",
    "<ListHostedZonesByNameResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>a.dns.</Name><CallerReference>r</CallerReference><Config><Comment>c</Comment><PrivateZone>true</PrivateZone></Config></HostedZone><HostedZone><Id>/hostedzone/Z2</Id><Name>a.dns.</Name><CallerReference>s</CallerReference><Config><PrivateZone>false</PrivateZone></Config></HostedZone></HostedZones><DNSName>a.dns</DNSName><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>",
);

pub const ZONE: Answer = (
    200,
    "Path=/hostedzone/Z1",
    "<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id><Name>a.dns.</Name><CallerReference>r</CallerReference><Config><Comment>c</Comment><PrivateZone>true</PrivateZone></Config><ResourceRecordSetCount>8</ResourceRecordSetCount><LinkedService><ServicePrincipal>servicediscovery.amazonaws.com</ServicePrincipal><Description>d</Description></LinkedService></HostedZone><VPCs><VPC><VPCRegion>eu-central-1</VPCRegion><VPCId>vpc-1</VPCId></VPC><VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>vpc-2</VPCId></VPC></VPCs></GetHostedZoneResponse>",
);

const TAGS: Answer = (
    200,
    "Path=/tags/hostedzone/Z1",
    "<ListTagsForResourceResponse><ResourceTagSet><ResourceType>hostedzone</ResourceType><ResourceId>Z1</ResourceId><Tags><Tag><Key>Team</Key><Value>sre</Value></Tag><Tag><Key>aws:x</Key><Value>y</Value></Tag></Tags></ResourceTagSet></ListTagsForResourceResponse>",
);

const AUTHORIZED: Answer = (
    200,
    "Path=/authorizevpcassociation",
    "<ListVPCAssociationAuthorizationsResponse><HostedZoneId>Z1</HostedZoneId><VPCs><VPC><VPCRegion>us-east-1</VPCRegion><VPCId>vpc-3</VPCId></VPC></VPCs></ListVPCAssociationAuthorizationsResponse>",
);

const FIRST_PAGE: Answer = (
    200,
    "Path=/rrset",
    "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>a.dns.</Name><Type>NS</Type><TTL>172800</TTL><ResourceRecords><ResourceRecord><Value>ns-0.awsdns-00.com.</Value></ResourceRecord></ResourceRecords></ResourceRecordSet><ResourceRecordSet><Name>\\052.a.dns.</Name><Type>CNAME</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>DB.Example.com.</Value></ResourceRecord></ResourceRecords></ResourceRecordSet><ResourceRecordSet><Name>f.a.dns.</Name><Type>A</Type><SetIdentifier>one</SetIdentifier><Failover>PRIMARY</Failover><AliasTarget><HostedZoneId>Z9</HostedZoneId><DNSName>lb.example.com.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget><HealthCheckId>h</HealthCheckId></ResourceRecordSet></ResourceRecordSets><IsTruncated>true</IsTruncated><NextRecordName>g.a.dns.</NextRecordName><NextRecordType>A</NextRecordType><NextRecordIdentifier>de</NextRecordIdentifier><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>",
);

const LAST_PAGE: Answer = (
    200,
    "Path=/rrset",
    "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>g.a.dns.</Name><Type>A</Type><SetIdentifier>de</SetIdentifier><GeoLocation><CountryCode>DE</CountryCode></GeoLocation><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>10.0.0.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet><ResourceRecordSet><Name>p.a.dns.</Name><Type>A</Type><SetIdentifier>p</SetIdentifier><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>10.0.0.1</Value></ResourceRecord></ResourceRecords><GeoProximityLocation><AWSRegion>eu-west-1</AWSRegion><Bias>-5</Bias></GeoProximityLocation></ResourceRecordSet><ResourceRecordSet><Name>t.a.dns.</Name><Type>A</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>10.0.0.1</Value></ResourceRecord></ResourceRecords><TrafficPolicyInstanceId>t-1</TrafficPolicyInstanceId></ResourceRecordSet><ResourceRecordSet><Name>w.a.dns.</Name><Type>A</Type><SetIdentifier>az</SetIdentifier><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>10.0.0.1</Value></ResourceRecord></ResourceRecords><AZAffinity><LocationType>Region</LocationType><LocationId>eu-west-1</LocationId></AZAffinity></ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>",
);

async fn observe(answers: &[Answer], depth: Depth) -> (Observation<Value>, Vec<String>) {
    let replay = Replay::coded(answers);
    let mut scope = Scope::of(location());
    scope.ask("a.dns", depth);
    let found = open(&replay).await.observe(KIND, scope).await.unwrap();
    (found, replay.requests())
}

#[tokio::test]
async fn a_zone_with_every_setting_survives_writing_and_reading() {
    let answers = [BY_NAME, ZONE, TAGS, AUTHORIZED, FIRST_PAGE, LAST_PAGE];
    let (found, requests) = observe(&answers, Depth::Whole).await;
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    let seen = &found.resources[0];
    let model = &seen.model;
    assert_eq!((&model["region_vpc"], &model["vpcs"]), (&json!(true), &json!({"vpc-2": "eu-west-1"})));
    assert_eq!((&model["comment"], &model["tags"]), (&json!("c"), &json!({"Team": "sre"})));
    assert_eq!(model["authorized_vpcs"], json!({"vpc-3": "us-east-1"}));
    assert_eq!(model["records"]["*.a.dns CNAME"], json!({"ttl": 60, "values": ["db.example.com"]}));
    assert_eq!(model["records"]["f.a.dns A one"]["alias"]["name"], "lb.example.com");
    assert_eq!(model["records"]["p.a.dns A p"]["geoproximity"], json!({"region": "eu-west-1", "bias": -5}));
    let said: Vec<&str> = seen.extras.iter().map(|extra| extra.path.as_str()).collect();
    assert_eq!(said, ["records[t.a.dns A]", "records[w.a.dns A az]", "linked_service"]);
    assert!(
        requests.iter().any(|call| call.contains("name=g.a.dns.") && call.contains("identifier=de")),
        "{requests:?}"
    );
    let written = REGISTRY.of(KIND).write(model).unwrap().unwrap();
    let text = format!("region: eu-central-1\naccount: '123456789012'\n{KIND}:\n  a.dns:\n{}", yaml(&written, 4));
    let wanted = spec::read("spec.yaml", &|_: &str| Ok(text.clone()), REGISTRY, &mut SourceFiles::default()).unwrap();
    let [desired, live] = [&wanted.wants[0].model, model].map(|model| REGISTRY.of(KIND).relevant(None, model));
    assert_eq!(desired, live);
}

/// Record sets, authorizations and tags are read only for a spec that states them.
#[tokio::test]
async fn parts_are_read_only_if_they_are_asked_for() {
    let (found, requests) = observe(&[BY_NAME, ZONE], Depth::existence()).await;
    assert_eq!((found.resources.len(), requests.len()), (1, 2));
}

#[tokio::test]
async fn a_part_that_cannot_be_read_makes_the_zone_a_gap() {
    const DENIED: &str = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    const GONE: &str = "<ErrorResponse><Error><Code>NoSuchHostedZone</Code></Error></ErrorResponse>";
    for (answers, class) in [
        ([BY_NAME, ZONE, TAGS, AUTHORIZED, (403, "Path=/rrset", DENIED)], FailureClass::Denied),
        ([BY_NAME, (404, "Path=/hostedzone/Z1", GONE), TAGS, AUTHORIZED, LAST_PAGE], FailureClass::NotFound),
    ] {
        let (found, _) = observe(&answers, Depth::Whole).await;
        assert_eq!(found.gaps.iter().map(|(_, failure)| failure.class).collect::<Vec<_>>(), [class]);
    }
}

/// DELETE must state the record set as Route 53 has it. A record set that no longer exists is deleted.
#[tokio::test]
async fn a_deleted_record_set_is_sent_as_it_is_in_route_53() {
    let replay = Replay::coded(&[FIRST_PAGE, LAST_PAGE, (200, "", "<ChangeResourceRecordSetsResponse/>")]);
    let op = json!({"ChangeResourceRecordSets": {
        "upsert": {"*.a.dns AAAA": {"ttl": 60, "values": ["2001:db8::1"]}},
        "delete": ["*.a.dns CNAME", "gone.a.dns A"],
    }});
    let _ = run(&replay, KIND, op).await;
    let sent = replay.requests().into_iter().find(|call| call.contains("<Change>")).unwrap();
    let (delete, upsert) = (sent.find("<Action>DELETE").unwrap(), sent.find("<Action>UPSERT").unwrap());
    assert!(delete < upsert && sent.contains("<Value>DB.Example.com.</Value>"), "{sent}");
    assert!(!sent.contains("gone.a.dns"), "{sent}");
}

/// The answer to an earlier try was lost. Route 53 never accepts the caller reference again, so the zone is looked for.
#[tokio::test]
async fn a_zone_that_an_earlier_try_created_is_found() {
    const EXISTS: &str = "<ErrorResponse><Error><Code>HostedZoneAlreadyExists</Code></Error></ErrorResponse>";
    let by_name: &str = BY_NAME.2.replace("a.dns", "data-bucket").leak();
    let replay = Replay::coded(&[(409, "", EXISTS), (200, BY_NAME.1, by_name), ZONE]);
    let attributes = run(&replay, KIND, json!({"CreateHostedZone": {"comment": null, "vpc": null}})).await.unwrap();
    assert_eq!(attributes["id"], "Z1");
    assert!(replay.requests()[0].contains("<VPCId>vpc-1</VPCId>"), "{:?}", replay.requests());
}

#[tokio::test]
async fn removals_that_are_done_are_no_failures() {
    for (operation, code) in [
        ("DisassociateVPCFromHostedZone", "VPCAssociationNotFound"),
        ("DeleteVPCAssociationAuthorization", "VPCAssociationAuthorizationNotFound"),
    ] {
        let text: &str = format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>").leak();
        let replay = Replay::new(&[(404, text)]);
        run(&replay, KIND, json!({operation: {"vpc": {"id": "vpc-2", "region": "eu-west-1"}}})).await.unwrap();
    }
}

/// A call adds or removes at most ten tags
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html>).
#[tokio::test]
async fn more_than_ten_tags_need_several_calls() {
    let replay = Replay::new(&[(200, ""), (200, "")]);
    let tags: serde_json::Map<String, Value> = (0..11).map(|number| (format!("k{number}"), json!("v"))).collect();
    run(&replay, KIND, json!({"ChangeTagsForResource": {"tags": tags, "keys": ["old"]}})).await.unwrap();
    assert_eq!(replay.requests().len(), 2);
}
