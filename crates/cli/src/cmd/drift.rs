// SPDX-License-Identifier: Apache-2.0
//! `regionctl drift`: reads all regions concurrently and writes one report in one or more formats.

use std::path::{Path, PathBuf};

use futures::future::join_all;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::Access;
use regionctl_core::desire::fill::Inventory;
use regionctl_core::observe::snapshot::Snapshot;
use regionctl_core::read_plan::plan_of;
use regionctl_core::report::examine::{examine, report_of};
use regionctl_core::report::judge::{self, FailOn};
use regionctl_core::report::last_applied::LastApplied;
use regionctl_core::report::unmanaged::{self, Listed};
use regionctl_core::report::{RegionReport, Report, Severity, build};
use regionctl_core::spec::Spec;
use regionctl_core::spec::contested::contested;

use super::{snapshot, stats};
use crate::args::{self, FailOnWord, Global};
use crate::connect::Connector;
use crate::error_output;
use crate::exit::{CommandError, Exit};
use crate::files;
use crate::output::errln;
use crate::outputs::{ReportOutputs, read_report};
use crate::progress;

/// Reports the drift of all specs.
pub async fn run(global: &Global, args: &args::DriftArgs) -> Result<Exit, CommandError> {
    let outputs = ReportOutputs::open(&args.rendering)?;
    let baseline = args.baseline.as_deref().map(|path| baseline(path, args)).transpose()?.flatten();
    let specs: Vec<(PathBuf, Result<Spec, CommandError>)> =
        files::paths(&args.specs)?.into_iter().map(|path| (path.clone(), files::load(&path))).collect();
    contested(specs.iter().filter_map(|(_, spec)| spec.as_ref().ok()), REGISTRY)
        .or(())
        .map_err(CommandError::errors)?;
    let snapshot = args.snapshot.as_deref().map(snapshot::load).transpose()?;
    let connector = Connector::new(global).await?;
    let shown = progress::reading(specs.len());
    let reads = specs.into_iter().map(|(path, spec)| one(&connector, snapshot.as_ref(), args, path, spec));
    let mut examined = join_all(reads).await;
    if args.unmanaged {
        list_unmanaged(&mut examined).await;
    }
    shown.finish_and_clear();
    if global.stats {
        examined
            .iter()
            .filter_map(|it| it.source.as_ref())
            .for_each(|source| stats::print(&source.provider.session().calls()));
    }
    let mut report = Report::of(examined.into_iter().map(|it| it.region).collect());
    if let Some(earlier) = &baseline {
        judge::compare(&mut report, earlier);
    }
    outputs.write(&report)?;
    Ok(verdict(&report, fail_on(args)))
}

/// Returns the exit code of a report.
fn verdict(report: &Report, fail_on: FailOn) -> Exit {
    if !report.is_complete() {
        Exit::Error
    } else if fail_on.any(report) {
        Exit::Differs
    } else {
        Exit::Done
    }
}

fn fail_on(args: &args::DriftArgs) -> FailOn {
    let mut fail_on = FailOn::default();
    for word in &args.fail_on {
        match word {
            FailOnWord::New => fail_on.new = true,
            FailOnWord::High => fail_on.severity = Some(Severity::High),
            FailOnWord::Medium => fail_on.severity = Some(Severity::Medium),
            FailOnWord::Low => fail_on.severity = Some(Severity::Low),
        }
    }
    fail_on
}

/// Reads the earlier report. A missing file counts as an empty report, because the first run has none.
fn baseline(path: &Path, args: &args::DriftArgs) -> Result<Option<Report>, CommandError> {
    if !path.exists() {
        let new = if args.fail_on.contains(&FailOnWord::New) { ", so all findings are new" } else { "" };
        errln!("The baseline {} does not exist yet{new}.", path.display());
        let none = Report::of(Vec::new());
        return Ok(Some(none));
    }
    read_report(path).map(Some)
}

/// The report of one spec.
struct Examined {
    region: RegionReport,
    /// None if the region was not read from AWS, or could not be read.
    source: Option<Source>,
}

/// The session of a region and what it read.
struct Source {
    spec: Spec,
    provider: Aws,
    inventory: Inventory,
}

/// Examines one region. Errors become part of its report, so that the other regions are still reported.
async fn one(
    connector: &Connector<'_>,
    snapshot: Option<&Snapshot>,
    args: &args::DriftArgs,
    path: PathBuf,
    spec: Result<Spec, CommandError>,
) -> Examined {
    let spec = match spec {
        Ok(spec) if args.strict => spec.strict(),
        Ok(spec) => spec,
        Err(failed) => {
            error_output::print(&failed);
            let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let region = build::failed(&name, "unknown", &path.display().to_string(), &failed.diagnostics.0);
            return Examined { region, source: None };
        }
    };
    if let Some(snapshot) = snapshot {
        return Examined { region: of_snapshot(snapshot, &spec), source: None };
    }
    let provider = connector.open(&spec, Access::ReadOnly, None).await;
    match examine(&provider, REGISTRY, &spec, today(), args.who).await {
        Ok((region, inventory)) => Examined { region, source: Some(Source { spec, provider, inventory }) },
        Err(error) => {
            let region = build::failed(&spec.region, &spec.account, &spec.path, &error.diagnostics().0);
            Examined { region, source: None }
        }
    }
}

/// Returns the report of a region from a snapshot.
fn of_snapshot(snapshot: &Snapshot, spec: &Spec) -> RegionReport {
    match plan_of(REGISTRY, spec, snapshot) {
        Ok((inventory, plan)) => report_of(REGISTRY, spec, &inventory, &plan, &LastApplied::NotInSnapshot, today()),
        Err(error) => build::failed(&spec.region, &spec.account, &spec.path, &error.diagnostics().0),
    }
}

/// Returns today's date in UTC, by which acceptances expire.
pub fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}

/// Adds to each region's report the resources that are in no spec.
async fn list_unmanaged(examined: &mut [Examined]) {
    let read = || examined.iter().filter_map(|it| it.source.as_ref());
    let lists = read().map(|source| unmanaged::lists(&source.provider, REGISTRY, &source.inventory.location));
    let lists = join_all(lists).await;
    let listed: Vec<Listed<'_>> = read()
        .zip(lists)
        .map(|(source, lists)| Listed { spec: &source.spec, inventory: &source.inventory, lists })
        .collect();
    let found = unmanaged::unmanaged(REGISTRY, &listed);
    let regions = examined.iter_mut().filter(|it| it.source.is_some()).map(|it| &mut it.region);
    for (region, (unmanaged, notes)) in regions.zip(found) {
        region.unmanaged = Some(unmanaged);
        region.notes.extend(notes);
    }
}
