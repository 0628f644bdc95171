//! `regionctl plan`

use jiff::{SignedDuration, Timestamp};
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::digest::hex;
use regionctl_core::plan::Plan;
use regionctl_core::plan::saved::SavedPlan;

use super::{exit_of, look_at_all, look_at_snapshot, snapshot};
use crate::args::{self, Global};
use crate::exit::{Exit, Failed};
use crate::files;

/// How long a saved plan holds.
const HOLDS: SignedDuration = SignedDuration::from_hours(1);

/// Shows what would be done.
pub async fn run(global: &Global, args: &args::Plan) -> Result<Exit, Failed> {
    let specs = files::load_all(&args.specs)?;
    if args.out.is_some() && specs.len() != 1 {
        let fault = Diagnostic::new("one-spec", "a saved plan is for one spec").help("name one spec with --out");
        return Err(Failed::error(fault));
    }
    let plans = match &args.snapshot {
        Some(path) => look_at_snapshot(&snapshot::load(path)?, &specs, args.format)?,
        None => look_at_all(global, &specs, args.format, args.preflight).await?,
    };
    if let (Some(path), [plan]) = (&args.out, plans.as_slice()) {
        save(plan, path)?;
    }
    let differs = if args.detailed_exitcode { Exit::Differs } else { Exit::Done };
    Ok(plans.iter().map(|plan| exit_of(plan, differs)).max().unwrap_or(Exit::Done))
}

fn save(plan: &Plan, path: &std::path::Path) -> Result<(), Failed> {
    if !plan.is_complete() {
        let fault = Diagnostic::new("incomplete-plan", "the plan was not saved: something could not be read")
            .help("give the caller the permissions that the plan names, and plan again");
        return Err(Failed::error(fault));
    }
    let saved = SavedPlan::new(plan.clone(), nonce()?, Timestamp::now() + HOLDS);
    let text = serde_json::to_string_pretty(&saved).expect("invariant: plans are plain data");
    files::write_private(path, &(text + "\n")).map_err(|error| {
        let message = format!("the plan was not saved: {} cannot be written: {error}", path.display());
        Failed::error(Diagnostic::new("unwritable", message).help("name another file with --out"))
    })?;
    anstream::eprintln!("Saved. Until {} this does it: regionctl apply {}", saved.seal.expires, path.display());
    Ok(())
}

fn nonce() -> Result<String, Failed> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failed::error(Diagnostic::new("no-randomness", format!("the system gives no random numbers: {error}")))
    })?;
    Ok(hex(&bytes))
}
