//! The plan's document: what would be done, why, with what risk, on what live state.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Position;
use crate::diff::{FieldChange, Phase, RiskNote, Waiting};
use crate::observe::failure::Gap;
use crate::resource::address::Address;

/// The version of the plan's JSON; a reader refuses others.
pub const FORMAT: u32 = 1;

/// What would be done to one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The version of this document's form, 1.
    pub format: u32,
    /// The version of regionctl that made it.
    pub tool: String,
    /// The region's code.
    pub region: String,
    /// The account.
    pub account: String,
    /// The id of the VPC that the spec selected, where it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The spec file's path, as given.
    pub spec: String,
    /// A digest of all that the spec wants.
    pub spec_digest: String,
    /// The resources that the plan is narrowed to; all of the spec's where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Address>,
    /// What differs, sorted by address.
    pub changes: Vec<Change>,
    /// What waits for a person, where nothing else differs.
    pub waiting: Vec<WaitingOn>,
    /// What is on its way already, where nothing else differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coming: Vec<Coming>,
    /// What should be said and changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What could not be read; the plan is not the whole truth then.
    pub unread: Vec<Gap>,
    /// The risks that live already has as the spec wants it, and that no waiver of the spec explains. An apply changes
    /// nothing of them, so they are neither changes nor gates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unwaived: Vec<Unwaived>,
    /// What the plan needs an explicit word for.
    pub gates: Vec<Gate>,
    /// Counts over the whole plan.
    pub summary: Summary,
}

/// What happens to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It changes in place.
    Update,
    /// It is made anew: the new one comes before the old one goes.
    Replace,
    /// It is taken away.
    Delete,
    /// It differs in a way that cannot be changed in place.
    Blocked,
}

/// Desired against live for one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The resource.
    pub address: Address,
    /// The AWS service, as plans group by it.
    pub service: String,
    /// What happens.
    pub action: Action,
    /// Where the spec wants it.
    pub at: Position,
    /// The entry that it comes from, if it is not named itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The live resource that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
    /// The attributes that differ.
    pub fields: Vec<FieldChange>,
    /// What deserves a second look.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub risks: Vec<RiskNote>,
    /// What a person owes after it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waiting: Vec<Waiting>,
    /// Why it cannot be changed in place, and what to do.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocked: Vec<String>,
    /// Why it is made anew.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaced: Option<String>,
    /// What its steps delete.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub deletes: Vec<String>,
    /// The calls, in order.
    pub steps: Vec<Step>,
    /// The digest of the live model that the change rests on; `absent` where there is none.
    pub fingerprint: String,
    /// The values that the resource gives to others; `null` where only AWS can say.
    pub outputs: BTreeMap<String, Option<String>>,
}

/// A live resource that another one follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Follows {
    /// Its region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// The digest of what is taken over from it, on which the change rests.
    pub fingerprint: String,
}

/// Something that is on its way already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coming {
    /// The resource.
    pub address: Address,
    /// The AWS service.
    pub service: String,
    /// The service's own word: `creating`.
    pub what: String,
}

/// Something that should be said and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// The resource or entry that it is about.
    pub about: String,
    /// What there is to say.
    pub what: String,
}

/// A risk that a live resource has as the spec wants it, and that no waiver explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unwaived {
    /// The resource.
    pub address: Address,
    /// Where the spec wants it.
    pub at: Position,
    /// The rule's stable id.
    pub rule: String,
    /// What it does, as a clause.
    pub what: String,
}

/// One mutating AWS call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its number in the plan, from 1, in an order in which all could be run.
    pub id: u32,
    /// The service and API operation, `SNS CreateTopic`.
    pub call: String,
    /// Why it stands where it stands among its resource's steps.
    pub phase: Phase,
    /// The indices of the fields that it mends; empty where it makes the resource.
    pub covers: Vec<usize>,
    /// The steps that must be done before.
    pub after: Vec<u32>,
    /// The operation with its parameters; `${…}` stands for values that only AWS gives.
    pub op: Value,
}

/// Something of a resource that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingOn {
    /// The resource.
    pub address: Address,
    /// The AWS service.
    pub service: String,
    /// What waits, and for whom.
    pub what: String,
    /// The operation that asks again, where AWS has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Value>,
}

/// Something for which apply needs an explicit word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// What kind of thing.
    pub gate: GateKind,
    /// What it is, in a sentence.
    pub what: String,
    /// How to pass.
    pub pass: String,
}

/// The kinds of gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// More of what exists is changed than is usual.
    Large,
    /// Something is opened that no waiver in the spec says is meant.
    Exposure,
    /// Something cannot be changed in place.
    Blocked,
    /// Something is deleted.
    Destroy,
}

/// Counts over a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Resources to make.
    pub create: usize,
    /// Resources to change.
    pub update: usize,
    /// Resources to make anew.
    #[serde(default)]
    pub replace: usize,
    /// Resources to take away.
    #[serde(default)]
    pub delete: usize,
    /// Resources that cannot be changed in place.
    pub blocked: usize,
    /// Resources that are what the spec says.
    pub unchanged: usize,
    /// Things that wait for a person.
    pub waiting: usize,
    /// Resources that are on their way already.
    #[serde(default)]
    pub coming: usize,
    /// Steps in all.
    pub steps: usize,
}

impl Plan {
    /// Says whether there is nothing to do, as far as could be read.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Says whether nothing is to do and nothing is still on its way.
    pub fn is_settled(&self) -> bool {
        self.changes.is_empty() && self.coming.is_empty()
    }

    /// Says whether everything that the plan rests on was read.
    pub fn is_complete(&self) -> bool {
        self.unread.is_empty()
    }

    /// Returns all steps in the order of their numbers, each with its change.
    pub fn steps(&self) -> Vec<(&Change, &Step)> {
        let mut steps: Vec<_> =
            self.changes.iter().flat_map(|change| change.steps.iter().map(move |step| (change, step))).collect();
        steps.sort_by_key(|(_, step)| step.id);
        steps
    }

    /// Narrows the plan to some resources and what they need done before them.
    #[must_use]
    pub fn targeting(mut self, targets: &[Address]) -> Self {
        let steps = self.steps();
        let change_of: BTreeMap<u32, &Change> = steps.into_iter().map(|(change, step)| (step.id, change)).collect();
        let mut open: Vec<&Change> = self.changes.iter().filter(|change| targets.contains(&change.address)).collect();
        let mut kept = BTreeSet::new();
        // A change is kept whole: a part of its steps would leave it half done.
        while let Some(change) = open.pop() {
            if kept.insert(change.address.clone()) {
                open.extend(change.steps.iter().flat_map(|step| &step.after).filter_map(|id| change_of.get(id)));
            }
        }
        self.changes.retain(|change| kept.contains(&change.address));
        self.waiting.retain(|waiting| targets.contains(&waiting.address));
        self.coming.retain(|coming| targets.contains(&coming.address));
        self.unwaived.retain(|risk| targets.contains(&risk.address));
        self.notes.retain(|note| targets.iter().any(|target| target.to_string() == note.about));
        self.targets = targets.to_vec();
        self.recount();
        self
    }
}
