// SPDX-License-Identifier: Apache-2.0
//! Checks that every reference names a resource of the spec and an attribute of its kind.

use super::read::{SpecReader, Want};
use super::selector::Selector;
use super::suggest::did_you_mean;
use super::vars::Placed;
use crate::diagnostic::{Diagnostic, Span};
use crate::resource::address::Address;
use crate::resource::reference::{self, Reference, Target};
use serde_json::Value as Json;

impl SpecReader<'_> {
    /// Checks that `${each.…}` occurs only in entries with `for_each`, and names an attribute of the kind.
    pub(super) fn check_each(&mut self, wants: &[Want]) {
        for want in wants {
            let mut used = reference::find(&want.model);
            used.extend(reference::find(&Json::String(want.address.name.clone())));
            for reference in used.into_iter().filter(|reference| reference.target == Target::Each) {
                let fault = match &want.selector {
                    Selector::ForEach(each) => {
                        let attributes = self.registry.get(&each.kind).map_or(&[][..], |kind| kind.facts().attributes);
                        let attributes = attributes.iter().copied().filter(|attribute| *attribute != "name");
                        let all: Vec<&str> = std::iter::once("name").chain(attributes).collect();
                        let known = all.contains(&reference.attribute.as_str());
                        (!known).then(|| {
                            let Reference { attribute, .. } = &reference;
                            let message = format!("{}: {} has no attribute `{attribute}`", reference.text(), each.kind);
                            (message, format!("use one of {}", all.join(", ")))
                        })
                    }
                    _ => Some((
                        format!("{} is used in an entry without `for_each`", reference.text()),
                        "add `for_each: KIND` to the entry".to_owned(),
                    )),
                };
                if let Some((message, help)) = fault {
                    let span = self.span_of(want);
                    self.faults.push(Diagnostic::at("unknown-reference", span, message).help(help));
                }
            }
        }
    }

    /// Checks that every reference names a resource of the spec and an attribute of its kind.
    ///
    /// References that a kind creates (an alarm's `topic`) occur only in the models, so these are searched too.
    pub(super) fn check_references(&mut self, placed: &[Placed], wants: &[Want], named: &[Address]) {
        for (reference, span) in placed {
            if let Some(fault) = self.reference_fault(reference, named, wants) {
                self.faults.push(Diagnostic::at("unknown-reference", *span, fault.0).help(fault.1));
            }
        }
        for want in wants {
            for reference in reference::find(&want.model) {
                if placed.iter().any(|(known, _)| *known == reference) {
                    continue;
                }
                if let Some(fault) = self.reference_fault(&reference, named, wants) {
                    let span = self.span_of(want);
                    self.faults.push(Diagnostic::at("unknown-reference", span, fault.0).help(fault.1));
                }
            }
        }
        self.faults.0.dedup_by(|a, b| a.message == b.message && a.labels == b.labels);
    }

    fn span_of(&self, want: &Want) -> Span {
        let file = self.sources.files().iter().position(|file| file.path == want.at.file).unwrap_or(0);
        let start = crate::spec::tree::offset_of(&self.sources.get(file).text, want.at.line, want.at.column);
        Span { file, line: want.at.line, column: want.at.column, start, len: 1 }
    }

    fn reference_fault(&self, reference: &Reference, named: &[Address], wants: &[Want]) -> Option<(String, String)> {
        let text = reference.text();
        let (attributes, what): (&[&str], String) = match &reference.target {
            Target::Each => return None,
            Target::Vpc => (&["id", "cidr", "region"], "the VPC".to_owned()),
            Target::Resource(address) => {
                let Some(kind) = self.registry.get(&address.kind) else {
                    let near = self.registry.near(&address.kind);
                    let help = near.map_or_else(
                        || "see docs/kinds.md for the list of kinds".to_owned(),
                        |near| format!("did you mean {near}?"),
                    );
                    return Some((format!("{text}: unknown kind '{}'", address.kind), help));
                };
                // The names of copies and of a rule's resources are known only after the live resources are read.
                let expected = wants.iter().any(|want| !want.is_one() && want.may_make(address));
                if !named.contains(address) && !expected {
                    let names =
                        named.iter().filter(|known| known.kind == address.kind).map(|known| known.name.as_str());
                    let help = match did_you_mean(&address.name, names) {
                        Some(near) => format!("did you mean {}/{near}?", address.kind),
                        None => format!(
                            "add it under `{}:`; for a resource outside the specs write its ARN or id instead",
                            address.kind
                        ),
                    };
                    return Some((format!("the spec has no {address}"), help));
                }
                (kind.facts().attributes, address.kind.clone())
            }
        };
        (!attributes.contains(&reference.attribute.as_str())).then(|| {
            (
                format!("{text}: {what} has no attribute `{}`", reference.attribute),
                format!("use one of {}", attributes.join(", ")),
            )
        })
    }
}
