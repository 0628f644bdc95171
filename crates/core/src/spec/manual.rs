// SPDX-License-Identifier: Apache-2.0
//! Manual steps: the section `manual` of a spec. Every plan shows a step until it has evidence.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::diagnostic::{Diagnostics, Position, SourceFiles};
use crate::spec::decode::decode;
use crate::spec::tree::{Node, Value};

/// A step that only a person can do, such as a request to AWS support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manual {
    /// Its key in the spec.
    pub name: String,
    /// What to do.
    pub what: String,
    /// Who does it: a person or a team.
    pub who: String,
    /// The deadline, in the spec's words.
    pub when: Option<String>,
    /// What proves that it was done: a link, a date, a name. `None` until then.
    pub evidence: Option<String>,
    /// Its position in the spec.
    pub at: Position,
}

impl Manual {
    /// Returns the step as one line: what, who, when, and where its evidence belongs.
    pub fn summary(&self) -> String {
        let when = self.when.as_ref().map(|when| format!(", {when}")).unwrap_or_default();
        format!("{} ({}{when}); add evidence at {}:{}", self.what, self.who, self.at.file, self.at.line)
    }
}

/// An entry of `manual`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManualSpec {
    what: String,
    who: String,
    when: Option<String>,
    evidence: Option<String>,
}

/// Reads the section `manual`. The result is sorted by name.
pub fn read(section: &Node, sources: &SourceFiles, faults: &mut Diagnostics) -> Vec<Manual> {
    let Value::Map(entries) = &section.value else {
        if !matches!(section.value, Value::Null) {
            faults.push(crate::diagnostic::Diagnostic::at(
                "wrong-type",
                section.span,
                format!("expected a mapping of names to manual steps, found {}", section.value.describe()),
            ));
        }
        return Vec::new();
    };
    let mut steps = BTreeMap::new();
    for entry in entries {
        match decode::<ManualSpec>(&entry.value) {
            Ok(ManualSpec { what, who, when, evidence }) => {
                let evidence = evidence.filter(|evidence| !evidence.trim().is_empty());
                let at = sources.position(entry.span);
                steps.insert(entry.key.clone(), Manual { name: entry.key.clone(), what, who, when, evidence, at });
            }
            Err(fault) => faults.push(fault),
        }
    }
    steps.into_values().collect()
}
