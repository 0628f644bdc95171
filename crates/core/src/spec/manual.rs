//! What only people can do: entries of a spec's `manual`, shown by every plan until there is evidence.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::diagnostic::{Diagnostics, Position, Sources};
use crate::spec::decode::decode;
use crate::spec::tree::{Node, Value};

/// Something that a person must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manual {
    /// Its key in the spec.
    pub name: String,
    /// What is to be done.
    pub what: String,
    /// Who does it.
    pub who: String,
    /// Until when, in the spec's own words.
    pub when: Option<String>,
    /// What shows that it was done: a link, a date, a name. Empty until then.
    pub evidence: Option<String>,
    /// Where the spec says so.
    pub at: Position,
}

impl Manual {
    /// Says in a sentence what is owed.
    pub fn owed(&self) -> String {
        let when = self.when.as_ref().map(|when| format!(", {when}")).unwrap_or_default();
        format!("{} ({}{when}); its evidence goes to {}:{}", self.what, self.who, self.at.file, self.at.line)
    }
}

/// What a person writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManualSpec {
    what: String,
    who: String,
    when: Option<String>,
    evidence: Option<String>,
}

/// Reads the section `manual`.
pub fn read(section: &Node, sources: &Sources, faults: &mut Diagnostics) -> Vec<Manual> {
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
