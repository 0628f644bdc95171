// SPDX-License-Identifier: Apache-2.0
//! A failed AWS call, and the resources that could not be read because of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resource::address::Address;

/// The class of a failed call, derived from the service's error code and never from its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The resource does not exist, or does not exist yet.
    NotFound,
    /// AWS denied this call: the caller lacks an IAM permission.
    Denied,
    /// AWS throttled the call, and all retries failed.
    Throttled,
    /// Another change of the same resource is in progress.
    Conflict,
    /// AWS rejected the request as invalid.
    Invalid,
    /// The resource is being created or changed, and accepts no other change until that has finished.
    NotReady,
    /// Another AWS account already uses the name.
    Taken,
    /// The credentials are missing, invalid or expired.
    Credentials,
    /// AWS could not be reached over the network.
    Transport,
    /// regionctl did not send the call because it writes during a read.
    Refused,
    /// This version of regionctl does not understand the response.
    Unknown,
    /// Any other failure.
    Other,
}

/// A failed AWS call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The class of the failure.
    pub class: FailureClass,
    /// The service and API operation that failed: `SNS CreateTopic`.
    pub call: String,
    /// The service's error code: `AccessDenied`. Null if the call failed without one.
    pub code: Option<String>,
    /// The service's error message, or regionctl's own if no response was received.
    pub message: String,
    /// AWS's request id, for a support case. Null if no response was received.
    pub request_id: Option<String>,
}

impl Failure {
    /// Returns a failure without an error code and a request id.
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

/// A resource, or a whole kind, that could not be read. Everything that depends on it is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The resource that could not be read: `kind/name`, or `kind/*` if the whole kind could not be read.
    pub address: String,
    /// The call that failed.
    pub failure: Failure,
}

impl Gap {
    /// Returns whether this gap includes a resource: its own address, or its whole kind.
    pub fn covers(&self, address: &Address) -> bool {
        self.address == address.to_string() || self.address == format!("{}/*", address.kind)
    }
}
