// SPDX-License-Identifier: Apache-2.0
//! A small cloud in memory for tests of the engine. It has two kinds whose resources are maps of strings, calls that
//! can be made to fail, changes outside the engine, and a log of all calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use futures::future::BoxFuture;
use serde_json::Value;

use super::thing::{Op, Thing, ThingSettings};
use crate::diagnostic::SourceFiles;
use crate::kind::{Erased, Registry};
use crate::observe::failure::Failure;
use crate::observe::location::{Identity, Location};
use crate::observe::provider::{AuditEvent, Check, Provider, Status, StepTarget};
use crate::observe::scope::{LiveResource, Observation, Scope};
use crate::plan::Plan;
use crate::resource::address::Address;
use crate::resource::reference::Attributes;
use crate::spec::{self, Spec};

/// The kinds of the cloud: the regional `t.t` and the global `g.g`.
pub const REGISTRY: Registry = Registry(&[&Erased::<Thing<false>>::NEW, &Erased::<Thing<true>>::NEW]);

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";

/// A write accepts a setting with this name but does not store it.
pub const NEVER_STORED: &str = "stuck";

/// Parses a spec of the cloud's account for a region.
pub fn spec_of(region: &str, sections: &str) -> Spec {
    let text = format!("region: {region}\naccount: '{ACCOUNT}'\n{sections}");
    let read = |_: &str| Ok(text.clone());
    spec::read("spec.yaml", &read, REGISTRY, &mut SourceFiles::default()).unwrap()
}

/// Parses a spec of `eu-central-1`. Its sections start at line 3.
pub fn spec(sections: &str) -> Spec {
    spec_of(REGION, sections)
}

/// Returns settings from pairs of name and value.
pub fn settings(pairs: &[(&str, &str)]) -> ThingSettings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A provider that stores resources in memory.
#[derive(Default)]
pub struct Cloud(Mutex<State>);

#[derive(Default)]
struct State {
    /// Settings by region (empty if global), kind and name.
    things: BTreeMap<(String, String, String), ThingSettings>,
    record: Vec<String>,
    checks: Vec<Check>,
    statuses: BTreeMap<String, VecDeque<Result<Status, Failure>>>,
    /// The number of status reads that run now, and the highest so far.
    status_reads: (usize, usize),
    failures: Vec<(String, Failure)>,
    /// Changes to apply before the n-th read, from 1.
    changes: Vec<(usize, String, ThingSettings)>,
    reads: usize,
    log: Vec<String>,
}

fn key(region: &str, kind: &str, name: &str) -> (String, String, String) {
    let region = if kind == "g.g" { "" } else { region };
    (region.to_owned(), kind.to_owned(), name.to_owned())
}

impl Cloud {
    /// Creates a resource, or replaces its settings, outside the engine.
    pub fn put(&self, kind: &str, name: &str, settings: ThingSettings) {
        self.0.lock().unwrap().things.insert(key(REGION, kind, name), settings);
    }

    /// Replaces the settings of a `t.t` before the n-th read, from 1.
    pub fn change_at_read(&self, number: usize, name: &str, settings: ThingSettings) {
        self.0.lock().unwrap().changes.push((number, name.to_owned(), settings));
    }

    /// Makes every call fail whose log line starts with `call`.
    pub fn fail(&self, call: &str, failure: Failure) {
        self.0.lock().unwrap().failures.push((call.to_owned(), failure));
    }

    /// Removes all failures.
    pub fn heal(&self) {
        self.0.lock().unwrap().failures.clear();
    }

    /// Adds a result to the preflight.
    pub fn check(&self, check: Check) {
        self.0.lock().unwrap().checks.push(check);
    }

    /// Queues the result of a status read of a resource. Each read takes one; an empty queue means ready.
    pub fn status_of(&self, name: &str, status: Result<Status, Failure>) {
        self.0.lock().unwrap().statuses.entry(name.to_owned()).or_default().push_back(status);
    }

    /// Returns the highest number of status reads that ran at the same time.
    pub fn most_status_reads(&self) -> usize {
        self.0.lock().unwrap().status_reads.1
    }

    /// Returns all write calls in order.
    pub fn writes(&self) -> Vec<String> {
        let is_write = |call: &&String| call.starts_with("run ") || call.starts_with("save_applied");
        self.0.lock().unwrap().log.iter().filter(is_write).cloned().collect()
    }

    /// Returns the position of the first call whose log line starts with `call`.
    pub fn position(&self, call: &str) -> Option<usize> {
        self.0.lock().unwrap().log.iter().position(|line| line.starts_with(call))
    }

    /// Counts the calls whose log line starts with `call`.
    pub fn count(&self, call: &str) -> usize {
        self.0.lock().unwrap().log.iter().filter(|line| line.starts_with(call)).count()
    }

    /// Returns whether a last-applied record was saved.
    pub fn has_record(&self) -> bool {
        !self.0.lock().unwrap().record.is_empty()
    }

    /// Logs a call and returns the failure set for it.
    fn call(&self, line: String) -> Result<(), Failure> {
        let mut state = self.0.lock().unwrap();
        let failure = state.failures.iter().find(|(call, _)| line.starts_with(call.as_str()));
        let result = failure.map_or(Ok(()), |(_, failure)| Err(failure.clone()));
        state.log.push(line);
        result
    }

    fn apply_changes(&self) {
        let state = &mut *self.0.lock().unwrap();
        state.reads += 1;
        for (number, name, settings) in &state.changes {
            if *number == state.reads {
                state.things.insert(key(REGION, "t.t", name), settings.clone());
            }
        }
    }

    /// Executes an operation.
    fn change(&self, kind: &str, target: &StepTarget, op: Op) {
        let state = &mut *self.0.lock().unwrap();
        let key = key(&target.location.region, kind, &target.name);
        match op {
            Op::CreateThing { settings } | Op::SetThing { settings } => {
                let thing = state.things.entry(key).or_default();
                thing.extend(settings.into_iter().filter(|(name, _)| name != NEVER_STORED));
            }
            Op::DeleteThing => {
                state.things.remove(&key);
            }
            Op::AskAgain => {}
        }
    }
}

fn attributes(name: &str) -> Attributes {
    Attributes::from([("id".to_owned(), format!("id-of-{name}"))])
}

impl Provider for Cloud {
    fn identify(&self, _: bool) -> BoxFuture<'_, Result<Identity, Failure>> {
        Box::pin(async move {
            self.apply_changes();
            self.call("identify".to_owned())?;
            Ok(Identity { account: ACCOUNT.to_owned(), vpcs: None })
        })
    }

    fn observe<'a>(&'a self, kind: &'a str, scope: Scope) -> BoxFuture<'a, Result<Observation<Value>, Failure>> {
        Box::pin(async move {
            self.call(format!("observe {kind}"))?;
            let state = self.0.lock().unwrap();
            let mut observation = Observation::default();
            for ((region, of, name), settings) in &state.things {
                let is_here = region.is_empty() || *region == scope.location.region;
                if of == kind && is_here && scope.asks_for(name) {
                    let model = serde_json::to_value(settings).unwrap();
                    observation.resources.push(LiveResource::new(name.as_str(), model, attributes(name)));
                }
            }
            Ok(observation)
        })
    }

    fn list<'a>(&'a self, kind: &'a str, location: &'a Location) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            self.call(format!("list {kind}"))?;
            let state = self.0.lock().unwrap();
            let is_here = |region: &str| region.is_empty() || region == location.region;
            let keys = state.things.keys().filter(|(region, of, _)| of == kind && is_here(region));
            Ok(keys.map(|(_, _, name)| name.clone()).collect())
        })
    }

    fn run<'a>(&'a self, kind: &'a str, target: StepTarget, op: Value) -> BoxFuture<'a, Result<Attributes, Failure>> {
        Box::pin(async move {
            self.call(format!("run {} {}", crate::diff::operation(&op), target.name))?;
            self.change(kind, &target, serde_json::from_value(op).unwrap());
            tokio::task::yield_now().await;
            Ok(attributes(&target.name))
        })
    }

    fn preflight<'a>(&'a self, _: &'a Spec, _: &'a Plan, _: &'a Location) -> BoxFuture<'a, Vec<Check>> {
        Box::pin(async move {
            // The preflight returns no error.
            let _ = self.call("preflight".to_owned());
            self.0.lock().unwrap().checks.clone()
        })
    }

    fn status<'a>(&'a self, _: &'a str, target: StepTarget) -> BoxFuture<'a, Result<Status, Failure>> {
        Box::pin(async move {
            self.call(format!("status {}", target.name))?;
            {
                let (now, most) = &mut self.0.lock().unwrap().status_reads;
                *now += 1;
                *most = (*most).max(*now);
            }
            tokio::task::yield_now().await;
            let mut state = self.0.lock().unwrap();
            state.status_reads.0 -= 1;
            let next = state.statuses.get_mut(&target.name).and_then(VecDeque::pop_front);
            next.unwrap_or(Ok(Status::Ready))
        })
    }

    fn audit_events<'a>(
        &'a self,
        address: &'a Address,
        _: &'a Location,
        _: &'a Attributes,
    ) -> BoxFuture<'a, Result<Vec<AuditEvent>, Failure>> {
        Box::pin(async move {
            self.call(format!("audit_events {address}"))?;
            let text = |text: &str| text.to_owned();
            Ok(vec![AuditEvent { who: text("root"), when: text("2026-11-24T00:00:00Z"), event: text("SetThing") }])
        })
    }

    fn last_applied<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            self.call("last_applied".to_owned())?;
            Ok(self.0.lock().unwrap().record.clone())
        })
    }

    fn save_applied<'a>(&'a self, _: &'a str, parts: Vec<String>) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.call("save_applied".to_owned())?;
            self.0.lock().unwrap().record = parts;
            Ok(())
        })
    }
}
