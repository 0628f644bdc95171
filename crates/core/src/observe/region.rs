//! Reads the whole of a region into a snapshot, whether a spec names it or not.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::failure::{Failure, FailureClass};
use super::location::{Location, Vpc};
use super::provider::Provider;
use super::scope::{Depth, Observation, Scope};
use super::snapshot::Snapshot;
use crate::kind::Registry;
use crate::kind::facts::Facts;

/// One kind of a region was read.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The kind's name.
    pub kind: &'a str,
    /// How many live resources were found.
    pub found: usize,
}

/// Reads every live resource in a region of every kind that can be listed, as deep as the kinds know.
///
/// # Guarantees
/// Sends no write. What cannot be read is a gap of the snapshot.
///
/// # Errors
/// The identity or the VPCs could not be read.
pub async fn read_region(
    provider: &dyn Provider,
    registry: Registry,
    region: &str,
    listen: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Snapshot, Failure> {
    let identity = provider.identify(true).await?;
    let here = Location::of(&identity.account, region);
    let vpcs = identity.vpcs.unwrap_or_default();
    let listable = |facts: &&Facts| !facts.inventory.is_empty() || facts.part_of.is_some();
    let listable = registry.0.iter().map(|kind| kind.facts()).filter(listable);
    let reads = listable.flat_map(|facts| {
        let here = &here;
        locations(facts, here, &vpcs).into_iter().map(move |location| async move {
            let (scope, result) = read_kind(provider, facts, location).await;
            let found = result.as_ref().map_or(0, |observation| observation.seen.len());
            listen(Progress { kind: facts.name, found });
            (facts.name, scope, result)
        })
    });
    let mut snapshot = Snapshot::default();
    let read = join_all(reads).await;
    for (kind, scope, result) in read {
        snapshot.add(kind, &scope, result);
        snapshot.was_listed(kind, &scope.location);
    }
    snapshot.region_mut(&here.account, &here.region).vpcs = Some(vpcs);
    Ok(snapshot)
}

/// Where a kind is read: in each VPC what belongs to one. What can be followed is a source too, which has no VPC.
fn locations(facts: &Facts, here: &Location, vpcs: &[Vpc]) -> Vec<Location> {
    let of_vpc = |vpc: &Vpc| Location { vpc: Some(vpc.clone()), ..here.clone() };
    let mut locations: Vec<Location> = if facts.needs_vpc { vpcs.iter().map(of_vpc).collect() } else { Vec::new() };
    if !facts.needs_vpc || facts.follows {
        locations.push(here.clone());
    }
    locations
}

/// Reads all of a kind: at once where it can be listed whole, else by the names that are listed of it or of what it is
/// a part of.
async fn read_kind(
    provider: &dyn Provider,
    facts: &Facts,
    location: Location,
) -> (Scope, Result<Observation<serde_json::Value>, Failure>) {
    // A name that others may have is not free because this region's list lacks it.
    let whole = !facts.global_names && facts.part_of.is_none();
    let everything = whole.then_some(Depth::Whole);
    let mut scope = Scope { everything, ..Scope::of(location) };
    if !facts.lists && !facts.adopts {
        match provider.list(facts.part_of.unwrap_or(facts.name), &scope.location).await {
            Ok(names) => scope.names = names.into_iter().map(|name| (name, Depth::Whole)).collect(),
            Err(failure) => return (scope, Err(failure)),
        }
        if scope.names.is_empty() {
            return (scope, Ok(Observation::default()));
        }
    }
    let mut result = provider.observe(facts.name, scope.clone()).await;
    if let Ok(observation) = &mut result {
        unreadable(facts, &scope, observation);
    }
    (scope, result)
}

/// What was listed and then not found has no name by which it can be read, or has just gone.
fn unreadable(facts: &Facts, scope: &Scope, observation: &mut Observation<serde_json::Value>) {
    let found: BTreeSet<&str> = observation
        .seen
        .iter()
        .map(|seen| seen.name.as_str())
        .chain(observation.unread.iter().map(|(name, _)| name.as_str()))
        .collect();
    let left: Vec<String> = scope.names.keys().filter(|name| !found.contains(name.as_str())).cloned().collect();
    let failure = Failure::new(
        FailureClass::Other,
        facts.name,
        "it was listed, and could not be read by its name: it has none, or is gone by now",
    );
    observation.unread.extend(left.into_iter().map(|name| (name, failure.clone())));
}
