// SPDX-License-Identifier: Apache-2.0
//! `regionctl sandbox`: seeds, serves, changes and resets the embedded AWS emulator.

use std::path::{Path, PathBuf};
use std::time::Duration;

use regionctl_core::diagnostic::Diagnostic;
use regionctl_sandbox::serve::Server;
use regionctl_sandbox::{Sandbox, SandboxError, seed};

use crate::args::{self, Global};
use crate::exit::{CommandError, Exit};
use crate::output::{errln, outln};

pub async fn open(path: &Path) -> Result<Sandbox, CommandError> {
    Sandbox::open(path).await.map_err(|error| failed(&error))
}

fn failed(error: &SandboxError) -> CommandError {
    let fault = Diagnostic::new("sandbox", error.to_string());
    CommandError::error(match error {
        SandboxError::Missing(_) => {
            fault.help("create it with: regionctl sandbox seed && regionctl apply --yes regions/eu-central-1.yaml")
        }
        SandboxError::InUse(_) => fault.help("while `regionctl sandbox serve` runs, use --endpoint-url instead"),
        SandboxError::File { .. } => {
            fault.help("name another file with --sandbox=FILE, or start again with: regionctl sandbox reset")
        }
        SandboxError::Seed(_) => fault,
    })
}

pub async fn run(global: &Global, command: args::SandboxCommand) -> Result<Exit, CommandError> {
    let path = global.sandbox.clone().unwrap_or_else(|| PathBuf::from(".regionctl/sandbox.json"));
    if let Some(url) = &global.endpoint_url {
        return other_emulator(url, &command).await;
    }
    match command {
        args::SandboxCommand::Seed { alarms, log_groups, functions } => {
            reset(&path)?;
            let sandbox = open(&path).await?;
            if let Some(functions) = functions {
                seed::copies(&sandbox, functions, functions / 3).await.map_err(|error| failed(&error))?;
                errln!("Seeded {} with {functions} functions.", path.display());
            } else if alarms.is_none() && log_groups.is_none() {
                seed::company(|region| seed::config(&sandbox, region)).await.map_err(|error| failed(&error))?;
                errln!("Seeded {} with the older regions of the example company.", path.display());
            } else {
                let (alarms, log_groups) = (alarms.unwrap_or(0), log_groups.unwrap_or(0));
                seed::bulk(&sandbox, alarms, log_groups).await.map_err(|error| failed(&error))?;
                errln!("Seeded {} with {alarms} alarms and {log_groups} log groups.", path.display());
            }
        }
        args::SandboxCommand::Reset => {
            if reset(&path)? {
                errln!("Deleted {}.", path.display());
            } else {
                errln!("Nothing to delete: {} does not exist.", path.display());
            }
        }
        args::SandboxCommand::Tamper => {
            let config = seed::config(&open(&path).await?, "eu-central-1");
            for done in seed::tamper(&config).await.map_err(|error| failed(&error))? {
                outln!("{done}");
            }
        }
        args::SandboxCommand::Serve { port, delay } => serve(&path, port, Duration::from_millis(delay)).await?,
    }
    Ok(Exit::Done)
}

/// Deletes the file. Returns whether it existed.
fn reset(path: &Path) -> Result<bool, CommandError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            let message = format!("cannot delete '{}': {error}", path.display());
            Err(CommandError::error(Diagnostic::new("sandbox", message)))
        }
    }
}

async fn serve(path: &Path, port: u16, delay: Duration) -> Result<(), CommandError> {
    let unbound = |error: std::io::Error| {
        let message = format!("cannot listen on 127.0.0.1:{port}: {error}");
        CommandError::error(
            Diagnostic::new("sandbox", message).help("choose another port with --port, or a free one with --port 0"),
        )
    };
    let server = Server::bind(open(path).await?, port, delay).await.map_err(unbound)?;
    let address = server.address().map_err(unbound)?;
    outln!("http://{address}");
    errln!(
        "Try it with any credentials: aws --endpoint-url http://{address} --region eu-central-1 sns list-topics. Press Ctrl-C to stop."
    );
    tokio::select! {
        _ = server.run() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

/// Seeds or tampers with another emulator. Only loopback addresses are accepted, so that AWS is never written to.
async fn other_emulator(url: &str, command: &args::SandboxCommand) -> Result<Exit, CommandError> {
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|start| url.starts_with(start));
    let config = |region: &str| seed::config_of(url, region);
    match command {
        args::SandboxCommand::Seed { alarms: None, log_groups: None, functions: None } if local => {
            seed::company(config).await.map_err(|error| failed(&error))?;
            errln!("Seeded {url} with the older regions of the example company.");
        }
        args::SandboxCommand::Tamper if local => {
            for done in seed::tamper(&config("eu-central-1")).await.map_err(|error| failed(&error))? {
                outln!("{done}");
            }
        }
        _ => {
            let message =
                "with --endpoint-url, only `seed` and `tamper` are supported, without options and on this machine";
            return Err(CommandError::refused(
                Diagnostic::new("sandbox", message)
                    .help("use a loopback address, such as --endpoint-url http://127.0.0.1:5000"),
            ));
        }
    }
    Ok(Exit::Done)
}
