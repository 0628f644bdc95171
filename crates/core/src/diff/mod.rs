//! Desired against live for one resource, as values that serialise: what differs, which steps fix
//! it, what waits for a person, what is a risk, what is deleted.
//!
//! A kind fills a [`Diff`]; the engine takes the finished [`Draft`]. The engine checks that display
//! and action agree: every field that differs is covered by a step or waits, and every step covers
//! something.

pub(crate) mod leaves;
mod recorder;
mod shown;

pub use shown::{element, head, resolved, shown};

pub use recorder::{Covers, Diff, Keyed, KeyedDelta, Mode};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Position;

/// What happens to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldAction {
    /// It is set where nothing was.
    Add,
    /// Its value changes.
    Change,
    /// It is taken away.
    Remove,
}

/// One attribute, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// A dotted path; an element of a set is named by what identifies it: `ingress[tcp 5432 from 0.0.0.0/0]`.
    pub path: String,
    /// What happens to it.
    pub action: FieldAction,
    /// The live value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The desired value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// A remark for the reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// When a step runs relative to the others of its resource: what opens comes before what closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It brings the resource into being.
    Create,
    /// It lets more through: a rule is authorised.
    Widen,
    /// It changes a setting.
    Change,
    /// It lets less through: a rule is revoked.
    Narrow,
}

/// Something that only a person can bring about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// What waits, and for whom.
    pub what: String,
    /// The operation that asks the person again, where AWS has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Value>,
}

/// Why a change deserves a second look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiskNote {
    /// The rule's stable id, which a waiver names.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// What it does: `opens tcp 5432 to the world`.
    pub what: String,
    /// The spec's reason, where it states one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<WaiverNote>,
}

/// A waiver as a plan shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverNote {
    /// Why the risk is meant.
    pub reason: String,
    /// Where the spec says so.
    pub at: Position,
}

/// The name of a serialised operation's variant, which is the API operation's.
pub fn operation(op: &Value) -> &str {
    match op {
        Value::String(name) => name,
        Value::Object(fields) => fields.keys().next().map_or("", String::as_str),
        _ => "",
    }
}

/// A step before the engine has put it into the graph.
#[derive(Debug, Clone)]
pub struct DraftStep {
    /// When.
    pub phase: Phase,
    /// The indices of the fields that it mends.
    pub covers: Vec<usize>,
    /// The serialised operation.
    pub op: Value,
}

/// What a kind's diff came to.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What differs.
    pub fields: Vec<FieldChange>,
    /// What mends it, in order.
    pub steps: Vec<DraftStep>,
    /// What people owe.
    pub waiting: Vec<Waiting>,
    /// What deserves a second look.
    pub risks: Vec<RiskNote>,
    /// What live is already and no waiver of the spec explains.
    pub unwaived: Vec<RiskNote>,
    /// What cannot be changed in place, with what to do. Nothing is done then.
    pub blocked: Vec<String>,
    /// What is on its way already, in the service's own words.
    pub coming: Vec<String>,
    /// Why the resource is made anew instead of changed.
    pub replaced: Option<String>,
    /// What is deleted by the steps.
    pub deletes: Vec<String>,
}
