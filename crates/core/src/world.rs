//! The outside, as the engine sees it: who we are, what is there, and one call at a time.
//!
//! [`World`] is the only seam to a cloud. What cannot be read is kept as [`Unread`], never dropped.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Where.
    pub place: Place,
    /// The resources that the spec names, with what it wants of each, sorted by name.
    pub wanted: Vec<(String, M)>,
    /// Whether the spec has a pattern of this kind, so that every live resource matters.
    pub everything: bool,
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
}

/// Something that could not be read, so that the plan is not the whole truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// What: an address, or `kind/*` when the whole read failed.
    pub address: String,
    /// Why.
    pub failure: Failure,
}
