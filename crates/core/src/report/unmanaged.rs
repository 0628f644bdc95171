// SPDX-License-Identifier: Apache-2.0
//! Finds live resources that are in no spec. [`lists`] reads from AWS; [`unmanaged`] compares without requests.

use std::collections::BTreeSet;

use futures::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::desire::fill::Inventory;
use crate::kind::Registry;
use crate::model::pattern;
use crate::observe::location::Location;
use crate::observe::provider::Provider;
use crate::plan::Note;
use crate::resource::address::Address;
use crate::spec::Spec;

/// The live resources of a region that are in no spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unmanaged {
    /// The unmanaged resources, sorted.
    pub resources: Vec<Address>,
    /// The resources that the spec's `ignore:` matches, each with the reason, sorted.
    pub ignored: Vec<(Address, String)>,
    /// The number of listed resources, including managed ones.
    pub listed: usize,
}

/// The live resources of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The kind's name.
    pub kind: &'static str,
    /// The names of the resources, or the reason why they could not be listed.
    pub names: Result<Vec<String>, String>,
}

/// A region that was read, with the lists of its live resources.
#[derive(Debug)]
pub struct Listed<'a> {
    /// The spec of the region. Its `ignore` section applies.
    pub spec: &'a Spec,
    /// The desired and live resources of the spec.
    pub inventory: &'a Inventory,
    /// The live resources, one list per kind.
    pub lists: Vec<List>,
}

/// Lists the live resources of a region, for each kind that can be listed.
pub async fn lists(provider: &dyn Provider, registry: Registry, location: &Location) -> Vec<List> {
    let kinds = registry.0.iter().map(|kind| kind.facts()).filter(|facts| !facts.inventory.is_empty());
    let lists = kinds.map(|facts| async move {
        if facts.needs_vpc && location.vpc.is_none() {
            let why = "not listed: this kind is listed by VPC, and the spec does not need a VPC".to_owned();
            return List { kind: facts.name, names: Err(why) };
        }
        let names = provider.list(facts.name, location).await;
        List { kind: facts.name, names: names.map_err(|failure| format!("not listed: {failure}")) }
    });
    join_all(lists).await
}

/// Finds the listed resources that are in none of the specs, per region. A kind that could not be listed is a note.
///
/// # Guarantees
/// A resource that one of the specs manages, by name or by id, is unmanaged in no region. A global resource is reported
/// once, in the first region of its account.
pub fn unmanaged(registry: Registry, regions: &[Listed<'_>]) -> Vec<(Unmanaged, Vec<Note>)> {
    let managed = managed(registry, regions);
    let mut reported: BTreeSet<(String, Address)> = BTreeSet::new();
    regions.iter().map(|region| of_region(registry, region, &managed, &mut reported)).collect()
}

fn of_region(
    registry: Registry,
    region: &Listed<'_>,
    managed: &BTreeSet<(String, Address)>,
    reported: &mut BTreeSet<(String, Address)>,
) -> (Unmanaged, Vec<Note>) {
    let (mut found, mut notes) = (Unmanaged::default(), Vec::new());
    for List { kind, names } in &region.lists {
        let names = match names {
            Ok(names) => names,
            Err(what) => {
                notes.push(Note { about: (*kind).to_owned(), what: what.clone() });
                continue;
            }
        };
        let owner = owner(registry, region.spec, kind);
        found.listed += names.len();
        for name in names {
            let address = Address::new(*kind, name);
            let key = (owner.clone(), address.clone());
            if managed.contains(&key) || !reported.insert(key) {
                continue;
            }
            let text = address.to_string();
            match region.spec.ignored.iter().find(|ignored| pattern::matches(&ignored.resource, &text)) {
                Some(ignored) => found.ignored.push((address, ignored.reason.clone())),
                None => found.resources.push(address),
            }
        }
    }
    found.resources.sort();
    found.ignored.sort();
    (found, notes)
}

/// Returns the scope in which names of a kind are unique: the account, or the account and the region.
fn owner(registry: Registry, spec: &Spec, kind: &str) -> String {
    if registry.of(kind).facts().global { spec.account.clone() } else { format!("{} {}", spec.account, spec.region) }
}

/// Returns what the specs manage, by owner, with the name and with the id as the address.
fn managed(registry: Registry, regions: &[Listed<'_>]) -> BTreeSet<(String, Address)> {
    let mut managed = BTreeSet::new();
    for region in regions {
        for expanded in &region.inventory.wants {
            let address = &expanded.want.address;
            let owner = owner(registry, region.spec, &address.kind);
            let id = region.inventory.live.get(address).and_then(|live| live.attributes.get("id"));
            managed.extend(id.map(|id| (owner.clone(), Address::new(&address.kind, id))));
            managed.insert((owner, address.clone()));
        }
    }
    managed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::failure::{Failure, FailureClass};
    use crate::read_plan::read_plan;
    use crate::testing::cloud::{Cloud, REGISTRY, settings, spec, spec_of};

    async fn found(cloud: &Cloud, specs: &[Spec]) -> Vec<(Unmanaged, Vec<Note>)> {
        let mut inventories = Vec::new();
        for spec in specs {
            inventories.push(read_plan(cloud, REGISTRY, spec).await.unwrap().0);
        }
        let mut listed = Vec::new();
        for (spec, inventory) in specs.iter().zip(&inventories) {
            let lists = lists(cloud, REGISTRY, &inventory.location).await;
            listed.push(Listed { spec, inventory, lists });
        }
        unmanaged(REGISTRY, &listed)
    }

    fn names(found: &Unmanaged) -> Vec<String> {
        found.resources.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn unmanaged_resources_are_reported_unless_ignored() {
        let cloud = Cloud::default();
        for name in ["managed", "left", "tmp-1"] {
            cloud.put("t.t", name, settings(&[]));
        }
        let spec = spec("ignore:\n  t.t/tmp-*: scratch\nt.t:\n  managed: {}\n");
        let found = found(&cloud, &[spec]).await;
        let (unmanaged, notes) = &found[0];
        assert_eq!(names(unmanaged), ["t.t/left"]);
        assert_eq!(unmanaged.ignored, [(Address::new("t.t", "tmp-1"), "scratch".to_owned())]);
        assert_eq!((unmanaged.listed, notes.len()), (3, 0));
        assert!(cloud.writes().is_empty());
    }

    #[tokio::test]
    async fn a_global_resource_is_reported_once_and_managed_by_any_spec_of_its_account() {
        let cloud = Cloud::default();
        cloud.put("g.g", "managed", settings(&[]));
        cloud.put("g.g", "left", settings(&[]));
        cloud.put("t.t", "here", settings(&[]));
        let here = spec("t.t: {}\n");
        let there = spec_of("eu-west-1", "g.g:\n  managed: {}\n");
        let found = found(&cloud, &[here, there]).await;
        assert_eq!(names(&found[0].0), ["g.g/left", "t.t/here"]);
        assert_eq!(names(&found[1].0), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_kind_that_cannot_be_listed_is_a_note() {
        let cloud = Cloud::default();
        cloud.put("t.t", "left", settings(&[]));
        cloud.fail("list g.g", Failure::new(FailureClass::Denied, "T ListThings", "no"));
        let found = found(&cloud, &[spec("t.t: {}\n")]).await;
        assert_eq!(names(&found[0].0), ["t.t/left"]);
        assert_eq!(
            found[0].1,
            [Note { about: "g.g".to_owned(), what: "not listed: T ListThings failed: no".to_owned() }]
        );
    }
}
