//! The command line of regionctl: arguments in, text or JSON out, and an exit code.
//!
//! Everything that regionctl knows is in the libraries; here is only what a terminal needs.

mod args;
mod cmd;
mod connect;
mod exit;
mod files;
mod output;
mod outputs;
mod progress;
mod report;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::{Exit, Failed};

fn main() -> ExitCode {
    let args = Args::parse();
    output::choose_color(args.global.color);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("error: the runtime did not start: {error}");
            return Exit::Error.into();
        }
    };
    match runtime.block_on(run(args)) {
        Ok(exit) => exit.into(),
        Err(failed) => {
            report::print(&failed);
            failed.exit.into()
        }
    }
}

async fn run(args: Args) -> Result<Exit, Failed> {
    let global = &args.global;
    match args.command {
        Command::Plan(plan) => cmd::plan::run(global, &plan).await,
        Command::Apply(apply) => cmd::apply::run(global, &apply).await,
        Command::Drift(drift) => cmd::drift::run(global, &drift).await,
        Command::Snapshot(snapshot) => cmd::snapshot::run(global, &snapshot).await,
        Command::Report(report) => cmd::report::run(&report),
        Command::Accept(accept) => cmd::accept::run(global, &accept).await,
        Command::Permissions(permissions) => cmd::permissions::run(&permissions),
        Command::Schema(schema) => cmd::generate::schema(&schema),
        Command::Completions { shell } => Ok(cmd::generate::completions(shell)),
        Command::Man => cmd::generate::man(),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(sandbox) => cmd::sandbox::run(global, sandbox).await,
    }
}
