//! How bad a finding is: from tables that each kind has beside its fields, so that one generated page shows them all.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diff::{FieldAction, FieldChange};
use crate::model::pattern;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Cosmetics: a description, a tag.
    Low,
    /// It works otherwise than the spec says.
    Medium,
    /// Something is exposed, or nobody would notice: a group opened, a block lifted, an alarm gone, logging off.
    High,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What one attribute's drift weighs.
#[derive(Debug)]
pub struct Weight {
    /// The attribute's path, with `*`; [`MISSING`] for the whole resource.
    pub path: &'static str,
    /// In which direction.
    pub when: When,
    /// What it weighs.
    pub severity: Severity,
    /// What it means, as a clause: `lifts a block on public access`.
    pub why: &'static str,
}

/// The path that stands for the whole resource, which is not there.
pub const MISSING: &str = "";

/// How live stands to the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// In any way.
    Differs,
    /// Live has it, and the spec has it not.
    Extra,
    /// The spec has it, and live has it not.
    Lacking,
    /// Live's number is smaller, or live is off where the spec says on.
    Less,
}

impl When {
    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::Extra => "is there, and not in the spec",
            Self::Lacking => "is in the spec, and not there",
            Self::Less => "is less than the spec says",
        }
    }

    fn fits(self, field: &FieldChange) -> bool {
        match self {
            Self::Differs => true,
            Self::Extra => field.action == FieldAction::Remove,
            Self::Lacking => field.action == FieldAction::Add,
            Self::Less => less(field.before.as_ref(), field.after.as_ref()),
        }
    }
}

fn less(live: Option<&Value>, wanted: Option<&Value>) -> bool {
    match (live, wanted) {
        (Some(Value::Bool(live)), Some(Value::Bool(wanted))) => !live & wanted,
        (Some(Value::Number(live)), Some(Value::Number(wanted))) => {
            live.as_f64().partial_cmp(&wanted.as_f64()) == Some(Ordering::Less)
        }
        _ => false,
    }
}

/// What is so for every kind, after what the kind itself says.
pub const GENERAL: &[Weight] = &[
    Weight { path: "tags*", when: When::Differs, severity: Severity::Low, why: "a tag" },
    Weight { path: "description", when: When::Differs, severity: Severity::Low, why: "a description" },
    Weight { path: "comment", when: When::Differs, severity: Severity::Low, why: "a comment" },
    Weight { path: MISSING, when: When::Differs, severity: Severity::Medium, why: "it is not there" },
    Weight { path: "*", when: When::Differs, severity: Severity::Medium, why: "it works otherwise than the spec says" },
];

/// Weighs an attribute, or the whole resource that is not there: the first line that fits counts.
pub fn weigh(own: &'static [Weight], field: Option<&FieldChange>) -> &'static Weight {
    let fits = |weight: &&Weight| match field {
        None => weight.path == MISSING,
        Some(field) => weight.path != MISSING && pattern::matches(weight.path, &field.path) && weight.when.fits(field),
    };
    own.iter().chain(GENERAL).find(fits).expect("invariant: the general table ends with what fits anything")
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
    fn directions_are_told_apart() {
        let shorter = field(Some(json!(30)), Some(json!(365)));
        assert!(When::Less.fits(&shorter) && !When::Extra.fits(&shorter));
        assert!(!When::Less.fits(&field(Some(json!(400)), Some(json!(365)))));
        assert!(When::Less.fits(&field(Some(json!(false)), Some(json!(true)))));
        assert!(When::Lacking.fits(&field(None, Some(json!(1)))) && When::Extra.fits(&field(Some(json!(1)), None)));
    }
}
