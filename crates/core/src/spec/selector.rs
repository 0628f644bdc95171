// SPDX-License-Identifier: Apache-2.0
//! Reads which resources an entry matches (one, every live one, every one of a source, or one for each resource of a
//! kind) and the source that it copies.
//!
//! The fields `like`, `copy`, `except`, `rewrite` and `for_each` belong to every kind. They are removed from an entry
//! before the kind decodes it.

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::kind::{Facts, Registry};
use crate::model::pattern;
use crate::spec::names;
use crate::spec::tree::{Entry, Node, Value};

/// Which resources an entry matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The resource with the entry's name.
    One,
    /// Every live resource that the entry's name, a pattern, matches.
    EveryLive,
    /// Every resource of the source region that the entry's name matches (`copy`).
    EveryOfSource,
    /// One resource for each resource of a kind (`for_each`), whose name replaces `${each.name}`.
    ForEach(Each),
}

/// What a `for_each` iterates over: the desired and the live resources of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Each {
    /// The kind over whose resources the rule iterates: `lambda.function`.
    pub kind: String,
    /// The pattern that their names must match.
    pub matching: String,
    /// Patterns of names that are excluded.
    pub except: Vec<String>,
}

impl Each {
    /// Returns whether the rule includes a resource with this name.
    pub fn covers(&self, name: &str) -> bool {
        pattern::matches(&self.matching, name) && !self.except.iter().any(|except| pattern::matches(except, name))
    }
}

/// The live resource or resources that an entry copies, in another region or in the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The region code of the source.
    pub region: String,
    /// The source's name; for `copy` the pattern that names must match.
    pub name: String,
    /// Patterns of names that are not copied.
    pub except: Vec<String>,
    /// Replacements in every copied text, as pairs of old and new text; the longest old text is first.
    pub rewrite: Vec<(String, String)>,
}

impl Source {
    /// Returns whether a copy includes a source resource with this name.
    pub fn covers(&self, name: &str) -> bool {
        pattern::matches(&self.name, name) && !self.except.iter().any(|except| pattern::matches(except, name))
    }
}

/// The fields that every kind has; the schema lists the same.
pub const COMMON_FIELDS: [&str; 5] = ["like", "copy", "except", "rewrite", "for_each"];

/// Removes the fields of [`COMMON_FIELDS`] from an entry's node and returns the selector and source that they state.
pub fn take(
    entry: &Entry,
    node: &mut Node,
    facts: &Facts,
    registry: Registry,
    faults: &mut Diagnostics,
) -> (Selector, Option<Source>) {
    let mut stated: Vec<Entry> = Vec::new();
    if let Value::Map(entries) = &mut node.value {
        let (found, rest) = entries.drain(..).partition(|entry| COMMON_FIELDS.contains(&entry.key.as_str()));
        stated = found;
        *entries = rest;
    }
    let mut reader = SelectorReader { entry, stated, facts, registry, faults };
    let each = reader.each();
    let source = reader.source(each.is_some());
    let selector = match each {
        Some(each) => Selector::ForEach(each),
        None if reader.field("copy").is_some() => Selector::EveryOfSource,
        None if facts.patterns && pattern::is_pattern(&entry.key) => Selector::EveryLive,
        None => Selector::One,
    };
    (selector, source)
}

struct SelectorReader<'a> {
    entry: &'a Entry,
    stated: Vec<Entry>,
    facts: &'a Facts,
    registry: Registry,
    faults: &'a mut Diagnostics,
}

impl SelectorReader<'_> {
    fn field(&self, name: &str) -> Option<Entry> {
        self.stated.iter().find(|entry| entry.key == name).cloned()
    }

    fn fault(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Diagnostic::at("invalid-value", span, message).help(help));
    }

    fn each(&mut self) -> Option<Each> {
        let field = self.field("for_each")?;
        let help = "write for_each: lambda.function, or for_each: {kind: lambda.function, matching: \"api-*\"}";
        let mut each = Each { kind: String::new(), matching: "*".to_owned(), except: self.texts("except") };
        let mut at = field.value.span;
        match &field.value.value {
            Value::Text(kind) => each.kind.clone_from(kind),
            Value::Map(entries) => {
                for part in entries {
                    match (part.key.as_str(), &part.value.value) {
                        ("kind", Value::Text(kind)) => {
                            at = part.value.span;
                            each.kind.clone_from(kind);
                        }
                        ("matching", Value::Text(pattern)) => each.matching.clone_from(pattern),
                        _ => self.fault(part.span, format!("invalid field '{}' of `for_each`", part.key), help),
                    }
                }
            }
            other => self.fault(at, format!("expected a kind, found {}", other.describe()), help),
        }
        if !self.entry.key.contains("${each.") {
            let message = "all resources of this rule would have the same name";
            self.fault(self.entry.span, message, "add ${each.name} to the name");
        }
        match self.registry.get(&each.kind) {
            Some(kind) if kind.facts().lists => Some(each),
            Some(_) => {
                let message = format!("`for_each` is not supported for {}", each.kind);
                let kinds = self.listed();
                self.fault(at, message, format!("use one of {kinds}"));
                None
            }
            None if each.kind.is_empty() => None,
            None => {
                let help = match self.registry.near(&each.kind) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("use one of {}", self.listed()),
                };
                self.fault(at, format!("unknown kind '{}'", each.kind), help);
                None
            }
        }
    }

    fn listed(&self) -> String {
        let kinds = self.registry.0.iter().map(|kind| kind.facts()).filter(|facts| facts.lists);
        kinds.map(|facts| facts.name).collect::<Vec<_>>().join(", ")
    }

    fn source(&mut self, has_each: bool) -> Option<Source> {
        let (like, copy) = (self.field("like"), self.field("copy"));
        let field = match (&like, &copy) {
            (None, None) => {
                for name in ["except", "rewrite"] {
                    let stray = self.field(name).filter(|_| !(has_each && name == "except"));
                    if let Some(stray) = stray {
                        let message = format!("`{name}` has no effect without `copy` or `like`");
                        self.fault(stray.span, message, format!("remove `{name}`, or add `copy: REGION`"));
                    }
                }
                return None;
            }
            (Some(_), Some(copy)) => {
                self.fault(
                    copy.span,
                    "an entry cannot have both `like` and `copy`",
                    "keep one: `like` copies one resource, `copy` all that match",
                );
                return None;
            }
            (Some(field), None) | (None, Some(field)) => field.clone(),
        };
        if !self.facts.follows || has_each {
            let message = if has_each {
                format!("`{}` is not supported together with `for_each`", field.key)
            } else {
                format!("`{}` is not supported for {}", field.key, self.facts.name)
            };
            self.fault(field.span, message, "state the settings instead");
            return None;
        }
        let Value::Text(text) = &field.value.value else {
            let message = format!("expected a text, found {}", field.value.value.describe());
            self.fault(field.value.span, message, "write like: us-east-1/NAME, or copy: us-east-1");
            return None;
        };
        let (region, name) = match (&like, text.split_once('/')) {
            (Some(_), Some((region, name))) if !name.is_empty() => (region, name.to_owned()),
            (None, None) => (text.as_str(), self.entry.key.clone()),
            (Some(_), _) => {
                self.fault(field.value.span, format!("'{text}' is not a resource"), "write like: REGION/NAME");
                return None;
            }
            (None, Some(_)) => {
                let help = "write copy: REGION; the entry's name selects the resources, \"*\" all of them";
                self.fault(field.value.span, format!("'{text}' is not a region code"), help);
                return None;
            }
        };
        if !names::is_region(region) {
            let message = format!("'{region}' is not a region code");
            self.fault(field.value.span, message, "write a code such as us-east-1");
            return None;
        }
        let region = region.to_owned();
        Some(Source { region, name, except: self.texts("except"), rewrite: self.rewrite() })
    }

    fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(field) = self.field(name) else { return Vec::new() };
        let items = match &field.value.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![&field.value],
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => texts.push(text.clone()),
                other => {
                    let message = format!("expected a name or a pattern, found {}", other.describe());
                    self.fault(item.span, message, "write names or patterns, such as [canary-*, tmp]");
                }
            }
        }
        texts
    }

    fn rewrite(&mut self) -> Vec<(String, String)> {
        let Some(field) = self.field("rewrite") else { return Vec::new() };
        let help = "write old and new texts, such as rewrite: {us-east-1: \"${region}\"}";
        let Value::Map(entries) = &field.value.value else {
            let message = format!("expected a mapping of texts, found {}", field.value.value.describe());
            self.fault(field.value.span, message, help);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for entry in entries {
            match &entry.value.value {
                Value::Text(to) if !entry.key.is_empty() => pairs.push((entry.key.clone(), to.clone())),
                other => {
                    self.fault(entry.value.span, format!("expected a text, found {}", other.describe()), help);
                }
            }
        }
        // The longest text first: a shorter one that it contains must not match inside it.
        pairs.sort_by(|a, b| (b.0.len(), &a.0).cmp(&(a.0.len(), &b.0)));
        pairs
    }
}
