// SPDX-License-Identifier: Apache-2.0
//! `regionctl snapshot`: saves the live state to a file, from which plans and reports are made without AWS.

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
use regionctl_core::observe::region::{KindRead, read_region};
use regionctl_core::observe::snapshot::Snapshot;
use regionctl_core::observe::stored;
use regionctl_core::plan::build::TOOL;
use regionctl_core::render::{self, counted};
use regionctl_core::spec::Spec;
use regionctl_core::spec::names::is_region;

use super::{command_error, stats};
use crate::args::{self, Format, Global};
use crate::connect::Connector;
use crate::exit::{CommandError, Exit};
use crate::files;
use crate::output::{self, errln};
use crate::regions;

/// Takes a snapshot, or compares two.
pub async fn run(global: &Global, args: &args::SnapshotArgs) -> Result<Exit, CommandError> {
    if let [before, after] = args.diff.as_slice() {
        return compare(before, after, args.format);
    }
    let Some(out) = &args.out else {
        let command: String = args.of.iter().flat_map(|word| [" ", word.as_str()]).collect();
        let fault = Diagnostic::new("no-output", "no output file was given")
            .help(format!("save the snapshot with: regionctl snapshot{command} -o snapshot.json"))
            .help("compare two snapshots with: regionctl snapshot --diff EARLIER LATER");
        return Err(CommandError::error(fault));
    };
    let (regions, specs): (Vec<&String>, Vec<&String>) =
        args.of.iter().partition(|word| is_region(word) && !Path::new(word).exists());
    if let Some(wrong) = specs.iter().find(|path| !Path::new(path).exists()) {
        return Err(unknown_argument(wrong));
    }
    for region in &regions {
        regions::warn_if_unknown(region);
    }
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
        let read = refresh(&provider, REGISTRY, spec).await.map_err(|error| command_error(&error.into()))?;
        let inventory = fill(REGISTRY, spec, &read).map_err(|error| CommandError::errors(error.diagnostics()))?;
        taken.push((spec, inventory));
        merge(&mut snapshot, read);
        if global.stats {
            stats::print(&provider.session().calls());
        }
    }
    let taken: Vec<(&Spec, &Inventory)> = taken.iter().map(|(spec, inventory)| (*spec, inventory)).collect();
    let text = stored::write(TOOL, &snapshot, &taken);
    files::write_private(out, &text).map_err(|error| {
        let message = format!("cannot write the snapshot to '{}': {error}", out.display());
        CommandError::error(Diagnostic::new("unwritable", message).help("choose another file with -o"))
    })?;
    errln!("Saved {} to {}.", counted(snapshot.len(), "resource"), out.display());
    gaps(&snapshot)
}

/// Explains an argument that is neither an existing file nor shaped like a region code.
fn unknown_argument(word: &str) -> CommandError {
    let fault = Diagnostic::new("unreadable-spec", format!("'{word}' is neither a file nor a region code"));
    CommandError::error(match regions::near(word) {
        Some(region) => fault.help(format!("did you mean '{region}'?")),
        None => fault.help("pass a spec file, or a region code such as eu-central-1"),
    })
}

/// Reads everything in a region, and prints one line per kind on standard error.
async fn whole(global: &Global, connector: &Connector<'_>, region: &str) -> Result<Snapshot, CommandError> {
    let provider = connector.open_region(region, Access::ReadOnly).await;
    let listen = |progress: KindRead<'_>| {
        errln!("{region}: {}: {}", progress.kind, counted(progress.found, "resource"));
    };
    let read = read_region(&provider, REGISTRY, region, &listen).await;
    if global.stats {
        stats::print(&provider.session().calls());
    }
    read.map_err(|failure| CommandError::error(explain(&failure)))
}

/// Adds what was read for one spec or region to a snapshot.
fn merge(snapshot: &mut Snapshot, other: Snapshot) {
    for ((account, region), part) in other.regions {
        let into = snapshot.region_mut(&account, &region);
        into.vpcs = part.vpcs.or(into.vpcs.take());
        for (slot, kind) in part.kinds {
            into.kinds.entry(slot).or_default().merge(kind);
        }
    }
}

/// Returns the gaps of a snapshot as errors: the snapshot is incomplete.
fn gaps(snapshot: &Snapshot) -> Result<Exit, CommandError> {
    let gap = |(address, failure): (String, &regionctl_core::observe::failure::Failure)| {
        let mut fault = explain(failure);
        fault.message = format!("{address} could not be read: {}", fault.message);
        fault
    };
    let faults: Vec<Diagnostic> = snapshot.gaps().into_iter().map(gap).collect();
    Diagnostics(faults).or(Exit::Done).map_err(CommandError::errors)
}

pub fn load(path: &Path) -> Result<Snapshot, CommandError> {
    let name = path.display().to_string();
    let unreadable = |why: String| {
        let fault = Diagnostic::new("unreadable-snapshot", format!("{name} cannot be read: {why}"));
        CommandError::error(fault.help("take a new snapshot: regionctl snapshot SPEC -o FILE"))
    };
    let too_large = || unreadable(format!("it is larger than {} MiB", stored::MAX_BYTES >> 20));
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    if file.metadata().is_ok_and(|about| about.len() > stored::MAX_BYTES) {
        return Err(too_large());
    }
    // A pipe has no length in advance.
    let mut text = String::new();
    let read = file.take(stored::MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > stored::MAX_BYTES {
        return Err(too_large());
    }
    stored::read(&text).map_err(|error| CommandError::error(error.diagnostic(&name)))
}

/// Prints the differences between two snapshots.
fn compare(before: &Path, after: &Path, format: Format) -> Result<Exit, CommandError> {
    let found = differences(REGISTRY, &load(before)?, &load(after)?);
    match format {
        Format::Text => output::out(format_args!("{}", render::differences(&found, output::style()))),
        Format::Json => {
            let text = serde_json::to_string_pretty(&found).expect("invariant: differences are plain data");
            output::document(format_args!("{text}\n"));
        }
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Differs })
}
