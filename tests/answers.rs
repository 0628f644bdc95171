// SPDX-License-Identifier: Apache-2.0
//! Every member of AWS's answers has a row in its kind's `answers.yaml`, and docs/coverage.md is generated from
//! these tables.
//!
//! `tests/answers.py` reads the tables and AWS's service models. This file gives it the registry.

use std::collections::BTreeMap;
use std::fs;

use regionctl_aws::kinds::REGISTRY;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{assert_up_to_date, root, run_python, sources};

/// Writes the kinds, their read operations and their models' fields to a file, and returns its path.
fn write_kinds(folder: &TempDir) -> String {
    let fields_by_kind = model_fields();
    let kinds: Vec<Value> = REGISTRY
        .0
        .iter()
        .map(|kind| {
            let facts = kind.facts();
            let fields = fields_by_kind.get(facts.name).unwrap_or_else(|| panic!("{}: no `fn diff` found", facts.name));
            json!({ "name": facts.name, "service": facts.service, "reads": facts.reads, "fields": fields })
        })
        .collect();
    let file = folder.path().join("kinds.json");
    fs::write(&file, Value::from(kinds).to_string()).unwrap();
    file.to_str().expect("the path is UTF-8").to_owned()
}

/// Returns the fields of each kind's model, read from the pattern that destructures the model in `diff`. The pattern
/// has no `..` (laws/mod.rs asserts that), so the compiler keeps it complete.
fn model_fields() -> BTreeMap<String, Vec<String>> {
    let mut fields_by_kind = BTreeMap::new();
    for source in sources(&root().join("crates/aws/src/kinds")) {
        let text = fs::read_to_string(&source).unwrap();
        let Some((before, diff)) = text.split_once("    fn diff(") else { continue };
        let found = name_in_facts(before).zip(fields_in_pattern(diff));
        let (name, fields) = found.unwrap_or_else(|| panic!("{}: no FACTS or no destructuring", source.display()));
        fields_by_kind.insert(name, fields);
    }
    fields_by_kind
}

fn name_in_facts(text: &str) -> Option<String> {
    let (_, facts) = text.split_once("const FACTS: Facts = Facts {")?;
    let (_, name) = facts.split_once("name: \"")?;
    name.split('"').next().map(ToOwned::to_owned)
}

/// Reads `let Model { a, b: _ } = want;`, the first statement of `diff`.
fn fields_in_pattern(diff: &str) -> Option<Vec<String>> {
    let (_, body) = diff.split_once("{\n")?;
    let (pattern, _) = body.split_once("} = want;")?;
    let (_, fields) = pattern.split_once('{')?;
    let names = fields.split(',').filter_map(|field| field.split(':').next());
    Some(names.map(str::trim).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect())
}

#[test]
fn every_member_of_every_answer_has_a_row() {
    let folder = TempDir::new().unwrap();
    let kinds = write_kinds(&folder);
    run_python("answers.py", &[kinds.as_str()]);
}

#[test]
fn a_planted_fault_is_found() {
    run_python("answers.py", &["--self-check"]);
}

#[test]
fn the_coverage_page_is_up_to_date() {
    let folder = TempDir::new().unwrap();
    let kinds = write_kinds(&folder);
    let page = folder.path().join("coverage.md");
    run_python("answers.py", &[kinds.as_str(), "--coverage", page.to_str().expect("the path is UTF-8")]);
    assert_up_to_date("docs/coverage.md", &fs::read_to_string(page).unwrap());
}
