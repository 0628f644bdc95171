// SPDX-License-Identifier: Apache-2.0
//! The executor: runs each step after the steps that it depends on, up to a limit concurrently.
//!
//! Each operation has its own queue, because AWS limits rates by operation: a thousand calls that wait for their turn
//! must not keep others from running.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Event;
use crate::desire::fill::Inventory;
use crate::observe::failure::{Failure, FailureClass};
use crate::observe::provider::{Provider, StepTarget};
use crate::plan::{Action, Change, Plan, Step};
use crate::resource::address::Address;
use crate::resource::reference::{self, Attributes, Known, Target};
use crate::resource::secret;

/// The stop signal of a run. Once it is `true`, no further step starts.
pub type Stop = watch::Receiver<bool>;

/// A function that is notified of progress.
pub(super) type Listener<'a> = dyn FnMut(Event<'_>) + Send + 'a;

/// How long to wait for running calls after a stop. A call may wait up to an hour for a database.
const GRACE: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(30) };

/// The result of a run. Each step of the plan is in exactly one list.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The ids of the steps that succeeded.
    pub done: Vec<u32>,
    /// The ids of the steps that failed, each with its error.
    pub failed: Vec<(u32, Failure)>,
    /// The ids of the steps that were not started, or whose call was abandoned after a stop. Sorted.
    pub skipped: Vec<u32>,
    /// Whether the run was stopped.
    pub interrupted: bool,
    /// The attributes of resources, including those that the run created.
    pub known: Known,
}

/// Runs the steps of a plan, at most `parallelism` of them concurrently.
///
/// # Guarantees
/// A step starts only after all steps that it depends on succeeded. After a failure, every step that does not depend on
/// the failed step still runs. After a stop, no further step starts, and running calls have 30 seconds to finish.
///
/// # Caveats
/// Dropping the future abandons running calls. AWS may or may not have executed them; the next plan shows it.
pub async fn run(
    provider: &dyn Provider,
    plan: &Plan,
    inventory: &Inventory,
    parallelism: usize,
    stop: Stop,
    listen: &mut Listener<'_>,
) -> Outcome {
    run_announcing(provider, plan, inventory, parallelism, stop, listen, &mut |_, _| {}).await
}

/// Runs the steps, and calls `changed` with each resource whose steps are over and that one of them changed.
#[expect(clippy::disallowed_methods, reason = "the grace period of an interrupted apply is a deadline")]
pub(super) async fn run_announcing(
    provider: &dyn Provider,
    plan: &Plan,
    inventory: &Inventory,
    parallelism: usize,
    mut stop: Stop,
    listen: &mut Listener<'_>,
    changed: &mut (dyn FnMut(&Address, StepTarget) + Send),
) -> Outcome {
    let steps: BTreeMap<u32, (&Change, &Step)> =
        plan.steps().into_iter().map(|(change, step)| (step.id, (change, step))).collect();
    let mut run = Run::new(&steps, inventory);
    let mut running = FuturesUnordered::new();
    let mut deadline: Option<Instant> = None;
    loop {
        run.outcome.interrupted |= *stop.borrow();
        while !run.outcome.interrupted && running.len() < parallelism {
            let Some(id) = run.next_ready(parallelism) else { break };
            let (change, step) = steps[&id];
            run.start(id);
            listen(Event::Started { id, address: &change.address, call: &step.call });
            let call = run.call(provider, inventory, change, step);
            running.push(async move { (id, call.await) });
        }
        if running.is_empty() {
            break;
        }
        if run.outcome.interrupted && deadline.is_none() {
            deadline = Some(Instant::now() + GRACE);
        }
        tokio::select! {
            Some((id, result)) = running.next() => {
                let change = steps[&id].0;
                run.finish(id, result, listen);
                if run.is_changed(change) {
                    changed(&change.address, target(&change.address, inventory, &run.outcome.known));
                }
            }
            Ok(()) = stop.changed(), if !run.outcome.interrupted => {}
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => break,
        }
    }
    for id in std::mem::take(&mut run.running).into_iter().chain(std::mem::take(&mut run.waiting)) {
        run.skip(id, listen);
    }
    run.outcome.skipped.sort_unstable();
    run.outcome
}

/// Returns the target of a call for a resource: its name, its location and its known attributes.
pub(super) fn target(address: &Address, inventory: &Inventory, known: &Known) -> StepTarget {
    StepTarget {
        name: address.name.clone(),
        location: inventory.location.clone(),
        attributes: known.of(&Target::Resource(address.clone())),
    }
}

/// Runs the operation that asks a person again, for example one that sends a confirmation email.
///
/// # Errors
/// AWS rejected the call or could not be reached.
pub async fn ask_again(
    provider: &dyn Provider,
    inventory: &Inventory,
    address: &Address,
    op: &Value,
) -> Result<(), Failure> {
    let target = target(address, inventory, &inventory.known);
    provider.run(&address.kind, target, op.clone()).await.map(|_| ())
}

struct Run<'a> {
    steps: &'a BTreeMap<u32, (&'a Change, &'a Step)>,
    waiting: BTreeSet<u32>,
    running: BTreeSet<u32>,
    /// The number of running steps by operation.
    in_flight: BTreeMap<&'a str, usize>,
    finished: BTreeSet<u32>,
    started: BTreeSet<&'a Address>,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(steps: &'a BTreeMap<u32, (&'a Change, &'a Step)>, inventory: &Inventory) -> Self {
        Self {
            steps,
            waiting: steps.keys().copied().collect(),
            running: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            finished: BTreeSet::new(),
            started: BTreeSet::new(),
            outcome: Outcome { known: inventory.known.clone(), ..Outcome::default() },
        }
    }

    /// Returns the next step. Prefers the operation with the fewest running steps, of which none takes more than three
    /// quarters of the places. Then prefers resources that have a finished step, so that an interruption leaves few
    /// incomplete resources.
    fn next_ready(&mut self, parallelism: usize) -> Option<u32> {
        let most = parallelism - parallelism / 4;
        let ready = self.waiting.iter().filter_map(|id| {
            let (change, step) = self.steps[id];
            let in_flight = self.in_flight.get(step.call.as_str()).copied().unwrap_or_default();
            let is_ready = in_flight < most && step.after.iter().all(|before| self.finished.contains(before));
            is_ready.then(|| (in_flight, !self.started.contains(&change.address), *id))
        });
        ready.min().map(|(.., id)| id)
    }

    fn start(&mut self, id: u32) {
        self.waiting.remove(&id);
        self.running.insert(id);
        *self.in_flight.entry(&self.steps[&id].1.call).or_default() += 1;
    }

    /// Whether a resource remains, has no further step, and at least one of its steps succeeded.
    fn is_changed(&self, change: &Change) -> bool {
        let is_open = |step: &Step| self.waiting.contains(&step.id) || self.running.contains(&step.id);
        change.action != Action::Delete
            && !change.steps.iter().any(is_open)
            && change.steps.iter().any(|step| self.finished.contains(&step.id))
    }

    /// Prepares the call of a step. Fails without sending it if a reference has no value.
    fn call(
        &self,
        provider: &'a dyn Provider,
        inventory: &Inventory,
        change: &'a Change,
        step: &Step,
    ) -> impl Future<Output = Result<Attributes, Failure>> + use<'a> {
        let mut op = step.op.clone();
        self.outcome.known.fill(&mut op);
        let target = target(&change.address, inventory, &self.outcome.known);
        let missing = reference::find(&op).into_iter().next().map(|reference| {
            Failure::new(FailureClass::Other, step.call.clone(), format!("{} has no value", reference.text()))
        });
        // Secrets are inserted after the search for references because a secret may contain `${…}`.
        if let Some(secrets) = inventory.secrets.get(&change.address) {
            secret::unseal(&mut op, secrets);
        }
        async move {
            match missing {
                Some(failure) => Err(failure),
                None => provider.run(&change.address.kind, target, op).await,
            }
        }
    }

    fn finish(&mut self, id: u32, result: Result<Attributes, Failure>, listen: &mut Listener<'_>) {
        let (change, step) = self.steps[&id];
        self.running.remove(&id);
        if let Some(in_flight) = self.in_flight.get_mut(step.call.as_str()) {
            *in_flight -= 1;
        }
        match result {
            Ok(attributes) => {
                self.outcome.known.add(Target::Resource(change.address.clone()), attributes);
                self.outcome.done.push(id);
                self.finished.insert(id);
                self.started.insert(&change.address);
                listen(Event::Done { id, address: &change.address, call: &step.call });
            }
            Err(failure) => {
                listen(Event::Failed { id, address: &change.address, failure: &failure });
                self.outcome.failed.push((id, failure));
                self.skip_after(id, listen);
            }
        }
    }

    fn skip_after(&mut self, id: u32, listen: &mut Listener<'_>) {
        let dependents: Vec<u32> =
            self.waiting.iter().copied().filter(|waiting| self.steps[waiting].1.after.contains(&id)).collect();
        for dependent in dependents {
            if self.waiting.remove(&dependent) {
                self.skip(dependent, listen);
                self.skip_after(dependent, listen);
            }
        }
    }

    fn skip(&mut self, id: u32, listen: &mut Listener<'_>) {
        let (change, step) = self.steps[&id];
        listen(Event::Skipped { id, address: &change.address, call: &step.call });
        self.outcome.skipped.push(id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::operation;
    use crate::testing::{Fake, inventory};

    fn plan(changes: &Value) -> Plan {
        let change = |name: &String, steps: &Value| {
            let steps: Vec<Value> = steps.as_array().unwrap().iter().map(|step| json!({
                "id": step[0], "call": format!("T {}", operation(&step[2])), "phase": "create", "covers": [], "after": step[1], "op": step[2],
            })).collect();
            json!({
                "address": format!("t.t/{name}"), "service": "T", "action": "create", "fields": [], "steps": steps,
                "at": {"file": "a", "line": 1, "column": 1}, "fingerprint": "absent", "attributes": {},
            })
        };
        let changes: Vec<Value> =
            changes.as_object().unwrap().iter().map(|(name, steps)| change(name, steps)).collect();
        serde_json::from_value(json!({
            "format": 1, "tool": "", "region": "", "account": "", "spec": "", "spec_digest": "", "changes": changes,
            "waiting": [], "gaps": [], "gates": [],
            "summary": {"create": 0, "update": 0, "blocked": 0, "unchanged": 0, "waiting": 0, "steps": 0},
        }))
        .unwrap()
    }

    async fn run_all(provider: &Fake, plan: &Plan) -> Outcome {
        let (_stop, stopped) = watch::channel(false);
        run(provider, plan, &inventory(), 4, stopped, &mut |_| {}).await
    }

    #[tokio::test]
    async fn an_attribute_of_a_created_resource_reaches_the_step_that_references_it() {
        let provider = Fake::default();
        let plan = plan(&json!({"a": [[1, [], "Create"]], "b": [[2, [1], {"Use": "${t.t/a.id}"}]]}));
        let outcome = run_all(&provider, &plan).await;
        assert_eq!(outcome.done, [1, 2]);
        assert_eq!(*provider.ran.lock().unwrap(), [json!("Create"), json!({"Use": "id-of-a"})]);
    }

    #[tokio::test]
    async fn a_failure_skips_only_dependent_steps() {
        let provider = Fake::default();
        let plan = plan(&json!({
            "a": [[1, [], "Fail"], [3, [1], "Next"]],
            "b": [[4, [3], "Needs"]],
            "c": [[2, [], "Create"], [5, [2], "More"]],
        }));
        let outcome = run_all(&provider, &plan).await;
        assert_eq!((outcome.done, outcome.skipped), (vec![2, 5], vec![3, 4]));
        assert_eq!(outcome.failed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1]);
        assert!(!outcome.interrupted);
    }

    #[tokio::test]
    async fn a_step_with_an_unresolved_reference_is_not_sent() {
        let provider = Fake::default();
        let outcome = run_all(&provider, &plan(&json!({"a": [[1, [], {"Use": "${t.t/b.id}"}]]}))).await;
        assert_eq!(outcome.failed[0].1.message, "${t.t/b.id} has no value");
        assert!(provider.ran.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn after_a_stop_no_step_starts_and_every_step_is_reported() {
        let provider = Fake::default();
        let plan = plan(&json!({"a": [[1, [], "One"], [2, [1], "Two"]], "b": [[3, [], "Three"]]}));
        let (stop, stopped) = watch::channel(false);
        let mut listen = |event: Event<'_>| {
            if matches!(event, Event::Done { .. }) {
                stop.send_replace(true);
            }
        };
        let outcome = run(&provider, &plan, &inventory(), 1, stopped, &mut listen).await;
        assert_eq!((outcome.done, outcome.skipped, outcome.interrupted), (vec![1], vec![2, 3], true));
    }

    #[tokio::test]
    async fn a_call_that_never_ends_is_abandoned_after_a_stop() {
        let provider = Fake::default();
        let plan = plan(&json!({"a": [[1, [], "Hang"], [2, [1], "Two"]]}));
        let (stop, stopped) = watch::channel(false);
        let mut listen = |event: Event<'_>| {
            if matches!(event, Event::Started { .. }) {
                stop.send_replace(true);
            }
        };
        let outcome = run(&provider, &plan, &inventory(), 1, stopped, &mut listen).await;
        assert_eq!((outcome.done, outcome.skipped, outcome.interrupted), (vec![], vec![1, 2], true));
    }
    #[tokio::test]
    async fn calls_that_wait_do_not_keep_other_operations_from_running() {
        let mut changes = serde_json::Map::new();
        for id in 1..=20 {
            changes.insert(format!("a{id}"), json!([[id, [], "Hang"]]));
        }
        for id in 21..=23 {
            changes.insert(format!("b{id}"), json!([[id, [], "Create"]]));
        }
        let (provider, plan, inventory) = (Fake::default(), plan(&Value::Object(changes)), inventory());
        let (stop, stopped) = watch::channel(false);
        let mut left = 3;
        let mut listen = |event: Event<'_>| {
            left -= usize::from(matches!(event, Event::Done { .. }));
            if left == 0 {
                stop.send_replace(true);
            }
        };
        let run = run(&provider, &plan, &inventory, 4, stopped, &mut listen);
        let outcome = tokio::time::timeout(Duration::from_secs(20), run).await.expect("no step was started");
        assert_eq!(outcome.done, [21, 22, 23]);
    }
}
