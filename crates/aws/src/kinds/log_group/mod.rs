// SPDX-License-Identifier: Apache-2.0
//! `logs.log_group`: a log group, or with a pattern (`*`) all matching log groups of the region.
//!
//! A log group that the spec names is created if it does not exist
//! (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>). A pattern changes
//! existing log groups only.

mod api;
mod defects;
mod filter_check;
mod filter_sdk;
mod filter_steps;
mod filters;
mod follow;
mod model;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Need, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tags;
use filters::{MetricFilter, SubscriptionFilter};
use model::LogGroupModel;
use spec::{LogGroupSpec, check};

/// The kind `logs.log_group`.
pub struct LogGroup;

/// The CloudWatch Logs calls that create and change a log group.
#[derive(Debug, Serialize, Deserialize)]
pub enum LogGroupOp {
    /// Creates the log group. Its events never expire until PutRetentionPolicy.
    CreateLogGroup {
        /// AWS's name of the log class, such as `INFREQUENT_ACCESS`; `None` for STANDARD.
        class: Option<String>,
        /// The ARN of the KMS key; `None` for a key that CloudWatch Logs manages.
        kms_key: Option<String>,
        /// Whether deletion protection is on; `None` for off.
        deletion_protection: Option<bool>,
        /// The tags of the spec, set in the same call.
        tags: Tags,
    },
    /// Deletes the log group and all its events.
    DeleteLogGroup,
    /// Sets the retention. Older events expire
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
    PutRetentionPolicy {
        /// The retention in days, one of the values that CloudWatch Logs supports.
        days: i32,
    },
    /// Removes the retention: events never expire.
    DeleteRetentionPolicy,
    /// Encrypts newly ingested events with a KMS key
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html>).
    AssociateKmsKey {
        /// The key's ARN. CloudWatch Logs accepts no alias.
        key: String,
    },
    /// Encrypts newly ingested events with a key that CloudWatch Logs manages.
    DisassociateKmsKey,
    /// Turns deletion protection on or off.
    PutLogGroupDeletionProtection {
        /// `true`: CloudWatch Logs rejects DeleteLogGroup.
        enabled: bool,
    },
    /// Creates or replaces a metric filter
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>).
    PutMetricFilter {
        /// The name of the filter.
        name: String,
        /// The whole filter.
        filter: MetricFilter,
    },
    /// Deletes a metric filter.
    DeleteMetricFilter {
        /// The name of the filter.
        name: String,
    },
    /// Creates or replaces a subscription filter, and sends a test message to its destination
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>).
    PutSubscriptionFilter {
        /// The name of the filter.
        name: String,
        /// The whole filter.
        filter: SubscriptionFilter,
    },
    /// Deletes a subscription filter.
    DeleteSubscriptionFilter {
        /// The name of the filter.
        name: String,
    },
    /// Adds or overwrites tags; other tags are kept.
    TagResource {
        /// The tags that the spec sets.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags are kept.
    UntagResource {
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
}

impl Kind for LogGroup {
    const FACTS: Facts = Facts {
        name: "logs.log_group",
        service: "CloudWatch Logs",
        summary: "A log group or, with `*` in its name, all log groups of the region that match.",
        reads: &["DescribeLogGroups", "DescribeMetricFilters", "DescribeSubscriptionFilters", "ListTagsForResource"],
        writes: &[
            "CreateLogGroup",
            "PutRetentionPolicy",
            "DeleteRetentionPolicy",
            "AssociateKmsKey",
            "DisassociateKmsKey",
            "PutLogGroupDeletionProtection",
            "PutMetricFilter",
            "DeleteMetricFilter",
            "PutSubscriptionFilter",
            "DeleteSubscriptionFilter",
            "TagResource",
            "UntagResource",
            "DeleteLogGroup",
        ],
        removes: &["DeleteLogGroup"],
        attributes: &["arn", "name"],
        name_fields: &["log_group"],
        parts: &["metric_filters", "subscription_filters", "tags"],
        defect_rules: &[defects::DEAD_DESTINATION],
        looks_up: &defects::LOOKS_UP,
        // PutSubscriptionFilter passes the role to CloudWatch Logs, except for a Lambda function.
        also: &[Need::if_stated("passed_roles", "iam:PassRole", crate::services::ROLES)
            .for_calls(&["PutSubscriptionFilter"])],
        creation_tags: true,
        patterns: true,
        lists: true,
        follows: true,
        inventory: &["DescribeLogGroups"],
        weights: &[
            Weight { path: "retention_days", when: When::Less, severity: Severity::High, why: "events expire earlier" },
            Weight {
                path: "retention_days",
                when: When::NotInSpec,
                severity: Severity::High,
                why: "events expire, but the spec sets no retention",
            },
            Weight {
                path: "kms_key",
                when: When::Differs,
                severity: Severity::High,
                why: "events are not encrypted with the KMS key of the spec",
            },
            Weight {
                path: "deletion_protection",
                when: When::Less,
                severity: Severity::High,
                why: "the log group can be deleted with all its events",
            },
            Weight {
                path: "subscription_filters*",
                when: When::Differs,
                severity: Severity::High,
                why: "a destination does not receive the events that the spec says",
            },
            Weight {
                path: "metric_filters*",
                when: When::Differs,
                severity: Severity::High,
                why: "a metric, and the alarms on it, may lack data",
            },
        ],
        defaults: r#"{"retention_days": null, "kms_key": null, "deletion_protection": false}"#,
        example: "
logs.log_group:
  \"*\": {retention_days: 365}
  /aws/lambda/resize: {retention_days: 30}
  /audit:
    retention_days: unset # events never expire
    deletion_protection: true
    metric_filters:
      logins: {pattern: '{$.event = \"login\"}', metric: Logins, namespace: Audit, value: \"1\", unit: Count}
    subscription_filters:
      archive:
        destination: arn:aws:firehose:eu-central-1:123456789012:deliverystream/audit
        role: arn:aws:iam::123456789012:role/logs-to-firehose
    tags: {Team: security}
",
        ..Facts::DEFAULT
    };

    type Spec = LogGroupSpec;
    type Model = LogGroupModel;
    type Op = LogGroupOp;

    fn check_name(name: &str) -> Result<(), String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._/#-".contains(&byte);
        if (1..=512).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(());
        }
        Err(format!("'{name}' is not a valid log group name\nuse 1 to 512 of the characters a-z A-Z 0-9 . _ / # -"))
    }

    fn desire(name: &str, spec: LogGroupSpec, notes: &mut Notes<'_>) -> LogGroupModel {
        check(name, &spec, notes);
        let LogGroupSpec {
            retention_days,
            retention_at_least,
            kms_key,
            class,
            deletion_protection,
            metric_filters,
            subscription_filters,
            waiver,
            tags,
        } = spec;
        notes.waive_all(Self::FACTS.defect_rules, waiver.as_ref());
        let metric_filters = metric_filters
            .map(|filters| filters.into_iter().map(|(name, it)| (name, it.map(MetricFilter::canonical))).collect());
        let subscription_filters = subscription_filters.map(|filters| {
            filters.into_iter().map(|(name, it)| (name, it.map(SubscriptionFilter::canonical))).collect()
        });
        let roles = filter_check::set(&subscription_filters).filter_map(|(_, filter)| filter.role.clone()).collect();
        LogGroupModel {
            retention_days: retention_days.map(|days| days.0),
            retention_at_least: Setting::stated(retention_at_least.map(|days| days.0)),
            kms_key,
            class: Setting::stated(class.map(|class| class.as_str().to_owned())),
            deletion_protection: Setting::stated(deletion_protection),
            metric_filters,
            subscription_filters,
            passed_roles: roles,
            tags,
            retention_policy: None,
            oldest_event_days: None,
        }
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([
            ("arn".to_owned(), location.arn("logs", &format!("log-group:{name}"))),
            // A function refers to the name of its log group, so that the log group is created first.
            ("name".to_owned(), name.to_owned()),
        ])
    }

    /// Returns `iam:PassRole` for the role that a call passes to CloudWatch Logs.
    fn also_needs(op: &LogGroupOp) -> Vec<(&'static str, String)> {
        match op {
            LogGroupOp::PutSubscriptionFilter { filter, .. } => {
                filter.role.iter().map(|role| ("iam:PassRole", role.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    fn follow(
        own: LogGroupModel,
        source: &LiveResource<LogGroupModel>,
        location: &Location,
        left: &mut Vec<String>,
    ) -> Option<LogGroupModel> {
        Some(follow::follow(own, &source.model, &location.region, left))
    }

    /// Returns only the filters that the spec names.
    fn relevant(want: Option<&LogGroupModel>, live: LogGroupModel) -> LogGroupModel {
        let live = LogGroupModel { oldest_event_days: None, passed_roles: BTreeSet::new(), ..live };
        let Some(want) = want else { return live };
        LogGroupModel {
            metric_filters: filters::named_by(&want.metric_filters, live.metric_filters),
            subscription_filters: filters::named_by(&want.subscription_filters, live.subscription_filters),
            ..live
        }
    }

    fn defects(want: &LogGroupModel, _: Option<&LogGroupModel>, seen: &Seen<'_>) -> Vec<Risk> {
        defects::defects(want, seen)
    }

    fn write(model: &LogGroupModel) -> Option<Value> {
        let LogGroupModel { retention_days, retention_at_least, kms_key, class, deletion_protection, tags, .. } = model;
        let mut fields = Map::new();
        write::setting("retention_days", retention_days, &mut fields);
        write::setting("retention_at_least", retention_at_least, &mut fields);
        write::setting("kms_key", kms_key, &mut fields);
        write::setting("class", class, &mut fields);
        write::setting("deletion_protection", deletion_protection, &mut fields);
        filters::write("metric_filters", &model.metric_filters, &mut fields);
        filters::write("subscription_filters", &model.subscription_filters, &mut fields);
        tags::write(tags, &mut fields);
        Some(Value::Object(fields))
    }

    fn remove(live: &LogGroupModel, out: &mut Diff<'_, LogGroupOp>) {
        // CloudWatch Logs would reject DeleteLogGroup.
        if live.deletion_protection == Setting::Set(true) {
            out.never_removed("deletion protection is on; apply `deletion_protection: false` first");
            return;
        }
        out.removed(LogGroupOp::DeleteLogGroup);
    }

    fn diff(want: &LogGroupModel, live: Option<&LogGroupModel>, out: &mut Diff<'_, LogGroupOp>) {
        let LogGroupModel {
            retention_days: _,
            retention_at_least: _,
            kms_key,
            class,
            deletion_protection,
            metric_filters: _,
            subscription_filters: _,
            passed_roles: _,
            tags,
            retention_policy: _,
            oldest_event_days: _,
        } = want;
        let class_covers = out.setting("class", class, live.map(|live| &live.class));
        let retention_covers = retention(want, live, out);
        let key_covers = out.setting("kms_key", kms_key, live.map(|live| &live.kms_key));
        let protection_covers =
            out.setting("deletion_protection", deletion_protection, live.map(|live| &live.deletion_protection));
        let tag_changes = tags::compare(tags, live.map(|live| &live.tags), out);
        if live.is_none() {
            let covers = out.creation().and(class_covers).and(key_covers).and(protection_covers);
            let (tagged, tags) = tags::of_new(tag_changes, out);
            let create = LogGroupOp::CreateLogGroup {
                class: class.value().cloned(),
                kms_key: kms_key.value().cloned(),
                deletion_protection: deletion_protection.value().copied(),
                tags,
            };
            out.step(Phase::Create, covers.and(tagged), create);
        } else {
            out.blocked(&class_covers, "the class of a log group is set at creation and cannot be changed");
            out.remark(&key_covers, "existing events keep their encryption");
            let key = match kms_key.value() {
                Some(key) => LogGroupOp::AssociateKmsKey { key: key.clone() },
                None => LogGroupOp::DisassociateKmsKey,
            };
            out.step(Phase::Change, key_covers, key);
            let enabled = deletion_protection.value().copied().unwrap_or_default();
            out.step(Phase::Change, protection_covers, LogGroupOp::PutLogGroupDeletionProtection { enabled });
            out.step(Phase::Change, tag_changes.set, LogGroupOp::TagResource { tags: tag_changes.tags });
            out.step(Phase::Change, tag_changes.removed, LogGroupOp::UntagResource { keys: tag_changes.keys });
        }
        let policy = match want.desired_retention(live) {
            Setting::Set(days) => LogGroupOp::PutRetentionPolicy { days },
            Setting::Unset | Setting::Unstated => LogGroupOp::DeleteRetentionPolicy,
        };
        out.step(Phase::Change, retention_covers, policy);
        filter_steps::diff(want, live, out);
    }
}

/// Compares the retention. Reports the events that a change deletes, and a retention that has no effect.
fn retention(want: &LogGroupModel, live: Option<&LogGroupModel>, out: &mut Diff<'_, LogGroupOp>) -> Covers {
    if let Some(why) = live.and_then(|live| retention_is_overridden(want, live)) {
        out.note(why);
        return Covers::default();
    }
    let desired = want.desired_retention(live);
    let covers = out.setting("retention_days", &desired, live.map(|live| &live.retention_days));
    let Some(live) = live.filter(|_| !covers.is_empty()) else { return covers };
    if live.retention_days == Setting::Unset {
        out.remark(&covers, "now: events never expire");
    }
    if let Setting::Set(days) = desired
        && live.deletes_events(days)
    {
        out.deletes(format!("events older than {days} days are deleted"));
    }
    covers
}

/// Returns why the stated retention has no effect. PutRetentionPolicy would fail for the class DELIVERY. Under an
/// account-level policy it succeeds, but the policy decides, and DescribeLogGroups returns the policy's retention.
fn retention_is_overridden(want: &LogGroupModel, live: &LogGroupModel) -> Option<String> {
    let days = |retention: &Setting<i32>| match retention {
        Setting::Set(days) => format!("{days} days"),
        Setting::Unset | Setting::Unstated => "never".to_owned(),
    };
    if live.is_delivery() {
        let is_stated = !want.retention_days.is_unstated() || !want.retention_at_least.is_unstated();
        let why = "the stated retention has no effect: AWS sets the retention of a log group of the class DELIVERY";
        return is_stated.then(|| why.to_owned());
    }
    let policy = live.retention_policy.as_ref()?;
    let desired = want.desired_retention(Some(live));
    (!desired.is_unstated() && desired != live.retention_days).then(|| {
        format!(
            "the stated retention ({}) has no effect: the account-level retention policy '{policy}' decides ({}); change \
             that policy, or leave the retention out",
            days(&desired),
            days(&live.retention_days)
        )
    })
}
