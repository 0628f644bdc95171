//! What an entry of a section stands for: one resource, every live one, every one of a source, or one
//! for each resource of some kind; and the source that it follows.
//!
//! These are words of every kind (`like`, `copy`, `except`, `rewrite`, `for_each`), taken out of an
//! entry before the kind sees it.

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::kind::{Facts, Registry};
use crate::model::pattern;
use crate::spec::names;
use crate::spec::tree::{Entry, Node, Value};

/// What an entry stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The resource of its name.
    One,
    /// Every live resource that its name matches.
    EveryLive,
    /// Every resource of the source that its name matches.
    EveryOfSource,
    /// One resource for each of a kind; `${each.name}` in its name is that one's name.
    ForEach(Each),
}

/// What a `for_each` goes over: what the spec wants of a kind, and what is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Each {
    /// The kind.
    pub kind: String,
    /// The pattern that names must match.
    pub matching: String,
    /// Patterns of names that are left out.
    pub except: Vec<String>,
}

impl Each {
    /// Says whether a resource of this name is gone over.
    pub fn covers(&self, name: &str) -> bool {
        pattern::matches(&self.matching, name) && !self.except.iter().any(|except| pattern::matches(except, name))
    }
}

/// A live resource of another region (or of this one) that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its region.
    pub region: String,
    /// Its name; for a copy the pattern that names must match.
    pub name: String,
    /// Patterns of names that are not copied.
    pub except: Vec<String>,
    /// What is written anew in every text that is taken over: from, to.
    pub rewrite: Vec<(String, String)>,
}

impl Source {
    /// Says whether a copy takes a resource of this name.
    pub fn covers(&self, name: &str) -> bool {
        pattern::matches(&self.name, name) && !self.except.iter().any(|except| pattern::matches(except, name))
    }
}

/// Every kind's words, as the schema has them too.
pub const WORDS: [&str; 5] = ["like", "copy", "except", "rewrite", "for_each"];

/// Takes the words out of an entry's node and says what it stands for.
pub fn take(
    entry: &Entry,
    node: &mut Node,
    facts: &Facts,
    registry: Registry,
    faults: &mut Diagnostics,
) -> (Selector, Option<Source>) {
    let mut words: Vec<Entry> = Vec::new();
    if let Value::Map(entries) = &mut node.value {
        let (found, rest) = entries.drain(..).partition(|entry| WORDS.contains(&entry.key.as_str()));
        words = found;
        *entries = rest;
    }
    let mut reader = Reader { entry, words, facts, registry, faults };
    let each = reader.each();
    let source = reader.source(each.is_some());
    let stands = match each {
        Some(each) => Selector::ForEach(each),
        None if reader.word("copy").is_some() => Selector::EveryOfSource,
        None if facts.patterns && pattern::is_pattern(&entry.key) => Selector::EveryLive,
        None => Selector::One,
    };
    (stands, source)
}

struct Reader<'a> {
    entry: &'a Entry,
    words: Vec<Entry>,
    facts: &'a Facts,
    registry: Registry,
    faults: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn word(&self, word: &str) -> Option<Entry> {
        self.words.iter().find(|entry| entry.key == word).cloned()
    }

    fn fault(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Diagnostic::at("invalid-value", span, message).help(help));
    }

    fn each(&mut self) -> Option<Each> {
        let word = self.word("for_each")?;
        let help = "write for_each: lambda.function, or for_each: {kind: lambda.function, matching: \"api-*\"}";
        let mut each = Each { kind: String::new(), matching: "*".to_owned(), except: self.texts("except") };
        let mut at = word.value.span;
        match &word.value.value {
            Value::Text(kind) => each.kind.clone_from(kind),
            Value::Map(entries) => {
                for part in entries {
                    match (part.key.as_str(), &part.value.value) {
                        ("kind", Value::Text(kind)) => {
                            at = part.value.span;
                            each.kind.clone_from(kind);
                        }
                        ("matching", Value::Text(pattern)) => each.matching.clone_from(pattern),
                        _ => self.fault(part.span, format!("'{}' is not understood here", part.key), help),
                    }
                }
            }
            other => self.fault(at, format!("expected a kind, found {}", other.describe()), help),
        }
        if !self.entry.key.contains("${each.") {
            let message = "each of these would have the same name";
            self.fault(self.entry.span, message, "put ${each.name} into the name");
        }
        match self.registry.get(&each.kind) {
            Some(kind) if kind.facts().lists => Some(each),
            Some(_) => {
                let message = format!("regionctl cannot list every {} of a region", each.kind);
                let kinds = self.listed();
                self.fault(at, message, format!("for_each goes over {kinds}"));
                None
            }
            None if each.kind.is_empty() => None,
            None => {
                let help = match self.registry.near(&each.kind) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("for_each goes over {}", self.listed()),
                };
                self.fault(at, format!("there is no kind '{}'", each.kind), help);
                None
            }
        }
    }

    fn listed(&self) -> String {
        let kinds = self.registry.0.iter().map(|kind| kind.facts()).filter(|facts| facts.lists);
        kinds.map(|facts| facts.name).collect::<Vec<_>>().join(", ")
    }

    fn source(&mut self, has_each: bool) -> Option<Source> {
        let (like, copy) = (self.word("like"), self.word("copy"));
        let word = match (&like, &copy) {
            (None, None) => {
                for word in ["except", "rewrite"] {
                    let stray = self.word(word).filter(|_| !(has_each && word == "except"));
                    if let Some(stray) = stray {
                        let message = format!("`{word}` says how something is copied, and nothing is");
                        self.fault(stray.span, message, "it goes with `copy` or `like`");
                    }
                }
                return None;
            }
            (Some(_), Some(copy)) => {
                self.fault(copy.span, "`like` and `copy` together", "keep one: `like` follows one, `copy` all");
                return None;
            }
            (Some(word), None) | (None, Some(word)) => word.clone(),
        };
        if !self.facts.follows || has_each {
            let message = format!("a {} cannot follow another one here", self.facts.name);
            self.fault(word.span, message, "state its settings instead");
            return None;
        }
        let Value::Text(text) = &word.value.value else {
            let message = format!("expected a text, found {}", word.value.value.describe());
            self.fault(word.value.span, message, "like: us-east-1/NAME, or copy: us-east-1");
            return None;
        };
        let (region, name) = match (&like, text.split_once('/')) {
            (Some(_), Some((region, name))) if !name.is_empty() => (region, name.to_owned()),
            (None, None) => (text.as_str(), self.entry.key.clone()),
            (Some(_), _) => {
                self.fault(word.value.span, format!("'{text}' names no resource"), "write like: REGION/NAME");
                return None;
            }
            (None, Some(_)) => {
                let help = "write copy: REGION; which ones, the entry's own name says: \"*\" is all";
                self.fault(word.value.span, format!("'{text}' is not a region"), help);
                return None;
            }
        };
        if !names::is_region(region) {
            let message = format!("'{region}' does not have the shape of a region's code");
            self.fault(word.value.span, message, "one looks like us-east-1");
            return None;
        }
        let region = region.to_owned();
        Some(Source { region, name, except: self.texts("except"), rewrite: self.rewrite() })
    }

    fn texts(&mut self, word: &str) -> Vec<String> {
        let Some(word) = self.word(word) else { return Vec::new() };
        let items = match &word.value.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![&word.value],
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => texts.push(text.clone()),
                other => {
                    let message = format!("expected a name or a pattern, found {}", other.describe());
                    self.fault(item.span, message, "such as [canary-*, tmp]");
                }
            }
        }
        texts
    }

    fn rewrite(&mut self) -> Vec<(String, String)> {
        let Some(word) = self.word("rewrite") else { return Vec::new() };
        let help = "such as rewrite: {us-east-1: \"${region}\"}";
        let Value::Map(entries) = &word.value.value else {
            let message = format!("expected a mapping of texts, found {}", word.value.value.describe());
            self.fault(word.value.span, message, help);
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
        // The longest first, so that one text that holds another is not torn apart.
        pairs.sort_by(|a, b| (b.0.len(), &a.0).cmp(&(a.0.len(), &b.0)));
        pairs
    }
}
