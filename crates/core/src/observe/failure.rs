//! A call that failed, and what could not be read because of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resource::address::Address;

/// What kind of failure a call had; from the service's code, never from its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The resource does not exist (yet).
    NotFound,
    /// The caller lacks the permission.
    Denied,
    /// Too many calls, after all retries.
    Throttled,
    /// Somebody else is changing the same thing.
    Conflict,
    /// AWS rejects the request as it is.
    Invalid,
    /// The resource is still being created or changed, and accepts no other change meanwhile.
    NotReady,
    /// The name belongs to somebody else.
    Taken,
    /// No credentials, or expired ones.
    Credentials,
    /// AWS was not reached.
    Transport,
    /// regionctl refused to send it (a write while reading).
    Refused,
    /// AWS answered with something that regionctl does not understand.
    Unknown,
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

/// Something that could not be read. What rests on it is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// What: an address, or `kind/*` when the whole read failed.
    pub address: String,
    /// Why.
    pub failure: Failure,
}

impl Gap {
    /// Says whether a resource could not be read: itself, or its whole kind.
    pub fn covers(&self, address: &Address) -> bool {
        self.address == address.to_string() || self.address == format!("{}/*", address.kind)
    }
}
