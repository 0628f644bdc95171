// SPDX-License-Identifier: Apache-2.0
//! The difference between desired and live for one resource: changed fields, steps, manual steps, risks, deletions.
//!
//! A kind writes into a [`Diff`], and the engine takes the finished [`Draft`]. [`Diff::finish`] checks that a step
//! covers every field that differs.

mod covers;
pub(crate) mod leaves;
mod recorder;
mod shown;

pub use shown::{element, head, resolved, shown};

pub use covers::{Covers, Keyed, KeyedDelta, Mode};
pub use recorder::Diff;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Position;

/// What an apply does to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldAction {
    /// Sets a field that has no live value.
    Add,
    /// Changes the live value.
    Change,
    /// Removes the live value.
    Remove,
}

/// A field that differs, with its value before and after an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The dotted path of the field: `tags.Owner`. An element of a set is identified by its key in brackets:
    /// `ingress[tcp 5432 from 0.0.0.0/0]`. The path `absent` means that the resource itself is deleted.
    pub path: String,
    /// What an apply does to the field.
    pub action: FieldAction,
    /// The live value. Absent if the field has no live value. `(not shown)` for a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The desired value. Absent if the field is removed. `(not shown)` for a secret. An apply resolves references such
    /// as `${kind/name.arn}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// A remark on this change, such as `rewritten: us-east-1 → eu-central-1`. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// When a step runs relative to the other steps of its resource. Steps run in the order of the phases: new access is
/// granted before old access is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Creates the resource.
    Create,
    /// Allows more access: authorizes a rule.
    Widen,
    /// Changes a setting.
    Change,
    /// Allows less access or deletes: revokes a rule, deletes the resource.
    Narrow,
}

/// A manual step: only a person can complete it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// What must happen and who must act, as a sentence.
    pub what: String,
    /// The AWS operation, with its parameters, that asks the person again. Absent if AWS has no such operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_again: Option<Value>,
}

/// A risk of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiskNote {
    /// The stable id of the risk rule, such as `s3-public-policy`. A waiver refers to it. Absent if the risk
    /// belongs to no rule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// What the resource does, as a clause: `opens tcp 5432 to everyone`.
    pub what: String,
    /// The waiver in the spec. Absent if the spec does not waive this risk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<WaiverNote>,
}

/// The waiver of a risk: the reason that the spec states for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverNote {
    /// Why the risk is accepted, as stated in the spec.
    pub reason: String,
    /// The position of the waiver in the spec.
    pub at: Position,
}

/// Returns the API operation's name, which is the variant of a serialized operation.
pub fn operation(op: &Value) -> &str {
    match op {
        Value::String(name) => name,
        Value::Object(fields) => fields.keys().next().map_or("", String::as_str),
        _ => "",
    }
}

/// A step before the engine has numbered and ordered it.
#[derive(Debug, Clone)]
pub struct DraftStep {
    /// When it runs relative to the other steps of the resource.
    pub phase: Phase,
    /// The indices in [`Draft::fields`] of the fields that it fixes.
    pub covers: Vec<usize>,
    /// The serialized operation: its name and parameters.
    pub op: Value,
}

/// The finished diff of one resource.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The fields that differ, in the order in which the kind compared them.
    pub fields: Vec<FieldChange>,
    /// The steps that fix the fields, in the order of their phases.
    pub steps: Vec<DraftStep>,
    /// The steps that only a person can do.
    pub waiting: Vec<Waiting>,
    /// The risks that the change adds.
    pub risks: Vec<RiskNote>,
    /// The risks that the live resource already has and that the spec does not waive.
    pub unwaived: Vec<RiskNote>,
    /// Why the resource cannot be changed, each with what to do. If not empty, the resource has no steps.
    pub blocked: Vec<String>,
    /// The operations in progress in AWS, in the service's own words: `creating`.
    pub in_progress: Vec<String>,
    /// Why the resource is replaced. `None` if it is not replaced.
    pub replaced: Option<String>,
    /// What the steps delete, as clauses.
    pub deletes: Vec<String>,
    /// What has no effect and is no difference, as sentences.
    pub notes: Vec<String>,
    /// What the steps interrupt at once, as clauses: `the database restarts`.
    pub interrupts: Vec<String>,
}
