//! What stops an apply session before its first step, each with its words. Nothing here reads or writes.

use super::outcome::ApplyError;
use super::session::Options;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::observe::failure::Gap;
use crate::observe::provider::{Check, Verdict};
use crate::plan::saved::Refusal;
use crate::plan::{GateKind, Plan};
use crate::resource::address::Address;
use crate::spec::Spec;

/// Targets must be resources of the spec.
pub(super) fn unknown_targets(targets: &[Address], spec: &Spec) -> Result<(), ApplyError> {
    let mut faults = Diagnostics::default();
    for target in targets.iter().filter(|target| !spec.wants.iter().any(|want| want.may_make(target))) {
        let message = format!("{} has no {target}", spec.path);
        faults.push(Diagnostic::new("unknown-target", message).help("plan shows the addresses there are"));
    }
    faults.or(()).map_err(ApplyError::refused)
}

/// What a plan rests on must still hold.
pub(super) fn stale(refusals: Vec<Refusal>, spec: &str) -> Result<(), ApplyError> {
    let help = format!("nothing was changed; plan again: regionctl plan {spec}");
    let faults = refusals
        .into_iter()
        .map(|refusal| Diagnostic::new("stale-plan", refusal.to_string()).help(help.clone()))
        .collect();
    Diagnostics(faults).or(()).map_err(ApplyError::refused)
}

/// Everything must be read: the plan itself names its gaps, and of a saved plan those of now are named here.
pub(super) fn incomplete(plan: &Plan, now: &[Gap]) -> Result<(), ApplyError> {
    let fault = Diagnostic::new("incomplete-plan", "the plan is incomplete: something could not be read");
    if !plan.is_complete() {
        let help = "fix the errors listed under 'Not read', then apply again";
        return Err(ApplyError::error(fault.help(help)));
    }
    if now.is_empty() {
        return Ok(());
    }
    let fault = now.iter().fold(fault, |fault, gap| fault.note(format!("{}: {}", gap.address, gap.failure)));
    Err(ApplyError::error(fault.help("fix these errors, then apply again")))
}

/// What needs an explicit word must have it.
pub(super) fn gates(plan: &Plan, options: &Options) -> Result<(), ApplyError> {
    let allowed = |kind| match kind {
        GateKind::Large => options.allow_large,
        GateKind::Destroy => options.allow_destroy,
        GateKind::Exposure | GateKind::Blocked => false,
    };
    let closed = plan.gates.iter().filter(|gate| !allowed(gate.gate));
    let faults =
        closed.map(|gate| Diagnostic::new("gate", format!("not applied: {}", gate.what)).help(gate.pass.clone()));
    Diagnostics(faults.collect()).or(()).map_err(ApplyError::refused)
}

/// What failed in the preflight would stop the plan in the middle.
pub(super) fn failed_checks(checks: &[Check]) -> Result<(), ApplyError> {
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed);
    let faults = failed.map(|check| {
        let help = "nothing was changed; fix it, or pass with --skip-preflight if you know better";
        Diagnostic::new("preflight", format!("not applied: {}: {}", check.name, check.what)).help(help)
    });
    Diagnostics(faults.collect()).or(()).map_err(ApplyError::refused)
}

/// The answer was no.
pub(super) fn declined() -> ApplyError {
    ApplyError::refused(Diagnostic::new("not-confirmed", "not applied; nothing was changed"))
}

/// There is nobody to ask.
pub(super) fn not_a_terminal() -> ApplyError {
    ApplyError::refused(Diagnostic::new("not-confirmed", "stdin is not a terminal").help("add --yes"))
}

/// A plan that cannot be marked as used could be applied twice.
pub(super) fn unmarked(why: &str) -> ApplyError {
    let fault = Diagnostic::new("unwritable", format!("cannot mark this plan as used: {why}"));
    ApplyError::refused(fault.help("set XDG_STATE_HOME to a folder that can be written"))
}
