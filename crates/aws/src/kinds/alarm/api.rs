//! Reading alarms in bulk, and the calls that change them.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, MetricAlarm, StandardUnit, Statistic as SdkStatistic, Tag,
};
use futures::future::try_join_all;
use regionctl_core::kind::Kind;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Outputs;

use super::{Alarm, AlarmModel, AlarmOp};
use crate::error::{CallError, if_found};
use crate::live::{Live, all_at_once};
use crate::tags::collect;

impl Live for Alarm {
    type Api = Client;

    /// Up to 100 names a call, all calls at once.
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<AlarmModel>, CallError> {
        let names: Vec<&str> = scope.names.keys().map(String::as_str).collect();
        let alarms = try_join_all(names.chunks(100).map(|names| describe(api, names))).await?.concat();
        let reads = alarms.into_iter().map(|alarm| {
            let name = alarm.alarm_name().unwrap_or_default().to_owned();
            let outputs = Self::outputs(&name, &scope.location);
            let states_tags = scope.reads(&name, "tags");
            let called = name.clone();
            let read = async move {
                let tags = if states_tags { read_tags(api, &alarm).await? } else { None };
                Ok(Some(LiveResource::new(called, model(&alarm, tags), outputs)))
            };
            (name, read)
        });
        Ok(all_at_once(reads).await)
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let mut pages = api.describe_alarms().max_records(100).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            names.extend(page?.metric_alarms().iter().filter_map(MetricAlarm::alarm_name).map(ToOwned::to_owned));
        }
        Ok(names)
    }

    async fn run(api: &Client, target: &StepTarget, op: AlarmOp) -> Result<Outputs, CallError> {
        match op {
            AlarmOp::PutMetricAlarm(alarm) => put(api, &target.name, *alarm).await?,
            AlarmOp::DeleteAlarms => {
                if_found(api.delete_alarms().alarm_names(&target.name).send().await.map_err(CallError::from))?;
            }
            AlarmOp::TagResource { tags } => {
                let arn = target.location.arn("cloudwatch", &format!("alarm:{}", target.name));
                api.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
        }
        Ok(Outputs::new())
    }
}

async fn put(api: &Client, name: &str, alarm: AlarmModel) -> Result<(), CallError> {
    let AlarmModel {
        namespace,
        metric,
        dimensions,
        statistic,
        comparison,
        threshold,
        period,
        evaluation_periods,
        datapoints_to_alarm,
        treat_missing_data,
        unit,
        description,
        alarm_actions,
        ok_actions,
        insufficient_data_actions,
        actions_enabled,
        tags,
    } = alarm;
    let dimensions = dimensions.into_iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let list = |actions: BTreeSet<String>| (!actions.is_empty()).then(|| actions.into_iter().collect());
    api.put_metric_alarm()
        .alarm_name(name)
        .namespace(namespace)
        .metric_name(metric)
        .set_dimensions(Some(dimensions.collect()))
        .statistic(SdkStatistic::from(statistic.as_str()))
        .comparison_operator(ComparisonOperator::from(comparison.as_str()))
        .set_threshold(threshold)
        .period(period)
        .evaluation_periods(evaluation_periods)
        .datapoints_to_alarm(datapoints_to_alarm)
        .treat_missing_data(treat_missing_data)
        .set_unit(unit.as_deref().map(StandardUnit::from))
        .set_alarm_description(description)
        .set_alarm_actions(list(alarm_actions))
        .set_ok_actions(list(ok_actions))
        .set_insufficient_data_actions(list(insufficient_data_actions))
        .actions_enabled(actions_enabled)
        .set_tags(tags.filter(|tags| !tags.is_empty()).map(|tags| sdk_tags(&tags)))
        .send()
        .await?;
    Ok(())
}

async fn describe(api: &Client, names: &[&str]) -> Result<Vec<MetricAlarm>, CallError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut pages = api
        .describe_alarms()
        .set_alarm_names(Some(names.iter().map(ToString::to_string).collect()))
        .alarm_types(AlarmType::MetricAlarm)
        .max_records(100)
        .into_paginator()
        .send();
    let mut alarms = Vec::with_capacity(names.len());
    while let Some(page) = pages.next().await {
        alarms.extend(page?.metric_alarms.unwrap_or_default());
    }
    Ok(alarms)
}

/// DescribeAlarms does not answer with tags, so alarms that state some cost a call each.
async fn read_tags(api: &Client, alarm: &MetricAlarm) -> Result<Option<Tags>, CallError> {
    let answer = api.list_tags_for_resource().set_resource_arn(alarm.alarm_arn.clone()).send().await;
    let answer = if_found(answer.map_err(CallError::from))?;
    Ok(answer.map(|answer| collect(answer.tags().iter().map(|tag| (tag.key(), tag.value())))))
}

fn model(alarm: &MetricAlarm, tags: Option<Tags>) -> AlarmModel {
    let actions = |actions: &[String]| actions.iter().cloned().collect();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let dimension = |dimension: &Dimension| (text(dimension.name()), text(dimension.value()));
    let evaluation_periods = alarm.evaluation_periods().unwrap_or(1);
    let statistic = alarm.statistic().map(SdkStatistic::as_str).or(alarm.extended_statistic());
    AlarmModel {
        namespace: text(alarm.namespace()),
        metric: text(alarm.metric_name()),
        dimensions: alarm.dimensions().iter().map(dimension).collect(),
        statistic: text(statistic),
        comparison: text(alarm.comparison_operator().map(ComparisonOperator::as_str)),
        threshold: alarm.threshold(),
        period: alarm.period().unwrap_or_default(),
        evaluation_periods,
        datapoints_to_alarm: alarm.datapoints_to_alarm().filter(|points| *points > 0).unwrap_or(evaluation_periods),
        treat_missing_data: alarm.treat_missing_data().filter(|text| !text.is_empty()).unwrap_or("missing").to_owned(),
        unit: alarm.unit().map(|unit| unit.as_str().to_owned()).filter(|unit| !unit.is_empty()),
        description: alarm.alarm_description().filter(|text| !text.is_empty()).map(ToOwned::to_owned),
        alarm_actions: actions(alarm.alarm_actions()),
        ok_actions: actions(alarm.ok_actions()),
        insufficient_data_actions: actions(alarm.insufficient_data_actions()),
        actions_enabled: alarm.actions_enabled().unwrap_or(true),
        tags,
    }
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
