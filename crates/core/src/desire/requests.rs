//! What a spec rests on: which kinds are read where, and how deep.
//!
//! Some names are known only when others are read: rules go over live resources, and what a copy left behind shows
//! only beside its source. So the requests grow with the snapshot, until nothing is lacking.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expand::{Sources, Unexpanded, expand};
use super::leftover::orphans;
use crate::kind::Registry;
use crate::observe::location::Location;
use crate::observe::scope::{Depth, LiveResource, Scope};
use crate::observe::snapshot::Snapshot;
use crate::resource::address::Address;
use crate::resource::reference::{Known, Outputs, Target};
use crate::spec::selector::Selector;
use crate::spec::{Spec, Want};

/// What is read, by region and kind.
pub type Requests = BTreeMap<(String, String), Scope>;

/// Returns what of a spec's sources is read. It depends on nothing that is live.
pub fn of_sources(registry: Registry, spec: &Spec) -> Requests {
    let mut requests = Requests::new();
    for want in &spec.wants {
        let Some(source) = &want.source else { continue };
        let kind = &want.address.kind;
        let location = Location::of(&spec.account, &source.region);
        let scope = scope(registry, &mut requests, kind, &location);
        if want.is_one() {
            scope.ask(&source.name, Depth::Whole);
        } else {
            scope.everything = Some(carried(registry, kind, true));
        }
    }
    requests
}

/// Returns what is read in the spec's own region, as far as it is known by what the snapshot holds so far.
///
/// # Errors
/// Two rules of the spec contradict each other, or a fault in a kind.
pub fn of_spec(
    registry: Registry,
    spec: &Spec,
    location: &Location,
    snapshot: &Snapshot,
) -> Result<Requests, Unexpanded> {
    let wants = known_before(registry, spec, location).1;
    let mut requests = of_wants(registry, location, &wants);
    let gone_over = kinds_gone_over(&wants);
    let of_sources = of_sources(registry, spec);
    let is_read = |(key, scope): (&(String, String), &Scope)| snapshot.lacks(&key.1, scope).is_none();
    let rests_on = |(key, _): &(&(String, String), &Scope)| gone_over.contains(&key.1);
    if !requests.iter().chain(&of_sources).filter(rests_on).all(is_read) {
        return Ok(requests);
    }
    let named: BTreeSet<&Address> = wants.iter().filter(|want| want.is_one()).map(|want| &want.address).collect();
    let sources = sources(registry, &of_sources, snapshot);
    let expanded = expand(registry, location, &wants, &live(registry, &requests, snapshot), &sources)?.wants;
    let made = expanded.iter().map(|expanded| &expanded.want);
    let made: Vec<&Want> = made.filter(|want| !named.contains(&want.address)).collect();
    for want in made {
        // Where all of a kind are read, only one of which the spec states more is asked for by name.
        let scope = requests.get(&(location.region.clone(), want.address.kind.clone()));
        let read = scope.and_then(|scope| scope.depth(&want.address.name));
        let asked = depth(registry, want);
        let mut parts = registry.of(&want.address.kind).facts().parts.iter();
        if !read.is_some_and(|read| parts.all(|part| read.reads(part) || !asked.reads(part))) {
            ask(registry, &mut requests, location, want);
        }
    }
    if !requests.iter().chain(&of_sources).all(is_read) {
        return Ok(requests);
    }
    let there = live(registry, &requests, snapshot);
    let left: Vec<Address> = orphans(&wants, &expanded, &there, &sources).map(|(_, address)| address.clone()).collect();
    for address in left {
        scope(registry, &mut requests, &address.kind, location).ask(&address.name, Depth::Whole);
    }
    Ok(requests)
}

/// Returns the live resources of these requests, by address, and nothing of those that could not be read.
pub(super) fn live(
    registry: Registry,
    requests: &Requests,
    snapshot: &Snapshot,
) -> BTreeMap<Address, LiveResource<Value>> {
    let mut live = BTreeMap::new();
    for ((_, kind), scope) in requests {
        let Ok(observation) = snapshot.view(kind, registry.of(kind).facts().parts, scope) else { continue };
        live.extend(observation.seen.into_iter().map(|seen| (Address::new(kind, &seen.name), seen)));
    }
    live
}

/// Returns what the sources hold.
pub(super) fn sources(registry: Registry, requests: &Requests, snapshot: &Snapshot) -> Sources {
    let view = |((region, kind), scope): (&(String, String), &Scope)| {
        let read = snapshot.lacks(kind, scope).is_none();
        let view = || snapshot.view(kind, registry.of(kind).facts().parts, scope);
        read.then(|| ((region.clone(), kind.clone()), view()))
    };
    requests.iter().filter_map(view).collect()
}

/// Returns the values that are known before anything is read (the VPC's, and ARNs that follow from names), and the
/// wants with these filled in.
pub(super) fn known_before(registry: Registry, spec: &Spec, location: &Location) -> (Known, Vec<Want>) {
    let mut known = Known::default();
    if let Some(vpc) = &location.vpc {
        let outputs = [("id", &vpc.id), ("cidr", &vpc.cidr), ("region", &location.region)];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value.clone()));
        known.add(Target::Vpc, Outputs::from(outputs));
    }
    for want in spec.wants.iter().filter(|want| want.is_one() && !want.absent) {
        let kind = registry.of(&want.address.kind);
        let outputs = kind.outputs(&want.address.name, location);
        known.identify(&want.address, outputs, |output| kind.facts().ties(output));
    }
    let mut wants: Vec<Want> = spec.wants.clone();
    for want in &mut wants {
        known.fill(&mut want.model);
    }
    (known, wants)
}

/// What is read at first: what the spec names, and all of the kinds of which it does not know the names.
fn of_wants(registry: Registry, location: &Location, wants: &[Want]) -> Requests {
    let mut requests = Requests::new();
    for kind in kinds_read_whole(wants) {
        scope(registry, &mut requests, kind, location).everything = Some(Depth::existence());
    }
    for want in wants {
        match &want.stands {
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

/// Asks for the resource of a want, in the region where it is.
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

/// How deep a resource is read: what the spec states of it, and what it takes over where it follows another.
fn depth(registry: Registry, want: &Want) -> Depth {
    let stated =
        Depth::Named(want.model.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default());
    match () {
        () if want.whole => Depth::Whole,
        () if want.source.is_some() && !want.absent => stated.and(carried(registry, &want.address.kind, false)),
        () => stated,
    }
}

/// What a follower takes over of its source; of the source itself also what it lacks.
fn carried(registry: Registry, kind: &str, is_source: bool) -> Depth {
    let facts = registry.of(kind).facts();
    let is_carried = |part: &&&str| !facts.uncarried.contains(part) && (is_source || !facts.of_sources.contains(part));
    let parts = facts.parts.iter().filter(is_carried);
    Depth::Named(parts.map(|part| (*part).to_owned()).collect())
}

/// The scope of a kind in a region, made where it is not there yet.
fn scope<'a>(registry: Registry, requests: &'a mut Requests, kind: &str, location: &Location) -> &'a mut Scope {
    let vpc = location.vpc.clone().filter(|_| registry.of(kind).facts().needs_vpc);
    let location = Location { vpc, ..location.clone() };
    requests.entry((location.region.clone(), kind.to_owned())).or_insert_with(|| Scope::of(location))
}

/// The kinds of which every live resource matters: rules go over them, or patterns and copies stand for them.
fn kinds_read_whole(wants: &[Want]) -> BTreeSet<&str> {
    wants
        .iter()
        .filter_map(|want| match &want.stands {
            Selector::One => None,
            Selector::EveryLive | Selector::EveryOfSource => Some(want.address.kind.as_str()),
            Selector::ForEach(each) => Some(each.kind.as_str()),
        })
        .collect()
}

/// The kinds that rules go over.
fn kinds_gone_over(wants: &[Want]) -> BTreeSet<String> {
    let each = |want: &Want| match &want.stands {
        Selector::ForEach(each) => Some(each.kind.clone()),
        _ => None,
    };
    wants.iter().filter_map(each).collect()
}
