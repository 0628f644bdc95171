//! Law 11: a spec can say what a model can hold. What a kind writes of a live resource is a spec that wants just that.

use std::collections::BTreeSet;

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::desire::fill::fill;
use regionctl_core::observe::region::read_region;
use regionctl_core::observe::snapshot::{Reading, Snapshot};
use regionctl_core::plan::build::plan;
use regionctl_core::spec::write::yaml;
use serde_json::Value;

use super::{converge, each_case, open, read, spec};
use crate::harness;
use regionctl_aws::session::Access;

/// Kinds that no spec can be written of yet: those whose models are not complete.
fn unconverted() -> BTreeSet<String> {
    let list = std::fs::read_to_string(harness::root().join("tests/unconverted.txt")).unwrap();
    list.lines().map(str::to_owned).collect()
}

/// The live resources of a snapshot that can be written, each with its kind, name and model.
fn resources(snapshot: &Snapshot) -> Vec<(String, String, Value)> {
    let kinds = snapshot.regions.values().flat_map(|region| &region.kinds);
    let found = kinds.flat_map(|(slot, kind)| kind.names.iter().map(move |(name, reading)| (slot, name, reading)));
    found
        .filter_map(|(slot, name, reading)| match reading {
            Reading::Found { resource, .. } => {
                let kind = slot.split('@').next().unwrap().to_owned();
                Some((kind, name.clone(), resource.model.clone()))
            }
            Reading::Absent | Reading::Gap(_) => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_of_a_model_wants_that_model() {
    each_case(|facts, case| async move {
        let sandbox = super::sandbox(&case).await;
        for sections in [&case.before, &case.after] {
            converge(&sandbox, &spec(sections)).await;
            let aws = open(&sandbox, Access::ReadOnly).await;
            let whole = read_region(&aws, REGISTRY, "eu-central-1", &|_| {}).await.unwrap();
            let found = resources(&whole);
            let is_source = facts.writes.is_empty() || sections.is_empty();
            assert!(is_source || !found.is_empty(), "{}: {}: nothing was read", facts.name, case.name);
            for (kind, name, model) in found {
                let of = REGISTRY.of(&kind);
                let written = of.write(&model).unwrap();
                assert_eq!(written.is_none(), unconverted().contains(&kind), "{kind}: tests/unconverted.txt");
                let Some(written) = written else { continue };
                let quoted = Value::from(name.as_str());
                let text = format!("{kind}:\n  {quoted}:\n{}", yaml(&written, 4));
                let wanted = spec(&text);
                let desired = of.relevant(None, &wanted.wants[0].model);
                let live = of.relevant(None, &model);
                assert_eq!(desired, live, "{}: {}: {kind}/{name}\n{text}", facts.name, case.name);
            }
        }
    })
    .await;
}

/// The spec that is written of a live resource finds nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_what_is_written_is_empty() {
    each_case(|facts, case| async move {
        if unconverted().contains(facts.name) {
            return;
        }
        let sandbox = super::sandbox(&case).await;
        converge(&sandbox, &spec(&case.before)).await;
        converge(&sandbox, &spec(&case.after)).await;
        let aws = open(&sandbox, Access::ReadOnly).await;
        let whole = read_region(&aws, REGISTRY, "eu-central-1", &|_| {}).await.unwrap();
        for (kind, name, model) in resources(&whole) {
            let Some(written) = REGISTRY.of(&kind).write(&model).unwrap() else { continue };
            let wanted = spec(&format!("{kind}:\n  {}:\n{}", Value::from(name.as_str()), yaml(&written, 4)));
            let inventory = fill(REGISTRY, &wanted, &read(&aws, &wanted).await).unwrap();
            let plan = plan(REGISTRY, &wanted, &inventory).unwrap();
            assert!(plan.is_empty(), "{}: {}: {kind}/{name}\n{}", facts.name, case.name, super::shown(&plan));
        }
    })
    .await;
}
