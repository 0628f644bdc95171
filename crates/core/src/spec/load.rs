// SPDX-License-Identifier: Apache-2.0
//! Reads a spec file and its includes, and merges them into one tree.
//!
//! The including file overrides its includes. Mappings are merged key by key; all other values are replaced; a key set
//! to `~` removes the key of the included file. Files are read through a function: this crate has no file access.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFiles, Span};
use crate::spec::tree::{self, Entry, Node, Value};

/// Returns the text of the file at a path, or the reason why it could not be read.
pub type ReadFile<'a> = dyn Fn(&str) -> Result<String, Unreadable> + 'a;

/// The reason why a spec file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// The file does not exist.
    Missing,
    /// The path is a directory.
    Directory,
    /// The file is larger than [`MAX_BYTES`].
    TooLarge,
    /// The file is not UTF-8. Contains the offset of the first invalid byte.
    NotUtf8(usize),
    /// Another error, with the operating system's message.
    Other(String),
}

/// The maximum size of a spec file in bytes: 8 MiB.
pub const MAX_BYTES: u64 = 8 << 20;

const MAX_INCLUDES: usize = 16;

/// Loads a spec file and its includes into one tree.
///
/// # Errors
/// Unreadable files, syntax errors and include cycles, each at the position of its `include`.
pub fn load(path: &str, read: &ReadFile<'_>, sources: &mut SourceFiles) -> Result<Node, Diagnostics> {
    Loader { read, sources, open: Vec::new() }.file(path, None)
}

struct Loader<'a> {
    read: &'a ReadFile<'a>,
    sources: &'a mut SourceFiles,
    open: Vec<String>,
}

impl Loader<'_> {
    fn file(&mut self, path: &str, from: Option<Span>) -> Result<Node, Diagnostics> {
        if let Some(at) = self.open.iter().position(|open| open == path) {
            let ring: Vec<_> = self.open[at..].iter().map(String::as_str).chain([path]).collect();
            let message = format!("include cycle: {}", ring.join(" → "));
            return Err(place(Diagnostic::new("include-cycle", message), from)
                .help("remove one of these includes")
                .into());
        }
        if self.open.len() > MAX_INCLUDES {
            return Err(place(Diagnostic::new("include-depth", "includes are nested too deeply"), from).into());
        }
        let text: Arc<str> =
            (self.read)(path).map_err(|error| Diagnostics::from(unreadable(path, &error, from)))?.into();
        let file = self.sources.add(path.to_owned(), Arc::clone(&text));
        let node = tree::parse(&text, file)?;
        if !matches!(node.value, Value::Map(_)) {
            return Err(not_a_spec(&node).into());
        }
        self.open.push(path.to_owned());
        let merged = self.includes(path, node);
        self.open.pop();
        merged
    }

    fn includes(&mut self, path: &str, mut node: Node) -> Result<Node, Diagnostics> {
        let Value::Map(entries) = &mut node.value else { return Ok(node) };
        let Some(at) = entries.iter().position(|entry| entry.key == "include") else { return Ok(node) };
        let include = entries.remove(at);
        let mut faults = Diagnostics::default();
        let mut merged: Option<Node> = None;
        for (included, span) in included_paths(&include, &mut faults) {
            match self.file(&beside(path, &included), Some(span)) {
                Ok(base) => merged = Some(merged.map_or(base.clone(), |earlier| overlay(earlier, base))),
                Err(more) => faults.0.extend(more.0),
            }
        }
        let result = merged.map_or_else(|| node.clone(), |base| overlay(base, node.clone()));
        faults.or(result)
    }
}

fn included_paths(include: &Entry, faults: &mut Diagnostics) -> Vec<(String, Span)> {
    let nodes: Vec<&Node> = match &include.value.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![&include.value],
    };
    let mut paths = Vec::new();
    for node in nodes {
        match &node.value {
            Value::Text(text) => paths.push((text.clone(), node.span)),
            other => faults.push(Diagnostic::at(
                "wrong-type",
                node.span,
                format!("expected the path of a file to include, found {}", other.describe()),
            )),
        }
    }
    paths
}

/// Resolves an included path relative to the file that includes it.
fn beside(path: &str, included: &str) -> String {
    if included.starts_with('/') {
        return included.to_owned();
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in included.split('/') {
        match part {
            "." | "" => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

fn overlay(base: Node, over: Node) -> Node {
    match (base.value, over.value) {
        (Value::Map(base_entries), Value::Map(over_entries)) => {
            let mut merged = base_entries;
            for entry in over_entries {
                match merged.iter().position(|earlier| earlier.key == entry.key) {
                    Some(at) if matches!(entry.value.value, Value::Null) => {
                        merged.remove(at);
                    }
                    Some(at) => {
                        let earlier = merged[at].value.clone();
                        merged[at] = Entry { value: overlay(earlier, entry.value), ..entry };
                    }
                    None => merged.push(entry),
                }
            }
            Node { value: Value::Map(merged), span: over.span }
        }
        (_, value) => Node { value, span: over.span },
    }
}

fn not_a_spec(node: &Node) -> Diagnostic {
    let message = match &node.value {
        Value::Null => "the file is empty".to_owned(),
        other => format!("expected a mapping of sections, found {}", other.describe()),
    };
    Diagnostic::at("not-a-spec", node.span, message)
        .help("start the spec like this:\nregion: eu-central-1\naccount: \"123456789012\"")
}

fn unreadable(path: &str, error: &Unreadable, from: Option<Span>) -> Diagnostic {
    let (message, help) = match error {
        Unreadable::Missing => (
            format!("file {path} does not exist"),
            "check the path; an `include` is relative to the file that contains it".to_owned(),
        ),
        Unreadable::Directory => {
            (format!("{path} is a directory"), format!("give a spec file in it, such as {path}/eu-central-1.yaml"))
        }
        Unreadable::TooLarge => (
            format!("{path} is larger than {} MiB, the maximum size of a spec", MAX_BYTES >> 20),
            "check that it is the right file".to_owned(),
        ),
        Unreadable::NotUtf8(offset) => (
            format!("{path} is not UTF-8: byte {offset} is invalid"),
            "save it as UTF-8; `file` prints its present encoding".to_owned(),
        ),
        Unreadable::Other(text) => (format!("{path} could not be read: {text}"), "check its permissions".to_owned()),
    };
    place(Diagnostic::new("unreadable-spec", message), from).help(help)
}

fn place(diagnostic: Diagnostic, from: Option<Span>) -> Diagnostic {
    match from {
        Some(span) => diagnostic.label(span, "included from here"),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Result<String, Unreadable> + 'a {
        move |path| {
            files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()).ok_or(Unreadable::Missing)
        }
    }

    #[test]
    fn the_including_file_overrides_and_mappings_are_merged() {
        let read = files(&[
            ("regions/a.yaml", "include: base.yaml\nx: {b: 2, c: ~}\n"),
            ("regions/base.yaml", "x: {a: 1, b: 1, c: 1}\ny: [1]\n"),
        ]);
        let mut sources = SourceFiles::default();
        let node = load("regions/a.yaml", &read, &mut sources).unwrap();
        let Value::Map(x) = &node.get("x").unwrap().value.value else { panic!("x is a mapping") };
        let keys: Vec<_> = x.iter().map(|entry| (entry.key.as_str(), entry.value.span.file)).collect();
        assert_eq!(keys, [("a", 1), ("b", 0)]);
        assert!(node.get("y").is_some());
    }

    #[test]
    fn an_include_cycle_is_reported_as_a_path() {
        let read = files(&[("a.yaml", "include: b.yaml\n"), ("b.yaml", "include: a.yaml\n")]);
        let faults = load("a.yaml", &read, &mut SourceFiles::default()).unwrap_err();
        assert_eq!(faults.0[0].message, "include cycle: a.yaml → b.yaml → a.yaml");
    }

    #[test]
    fn several_missing_includes_are_all_reported() {
        let read = files(&[("d/a.yaml", "include: [b.yaml, ../c.yaml]\n")]);
        let faults = load("d/a.yaml", &read, &mut SourceFiles::default()).unwrap_err();
        let messages: Vec<_> = faults.0.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(messages, ["file d/b.yaml does not exist", "file c.yaml does not exist"]);
    }
}
