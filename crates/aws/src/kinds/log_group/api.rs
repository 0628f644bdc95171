// SPDX-License-Identifier: Apache-2.0
//! Reads log groups in bulk and runs the calls that change them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::{DataProtectionStatus, InheritedProperty, LogGroup as SdkLogGroup, LogGroupClass};
use futures::future::{OptionFuture, try_join_all};
use futures::{join, try_join};
use regionctl_core::kind::Kind;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::filter_sdk::{
    AllMetricFilters, metric_filters, put_metric_filter, put_subscription_filter, read_metric_filters,
    read_subscription_filters,
};
use super::filters::{Filters, MetricFilter};
use super::model::LogGroupModel;
use super::spec::DAYS;
use super::{LogGroup, LogGroupOp};
use crate::error::{CallError, done_if, if_found};
use crate::live::{Live, read_concurrently};
use crate::tags::{self, TagSettings, collect};

/// The maximum age of an event that PutLogEvents accepts
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>).
const MAX_PUT_AGE_DAYS: i64 = 14;

impl Live for LogGroup {
    type Api = Client;

    /// Reads all log groups in pages of 50, the maximum
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>), or named
    /// groups with one call per name, concurrently. Tags and subscription filters need one call per group. The metric
    /// filters of all groups are read in bulk.
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<LogGroupModel>, CallError> {
        let in_bulk = scope.everything.as_ref().is_some_and(|depth| depth.reads("metric_filters"));
        let filters = OptionFuture::from(in_bulk.then(|| read_metric_filters(api, None)));
        let (groups, filters) = if scope.everything.is_some() {
            let (groups, filters) = join!(pages(api, None), filters);
            (groups?, filters)
        } else {
            (try_join_all(scope.names.keys().map(|name| pages(api, Some(name)))).await?.concat(), None)
        };
        let filters = filters.as_ref();
        // DescribeLogGroups matches prefixes, so a group can be in several answers.
        let named = groups.into_iter().filter_map(|group| Some((group.log_group_name.clone()?, group)));
        let groups: BTreeMap<String, SdkLogGroup> = named.filter(|(name, _)| scope.asks_for(name)).collect();
        let now = milliseconds_since_1970();
        let reads = groups.into_iter().map(|(name, group)| {
            let group_name = name.clone();
            let read = async move {
                let asked = |part: &str| scope.reads(&group_name, part);
                let (tags, metric_filters, subscription_filters) = try_join!(
                    when(asked("tags"), read_tags(api, &scope.location, &group_name)),
                    when(asked("metric_filters"), metric_filters_of(api, &group_name, filters)),
                    when(asked("subscription_filters"), read_subscription_filters(api, &group_name)),
                )?;
                let attributes = Self::attributes(&group_name, &scope.location);
                let own = model(&group, tags.map(tags::live).flatten(), now);
                let model = LogGroupModel { metric_filters, subscription_filters, ..own };
                Ok(Some(LiveResource::new(group_name, model, attributes).with_extras(extras(&group))))
            };
            (name, read)
        });
        Ok(read_concurrently(reads).await)
    }

    async fn run(api: &Client, target: &StepTarget, op: LogGroupOp) -> Result<Attributes, CallError> {
        let name = &target.name;
        match op {
            LogGroupOp::CreateLogGroup { class, kms_key, deletion_protection, tags } => {
                let created = api
                    .create_log_group()
                    .log_group_name(name)
                    .set_log_group_class(class.as_deref().map(LogGroupClass::from))
                    .set_kms_key_id(kms_key)
                    .set_deletion_protection_enabled(deletion_protection)
                    .set_tags((!tags.is_empty()).then(|| tags.into_iter().collect()))
                    .send()
                    .await;
                done_if(created.map(|_| ()).map_err(CallError::from), "ResourceAlreadyExistsException")?;
            }
            LogGroupOp::DeleteLogGroup => {
                if_found(api.delete_log_group().log_group_name(name).send().await.map_err(CallError::from))?;
            }
            LogGroupOp::PutRetentionPolicy { days } => {
                api.put_retention_policy().log_group_name(name).retention_in_days(days).send().await?;
            }
            LogGroupOp::DeleteRetentionPolicy => {
                api.delete_retention_policy().log_group_name(name).send().await?;
            }
            LogGroupOp::AssociateKmsKey { key } => {
                api.associate_kms_key().log_group_name(name).kms_key_id(key).send().await?;
            }
            LogGroupOp::DisassociateKmsKey => {
                api.disassociate_kms_key().log_group_name(name).send().await?;
            }
            LogGroupOp::PutLogGroupDeletionProtection { enabled } => {
                let call = api.put_log_group_deletion_protection().log_group_identifier(name);
                call.deletion_protection_enabled(enabled).send().await?;
            }
            LogGroupOp::PutMetricFilter { name: filter_name, filter } => {
                put_metric_filter(api, name, &filter_name, filter).await?;
            }
            LogGroupOp::DeleteMetricFilter { name: filter_name } => {
                let call = api.delete_metric_filter().log_group_name(name).filter_name(filter_name);
                if_found(call.send().await.map_err(CallError::from))?;
            }
            LogGroupOp::PutSubscriptionFilter { name: filter_name, filter } => {
                put_subscription_filter(api, name, &filter_name, filter).await?;
            }
            LogGroupOp::DeleteSubscriptionFilter { name: filter_name } => {
                let call = api.delete_subscription_filter().log_group_name(name).filter_name(filter_name);
                if_found(call.send().await.map_err(CallError::from))?;
            }
            LogGroupOp::TagResource { tags } => {
                let tags = Some(tags.into_iter().collect());
                api.tag_resource().resource_arn(arn(&target.location, name)).set_tags(tags).send().await?;
            }
            LogGroupOp::UntagResource { keys } => {
                let arn = arn(&target.location, name);
                api.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await?;
            }
        }
        Ok(Attributes::new())
    }
}

/// Returns the ARN for tagging calls, which has no trailing `:*`
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html>).
fn arn(location: &Location, name: &str) -> String {
    location.arn("logs", &format!("log-group:{name}"))
}

async fn pages(api: &Client, prefix: Option<&str>) -> Result<Vec<SdkLogGroup>, CallError> {
    let prefix = prefix.map(ToOwned::to_owned);
    let mut pages = api.describe_log_groups().set_log_group_name_prefix(prefix).limit(50).into_paginator().send();
    let mut groups = Vec::new();
    while let Some(page) = pages.next().await {
        groups.extend(page?.log_groups.unwrap_or_default());
    }
    Ok(groups)
}

/// Reads a part of a group if it is asked for.
async fn when<T>(is_asked: bool, read: impl Future<Output = Result<T, CallError>>) -> Result<Setting<T>, CallError> {
    if is_asked { Ok(Setting::Set(read.await?)) } else { Ok(Setting::Unstated) }
}

/// Returns the metric filters of a group, from the bulk read if there was one.
async fn metric_filters_of(
    api: &Client,
    group: &str,
    bulk: Option<&Result<AllMetricFilters, CallError>>,
) -> Result<Filters<MetricFilter>, CallError> {
    let own;
    let all = match bulk {
        Some(all) => all.as_ref().map_err(Clone::clone)?,
        None => {
            own = read_metric_filters(api, Some(group)).await?;
            &own
        }
    };
    metric_filters(all.get(group).map_or(&[][..], Vec::as_slice))
}

/// Reads a group's tags. Fails if the group was deleted in the meantime: its tags are then unknown and the group is a
/// gap.
async fn read_tags(api: &Client, location: &Location, name: &str) -> Result<Tags, CallError> {
    let answer = api.list_tags_for_resource().resource_arn(arn(location, name)).send().await?;
    let tags = answer.tags.unwrap_or_default();
    Ok(collect(tags.iter().map(|(key, value)| (Some(key.as_str()), Some(value.as_str())))))
}

fn milliseconds_since_1970() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "an age is relative to the present, here in whole days")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn model(group: &SdkLogGroup, tags: Setting<TagSettings>, now: i64) -> LogGroupModel {
    // AWS omits the class for groups that are older than log classes.
    let class = group.log_group_class().map_or("STANDARD", LogGroupClass::as_str);
    LogGroupModel {
        retention_days: Setting::live(group.retention_in_days()),
        retention_at_least: Setting::Unstated,
        kms_key: Setting::live(group.kms_key_id().filter(|key| !key.is_empty()).map(ToOwned::to_owned)),
        class: Setting::Set(class.to_owned()),
        deletion_protection: Setting::Set(group.deletion_protection_enabled().unwrap_or(false)),
        metric_filters: Setting::Unstated,
        subscription_filters: Setting::Unstated,
        passed_roles: BTreeSet::new(),
        tags,
        retention_policy: group.retention_policy_name().map(ToOwned::to_owned),
        oldest_event_days: group.creation_time().and_then(|created| oldest_event_days(created, now)),
    }
}

/// Returns the maximum age of the group's events in days, rounded up to a valid retention so that it rarely differs
/// between two reads. `None` if it exceeds the longest retention.
fn oldest_event_days(created: i64, now: i64) -> Option<i32> {
    let age = (now - created).max(0) / 86_400_000 + 1;
    DAYS.into_iter().find(|days| i64::from(*days) >= age + MAX_PUT_AGE_DAYS)
}

/// Returns the extras of a log group: what the model cannot express. No call of this kind changes them.
fn extras(group: &SdkLogGroup) -> Vec<Extra> {
    let mut extras = Vec::new();
    if let Some(policy) = group.retention_policy_name() {
        extras.push(Extra::kept("retention_policy", policy));
    }
    // DELETED means that the group had a policy and has none now.
    if let Some(status) = group.data_protection_status().filter(|status| **status != DataProtectionStatus::Deleted) {
        extras.push(Extra::kept("data_protection", status.as_str()));
    }
    let inherited: Vec<&str> = group.inherited_properties().iter().map(InheritedProperty::as_str).collect();
    if !inherited.is_empty() {
        extras.push(Extra::kept("inherited_properties", inherited));
    }
    if group.bearer_token_authentication_enabled() == Some(true) {
        extras.push(Extra::kept("bearer_token_authentication", true));
    }
    extras
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn an_answer_converts_to_a_model_and_its_extras() {
        let group = SdkLogGroup::builder()
            .log_group_name("/app")
            .retention_in_days(90)
            .retention_policy_name("org-90")
            .kms_key_id("arn:aws:kms:eu-central-1:123456789012:key/k")
            .log_group_class(LogGroupClass::InfrequentAccess)
            .deletion_protection_enabled(true)
            .data_protection_status(DataProtectionStatus::Deleted)
            .build();
        let model = model(&group, Setting::Unstated, 0);
        assert_eq!(model.retention_days, Setting::Set(90));
        assert_eq!(model.class, Setting::Set("INFREQUENT_ACCESS".to_owned()));
        assert_eq!(model.deletion_protection, Setting::Set(true));
        assert_eq!(model.retention_policy.as_deref(), Some("org-90"));
        assert_eq!(extras(&group), [Extra::kept("retention_policy", "org-90")]);
    }

    #[test]
    fn a_missing_value_is_the_default() {
        let model = model(&SdkLogGroup::builder().log_group_name("/app").build(), Setting::Unstated, 0);
        assert_eq!((model.retention_days, model.kms_key), (Setting::Unset, Setting::Unset));
        assert_eq!(model.class, Setting::Set("STANDARD".to_owned()));
        assert_eq!(model.deletion_protection, Setting::Set(false));
        assert_eq!(model.oldest_event_days, None);
    }

    #[test]
    fn the_age_of_the_group_limits_the_age_of_its_events() {
        assert_eq!(oldest_event_days(0, 0), Some(30));
        assert_eq!(oldest_event_days(0, 300 * DAY), Some(365));
        assert_eq!(oldest_event_days(0, 351 * DAY), Some(400));
        assert_eq!(oldest_event_days(0, 4000 * DAY), None);
    }

    #[test]
    fn a_written_group_states_every_setting() {
        let group = SdkLogGroup::builder().log_group_name("/app").build();
        let tags = tags::live(Tags::from([("Team".to_owned(), "sre".to_owned())]));
        let written = LogGroup::write(&model(&group, tags, 0)).unwrap();
        let expected = serde_json::json!({
            "retention_days": regionctl_core::spec::write::unset(), "kms_key": regionctl_core::spec::write::unset(),
            "class": "STANDARD", "deletion_protection": false, "tags": {"Team": "sre"},
        });
        assert_eq!(written, expected);
    }
}
