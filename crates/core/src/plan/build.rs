//! From an inventory to a plan: compare each want, order the steps, set the gates.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::survey::{Expanded, Inventory};
use super::{Action, Change, FORMAT, Gate, GateKind, Plan, Step, Summary, WaitingOn, graph};
use crate::diff::Draft;
use crate::kind::{Broken, Facts, Registry};
use crate::reference::Target;
use crate::spec::Spec;
use crate::spec::read::hex;
use crate::world::Seen;

/// The version that plans carry.
pub const TOOL: &str = concat!("regionctl ", env!("CARGO_PKG_VERSION"));

/// A plan that changes at least so many existing resources, and more than a third of those read, is large.
const LARGE_FROM: usize = 10;

/// Compares everything that is wanted with what is there.
///
/// # Guarantees
/// Pure: the same spec and inventory give the same plan, byte for byte. A resource that could not be
/// read is in `unread` and in no change.
///
/// # Errors
/// A fault in a kind, found by the engine's own checks.
pub fn plan(registry: Registry, spec: &Spec, inventory: &Inventory) -> Result<Plan, Broken> {
    let mut plan = Plan {
        format: FORMAT,
        tool: TOOL.to_owned(),
        region: spec.region.clone(),
        account: spec.account.clone(),
        spec: spec.path.clone(),
        spec_digest: spec.digest.clone(),
        targets: Vec::new(),
        changes: Vec::new(),
        waiting: Vec::new(),
        unread: inventory.unread.clone(),
        gates: Vec::new(),
        summary: Summary { create: 0, update: 0, blocked: 0, unchanged: 0, waiting: 0, steps: 0 },
    };
    for expanded in inventory.wants.iter().filter(|expanded| was_read(expanded, inventory)) {
        let want = &expanded.want;
        let kind = registry.of(&want.address.kind);
        let live = inventory.live.get(&want.address);
        let draft = kind.diff(&want.model, &want.waivers, live.map(|seen| &seen.model))?;
        if draft.fields.is_empty() && draft.steps.is_empty() && draft.blocked.is_empty() {
            plan.summary.unchanged += 1;
            let service = kind.facts().service;
            plan.waiting.extend(draft.waiting.into_iter().map(|waiting| WaitingOn {
                address: want.address.clone(),
                service: service.to_owned(),
                what: waiting.what,
            }));
        } else {
            plan.changes.push(change(kind.facts(), expanded, live, draft, inventory));
        }
    }
    graph::order(&mut plan.changes, &inventory.known)
        .map_err(|ring| Broken { kind: "plan", what: format!("these resources are made of each other: {ring}") })?;
    plan.settle();
    Ok(plan)
}

fn was_read(expanded: &Expanded, inventory: &Inventory) -> bool {
    let address = &expanded.want.address;
    let (own, whole) = (address.to_string(), format!("{}/*", address.kind));
    !inventory.unread.iter().any(|unread| unread.address == own || unread.address == whole)
}

fn change(
    facts: &Facts,
    expanded: &Expanded,
    live: Option<&Seen<Value>>,
    draft: Draft,
    inventory: &Inventory,
) -> Change {
    let want = &expanded.want;
    let action = match (draft.blocked.is_empty(), live) {
        (false, _) => Action::Blocked,
        (true, None) => Action::Create,
        (true, Some(_)) => Action::Update,
    };
    let known = inventory.known.of(&Target::Resource(want.address.clone()));
    let steps = draft.steps.into_iter().map(|step| Step {
        id: 0,
        call: format!("{} {}", facts.service, operation(&step.op)),
        phase: step.phase,
        covers: step.covers,
        after: Vec::new(),
        op: step.op,
    });
    Change {
        address: want.address.clone(),
        service: facts.service.to_owned(),
        action,
        at: want.at.clone(),
        pattern: expanded.pattern.clone(),
        fields: draft.fields,
        risks: draft.risks,
        waiting: draft.waiting,
        blocked: draft.blocked,
        steps: steps.collect(),
        fingerprint: fingerprint(live),
        outputs: facts.outputs.iter().map(|name| ((*name).to_owned(), known.get(*name).cloned())).collect(),
    }
}

/// The name of a serialised operation's variant, which is the API operation's.
pub fn operation(op: &Value) -> &str {
    match op {
        Value::String(name) => name,
        Value::Object(fields) => fields.keys().next().map_or("", String::as_str),
        _ => "",
    }
}

/// The digest of a live model; `absent` where there is none.
pub fn fingerprint(live: Option<&Seen<Value>>) -> String {
    live.map_or_else(|| "absent".to_owned(), |seen| hex(&Sha256::digest(seen.model.to_string())))
}

pub(super) fn gates(plan: &Plan) -> Vec<Gate> {
    let mut gates = Vec::new();
    let (updates, existing) = (plan.summary.update, plan.summary.update + plan.summary.unchanged);
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
