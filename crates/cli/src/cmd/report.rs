// SPDX-License-Identifier: Apache-2.0
//! `regionctl report`: converts a saved report to another format, without reading AWS.

use std::collections::BTreeSet;

use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::report::Report;

use crate::args;
use crate::exit::{CommandError, Exit};
use crate::outputs::{ReportOutputs, read_report};

/// Reads a report in JSON and writes it in other formats.
pub fn run(args: &args::ReportArgs) -> Result<Exit, CommandError> {
    let outputs = ReportOutputs::open(&args.rendering)?;
    let report = read_report(&args.file)?;
    check_regions(&args.only, &report)?;
    outputs.write(&report.only(&args.only))?;
    Ok(Exit::Done)
}

/// Checks that the report has the regions given with `--only`.
fn check_regions(named: &[String], report: &Report) -> Result<(), CommandError> {
    let known: BTreeSet<&str> =
        report.regions.iter().flat_map(|region| [region.region.as_str(), region.spec.as_str()]).collect();
    let Some(wrong) = named.iter().find(|name| !known.contains(name.as_str())) else { return Ok(()) };
    let fault = Diagnostic::new("unknown-region", format!("the report has no region '{wrong}'"));
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Err(CommandError::error(fault.help(format!("use one of: {known}"))))
}
