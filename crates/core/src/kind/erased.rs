//! A kind with its types erased to JSON, and the registry of all kinds.

use std::marker::PhantomData;

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::facts::Facts;
use super::notes::Notes;
use super::typed::{Fit, Kind, Risk};
use crate::diff::{Diff, Draft};
use crate::observe::location::Location;
use crate::observe::scope::LiveResource;
use crate::resource::reference::Outputs;
use crate::spec::decode::decode;
use crate::spec::tree::Node;
use crate::spec::{Waiver, did_you_mean};

/// A kind with its types erased to JSON.
pub trait AnyKind: Send + Sync {
    /// What is the same for all resources of this kind.
    fn facts(&self) -> &'static Facts;
    /// The JSON Schema of what a person writes.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// See [`Kind::check_name`].
    ///
    /// # Errors
    /// The name is one that AWS refuses.
    fn check_name(&self, name: &str) -> Result<(), String>;
    /// Decodes and checks a resource of a spec; `None` when faults were noted instead.
    fn desire(&self, name: &str, node: &Node, notes: &mut Notes<'_>) -> Option<Value>;
    /// See [`Kind::outputs`].
    fn outputs(&self, name: &str, location: &Location) -> Outputs;
    /// See [`Kind::given`].
    ///
    /// # Errors
    /// The model is not of this kind's form.
    fn given(&self, model: &Value) -> Result<Outputs, Broken>;
    /// See [`Kind::follow`].
    ///
    /// # Errors
    /// The models are not of this kind's form.
    fn follow(
        &self,
        own: &Value,
        source: &LiveResource<Value>,
        location: &Location,
    ) -> Result<(Option<Value>, Vec<String>), Broken>;
    /// See [`Kind::origin`]; none for a model of another form.
    fn origin(&self, live: &Value) -> Option<String>;
    /// See [`Kind::relevant`]; a model of another form stays as it is.
    fn relevant(&self, want: Option<&Value>, live: &Value) -> Value;
    /// See [`Kind::region`]; none for a model of another form.
    fn region(&self, want: &Value) -> Option<String>;
    /// See [`Kind::adopts`]; none for models of another form.
    fn adopts(&self, want: &Value, live: &Value) -> Option<Fit>;
    /// See [`Kind::write`].
    ///
    /// # Errors
    /// The model is not of this kind's form.
    fn write(&self, model: &Value) -> Result<Option<Value>, Broken>;
    /// See [`Kind::risks`].
    ///
    /// # Errors
    /// The model is not of this kind's form.
    fn risks(&self, model: &Value) -> Result<Vec<Risk>, Broken>;
    /// See [`Kind::claims`]; the name for a model of another form.
    fn claims(&self, name: &str, model: &Value) -> Vec<String>;
    /// See [`Kind::also_needs`]; nothing for an operation of another form.
    fn also_needs(&self, op: &Value) -> Vec<(&'static str, String)>;
    /// See [`Kind::remove`].
    ///
    /// # Errors
    /// The model is not of this kind's form.
    fn remove(&self, live: &Value) -> Result<Draft, Broken>;
    /// See [`Kind::diff`].
    ///
    /// # Errors
    /// The models are not of this kind's form, or a change is not covered by a step.
    fn diff(&self, want: &Value, waivers: &[Waiver], live: Option<&LiveResource<Value>>) -> Result<Draft, Broken>;
}

/// A fault in regionctl itself, found by a check of the engine.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {what} (this is a fault in regionctl itself, please report it)")]
pub struct Broken {
    /// The kind in which it was found.
    pub kind: &'static str,
    /// What does not hold.
    pub what: String,
}

/// Gives a [`Kind`] its untyped form.
pub struct Erased<K>(PhantomData<K>);

impl<K> Erased<K> {
    /// The untyped form of `K`.
    pub const NEW: Self = Self(PhantomData);
}

impl<K: Kind> AnyKind for Erased<K> {
    fn facts(&self) -> &'static Facts {
        &K::FACTS
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<K::Spec>()
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        K::check_name(name)
    }

    fn desire(&self, name: &str, node: &Node, notes: &mut Notes<'_>) -> Option<Value> {
        match decode::<K::Spec>(node) {
            Ok(spec) => {
                let before = notes.faults.0.len();
                let model = K::desire(name, spec, notes);
                (notes.faults.0.len() == before)
                    .then(|| serde_json::to_value(model).expect("invariant: models are plain data"))
            }
            Err(fault) => {
                notes.faults.push(fault);
                None
            }
        }
    }

    fn outputs(&self, name: &str, location: &Location) -> Outputs {
        K::outputs(name, location)
    }

    fn given(&self, model: &Value) -> Result<Outputs, Broken> {
        Ok(K::given(&typed::<K>(model)?))
    }

    fn follow(
        &self,
        own: &Value,
        source: &LiveResource<Value>,
        location: &Location,
    ) -> Result<(Option<Value>, Vec<String>), Broken> {
        let model = typed::<K>(&source.model)?;
        let source = source.clone().map(|_| model);
        let mut left = Vec::new();
        let followed = K::follow(typed::<K>(own)?, &source, location, &mut left);
        let untyped = |model| serde_json::to_value(model).expect("invariant: models are plain data");
        Ok((followed.map(untyped), left))
    }

    fn origin(&self, live: &Value) -> Option<String> {
        typed::<K>(live).ok().and_then(|live| K::origin(&live))
    }

    fn relevant(&self, want: Option<&Value>, live: &Value) -> Value {
        let want = want.and_then(|want| typed::<K>(want).ok());
        let relevant = typed::<K>(live).ok().map(|live| K::relevant(want.as_ref(), live));
        relevant.and_then(|relevant| serde_json::to_value(relevant).ok()).unwrap_or_else(|| live.clone())
    }

    fn region(&self, want: &Value) -> Option<String> {
        typed::<K>(want).ok().and_then(|want| K::region(&want))
    }

    fn adopts(&self, want: &Value, live: &Value) -> Option<Fit> {
        let (want, live) = typed::<K>(want).ok().zip(typed::<K>(live).ok())?;
        K::adopts(&want, &live)
    }

    fn write(&self, model: &Value) -> Result<Option<Value>, Broken> {
        Ok(K::write(&typed::<K>(model)?))
    }

    fn risks(&self, model: &Value) -> Result<Vec<Risk>, Broken> {
        Ok(K::risks(&typed::<K>(model)?))
    }

    fn claims(&self, name: &str, model: &Value) -> Vec<String> {
        typed::<K>(model).map_or_else(|_| vec![name.to_owned()], |model| K::claims(name, &model))
    }

    fn also_needs(&self, op: &Value) -> Vec<(&'static str, String)> {
        serde_json::from_value(op.clone()).map(|op| K::also_needs(&op)).unwrap_or_default()
    }

    fn remove(&self, live: &Value) -> Result<Draft, Broken> {
        let mut diff = Diff::new(true, &[]);
        K::remove(&typed::<K>(live)?, &mut diff);
        diff.finish().map_err(|what| Broken { kind: K::FACTS.name, what })
    }

    fn diff(&self, want: &Value, waivers: &[Waiver], live: Option<&LiveResource<Value>>) -> Result<Draft, Broken> {
        let want = typed::<K>(want)?;
        let model = live.map(|live| typed::<K>(&live.model)).transpose()?;
        let mut diff = Diff::new(live.is_some(), waivers);
        K::diff(&want, model.as_ref(), &mut diff);
        diff.risks(K::risks(&want), &model.as_ref().map(K::risks).unwrap_or_default());
        diff.guard(live.map_or(&[], |live| &live.extras), K::extras);
        diff.finish().map_err(|what| Broken { kind: K::FACTS.name, what })
    }
}

/// A model in its kind's own type. What it holds is not said: it may be secret.
fn typed<K: Kind>(value: &Value) -> Result<K::Model, Broken> {
    serde_json::from_value(value.clone())
        .map_err(|error| Broken { kind: K::FACTS.name, what: format!("a model of another form: {error}") })
}

/// The kinds there are, in the order of their registration.
#[derive(Clone, Copy)]
pub struct Registry(pub &'static [&'static dyn AnyKind]);

impl Registry {
    /// Returns the kind of this name.
    pub fn get(&self, name: &str) -> Option<&'static dyn AnyKind> {
        self.0.iter().copied().find(|kind| kind.facts().name == name)
    }

    /// Returns the kind of a resource that the engine already checked.
    pub fn of(&self, name: &str) -> &'static dyn AnyKind {
        self.get(name).expect("invariant: addresses are made from registered kinds")
    }

    /// Returns the kind name nearest to a word.
    pub fn near(&self, word: &str) -> Option<&'static str> {
        did_you_mean(word, self.0.iter().map(|kind| kind.facts().name))
    }
}
