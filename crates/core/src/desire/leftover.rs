//! What a copy may have left behind: live resources whose source is gone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expand::{Expanded, Followed, Sources};
use super::fingerprint::ABSENT;
use crate::kind::Registry;
use crate::observe::scope::LiveResource;
use crate::resource::address::Address;
use crate::spec::Want;
use crate::spec::selector::Selector;

/// Returns the live resources that a copy of the spec covers and nothing wants: their source may be gone.
pub fn orphans<'a>(
    wants: &'a [Want],
    expanded: &'a [Expanded],
    live: &'a BTreeMap<Address, LiveResource<Value>>,
    sources: &'a Sources,
) -> impl Iterator<Item = (&'a Want, &'a Address)> {
    let wanted: BTreeSet<&Address> = expanded.iter().map(|expanded| &expanded.want.address).collect();
    let copies = wants.iter().filter(|want| want.stands == Selector::EveryOfSource);
    copies.flat_map(move |copy| {
        // What could not be read is not gone.
        let source = copy.source.as_ref().map_or("", |source| &source.region);
        let read = sources.get(&(source.to_owned(), copy.address.kind.clone()));
        let whole = read.is_some_and(|read| read.as_ref().is_ok_and(|observation| observation.unread.is_empty()));
        let wanted = wanted.clone();
        live.keys()
            .filter(move |address| whole && copy.may_make(address) && !wanted.contains(address))
            .map(move |address| (copy, address))
    })
}

/// Makes a want of each orphan that says it was copied from the source's region: it is to be gone.
pub fn gone(
    registry: Registry,
    wants: &[Want],
    expanded: &[Expanded],
    live: &BTreeMap<Address, LiveResource<Value>>,
    sources: &Sources,
) -> Vec<Expanded> {
    let copied_from = |want: &Want, address: &Address| {
        let origin = registry.of(&address.kind).origin(&live[address].model);
        origin.is_some() && origin.as_deref() == want.source.as_ref().map(|source| source.region.as_str())
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
            let want = Want { address: address.clone(), stands: Selector::One, absent: true, ..copy.clone() };
            Expanded { want, by: Some(copy.address.name.clone()), followed: Some(followed), unstated: BTreeSet::new() }
        })
        .collect()
}
