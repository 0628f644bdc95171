//! `logs.log_group`: a log group; with `*`, every log group of the region.
//!
//! A group that the spec names is made; a pattern only sets what it says on groups that are there.

mod api;
mod model;
mod spec;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write::unset;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tags;
use model::LogGroupModel;
use spec::{LogGroupSpec, check};

/// The kind `logs.log_group`.
pub struct LogGroup;

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum LogGroupOp {
    /// Makes the group; its events never expire until told otherwise.
    CreateLogGroup {
        /// AWS's default is STANDARD.
        class: Option<String>,
        /// The key's ARN.
        kms_key: Option<String>,
        /// AWS's default is off.
        deletion_protection: Option<bool>,
        /// The spec's.
        tags: Tags,
    },
    /// With all that was logged.
    DeleteLogGroup,
    /// Sets the retention.
    PutRetentionPolicy {
        /// Days.
        days: i32,
    },
    /// Events never expire from now on.
    DeleteRetentionPolicy,
    /// Encrypts events that are ingested from now on.
    AssociateKmsKey {
        /// The key's ARN.
        key: String,
    },
    /// Events that are ingested from now on are encrypted by CloudWatch Logs itself.
    DisassociateKmsKey,
    /// Turns deletion protection on or off.
    PutLogGroupDeletionProtection {
        /// Whether it is on.
        enabled: bool,
    },
    /// Adds or changes these; others stay.
    TagResource {
        /// The spec's.
        tags: Tags,
    },
    /// Removes these.
    UntagResource {
        /// The keys.
        keys: Vec<String>,
    },
}

impl Kind for LogGroup {
    const FACTS: Facts = Facts {
        name: "logs.log_group",
        service: "CloudWatch Logs",
        summary: "A log group; with `*` in its name, every log group of the region that matches.",
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
        outputs: &["arn", "name"],
        name_fields: &["log_group"],
        parts: &["tags"],
        patterns: true,
        lists: true,
        inventory: &["DescribeLogGroups"],
        weights: &[
            Weight {
                path: "retention_days",
                when: When::Less,
                severity: Severity::High,
                why: "events are deleted earlier",
            },
            Weight {
                path: "retention_days",
                when: When::Extra,
                severity: Severity::High,
                why: "events are deleted, and the spec keeps them",
            },
            Weight {
                path: "kms_key",
                when: When::Differs,
                severity: Severity::High,
                why: "events are not encrypted with the key that the spec says",
            },
            Weight {
                path: "deletion_protection",
                when: When::Less,
                severity: Severity::High,
                why: "it can be deleted with all its events",
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
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._/#-".contains(&byte);
        if (1..=512).contains(&name.len()) && name.bytes().all(fits) {
            return Ok(());
        }
        Err(format!("CloudWatch Logs does not take '{name}' as a log group's name\n1 to 512 of a-z A-Z 0-9 . _ / # -"))
    }

    fn desire(_: &str, spec: LogGroupSpec, notes: &mut Notes<'_>) -> LogGroupModel {
        check(&spec, notes);
        let LogGroupSpec { retention_days, retention_at_least, kms_key, class, deletion_protection, tags } = spec;
        LogGroupModel {
            retention_days: retention_days.map(|days| days.0),
            retention_at_least: Setting::stated(retention_at_least.map(|days| days.0)),
            kms_key,
            class: Setting::stated(class.map(|class| class.word().to_owned())),
            deletion_protection: Setting::stated(deletion_protection),
            tags,
            retention_policy: None,
            oldest_event_days: None,
        }
    }

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), location.arn("logs", &format!("log-group:{name}"))),
            // A function that logs into it holds its name, and so comes after it.
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn relevant(_: Option<&LogGroupModel>, live: LogGroupModel) -> LogGroupModel {
        LogGroupModel { oldest_event_days: None, ..live }
    }

    fn write(model: &LogGroupModel) -> Option<Value> {
        let LogGroupModel { retention_days, retention_at_least, kms_key, class, deletion_protection, tags, .. } = model;
        let mut fields = Map::new();
        write_setting("retention_days", retention_days, &mut fields);
        write_setting("retention_at_least", retention_at_least, &mut fields);
        write_setting("kms_key", kms_key, &mut fields);
        write_setting("class", class, &mut fields);
        write_setting("deletion_protection", deletion_protection, &mut fields);
        tags::write(tags, &mut fields);
        Some(Value::Object(fields))
    }

    fn remove(live: &LogGroupModel, out: &mut Diff<'_, LogGroupOp>) {
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
        let classed = out.setting("class", class, live.map(|live| &live.class));
        let kept = retention(want, live, out);
        let keyed = out.setting("kms_key", kms_key, live.map(|live| &live.kms_key));
        let protected =
            out.setting("deletion_protection", deletion_protection, live.map(|live| &live.deletion_protection));
        let tagged = tags::compare(tags, live.map(|live| &live.tags), out);
        if live.is_none() {
            let covers = out.birth().and(classed).and(keyed).and(protected).and(tagged.set);
            let create = LogGroupOp::CreateLogGroup {
                class: class.value().cloned(),
                kms_key: kms_key.value().cloned(),
                deletion_protection: deletion_protection.value().copied(),
                tags: tagged.tags,
            };
            out.step(Phase::Create, covers, create);
        } else {
            out.blocked(&classed, "the class of a log group is set at creation and never changes");
            out.remark(&keyed, "events that are there stay encrypted as they are");
            let key = match kms_key.value() {
                Some(key) => LogGroupOp::AssociateKmsKey { key: key.clone() },
                None => LogGroupOp::DisassociateKmsKey,
            };
            out.step(Phase::Change, keyed, key);
            let enabled = deletion_protection.value().copied().unwrap_or_default();
            out.step(Phase::Change, protected, LogGroupOp::PutLogGroupDeletionProtection { enabled });
            out.step(Phase::Change, tagged.set, LogGroupOp::TagResource { tags: tagged.tags });
            out.step(Phase::Change, tagged.removed, LogGroupOp::UntagResource { keys: tagged.keys });
        }
        let policy = match want.wanted_retention(live) {
            Setting::Set(days) => LogGroupOp::PutRetentionPolicy { days },
            Setting::Unset | Setting::Unstated => LogGroupOp::DeleteRetentionPolicy,
        };
        out.step(Phase::Change, kept, policy);
    }
}

/// Compares the retention, and says what is lost by it or why it cannot be changed.
fn retention(want: &LogGroupModel, live: Option<&LogGroupModel>, out: &mut Diff<'_, LogGroupOp>) -> Covers {
    let wanted = want.wanted_retention(live);
    let covers = out.setting("retention_days", &wanted, live.map(|live| &live.retention_days));
    let Some(live) = live.filter(|_| !covers.is_empty()) else { return covers };
    if let Some(policy) = &live.retention_policy {
        // PutRetentionPolicy succeeds, and DescribeLogGroups goes on to answer the policy's retention.
        let why =
            format!("the retention cannot be changed here while the account-level retention policy {policy} applies");
        out.blocked(&covers, &why);
        return covers;
    }
    if live.retention_days == Setting::Unset {
        out.remark(&covers, "never expired until now");
    }
    if let Setting::Set(days) = wanted
        && live.would_lose_events(days)
    {
        out.deletes(format!("events older than {days} days are deleted"));
    }
    covers
}

fn write_setting<T: Serialize>(name: &str, setting: &Setting<T>, fields: &mut Map<String, Value>) {
    let value = match setting {
        Setting::Unstated => return,
        Setting::Unset => unset(),
        Setting::Set(value) => serde_json::to_value(value).expect("invariant: models are plain data"),
    };
    fields.insert(name.to_owned(), value);
}

#[cfg(test)]
mod tests {
    use super::model::DELIVERY;
    use super::*;

    fn keeps(retention_days: Setting<i32>) -> LogGroupModel {
        LogGroupModel { retention_days, ..LogGroupModel::default() }
    }

    fn at_least(days: i32) -> LogGroupModel {
        LogGroupModel { retention_at_least: Setting::Set(days), ..LogGroupModel::default() }
    }

    /// The calls and what they delete, or why there are none.
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
        assert_eq!(steps(&keeps(Setting::Set(365)), &keeps(Setting::Set(3653))), (put(), 1, vec![]));
        assert_eq!(steps(&keeps(Setting::Set(365)), &keeps(Setting::Set(30))), (put(), 0, vec![]));
        assert_eq!(steps(&keeps(Setting::Set(365)), &keeps(Setting::Unset)), (put(), 1, vec![]));
        let young = LogGroupModel { oldest_event_days: Some(30), ..keeps(Setting::Unset) };
        assert_eq!(steps(&keeps(Setting::Set(365)), &young), (put(), 0, vec![]));
        assert_eq!(steps(&keeps(Setting::Set(7)), &young), (put(), 1, vec![]));
        let delete = vec!["DeleteRetentionPolicy".to_owned()];
        assert_eq!(steps(&keeps(Setting::Unset), &keeps(Setting::Set(30))), (delete, 0, vec![]));
    }

    #[test]
    fn at_least_leaves_what_is_longer_or_never_expires() {
        let nothing = || (Vec::<String>::new(), 0_usize, Vec::<String>::new());
        assert_eq!(steps(&at_least(365), &keeps(Setting::Set(400))), nothing());
        assert_eq!(steps(&at_least(365), &keeps(Setting::Unset)), nothing());
        assert_eq!(steps(&at_least(365), &keeps(Setting::Set(30))).0, ["PutRetentionPolicy"]);
    }

    #[test]
    fn a_delivery_group_has_no_retention_of_its_own() {
        let live = LogGroupModel { class: Setting::Set(DELIVERY.to_owned()), ..keeps(Setting::Set(1)) };
        assert_eq!(steps(&keeps(Setting::Set(365)), &live), (vec![], 0, vec![]));
    }

    #[test]
    fn an_account_level_policy_is_named_where_it_decides_otherwise() {
        let live = LogGroupModel { retention_policy: Some("org-90".to_owned()), ..keeps(Setting::Set(90)) };
        let (calls, _, blocked) = steps(&keeps(Setting::Set(365)), &live);
        assert!(calls.is_empty() && blocked[0].contains("org-90"), "{blocked:?}");
        assert_eq!(steps(&keeps(Setting::Set(90)), &live), (vec![], 0, vec![]));
    }

    #[test]
    fn the_class_never_changes_and_a_protected_group_is_not_deleted() {
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
