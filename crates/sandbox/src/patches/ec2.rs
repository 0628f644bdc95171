// SPDX-License-Identifier: Apache-2.0
//! EC2: the default VPC, and security-group rules.
//!
//! - Every region has a default VPC 172.31.0.0/16 with a subnet per zone, a main route table and a `default` group that
//!   allows traffic among its members (VPC User Guide, "Default VPCs").
//! - A rule is a protocol, ports and one peer: duplicates are refused, and revoking removes only that rule
//!   (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>,
//!   <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html>). The emulated
//!   service removes every rule with the same ports, so rules are implemented here.
#![expect(clippy::disallowed_types, reason = "the emulated services' views are made of them")]

use std::collections::HashMap;

use winterbaume_core::{MockRequest, MockResponse, StatefulService};
use winterbaume_ec2::views::{
    Ec2StateView, IpPermissionView, IpRangeView, Ipv6RangeView, RouteTableAssociationView, RouteTableView, RouteView,
    SecurityGroupView, SubnetView, UserIdGroupPairView, VpcView,
};

use super::parameter;
use crate::ACCOUNT;
use crate::services::Services;

/// Creates the default VPC of a region that has none.
pub(super) async fn default_vpc(services: &Services, region: &str) {
    let mut view = services.ec2.snapshot(ACCOUNT, region).await;
    if view.vpcs.values().any(|vpc| vpc.is_default) {
        return;
    }
    let id = |kind: &str| format!("{kind}-0{:016x}", fnv(&format!("{region}/{kind}")));
    let vpc_id = id("vpc");
    view.vpcs.insert(vpc_id.clone(), vpc(&vpc_id, id("dopt")));
    for (index, zone) in ["a", "b", "c"].iter().enumerate() {
        let subnet = subnet(
            id(&format!("subnet{zone}")).replace(&format!("subnet{zone}"), "subnet"),
            &vpc_id,
            &format!("{region}{zone}"),
            index,
        );
        view.subnets.insert(subnet.subnet_id.clone(), subnet);
    }
    view.route_tables.insert(id("rtb"), route_table(id("rtb"), id("rtbassoc"), &vpc_id));
    view.security_groups.insert(id("sg"), default_group(id("sg"), &vpc_id));
    // Restoring a state that this service returned cannot fail.
    let _ = services.ec2.restore(ACCOUNT, region, view).await;
}

/// Hashes a text (FNV-1a), so that ids are the same in each sandbox.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn vpc(id: &str, dhcp_options_id: String) -> VpcView {
    VpcView {
        vpc_id: id.to_owned(),
        cidr_block: "172.31.0.0/16".to_owned(),
        state: "available".to_owned(),
        dhcp_options_id,
        instance_tenancy: "default".to_owned(),
        is_default: true,
        enable_dns_hostnames: true,
        enable_dns_support: true,
        secondary_cidr_blocks: Vec::new(),
        tags: HashMap::new(),
        classic_link_enabled: false,
    }
}

fn subnet(subnet_id: String, vpc_id: &str, zone: &str, index: usize) -> SubnetView {
    SubnetView {
        subnet_id,
        vpc_id: vpc_id.to_owned(),
        cidr_block: format!("172.31.{}.0/20", index * 16),
        availability_zone: zone.to_owned(),
        state: "available".to_owned(),
        available_ip_address_count: 4091,
        map_public_ip_on_launch: true,
        ipv6_cidr_blocks: Vec::new(),
        tags: HashMap::new(),
    }
}

fn route_table(id: String, association_id: String, vpc_id: &str) -> RouteTableView {
    RouteTableView {
        route_table_id: id,
        vpc_id: vpc_id.to_owned(),
        routes: vec![RouteView {
            destination_cidr_block: Some("172.31.0.0/16".to_owned()),
            destination_ipv6_cidr_block: None,
            gateway_id: Some("local".to_owned()),
            state: "active".to_owned(),
            origin: "CreateRouteTable".to_owned(),
        }],
        associations: vec![RouteTableAssociationView {
            association_id,
            subnet_id: None,
            gateway_id: None,
            main: true,
            state: "associated".to_owned(),
        }],
        propagating_vgws: Vec::new(),
        tags: HashMap::new(),
    }
}

fn default_group(id: String, vpc_id: &str) -> SecurityGroupView {
    let among_themselves = UserIdGroupPairView { group_id: id.clone(), user_id: Some(ACCOUNT.to_owned()) };
    SecurityGroupView {
        group_id: id,
        group_name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        vpc_id: vpc_id.to_owned(),
        owner_id: ACCOUNT.to_owned(),
        ingress_rules: vec![IpPermissionView { user_id_group_pairs: vec![among_themselves], ..all_traffic() }],
        egress_rules: vec![IpPermissionView {
            ip_ranges: vec![IpRangeView { cidr_ip: "0.0.0.0/0".to_owned(), description: None }],
            ..all_traffic()
        }],
        tags: HashMap::new(),
    }
}

fn all_traffic() -> IpPermissionView {
    IpPermissionView {
        from_port: None,
        to_port: None,
        ip_protocol: "-1".to_owned(),
        ip_ranges: Vec::new(),
        ipv6_ranges: Vec::new(),
        user_id_group_pairs: Vec::new(),
    }
}

pub(super) async fn before(services: &Services, region: &str, request: &mut MockRequest) -> Option<MockResponse> {
    let action = parameter(&request.body, "Action")?;
    match action.as_str() {
        "DescribeVpcs" => {
            // The emulated service supports only the older name of this filter.
            let body = String::from_utf8_lossy(&request.body).replace("=is-default", "=isDefault");
            request.body = body.into_bytes().into();
            None
        }
        "CreateSecurityGroup" => {
            // The emulated service reads the parameter under its name in responses.
            let body = String::from_utf8_lossy(&request.body).replace("&GroupDescription=", "&Description=");
            request.body = body.into_bytes().into();
            duplicate_group(services, region, &request.body).await
        }
        _ => {
            let change = Change::of(&action)?;
            let mut view = services.ec2.snapshot(ACCOUNT, region).await;
            let answer = change.make(&mut view, &request.body, &action);
            if answer.status == 200 {
                // Restoring a state that this service returned cannot fail.
                let _ = services.ec2.restore(ACCOUNT, region, view).await;
            }
            Some(answer)
        }
    }
}

/// Refuses a group name that exists in the VPC.
async fn duplicate_group(services: &Services, region: &str, body: &[u8]) -> Option<MockResponse> {
    let [name, vpc] = ["GroupName", "VpcId"].map(|name| parameter(body, name).unwrap_or_default());
    let view = services.ec2.snapshot(ACCOUNT, region).await;
    let exists = view.security_groups.values().any(|group| group.group_name == name && group.vpc_id == vpc);
    let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
    exists.then(|| error("InvalidGroup.Duplicate", &message))
}

fn error(code: &str, message: &str) -> MockResponse {
    MockResponse::xml(
        400,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
        ),
    )
}

/// The change of a rule; `Describe` updates its description.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Authorize,
    Revoke,
    Describe,
}

/// A change of the rules of one direction.
struct Change {
    verb: Verb,
    egress: bool,
}

impl Change {
    fn of(action: &str) -> Option<Self> {
        let verb = match action {
            "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" => Verb::Authorize,
            "RevokeSecurityGroupIngress" | "RevokeSecurityGroupEgress" => Verb::Revoke,
            "UpdateSecurityGroupRuleDescriptionsIngress" | "UpdateSecurityGroupRuleDescriptionsEgress" => {
                Verb::Describe
            }
            _ => return None,
        };
        Some(Self { verb, egress: action.ends_with("Egress") })
    }

    fn make(&self, view: &mut Ec2StateView, body: &[u8], action: &str) -> MockResponse {
        let id = parameter(body, "GroupId").unwrap_or_default();
        let Some(group) = view.security_groups.get_mut(&id) else {
            return error("InvalidGroup.NotFound", &format!("The security group '{id}' does not exist"));
        };
        let rules = if self.egress { &mut group.egress_rules } else { &mut group.ingress_rules };
        let mut rules_after: Vec<IpPermissionView> = rules.iter().flat_map(single).collect();
        for requested in requested_rules(body) {
            let at = rules_after.iter().position(|rule| identity(rule) == identity(&requested));
            match (self.verb, at) {
                (Verb::Authorize, None) => rules_after.push(requested),
                (Verb::Authorize, Some(_)) => {
                    return error("InvalidPermission.Duplicate", "the specified rule already exists");
                }
                (Verb::Revoke, Some(at)) => {
                    rules_after.remove(at);
                }
                (Verb::Describe, Some(at)) => rules_after[at] = requested,
                (Verb::Revoke | Verb::Describe, None) => {
                    return error(
                        "InvalidPermission.NotFound",
                        "The specified rule does not exist in this security group.",
                    );
                }
            }
        }
        *rules = rules_after;
        MockResponse::xml(200, format!("<{action}Response><return>true</return></{action}Response>"))
    }
}

/// Splits a permission into one permission per peer.
fn single(permission: &IpPermissionView) -> Vec<IpPermissionView> {
    let bare = IpPermissionView {
        ip_ranges: Vec::new(),
        ipv6_ranges: Vec::new(),
        user_id_group_pairs: Vec::new(),
        ..permission.clone()
    };
    let v4 =
        permission.ip_ranges.iter().map(|range| IpPermissionView { ip_ranges: vec![range.clone()], ..bare.clone() });
    let v6 = permission
        .ipv6_ranges
        .iter()
        .map(|range| IpPermissionView { ipv6_ranges: vec![range.clone()], ..bare.clone() });
    let groups = permission
        .user_id_group_pairs
        .iter()
        .map(|pair| IpPermissionView { user_id_group_pairs: vec![pair.clone()], ..bare.clone() });
    v4.chain(v6).chain(groups).collect()
}

fn identity(rule: &IpPermissionView) -> String {
    let peer = rule
        .ip_ranges
        .first()
        .map(|range| range.cidr_ip.clone())
        .or_else(|| rule.ipv6_ranges.first().map(|range| range.cidr_ipv6.clone()))
        .or_else(|| rule.user_id_group_pairs.first().map(|pair| pair.group_id.clone()))
        .unwrap_or_default();
    format!("{} {:?} {:?} {peer}", rule.ip_protocol, rule.from_port, rule.to_port)
}

/// Returns the permissions of a request, one per peer.
fn requested_rules(body: &[u8]) -> Vec<IpPermissionView> {
    let numbered = |prefix: &str, last: &str| {
        (1..)
            .map_while(|number| {
                let value = parameter(body, &format!("{prefix}.{number}.{last}"))?;
                Some((value, parameter(body, &format!("{prefix}.{number}.Description"))))
            })
            .collect::<Vec<_>>()
    };
    let permission = |number: usize| {
        let at = format!("IpPermissions.{number}");
        let port = |name: &str| parameter(body, &format!("{at}.{name}")).and_then(|port| port.parse().ok());
        let v4 = numbered(&format!("{at}.IpRanges"), "CidrIp");
        let v6 = numbered(&format!("{at}.Ipv6Ranges"), "CidrIpv6");
        let groups = numbered(&format!("{at}.Groups"), "GroupId");
        let account = |index: usize| parameter(body, &format!("{at}.Groups.{}.UserId", index + 1));
        Some(IpPermissionView {
            ip_protocol: parameter(body, &format!("{at}.IpProtocol"))?,
            from_port: port("FromPort"),
            to_port: port("ToPort"),
            ip_ranges: v4.into_iter().map(|(cidr_ip, description)| IpRangeView { cidr_ip, description }).collect(),
            ipv6_ranges: v6
                .into_iter()
                .map(|(cidr_ipv6, description)| Ipv6RangeView { cidr_ipv6, description })
                .collect(),
            user_id_group_pairs: groups
                .into_iter()
                .enumerate()
                .map(|(index, (group_id, _))| {
                    // A group in a peered VPC can be of another account.
                    UserIdGroupPairView { group_id, user_id: account(index).or_else(|| Some(ACCOUNT.to_owned())) }
                })
                .collect(),
        })
    };
    (1..).map_while(permission).flat_map(|permission| single(&permission)).collect()
}
