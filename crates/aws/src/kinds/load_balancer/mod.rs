// SPDX-License-Identifier: Apache-2.0
//! `elbv2.load_balancer`: load balancers that are created outside regionctl, as items of `for_each` rules.
//!
//! regionctl only reads them
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html>). One that
//! the spec names and that does not exist is reported as a manual step. A spec cannot state settings: they are read for
//! snapshots.

#![allow(clippy::redundant_closure_for_method_calls)] // the SDK's types would hide what is read

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{AvailabilityZone, LoadBalancer as SdkLoadBalancer, LoadBalancerAddress};
use regionctl_core::diff::Diff;
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer::live_text;
use crate::error::CallError;
use crate::live::{Live, collect_results};

/// The kind `elbv2.load_balancer`.
pub struct LoadBalancer;

/// An existing load balancer. It has no fields: regionctl only reads it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Elbv2LoadBalancer")]
pub struct LoadBalancerSpec {}

/// A load balancer, desired or live. All settings are live only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancerModel {
    /// `application`, `network` or `gateway`.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    load_balancer_type: Setting<String>,
    /// `internet-facing` or `internal`. Unset for gateways.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    scheme: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    vpc: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    ip_address_type: Setting<String>,
    /// The subnets by id.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    subnets: Setting<BTreeMap<String, Subnet>>,
    /// Security group ids.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    security_groups: Setting<BTreeSet<String>>,
    /// The id of the pool for a load balancer on an Outpost.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    customer_owned_ipv4_pool: Setting<String>,
    /// `on` or `off`: whether inbound rules apply to traffic through PrivateLink.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    rules_on_private_link: Setting<String>,
    /// `on` or `off`.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    ipv6_source_nat_prefix: Setting<String>,
    /// The id of the IPAM pool for public IPv4 addresses.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    ipv4_ipam_pool: Setting<String>,
}

/// A subnet of a load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    zone: Setting<String>,
    outpost: Setting<String>,
    /// The static addresses of a network load balancer.
    addresses: BTreeSet<Address>,
    source_nat_ipv6_prefixes: BTreeSet<String>,
}

/// A static address of a load balancer in one subnet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    ip: Setting<String>,
    /// The allocation id of the Elastic IP address.
    allocation: Setting<String>,
    private_ipv4: Setting<String>,
    ipv6: Setting<String>,
}

/// No operation: regionctl never changes a load balancer.
#[derive(Debug, Serialize, Deserialize)]
pub enum LoadBalancerOp {}

impl Kind for LoadBalancer {
    const FACTS: Facts = Facts {
        name: "elbv2.load_balancer",
        service: "Elastic Load Balancing v2",
        summary: "A load balancer that is created outside regionctl. It is only read, for rules with `for_each`.",
        reads: &["DescribeLoadBalancers"],
        attributes: &["arn", "name", "dimension", "namespace"],
        descriptive: &["namespace"],
        lists: true,
        inventory: &["DescribeLoadBalancers"],
        example: "
cloudwatch.alarm:
  ${each.name} ELB HTTPCode_ELB_5XX_Count:
    for_each: elbv2.load_balancer
    namespace: ${each.namespace}
    metric: HTTPCode_ELB_5XX_Count
    dimensions: {LoadBalancer: \"${each.dimension}\"}
    statistic: Maximum
    comparison: \">=\"
    threshold: 1
    period: 5m
",
        ..Facts::DEFAULT
    };

    type Spec = LoadBalancerSpec;
    type Model = LoadBalancerModel;
    type Op = LoadBalancerOp;

    fn desire(_: &str, _: LoadBalancerSpec, _: &mut Notes<'_>) -> LoadBalancerModel {
        LoadBalancerModel::default()
    }

    fn relevant(_: Option<&LoadBalancerModel>, _: LoadBalancerModel) -> LoadBalancerModel {
        LoadBalancerModel::default()
    }

    fn write(_: &LoadBalancerModel) -> Option<Value> {
        Some(Value::Object(Map::new()))
    }

    fn diff(want: &LoadBalancerModel, live: Option<&LoadBalancerModel>, out: &mut Diff<'_, LoadBalancerOp>) {
        let LoadBalancerModel {
            load_balancer_type: _,
            scheme: _,
            vpc: _,
            ip_address_type: _,
            subnets: _,
            security_groups: _,
            customer_owned_ipv4_pool: _,
            rules_on_private_link: _,
            ipv6_source_nat_prefix: _,
            ipv4_ipam_pool: _,
        } = want;
        if live.is_none() {
            out.made_by_others("the load balancer does not exist: create it, regionctl does not create load balancers");
        }
    }
}

impl Live for LoadBalancer {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<LoadBalancerModel>, CallError> {
        // Reads all of them: with `Names`, the call fails if one of the names does not exist (LoadBalancerNotFound).
        let mut pages = api.describe_load_balancers().page_size(400).into_paginator().send();
        let mut balancers = Vec::new();
        while let Some(page) = pages.next().await {
            balancers.extend(page?.load_balancers.unwrap_or_default());
        }
        let read = balancers.iter().filter_map(|balancer| {
            let name = balancer.load_balancer_name().filter(|name| scope.asks_for(name))?.to_owned();
            let resource = dimension(balancer.load_balancer_arn().unwrap_or_default())
                .and_then(|dimension| attributes(&name, balancer, dimension))
                .map(|attributes| LiveResource::new(name.clone(), model(balancer), attributes));
            Some((name, resource))
        });
        Ok(collect_results(read))
    }

    async fn run(_: &Client, _: &StepTarget, op: LoadBalancerOp) -> Result<Attributes, CallError> {
        match op {}
    }
}

const CALL: &str = "Elastic Load Balancing v2 DescribeLoadBalancers";

/// Returns the value of CloudWatch's dimension `LoadBalancer`: the end of the ARN, `app/web/50dc6c495c0c9188`
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>).
///
/// # Errors
/// The text is not the ARN of a load balancer.
pub(super) fn dimension(arn: &str) -> Result<&str, CallError> {
    let end = arn.split_once(":loadbalancer/").map(|(_, end)| end);
    end.filter(|end| end.split('/').count() == 3).ok_or_else(|| CallError::unknown(CALL, "the load balancer ARN", arn))
}

/// Returns CloudWatch's namespace for the metrics of the load balancer with this dimension.
///
/// # Errors
/// The dimension is that of another type of load balancer.
pub(super) fn namespace(dimension: &str) -> Result<&'static str, CallError> {
    match dimension.split('/').next() {
        Some("app") => Ok("AWS/ApplicationELB"),
        Some("net") => Ok("AWS/NetworkELB"),
        Some("gwy") => Ok("AWS/GatewayELB"),
        _ => Err(CallError::unknown(CALL, "a load balancer of the type", dimension)),
    }
}

fn attributes(name: &str, balancer: &SdkLoadBalancer, dimension: &str) -> Result<Attributes, CallError> {
    let arn = balancer.load_balancer_arn().unwrap_or_default();
    let values = [("arn", arn), ("name", name), ("dimension", dimension), ("namespace", namespace(dimension)?)];
    Ok(values.into_iter().map(|(attribute, value)| (attribute.to_owned(), value.to_owned())).collect())
}

fn model(balancer: &SdkLoadBalancer) -> LoadBalancerModel {
    let subnets = balancer.availability_zones().iter();
    LoadBalancerModel {
        load_balancer_type: live_text(balancer.r#type().map(|it| it.as_str())),
        scheme: live_text(balancer.scheme().map(|it| it.as_str())),
        vpc: live_text(balancer.vpc_id()),
        ip_address_type: live_text(balancer.ip_address_type().map(|it| it.as_str())),
        subnets: Setting::Set(subnets.map(|it| (it.subnet_id().unwrap_or_default().to_owned(), subnet(it))).collect()),
        security_groups: Setting::Set(balancer.security_groups().iter().cloned().collect()),
        customer_owned_ipv4_pool: live_text(balancer.customer_owned_ipv4_pool()),
        rules_on_private_link: live_text(balancer.enforce_security_group_inbound_rules_on_private_link_traffic()),
        ipv6_source_nat_prefix: live_text(balancer.enable_prefix_for_ipv6_source_nat().map(|it| it.as_str())),
        ipv4_ipam_pool: live_text(balancer.ipam_pools().and_then(|pools| pools.ipv4_ipam_pool_id())),
    }
}

fn subnet(zone: &AvailabilityZone) -> Subnet {
    let address = |address: &LoadBalancerAddress| Address {
        ip: live_text(address.ip_address()),
        allocation: live_text(address.allocation_id()),
        private_ipv4: live_text(address.private_ipv4_address()),
        ipv6: live_text(address.ipv6_address()),
    };
    Subnet {
        zone: live_text(zone.zone_name()),
        outpost: live_text(zone.outpost_id()),
        addresses: zone.load_balancer_addresses().iter().map(address).collect(),
        source_nat_ipv6_prefixes: zone.source_nat_ipv6_prefixes().iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dimension_is_the_end_of_the_arn() {
        let arn = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/web/50dc6c495c0c9188";
        assert_eq!(dimension(arn).unwrap(), "net/web/50dc6c495c0c9188");
        // The ARN of a Classic Load Balancer.
        assert!(dimension("arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/web").is_err());
    }

    #[test]
    fn the_type_of_a_load_balancer_determines_its_namespace() {
        let of = |dimension: &str| namespace(dimension).ok();
        assert_eq!(of("app/web/50dc6c495c0c9188"), Some("AWS/ApplicationELB"));
        assert_eq!(of("net/web/50dc6c495c0c9188"), Some("AWS/NetworkELB"));
        assert_eq!(of("gwy/web/50dc6c495c0c9188"), Some("AWS/GatewayELB"));
        assert_eq!(of("new/web/50dc6c495c0c9188"), None);
    }
}
