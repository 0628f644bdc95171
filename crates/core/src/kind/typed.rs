//! The pure, typed half of a kind, which its file implements.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::facts::Facts;
use super::notes::Notes;
use crate::diff::Diff;
use crate::observe::location::Location;
use crate::observe::scope::LiveResource;
use crate::resource::reference::Outputs;

/// How a live resource without a name of its own fits a want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is what is wanted, but for its tags.
    Same,
    /// It is in the place of what is wanted, and would be changed.
    Changed,
}

/// Something dangerous about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The rule's stable id, such as `s3-public-policy`.
    pub rule: &'static str,
    /// The attribute, as the diff names it.
    pub path: String,
    /// What it does, as a clause: `opens tcp 5432 to the world`.
    pub what: String,
}

impl Risk {
    /// Names a risk.
    pub fn new(rule: &'static str, path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { rule, path: path.into(), what: what.into() }
    }
}

/// The pure half of a kind. Nothing in it sends a request.
///
/// # Guarantees
/// `desire`, `outputs` and `diff` depend on their arguments alone.
pub trait Kind: Sized + Send + Sync + 'static {
    /// What is the same for all resources of this kind.
    const FACTS: Facts;
    /// What a person writes.
    type Spec: DeserializeOwned + JsonSchema;
    /// What the spec wants and what AWS says, in one form. A `None` in a desired model is not managed.
    type Model: Serialize + DeserializeOwned + Send + Sync;
    /// One API call each; the variant's name is the API operation's.
    type Op: Serialize + DeserializeOwned + Send;

    /// Says what is wrong with a resource's name; a second line says what to do.
    ///
    /// # Errors
    /// The name is one that AWS refuses.
    fn check_name(_name: &str) -> Result<(), String> {
        Ok(())
    }

    /// Turns what a person wrote into what is wanted; faults go into the notes.
    fn desire(name: &str, spec: Self::Spec, notes: &mut Notes<'_>) -> Self::Model;

    /// Returns the values that are known before the resource exists.
    fn outputs(_name: &str, _place: &Location) -> Outputs {
        Outputs::new()
    }

    /// Returns what a spec claims for itself alone: the whole, or its entries of something shared.
    fn claims(name: &str, _model: &Self::Model) -> Vec<String> {
        vec![name.to_owned()]
    }

    /// Returns what a caller must be allowed beside the operation itself: the IAM action and the resource.
    fn also_needs(_op: &Self::Op) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Returns the values that follow from what a resource is, desired or live.
    fn given(_model: &Self::Model) -> Outputs {
        Outputs::new()
    }

    /// Lays what the spec states over the source that it follows; what cannot be taken over goes into
    /// `left`, each with what to do. `None` when nothing can be made of this source.
    fn follow(
        own: Self::Model,
        _source: &LiveResource<Self::Model>,
        _place: &Location,
        _left: &mut Vec<String>,
    ) -> Option<Self::Model> {
        Some(own)
    }

    /// Returns what a plan rests on of a live resource: without what passes by itself (`creating`), and of something
    /// shared only the entries that the spec names. Whether a saved plan still holds is judged by it.
    fn relevant(_want: Option<&Self::Model>, live: Self::Model) -> Self::Model {
        live
    }

    /// Returns the region that the resource is in, where the spec states another than its own.
    fn region(_want: &Self::Model) -> Option<String> {
        None
    }

    /// Says whether a live resource that has no name of its own can be the one that is wanted; none where it cannot. It
    /// is asked only of kinds with [`Facts::adopts`], and a live resource is adopted once.
    fn adopts(_want: &Self::Model, _live: &Self::Model) -> Option<Fit> {
        None
    }

    /// Writes a model as a person would write it in a spec; none where the kind is not writable yet.
    ///
    /// # Guarantees
    /// `desire(write(model))` is the model.
    fn write(_model: &Self::Model) -> Option<Value> {
        None
    }

    /// Returns what is dangerous about a resource, desired or live. A plan's gates are the risks that it adds.
    fn risks(_model: &Self::Model) -> Vec<Risk> {
        Vec::new()
    }

    /// Returns the attributes that a call replaces as a whole; `*` for all of them. What a live resource has there and
    /// the model cannot express would be lost, so such a call is never sent over it.
    fn extras(_op: &Self::Op) -> &'static [&'static str] {
        &[]
    }

    /// Returns the region that a live resource says it was copied from (its tag [`ORIGIN`](crate::model::tags::ORIGIN)).
    fn origin(_live: &Self::Model) -> Option<String> {
        None
    }

    /// Says which call takes the resource away; only ever asked where the spec says `absent`.
    fn remove(_live: &Self::Model, out: &mut Diff<'_, Self::Op>) {
        out.never_removed(&format!("regionctl never deletes a {}; do it by hand", Self::FACTS.name));
    }

    /// Compares, and says which calls turn live into desired.
    ///
    /// # Assumptions
    /// It opens by destructuring the desired model without `..`: a field that is forgotten does not compile.
    fn diff(want: &Self::Model, live: Option<&Self::Model>, out: &mut Diff<'_, Self::Op>);
}
