//! One apply, from the first read to the last-applied record. A fresh plan and a saved one take the same way.
//!
//! What a person sees and says is the [`Front`]'s business; nothing here prints. `outcome` has what a session comes to,
//! `refuse` what stops it before its first step.

use jiff::Timestamp;

use super::Event;
use super::outcome::{self, ApplyError, Completion};
use super::refuse;
use super::run::{Outcome, Stop, ask_again, run};
use super::verify::verify;
use super::wait::{Waited, wait};
use crate::desire::fill::Inventory;
use crate::kind::Registry;
use crate::look::look;
use crate::observe::explain::explain;
use crate::observe::provider::{Check, Provider};
use crate::plan::saved::{Refusal, SavedPlan, moved};
use crate::plan::{Action, Plan};
use crate::report::memory::save_last_applied;
use crate::resource::address::Address;
use crate::spec::Spec;

/// Where the plan comes from.
#[derive(Debug, Clone, Copy)]
pub enum PlanSource<'a> {
    /// It is made now.
    Fresh,
    /// It was made before and saved.
    Saved {
        /// The plan with its seal.
        saved: &'a SavedPlan,
        /// The time, by which it may have expired.
        now: Timestamp,
        /// Whether it is marked as used already.
        used: bool,
    },
}

/// What the caller allows and wants.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
pub struct Options {
    /// Only these resources and what they need; everything where there are none.
    pub targets: Vec<Address>,
    /// Apply without asking.
    pub yes: bool,
    /// Let a large plan through.
    pub allow_large: bool,
    /// Let a plan through that deletes something.
    pub allow_destroy: bool,
    /// Do not check what a plan cannot see.
    pub skip_preflight: bool,
    /// Wait for what takes minutes.
    pub wait: bool,
    /// Ask people again that something waits for.
    pub resend: bool,
    /// How many steps run at once.
    pub parallelism: usize,
}

/// What a person answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Apply it.
    Yes,
    /// Do not.
    No,
    /// Nobody can be asked: the input is not a terminal.
    NotATerminal,
}

/// Who watches a session and answers its questions: a terminal, or a test.
pub trait Front: Send {
    /// Shows the plan.
    fn show_plan(&mut self, plan: &Plan);
    /// Shows what the preflight found.
    fn show_checks(&mut self, checks: &[Check]);
    /// Shows that the person was asked again whom a resource waits for.
    fn asked_again(&mut self, address: &Address);
    /// Asks whether the plan is to be applied.
    fn confirm(&mut self, plan: &Plan) -> Answer;
    /// Marks a saved plan as used; `false` where somebody else did in the meantime.
    ///
    /// # Errors
    /// Why it cannot be marked.
    fn mark_used(&mut self) -> Result<bool, String>;
    /// Says that so many steps are run now.
    fn started(&mut self, steps: usize);
    /// Shows what happens.
    fn event(&mut self, event: &Event<'_>);
    /// Says that nothing more happens, well or not. Follows each [`started`](Self::started).
    fn finished(&mut self);
}

/// One apply of one spec.
pub struct ApplySession<'a> {
    /// The cloud.
    pub provider: &'a dyn Provider,
    /// The kinds.
    pub registry: Registry,
    /// The spec.
    pub spec: &'a Spec,
    /// Where the plan comes from.
    pub source: PlanSource<'a>,
    /// What the caller allows and wants.
    pub options: &'a Options,
    /// Tells the session to start no further step.
    pub stop: Stop,
}

/// What was read, and what is to be done.
struct Ready {
    inventory: Inventory,
    /// What is applied: narrowed to the targets.
    plan: Plan,
    /// What the whole spec would change now.
    now: Plan,
}

impl ApplySession<'_> {
    /// Converges: reads, shows, asks, applies and verifies.
    ///
    /// # Guarantees
    /// What was shown is what is done: after a question everything is read again, and a plan that no longer holds is
    /// refused. No step is run before all gates, the answer and the preflight let it through; `resend` alone asks people
    /// again before that. A saved plan is marked as used before its first step. The last-applied record is saved only
    /// when nothing of the spec is left to do and no target narrowed it.
    ///
    /// # Errors
    /// See [`ApplyError`]; its kind says whether anything was changed.
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
        refuse::incomplete(&plan, &now.unread)?;
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

    /// Reads and compares; what of a saved plan no longer holds refuses it.
    async fn read(&self) -> Result<Ready, ApplyError> {
        if let PlanSource::Saved { saved, now, used } = self.source {
            refuse::stale(saved.refusals_before_reading(self.spec, now, used), &self.spec.path)?;
        }
        refuse::unknown_targets(&self.options.targets, self.spec)?;
        let (inventory, now) = look(self.provider, self.registry, self.spec).await?;
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

    /// What waits is what waits now, also where the plan is older.
    async fn resend(
        &self,
        front: &mut dyn Front,
        inventory: &Inventory,
        plan: &Plan,
        now: &Plan,
    ) -> Result<(), ApplyError> {
        let is_meant = |address: &Address| plan.targets.is_empty() || plan.targets.contains(address);
        for waiting in now.waiting.iter().filter(|waiting| is_meant(&waiting.address)) {
            let Some(op) = &waiting.again else { continue };
            let asked = ask_again(self.provider, inventory, &waiting.address, op).await;
            asked.map_err(|failure| {
                let mut fault = explain(&failure);
                fault.message = format!("{}: not asked again: {}", waiting.address, fault.message);
                ApplyError::error(fault)
            })?;
            front.asked_again(&waiting.address);
        }
        Ok(())
    }

    fn is_nothing_to_do(&self, plan: &Plan, now: &Plan) -> bool {
        let is_complete = plan.is_complete() && now.is_complete();
        is_complete && (plan.is_settled() || (plan.is_empty() && !self.options.wait))
    }

    /// Asks, and reads again after it: somebody read the plan for a while, and what was shown must still be what is
    /// there. Returns what the steps rest on.
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
        let (now, _) = look(self.provider, self.registry, self.spec).await?;
        self.refuse_moved(plan, &now)?;
        Ok(now)
    }

    async fn preflight(&self, front: &mut dyn Front, plan: &Plan, inventory: &Inventory) -> Result<(), ApplyError> {
        if self.options.skip_preflight || plan.is_empty() {
            return Ok(());
        }
        let checks = self.provider.preflight(plan, &inventory.location).await;
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
        let outcome = run(self.provider, plan, inventory, parallelism, self.stop.clone(), &mut listen).await;
        if outcome.interrupted || !self.options.wait {
            return (outcome, Waited::default());
        }
        let addresses = to_wait_for(plan, &outcome);
        let known = &outcome.known;
        let waited = wait(self.provider, inventory, known, &addresses, self.stop.clone(), &mut listen).await;
        (outcome, waited)
    }

    async fn verify(&self, plan: &Plan, outcome: &Outcome) -> Result<outcome::Totals, ApplyError> {
        let touched: Vec<Address> = plan.changes.iter().map(|change| change.address.clone()).collect();
        match verify(self.provider, self.registry, self.spec, &touched).await {
            Ok(after) => outcome::verified(plan, outcome, after.as_ref()),
            Err(error) => Err(outcome::unverified(outcome, &error.into())),
        }
    }

    /// Saves the last-applied record, where everything of the spec was meant.
    async fn save(&self, inventory: &Inventory, completion: Completion) -> Result<(), ApplyError> {
        if !self.options.targets.is_empty() {
            return Ok(());
        }
        save_last_applied(self.provider, self.spec, inventory).await.map_err(|failure| {
            let mut fault = explain(&failure);
            fault.message = format!("applied, but the last-applied record could not be saved: {}", fault.message);
            let fault = fault.help("give the caller the permission, or take `remember: true` out of the spec");
            ApplyError { completion: Some(completion), ..ApplyError::error(fault) }
        })
    }
}

/// The resources to wait for: those that were changed, and those that were in progress already.
fn to_wait_for(plan: &Plan, outcome: &Outcome) -> Vec<Address> {
    let changed = plan.changes.iter().filter(|change| {
        change.action != Action::Delete && change.steps.iter().any(|step| outcome.done.contains(&step.id))
    });
    let in_progress = plan.coming.iter().map(|coming| &coming.address);
    changed.map(|change| &change.address).chain(in_progress).cloned().collect()
}
