//! Applies: one session from the first read to the last-applied record, for fresh and saved plans alike.
//!
//! `session` has the order, `refuse` what stops it before the first step, `run` the steps along their graph, `wait` and
//! `verify` what follows, `outcome` what it comes to. The run is a stream of [`Event`]s; progress displays and logs are
//! listeners of it.

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

/// Something that happened while a plan was applied.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// A step's call was sent.
    Started {
        /// The step's number.
        id: u32,
        /// Its resource.
        address: &'a Address,
        /// Its call.
        call: &'a str,
    },
    /// A step is done.
    Done {
        /// The step's number.
        id: u32,
        /// Its resource.
        address: &'a Address,
        /// Its call.
        call: &'a str,
    },
    /// A step's call failed, after all retries.
    Failed {
        /// The step's number.
        id: u32,
        /// Its resource.
        address: &'a Address,
        /// Why.
        failure: &'a Failure,
    },
    /// All calls are done, and this resource is still in progress.
    InProgress {
        /// The resource.
        address: &'a Address,
        /// How far it is, in the service's own word.
        word: &'a str,
    },
    /// A resource that was in progress is ready.
    Ready {
        /// The resource.
        address: &'a Address,
    },
    /// A step was not tried, because one before it failed or the run was stopped.
    Skipped {
        /// The step's number.
        id: u32,
        /// Its resource.
        address: &'a Address,
        /// Its call.
        call: &'a str,
    },
}
