// SPDX-License-Identifier: Apache-2.0
//! Orphans of a `copy:` entry: live resources whose source no longer exists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expand::{Expanded, Followed, SourceReads};
use super::fingerprint::ABSENT;
use crate::model::tags;
use crate::observe::scope::LiveResource;
use crate::resource::address::Address;
use crate::spec::Want;
use crate::spec::selector::Selector;

/// Returns the live resources that a `copy:` entry matches and that are not desired: their source may no longer exist.
pub fn orphans<'a>(
    wants: &'a [Want],
    expanded: &'a [Expanded],
    live: &'a BTreeMap<Address, LiveResource<Value>>,
    sources: &'a SourceReads,
) -> impl Iterator<Item = (&'a Want, &'a Address)> {
    let desired: BTreeSet<&Address> = expanded.iter().map(|expanded| &expanded.want.address).collect();
    let copies = wants.iter().filter(|want| want.selector == Selector::EveryOfSource);
    copies.flat_map(move |copy| {
        // A source that could not be read may still exist.
        let source = copy.source.as_ref().map_or("", |source| &source.region);
        let read = sources.get(&(source.to_owned(), copy.address.kind.clone()));
        let complete = read.is_some_and(|read| read.as_ref().is_ok_and(|observation| observation.gaps.is_empty()));
        let desired = desired.clone();
        live.keys()
            .filter(move |address| complete && copy.may_make(address) && !desired.contains(address))
            .map(move |address| (copy, address))
    })
}

/// Returns a deletion for each orphan whose tag says that it was copied from the source region.
pub fn orphan_deletions(
    wants: &[Want],
    expanded: &[Expanded],
    live: &BTreeMap<Address, LiveResource<Value>>,
    sources: &SourceReads,
) -> Vec<Expanded> {
    let copied_from = |want: &Want, address: &Address| {
        let origin = tags::origin(&live[address].model);
        origin.is_some() && origin == want.source.as_ref().map(|source| source.region.as_str())
    };
    orphans(wants, expanded, live, sources)
        .filter(|(want, address)| copied_from(want, address))
        .map(|(copy, address)| {
            let region = copy.source.as_ref().map(|source| source.region.clone()).unwrap_or_default();
            let followed = Followed {
                region,
                name: address.name.clone(),
                fingerprint: ABSENT.to_owned(),
                rewritten: BTreeMap::new(),
            };
            let want = Want { address: address.clone(), selector: Selector::One, absent: true, ..copy.clone() };
            Expanded {
                want,
                entry: Some(copy.address.name.clone()),
                followed: Some(followed),
                unstated: BTreeSet::new(),
            }
        })
        .collect()
}
