// SPDX-License-Identifier: Apache-2.0
//! Severities of findings, from a table in each kind. docs/severities.md is generated from the same tables.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diff::{FieldAction, FieldChange};
use crate::model::pattern;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Cosmetic: a description, a tag.
    Low,
    /// The resource behaves differently from the spec.
    Medium,
    /// Exposure, loss of data, an outage, or loss of monitoring: an opened security group, a missing alarm, disabled
    /// logging.
    High,
}

impl Severity {
    /// All severities, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// Returns the name as in reports and in `--fail-on`.
    pub fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// The severity of drift of an attribute.
#[derive(Debug)]
pub struct Weight {
    /// The attribute's path, a pattern; [`MISSING`] for a missing resource.
    pub path: &'static str,
    /// The direction of the difference.
    pub when: When,
    /// The severity of a finding with this difference. A finding has the highest one of its fields.
    pub severity: Severity,
    /// The effect, as a clause: `a public access block is off`.
    pub why: &'static str,
}

/// The path of a [`Weight`] for a resource that does not exist.
pub const MISSING: &str = "";

/// The direction of a difference between live and desired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Any difference.
    Differs,
    /// The attribute is live, but not in the spec.
    NotInSpec,
    /// The attribute is in the spec, but not live.
    Lacking,
    /// The live number is smaller than the desired one, or live is `false` and desired is `true`.
    Less,
}

impl When {
    /// Returns the direction in words, for docs/severities.md.
    pub fn words(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::NotInSpec => "is not in the spec",
            Self::Lacking => "is missing",
            Self::Less => "is lower than in the spec, or off instead of on",
        }
    }

    fn matches(self, field: &FieldChange) -> bool {
        match self {
            Self::Differs => true,
            Self::NotInSpec => field.action == FieldAction::Remove,
            Self::Lacking => field.action == FieldAction::Add,
            Self::Less => less(field.before.as_ref(), field.after.as_ref()),
        }
    }
}

fn less(live: Option<&Value>, desired: Option<&Value>) -> bool {
    match (live, desired) {
        (Some(Value::Bool(live)), Some(Value::Bool(desired))) => !live & desired,
        (Some(Value::Number(live)), Some(Value::Number(desired))) => {
            live.as_f64().partial_cmp(&desired.as_f64()) == Some(Ordering::Less)
        }
        _ => false,
    }
}

/// The weights of every kind, which apply after the kind's own.
pub const GENERAL: &[Weight] = &[
    Weight { path: "tags*", when: When::Differs, severity: Severity::Low, why: "a tag differs" },
    Weight { path: "description", when: When::Differs, severity: Severity::Low, why: "a description differs" },
    Weight { path: "comment", when: When::Differs, severity: Severity::Low, why: "a comment differs" },
    Weight { path: MISSING, when: When::Differs, severity: Severity::Medium, why: "it does not exist" },
    Weight { path: "*", when: When::Differs, severity: Severity::Medium, why: "behaves differently from the spec" },
];

/// Returns the first weight that matches the change of an attribute, or, without `field`, a missing resource.
pub fn weigh(own: &'static [Weight], field: Option<&FieldChange>) -> &'static Weight {
    let matches = |weight: &&Weight| match field {
        None => weight.path == MISSING,
        Some(field) => {
            weight.path != MISSING && pattern::matches(weight.path, &field.path) && weight.when.matches(field)
        }
    };
    own.iter().chain(GENERAL).find(matches).expect("invariant: the last general row matches everything")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(before: Option<Value>, after: Option<Value>) -> FieldChange {
        let action = match (&before, &after) {
            (None, _) => FieldAction::Add,
            (_, None) => FieldAction::Remove,
            _ => FieldAction::Change,
        };
        FieldChange { path: "days".to_owned(), action, before, after, note: None }
    }

    #[test]
    fn directions_are_distinguished() {
        let shorter = field(Some(json!(30)), Some(json!(365)));
        assert!(When::Less.matches(&shorter) && !When::NotInSpec.matches(&shorter));
        assert!(!When::Less.matches(&field(Some(json!(400)), Some(json!(365)))));
        assert!(When::Less.matches(&field(Some(json!(false)), Some(json!(true)))));
        assert!(When::Lacking.matches(&field(None, Some(json!(1)))));
        assert!(When::NotInSpec.matches(&field(Some(json!(1)), None)));
    }
}
