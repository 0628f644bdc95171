// SPDX-License-Identifier: Apache-2.0
//! The spec of a log group and its checks.

use std::borrow::Cow;

use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::filter_check;
use super::filter_steps::WITHOUT_FILTERS;
use super::filters::{Filters, MetricFilter, SubscriptionFilter};
use crate::tags::{self, TagSettings};

/// A log group. Fields that are left out are not managed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogsLogGroup")]
pub struct LogGroupSpec {
    /// The retention in days, one of the values that CloudWatch Logs supports; 12 months are 365. `unset`: events never
    /// expire. A shorter retention permanently deletes events, which needs `--allow-destroy`.
    #[serde(default)]
    pub(super) retention_days: Setting<RetentionDays>,
    /// The minimum retention in days. A log group with a longer retention, or whose events never expire, does not
    /// change. Excludes `retention_days`.
    pub(super) retention_at_least: Option<RetentionDays>,
    /// The ARN of the KMS key that encrypts events. `unset`: a key that CloudWatch Logs manages.
    #[serde(default)]
    pub(super) kms_key: Setting<String>,
    /// The log class. It is set at creation and cannot be changed. Default: STANDARD.
    pub(super) class: Option<Class>,
    /// Whether deletion protection is on: CloudWatch Logs then rejects DeleteLogGroup.
    pub(super) deletion_protection: Option<bool>,
    /// Metric filters by name. Other metric filters stay. `unset` deletes one, or all of them, which needs
    /// `--allow-destroy`.
    #[serde(default)]
    pub(super) metric_filters: Setting<Filters<MetricFilter>>,
    /// Subscription filters by name, at most two. Other subscription filters stay. `unset` deletes one, or all of them,
    /// which needs `--allow-destroy`.
    #[serde(default)]
    pub(super) subscription_filters: Setting<Filters<SubscriptionFilter>>,
    /// The reason why a subscription filter may have a Lambda function as its destination that does not exist.
    pub(super) waiver: Option<String>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
}

/// The log class (`LogGroupClass`).
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Class {
    /// All features of CloudWatch Logs.
    Standard,
    /// A subset of the features at a lower price.
    InfrequentAccess,
    /// For the delivery of Lambda logs to S3 or Firehose. AWS sets the retention; it cannot be changed.
    Delivery,
    /// A subset of the features at a lower price.
    Essentials,
}

impl Class {
    /// Returns AWS's name of the class.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::InfrequentAccess => "INFREQUENT_ACCESS",
            Self::Delivery => super::model::DELIVERY,
            Self::Essentials => "ESSENTIALS",
        }
    }
}

/// The retention values that CloudWatch Logs supports, in days (`retentionInDays` in
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
pub(super) const DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// A retention in days, one of [`DAYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct RetentionDays(pub(super) i32);

impl<'de> Deserialize<'de> for RetentionDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let days = i32::deserialize(deserializer)?;
        if DAYS.contains(&days) {
            return Ok(Self(days));
        }
        let nearest = DAYS.iter().min_by_key(|allowed| (*allowed - days).abs()).unwrap_or(&365);
        let allowed: Vec<String> = DAYS.iter().map(ToString::to_string).collect();
        Err(serde::de::Error::custom(format!(
            "{days} days is not a valid retention; the nearest is {nearest}\nuse one of {}",
            allowed.join(", ")
        )))
    }
}

impl JsonSchema for RetentionDays {
    fn schema_name() -> Cow<'static, str> {
        "RetentionDays".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "enum": DAYS })
    }
}

/// Adds a fault to the notes for everything that CloudWatch Logs would reject.
pub(super) fn check(name: &str, spec: &LogGroupSpec, notes: &mut Notes<'_>) {
    let states_days = !spec.retention_days.is_unstated();
    if states_days && spec.retention_at_least.is_some() {
        let message = "`retention_days` and `retention_at_least` are mutually exclusive";
        notes.fault("retention_at_least", message, "remove one of them");
    }
    if spec.class == Some(Class::Delivery) && (states_days || spec.retention_at_least.is_some()) {
        let field = if states_days { "retention_days" } else { "retention_at_least" };
        let message = format!("`{field}` cannot be combined with `class: DELIVERY`, whose retention AWS sets");
        notes.fault(field, message, format!("remove `{field}`"));
    }
    // AssociateKmsKey accepts key ARNs only, and DescribeLogGroups returns the key ARN
    // (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html).
    let is_key = |key: &str| key.starts_with("${") || (key.starts_with("arn:") && key.contains(":key/"));
    if spec.kms_key.is_set_and(|key| !is_key(key)) {
        let message = "`kms_key` must be the ARN of a KMS key";
        notes.fault("kms_key", message, "write arn:aws:kms:REGION:ACCOUNT:key/ID instead of an alias or a key ID");
    }
    filter_check::metric_filters(&spec.metric_filters, notes);
    filter_check::subscription_filters(name, &spec.subscription_filters, notes);
    let filters = [
        ("metric_filters", spec.metric_filters.is_set_and(|filters| !filters.is_empty())),
        ("subscription_filters", spec.subscription_filters.is_set_and(|filters| !filters.is_empty())),
    ];
    for (field, _) in filters.into_iter().filter(|(_, is_set)| *is_set) {
        if let Some(class) = spec.class.map(Class::as_str).filter(|class| WITHOUT_FILTERS.contains(class)) {
            let message = format!("a log group of the class {class} cannot have `{field}`");
            notes.fault(field, message, format!("remove `{field}`, or use the class STANDARD"));
        }
    }
    tags::check(&spec.tags, notes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;

    fn spec(yaml: &str) -> Result<LogGroupSpec, String> {
        decode(&parse(yaml, 0).unwrap()).map_err(|fault| fault.message)
    }

    #[test]
    fn a_retention_is_unstated_unset_or_a_valid_number_of_days() {
        assert_eq!(spec("class: STANDARD\n").unwrap().retention_days, Setting::Unstated);
        assert_eq!(spec("retention_days: unset\n").unwrap().retention_days, Setting::Unset);
        assert_eq!(spec("retention_days: 365\n").unwrap().retention_days, Setting::Set(RetentionDays(365)));
        assert!(spec("retention_days: 364\n").unwrap_err().contains("the nearest is 365"));
        assert!(spec("retention_days: never\n").is_err());
    }

    #[test]
    fn unset_removes_a_single_tag() {
        let tags = spec("tags: {Team: sre, Old: unset}\n").unwrap().tags.into_value().unwrap();
        assert_eq!((&tags["Team"], &tags["Old"]), (&Setting::Set("sre".to_owned()), &Setting::Unset));
    }
}
