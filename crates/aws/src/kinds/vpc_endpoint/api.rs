// SPDX-License-Identifier: Apache-2.0
//! Reads endpoints in bulk and runs the calls that change them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    DnsOptions, DnsOptionsSpecification, DnsRecordIpType, IpAddressType, ResourceType, State,
    VpcEndpoint as SdkEndpoint, VpcEndpointType,
};
use futures::future::try_join;
use regionctl_core::model::policy::Policy;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Status, StepTarget};
use regionctl_core::observe::scope::{Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::model::{Addresses, DnsRecords, EndpointModel, EndpointType, RouteTables};
use super::{BROKEN, Changes, EndpointOp, GATEWAYS, ID, INTERFACE, VpcEndpoint, full_access, is_default};
use crate::answer::live_policy;
use crate::ec2::{delete_tags, filter, named, route_tables, sdk_tags, successful, tag_specification};
use crate::error::{CallError, done_if, if_found};
use crate::live::{Live, collect_results};
use crate::once;
use crate::tags::{self, collect};

const DESCRIBE: &str = "EC2 DescribeVpcEndpoints";

/// Returns the endpoint service's name, such as `com.amazonaws.eu-central-1.s3`. The gateway services have this prefix in
/// China too; `cn.com.amazonaws` is the prefix of some interface endpoints there, whose full names a spec states
/// (<https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_ec2.GatewayVpcEndpointAwsService.html>).
pub(super) fn service(name: &str, region: &str) -> String {
    let name = name.strip_suffix(INTERFACE).unwrap_or(name);
    let is_full = ["com.amazonaws.", "cn.com.amazonaws.", "aws."].iter().any(|prefix| name.starts_with(prefix));
    if is_full { name.to_owned() } else { format!("com.amazonaws.{region}.{name}") }
}

/// Returns the plain name of an endpoint: that of its service, and the type if the service has several.
fn plain_name(endpoint: &SdkEndpoint, region: &str) -> String {
    let service = endpoint.service_name().unwrap_or_default();
    let name = service.strip_prefix(&format!("com.amazonaws.{region}.")).unwrap_or(service);
    let is_gateway = endpoint.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway);
    if GATEWAYS.contains(&name) && !is_gateway { format!("{name}{INTERFACE}") } else { name.to_owned() }
}

fn id_of(endpoint: &SdkEndpoint) -> &str {
    endpoint.vpc_endpoint_id().unwrap_or_default()
}

impl Live for VpcEndpoint {
    type Api = Client;

    /// Reads all endpoints of the VPC, and its route tables if a gateway endpoint may be among the names.
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<EndpointModel>, CallError> {
        let Some(vpc) = &scope.location.vpc else { return Ok(Observation::default()) };
        let region = scope.location.region.as_str();
        let may_route = |name: &String| GATEWAYS.contains(&name.as_str()) || name.starts_with(ID);
        let needs_tables = scope.names.keys().any(may_route);
        let tables = async { if needs_tables { route_tables(api, &vpc.id).await } else { Ok(BTreeSet::new()) } };
        let (endpoints, of_vpc) = try_join(endpoints(api, &vpc.id), tables).await?;
        let seen = scope.names.keys().filter_map(|name| {
            let is_named = |endpoint: &&SdkEndpoint| id_of(endpoint) == name || plain_name(endpoint, region) == *name;
            let endpoint = match endpoints.iter().filter(is_named).collect::<Vec<_>>()[..] {
                [] => return None,
                [endpoint] => endpoint,
                ref several => return Some((name.clone(), Err(ambiguous(name, several)))),
            };
            let mut attributes = <Self as regionctl_core::kind::Kind>::attributes(name, &scope.location);
            attributes.insert("id".to_owned(), id_of(endpoint).to_owned());
            let read = model(endpoint, &of_vpc, region)
                .map(|model| LiveResource::new(name, model, attributes).with_extras(extras(endpoint)));
            Some((name.clone(), read))
        });
        Ok(collect_results(seen))
    }

    /// Lists the endpoints by their plain names. Several with one name are listed by their IDs.
    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for endpoint in endpoints(api, &vpc.id).await? {
            by_name.entry(plain_name(&endpoint, &location.region)).or_default().push(id_of(&endpoint).to_owned());
        }
        Ok(by_name.into_iter().flat_map(|(name, ids)| if ids.len() == 1 { vec![name] } else { ids }).collect())
    }

    async fn run(api: &Client, target: &StepTarget, op: EndpointOp) -> Result<Attributes, CallError> {
        let id = target.attributes.get("id").cloned().unwrap_or_default();
        match op {
            EndpointOp::CreateVpcEndpoint { endpoint, tags } => {
                let id = create(api, target, *endpoint, tags).await?;
                return Ok(Attributes::from([("id".to_owned(), id)]));
            }
            EndpointOp::ModifyVpcEndpoint(changes) => modify(api, &id, *changes).await?,
            EndpointOp::CreateTags { tags } => {
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            EndpointOp::DeleteTags { keys } => delete_tags(api, &id, &keys).await?,
            EndpointOp::DeleteVpcEndpoints => {
                let answer = api.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await?;
                done_if(successful("DeleteVpcEndpoints", answer.unsuccessful()), "InvalidVpcEndpointId.NotFound")?;
            }
        }
        Ok(Attributes::new())
    }

    async fn status(api: &Client, target: &StepTarget) -> Result<Status, CallError> {
        let Some(id) = target.attributes.get("id") else { return Ok(Status::Ready) };
        let answer = api.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await;
        // EC2 is eventually consistent: a new endpoint may not be visible yet
        // (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
        let Some(answer) = if_found(answer.map_err(CallError::from))? else {
            return Ok(Status::InProgress("pending".to_owned()));
        };
        let endpoint = answer.vpc_endpoints().first();
        Ok(match endpoint.and_then(SdkEndpoint::state) {
            // An endpoint that waits for the owner of the service is a manual step of the plan.
            state if is(state, &BROKEN) => {
                let error = endpoint.and_then(error_of).map(|error| format!(" ({error})")).unwrap_or_default();
                Status::Failed(format!("EC2 could not create the endpoint{error}: delete it and apply again"))
            }
            state if is(state, &["pending"]) => Status::InProgress("pending".to_owned()),
            _ => Status::Ready,
        })
    }
}

/// Creates the endpoint and returns its id. A retry sends the same token, so EC2 does not create a second one.
async fn create(api: &Client, target: &StepTarget, want: EndpointModel, tags: Tags) -> Result<String, CallError> {
    let vpc = target.location.vpc.as_ref().map_or("", |vpc| &vpc.id);
    let tables = match want.route_tables.get() {
        Some(RouteTables::All) => route_tables(api, vpc).await?,
        Some(RouteTables::These(ids)) => ids,
        None => BTreeSet::new(),
    };
    let ids = |ids: BTreeSet<String>| (!ids.is_empty()).then(|| ids.into_iter().collect());
    let made = api
        .create_vpc_endpoint()
        .vpc_endpoint_type(sdk_type(want.endpoint_type.unwrap_or_default()))
        .vpc_id(vpc)
        .service_name(service(&target.name, &target.location.region))
        .set_service_region(want.service_region.get())
        .set_route_table_ids(ids(tables))
        .set_subnet_ids(ids(want.subnets.clone().unwrap_or_default()))
        .set_security_group_ids(ids(want.security_groups.clone().unwrap_or_default()))
        .set_private_dns_enabled(want.private_dns.get())
        .set_ip_address_type(want.ip_address_type.value().map(|it| IpAddressType::from(it.as_str())))
        .set_dns_options(dns_options(&want))
        .set_policy_document(want.policy.value().map(Policy::to_aws))
        .client_token(once::token(&format!("{} {} {vpc}", target.location.region, target.name)))
        .set_tag_specifications(tag_specification(ResourceType::VpcEndpoint, &named(&target.name, tags)))
        .send()
        .await?;
    Ok(made.vpc_endpoint().map(id_of).unwrap_or_default().to_owned())
}

async fn modify(api: &Client, id: &str, changes: Changes) -> Result<(), CallError> {
    let Changes { route_tables, subnets, security_groups, settings } = changes;
    let ids = |ids: BTreeSet<String>| (!ids.is_empty()).then(|| ids.into_iter().collect());
    // EC2 documents ResetPolicy for gateway endpoints only
    // (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html).
    let is_gateway = settings.endpoint_type == Setting::Set(EndpointType::Gateway);
    let policy = match &settings.policy {
        Setting::Unset if !is_gateway => Some(Policy::of_statement(&full_access()).to_aws()),
        policy => policy.value().map(Policy::to_aws),
    };
    api.modify_vpc_endpoint()
        .vpc_endpoint_id(id)
        .set_add_route_table_ids(ids(route_tables.add))
        .set_remove_route_table_ids(ids(route_tables.remove))
        .set_add_subnet_ids(ids(subnets.add))
        .set_remove_subnet_ids(ids(subnets.remove))
        .set_add_security_group_ids(ids(security_groups.add))
        .set_remove_security_group_ids(ids(security_groups.remove))
        .set_private_dns_enabled(settings.private_dns.get())
        .set_ip_address_type(settings.ip_address_type.value().map(|it| IpAddressType::from(it.as_str())))
        .set_dns_options(dns_options(&settings))
        .set_reset_policy((settings.policy == Setting::Unset && is_gateway).then_some(true))
        .set_policy_document(policy)
        .send()
        .await?;
    Ok(())
}

fn dns_options(settings: &EndpointModel) -> Option<DnsOptionsSpecification> {
    let records = settings.dns_records.value().map(|records| DnsRecordIpType::from(records.as_str()));
    let inbound = settings.private_dns_only_inbound.get();
    if records.is_none() && inbound.is_none() {
        return None;
    }
    let options = DnsOptionsSpecification::builder().set_dns_record_ip_type(records);
    Some(options.set_private_dns_only_for_inbound_resolver_endpoint(inbound).build())
}

fn sdk_type(endpoint_type: EndpointType) -> VpcEndpointType {
    match endpoint_type {
        EndpointType::Gateway => VpcEndpointType::Gateway,
        EndpointType::Interface => VpcEndpointType::Interface,
        EndpointType::GatewayLoadBalancer => VpcEndpointType::GatewayLoadBalancer,
    }
}

/// Returns the error of a service with several endpoints of one type: EC2 allows them if their route tables differ, or
/// if at most one has private DNS.
fn ambiguous(name: &str, endpoints: &[&SdkEndpoint]) -> CallError {
    let ids: Vec<&str> = endpoints.iter().copied().map(id_of).collect();
    let message = format!(
        "the VPC has {} endpoints for {name} ({}); expected one: name each by its ID, or delete the others",
        ids.len(),
        ids.join(", ")
    );
    CallError(Failure::new(FailureClass::Invalid, DESCRIBE, message))
}

/// Compares without case: the SDK's enum has `Pending`, the API returns `pending`
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html>).
fn is(state: Option<&State>, words: &[&str]) -> bool {
    state.is_some_and(|state| words.iter().any(|word| state.as_str().eq_ignore_ascii_case(word)))
}

/// Reads the endpoints of the VPC that a spec can state. AWS services manage endpoints of their own, and endpoints of
/// resources and service networks have no service.
async fn endpoints(api: &Client, vpc: &str) -> Result<Vec<SdkEndpoint>, CallError> {
    let of_vpc = filter("vpc-id", [vpc.to_owned()]);
    let mut items = api.describe_vpc_endpoints().filters(of_vpc).into_paginator().items().send();
    let mut endpoints = Vec::new();
    while let Some(endpoint) = items.next().await {
        let endpoint = endpoint?;
        let is_managed = endpoint.requester_managed() == Some(true);
        let is_gone = is(endpoint.state(), &["deleting", "deleted"]);
        if !is_managed && !is_gone && endpoint.service_name().is_some_and(|service| !service.is_empty()) {
            endpoints.push(endpoint);
        }
    }
    Ok(endpoints)
}

fn error_of(endpoint: &SdkEndpoint) -> Option<String> {
    let error = endpoint.last_error().and_then(|error| error.message().or(error.code()));
    error.or(endpoint.failure_reason()).map(ToOwned::to_owned)
}

/// Converts an endpoint.
///
/// # Errors
/// It has a value that this version does not know.
pub(super) fn model(
    endpoint: &SdkEndpoint,
    of_vpc: &BTreeSet<String>,
    region: &str,
) -> Result<EndpointModel, CallError> {
    let endpoint_type = match endpoint.vpc_endpoint_type() {
        Some(VpcEndpointType::Gateway) => EndpointType::Gateway,
        Some(VpcEndpointType::Interface) => EndpointType::Interface,
        Some(VpcEndpointType::GatewayLoadBalancer) => EndpointType::GatewayLoadBalancer,
        other => {
            let other = other.map_or("", VpcEndpointType::as_str);
            return Err(CallError::unknown(DESCRIBE, "the endpoint type", other));
        }
    };
    let (is_gateway, is_interface) = (endpoint_type == EndpointType::Gateway, endpoint_type == EndpointType::Interface);
    let has_dns = is_gateway || is_interface;
    let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<String>>();
    let groups = endpoint.groups().iter().filter_map(|group| group.group_id().map(ToOwned::to_owned)).collect();
    let options = endpoint.dns_options();
    let inbound = options.and_then(DnsOptions::private_dns_only_for_inbound_resolver_endpoint);
    let service_region = endpoint.service_region().filter(|of_service| *of_service != region);
    let policy = if has_dns { live_policy(DESCRIBE, endpoint.policy_document(), is_default)? } else { Setting::Unset };
    Ok(EndpointModel {
        endpoint_type: Setting::Set(endpoint_type),
        service_region: Setting::live(service_region.map(ToOwned::to_owned)),
        route_tables: of(is_gateway, RouteTables::These(set(endpoint.route_table_ids()))),
        subnets: of(!is_gateway, set(endpoint.subnet_ids())),
        security_groups: of(is_interface, groups),
        private_dns: of(is_interface, endpoint.private_dns_enabled().unwrap_or(false)),
        private_dns_only_inbound: of(is_interface, inbound.unwrap_or(false)),
        ip_address_type: Setting::Set(addresses(endpoint)?),
        dns_records: of(has_dns, dns_records(endpoint, is_gateway)?),
        policy,
        tags: tags::live(collect(endpoint.tags().iter().map(|tag| (tag.key(), tag.value())))),
        state: endpoint
            .state()
            .filter(|state| !is(Some(*state), &["available"]))
            .map(|state| state.as_str().to_owned()),
        error: error_of(endpoint),
        of_vpc: if is_gateway { of_vpc.clone() } else { BTreeSet::new() },
    })
}

/// Returns a setting, or unset if endpoints of the type do not have it.
fn of<T>(has: bool, value: T) -> Setting<T> {
    if has { Setting::Set(value) } else { Setting::Unset }
}

fn addresses(endpoint: &SdkEndpoint) -> Result<Addresses, CallError> {
    match endpoint.ip_address_type() {
        None | Some(IpAddressType::Ipv4) => Ok(Addresses::Ipv4),
        Some(IpAddressType::Dualstack) => Ok(Addresses::Dualstack),
        Some(IpAddressType::Ipv6) => Ok(Addresses::Ipv6),
        Some(other) => Err(CallError::unknown(DESCRIBE, "the IP address type", other.as_str())),
    }
}

fn dns_records(endpoint: &SdkEndpoint, is_gateway: bool) -> Result<DnsRecords, CallError> {
    match endpoint.dns_options().and_then(|options| options.dns_record_ip_type()) {
        // AWS returns no options for older endpoints.
        None if is_gateway => Ok(DnsRecords::ServiceDefined),
        None | Some(DnsRecordIpType::Ipv4) => Ok(DnsRecords::Ipv4),
        Some(DnsRecordIpType::Dualstack) => Ok(DnsRecords::Dualstack),
        Some(DnsRecordIpType::Ipv6) => Ok(DnsRecords::Ipv6),
        Some(DnsRecordIpType::ServiceDefined) => Ok(DnsRecords::ServiceDefined),
        Some(other) => Err(CallError::unknown(DESCRIBE, "the type of DNS records", other.as_str())),
    }
}

/// Returns what a spec cannot state. No call changes it.
fn extras(endpoint: &SdkEndpoint) -> Vec<Extra> {
    let payers = endpoint.payer_responsibilities().iter().filter_map(|entry| {
        let (scope, payer) = entry.scope().zip(entry.payer_responsibility_type())?;
        Some(format!("{}: {}", scope.as_str(), payer.as_str()))
    });
    let payers: Vec<String> = payers.collect();
    if payers.is_empty() { Vec::new() } else { vec![Extra::kept("payer_responsibilities", payers)] }
}
