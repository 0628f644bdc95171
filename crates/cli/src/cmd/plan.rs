// SPDX-License-Identifier: Apache-2.0
//! `regionctl plan`: the changes that the specs require.

use jiff::{SignedDuration, Timestamp};
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::digest::hex;
use regionctl_core::plan::Plan;
use regionctl_core::plan::saved::SavedPlan;

use super::{exit_of, plan_all, plan_all_from, snapshot};
use crate::args::{self, Global};
use crate::exit::{CommandError, Exit};
use crate::files;
use crate::output::errln;

/// How long a saved plan can be applied.
const VALIDITY: SignedDuration = SignedDuration::from_hours(1);

/// Prints the plans, and saves the plan with `--out`.
pub async fn run(global: &Global, args: &args::PlanArgs) -> Result<Exit, CommandError> {
    let specs = files::load_all(&args.specs)?;
    if args.out.is_some() && specs.len() != 1 {
        let fault = Diagnostic::new("one-spec", "a saved plan covers exactly one spec")
            .help("pass one spec: regionctl plan SPEC -o FILE");
        return Err(CommandError::error(fault));
    }
    let plans = match &args.snapshot {
        Some(path) => plan_all_from(&snapshot::load(path)?, &specs, args.format)?,
        None => plan_all(global, &specs, args.format, args.preflight).await?,
    };
    if let (Some(path), [plan]) = (&args.out, plans.as_slice()) {
        save(plan, path)?;
    }
    let differs = if args.detailed_exitcode { Exit::Differs } else { Exit::Done };
    Ok(plans.iter().map(|plan| exit_of(plan, differs)).max().unwrap_or(Exit::Done))
}

fn save(plan: &Plan, path: &std::path::Path) -> Result<(), CommandError> {
    if !plan.is_complete() {
        let fault =
            Diagnostic::new("incomplete-plan", "the plan was not saved: it is incomplete because a read failed")
                .help("grant the permissions listed in the plan, then plan again");
        return Err(CommandError::error(fault));
    }
    let saved = SavedPlan::new(plan.clone(), nonce()?, Timestamp::now() + VALIDITY);
    let text = serde_json::to_string_pretty(&saved).expect("invariant: plans are plain data");
    files::write_private(path, &(text + "\n")).map_err(|error| {
        let message = format!("cannot write the plan to '{}': {error}", path.display());
        CommandError::error(Diagnostic::new("unwritable", message).help("choose another file with --out"))
    })?;
    let expires = saved.seal.expires;
    errln!("Saved the plan. Apply it before {expires:.0} with: regionctl apply {}", path.display());
    Ok(())
}

fn nonce() -> Result<String, CommandError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        CommandError::error(Diagnostic::new(
            "no-randomness",
            format!("the operating system returned no random numbers: {error}"),
        ))
    })?;
    Ok(hex(&bytes))
}
