//! `regionctl apply`: arguments, what a person sees and answers, signals, and the exit code. The order of an apply is
//! core's ([`ApplySession`]).

use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::session::Access;
use regionctl_core::apply::{
    Answer, ApplyError, ApplyErrorKind, ApplySession, Completion, Event, Front, Options, PlanSource, Stopped,
};
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::observe::provider::Check;
use regionctl_core::plan::Plan;
use regionctl_core::plan::saved::SavedPlan;
use regionctl_core::render::{self, counted, waiting_for_people};
use regionctl_core::resource::address::Address;
use regionctl_core::spec::Spec;
use tokio::sync::watch;

use super::stats;
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
    let mut terminal = Terminal::new(None);
    let mut worst = Exit::Done;
    for spec in &specs {
        if *terminal.stop.borrow() {
            return Ok(Exit::Interrupted);
        }
        worst = worst.max(one(global, args, &connector, spec, PlanSource::Fresh, &mut terminal).await?);
    }
    Ok(worst)
}

/// Runs a saved plan.
async fn saved(global: &Global, args: &args::Apply, path: &Path) -> Result<Exit, Failed> {
    let saved = read_plan(path)?;
    let spec = files::load(Path::new(&saved.plan.spec))?;
    let mark = used_mark(&saved);
    let used = mark.as_ref().is_some_and(|mark| mark.exists());
    let source = PlanSource::Saved { saved: &saved, now: Timestamp::now(), used };
    let connector = Connector::new(global).await?;
    one(global, args, &connector, &spec, source, &mut Terminal::new(mark)).await
}

/// Applies one spec, and says what came of it.
async fn one(
    global: &Global,
    args: &args::Apply,
    connector: &Connector<'_>,
    spec: &Spec,
    source: PlanSource<'_>,
    terminal: &mut Terminal,
) -> Result<Exit, Failed> {
    let provider = connector.open(spec, Access::Write, Some(terminal.progress.on_pause())).await;
    let options = Options {
        targets: args.target.clone(),
        yes: args.yes,
        allow_large: args.allow_large,
        allow_destroy: args.allow_destroy,
        skip_preflight: args.skip_preflight,
        wait: args.wait,
        resend: args.resend,
        parallelism: usize::from(global.parallelism),
    };
    let stop = terminal.stop.subscribe();
    let session = ApplySession { provider: &provider, registry: REGISTRY, spec, source, options: &options, stop };
    let ended = session.run(terminal).await;
    let result = match ended {
        Ok(completion) => {
            say_completion(completion, spec);
            Ok(Exit::Done)
        }
        Err(error) => failed(error, spec),
    };
    if global.stats {
        stats::print(&provider.session().calls());
    }
    result
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

/// The terminal before which an apply runs.
struct Terminal {
    progress: Progress,
    stop: watch::Sender<bool>,
    /// Whether signals are listened to; before the first step they end the process.
    listens: bool,
    /// The file by whose existence a saved plan is known as used.
    mark: Option<PathBuf>,
}

impl Terminal {
    fn new(mark: Option<PathBuf>) -> Self {
        Self { progress: Progress::new(), stop: watch::channel(false).0, listens: false, mark }
    }
}

impl Front for Terminal {
    fn show_plan(&mut self, plan: &Plan) {
        anstream::print!("{}", render::text(plan, output::style()));
    }

    fn show_checks(&mut self, checks: &[Check]) {
        anstream::print!("{}", render::checks(checks, output::style()));
    }

    fn asked_again(&mut self, address: &Address) {
        anstream::println!("Asked again: {address}");
    }

    fn confirm(&mut self, plan: &Plan) -> Answer {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Answer::NotATerminal;
        }
        anstream::eprint!("Apply this to {} in account {}? [y/N] ", plan.region, plan.account);
        // A prompt that cannot be shown is answered with no.
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let read = stdin.lock().read_line(&mut answer);
        if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") { Answer::Yes } else { Answer::No }
    }

    /// Makes the mark's file; of two that do it at once, one wins.
    fn mark_used(&mut self) -> Result<bool, String> {
        let Some(mark) = &self.mark else { return Ok(true) };
        std::fs::create_dir_all(files::folder_of(mark)).map_err(|error| error.to_string())?;
        match std::fs::File::create_new(mark) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    fn started(&mut self, steps: usize) {
        self.progress.start(steps);
        if !self.listens {
            self.listens = true;
            // It listens to the end of the run: once a signal has a listener, it no longer ends the process by itself.
            tokio::spawn(stop_at_a_signal(self.stop.clone(), self.progress.clone()));
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        self.progress.show(event);
    }

    fn finished(&mut self) {
        self.progress.finish();
    }
}

/// The first Ctrl-C lets running calls finish, the second leaves at once.
async fn stop_at_a_signal(stop: watch::Sender<bool>, progress: Progress) {
    asked_to_stop().await;
    progress
        .say("Stopping: the calls that are running are finished, no other is started. Ctrl-C again leaves at once.");
    stop.send_replace(true);
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

/// Says what was done; of nothing to do the plan's own summary says it.
fn say_completion(completion: Completion, spec: &Spec) {
    let Completion::Applied(totals) = completion else { return };
    let (calls, people) = (counted(totals.calls, "call"), waiting_for_people(totals.waiting));
    if totals.left > 0 {
        let others = counted(totals.left, "other change");
        anstream::println!("Applied: {calls}. Left of {}: {others}.{people}", spec.path);
    } else if totals.in_progress > 0 {
        let in_progress = counted(totals.in_progress, "resource");
        anstream::println!("Applied: {calls}. Nothing is left to do, and {in_progress} still in progress.{people}");
    } else {
        anstream::println!("Applied: {calls}. {} is what {} says.{people}", spec.region, spec.path);
    }
}

/// Says how far it came, and returns how the run ends.
fn failed(error: ApplyError, spec: &Spec) -> Result<Exit, Failed> {
    if let Some(completion) = error.completion {
        say_completion(completion, spec);
    }
    if let Some(stopped) = &error.stopped {
        let word = if error.kind == ApplyErrorKind::Interrupted { "Interrupted" } else { "Applied in part" };
        say_what_was_done(word, stopped, spec);
    }
    let exit = match error.kind {
        ApplyErrorKind::Interrupted => return Ok(Exit::Interrupted),
        ApplyErrorKind::Refused => Exit::Refused,
        ApplyErrorKind::Error => Exit::Error,
        ApplyErrorKind::Partly => Exit::Partly,
    };
    Err(Failed { exit, ..Failed::errors(error.diagnostics) })
}

fn say_what_was_done(word: &str, stopped: &Stopped, spec: &Spec) {
    let done = counted(stopped.done, "call");
    for (address, state) in &stopped.in_progress {
        anstream::println!("Still in progress: {address} is {state}.");
    }
    anstream::println!(
        "{word}: {done} done, {} failed, {} not tried. Run it again to go on: regionctl apply {}",
        stopped.failed,
        stopped.not_tried,
        spec.path
    );
}
