//! Lifecycle rules in one form for spec and AWS: the whole of S3's `LifecycleRule`. `lifecycle_sdk` turns them into the
//! SDK's types and back.
//!
//! S3 has several spellings of one filter: an empty filter and an empty prefix, the old top-level `Prefix` and
//! `Filter.Prefix`, an `And` of one condition and the condition alone. Here each filter has one form: the conditions
//! that all must hold (S3 API Reference, LifecycleRuleFilter).

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use regionctl_core::kind::Notes;
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lifecycle_check::{Fault, faults};

/// A lifecycle rule. All conditions must hold for an object; without any, the rule is for all objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// Its id, by which it is known.
    pub id: String,
    /// Whether it is in force.
    // `Clone::clone` leaves out `true`, and `Not::not` below leaves out `false`.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub enabled: bool,
    /// Only objects whose keys start with this.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Only objects that have all of these tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Only objects larger than this, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_greater_than: Option<i64>,
    /// Only objects smaller than this, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_less_than: Option<i64>,
    /// The number of days after which objects expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_days: Option<i32>,
    /// The day on which objects expire, such as 2027-01-31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_date: Option<String>,
    /// Whether delete markers go that have no versions left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expire_delete_markers: bool,
    /// The number of days after which old versions are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent_expire_days: Option<i32>,
    /// How many of the newest old versions are kept all the same, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent_newer_versions: Option<i32>,
    /// The number of days after which unfinished uploads are aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_days: Option<i32>,
    /// Moves of objects to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// Moves of old versions to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noncurrent_transitions: Vec<NoncurrentTransition>,
}

/// A move of objects to another storage class, after a number of days or on a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The number of days after which objects are moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<i32>,
    /// The day on which objects are moved, such as 2027-01-31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// AWS's name of the class, such as STANDARD_IA or GLACIER.
    pub storage_class: String,
}

/// A move of old versions to another storage class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoncurrentTransition {
    /// The number of days after which old versions are moved.
    pub days: i32,
    /// AWS's name of the class, such as STANDARD_IA or GLACIER.
    pub storage_class: String,
    /// How many of the newest old versions stay where they are, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer_versions: Option<i32>,
}

/// Which objects are too small to be moved, where a rule has no size condition of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MinimumSize {
    /// Objects below 128 KB, to every class. AWS's default since September 2024.
    #[serde(rename = "all_storage_classes_128K")]
    AllStorageClasses128K,
    /// Objects below 128 KB, but not to GLACIER and DEEP_ARCHIVE.
    #[serde(rename = "varies_by_storage_class")]
    VariesByStorageClass,
}

/// The storage classes that a lifecycle rule can move objects to (TransitionStorageClass).
pub const CLASSES: [&str; 6] =
    ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];

fn yes() -> bool {
    true
}

/// Brings rules into the one form of spec and AWS: the order of rules and of moves means nothing, and no rules at all
/// is unset.
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

/// Notes what AWS refuses in a spec's rules.
pub fn check(rules: &[LifecycleRule], notes: &mut Notes<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        if rules[..index].iter().any(|earlier| earlier.id == rule.id) {
            let what = format!("another rule has the id '{}' too", rule.id);
            notes.fault(&format!("lifecycle[{index}].id"), what, "give each rule its own id");
        }
        for Fault { field, what, help } in faults(rule) {
            let field = if field.is_empty() { field } else { format!(".{field}") };
            notes.fault(&format!("lifecycle[{index}]{field}"), what, help);
        }
    }
}

/// Reads a day, `2027-01-31`, as S3's time: midnight in UTC. A text with a time of its own is read as it is.
pub fn date_of(text: &str) -> Option<DateTime> {
    let full = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    DateTime::from_str(&full, DateTimeFormat::DateTime).ok()
}

impl LifecycleRule {
    /// Returns a rule without conditions and actions.
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
    fn what_s3_refuses_is_refused() {
        for (fields, why) in [
            (json!({"id": "", "expire_days": 1}), "1 to 255"),
            (json!({"id": "a", "prefix": "tmp/"}), "does nothing"),
            (json!({"id": "a", "expire_days": 0}), "expire_days is 0"),
            (json!({"id": "a", "expire_days": 1, "expire_date": "2027-01-31"}), "exclude each other"),
            (json!({"id": "a", "expire_days": 1, "expire_delete_markers": true}), "which do the same"),
            (json!({"id": "a", "expire_date": "2027-02-31"}), "not a day"),
            (json!({"id": "a", "expire_date": "tomorrow"}), "not a day"),
            (json!({"id": "a", "abort_uploads_days": 1, "tags": {"a": "b"}}), "have no tags"),
            (json!({"id": "a", "expire_days": 1, "noncurrent_newer_versions": 3}), "needs noncurrent_expire_days"),
            (json!({"id": "a", "noncurrent_expire_days": 1, "noncurrent_newer_versions": 101}), "_versions is 101"),
            (json!({"id": "a", "expire_days": 1, "size_greater_than": 5, "size_less_than": 5}), "no object"),
            (json!({"id": "a", "transitions": [{"storage_class": "GLACIER"}]}), "either days or a date"),
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
    fn all_faults_of_a_rule_are_found_at_once() {
        let fields = json!({"id": "a", "expire_days": -1, "size_greater_than": -5, "noncurrent_newer_versions": 101,
            "abort_uploads_days": 0, "transitions": [{"days": -1, "storage_class": "GLACIR"}]});
        let fields_of: Vec<String> = faults(&rule(fields)).into_iter().map(|fault| fault.field).collect();
        let newer = "noncurrent_newer_versions";
        let moves = ["transitions[0].days", "transitions[0].storage_class"];
        let numbers = ["expire_days", "abort_uploads_days", newer, "size_greater_than"];
        assert_eq!(fields_of, [&[newer], &numbers[..], &moves[..]].concat());
    }

    #[test]
    fn the_short_forms_are_enough() {
        let short = rule(json!({"id": "a", "transitions": [{"days": 0, "storage_class": "INTELLIGENT_TIERING"}]}));
        assert_eq!(faults(&short), []);
        let transition = Transition { days: Some(0), date: None, storage_class: "INTELLIGENT_TIERING".to_owned() };
        assert_eq!(short, LifecycleRule { transitions: vec![transition], ..LifecycleRule::named("a") });
        let json = serde_json::to_value(&short).unwrap();
        assert_eq!(json, json!({"id": "a", "transitions": [{"days": 0, "storage_class": "INTELLIGENT_TIERING"}]}));
    }

    #[test]
    fn no_rules_are_unset_and_their_order_means_nothing() {
        assert_eq!(canonical(Vec::new()), Setting::Unset);
        let (a, b) = (LifecycleRule::named("a"), LifecycleRule::named("b"));
        assert_eq!(canonical(vec![b.clone(), a.clone()]), canonical(vec![a, b]));
    }
}
