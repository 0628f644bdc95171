// SPDX-License-Identifier: Apache-2.0
//! Computes what to read for a spec: which kinds, in which regions, and how deep.
//!
//! Some names are known only after other resources are read: rules iterate over live resources, and orphans of a copy
//! are found by comparison with its source. So the requests grow until the snapshot contains all of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expand::{ExpandError, Expanded, SourceReads, expand};
use super::fingerprint::ABSENT;
use super::leftover::Search;
use crate::kind::{Registry, Risk};
use crate::model::tags;
use crate::observe::location::Location;
use crate::observe::scope::{Depth, LiveResource, Scope};
use crate::observe::seen::{Question, Seen};
use crate::observe::snapshot::Snapshot;
use crate::plan::{Change, Plan};
use crate::resource::address::Address;
use crate::resource::reference::{Attributes, Known, Target};
use crate::spec::selector::Selector;
use crate::spec::{Spec, Want};

/// What to read, by region and kind.
pub type Requests = BTreeMap<(String, String), Scope>;

/// What keeps desired resources from working although they match the spec.
pub type Defects = BTreeMap<Address, Vec<Risk>>;

/// Returns what to read of a spec's sources. Does not depend on live resources.
pub fn source_only(registry: Registry, spec: &Spec) -> Requests {
    let mut requests = Requests::new();
    for want in &spec.wants {
        let Some(source) = &want.source else { continue };
        let kind = &want.address.kind;
        let location = Location::of(&spec.account, &source.region);
        let scope = scope(registry, &mut requests, kind, &location);
        if want.is_one() {
            scope.ask(&source.name, Depth::Whole);
        } else {
            scope.everything = Some(copied_parts(registry, kind, true));
        }
    }
    requests
}

/// Returns what to read in the spec's own region, as far as the snapshot determines it so far.
///
/// # Errors
/// See [`expand`].
pub fn of_spec(
    registry: Registry,
    spec: &Spec,
    location: &Location,
    snapshot: &Snapshot,
) -> Result<Requests, ExpandError> {
    let wants = known_before_reading(registry, spec, location).1;
    let mut requests = of_wants(registry, location, &wants);
    let iterated = iterated_kinds(&wants);
    let source_only = source_only(registry, spec);
    let is_read = |(key, scope): (&(String, String), &Scope)| snapshot.missing(&key.1, scope).is_none();
    let is_iterated = |(key, _): &(&(String, String), &Scope)| iterated.contains(&key.1);
    if !requests.iter().chain(&source_only).filter(is_iterated).all(is_read) {
        return Ok(requests);
    }
    let named: BTreeSet<&Address> = wants.iter().filter(|want| want.is_one()).map(|want| &want.address).collect();
    let sources = sources(registry, &source_only, snapshot);
    let expanded =
        expand(registry, location, &wants, &live(registry, &requests, snapshot), &sources, &BTreeSet::new())?.wants;
    let produced = expanded.iter().map(|expanded| &expanded.want);
    let produced: Vec<&Want> = produced.filter(|want| !named.contains(&want.address)).collect();
    for want in produced {
        // If the whole kind is read already, ask by name only for a resource that must be read deeper.
        let scope = requests.get(&(location.region.clone(), want.address.kind.clone()));
        let read = scope.and_then(|scope| scope.depth(&want.address.name));
        let asked = depth(registry, want);
        let mut parts = registry.of(&want.address.kind).facts().parts.iter();
        if !read.is_some_and(|read| parts.all(|part| read.reads(part) || !asked.reads(part))) {
            ask(registry, &mut requests, location, want);
        }
    }
    // A leftover may be the only cause of another one, so the search continues until it finds nothing new.
    let mut found = BTreeSet::new();
    while requests.iter().chain(&source_only).all(is_read) {
        let live = live(registry, &requests, snapshot);
        let incomplete = incomplete(&requests, snapshot);
        let search =
            Search { registry, location, wants: &wants, live: &live, sources: &sources, incomplete: &incomplete };
        let (expansion, _) = search.expand(&spec.name())?;
        let candidates = search.candidates(&expansion.wants).into_iter().map(|(_, address)| address);
        let new: Vec<Address> = candidates.filter(|address| !found.contains(*address)).cloned().collect();
        if new.is_empty() {
            break;
        }
        for address in &new {
            scope(registry, &mut requests, &address.kind, location).ask(&address.name, Depth::Whole);
        }
        found.extend(new);
    }
    // What defects depend on is read beside everything else, as far as the desired resources are known.
    let asked = defects(registry, spec, location, snapshot, &expanded, &live(registry, &requests, snapshot))?.1;
    for (region, kind, name) in &asked {
        scope(registry, &mut requests, kind, &location.in_region(region)).ask(name, Depth::existence());
    }
    Ok(requests)
}

/// Returns the defects of the desired resources, and the questions that they asked.
pub(super) fn defects(
    registry: Registry,
    spec: &Spec,
    location: &Location,
    snapshot: &Snapshot,
    expanded: &[Expanded],
    live: &BTreeMap<Address, LiveResource<Value>>,
) -> Result<(Defects, BTreeSet<Question>), ExpandError> {
    let regions: BTreeSet<&String> =
        spec.wants.iter().filter_map(|want| want.source.as_ref()).map(|source| &source.region).collect();
    let sources: Vec<String> = regions.into_iter().filter(|region| **region != location.region).cloned().collect();
    let wants = expanded.iter().map(|expanded| &expanded.want).filter(|want| !want.absent);
    let desired: BTreeSet<Address> = wants.clone().map(|want| want.address.clone()).collect();
    let seen = Seen::new(snapshot, location, &sources, &desired);
    let mut defects = Defects::new();
    for want in wants {
        let model = live.get(&want.address).map(|live| &live.model);
        let found = registry.of(&want.address.kind).defects(&want.model, model, &seen)?;
        if !found.is_empty() {
            defects.insert(want.address.clone(), found);
        }
    }
    Ok((defects, seen.into_asked()))
}

/// Returns the live resources of these requests, by address. Omits those that could not be read.
pub(super) fn live(
    registry: Registry,
    requests: &Requests,
    snapshot: &Snapshot,
) -> BTreeMap<Address, LiveResource<Value>> {
    let mut live = BTreeMap::new();
    for ((_, kind), scope) in requests {
        let Ok(observation) = snapshot.view(kind, registry.of(kind).facts().parts, scope) else { continue };
        live.extend(observation.resources.into_iter().map(|resource| (Address::new(kind, &resource.name), resource)));
    }
    live
}

/// Returns the kinds of which some resources could not be read.
pub(super) fn incomplete(requests: &Requests, snapshot: &Snapshot) -> BTreeSet<String> {
    let has_gaps = |((_, kind), scope): &(&(String, String), &Scope)| !snapshot.unread(kind, scope).is_empty();
    requests.iter().filter(has_gaps).map(|((_, kind), _)| kind.clone()).collect()
}

/// Returns for each live resource whether it has the tag of its creation. Omits kinds whose new resources do not get
/// it, and resources whose tags were not read.
pub(super) fn created(registry: Registry, requests: &Requests, snapshot: &Snapshot) -> BTreeMap<Address, bool> {
    let mut created = BTreeMap::new();
    for ((_, kind), scope) in requests.iter().filter(|((_, kind), _)| registry.of(kind).facts().creation_tags) {
        let resources = snapshot.found(kind, &scope.location).filter(|resource| resource.model.get("tags").is_some());
        let marks = resources.map(|it| (Address::new(kind, &it.name), tags::created_by(&it.model).is_some()));
        created.extend(marks);
    }
    created
}

/// Returns the reads of the tags of the resources that a plan changes or deletes, if other reads do not include them.
/// The tags show whether regionctl created these resources.
pub fn of_changed(registry: Registry, plan: &Plan, location: &Location) -> Requests {
    let mut requests = Requests::new();
    let exists = |change: &&Change| change.fingerprint != ABSENT;
    for change in plan.changes.iter().filter(exists) {
        let kind = &change.address.kind;
        let facts = registry.of(kind).facts();
        if facts.creation_tags && facts.parts.contains(&"tags") {
            let depth = Depth::Named(BTreeSet::from(["tags".to_owned()]));
            scope(registry, &mut requests, kind, location).ask(&change.address.name, depth);
        }
    }
    requests
}

/// Returns the reads of the sources that the snapshot contains in full.
pub(super) fn sources(registry: Registry, requests: &Requests, snapshot: &Snapshot) -> SourceReads {
    let view = |((region, kind), scope): (&(String, String), &Scope)| {
        let read = snapshot.missing(kind, scope).is_none();
        let view = || snapshot.view(kind, registry.of(kind).facts().parts, scope);
        read.then(|| ((region.clone(), kind.clone()), view()))
    };
    requests.iter().filter_map(view).collect()
}

/// Returns the values that are known before resources are read (the VPC's attributes, and ARNs that follow from names),
/// and the entries with references to them resolved.
pub(super) fn known_before_reading(registry: Registry, spec: &Spec, location: &Location) -> (Known, Vec<Want>) {
    let mut known = Known::default();
    if let Some(vpc) = &location.vpc {
        let attributes = [("id", &vpc.id), ("cidr", &vpc.cidr), ("region", &location.region)];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.clone()));
        known.add(Target::Vpc, Attributes::from(attributes));
    }
    for want in spec.wants.iter().filter(|want| want.is_one() && !want.absent) {
        let kind = registry.of(&want.address.kind);
        let attributes = kind.attributes(&want.address.name, location);
        known.identify(&want.address, attributes, |name| kind.facts().ties(name));
    }
    let mut wants: Vec<Want> = spec.wants.clone();
    for want in &mut wants {
        known.fill(&mut want.model);
    }
    (known, wants)
}

/// Returns the first requests: named resources, and whole kinds whose names the spec does not state.
fn of_wants(registry: Registry, location: &Location, wants: &[Want]) -> Requests {
    let mut requests = Requests::new();
    for kind in kinds_read_in_full(registry, wants) {
        scope(registry, &mut requests, kind, location).everything = Some(Depth::existence());
    }
    for want in wants {
        match &want.selector {
            Selector::One => ask(registry, &mut requests, location, want),
            Selector::EveryLive | Selector::EveryOfSource => {
                let scope = scope(registry, &mut requests, &want.address.kind, location);
                scope.everything = scope.everything.take().map(|depth| depth.and(self::depth(registry, want)));
            }
            Selector::ForEach(_) => {}
        }
    }
    requests
}

/// Requests the resource of an entry, in the region that its model states or the spec's own.
fn ask(registry: Registry, requests: &mut Requests, location: &Location, want: &Want) {
    let kind = registry.of(&want.address.kind);
    let region = kind.region(&want.model).filter(|region| *region != location.region);
    let location = region.map_or_else(|| location.clone(), |region| location.in_region(&region));
    let scope = scope(registry, requests, &want.address.kind, &location);
    scope.ask(&want.address.name, depth(registry, want));
    if kind.facts().adopts {
        scope.everything = Some(Depth::existence());
    }
}

/// Returns the depth to read a resource at: the fields that the spec states, and the fields that a follower copies.
fn depth(registry: Registry, want: &Want) -> Depth {
    let stated =
        Depth::Named(want.model.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default());
    match () {
        () if want.absent => named(registry.of(&want.address.kind).facts().read_to_remove),
        () if want.whole => Depth::Whole,
        () if want.source.is_some() => stated.and(copied_parts(registry, &want.address.kind, false)),
        () => stated,
    }
}

fn named(parts: &[&str]) -> Depth {
    Depth::Named(parts.iter().map(|part| (*part).to_owned()).collect())
}

/// Returns the parts that a follower copies. For the source, adds the parts that are read only to report what is not
/// copied.
fn copied_parts(registry: Registry, kind: &str, is_source: bool) -> Depth {
    let facts = registry.of(kind).facts();
    let is_copied = |part: &&&str| !facts.not_copied.contains(part) && (is_source || !facts.source_only.contains(part));
    let parts = facts.parts.iter().filter(is_copied);
    Depth::Named(parts.map(|part| (*part).to_owned()).collect())
}

/// Returns the scope of a kind in a region, and inserts an empty one if there is none.
fn scope<'a>(registry: Registry, requests: &'a mut Requests, kind: &str, location: &Location) -> &'a mut Scope {
    let vpc = location.vpc.clone().filter(|_| registry.of(kind).facts().needs_vpc);
    let location = Location { vpc, ..location.clone() };
    requests.entry((location.region.clone(), kind.to_owned())).or_insert_with(|| Scope::of(location))
}

/// Returns the kinds that are read in full: those that rules iterate over and those of rules' resources, whose
/// leftovers have unknown names, and those with patterns or copies.
fn kinds_read_in_full(registry: Registry, wants: &[Want]) -> BTreeSet<&str> {
    let mut kinds = BTreeSet::new();
    for want in wants {
        let own = want.address.kind.as_str();
        match &want.selector {
            Selector::One => {}
            Selector::EveryLive | Selector::EveryOfSource => {
                kinds.insert(own);
            }
            Selector::ForEach(each) => {
                kinds.insert(each.kind.as_str());
                kinds.extend(registry.of(own).facts().lists.then_some(own));
            }
        }
    }
    kinds
}

/// Returns the kinds that rules iterate over.
fn iterated_kinds(wants: &[Want]) -> BTreeSet<String> {
    let each = |want: &Want| match &want.selector {
        Selector::ForEach(each) => Some(each.kind.clone()),
        _ => None,
    };
    wants.iter().filter_map(each).collect()
}
