// SPDX-License-Identifier: Apache-2.0
//! Orders the steps of a plan: a step that needs another resource runs after it.
//!
//! A step needs a resource if its operation contains one of the resource's attributes (an ARN that follows from a
//! name), a reference to an attribute that only AWS assigns, or the value of an attribute that the spec refers to. It
//! then runs after all steps that create, widen or change that resource. If resources need each other (two security
//! groups that allow each other), it runs after the other's creating step only, which breaks the cycle.
//!
//! The last step of a deletion runs after all steps that need the resource: AWS rejects the deletion of an alarm that a
//! composite alarm still depends on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Action, Change};
use crate::diagnostic::Position;
use crate::diff::Phase;
use crate::resource::address::Address;
use crate::resource::reference::{self, Known, Reference, Target};

/// The references that the spec states, by the resource that states them.
pub type Referred<'a> = BTreeMap<&'a Address, &'a BTreeSet<Reference>>;

/// Resources that need each other to be created first, each with its position in the spec.
#[derive(Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<(Address, Position)>);

/// Sets `id` and `after` of all steps. Running the steps by ascending id satisfies every `after`.
///
/// # Errors
/// See [`Cycle`].
pub fn order(changes: &mut [Change], known: &Known, referred: &Referred<'_>) -> Result<(), Cycle> {
    let nodes = nodes(changes, known, referred);
    let cycles = cycles(&nodes, changes);
    let mut after: BTreeMap<(usize, usize), BTreeSet<(usize, usize)>> = BTreeMap::new();
    for node in &nodes {
        let own = (node.step > 0).then(|| (node.change, node.step - 1));
        let others = node.needs.iter().flat_map(|&other| {
            let in_cycle = cycles[other] == cycles[node.change];
            changes[other].steps.iter().enumerate().filter_map(move |(index, step)| {
                let counts = if in_cycle { step.phase == Phase::Create } else { step.phase <= Phase::Change };
                counts.then_some((other, index))
            })
        });
        after.insert((node.change, node.step), own.into_iter().chain(others).collect());
    }
    for node in &nodes {
        let deleted = node.needs.iter().filter(|&&other| cycles[other] != cycles[node.change]);
        let last = deleted.filter_map(|&other| last_of_deletion(&changes[other]).map(|step| (other, step)));
        for step in last {
            after.entry(step).or_default().insert((node.change, node.step));
        }
    }
    number(changes, &after)
}

/// Returns the index of the step that deletes a resource. `None` if it is not deleted.
fn last_of_deletion(change: &Change) -> Option<usize> {
    let last = change.steps.len().checked_sub(1)?;
    (change.action == Action::Delete && change.steps[last].phase == Phase::Narrow).then_some(last)
}

struct StepNode {
    change: usize,
    step: usize,
    needs: BTreeSet<usize>,
}

fn nodes(changes: &[Change], known: &Known, referred: &Referred<'_>) -> Vec<StepNode> {
    let index: BTreeMap<&Address, usize> =
        changes.iter().enumerate().map(|(at, change)| (&change.address, at)).collect();
    let steps = changes
        .iter()
        .enumerate()
        .flat_map(|(change, it)| it.steps.iter().enumerate().map(move |(step, it)| (change, step, &it.op)));
    steps
        .map(|(change, step, op)| {
            let stated = referred.get(&changes[change].address).into_iter().copied().flatten();
            let needs = needed(op, known)
                .into_iter()
                .chain(stated.filter_map(|reference| resolved_target(reference, op, known)))
                .filter_map(|address| index.get(&address).copied())
                .filter(|other| *other != change)
                .collect();
            StepNode { change, step, needs }
        })
        .collect()
}

/// Returns the resources whose attributes an operation contains.
pub fn needed(op: &Value, known: &Known) -> BTreeSet<Address> {
    let referenced = reference::find(op).into_iter().filter_map(|reference| match reference.target {
        Target::Resource(address) => Some(address),
        Target::Vpc | Target::Each => None,
    });
    referenced.chain(known.identified_by(op)).collect()
}

/// Returns the resource that a reference points to, if the operation contains the referenced value.
fn resolved_target(reference: &Reference, op: &Value, known: &Known) -> Option<Address> {
    let Target::Resource(address) = &reference.target else { return None };
    let value = known.value(reference)?;
    let mut found = false;
    reference::walk(op, &mut |text| found |= text.contains(value.as_str()));
    found.then(|| address.clone())
}

/// Returns the cycle of each change as a number. Two changes have the same number if each needs the other.
fn cycles(nodes: &[StepNode], changes: &[Change]) -> Vec<usize> {
    let mut direct: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); changes.len()];
    for node in nodes {
        direct[node.change].extend(&node.needs);
    }
    let reach: Vec<BTreeSet<usize>> = (0..changes.len()).map(|from| reachable(from, &direct)).collect();
    (0..changes.len())
        .map(|change| {
            reach[change]
                .iter()
                .copied()
                .filter(|&other| reach[other].contains(&change))
                .min()
                .unwrap_or(change)
                .min(change)
        })
        .collect()
}

fn reachable(from: usize, direct: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open: Vec<usize> = direct[from].iter().copied().collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(&direct[next]);
        }
    }
    found
}

/// Numbers the steps by depth, then by address and position, so that the ids do not depend on the order of reads.
fn number(changes: &mut [Change], after: &BTreeMap<(usize, usize), BTreeSet<(usize, usize)>>) -> Result<(), Cycle> {
    let mut ids: BTreeMap<(usize, usize), u32> = BTreeMap::new();
    let mut next = 1;
    while ids.len() < after.len() {
        let left = || after.iter().filter(|(node, _)| !ids.contains_key(*node));
        let ready: Vec<(usize, usize)> = left()
            .filter(|(_, before)| before.iter().all(|node| ids.contains_key(node)))
            .map(|(node, _)| *node)
            .collect();
        if ready.is_empty() {
            let stuck: BTreeSet<usize> = left().map(|((change, _), _)| *change).collect();
            let member = |change: usize| (changes[change].address.clone(), changes[change].at.clone());
            return Err(Cycle(stuck.into_iter().map(member).collect()));
        }
        for node in ready {
            ids.insert(node, next);
            next += 1;
        }
    }
    for (node, before) in after {
        let step = &mut changes[node.0].steps[node.1];
        step.id = ids[node];
        step.after = before.iter().map(|node| ids[node]).collect();
        step.after.sort_unstable();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, Step};
    use crate::resource::reference::{Attributes, Ties};
    use serde_json::json;

    fn change(name: &str, steps: &[(Phase, Value)]) -> Change {
        let step = |(phase, op): &(Phase, Value)| Step {
            id: 0,
            call: String::new(),
            phase: *phase,
            covers: Vec::new(),
            after: Vec::new(),
            op: op.clone(),
        };
        Change {
            address: Address::new("t.t", name),
            service: "T".into(),
            action: Action::Create,
            adopts: false,
            at: Position { file: "a".into(), line: 1, column: 1 },
            entry: None,
            follows: None,
            replaced: None,
            deletes: Vec::new(),
            interrupts: Vec::new(),
            fields: Vec::new(),
            risks: Vec::new(),
            waiting: Vec::new(),
            blocked: Vec::new(),
            steps: steps.iter().map(step).collect(),
            fingerprint: String::new(),
            attributes: std::collections::BTreeMap::new(),
        }
    }

    fn ordered(mut changes: Vec<Change>, known: &Known) -> Vec<(u32, Vec<u32>)> {
        order(&mut changes, known, &Referred::new()).unwrap();
        changes.iter().flat_map(|change| change.steps.iter().map(|step| (step.id, step.after.clone()))).collect()
    }

    #[test]
    fn a_step_with_an_attribute_of_another_resource_runs_after_it() {
        let mut known = Known::default();
        let attributes = Attributes::from([("arn".to_owned(), "arn:b".to_owned())]);
        known.identify(&Address::new("t.t", "b"), attributes, |_| Ties::Anywhere);
        let changes = vec![
            change("a", &[(Phase::Create, json!({"Put": {"action": "arn:b"}}))]),
            change("b", &[(Phase::Create, json!("Create")), (Phase::Change, json!("Set"))]),
        ];
        assert_eq!(ordered(changes, &known), [(3, vec![1, 2]), (1, vec![]), (2, vec![1])]);
    }

    #[test]
    fn a_plain_name_is_a_reference_only_in_the_fields_for_such_names() {
        let named = |name: &str| Attributes::from([("name".to_owned(), name.to_owned())]);
        let mut known = Known::default();
        for name in ["a", "b"] {
            known.identify(&Address::new("t.t", name), named(name), |_| Ties::Fields(&["source"]));
        }
        let creates = |name: &str, field: &str, other: &str| change(name, &[(Phase::Create, json!({field: other}))]);
        let independent = vec![creates("a", "database", "b"), creates("b", "database", "a")];
        assert_eq!(ordered(independent, &known), [(1, vec![]), (2, vec![])]);
        let dependent = vec![creates("a", "source", "b"), creates("b", "database", "a")];
        assert_eq!(ordered(dependent, &known), [(2, vec![1]), (1, vec![])]);
    }

    #[test]
    fn a_reference_in_the_spec_orders_steps_that_contain_its_value() {
        let mut known = Known::default();
        let attributes = Attributes::from([("name".to_owned(), "b".to_owned())]);
        known.identify(&Address::new("t.t", "b"), attributes, |_| Ties::Fields(&[]));
        let mut changes = vec![
            change("a", &[(Phase::Create, json!({"Put": "x-b/*"})), (Phase::Change, json!("Set"))]),
            change("b", &[(Phase::Create, json!("Create"))]),
        ];
        let references = BTreeSet::from([Reference::parse("t.t/b.name").unwrap()]);
        let a = Address::new("t.t", "a");
        order(&mut changes, &known, &Referred::from([(&a, &references)])).unwrap();
        let after: Vec<_> = changes[0].steps.iter().map(|step| step.after.len()).collect();
        assert_eq!((changes[1].steps[0].id, after), (1, vec![1, 1]));
    }

    #[test]
    fn two_groups_that_allow_each_other_are_both_created_first() {
        let group = |name: &str, other: &str| {
            change(
                name,
                &[
                    (Phase::Create, json!("Create")),
                    (Phase::Widen, json!({"Authorize": format!("${{t.t/{other}.id}}")})),
                ],
            )
        };
        let steps = ordered(vec![group("a", "b"), group("b", "a")], &Known::default());
        assert_eq!(steps, [(1, vec![]), (3, vec![1, 2]), (2, vec![]), (4, vec![1, 2])]);
    }

    #[test]
    fn a_resource_is_deleted_after_the_steps_that_need_it() {
        let deleted = |name: &str, op: Value| Change { action: Action::Delete, ..change(name, &[(Phase::Narrow, op)]) };
        let of = |other: &str| json!({"Delete": format!("${{t.t/{other}.id}}")});
        let put = change("c", &[(Phase::Change, json!({"Put": "${t.t/a.id}"}))]);
        let steps = ordered(vec![deleted("a", json!("Delete")), deleted("b", of("a")), put], &Known::default());
        assert_eq!(steps, [(3, vec![1, 2]), (1, vec![]), (2, vec![])]);
        let mutual = ordered(vec![deleted("a", of("b")), deleted("b", of("a"))], &Known::default());
        assert_eq!(mutual, [(1, vec![]), (2, vec![])]);
    }

    #[test]
    fn an_unbreakable_cycle_is_an_error() {
        let created_from = |name: &str, other: &str| {
            change(name, &[(Phase::Create, json!({"Create": format!("${{t.t/{other}.id}}")}))])
        };
        let mut changes = vec![created_from("a", "b"), created_from("b", "a")];
        let cycle = order(&mut changes, &Known::default(), &Referred::new()).unwrap_err();
        assert_eq!(cycle.0.iter().map(|(address, _)| address.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
