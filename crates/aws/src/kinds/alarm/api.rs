// SPDX-License-Identifier: Apache-2.0
//! Reads alarms in bulk and runs the calls that change them.
//!
//! DescribeAlarms returns at most 100 alarms per page and accepts at most 100 names
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>). It returns no tags.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, MetricAlarm};
use futures::future::try_join_all;
use regionctl_core::kind::Kind;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, StepTarget};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::actions::{names_are_free, sdk_tags};
use super::model::AlarmModel;
use super::sdk::{extras, model, request};
use super::{Alarm, AlarmOp};
use crate::error::{CallError, if_found};
use crate::live::{Live, read_concurrently};
use crate::tags::{self, collect};

impl Live for Alarm {
    type Api = Client;

    /// Reads all alarms, or the named ones concurrently. Tags need one ListTagsForResource call per alarm
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListTagsForResource.html>).
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<AlarmModel>, CallError> {
        let alarms = if scope.everything.is_some() {
            describe(api, None).await?
        } else {
            let names: Vec<String> = scope.names.keys().cloned().collect();
            try_join_all(names.chunks(100).map(|names| describe(api, Some(names.to_vec())))).await?.concat()
        };
        let named = alarms.into_iter().filter_map(|alarm| Some((alarm.alarm_name.clone()?, alarm)));
        let reads = named.filter(|(name, _)| scope.asks_for(name)).map(|(name, alarm)| {
            let alarm_name = name.clone();
            let read = async move {
                let tags = if scope.reads(&alarm_name, "tags") {
                    tags::live(read_tags(api, &alarm).await?)
                } else {
                    Setting::Unstated
                };
                let model = model(&alarm, tags)?;
                let attributes = Self::attributes(&alarm_name, &scope.location);
                Ok(Some(LiveResource::new(alarm_name, model, attributes).with_extras(extras(&alarm))))
            };
            (name, read)
        });
        Ok(read_concurrently(reads).await)
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        Ok(describe(api, None).await?.into_iter().filter_map(|alarm| alarm.alarm_name).collect())
    }

    async fn preflight(api: &Client, _: &Location, steps: Vec<(String, AlarmOp)>) -> Vec<Check> {
        let creates = |op: &AlarmOp| matches!(op, AlarmOp::PutMetricAlarm(alarm) if alarm.tags.is_set());
        let names = steps.into_iter().filter(|(_, op)| creates(op)).map(|(name, _)| name).collect();
        names_are_free(api, names, AlarmType::CompositeAlarm).await
    }

    async fn run(api: &Client, target: &StepTarget, op: AlarmOp) -> Result<Attributes, CallError> {
        let name = &target.name;
        let arn = target.location.arn("cloudwatch", &format!("alarm:{name}"));
        match op {
            AlarmOp::PutMetricAlarm(alarm) => {
                request(name, *alarm).send_with(api).await?;
            }
            AlarmOp::DeleteAlarms => {
                if_found(api.delete_alarms().alarm_names(name).send().await.map_err(CallError::from))?;
            }
            AlarmOp::TagResource { tags } => {
                api.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            AlarmOp::UntagResource { keys } => {
                api.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await?;
            }
        }
        Ok(Attributes::new())
    }
}

/// Returns the metric alarms with these names, or all. Composite alarms and log alarms are other resources.
async fn describe(api: &Client, names: Option<Vec<String>>) -> Result<Vec<MetricAlarm>, CallError> {
    let call = api.describe_alarms().set_alarm_names(names).alarm_types(AlarmType::MetricAlarm).max_records(100);
    let mut pages = call.into_paginator().send();
    let mut alarms = Vec::new();
    while let Some(page) = pages.next().await {
        alarms.extend(page?.metric_alarms.unwrap_or_default());
    }
    Ok(alarms)
}

/// Reads an alarm's tags, which DescribeAlarms does not return. Fails if the alarm was deleted in the meantime: its
/// tags are then unknown, and the alarm is a gap.
async fn read_tags(api: &Client, alarm: &MetricAlarm) -> Result<Tags, CallError> {
    let answer = api.list_tags_for_resource().set_resource_arn(alarm.alarm_arn.clone()).send().await?;
    Ok(collect(answer.tags().iter().map(|tag| (tag.key(), tag.value()))))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::{ComparisonOperator, StandardUnit, Statistic};
    use regionctl_core::observe::failure::FailureClass;
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;

    use super::super::spec::AlarmSpec;
    use super::*;

    /// Returns the desired model of a spec, and the alarm that DescribeAlarms returns after PutMetricAlarm.
    fn put_and_describe(yaml: &str) -> (AlarmModel, MetricAlarm) {
        let desired = decode::<AlarmSpec>(&parse(yaml, 0).unwrap()).unwrap().into_model();
        let sent = request("a", desired.clone()).build().unwrap();
        let alarm = MetricAlarm::builder()
            .set_namespace(sent.namespace)
            .set_metric_name(sent.metric_name)
            .set_dimensions(sent.dimensions)
            .set_statistic(sent.statistic)
            .set_extended_statistic(sent.extended_statistic)
            .set_evaluate_low_sample_count_percentile(sent.evaluate_low_sample_count_percentile)
            .set_period(sent.period)
            .set_unit(sent.unit)
            .set_metrics(sent.metrics)
            .set_evaluation_criteria(sent.evaluation_criteria)
            .set_evaluation_interval(sent.evaluation_interval)
            .set_comparison_operator(sent.comparison_operator)
            .set_threshold(sent.threshold)
            .set_threshold_metric_id(sent.threshold_metric_id)
            .set_evaluation_periods(sent.evaluation_periods)
            .set_datapoints_to_alarm(sent.datapoints_to_alarm)
            .set_treat_missing_data(sent.treat_missing_data)
            .set_evaluation_window(sent.evaluation_window)
            .set_warm_up_configuration(sent.warm_up_configuration)
            .set_alarm_description(sent.alarm_description)
            .set_alarm_actions(sent.alarm_actions)
            .set_ok_actions(sent.ok_actions)
            .set_insufficient_data_actions(sent.insufficient_data_actions)
            .set_actions_enabled(sent.actions_enabled)
            .set_action_configuration(sent.action_configuration);
        (desired, alarm.build())
    }

    fn assert_round_trip(yaml: &str) {
        let (desired, alarm) = put_and_describe(yaml);
        assert_eq!(model(&alarm, Setting::Unstated).unwrap(), desired, "{yaml}");
        assert!(extras(&alarm).is_empty());
    }

    #[test]
    fn an_alarm_survives_a_round_trip() {
        assert_round_trip("{namespace: A, metric: B, statistic: Sum, comparison: '>', threshold: 1, period: 60}");
        assert_round_trip(
            "{namespace: A, metric: B, dimensions: {C: d}, statistic: p99, low_sample_percentile: ignore, unit: Count, \
             comparison: '<=', threshold: 0.5, period: 1d, evaluation_periods: 3, datapoints_to_alarm: 2, \
             treat_missing_data: ignore, evaluation_window: {wall_clock: Europe/Berlin}, warm_up: {minutes: 30}, \
             description: x, alarm_actions: [arn:a], ok_actions: [arn:b], insufficient_data_actions: [arn:c], \
             actions_enabled: false, notified_tags: {excluded: [Team]}}",
        );
        assert_round_trip(
            "{metrics: [{id: m1, namespace: A, metric: B, statistic: p90, period: 1m, unit: Count, return_data: true}, \
             {id: band, expression: \"ANOMALY_DETECTION_BAND(m1, 2)\", label: band}], \
             comparison: GreaterThanUpperThreshold, threshold_metric: band, description: \"\"}",
        );
        assert_round_trip("{promql: {query: up == 0, interval_seconds: 60, pending_seconds: 120}, notified_tags: all}");
    }

    fn plain() -> aws_sdk_cloudwatch::types::builders::MetricAlarmBuilder {
        MetricAlarm::builder().metric_name("B").statistic(Statistic::Sum)
    }

    #[test]
    fn an_unknown_value_makes_the_alarm_unreadable() {
        let failure = |alarm: MetricAlarm| model(&alarm, Setting::Unstated).unwrap_err().0;
        let unit = failure(plain().unit(StandardUnit::from("Parsecs")).build());
        assert!(unit.class == FailureClass::Unknown && unit.message.contains("the unit 'Parsecs'"), "{unit}");
        let comparison = failure(plain().comparison_operator(ComparisonOperator::from("Resembles")).build());
        assert!(comparison.message.contains("'Resembles'"), "{comparison}");
        assert!(failure(plain().treat_missing_data("guess").build()).message.contains("'guess'"));
    }

    #[test]
    fn an_empty_value_and_a_missing_value_are_the_same() {
        let empty = plain().alarm_description("").unit(StandardUnit::from("")).treat_missing_data("").build();
        let model = |alarm: &MetricAlarm| model(alarm, Setting::Unstated).unwrap();
        assert_eq!(model(&empty), model(&plain().build()));
        assert_eq!(model(&empty).description, None);
    }

    #[test]
    fn an_alarm_of_an_unknown_form_is_never_replaced() {
        let alarm = MetricAlarm::builder().alarm_name("a").build();
        assert!(extras(&alarm).iter().all(|extra| !extra.kept) && !extras(&alarm).is_empty());
    }
}
