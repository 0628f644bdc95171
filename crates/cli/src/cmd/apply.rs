//! `regionctl apply`

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::Access;
use regionctl_core::apply::{self, Outcome, Waited};
use regionctl_core::desire::fill::Inventory;
use regionctl_core::diagnostic::{Diagnostic, Diagnostics};
use regionctl_core::observe::explain::explain;
use regionctl_core::observe::failure::Failure;
use regionctl_core::observe::provider::{Provider, Verdict};
use regionctl_core::plan::saved::{Refusal, SavedPlan, moved};
use regionctl_core::plan::{Action, GateKind, Plan};
use regionctl_core::render::{self, counted, waiting_for_people};
use regionctl_core::report::memory::Applied;
use regionctl_core::resource::address::Address;
use regionctl_core::spec::Spec;
use tokio::sync::watch;

use super::{look, refresh_failed, stats};
use crate::args::{self, Global};
use crate::connect::Connector;
use crate::exit::{Exit, Failed};
use crate::files;
use crate::output;
use crate::progress::Progress;

/// Converges, spec by spec, or runs a saved plan.
pub async fn run(global: &Global, args: &args::Apply) -> Result<Exit, Failed> {
    if let [path] = args.specs.as_slice()
        && path.extension().is_some_and(|extension| extension == "json")
    {
        return saved(global, args, path).await;
    }
    let specs = files::load_all(&args.specs)?;
    let connector = Connector::new(global).await?;
    let mut worst = Exit::Done;
    for spec in &specs {
        let progress = Progress::new();
        let provider = connector.open(spec, Access::Write, Some(progress.on_pause())).await;
        let (inventory, plan) = look(&provider, spec).await?;
        let plan = if args.target.is_empty() { plan } else { plan.targeting(&known(&args.target, spec)?) };
        anstream::print!("{}", render::text(&plan, output::style()));
        if args.resend {
            resend(&provider, &inventory, &plan).await?;
        }
        let (mut inventory, mut exit) = (inventory, Exit::Done);
        if !plan.is_complete() || !(plan.is_settled() || plan.is_empty() && !args.wait) {
            pass_gates(&plan, args)?;
            if !args.yes && !plan.is_empty() {
                confirm(&plan)?;
                // Somebody read the plan for a while; what was shown must still be what is there.
                let (now, _) = look(&provider, spec).await?;
                refuse(moved(REGISTRY, &plan, &now), &plan.spec)?;
                inventory = now;
            }
            preflight(args, &provider, &inventory, &plan).await?;
            exit = converge(global, args, &provider, spec, &inventory, &plan, &progress).await?;
        }
        if exit == Exit::Done && args.target.is_empty() {
            remember(&provider, spec, &inventory).await?;
        }
        if global.stats {
            stats::print(&provider.session().calls());
        }
        worst = worst.max(exit);
        if worst == Exit::Interrupted {
            break;
        }
    }
    Ok(worst)
}

/// Keeps what is applied now, so that drift can be told from what nobody applied; nothing is written where it is kept
/// already.
async fn remember(provider: &Aws, spec: &Spec, inventory: &Inventory) -> Result<(), Failed> {
    if !spec.remember {
        return Ok(());
    }
    let unkept = |failure: &Failure| {
        let mut fault = explain(failure);
        fault.message = format!("all is applied, and that it is could not be kept: {}", fault.message);
        Failed::error(fault.help("give the caller the permission, or take `remember: true` out of the spec"))
    };
    let applied = Applied::of(spec, inventory);
    let saved = provider.last_applied(&spec.path).await.map_err(|failure| unkept(&failure))?;
    if Applied::from_parts(&saved).as_ref() != Some(&applied) {
        provider.save_applied(&spec.path, applied.parts()).await.map_err(|failure| unkept(&failure))?;
    }
    Ok(())
}

/// Targets must be resources of the spec.
fn known(targets: &[Address], spec: &Spec) -> Result<Vec<Address>, Failed> {
    let mut faults = Diagnostics::default();
    for target in targets {
        if !spec.wants.iter().any(|want| want.may_make(target)) {
            let message = format!("{} has no {target}", spec.path);
            faults.push(Diagnostic::new("unknown-target", message).help("plan shows the addresses there are"));
        }
    }
    faults.or(targets.to_vec()).map_err(Failed::refused)
}

/// Runs a saved plan, if everything it rests on still holds.
async fn saved(global: &Global, args: &args::Apply, path: &Path) -> Result<Exit, Failed> {
    if !args.target.is_empty() {
        let fault = Diagnostic::new("one-spec", "a saved plan is applied whole or not at all");
        return Err(Failed::refused(fault.help("leave --target out, or name the spec instead of the plan")));
    }
    let saved = read_plan(path)?;
    let spec = files::load(Path::new(&saved.plan.spec))?;
    let used = used_mark(&saved);
    let refusals =
        saved.refusals_before_reading(&spec, Timestamp::now(), used.as_ref().is_some_and(|mark| mark.exists()));
    refuse(refusals, &saved.plan.spec)?;
    let connector = Connector::new(global).await?;
    let progress = Progress::new();
    let provider = connector.open(&spec, Access::Write, Some(progress.on_pause())).await;
    let (inventory, _) = look(&provider, &spec).await?;
    refuse(moved(REGISTRY, &saved.plan, &inventory), &saved.plan.spec)?;
    anstream::print!("{}", render::text(&saved.plan, output::style()));
    if saved.plan.is_empty() {
        return Ok(Exit::Done);
    }
    pass_gates(&saved.plan, args)?;
    if !args.yes {
        confirm(&saved.plan)?;
    }
    preflight(args, &provider, &inventory, &saved.plan).await?;
    use_up(used.as_deref())?;
    let exit = converge(global, args, &provider, &spec, &inventory, &saved.plan, &progress).await?;
    if exit == Exit::Done {
        remember(&provider, &spec, &inventory).await?;
    }
    if global.stats {
        stats::print(&provider.session().calls());
    }
    Ok(exit)
}

fn read_plan(path: &Path) -> Result<SavedPlan, Failed> {
    let unreadable = |why: String| {
        let message = format!("{} is not a plan that can be applied: {why}", path.display());
        Failed::refused(
            Diagnostic::new("unreadable-plan", message).help("make one with: regionctl plan SPEC -o plan.json"),
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
}

/// Where it is kept that a plan was applied: beside nothing of the user's, by its nonce.
fn used_mark(saved: &SavedPlan) -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state = state.or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))?;
    let nonce: String = saved.seal.nonce.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(state.join("regionctl/applied-plans").join(nonce))
}

/// Marks the plan as applied before its first step; of two at once, one wins.
fn use_up(mark: Option<&Path>) -> Result<(), Failed> {
    let unkept = |error: std::io::Error| {
        let message = format!("that the plan is applied cannot be kept: {error}");
        Failed::refused(
            Diagnostic::new("unwritable", message).help("set XDG_STATE_HOME to a folder that can be written"),
        )
    };
    let Some(mark) = mark else { return Ok(()) };
    if let Some(folder) = mark.parent() {
        std::fs::create_dir_all(folder).map_err(unkept)?;
    }
    std::fs::File::create_new(mark).map(|_| ()).map_err(unkept)
}

fn refuse(refusals: Vec<Refusal>, spec: &str) -> Result<(), Failed> {
    let help = format!("nothing was changed; plan again: regionctl plan {spec}");
    let diagnostics = refusals
        .into_iter()
        .map(|refusal| Diagnostic::new("stale-plan", refusal.to_string()).help(help.clone()))
        .collect::<Vec<_>>();
    Diagnostics(diagnostics).or(()).map_err(Failed::refused)
}

/// What needs an explicit word and did not get it stops everything before the first step.
fn pass_gates(plan: &Plan, args: &args::Apply) -> Result<(), Failed> {
    if !plan.is_complete() {
        let fault = Diagnostic::new(
            "incomplete-plan",
            "not applied: something could not be read, and what is not seen cannot be judged",
        )
        .help("mend what the plan names under 'Not read', and apply again");
        return Err(Failed::error(fault));
    }
    let mut faults = Diagnostics::default();
    let allowed = |kind| match kind {
        GateKind::Large => args.allow_large,
        GateKind::Destroy => args.allow_destroy,
        GateKind::Exposure | GateKind::Blocked => false,
    };
    for gate in plan.gates.iter().filter(|gate| !allowed(gate.gate)) {
        faults.push(Diagnostic::new("gate", format!("not applied: {}", gate.what)).help(gate.pass.clone()));
    }
    faults.or(()).map_err(Failed::refused)
}

fn confirm(plan: &Plan) -> Result<(), Failed> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let fault = Diagnostic::new("not-confirmed", "not applied: nobody is there to ask").help("add --yes");
        return Err(Failed::refused(fault));
    }
    anstream::eprint!("Apply this to {} in account {}? [y/N] ", plan.region, plan.account);
    // A prompt that cannot be shown is answered with no.
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failed::refused(Diagnostic::new("not-confirmed", "not applied; nothing was changed")))
}

/// Asks the people again that something waits for.
async fn resend(provider: &Aws, inventory: &Inventory, plan: &Plan) -> Result<(), Failed> {
    let again: Vec<_> = plan.waiting.iter().filter_map(|it| Some((&it.address, it.again.as_ref()?))).collect();
    for (address, op) in again {
        apply::ask_again(provider, inventory, address, op).await.map_err(|failure| {
            let mut fault = explain(&failure);
            fault.message = format!("{address}: not asked again: {}", fault.message);
            Failed::error(fault)
        })?;
        anstream::println!("Asked again: {address}");
    }
    Ok(())
}

/// Looks at what the plan cannot see. What failed would stop it in the middle, so nothing is begun.
async fn preflight(args: &args::Apply, provider: &Aws, inventory: &Inventory, plan: &Plan) -> Result<(), Failed> {
    if args.skip_preflight || plan.is_empty() {
        return Ok(());
    }
    let checks = provider.preflight(plan, &inventory.location).await;
    anstream::print!("{}", render::checks(&checks, output::style()));
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed);
    let faults = failed.map(|check| {
        let help = "nothing was changed; mend it, or pass with --skip-preflight if you know better";
        Diagnostic::new("preflight", format!("not applied: {}: {}", check.name, check.what)).help(help)
    });
    Diagnostics(faults.collect()).or(()).map_err(Failed::refused)
}

async fn converge(
    global: &Global,
    args: &args::Apply,
    provider: &Aws,
    spec: &Spec,
    inventory: &Inventory,
    plan: &Plan,
    progress: &Progress,
) -> Result<Exit, Failed> {
    progress.start(plan.summary.steps);
    let (stop, stopped) = watch::channel(false);
    let signals = tokio::spawn(stop_at_a_signal(stop, progress.clone()));
    let listener = progress.clone();
    let mut listen = |event: apply::Event<'_>| listener.show(&event);
    let parallelism = usize::from(global.parallelism);
    let outcome = apply::run(provider, plan, inventory, parallelism, stopped.clone(), &mut listen).await;
    let settled = if args.wait && !outcome.interrupted {
        let told = told(plan, &outcome);
        apply::wait(provider, inventory, &outcome.known, &told, stopped, &mut listen).await
    } else {
        Waited::default()
    };
    let exit = conclude(provider, spec, plan, &outcome, &settled, progress).await;
    signals.abort();
    exit
}

/// The resources to wait for: those that were changed, and those that were on their way already.
fn told(plan: &Plan, outcome: &Outcome) -> Vec<Address> {
    let changed = plan.changes.iter().filter(|change| {
        change.action != Action::Delete && change.steps.iter().any(|step| outcome.done.contains(&step.id))
    });
    changed.map(|change| &change.address).chain(plan.coming.iter().map(|coming| &coming.address)).cloned().collect()
}

/// The first Ctrl-C lets running calls finish, the second leaves at once.
async fn stop_at_a_signal(stop: watch::Sender<bool>, progress: Progress) {
    asked_to_stop().await;
    progress
        .say("Stopping: the calls that are running are finished, no other is started. Ctrl-C again leaves at once.");
    // Nobody listens any more when the run is over already.
    let _ = stop.send(true);
    asked_to_stop().await;
    progress.finish();
    std::process::exit(130);
}

async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = interrupt.await;
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}

/// Says what was done, and proves it.
async fn conclude(
    provider: &Aws,
    spec: &Spec,
    plan: &Plan,
    outcome: &Outcome,
    settled: &Waited,
    progress: &Progress,
) -> Result<Exit, Failed> {
    if outcome.interrupted || settled.interrupted {
        progress.finish();
        say_what_was_done(plan, outcome, "Interrupted");
        for (address, word) in &settled.coming {
            anstream::println!("Still on its way: {address} is {word}.");
        }
        return Ok(Exit::Interrupted);
    }
    if !outcome.failed.is_empty() || !settled.failed.is_empty() {
        progress.finish();
        say_what_was_done(plan, outcome, "Applied in part");
        let exit = if outcome.done.is_empty() { Exit::Error } else { Exit::Partly };
        let mut faults = failures(plan, outcome);
        faults.0.extend(settled.failed.iter().map(|(address, why)| {
            let message = format!("{address} was told, and did not get there: {why}");
            Diagnostic::new("not-ready", message)
                .help("look at it in the console; the next plan says what is left to do")
        }));
        return Err(Failed { exit, ..Failed::errors(faults) });
    }
    let touched: Vec<Address> = plan.changes.iter().map(|change| change.address.clone()).collect();
    let verified = apply::verify(provider, REGISTRY, spec, &touched).await;
    progress.finish();
    let after = verified.map_err(|error| refresh_failed(&error))?;
    let left: Vec<_> = after.iter().flat_map(|plan| &plan.changes).filter(|it| touched.contains(&it.address)).collect();
    let Some(after) = after.as_ref().filter(|after| left.is_empty() && after.is_complete()) else {
        return Err(Failed { exit: Exit::Partly, ..Failed::errors(did_not_take(&left)) });
    };
    let (people, calls) = (waiting_for_people(after.summary.waiting), counted(outcome.done.len(), "call"));
    if after.is_empty() && !after.is_settled() {
        let coming = counted(after.coming.len(), "resource");
        anstream::println!("Applied: {calls}. Nothing is left to do, and {coming} still on the way.{people}");
    } else if after.is_empty() {
        anstream::println!("Applied: {calls}. {} is what {} says.{people}", plan.region, plan.spec);
    } else {
        let others = counted(after.changes.len(), "other change");
        anstream::println!("Applied: {calls}. Left of {}: {others}.{people}", plan.spec);
    }
    Ok(Exit::Done)
}

fn say_what_was_done(plan: &Plan, outcome: &Outcome, word: &str) {
    anstream::println!(
        "{word}: {} done, {} failed, {} not tried. Run it again to go on: regionctl apply {}",
        counted(outcome.done.len(), "call"),
        outcome.failed.len(),
        outcome.skipped.len(),
        plan.spec
    );
}

fn failures(plan: &Plan, outcome: &Outcome) -> Diagnostics {
    let steps = plan.steps();
    let failed = outcome.failed.iter().filter_map(|(id, failure)| {
        let (change, step) = steps.iter().find(|(_, step)| step.id == *id)?;
        let mut diagnostic = explain(failure);
        diagnostic.message = format!("{}: {} failed: {}", change.address, step.call, diagnostic.message);
        Some(diagnostic.note(format!("it is wanted at {}:{}", change.at.file, change.at.line)))
    });
    Diagnostics(failed.collect())
}

fn did_not_take(left: &[&regionctl_core::plan::Change]) -> Diagnostics {
    let each = left.iter().map(|change| {
        let fields: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
        let message = format!("{}: every call was done, and {} did not take", change.address, fields.join(", "));
        Diagnostic::new("not-converged", message).help("plan again: somebody else may be changing it at the same time")
    });
    let mut faults = Diagnostics(each.collect());
    if faults.0.is_empty() {
        let message = "every call was done, and it could not be read whether they took";
        faults.push(Diagnostic::new("not-verified", message).help("plan again"));
    }
    faults
}
