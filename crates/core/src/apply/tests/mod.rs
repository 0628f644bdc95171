// SPDX-License-Identifier: Apache-2.0
//! Tests of the apply session against a cloud in memory. Most of them run with a fresh and with a saved plan.

mod before;
mod steps;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Answer, ApplyError, ApplyErrorKind, ApplySession, Completion, Event, Front, Options, PlanSource, Totals};
use crate::observe::failure::{Failure, FailureClass};
use crate::observe::provider::Check;
use crate::plan::Plan;
use crate::plan::saved::SavedPlan;
use crate::read_plan::read_plan;
use crate::resource::address::Address;
use crate::spec::Spec;
use crate::testing::cloud::{Cloud, REGISTRY, settings, spec};

/// A front that gives a fixed answer and records its calls.
struct RecordingFront {
    answer: Answer,
    mark: Result<bool, String>,
    /// Whether to stop the session after the first finished step.
    stops: bool,
    stop: watch::Sender<bool>,
    seen: Vec<String>,
}

impl Front for RecordingFront {
    fn show_plan(&mut self, plan: &Plan) {
        self.seen.push(format!("plan of {}", plan.summary.steps));
    }

    fn show_checks(&mut self, checks: &[Check]) {
        self.seen.push(format!("{} checks", checks.len()));
    }

    fn asked_again(&mut self, address: &Address) {
        self.seen.push(format!("asked again {address}"));
    }

    fn confirm(&mut self, _: &Plan) -> Answer {
        self.seen.push("confirm".to_owned());
        self.answer
    }

    fn mark_used(&mut self) -> Result<bool, String> {
        self.seen.push("mark used".to_owned());
        self.mark.clone()
    }

    fn started(&mut self, steps: usize) {
        self.seen.push(format!("started {steps}"));
    }

    fn event(&mut self, event: &Event<'_>) {
        if self.stops && matches!(event, Event::Done { .. }) {
            self.stop.send_replace(true);
        }
    }

    fn finished(&mut self) {
        self.seen.push("finished".to_owned());
    }
}

struct Case {
    cloud: Cloud,
    spec: Spec,
    options: Options,
    front: RecordingFront,
}

impl Case {
    /// A spec with an empty cloud, and a front that answers yes.
    fn of(sections: &str) -> Self {
        let stop = watch::channel(false).0;
        let front = RecordingFront { answer: Answer::Yes, mark: Ok(true), stops: false, stop, seen: Vec::new() };
        let options = Options { wait: true, ..Options::default() };
        Self { cloud: Cloud::default(), spec: spec(sections), options, front }
    }

    /// Adds live resources of `t.t`.
    fn with(self, live: &[(&str, &[(&str, &str)])]) -> Self {
        for (name, pairs) in live {
            self.cloud.put("t.t", name, settings(pairs));
        }
        self
    }

    async fn saved(&self) -> SavedPlan {
        let (_, plan) = read_plan(&self.cloud, REGISTRY, &self.spec).await.unwrap();
        SavedPlan::new(plan, "1".to_owned(), Timestamp::MAX)
    }

    async fn apply(&mut self, source: PlanSource<'_>) -> Result<Completion, ApplyError> {
        let session = ApplySession {
            provider: &self.cloud,
            registry: REGISTRY,
            spec: &self.spec,
            source,
            options: &self.options,
            stop: self.front.stop.subscribe(),
        };
        session.run(&mut self.front).await
    }

    async fn apply_saved(&mut self, saved: &SavedPlan) -> Result<Completion, ApplyError> {
        self.apply(PlanSource::Saved { saved, now: Timestamp::UNIX_EPOCH, used: false }).await
    }

    /// Applies a fresh plan, or a plan that is saved first.
    async fn run(&mut self, is_saved: bool) -> Result<Completion, ApplyError> {
        if !is_saved {
            return self.apply(PlanSource::Fresh).await;
        }
        let saved = self.saved().await;
        self.apply_saved(&saved).await
    }

    /// Applies, expects an error before the first write, and returns the messages.
    async fn refused(&mut self, is_saved: bool, kind: ApplyErrorKind) -> Vec<String> {
        let error = self.run(is_saved).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error:?}");
        assert!(self.cloud.writes().is_empty(), "{:?}", self.cloud.writes());
        messages(&error)
    }
}

fn messages(error: &ApplyError) -> Vec<String> {
    error.diagnostics.0.iter().map(|fault| fault.message.clone()).collect()
}

fn applied(calls: usize) -> Completion {
    Completion::Applied(Totals { calls, left: 0, in_progress: 0, waiting: 0 })
}

fn denied() -> Failure {
    Failure::new(FailureClass::Denied, "T Call", "no")
}

const ONE: &str = "t.t:\n  a: {size: small}\n";
const RECORDED: &str = "record_applied: true\nt.t:\n  a: {size: small}\n  b: {size: small}\n";
