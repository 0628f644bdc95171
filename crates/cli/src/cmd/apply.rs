// SPDX-License-Identifier: Apache-2.0
//! `regionctl apply`: arguments, terminal, signals and exit code. The apply itself is in core ([`ApplySession`]).

use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::session::Access;
use regionctl_core::apply::{
    Answer, ApplyError, ApplyErrorKind, ApplySession, Completion, Event, Front, Options, PlanSource, Stopped,
};
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::format::{self, Document};
use regionctl_core::observe::provider::Check;
use regionctl_core::plan::saved::SavedPlan;
use regionctl_core::plan::{FORMAT, Plan};
use regionctl_core::render::{self, counted, waiting_for_people};
use regionctl_core::resource::address::Address;
use regionctl_core::spec::Spec;
use tokio::sync::watch;

use super::stats;
use crate::args::{self, Global};
use crate::connect::Connector;
use crate::exit::{CommandError, Exit};
use crate::files;
use crate::output::{self, errln, outln};
use crate::progress::Progress;

/// Applies the specs one after another, or a saved plan.
pub async fn run(global: &Global, args: &args::Apply) -> Result<Exit, CommandError> {
    if let [path] = args.specs.as_slice()
        && (files::document(path) == Some(Document::SavedPlan)
            || path.extension().is_some_and(|extension| extension == "json"))
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

/// Applies a saved plan. The spec is read again, from the path in the plan.
async fn saved(global: &Global, args: &args::Apply, path: &Path) -> Result<Exit, CommandError> {
    let saved = read_plan(path)?;
    let spec = files::load(Path::new(&saved.plan.spec))?;
    let mark = used_mark(&saved);
    let used = mark.as_ref().is_some_and(|mark| mark.exists());
    let source = PlanSource::Saved { saved: &saved, now: Timestamp::now(), used };
    let connector = Connector::new(global).await?;
    one(global, args, &connector, &spec, source, &mut Terminal::new(mark)).await
}

/// Applies one spec and prints the result.
async fn one(
    global: &Global,
    args: &args::Apply,
    connector: &Connector<'_>,
    spec: &Spec,
    source: PlanSource<'_>,
    terminal: &mut Terminal,
) -> Result<Exit, CommandError> {
    let provider = connector.open(spec, Access::Write, Some(terminal.progress.on_pause())).await;
    let options = Options {
        targets: args.target.clone(),
        yes: args.yes,
        allow_large: args.allow_large,
        allow_destroy: args.allow_destroy,
        allow_interrupt: args.allow_interrupt,
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
            print_completion(completion, spec);
            Ok(Exit::Done)
        }
        Err(error) => failed(error, spec),
    };
    if global.stats {
        stats::print(&provider.session().calls());
    }
    result
}

/// Reads a saved plan. A file that is not one is a refusal: nothing was changed.
fn read_plan(path: &Path) -> Result<SavedPlan, CommandError> {
    let unreadable = |why: String| {
        let message = format!("cannot read the saved plan '{}': {why}", path.display());
        CommandError::refused(
            Diagnostic::new("unreadable-plan", message).help("create one with: regionctl plan SPEC -o plan.json"),
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    format::expect(&text, Document::SavedPlan, FORMAT).map_err(|wrong| unreadable(wrong.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
}

/// Returns the file whose existence records that the plan was applied. It is in the user's state directory.
fn used_mark(saved: &SavedPlan) -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state = state.or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))?;
    // The nonce is read from a file that can be edited. It must not lead to another directory.
    let nonce: String = saved.seal.nonce.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(state.join("regionctl/applied-plans").join(nonce))
}

/// The terminal in which an apply runs.
struct Terminal {
    progress: Progress,
    stop: watch::Sender<bool>,
    /// Whether signals are handled. Before the first step they end the process.
    listens: bool,
    /// The file that records that the saved plan was applied, see [`used_mark`].
    mark: Option<PathBuf>,
}

impl Terminal {
    fn new(mark: Option<PathBuf>) -> Self {
        Self { progress: Progress::new(), stop: watch::channel(false).0, listens: false, mark }
    }
}

impl Front for Terminal {
    fn show_plan(&mut self, plan: &Plan) {
        output::out(format_args!("{}", render::text(plan, output::style())));
    }

    fn show_checks(&mut self, checks: &[Check]) {
        output::out(format_args!("{}", render::checks(checks, output::style())));
    }

    fn asked_again(&mut self, address: &Address) {
        outln!("Sent the confirmation request again: {address}");
    }

    fn confirm(&mut self, plan: &Plan) -> Answer {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Answer::NotATerminal;
        }
        output::err(format_args!("Apply these changes to {} in account {}? [y/N] ", plan.region, plan.account));
        // If the prompt cannot be shown, the answer is no.
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let read = stdin.lock().read_line(&mut answer);
        if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") { Answer::Yes } else { Answer::No }
    }

    /// Creates the mark file. If two processes try at the same time, one of them gets `false`.
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
            // The task runs until the process ends: tokio's signal handler replaces the default action for good.
            tokio::spawn(stop_on_signal(self.stop.clone(), self.progress.clone()));
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        self.progress.show(event);
    }

    fn finished(&mut self) {
        self.progress.finish();
    }
}

/// On the first signal, lets running calls finish and starts no others. On the second, ends the process.
async fn stop_on_signal(stop: watch::Sender<bool>, progress: Progress) {
    signal_received().await;
    progress
        .say("Stopping: waiting for the calls in progress, starting no others. Press Ctrl-C again to exit at once.");
    stop.send_replace(true);
    signal_received().await;
    progress.finish();
    let summary = progress.summary();
    errln!("Interrupted: {summary}. Calls in progress may still take effect. Check with: regionctl plan");
    std::process::exit(130);
}

/// Waits for SIGINT or SIGTERM.
async fn signal_received() {
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

/// Prints the result of a complete apply. If there was nothing to do, the plan has said so.
fn print_completion(completion: Completion, spec: &Spec) {
    let Completion::Applied(totals) = completion else { return };
    let (calls, people) = (counted(totals.calls, "call"), waiting_for_people(totals.waiting));
    if totals.left > 0 {
        let others = counted(totals.left, "other change");
        outln!("Applied: {calls}. Remaining in {}: {others}.{people}", spec.path);
    } else if totals.in_progress > 0 {
        let in_progress = counted(totals.in_progress, "resource");
        outln!("Applied: {calls}. Still in progress: {in_progress}.{people}");
    } else {
        outln!("Applied: {calls}. {} matches {}.{people}", spec.region, spec.path);
    }
}

/// Prints how far the apply got, and converts its error to the result of the command.
fn failed(error: ApplyError, spec: &Spec) -> Result<Exit, CommandError> {
    if let Some(completion) = error.completion {
        print_completion(completion, spec);
    }
    if let Some(stopped) = &error.stopped {
        let word = if error.kind == ApplyErrorKind::Interrupted { "Interrupted" } else { "Partially applied" };
        print_stopped(word, stopped, spec);
    }
    let exit = match error.kind {
        ApplyErrorKind::Interrupted => return Ok(Exit::Interrupted),
        ApplyErrorKind::Refused => Exit::Refused,
        ApplyErrorKind::Error => Exit::Error,
        ApplyErrorKind::Partly => Exit::Partly,
    };
    Err(CommandError { exit, ..CommandError::errors(error.diagnostics) })
}

/// Prints what an apply that stopped early has done.
fn print_stopped(word: &str, stopped: &Stopped, spec: &Spec) {
    let done = counted(stopped.done, "call");
    for (address, state) in &stopped.in_progress {
        outln!("Still in progress: {address} is {state}.");
    }
    outln!(
        "{word}: {done} done, {} failed, {} not tried. To continue, run: regionctl apply {}",
        stopped.failed,
        stopped.not_tried,
        spec.path
    );
}
