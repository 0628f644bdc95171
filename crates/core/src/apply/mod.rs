// SPDX-License-Identifier: Apache-2.0
//! Applies a plan, fresh or saved, from the first read to the last-applied record. Nothing here prints.
//!
//! `session` holds the order of the phases, `refuse` the refusals before the first step, `run` the executor, `wait` and
//! `verify` the phases after the last step, and `outcome` the result. Progress is reported as [`Event`]s.

mod outcome;
mod refuse;
mod run;
mod session;
#[cfg(test)]
mod tests;
mod verify;
mod wait;

pub use outcome::{ApplyError, ApplyErrorKind, Completion, Stopped, Totals};
pub use run::{Outcome, Stop, ask_again, run};
pub use session::{Answer, ApplySession, Front, Options, PlanSource};
pub use verify::verify;
pub use wait::{Waited, wait};

use crate::observe::failure::Failure;
use crate::resource::address::Address;

/// A progress event of an apply.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// The call of a step starts.
    Started {
        /// The id of the step in the plan.
        id: u32,
        /// The resource that the step changes.
        address: &'a Address,
        /// The service and API operation, `SNS CreateTopic`.
        call: &'a str,
    },
    /// The call of a step succeeded.
    Done {
        /// The id of the step in the plan.
        id: u32,
        /// The resource that the step changes.
        address: &'a Address,
        /// The service and API operation, `SNS CreateTopic`.
        call: &'a str,
    },
    /// The call of a step failed after all retries.
    Failed {
        /// The id of the step in the plan.
        id: u32,
        /// The resource that the step changes.
        address: &'a Address,
        /// The error of the last attempt.
        failure: &'a Failure,
    },
    /// All calls are done, and a resource is still in progress.
    InProgress {
        /// The resource that is not ready: a cluster, an instance.
        address: &'a Address,
        /// The status that the service returns, `creating`.
        word: &'a str,
    },
    /// A resource that was in progress is ready.
    Ready {
        /// The resource that became ready.
        address: &'a Address,
    },
    /// A step was not started because a step that it depends on failed or the run was stopped.
    Skipped {
        /// The id of the step in the plan.
        id: u32,
        /// The resource that the step changes.
        address: &'a Address,
        /// The service and API operation, `SNS CreateTopic`.
        call: &'a str,
    },
}
