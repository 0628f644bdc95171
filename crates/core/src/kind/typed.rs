// SPDX-License-Identifier: Apache-2.0
//! The trait that a kind implements: its types and functions without I/O.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::facts::Facts;
use super::notes::Notes;
use crate::diff::Diff;
use crate::observe::location::Location;
use crate::observe::scope::LiveResource;
use crate::observe::seen::Seen;
use crate::resource::reference::Attributes;

/// How a live resource without a name matches an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It equals the desired model, except for tags.
    Same,
    /// It is the resource to change to the desired model.
    Changed,
}

/// A dangerous property of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The rule's stable id, such as `s3-public-policy`.
    pub rule: &'static str,
    /// The path of the attribute, as in the diff.
    pub path: String,
    /// The effect, as a clause: `opens tcp 5432 to everyone`.
    pub what: String,
}

impl Risk {
    /// Creates a risk of the attribute at `path`. `what` is a clause.
    pub fn new(rule: &'static str, path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { rule, path: path.into(), what: what.into() }
    }
}

/// A kind of resource. No function sends a request.
///
/// # Guarantees
/// The results depend only on the arguments.
pub trait Kind: Sized + Send + Sync + 'static {
    /// The properties of the kind itself.
    const FACTS: Facts;
    /// The fields of an entry in a spec.
    type Spec: DeserializeOwned + JsonSchema;
    /// The settings of a resource, desired or live. A `None` in a desired model is not managed.
    type Model: Serialize + DeserializeOwned + Send + Sync;
    /// An enum of API calls; a variant has the name of its API operation.
    type Op: Serialize + DeserializeOwned + Send;

    /// Checks a resource's name.
    ///
    /// # Errors
    /// AWS does not accept the name. The first line is the message; the second, if any, is the help text.
    fn check_name(_name: &str) -> Result<(), String> {
        Ok(())
    }

    /// Converts an entry to a desired model. Faults are added to `notes`.
    fn desire(name: &str, spec: Self::Spec, notes: &mut Notes<'_>) -> Self::Model;

    /// Returns the attributes that are known before the resource exists, such as an ARN that contains the name.
    fn attributes(_name: &str, _place: &Location) -> Attributes {
        Attributes::new()
    }

    /// Returns what only one spec may manage: the resource's name, or its entries of a shared resource.
    fn claims(name: &str, _model: &Self::Model) -> Vec<String> {
        vec![name.to_owned()]
    }

    /// Returns the IAM permissions that a call needs besides its own: pairs of an action and a resource.
    fn also_needs(_op: &Self::Op) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Returns the attributes that a model, desired or live, determines.
    fn model_attributes(_model: &Self::Model) -> Attributes {
        Attributes::new()
    }

    /// Returns the attributes that a resource has if it is created from this model, such as an ARN with a path. They are
    /// not used for a resource that exists: AWS returns its attributes.
    fn attributes_of_new(_name: &str, _model: &Self::Model, _place: &Location) -> Attributes {
        Attributes::new()
    }

    /// Merges the stated settings over the source's. Settings that cannot be copied are added to `left`, each with
    /// the next step. Returns `None` if the source cannot be copied at all.
    fn follow(
        own: Self::Model,
        _source: &LiveResource<Self::Model>,
        _place: &Location,
        _left: &mut Vec<String>,
    ) -> Option<Self::Model> {
        Some(own)
    }

    /// Returns the part of a live model that a plan depends on: without transient values (the status `creating`), and
    /// of a shared resource only the entries that the spec states. A saved plan is stale if this part changed.
    fn relevant(_want: Option<&Self::Model>, live: Self::Model) -> Self::Model {
        live
    }

    /// Returns the resource's region if it differs from the spec's.
    fn region(_want: &Self::Model) -> Option<String> {
        None
    }

    /// Returns how a live resource without a name matches the desired model, or `None` if it does not. Called only for
    /// kinds with [`Facts::adopts`]. A live resource is adopted by at most one entry.
    fn adopts(_want: &Self::Model, _live: &Self::Model) -> Option<Fit> {
        None
    }

    /// Returns the spec entry of a model, or `None` if the kind does not support this yet.
    ///
    /// # Guarantees
    /// `desire(write(model))` equals the model.
    fn write(_model: &Self::Model) -> Option<Value> {
        None
    }

    /// Returns the risks of a model, desired or live. A plan has a gate for each risk that it adds.
    fn risks(_model: &Self::Model) -> Vec<Risk> {
        Vec::new()
    }

    /// Returns what keeps the resource from working although it matches its spec, such as an alarm on a metric that AWS
    /// does not publish. Reports show it as a risk; unlike a risk, it is no gate. `seen` answers questions about
    /// resources of the kinds in [`Facts::looks_up`].
    fn defects(_want: &Self::Model, _live: Option<&Self::Model>, _seen: &Seen<'_>) -> Vec<Risk> {
        Vec::new()
    }

    /// Returns the attributes that a call replaces entirely; `*` for all of them. The call is not sent if the live
    /// resource has settings there that the model cannot express, because they would be lost.
    fn extras(_op: &Self::Op) -> &'static [&'static str] {
        &[]
    }

    /// Adds the calls that delete the resource. Called only if the entry is `absent`, or a copy's source was deleted.
    fn remove(_live: &Self::Model, out: &mut Diff<'_, Self::Op>) {
        out.never_removed(&format!(
            "regionctl never deletes resources of the kind {}; delete it by hand",
            Self::FACTS.name
        ));
    }

    /// Compares the models and adds the calls that change live to desired.
    ///
    /// # Assumptions
    /// It destructures the desired model without `..`, so a forgotten field is a compile error.
    fn diff(want: &Self::Model, live: Option<&Self::Model>, out: &mut Diff<'_, Self::Op>);
}
