// SPDX-License-Identifier: Apache-2.0
//! The request and the result of a read: [`Scope`] and [`Observation`].
//!
//! A read depends on names and depth, never on the values that a spec states.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::Failure;
use super::location::Location;
use crate::diff::shown;
use crate::resource::reference::Attributes;

/// How deep a resource is read: the fields of the model that the read includes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// These fields of the model, and all other fields that the same calls return. An empty list reads only what shows
    /// that the resource exists.
    Named(BTreeSet<String>),
    /// All fields of the kind.
    Whole,
}

impl Depth {
    /// Returns the depth that reads only what shows that the resource exists.
    pub fn existence() -> Self {
        Self::Named(BTreeSet::new())
    }

    /// Returns whether a field of the model is read.
    pub fn reads(&self, field: &str) -> bool {
        match self {
            Self::Named(fields) => fields.contains(field),
            Self::Whole => true,
        }
    }

    /// Returns whether this depth reads everything that `other` reads.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole, _) => true,
            (Self::Named(_), Self::Whole) => false,
            (Self::Named(own), Self::Named(other)) => own.is_superset(other),
        }
    }

    /// Returns the intersection: the depth that reads what both read.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Whole, other) | (other, Self::Whole) => other.clone(),
            (Self::Named(own), Self::Named(other)) => Self::Named(own & other),
        }
    }

    /// Returns the union: the depth that reads what either reads.
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

/// A request to read resources of one kind in one region.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// The account, region and VPC. The location of a source has no VPC.
    pub location: Location,
    /// The resources to read by name, each with its depth.
    pub names: BTreeMap<String, Depth>,
    /// The depth of all other live resources. `None` if only `names` are read.
    pub everything: Option<Depth>,
}

impl Scope {
    /// Returns an empty request for a location.
    pub fn of(location: Location) -> Self {
        Self { location, names: BTreeMap::new(), everything: None }
    }

    /// Returns the depth of a live resource of this name. `None` if it is not requested.
    pub fn depth(&self, name: &str) -> Option<&Depth> {
        self.names.get(name).or(self.everything.as_ref())
    }

    /// Returns whether a live resource of this name is requested.
    pub fn asks_for(&self, name: &str) -> bool {
        self.depth(name).is_some()
    }

    /// Returns whether a field of a resource is requested.
    pub fn reads(&self, name: &str, field: &str) -> bool {
        self.depth(name).is_some_and(|depth| depth.reads(field))
    }

    /// Requests a resource by name, at least this deep.
    pub fn ask(&mut self, name: &str, depth: Depth) {
        let asked = self.names.remove(name).map_or(depth.clone(), |earlier| earlier.and(depth));
        self.names.insert(name.to_owned(), asked);
    }
}

/// A setting of a live resource that the kind's model cannot express, so that a spec cannot state it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extra {
    /// The dotted path that the setting would have in the model: `versioning.mfa_delete`.
    pub path: String,
    /// Its value, as AWS returns it.
    pub value: Value,
    /// Whether changes keep the setting. If false or absent, a call that replaces the enclosing field removes it.
    #[serde(default)]
    pub kept: bool,
}

impl Extra {
    /// Returns an extra that a call which replaces the enclosing field removes.
    pub fn lost(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { path: path.into(), value: value.into(), kept: false }
    }

    /// Returns the display form: `path = value`.
    pub fn said(&self) -> String {
        format!("{} = {}", self.path, shown(&self.value))
    }

    /// Returns an extra that no call of regionctl removes.
    pub fn kept(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { path: path.into(), value: value.into(), kept: true }
    }
}

/// A live resource, as read from AWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveResource<M> {
    /// The name of the resource in AWS.
    pub name: String,
    /// The settings of the resource, in the kind's own form. A field is absent if it was not read, and null if it is
    /// not set. In a saved snapshot, a secret is `{"$secret": token}`.
    pub model: M,
    /// The attributes that AWS assigns and other resources refer to: ids, ARNs.
    #[serde(rename = "attributes")]
    pub attributes: Attributes,
    /// The settings that the model cannot express. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<Extra>,
    /// The SHA-256 digest of the secrets of the resource, if `model` contains tokens instead of them. Absent if the
    /// resource has no secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

impl<M> LiveResource<M> {
    /// Returns a resource without extras.
    pub fn new(name: impl Into<String>, model: M, attributes: Attributes) -> Self {
        Self { name: name.into(), model, attributes, extras: Vec::new(), sealed: None }
    }

    /// Sets the extras.
    #[must_use]
    pub fn with_extras(self, extras: Vec<Extra>) -> Self {
        Self { extras, ..self }
    }

    /// Converts the model.
    pub fn map<N>(self, change: impl FnOnce(M) -> N) -> LiveResource<N> {
        let Self { name, model, attributes, extras, sealed } = self;
        LiveResource { name, model: change(model), attributes, extras, sealed }
    }
}

/// The result of a read of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation<M> {
    /// The live resources that were read.
    pub resources: Vec<LiveResource<M>>,
    /// The resources that could not be read: name and failure.
    pub gaps: Vec<(String, Failure)>,
}

impl<M> Default for Observation<M> {
    fn default() -> Self {
        Self { resources: Vec::new(), gaps: Vec::new() }
    }
}
