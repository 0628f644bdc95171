// SPDX-License-Identifier: Apache-2.0
//! Errors and answers of flow logs, endpoints and zones that no emulator returns.

use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Scope};
use serde_json::{Value, json};

use crate::replay::{Replay, location, open, run};

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
