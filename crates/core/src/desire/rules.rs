// SPDX-License-Identifier: Apache-2.0
//! Expands rules (`for_each`, one resource for each of a kind) and patterns (`*`, every live resource that matches).

use std::collections::{BTreeMap, BTreeSet};

use super::expand::{ExpandError, Expander};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::pattern;
use crate::resource::address::Address;
use crate::resource::reference::{Attributes, Known, Reference, Target};
use crate::spec::Want;
use crate::spec::selector::{Each, Selector};

impl Expander<'_> {
    /// Expands the rules. Repeats until nothing new is produced: a rule may iterate over another rule's resources.
    pub(super) fn rules(&mut self, wants: &[Want]) -> Result<(), ExpandError> {
        let rules: Vec<(&Want, &Each)> = wants
            .iter()
            .filter_map(|want| match &want.selector {
                Selector::ForEach(each) => Some((want, each)),
                _ => None,
            })
            .collect();
        let mut faults = Diagnostics::default();
        let mut matched: BTreeSet<usize> = BTreeSet::new();
        let mut produced: BTreeMap<Address, usize> = BTreeMap::new();
        let mut done: BTreeSet<(usize, String)> = BTreeSet::new();
        loop {
            let before = done.len();
            for (index, (want, each)) in rules.iter().enumerate() {
                for name in self.names(each) {
                    if !done.insert((index, name.clone())) {
                        continue;
                    }
                    matched.insert(index);
                    let resource = self.resolve_each(want, each, &name)?;
                    if self.named.contains(&resource.address) {
                        continue;
                    }
                    if let Err(why) = self.registry.of(&resource.address.kind).check_name(&resource.address.name) {
                        let message = format!("for {}/{name}: {}", each.kind, why.lines().next().unwrap_or_default());
                        faults.push(Diagnostic::new("invalid-name", message).note(rule_at(want)));
                        continue;
                    }
                    match produced.get(&resource.address) {
                        Some(&other) if other != index => {
                            faults.push(produced_twice(&resource.address, rules[other].0, want));
                        }
                        _ => {
                            produced.insert(resource.address.clone(), index);
                            self.add(resource, Some(want.address.name.clone()), None);
                        }
                    }
                }
            }
            if done.len() == before {
                break;
            }
        }
        for (_, (want, each)) in rules.iter().enumerate().filter(|(index, _)| !matched.contains(index)) {
            self.note(&want.address, format!("matches nothing: no live or desired {} matches", each.kind));
        }
        faults.or(()).map_err(ExpandError::Rules)
    }

    /// Returns the names that a rule iterates over: desired resources, and live resources that are not deleted.
    fn names(&self, each: &Each) -> BTreeSet<String> {
        let wants = self.expanded.values().map(|expanded| &expanded.want);
        let (deleted, desired): (Vec<&Want>, Vec<&Want>) =
            wants.filter(|want| want.address.kind == each.kind).partition(|want| want.absent);
        let live = self.live.keys().filter(|address| address.kind == each.kind && !self.gone.contains(address));
        desired
            .into_iter()
            .map(|want| &want.address)
            .chain(live.filter(|address| !deleted.iter().any(|want| want.address == **address)))
            .map(|address| address.name.clone())
            .filter(|name| each.covers(name))
            .collect()
    }

    /// Returns the resource that a rule produces for `name`, with its `${each.…}` references resolved.
    fn resolve_each(&self, want: &Want, each: &Each, name: &str) -> Result<Want, ExpandError> {
        let kind = self.registry.of(&each.kind);
        let address = Address::new(&each.kind, name);
        // An attribute that only AWS assigns becomes a reference to the resource.
        let mut values: Attributes = kind
            .facts()
            .attributes
            .iter()
            .map(|attribute| ((*attribute).to_owned(), format!("${{{address}.{attribute}}}")))
            .collect();
        values.extend(kind.attributes(name, self.location));
        if let Some(resource) = self.live.get(&address) {
            values.extend(kind.model_attributes(&resource.model)?);
            values.extend(resource.attributes.clone());
        }
        if let Some(expanded) = self.expanded.get(&address) {
            values.extend(kind.model_attributes(&expanded.want.model)?);
        }
        values.insert("name".to_owned(), name.to_owned());
        let mut known = Known::default();
        known.add(Target::Each, values);
        let mut resource = Want { selector: Selector::One, ..want.clone() };
        known.fill(&mut resource.model);
        for reference in want.references.iter().filter(|reference| reference.target == Target::Each) {
            let target = Target::Resource(address.clone());
            resource.references.insert(Reference { target, attribute: reference.attribute.clone() });
        }
        if let Some(filled) = known.fill_text(&want.address.name) {
            resource.address.name = filled;
        }
        Ok(resource)
    }

    pub(super) fn patterns(&mut self, wants: &[Want]) {
        let mut patterns: Vec<&Want> = wants.iter().filter(|want| want.selector == Selector::EveryLive).collect();
        patterns.sort_by_key(|want| std::cmp::Reverse(pattern::specificity(&want.address.name)));
        for address in self.live.keys() {
            let matching = patterns.iter().find(|want| want.may_make(address));
            if let Some(want) = matching.filter(|_| !self.expanded.contains_key(address)) {
                let entry = Some(want.address.name.clone());
                let want = Want { address: address.clone(), selector: Selector::One, ..(*want).clone() };
                self.add(want, entry, None);
            }
        }
        for want in patterns {
            let any = self.expanded.keys().any(|address| want.may_make(address));
            if !any {
                self.note(&want.address, "matches nothing: no live resource matches");
            }
        }
    }
}

pub(super) fn rule_at(want: &Want) -> String {
    format!("the rule is at {}:{}", want.at.file, want.at.line)
}

fn produced_twice(address: &Address, first: &Want, second: &Want) -> Diagnostic {
    Diagnostic::new("two-rules", format!("two rules produce {address}"))
        .note(rule_at(first))
        .note(rule_at(second))
        .help("exclude it from one rule with `except`, or add an entry with its name, which overrides rules")
}
