// SPDX-License-Identifier: Apache-2.0
//! The sections of a spec for reports: accepted drift (`accept`), unmanaged resources that are not reported (`ignore`),
//! and the rows of the runbook (`runbook`).

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics, Position, SourceFiles};
use crate::diff::head;
use crate::kind::Registry;
use crate::model::pattern;
use crate::resource::address::Address;
use crate::spec::decode::decode;
use crate::spec::tree::{Node, Value};

/// An acceptance of drift, up to a date.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptance {
    /// The resource as `kind/name`; `*` matches any characters.
    pub resource: String,
    /// Which drift of the resource is accepted.
    pub what: AcceptanceScope,
    /// Why the drift is accepted; not empty. Reports show it.
    pub reason: String,
    /// The person or team that accepts it.
    pub by: String,
    /// The last day of the acceptance, inclusive.
    pub until: Date,
    /// Its position in the spec.
    pub at: Position,
}

/// Which drift of a resource is accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum AcceptanceScope {
    /// All drift.
    Anything,
    /// That the resource does not exist.
    Missing,
    /// These attributes, each while it has this live value; `None` is "not set".
    Fields(BTreeMap<String, Option<String>>),
}

/// An unmanaged resource that is not reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The resource as `kind/name`; `*` matches any characters.
    pub resource: String,
    /// Why regionctl does not manage the resource: the value of the entry.
    pub reason: String,
    /// Its position in the spec.
    pub at: Position,
}

/// A row of the runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunbookRow {
    /// The key in the section `runbook`, which reports show as the title.
    pub title: String,
    /// The resources and fields of the row, as patterns: `kind/name` or `kind/name#field,field`. The field `waiting` is
    /// the resource's manual steps.
    pub holds: Vec<String>,
    /// Its position in the spec.
    pub at: Position,
}

impl RunbookRow {
    /// Returns whether a resource, or one of its fields, belongs to this row.
    ///
    /// Without `field`, a resource belongs to the row even if the row names only some of its fields.
    pub fn holds(&self, address: &Address, field: Option<&str>) -> bool {
        let address = address.to_string();
        self.holds.iter().any(|holds| {
            let (resource, fields) = holds.split_once('#').map_or((holds.as_str(), None), |(a, b)| (a, Some(b)));
            let of_field = match (fields, field) {
                (None, _) | (_, None) => true,
                (Some(fields), Some(field)) => fields.split(',').any(|fields| pattern::matches(fields, head(field))),
            };
            pattern::matches(resource, &address) && of_field
        })
    }
}

/// An entry of `accept`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptSpec {
    reason: String,
    by: String,
    until: Day,
    fields: Option<BTreeMap<String, ShownWord>>,
    #[serde(default)]
    missing: bool,
}

struct Day(Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            serde::de::Error::custom(format!("'{text}' is not a date\nwrite the last day, such as 2026-12-31"))
        })
    }
}

/// A live value in the form that reports show; `None` is "not set".
struct ShownWord(Option<String>);

impl<'de> Deserialize<'de> for ShownWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        Ok(Self((!value.is_null()).then(|| crate::diff::shown(&value))))
    }
}

/// Reads the section `accept`.
pub fn accepted(
    section: &Node,
    registry: Registry,
    sources: &SourceFiles,
    faults: &mut Diagnostics,
) -> Vec<Acceptance> {
    let read = |node: &Node| {
        let AcceptSpec { reason, by, until, fields, missing } = decode(node)?;
        let fields = fields.map(|fields| fields.into_iter().map(|(path, ShownWord(value))| (path, value)).collect());
        let what = match (missing, fields) {
            (true, Some(_)) => {
                let message = "an acceptance cannot have both `missing` and `fields`";
                return Err(Diagnostic::at("invalid-value", node.span, message)
                    .help("keep one: a missing resource has no fields"));
            }
            (true, None) => AcceptanceScope::Missing,
            (false, Some(fields)) => AcceptanceScope::Fields(fields),
            (false, None) => AcceptanceScope::Anything,
        };
        if reason.trim().is_empty() {
            let message = "the reason is empty";
            return Err(Diagnostic::at("invalid-value", node.locate("reason"), message)
                .help("state why the drift is accepted; every report shows the reason"));
        }
        Ok((reason, by, until.0, what))
    };
    let example = "for example:\naccept:\n  sns.topic/alarms:\n    {reason: moved soon, by: sre, until: 2026-12-31}";
    entries(section, registry, sources, faults, "accepted drift", example, read)
        .into_iter()
        .map(|(resource, at, (reason, by, until, what))| Acceptance { resource, what, reason, by, until, at })
        .collect()
}

/// Reads the section `ignore`.
pub fn ignored(section: &Node, registry: Registry, sources: &SourceFiles, faults: &mut Diagnostics) -> Vec<Ignored> {
    let example = "for example:\nignore:\n  logs.log_group//aws/*: created by AWS services";
    entries(section, registry, sources, faults, "reasons", example, |node| decode::<String>(node))
        .into_iter()
        .map(|(resource, at, reason)| Ignored { resource, reason, at })
        .collect()
}

/// Reads the section `runbook`.
pub fn runbook(section: &Node, registry: Registry, sources: &SourceFiles, faults: &mut Diagnostics) -> Vec<RunbookRow> {
    let Value::Map(rows) = &section.value else {
        let message = format!("expected a mapping of titles to resources, found {}", section.value.describe());
        faults.push(Diagnostic::at("wrong-type", section.span, message));
        return Vec::new();
    };
    let mut read = Vec::new();
    for row in rows {
        match decode::<Vec<String>>(&row.value) {
            Ok(holds) => {
                for (index, one) in holds.iter().enumerate() {
                    let span = row.value.locate(&index.to_string());
                    faults.0.extend(
                        resource_fault(one, registry)
                            .map(|(message, help)| Diagnostic::at("invalid-value", span, message).help(help)),
                    );
                }
                read.push(RunbookRow { title: row.key.clone(), holds, at: sources.position(row.span) });
            }
            Err(fault) => faults.push(fault.help("for example:\nrunbook:\n  Topics: [sns.topic/*]")),
        }
    }
    read
}

/// Reads a mapping of resources, with `read` for each value. `what` names the values in messages.
fn entries<T>(
    section: &Node,
    registry: Registry,
    sources: &SourceFiles,
    faults: &mut Diagnostics,
    what: &str,
    example: &str,
    read: impl Fn(&Node) -> Result<T, Diagnostic>,
) -> Vec<(String, Position, T)> {
    let entries = match &section.value {
        Value::Map(entries) => entries,
        Value::Null => return Vec::new(),
        other => {
            let message = format!("expected a mapping of resources to {what}, found {}", other.describe());
            faults.push(Diagnostic::at("wrong-type", section.span, message).help(example));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for entry in entries {
        if let Some((message, help)) = resource_fault(&entry.key, registry) {
            faults.push(Diagnostic::at("invalid-value", entry.span, message).help(help));
            continue;
        }
        match read(&entry.value) {
            Ok(value) => found.push((entry.key.clone(), sources.position(entry.span), value)),
            Err(fault) => faults.push(fault.help(example)),
        }
    }
    found
}

/// Checks a pattern `kind/name`. Its kind must be known or a pattern. Returns the message and the help of a fault.
fn resource_fault(text: &str, registry: Registry) -> Option<(String, String)> {
    let Some((kind, _)) = text.split_once('/') else {
        return Some((
            format!("'{text}' is not a resource"),
            "write KIND/NAME, such as sns.topic/alarms; `*` matches any characters".to_owned(),
        ));
    };
    if pattern::is_pattern(kind) || kind == MANUAL || registry.get(kind).is_some() {
        return None;
    }
    let help = registry
        .near(kind)
        .map_or_else(|| "see docs/kinds.md for the list of kinds".to_owned(), |near| format!("did you mean {near}?"));
    Some((format!("unknown kind '{kind}'"), help))
}

/// The kind of manual steps in plans and reports.
pub const MANUAL: &str = "manual.step";

/// Reads `true` or `false`. Any other value is a fault and read as `false`.
pub fn flag(node: &Node, faults: &mut Diagnostics) -> bool {
    decode::<bool>(node).unwrap_or_else(|fault| {
        faults.push(fault);
        false
    })
}

/// Reads a text. Returns `None` for no value; any other value is a fault.
pub fn text(node: &Node, faults: &mut Diagnostics) -> Option<String> {
    if matches!(node.value, Value::Null) {
        return None;
    }
    decode::<String>(node).map_err(|fault| faults.push(fault)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(holds: &[&str]) -> RunbookRow {
        let at = Position { file: String::new(), line: 1, column: 1 };
        RunbookRow { title: "t".to_owned(), holds: holds.iter().map(|text| (*text).to_owned()).collect(), at }
    }

    #[test]
    fn a_row_may_contain_single_fields_of_a_resource() {
        let bucket = Address::new("s3.bucket", "a");
        let policy = row(&["s3.bucket/a#policy,tags"]);
        assert!(policy.holds(&bucket, Some("policy")) && policy.holds(&bucket, Some("tags.Owner")));
        assert!(!policy.holds(&bucket, Some("logging.prefix")) && policy.holds(&bucket, None));
        assert!(!policy.holds(&Address::new("s3.bucket", "b"), None));
        assert!(row(&["s3.bucket/*"]).holds(&bucket, Some("logging")));
    }
}
