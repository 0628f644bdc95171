// SPDX-License-Identifier: Apache-2.0
//! Errors and answers of flow logs, endpoints and zones that no emulator returns.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::desire::fill::fill;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::refresh::refresh;
use regionctl_core::observe::scope::{Depth, Scope};
use regionctl_core::plan::build::plan;
use serde_json::{Value, json};

use crate::replay::{Answer, Replay, location, open, run};
use crate::replay_reads::{assert_gap, observe, spec};
use crate::replay_zone::{BY_NAME, ZONE};

const EXISTS: &str = "<CreateFlowLogsResponse><unsuccessful><item><error><code>FlowLogAlreadyExists</code><message>There is an existing Flow Log</message></error><resourceId>vpc-1</resourceId></item></unsuccessful></CreateFlowLogsResponse>";

fn create() -> Value {
    json!({"CreateFlowLogs": {
        "log": {"resource": null, "bucket": "arn:aws:s3:::b", "traffic": "ALL", "aggregation_seconds": 600},
        "tags": {"Team": "sre"},
    }})
}

/// The answer to an earlier try was lost: the equal flow log is the result.
#[tokio::test]
async fn an_equal_flow_log_that_exists_is_the_created_one() {
    let found = "<DescribeFlowLogsResponse><flowLogSet><item><flowLogId>fl-1</flowLogId><resourceId>vpc-1</resourceId><trafficType>ALL</trafficType><logDestinationType>s3</logDestinationType><logDestination>arn:aws:s3:::b</logDestination><maxAggregationInterval>600</maxAggregationInterval><tagSet><item><key>Name</key><value>data-bucket</value></item><item><key>Team</key><value>sre</value></item></tagSet></item></flowLogSet></DescribeFlowLogsResponse>";
    let replay = Replay::new(&[(200, EXISTS), (200, found)]);
    let attributes = run(&replay, "ec2.flow_log", create()).await.unwrap();
    assert_eq!(attributes["id"], "fl-1");
}

#[tokio::test]
async fn another_flow_log_at_the_same_destination_is_an_error_that_names_it() {
    let found = "<DescribeFlowLogsResponse><flowLogSet><item><flowLogId>fl-1</flowLogId><resourceId>vpc-1</resourceId><trafficType>REJECT</trafficType><logDestinationType>s3</logDestinationType><logDestination>arn:aws:s3:::b</logDestination><maxAggregationInterval>600</maxAggregationInterval></item></flowLogSet></DescribeFlowLogsResponse>";
    let replay = Replay::new(&[(200, EXISTS), (200, found)]);
    let failure = run(&replay, "ec2.flow_log", create()).await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("FlowLogAlreadyExists"));
    assert!(failure.message.contains("fl-1"), "{failure}");
}

/// A VPC can have several gateway endpoints of a service, for different route tables.
#[tokio::test]
async fn several_gateway_endpoints_of_a_service_are_named() {
    let endpoints = "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Gateway</vpcEndpointType><serviceName>com.amazonaws.eu-central-1.s3</serviceName><state>available</state></item><item><vpcEndpointId>vpce-2</vpcEndpointId><vpcEndpointType>Gateway</vpcEndpointType><serviceName>com.amazonaws.eu-central-1.s3</serviceName><state>available</state></item></vpcEndpointSet></DescribeVpcEndpointsResponse>";
    let tables = "<DescribeRouteTablesResponse><routeTableSet/></DescribeRouteTablesResponse>";
    let replay = Replay::new(&[(200, endpoints), (200, tables)]);
    let mut scope = Scope::of(location());
    scope.ask("s3", Depth::existence());
    let found = open(&replay).await.observe("ec2.vpc_endpoint", scope).await.unwrap();
    let [(name, failure)] = found.gaps.as_slice() else { panic!("{:?}", found.gaps) };
    assert_eq!(name, "s3");
    assert!(failure.message.contains("vpce-1, vpce-2"), "{failure}");
}

const CONFLICT: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ConflictingDomainExists</Code><Message>a conflicting domain</Message></Error></ErrorResponse>";

/// Associates vpc-1 with a zone that is associated with this VPC.
async fn associate(vpc: &str) -> Result<(), String> {
    let zone = format!(
        "<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id><Name>a.dns.</Name><CallerReference>r</CallerReference></HostedZone><VPCs><VPC><VPCRegion>eu-central-1</VPCRegion><VPCId>{vpc}</VPCId></VPC></VPCs></GetHostedZoneResponse>"
    );
    let replay = Replay::new(&[(400, CONFLICT), (200, Box::leak(zone.into_boxed_str()))]);
    let op = json!({"AssociateVPCWithHostedZone": {"vpc": {"id": "vpc-1", "region": "eu-central-1"}}});
    run(&replay, "route53.private_zone", op).await.map(|_| ()).map_err(|failure| failure.message)
}

/// ConflictingDomainExists means that this zone, or another one, is associated with the VPC
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_AssociateVPCWithHostedZone.html>).
#[tokio::test]
async fn a_conflicting_zone_is_an_error_and_an_existing_association_is_not() {
    assert_eq!(associate("vpc-1").await, Ok(()));
    let message = associate("vpc-2").await.unwrap_err();
    assert!(message.contains("another hosted zone") && message.contains("vpc-1"), "{message}");
}

/// A flow log with every member that EC2 documents.
const FLOW_LOG: &str = "<DescribeFlowLogsResponse><flowLogSet><item><creationTime>2026-01-01T00:00:00Z</creationTime><deliverLogsErrorMessage>Access error</deliverLogsErrorMessage><deliverLogsPermissionArn>arn:aws:iam::123456789012:role/r</deliverLogsPermissionArn><deliverCrossAccountRole>arn:aws:iam::210987654321:role/r</deliverCrossAccountRole><deliverLogsStatus>FAILED</deliverLogsStatus><flowLogId>fl-1</flowLogId><flowLogStatus>ACTIVE</flowLogStatus><logGroupName>/vpc</logGroupName><resourceId>vpc-1</resourceId><trafficType>REJECT</trafficType><logDestinationType>cloud-watch-logs</logDestinationType><logDestination>arn:aws:logs:eu-central-1:210987654321:log-group:/vpc:*</logDestination><logFormat>${srcaddr} ${interface-id}</logFormat><maxAggregationInterval>60</maxAggregationInterval><tagFieldSpecificationSet><item><resourceType>instance</resourceType><tagKeySet><item>Team</item></tagKeySet></item></tagFieldSpecificationSet><tagSet><item><key>Name</key><value>vpc</value></item><item><key>aws:x</key><value>y</value></item></tagSet></item></flowLogSet></DescribeFlowLogsResponse>";

#[tokio::test]
async fn a_flow_log_with_every_setting_survives_writing_and_reading() {
    let found = observe("ec2.flow_log", "vpc", &[(200, FLOW_LOG)]).await;
    let model = &found.resources[0].model;
    assert_eq!(model["log_group"], "arn:aws:logs:eu-central-1:210987654321:log-group:/vpc");
    assert_eq!(
        (&model["delivery_error"], &model["format"]),
        (&json!("Access error"), &json!("${srcaddr} ${interface-id}"))
    );
    assert_eq!((&model["tag_fields"], &model["tags"]), (&json!({"instance": ["Team"]}), &json!({"Name": "vpc"})));
}

#[tokio::test]
async fn an_unknown_value_makes_the_flow_log_a_gap() {
    for (known, unknown) in
        [("REJECT", "SOME"), ("cloud-watch-logs", "kinesis"), (">60<", ">300<"), (">instance<", ">pod<")]
    {
        let answer: &str = FLOW_LOG.replace(known, unknown).leak();
        assert_gap("ec2.flow_log", "vpc", &[(200, answer)], unknown.trim_matches(['<', '>'])).await;
    }
}

/// Plans a spec. Returns what its plan says about unwaived risks and defects.
async fn unwaived(sections: &str, answers: &[Answer]) -> Vec<String> {
    const CALLER: Answer = (
        200,
        "Action=GetCallerIdentity",
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
    );
    const VPCS: Answer = (
        200,
        "Action=DescribeVpcs&",
        "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock><isDefault>true</isDefault></item></vpcSet></DescribeVpcsResponse>",
    );
    let answers: Vec<Answer> = [CALLER, VPCS].iter().chain(answers).copied().collect();
    let aws = open(&Replay::coded(&answers)).await;
    let wanted = spec(sections);
    let snapshot = refresh(&aws, REGISTRY, &wanted).await.unwrap_or_else(|error| panic!("{error:?}"));
    let inventory = fill(REGISTRY, &wanted, &snapshot).unwrap();
    let plan = plan(REGISTRY, &wanted, &inventory).unwrap();
    assert!(plan.is_complete() && plan.is_empty(), "{:?} {:?}", plan.gaps, plan.changes);
    plan.unwaived.into_iter().map(|risk| risk.what).collect()
}

#[tokio::test]
async fn a_flow_log_that_ec2_cannot_deliver_is_a_finding() {
    let fields = "{log_group: \"arn:aws:logs:eu-central-1:210987654321:log-group:/vpc\", role: \"arn:aws:iam::123456789012:role/r\", cross_account_role: \"arn:aws:iam::210987654321:role/r\", traffic: REJECT, aggregation_minutes: 1}";
    let found =
        unwaived(&format!("ec2.flow_log:\n  vpc: {fields}\n"), &[(200, "Action=DescribeFlowLogs", FLOW_LOG)]).await;
    assert!(found[0].contains("cannot deliver (Access error)"), "{found:?}");
}

/// Names of private zones resolve only in VPCs with both DNS attributes
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>).
#[tokio::test]
async fn a_zone_of_a_vpc_without_dns_hostnames_is_a_finding() {
    let attribute = |name: &str, on: bool| -> &'static str {
        format!("<DescribeVpcAttributeResponse><vpcId>vpc-1</vpcId><{name}><value>{on}</value></{name}></DescribeVpcAttributeResponse>").leak()
    };
    for (on, expected) in [(false, vec!["names do not resolve: turn on enableDnsHostnames of vpc-1"]), (true, vec![])] {
        let answers = [
            BY_NAME,
            ZONE,
            (
                200,
                "Action=DescribeVpcAttribute&Version=2016-11-15&Attribute=enableDnsHostnames",
                attribute("enableDnsHostnames", on),
            ),
            (
                200,
                "Action=DescribeVpcAttribute&Version=2016-11-15&Attribute=enableDnsSupport",
                attribute("enableDnsSupport", true),
            ),
        ];
        assert_eq!(unwaived("route53.private_zone:\n  a.dns:\n", &answers).await, expected);
    }
}
