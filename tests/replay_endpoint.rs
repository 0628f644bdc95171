// SPDX-License-Identifier: Apache-2.0
//! Answers of EC2 about endpoints with every member set, and the errors of their operations, which no emulator returns.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::{Provider, Status, StepTarget};
use regionctl_core::observe::scope::{Depth, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::spec;
use regionctl_core::spec::write::yaml;
use serde_json::{Value, json};

use crate::replay::{Replay, location, open, run};

const KIND: &str = "ec2.vpc_endpoint";

const TABLES: &str = "<DescribeRouteTablesResponse><routeTableSet><item><routeTableId>rtb-1</routeTableId></item></routeTableSet></DescribeRouteTablesResponse>";

/// A gateway endpoint, and an interface endpoint with every member that EC2 documents.
const ENDPOINTS: &str = "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Gateway</vpcEndpointType><vpcId>vpc-1</vpcId><serviceName>com.amazonaws.eu-central-1.s3</serviceName><state>available</state><policyDocument>{}</policyDocument><routeTableIdSet><item>rtb-1</item></routeTableIdSet><ipAddressType>ipv4</ipAddressType><dnsOptions><dnsRecordIpType>service-defined</dnsRecordIpType></dnsOptions><privateDnsEnabled>false</privateDnsEnabled><requesterManaged>false</requesterManaged><serviceRegion>eu-central-1</serviceRegion></item><item><vpcEndpointId>vpce-2</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType><vpcId>vpc-1</vpcId><serviceName>com.amazonaws.eu-central-1.s3</serviceName><state>available</state><policyDocument>{\"Version\":\"2008-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}</policyDocument><subnetIdSet><item>subnet-1</item></subnetIdSet><groupSet><item><groupId>sg-1</groupId><groupName>g</groupName></item></groupSet><ipAddressType>dualstack</ipAddressType><dnsOptions><dnsRecordIpType>dualstack</dnsRecordIpType><privateDnsOnlyForInboundResolverEndpoint>true</privateDnsOnlyForInboundResolverEndpoint></dnsOptions><privateDnsEnabled>true</privateDnsEnabled><requesterManaged>false</requesterManaged><networkInterfaceIdSet><item>eni-1</item></networkInterfaceIdSet><dnsEntrySet><item><dnsName>d</dnsName><hostedZoneId>Z</hostedZoneId></item></dnsEntrySet><creationTimestamp>2026-01-01T00:00:00Z</creationTimestamp><tagSet><item><key>Team</key><value>sre</value></item><item><key>aws:x</key><value>y</value></item></tagSet><ownerId>123456789012</ownerId><serviceRegion>eu-central-1</serviceRegion><payerResponsibilitySet><item><scope>vpc-endpoint-charges</scope><payerResponsibilityType>vpc-endpoint-account</payerResponsibilityType></item></payerResponsibilitySet></item><item><vpcEndpointId>vpce-3</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType><serviceName>com.amazonaws.eu-central-1.rds</serviceName><state>available</state><requesterManaged>true</requesterManaged></item><item><vpcEndpointId>vpce-4</vpcEndpointId><vpcEndpointType>ServiceNetwork</vpcEndpointType><state>available</state></item></vpcEndpointSet></DescribeVpcEndpointsResponse>";

async fn observe(names: &[&str], endpoints: &'static str) -> (Observation<Value>, Vec<String>) {
    let replay =
        Replay::coded(&[(200, "Action=DescribeVpcEndpoints", endpoints), (200, "Action=DescribeRouteTables", TABLES)]);
    let mut scope = Scope::of(location());
    for name in names {
        scope.ask(name, Depth::Whole);
    }
    let found = open(&replay).await.observe(KIND, scope).await.unwrap();
    (found, replay.requests())
}

#[tokio::test]
async fn an_interface_endpoint_with_every_setting_survives_writing_and_reading() {
    let (found, requests) = observe(&["s3/interface"], ENDPOINTS).await;
    assert_eq!(requests.len(), 1, "the route tables are read for gateway endpoints only");
    let seen = &found.resources[0];
    let model = &seen.model;
    assert_eq!(
        *model,
        json!({
            "type": "interface", "service_region": null, "route_tables": null, "subnets": ["subnet-1"],
            "security_groups": ["sg-1"], "private_dns": true, "private_dns_only_inbound": true,
            "ip_address_type": "dualstack", "dns_records": "dualstack", "policy": null, "tags": {"Team": "sre"},
        })
    );
    assert_eq!(seen.attributes["id"], "vpce-2");
    assert_eq!(seen.extras[0].said(), "payer_responsibilities = [vpc-endpoint-charges: vpc-endpoint-account]");
    let written = REGISTRY.of(KIND).write(model).unwrap().unwrap();
    let text =
        format!("region: eu-central-1\naccount: '123456789012'\n{KIND}:\n  s3/interface:\n{}", yaml(&written, 4));
    let wanted = spec::read("spec.yaml", &|_: &str| Ok(text.clone()), REGISTRY, &mut SourceFiles::default()).unwrap();
    assert_eq!(wanted.wants[0].model, *model);
}

#[tokio::test]
async fn a_plain_name_is_the_gateway_endpoint_and_an_id_is_any_endpoint() {
    let (found, _) = observe(&["s3", "vpce-2", "vpce-3", "rds"], ENDPOINTS).await;
    let found: Vec<(&str, &str)> =
        found.resources.iter().map(|seen| (seen.name.as_str(), seen.attributes["id"].as_str())).collect();
    assert_eq!(found, [("s3", "vpce-1"), ("vpce-2", "vpce-2")]);
}

#[tokio::test]
async fn endpoints_with_one_name_are_listed_by_their_ids() {
    const TWO: &str = "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType><serviceName>com.amazonaws.eu-central-1.ssm</serviceName></item><item><vpcEndpointId>vpce-2</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType><serviceName>com.amazonaws.eu-central-1.ssm</serviceName></item><item><vpcEndpointId>vpce-3</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType><serviceName>com.amazonaws.eu-central-1.s3</serviceName></item></vpcEndpointSet></DescribeVpcEndpointsResponse>";
    let replay = Replay::new(&[(200, TWO)]);
    let names = open(&replay).await.list(KIND, &location()).await.unwrap();
    assert_eq!(names, ["s3/interface", "vpce-1", "vpce-2"]);
}

#[tokio::test]
async fn an_unknown_policy_or_type_makes_the_endpoint_a_gap() {
    let unknown: &str = ENDPOINTS.replace("<policyDocument>{}<", "<policyDocument>{<").leak();
    let (found, _) = observe(&["s3"], unknown).await;
    assert_eq!(found.gaps[0].1.class, FailureClass::Unknown);
    let unknown: &str = ENDPOINTS.replace("<vpcEndpointType>Interface<", "<vpcEndpointType>Tunnel<").leak();
    let (found, _) = observe(&["vpce-2"], unknown).await;
    assert_eq!(found.gaps[0].1.class, FailureClass::Unknown);
}

/// EC2 documents ResetPolicy for gateway endpoints only.
#[tokio::test]
async fn the_policy_of_an_interface_endpoint_is_replaced_by_the_default_one() {
    for (kind, sent) in [("gateway", "ResetPolicy=true"), ("interface", "PolicyDocument=")] {
        let replay =
            Replay::new(&[(200, "<ModifyVpcEndpointResponse><return>true</return></ModifyVpcEndpointResponse>")]);
        let op = json!({"ModifyVpcEndpoint": {"settings": {"type": kind, "policy": null}}});
        run(&replay, KIND, op).await.unwrap();
        let request = &replay.requests()[0];
        assert!(
            request.contains(sent) && !request.contains("SubnetId") && !request.contains("PrivateDns"),
            "{request}"
        );
    }
}

/// A retry sends the same token, so EC2 does not create a second endpoint.
#[tokio::test]
async fn a_creation_has_a_token_that_is_the_same_in_a_retry() {
    const MADE: &str = "<CreateVpcEndpointResponse><vpcEndpoint><vpcEndpointId>vpce-9</vpcEndpointId></vpcEndpoint></CreateVpcEndpointResponse>";
    let replay = Replay::new(&[(200, MADE), (200, MADE)]);
    let op = json!({"CreateVpcEndpoint": {"endpoint": {"type": "interface", "private_dns": false}, "tags": {}}});
    for _ in 0..2 {
        assert_eq!(run(&replay, KIND, op.clone()).await.unwrap()["id"], "vpce-9");
    }
    let token = |request: &str| request.split('&').find(|part| part.starts_with("ClientToken=")).unwrap().to_owned();
    let requests = replay.requests();
    assert_eq!(token(&requests[0]), token(&requests[1]));
    assert_eq!(token(&requests[0]).len(), "ClientToken=".len() + 64);
}

#[tokio::test]
async fn deleting_an_endpoint_that_does_not_exist_is_done_and_other_failures_are_not() {
    let answer = |code: &str| -> &'static str {
        format!("<DeleteVpcEndpointsResponse><unsuccessful><item><error><code>{code}</code><message>m</message></error><resourceId>vpce-1</resourceId></item></unsuccessful></DeleteVpcEndpointsResponse>").leak()
    };
    let delete = |code: &str| {
        let replay = Replay::new(&[(200, answer(code))]);
        async move { run(&replay, KIND, json!("DeleteVpcEndpoints")).await }
    };
    delete("InvalidVpcEndpointId.NotFound").await.unwrap();
    assert_eq!(delete("UnauthorizedOperation").await.unwrap_err().class, FailureClass::Denied);
}

#[tokio::test]
async fn the_status_names_the_error_of_a_failed_endpoint() {
    let status = |state: &str| {
        let text: &str = format!("<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><state>{state}</state><lastError><message>no address left</message><code>c</code></lastError></item></vpcEndpointSet></DescribeVpcEndpointsResponse>").leak();
        let attributes = Attributes::from([("id".to_owned(), "vpce-1".to_owned())]);
        let target = StepTarget { name: "ssm".to_owned(), location: location(), attributes };
        async move { open(&Replay::new(&[(200, text)])).await.status(KIND, target).await.unwrap() }
    };
    assert!(matches!(status("failed").await, Status::Failed(why) if why.contains("no address left")));
    assert_eq!(status("pending").await, Status::InProgress("pending".to_owned()));
    assert_eq!(status("pendingAcceptance").await, Status::Ready);
}
