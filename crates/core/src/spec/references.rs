//! Checks that every reference of a spec leads to something that the spec has, and to a value that it gives.

use super::read::{Reader, Want};
use super::selector::Selector;
use super::suggest::did_you_mean;
use super::vars::Placed;
use crate::diagnostic::{Diagnostic, Span};
use crate::resource::address::Address;
use crate::resource::reference::{self, Reference, Target};
use serde_json::Value as Json;

impl Reader<'_> {
    /// `${each.…}` stands in entries with `for_each` alone, and names something that its kind gives.
    pub(super) fn check_each(&mut self, wants: &[Want]) {
        for want in wants {
            let mut used = reference::find(&want.model);
            used.extend(reference::find(&Json::String(want.address.name.clone())));
            for reference in used.into_iter().filter(|reference| reference.target == Target::Each) {
                let fault = match &want.stands {
                    Selector::ForEach(each) => {
                        let outputs = self.registry.get(&each.kind).map_or(&[][..], |kind| kind.facts().outputs);
                        let outputs = outputs.iter().copied().filter(|output| *output != "name");
                        let given: Vec<&str> = std::iter::once("name").chain(outputs).collect();
                        let known = given.contains(&reference.attribute.as_str());
                        (!known).then(|| {
                            let message =
                                format!("{}: a {} gives no '{}'", reference.text(), each.kind, reference.attribute);
                            (message, format!("it gives {}", given.join(", ")))
                        })
                    }
                    _ => Some((
                        format!("{} stands where there is no for_each", reference.text()),
                        "add for_each: KIND beside it".to_owned(),
                    )),
                };
                if let Some((message, help)) = fault {
                    let span = self.span_of(want);
                    self.faults.push(Diagnostic::at("unknown-reference", span, message).help(help));
                }
            }
        }
    }

    /// A reference must lead to something that the spec has, and to a value that it gives.
    ///
    /// References that a kind makes itself (an alarm's `topic`) are found in the models.
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
        let (outputs, what): (&[&str], String) = match &reference.target {
            Target::Each => return None,
            Target::Vpc => (&["id", "cidr", "region"], "the VPC".to_owned()),
            Target::Resource(address) => {
                let Some(kind) = self.registry.get(&address.kind) else {
                    let near = self.registry.near(&address.kind);
                    let help = near.map_or_else(
                        || "see the reference for the kinds".to_owned(),
                        |near| format!("did you mean {near}?"),
                    );
                    return Some((format!("{text} names no kind"), help));
                };
                // What is copied or made by a rule is known only when all is read.
                let expected = wants.iter().any(|want| !want.is_one() && want.may_make(address));
                if !named.contains(address) && !expected {
                    let names =
                        named.iter().filter(|known| known.kind == address.kind).map(|known| known.name.as_str());
                    let help = match did_you_mean(&address.name, names) {
                        Some(near) => format!("did you mean {}/{near}?", address.kind),
                        None => format!(
                            "add it under `{}:`; for something that exists elsewhere write its ARN or id instead",
                            address.kind
                        ),
                    };
                    return Some((format!("this spec has no {address}"), help));
                }
                (kind.facts().outputs, format!("a {}", address.kind))
            }
        };
        (!outputs.contains(&reference.attribute.as_str())).then(|| {
            (format!("{text}: {what} gives no '{}'", reference.attribute), format!("it gives {}", outputs.join(", ")))
        })
    }
}
