// SPDX-License-Identifier: Apache-2.0
//! Reads composite alarms in bulk and runs the calls that change them.
//!
//! DescribeAlarms returns at most 100 alarms per page and accepts at most 100 names
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>). It returns no tags.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::put_composite_alarm::PutCompositeAlarmInput;
use aws_sdk_cloudwatch::operation::put_composite_alarm::builders::PutCompositeAlarmInputBuilder;
use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm as SdkCompositeAlarm};
use futures::future::try_join_all;
use regionctl_core::kind::Kind;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, StepTarget};
use regionctl_core::observe::scope::{Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::model::{CompositeModel, Suppressor};
use super::{CompositeAlarm, CompositeOp};
use crate::error::{CallError, if_found};
use crate::kinds::alarm::actions::{self, names_are_free, sdk_tags};
use crate::live::{Live, read_concurrently};
use crate::tags::{self, TagSettings, collect};

impl Live for CompositeAlarm {
    type Api = Client;

    /// Reads all composite alarms, or the named ones concurrently. Tags need one ListTagsForResource call per alarm.
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<CompositeModel>, CallError> {
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
                let extras: Vec<Extra> = actions::extra(alarm.action_configuration()).into_iter().collect();
                Ok(Some(LiveResource::new(alarm_name, model, attributes).with_extras(extras)))
            };
            (name, read)
        });
        Ok(read_concurrently(reads).await)
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        Ok(describe(api, None).await?.into_iter().filter_map(|alarm| alarm.alarm_name).collect())
    }

    async fn preflight(api: &Client, _: &Location, steps: Vec<(String, CompositeOp)>) -> Vec<Check> {
        let creates =
            |op: &CompositeOp| matches!(op, CompositeOp::PutCompositeAlarm { alarm, .. } if alarm.tags.is_set());
        let names = steps.into_iter().filter(|(_, op)| creates(op)).map(|(name, _)| name).collect();
        names_are_free(api, names, AlarmType::MetricAlarm).await
    }

    async fn run(api: &Client, target: &StepTarget, op: CompositeOp) -> Result<Attributes, CallError> {
        let name = &target.name;
        let arn = target.location.arn("cloudwatch", &format!("alarm:{name}"));
        match op {
            CompositeOp::PutCompositeAlarm { alarm, children: _ } => {
                request(name, *alarm).send_with(api).await?;
            }
            CompositeOp::DeleteAlarms { children: _ } => {
                if_found(api.delete_alarms().alarm_names(name).send().await.map_err(CallError::from))?;
            }
            CompositeOp::TagResource { tags } => {
                api.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            CompositeOp::UntagResource { keys } => {
                api.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await?;
            }
        }
        Ok(Attributes::new())
    }
}

/// Returns the composite alarms with these names, or all.
async fn describe(api: &Client, names: Option<Vec<String>>) -> Result<Vec<SdkCompositeAlarm>, CallError> {
    let call = api.describe_alarms().set_alarm_names(names).alarm_types(AlarmType::CompositeAlarm).max_records(100);
    let mut pages = call.into_paginator().send();
    let mut alarms = Vec::new();
    while let Some(page) = pages.next().await {
        alarms.extend(page?.composite_alarms.unwrap_or_default());
    }
    Ok(alarms)
}

/// Reads an alarm's tags. Fails if the alarm was deleted in the meantime: its tags are then unknown, and the alarm is a
/// gap.
async fn read_tags(api: &Client, alarm: &SdkCompositeAlarm) -> Result<Tags, CallError> {
    let answer = api.list_tags_for_resource().set_resource_arn(alarm.alarm_arn.clone()).send().await?;
    Ok(collect(answer.tags().iter().map(|tag| (tag.key(), tag.value()))))
}

fn model(alarm: &SdkCompositeAlarm, tags: Setting<TagSettings>) -> Result<CompositeModel, CallError> {
    let name = alarm.alarm_name().unwrap_or_default();
    let unknown = |what: &str| CallError::unknown("CloudWatch DescribeAlarms", what, name);
    let suppressor = match text(alarm.actions_suppressor()) {
        None => None,
        Some(suppressor) => {
            let periods = alarm.actions_suppressor_wait_period().zip(alarm.actions_suppressor_extension_period());
            let (wait_seconds, extension_seconds) =
                periods.ok_or_else(|| unknown("a suppressor without periods for the alarm"))?;
            Some(Suppressor { alarm: suppressor, wait_seconds, extension_seconds })
        }
    };
    Ok(CompositeModel {
        rule: text(alarm.alarm_rule()).ok_or_else(|| unknown("no rule for the alarm"))?.trim().to_owned(),
        description: text(alarm.alarm_description()),
        alarm_actions: alarm.alarm_actions().iter().cloned().collect(),
        ok_actions: alarm.ok_actions().iter().cloned().collect(),
        insufficient_data_actions: alarm.insufficient_data_actions().iter().cloned().collect(),
        actions_enabled: alarm.actions_enabled().unwrap_or(true),
        suppressor,
        notified_tags: actions::notified_tags(alarm.action_configuration()),
        tags,
    })
}

/// Builds the PutCompositeAlarm request. CloudWatch ignores the tags of an existing alarm.
fn request(name: &str, alarm: CompositeModel) -> PutCompositeAlarmInputBuilder {
    let tags = alarm.tags.value().map(tags::set).filter(|tags| !tags.is_empty());
    let (suppressor, wait, extension) = match alarm.suppressor {
        Some(it) => (Some(it.alarm), Some(it.wait_seconds), Some(it.extension_seconds)),
        None => (None, None, None),
    };
    PutCompositeAlarmInput::builder()
        .alarm_name(name)
        .alarm_rule(alarm.rule)
        .set_alarm_description(alarm.description)
        .set_alarm_actions(actions::list(alarm.alarm_actions))
        .set_ok_actions(actions::list(alarm.ok_actions))
        .set_insufficient_data_actions(actions::list(alarm.insufficient_data_actions))
        .actions_enabled(alarm.actions_enabled)
        .set_actions_suppressor(suppressor)
        .set_actions_suppressor_wait_period(wait)
        .set_actions_suppressor_extension_period(extension)
        .set_action_configuration(alarm.notified_tags.map(actions::configuration))
        .set_tags(tags.map(|tags| sdk_tags(&tags)))
}

/// Normalizes an absent text: CloudWatch omits it or returns an empty string.
fn text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}
