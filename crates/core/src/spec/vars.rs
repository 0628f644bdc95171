// SPDX-License-Identifier: Apache-2.0
//! Variables: `${name}` in values and in mapping keys, replaced before a kind decodes the text.
//!
//! The built-in variables are `region`, `Region` (title form), `RegionId` (title form without underscores, which are
//! invalid in a Sid), `account` and `partition`. A spec defines more under `vars`; these may use each other. References
//! (`${kind/name.attribute}`, `${vpc.id}`) are not variables: they remain, and are returned with their positions.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFiles, Span};
use crate::resource::reference::{Piece, Reference, pieces};
use crate::spec::suggest::did_you_mean;
use crate::spec::tree::{self, Entry, Node, Value};

/// A reference to a resource and its position.
pub type Placed = (Reference, Span);

/// The variables of a spec, and the faults and references found while replacing them.
pub struct Variables<'a> {
    known: BTreeMap<String, Node>,
    own: BTreeMap<String, Node>,
    open: Vec<String>,
    sources: &'a SourceFiles,
    /// Faults found so far.
    pub faults: Diagnostics,
    /// References found so far.
    pub references: Vec<Placed>,
}

impl<'a> Variables<'a> {
    /// Creates the set of variables. The spec's own may contain variables themselves.
    pub fn new(built_in: BTreeMap<String, Node>, own: BTreeMap<String, Node>, sources: &'a SourceFiles) -> Self {
        Self { known: built_in, own, open: Vec::new(), sources, faults: Diagnostics::default(), references: Vec::new() }
    }

    /// Returns the node with every variable replaced by its value.
    pub fn fill(&mut self, node: &Node) -> Node {
        let value = match &node.value {
            Value::Text(text) => return self.text(text, node.span),
            Value::List(items) => Value::List(items.iter().map(|item| self.fill(item)).collect()),
            Value::Map(entries) => Value::Map(self.entries(entries)),
            other => other.clone(),
        };
        Node { value, span: node.span }
    }

    fn entries(&mut self, entries: &[Entry]) -> Vec<Entry> {
        let mut filled: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = match self.text(&entry.key, entry.span).value {
                Value::Text(text) => text,
                Value::Int(number) => number.to_string(),
                other => {
                    let message = format!("expected a text for the key '{}', found {}", entry.key, other.describe());
                    self.faults.push(Diagnostic::at("wrong-type", entry.span, message));
                    continue;
                }
            };
            let entry = Entry { key, span: entry.span, value: self.fill(&entry.value) };
            match filled.iter().find(|earlier| earlier.key == entry.key) {
                Some(earlier) => {
                    self.faults.push(tree::duplicate("duplicate-resource", &entry.key, earlier.span, entry.span));
                }
                None => filled.push(entry),
            }
        }
        filled
    }

    fn text(&mut self, text: &str, span: Span) -> Node {
        if !text.contains("${") {
            return Node { value: Value::Text(text.to_owned()), span };
        }
        let parts = pieces(text);
        if let [Piece::Braced(name)] = parts.as_slice()
            && !name.contains('$')
            && let Some(node) = self.lookup(name, span)
        {
            return Node { value: node.value, span };
        }
        let mut filled = String::new();
        for part in parts {
            match part {
                Piece::Plain(plain) => filled.push_str(plain),
                Piece::Escaped => filled.push_str("${"),
                Piece::Braced(inside) => filled.push_str(&self.braced(inside, span)),
                Piece::Open(rest) => {
                    let at = self.sources.narrow(span, rest.lines().next().unwrap_or(rest));
                    self.faults.push(
                        Diagnostic::at("unknown-variable", at, "`${` has no closing `}`")
                            .help("add the `}`, or write `$${` for a literal `${`"),
                    );
                }
            }
        }
        Node { value: Value::Text(filled), span }
    }

    fn braced(&mut self, inside: &str, span: Span) -> String {
        let inner = match self.text(inside, span).value {
            Value::Text(text) => text,
            other => scalar(&other).unwrap_or_default(),
        };
        if let Some(reference) = Reference::parse(&inner) {
            let text = reference.text();
            self.references.push((reference, self.sources.narrow(span, &format!("${{{inside}}}"))));
            return text;
        }
        if inner.contains(':') {
            return format!("${{{inner}}}"); // an IAM policy variable such as ${aws:username}
        }
        let Some(node) = self.lookup(&inner, span) else {
            self.unknown(&inner, span);
            return String::new();
        };
        scalar(&node.value).unwrap_or_else(|| {
            let at = self.sources.narrow(span, &format!("${{{inner}}}"));
            let message = format!("variable '{inner}' is {}, which cannot be part of a text", node.value.describe());
            self.faults.push(Diagnostic::at("wrong-type", at, message));
            String::new()
        })
    }

    fn lookup(&mut self, name: &str, span: Span) -> Option<Node> {
        if let Some(node) = self.known.get(name) {
            return Some(node.clone());
        }
        let own = self.own.get(name)?.clone();
        if let Some(at) = self.open.iter().position(|open| open == name) {
            let ring: Vec<_> = self.open[at..].iter().map(String::as_str).chain([name]).collect();
            let message = format!("variable cycle: {}", ring.join(" → "));
            self.faults.push(Diagnostic::at("variable-cycle", span, message));
            return Some(Node { value: Value::Text(String::new()), span });
        }
        self.open.push(name.to_owned());
        let filled = self.fill(&own);
        self.open.pop();
        self.known.insert(name.to_owned(), filled.clone());
        Some(filled)
    }

    fn unknown(&mut self, name: &str, span: Span) {
        let at = self.sources.narrow(span, &format!("${{{name}}}"));
        let names: Vec<&str> = self.known.keys().chain(self.own.keys()).map(String::as_str).collect();
        let mut fault = Diagnostic::at("unknown-variable", at, format!("unknown variable '{name}'"));
        fault = match did_you_mean(name, names.iter().copied()) {
            Some(near) => fault.help(format!("did you mean ${{{near}}}?")),
            None => fault.help(format!("define it under `vars:`, or use one of {}", names.join(", "))),
        };
        self.faults.push(fault);
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Unset | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> (Node, Vec<String>, Vec<Placed>) {
        let mut sources = SourceFiles::default();
        let file = sources.add("a.yaml".into(), text.into());
        let tree = tree::parse(text, file).unwrap();
        let own = match tree.get("vars").map(|entry| &entry.value.value) {
            Some(Value::Map(entries)) => entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect(),
            _ => BTreeMap::new(),
        };
        let region = Node { value: Value::Text("eu-central-1".into()), span: tree::start(0) };
        let mut variables = Variables::new(BTreeMap::from([("region".into(), region)]), own, &sources);
        let node = variables.fill(&tree.get("x").unwrap().value);
        (node, variables.faults.0.iter().map(|fault| fault.message.clone()).collect(), variables.references)
    }

    #[test]
    fn variables_are_replaced_in_keys_and_values_and_may_use_each_other() {
        let (node, faults, _) = fill("vars: {a: 'x-${b}', b: '${region}'}\nx: {'k-${a}': '${a}!'}\n");
        assert!(faults.is_empty());
        let entry = node.get("k-x-eu-central-1").unwrap();
        assert!(matches!(&entry.value.value, Value::Text(text) if text == "x-eu-central-1!"));
    }

    #[test]
    fn a_value_that_is_one_variable_keeps_the_type_of_the_variable() {
        let (node, ..) = fill("vars: {port: 5432}\nx: ${port}\n");
        assert!(matches!(node.value, Value::Int(5432)));
    }

    #[test]
    fn keys_that_are_equal_after_replacement_are_a_duplicate_resource() {
        let (_, faults, _) = fill("x: {'a-${region}': 1, a-eu-central-1: 2}\n");
        assert_eq!(faults, ["two keys are 'a-eu-central-1' after variables are filled in"]);
    }

    #[test]
    fn references_and_iam_policy_variables_are_not_replaced() {
        let (node, faults, references) = fill("x: '${s3.bucket/b-${region}.arn} ${aws:username} $${region}'\n");
        assert!(faults.is_empty());
        let expected = "${s3.bucket/b-eu-central-1.arn} ${aws:username} ${region}";
        assert!(matches!(&node.value, Value::Text(text) if text == expected));
        assert_eq!(references.len(), 1);
    }

    #[test]
    fn an_unknown_variable_is_reported() {
        let (_, faults, _) = fill("x: 'a ${regoin}'\n");
        assert_eq!(faults, ["unknown variable 'regoin'"]);
    }

    #[test]
    fn a_variable_cycle_is_reported_as_a_path() {
        let (_, faults, _) = fill("vars: {a: '${b}', b: '${a}'}\nx: '${a}'\n");
        assert_eq!(faults, ["variable cycle: a → b → a"]);
    }
}
