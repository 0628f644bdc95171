// SPDX-License-Identifier: Apache-2.0
//! The gates of a plan: what `apply` refuses without a flag or a change of the spec.

use super::document::{Action, Change, Gate, GateKind, Plan};
use crate::diff::{FieldAction, FieldChange};
use crate::model::pattern;

/// A plan is large if it changes at least this number of existing resources, and more than a third of them.
const LARGE_FROM: usize = 10;

impl Plan {
    /// Recomputes the summary and the gates from the changes.
    pub(crate) fn recount(&mut self) {
        let of = |action| self.changes.iter().filter(|change| change.action == action).count();
        self.summary.create = of(Action::Create);
        self.summary.update = of(Action::Update);
        self.summary.replace = of(Action::Replace);
        self.summary.delete = of(Action::Delete);
        self.summary.blocked = of(Action::Blocked);
        self.summary.in_progress = self.in_progress.len();
        self.summary.steps = self.changes.iter().map(|change| change.steps.len()).sum();
        self.summary.waiting =
            self.waiting.len() + self.changes.iter().map(|change| change.waiting.len()).sum::<usize>();
        self.gates = gates(self);
    }
}

/// Returns whether a change only adds fields to a resource that the spec names. An interrupted apply leaves many such
/// changes, and running it again must not need another flag.
fn completes(change: &Change) -> bool {
    let adds = |field: &FieldChange| field.action == FieldAction::Add;
    let by_pattern = change.entry.as_deref().is_some_and(|name| pattern::is_pattern(name) && change.follows.is_none());
    change.action == Action::Update && !by_pattern && change.fields.iter().all(adds)
}

fn gates(plan: &Plan) -> Vec<Gate> {
    let mut gates = Vec::new();
    let touched = plan.summary.update + plan.summary.replace + plan.summary.delete;
    let existing = touched + plan.summary.unchanged;
    let updates = touched - plan.changes.iter().filter(|change| completes(change)).count();
    if updates >= LARGE_FROM && updates * 3 > existing {
        gates.push(Gate {
            gate: GateKind::Large,
            what: format!("{updates} of {existing} existing resources would change, more than a third"),
            fix: "review the plan, then add `--allow-large`".to_owned(),
        });
    }
    for change in &plan.changes {
        for risk in change.risks.iter().filter(|risk| risk.waiver.is_none()) {
            gates.push(Gate {
                gate: GateKind::Exposure,
                what: format!("{} {}, and the spec does not waive this risk", change.address, risk.what),
                fix: format!("remove the risk, or state `waiver:` with a reason at {}", change.at),
            });
        }
        for what in &change.deletes {
            gates.push(Gate {
                gate: GateKind::Destroy,
                what: format!("{}: {what}", change.address),
                fix: "review the deletion, then add `--allow-destroy`".to_owned(),
            });
        }
        for what in &change.interrupts {
            gates.push(Gate {
                gate: GateKind::Interrupt,
                what: format!("{}: {what}", change.address),
                fix: "choose a time for the interruption, then add `--allow-interrupt`".to_owned(),
            });
        }
        for why in &change.blocked {
            gates.push(Gate {
                gate: GateKind::Blocked,
                what: format!("{}: {why}", change.address),
                fix: format!("change the spec at {}, or change the resource in AWS by hand", change.at),
            });
        }
    }
    gates
}
