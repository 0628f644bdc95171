// SPDX-License-Identifier: Apache-2.0
//! Load balancers and target groups with answers that no emulator returns.

use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Scope};
use serde_json::json;

use crate::replay::{Replay, location, open};
use crate::replay_reads::{assert_gap, observe};

const BALANCERS: &str = "<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member><LoadBalancerArn>arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/web/50dc6c495c0c9188</LoadBalancerArn><DNSName>web-1.elb.eu-central-1.amazonaws.com</DNSName><CanonicalHostedZoneId>Z3F0SRJ5LGBH90</CanonicalHostedZoneId><CreatedTime>2026-01-02T03:04:05.678Z</CreatedTime><LoadBalancerName>web</LoadBalancerName><Scheme>internet-facing</Scheme><VpcId>vpc-1</VpcId><State><Code>active</Code></State><Type>network</Type><AvailabilityZones><member><ZoneName>eu-central-1a</ZoneName><SubnetId>subnet-1</SubnetId><OutpostId>op-1</OutpostId><LoadBalancerAddresses><member><IpAddress>203.0.113.7</IpAddress><AllocationId>eipalloc-1</AllocationId><PrivateIPv4Address>10.0.0.7</PrivateIPv4Address><IPv6Address>2001:db8::7</IPv6Address></member></LoadBalancerAddresses><SourceNatIpv6Prefixes><member>2001:db8:1::/80</member></SourceNatIpv6Prefixes></member></AvailabilityZones><SecurityGroups><member>sg-1</member></SecurityGroups><IpAddressType>dualstack</IpAddressType><CustomerOwnedIpv4Pool>ipv4pool-coip-1</CustomerOwnedIpv4Pool><EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic>on</EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic><EnablePrefixForIpv6SourceNat>on</EnablePrefixForIpv6SourceNat><IpamPools><Ipv4IpamPoolId>ipam-pool-1</Ipv4IpamPoolId></IpamPools></member></LoadBalancers></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>";

const GROUP: &str = "<member><TargetGroupArn>arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/73e2d6bc24d8a067</TargetGroupArn><TargetGroupName>web</TargetGroupName><Protocol>HTTP</Protocol><Port>8080</Port><VpcId>vpc-1</VpcId><HealthCheckProtocol>HTTPS</HealthCheckProtocol><HealthCheckPort>traffic-port</HealthCheckPort><HealthCheckEnabled>true</HealthCheckEnabled><HealthCheckIntervalSeconds>30</HealthCheckIntervalSeconds><HealthCheckTimeoutSeconds>5</HealthCheckTimeoutSeconds><HealthyThresholdCount>4</HealthyThresholdCount><UnhealthyThresholdCount>3</UnhealthyThresholdCount><HealthCheckPath>/health</HealthCheckPath><Matcher><HttpCode>200-299</HttpCode><GrpcCode>0</GrpcCode></Matcher><LoadBalancerArns><member>arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188</member></LoadBalancerArns><TargetType>ip</TargetType><ProtocolVersion>HTTP2</ProtocolVersion><IpAddressType>ipv6</IpAddressType><TargetControlPort>3000</TargetControlPort></member>";

fn groups(members: &str) -> &'static str {
    let text = format!(
        "<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups>{members}</TargetGroups></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>"
    );
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn every_setting_of_a_load_balancer_is_read() {
    let found = observe("elbv2.load_balancer", "web", &[(200, BALANCERS)]).await;
    let address =
        json!({"ip": "203.0.113.7", "allocation": "eipalloc-1", "private_ipv4": "10.0.0.7", "ipv6": "2001:db8::7"});
    let expected = json!({
        "load_balancer_type": "network", "scheme": "internet-facing", "vpc": "vpc-1", "ip_address_type": "dualstack",
        "subnets": {"subnet-1": {
            "zone": "eu-central-1a", "outpost": "op-1", "addresses": [address], "source_nat_ipv6_prefixes": ["2001:db8:1::/80"],
        }},
        "security_groups": ["sg-1"], "customer_owned_ipv4_pool": "ipv4pool-coip-1", "rules_on_private_link": "on",
        "ipv6_source_nat_prefix": "on", "ipv4_ipam_pool": "ipam-pool-1",
    });
    assert_eq!(found.resources[0].model, expected);
    assert_eq!(found.resources[0].attributes["dimension"], "net/web/50dc6c495c0c9188");
    assert_eq!(found.resources[0].attributes["namespace"], "AWS/NetworkELB");
}

#[tokio::test]
async fn every_setting_of_a_target_group_is_read() {
    let found = observe("elbv2.target_group", "web", &[(200, groups(GROUP))]).await;
    let expected = json!({
        "load_balancers": ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"],
        "target_type": "ip", "protocol": "HTTP", "protocol_version": "HTTP2", "port": 8080, "target_control_port": 3000,
        "vpc": "vpc-1", "ip_address_type": "ipv6",
        "health_check": {
            "enabled": true, "protocol": "HTTPS", "port": "traffic-port", "path": "/health", "interval_seconds": 30,
            "timeout_seconds": 5, "healthy_threshold": 4, "unhealthy_threshold": 3, "http_codes": "200-299", "grpc_codes": "0",
        },
    });
    assert_eq!(found.resources[0].model, expected);
    let attributes = &found.resources[0].attributes;
    assert_eq!(attributes["arn_suffix"], "targetgroup/web/73e2d6bc24d8a067");
    assert_eq!(
        (attributes["load_balancer"].as_str(), attributes["namespace"].as_str()),
        ("app/web/50dc6c495c0c9188", "AWS/ApplicationELB")
    );
}

#[tokio::test]
async fn a_load_balancer_of_an_unknown_type_makes_it_and_its_target_groups_gaps() {
    let balancers = BALANCERS.replace("loadbalancer/net/", "loadbalancer/mesh/");
    let answer = (200, &*Box::leak(balancers.into_boxed_str()));
    assert_gap("elbv2.load_balancer", "web", &[answer], "mesh/web/50dc6c495c0c9188").await;
    let group = groups(&GROUP.replace("loadbalancer/app/", "loadbalancer/mesh/"));
    assert_gap("elbv2.target_group", "web", &[(200, group)], "mesh/web/50dc6c495c0c9188").await;
}

#[tokio::test]
async fn target_groups_are_read_in_pages() {
    let page = |members: &str, marker: &str| -> &'static str {
        let text = groups(members).replace("</TargetGroups>", &format!("</TargetGroups>{marker}"));
        Box::leak(text.into_boxed_str())
    };
    let second = GROUP.replace("targetgroup/web/", "targetgroup/api/").replace("Name>web<", "Name>api<");
    let replay = Replay::new(&[(200, page(GROUP, "<NextMarker>next</NextMarker>")), (200, page(&second, ""))]);
    let scope = Scope { everything: Some(Depth::Whole), ..Scope::of(location()) };
    let found = open(&replay).await.observe("elbv2.target_group", scope).await.unwrap();
    let names: Vec<&str> = found.resources.iter().map(|seen| seen.name.as_str()).collect();
    assert_eq!(names, ["web", "api"]);
    assert!(replay.requests()[1].contains("Marker=next"), "{:?}", replay.requests());
}

#[tokio::test]
async fn a_denied_read_is_a_failure() {
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    let scope = Scope { everything: Some(Depth::existence()), ..Scope::of(location()) };
    let failure = open(&Replay::new(&[(403, denied)])).await.observe("elbv2.target_group", scope).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Denied);
}
