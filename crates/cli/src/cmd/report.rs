//! `regionctl report`: an earlier report in another format, without asking AWS again.

use std::collections::BTreeSet;

use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::report::Report;

use crate::args;
use crate::exit::{Exit, Failed};
use crate::outputs::{Outputs, read_report};

/// Renders a report that was kept as JSON.
pub fn run(args: &args::Report) -> Result<Exit, Failed> {
    let outputs = Outputs::open(&args.rendering)?;
    let report = read_report(&args.file)?;
    are_there(&args.only, &report)?;
    outputs.write(&report.only(&args.only))?;
    Ok(Exit::Done)
}

/// Regions that are asked for must be in the report.
fn are_there(named: &[String], report: &Report) -> Result<(), Failed> {
    let known: BTreeSet<&str> =
        report.regions.iter().flat_map(|region| [region.region.as_str(), region.spec.as_str()]).collect();
    let Some(wrong) = named.iter().find(|name| !known.contains(name.as_str())) else { return Ok(()) };
    let fault = Diagnostic::new("unknown-region", format!("the report has no region {wrong}"));
    Err(Failed::error(fault.help(format!("it has {}", known.into_iter().collect::<Vec<_>>().join(", ")))))
}
