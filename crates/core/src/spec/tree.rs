// SPDX-License-Identifier: Apache-2.0
//! Parses a YAML document into a tree of nodes with positions. Only this module uses the YAML library.
//!
//! It accepts one document of scalars, lists and mappings. It rejects tags, several documents and documents over the
//! size limits, and reports every duplicate key with both positions.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Options, Spanned};

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::resource::setting::UNSET;

/// A value with its position.
#[derive(Debug, Clone)]
pub struct Node {
    /// The scalar, list or mapping. An alias is replaced by the value of its anchor.
    pub value: Value,
    /// Where the file has the value. For an alias this is the alias, not its anchor.
    pub span: Span,
}

/// The value of a node.
#[derive(Debug, Clone)]
pub enum Value {
    /// `~`, `null` or no value.
    Null,
    /// `true` or `false`. `yes` and `no` are texts.
    Bool(bool),
    /// A whole number of 64 bits with a sign. A larger one is a text.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// The plain word `unset`. In quotes it is a text.
    Unset,
    /// Any other scalar.
    Text(String),
    /// A sequence, in block or flow style.
    List(Vec<Node>),
    /// A mapping, in the file's order.
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key, without quotes.
    pub key: String,
    /// The key's position.
    pub span: Span,
    /// The value. [`Value::Null`] for a key without a value.
    pub value: Node,
}

impl Value {
    /// Returns a description for error messages, such as `the number 5` or `a list`.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Int(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Unset => format!("`{UNSET}`"),
            Self::Text(value) => format!("the text '{}'", shorten(value)),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }
}

fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 40 || line.len() < text.trim_end().len() {
        format!("{}…", line.chars().take(40).collect::<String>())
    } else {
        line.to_owned()
    }
}

impl Node {
    /// Returns the entry with this key, if the node is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Returns the position of the node at a path such as `ingress[2].from`, or of its nearest existing parent. A key may
    /// contain periods: of several keys that begin the path, the longest is meant.
    pub fn locate(&self, path: &str) -> Span {
        let (mut node, mut rest) = (self, path.trim_start_matches('['));
        while !rest.is_empty() {
            let next = match &node.value {
                Value::List(items) => {
                    let end = rest.find(['.', '[']).unwrap_or(rest.len());
                    let index = rest[..end].trim_end_matches(']').parse::<usize>().ok();
                    index.and_then(|index| items.get(index)).map(|item| (item, end))
                }
                Value::Map(entries) => {
                    let begins = |key: &str| {
                        rest.strip_prefix(key).is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
                    };
                    let found = entries.iter().filter(|entry| begins(&entry.key)).max_by_key(|entry| entry.key.len());
                    found.map(|entry| (&entry.value, entry.key.len()))
                }
                _ => None,
            };
            let Some((found, end)) = next else { break };
            node = found;
            rest = rest[end..].trim_start_matches(['.', '[']);
        }
        node.span
    }
}

/// Parses the text of one spec file. `file` is its number in [`SourceFiles`](crate::diagnostic::SourceFiles).
///
/// # Errors
/// The first syntax error, all duplicate keys, or a document over the size limits.
pub fn parse(text: &str, file: usize) -> Result<Node, Diagnostics> {
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| Diagnostics::from(syntax_error(&error, text, file)))?;
    let mut faults = Diagnostics::default();
    let node = convert(raw, text, file, &mut faults);
    faults.or(node)
}

/// Limits a document to 250,000 nodes and 8 MiB of text. The nodes of an alias count each time it is used, so nested
/// aliases are rejected before they use much memory.
fn options() -> Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_nodes: 250_000,
            max_depth: 64,
            max_total_scalar_bytes: 8 << 20,
        },
    }
}

fn syntax_error(error: &serde_saphyr::Error, text: &str, file: usize) -> Diagnostic {
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full).to_owned();
    if full.contains("budget") || full.contains("alias") {
        return Diagnostic::new("spec-too-large", "the file has more than 250,000 values, or is nested too deeply")
            .help("split it, or use fewer aliases: an alias counts each time it is used");
    }
    if full.contains("multiple YAML documents") {
        let span = error.location().map_or(start(file), |location| span(location, text, file));
        return Diagnostic::at("invalid-yaml", span, "a second YAML document starts here; a spec file has one")
            .help("write one file for each region");
    }
    let location = error.location().filter(|location| location.line() > 0);
    let span = location.map_or(start(file), |location| span(location, text, file));
    let fault = Diagnostic::at("invalid-yaml", span, format!("not valid YAML: {message}"));
    let line = text.lines().nth(span.line.saturating_sub(1) as usize).unwrap_or_default();
    if full.contains("flow") && line.contains("${") {
        return fault.help("quote a text with ${…} inside {…} and […]: \"…-${region}\"");
    }
    fault
}

/// Returns a tree as JSON, without positions. `unset` becomes a text.
pub fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Unset => UNSET.into(),
        Value::Text(value) => value.as_str().into(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => {
            serde_json::Value::Object(entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value))).collect())
        }
    }
}

/// Returns the position of the start of a file.
pub fn start(file: usize) -> Span {
    Span { file, line: 1, column: 1, start: 0, len: 0 }
}

fn span(location: Location, text: &str, file: usize) -> Span {
    let (line, column) = (u32::try_from(location.line()).unwrap_or(1), u32::try_from(location.column()).unwrap_or(1));
    let start = location
        .span()
        .byte_offset()
        .and_then(|offset| usize::try_from(offset).ok())
        .unwrap_or_else(|| offset_of(text, line, column));
    let len = location.span().byte_len().and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
    Span { file, line, column, start: start.min(text.len()), len: len.min(text.len().saturating_sub(start)) }
}

/// Returns the byte offset of a line and a column (in characters), both from 1.
pub fn offset_of(text: &str, line: u32, column: u32) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1) as usize).map(str::len).sum();
    let rest = &text[line_start.min(text.len())..];
    let within: usize = rest.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
    line_start + within
}

fn convert(raw: Spanned<Raw>, text: &str, file: usize, faults: &mut Diagnostics) -> Node {
    let span_of = |location| span(location, text, file);
    let node_span = span_of(raw.referenced);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Int(value) => Value::Int(value),
        Raw::Float(value) => Value::Float(value),
        // The library does not report whether a scalar is quoted, so the file is checked.
        Raw::Text(value) if value == UNSET && text[span_of(raw.defined).start..].starts_with(UNSET) => Value::Unset,
        Raw::Text(value) => Value::Text(value),
        Raw::List(items) => Value::List(items.into_iter().map(|item| convert(item, text, file, faults)).collect()),
        Raw::Map(pairs) => {
            let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
            for (key, value) in pairs {
                let span = span_of(key.referenced);
                let entry = Entry { key: key.value, span, value: convert(value, text, file, faults) };
                match entries.iter().find(|earlier| earlier.key == entry.key) {
                    Some(earlier) => faults.push(duplicate("duplicate-key", &entry.key, earlier.span, span)),
                    None => entries.push(entry),
                }
            }
            Value::Map(entries)
        }
    };
    Node { value, span: node_span }
}

/// Creates the diagnostic for a duplicate key.
pub fn duplicate(code: &'static str, key: &str, first: Span, second: Span) -> Diagnostic {
    let message = match code {
        "duplicate-resource" => format!("two keys are '{key}' after variables are filled in"),
        _ => format!("duplicate key '{key}'"),
    };
    Diagnostic::new(code, message)
        .label(second, "duplicate")
        .label(first, "first definition")
        .help("remove one of them")
}

/// A YAML value as the library deserializes it.
enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(i64::try_from(value).map_or_else(|_| Raw::Text(value.to_string()), Raw::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_periods_have_positions() {
        let node = parse("records:\n  a.b: {ttl: 1}\n  a.b.c A:\n    ttl: 2\n", 0).unwrap();
        for (path, at) in [("records.a.b.c A.ttl", (4, 10)), ("records.a.b.ttl", (2, 14)), ("records.a.b.no", (2, 8))] {
            let span = node.locate(path);
            assert_eq!((span.line, span.column), at, "{path}");
        }
    }

    #[test]
    fn every_node_has_its_position() {
        let node = parse("a: 1\nb:\n  - x\n  - c: 012345678901\n", 0).unwrap();
        let span = node.locate("b[1].c");
        assert_eq!((span.line, span.column, span.len), (4, 8, 12));
        assert!(matches!(&node.get("b").unwrap().value.value, Value::List(items) if items.len() == 2));
    }

    #[test]
    fn each_duplicate_key_is_reported_with_both_positions() {
        let faults = parse("a: 1\nb: 2\na: 3\nb: 4\n", 0).unwrap_err().0;
        let lines: Vec<_> = faults.iter().map(|fault| (fault.labels[0].0.line, fault.labels[1].0.line)).collect();
        assert_eq!(lines, [(3, 1), (4, 2)]);
    }

    #[test]
    fn account_ids_and_no_are_texts() {
        let node = parse("account: 012345678901\nanswer: no\n", 0).unwrap();
        assert!(matches!(&node.get("account").unwrap().value.value, Value::Text(text) if text == "012345678901"));
        assert!(matches!(&node.get("answer").unwrap().value.value, Value::Text(text) if text == "no"));
    }

    #[test]
    fn only_the_unquoted_word_is_unset() {
        let node = parse("a: unset\nb: \"unset\"\nc: &x unset\nd: *x\ne: 'unset'\nf: [unset]\n", 0).unwrap();
        let is_unset = |key: &str| matches!(node.get(key).unwrap().value.value, Value::Unset);
        assert_eq!(["a", "b", "c", "d", "e"].map(is_unset), [true, false, true, true, false]);
        let Value::List(items) = &node.get("f").unwrap().value.value else { panic!("f is a list") };
        assert!(matches!(items[0].value, Value::Unset));
    }

    #[test]
    fn an_alias_bomb_exceeds_the_limit() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb = format!("{bomb}a{level}: &a{level} [{inner}]\n");
        }
        assert_eq!(parse(&bomb, 0).unwrap_err().0[0].code, "spec-too-large");
    }
}
