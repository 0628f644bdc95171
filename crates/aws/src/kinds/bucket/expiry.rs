//! Which new lifecycle rules delete objects that no rule deletes now.
//!
//! A rule deletes nothing new if a rule that is in force has at least its objects and deletes them at least as early.

use super::lifecycle::LifecycleRule;

/// Returns a sentence for each expiration that is new to an existing bucket.
///
/// `age_days` is how old the bucket is, where that is known: nothing in it is older.
pub fn new_expirations(want: &[LifecycleRule], live: &[LifecycleRule], age_days: Option<i64>) -> Vec<String> {
    let reaches = |days: Option<i32>| days.zip(age_days).is_none_or(|(days, age)| i64::from(days) <= age);
    let live: Vec<&LifecycleRule> = live.iter().filter(|rule| rule.enabled).collect();
    let mut found = Vec::new();
    for rule in want.iter().filter(|rule| rule.enabled) {
        let covered = |as_early: fn(&LifecycleRule, &LifecycleRule) -> bool| {
            live.iter().any(|there| has_its_objects(there, rule) && as_early(there, rule))
        };
        if let Some(when) = current(rule)
            && reaches(rule.expire_days)
            && !covered(expires_as_early)
        {
            found.push(format!("the lifecycle rule '{}' deletes {} {when}", rule.id, objects(rule, "objects")));
        }
        if let Some(when) = noncurrent(rule)
            && reaches(rule.noncurrent_expire_days)
            && !covered(expires_old_as_early)
        {
            found.push(format!("the lifecycle rule '{}' deletes {} {when}", rule.id, objects(rule, "old versions")));
        }
    }
    found
}

fn current(rule: &LifecycleRule) -> Option<String> {
    let after = rule.expire_days.map(|days| format!("after {}", in_days(days)));
    after.or_else(|| rule.expire_date.as_ref().map(|date| format!("on {date}")))
}

fn noncurrent(rule: &LifecycleRule) -> Option<String> {
    let after = format!("after {}", in_days(rule.noncurrent_expire_days?));
    match rule.noncurrent_newer_versions {
        Some(kept) => Some(format!("{after}, except for the newest {kept}")),
        None => Some(after),
    }
}

fn in_days(days: i32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Names the objects of a rule: `all objects`, `objects under 'tmp/' with tags and a size limit`.
fn objects(rule: &LifecycleRule, what: &str) -> String {
    let tagged = rule.tags.iter().map(|(key, value)| format!("the tag {key}={value}"));
    let larger = rule.size_greater_than.map(|size| format!("more than {size} bytes"));
    let smaller = rule.size_less_than.map(|size| format!("less than {size} bytes"));
    let conditions: Vec<String> = tagged.chain(larger).chain(smaller).collect();
    let all = rule.prefix.is_empty() && conditions.is_empty();
    let mut text = if all { format!("all {what}") } else { what.to_owned() };
    if !rule.prefix.is_empty() {
        text = format!("{text} under '{}'", rule.prefix);
    }
    if !conditions.is_empty() {
        text = format!("{text} with {}", conditions.join(" and "));
    }
    text
}

/// Says whether every object of `rule` is one of `there`'s.
fn has_its_objects(there: &LifecycleRule, rule: &LifecycleRule) -> bool {
    let greater = match (there.size_greater_than, rule.size_greater_than) {
        (None, _) => true,
        (Some(there), Some(size)) => there <= size,
        (Some(_), None) => false,
    };
    let less = match (there.size_less_than, rule.size_less_than) {
        (None, _) => true,
        (Some(there), Some(size)) => there >= size,
        (Some(_), None) => false,
    };
    let tags = there.tags.iter().all(|(key, value)| rule.tags.get(key) == Some(value));
    rule.prefix.starts_with(&there.prefix) && tags && greater && less
}

/// Dates compare as text. A number of days and a date do not compare.
fn expires_as_early(there: &LifecycleRule, rule: &LifecycleRule) -> bool {
    match (there.expire_days, rule.expire_days, &there.expire_date, &rule.expire_date) {
        (Some(there), Some(days), ..) => there <= days,
        (.., Some(there), Some(date)) => there <= date,
        _ => false,
    }
}

fn expires_old_as_early(there: &LifecycleRule, rule: &LifecycleRule) -> bool {
    let kept = |rule: &LifecycleRule| rule.noncurrent_newer_versions.unwrap_or(0);
    match (there.noncurrent_expire_days, rule.noncurrent_expire_days) {
        (Some(there_days), Some(days)) => there_days <= days && kept(there) <= kept(rule),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn new(want: Value, live: Value) -> Vec<String> {
        let rule = |fields: Value| vec![serde_json::from_value::<LifecycleRule>(fields).unwrap()];
        new_expirations(&rule(want), &rule(live), None)
    }

    #[test]
    fn what_a_rule_deletes_already_is_not_new() {
        let live = json!({"id": "a", "prefix": "tmp/", "expire_days": 30});
        for want in [
            live.clone(),
            json!({"id": "renamed", "prefix": "tmp/", "expire_days": 30}),
            json!({"id": "a", "prefix": "tmp/", "expire_days": 60}),
            json!({"id": "a", "prefix": "tmp/x/", "tags": {"a": "b"}, "expire_days": 30}),
            json!({"id": "a", "prefix": "", "expire_days": 1, "enabled": false}),
            json!({"id": "a", "abort_uploads_days": 1}),
        ] {
            assert_eq!(new(want.clone(), live.clone()), Vec::<String>::new(), "{want}");
        }
    }

    #[test]
    fn what_no_rule_deletes_yet_is_named() {
        let live = json!({"id": "a", "prefix": "tmp/", "tags": {"a": "b"}, "expire_days": 30});
        for (want, sentence) in [
            (json!({"id": "a", "expire_days": 30}), "the lifecycle rule 'a' deletes all objects after 30 days"),
            (
                json!({"id": "a", "prefix": "tmp/", "tags": {"a": "b"}, "expire_days": 1}),
                "the lifecycle rule 'a' deletes objects under 'tmp/' with the tag a=b after 1 day",
            ),
            (
                json!({"id": "a", "prefix": "tmp/", "tags": {"a": "b"}, "expire_date": "2027-01-31"}),
                "the lifecycle rule 'a' deletes objects under 'tmp/' with the tag a=b on 2027-01-31",
            ),
            (
                json!({"id": "b", "noncurrent_expire_days": 9, "noncurrent_newer_versions": 2}),
                "the lifecycle rule 'b' deletes all old versions after 9 days, except for the newest 2",
            ),
        ] {
            assert_eq!(new(want, live.clone()), [sentence]);
        }
    }

    #[test]
    fn fewer_kept_versions_are_new() {
        let live = json!({"id": "a", "noncurrent_expire_days": 9, "noncurrent_newer_versions": 10});
        assert!(!new(json!({"id": "a", "noncurrent_expire_days": 9}), live.clone()).is_empty());
        let more = json!({"id": "a", "noncurrent_expire_days": 9, "noncurrent_newer_versions": 20});
        assert!(new(more, live).is_empty());
    }

    #[test]
    fn a_rule_that_was_off_is_new() {
        let live = json!({"id": "a", "expire_days": 9, "enabled": false});
        assert_eq!(new(json!({"id": "a", "expire_days": 9}), live).len(), 1);
    }
}
