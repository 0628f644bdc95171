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
const CLASSES: [&str; 6] =
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
        let twice = rules[..index].iter().any(|earlier| earlier.id == rule.id);
        let fault = if twice { Some(format!("the id '{}' stands twice", rule.id)) } else { rule.fault() };
        if let Some(fault) = fault {
            notes.fault(&format!("lifecycle[{index}]"), fault, "see S3's lifecycle rules");
        }
    }
}

/// Reads a day, `2027-01-31`, as S3's time: midnight in UTC. A text with a time of its own is read as it is.
pub fn date_of(text: &str) -> Option<DateTime> {
    let full = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    DateTime::from_str(&full, DateTimeFormat::DateTime).ok()
}

impl LifecycleRule {
    /// Says what AWS refuses.
    pub fn fault(&self) -> Option<String> {
        self.shape_fault()
            .or_else(|| self.action_fault())
            .or_else(|| self.number_fault())
            .or_else(|| self.class_fault())
    }

    fn shape_fault(&self) -> Option<String> {
        let id = &self.id;
        if id.is_empty() || id.chars().count() > 255 {
            return Some("a rule's id has 1 to 255 characters".to_owned());
        }
        let days = [self.expire_days, self.noncurrent_expire_days, self.abort_uploads_days];
        let moves = !self.transitions.is_empty() || !self.noncurrent_transitions.is_empty();
        let acts = moves || self.expire_date.is_some() || self.expire_delete_markers;
        if !acts && days.iter().all(Option::is_none) {
            return Some(format!("the rule '{id}' does nothing"));
        }
        match (self.size_greater_than, self.size_less_than) {
            (Some(greater), Some(less)) if greater >= less => {
                Some(format!("no object is larger than {greater} and smaller than {less} bytes"))
            }
            (Some(size), _) | (_, Some(size)) if size < 0 => Some(format!("{size} bytes are fewer than 0")),
            _ => None,
        }
    }

    /// What does not go together (S3 API Reference, LifecycleExpiration; S3 User Guide, "Lifecycle configuration
    /// elements").
    fn action_fault(&self) -> Option<String> {
        let dated = self.expire_date.is_some();
        let fault = if self.expire_days.is_some() && dated {
            "expire_days and expire_date exclude each other"
        } else if self.expire_delete_markers && (self.expire_days.is_some() || dated) {
            "expire_delete_markers excludes expire_days and expire_date, which do the same"
        } else if !self.tags.is_empty() && (self.expire_delete_markers || self.abort_uploads_days.is_some()) {
            "delete markers and unfinished uploads have no tags, so a rule with tags cannot remove them"
        } else if self.noncurrent_newer_versions.is_some() && self.noncurrent_expire_days.is_none() {
            "noncurrent_newer_versions needs noncurrent_expire_days"
        } else if self.transitions.iter().any(|it| it.days.is_some() == it.date.is_some()) {
            "a transition has either days or a date"
        } else {
            return None;
        };
        Some(fault.to_owned())
    }

    fn number_fault(&self) -> Option<String> {
        let days = [self.expire_days, self.noncurrent_expire_days, self.abort_uploads_days];
        if let Some(days) = days.into_iter().flatten().find(|days| *days < 1) {
            return Some(format!("{days} days are fewer than 1"));
        }
        let noncurrent = &self.noncurrent_transitions;
        let mut moved = self.transitions.iter().filter_map(|it| it.days).chain(noncurrent.iter().map(|it| it.days));
        if let Some(days) = moved.find(|days| *days < 0) {
            return Some(format!("{days} days are fewer than 0"));
        }
        let mut kept = noncurrent.iter().filter_map(|it| it.newer_versions).chain(self.noncurrent_newer_versions);
        if let Some(versions) = kept.find(|versions| !(1..=100).contains(versions)) {
            return Some(format!("S3 keeps 1 to 100 newer versions, and not {versions}"));
        }
        let mut dates = self.expire_date.iter().chain(self.transitions.iter().filter_map(|it| it.date.as_ref()));
        dates
            .find(|date| date_of(date).is_none())
            .map(|date| format!("'{date}' is not a day; write it as year-month-day, such as 2027-01-31"))
    }

    fn class_fault(&self) -> Option<String> {
        let classes = self.transitions.iter().map(|it| &it.storage_class);
        let mut classes = classes.chain(self.noncurrent_transitions.iter().map(|it| &it.storage_class));
        let unknown = classes.find(|class| !CLASSES.contains(&class.as_str()))?;
        Some(format!("S3 moves nothing to {unknown}; it knows {}", CLASSES.join(", ")))
    }

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
            (json!({"id": "a", "expire_days": 0}), "fewer than 1"),
            (json!({"id": "a", "expire_days": 1, "expire_date": "2027-01-31"}), "exclude each other"),
            (json!({"id": "a", "expire_days": 1, "expire_delete_markers": true}), "which do the same"),
            (json!({"id": "a", "expire_date": "2027-02-31"}), "not a day"),
            (json!({"id": "a", "expire_date": "tomorrow"}), "not a day"),
            (json!({"id": "a", "abort_uploads_days": 1, "tags": {"a": "b"}}), "have no tags"),
            (json!({"id": "a", "expire_days": 1, "noncurrent_newer_versions": 3}), "needs noncurrent_expire_days"),
            (json!({"id": "a", "noncurrent_expire_days": 1, "noncurrent_newer_versions": 101}), "1 to 100"),
            (json!({"id": "a", "expire_days": 1, "size_greater_than": 5, "size_less_than": 5}), "no object"),
            (json!({"id": "a", "transitions": [{"storage_class": "GLACIER"}]}), "either days or a date"),
            (
                json!({"id": "a", "transitions": [{"days": 1, "storage_class": "STANDARD"}]}),
                "moves nothing to STANDARD",
            ),
        ] {
            let fault = rule(fields.clone()).fault().unwrap_or_default();
            assert!(fault.contains(why), "{fields}: {fault}");
        }
    }

    #[test]
    fn the_short_forms_are_enough() {
        let short = rule(json!({"id": "a", "transitions": [{"days": 0, "storage_class": "INTELLIGENT_TIERING"}]}));
        assert_eq!(short.fault(), None);
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
