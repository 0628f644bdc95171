//! What an apply session came to, as values: the front end makes text and an exit code of them.

use super::run::Outcome;
use super::wait::Waited;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::look::LookError;
use crate::observe::explain::explain;
use crate::plan::{Action, Change, Plan};
use crate::resource::address::Address;

/// How an apply session ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// There was nothing to do, and no call was sent.
    NothingToDo,
    /// Everything of the plan is done, and a read afterwards confirmed it.
    Applied(Totals),
}

/// What was done, and what a read afterwards found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// The calls that were made.
    pub calls: usize,
    /// The changes that the spec still wants: of resources that the plan did not touch.
    pub left: usize,
    /// The resources that are still in progress.
    pub in_progress: usize,
    /// The things that wait for a person.
    pub waiting: usize,
}

/// How an apply session that ended early is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyErrorKind {
    /// It was refused before anything was changed.
    Refused,
    /// Something went wrong, and nothing was changed; or all is applied and only the record of it is missing.
    Error,
    /// It was applied in part.
    Partly,
    /// It was stopped from outside.
    Interrupted,
}

/// Why an apply session ended early.
#[derive(Debug)]
pub struct ApplyError {
    /// How it is to be taken.
    pub kind: ApplyErrorKind,
    /// What happened, for the user; nothing where it was only stopped.
    pub diagnostics: Diagnostics,
    /// How far the steps came, where any was to be run.
    pub stopped: Option<Stopped>,
    /// What was done, where only the last-applied record could not be saved.
    pub completion: Option<Completion>,
}

/// How far a session came that ended between its first step and its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The calls that are done.
    pub done: usize,
    /// The calls that failed.
    pub failed: usize,
    /// The calls that were not tried.
    pub not_tried: usize,
    /// The resources that were still in progress, each with the service's own word.
    pub in_progress: Vec<(Address, String)>,
}

impl ApplyError {
    /// A refusal before anything was changed.
    pub(super) fn refused(diagnostics: impl Into<Diagnostics>) -> Self {
        Self::new(ApplyErrorKind::Refused, diagnostics.into())
    }

    /// An error before anything was changed.
    pub(super) fn error(diagnostics: impl Into<Diagnostics>) -> Self {
        Self::new(ApplyErrorKind::Error, diagnostics.into())
    }

    /// A stop from outside before the first step.
    pub(super) fn interrupted_before_the_first_step(plan: &Plan) -> Self {
        let stopped = Stopped { done: 0, failed: 0, not_tried: plan.summary.steps, in_progress: Vec::new() };
        Self { stopped: Some(stopped), ..Self::new(ApplyErrorKind::Interrupted, Diagnostics::default()) }
    }

    fn new(kind: ApplyErrorKind, diagnostics: Diagnostics) -> Self {
        Self { kind, diagnostics, stopped: None, completion: None }
    }
}

impl From<LookError> for ApplyError {
    fn from(error: LookError) -> Self {
        let kind = if error.is_refusal() { ApplyErrorKind::Refused } else { ApplyErrorKind::Error };
        Self::new(kind, error.diagnostics())
    }
}

/// Says why the steps did not all come to their end; nothing where they did.
pub(super) fn cut(plan: &Plan, outcome: &Outcome, waited: &Waited) -> Result<(), ApplyError> {
    let stopped = Stopped {
        done: outcome.done.len(),
        failed: outcome.failed.len(),
        not_tried: outcome.skipped.len(),
        in_progress: waited.coming.clone().into_iter().collect(),
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
            .help("look at it in the console; the next plan says what is left to do")
    }));
    Err(ApplyError { stopped: Some(stopped), ..ApplyError::new(in_part(outcome), faults) })
}

/// Says whether what was to be changed is now what the spec says.
pub(super) fn verified(plan: &Plan, outcome: &Outcome, after: Option<&Plan>) -> Result<Totals, ApplyError> {
    let is_ours = |change: &&Change| plan.changes.iter().any(|ours| ours.address == change.address);
    let left: Vec<&Change> = after.iter().flat_map(|after| &after.changes).filter(is_ours).collect();
    let Some(after) = after.filter(|after| left.is_empty() && after.is_complete()) else {
        return Err(ApplyError::new(in_part(outcome), still_differing(&left)));
    };
    Ok(Totals {
        calls: outcome.done.len(),
        left: after.changes.len(),
        in_progress: after.coming.len(),
        waiting: after.summary.waiting,
    })
}

/// Says that the read after the steps failed as a whole.
pub(super) fn unverified(outcome: &Outcome, error: &LookError) -> ApplyError {
    ApplyError::new(in_part(outcome), error.diagnostics())
}

/// Nothing was changed where no call was done.
fn in_part(outcome: &Outcome) -> ApplyErrorKind {
    if outcome.done.is_empty() { ApplyErrorKind::Error } else { ApplyErrorKind::Partly }
}

fn failed_calls(plan: &Plan, outcome: &Outcome) -> Diagnostics {
    let steps = plan.steps();
    let failed = outcome.failed.iter().filter_map(|(id, failure)| {
        let (change, step) = steps.iter().find(|(_, step)| step.id == *id)?;
        let mut diagnostic = explain(failure);
        diagnostic.message = format!("{}: {} failed: {}", change.address, step.call, diagnostic.message);
        Some(diagnostic.note(format!("it is wanted at {}:{}", change.at.file, change.at.line)))
    });
    Diagnostics(failed.collect())
}

fn still_differing(left: &[&Change]) -> Diagnostics {
    if left.is_empty() {
        let message = "all calls succeeded, but the result could not be read";
        return Diagnostic::new("not-verified", message).help("plan again").into();
    }
    let each = left.iter().map(|change| {
        let message = format!("{}: all calls succeeded, but {}", change.address, what_differs(change));
        Diagnostic::new("not-converged", message).help("plan again: somebody else may be changing it at the same time")
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
