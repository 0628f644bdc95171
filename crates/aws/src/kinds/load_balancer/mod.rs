//! `elbv2.load_balancer`: load balancers that others make, so that rules can go over them.
//!
//! regionctl only reads them. One that a spec names and that is not there is waited for.

use aws_sdk_elasticloadbalancingv2::Client;
use regionctl_core::diff::Diff;
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Outputs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::CallError;
use crate::live::Live;

/// The kind `elbv2.load_balancer`.
pub struct LoadBalancer;

/// What a person writes of a load balancer: that it is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Elbv2LoadBalancer")]
pub struct LoadBalancerSpec {}

/// A load balancer, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadBalancerModel {}

/// There is no call that changes one.
#[derive(Debug, Serialize, Deserialize)]
pub enum LoadBalancerOp {}

impl Kind for LoadBalancer {
    const FACTS: Facts = Facts {
        name: "elbv2.load_balancer",
        service: "Elastic Load Balancing v2",
        summary: "A load balancer that others make. It is only read, so that rules can go over every one.",
        reads: &["DescribeLoadBalancers"],
        outputs: &["arn", "name", "dimension", "namespace"],
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
            out.made_by_others("regionctl makes no load balancers, and nobody has made this one yet");
        }
    }
}

impl Live for LoadBalancer {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<LoadBalancerModel>, CallError> {
        let mut pages = api.describe_load_balancers().page_size(400).into_paginator().send();
        let mut found = Observation::default();
        while let Some(page) = pages.next().await {
            for balancer in page?.load_balancers() {
                let name = balancer.load_balancer_name().unwrap_or_default().to_owned();
                if scope.asks_for(&name) {
                    let outputs = outputs(&name, balancer.load_balancer_arn().unwrap_or_default());
                    found.seen.push(LiveResource::new(name, LoadBalancerModel {}, outputs));
                }
            }
        }
        Ok(found)
    }

    async fn run(_: &Client, _: &StepTarget, op: LoadBalancerOp) -> Result<Outputs, CallError> {
        match op {}
    }
}

/// CloudWatch knows a load balancer by the end of its ARN, `app/web/50dc6c495c0c9188`.
fn outputs(name: &str, arn: &str) -> Outputs {
    let dimension = arn.split_once(":loadbalancer/").map_or("", |(_, end)| end);
    let namespace = match dimension.split('/').next() {
        Some("net") => "AWS/NetworkELB",
        Some("gwy") => "AWS/GatewayELB",
        _ => "AWS/ApplicationELB",
    };
    [("arn", arn), ("name", name), ("dimension", dimension), ("namespace", namespace)]
        .into_iter()
        .map(|(output, value)| (output.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloudwatch_knows_it_by_the_end_of_its_arn() {
        let found = outputs("web", "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/web/50dc6c495c0c9188");
        assert_eq!(found["dimension"], "net/web/50dc6c495c0c9188");
        assert_eq!(found["namespace"], "AWS/NetworkELB");
    }
}
