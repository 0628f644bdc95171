// SPDX-License-Identifier: Apache-2.0
//! Builds the inventory that a plan compares: desired resources with resolved references, live resources, and gaps.
//! Pure: no I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expand::{ExpandError, Expanded, Expansion};
use super::leftover::Search;
use super::requests::{self, Defects, Requests};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::{Fit, Registry};
use crate::observe::failure::Gap;
use crate::observe::location::{Location, Vpc};
use crate::observe::scope::{Depth, LiveResource};
use crate::observe::seen::Question;
use crate::observe::snapshot::Snapshot;
use crate::plan::Note;
use crate::resource::address::Address;
use crate::resource::reference::Known;
use crate::resource::secret::{self, Secrets};
use crate::spec::{Spec, VpcSelector, Want};

/// The desired and live resources of one region.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The account, region and VPC of the spec.
    pub location: Location,
    /// The live resources that were read, by address.
    pub live: BTreeMap<Address, LiveResource<Value>>,
    /// The resources and kinds that could not be read, sorted by address.
    pub gaps: Vec<Gap>,
    /// The desired resources, sorted by address, with known references resolved.
    pub wants: Vec<Expanded>,
    /// The values that references resolve to.
    pub known: Known,
    /// Whether a live resource has the tag of its creation, as far as its kind sets it and the tags were read.
    pub created: BTreeMap<Address, bool>,
    /// What keeps desired resources from working although they match the spec.
    pub defects: Defects,
    /// Informational notes.
    pub notes: Vec<Note>,
    /// The secrets of the desired resources, by address and by the token that replaces each in a plan.
    pub secrets: BTreeMap<Address, Secrets>,
}

/// Why an inventory cannot be built.
#[derive(Debug, Clone)]
pub enum FillError {
    /// The entries of the spec cannot be expanded.
    Expand(ExpandError),
    /// The spec's VPC selector does not match exactly one VPC.
    Vpc {
        /// The selector, in words: `the default VPC`.
        selector: String,
        /// The region's code.
        region: String,
        /// The number of VPCs that match.
        found: usize,
    },
    /// The snapshot does not contain all data that the spec needs. Holds what is missing, in words.
    Incomplete(Vec<String>),
}

impl From<ExpandError> for FillError {
    fn from(error: ExpandError) -> Self {
        Self::Expand(error)
    }
}

impl FillError {
    /// Returns the diagnostics to show to the user.
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics::from(match self {
            Self::Expand(ExpandError::Rules(faults)) => return faults.clone(),
            Self::Expand(ExpandError::Broken(what)) => Diagnostic::new("internal", what.clone()),
            Self::Vpc { selector, region, found: 0 } => {
                Diagnostic::new("no-vpc", format!("{selector} does not exist in {region}"))
                    .help("select an existing VPC with `vpc:` in the spec, by id or as {tag: {Name: …}}")
            }
            Self::Vpc { selector, region, found } => {
                Diagnostic::new("no-vpc", format!("{selector} matches {found} VPCs in {region}; expected one"))
                    .help("select one by its id with `vpc:` in the spec")
            }
            Self::Incomplete(what) => {
                let missing = what.iter().map(|what| {
                    Diagnostic::new("snapshot-incomplete", format!("the snapshot does not contain {what}"))
                        .help("take a new snapshot of this spec: `regionctl snapshot SPEC -o FILE`")
                });
                return Diagnostics(missing.collect());
            }
        })
    }
}

/// Returns the location of a spec: its account and region, and the VPC that it selects if it needs one.
///
/// # Errors
/// The spec's VPC selector does not match exactly one of `vpcs`.
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

/// Builds the inventory of a spec from a snapshot.
///
/// # Guarantees
/// Pure: the same spec and snapshot give the same inventory. A live read and a saved snapshot of the same state give
/// the same inventory.
///
/// # Errors
/// See [`FillError`].
pub fn fill(registry: Registry, spec: &Spec, snapshot: &Snapshot) -> Result<Inventory, FillError> {
    let vpcs = snapshot.vpcs(&spec.account, &spec.region);
    if spec.needs_vpc && vpcs.is_none() {
        return Err(FillError::Incomplete(vec![format!("the VPCs of {} in account {}", spec.region, spec.account)]));
    }
    let location = locate(spec, vpcs.unwrap_or_default())?;
    let source_only = requests::source_only(registry, spec);
    let requests = requests::of_spec(registry, spec, &location, snapshot)?;
    let missing: Vec<String> = source_only.iter().chain(&requests).filter_map(|it| missing(it, snapshot)).collect();
    if !missing.is_empty() {
        return Err(FillError::Incomplete(missing));
    }
    let sources = requests::sources(registry, &source_only, snapshot);
    let live = requests::live(registry, &requests, snapshot);
    let (known, wants) = requests::known_before_reading(registry, spec, &location);
    let incomplete = requests::incomplete(&requests, snapshot);
    let search = Search {
        registry,
        location: &location,
        wants: &wants,
        live: &live,
        sources: &sources,
        incomplete: &incomplete,
    };
    let (Expansion { wants: expanded, notes, gaps }, deletions) = search.expand(&spec.name())?;
    let mut wants = expanded;
    wants.extend(deletions);
    wants.sort_by(|a, b| a.want.address.cmp(&b.want.address));
    let created = requests::created(registry, &requests, snapshot);
    let (defects, secrets) = (Defects::new(), BTreeMap::new());
    let mut inventory = Inventory { location, live, gaps, wants, known, created, defects, notes, secrets };
    resolve_references(registry, &mut inventory)?;
    adopt(registry, &mut inventory);
    let Inventory { location, wants, live, .. } = &inventory;
    let (defects, asked) = requests::defects(registry, spec, location, snapshot, wants, live)?;
    inventory.defects = defects;
    add_unread(&requests, snapshot, &asked, &mut inventory);
    note_extras(&mut inventory);
    seal(spec, snapshot, &mut inventory)?;
    collect_secrets(&mut inventory);
    Ok(inventory)
}

/// Returns in words which part of a request the snapshot does not contain.
fn missing(
    ((region, kind), scope): (&(String, String), &crate::observe::scope::Scope),
    snapshot: &Snapshot,
) -> Option<String> {
    let missing = snapshot.missing(kind, scope)?;
    if missing.everything.is_some() {
        return Some(format!("every {kind} in {region}"));
    }
    let names: Vec<&str> = missing.names.keys().map(String::as_str).collect();
    Some(format!("every field that the spec states of {kind}/{} in {region}", names.join(", ")))
}

/// Adds a gap for everything that could not be read. What only a defect asks for is no gap but a note, one for each kind
/// and region: its defects are unknown.
fn add_unread(requests: &Requests, snapshot: &Snapshot, asked: &BTreeSet<Question>, inventory: &mut Inventory) {
    let desired: BTreeSet<&Address> = inventory.wants.iter().map(|expanded| &expanded.want.address).collect();
    for ((region, kind), scope) in requests {
        let is_only_asked = |name: &String| {
            scope.everything.is_none()
                && scope.depth(name) == Some(&Depth::existence())
                && asked.contains(&(region.clone(), kind.clone(), name.clone()))
                && !desired.contains(&Address::new(kind, name))
        };
        let mut noted = false;
        for (name, failure) in snapshot.unread(kind, scope) {
            let is_lookup = match name.as_str() {
                "*" => !scope.names.is_empty() && scope.names.keys().all(is_only_asked),
                _ => is_only_asked(&name),
            };
            if !is_lookup {
                inventory.gaps.push(Gap { address: format!("{kind}/{name}"), failure });
            } else if !noted {
                noted = true;
                let what = format!("could not be read in {region}: {failure}");
                inventory.notes.push(Note { about: kind.clone(), what });
            }
        }
    }
    inventory.gaps.sort_by(|a, b| a.address.cmp(&b.address));
}

/// Adds the attributes of all desired and live resources to the known values, and resolves references.
fn resolve_references(registry: Registry, inventory: &mut Inventory) -> Result<(), ExpandError> {
    for Expanded { want, .. } in inventory.wants.iter().filter(|expanded| !expanded.want.absent) {
        let kind = registry.of(&want.address.kind);
        let mut attributes = kind.attributes(&want.address.name, &inventory.location);
        attributes.extend(kind.model_attributes(&want.model)?);
        if !inventory.live.contains_key(&want.address) {
            attributes.extend(kind.attributes_of_new(&want.address.name, &want.model, &inventory.location)?);
        }
        inventory.known.identify(&want.address, attributes, |name| kind.facts().ties(name));
    }
    for (address, resource) in &inventory.live {
        let facts = registry.of(&address.kind).facts();
        inventory.known.identify(address, resource.attributes.clone(), |name| facts.ties(name));
    }
    for Expanded { want, .. } in &mut inventory.wants {
        inventory.known.fill(&mut want.model);
    }
    Ok(())
}

/// Assigns each live resource without a name of its own to the address of one desired resource.
///
/// Equal resources are assigned first, so that no other entry adopts one of them in order to change it.
fn adopt(registry: Registry, inventory: &mut Inventory) {
    let Inventory { live, wants, .. } = inventory;
    let desired: BTreeSet<&Address> = wants.iter().map(|expanded| &expanded.want.address).collect();
    let adopting = |want: &&Want| !want.absent && registry.of(&want.address.kind).facts().adopts;
    let adopting: Vec<&Want> = wants.iter().map(|expanded| &expanded.want).filter(adopting).collect();
    for fit in [Fit::Same, Fit::Changed] {
        for want in &adopting {
            if live.contains_key(&want.address) {
                continue;
            }
            let kind = registry.of(&want.address.kind);
            let fits = |(address, resource): &(&Address, &LiveResource<Value>)| {
                let free = address.kind == want.address.kind && !desired.contains(address);
                free && kind.adopts(&want.model, &resource.model) == Some(fit)
            };
            let found = live.iter().find(fits).map(|(address, _)| address.clone());
            if let Some(mut resource) = found.and_then(|address| live.remove(&address)) {
                resource.name.clone_from(&want.address.name);
                inventory.known.identify(&want.address, resource.attributes.clone(), |name| kind.facts().ties(name));
                live.insert(want.address.clone(), resource);
            }
        }
    }
}

/// Adds a note for each extra of a live resource whose unstated fields are compared too.
fn note_extras(inventory: &mut Inventory) {
    for want in inventory.wants.iter().map(|expanded| &expanded.want).filter(|want| want.whole) {
        let Some(live) = inventory.live.get(&want.address) else { continue };
        let note = |what| Note { about: want.address.to_string(), what };
        let said = live.extras.iter().map(|extra| note(format!("{}: a spec cannot state it", extra.said())));
        inventory.notes.extend(said);
    }
}

fn collect_secrets(inventory: &mut Inventory) {
    for Expanded { want, .. } in &inventory.wants {
        let secrets = secret::of_model(&want.model);
        if !secrets.is_empty() {
            inventory.secrets.insert(want.address.clone(), secrets);
        }
    }
}

/// Replaces the secrets of the desired resources by the tokens of a saved snapshot, whose live secrets are tokens too.
fn seal(spec: &Spec, snapshot: &Snapshot, inventory: &mut Inventory) -> Result<(), FillError> {
    let Some(seals) = &snapshot.seals else { return Ok(()) };
    let mut missing = Vec::new();
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
                None => missing.push(format!("the token of the secret {path} of {}", expanded.want.address)),
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(FillError::Incomplete(missing)) }
}
