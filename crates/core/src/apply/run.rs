//! The executor: every step whose predecessors are done runs, up to a number at once.

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
use crate::plan::{Change, Plan, Step};
use crate::resource::address::Address;
use crate::resource::reference::{self, Known, Outputs, Target};
use crate::resource::secret;

/// Tells a run to start no further step; `true` once somebody asked.
pub type Stop = watch::Receiver<bool>;

/// So long running calls are waited for after a stop; one may be waiting for a database that takes an hour.
const GRACE: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(30) };

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The steps that are done.
    pub done: Vec<u32>,
    /// The steps that failed, and why.
    pub failed: Vec<(u32, Failure)>,
    /// The steps that were not tried.
    pub skipped: Vec<u32>,
    /// Whether the run was stopped from outside.
    pub interrupted: bool,
    /// The values that are known afterwards.
    pub known: Known,
}

/// Runs the steps of a plan.
///
/// # Guarantees
/// A step starts only when all it comes after are done. After a failure everything that does not
/// depend on it still runs. After a stop the running calls are finished, unless one waits for something that
/// is not ready for longer than half a minute, and no other starts. Each
/// step of the plan is in exactly one list of the outcome.
///
/// # Caveats
/// Dropping the future abandons running calls; AWS may or may not have done them. The next plan says.
pub async fn run(
    provider: &dyn Provider,
    plan: &Plan,
    inventory: &Inventory,
    parallelism: usize,
    mut stop: Stop,
    listen: &mut (dyn FnMut(Event<'_>) + Send),
) -> Outcome {
    let steps: BTreeMap<u32, (&Change, &Step)> =
        plan.steps().into_iter().map(|(change, step)| (step.id, (change, step))).collect();
    let outcome = Outcome { known: inventory.known.clone(), ..Outcome::default() };
    let waiting = steps.keys().copied().collect();
    let mut run = Run {
        steps: &steps,
        waiting,
        running: BTreeSet::new(),
        finished: BTreeSet::new(),
        begun: BTreeSet::new(),
        outcome,
    };
    let mut running = FuturesUnordered::new();
    let mut deadline: Option<Instant> = None;
    loop {
        run.outcome.interrupted |= *stop.borrow();
        while !run.outcome.interrupted && running.len() < parallelism {
            let Some(id) = run.next_ready() else { break };
            let (change, step) = steps[&id];
            run.running.insert(id);
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
                run.running.remove(&id);
                run.finish(id, result, listen);
            }
            Ok(()) = stop.changed(), if !run.outcome.interrupted => {}
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => break,
        }
    }
    for id in std::mem::take(&mut run.running) {
        run.skip(id, listen);
    }
    for id in std::mem::take(&mut run.waiting) {
        run.skip(id, listen);
    }
    run.outcome.skipped.sort_unstable();
    run.outcome
}

/// A resource as a call finds it.
pub(super) fn target(address: &Address, inventory: &Inventory, known: &Known) -> StepTarget {
    StepTarget {
        name: address.name.clone(),
        location: inventory.location.clone(),
        outputs: known.of(&Target::Resource(address.clone())),
    }
}

/// Runs the operation by which a person is asked again.
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
    finished: BTreeSet<u32>,
    begun: BTreeSet<&'a Address>,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    /// A resource that was begun is finished before another one is begun, so that a cut leaves few halves.
    fn next_ready(&mut self) -> Option<u32> {
        let ready = |id: &&u32| self.steps[id].1.after.iter().all(|before| self.finished.contains(before));
        let begun = |id: &&u32| self.begun.contains(&self.steps[id].0.address);
        let of_begun = self.waiting.iter().filter(ready).find(begun);
        let id = of_begun.or_else(|| self.waiting.iter().find(ready)).copied()?;
        self.waiting.remove(&id);
        Some(id)
    }

    /// Prepares the call: every reference must have its value by now.
    fn call(
        &self,
        provider: &'a dyn Provider,
        inventory: &Inventory,
        change: &'a Change,
        step: &Step,
    ) -> impl Future<Output = Result<Outputs, Failure>> + use<'a> {
        let mut op = step.op.clone();
        self.outcome.known.fill(&mut op);
        let target = target(&change.address, inventory, &self.outcome.known);
        let missing = reference::find(&op).into_iter().next().map(|reference| {
            Failure::new(FailureClass::Other, step.call.clone(), format!("{} has no value", reference.text()))
        });
        // After the search for open references: a secret may look like one.
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

    fn finish(&mut self, id: u32, result: Result<Outputs, Failure>, listen: &mut (dyn FnMut(Event<'_>) + Send)) {
        let (change, step) = self.steps[&id];
        match result {
            Ok(outputs) => {
                self.outcome.known.add(Target::Resource(change.address.clone()), outputs);
                self.outcome.done.push(id);
                self.finished.insert(id);
                self.begun.insert(&change.address);
                listen(Event::Done { id, address: &change.address, call: &step.call });
            }
            Err(failure) => {
                listen(Event::Failed { id, address: &change.address, failure: &failure });
                self.outcome.failed.push((id, failure));
                self.skip_after(id, listen);
            }
        }
    }

    fn skip_after(&mut self, id: u32, listen: &mut (dyn FnMut(Event<'_>) + Send)) {
        let dependents: Vec<u32> =
            self.waiting.iter().copied().filter(|waiting| self.steps[waiting].1.after.contains(&id)).collect();
        for dependent in dependents {
            if self.waiting.remove(&dependent) {
                self.skip(dependent, listen);
                self.skip_after(dependent, listen);
            }
        }
    }

    fn skip(&mut self, id: u32, listen: &mut (dyn FnMut(Event<'_>) + Send)) {
        let (change, step) = self.steps[&id];
        listen(Event::Skipped { id, address: &change.address, call: &step.call });
        self.outcome.skipped.push(id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, inventory};

    fn plan(changes: &Value) -> Plan {
        let change =
            |name: &String, steps: &Value| {
                let steps: Vec<Value> = steps.as_array().unwrap().iter().map(|step| json!({
                "id": step[0], "call": "T Op", "phase": "create", "covers": [], "after": step[1], "op": step[2],
            })).collect();
                json!({
                    "address": format!("t.t/{name}"), "service": "T", "action": "create", "fields": [], "steps": steps,
                    "at": {"file": "a", "line": 1, "column": 1}, "fingerprint": "absent", "outputs": {},
                })
            };
        let changes: Vec<Value> =
            changes.as_object().unwrap().iter().map(|(name, steps)| change(name, steps)).collect();
        serde_json::from_value(json!({
            "format": 1, "tool": "", "region": "", "account": "", "spec": "", "spec_digest": "", "changes": changes,
            "waiting": [], "unread": [], "gates": [],
            "summary": {"create": 0, "update": 0, "blocked": 0, "unchanged": 0, "waiting": 0, "steps": 0},
        }))
        .unwrap()
    }

    async fn run_all(provider: &Fake, plan: &Plan) -> Outcome {
        let (_stop, stopped) = watch::channel(false);
        run(provider, plan, &inventory(), 4, stopped, &mut |_| {}).await
    }

    #[tokio::test]
    async fn a_value_that_only_aws_gives_reaches_the_step_that_needs_it() {
        let provider = Fake::default();
        let plan = plan(&json!({"a": [[1, [], "Create"]], "b": [[2, [1], {"Use": "${t.t/a.id}"}]]}));
        let outcome = run_all(&provider, &plan).await;
        assert_eq!(outcome.done, [1, 2]);
        assert_eq!(*provider.ran.lock().unwrap(), [json!("Create"), json!({"Use": "id-of-a"})]);
    }

    #[tokio::test]
    async fn after_a_failure_only_what_depends_on_it_is_left() {
        let provider = Fake::default();
        let plan = plan(&json!({
            "a": [[1, [], "Fail"], [3, [1], "Next"]], "b": [[4, [3], "Needs"]], "c": [[2, [], "Create"], [5, [2], "More"]],
        }));
        let outcome = run_all(&provider, &plan).await;
        assert_eq!((outcome.done, outcome.skipped), (vec![2, 5], vec![3, 4]));
        assert_eq!(outcome.failed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1]);
        assert!(!outcome.interrupted);
    }

    #[tokio::test]
    async fn a_reference_without_a_value_is_never_sent() {
        let provider = Fake::default();
        let outcome = run_all(&provider, &plan(&json!({"a": [[1, [], {"Use": "${t.t/b.id}"}]]}))).await;
        assert_eq!(outcome.failed[0].1.message, "${t.t/b.id} has no value");
        assert!(provider.ran.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn after_a_stop_nothing_else_starts_and_every_step_is_accounted_for() {
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
    async fn a_call_that_waits_for_ever_does_not_hold_a_stop_up_for_ever() {
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
}
