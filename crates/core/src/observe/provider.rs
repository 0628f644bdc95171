//! The only seam to a cloud: who we are, what exists, one call at a time, who changed what, and what was applied last.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::Failure;
use super::location::{Identity, Location};
use super::scope::{Observation, Scope};
use crate::plan::Plan;
use crate::resource::address::Address;
use crate::resource::reference::Outputs;

/// How far a resource is, in the service's own word (`creating`, `modifying`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is what it was asked to be.
    Ready,
    /// In progress.
    InProgress(String),
    /// It did not become ready; why.
    Failed(String),
}

/// Something that a plan cannot see, checked before the first write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was checked, in words.
    pub name: String,
    /// The result.
    pub verdict: Verdict,
    /// What was found, or why nothing could be.
    pub what: String,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does not stand in the way.
    Passed,
    /// It would stop the plan in the middle.
    Failed,
    /// AWS did not allow the check.
    CouldNotCheck,
}

impl Check {
    /// Makes a check.
    pub fn new(name: impl Into<String>, verdict: Verdict, what: impl Into<String>) -> Self {
        Self { name: name.into(), verdict, what: what.into() }
    }
}

/// A resource as a step finds it.
#[derive(Debug, Clone)]
pub struct StepTarget {
    /// The resource's name.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// What is known of it: ids, ARNs.
    pub outputs: Outputs,
}

/// Who changed a resource, when and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// The principal's ARN, or what the audit log has in its place.
    pub who: String,
    /// When, RFC 3339.
    pub when: String,
    /// The API operation.
    pub event: String,
}

/// The cloud.
///
/// # Guarantees
/// [`run`](Self::run) and [`save_applied`](Self::save_applied) write; nothing else does.
pub trait Provider: Sync {
    /// Asks who we are and, where they matter, for the region's VPCs. One round trip.
    fn identify(&self, vpcs: bool) -> BoxFuture<'_, Result<Identity, Failure>>;

    /// Reads the resources of one kind, in bulk.
    fn observe<'a>(&'a self, kind: &'a str, scope: Scope) -> BoxFuture<'a, Result<Observation<Value>, Failure>>;

    /// Lists the names of all live resources of a kind, managed or not.
    fn list<'a>(&'a self, kind: &'a str, location: &'a Location) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// Runs one step, and returns the values that it brought forth.
    fn run<'a>(&'a self, kind: &'a str, target: StepTarget, op: Value) -> BoxFuture<'a, Result<Outputs, Failure>>;

    /// Checks what a plan cannot see: permissions, quotas, what is on offer.
    fn preflight<'a>(&'a self, plan: &'a Plan, location: &'a Location) -> BoxFuture<'a, Vec<Check>>;

    /// Asks how far a resource is, without waiting for it.
    fn status<'a>(&'a self, kind: &'a str, target: StepTarget) -> BoxFuture<'a, Result<Status, Failure>>;

    /// Returns who changed a resource last, the newest change first; nothing where the audit log has nothing.
    fn audit_events<'a>(
        &'a self,
        address: &'a Address,
        location: &'a Location,
        outputs: &'a Outputs,
    ) -> BoxFuture<'a, Result<Vec<AuditEvent>, Failure>>;

    /// Reads the parts of a spec's last-applied record; nothing where there is none.
    fn last_applied<'a>(&'a self, spec: &'a str) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// Saves the parts of a spec's last-applied record.
    fn save_applied<'a>(&'a self, spec: &'a str, parts: Vec<String>) -> BoxFuture<'a, Result<(), Failure>>;
}
