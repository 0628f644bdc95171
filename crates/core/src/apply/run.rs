//! The executor: every step whose predecessors are done runs, up to a number at once.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;

use super::Event;
use crate::plan::{Change, Plan, Step};
use crate::reference::{self, Known, Outputs, Target};
use crate::world::{Failure, FailureClass, Place, StepTarget, World};

/// Tells a run to start no further step; `true` once somebody asked.
pub type Stop = watch::Receiver<bool>;

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
}

/// Runs the steps of a plan.
///
/// # Guarantees
/// A step starts only when all it comes after are done. After a failure everything that does not
/// depend on it still runs. After a stop the running calls are finished and no other starts. Each
/// step of the plan is in exactly one list of the outcome.
///
/// # Caveats
/// Dropping the future abandons running calls; AWS may or may not have done them. The next plan says.
pub async fn run(
    world: &dyn World,
    plan: &Plan,
    place: &Place,
    known: Known,
    parallelism: usize,
    mut stop: Stop,
    listen: &mut dyn FnMut(Event<'_>),
) -> Outcome {
    let steps: BTreeMap<u32, (&Change, &Step)> =
        plan.steps().into_iter().map(|(change, step)| (step.id, (change, step))).collect();
    let mut run = Run { steps: &steps, waiting: steps.keys().copied().collect(), known, outcome: Outcome::default() };
    let mut running = FuturesUnordered::new();
    loop {
        run.outcome.interrupted |= *stop.borrow();
        while !run.outcome.interrupted && running.len() < parallelism {
            let Some(id) = run.next_ready() else { break };
            let (change, step) = steps[&id];
            listen(Event::Started { id, address: &change.address, call: &step.call });
            let call = run.call(world, place, change, step);
            running.push(async move { (id, call.await) });
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            Some((id, result)) = running.next() => run.finish(id, result, listen),
            Ok(()) = stop.changed(), if !run.outcome.interrupted => {}
        }
    }
    for id in std::mem::take(&mut run.waiting) {
        run.skip(id, listen);
    }
    run.outcome.skipped.sort_unstable();
    run.outcome
}

struct Run<'a> {
    steps: &'a BTreeMap<u32, (&'a Change, &'a Step)>,
    waiting: BTreeSet<u32>,
    known: Known,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn next_ready(&mut self) -> Option<u32> {
        let done = &self.outcome.done;
        let ready = |id: &&u32| self.steps[id].1.after.iter().all(|before| done.contains(before));
        let id = self.waiting.iter().find(ready).copied()?;
        self.waiting.remove(&id);
        Some(id)
    }

    /// Prepares the call: every reference must have its value by now.
    fn call(
        &self,
        world: &'a dyn World,
        place: &Place,
        change: &'a Change,
        step: &Step,
    ) -> impl Future<Output = Result<Outputs, Failure>> + use<'a> {
        let mut op = step.op.clone();
        self.known.fill(&mut op);
        let target = StepTarget {
            name: change.address.name.clone(),
            place: place.clone(),
            outputs: self.known.of(&Target::Resource(change.address.clone())),
        };
        let missing = reference::find(&op).into_iter().next().map(|reference| Failure {
            class: FailureClass::Other,
            call: step.call.clone(),
            code: None,
            message: format!("{} has no value", reference.text()),
            request_id: None,
        });
        async move {
            match missing {
                Some(failure) => Err(failure),
                None => world.run(&change.address.kind, target, op).await,
            }
        }
    }

    fn finish(&mut self, id: u32, result: Result<Outputs, Failure>, listen: &mut dyn FnMut(Event<'_>)) {
        let (change, step) = self.steps[&id];
        match result {
            Ok(outputs) => {
                self.known.add(Target::Resource(change.address.clone()), outputs);
                self.outcome.done.push(id);
                listen(Event::Done { id, address: &change.address, call: &step.call });
            }
            Err(failure) => {
                listen(Event::Failed { id, address: &change.address, failure: &failure });
                self.outcome.failed.push((id, failure));
                self.skip_after(id, listen);
            }
        }
    }

    fn skip_after(&mut self, id: u32, listen: &mut dyn FnMut(Event<'_>)) {
        let dependents: Vec<u32> =
            self.waiting.iter().copied().filter(|waiting| self.steps[waiting].1.after.contains(&id)).collect();
        for dependent in dependents {
            if self.waiting.remove(&dependent) {
                self.skip(dependent, listen);
                self.skip_after(dependent, listen);
            }
        }
    }

    fn skip(&mut self, id: u32, listen: &mut dyn FnMut(Event<'_>)) {
        let (change, step) = self.steps[&id];
        listen(Event::Skipped { id, address: &change.address, call: &step.call });
        self.outcome.skipped.push(id);
    }
}
