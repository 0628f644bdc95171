// SPDX-License-Identifier: Apache-2.0
//! Validates a lifecycle rule and reports everything that S3 would reject
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html> and its types
//! LifecycleRule, LifecycleExpiration and Transition; S3 User Guide, "Lifecycle configuration elements").

use super::lifecycle::{CLASSES, LifecycleRule, date_of};
use super::lifecycle_order;

/// A fault in a lifecycle rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field's path within the rule; empty for the whole rule.
    pub field: String,
    pub what: String,
    pub help: String,
}

/// Collects the faults of a rule.
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault of the field.
    pub fn add(&mut self, field: &str, what: impl Into<String>, help: impl Into<String>) {
        self.0.push(Fault { field: field.to_owned(), what: what.into(), help: help.into() });
    }

    fn number(&mut self, field: &str, value: Option<i64>, least: i64, most: i64) {
        if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
            let most = if most == i64::MAX { " or more".to_owned() } else { format!(" to {most}") };
            self.add(field, format!("`{field}` cannot be {value}"), format!("write {least}{most}"));
        }
    }

    fn date(&mut self, field: &str, date: Option<&String>) {
        // S3 rejects a time other than midnight UTC, which the short form means.
        if let Some(date) = date.filter(|date| date.contains('T') || date_of(date).is_none()) {
            self.add(field, format!("'{date}' is not a date"), "write YYYY-MM-DD, such as 2027-01-31");
        }
    }

    fn class(&mut self, field: &str, class: &str) {
        if !CLASSES.contains(&class) {
            let what = format!("objects cannot transition to the storage class '{class}'");
            self.add(field, what, format!("write one of {}", CLASSES.join(", ")));
        }
    }
}

/// The most rules of a bucket (S3 User Guide, "Managing the lifecycle of objects").
pub const MAX_RULES: usize = 1000;

/// Returns everything in a rule that S3 would reject.
pub fn faults(rule: &LifecycleRule) -> Vec<Fault> {
    let mut out = Faults(Vec::new());
    if rule.id.is_empty() || rule.id.chars().count() > 255 {
        out.add("id", "`id` must have 1 to 255 characters", "name the rule after its purpose");
    }
    actions(rule, &mut out);
    numbers(rule, &mut out);
    lifecycle_order::check(rule, &mut out);
    for (index, it) in rule.transitions.iter().enumerate() {
        let at = |field: &str| format!("transitions[{index}]{field}");
        if it.days.is_some() == it.date.is_some() {
            out.add(&at(""), "a transition needs either `days` or `date`", "write exactly one of them");
        }
        out.number(&at(".days"), it.days.map(Into::into), 0, i64::MAX);
        out.date(&at(".date"), it.date.as_ref());
        out.class(&at(".storage_class"), &it.storage_class);
    }
    for (index, it) in rule.noncurrent_transitions.iter().enumerate() {
        let at = |field: &str| format!("noncurrent_transitions[{index}]{field}");
        out.number(&at(".days"), Some(it.days.into()), 0, i64::MAX);
        out.number(&at(".newer_versions"), it.newer_versions.map(Into::into), 1, 100);
        out.class(&at(".storage_class"), &it.storage_class);
    }
    out.0
}

/// Checks for a missing action and for fields that cannot be combined.
fn actions(rule: &LifecycleRule, out: &mut Faults) {
    let dated = rule.expire_date.is_some();
    let days = [rule.expire_days, rule.noncurrent_expire_days, rule.abort_uploads_days];
    let transitions = !rule.transitions.is_empty() || !rule.noncurrent_transitions.is_empty();
    if days.iter().all(Option::is_none) && !transitions && !dated && !rule.expire_delete_markers {
        out.add("", format!("the lifecycle rule '{}' has no action", rule.id), "add an action, such as `expire_days`");
    }
    if rule.expire_days.is_some() && dated {
        out.add("expire_date", "`expire_days` and `expire_date` are mutually exclusive", "remove one of them");
    }
    if rule.expire_delete_markers && (rule.expire_days.is_some() || dated) {
        let what = "`expire_delete_markers` cannot be combined with `expire_days` or `expire_date`";
        // Days and Date remove expired object delete markers too (LifecycleExpiration).
        out.add("expire_delete_markers", what, "remove `expire_delete_markers`");
    }
    for (field, stated) in [
        ("expire_delete_markers", rule.expire_delete_markers),
        ("abort_uploads_days", rule.abort_uploads_days.is_some()),
    ] {
        if stated && !rule.tags.is_empty() {
            // Delete markers and incomplete multipart uploads have no tags.
            let what = format!("`{field}` cannot be combined with `tags`");
            out.add(field, what, format!("move `{field}` to a rule without `tags`"));
        }
    }
    if rule.noncurrent_newer_versions.is_some() && rule.noncurrent_expire_days.is_none() {
        let what = "`noncurrent_newer_versions` needs `noncurrent_expire_days`";
        out.add("noncurrent_newer_versions", what, "add `noncurrent_expire_days`");
    }
}

fn numbers(rule: &LifecycleRule, out: &mut Faults) {
    out.number("expire_days", rule.expire_days.map(Into::into), 1, i64::MAX);
    out.number("noncurrent_expire_days", rule.noncurrent_expire_days.map(Into::into), 1, i64::MAX);
    out.number("abort_uploads_days", rule.abort_uploads_days.map(Into::into), 1, i64::MAX);
    out.number("noncurrent_newer_versions", rule.noncurrent_newer_versions.map(Into::into), 1, 100);
    out.number("size_greater_than", rule.size_greater_than, 0, i64::MAX);
    out.number("size_less_than", rule.size_less_than, 0, i64::MAX);
    out.date("expire_date", rule.expire_date.as_ref());
    if let (Some(greater), Some(less)) = (rule.size_greater_than, rule.size_less_than)
        && greater >= less
    {
        let what = format!("no object is larger than {greater} and smaller than {less} bytes");
        out.add("size_less_than", what, format!("set `size_less_than` to more than {greater}"));
    }
}
