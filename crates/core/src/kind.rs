//! A kind: one type of resource, its spec, its model and what turns live into desired.
//!
//! [`Kind`] is the pure, typed half that a kind's file implements. [`AnyKind`] is the same with the
//! types erased to JSON, so that the engine works without knowing any kind; the one blanket
//! implementation, [`Erased`], is the only place where types are lost.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use crate::diff::{Diff, Draft};
use crate::reference::Outputs;
use crate::report::severity::Weight;
use crate::spec::decode::decode;
use crate::spec::tree::Node;
use crate::spec::{Waiver, did_you_mean};
use crate::world::{Place, Seen};

/// What is the same for all resources of a kind.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each says what may be written of a kind, and none excludes another
pub struct Facts {
    /// The kind's name and its section in a spec: `sns.topic`.
    pub name: &'static str,
    /// The AWS service, as the SDK names it: `SNS`, `CloudWatch Logs`. Plans are grouped by it.
    pub service: &'static str,
    /// What it is, in one line, for the reference.
    pub summary: &'static str,
    /// The API operations that observing it may call.
    pub reads: &'static [&'static str],
    /// The API operations that its steps may call.
    pub writes: &'static [&'static str],
    /// The operations of `writes` that are needed only to take a resource away: the spec says `absent`, or a copy's
    /// source is gone.
    pub removes: &'static [&'static str],
    /// The API operations by which what a plan cannot see is looked at before the first write.
    pub checks: &'static [&'static str],
    /// The IAM actions that its calls may need beside their operations' own.
    pub also: &'static [Need],
    /// The values it gives to others, as in `${kind/name.arn}`.
    pub outputs: &'static [&'static str],
    /// Whether its names are the same in every region of an account.
    pub global: bool,
    /// Whether it lives in the VPC that the spec selects.
    pub needs_vpc: bool,
    /// Whether a name may be a pattern (`*`) that stands for every live resource it matches.
    pub patterns: bool,
    /// Whether observing it can list every live one, so that a rule may go over them.
    pub lists: bool,
    /// Whether one can follow a live one of another region (`like`, `copy`).
    pub follows: bool,
    /// The API operations by which all live ones of a region are listed.
    pub inventory: &'static [&'static str],
    /// How bad it is when an attribute differs; the first line that fits counts.
    pub weights: &'static [Weight],
    /// What AWS gives where a spec states nothing: a part of the model, as JSON. Empty where nothing is known.
    pub defaults: &'static str,
    /// A YAML section as a user would write it, for the reference; a test parses it.
    pub example: &'static str,
    /// What the laws are tested with. Together they must use every read and write above.
    pub cases: &'static [Case],
}

/// An IAM action that the calls of a kind need beside their own.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// The IAM action, such as `iam:PassRole`.
    pub action: &'static str,
    /// What the action is for, where the spec does not state it: ARNs in which `{partition}`, `{region}`, `{account}` and
    /// `{name}` stand for the spec's and the resource's own, or `*`.
    pub resources: &'static [&'static str],
    /// When it is needed.
    pub when: NeededWhen,
    /// Whether reading needs it too.
    pub reads: bool,
}

/// When an IAM action is needed. An attribute is a field of the kind's model, by its path: `birth.profile`.
#[derive(Debug, Clone, Copy)]
pub enum NeededWhen {
    /// For every resource.
    Always,
    /// For every resource, and for what this attribute names where the spec states it.
    For(&'static str),
    /// Only where the spec states this attribute, and for what it names where it is an ARN.
    Stated(&'static str),
}

impl Need {
    /// An action that a resource's steps need whatever the spec says of it.
    pub const fn always(action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::Always, reads: false }
    }

    /// An action that steps need for what `attribute` names.
    pub const fn named_by(attribute: &'static str, action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::For(attribute), reads: false }
    }

    /// An action that steps need only where the spec states `attribute`.
    pub const fn if_stated(attribute: &'static str, action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::Stated(attribute), reads: false }
    }

    /// The same action, for reading too.
    #[must_use]
    pub const fn to_read(self) -> Self {
        Self { reads: true, ..self }
    }
}

/// A way from one spec to another: it stands for any drift, whose cause does not matter.
#[derive(Debug)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// The sections of the spec that was applied before; empty for a region without any of it.
    pub before: &'static str,
    /// The sections of the spec that is applied now.
    pub after: &'static str,
    /// The API operations of the plan's steps, in their order.
    pub steps: &'static [&'static str],
}

/// The tag by which a copy says which region it was copied from, so that it is known when its source is gone.
pub const ORIGIN: &str = "regionctl:source";

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
    fn outputs(_name: &str, _place: &Place) -> Outputs {
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
        _source: &Seen<Self::Model>,
        _place: &Place,
        _left: &mut Vec<String>,
    ) -> Option<Self::Model> {
        Some(own)
    }

    /// Returns a live model without what passes by itself (`creating`), so that a plan does not fall for it.
    fn steady(live: Self::Model) -> Self::Model {
        live
    }

    /// Returns the region that a live resource says it was copied from (its tag [`ORIGIN`]).
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

/// Where a kind's `desire` puts faults and waivers, by path within the resource.
pub struct Notes<'a> {
    node: &'a Node,
    sources: &'a Sources,
    /// Whether the resource follows another, so that what is left out comes from there.
    pub follows: bool,
    /// Faults found so far.
    pub faults: Diagnostics,
    /// Waivers stated so far.
    pub waivers: Vec<Waiver>,
}

impl<'a> Notes<'a> {
    /// Starts the notes for the resource that stands at this node.
    pub fn new(node: &'a Node, sources: &'a Sources, follows: bool) -> Self {
        Self { node, sources, follows, faults: Diagnostics::default(), waivers: Vec::new() }
    }

    /// Records that the value at `path` is wrong.
    pub fn fault(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.node.locate(path);
        self.faults.push(Diagnostic::at("invalid-value", span, message).help(help));
    }

    /// Records that the value at `path` holds a secret. Its line is named and not shown.
    pub fn fault_of_a_secret(&mut self, path: &str, message: &str, help: &str) {
        let at = self.sources.position(self.node.locate(path));
        let fault = Diagnostic::new("secret-in-spec", message);
        self.faults.push(fault.note(format!("it stands at {at}")).help(help));
    }

    /// Records a fault inside the text at `path`, at the first place where `needle` stands.
    pub fn fault_within(
        &mut self,
        code: &'static str,
        path: &str,
        needle: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let span = self.sources.narrow(self.node.locate(path), needle);
        self.faults.push(Diagnostic::at(code, span, message).help(help));
    }

    /// Records a fault at a line and column (from 1) of the text at `path`.
    ///
    /// A block scalar stands in the file with its indentation, which is added back.
    pub fn fault_in_text(&mut self, code: &'static str, path: &str, line: usize, column: usize, message: String) {
        let mut span: Span = self.node.locate(path);
        if line > 1 {
            span.line += u32::try_from(line - 1).unwrap_or(0);
            span.column += u32::try_from(column.saturating_sub(1)).unwrap_or(0);
        } else {
            span.column += u32::try_from(column.saturating_sub(1)).unwrap_or(0);
        }
        let text = &self.sources.get(span.file).text;
        span.start = crate::spec::tree::offset_of(text, span.line, span.column);
        span.len = 1;
        self.faults.push(Diagnostic::at(code, span, message));
    }

    /// Records that the risk `key` is meant, for this reason, stated at `path`.
    pub fn waive(&mut self, key: &str, reason: &str, path: &str) {
        let at = self.sources.position(self.node.locate(path));
        self.waivers.push(Waiver { key: key.to_owned(), reason: reason.to_owned(), at });
    }
}

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
    fn outputs(&self, name: &str, place: &Place) -> Outputs;
    /// See [`Kind::given`].
    ///
    /// # Errors
    /// The model is not of this kind's form.
    fn given(&self, model: &Value) -> Result<Outputs, Broken>;
    /// See [`Kind::follow`].
    ///
    /// # Errors
    /// The models are not of this kind's form.
    fn follow(&self, own: &Value, source: &Seen<Value>, place: &Place) -> Result<(Option<Value>, Vec<String>), Broken>;
    /// See [`Kind::origin`]; none for a model of another form.
    fn origin(&self, live: &Value) -> Option<String>;
    /// See [`Kind::steady`]; a model of another form stays as it is.
    fn steady(&self, live: &Value) -> Value;
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
    fn diff(&self, want: &Value, waivers: &[Waiver], live: Option<&Value>) -> Result<Draft, Broken>;
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

    fn outputs(&self, name: &str, place: &Place) -> Outputs {
        K::outputs(name, place)
    }

    fn given(&self, model: &Value) -> Result<Outputs, Broken> {
        Ok(K::given(&typed::<K>(model)?))
    }

    fn follow(&self, own: &Value, source: &Seen<Value>, place: &Place) -> Result<(Option<Value>, Vec<String>), Broken> {
        let model = typed::<K>(&source.model)?;
        let source = Seen { name: source.name.clone(), model, outputs: source.outputs.clone() };
        let mut left = Vec::new();
        let followed = K::follow(typed::<K>(own)?, &source, place, &mut left);
        let untyped = |model| serde_json::to_value(model).expect("invariant: models are plain data");
        Ok((followed.map(untyped), left))
    }

    fn origin(&self, live: &Value) -> Option<String> {
        typed::<K>(live).ok().and_then(|live| K::origin(&live))
    }

    fn steady(&self, live: &Value) -> Value {
        let steady = typed::<K>(live).ok().and_then(|live| serde_json::to_value(K::steady(live)).ok());
        steady.unwrap_or_else(|| live.clone())
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

    fn diff(&self, want: &Value, waivers: &[Waiver], live: Option<&Value>) -> Result<Draft, Broken> {
        let want = typed::<K>(want)?;
        let live = live.map(typed::<K>).transpose()?;
        let mut diff = Diff::new(live.is_some(), waivers);
        K::diff(&want, live.as_ref(), &mut diff);
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
