//! Everything that was read of one or more regions, with what could not be read. A value: plans, reports and
//! comparisons are pure functions of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::{Failure, FailureClass};
use super::location::{Location, Vpc};
use super::scope::{Depth, Extra, LiveResource, Observation, Scope};
use crate::diff::head;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// By account and region.
    pub regions: BTreeMap<(String, String), Region>,
    /// What stands for secrets, where the models hold none; see [`super::stored`].
    pub seals: Option<Seals>,
}

/// What was read of one region of one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Region {
    /// All VPCs of the region; none where they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpcs: Option<Vec<Vpc>>,
    /// By kind, followed by `@` and the VPC's id for what belongs to a VPC.
    pub kinds: BTreeMap<String, Kind>,
}

/// What was read of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kind {
    /// Why nothing of it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
    /// How deep every live one was read; none where only names were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everything: Option<Depth>,
    /// Whether the names are all that the region has of this kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    /// What was found of each name.
    pub names: BTreeMap<String, Reading>,
}

/// What was found of one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// It exists.
    Found {
        /// How deep it was read.
        depth: Depth,
        /// What it is.
        #[serde(flatten)]
        resource: Box<LiveResource<Value>>,
    },
    /// It does not exist.
    Absent,
    /// It could not be read.
    Gap(Failure),
}

/// What stands for secrets in a snapshot that was saved.
///
/// Equal secrets have one token. Of the secret itself a token says only which regions it names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seals {
    /// The tokens of the secrets that specs wanted when the snapshot was taken: by address, as
    /// `account/region/kind/name`.
    pub desired: BTreeMap<String, DesiredSeals>,
}

/// The tokens of one desired resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DesiredSeals {
    /// The digest of the spec that wanted them.
    pub spec: String,
    /// By the path in the model.
    pub tokens: BTreeMap<String, String>,
    /// What was rewritten in secrets of the source, by the path in the model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rewritten: BTreeMap<String, String>,
}

/// The key of a kind's part of a region.
fn slot(kind: &str, location: &Location) -> String {
    match &location.vpc {
        Some(vpc) => format!("{kind}@{}", vpc.id),
        None => kind.to_owned(),
    }
}

impl Kind {
    /// Adds what another read of the same kind found.
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

    /// Keeps what two reads of one resource know: the fields of both, those of the later one where both have them. What
    /// one of them could not read stays a gap.
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
    fn region(&self, location: &Location) -> Option<&Region> {
        self.regions.get(&(location.account.clone(), location.region.clone()))
    }

    /// Returns the part of a region of an account, made where it is not there yet.
    pub fn region_mut(&mut self, account: &str, region: &str) -> &mut Region {
        self.regions.entry((account.to_owned(), region.to_owned())).or_default()
    }

    fn kind(&self, kind: &str, location: &Location) -> Option<&Kind> {
        self.region(location)?.kinds.get(&slot(kind, location))
    }

    /// Adds what a read came to.
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
        for resource in observation.seen {
            let Some(depth) = scope.depth(&resource.name).cloned() else { continue };
            part.put(resource.name.clone(), Reading::Found { depth, resource: Box::new(resource) });
        }
        for (name, failure) in observation.unread {
            part.names.insert(name, Reading::Gap(failure));
        }
    }

    /// Returns what of a scope was not read; none where all of it was, or could not be.
    pub fn lacks(&self, kind: &str, scope: &Scope) -> Option<Scope> {
        let none = Kind::default();
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
        // One that was asked for by name may have been read less deep than the others.
        if let (None, Some(depth)) = (&everything, &scope.everything) {
            let shallow = part.names.keys().filter(|name| !scope.names.contains_key(*name) && !covered(name, depth));
            names.extend(shallow.map(|name| (name.clone(), depth.clone())));
        }
        let lacking = Scope { location: scope.location.clone(), names, everything };
        (lacking.everything.is_some() || !lacking.names.is_empty()).then_some(lacking)
    }

    /// Returns what a read of this scope answers, from what was read.
    ///
    /// # Guarantees
    /// The same as a read at that time: no resource, field or extra more than the depth includes.
    ///
    /// # Errors
    /// The kind could not be read, or was not.
    pub fn view(&self, kind: &str, parts: &[&str], scope: &Scope) -> Result<Observation<Value>, Failure> {
        let Some(part) = self.kind(kind, &scope.location) else {
            return Err(Failure::new(FailureClass::Other, kind, "it was not read"));
        };
        if let Some(failure) = &part.failed {
            return Err(failure.clone());
        }
        let mut observation = Observation::default();
        for (name, reading) in &part.names {
            let Some(depth) = scope.depth(name) else { continue };
            match reading {
                Reading::Found { resource, .. } => observation.seen.push(narrowed((**resource).clone(), parts, depth)),
                Reading::Absent => {}
                Reading::Gap(failure) => observation.unread.push((name.clone(), failure.clone())),
            }
        }
        Ok(observation)
    }

    /// Notes that a read by names went over all that the region has of a kind.
    pub fn was_listed(&mut self, kind: &str, location: &Location) {
        let region = self.region_mut(&location.account, &location.region);
        region.kinds.entry(slot(kind, location)).or_default().listed = true;
    }

    /// Returns the VPCs of a region; none where they were not read.
    pub fn vpcs(&self, account: &str, region: &str) -> Option<&[Vpc]> {
        self.regions.get(&(account.to_owned(), region.to_owned()))?.vpcs.as_deref()
    }

    /// Returns everything that could not be read, as address and reason.
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

    /// Returns how many live resources it holds.
    pub fn len(&self) -> usize {
        let kinds = self.regions.values().flat_map(|region| region.kinds.values());
        let found = |reading: &&Reading| matches!(reading, Reading::Found { .. });
        kinds.map(|kind| kind.names.values().filter(found).count()).sum()
    }

    /// Says whether it holds no live resource.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Takes out what a shallower read would not have answered.
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
    use crate::resource::reference::Outputs;

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

    fn seen(name: &str, model: Value) -> Observation<Value> {
        Observation { seen: vec![LiveResource::new(name, model, Outputs::new())], unread: Vec::new() }
    }

    #[test]
    fn a_view_shows_what_a_read_of_that_depth_would_have_shown() {
        let mut snapshot = Snapshot::default();
        let whole = scope(&[], Some(Depth::Whole));
        snapshot.add("t.t", &whole, Ok(seen("a", json!({"days": 1, "tags": {}, "key": null}))));
        let asked = scope(&[("a", named(&["days"])), ("b", named(&[]))], None);
        assert_eq!(snapshot.lacks("t.t", &asked), None);
        let view = snapshot.view("t.t", &["tags", "days"], &asked).unwrap();
        assert_eq!(view.seen[0].model, json!({"days": 1, "key": null}));
        assert_eq!(view.seen.len(), 1);
    }

    #[test]
    fn what_was_not_read_is_lacking_and_never_absent() {
        let mut snapshot = Snapshot::default();
        snapshot.add("t.t", &scope(&[("a", named(&["days"]))], None), Ok(seen("a", json!({"days": 1}))));
        let deeper = scope(&[("a", named(&["tags"])), ("b", named(&[]))], None);
        assert_eq!(snapshot.lacks("t.t", &deeper), Some(deeper.clone()));
        assert!(snapshot.lacks("t.t", &scope(&[], Some(named(&[])))).is_some());
        assert!(snapshot.view("u.u", &[], &deeper).is_err());
    }

    #[test]
    fn one_that_was_read_less_deep_than_the_others_is_lacking() {
        let mut snapshot = Snapshot::default();
        let mut both = seen("a", json!({"days": 1}));
        both.seen.extend(seen("b", json!({"tags": {}})).seen);
        snapshot.add("t.t", &scope(&[("a", named(&["days"]))], Some(named(&["tags"]))), Ok(both));
        let all = scope(&[], Some(named(&["tags"])));
        assert_eq!(snapshot.lacks("t.t", &all).unwrap().names, scope(&[("a", named(&["tags"]))], None).names);
    }

    #[test]
    fn a_gap_stays_one_where_another_read_is_less_deep() {
        let mut snapshot = Snapshot::default();
        let failure = Failure::new(FailureClass::Denied, "T GetT", "no");
        let unread = Observation { seen: Vec::new(), unread: vec![("a".to_owned(), failure)] };
        snapshot.add("t.t", &scope(&[("a", Depth::Whole)], None), Ok(unread));
        snapshot.add("t.t", &scope(&[], Some(named(&[]))), Ok(seen("a", json!({}))));
        assert_eq!(snapshot.gaps().len(), 1);
    }

    #[test]
    fn a_failed_read_is_a_gap() {
        let mut snapshot = Snapshot::default();
        let asked = scope(&[("a", Depth::Whole)], None);
        let denied = Failure::new(FailureClass::Denied, "T ListTs", "no");
        snapshot.add("t.t", &asked, Err(denied.clone()));
        assert_eq!(snapshot.lacks("t.t", &asked), None);
        assert_eq!(snapshot.view("t.t", &[], &asked), Err(denied));
        assert_eq!(snapshot.gaps()[0].0, "1/eu-central-1/t.t/*");
    }
}
