//! From a snapshot to all that a plan compares: what is wanted with its references filled in, what is live, and what
//! could not be read. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expand::{Expanded, Expansion, Unexpanded, expand};
use super::leftover::gone;
use super::requests::{self, Requests};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::{Fit, Registry};
use crate::observe::failure::Gap;
use crate::observe::location::{Location, Vpc};
use crate::observe::scope::LiveResource;
use crate::observe::snapshot::Snapshot;
use crate::plan::Note;
use crate::resource::address::Address;
use crate::resource::reference::Known;
use crate::resource::secret::{self, Secrets};
use crate::spec::{Spec, VpcSelector, Want};

/// What is wanted beside what is live.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Where the spec applies.
    pub location: Location,
    /// What is live, by address.
    pub live: BTreeMap<Address, LiveResource<Value>>,
    /// What could not be read.
    pub unread: Vec<Gap>,
    /// What is wanted: patterns expanded over what is live, known references filled in.
    pub wants: Vec<Expanded>,
    /// The values that references can be filled with.
    pub known: Known,
    /// Informational; changes nothing.
    pub notes: Vec<Note>,
    /// What a plan must not hold, by resource and by the token that stands for it.
    pub secrets: BTreeMap<Address, Secrets>,
}

/// Why a spec cannot be laid over a snapshot.
#[derive(Debug, Clone)]
pub enum FillError {
    /// What the spec says cannot be laid over what is live.
    Unexpanded(Unexpanded),
    /// The VPC that the spec selects does not exist, or is not the only one.
    Vpc {
        /// The selector, in words.
        selector: String,
        /// The region.
        region: String,
        /// How many there are.
        found: usize,
    },
    /// The snapshot does not hold all that the spec rests on; what is lacking.
    Lacking(Vec<String>),
}

impl From<Unexpanded> for FillError {
    fn from(unexpanded: Unexpanded) -> Self {
        Self::Unexpanded(unexpanded)
    }
}

impl FillError {
    /// Says what happened, for the user.
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics::from(match self {
            Self::Unexpanded(Unexpanded::Rules(faults)) => return faults.clone(),
            Self::Unexpanded(Unexpanded::Broken(what)) => Diagnostic::new("internal", what.clone()),
            Self::Vpc { selector, region, found: 0 } => {
                Diagnostic::new("no-vpc", format!("{selector} does not exist in {region}"))
                    .help("select another with `vpc:` in the spec, as an id or as {tag: {Name: …}}")
            }
            Self::Vpc { selector, region, found } => {
                Diagnostic::new("no-vpc", format!("{selector} matches {found} VPCs in {region}; expected one"))
                    .help("select it by its id with `vpc:` in the spec")
            }
            Self::Lacking(what) => {
                let lacking = what.iter().map(|what| {
                    Diagnostic::new("snapshot-incomplete", format!("the snapshot does not hold {what}"))
                        .help("take a new one of this spec: regionctl snapshot SPEC -o FILE")
                });
                return Diagnostics(lacking.collect());
            }
        })
    }
}

/// Returns where a spec applies: its account and region, and the one VPC that it selects.
///
/// # Errors
/// The VPC does not exist, or is not the only one.
pub fn locate(spec: &Spec, vpcs: &[Vpc]) -> Result<Location, FillError> {
    let here = Location::of(&spec.account, &spec.region);
    if !spec.needs_vpc {
        return Ok(here);
    }
    let selected: Vec<&Vpc> = vpcs.iter().filter(|vpc| selects(&spec.vpc, vpc)).collect();
    match selected.as_slice() {
        [only] => Ok(Location { vpc: Some((*only).clone()), ..here }),
        several => {
            let (selector, region) = (spec.vpc.to_string(), spec.region.clone());
            Err(FillError::Vpc { selector, region, found: several.len() })
        }
    }
}

fn selects(selector: &VpcSelector, vpc: &Vpc) -> bool {
    match selector {
        VpcSelector::Default => vpc.default,
        VpcSelector::Id(id) => vpc.id == *id,
        VpcSelector::Tag { key, value } => vpc.tags.get(key) == Some(value),
    }
}

/// Lays a spec over a snapshot.
///
/// # Guarantees
/// Pure: the same spec and snapshot give the same inventory. A live read and a snapshot file of the same state give
/// the same one.
///
/// # Errors
/// See [`FillError`].
pub fn fill(registry: Registry, spec: &Spec, snapshot: &Snapshot) -> Result<Inventory, FillError> {
    let vpcs = snapshot.vpcs(&spec.account, &spec.region);
    if spec.needs_vpc && vpcs.is_none() {
        return Err(FillError::Lacking(vec![format!("the VPCs of {} in account {}", spec.region, spec.account)]));
    }
    let location = locate(spec, vpcs.unwrap_or_default())?;
    let of_sources = requests::of_sources(registry, spec);
    let requests = requests::of_spec(registry, spec, &location, snapshot)?;
    let lacking: Vec<String> = of_sources.iter().chain(&requests).filter_map(|it| lacking(it, snapshot)).collect();
    if !lacking.is_empty() {
        return Err(FillError::Lacking(lacking));
    }
    let sources = requests::sources(registry, &of_sources, snapshot);
    let live = requests::live(registry, &requests, snapshot);
    let (known, wants) = requests::known_before(registry, spec, &location);
    let Expansion { wants: expanded, notes, mut unread } = expand(registry, &location, &wants, &live, &sources)?;
    let gone = gone(registry, &wants, &expanded, &live, &sources);
    unread.extend(gaps(registry, &requests, snapshot));
    unread.sort_by(|a, b| a.address.cmp(&b.address));
    let mut wants = expanded;
    wants.extend(gone);
    wants.sort_by(|a, b| a.want.address.cmp(&b.want.address));
    let mut inventory = Inventory { location, live, unread, wants, known, notes, secrets: BTreeMap::new() };
    references(registry, &mut inventory)?;
    adopt(registry, &mut inventory);
    name_extras(&mut inventory);
    seal(spec, snapshot, &mut inventory)?;
    collect_secrets(&mut inventory);
    Ok(inventory)
}

fn lacking(
    ((region, kind), scope): (&(String, String), &crate::observe::scope::Scope),
    snapshot: &Snapshot,
) -> Option<String> {
    let lacking = snapshot.lacks(kind, scope)?;
    if lacking.everything.is_some() {
        return Some(format!("every {kind} of {region}"));
    }
    let names: Vec<&str> = lacking.names.keys().map(String::as_str).collect();
    Some(format!("{kind}/{} of {region}, or not all of what the spec states", names.join(", ")))
}

/// What could not be read of these requests.
fn gaps(registry: Registry, requests: &Requests, snapshot: &Snapshot) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for ((_, kind), scope) in requests {
        match snapshot.view(kind, registry.of(kind).facts().parts, scope) {
            Ok(observation) => gaps.extend(
                observation
                    .unread
                    .into_iter()
                    .map(|(name, failure)| Gap { address: format!("{kind}/{name}"), failure }),
            ),
            Err(failure) => gaps.push(Gap { address: format!("{kind}/*"), failure }),
        }
    }
    gaps
}

/// Fills in what is known now that everything is read.
fn references(registry: Registry, inventory: &mut Inventory) -> Result<(), Unexpanded> {
    for Expanded { want, .. } in inventory.wants.iter().filter(|expanded| !expanded.want.absent) {
        let kind = registry.of(&want.address.kind);
        let mut outputs = kind.outputs(&want.address.name, &inventory.location);
        outputs.extend(kind.given(&want.model)?);
        inventory.known.identify(&want.address, outputs, |output| kind.facts().ties(output));
    }
    for (address, seen) in &inventory.live {
        let facts = registry.of(&address.kind).facts();
        inventory.known.identify(address, seen.outputs.clone(), |output| facts.ties(output));
    }
    for Expanded { want, .. } in &mut inventory.wants {
        inventory.known.fill(&mut want.model);
    }
    Ok(())
}

/// Puts live resources without a name of their own under the address of the want that they are; each under one. What is
/// just as a want says is its own, before another want takes it to change it.
fn adopt(registry: Registry, inventory: &mut Inventory) {
    let Inventory { live, wants, .. } = inventory;
    let wanted: BTreeSet<&Address> = wants.iter().map(|expanded| &expanded.want.address).collect();
    let adopting = |want: &&Want| !want.absent && registry.of(&want.address.kind).facts().adopts;
    let adopting: Vec<&Want> = wants.iter().map(|expanded| &expanded.want).filter(adopting).collect();
    for fit in [Fit::Same, Fit::Changed] {
        for want in &adopting {
            if live.contains_key(&want.address) {
                continue;
            }
            let kind = registry.of(&want.address.kind);
            let fits = |(address, seen): &(&Address, &LiveResource<Value>)| {
                let free = address.kind == want.address.kind && !wanted.contains(address);
                free && kind.adopts(&want.model, &seen.model) == Some(fit)
            };
            let found = live.iter().find(fits).map(|(address, _)| address.clone());
            if let Some(mut seen) = found.and_then(|address| live.remove(&address)) {
                seen.name.clone_from(&want.address.name);
                inventory.known.identify(&want.address, seen.outputs.clone(), |output| kind.facts().ties(output));
                live.insert(want.address.clone(), seen);
            }
        }
    }
}

/// Names what live resources have and no spec can state, where all that a spec leaves out matters.
fn name_extras(inventory: &mut Inventory) {
    for want in inventory.wants.iter().map(|expanded| &expanded.want).filter(|want| want.whole) {
        let Some(live) = inventory.live.get(&want.address) else { continue };
        let note = |what| Note { about: want.address.to_string(), what };
        let said = live.extras.iter().map(|extra| note(format!("{}: a spec cannot state it", extra.said())));
        inventory.notes.extend(said);
    }
}

/// Sets aside what a plan must not hold.
fn collect_secrets(inventory: &mut Inventory) {
    for Expanded { want, .. } in &inventory.wants {
        let secrets = secret::of_model(&want.model);
        if !secrets.is_empty() {
            inventory.secrets.insert(want.address.clone(), secrets);
        }
    }
}

/// Puts into the wants what stands for secrets in a saved snapshot, so that they can be compared with what is live.
fn seal(spec: &Spec, snapshot: &Snapshot, inventory: &mut Inventory) -> Result<(), FillError> {
    let Some(seals) = &snapshot.seals else { return Ok(()) };
    let mut lacking = Vec::new();
    for expanded in &mut inventory.wants {
        let secrets = secret::of_model(&expanded.want.model);
        let rewrites = expanded.want.source.as_ref().is_some_and(|source| !source.rewrite.is_empty());
        let key = format!("{}/{}/{}", spec.account, spec.region, expanded.want.address);
        let known = seals.desired.get(&key).filter(|known| known.spec == spec.digest);
        if let (Some(followed), Some(known)) = (&mut expanded.followed, known) {
            followed.rewritten.retain(|path, _| !secrets.contains_key(path));
            followed.rewritten.extend(known.rewritten.clone());
        }
        for (path, value) in secrets {
            if secret::is_seal(&value) && !rewrites {
                continue;
            }
            match known.and_then(|known| known.tokens.get(&path)) {
                Some(token) => secret::put(&mut expanded.want.model, &path, token),
                None => lacking.push(format!("what stands for the secret {path} of {}", expanded.want.address)),
            }
        }
    }
    if lacking.is_empty() { Ok(()) } else { Err(FillError::Lacking(lacking)) }
}
