// SPDX-License-Identifier: Apache-2.0
//! The cases of the kinds: each applies one spec and then another one. Its steps are those that revert the same drift.

use std::fs;
use std::path::Path;

use regionctl_core::spec::tree;
use serde_json::Value;

use crate::harness;

/// A case, read from `crates/aws/src/kinds/KIND/cases/NAME.yaml`.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder of its kind.
    pub folder: String,
    /// The requirement that it tests, as a sentence.
    pub name: String,
    /// What is live before the first apply, by the names in [`super::given`].
    pub given: Vec<String>,
    /// The sections of the spec that is applied first. Empty if the resources do not exist.
    pub before: String,
    /// The sections of the spec that is applied next.
    pub after: String,
    /// The API operations of the second plan's steps, in order.
    pub steps: Vec<String>,
}

/// Reads the cases of all kinds, sorted by file name.
pub fn all() -> Vec<Case> {
    let kinds = harness::root().join("crates/aws/src/kinds");
    let mut files: Vec<_> = folders(&kinds)
        .flat_map(|kind| fs::read_dir(kind.join("cases")).into_iter().flatten())
        .map(|entry| entry.expect("the folder is readable").path())
        .collect();
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn folders(kinds: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    fs::read_dir(kinds).expect("the folder exists").map(|entry| entry.expect("the folder is readable").path())
}

fn read(file: &Path) -> Case {
    let text = fs::read_to_string(file).expect("the case can be read");
    let node = tree::parse(&text, 0).unwrap_or_else(|faults| panic!("{}: {faults:?}", file.display()));
    let json = tree::to_json(&node);
    let known = ["name", "given", "before", "spec", "steps"];
    let unknown = json.as_object().expect("a case is a mapping").keys().find(|key| !known.contains(&key.as_str()));
    assert_eq!(unknown, None, "{}", file.display());
    let text_of = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let list = |key: &str| {
        let items = json[key].as_array().map_or(&[][..], Vec::as_slice);
        items.iter().map(|item| Value::as_str(item).expect("a list of texts").to_owned()).collect()
    };
    let folder = file.parent().and_then(Path::parent).and_then(Path::file_name).expect("a case is in a kind's folder");
    let case = Case {
        folder: folder.to_string_lossy().into_owned(),
        name: text_of("name"),
        given: list("given"),
        before: text_of("before"),
        after: text_of("spec"),
        steps: list("steps"),
    };
    assert!(!case.name.is_empty() && json["spec"].is_string(), "{}", file.display());
    case
}
