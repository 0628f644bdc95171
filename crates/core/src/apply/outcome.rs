// SPDX-License-Identifier: Apache-2.0
//! The result of an apply session. The front end turns it into text and an exit code.

use super::run::Outcome;
use super::wait::Waited;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::observe::explain::explain;
use crate::plan::{Action, Change, Plan};
use crate::read_plan::ReadPlanError;
use crate::resource::address::Address;

/// The result of a successful apply session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// There was nothing to change, and no write was sent.
    NothingToDo,
    /// All steps are done, and a read afterwards confirmed the result.
    Applied(Totals),
}

/// The number of calls, and what the read afterwards found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// The number of calls that succeeded.
    pub calls: usize,
    /// The number of remaining changes, all of them to resources that the plan did not include.
    pub left: usize,
    /// The number of resources that are still in progress.
    pub in_progress: usize,
    /// The number of manual steps.
    pub waiting: usize,
}

/// How an apply session failed. It determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyErrorKind {
    /// It was refused. Nothing was changed.
    Refused,
    /// An error occurred and nothing was changed, or all changes were applied and the record could not be saved.
    Error,
    /// Some of the changes were applied.
    Partly,
    /// It was stopped by a signal.
    Interrupted,
}

/// The reason why an apply session failed.
#[derive(Debug)]
pub struct ApplyError {
    /// How the session failed.
    pub kind: ApplyErrorKind,
    /// The errors. Empty if the session was only stopped.
    pub diagnostics: Diagnostics,
    /// The number of finished steps. `None` if the session failed before the first step.
    pub stopped: Option<Stopped>,
    /// The result, if only the last-applied record could not be saved.
    pub completion: Option<Completion>,
}

/// The progress of a session that ended between its first and its last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The number of calls that succeeded.
    pub done: usize,
    /// The number of calls that failed.
    pub failed: usize,
    /// The number of calls that were not started.
    pub not_tried: usize,
    /// The resources that are still in progress, each with the status that the service returns.
    pub in_progress: Vec<(Address, String)>,
}

impl ApplyError {
    pub(super) fn refused(diagnostics: impl Into<Diagnostics>) -> Self {
        Self::new(ApplyErrorKind::Refused, diagnostics.into())
    }

    pub(super) fn error(diagnostics: impl Into<Diagnostics>) -> Self {
        Self::new(ApplyErrorKind::Error, diagnostics.into())
    }

    pub(super) fn interrupted_before_the_first_step(plan: &Plan) -> Self {
        let stopped = Stopped { done: 0, failed: 0, not_tried: plan.summary.steps, in_progress: Vec::new() };
        Self { stopped: Some(stopped), ..Self::new(ApplyErrorKind::Interrupted, Diagnostics::default()) }
    }

    fn new(kind: ApplyErrorKind, diagnostics: Diagnostics) -> Self {
        Self { kind, diagnostics, stopped: None, completion: None }
    }
}

impl From<ReadPlanError> for ApplyError {
    fn from(error: ReadPlanError) -> Self {
        let kind = if error.is_refusal() { ApplyErrorKind::Refused } else { ApplyErrorKind::Error };
        Self::new(kind, error.diagnostics())
    }
}

/// Returns an error unless all steps succeeded and all resources became ready.
pub(super) fn cut(plan: &Plan, outcome: &Outcome, waited: &Waited) -> Result<(), ApplyError> {
    let stopped = Stopped {
        done: outcome.done.len(),
        failed: outcome.failed.len(),
        not_tried: outcome.skipped.len(),
        in_progress: waited.in_progress.clone().into_iter().collect(),
    };
    if outcome.interrupted || waited.interrupted {
        let error = ApplyError::new(ApplyErrorKind::Interrupted, Diagnostics::default());
        return Err(ApplyError { stopped: Some(stopped), ..error });
    }
    if outcome.failed.is_empty() && waited.failed.is_empty() {
        return Ok(());
    }
    let mut faults = failed_calls(plan, outcome);
    faults.0.extend(waited.failed.iter().map(|(address, why)| {
        Diagnostic::new("not-ready", format!("{address} accepted the change but never became ready: {why}"))
            .help("check the resource in the AWS console, then run plan again")
    }));
    Err(ApplyError { stopped: Some(stopped), ..ApplyError::new(in_part(outcome), faults) })
}

/// Returns an error unless the read after the last step found no difference in the changed resources.
pub(super) fn verified(plan: &Plan, outcome: &Outcome, after: Option<&Plan>) -> Result<Totals, ApplyError> {
    let is_ours = |change: &&Change| plan.changes.iter().any(|ours| ours.address == change.address);
    let left: Vec<&Change> = after.iter().flat_map(|after| &after.changes).filter(is_ours).collect();
    let Some(after) = after.filter(|after| left.is_empty() && after.is_complete()) else {
        return Err(ApplyError::new(in_part(outcome), still_differing(&left)));
    };
    Ok(Totals {
        calls: outcome.done.len(),
        left: after.changes.len(),
        in_progress: after.in_progress.len(),
        waiting: after.summary.waiting,
    })
}

/// Returns the error for a read after the last step that failed.
pub(super) fn unverified(outcome: &Outcome, error: &ReadPlanError) -> ApplyError {
    ApplyError::new(in_part(outcome), error.diagnostics())
}

/// If no call succeeded, nothing was changed.
fn in_part(outcome: &Outcome) -> ApplyErrorKind {
    if outcome.done.is_empty() { ApplyErrorKind::Error } else { ApplyErrorKind::Partly }
}

fn failed_calls(plan: &Plan, outcome: &Outcome) -> Diagnostics {
    let steps = plan.steps();
    let failed = outcome.failed.iter().filter_map(|(id, failure)| {
        let (change, step) = steps.iter().find(|(_, step)| step.id == *id)?;
        let mut diagnostic = explain(failure);
        diagnostic.message = format!("{}: {} failed: {}", change.address, step.call, diagnostic.message);
        Some(diagnostic.note(format!("specified at {}:{}", change.at.file, change.at.line)))
    });
    Diagnostics(failed.collect())
}

fn still_differing(left: &[&Change]) -> Diagnostics {
    if left.is_empty() {
        let message = "all calls succeeded, but the result could not be read";
        return Diagnostic::new("not-verified", message).help("run plan again").into();
    }
    let each = left.iter().map(|change| {
        let message = format!("{}: all calls succeeded, but {}", change.address, what_differs(change));
        Diagnostic::new("not-converged", message).help("run plan again: another process may be changing it")
    });
    Diagnostics(each.collect())
}

fn what_differs(change: &Change) -> String {
    let fields: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
    match (change.action, fields.as_slice()) {
        (Action::Create, _) => "it still does not exist".to_owned(),
        (Action::Delete, _) => "it still exists".to_owned(),
        (_, []) => "it still differs".to_owned(),
        (_, [only]) => format!("{only} still differs"),
        (_, several) => format!("{} still differ", several.join(", ")),
    }
}
