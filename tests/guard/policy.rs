// SPDX-License-Identifier: Apache-2.0
//! A small IAM policy evaluator: statements with wildcards in actions and resources, and string conditions
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The decision for one action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// Denied, with the condition keys that the request does not have.
    Denied(BTreeSet<String>),
}

/// The statements of all policies of a principal.
#[derive(Debug, Clone, Default)]
pub struct Policies(pub Vec<Value>);

impl Policies {
    pub fn of(documents: &[Value]) -> Self {
        Self(documents.iter().flat_map(|document| items(&document["Statement"])).cloned().collect())
    }

    /// Decides like IAM: a denial overrides, and nothing is allowed by default.
    pub fn decide(&self, action: &str, resource: &str, context: &BTreeMap<String, String>) -> Decision {
        let (mut allowed, mut denied, mut missing) = (false, false, BTreeSet::new());
        for statement in &self.0 {
            let names = |element: &str, text: &str| items(&statement[element]).any(|form| like(form, text));
            if !names("Action", action) || !names("Resource", resource) {
                continue;
            }
            if holds(&statement["Condition"], context, &mut missing) {
                allowed |= statement["Effect"] == "Allow";
                denied |= statement["Effect"] == "Deny";
            }
        }
        if allowed && !denied { Decision::Allowed } else { Decision::Denied(missing) }
    }
}

/// Whether all conditions of a statement hold. A negated condition holds if the request does not have its key.
fn holds(conditions: &Value, context: &BTreeMap<String, String>, missing: &mut BTreeSet<String>) -> bool {
    let mut all = true;
    for (operator, keys) in conditions.as_object().into_iter().flatten() {
        let is_negated = operator.starts_with("StringNot");
        for (key, values) in keys.as_object().into_iter().flatten() {
            let Some(value) = context.get(key) else {
                missing.insert(key.clone());
                all &= is_negated;
                continue;
            };
            all &= items(values).any(|form| like(form, value)) != is_negated;
        }
    }
    all
}

/// Returns the items of a list, or the only item.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice).iter()
}

fn like(form: &Value, text: &str) -> bool {
    form.as_str().is_some_and(|form| matches(form.as_bytes(), text.as_bytes()))
}

/// Whether a text matches a form with `*` and `?`.
fn matches(form: &[u8], text: &[u8]) -> bool {
    match (form, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        ([b'?', form @ ..], [_, text @ ..]) => matches(form, text),
        ([one, form @ ..], [other, text @ ..]) => one == other && matches(form, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_denial_overrides_and_a_missing_key_is_named() {
        let policies = Policies::of(&[json!({"Statement": [
            {"Effect": "Allow", "Action": "s3:Get*", "Resource": ["arn:aws:s3:::a?", "arn:aws:s3:::b"]},
            {"Effect": "Deny", "Action": "*", "Resource": "*",
             "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1"]}}},
        ]})]);
        let decide = |action: &str, resource: &str, region: Option<&str>| {
            let context = region.map(|region| ("aws:RequestedRegion".to_owned(), region.to_owned()));
            policies.decide(action, resource, &context.into_iter().collect())
        };
        let denied = Decision::Denied(BTreeSet::new());
        assert_eq!(decide("s3:GetBucketPolicy", "arn:aws:s3:::a1", Some("eu-central-1")), Decision::Allowed);
        assert_eq!(decide("s3:GetBucketPolicy", "arn:aws:s3:::a1", Some("us-east-1")), denied);
        assert_eq!(decide("s3:PutBucketPolicy", "arn:aws:s3:::a1", Some("eu-central-1")), denied);
        assert_eq!(decide("s3:GetBucketPolicy", "arn:aws:s3:::a12", Some("eu-central-1")), denied);
        let missing = Decision::Denied(BTreeSet::from(["aws:RequestedRegion".to_owned()]));
        assert_eq!(decide("s3:GetBucketPolicy", "arn:aws:s3:::b", None), missing);
    }
}
