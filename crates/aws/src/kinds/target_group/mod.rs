// SPDX-License-Identifier: Apache-2.0
//! `elbv2.target_group`: target groups that are created outside regionctl, as items of `for_each` rules.
//!
//! regionctl only reads them
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html>). One that the
//! spec names and that does not exist is reported as a manual step. A spec cannot state settings: they are read for
//! snapshots.

#![allow(clippy::redundant_closure_for_method_calls)] // the SDK's types would hide what is read

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::TargetGroup as SdkTargetGroup;
use regionctl_core::diff::Diff;
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::load_balancer::{dimension, namespace};
use crate::answer::live_text;
use crate::error::CallError;
use crate::live::{Live, collect_results};

/// The kind `elbv2.target_group`.
pub struct TargetGroup;

/// An existing target group. It has no fields: regionctl only reads it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Elbv2TargetGroup")]
pub struct TargetGroupSpec {}

/// A target group, desired or live. All settings are live only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetGroupModel {
    /// The ARNs of the load balancers that route requests to it.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    load_balancers: Setting<BTreeSet<String>>,
    /// `instance`, `ip`, `lambda` or `alb`.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    target_type: Setting<String>,
    /// Unset for Lambda functions, as are `port` and `vpc`.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    protocol: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    protocol_version: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    port: Setting<i32>,
    /// The port of the target optimizer's agent.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    target_control_port: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    vpc: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    ip_address_type: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    health_check: Setting<HealthCheck>,
}

/// The health check of a target group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    enabled: Setting<bool>,
    protocol: Setting<String>,
    /// A port, or `traffic-port`.
    port: Setting<String>,
    path: Setting<String>,
    interval_seconds: Setting<i32>,
    timeout_seconds: Setting<i32>,
    healthy_threshold: Setting<i32>,
    unhealthy_threshold: Setting<i32>,
    /// The codes of a healthy target: `200-299`.
    http_codes: Setting<String>,
    grpc_codes: Setting<String>,
}

/// No operation: regionctl never changes a target group.
#[derive(Debug, Serialize, Deserialize)]
pub enum TargetGroupOp {}

impl Kind for TargetGroup {
    const FACTS: Facts = Facts {
        name: "elbv2.target_group",
        service: "Elastic Load Balancing v2",
        summary: "A target group that is created outside regionctl. It is only read, for rules with `for_each`. \
                  `load_balancer` is the value of CloudWatch's dimension for the one load balancer that routes requests to it; \
                  a rule that uses it leaves out target groups that have none, or several.",
        reads: &["DescribeTargetGroups"],
        attributes: &["arn", "name", "arn_suffix", "load_balancer", "namespace"],
        descriptive: &["load_balancer", "namespace"],
        lists: true,
        inventory: &["DescribeTargetGroups"],
        example: "
cloudwatch.alarm:
  ${each.name} UnHealthyHostCount:
    for_each: elbv2.target_group
    namespace: ${each.namespace}
    metric: UnHealthyHostCount
    dimensions: {TargetGroup: \"${each.arn_suffix}\", LoadBalancer: \"${each.load_balancer}\"}
    statistic: Maximum
    comparison: \">=\"
    threshold: 1
    period: 1m
",
        ..Facts::DEFAULT
    };

    type Spec = TargetGroupSpec;
    type Model = TargetGroupModel;
    type Op = TargetGroupOp;

    fn desire(_: &str, _: TargetGroupSpec, _: &mut Notes<'_>) -> TargetGroupModel {
        TargetGroupModel::default()
    }

    fn relevant(_: Option<&TargetGroupModel>, _: TargetGroupModel) -> TargetGroupModel {
        TargetGroupModel::default()
    }

    fn write(_: &TargetGroupModel) -> Option<Value> {
        Some(Value::Object(Map::new()))
    }

    fn diff(want: &TargetGroupModel, live: Option<&TargetGroupModel>, out: &mut Diff<'_, TargetGroupOp>) {
        let TargetGroupModel {
            load_balancers: _,
            target_type: _,
            protocol: _,
            protocol_version: _,
            port: _,
            target_control_port: _,
            vpc: _,
            ip_address_type: _,
            health_check: _,
        } = want;
        if live.is_none() {
            out.made_by_others("the target group does not exist: create it, regionctl does not create target groups");
        }
    }
}

impl Live for TargetGroup {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<TargetGroupModel>, CallError> {
        // Reads all of them: with `Names`, the call fails if one of the names does not exist (TargetGroupNotFound).
        let mut pages = api.describe_target_groups().page_size(400).into_paginator().send();
        let mut groups = Vec::new();
        while let Some(page) = pages.next().await {
            groups.extend(page?.target_groups.unwrap_or_default());
        }
        let read = groups.iter().filter_map(|group| {
            let name = group.target_group_name().filter(|name| scope.asks_for(name))?.to_owned();
            let resource = attributes(&name, group);
            Some((name.clone(), resource.map(|attributes| LiveResource::new(name, model(group), attributes))))
        });
        Ok(collect_results(read))
    }

    async fn run(_: &Client, _: &StepTarget, op: TargetGroupOp) -> Result<Attributes, CallError> {
        match op {}
    }
}

/// Returns the attributes of a target group. `arn_suffix` is the value of CloudWatch's dimension `TargetGroup`: the end
/// of the ARN, `targetgroup/web/73e2d6bc24d8a067`. Metrics by target group also have the dimension of a load balancer
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>), so
/// that `load_balancer` and `namespace` are known only if exactly one load balancer uses the group.
fn attributes(name: &str, group: &SdkTargetGroup) -> Result<Attributes, CallError> {
    let arn = group.target_group_arn().unwrap_or_default();
    let suffix = arn.rsplit(':').next().filter(|suffix| suffix.starts_with("targetgroup/"));
    let unknown = || CallError::unknown("Elastic Load Balancing v2 DescribeTargetGroups", "the target group ARN", arn);
    let mut values = vec![("arn", arn), ("name", name), ("arn_suffix", suffix.ok_or_else(unknown)?)];
    if let [balancer] = group.load_balancer_arns() {
        let dimension = dimension(balancer)?;
        values.extend([("load_balancer", dimension), ("namespace", namespace(dimension)?)]);
    }
    Ok(values.into_iter().map(|(attribute, value)| (attribute.to_owned(), value.to_owned())).collect())
}

fn model(group: &SdkTargetGroup) -> TargetGroupModel {
    let matcher = group.matcher();
    TargetGroupModel {
        load_balancers: Setting::Set(group.load_balancer_arns().iter().cloned().collect()),
        target_type: live_text(group.target_type().map(|it| it.as_str())),
        protocol: live_text(group.protocol().map(|it| it.as_str())),
        protocol_version: live_text(group.protocol_version()),
        port: Setting::live(group.port()),
        target_control_port: Setting::live(group.target_control_port()),
        vpc: live_text(group.vpc_id()),
        ip_address_type: live_text(group.ip_address_type().map(|it| it.as_str())),
        health_check: Setting::Set(HealthCheck {
            enabled: Setting::live(group.health_check_enabled()),
            protocol: live_text(group.health_check_protocol().map(|it| it.as_str())),
            port: live_text(group.health_check_port()),
            path: live_text(group.health_check_path()),
            interval_seconds: Setting::live(group.health_check_interval_seconds()),
            timeout_seconds: Setting::live(group.health_check_timeout_seconds()),
            healthy_threshold: Setting::live(group.healthy_threshold_count()),
            unhealthy_threshold: Setting::live(group.unhealthy_threshold_count()),
            http_codes: live_text(matcher.and_then(|matcher| matcher.http_code())),
            grpc_codes: live_text(matcher.and_then(|matcher| matcher.grpc_code())),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012";

    fn group(balancers: &[&str]) -> SdkTargetGroup {
        let balancers = balancers.iter().map(|end| format!("{ARN}:loadbalancer/{end}")).collect();
        let arn = format!("{ARN}:targetgroup/web/73e2d6bc24d8a067");
        SdkTargetGroup::builder().target_group_arn(arn).set_load_balancer_arns(Some(balancers)).build()
    }

    #[test]
    fn the_attributes_are_the_dimensions_of_metrics() {
        let found = attributes("web", &group(&["net/web/50dc6c495c0c9188"])).unwrap();
        assert_eq!(found["arn_suffix"], "targetgroup/web/73e2d6bc24d8a067");
        assert_eq!(
            (found["load_balancer"].as_str(), found["namespace"].as_str()),
            ("net/web/50dc6c495c0c9188", "AWS/NetworkELB")
        );
    }

    #[test]
    fn the_load_balancer_is_known_only_if_there_is_exactly_one() {
        for balancers in [&[][..], &["app/a/1", "app/b/2"]] {
            let found = attributes("web", &group(balancers)).unwrap();
            assert!(!found.contains_key("load_balancer") && !found.contains_key("namespace"), "{found:?}");
        }
    }
}
