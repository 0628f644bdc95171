// SPDX-License-Identifier: Apache-2.0
//! `logs.log_group`: a log group, or with a pattern (`*`) all matching log groups of the region.
//!
//! A log group that the spec names is created if it does not exist
//! (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>). A pattern changes
//! existing log groups only.

mod api;
mod model;
mod spec;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tags;
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
        reads: &["DescribeLogGroups", "ListTagsForResource"],
        writes: &[
            "CreateLogGroup",
            "PutRetentionPolicy",
            "DeleteRetentionPolicy",
            "AssociateKmsKey",
            "DisassociateKmsKey",
            "PutLogGroupDeletionProtection",
            "TagResource",
            "UntagResource",
            "DeleteLogGroup",
        ],
        removes: &["DeleteLogGroup"],
        attributes: &["arn", "name"],
        name_fields: &["log_group"],
        parts: &["tags"],
        creation_tags: true,
        patterns: true,
        lists: true,
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
        ],
        defaults: r#"{"retention_days": null, "kms_key": null, "deletion_protection": false}"#,
        example: "
logs.log_group:
  \"*\": {retention_days: 365}
  /aws/lambda/resize: {retention_days: 30}
  /audit:
    retention_days: unset # events never expire
    deletion_protection: true
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

    fn desire(_: &str, spec: LogGroupSpec, notes: &mut Notes<'_>) -> LogGroupModel {
        check(&spec, notes);
        let LogGroupSpec { retention_days, retention_at_least, kms_key, class, deletion_protection, tags } = spec;
        LogGroupModel {
            retention_days: retention_days.map(|days| days.0),
            retention_at_least: Setting::stated(retention_at_least.map(|days| days.0)),
            kms_key,
            class: Setting::stated(class.map(|class| class.as_str().to_owned())),
            deletion_protection: Setting::stated(deletion_protection),
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

    fn relevant(_: Option<&LogGroupModel>, live: LogGroupModel) -> LogGroupModel {
        LogGroupModel { oldest_event_days: None, ..live }
    }

    fn write(model: &LogGroupModel) -> Option<Value> {
        let LogGroupModel { retention_days, retention_at_least, kms_key, class, deletion_protection, tags, .. } = model;
        let mut fields = Map::new();
        write::setting("retention_days", retention_days, &mut fields);
        write::setting("retention_at_least", retention_at_least, &mut fields);
        write::setting("kms_key", kms_key, &mut fields);
        write::setting("class", class, &mut fields);
        write::setting("deletion_protection", deletion_protection, &mut fields);
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
    }
}

/// Compares the retention. Reports the events that a change deletes, or why the retention cannot be changed.
fn retention(want: &LogGroupModel, live: Option<&LogGroupModel>, out: &mut Diff<'_, LogGroupOp>) -> Covers {
    let desired = want.desired_retention(live);
    let covers = out.setting("retention_days", &desired, live.map(|live| &live.retention_days));
    let Some(live) = live.filter(|_| !covers.is_empty()) else { return covers };
    if let Some(policy) = &live.retention_policy {
        // PutRetentionPolicy succeeds, but DescribeLogGroups still returns the retention of the policy.
        let why = format!(
            "the account-level retention policy '{policy}' overrides the retention; change that policy instead"
        );
        out.blocked(&covers, &why);
        return covers;
    }
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

#[cfg(test)]
mod tests {
    use super::model::DELIVERY;
    use super::*;

    fn with_retention(retention_days: Setting<i32>) -> LogGroupModel {
        LogGroupModel { retention_days, ..LogGroupModel::default() }
    }

    fn at_least(days: i32) -> LogGroupModel {
        LogGroupModel { retention_at_least: Setting::Set(days), ..LogGroupModel::default() }
    }

    /// Returns the calls, the number of deletions and the blocked changes.
    fn steps(want: &LogGroupModel, live: &LogGroupModel) -> (Vec<String>, usize, Vec<String>) {
        let mut diff = Diff::new(true, &[]);
        LogGroup::diff(want, Some(live), &mut diff);
        let draft = diff.finish().unwrap();
        let calls = draft.steps.iter().map(|step| regionctl_core::diff::operation(&step.op).to_owned());
        (calls.collect(), draft.deletes.len(), draft.blocked)
    }

    #[test]
    fn a_shorter_retention_deletes_events_and_a_longer_one_does_not() {
        let put = || vec!["PutRetentionPolicy".to_owned()];
        assert_eq!(steps(&with_retention(Setting::Set(365)), &with_retention(Setting::Set(3653))), (put(), 1, vec![]));
        assert_eq!(steps(&with_retention(Setting::Set(365)), &with_retention(Setting::Set(30))), (put(), 0, vec![]));
        assert_eq!(steps(&with_retention(Setting::Set(365)), &with_retention(Setting::Unset)), (put(), 1, vec![]));
        let young = LogGroupModel { oldest_event_days: Some(30), ..with_retention(Setting::Unset) };
        assert_eq!(steps(&with_retention(Setting::Set(365)), &young), (put(), 0, vec![]));
        assert_eq!(steps(&with_retention(Setting::Set(7)), &young), (put(), 1, vec![]));
        let delete = vec!["DeleteRetentionPolicy".to_owned()];
        assert_eq!(steps(&with_retention(Setting::Unset), &with_retention(Setting::Set(30))), (delete, 0, vec![]));
    }

    #[test]
    fn at_least_keeps_a_longer_or_unlimited_retention() {
        let nothing = || (Vec::<String>::new(), 0_usize, Vec::<String>::new());
        assert_eq!(steps(&at_least(365), &with_retention(Setting::Set(400))), nothing());
        assert_eq!(steps(&at_least(365), &with_retention(Setting::Unset)), nothing());
        assert_eq!(steps(&at_least(365), &with_retention(Setting::Set(30))).0, ["PutRetentionPolicy"]);
    }

    #[test]
    fn the_retention_of_a_delivery_group_is_not_managed() {
        let live = LogGroupModel { class: Setting::Set(DELIVERY.to_owned()), ..with_retention(Setting::Set(1)) };
        assert_eq!(steps(&with_retention(Setting::Set(365)), &live), (vec![], 0, vec![]));
    }

    #[test]
    fn an_account_level_policy_with_another_retention_blocks_the_change() {
        let live = LogGroupModel { retention_policy: Some("org-90".to_owned()), ..with_retention(Setting::Set(90)) };
        let (calls, _, blocked) = steps(&with_retention(Setting::Set(365)), &live);
        assert!(calls.is_empty() && blocked[0].contains("org-90"), "{blocked:?}");
        assert_eq!(steps(&with_retention(Setting::Set(90)), &live), (vec![], 0, vec![]));
    }

    #[test]
    fn a_class_change_and_the_deletion_of_a_protected_group_are_blocked() {
        let class = |class: &str| Setting::Set(class.to_owned());
        let want = LogGroupModel { class: class("INFREQUENT_ACCESS"), ..LogGroupModel::default() };
        let live = LogGroupModel { class: class("STANDARD"), ..LogGroupModel::default() };
        assert_eq!(steps(&want, &live).2.len(), 1);
        let live = LogGroupModel { deletion_protection: Setting::Set(true), ..LogGroupModel::default() };
        let mut diff = Diff::new(true, &[]);
        LogGroup::remove(&live, &mut diff);
        assert_eq!(diff.finish().unwrap().blocked.len(), 1);
    }
}
