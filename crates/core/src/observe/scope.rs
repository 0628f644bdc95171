//! What a kind is asked to read, and what the read came to.
//!
//! A read depends on names and on depth, never on the values that a spec wants.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::Failure;
use super::location::Location;
use crate::diff::shown;
use crate::resource::reference::Outputs;

/// How much of a resource is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// These fields of the model, and all that the same calls answer.
    Named(BTreeSet<String>),
    /// Everything that the kind knows to read.
    Whole,
}

impl Depth {
    /// Nothing beyond what tells that the resource exists.
    pub fn existence() -> Self {
        Self::Named(BTreeSet::new())
    }

    /// Says whether a field of the model is read.
    pub fn reads(&self, field: &str) -> bool {
        match self {
            Self::Named(fields) => fields.contains(field),
            Self::Whole => true,
        }
    }

    /// Says whether everything that the other reads is read.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole, _) => true,
            (Self::Named(_), Self::Whole) => false,
            (Self::Named(own), Self::Named(other)) => own.is_superset(other),
        }
    }

    /// Returns the depth that reads what both do.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Whole, other) | (other, Self::Whole) => other.clone(),
            (Self::Named(own), Self::Named(other)) => Self::Named(own & other),
        }
    }

    /// Returns the depth that reads what either does.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Named(mut own), Self::Named(other)) => {
                own.extend(other);
                Self::Named(own)
            }
            _ => Self::Whole,
        }
    }
}

/// What a kind is asked to read in one region.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// Where. A source's location has no VPC.
    pub location: Location,
    /// The resources that are asked for by name.
    pub names: BTreeMap<String, Depth>,
    /// How much of every other live one is read; none where only names matter.
    pub everything: Option<Depth>,
}

impl Scope {
    /// Asks for nothing yet.
    pub fn of(location: Location) -> Self {
        Self { location, names: BTreeMap::new(), everything: None }
    }

    /// Returns how much of a live resource of this name is read; none where it is not asked for.
    pub fn depth(&self, name: &str) -> Option<&Depth> {
        self.names.get(name).or(self.everything.as_ref())
    }

    /// Says whether a live resource of this name is asked for.
    pub fn asks_for(&self, name: &str) -> bool {
        self.depth(name).is_some()
    }

    /// Says whether a field of a resource is read.
    pub fn reads(&self, name: &str, field: &str) -> bool {
        self.depth(name).is_some_and(|depth| depth.reads(field))
    }

    /// Asks for a resource by name, at least this deep.
    pub fn ask(&mut self, name: &str, depth: Depth) {
        let asked = self.names.remove(name).map_or(depth.clone(), |earlier| earlier.and(depth));
        self.names.insert(name.to_owned(), asked);
    }
}

/// Something that a live resource has and its kind's model cannot express.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extra {
    /// Its path: where it would be in the model.
    pub path: String,
    /// Its value, as AWS answers it.
    pub value: Value,
    /// Whether a call that replaces what it stands in sends it along.
    #[serde(default)]
    pub kept: bool,
}

impl Extra {
    /// An extra that the next replace-all call would lose.
    pub fn lost(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { path: path.into(), value: value.into(), kept: false }
    }

    /// Names it with its value, as people read it.
    pub fn said(&self) -> String {
        format!("{} = {}", self.path, shown(&self.value))
    }

    /// An extra that no call of regionctl touches, or that is sent along.
    pub fn kept(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { path: path.into(), value: value.into(), kept: true }
    }
}

/// A live resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveResource<M> {
    /// Its name.
    pub name: String,
    /// What AWS says of it, in the form that desired has.
    pub model: M,
    /// The values that only AWS gives: ids.
    #[serde(rename = "attributes")]
    pub outputs: Outputs,
    /// What it has and the model cannot express.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<Extra>,
    /// The digest of its secrets, where the model holds only what stands for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

impl<M> LiveResource<M> {
    /// A resource of which the model says everything.
    pub fn new(name: impl Into<String>, model: M, outputs: Outputs) -> Self {
        Self { name: name.into(), model, outputs, extras: Vec::new(), sealed: None }
    }

    /// Adds what the model cannot express.
    #[must_use]
    pub fn with_extras(self, extras: Vec<Extra>) -> Self {
        Self { extras, ..self }
    }

    /// Changes the model's form.
    pub fn map<N>(self, change: impl FnOnce(M) -> N) -> LiveResource<N> {
        let Self { name, model, outputs, extras, sealed } = self;
        LiveResource { name, model: change(model), outputs, extras, sealed }
    }
}

/// What a kind's read found.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation<M> {
    /// What exists.
    pub seen: Vec<LiveResource<M>>,
    /// What could not be read, by name.
    pub unread: Vec<(String, Failure)>,
}

impl<M> Default for Observation<M> {
    fn default() -> Self {
        Self { seen: Vec::new(), unread: Vec::new() }
    }
}
