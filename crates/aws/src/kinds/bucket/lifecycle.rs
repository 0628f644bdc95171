// SPDX-License-Identifier: Apache-2.0
//! Lifecycle rules, the same type for spec and live. They cover all of S3's `LifecycleRule`. `lifecycle_sdk` converts
//! them to and from the SDK's types.
//!
//! S3 can express one filter in several ways: an empty filter or an empty prefix, the deprecated top-level `Prefix` or
//! `Filter.Prefix`, a condition alone or in an `And`. Here a filter has one form: a set of conditions that must all
//! match (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html>).

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use regionctl_core::kind::Notes;
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lifecycle_check::{Fault, MAX_RULES, faults};

/// A lifecycle rule. It applies to objects that match all of its filters (`prefix`, `tags`, `size_greater_than`,
/// `size_less_than`). Without filters it applies to all objects of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// The ID, unique within the bucket, 1 to 255 characters.
    pub id: String,
    /// Whether S3 applies the rule. Default: true.
    // Serialization omits defaults: `Clone::clone` is true for `true`, and `Not::not` below is true for `false`.
    #[serde(default = "default_true", skip_serializing_if = "Clone::clone")]
    pub enabled: bool,
    /// Filter: the prefix of the object keys.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Filter: object tags. An object must have all of them.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Filter: objects larger than this size, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_greater_than: Option<i64>,
    /// Filter: objects smaller than this size, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_less_than: Option<i64>,
    /// Expiration: days after creation at which current versions expire, 1 or more. Excludes `expire_date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_days: Option<i32>,
    /// Expiration: the date on which current versions expire, as YYYY-MM-DD (midnight UTC). Excludes `expire_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_date: Option<String>,
    /// Whether S3 removes expired object delete markers, which have no noncurrent versions. Excludes `expire_days`,
    /// `expire_date` and `tags`. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expire_delete_markers: bool,
    /// Days after becoming noncurrent at which versions are permanently deleted, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent_expire_days: Option<i32>,
    /// The number of newest noncurrent versions to retain, 1 to 100. Needs `noncurrent_expire_days`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent_newer_versions: Option<i32>,
    /// Days after initiation at which incomplete multipart uploads are aborted, 1 or more. Excludes `tags`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_days: Option<i32>,
    /// Transitions of current versions to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// Transitions of noncurrent versions to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noncurrent_transitions: Vec<NoncurrentTransition>,
}

/// A transition of current versions to another storage class. It has either `days` or `date`, as all transitions and the
/// expiration of the rule. In order of time, the classes are STANDARD_IA, INTELLIGENT_TIERING, ONEZONE_IA or GLACIER_IR,
/// GLACIER, DEEP_ARCHIVE. S3 requires 30 days between STANDARD_IA or ONEZONE_IA and ONEZONE_IA, GLACIER or DEEP_ARCHIVE.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// Days after creation at which objects transition: 30 or more for STANDARD_IA and ONEZONE_IA, otherwise 0 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<i32>,
    /// The date on which objects transition, as YYYY-MM-DD (midnight UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The storage class: STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER or DEEP_ARCHIVE.
    pub storage_class: String,
}

/// A transition of noncurrent versions to another storage class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoncurrentTransition {
    /// Days after becoming noncurrent at which versions transition: 30 or more for STANDARD_IA and ONEZONE_IA, otherwise
    /// 0 or more.
    pub days: i32,
    /// The storage class: STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER or DEEP_ARCHIVE.
    pub storage_class: String,
    /// The number of newest noncurrent versions that do not transition, 1 to 100. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer_versions: Option<i32>,
}

/// The default minimum object size for transitions. A size filter of a rule overrides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MinimumSize {
    /// Objects smaller than 128 KB do not transition to any storage class. AWS's default since September 2024.
    #[serde(rename = "all_storage_classes_128K")]
    AllStorageClasses128K,
    /// Objects smaller than 128 KB transition to GLACIER and DEEP_ARCHIVE only.
    #[serde(rename = "varies_by_storage_class")]
    VariesByStorageClass,
}

/// The storage classes that are valid in a transition (`TransitionStorageClass`).
pub const CLASSES: [&str; 6] =
    ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];

fn default_true() -> bool {
    true
}

/// Normalizes rules for comparison: sorts the rules and their transitions, whose order has no meaning, and returns
/// `Unset` for an empty list.
pub fn canonical(rules: Vec<LifecycleRule>) -> Setting<Vec<LifecycleRule>> {
    if rules.is_empty() {
        return Setting::Unset;
    }
    let mut rules = rules;
    for rule in &mut rules {
        rule.transitions.sort();
        rule.noncurrent_transitions.sort();
    }
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    Setting::Set(rules)
}

/// Adds a fault to the notes for everything that S3 would reject.
pub fn check(rules: &[LifecycleRule], notes: &mut Notes<'_>) {
    if rules.len() > MAX_RULES {
        notes.fault("lifecycle", format!("more than {MAX_RULES} lifecycle rules"), "merge or remove rules");
    }
    for (index, rule) in rules.iter().enumerate() {
        if rules[..index].iter().any(|earlier| earlier.id == rule.id) {
            let what = format!("the lifecycle rule ID '{}' is not unique", rule.id);
            notes.fault(&format!("lifecycle[{index}].id"), what, "give each rule a different `id`");
        }
        for Fault { field, what, help } in faults(rule) {
            let field = if field.is_empty() { field } else { format!(".{field}") };
            notes.fault(&format!("lifecycle[{index}]{field}"), what, help);
        }
    }
}

/// Parses a date: `2027-01-31` is midnight UTC, as S3 requires. A text with a time keeps that time.
pub fn date_of(text: &str) -> Option<DateTime> {
    let full = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    DateTime::from_str(&full, DateTimeFormat::DateTime).ok()
}

impl LifecycleRule {
    /// Returns a rule without filters and actions.
    #[cfg(test)]
    pub fn named(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            enabled: true,
            prefix: String::new(),
            tags: Tags::new(),
            size_greater_than: None,
            size_less_than: None,
            expire_days: None,
            expire_date: None,
            expire_delete_markers: false,
            noncurrent_expire_days: None,
            noncurrent_newer_versions: None,
            abort_uploads_days: None,
            transitions: Vec::new(),
            noncurrent_transitions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rule(fields: Value) -> LifecycleRule {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn a_rule_that_s3_rejects_is_a_fault() {
        for (fields, why) in [
            (json!({"id": "", "expire_days": 1}), "1 to 255"),
            (json!({"id": "a", "prefix": "tmp/"}), "has no action"),
            (json!({"id": "a", "expire_days": 0}), "`expire_days` cannot be 0"),
            (json!({"id": "a", "expire_days": 1, "expire_date": "2027-01-31"}), "mutually exclusive"),
            (json!({"id": "a", "expire_days": 1, "expire_delete_markers": true}), "cannot be combined"),
            (json!({"id": "a", "expire_date": "2027-02-31"}), "not a date"),
            (json!({"id": "a", "expire_date": "tomorrow"}), "not a date"),
            (json!({"id": "a", "expire_date": "2027-01-31T12:00:00Z"}), "not a date"),
            (json!({"id": "a", "abort_uploads_days": 1, "tags": {"a": "b"}}), "combined with `tags`"),
            (json!({"id": "a", "expire_days": 1, "noncurrent_newer_versions": 3}), "needs `noncurrent_expire_days`"),
            (
                json!({"id": "a", "noncurrent_expire_days": 1, "noncurrent_newer_versions": 101}),
                "_versions` cannot be 101",
            ),
            (json!({"id": "a", "expire_days": 1, "size_greater_than": 5, "size_less_than": 5}), "no object"),
            (json!({"id": "a", "transitions": [{"storage_class": "GLACIER"}]}), "either `days` or `date`"),
            (
                json!({"id": "a", "transitions": [{"days": 1, "storage_class": "STANDARD"}]}),
                "the storage class 'STANDARD'",
            ),
        ] {
            let found = faults(&rule(fields.clone()));
            assert_eq!(found.len(), 1, "{fields}: {found:?}");
            assert!(found[0].what.contains(why), "{fields}: {found:?}");
        }
    }

    #[test]
    fn all_faults_of_a_rule_are_reported() {
        let fields = json!({"id": "a", "expire_days": -1, "size_greater_than": -5, "noncurrent_newer_versions": 101,
            "abort_uploads_days": 0, "transitions": [{"days": -1, "storage_class": "GLACIR"}]});
        let found: Vec<String> = faults(&rule(fields)).into_iter().map(|fault| fault.field).collect();
        let newer = "noncurrent_newer_versions";
        let transitions = ["transitions[0].days", "transitions[0].storage_class"];
        let numbers = ["expire_days", "abort_uploads_days", newer, "size_greater_than"];
        assert_eq!(found, [&[newer], &numbers[..], &transitions[..]].concat());
    }

    #[test]
    fn omitted_fields_have_defaults_and_are_not_serialized() {
        let short = rule(json!({"id": "a", "transitions": [{"days": 0, "storage_class": "INTELLIGENT_TIERING"}]}));
        assert_eq!(faults(&short), []);
        let transition = Transition { days: Some(0), date: None, storage_class: "INTELLIGENT_TIERING".to_owned() };
        assert_eq!(short, LifecycleRule { transitions: vec![transition], ..LifecycleRule::named("a") });
        let json = serde_json::to_value(&short).unwrap();
        assert_eq!(json, json!({"id": "a", "transitions": [{"days": 0, "storage_class": "INTELLIGENT_TIERING"}]}));
    }

    #[test]
    fn an_empty_list_is_unset_and_the_order_of_rules_does_not_matter() {
        assert_eq!(canonical(Vec::new()), Setting::Unset);
        let (a, b) = (LifecycleRule::named("a"), LifecycleRule::named("b"));
        assert_eq!(canonical(vec![b.clone(), a.clone()]), canonical(vec![a, b]));
    }
}
