// SPDX-License-Identifier: Apache-2.0
//! One apply, from the first read to the last-applied record. Fresh and saved plans run through the same phases.
//!
//! Nothing here prints: the [`Front`] shows the plan and asks the user.

use jiff::Timestamp;

use super::Event;
use super::outcome::{self, ApplyError, Completion};
use super::refuse;
use super::run::{Outcome, Stop, ask_again, run};
use super::verify::verify;
use super::wait::{Waited, run_and_wait};
use crate::desire::fill::Inventory;
use crate::kind::Registry;
use crate::observe::explain::explain;
use crate::observe::provider::{Check, Provider};
use crate::plan::Plan;
use crate::plan::saved::{Refusal, SavedPlan, moved};
use crate::read_plan::read_plan;
use crate::report::last_applied::save_last_applied;
use crate::resource::address::Address;
use crate::spec::Spec;

/// Where the plan of a session comes from.
#[derive(Debug, Clone, Copy)]
pub enum PlanSource<'a> {
    /// A plan that the session computes.
    Fresh,
    /// A plan that `plan --out` saved. The session refuses it if it no longer holds.
    Saved {
        /// The plan with its digest and its expiry.
        saved: &'a SavedPlan,
        /// The current time, compared with the plan's expiry.
        now: Timestamp,
        /// Whether the plan is already marked as used.
        used: bool,
    },
}

/// The options of an apply.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // each is an independent flag
pub struct Options {
    /// The resources to apply, with their dependencies. Empty means all.
    pub targets: Vec<Address>,
    /// Whether to apply without confirmation.
    pub yes: bool,
    /// Whether a large plan may be applied.
    pub allow_large: bool,
    /// Whether a plan that deletes data may be applied.
    pub allow_destroy: bool,
    /// Whether a plan that interrupts a service may be applied.
    pub allow_interrupt: bool,
    /// Whether to skip the preflight checks.
    pub skip_preflight: bool,
    /// Whether to wait until changed resources are ready.
    pub wait: bool,
    /// Whether to send confirmation requests again, for example for SNS subscriptions by email.
    pub resend: bool,
    /// The maximum number of concurrent steps. 0 means 1.
    pub parallelism: usize,
}

/// The answer to the confirmation prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Apply the plan.
    Yes,
    /// Do not apply the plan.
    No,
    /// No answer, because stdin is not a terminal.
    NotATerminal,
}

/// The user interface of a session: a terminal, or a test.
pub trait Front: Send {
    /// Shows the plan.
    fn show_plan(&mut self, plan: &Plan);
    /// Shows the results of the preflight checks.
    fn show_checks(&mut self, checks: &[Check]);
    /// Shows that a confirmation request of a resource was sent again.
    fn asked_again(&mut self, address: &Address);
    /// Asks the user to confirm the plan.
    fn confirm(&mut self, plan: &Plan) -> Answer;
    /// Marks a saved plan as used. Returns `false` if it is already marked.
    ///
    /// # Errors
    /// The reason why it cannot be marked.
    fn mark_used(&mut self) -> Result<bool, String>;
    /// Called before the first step, with the number of steps.
    fn started(&mut self, steps: usize);
    /// Shows a progress event.
    fn event(&mut self, event: &Event<'_>);
    /// Called after the last event of each [`started`](Self::started), also after a failure.
    fn finished(&mut self);
}

/// One apply of one spec.
pub struct ApplySession<'a> {
    /// The provider to read from and write to.
    pub provider: &'a dyn Provider,
    /// The kinds that a spec may contain.
    pub registry: Registry,
    /// The desired state. A saved plan is refused if the spec changed after the plan was created.
    pub spec: &'a Spec,
    /// Whether the session computes the plan or applies a saved one.
    pub source: PlanSource<'a>,
    /// The gates that the user opened, the targets, and what to do after the last step.
    pub options: &'a Options,
    /// The stop signal. Once it is `true`, no further step starts.
    pub stop: Stop,
}

/// The result of the first read.
struct Ready {
    inventory: Inventory,
    /// The plan to apply, limited to the targets.
    plan: Plan,
    /// The plan of the entire spec, computed from this read.
    now: Plan,
}

impl ApplySession<'_> {
    /// Reads, shows the plan, asks for confirmation, applies and verifies.
    ///
    /// # Guarantees
    /// Only the plan that was shown is applied: after the confirmation everything is read again, and a plan that no
    /// longer holds is refused. No step runs before all gates, the confirmation and the preflight have passed; only
    /// `resend` sends its requests earlier. A saved plan is marked as used before its first step. The last-applied
    /// record is saved only if the spec has no remaining changes and no targets were given.
    ///
    /// # Errors
    /// See [`ApplyError`]. Its kind tells whether anything was changed.
    pub async fn run(&self, front: &mut dyn Front) -> Result<Completion, ApplyError> {
        let Ready { inventory, plan, now } = self.read().await?;
        front.show_plan(&plan);
        if self.options.resend {
            self.resend(front, &inventory, &plan, &now).await?;
        }
        if self.is_nothing_to_do(&plan, &now) {
            if now.is_empty() {
                self.save(&inventory, Completion::NothingToDo).await?;
            }
            return Ok(Completion::NothingToDo);
        }
        refuse::incomplete(&plan, &now.gaps)?;
        refuse::gates(&plan, self.options)?;
        let inventory = self.confirmed(front, &plan, inventory).await?;
        self.preflight(front, &plan, &inventory).await?;
        if *self.stop.borrow() {
            return Err(ApplyError::interrupted_before_the_first_step(&plan));
        }
        self.mark_used(front, &plan)?;
        let totals = self.converge(front, &plan, &inventory).await?;
        let completion = Completion::Applied(totals);
        if totals.left == 0 {
            self.save(&inventory, completion).await?;
        }
        Ok(completion)
    }

    /// Reads the live resources and computes the plan. Refuses a saved plan that no longer holds.
    async fn read(&self) -> Result<Ready, ApplyError> {
        if let PlanSource::Saved { saved, now, used } = self.source {
            refuse::stale(saved.refusals_before_reading(self.spec, now, used), &self.spec.path)?;
        }
        refuse::unknown_targets(&self.options.targets, self.spec)?;
        let (inventory, now) = read_plan(self.provider, self.registry, self.spec).await?;
        let plan = match self.source {
            PlanSource::Fresh => now.clone(),
            PlanSource::Saved { saved, .. } => {
                self.refuse_moved(&saved.plan, &inventory)?;
                saved.plan.clone()
            }
        };
        let targets = &self.options.targets;
        let plan = if targets.is_empty() { plan } else { plan.targeting(targets) };
        Ok(Ready { inventory, plan, now })
    }

    fn refuse_moved(&self, plan: &Plan, inventory: &Inventory) -> Result<(), ApplyError> {
        refuse::stale(moved(self.registry, plan, inventory), &plan.spec)
    }

    /// Uses the resources that wait now, even if a saved plan lists others.
    async fn resend(
        &self,
        front: &mut dyn Front,
        inventory: &Inventory,
        plan: &Plan,
        now: &Plan,
    ) -> Result<(), ApplyError> {
        let is_target = |address: &Address| plan.targets.is_empty() || plan.targets.contains(address);
        for waiting in now.waiting.iter().filter(|waiting| is_target(&waiting.address)) {
            let Some(op) = &waiting.ask_again else { continue };
            let asked = ask_again(self.provider, inventory, &waiting.address, op).await;
            asked.map_err(|failure| {
                let mut fault = explain(&failure);
                fault.message = format!("{}: could not ask again: {}", waiting.address, fault.message);
                ApplyError::error(fault)
            })?;
            front.asked_again(&waiting.address);
        }
        Ok(())
    }

    fn is_nothing_to_do(&self, plan: &Plan, now: &Plan) -> bool {
        let is_complete = plan.is_complete() && now.is_complete();
        is_complete && (plan.has_nothing_to_do() || (plan.is_empty() && !self.options.wait))
    }

    /// Asks for confirmation, then reads again, because live resources may have changed while the user read the plan.
    /// Returns the inventory for the steps.
    async fn confirmed(
        &self,
        front: &mut dyn Front,
        plan: &Plan,
        inventory: Inventory,
    ) -> Result<Inventory, ApplyError> {
        if self.options.yes || plan.is_empty() {
            return Ok(inventory);
        }
        match front.confirm(plan) {
            Answer::Yes => {}
            Answer::No => return Err(refuse::declined()),
            Answer::NotATerminal => return Err(refuse::not_a_terminal()),
        }
        let (now, _) = read_plan(self.provider, self.registry, self.spec).await?;
        self.refuse_moved(plan, &now)?;
        Ok(now)
    }

    async fn preflight(&self, front: &mut dyn Front, plan: &Plan, inventory: &Inventory) -> Result<(), ApplyError> {
        if self.options.skip_preflight || plan.is_empty() {
            return Ok(());
        }
        let checks = self.provider.preflight(self.spec, plan, &inventory.location).await;
        front.show_checks(&checks);
        refuse::failed_checks(&checks)
    }

    fn mark_used(&self, front: &mut dyn Front, plan: &Plan) -> Result<(), ApplyError> {
        if matches!(self.source, PlanSource::Fresh) || plan.is_empty() {
            return Ok(());
        }
        match front.mark_used() {
            Ok(true) => Ok(()),
            Ok(false) => refuse::stale(vec![Refusal::Used], &plan.spec),
            Err(why) => Err(refuse::unmarked(&why)),
        }
    }

    async fn converge(
        &self,
        front: &mut dyn Front,
        plan: &Plan,
        inventory: &Inventory,
    ) -> Result<outcome::Totals, ApplyError> {
        front.started(plan.summary.steps);
        let (outcome, waited) = self.run_and_wait(front, plan, inventory).await;
        let totals = match outcome::cut(plan, &outcome, &waited) {
            Ok(()) => self.verify(plan, &outcome).await,
            Err(error) => Err(error),
        };
        front.finished();
        totals
    }

    async fn run_and_wait(&self, front: &mut dyn Front, plan: &Plan, inventory: &Inventory) -> (Outcome, Waited) {
        let mut listen = |event: Event<'_>| front.event(&event);
        let parallelism = self.options.parallelism.max(1);
        let stop = self.stop.clone();
        if !self.options.wait {
            let outcome = run(self.provider, plan, inventory, parallelism, stop, &mut listen).await;
            return (outcome, Waited::default());
        }
        run_and_wait(self.provider, plan, inventory, parallelism, stop, &mut listen).await
    }

    async fn verify(&self, plan: &Plan, outcome: &Outcome) -> Result<outcome::Totals, ApplyError> {
        let touched: Vec<Address> = plan.changes.iter().map(|change| change.address.clone()).collect();
        match verify(self.provider, self.registry, self.spec, &touched).await {
            Ok(after) => outcome::verified(plan, outcome, after.as_ref()),
            Err(error) => Err(outcome::unverified(outcome, &error.into())),
        }
    }

    /// Saves the last-applied record unless targets were given.
    async fn save(&self, inventory: &Inventory, completion: Completion) -> Result<(), ApplyError> {
        if !self.options.targets.is_empty() {
            return Ok(());
        }
        save_last_applied(self.provider, self.spec, inventory).await.map_err(|failure| {
            let mut fault = explain(&failure);
            fault.message = format!("applied, but the last-applied record could not be saved: {}", fault.message);
            let fault = fault.help("allow the call, or remove `record_applied: true` from the spec");
            ApplyError { completion: Some(completion), ..ApplyError::error(fault) }
        })
    }
}
