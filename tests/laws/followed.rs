// SPDX-License-Identifier: Apache-2.0
//! Following: a copy of a resource in another region has all its settings, or the plan names those that it leaves out.

use std::collections::BTreeMap;

use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::session::Access;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::model::tags::is_own;
use regionctl_core::observe::region::read_region;
use regionctl_core::resource::secret;
use regionctl_core::spec::load::Unreadable;
use serde_json::{Map, Value};

use super::written::{Live, resources};
use super::{HEAD, cases, converge, each_of, open, open_in, read_and_plan, run, spec};
use crate::harness::sample;

const TARGET: &str = "ap-southeast-2";

/// Copies every live resource of every case to another region.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_whole_or_the_plan_names_what_it_leaves_out() {
    let followed: Vec<_> = cases().into_iter().filter(|(facts, _)| facts.follows).collect();
    each_of(sample(followed, 2), |facts, case| async move {
        let all = [&case.before, &case.after];
        for count in 1..=2 {
            let sandbox = super::sandbox(&case).await;
            for sections in all.into_iter().take(count) {
                converge(&sandbox, &spec(sections)).await;
            }
            let sections = all[count - 1];
            let aws = open(&sandbox, Access::Write).await;
            let sources = live(&aws, facts.name, "eu-central-1").await;
            let text = follow(facts.name, facts.global_names, sources.keys());
            let read = |_: &str| Ok::<_, Unreadable>(text.clone());
            let copies = regionctl_core::spec::read("spec.yaml", &read, REGISTRY, &mut SourceFiles::default());
            let copies = copies.unwrap_or_else(|faults| panic!("{text}: {:?}", faults.0));
            let there = open_in(&sandbox, Access::Write, TARGET).await;
            let (inventory, plan) = read_and_plan(&there, &copies).await;
            run(&there, &inventory, &plan, None).await;
            let (_, after) = read_and_plan(&there, &copies).await;
            assert!(after.is_empty(), "{}: not quiet: {}", case.name, super::shown(&after));
            let made = live(&aws, facts.name, TARGET).await;
            for (name, source) in &sources {
                let named: String = plan.notes.iter().map(|note| note.what.as_str()).collect::<Vec<_>>().join("\n");
                let copy = made
                    .get(&copy_name(facts.global_names, name))
                    .unwrap_or_else(|| panic!("{name} is not copied\n{named}"));
                for (field, value) in source.iter().filter(|(field, value)| copy.get(*field) != Some(*value)) {
                    assert!(
                        named.contains(field.as_str()),
                        "{}: {name}: {field} is lost: {value} → {:?}\nnotes:\n{named}\nspec:\n{sections}",
                        case.name,
                        copy.get(field),
                    );
                }
            }
        }
    })
    .await;
}

/// Returns the names of the copies: names of a partition must differ, others are equal.
fn copy_name(is_global: bool, name: &str) -> String {
    if is_global { format!("{name}-2") } else { name.to_owned() }
}

fn follow<'a>(kind: &str, is_global: bool, names: impl Iterator<Item = &'a String>) -> String {
    let head = HEAD.replace("eu-central-1", TARGET);
    let entries = names.map(|name| {
        format!(
            "  {}: {{like: {}}}\n",
            Value::from(copy_name(is_global, name)),
            Value::from(format!("eu-central-1/{name}"))
        )
    });
    format!("{head}{kind}:\n{}", entries.collect::<String>())
}

/// Returns the set values of the live resources of a kind by name, with the region codes of the source.
async fn live(aws: &regionctl_aws::provider::Aws, of: &str, region: &str) -> BTreeMap<String, Map<String, Value>> {
    let whole = read_region(aws, REGISTRY, region, &|_| {}).await.unwrap();
    let found = resources(&whole).into_iter().filter(|live| live.kind == of);
    found
        .filter_map(|Live { name, model, .. }| {
            let text =
                secret::shown(REGISTRY.of(of).relevant(None, &model)).to_string().replace(TARGET, "eu-central-1");
            let Ok(Value::Object(mut fields)) = serde_json::from_str(&text) else { return None };
            if let Some(Value::Object(tags)) = fields.get_mut("tags") {
                tags.retain(|key, _| !is_own(key));
            }
            fields.retain(|_, value| !value.is_null());
            Some((name, fields))
        })
        .collect()
}
