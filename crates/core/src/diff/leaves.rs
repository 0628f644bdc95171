// SPDX-License-Identifier: Apache-2.0
//! Compares two JSON values and records each leaf that differs.

use serde_json::{Map, Value};

use super::{FieldAction, FieldChange};
use crate::resource::secret;

/// Adds a field change to `out` for each leaf that differs.
///
/// Recurses into objects. A list is one leaf, and an empty list equals no list. A secret is one leaf whose values are
/// hidden.
pub fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, out: &mut Vec<FieldChange>) {
    match (before, after) {
        (Some(Value::Null), after) => compare(path, None, after, out),
        (before, Some(Value::Null)) => compare(path, before, None, out),
        (None, Some(Value::Array(items))) | (Some(Value::Array(items)), None) if items.is_empty() => {}
        (None, None) => {}
        (Some(before), Some(after)) if before == after => {}
        (before, after) if [before, after].into_iter().flatten().any(|value| secret::of(value).is_some()) => {
            let hidden = |value: Option<&Value>| value.map(|_| Value::from(secret::HIDDEN));
            out.push(change(path, hidden(before), hidden(after)));
        }
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            for (key, value) in after {
                compare(&join(path, key), before.get(key), Some(value), out);
            }
            for (key, value) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
                compare(&join(path, key), Some(value), None, out);
            }
        }
        (None, Some(after @ Value::Object(_))) => compare(path, Some(&Value::Object(Map::new())), Some(after), out),
        (Some(before @ Value::Object(_)), None) => compare(path, Some(before), Some(&Value::Object(Map::new())), out),
        (before, after) => out.push(change(path, before.cloned(), after.cloned())),
    }
}

fn change(path: &str, before: Option<Value>, after: Option<Value>) -> FieldChange {
    let action = match (&before, &after) {
        (None, _) => FieldAction::Add,
        (_, None) => FieldAction::Remove,
        _ => FieldAction::Change,
    };
    FieldChange { path: path.to_owned(), action, before, after, note: None }
}

fn join(path: &str, key: &str) -> String {
    format!("{path}.{key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_changed_secret_is_reported_without_its_value() {
        let mut out = Vec::new();
        let of = |value: &str| json!({"A": {"$secret": value}});
        compare("environment", Some(&of("old")), Some(&of("new")), &mut out);
        assert_eq!(out[0].path, "environment.A");
        assert_eq!(
            (out[0].before.clone(), out[0].after.clone()),
            (Some(secret::HIDDEN.into()), Some(secret::HIDDEN.into()))
        );
        assert!(!format!("{out:?}").contains("new"));
    }

    #[test]
    fn only_the_leaves_that_differ_are_reported() {
        let mut out = Vec::new();
        let before = json!({"a": {"x": 1, "y": 2}, "b": [1], "gone": true});
        let after = json!({"a": {"x": 1, "y": 3}, "b": [1, 2], "new": "n"});
        compare("m", Some(&before), Some(&after), &mut out);
        let paths: Vec<_> = out.iter().map(|field| (field.path.as_str(), field.action)).collect();
        assert_eq!(
            paths,
            [
                ("m.a.y", FieldAction::Change),
                ("m.b", FieldAction::Change),
                ("m.new", FieldAction::Add),
                ("m.gone", FieldAction::Remove),
            ]
        );
    }
}
