// SPDX-License-Identifier: Apache-2.0
//! Compares two snapshots.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scope::LiveResource;
use super::snapshot::{KindSnapshot, Reading, RegionSnapshot, Snapshot, narrowed};
use crate::desire::fingerprint;
use crate::diff::{FieldAction, FieldChange, leaves};
use crate::kind::Registry;
use crate::resource::secret;

/// A resource that differs between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The resource: `account/region/kind/name`. `account/region/kind@vpc-id/name` for a kind that is read per VPC. The
    /// name is `*` if `change` applies to several resources of the kind.
    pub address: String,
    /// How it differs.
    pub change: DifferenceKind,
}

/// How a resource differs between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Only the later snapshot contains it.
    Added,
    /// Only the earlier snapshot contains it, and the later read found that it does not exist.
    Removed,
    /// Its fields differ. Holds each field with its value in the earlier (`before`) and the later (`after`) snapshot.
    Changed(Vec<FieldChange>),
    /// It was not read, or could not be read, for one of the two snapshots. Holds the reason.
    Unknown(String),
}

/// Compares two snapshots, the earlier one first. Compares only the fields that both reads include.
///
/// # Guarantees
/// The result is sorted by address. A resource that was not read, or could not be read, for one of the snapshots is
/// never reported as added or removed. If one snapshot read only some names of a kind, the other resources of the kind
/// are reported once as [`DifferenceKind::Unknown`], with the address `account/region/kind/*`.
pub fn differences(registry: Registry, before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let mut found = Vec::new();
    let (nowhere, none) = (RegionSnapshot::default(), KindSnapshot::default());
    let places: BTreeSet<&(String, String)> = before.regions.keys().chain(after.regions.keys()).collect();
    for place in places {
        let [earlier, later] = [before, after].map(|snapshot| snapshot.regions.get(place).unwrap_or(&nowhere));
        let slots: BTreeSet<&String> = earlier.kinds.keys().chain(later.kinds.keys()).collect();
        for slot in slots {
            // If both snapshots read the kind per VPC, the read without a VPC adds no information.
            let is_in_vpcs =
                |part: &RegionSnapshot| part.kinds.keys().any(|other| other.starts_with(&format!("{slot}@")));
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
type Slot<'a> = (&'a (String, String), &'a str);

fn kinds(
    registry: Registry,
    place: Slot<'_>,
    before: &KindSnapshot,
    after: &KindSnapshot,
    found: &mut Vec<Difference>,
) {
    let ((account, region), slot) = place;
    let address = |name: &str| format!("{account}/{region}/{slot}/{name}");
    if let Some(failure) = before.failed.as_ref().or(after.failed.as_ref()) {
        return found.push(Difference { address: address("*"), change: DifferenceKind::Unknown(failure.to_string()) });
    }
    let kind = slot.split('@').next().unwrap_or(slot);
    let parts = registry.get(kind).map_or(&[][..], |kind| kind.facts().parts);
    let mut read_once = 0;
    let names: BTreeSet<&String> = before.names.keys().chain(after.names.keys()).collect();
    for name in names {
        let was_read = |kind: &KindSnapshot| kind.names.contains_key(name) || kind.listed;
        if !was_read(before) || !was_read(after) {
            read_once += 1;
            continue;
        }
        let reading = |kind: &KindSnapshot| kind.names.get(name).cloned().unwrap_or(Reading::Absent);
        if let Some(change) = change(parts, reading(before), reading(after)) {
            found.push(Difference { address: address(name), change });
        }
    }
    if read_once > 0 {
        let why = format!("{read_once} of its resources were read for only one of the snapshots");
        found.push(Difference { address: address("*"), change: DifferenceKind::Unknown(why) });
    }
}

fn change(parts: &[&str], before: Reading, after: Reading) -> Option<DifferenceKind> {
    match (before, after) {
        (Reading::Gap(failure), _) | (_, Reading::Gap(failure)) => Some(DifferenceKind::Unknown(failure.to_string())),
        (Reading::Absent, Reading::Absent) => None,
        (Reading::Absent, Reading::Found { .. }) => Some(DifferenceKind::Added),
        (Reading::Found { .. }, Reading::Absent) => Some(DifferenceKind::Removed),
        (Reading::Found { resource: before, depth }, Reading::Found { resource: after, depth: other }) => {
            let depth = depth.common(&other);
            let [before, after] = [before, after].map(|resource| narrowed(*resource, parts, &depth));
            let fields = fields(&before, &after);
            (!fields.is_empty()).then_some(DifferenceKind::Changed(fields))
        }
    }
}

/// Compares secrets by their digest because tokens of different snapshots are not comparable.
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
    use crate::resource::reference::Attributes;

    fn snapshot(resources: &[(&str, Value)], gaps: &[&str]) -> Snapshot {
        let text = |text: &str| text.to_owned();
        let location = Location { partition: text("aws"), region: text("r"), account: text("1"), vpc: None };
        let scope = Scope { everything: Some(Depth::Whole), ..Scope::of(location) };
        let seen = resources.iter().map(|(name, model)| LiveResource::new(*name, model.clone(), Attributes::new()));
        let failure = Failure::new(FailureClass::Denied, "T ListTs", "no");
        let gaps = gaps.iter().map(|name| ((*name).to_owned(), failure.clone()));
        let mut snapshot = Snapshot::default();
        snapshot.add("t.t", &scope, Ok(Observation { resources: seen.collect(), gaps: gaps.collect() }));
        snapshot
    }

    #[test]
    fn differences_between_two_snapshots_are_reported() {
        let secret = |value: &str| json!({"env": {"A": {"$secret": value}}});
        let before =
            snapshot(&[("a", json!({"days": 1})), ("b", json!({})), ("s", secret("x")), ("u", json!({}))], &[]);
        let after = snapshot(&[("a", json!({"days": 2})), ("c", json!({})), ("s", secret("y"))], &["u"]);
        let found = differences(Registry(&[]), &before, &after);
        let changes: Vec<(&str, &DifferenceKind)> = found.iter().map(|it| (it.address.as_str(), &it.change)).collect();
        assert_eq!(changes[1], ("1/r/t.t/b", &DifferenceKind::Removed));
        assert_eq!(changes[2], ("1/r/t.t/c", &DifferenceKind::Added));
        assert!(matches!(changes[0].1, DifferenceKind::Changed(fields) if fields[0].path == "days"));
        assert!(matches!(changes[3].1, DifferenceKind::Changed(fields) if fields[0].path == "secrets"));
        assert!(matches!(changes[4].1, DifferenceKind::Unknown(_)));
        assert!(!format!("{found:?}").contains("\"x\""));
        assert_eq!(differences(Registry(&[]), &before, &before), []);
    }

    /// Compares the snapshot of a spec with that of its region: resources that only one read are not added or removed.
    #[test]
    fn resources_that_only_one_snapshot_read_are_unknown() {
        let text = |text: &str| text.to_owned();
        let location = Location { partition: text("aws"), region: text("r"), account: text("1"), vpc: None };
        let mut few = Snapshot::default();
        let mut scope = Scope::of(location);
        scope.ask("a", Depth::Named(["days".to_owned()].into()));
        let seen = vec![LiveResource::new("a", json!({"days": 1}), Attributes::new())];
        few.add("t.t", &scope, Ok(Observation { resources: seen, gaps: Vec::new() }));
        let all = snapshot(&[("a", json!({"days": 1})), ("b", json!({}))], &[]);
        for found in [differences(Registry(&[]), &few, &all), differences(Registry(&[]), &all, &few)] {
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].address, "1/r/t.t/*");
            assert!(matches!(found[0].change, DifferenceKind::Unknown(_)));
        }
    }

    /// A kind that is read per VPC is also read without a VPC if it is a source.
    #[test]
    fn reads_without_a_vpc_are_compared_even_if_one_snapshot_read_a_vpc() {
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
