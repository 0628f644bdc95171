//! What changed between two snapshots.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scope::LiveResource;
use super::snapshot::{Kind, Reading, Region, Snapshot, narrowed};
use crate::desire::fingerprint;
use crate::diff::{FieldAction, FieldChange, leaves};
use crate::kind::Registry;
use crate::resource::secret;

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
    /// It could not be read for one of the two snapshots, or was not; the reason.
    Unknown(String),
}

/// Compares two snapshots, the earlier one first, as deep as both were read.
///
/// # Guarantees
/// Sorted by address. A resource that either snapshot could not read, or did not look at, is never taken for added or
/// removed. Where one of them looked only at some names of a kind, the kind's other resources are [`Change::Unknown`]
/// together, as `account/region/kind/*`.
pub fn differences(registry: Registry, before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let mut found = Vec::new();
    let (nowhere, none) = (Region::default(), Kind::default());
    let places: BTreeSet<&(String, String)> = before.regions.keys().chain(after.regions.keys()).collect();
    for place in places {
        let [earlier, later] = [before, after].map(|snapshot| snapshot.regions.get(place).unwrap_or(&nowhere));
        let slots: BTreeSet<&String> = earlier.kinds.keys().chain(later.kinds.keys()).collect();
        for slot in slots {
            // Where both have it once for each VPC, the read without one has nothing more to say.
            let is_in_vpcs = |part: &Region| part.kinds.keys().any(|other| other.starts_with(&format!("{slot}@")));
            if !(is_in_vpcs(earlier) && is_in_vpcs(later)) {
                let [earlier, later] = [earlier, later].map(|part| part.kinds.get(slot).unwrap_or(&none));
                kinds(registry, (place, slot), earlier, later, &mut found);
            }
        }
    }
    found.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

/// An account and region, and a kind's key in it.
type Place<'a> = (&'a (String, String), &'a str);

fn kinds(registry: Registry, place: Place<'_>, before: &Kind, after: &Kind, found: &mut Vec<Difference>) {
    let ((account, region), slot) = place;
    let address = |name: &str| format!("{account}/{region}/{slot}/{name}");
    if let Some(failure) = before.failed.as_ref().or(after.failed.as_ref()) {
        return found.push(Difference { address: address("*"), change: Change::Unknown(failure.to_string()) });
    }
    let kind = slot.split('@').next().unwrap_or(slot);
    let parts = registry.get(kind).map_or(&[][..], |kind| kind.facts().parts);
    let mut unseen = 0;
    let names: BTreeSet<&String> = before.names.keys().chain(after.names.keys()).collect();
    for name in names {
        let looked = |kind: &Kind| kind.names.contains_key(name) || kind.listed;
        if !looked(before) || !looked(after) {
            unseen += 1;
            continue;
        }
        let reading = |kind: &Kind| kind.names.get(name).cloned().unwrap_or(Reading::Absent);
        if let Some(change) = change(parts, reading(before), reading(after)) {
            found.push(Difference { address: address(name), change });
        }
    }
    if unseen > 0 {
        let why = format!("{unseen} of its resources were read for only one of the snapshots");
        found.push(Difference { address: address("*"), change: Change::Unknown(why) });
    }
}

fn change(parts: &[&str], before: Reading, after: Reading) -> Option<Change> {
    match (before, after) {
        (Reading::Gap(failure), _) | (_, Reading::Gap(failure)) => Some(Change::Unknown(failure.to_string())),
        (Reading::Absent, Reading::Absent) => None,
        (Reading::Absent, Reading::Found { .. }) => Some(Change::Added),
        (Reading::Found { .. }, Reading::Absent) => Some(Change::Removed),
        (Reading::Found { resource: before, depth }, Reading::Found { resource: after, depth: other }) => {
            let depth = depth.common(&other);
            let [before, after] = [before, after].map(|resource| narrowed(*resource, parts, &depth));
            let fields = fields(&before, &after);
            (!fields.is_empty()).then_some(Change::Changed(fields))
        }
    }
}

/// Tokens of two snapshots cannot be compared, digests of all secrets of a resource can.
fn fields(before: &LiveResource<Value>, after: &LiveResource<Value>) -> Vec<FieldChange> {
    let hidden = |resource: &LiveResource<Value>| {
        let mut model = resource.model.clone();
        secret::hide(&mut model);
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
        fields.push(FieldChange {
            path: "secrets".to_owned(),
            action: change,
            before: shown.clone(),
            after: shown,
            note: None,
        });
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::failure::{Failure, FailureClass};
    use crate::observe::location::{Location, Vpc};
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
        let before =
            snapshot(&[("a", json!({"days": 1})), ("b", json!({})), ("s", secret("x")), ("u", json!({}))], &[]);
        let after = snapshot(&[("a", json!({"days": 2})), ("c", json!({})), ("s", secret("y"))], &["u"]);
        let found = differences(Registry(&[]), &before, &after);
        let said: Vec<(&str, &Change)> = found.iter().map(|it| (it.address.as_str(), &it.change)).collect();
        assert_eq!(said[1], ("1/r/t.t/b", &Change::Removed));
        assert_eq!(said[2], ("1/r/t.t/c", &Change::Added));
        assert!(matches!(said[0].1, Change::Changed(fields) if fields[0].path == "days"));
        assert!(matches!(said[3].1, Change::Changed(fields) if fields[0].path == "secrets"));
        assert!(matches!(said[4].1, Change::Unknown(_)));
        assert!(!format!("{found:?}").contains("\"x\""));
        assert_eq!(differences(Registry(&[]), &before, &before), []);
    }

    /// A spec's snapshot beside a region's: what the first did not look at is neither added nor removed.
    #[test]
    fn what_only_one_looked_at_is_unknown() {
        let text = |text: &str| text.to_owned();
        let location = Location { partition: text("aws"), region: text("r"), account: text("1"), vpc: None };
        let mut few = Snapshot::default();
        let mut scope = Scope::of(location);
        scope.ask("a", Depth::Named(["days".to_owned()].into()));
        let seen = vec![LiveResource::new("a", json!({"days": 1}), Outputs::new())];
        few.add("t.t", &scope, Ok(Observation { seen, unread: Vec::new() }));
        let all = snapshot(&[("a", json!({"days": 1})), ("b", json!({}))], &[]);
        for found in [differences(Registry(&[]), &few, &all), differences(Registry(&[]), &all, &few)] {
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].address, "1/r/t.t/*");
            assert!(matches!(found[0].change, Change::Unknown(_)));
        }
    }

    /// A kind of a VPC is read without one too, where it is a source.
    #[test]
    fn what_both_read_without_a_vpc_is_compared_whatever_one_read_in_a_vpc() {
        let mut before = snapshot(&[("a", json!({"days": 1}))], &[]);
        let vpc = Some(Vpc { id: "vpc-1".to_owned(), ..Vpc::default() });
        let in_vpc = Location { vpc, ..Location::of("1", "r") };
        before.add("t.t", &Scope::of(in_vpc), Ok(Observation::default()));
        let after = snapshot(&[("a", json!({"days": 2}))], &[]);
        for found in [differences(Registry(&[]), &before, &after), differences(Registry(&[]), &after, &before)] {
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].address, "1/r/t.t/a");
        }
    }
}
