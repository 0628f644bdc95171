// SPDX-License-Identifier: Apache-2.0
//! `regionctl accept`: records in the spec that drift is accepted, with the reason, the author and the last day.

use std::path::{Path, PathBuf};

use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::session::Access;
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::report::build::accepted_as;
use regionctl_core::report::examine::examine;
use regionctl_core::report::{Drift, Finding};
use regionctl_core::resource::address::Address;
use regionctl_core::spec::Spec;
use regionctl_core::spec::accept::MANUAL;
use regionctl_core::spec::edit::{Unedited, add_entry};

use super::command_error;
use super::drift::today;
use crate::args::{self, Global};
use crate::connect::Connector;
use crate::exit::{CommandError, Exit};
use crate::files;
use crate::output::outln;

/// Adds an acceptance of the present drift of a resource to its spec.
pub async fn run(global: &Global, args: &args::Accept) -> Result<Exit, CommandError> {
    if args.until < today() {
        let fault = Diagnostic::new("invalid-value", format!("--until {} is in the past", args.until));
        return Err(CommandError::error(fault.help("pass the last day on which the drift is accepted")));
    }
    for (option, text) in [("--reason", &args.reason), ("--by", &args.by)] {
        if text.trim().is_empty() {
            let fault = Diagnostic::new("invalid-value", format!("{option} is empty"));
            return Err(CommandError::error(fault.help("say why the drift is accepted, and by whose decision")));
        }
    }
    let spec = spec_of(args)?;
    let finding = finding(global, &spec, &args.address).await?;
    let entry = accepted_as(&finding, &args.reason, &args.by, args.until);
    let path = Path::new(&spec.path);
    write(path, &args.address, &entry)?;
    outln!("Accepted the drift of {} until {} in {}:\n\n{entry}", args.address, args.until, spec.path);
    Ok(Exit::Done)
}

/// Returns the only spec that has the resource.
fn spec_of(args: &args::Accept) -> Result<Spec, CommandError> {
    let paths: Vec<PathBuf> = args.spec.iter().cloned().collect();
    let specs = files::load_all(&paths)?;
    let mut matching: Vec<Spec> =
        specs.into_iter().filter(|spec| spec.wants.iter().any(|want| want.may_make(&args.address))).collect();
    match (matching.pop(), matching.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) if args.address.kind == MANUAL => {
            let message = format!("{} is a manual step, not drift", args.address);
            let help = "add `evidence:` to it in the spec when it is done";
            Err(CommandError::error(Diagnostic::new("nothing-to-accept", message).help(help)))
        }
        (None, _) => {
            let message = format!("{} is in no spec", args.address);
            Err(CommandError::error(
                Diagnostic::new("unknown-target", message).help("list the addresses with: regionctl drift"),
            ))
        }
        (Some(one), others) => {
            let paths: Vec<&str> = others.iter().chain([&one]).map(|spec| spec.path.as_str()).collect();
            let message = format!("{} is in more than one spec: {}", args.address, paths.join(", "));
            Err(CommandError::error(
                Diagnostic::new("one-spec", message)
                    .help(format!("pass one of them: regionctl accept {} SPEC", args.address)),
            ))
        }
    }
}

/// Reads AWS and returns the drift of the resource.
async fn finding(global: &Global, spec: &Spec, address: &Address) -> Result<Finding, CommandError> {
    let connector = Connector::new(global).await?;
    let provider = connector.open(spec, Access::ReadOnly, None).await;
    let (region, _) =
        examine(&provider, REGISTRY, spec, today(), false).await.map_err(|error| command_error(&error))?;
    let findings = region.findings.into_iter().filter(|finding| finding.address == *address);
    // A risk is not drift: a waiver in the resource accepts it.
    let (risks, drift): (Vec<Finding>, Vec<Finding>) = findings.partition(|finding| finding.drift == Drift::Unwaived);
    if let Some(finding) = drift.into_iter().next() {
        return Ok(finding);
    }
    let known = region.accepted.into_iter().find(|it| it.finding.address == *address);
    let has_gap = region.gaps.iter().any(|gap| gap.address == address.to_string());
    let (message, help) = match known {
        Some(it) => {
            let at = &it.acceptance.at;
            (format!("{address} is already accepted until {}", it.acceptance.until), format!("edit the entry at {at}"))
        }
        None if has_gap => (format!("{address} could not be read"), "show the reason with: regionctl drift".to_owned()),
        None if !risks.is_empty() => {
            (format!("{address} matches {}, and is a risk: {}", spec.path, risks[0].why), risks[0].fix.clone())
        }
        None => (format!("{address} has no drift: it matches {}", spec.path), "there is nothing to accept".to_owned()),
    };
    Err(CommandError::error(Diagnostic::new("nothing-to-accept", message).help(help)))
}

/// Adds the entry to the file, and restores the file if it is not a valid spec with the entry.
fn write(path: &Path, address: &Address, entry: &str) -> Result<(), CommandError> {
    let unwritable = |error: std::io::Error| {
        let message = format!("cannot write '{}': {error}", path.display());
        CommandError::error(
            Diagnostic::new("unwritable", message).help(format!("add the entry by hand below `accept:`\n{entry}")),
        )
    };
    let by_hand = |why: &str| {
        let message = format!("{} was not changed: {why}", path.display());
        CommandError::error(
            Diagnostic::new("not-edited", message).help(format!("add the entry by hand below `accept:`\n{entry}")),
        )
    };
    let before = std::fs::read_to_string(path).map_err(unwritable)?;
    let after = add_entry(&before, "accept", entry).map_err(|why| match why {
        Unedited::Inline => by_hand("its `accept:` is not in block style"),
    })?;
    files::replace(path, &after).map_err(unwritable)?;
    let has_entry = |spec: Spec| spec.accepted.iter().any(|accepted| accepted.resource == address.to_string());
    if files::load(path).is_ok_and(has_entry) {
        return Ok(());
    }
    files::replace(path, &before).map_err(unwritable)?;
    Err(by_hand("the result would be invalid, or it already has an entry for the resource"))
}
