// SPDX-License-Identifier: Apache-2.0
//! Counts of every call by service and operation, for `--stats`, the benchmark and the tests in `tests/laws`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A service and one of its API operations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The SDK's name of the service, `CloudWatch Logs`.
    pub service: String,
    /// The operation, `DescribeLogGroups`.
    pub operation: String,
}

/// The counts of one operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls, without retries.
    pub calls: u64,
    /// Requests, with retries.
    pub attempts: u64,
    /// Requests that AWS throttled, by error code.
    pub throttled: u64,
}

/// The counts of all calls of a session.
pub type Calls = BTreeMap<Call, Count>;

/// The shared counter of a session's calls.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Calls>>);

impl Recorder {
    /// Returns a copy of the counts so far.
    pub fn calls(&self) -> Calls {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count(&self, service: &str, operation: &str, count: impl FnOnce(&mut Count)) {
        let call = Call { service: service.to_owned(), operation: operation.to_owned() };
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count(calls.entry(call).or_default());
    }
}
