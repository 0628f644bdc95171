// SPDX-License-Identifier: Apache-2.0
//! [`Snapshot`]: the live resources and gaps of one or more regions. Plans, reports and comparisons are pure functions
//! of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::{Failure, FailureClass};
use super::location::{Location, Vpc};
use super::scope::{Depth, Extra, LiveResource, Observation, Scope};
use crate::diff::head;

/// The result of reading one or more regions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The regions by account id and region code.
    pub regions: BTreeMap<(String, String), RegionSnapshot>,
    /// The tokens that replace secrets in the models. `None` if the models contain the secrets; see [`super::stored`].
    pub seals: Option<Seals>,
}

/// The live resources and gaps of one region of one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegionSnapshot {
    /// All VPCs of the region. Absent if they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpcs: Option<Vec<Vpc>>,
    /// The reads by kind: `sns.topic`. For a kind that is read per VPC, by kind, `@` and the VPC's id:
    /// `ec2.security_group@vpc-0123456789abcdef0`.
    pub kinds: BTreeMap<String, KindSnapshot>,
}

/// The live resources and gaps of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KindSnapshot {
    /// The call that failed, if the whole kind could not be read. Absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
    /// The depth at which all live resources were read. Absent if only some names were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everything: Option<Depth>,
    /// Whether `names` contains all resources of this kind in the region. False if absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    /// The result of the read, by resource name.
    pub names: BTreeMap<String, Reading>,
}

/// The result of reading one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The resource exists.
    Found {
        /// The depth at which it was read.
        depth: Depth,
        /// The resource, with the fields and extras that this depth includes.
        #[serde(flatten)]
        resource: Box<LiveResource<Value>>,
    },
    /// The resource does not exist.
    Absent,
    /// The resource could not be read. Holds the call that failed.
    Gap(Failure),
}

/// The tokens that replace secrets in a saved snapshot.
///
/// Equal secrets have the same token. A token reveals only which region codes the secret contains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seals {
    /// The tokens of the secrets in the desired resources of the specs that the snapshot was taken for, by
    /// `account/region/kind/name`.
    pub desired: BTreeMap<String, DesiredSeals>,
}

/// The tokens of the secrets of one desired resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DesiredSeals {
    /// The SHA-256 digest of the spec, in hexadecimal. The tokens are used only for this version of the spec.
    pub spec: String,
    /// The tokens by the secret's dotted path in the model: `environment.DB_PASSWORD`.
    pub tokens: BTreeMap<String, String>,
    /// The strings that `rewrite:` replaced in copied secrets, as `from → to`, by the secret's path. Absent if none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rewritten: BTreeMap<String, String>,
}

/// Returns the key of a kind in [`RegionSnapshot::kinds`].
fn slot(kind: &str, location: &Location) -> String {
    match &location.vpc {
        Some(vpc) => format!("{kind}@{}", vpc.id),
        None => kind.to_owned(),
    }
}

impl KindSnapshot {
    /// Adds the result of another read of the same kind.
    pub fn merge(&mut self, other: Self) {
        self.failed = self.failed.take().or(other.failed);
        self.listed |= other.listed;
        self.everything = match (self.everything.take(), other.everything) {
            (Some(own), Some(other)) => Some(own.and(other)),
            (own, other) => own.or(other),
        };
        for (name, reading) in other.names {
            self.put(name, reading);
        }
    }

    /// Merges two reads of one resource: the fields of both, with the later value of a common field. A gap stays a gap.
    fn put(&mut self, name: String, reading: Reading) {
        let both = match (self.names.remove(&name), reading) {
            (Some(Reading::Found { depth: known, resource: earlier }), Reading::Found { depth, mut resource }) => {
                if let (Value::Object(earlier), Value::Object(later)) = (earlier.model, &mut resource.model) {
                    for (field, value) in earlier {
                        later.entry(field).or_insert(value);
                    }
                }
                let new = earlier.extras.into_iter().filter(|extra| !resource.extras.contains(extra));
                let new: Vec<Extra> = new.collect();
                resource.extras.extend(new);
                Reading::Found { depth: known.and(depth), resource }
            }
            (Some(gap @ Reading::Gap(_)), Reading::Found { .. }) => gap,
            (_, reading) => reading,
        };
        self.names.insert(name, both);
    }
}

impl Snapshot {
    fn region(&self, location: &Location) -> Option<&RegionSnapshot> {
        self.regions.get(&(location.account.clone(), location.region.clone()))
    }

    /// Returns a region of an account, and inserts an empty one if there is none.
    pub fn region_mut(&mut self, account: &str, region: &str) -> &mut RegionSnapshot {
        self.regions.entry((account.to_owned(), region.to_owned())).or_default()
    }

    fn kind(&self, kind: &str, location: &Location) -> Option<&KindSnapshot> {
        self.region(location)?.kinds.get(&slot(kind, location))
    }

    /// Adds the result of a read.
    pub fn add(&mut self, kind: &str, scope: &Scope, result: Result<Observation<Value>, Failure>) {
        let region = self.region_mut(&scope.location.account, &scope.location.region);
        let part = region.kinds.entry(slot(kind, &scope.location)).or_default();
        part.listed |= scope.everything.is_some();
        let observation = match result {
            Ok(observation) => observation,
            Err(failure) => {
                part.failed = Some(failure);
                return;
            }
        };
        if let Some(depth) = &scope.everything {
            part.everything = Some(part.everything.take().map_or(depth.clone(), |earlier| earlier.and(depth.clone())));
        }
        for name in scope.names.keys() {
            part.names.entry(name.clone()).or_insert(Reading::Absent);
        }
        for resource in observation.resources {
            let Some(depth) = scope.depth(&resource.name).cloned() else { continue };
            part.put(resource.name.clone(), Reading::Found { depth, resource: Box::new(resource) });
        }
        for (name, failure) in observation.gaps {
            part.names.insert(name, Reading::Gap(failure));
        }
    }

    /// Returns the part of a request that was not read. `None` if all of it was read or could not be read.
    pub fn missing(&self, kind: &str, scope: &Scope) -> Option<Scope> {
        let none = KindSnapshot::default();
        let part = self.kind(kind, &scope.location).unwrap_or(&none);
        if part.failed.is_some() {
            return None;
        }
        let covered = |name: &String, depth: &Depth| match part.names.get(name) {
            Some(Reading::Found { depth: known, .. }) => known.includes(depth),
            Some(Reading::Absent | Reading::Gap(_)) => true,
            None => part.everything.is_some(),
        };
        let everything = scope.everything.clone().filter(|depth| {
            let read = part.everything.as_ref();
            !read.is_some_and(|known| known.includes(depth))
        });
        let mut names: BTreeMap<String, Depth> = scope
            .names
            .iter()
            .filter(|(name, depth)| everything.is_some() || !covered(name, depth))
            .map(|(name, depth)| (name.clone(), depth.clone()))
            .collect();
        // A resource that was requested by name may have been read less deep than the others.
        if let (None, Some(depth)) = (&everything, &scope.everything) {
            let shallow = part.names.keys().filter(|name| !scope.names.contains_key(*name) && !covered(name, depth));
            names.extend(shallow.map(|name| (name.clone(), depth.clone())));
        }
        let missing = Scope { location: scope.location.clone(), names, everything };
        (missing.everything.is_some() || !missing.names.is_empty()).then_some(missing)
    }

    /// Returns the result that a read of this request would have, from the data in the snapshot.
    ///
    /// # Guarantees
    /// Equal to the result of a live read at the time of the snapshot: contains no resource, field or extra beyond the
    /// requested depth.
    ///
    /// # Errors
    /// The kind was not read, or could not be read.
    pub fn view(&self, kind: &str, parts: &[&str], scope: &Scope) -> Result<Observation<Value>, Failure> {
        let Some(part) = self.kind(kind, &scope.location) else {
            return Err(not_read(kind));
        };
        if let Some(failure) = &part.failed {
            return Err(failure.clone());
        }
        let mut observation = Observation::default();
        for (name, reading) in &part.names {
            let Some(depth) = scope.depth(name) else { continue };
            match reading {
                Reading::Found { resource, .. } => {
                    observation.resources.push(narrowed((**resource).clone(), parts, depth));
                }
                Reading::Absent => {}
                Reading::Gap(failure) => observation.gaps.push((name.clone(), failure.clone())),
            }
        }
        Ok(observation)
    }

    /// Returns what of a request could not be read: names and failures. The name is `*` if the whole kind could not be
    /// read, or was not read.
    pub fn unread(&self, kind: &str, scope: &Scope) -> Vec<(String, Failure)> {
        let whole = |failure| vec![("*".to_owned(), failure)];
        let Some(part) = self.kind(kind, &scope.location) else { return whole(not_read(kind)) };
        if let Some(failure) = &part.failed {
            return whole(failure.clone());
        }
        let asked = part.names.iter().filter(|(name, _)| scope.asks_for(name));
        let gap = |(name, reading): (&String, &Reading)| match reading {
            Reading::Gap(failure) => Some((name.clone(), failure.clone())),
            Reading::Found { .. } | Reading::Absent => None,
        };
        asked.filter_map(gap).collect()
    }

    /// Returns the live resources of a kind that were read, at the depth at which they were read.
    pub fn found(&self, kind: &str, location: &Location) -> impl Iterator<Item = &LiveResource<Value>> {
        let readings = self.kind(kind, location).into_iter().flat_map(|part| part.names.values());
        readings.filter_map(|reading| match reading {
            Reading::Found { resource, .. } => Some(resource.as_ref()),
            Reading::Absent | Reading::Gap(_) => None,
        })
    }

    /// Returns what was read of one resource: `None` if nothing was read.
    ///
    /// # Errors
    /// The whole kind could not be read.
    pub fn reading(&self, kind: &str, location: &Location, name: &str) -> Option<Result<&Reading, &Failure>> {
        let part = self.kind(kind, location)?;
        if let Some(failure) = &part.failed {
            return Some(Err(failure));
        }
        let absent = part.everything.as_ref().map(|_| &Reading::Absent);
        part.names.get(name).or(absent).map(Ok)
    }

    /// Marks a kind as listed: its names are all that exist in the region.
    pub fn was_listed(&mut self, kind: &str, location: &Location) {
        let region = self.region_mut(&location.account, &location.region);
        region.kinds.entry(slot(kind, location)).or_default().listed = true;
    }

    /// Returns the VPCs of a region. `None` if they were not read.
    pub fn vpcs(&self, account: &str, region: &str) -> Option<&[Vpc]> {
        self.regions.get(&(account.to_owned(), region.to_owned()))?.vpcs.as_deref()
    }

    /// Returns all gaps: the address `account/region/kind/name` (name `*` for a whole kind), and the failure.
    pub fn gaps(&self) -> Vec<(String, &Failure)> {
        let mut gaps = Vec::new();
        for ((account, region), part) in &self.regions {
            for (slot, kind) in &part.kinds {
                let name = slot.split('@').next().unwrap_or(slot);
                gaps.extend(kind.failed.iter().map(|failure| (format!("{account}/{region}/{name}/*"), failure)));
                gaps.extend(kind.names.iter().filter_map(|(resource, reading)| match reading {
                    Reading::Gap(failure) => Some((format!("{account}/{region}/{name}/{resource}"), failure)),
                    _ => None,
                }));
            }
        }
        gaps
    }

    /// Returns the number of live resources.
    pub fn len(&self) -> usize {
        let kinds = self.regions.values().flat_map(|region| region.kinds.values());
        let found = |reading: &&Reading| matches!(reading, Reading::Found { .. });
        kinds.map(|kind| kind.names.values().filter(found).count()).sum()
    }

    /// Returns whether it contains no live resource.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn not_read(kind: &str) -> Failure {
    Failure::new(FailureClass::Other, kind, "it was not read")
}

/// Removes the fields and extras that a read at `depth` does not return.
pub(super) fn narrowed(mut resource: LiveResource<Value>, parts: &[&str], depth: &Depth) -> LiveResource<Value> {
    let beyond = |field: &str| parts.contains(&field) && !depth.reads(field);
    if let Value::Object(fields) = &mut resource.model {
        fields.retain(|field, _| !beyond(field));
    }
    resource.extras.retain(|extra| !beyond(head(&extra.path)));
    resource
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::resource::reference::Attributes;

    fn location() -> Location {
        let text = |text: &str| text.to_owned();
        Location { partition: text("aws"), region: text("eu-central-1"), account: text("1"), vpc: None }
    }

    fn named(fields: &[&str]) -> Depth {
        Depth::Named(fields.iter().map(|field| (*field).to_owned()).collect::<BTreeSet<_>>())
    }

    fn scope(names: &[(&str, Depth)], everything: Option<Depth>) -> Scope {
        let names = names.iter().map(|(name, depth)| ((*name).to_owned(), depth.clone())).collect();
        Scope { location: location(), names, everything }
    }

    fn found(name: &str, model: Value) -> Observation<Value> {
        Observation { resources: vec![LiveResource::new(name, model, Attributes::new())], gaps: Vec::new() }
    }

    #[test]
    fn a_view_equals_a_read_at_the_same_depth() {
        let mut snapshot = Snapshot::default();
        let whole = scope(&[], Some(Depth::Whole));
        snapshot.add("t.t", &whole, Ok(found("a", json!({"days": 1, "tags": {}, "key": null}))));
        let asked = scope(&[("a", named(&["days"])), ("b", named(&[]))], None);
        assert_eq!(snapshot.missing("t.t", &asked), None);
        let view = snapshot.view("t.t", &["tags", "days"], &asked).unwrap();
        assert_eq!(view.resources[0].model, json!({"days": 1, "key": null}));
        assert_eq!(view.resources.len(), 1);
    }

    #[test]
    fn resources_that_were_not_read_are_missing_and_never_absent() {
        let mut snapshot = Snapshot::default();
        snapshot.add("t.t", &scope(&[("a", named(&["days"]))], None), Ok(found("a", json!({"days": 1}))));
        let deeper = scope(&[("a", named(&["tags"])), ("b", named(&[]))], None);
        assert_eq!(snapshot.missing("t.t", &deeper), Some(deeper.clone()));
        assert!(snapshot.missing("t.t", &scope(&[], Some(named(&[])))).is_some());
        assert!(snapshot.view("u.u", &[], &deeper).is_err());
    }

    #[test]
    fn a_resource_that_was_read_less_deep_than_the_others_is_missing() {
        let mut snapshot = Snapshot::default();
        let mut both = found("a", json!({"days": 1}));
        both.resources.extend(found("b", json!({"tags": {}})).resources);
        snapshot.add("t.t", &scope(&[("a", named(&["days"]))], Some(named(&["tags"]))), Ok(both));
        let all = scope(&[], Some(named(&["tags"])));
        assert_eq!(snapshot.missing("t.t", &all).unwrap().names, scope(&[("a", named(&["tags"]))], None).names);
    }

    #[test]
    fn a_gap_stays_a_gap_after_a_shallower_read() {
        let mut snapshot = Snapshot::default();
        let failure = Failure::new(FailureClass::Denied, "T GetT", "no");
        let denied = Observation { resources: Vec::new(), gaps: vec![("a".to_owned(), failure)] };
        snapshot.add("t.t", &scope(&[("a", Depth::Whole)], None), Ok(denied));
        snapshot.add("t.t", &scope(&[], Some(named(&[]))), Ok(found("a", json!({}))));
        assert_eq!(snapshot.gaps().len(), 1);
    }

    #[test]
    fn a_failed_read_is_a_gap() {
        let mut snapshot = Snapshot::default();
        let asked = scope(&[("a", Depth::Whole)], None);
        let denied = Failure::new(FailureClass::Denied, "T ListTs", "no");
        snapshot.add("t.t", &asked, Err(denied.clone()));
        assert_eq!(snapshot.missing("t.t", &asked), None);
        assert_eq!(snapshot.view("t.t", &[], &asked), Err(denied));
        assert_eq!(snapshot.gaps()[0].0, "1/eu-central-1/t.t/*");
    }
}
