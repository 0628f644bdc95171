// SPDX-License-Identifier: Apache-2.0
//! `ec2.vpc_endpoint`: an endpoint of a service in the region's VPC.
//!
//! The name says the service and, for services with several types, the type. Endpoints of resources and service
//! networks, and endpoints that an AWS service manages, are not covered.
//! AWS's rules: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>.

mod api;
mod model;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::policy::Policy;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::kinds::vpc_dns;
use crate::tags;
use model::{EndpointModel, EndpointType, RouteTables};
use spec::EndpointSpec;

/// The services whose plain names are gateway endpoints
/// (<https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>).
const GATEWAYS: [&str; 3] = ["dynamodb", "s3", "s3express"];

/// The end of the name of an interface endpoint of such a service.
const INTERFACE: &str = "/interface";

/// The start of an endpoint's ID.
const ID: &str = "vpce-";

/// The rule of an endpoint that failed, or that the service's owner rejected.
const NOT_AVAILABLE: &str = "endpoint-not-available";

/// The rule of an endpoint whose private DNS names do not resolve.
const DNS_OFF: &str = "endpoint-vpc-dns-off";

/// The states of an endpoint that does not work.
const BROKEN: [&str; 4] = ["failed", "rejected", "expired", "partial"];

/// The kind `ec2.vpc_endpoint`.
pub struct VpcEndpoint;

/// An EC2 API call that creates, changes, tags or deletes an endpoint.
#[derive(Debug, Serialize, Deserialize)]
pub enum EndpointOp {
    /// Creates the endpoint with all its settings.
    CreateVpcEndpoint {
        /// The settings that the spec states. `all` route tables are resolved when the call is sent.
        endpoint: Box<EndpointModel>,
        /// The spec's tags and regionctl's own, without the default `Name` tag.
        tags: Tags,
    },
    /// Changes settings; those that are not sent do not change
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html>).
    ModifyVpcEndpoint(Box<Changes>),
    /// Adds or overwrites tags; other tags are kept.
    CreateTags {
        /// The spec's tags.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags are kept.
    DeleteTags {
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
    /// Deletes the endpoint. Traffic to the service then takes other routes.
    DeleteVpcEndpoints,
}

/// IDs to add to an endpoint and to remove from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    add: BTreeSet<String>,
    remove: BTreeSet<String>,
}

impl Ids {
    fn between(live: &BTreeSet<String>, want: &BTreeSet<String>) -> Self {
        Self { add: want - live, remove: live - want }
    }

    fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// The settings that one ModifyVpcEndpoint changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Changes {
    #[serde(default, skip_serializing_if = "Ids::is_empty")]
    route_tables: Ids,
    #[serde(default, skip_serializing_if = "Ids::is_empty")]
    subnets: Ids,
    #[serde(default, skip_serializing_if = "Ids::is_empty")]
    security_groups: Ids,
    /// The other settings; what does not change is unstated.
    settings: EndpointModel,
}

impl Kind for VpcEndpoint {
    const FACTS: Facts = Facts {
        name: "ec2.vpc_endpoint",
        service: "EC2",
        summary: "A gateway, interface or Gateway Load Balancer endpoint of the region's VPC, named by its service.",
        reads: &["DescribeVpcEndpoints", "DescribeRouteTables"],
        step_reads: &["DescribeVpcEndpoints", "DescribeRouteTables"],
        removes: &["DeleteVpcEndpoints"],
        writes: &["CreateVpcEndpoint", "ModifyVpcEndpoint", "CreateTags", "DeleteTags", "DeleteVpcEndpoints"],
        attributes: &["id", "vpc_id"],
        descriptive: &["vpc_id"],
        needs_vpc: true,
        creation_tags: true,
        defect_rules: &[NOT_AVAILABLE, DNS_OFF],
        looks_up: &[vpc_dns::NAME],
        inventory: &["DescribeVpcEndpoints"],
        weights: WEIGHTS,
        defaults: r#"{"service_region": null, "ip_address_type": "ipv4", "policy": null}"#,
        example: "
ec2.vpc_endpoint:
  s3: {route_tables: all, tags: {Team: sre}}
  ssm:
    subnets: [subnet-0123456789abcdef0]
    security_groups: [sg-0123456789abcdef0]
    private_dns: true
",
        ..Facts::DEFAULT
    };

    type Spec = EndpointSpec;
    type Model = EndpointModel;
    type Op = EndpointOp;

    fn check_name(name: &str) -> Result<(), String> {
        let service = name.strip_suffix(INTERFACE).unwrap_or(name);
        let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if !service.is_empty() && service.bytes().all(is_valid) {
            return Ok(());
        }
        Err(format!(
            "'{name}' is not the name of an endpoint service\nuse `s3`, `s3/interface`, `ssm`, or a full name such as \
             com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
        ))
    }

    fn desire(name: &str, spec: EndpointSpec, notes: &mut Notes<'_>) -> EndpointModel {
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        spec::model(name, spec, notes)
    }

    /// Returns the VPC's id as `vpc_id`: a bucket policy that refers to `${ec2.vpc_endpoint/s3.vpc_id}` is applied
    /// after the endpoint exists.
    fn attributes(_: &str, location: &Location) -> Attributes {
        location.vpc.iter().map(|vpc| ("vpc_id".to_owned(), vpc.id.clone())).collect()
    }

    /// Keeps the VPC's route tables only for a spec with all of them.
    fn relevant(want: Option<&EndpointModel>, live: EndpointModel) -> EndpointModel {
        let wants_all = want.is_some_and(|want| want.route_tables == Setting::Set(RouteTables::All));
        let of_vpc = if wants_all { live.of_vpc } else { BTreeSet::new() };
        EndpointModel { state: None, error: None, of_vpc, ..live }
    }

    fn write(model: &EndpointModel) -> Option<Value> {
        let mut fields = Map::new();
        fields.extend(stated("type", &model.endpoint_type));
        fields.extend(stated("service_region", &model.service_region));
        fields.extend(stated("route_tables", &model.route_tables));
        fields.extend(stated("subnets", &model.subnets));
        fields.extend(stated("security_groups", &model.security_groups));
        fields.extend(stated("private_dns", &model.private_dns));
        fields.extend(stated("private_dns_only_inbound", &model.private_dns_only_inbound));
        fields.extend(stated("ip_address_type", &model.ip_address_type));
        fields.extend(stated("dns_records", &model.dns_records));
        // Endpoints to Gateway Load Balancers have no policy to unset.
        if model.endpoint_type != Setting::Set(EndpointType::GatewayLoadBalancer) {
            write::setting("policy", &model.policy.as_ref().map(Policy::to_aws), &mut fields);
        }
        tags::write(&model.tags, &mut fields);
        Some(Value::Object(fields))
    }

    fn defects(want: &EndpointModel, live: Option<&EndpointModel>, seen: &Seen<'_>) -> Vec<Risk> {
        let is_private = want.private_dns.is_set_and(|is| *is);
        let off = is_private.then(|| vpc_dns::off(seen)).flatten();
        let off = off.map(|off| Risk::new(DNS_OFF, "private_dns", format!("private DNS names do not resolve: {off}")));
        live.and_then(broken).into_iter().chain(off).collect()
    }

    fn remove(_: &EndpointModel, out: &mut Diff<'_, EndpointOp>) {
        out.removed(EndpointOp::DeleteVpcEndpoints);
    }

    fn diff(want: &EndpointModel, live: Option<&EndpointModel>, out: &mut Diff<'_, EndpointOp>) {
        let EndpointModel {
            endpoint_type,
            service_region,
            route_tables: _,
            subnets: _,
            security_groups: _,
            private_dns: _,
            private_dns_only_inbound: _,
            ip_address_type: _,
            dns_records: _,
            policy: _,
            tags,
            state: _,
            error: _,
            of_vpc: _,
        } = want;
        let typed = out.setting("type", endpoint_type, live.map(|live| &live.endpoint_type));
        let placed = out.setting("service_region", service_region, live.map(|live| &live.service_region));
        let tag_changes = tags::compare(tags, live.map(|live| &live.tags), out);
        let Some(live) = live else {
            if want.subnets.is_unstated() {
                return out.never_made("the endpoint would have no network interface: state its `subnets`");
            }
            let (tagged, tags) = tags::of_new(tag_changes, out);
            let covers = out.creation().and(typed).and(placed).and(settings(want, None, out).0).and(tagged);
            let endpoint = Box::new(want.clone());
            return out.step(Phase::Create, covers, EndpointOp::CreateVpcEndpoint { endpoint, tags });
        };
        let why =
            "the type and the service's region of an endpoint cannot change: delete the endpoint first (`absent`)";
        out.blocked(&typed.and(placed), why);
        if live.is_in(&["pending"]) {
            out.in_progress("pending");
        }
        if live.is_in(&["pendingAcceptance"]) {
            out.waiting("the owner of the endpoint service must accept the endpoint (AcceptVpcEndpointConnections)");
        }
        let (covers, changes) = settings(want, Some(live), out);
        out.step(Phase::Change, covers, EndpointOp::ModifyVpcEndpoint(Box::new(changes)));
        out.step(Phase::Change, tag_changes.set, EndpointOp::CreateTags { tags: tag_changes.tags });
        out.step(Phase::Change, tag_changes.removed, EndpointOp::DeleteTags { keys: tag_changes.keys });
    }
}

const WEIGHTS: &[Weight] = &[
    Weight {
        path: MISSING,
        when: When::Differs,
        severity: Severity::High,
        why: "traffic leaves the VPC, and policies with `aws:SourceVpc` or `aws:SourceVpce` deny it",
    },
    Weight {
        path: "policy",
        when: When::Differs,
        severity: Severity::High,
        why: "access through the endpoint differs from the spec",
    },
    Weight {
        path: "route_tables*",
        when: When::Lacking,
        severity: Severity::High,
        why: "traffic of some subnets bypasses the endpoint",
    },
    Weight {
        path: "security_groups*",
        when: When::Differs,
        severity: Severity::High,
        why: "who can reach the service through the endpoint differs from the spec",
    },
    Weight {
        path: "private_dns*",
        when: When::Differs,
        severity: Severity::High,
        why: "the service's names resolve to another address",
    },
];

/// Returns the field of a setting that is set. The other ones follow from the type.
fn stated<T: Serialize>(name: &str, setting: &Setting<T>) -> Option<(String, Value)> {
    let value = setting.value()?;
    Some((name.to_owned(), serde_json::to_value(value).expect("invariant: models are plain data")))
}

/// Compares everything that ModifyVpcEndpoint changes.
fn settings(want: &EndpointModel, live: Option<&EndpointModel>, out: &mut Diff<'_, EndpointOp>) -> (Covers, Changes) {
    let mut covers = Covers::default();
    let mut changes = Changes::default();
    if let Setting::Set(tables) = &want.route_tables {
        let differs = out.value("route_tables", tables, live.map(|live| live.routed_as(tables)).as_ref());
        let current = live.map(EndpointModel::routed).unwrap_or_default();
        changes.route_tables = match tables {
            _ if differs.is_empty() => Ids::default(),
            RouteTables::All => {
                Ids { add: live.map(|live| &live.of_vpc - &current).unwrap_or_default(), remove: BTreeSet::new() }
            }
            RouteTables::These(ids) => Ids::between(&current, ids),
        };
        for id in &changes.route_tables.remove {
            out.displaces(format!("the route of {id} to the endpoint is removed"));
        }
        covers = covers.and(differs);
    }
    let (differs, ids) = members("subnets", &want.subnets, live.map(|live| &live.subnets), out);
    for id in &ids.remove {
        out.deletes(format!("the network interface in {id} is deleted"));
    }
    (covers, changes.subnets) = (covers.and(differs), ids);
    let groups = live.map(|live| &live.security_groups);
    let (differs, ids) = members("security_groups", &want.security_groups, groups, out);
    for id in &ids.remove {
        out.displaces(format!("the security group {id} is removed"));
    }
    (covers, changes.security_groups) = (covers.and(differs), ids);
    (covers.and(options(want, live, &mut changes.settings, out)), changes)
}

/// Compares a set of ids.
fn members(
    path: &str,
    want: &Setting<BTreeSet<String>>,
    live: Option<&Setting<BTreeSet<String>>>,
    out: &mut Diff<'_, EndpointOp>,
) -> (Covers, Ids) {
    let Setting::Set(want) = want else { return (Covers::default(), Ids::default()) };
    let current = live.and_then(Setting::get).unwrap_or_default();
    (out.value(path, want, live.map(|_| &current)), Ids::between(&current, want))
}

/// Compares the settings that are no ids, and adds those that differ to `changed`.
fn options(
    want: &EndpointModel,
    live: Option<&EndpointModel>,
    changed: &mut EndpointModel,
    out: &mut Diff<'_, EndpointOp>,
) -> Covers {
    let private = out.setting("private_dns", &want.private_dns, live.map(|live| &live.private_dns));
    out.remark(&private, "changes what the service's names resolve to in the whole VPC");
    let inbound = &want.private_dns_only_inbound;
    let inbound = out.setting("private_dns_only_inbound", inbound, live.map(|live| &live.private_dns_only_inbound));
    let records = out.setting("dns_records", &want.dns_records, live.map(|live| &live.dns_records));
    let addresses = out.setting("ip_address_type", &want.ip_address_type, live.map(|live| &live.ip_address_type));
    let granted = out.policy("policy", &want.policy, live.map(|live| &live.policy));
    changed.endpoint_type = want.endpoint_type;
    if !private.is_empty() {
        changed.private_dns = want.private_dns;
    }
    if !addresses.is_empty() {
        changed.ip_address_type = want.ip_address_type;
    }
    // The DNS options are one member of the request.
    if !inbound.is_empty() || !records.is_empty() {
        let live = live.cloned().unwrap_or_default();
        changed.dns_records = want.dns_records.or(live.dns_records);
        changed.private_dns_only_inbound = want.private_dns_only_inbound.or(live.private_dns_only_inbound);
    }
    if !granted.is_empty() {
        changed.policy = want.policy.clone();
    }
    private.and(inbound).and(records).and(addresses).and(granted)
}

/// Returns the defect of an endpoint that does not work.
fn broken(live: &EndpointModel) -> Option<Risk> {
    let state = live.state.as_deref().filter(|_| live.is_in(&BROKEN))?;
    let error = live.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    let what = format!("does not work: it is {state}{error}; fix the cause, or delete it and apply again");
    Some(Risk::new(NOT_AVAILABLE, "state", what))
}

/// Whether a policy is the default policy (full access). EC2 returns it like a custom policy.
fn is_default(policy: &Policy) -> bool {
    policy.canonical()["Statement"] == json!([full_access()])
}

/// Returns the statement of the default policy.
fn full_access() -> Value {
    json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})
}
