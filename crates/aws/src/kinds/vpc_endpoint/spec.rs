// SPDX-License-Identifier: Apache-2.0
//! The spec of a VPC endpoint, its checks, and what its name says.

use std::collections::BTreeSet;

use regionctl_core::kind::Notes;
use regionctl_core::model::policy::PolicySpec;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{Addresses, DnsRecords, EndpointModel, EndpointType, RouteTables};
use super::{GATEWAYS, ID, INTERFACE, is_default};
use crate::ec2::security_group;
use crate::tags::{self, TagSettings};

/// A VPC endpoint in the region's VPC. Its name is the service: `s3` and `dynamodb` are gateway endpoints,
/// `s3/interface` is the interface endpoint of S3, and `ssm`, `ecr.api` or a full service name such as
/// `com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0` are interface endpoints. An existing endpoint may be
/// named by its ID: `vpce-…`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2VpcEndpoint")]
pub struct EndpointSpec {
    /// The endpoint type: gateway, interface or gateway_load_balancer. Default: by the name. It cannot be changed.
    #[serde(rename = "type")]
    endpoint_type: Option<EndpointType>,
    /// The region of the service. Default: the endpoint's own. It cannot be changed.
    service_region: Option<String>,
    /// Gateway endpoints: the route tables that route the service's traffic to the endpoint: `all` route tables of the
    /// VPC, or a list of route table ids. Default: all. The endpoint is removed from other route tables.
    route_tables: Option<RouteTables>,
    /// Interface and Gateway Load Balancer endpoints: the IDs of the subnets with a network interface, at most one per
    /// Availability Zone. Network interfaces in other subnets are deleted. A new endpoint needs this field.
    subnets: Option<BTreeSet<String>>,
    /// Interface endpoints: the security groups of the network interfaces: names of this spec's `ec2.security_group`
    /// entries, or IDs. Other groups are removed. A new endpoint without this field has the VPC's default group.
    security_groups: Option<BTreeSet<String>>,
    /// Interface endpoints: whether the service's public DNS names resolve to the endpoint in the whole VPC. AWS's
    /// default for a new endpoint is `true`.
    private_dns: Option<bool>,
    /// Interface endpoints of services that also have gateway endpoints: whether private DNS is only for requests from
    /// on-premises, through an inbound Resolver endpoint.
    private_dns_only_inbound: Option<bool>,
    /// The IP addresses of the endpoint: ipv4, dualstack or ipv6.
    ip_address_type: Option<Addresses>,
    /// The DNS records of the endpoint: ipv4, dualstack, ipv6 or service-defined. Not for Gateway Load Balancer
    /// endpoints.
    dns_records: Option<DnsRecords>,
    /// The endpoint policy. If omitted, not managed; `unset` restores the default policy, which allows full access.
    #[serde(default)]
    policy: Setting<PolicySpec>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    tags: Setting<TagSettings>,
    /// The reason to waive that the endpoint is not available, and that DNS is turned off in its VPC.
    pub(super) waiver: Option<String>,
}

/// Converts a spec into the desired model.
pub(super) fn model(name: &str, spec: EndpointSpec, notes: &mut Notes<'_>) -> EndpointModel {
    let endpoint_type = spec.endpoint_type.unwrap_or_else(|| type_of(name, &spec));
    check(name, endpoint_type, &spec, notes);
    if let Some(short) = name.strip_prefix(&format!("com.amazonaws.{}.", notes.region)) {
        notes.fault("", format!("'{name}' is the full name of a service of this region"), format!("write `{short}`"));
    }
    let is_gateway = endpoint_type == EndpointType::Gateway;
    let is_interface = endpoint_type == EndpointType::Interface;
    let region = notes.region.to_owned();
    let policy = spec.policy.map(|policy| Setting::stated(policy.check("policy", 20_480, notes))).flatten();
    let policy = policy.map(|policy| if is_default(&policy) { Setting::Unset } else { Setting::Set(policy) }).flatten();
    let groups = spec.security_groups.map(|groups| groups.into_iter().map(security_group).collect());
    let default_tables = || (!name.starts_with(ID)).then_some(RouteTables::All);
    EndpointModel {
        endpoint_type: Setting::Set(endpoint_type),
        service_region: Setting::live(spec.service_region.filter(|of_service| *of_service != region)),
        route_tables: of(is_gateway, Setting::stated(spec.route_tables.or_else(default_tables))),
        subnets: of(!is_gateway, Setting::stated(spec.subnets)),
        security_groups: of(is_interface, Setting::stated(groups)),
        private_dns: of(is_interface, Setting::stated(spec.private_dns)),
        private_dns_only_inbound: of(is_interface, Setting::stated(spec.private_dns_only_inbound)),
        ip_address_type: Setting::stated(spec.ip_address_type),
        dns_records: of(endpoint_type != EndpointType::GatewayLoadBalancer, Setting::stated(spec.dns_records)),
        policy: of(endpoint_type != EndpointType::GatewayLoadBalancer, policy),
        tags: spec.tags,
        ..EndpointModel::default()
    }
}

/// Returns a setting, or unset if endpoints of the type do not have it.
fn of<T>(has: bool, setting: Setting<T>) -> Setting<T> {
    if has { setting } else { Setting::Unset }
}

/// Returns the type that the name says. An ID says none, so that the fields decide.
fn type_of(name: &str, spec: &EndpointSpec) -> EndpointType {
    let by_fields = name.starts_with(ID) && spec.route_tables.is_some();
    if GATEWAYS.contains(&name) || by_fields { EndpointType::Gateway } else { EndpointType::Interface }
}

/// Adds a fault to the notes for everything that EC2 would reject
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>).
fn check(name: &str, endpoint_type: EndpointType, spec: &EndpointSpec, notes: &mut Notes<'_>) {
    use EndpointType::{Gateway, GatewayLoadBalancer, Interface};
    if GATEWAYS.contains(&name) && endpoint_type != Gateway {
        let message = format!("the endpoint '{name}' is a gateway endpoint");
        notes.fault("type", message, format!("name the interface endpoint {name}{INTERFACE}"));
    }
    if name.ends_with(INTERFACE) && endpoint_type != Interface {
        let message = format!("the endpoint '{name}' is an interface endpoint");
        notes.fault("type", message, format!("remove {INTERFACE} from the name, or `type`"));
    }
    let fields: [(&str, bool, &[EndpointType]); 7] = [
        ("route_tables", spec.route_tables.is_some(), &[Gateway]),
        ("subnets", spec.subnets.is_some(), &[Interface, GatewayLoadBalancer]),
        ("security_groups", spec.security_groups.is_some(), &[Interface]),
        ("private_dns", spec.private_dns.is_some(), &[Interface]),
        ("private_dns_only_inbound", spec.private_dns_only_inbound.is_some(), &[Interface]),
        ("dns_records", spec.dns_records.is_some(), &[Gateway, Interface]),
        ("policy", !spec.policy.is_unstated(), &[Gateway, Interface]),
    ];
    for (field, _, _) in fields.iter().filter(|(_, is, types)| *is && !types.contains(&endpoint_type)) {
        let message = format!("`{field}` is not for endpoints of type {}", endpoint_type.word());
        notes.fault(field, message, format!("remove `{field}`, or state another `type`"));
    }
    let subnets = spec.subnets.iter().flatten().collect::<Vec<_>>();
    for subnet in subnets.iter().filter(|subnet| !subnet.starts_with("subnet-") && !subnet.contains("${")) {
        notes.fault("subnets", format!("'{subnet}' is not the ID of a subnet"), "write subnet-…");
    }
    if endpoint_type == GatewayLoadBalancer && subnets.len() > 1 {
        notes.fault("subnets", "a Gateway Load Balancer endpoint has one subnet", "state one subnet");
    }
    if spec.security_groups.as_ref().is_some_and(BTreeSet::is_empty) {
        let help = "state a security group, or leave the field out";
        notes.fault("security_groups", "an interface endpoint needs a security group", help);
    }
    if spec.private_dns_only_inbound == Some(true) && spec.private_dns == Some(false) {
        let message = "`private_dns_only_inbound` needs `private_dns: true`";
        notes.fault("private_dns_only_inbound", message, "remove one of them");
    }
    tags::check(&spec.tags, notes);
}
