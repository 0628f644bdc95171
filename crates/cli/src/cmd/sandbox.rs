//! `regionctl sandbox`

use std::path::{Path, PathBuf};
use std::time::Duration;

use regionctl_core::diagnostic::Diagnostic;
use regionctl_sandbox::serve::Server;
use regionctl_sandbox::{Sandbox, SandboxError, seed};

use crate::args::{self, Global};
use crate::exit::{Exit, Failed};

/// Opens a sandbox.
pub async fn open(path: &Path) -> Result<Sandbox, Failed> {
    Sandbox::open(path).await.map_err(|error| failed(&error))
}

fn failed(error: &SandboxError) -> Failed {
    Failed::error(Diagnostic::new("sandbox", error.to_string()))
}

/// Looks after the sandbox.
pub async fn run(global: &Global, command: args::Sandbox) -> Result<Exit, Failed> {
    let path = global.sandbox.clone().unwrap_or_else(|| PathBuf::from(".regionctl/sandbox.json"));
    if let Some(url) = &global.endpoint_url {
        return elsewhere(url, &command).await;
    }
    match command {
        args::Sandbox::Seed { alarms, log_groups, functions } => {
            reset(&path)?;
            let sandbox = open(&path).await?;
            if let Some(functions) = functions {
                seed::copies(&sandbox, functions, functions / 3).await.map_err(|error| failed(&error))?;
                anstream::eprintln!("Seeded {} with {functions} functions to copy.", path.display());
            } else if alarms.is_none() && log_groups.is_none() {
                seed::company(|region| seed::config(&sandbox, region)).await.map_err(|error| failed(&error))?;
                anstream::eprintln!("Seeded {} with the company's older regions.", path.display());
            } else {
                let (alarms, log_groups) = (alarms.unwrap_or(0), log_groups.unwrap_or(0));
                seed::bulk(&sandbox, alarms, log_groups).await.map_err(|error| failed(&error))?;
                anstream::eprintln!("Seeded {} with {alarms} alarms and {log_groups} log groups.", path.display());
            }
        }
        args::Sandbox::Reset => {
            reset(&path)?;
            anstream::eprintln!("{} is gone.", path.display());
        }
        args::Sandbox::Tamper => {
            let config = seed::config(&open(&path).await?, "eu-central-1");
            for done in seed::tamper(&config).await.map_err(|error| failed(&error))? {
                anstream::println!("{done}");
            }
        }
        args::Sandbox::Serve { port, delay } => serve(&path, port, Duration::from_millis(delay)).await?,
    }
    Ok(Exit::Done)
}

fn reset(path: &Path) -> Result<(), Failed> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("{} cannot be removed: {error}", path.display());
            Err(Failed::error(Diagnostic::new("sandbox", message)))
        }
        _ => Ok(()),
    }
}

async fn serve(path: &Path, port: u16, delay: Duration) -> Result<(), Failed> {
    let unbound = |error: std::io::Error| {
        let message = format!("port {port} of the loopback address cannot be used: {error}");
        Failed::error(Diagnostic::new("sandbox", message).help("name another with --port, or 0 for a free one"))
    };
    let server = Server::bind(open(path).await?, port, delay).await.map_err(unbound)?;
    let address = server.address().map_err(unbound)?;
    anstream::println!("http://{address}");
    anstream::eprintln!(
        "Try it with any credentials: aws --endpoint-url http://{address} sns list-topics. Ctrl-C ends it."
    );
    tokio::select! {
        _ = server.run() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

/// Another emulator can be seeded and tampered with in the same way. Never AWS: only what listens on
/// this machine is written to.
async fn elsewhere(url: &str, command: &args::Sandbox) -> Result<Exit, Failed> {
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|start| url.starts_with(start));
    let config = |region: &str| seed::config_of(url, region);
    match command {
        args::Sandbox::Seed { alarms: None, log_groups: None, functions: None } if local => {
            seed::company(config).await.map_err(|error| failed(&error))?;
            anstream::eprintln!("Seeded {url} with the company's older regions.");
        }
        args::Sandbox::Tamper if local => {
            for done in seed::tamper(&config("eu-central-1")).await.map_err(|error| failed(&error))? {
                anstream::println!("{done}");
            }
        }
        _ => {
            let message = "with --endpoint-url only `seed` and `tamper` work, and only on this machine";
            return Err(Failed::refused(
                Diagnostic::new("sandbox", message).help("such as --endpoint-url http://127.0.0.1:5000"),
            ));
        }
    }
    Ok(Exit::Done)
}
