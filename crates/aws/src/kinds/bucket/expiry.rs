// SPDX-License-Identifier: Apache-2.0
//! Finds lifecycle rules that would delete objects that no live rule deletes.
//!
//! A rule deletes nothing new if an enabled live rule covers the same objects and deletes them at least as early.

use super::lifecycle::LifecycleRule;

/// Returns a message for each expiration that is new to an existing bucket.
///
/// `age_days` is the bucket's age in days, if known. No object is older, so a later expiration deletes nothing yet.
pub fn new_expirations(want: &[LifecycleRule], live: &[LifecycleRule], age_days: Option<i64>) -> Vec<String> {
    let reaches = |days: Option<i32>| days.zip(age_days).is_none_or(|(days, age)| i64::from(days) <= age);
    let live: Vec<&LifecycleRule> = live.iter().filter(|rule| rule.enabled).collect();
    let mut found = Vec::new();
    for rule in want.iter().filter(|rule| rule.enabled) {
        let covered = |as_early: fn(&LifecycleRule, &LifecycleRule) -> bool| {
            live.iter().any(|live| covers_objects(live, rule) && as_early(live, rule))
        };
        if let Some(when) = current(rule)
            && reaches(rule.expire_days)
            && !covered(expires_as_early)
        {
            found.push(format!("the lifecycle rule '{}' deletes {} {when}", rule.id, objects(rule, "objects")));
        }
        if let Some(when) = noncurrent(rule)
            && reaches(rule.noncurrent_expire_days)
            && !covered(noncurrent_expires_as_early)
        {
            found.push(format!(
                "the lifecycle rule '{}' deletes {} {when}",
                rule.id,
                objects(rule, "noncurrent versions")
            ));
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
        Some(kept) => Some(format!("{after}, except the newest {kept}")),
        None => Some(after),
    }
}

fn in_days(days: i32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Describes the objects of a rule: `all objects`, `objects under 'tmp/' with the tag a=b`.
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

/// Whether `live` applies to every object that `rule` applies to.
fn covers_objects(live: &LifecycleRule, rule: &LifecycleRule) -> bool {
    let greater = match (live.size_greater_than, rule.size_greater_than) {
        (None, _) => true,
        (Some(live), Some(size)) => live <= size,
        (Some(_), None) => false,
    };
    let less = match (live.size_less_than, rule.size_less_than) {
        (None, _) => true,
        (Some(live), Some(size)) => live >= size,
        (Some(_), None) => false,
    };
    let tags = live.tags.iter().all(|(key, value)| rule.tags.get(key) == Some(value));
    rule.prefix.starts_with(&live.prefix) && tags && greater && less
}

/// Compares dates as text. Days and dates cannot be compared: the expiration counts as new.
fn expires_as_early(live: &LifecycleRule, rule: &LifecycleRule) -> bool {
    match (live.expire_days, rule.expire_days, &live.expire_date, &rule.expire_date) {
        (Some(live), Some(days), ..) => live <= days,
        (.., Some(live), Some(date)) => live <= date,
        _ => false,
    }
}

fn noncurrent_expires_as_early(live: &LifecycleRule, rule: &LifecycleRule) -> bool {
    let kept = |rule: &LifecycleRule| rule.noncurrent_newer_versions.unwrap_or(0);
    match (live.noncurrent_expire_days, rule.noncurrent_expire_days) {
        (Some(live_days), Some(days)) => live_days <= days && kept(live) <= kept(rule),
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
    fn an_expiration_that_a_live_rule_covers_is_not_new() {
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
    fn an_expiration_that_no_live_rule_covers_is_described() {
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
                "the lifecycle rule 'b' deletes all noncurrent versions after 9 days, except the newest 2",
            ),
        ] {
            assert_eq!(new(want, live.clone()), [sentence]);
        }
    }

    #[test]
    fn retaining_fewer_versions_is_a_new_expiration() {
        let live = json!({"id": "a", "noncurrent_expire_days": 9, "noncurrent_newer_versions": 10});
        assert!(!new(json!({"id": "a", "noncurrent_expire_days": 9}), live.clone()).is_empty());
        let more = json!({"id": "a", "noncurrent_expire_days": 9, "noncurrent_newer_versions": 20});
        assert!(new(more, live).is_empty());
    }

    #[test]
    fn enabling_a_disabled_rule_is_a_new_expiration() {
        let live = json!({"id": "a", "expire_days": 9, "enabled": false});
        assert_eq!(new(json!({"id": "a", "expire_days": 9}), live).len(), 1);
    }
}
