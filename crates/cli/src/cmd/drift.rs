//! `regionctl drift`: every region at once, one report, in as many formats as are asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures::future::join_all;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::Access;
use regionctl_core::desire::fill::Inventory;
use regionctl_core::model::pattern;
use regionctl_core::observe::explain::explain;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::Provider;
use regionctl_core::plan::Note;
use regionctl_core::report::judge::{self, FailOn};
use regionctl_core::report::memory::{Applied, Memory};
use regionctl_core::report::{Drift, Region, Report, Severity, Unmanaged, build};
use regionctl_core::resource::address::Address;
use regionctl_core::spec::Spec;
use regionctl_core::spec::contested::contested;

use super::{look, stats};
use crate::args::{self, FailOnWord, Global};
use crate::connect::Connector;
use crate::exit::{Exit, Failed};
use crate::files;
use crate::outputs::{Outputs, read_report};
use crate::progress;
use crate::report as diagnostics;

/// CloudTrail answers two questions a second; more than this many would be waited for too long.
const ASKED: usize = 40;

/// Shows what is no longer what the specs say.
pub async fn run(global: &Global, args: &args::Drift) -> Result<Exit, Failed> {
    let outputs = Outputs::open(&args.rendering)?;
    let baseline = args.baseline.as_deref().map(|path| baseline(path, args)).transpose()?.flatten();
    let specs: Vec<(PathBuf, Result<Spec, Failed>)> =
        files::paths(&args.specs)?.into_iter().map(|path| (path.clone(), files::load(&path))).collect();
    contested(specs.iter().filter_map(|(_, spec)| spec.as_ref().ok()), REGISTRY).or(()).map_err(Failed::errors)?;
    let connector = Connector::new(global).await?;
    let shown = progress::reading(specs.len());
    let looks = specs.into_iter().map(|(path, spec)| one(&connector, args, path, spec));
    let mut looked = join_all(looks).await;
    if args.unmanaged {
        unmanaged(&mut looked).await;
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
async fn one(connector: &Connector<'_>, args: &args::Drift, path: PathBuf, spec: Result<Spec, Failed>) -> Looked {
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
    let provider = connector.open(&spec, Access::ReadOnly, None).await;
    match examine(&provider, &spec, args.who).await {
        Ok((region, inventory)) => Looked { region, there: Some(There { spec, provider, inventory }) },
        Err(failed) => {
            let region = build::failed(&spec.region, &spec.account, &spec.path, &failed.diagnostics.0);
            Looked { region, there: None }
        }
    }
}

/// Reads a region and makes its report.
pub async fn examine(provider: &Aws, spec: &Spec, who: bool) -> Result<(Region, Inventory), Failed> {
    let (looked, memory) = futures::future::join(look(provider, spec), recall(provider, spec)).await;
    let (inventory, plan) = looked?;
    let mut region = build::region(REGISTRY, spec, &inventory, &plan, &memory);
    judge::accept(&mut region, spec, today());
    if who {
        ask_who(provider, &inventory, &mut region).await;
    }
    region.rows = build::rows(spec, &region);
    Ok((region, inventory))
}

/// The day by which acceptances are judged, the same everywhere: UTC's.
pub fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}

async fn recall(provider: &Aws, spec: &Spec) -> Memory {
    if !spec.remember {
        return Memory::NotKept;
    }
    match provider.last_applied(&spec.path).await.map(|parts| Applied::from_parts(&parts)) {
        Ok(Some(applied)) => Memory::Applied(applied),
        Ok(None) => Memory::Never,
        Err(failure) => Memory::Unread(failure),
    }
}

/// Asks who made the changes, the worst first; what nobody may look at is said once.
async fn ask_who(provider: &Aws, inventory: &Inventory, region: &mut Region) {
    let mut note = None;
    let made = |drift| matches!(drift, Drift::Changed | Drift::Missing | Drift::Extra);
    let asked = region.findings.iter_mut().filter(|finding| made(finding.drift));
    for (index, finding) in asked.enumerate() {
        if index == ASKED {
            note = Some(format!("who did it was asked for the {ASKED} worst only"));
            break;
        }
        let live = inventory.live.get(&finding.address).map(|seen| &seen.outputs);
        let given = REGISTRY.of(&finding.address.kind).outputs(&finding.address.name, &inventory.location);
        match provider.audit_events(&finding.address, &inventory.location, live.unwrap_or(&given)).await {
            Ok(deeds) => finding.deeds = deeds,
            Err(failure) => {
                note = Some(format!("who did it is not known: {failure} [{}]", explain(&failure).code));
                break;
            }
        }
    }
    region.notes.extend(note.map(|what| Note { about: "CloudTrail".to_owned(), what }));
}

/// Lists what is there and in no spec. What is global belongs to whichever region of the account comes first.
async fn unmanaged(looked: &mut [Looked]) {
    let lists = join_all(looked.iter().map(|it| async {
        match &it.there {
            Some(there) => list_all(there).await,
            None => Vec::new(),
        }
    }))
    .await;
    let managed = managed(looked);
    let mut told: BTreeSet<(String, Address)> = BTreeSet::new();
    for (it, lists) in looked.iter_mut().zip(lists) {
        let Some(there) = &it.there else { continue };
        let mut found = Unmanaged::default();
        for (kind, names) in lists {
            let names = match names {
                Ok(names) => names,
                Err(what) => {
                    it.region.notes.push(Note { about: kind.to_owned(), what });
                    continue;
                }
            };
            let owner = owner(&there.spec, kind);
            found.listed += names.len();
            for name in names {
                let address = Address::new(kind, name);
                let key = (owner.clone(), address.clone());
                if managed.contains(&key) || !told.insert(key) {
                    continue;
                }
                let text = address.to_string();
                match there.spec.ignored.iter().find(|ignored| pattern::matches(&ignored.resource, &text)) {
                    Some(ignored) => found.ignored.push((address, ignored.reason.clone())),
                    None => found.resources.push(address),
                }
            }
        }
        found.resources.sort();
        found.ignored.sort();
        it.region.unmanaged = Some(found);
    }
}

/// Whose names of a kind are one: the account's, or the account's in a region.
fn owner(spec: &Spec, kind: &str) -> String {
    if REGISTRY.of(kind).facts().global { spec.account.clone() } else { format!("{} {}", spec.account, spec.region) }
}

/// All that any spec of the run manages, by its owner, under its name and its id.
fn managed(looked: &[Looked]) -> BTreeSet<(String, Address)> {
    let mut managed = BTreeSet::new();
    for there in looked.iter().filter_map(|it| it.there.as_ref()) {
        for expanded in &there.inventory.wants {
            let address = &expanded.want.address;
            let owner = owner(&there.spec, &address.kind);
            let id = there.inventory.live.get(address).and_then(|seen| seen.outputs.get("id"));
            managed.extend(id.map(|id| (owner.clone(), Address::new(&address.kind, id))));
            managed.insert((owner, address.clone()));
        }
    }
    managed
}

type Listed = (&'static str, Result<Vec<String>, String>);

async fn list_all(there: &There) -> Vec<Listed> {
    let location: &Location = &there.inventory.location;
    let kinds = REGISTRY.0.iter().map(|kind| kind.facts()).filter(|facts| !facts.inventory.is_empty());
    let lists = kinds.map(|facts| async move {
        if facts.needs_vpc && location.vpc.is_none() {
            return (facts.name, Err("not listed: the spec needs no VPC, and these are listed by it".to_owned()));
        }
        let names = there.provider.list(facts.name, location).await;
        (facts.name, names.map_err(|failure| format!("not listed: {failure}")))
    });
    join_all(lists).await
}
