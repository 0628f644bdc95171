// SPDX-License-Identifier: Apache-2.0
//! `elbv2.load_balancer`: load balancers that are created outside regionctl, as items of `for_each` rules.
//!
//! regionctl only reads them
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html>). One that
//! the spec names and that does not exist is reported as a manual step.

use aws_sdk_elasticloadbalancingv2::Client;
use regionctl_core::diff::Diff;
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::CallError;
use crate::live::Live;

/// The kind `elbv2.load_balancer`.
pub struct LoadBalancer;

/// An existing load balancer. It has no fields: regionctl only reads it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Elbv2LoadBalancer")]
pub struct LoadBalancerSpec {}

/// A load balancer, desired or live: it exists or does not, and has no settings to compare.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadBalancerModel {}

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
        LoadBalancerModel {}
    }

    fn diff(want: &LoadBalancerModel, live: Option<&LoadBalancerModel>, out: &mut Diff<'_, LoadBalancerOp>) {
        let LoadBalancerModel {} = want;
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
        let mut found = Observation::default();
        while let Some(page) = pages.next().await {
            for balancer in page?.load_balancers() {
                let name = balancer.load_balancer_name().unwrap_or_default().to_owned();
                if scope.asks_for(&name) {
                    let attributes = attributes(&name, balancer.load_balancer_arn().unwrap_or_default());
                    found.resources.push(LiveResource::new(name, LoadBalancerModel {}, attributes));
                }
            }
        }
        Ok(found)
    }

    async fn run(_: &Client, _: &StepTarget, op: LoadBalancerOp) -> Result<Attributes, CallError> {
        match op {}
    }
}

/// Returns the attributes of a load balancer. `dimension` is the value of CloudWatch's `LoadBalancer` dimension: the
/// end of the ARN, `app/web/50dc6c495c0c9188`.
fn attributes(name: &str, arn: &str) -> Attributes {
    let dimension = arn.split_once(":loadbalancer/").map_or("", |(_, end)| end);
    let namespace = match dimension.split('/').next() {
        Some("net") => "AWS/NetworkELB",
        Some("gwy") => "AWS/GatewayELB",
        _ => "AWS/ApplicationELB",
    };
    [("arn", arn), ("name", name), ("dimension", dimension), ("namespace", namespace)]
        .into_iter()
        .map(|(attribute, value)| (attribute.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dimension_is_the_end_of_the_arn() {
        let found =
            attributes("web", "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/web/50dc6c495c0c9188");
        assert_eq!(found["dimension"], "net/web/50dc6c495c0c9188");
        assert_eq!(found["namespace"], "AWS/NetworkELB");
    }
}
