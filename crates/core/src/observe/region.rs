// SPDX-License-Identifier: Apache-2.0
//! Reads all resources of a region into a snapshot, without a spec.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::failure::{Failure, FailureClass};
use super::location::{Location, Vpc};
use super::provider::Provider;
use super::scope::{Depth, Observation, Scope};
use super::snapshot::Snapshot;
use crate::kind::Registry;
use crate::kind::facts::Facts;

/// Progress: one kind of a region was read.
#[derive(Debug, Clone, Copy)]
pub struct KindRead<'a> {
    /// The kind's name: `sns.topic`.
    pub kind: &'a str,
    /// The number of live resources that were found.
    pub found: usize,
}

/// Reads all live resources of a region, of every kind that can be listed, at [`Depth::Whole`].
///
/// Calls `listen` after each read of a kind.
///
/// # Guarantees
/// Sends no write. What cannot be read is a gap in the snapshot.
///
/// # Errors
/// The account or the VPCs could not be read.
pub async fn read_region(
    provider: &dyn Provider,
    registry: Registry,
    region: &str,
    listen: &(dyn Fn(KindRead<'_>) + Sync),
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
            let found = result.as_ref().map_or(0, |observation| observation.resources.len());
            listen(KindRead { kind: facts.name, found });
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

/// Returns the locations to read a kind at. A kind that belongs to a VPC is read in each VPC. If it can be a source, it
/// is also read without a VPC because sources have none.
fn locations(facts: &Facts, here: &Location, vpcs: &[Vpc]) -> Vec<Location> {
    let of_vpc = |vpc: &Vpc| Location { vpc: Some(vpc.clone()), ..here.clone() };
    let mut locations: Vec<Location> = if facts.needs_vpc { vpcs.iter().map(of_vpc).collect() } else { Vec::new() };
    if !facts.needs_vpc || facts.follows {
        locations.push(here.clone());
    }
    locations
}

/// Reads all resources of a kind: in bulk, or by listed names if a bulk read is not possible. A kind that is part of
/// another kind is read by the other kind's names.
async fn read_kind(
    provider: &dyn Provider,
    facts: &Facts,
    location: Location,
) -> (Scope, Result<Observation<serde_json::Value>, Failure>) {
    // Names such as bucket names are shared with other accounts and regions: a name that is not listed may still exist.
    let complete = !facts.global_names && facts.part_of.is_none();
    let everything = complete.then_some(Depth::Whole);
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
        add_missing(facts, &scope, observation);
    }
    (scope, result)
}

/// Adds a gap for each listed name that the read did not find: it cannot be read by this name, or was just deleted.
fn add_missing(facts: &Facts, scope: &Scope, observation: &mut Observation<serde_json::Value>) {
    let found: BTreeSet<&str> = observation
        .resources
        .iter()
        .map(|resource| resource.name.as_str())
        .chain(observation.gaps.iter().map(|(name, _)| name.as_str()))
        .collect();
    let missing: Vec<String> = scope.names.keys().filter(|name| !found.contains(name.as_str())).cloned().collect();
    let failure =
        Failure::new(FailureClass::Other, facts.name, "it was listed, but a read by its name did not find it");
    observation.gaps.extend(missing.into_iter().map(|name| (name, failure.clone())));
}
