// SPDX-License-Identifier: Apache-2.0
//! The reasons to refuse an apply before its first step, with their messages. Nothing here reads or writes.

use super::outcome::ApplyError;
use super::session::Options;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::observe::failure::Gap;
use crate::observe::provider::{Check, Verdict};
use crate::plan::saved::Refusal;
use crate::plan::{GateKind, Plan};
use crate::resource::address::Address;
use crate::spec::Spec;

/// Refuses targets that the spec does not contain.
pub(super) fn unknown_targets(targets: &[Address], spec: &Spec) -> Result<(), ApplyError> {
    let mut faults = Diagnostics::default();
    for target in targets.iter().filter(|target| !spec.wants.iter().any(|want| want.may_make(target))) {
        let message = format!("{} has no resource '{target}'", spec.path);
        faults.push(Diagnostic::new("unknown-target", message).help("run `regionctl plan` to see the addresses"));
    }
    faults.or(()).map_err(ApplyError::refused)
}

/// Refuses a plan if the spec or a live resource changed after the plan was created.
pub(super) fn stale(refusals: Vec<Refusal>, spec: &str) -> Result<(), ApplyError> {
    let help = format!("nothing was changed; run plan again: regionctl plan {spec}");
    let faults = refusals
        .into_iter()
        .map(|refusal| Diagnostic::new("stale-plan", refusal.to_string()).help(help.clone()))
        .collect();
    Diagnostics(faults).or(()).map_err(ApplyError::refused)
}

/// Refuses an incomplete plan. The plan text lists its own gaps; the gaps of the current read (`now`) are listed here.
pub(super) fn incomplete(plan: &Plan, now: &[Gap]) -> Result<(), ApplyError> {
    let fault = Diagnostic::new("incomplete-plan", "the plan is incomplete");
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

/// Refuses a plan with a gate that no option opens.
pub(super) fn gates(plan: &Plan, options: &Options) -> Result<(), ApplyError> {
    let allowed = |kind| match kind {
        GateKind::Large => options.allow_large,
        GateKind::Destroy => options.allow_destroy,
        GateKind::Interrupt => options.allow_interrupt,
        GateKind::Exposure | GateKind::Blocked => false,
    };
    let closed = plan.gates.iter().filter(|gate| !allowed(gate.gate));
    let faults =
        closed.map(|gate| Diagnostic::new("gate", format!("not applied: {}", gate.what)).help(gate.fix.clone()));
    Diagnostics(faults.collect()).or(()).map_err(ApplyError::refused)
}

/// Refuses a plan if a preflight check failed, because a step would fail for the same reason.
pub(super) fn failed_checks(checks: &[Check]) -> Result<(), ApplyError> {
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed);
    let faults = failed.map(|check| {
        let help = "nothing was changed; fix it, or add --skip-preflight to apply anyway";
        Diagnostic::new("preflight", format!("not applied: {}: {}", check.name, check.what)).help(help)
    });
    Diagnostics(faults.collect()).or(()).map_err(ApplyError::refused)
}

pub(super) fn declined() -> ApplyError {
    ApplyError::refused(Diagnostic::new("not-confirmed", "not applied; nothing was changed"))
}

pub(super) fn not_a_terminal() -> ApplyError {
    ApplyError::refused(Diagnostic::new("not-confirmed", "stdin is not a terminal").help("add --yes"))
}

/// Refuses a saved plan that cannot be marked as used, because it could then be applied twice.
pub(super) fn unmarked(why: &str) -> ApplyError {
    let fault = Diagnostic::new("unwritable", format!("cannot mark this plan as used: {why}"));
    ApplyError::refused(fault.help("set XDG_STATE_HOME to a writable directory"))
}
