//! The outside, as the engine sees it: who we are, what is there, and one call at a time.
//!
//! [`World`] is the only seam to a cloud. What cannot be read is kept as [`Unread`], never dropped.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::plan::Plan;
use crate::reference::Outputs;
use crate::spec::VpcSelector;

/// Where a spec applies: partition, region, account and the VPC it selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region's code.
    pub region: String,
    /// The account's twelve digits.
    pub account: String,
    /// The VPC, where a kind or a reference of the spec needs it.
    pub vpc: Option<Vpc>,
}

impl Place {
    /// Returns `arn:partition:service:region:account:resource`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }
}

/// A VPC that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`
    pub id: String,
    /// Its primary IPv4 block.
    pub cidr: String,
}

/// What a kind is asked to read.
#[derive(Debug, Clone)]
pub struct Scope<M> {
    /// Where. A source's place has no VPC.
    pub place: Place,
    /// The resources that the spec names, sorted by name.
    pub wanted: Vec<Wanted<M>>,
    /// Whether every live resource matters: the spec has a pattern, a copy or a rule over this kind.
    pub everything: bool,
    /// Whether this is a source, of which everything is read that a resource here could follow.
    pub source: bool,
}

/// A resource that is asked for by its name.
#[derive(Debug, Clone)]
pub struct Wanted<M> {
    /// Its name.
    pub name: String,
    /// What the spec says of it; `None` where all that matters is whether it is there.
    pub model: Option<M>,
    /// Whether what the spec leaves out is read too, since the resource follows another.
    pub whole: bool,
}

impl<M> Scope<M> {
    /// Says whether a live resource of this name is asked for.
    pub fn asks_for(&self, name: &str) -> bool {
        self.everything || self.wanted.iter().any(|wanted| wanted.name == name)
    }
}

impl<M> Wanted<M> {
    /// Says whether a part is to be read: the spec states it, or the resource follows another.
    pub fn states(&self, part: impl FnOnce(&M) -> bool) -> bool {
        self.whole || self.model.as_ref().is_some_and(part)
    }
}

/// A live resource.
#[derive(Debug, Clone)]
pub struct Seen<M> {
    /// Its name.
    pub name: String,
    /// What AWS says of it, in the form that desired has.
    pub model: M,
    /// The values that only AWS gives: ids.
    pub outputs: Outputs,
}

/// What a kind's read found.
#[derive(Debug, Clone)]
pub struct Observation<M> {
    /// What is there.
    pub seen: Vec<Seen<M>>,
    /// What could not be read, by name.
    pub unread: Vec<(String, Failure)>,
}

impl<M> Default for Observation<M> {
    fn default() -> Self {
        Self { seen: Vec::new(), unread: Vec::new() }
    }
}

/// What kind of failure a call had; from the service's code, never from its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The thing is not there (yet).
    NotFound,
    /// The caller may not.
    Denied,
    /// Too many calls, after all retries.
    Throttled,
    /// Somebody else is changing the same thing.
    Conflict,
    /// AWS refuses the request as it stands.
    Invalid,
    /// It is still being made or changed, and takes no other change meanwhile.
    NotReady,
    /// A name that belongs to somebody else.
    Taken,
    /// No credentials, or expired ones.
    Credentials,
    /// AWS was not reached.
    Transport,
    /// regionctl refused to send it (a write while reading).
    Refused,
    /// Anything else.
    Other,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The class.
    pub class: FailureClass,
    /// The service and API operation, `SNS CreateTopic`.
    pub call: String,
    /// The service's error code.
    pub code: Option<String>,
    /// The service's words.
    pub message: String,
    /// AWS's request id, for a support case.
    pub request_id: Option<String>,
}

impl Failure {
    /// Makes a failure that no service worded: without a code and a request id.
    pub fn new(class: FailureClass, call: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class, call: call.into(), code: None, message: message.into(), request_id: None }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} failed", self.call)?;
        if let Some(code) = &self.code {
            write!(f, " with {code}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Who the credentials belong to, and the VPC that the spec selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account of the credentials.
    pub account: String,
    /// The selected VPCs: none was found, one, or (a fault) several.
    pub vpcs: Vec<Vpc>,
}

/// How far a resource is on its way, in the service's own word (`creating`, `modifying`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is what it was told to be.
    Ready,
    /// It is on its way.
    Coming(String),
    /// It did not get there; why.
    Failed(String),
}

/// Something that a plan cannot see, looked at before the first write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was looked at, in words.
    pub name: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found, or why nothing could be.
    pub what: String,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It will not stand in the way.
    Passed,
    /// It would stop the plan in the middle.
    Failed,
    /// AWS did not let it be looked at.
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
    pub place: Place,
    /// What is known of it: ids, ARNs.
    pub outputs: Outputs,
}

/// The cloud.
pub trait World: Sync {
    /// Asks who we are and, where a selector is given, for the VPC. One round trip.
    fn identify<'a>(&'a self, vpc: Option<&'a VpcSelector>) -> BoxFuture<'a, Result<Identity, Failure>>;

    /// Reads the resources of one kind, in bulk. Sends no write.
    fn observe<'a>(&'a self, kind: &'a str, scope: Scope<Value>) -> BoxFuture<'a, Result<Observation<Value>, Failure>>;

    /// Runs one step, and returns the values that it brought forth.
    fn run<'a>(&'a self, kind: &'a str, target: StepTarget, op: Value) -> BoxFuture<'a, Result<Outputs, Failure>>;

    /// Looks at what a plan cannot see: permissions, quotas, what is on offer. Changes nothing.
    fn preflight<'a>(&'a self, plan: &'a Plan, place: &'a Place) -> BoxFuture<'a, Vec<Check>>;

    /// Asks how far a resource is, without waiting for it.
    fn status<'a>(&'a self, kind: &'a str, target: StepTarget) -> BoxFuture<'a, Result<Status, Failure>>;
}

/// Something that could not be read, so that the plan is not the whole truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// What: an address, or `kind/*` when the whole read failed.
    pub address: String,
    /// Why.
    pub failure: Failure,
}

impl Unread {
    /// Says whether a resource could not be read: itself, or its whole kind.
    pub fn covers(&self, address: &Address) -> bool {
        self.address == address.to_string() || self.address == format!("{}/*", address.kind)
    }
}
