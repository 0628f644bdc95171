//! What of a plan needs an explicit word.

use super::document::{Action, Change, Gate, GateKind, Plan};
use crate::diff::{FieldAction, FieldChange};
use crate::model::pattern;

/// A plan that changes at least so many existing resources, and more than a third of those read, is large.
const LARGE_FROM: usize = 10;

impl Plan {
    /// Counts what the changes are, and sets the gates by it.
    pub(crate) fn recount(&mut self) {
        let of = |action| self.changes.iter().filter(|change| change.action == action).count();
        self.summary.create = of(Action::Create);
        self.summary.update = of(Action::Update);
        self.summary.replace = of(Action::Replace);
        self.summary.delete = of(Action::Delete);
        self.summary.blocked = of(Action::Blocked);
        self.summary.coming = self.coming.len();
        self.summary.steps = self.changes.iter().map(|change| change.steps.len()).sum();
        self.summary.waiting =
            self.waiting.len() + self.changes.iter().map(|change| change.waiting.len()).sum::<usize>();
        self.gates = gates(self);
    }
}

/// Says whether a change only adds to a resource that the spec names. A run that was cut leaves many of
/// those, and running it again must not need a word more.
fn completes(change: &Change) -> bool {
    let adds = |field: &FieldChange| field.action == FieldAction::Add;
    let by_pattern = change.by.as_deref().is_some_and(|by| pattern::is_pattern(by) && change.follows.is_none());
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
            pass: "read the plan, then add --allow-large".to_owned(),
        });
    }
    for change in &plan.changes {
        for risk in change.risks.iter().filter(|risk| risk.waiver.is_none()) {
            gates.push(Gate {
                gate: GateKind::Exposure,
                what: format!("{} {}, and the spec does not say why", change.address, risk.what),
                pass: format!("if it is meant, state `waiver:` with the reason at {}", change.at),
            });
        }
        for what in &change.deletes {
            gates.push(Gate {
                gate: GateKind::Destroy,
                what: format!("{}: {what}", change.address),
                pass: "if that is meant, add --allow-destroy".to_owned(),
            });
        }
        for why in &change.blocked {
            gates.push(Gate {
                gate: GateKind::Blocked,
                what: format!("{}: {why}", change.address),
                pass: format!("change the spec at {}, or the resource by hand", change.at),
            });
        }
    }
    gates
}
