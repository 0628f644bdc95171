// SPDX-License-Identifier: Apache-2.0
//! The plan document and the operations on it. The doc comments are the descriptions in the published JSON schema.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Position;
use crate::diff::{FieldChange, Phase, RiskNote, Waiting};
use crate::observe::failure::Gap;
use crate::resource::address::Address;

/// The format version of plan documents. Readers refuse other versions.
pub const FORMAT: u32 = 2;

/// A plan: the changes that an apply would make to one region of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The format version of this document: 2.
    pub format: u32,
    /// The tool that created the plan, with its version: `regionctl 1.2.3`.
    pub tool: String,
    /// The region's code: `eu-central-1`.
    pub region: String,
    /// The twelve-digit account id.
    pub account: String,
    /// The id of the VPC that the spec selects: `vpc-…`. Absent if the spec needs no VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The path of the spec file, as given on the command line.
    pub spec: String,
    /// The SHA-256 digest of the spec after includes and variables, in lowercase hexadecimal.
    pub spec_digest: String,
    /// The addresses given with `--target`. Absent if the plan includes all resources of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Address>,
    /// The resources that differ from the spec, sorted by address.
    pub changes: Vec<Change>,
    /// The manual steps of the spec, and of resources without changes. Those of a resource with changes are in its
    /// `waiting`.
    pub waiting: Vec<WaitingOn>,
    /// The resources without changes that have an operation in progress in AWS. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_progress: Vec<InProgress>,
    /// Informational notes. They change nothing. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What could not be read. If not empty, the plan is incomplete.
    pub gaps: Vec<Gap>,
    /// The risks that exist in AWS, match the spec, and have no waiver. They are neither changes nor gates. Absent if
    /// there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unwaived: Vec<Unwaived>,
    /// The gates: reasons for which an apply refuses the plan. Empty if there are none.
    pub gates: Vec<Gate>,
    /// Counts of resources and steps.
    pub summary: Summary,
}

/// What an apply does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Creates it.
    Create,
    /// Changes it in place.
    Update,
    /// Replaces it: creates the new resource, then deletes the old one.
    Replace,
    /// Deletes it.
    Delete,
    /// Nothing: it differs in a way that regionctl cannot change. An apply refuses the plan.
    Blocked,
}

/// The change of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The resource: `kind/name`.
    pub address: Address,
    /// The AWS service, as the SDK names it: `SNS`.
    pub service: String,
    /// What an apply does to the resource.
    pub action: Action,
    /// Whether the spec adopts the resource: it exists without the tag `regionctl:spec`, which regionctl sets on new
    /// resources of this kind. False if the tags could not be read. Absent if false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopts: bool,
    /// The position of the resource, or of its rule, pattern or copy, in the spec.
    pub at: Position,
    /// The name of the rule, pattern or copy that produced the resource. Absent if the spec names the resource itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The live resource of another region that it copies. Absent if it follows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
    /// The risks that the change adds. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub risks: Vec<RiskNote>,
    /// The manual steps that remain after the change. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub waiting: Vec<Waiting>,
    /// Why the resource cannot be changed, each with what to do. Absent unless the action is `blocked`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocked: Vec<String>,
    /// Why the resource is replaced. Absent if it is not replaced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaced: Option<String>,
    /// What the steps delete, as clauses: `it is deleted`. Absent if they delete nothing.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub deletes: Vec<String>,
    /// What the steps interrupt at once, as clauses: `the database restarts`. Absent if they interrupt nothing.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub interrupts: Vec<String>,
    /// The AWS calls, in the order in which they run. Empty if the action is `blocked`.
    pub steps: Vec<Step>,
    /// The SHA-256 digest of the live settings that the change depends on, in lowercase hexadecimal. `absent` if the
    /// resource does not exist.
    pub fingerprint: String,
    /// The attributes that other resources can refer to, by name: `arn`, `id`. Null if the value is known only after
    /// apply.
    pub attributes: BTreeMap<String, Option<String>>,
}

/// The source of a resource: the live resource of another region that it copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Follows {
    /// The source's region code.
    pub region: String,
    /// The source's name.
    pub name: String,
    /// The SHA-256 digest of the copied settings, in lowercase hexadecimal. `absent` if the source no longer exists.
    pub fingerprint: String,
}

/// A resource with an operation in progress in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InProgress {
    /// The resource: `kind/name`.
    pub address: Address,
    /// The AWS service, as the SDK names it: `RDS`.
    pub service: String,
    /// The status in the service's own words: `creating`.
    pub what: String,
}

/// An informational note. It changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// The address of the resource or entry that the note is about: `kind/name`.
    pub about: String,
    /// The text of the note.
    pub what: String,
}

/// A risk that exists in AWS, matches the spec, and has no waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unwaived {
    /// The resource: `kind/name`.
    pub address: Address,
    /// The position of the resource, or of its rule, pattern or copy, in the spec.
    pub at: Position,
    /// The stable id of the risk rule, such as `s3-public-policy`. A waiver refers to it.
    pub rule: String,
    /// What the resource does, as a clause: `opens tcp 5432 to everyone`.
    pub what: String,
}

/// One mutating AWS call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its number in the plan, from 1. Running all steps by ascending number is a valid order.
    pub id: u32,
    /// The service and API operation: `SNS CreateTopic`.
    pub call: String,
    /// Its phase, which determines its order among the steps of the resource.
    pub phase: Phase,
    /// The zero-based indices in the change's `fields` of the fields that it fixes. Empty if it only creates the
    /// resource.
    pub covers: Vec<usize>,
    /// The ids of the steps that must finish first, ascending.
    pub after: Vec<u32>,
    /// The operation: an object from the operation's name to its parameters, or only the name if there are none. A
    /// reference such as `${kind/name.id}` is replaced by the attribute's value during an apply. A secret is
    /// `{"$secret": path}` without its value.
    pub op: Value,
}

/// A manual step, with the resource that waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingOn {
    /// The resource: `kind/name`. `manual.step/name` for a manual step of the spec.
    pub address: Address,
    /// The AWS service, as the SDK names it. `People` for a manual step of the spec.
    pub service: String,
    /// What must happen and who must act, as a sentence.
    pub what: String,
    /// The AWS operation, with its parameters, that asks the person again. Absent if AWS has no such operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_again: Option<Value>,
}

/// A gate: a reason for which an apply refuses the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// The kind of the gate.
    pub gate: GateKind,
    /// The reason, as a sentence.
    pub what: String,
    /// How to open the gate, as an imperative.
    pub fix: String,
}

/// The kind of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The plan changes at least 10 existing resources, and more than a third of them. Needs `--allow-large`.
    Large,
    /// The plan adds a risk that has no waiver in the spec.
    Exposure,
    /// A resource differs in a way that regionctl cannot change.
    Blocked,
    /// The plan deletes a resource, a part of one, or data. Needs `--allow-destroy`.
    Destroy,
    /// The plan interrupts a service: a restart, a failover, connections that end. Needs `--allow-interrupt`.
    Interrupt,
}

/// Counts of resources and steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The number of resources to create.
    pub create: usize,
    /// The number of resources to change in place.
    pub update: usize,
    /// The number of resources to replace.
    #[serde(default)]
    pub replace: usize,
    /// The number of resources to delete.
    #[serde(default)]
    pub delete: usize,
    /// The number of resources that differ and cannot be changed.
    pub blocked: usize,
    /// The number of existing resources that match the spec and have no operation in progress.
    pub unchanged: usize,
    /// The number of manual steps.
    pub waiting: usize,
    /// The number of resources without changes that have an operation in progress.
    #[serde(default)]
    pub in_progress: usize,
    /// The number of steps in the plan.
    pub steps: usize,
}

impl Plan {
    /// Returns whether the plan has no changes. It may have gaps.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns whether the plan has no changes and no operation is in progress.
    pub fn has_nothing_to_do(&self) -> bool {
        self.changes.is_empty() && self.in_progress.is_empty()
    }

    /// Returns whether the plan has no gaps.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Returns all steps by ascending id, each with its change.
    pub fn steps(&self) -> Vec<(&Change, &Step)> {
        let mut steps: Vec<_> =
            self.changes.iter().flat_map(|change| change.steps.iter().map(move |step| (change, step))).collect();
        steps.sort_by_key(|(_, step)| step.id);
        steps
    }

    /// Narrows the plan to some resources and the changes that must be made before them.
    #[must_use]
    pub fn targeting(mut self, targets: &[Address]) -> Self {
        let steps = self.steps();
        let change_of: BTreeMap<u32, &Change> = steps.into_iter().map(|(change, step)| (step.id, change)).collect();
        let mut open: Vec<&Change> = self.changes.iter().filter(|change| targets.contains(&change.address)).collect();
        let mut kept = BTreeSet::new();
        // A change keeps all its steps: some of them alone would leave the resource half changed.
        while let Some(change) = open.pop() {
            if kept.insert(change.address.clone()) {
                open.extend(change.steps.iter().flat_map(|step| &step.after).filter_map(|id| change_of.get(id)));
            }
        }
        self.changes.retain(|change| kept.contains(&change.address));
        self.waiting.retain(|waiting| targets.contains(&waiting.address));
        self.in_progress.retain(|in_progress| targets.contains(&in_progress.address));
        self.unwaived.retain(|risk| targets.contains(&risk.address));
        self.notes.retain(|note| targets.iter().any(|target| target.to_string() == note.about));
        self.targets = targets.to_vec();
        self.recount();
        self
    }
}
