// SPDX-License-Identifier: Apache-2.0
//! Law 11: a spec can state everything that a model contains. The spec written from a live resource has its model.

use std::collections::BTreeSet;

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::desire::fill::fill;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::model::tags::{created_by, is_own};
use regionctl_core::observe::region::read_region;
use regionctl_core::observe::snapshot::{Reading, Snapshot};
use regionctl_core::plan::build::plan;
use regionctl_core::spec::load::Unreadable;
use regionctl_core::spec::read::Want;
use regionctl_core::spec::tree;
use regionctl_core::spec::write::{unset, yaml};
use serde_json::{Map, Value};

use super::{cases, converge, each_of, open, read, spec};
use crate::harness::sample;
use regionctl_aws::session::Access;

/// A live resource of a snapshot.
pub(super) struct Live {
    pub kind: String,
    pub name: String,
    pub model: Value,
    /// The line of a spec that selects the VPC in which it was read; empty for kinds without a VPC.
    vpc: String,
}

/// Returns the live resources of a snapshot.
pub(super) fn resources(snapshot: &Snapshot) -> Vec<Live> {
    let kinds = snapshot.regions.values().flat_map(|region| &region.kinds);
    let found = kinds.flat_map(|(slot, kind)| kind.names.iter().map(move |(name, reading)| (slot, name, reading)));
    found
        .filter_map(|(slot, name, reading)| match reading {
            Reading::Found { resource, .. } => {
                let (kind, vpc) = slot.split_once('@').unwrap_or((slot, ""));
                let vpc = if vpc.is_empty() { String::new() } else { format!("vpc: {vpc}\n") };
                Some(Live { kind: kind.to_owned(), name: name.clone(), model: resource.model.clone(), vpc })
            }
            Reading::Absent | Reading::Gap(_) => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_written_from_a_live_model_has_this_model() {
    each_of(sample(cases(), 3), |facts, case| async move {
        let sandbox = super::sandbox(&case).await;
        for sections in [&case.before, &case.after] {
            converge(&sandbox, &spec(sections)).await;
            let aws = open(&sandbox, Access::ReadOnly).await;
            let whole = read_region(&aws, REGISTRY, "eu-central-1", &|_| {}).await.unwrap();
            let found = resources(&whole);
            let is_source = facts.writes.is_empty() || sections.is_empty();
            assert!(is_source || !found.is_empty(), "{}: {}: nothing was read", facts.name, case.name);
            for Live { kind, name, model, .. } in found {
                let of = REGISTRY.of(&kind);
                // EC2 creates the default group together with the VPC.
                let created_by_aws = (kind.as_str(), name.as_str()) == ("ec2.security_group", "default");
                if case.given.is_empty() && !created_by_aws {
                    let has_tag = created_by(&model).is_some();
                    assert_eq!(has_tag, of.facts().creation_tags, "{}: {}: {kind}/{name}", facts.name, case.name);
                }
                let written = of.write(&model).unwrap().unwrap_or_else(|| panic!("{kind} cannot be written"));
                let quoted = Value::from(name.as_str());
                let text = format!("{kind}:\n  {quoted}:\n{}", yaml(&written, 4));
                let wanted = spec(&text);
                let desired = of.relevant(None, &wanted.wants[0].model);
                let mut live = of.relevant(None, &model);
                // The tags that regionctl sets itself are not part of a spec.
                if let Some(Value::Object(tags)) = live.get_mut("tags") {
                    tags.retain(|key, _| !is_own(key));
                }
                assert_eq!(desired, live, "{}: {}: {kind}/{name}\n{text}", facts.name, case.name);
            }
        }
    })
    .await;
}

/// The spec written from a live resource needs no changes.
#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_a_written_spec_is_empty() {
    each_of(sample(cases(), 3), |facts, case| async move {
        let sandbox = super::sandbox(&case).await;
        converge(&sandbox, &spec(&case.before)).await;
        converge(&sandbox, &spec(&case.after)).await;
        let aws = open(&sandbox, Access::ReadOnly).await;
        let whole = read_region(&aws, REGISTRY, "eu-central-1", &|_| {}).await.unwrap();
        for Live { kind, name, model, vpc } in resources(&whole) {
            let Some(written) = REGISTRY.of(&kind).write(&model).unwrap() else { continue };
            let wanted = spec(&format!("{vpc}{kind}:\n  {}:\n{}", Value::from(name.as_str()), yaml(&written, 4)));
            let inventory = fill(REGISTRY, &wanted, &read(&aws, &wanted).await).unwrap();
            let plan = plan(REGISTRY, &wanted, &inventory).unwrap();
            assert!(plan.is_empty(), "{}: {}: {kind}/{name}\n{}", facts.name, case.name, super::shown(&plan));
        }
    })
    .await;
}

/// Generates models: an entry of a case, with some fields copied from other cases, changed, omitted or unset. Entries
/// that the spec's checks reject are skipped.
#[test]
fn generated_models_survive_writing_and_reading() {
    // A kind without writes has no settings.
    let kinds = REGISTRY.0.iter().filter(|kind| !kind.facts().writes.is_empty());
    for kind in kinds {
        let name = kind.facts().name;
        let known = entries(name);
        let mut random = Random(7);
        let mut models = BTreeSet::new();
        for _ in sample(0..2_000, 10) {
            let mut fields = random.one_of(&known).clone();
            for _ in 0..random.below(4) {
                let other: Vec<_> = random.one_of(&known).iter().collect();
                let (field, value) = *random.one_of(&other);
                match random.below(6) {
                    0 => drop(fields.remove(field)),
                    1 => drop(fields.insert(field.clone(), unset())),
                    2 => drop(fields.insert(field.clone(), similar(value, &mut random))),
                    _ => drop(fields.insert(field.clone(), value.clone())),
                }
            }
            let Some(model) = try_model(name, &fields.into()) else { continue };
            let written = kind.write(&model).unwrap().expect("the kind can be written");
            let again = try_model(name, &written);
            assert_eq!(again.as_ref(), Some(&model), "{name}\n{}", yaml(&written, 0));
            models.insert(model.to_string());
        }
        let expected = sample(0..40, 10).len();
        assert!(models.len() >= expected, "{name}: only {} models", models.len());
    }
}

/// What keeps a resource from working is a risk without a waiver, so that its entry can have one for every rule.
#[test]
fn every_defect_can_be_waived() {
    for kind in REGISTRY.0.iter().filter(|kind| !kind.facts().defect_rules.is_empty()) {
        let name = kind.facts().name;
        let waived = entries(name).into_iter().find_map(|mut fields| {
            fields.insert("waiver".to_owned(), "it is intended".into());
            try_want(name, &fields.into())
        });
        let waived: Vec<String> =
            waived.expect("an entry can have a waiver").waivers.into_iter().map(|it| it.key).collect();
        for rule in kind.facts().defect_rules {
            assert!(waived.iter().any(|key| key == rule), "{name}: {rule} is not among {waived:?}");
        }
    }
}

fn try_model(kind: &str, fields: &Value) -> Option<Value> {
    try_want(kind, fields).map(|want| want.model)
}

/// Returns an entry as it is read. Returns `None` if the spec is rejected.
fn try_want(kind: &str, fields: &Value) -> Option<Want> {
    // The entries of the cases refer to these.
    let others = [("sns.topic", "alarms"), ("s3.bucket", "flow-bucket"), ("logs.log_group", "/vpc/flows")];
    let others = others.iter().filter(|(of, _)| *of != kind);
    let others = others.map(|(of, name)| format!("{of}:\n  {name}: {{}}\n")).collect::<Vec<_>>().concat();
    let text = format!("{}{others}{kind}:\n  name-of-it:\n{}", super::HEAD, yaml(fields, 4));
    let read = |_: &str| Ok::<_, Unreadable>(text.clone());
    let spec = regionctl_core::spec::read("spec.yaml", &read, REGISTRY, &mut SourceFiles::default()).ok()?;
    let is_it = |want: &Want| want.address.kind == kind && want.address.name == "name-of-it";
    spec.wants.into_iter().find(is_it)
}

/// Returns a similar value: the next number, the negated boolean, the list without its last item, or the mapping with
/// one value that is removed, unset or similar.
fn similar(value: &Value, random: &mut Random) -> Value {
    match value {
        Value::Bool(it) => (!it).into(),
        Value::Number(it) => it.as_i64().map_or_else(|| value.clone(), |it| (it + 1).into()),
        Value::Array(items) => items[..items.len().saturating_sub(1)].into(),
        Value::Object(fields) if !fields.is_empty() => {
            let mut fields = fields.clone();
            let key = random.one_of(&fields.keys().cloned().collect::<Vec<_>>()).clone();
            match random.below(3) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert(key, unset())),
                _ => fields[&key] = similar(&fields[&key].clone(), random),
            }
            fields.into()
        }
        _ => value.clone(),
    }
}

/// Returns the entries of a kind in all cases.
fn entries(kind: &str) -> Vec<Map<String, Value>> {
    let sections = super::cases().into_iter().flat_map(|(_, case)| [case.before, case.after]);
    let trees = sections.filter_map(|text| tree::parse(&text, 0).ok());
    let found = trees.filter_map(|tree| tree::to_json(&tree).get(kind)?.as_object().cloned());
    let entries = found.flat_map(|section| section.into_iter().map(|(_, entry)| entry));
    let entries = entries.filter_map(|entry| match entry {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    entries.filter(|fields| ["like", "copy", "for_each"].iter().all(|word| !fields.contains_key(*word))).collect()
}

/// A random number generator with a fixed seed, so that every run generates the same models.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
