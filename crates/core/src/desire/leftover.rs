// SPDX-License-Identifier: Apache-2.0
//! Leftovers: live resources that a rule or a copy of the spec once produced, and whose cause no longer exists. The
//! function of an alarm was deleted, or the source of a copy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expand::{ExpandError, Expanded, Expansion, Followed, SourceReads, expand};
use super::fingerprint::ABSENT;
use crate::kind::Registry;
use crate::model::tags;
use crate::observe::location::Location;
use crate::observe::scope::LiveResource;
use crate::resource::address::Address;
use crate::spec::Want;
use crate::spec::selector::Selector;

/// What the entries of a spec are expanded against, to find the desired resources and the leftovers.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// The kinds.
    pub registry: Registry,
    /// The region of the spec.
    pub location: &'a Location,
    /// The entries of the spec.
    pub wants: &'a [Want],
    /// The live resources of the region.
    pub live: &'a BTreeMap<Address, LiveResource<Value>>,
    /// The reads of the source regions.
    pub sources: &'a SourceReads,
    /// The kinds of which some live resources could not be read.
    pub incomplete: &'a BTreeSet<String>,
}

impl<'a> Search<'a> {
    /// Expands the entries and returns a deletion for each leftover. A leftover is no cause: what a rule produced for
    /// it is a leftover too.
    ///
    /// # Errors
    /// See [`expand`].
    pub fn expand(self, spec: &str) -> Result<(Expansion, Vec<Expanded>), ExpandError> {
        let mut gone = BTreeSet::new();
        loop {
            let expansion = expand(self.registry, self.location, self.wants, self.live, self.sources, &gone)?;
            let deletions = self.deletions(&expansion.wants, spec);
            let before = gone.len();
            gone.extend(deletions.iter().map(|deletion| deletion.want.address.clone()));
            if gone.len() == before {
                return Ok((expansion, deletions));
            }
        }
    }

    /// Returns the live resources that a rule or a copy may have produced and that are not desired.
    pub fn candidates(self, expanded: &[Expanded]) -> Vec<(&'a Want, &'a Address)> {
        let desired: BTreeSet<&Address> = expanded.iter().map(|expanded| &expanded.want.address).collect();
        let undesired: Vec<&Address> = self.live.keys().filter(|address| !desired.contains(address)).collect();
        let producers = self.wants.iter().filter(|want| self.knows_all_causes(want));
        producers
            .flat_map(|want| undesired.iter().map(move |address| (want, *address)))
            .filter(|(want, address)| want.may_make(address))
            .collect()
    }

    /// Returns whether an entry produces resources and all its causes were read: one that could not be read may exist.
    fn knows_all_causes(self, want: &Want) -> bool {
        match &want.selector {
            Selector::One | Selector::EveryLive => false,
            Selector::ForEach(each) => !self.incomplete.contains(&each.kind),
            Selector::EveryOfSource => {
                let source = want.source.as_ref().map_or("", |source| &source.region);
                let read = self.sources.get(&(source.to_owned(), want.address.kind.clone()));
                read.is_some_and(|read| read.as_ref().is_ok_and(|observation| observation.gaps.is_empty()))
            }
        }
    }

    /// Returns a deletion for each leftover. Its tags say that this spec created it, or that it was copied from the
    /// source region: a resource of somebody else may have a name that a rule could produce.
    fn deletions(self, expanded: &[Expanded], spec: &str) -> Vec<Expanded> {
        let is_own = |want: &Want, address: &Address| {
            let model = &self.live[address].model;
            match &want.source {
                Some(source) => tags::origin(model) == Some(source.region.as_str()),
                None => tags::created_by(model) == Some(spec),
            }
        };
        let leftovers = self.candidates(expanded).into_iter().filter(|(want, address)| is_own(want, address));
        leftovers.map(|(producer, address)| deletion(producer, address)).collect()
    }
}

fn deletion(producer: &Want, address: &Address) -> Expanded {
    let followed = producer.source.as_ref().map(|source| Followed {
        region: source.region.clone(),
        name: address.name.clone(),
        fingerprint: ABSENT.to_owned(),
        rewritten: BTreeMap::new(),
    });
    let want = Want { address: address.clone(), selector: Selector::One, absent: true, ..producer.clone() };
    Expanded { want, entry: Some(producer.address.name.clone()), followed, unstated: BTreeSet::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::reference::Attributes;
    use crate::testing::cloud::{REGISTRY, spec};

    /// A rule that produces one `t.t` for each `g.g`.
    const RULE: &str = "t.t:\n  of-${each.name}: {for_each: g.g}\n";

    fn live(resources: &[(&str, &str, Value)]) -> BTreeMap<Address, LiveResource<Value>> {
        let resource = |(kind, name, model): &(&str, &str, Value)| {
            (Address::new(*kind, *name), LiveResource::new(*name, model.clone(), Attributes::new()))
        };
        resources.iter().map(resource).collect()
    }

    fn deleted(live: &BTreeMap<Address, LiveResource<Value>>, incomplete: &[&str]) -> Vec<String> {
        let (spec, sources) = (spec(RULE), SourceReads::new());
        let location = Location::of(&spec.account, &spec.region);
        let incomplete = incomplete.iter().map(|kind| (*kind).to_owned()).collect();
        let search = Search {
            registry: REGISTRY,
            location: &location,
            wants: &spec.wants,
            live,
            sources: &sources,
            incomplete: &incomplete,
        };
        search.expand("spec").unwrap().1.into_iter().map(|it| it.want.address.to_string()).collect()
    }

    fn created_by(spec: &str) -> Value {
        json!({"tags": {"regionctl:spec": spec}})
    }

    #[test]
    fn what_a_rule_created_and_no_longer_produces_is_deleted() {
        let live =
            live(&[("g.g", "a", json!({})), ("t.t", "of-a", created_by("spec")), ("t.t", "of-b", created_by("spec"))]);
        assert_eq!(deleted(&live, &[]), ["t.t/of-b"]);
    }

    #[test]
    fn what_another_spec_or_a_person_created_is_kept() {
        let live = live(&[
            ("t.t", "of-b", created_by("other")),
            ("t.t", "of-c", json!({"tags": {}})),
            ("t.t", "of-d", json!({})),
        ]);
        assert!(deleted(&live, &[]).is_empty());
        let own = self::live(&[("t.t", "else", created_by("spec"))]);
        assert!(deleted(&own, &[]).is_empty(), "the rule cannot produce this name");
    }

    #[test]
    fn nothing_is_deleted_while_a_cause_may_exist_that_could_not_be_read() {
        let live = live(&[("t.t", "of-b", created_by("spec"))]);
        assert!(deleted(&live, &["g.g"]).is_empty());
    }
}
