// SPDX-License-Identifier: Apache-2.0
//! Validates when the actions of a lifecycle rule happen: S3's minimum days, the order of the storage classes, and
//! expiration after the transitions (S3 User Guide, "Transitioning objects using Amazon S3 Lifecycle":
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>).

use super::lifecycle::{LifecycleRule, date_of};
use super::lifecycle_check::Faults;

/// The days that S3 requires before a transition to an Infrequent Access class, and between it and the next one.
const MINIMUM: i64 = 30;

/// The storage classes that require [`MINIMUM`].
const INFREQUENT: [&str; 2] = ["STANDARD_IA", "ONEZONE_IA"];

const SECONDS_OF_A_DAY: i64 = 86_400;

/// A transition of a rule: the index in its list, the time in days, and the storage class.
struct Step<'a> {
    index: usize,
    at: i64,
    class: &'a str,
}

/// Returns a time as a number of days: since the creation of the object, or of a date.
fn time(days: Option<i32>, date: Option<&String>) -> Option<i64> {
    let day = |date: &String| Some(date_of(date)?.secs() / SECONDS_OF_A_DAY);
    days.map(i64::from).or_else(|| date.and_then(day))
}

/// Adds the faults of a rule's times.
pub fn check(rule: &LifecycleRule, out: &mut Faults) {
    current(rule, out);
    let steps = rule.noncurrent_transitions.iter().enumerate();
    let steps: Vec<_> = steps.map(|(index, it)| Step { index, at: it.days.into(), class: &it.storage_class }).collect();
    for step in &steps {
        minimum("noncurrent_transitions", step, out);
    }
    order("noncurrent_transitions", &steps, out);
    let expiration = rule.noncurrent_expire_days.map(i64::from);
    last("noncurrent_expire_days", "noncurrent versions", expiration, &steps, out);
}

fn current(rule: &LifecycleRule, out: &mut Faults) {
    let steps: Vec<_> = rule
        .transitions
        .iter()
        .enumerate()
        .filter_map(|(index, it)| Some(Step { index, at: time(it.days, it.date.as_ref())?, class: &it.storage_class }))
        .collect();
    let is_by_days = |step: &&Step<'_>| rule.transitions[step.index].days.is_some();
    for step in steps.iter().filter(is_by_days) {
        minimum("transitions", step, out);
    }
    let expires = rule.expire_days.is_some() || rule.expire_date.is_some();
    let by_days = rule.expire_days.is_some() || rule.transitions.iter().any(|it| it.days.is_some());
    let by_date = rule.expire_date.is_some() || rule.transitions.iter().any(|it| it.date.is_some());
    if by_days && by_date {
        // Both in one action are another fault.
        if !(rule.expire_days.is_some() && rule.expire_date.is_some()) {
            let what = format!("the lifecycle rule '{}' mixes days and dates", rule.id);
            out.add("", what, "use either days or dates in one rule, and move the other actions to another rule");
        }
        return;
    }
    order("transitions", &steps, out);
    if expires {
        let field = if by_date { "expire_date" } else { "expire_days" };
        last(field, "objects", time(rule.expire_days, rule.expire_date.as_ref()), &steps, out);
    }
}

/// Checks that objects are stored for 30 days before they transition to an Infrequent Access class.
fn minimum(list: &str, step: &Step<'_>, out: &mut Faults) {
    if INFREQUENT.contains(&step.class) && (0..MINIMUM).contains(&step.at) {
        let what = format!("objects cannot transition to {} before {MINIMUM} days", step.class);
        out.add(&format!("{list}[{}].days", step.index), what, format!("write {MINIMUM} or more"));
    }
}

/// Checks the order of the storage classes and the days between them. S3 supports transitions down a waterfall only.
fn order(list: &str, steps: &[Step<'_>], out: &mut Faults) {
    for (place, step) in steps.iter().enumerate() {
        let at = format!("{list}[{}]", step.index);
        if steps[..place].iter().any(|other| other.class == step.class) {
            let what = format!("two transitions to {} in one rule", step.class);
            out.add(&at, what, "remove one of them, or move it to another rule");
            continue;
        }
        let earlier = steps.iter().filter(|other| other.at < step.at);
        let earlier = earlier.max_by_key(|other| other.at);
        let same = steps[..place].iter().find(|other| other.at == step.at);
        if let Some(other) = same {
            let what = format!("the transitions to {} and {} are at the same time", other.class, step.class);
            out.add(&at, what, "give each transition of a rule another time");
        } else if let Some(other) = earlier.filter(|other| !is_below(step.class, other.class)) {
            let what = format!("objects cannot transition from {} to {}", other.class, step.class);
            out.add(&at, what, "remove one of the transitions, or change their order");
        } else if let Some(other) = earlier.filter(|other| is_too_soon(other, step)) {
            let what = format!("{} and {} are less than {MINIMUM} days apart", other.class, step.class);
            out.add(&at, what, format!("let {MINIMUM} or more days pass, or move one of them to another rule"));
        }
    }
}

/// Whether objects of the storage class `from` can transition to `to`. An unknown class is another fault.
fn is_below(to: &str, from: &str) -> bool {
    match from {
        "INTELLIGENT_TIERING" => to != "STANDARD_IA",
        "ONEZONE_IA" | "GLACIER_IR" => ["GLACIER", "DEEP_ARCHIVE"].contains(&to),
        "GLACIER" => to == "DEEP_ARCHIVE",
        "DEEP_ARCHIVE" => false,
        _ => true,
    }
}

/// Whether S3 charges 30 days for the earlier class, so that it rejects the later transition in the same rule.
fn is_too_soon(earlier: &Step<'_>, later: &Step<'_>) -> bool {
    let is_charged = match later.class {
        "GLACIER" | "DEEP_ARCHIVE" => INFREQUENT.contains(&earlier.class),
        "ONEZONE_IA" => earlier.class == "STANDARD_IA",
        _ => false,
    };
    is_charged && later.at - earlier.at < MINIMUM
}

/// Checks that objects expire after their last transition.
fn last(field: &str, what: &str, expiration: Option<i64>, steps: &[Step<'_>], out: &mut Faults) {
    let (Some(expiration), Some(step)) = (expiration, steps.iter().max_by_key(|step| step.at)) else { return };
    // Numbers out of range are other faults.
    if expiration > 0 && expiration <= step.at {
        let what = format!("{what} expire before or at the time of their transition to {}", step.class);
        out.add(field, what, "let them expire later, or remove the transition");
    }
}

#[cfg(test)]
mod tests {
    use super::super::lifecycle_check::faults;
    use super::*;
    use serde_json::{Value, json};

    fn found(fields: Value) -> Vec<(String, String)> {
        let rule: LifecycleRule = serde_json::from_value(fields).unwrap();
        faults(&rule).into_iter().map(|fault| (fault.field, fault.what)).collect()
    }

    fn by_days(pairs: &[(i32, &str)]) -> Value {
        pairs.iter().map(|(days, class)| json!({"days": days, "storage_class": class})).collect()
    }

    #[test]
    fn times_that_s3_rejects_are_faults() {
        let dated = json!([{"date": "2030-01-01", "storage_class": "GLACIER"}]);
        let twice = json!([{"date": "2030-01-01", "storage_class": "GLACIER"},
            {"date": "2029-01-01", "storage_class": "DEEP_ARCHIVE"}]);
        for (fields, field, why) in [
            (json!({"transitions": by_days(&[(29, "STANDARD_IA")])}), "transitions[0].days", "before 30 days"),
            (json!({"transitions": by_days(&[(1, "ONEZONE_IA")])}), "transitions[0].days", "before 30 days"),
            (
                json!({"noncurrent_transitions": by_days(&[(29, "STANDARD_IA")])}),
                "noncurrent_transitions[0].days",
                "before 30 days",
            ),
            (
                json!({"transitions": by_days(&[(30, "STANDARD_IA"), (59, "GLACIER")])}),
                "transitions[1]",
                "30 days apart",
            ),
            (
                json!({"transitions": by_days(&[(30, "STANDARD_IA"), (40, "ONEZONE_IA")])}),
                "transitions[1]",
                "30 days apart",
            ),
            (
                json!({"transitions": by_days(&[(90, "GLACIER_IR"), (30, "GLACIER")])}),
                "transitions[0]",
                "from GLACIER to GLACIER_IR",
            ),
            (
                json!({"transitions": by_days(&[(0, "INTELLIGENT_TIERING"), (60, "STANDARD_IA")])}),
                "transitions[1]",
                "from INTELLIGENT_TIERING to STANDARD_IA",
            ),
            (json!({"transitions": by_days(&[(1, "GLACIER"), (1, "DEEP_ARCHIVE")])}), "transitions[1]", "same time"),
            (json!({"transitions": by_days(&[(1, "GLACIER"), (9, "GLACIER")])}), "transitions[1]", "two transitions"),
            (
                json!({"expire_days": 60, "transitions": by_days(&[(60, "GLACIER")])}),
                "expire_days",
                "objects expire before",
            ),
            (json!({"expire_date": "2030-01-01", "transitions": dated}), "expire_date", "objects expire before"),
            (json!({"expire_days": 9, "transitions": dated}), "", "mixes days and dates"),
            (json!({"transitions": twice}), "transitions[0]", "from DEEP_ARCHIVE to GLACIER"),
            (
                json!({"noncurrent_expire_days": 30, "noncurrent_transitions": by_days(&[(30, "GLACIER")])}),
                "noncurrent_expire_days",
                "noncurrent versions expire before",
            ),
        ] {
            let mut rule = json!({"id": "a"});
            rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let found = found(rule);
            assert!(found.len() == 1 && found[0].0 == field && found[0].1.contains(why), "{fields}: {found:?}");
        }
    }

    #[test]
    fn a_waterfall_of_all_storage_classes_is_valid() {
        let all = [
            (30, "STANDARD_IA"),
            (31, "INTELLIGENT_TIERING"),
            (40, "GLACIER_IR"),
            (60, "GLACIER"),
            (150, "DEEP_ARCHIVE"),
        ];
        assert_eq!(found(json!({"id": "a", "transitions": by_days(&all), "expire_days": 151})), []);
        assert_eq!(found(json!({"id": "a", "noncurrent_transitions": by_days(&all)})), []);
        let zone = [(60, "ONEZONE_IA"), (30, "STANDARD_IA"), (90, "GLACIER")];
        assert_eq!(found(json!({"id": "a", "transitions": by_days(&zone)})), []);
    }

    #[test]
    fn noncurrent_days_may_be_combined_with_dates() {
        let rule =
            json!({"id": "a", "expire_date": "2030-01-01", "noncurrent_expire_days": 30, "abort_uploads_days": 1});
        assert_eq!(found(rule), []);
    }
}
