// SPDX-License-Identifier: Apache-2.0
//! Kinds with their types erased to JSON, and the registry of all kinds.

use std::marker::PhantomData;

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::facts::Facts;
use super::notes::Notes;
use super::typed::{Fit, Kind, Risk};
use crate::diff::{Diff, Draft};
use crate::observe::location::Location;
use crate::observe::scope::LiveResource;
use crate::observe::seen::Seen;
use crate::resource::reference::Attributes;
use crate::spec::decode::decode;
use crate::spec::tree::Node;
use crate::spec::{Waiver, did_you_mean};

/// A [`Kind`] with its types erased: models and operations are JSON values.
pub trait AnyKind: Send + Sync {
    /// See [`Kind::FACTS`].
    fn facts(&self) -> &'static Facts;
    /// Returns the JSON Schema of [`Kind::Spec`].
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// See [`Kind::check_name`].
    ///
    /// # Errors
    /// AWS does not accept the name.
    fn check_name(&self, name: &str) -> Result<(), String>;
    /// Decodes and checks an entry of a spec. Returns `None` if it added faults to `notes`.
    fn desire(&self, name: &str, node: &Node, notes: &mut Notes<'_>) -> Option<Value>;
    /// See [`Kind::attributes`].
    fn attributes(&self, name: &str, location: &Location) -> Attributes;
    /// See [`Kind::model_attributes`].
    ///
    /// # Errors
    /// The model is not of this kind's form.
    fn model_attributes(&self, model: &Value) -> Result<Attributes, Broken>;
    /// See [`Kind::attributes_of_new`].
    ///
    /// # Errors
    /// The model is not of this kind's form.
    fn attributes_of_new(&self, name: &str, model: &Value, location: &Location) -> Result<Attributes, Broken>;
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
    /// See [`Kind::relevant`]. Returns the model unchanged if it is not of this kind's form.
    fn relevant(&self, want: Option<&Value>, live: &Value) -> Value;
    /// See [`Kind::region`]. Returns `None` if the model is not of this kind's form.
    fn region(&self, want: &Value) -> Option<String>;
    /// See [`Kind::adopts`]. Returns `None` if a model is not of this kind's form.
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
    /// See [`Kind::defects`].
    ///
    /// # Errors
    /// The models are not of this kind's form.
    fn defects(&self, want: &Value, live: Option<&Value>, seen: &Seen<'_>) -> Result<Vec<Risk>, Broken>;
    /// See [`Kind::claims`]. Returns the name if the model is not of this kind's form.
    fn claims(&self, name: &str, model: &Value) -> Vec<String>;
    /// See [`Kind::also_needs`]. Returns nothing if the operation is not of this kind's form.
    fn also_needs(&self, op: &Value) -> Vec<(&'static str, String)>;
    /// See [`Kind::remove`].
    ///
    /// # Errors
    /// The model is not of this kind's form.
    fn remove(&self, live: &Value) -> Result<Draft, Broken>;
    /// See [`Kind::diff`].
    ///
    /// # Errors
    /// The models are not of this kind's form, or no step makes one of the changes.
    fn diff(
        &self,
        want: &Value,
        live: Option<&LiveResource<Value>>,
        context: &DiffContext<'_>,
    ) -> Result<Draft, Broken>;
}

/// What a diff needs to know besides the models.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiffContext<'a> {
    /// The name of the spec file without its extension.
    pub spec: &'a str,
    /// The entry's waivers.
    pub waivers: &'a [Waiver],
    /// Whether the live resource lacks the tag that regionctl sets on what it creates.
    pub is_adopted: bool,
}

/// A bug in regionctl, found by a check of the engine.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {what} (this is a bug in regionctl; please report it)")]
pub struct Broken {
    /// The kind in which the bug is: `sns.topic`.
    pub kind: &'static str,
    /// What the check found, as a clause.
    pub what: String,
}

/// Implements [`AnyKind`] for a [`Kind`].
pub struct Erased<K>(PhantomData<K>);

impl<K> Erased<K> {
    /// The implementation for `K`.
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

    fn attributes(&self, name: &str, location: &Location) -> Attributes {
        K::attributes(name, location)
    }

    fn model_attributes(&self, model: &Value) -> Result<Attributes, Broken> {
        Ok(K::model_attributes(&typed::<K>(model)?))
    }

    fn attributes_of_new(&self, name: &str, model: &Value, location: &Location) -> Result<Attributes, Broken> {
        Ok(K::attributes_of_new(name, &typed::<K>(model)?, location))
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

    fn defects(&self, want: &Value, live: Option<&Value>, seen: &Seen<'_>) -> Result<Vec<Risk>, Broken> {
        let rules = K::FACTS.defect_rules;
        // Most kinds have no defects, and decoding their models would cost more than the answer.
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        let found = K::defects(&typed::<K>(want)?, live.map(typed::<K>).transpose()?.as_ref(), seen);
        match found.iter().find(|defect| !rules.contains(&defect.rule)) {
            None => Ok(found),
            Some(other) => {
                Err(Broken { kind: K::FACTS.name, what: format!("{} is not one of its defect_rules", other.rule) })
            }
        }
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

    fn diff(
        &self,
        want: &Value,
        live: Option<&LiveResource<Value>>,
        context: &DiffContext<'_>,
    ) -> Result<Draft, Broken> {
        let want = typed::<K>(want)?;
        let model = live.map(|live| typed::<K>(&live.model)).transpose()?;
        let mut diff = Diff::new(live.is_some(), context.waivers).of_spec(context.spec).adopted(context.is_adopted);
        K::diff(&want, model.as_ref(), &mut diff);
        diff.risks(K::risks(&want), &model.as_ref().map(K::risks).unwrap_or_default());
        diff.guard(live.map_or(&[], |live| &live.extras), K::extras);
        diff.finish().map_err(|what| Broken { kind: K::FACTS.name, what })
    }
}

/// Converts a model to its kind's type. The error does not contain the model, which may have secrets.
fn typed<K: Kind>(value: &Value) -> Result<K::Model, Broken> {
    serde_json::from_value(value.clone())
        .map_err(|error| Broken { kind: K::FACTS.name, what: format!("the model has another form: {error}") })
}

/// All kinds, in the order of their registration.
#[derive(Clone, Copy)]
pub struct Registry(pub &'static [&'static dyn AnyKind]);

impl Registry {
    /// Returns the kind with this name.
    pub fn get(&self, name: &str) -> Option<&'static dyn AnyKind> {
        self.0.iter().copied().find(|kind| kind.facts().name == name)
    }

    /// Returns the kind with this name.
    ///
    /// # Panics
    /// If the kind is unknown. Addresses that the engine checked have known kinds.
    pub fn of(&self, name: &str) -> &'static dyn AnyKind {
        self.get(name).expect("invariant: addresses are made from registered kinds")
    }

    /// Returns the name of a kind that is similar to a word, for "did you mean" help texts.
    pub fn near(&self, word: &str) -> Option<&'static str> {
        did_you_mean(word, self.0.iter().map(|kind| kind.facts().name))
    }
}
