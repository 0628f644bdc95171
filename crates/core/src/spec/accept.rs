//! What a spec says of its reports: drift that is known and accepted for a while (`accept`), what may be there
//! without being in a spec (`ignore`), and the rows of the handbook that its resources stand for (`runbook`).

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics, Position, Sources};
use crate::diff::head;
use crate::kind::Registry;
use crate::model::pattern;
use crate::resource::address::Address;
use crate::spec::decode::decode;
use crate::spec::tree::{Node, Value};

/// Drift that is known and accepted until a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptance {
    /// The resource, `kind/name`; with `*` several.
    pub resource: String,
    /// What of it.
    pub what: Accepted,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: String,
    /// The last day on which it holds.
    pub until: Date,
    /// Where the spec says so.
    pub at: Position,
}

/// What of a resource's drift is accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// Whatever it is.
    Anything,
    /// That it is not there.
    Missing,
    /// These attributes, each as long as its live value is this one; nothing where it is not set.
    Fields(BTreeMap<String, Option<String>>),
}

/// What may be there without being in a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The resource, `kind/name`; with `*` several.
    pub resource: String,
    /// Why.
    pub reason: String,
    /// Where the spec says so.
    pub at: Position,
}

/// A row of the handbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its title.
    pub title: String,
    /// What stands for it: `kind/name`, or `kind/name#field,field`, with `*`; the field `waiting` is what people owe.
    pub holds: Vec<String>,
    /// Where the spec says so.
    pub at: Position,
}

impl Row {
    /// Says whether a resource, or a field of it, stands for this row.
    ///
    /// A resource of which only fields stand here is in the row as long as none of its fields is asked for.
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

/// What a person writes under `accept`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptSpec {
    reason: String,
    by: String,
    until: Day,
    fields: Option<BTreeMap<String, Shown>>,
    #[serde(default)]
    missing: bool,
}

struct Day(Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            serde::de::Error::custom(format!("'{text}' is not a day\nwrite it as 2026-12-31, the last day that counts"))
        })
    }
}

/// A live value as a report shows it.
struct Shown(Option<String>);

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        Ok(Self((!value.is_null()).then(|| crate::diff::shown(&value))))
    }
}

/// Reads the section `accept`.
pub fn accepted(section: &Node, registry: Registry, sources: &Sources, faults: &mut Diagnostics) -> Vec<Acceptance> {
    let read = |node: &Node| {
        let AcceptSpec { reason, by, until, fields, missing } = decode(node)?;
        let fields = fields.map(|fields| fields.into_iter().map(|(path, Shown(value))| (path, value)).collect());
        let what = match (missing, fields) {
            (true, Some(_)) => {
                let message = "`missing` and `fields` together";
                return Err(Diagnostic::at("invalid-value", node.span, message)
                    .help("what is not there has no fields; keep one of the two"));
            }
            (true, None) => Accepted::Missing,
            (false, Some(fields)) => Accepted::Fields(fields),
            (false, None) => Accepted::Anything,
        };
        if reason.trim().is_empty() {
            let message = "the reason is empty";
            return Err(Diagnostic::at("invalid-value", node.locate("reason"), message)
                .help("say why: it stands in every report until the day is over"));
        }
        Ok((reason, by, until.0, what))
    };
    let example = "such as\naccept:\n  sns.topic/alarms:\n    {reason: moved next week, by: sre, until: 2026-12-31}";
    entries(section, registry, sources, faults, "accepted drift", example, read)
        .into_iter()
        .map(|(resource, at, (reason, by, until, what))| Acceptance { resource, what, reason, by, until, at })
        .collect()
}

/// Reads the section `ignore`.
pub fn ignored(section: &Node, registry: Registry, sources: &Sources, faults: &mut Diagnostics) -> Vec<Ignored> {
    let example = "such as\nignore:\n  logs.log_group//aws/*: the services' own";
    entries(section, registry, sources, faults, "reasons", example, |node| decode::<String>(node))
        .into_iter()
        .map(|(resource, at, reason)| Ignored { resource, reason, at })
        .collect()
}

/// Reads the section `runbook`.
pub fn runbook(section: &Node, registry: Registry, sources: &Sources, faults: &mut Diagnostics) -> Vec<Row> {
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
                read.push(Row { title: row.key.clone(), holds, at: sources.position(row.span) });
            }
            Err(fault) => faults.push(fault.help("such as\nrunbook:\n  Topics: [sns.topic/*]")),
        }
    }
    read
}

/// Reads a mapping from resources to something.
fn entries<T>(
    section: &Node,
    registry: Registry,
    sources: &Sources,
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

/// What is wrong with a text that should name resources: `kind/name`, the kind a known one or a pattern.
fn resource_fault(text: &str, registry: Registry) -> Option<(String, String)> {
    let Some((kind, _)) = text.split_once('/') else {
        return Some((
            format!("'{text}' names no resource"),
            "write KIND/NAME, such as sns.topic/alarms; `*` stands for anything".to_owned(),
        ));
    };
    if pattern::is_pattern(kind) || kind == MANUAL || registry.get(kind).is_some() {
        return None;
    }
    let help = registry
        .near(kind)
        .map_or_else(|| "docs/kinds.md has the kinds".to_owned(), |near| format!("did you mean {near}?"));
    Some((format!("there is no kind '{kind}'"), help))
}

/// The kind under which manual steps stand in plans and reports.
pub const MANUAL: &str = "manual.step";

/// Reads a yes or no.
pub fn flag(node: &Node, faults: &mut Diagnostics) -> bool {
    decode::<bool>(node).unwrap_or_else(|fault| {
        faults.push(fault);
        false
    })
}

/// Reads a text; any other value is a fault.
pub fn text(node: &Node, faults: &mut Diagnostics) -> Option<String> {
    if matches!(node.value, Value::Null) {
        return None;
    }
    decode::<String>(node).map_err(|fault| faults.push(fault)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(holds: &[&str]) -> Row {
        let at = Position { file: String::new(), line: 1, column: 1 };
        Row { title: "t".to_owned(), holds: holds.iter().map(|text| (*text).to_owned()).collect(), at }
    }

    #[test]
    fn a_row_may_be_a_field_of_a_resource() {
        let bucket = Address::new("s3.bucket", "a");
        let policy = row(&["s3.bucket/a#policy,tags"]);
        assert!(policy.holds(&bucket, Some("policy")) && policy.holds(&bucket, Some("tags.Owner")));
        assert!(!policy.holds(&bucket, Some("logging.prefix")) && policy.holds(&bucket, None));
        assert!(!policy.holds(&Address::new("s3.bucket", "b"), None));
        assert!(row(&["s3.bucket/*"]).holds(&bucket, Some("logging")));
    }
}
