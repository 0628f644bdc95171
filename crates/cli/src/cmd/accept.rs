//! `regionctl accept`: writes into the spec that some drift is known, why, by whom and until when.

use std::path::{Path, PathBuf};

use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::session::Access;
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::report::build::accepted_as;
use regionctl_core::report::examine::examine;
use regionctl_core::report::{Drift, Finding};
use regionctl_core::resource::address::Address;
use regionctl_core::spec::Spec;
use regionctl_core::spec::edit::{Unedited, add_entry};

use super::drift::today;
use super::look_failed;
use crate::args::{self, Global};
use crate::connect::Connector;
use crate::exit::{Exit, Failed};
use crate::files;

/// Accepts the drift that a resource has now.
pub async fn run(global: &Global, args: &args::Accept) -> Result<Exit, Failed> {
    if args.until < today() {
        let fault = Diagnostic::new("invalid-value", format!("{} is over", args.until));
        return Err(Failed::error(fault.help("--until is the last day on which it is accepted")));
    }
    let spec = spec_of(args)?;
    let finding = finding(global, &spec, &args.address).await?;
    let entry = accepted_as(&finding, &args.reason, &args.by, args.until);
    let path = Path::new(&spec.path);
    write(path, &args.address, &entry)?;
    anstream::println!("{} says now that {} is accepted until {}:\n\n{entry}", spec.path, args.address, args.until);
    Ok(Exit::Done)
}

/// The one spec that has the resource.
fn spec_of(args: &args::Accept) -> Result<Spec, Failed> {
    let paths: Vec<PathBuf> = args.spec.iter().cloned().collect();
    let specs = files::load_all(&paths)?;
    let mut of_it: Vec<Spec> =
        specs.into_iter().filter(|spec| spec.wants.iter().any(|want| want.may_make(&args.address))).collect();
    match (of_it.pop(), of_it.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => {
            let message = format!("no spec has {}", args.address);
            Err(Failed::error(Diagnostic::new("unknown-target", message).help("drift shows the addresses there are")))
        }
        (Some(one), others) => {
            let paths: Vec<&str> = others.iter().chain([&one]).map(|spec| spec.path.as_str()).collect();
            let message = format!("{} may be in {}", args.address, paths.join(" and in "));
            Err(Failed::error(Diagnostic::new("one-spec", message).help("name one of them behind the address")))
        }
    }
}

async fn finding(global: &Global, spec: &Spec, address: &Address) -> Result<Finding, Failed> {
    let connector = Connector::new(global).await?;
    let provider = connector.open(spec, Access::ReadOnly, None).await;
    let (region, _) = examine(&provider, REGISTRY, spec, today(), false).await.map_err(|error| look_failed(&error))?;
    let of_it = region.findings.into_iter().filter(|finding| finding.address == *address);
    // A risk is no drift: a waiver beside the resource says that it is meant.
    let (risks, drift): (Vec<Finding>, Vec<Finding>) = of_it.partition(|finding| finding.drift == Drift::Unwaived);
    if let Some(finding) = drift.into_iter().next() {
        return Ok(finding);
    }
    let known = region.accepted.into_iter().find(|it| it.finding.address == *address);
    let unread = region.unread.iter().any(|unread| unread.address == address.to_string());
    let (message, help) = match known {
        Some(it) => {
            let at = &it.acceptance.at;
            (format!("{address} is accepted already, until {}", it.acceptance.until), format!("change it at {at}"))
        }
        None if unread => (format!("{address} could not be read"), "regionctl drift says why".to_owned()),
        None if !risks.is_empty() => {
            (format!("{address} is what {} says, and it is a risk: {}", spec.path, risks[0].why), risks[0].mend.clone())
        }
        None => (format!("{address} is what {} says", spec.path), "there is nothing to accept".to_owned()),
    };
    Err(Failed::error(Diagnostic::new("nothing-to-accept", message).help(help)))
}

/// Puts the entry into the file, and takes it out again if the file is no spec with it.
fn write(path: &Path, address: &Address, entry: &str) -> Result<(), Failed> {
    let unwritable = |error: std::io::Error| {
        let message = format!("{} cannot be written: {error}", path.display());
        Failed::error(Diagnostic::new("unwritable", message).help(format!("write it by hand:\n{entry}")))
    };
    let by_hand = |why: &str| {
        let message = format!("{} was not changed: {why}", path.display());
        Failed::error(Diagnostic::new("not-edited", message).help(format!("write it by hand below `accept:`\n{entry}")))
    };
    let before = std::fs::read_to_string(path).map_err(unwritable)?;
    let after = add_entry(&before, "accept", entry).map_err(|why| match why {
        Unedited::Inline => by_hand("its `accept:` is not written as a block"),
    })?;
    files::replace(path, &after).map_err(unwritable)?;
    let says = |spec: Spec| spec.accepted.iter().any(|accepted| accepted.resource == address.to_string());
    if files::load(path).is_ok_and(says) {
        return Ok(());
    }
    files::replace(path, &before).map_err(unwritable)?;
    Err(by_hand("it would not be a spec any more, or says something of the resource already"))
}
