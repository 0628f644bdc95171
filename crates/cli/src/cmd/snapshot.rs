//! `regionctl snapshot`: what AWS holds, as a file that plans and reports can be made of without AWS.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::session::Access;
use regionctl_core::desire::fill::{Inventory, fill};
use regionctl_core::diagnostic::{Diagnostic, Diagnostics};
use regionctl_core::observe::compare::differences;
use regionctl_core::observe::explain::explain;
use regionctl_core::observe::refresh::refresh;
use regionctl_core::observe::region::{Progress, read_region};
use regionctl_core::observe::snapshot::Snapshot;
use regionctl_core::observe::stored;
use regionctl_core::plan::build::TOOL;
use regionctl_core::render::{self, counted};
use regionctl_core::spec::Spec;
use regionctl_core::spec::names::is_region;

use super::{look_failed, stats};
use crate::args::{self, Format, Global};
use crate::connect::Connector;
use crate::exit::{Exit, Failed};
use crate::files;
use crate::output;

/// Takes a snapshot, or compares two.
pub async fn run(global: &Global, args: &args::Snapshot) -> Result<Exit, Failed> {
    if let [before, after] = args.diff.as_slice() {
        return compare(before, after, args.format);
    }
    let Some(out) = &args.out else {
        let fault = Diagnostic::new("no-output", "a snapshot is written to a file, and none is named");
        return Err(Failed::error(fault.help("add -o FILE, or compare two with --diff A B")));
    };
    let (regions, specs): (Vec<&String>, Vec<&String>) =
        args.of.iter().partition(|word| is_region(word) && !Path::new(word).exists());
    let specs: Vec<PathBuf> = specs.into_iter().map(PathBuf::from).collect();
    let specs = if specs.is_empty() && !regions.is_empty() { Vec::new() } else { files::load_all(&specs)? };
    let connector = Connector::new(global).await?;
    let mut snapshot = Snapshot::default();
    for region in regions {
        merge(&mut snapshot, whole(global, &connector, region).await?);
    }
    let mut taken: Vec<(&Spec, Inventory)> = Vec::new();
    for spec in &specs {
        let provider = connector.open(spec, Access::ReadOnly, None).await;
        let read = refresh(&provider, REGISTRY, spec).await.map_err(|error| look_failed(&error.into()))?;
        let inventory = fill(REGISTRY, spec, &read).map_err(|error| Failed::errors(error.diagnostics()))?;
        taken.push((spec, inventory));
        merge(&mut snapshot, read);
        if global.stats {
            stats::print(&provider.session().calls());
        }
    }
    let taken: Vec<(&Spec, &Inventory)> = taken.iter().map(|(spec, inventory)| (*spec, inventory)).collect();
    let text = stored::write(TOOL, &snapshot, &taken);
    files::write_private(out, &text).map_err(|error| {
        let message = format!("the snapshot was not saved: {} cannot be written: {error}", out.display());
        Failed::error(Diagnostic::new("unwritable", message).help("name another file with -o"))
    })?;
    anstream::eprintln!("Saved {} to {}.", counted(snapshot.len(), "resource"), out.display());
    gaps(&snapshot)
}

/// Reads everything in a region, with a line a kind on standard error.
async fn whole(global: &Global, connector: &Connector<'_>, region: &str) -> Result<Snapshot, Failed> {
    let provider = connector.open_region(region, Access::ReadOnly).await;
    let listen = |progress: Progress<'_>| {
        anstream::eprintln!("{region}: {}: {}", progress.kind, counted(progress.found, "resource"));
    };
    let read = read_region(&provider, REGISTRY, region, &listen).await;
    if global.stats {
        stats::print(&provider.session().calls());
    }
    read.map_err(|failure| Failed::error(explain(&failure)))
}

/// Puts what was read of one spec or region beside what was read of others.
fn merge(snapshot: &mut Snapshot, other: Snapshot) {
    for ((account, region), part) in other.regions {
        let into = snapshot.region_mut(&account, &region);
        into.vpcs = part.vpcs.or(into.vpcs.take());
        for (slot, kind) in part.kinds {
            into.kinds.entry(slot).or_default().merge(kind);
        }
    }
}

/// Names what could not be read; the snapshot is incomplete then.
fn gaps(snapshot: &Snapshot) -> Result<Exit, Failed> {
    let gap = |(address, failure): (String, &regionctl_core::observe::failure::Failure)| {
        let mut fault = explain(failure);
        fault.message = format!("{address} could not be read: {}", fault.message);
        fault
    };
    let faults: Vec<Diagnostic> = snapshot.gaps().into_iter().map(gap).collect();
    Diagnostics(faults).or(Exit::Done).map_err(Failed::errors)
}

/// Reads a snapshot from a file.
pub fn load(path: &Path) -> Result<Snapshot, Failed> {
    let name = path.display().to_string();
    let unreadable = |why: String| {
        let fault = Diagnostic::new("unreadable-snapshot", format!("{name} cannot be read: {why}"));
        Failed::error(fault.help("take a new one: regionctl snapshot SPEC -o FILE"))
    };
    let too_large = || unreadable(format!("it is larger than {} MiB", stored::MAX_BYTES >> 20));
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    if file.metadata().is_ok_and(|about| about.len() > stored::MAX_BYTES) {
        return Err(too_large());
    }
    // What is no plain file has no length in advance.
    let mut text = String::new();
    let read = file.take(stored::MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > stored::MAX_BYTES {
        return Err(too_large());
    }
    stored::read(&text).map_err(|error| Failed::error(error.diagnostic(&name)))
}

fn compare(before: &Path, after: &Path, format: Format) -> Result<Exit, Failed> {
    let found = differences(REGISTRY, &load(before)?, &load(after)?);
    match format {
        Format::Text => anstream::print!("{}", render::differences(&found, output::style())),
        Format::Json => {
            let text = serde_json::to_string_pretty(&found).expect("invariant: differences are plain data");
            anstream::println!("{text}");
        }
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Differs })
}
