//! `regionctl drift`: every region at once, one report, in as many formats as are asked for.

use std::path::{Path, PathBuf};

use futures::future::join_all;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::Access;
use regionctl_core::desire::fill::Inventory;
use regionctl_core::look::look_at;
use regionctl_core::observe::snapshot::Snapshot;
use regionctl_core::report::examine::{examine, report_of};
use regionctl_core::report::judge::{self, FailOn};
use regionctl_core::report::memory::Memory;
use regionctl_core::report::unmanaged::{self, Listed};
use regionctl_core::report::{Region, Report, Severity, build};
use regionctl_core::spec::Spec;
use regionctl_core::spec::contested::contested;

use super::{snapshot, stats};
use crate::args::{self, FailOnWord, Global};
use crate::connect::Connector;
use crate::exit::{Exit, Failed};
use crate::files;
use crate::outputs::{Outputs, read_report};
use crate::progress;
use crate::report as diagnostics;

/// Shows what is no longer what the specs say.
pub async fn run(global: &Global, args: &args::Drift) -> Result<Exit, Failed> {
    let outputs = Outputs::open(&args.rendering)?;
    let baseline = args.baseline.as_deref().map(|path| baseline(path, args)).transpose()?.flatten();
    let specs: Vec<(PathBuf, Result<Spec, Failed>)> =
        files::paths(&args.specs)?.into_iter().map(|path| (path.clone(), files::load(&path))).collect();
    contested(specs.iter().filter_map(|(_, spec)| spec.as_ref().ok()), REGISTRY).or(()).map_err(Failed::errors)?;
    let snapshot = args.snapshot.as_deref().map(snapshot::load).transpose()?;
    let connector = Connector::new(global).await?;
    let shown = progress::reading(specs.len());
    let looks = specs.into_iter().map(|(path, spec)| one(&connector, snapshot.as_ref(), args, path, spec));
    let mut looked = join_all(looks).await;
    if args.unmanaged {
        list_unmanaged(&mut looked).await;
    }
    shown.finish_and_clear();
    if global.stats {
        looked
            .iter()
            .filter_map(|it| it.there.as_ref())
            .for_each(|there| stats::print(&there.provider.session().calls()));
    }
    let mut report = Report::of(looked.into_iter().map(|it| it.region).collect());
    if let Some(earlier) = &baseline {
        judge::compare(&mut report, earlier);
    }
    outputs.write(&report)?;
    Ok(verdict(&report, fail_on(args)))
}

fn verdict(report: &Report, fail_on: FailOn) -> Exit {
    if !report.is_complete() {
        Exit::Error
    } else if fail_on.any(report) {
        Exit::Differs
    } else {
        Exit::Done
    }
}

fn fail_on(args: &args::Drift) -> FailOn {
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

/// The earlier report. The first night has none, and then everything is new.
fn baseline(path: &Path, args: &args::Drift) -> Result<Option<Report>, Failed> {
    if !path.exists() {
        let new = if args.fail_on.contains(&FailOnWord::New) { ", so everything counts as new" } else { "" };
        anstream::eprintln!("There is no report {} yet{new}.", path.display());
        let none = Report::of(Vec::new());
        return Ok(Some(none));
    }
    read_report(path).map(Some)
}

/// What came of looking at one spec.
struct Looked {
    region: Region,
    /// What it was read with; none where nothing could be read.
    there: Option<There>,
}

struct There {
    spec: Spec,
    provider: Aws,
    inventory: Inventory,
}

/// Looks at one region. Whatever goes wrong is in its report, so that the others are reported all the same.
async fn one(
    connector: &Connector<'_>,
    snapshot: Option<&Snapshot>,
    args: &args::Drift,
    path: PathBuf,
    spec: Result<Spec, Failed>,
) -> Looked {
    let spec = match spec {
        Ok(spec) if args.strict => spec.strict(),
        Ok(spec) => spec,
        Err(failed) => {
            diagnostics::print(&failed);
            let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let region = build::failed(&name, "unknown", &path.display().to_string(), &failed.diagnostics.0);
            return Looked { region, there: None };
        }
    };
    if let Some(snapshot) = snapshot {
        return Looked { region: of_snapshot(snapshot, &spec), there: None };
    }
    let provider = connector.open(&spec, Access::ReadOnly, None).await;
    match examine(&provider, REGISTRY, &spec, today(), args.who).await {
        Ok((region, inventory)) => Looked { region, there: Some(There { spec, provider, inventory }) },
        Err(error) => {
            let region = build::failed(&spec.region, &spec.account, &spec.path, &error.diagnostics().0);
            Looked { region, there: None }
        }
    }
}

/// The report of a region as a snapshot has it.
fn of_snapshot(snapshot: &Snapshot, spec: &Spec) -> Region {
    match look_at(REGISTRY, spec, snapshot) {
        Ok((inventory, plan)) => report_of(REGISTRY, spec, &inventory, &plan, &Memory::NotInSnapshot, today()),
        Err(error) => build::failed(&spec.region, &spec.account, &spec.path, &error.diagnostics().0),
    }
}

/// The day by which acceptances are judged, the same everywhere: UTC's.
pub fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}

/// Lists in each region's report what is there and in no spec.
async fn list_unmanaged(looked: &mut [Looked]) {
    let read = || looked.iter().filter_map(|it| it.there.as_ref());
    let lists = read().map(|there| unmanaged::lists(&there.provider, REGISTRY, &there.inventory.location));
    let lists = join_all(lists).await;
    let listed: Vec<Listed<'_>> = read()
        .zip(lists)
        .map(|(there, lists)| Listed { spec: &there.spec, inventory: &there.inventory, lists })
        .collect();
    let found = unmanaged::unmanaged(REGISTRY, &listed);
    let regions = looked.iter_mut().filter(|it| it.there.is_some()).map(|it| &mut it.region);
    for (region, (unmanaged, notes)) in regions.zip(found) {
        region.unmanaged = Some(unmanaged);
        region.notes.extend(notes);
    }
}
