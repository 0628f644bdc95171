//! What changed between two snapshots.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scope::LiveResource;
use super::snapshot::{Reading, Snapshot};
use crate::desire::fingerprint;
use crate::diff::{FieldAction, FieldChange, leaves};
use crate::resource::secret::{self, Secrets};

/// One resource that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// `account/region/kind/name`.
    pub address: String,
    /// What happened to it.
    pub change: Change,
}

/// What happened to a resource between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the later one has it.
    Added,
    /// Only the earlier one has it, and the later one was looked at.
    Removed,
    /// Its attributes differ, before and after.
    Changed(Vec<FieldChange>),
    /// It could not be read in one of the two, so that nothing can be said; the reason.
    Unknown(String),
}

/// Compares two snapshots, the earlier one first.
///
/// # Guarantees
/// Sorted by address. A resource that either snapshot could not read, or did not look at, is never taken for added or
/// removed.
pub fn differences(before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let (before, after) = (readings(before), readings(after));
    let mut found = Vec::new();
    for (address, earlier) in &before {
        if let Some(change) = after.get(address).and_then(|later| change(earlier, later)) {
            found.push(Difference { address: address.clone(), change });
        }
    }
    for (address, later) in after.iter().filter(|(address, _)| !before.contains_key(*address)) {
        if matches!(later, Reading::Found { .. }) {
            found.push(Difference { address: address.clone(), change: Change::Added });
        }
    }
    let gone = before.iter().filter(|(address, _)| !after.contains_key(*address));
    for (address, _) in gone.filter(|(_, earlier)| matches!(earlier, Reading::Found { .. })) {
        found.push(Difference { address: address.clone(), change: Change::Removed });
    }
    found.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

fn readings(snapshot: &Snapshot) -> BTreeMap<String, &Reading> {
    let mut readings = BTreeMap::new();
    for ((account, region), part) in &snapshot.regions {
        for (slot, kind) in &part.kinds {
            let names = kind.names.iter();
            readings.extend(names.map(|(name, reading)| (format!("{account}/{region}/{slot}/{name}"), reading)));
        }
    }
    readings
}

fn change(before: &Reading, after: &Reading) -> Option<Change> {
    match (before, after) {
        (Reading::Gap(failure), _) | (_, Reading::Gap(failure)) => Some(Change::Unknown(failure.to_string())),
        (Reading::Absent, Reading::Absent) => None,
        (Reading::Absent, Reading::Found { .. }) => Some(Change::Added),
        (Reading::Found { .. }, Reading::Absent) => Some(Change::Removed),
        (Reading::Found { resource: before, .. }, Reading::Found { resource: after, .. }) => {
            let fields = fields(before, after);
            (!fields.is_empty()).then_some(Change::Changed(fields))
        }
    }
}

/// Tokens of two snapshots cannot be compared, digests of all secrets of a resource can.
fn fields(before: &LiveResource<Value>, after: &LiveResource<Value>) -> Vec<FieldChange> {
    let hidden = |resource: &LiveResource<Value>| {
        let mut model = resource.model.clone();
        secret::seal(&mut model, &Secrets::new());
        model
    };
    let mut fields = Vec::new();
    leaves::compare("", Some(&hidden(before)), Some(&hidden(after)), &mut fields);
    for field in &mut fields {
        field.path = field.path.trim_start_matches('.').to_owned();
    }
    let extras = |resource: &LiveResource<Value>| serde_json::to_value(&resource.extras).unwrap_or_default();
    leaves::compare("extras", Some(&extras(before)), Some(&extras(after)), &mut fields);
    if fingerprint::of_secrets(before) != fingerprint::of_secrets(after) {
        let shown = Some(Value::from(secret::HIDDEN));
        let change = FieldAction::Change;
        fields.push(FieldChange { path: "secrets".to_owned(), action: change, before: shown.clone(), after: shown, note: None });
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::failure::{Failure, FailureClass};
    use crate::observe::location::Location;
    use crate::observe::scope::{Depth, Observation, Scope};
    use crate::resource::reference::Outputs;

    fn snapshot(resources: &[(&str, Value)], unread: &[&str]) -> Snapshot {
        let text = |text: &str| text.to_owned();
        let location = Location { partition: text("aws"), region: text("r"), account: text("1"), vpc: None };
        let scope = Scope { everything: Some(Depth::Whole), ..Scope::of(location) };
        let seen = resources.iter().map(|(name, model)| LiveResource::new(*name, model.clone(), Outputs::new()));
        let failure = Failure::new(FailureClass::Denied, "T ListTs", "no");
        let unread = unread.iter().map(|name| ((*name).to_owned(), failure.clone()));
        let mut snapshot = Snapshot::default();
        snapshot.add("t.t", &scope, Ok(Observation { seen: seen.collect(), unread: unread.collect() }));
        snapshot
    }

    #[test]
    fn what_changed_between_two_nights_is_named() {
        let secret = |value: &str| json!({"env": {"A": {"$secret": value}}});
        let before = snapshot(&[("a", json!({"days": 1})), ("b", json!({})), ("s", secret("x")), ("u", json!({}))], &[]);
        let after = snapshot(&[("a", json!({"days": 2})), ("c", json!({})), ("s", secret("y"))], &["u"]);
        let found = differences(&before, &after);
        let said: Vec<(&str, &Change)> = found.iter().map(|it| (it.address.as_str(), &it.change)).collect();
        assert_eq!(said[1], ("1/r/t.t/b", &Change::Removed));
        assert_eq!(said[2], ("1/r/t.t/c", &Change::Added));
        assert!(matches!(said[0].1, Change::Changed(fields) if fields[0].path == "days"));
        assert!(matches!(said[3].1, Change::Changed(fields) if fields[0].path == "secrets"));
        assert!(matches!(said[4].1, Change::Unknown(_)));
        assert!(!format!("{found:?}").contains("\"x\""));
        assert_eq!(differences(&before, &before), []);
    }
}
