//! What rules and patterns make: one resource for each of a kind, and every live resource that a name matches.

use std::collections::{BTreeMap, BTreeSet};

use super::expand::{Expander, Unexpanded};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::pattern;
use crate::resource::address::Address;
use crate::resource::reference::{Known, Outputs, Reference, Target};
use crate::spec::Want;
use crate::spec::selector::{Each, Selector};

impl Expander<'_> {
    /// Rules may go over what other rules make, so they are gone through until nothing new comes.
    pub(super) fn rules(&mut self, wants: &[Want]) -> Result<(), Unexpanded> {
        let rules: Vec<(&Want, &Each)> = wants
            .iter()
            .filter_map(|want| match &want.stands {
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
                    let made = self.template(want, each, &name)?;
                    if self.named.contains(&made.address) {
                        continue;
                    }
                    if let Err(why) = self.registry.of(&made.address.kind).check_name(&made.address.name) {
                        let message = format!("for {}/{name}: {}", each.kind, why.lines().next().unwrap_or_default());
                        faults.push(Diagnostic::new("invalid-name", message).note(wanted_at(want)));
                        continue;
                    }
                    match produced.get(&made.address) {
                        Some(&other) if other != index => faults.push(twice(&made.address, rules[other].0, want)),
                        _ => {
                            produced.insert(made.address.clone(), index);
                            self.make(made, Some(want.address.name.clone()), None);
                        }
                    }
                }
            }
            if done.len() == before {
                break;
            }
        }
        for (_, (want, each)) in rules.iter().enumerate().filter(|(index, _)| !matched.contains(index)) {
            self.note(&want.address, format!("matches nothing: no {} is here or wanted", each.kind));
        }
        faults.or(()).map_err(Unexpanded::Rules)
    }

    /// The names that a rule goes over: what is wanted, and what is there and not to be gone.
    fn names(&self, each: &Each) -> BTreeSet<String> {
        let wanted = self.made.values().map(|expanded| &expanded.want);
        let (gone, wanted): (Vec<&Want>, Vec<&Want>) =
            wanted.filter(|want| want.address.kind == each.kind).partition(|want| want.absent);
        let live = self.live.keys().filter(|address| address.kind == each.kind);
        wanted
            .into_iter()
            .map(|want| &want.address)
            .chain(live.filter(|address| !gone.iter().any(|want| want.address == **address)))
            .map(|address| address.name.clone())
            .filter(|name| each.covers(name))
            .collect()
    }

    fn template(&self, want: &Want, each: &Each, name: &str) -> Result<Want, Unexpanded> {
        let kind = self.registry.of(&each.kind);
        let address = Address::new(&each.kind, name);
        // What only AWS gives stays a reference to the resource.
        let mut values: Outputs = kind
            .facts()
            .outputs
            .iter()
            .map(|output| ((*output).to_owned(), format!("${{{address}.{output}}}")))
            .collect();
        values.extend(kind.outputs(name, self.location));
        if let Some(seen) = self.live.get(&address) {
            values.extend(kind.given(&seen.model)?);
            values.extend(seen.outputs.clone());
        }
        if let Some(expanded) = self.made.get(&address) {
            values.extend(kind.given(&expanded.want.model)?);
        }
        values.insert("name".to_owned(), name.to_owned());
        let mut known = Known::default();
        known.add(Target::Each, values);
        let mut made = Want { stands: Selector::One, ..want.clone() };
        known.fill(&mut made.model);
        for reference in want.references.iter().filter(|reference| reference.target == Target::Each) {
            let target = Target::Resource(address.clone());
            made.references.insert(Reference { target, attribute: reference.attribute.clone() });
        }
        if let Some(filled) = known.fill_text(&want.address.name) {
            made.address.name = filled;
        }
        Ok(made)
    }

    pub(super) fn patterns(&mut self, wants: &[Want]) {
        let mut patterns: Vec<&Want> = wants.iter().filter(|want| want.stands == Selector::EveryLive).collect();
        patterns.sort_by_key(|want| std::cmp::Reverse(pattern::specificity(&want.address.name)));
        for address in self.live.keys() {
            let matching = patterns.iter().find(|want| want.may_make(address));
            if let Some(want) = matching.filter(|_| !self.made.contains_key(address)) {
                let by = Some(want.address.name.clone());
                let want = Want { address: address.clone(), stands: Selector::One, ..(*want).clone() };
                self.make(want, by, None);
            }
        }
        for want in patterns {
            let any = self.made.keys().any(|address| want.may_make(address));
            if !any {
                self.note(&want.address, "matches nothing: none is here");
            }
        }
    }
}

fn wanted_at(want: &Want) -> String {
    format!("the rule stands at {}:{}", want.at.file, want.at.line)
}

fn twice(address: &Address, first: &Want, second: &Want) -> Diagnostic {
    Diagnostic::new("two-rules", format!("two rules both produce {address}"))
        .note(wanted_at(first))
        .note(wanted_at(second))
        .help("narrow one of them with `except`, or name the resource itself: a name beats a rule")
}
