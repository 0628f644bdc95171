// SPDX-License-Identifier: Apache-2.0
//! The `regionctl` command: arguments, files, terminal output and exit codes.
//!
//! The logic is in the crates `regionctl-core` and `regionctl-aws`.

#![allow(clippy::disallowed_methods, reason = "the command is where the clock, the environment and the process are")]

mod args;
mod cmd;
mod connect;
mod error_output;
mod exit;
mod files;
mod output;
mod outputs;
mod progress;
mod regions;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::{CommandError, Exit};
use output::errln;

fn main() -> ExitCode {
    let args = Args::parse();
    output::choose_color(args.global.color);
    output::choose_charset(args.global.ascii);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            errln!("error: the async runtime could not be started: {error}");
            return Exit::Error.into();
        }
    };
    let result = runtime.block_on(run(args));
    match output::failure().map_or(result, Err) {
        Ok(exit) => exit.into(),
        Err(failed) => {
            error_output::print(&failed);
            failed.exit.into()
        }
    }
}

async fn run(args: Args) -> Result<Exit, CommandError> {
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
