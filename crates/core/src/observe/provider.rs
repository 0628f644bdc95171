// SPDX-License-Identifier: Apache-2.0
//! [`Provider`], the only interface to a cloud: account, reads, single writes, audit events, last-applied record.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::Failure;
use super::location::{Identity, Location};
use super::scope::{Observation, Scope};
use crate::plan::Plan;
use crate::resource::address::Address;
use crate::resource::reference::Attributes;
use crate::spec::Spec;

/// The status of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// No operation is in progress.
    Ready,
    /// An operation is in progress. Holds the service's own word: `creating`, `modifying`.
    InProgress(String),
    /// It did not become ready. Holds the reason.
    Failed(String),
}

/// A preflight check: a precondition that a plan cannot show, checked before the first write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was checked: `bucket names are free`.
    pub name: String,
    /// Whether the precondition holds.
    pub verdict: Verdict,
    /// What was found, or why it could not be checked.
    pub what: String,
}

/// The verdict of a preflight check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The precondition holds.
    Passed,
    /// The precondition does not hold: an apply would fail halfway.
    Failed,
    /// The check could not be made, for example because AWS denied its call.
    CouldNotCheck,
}

impl Check {
    /// Creates a check from its name, verdict and finding.
    pub fn new(name: impl Into<String>, verdict: Verdict, what: impl Into<String>) -> Self {
        Self { name: name.into(), verdict, what: what.into() }
    }
}

/// The resource that a step changes.
#[derive(Debug, Clone)]
pub struct StepTarget {
    /// The name of the resource in AWS.
    pub name: String,
    /// Its account, region and VPC.
    pub location: Location,
    /// Its known attributes: ids, ARNs.
    pub attributes: Attributes,
}

/// An audit event: who changed a resource, when, and by which API operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// The ARN of the principal, or the name that the audit log (CloudTrail) states instead.
    pub who: String,
    /// The time of the event, RFC 3339 in UTC.
    pub when: String,
    /// The API operation: `PutMetricAlarm`.
    pub event: String,
}

/// A cloud account: one of AWS, or one in memory in tests.
///
/// # Guarantees
/// Only [`run`](Self::run) and [`save_applied`](Self::save_applied) write.
pub trait Provider: Sync {
    /// Returns the account of the credentials and, if `vpcs` is set, the region's VPCs.
    fn identify(&self, vpcs: bool) -> BoxFuture<'_, Result<Identity, Failure>>;

    /// Reads the resources of one kind, in bulk.
    fn observe<'a>(&'a self, kind: &'a str, scope: Scope) -> BoxFuture<'a, Result<Observation<Value>, Failure>>;

    /// Lists the names of all live resources of a kind, managed or not.
    fn list<'a>(&'a self, kind: &'a str, location: &'a Location) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// Runs one step, and returns the attributes that AWS assigned.
    fn run<'a>(&'a self, kind: &'a str, target: StepTarget, op: Value) -> BoxFuture<'a, Result<Attributes, Failure>>;

    /// Checks what a plan of a spec cannot show: permissions, quotas, available offerings.
    fn preflight<'a>(&'a self, spec: &'a Spec, plan: &'a Plan, location: &'a Location) -> BoxFuture<'a, Vec<Check>>;

    /// Returns the status of a resource, without waiting for it to become ready.
    fn status<'a>(&'a self, kind: &'a str, target: StepTarget) -> BoxFuture<'a, Result<Status, Failure>>;

    /// Returns the audit events of a resource, newest first. Empty if the audit log has none.
    fn audit_events<'a>(
        &'a self,
        address: &'a Address,
        location: &'a Location,
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, Result<Vec<AuditEvent>, Failure>>;

    /// Reads the parts of a spec's last-applied record. Empty if there is no record.
    fn last_applied<'a>(&'a self, spec: &'a str) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// Saves the parts of a spec's last-applied record.
    fn save_applied<'a>(&'a self, spec: &'a str, parts: Vec<String>) -> BoxFuture<'a, Result<(), Failure>>;
}
