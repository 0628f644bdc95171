//! From an inventory to a plan: compare each want, order the steps, set the gates.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::expand::{Expanded, Followed};
use super::survey::Inventory;
use super::{Action, Change, Coming, FORMAT, Follows, Gate, GateKind, Note, Plan, Step, Summary, WaitingOn, graph};
use crate::address::Address;
use crate::diff::{Draft, FieldAction, FieldChange, Waiting};
use crate::kind::{AnyKind, Broken, Facts, Registry};
use crate::model::pattern;
use crate::model::secret::{self, Secrets};
use crate::reference::Target;
use crate::spec::accept::MANUAL;
use crate::spec::read::hex;
use crate::spec::{Spec, Want};
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
        waiting: owed(spec),
        coming: Vec::new(),
        notes: inventory.notes.clone(),
        unread: inventory.unread.clone(),
        gates: Vec::new(),
        summary: Summary::default(),
    };
    for expanded in inventory.wants.iter().filter(|expanded| was_read(expanded, inventory)) {
        let want = &expanded.want;
        let kind = registry.of(&want.address.kind);
        let live = inventory.live.get(&want.address);
        let draft = match (want.absent, live) {
            (true, None) => continue,
            (true, Some(seen)) => kind.remove(&seen.model)?,
            (false, live) => kind.diff(&want.model, &want.waivers, live.map(|seen| &seen.model))?,
        };
        if draft.fields.is_empty() && draft.steps.is_empty() && draft.blocked.is_empty() {
            settled(&mut plan, want, kind.facts(), draft, live.is_some());
        } else {
            plan.changes.push(change(kind, expanded, live, draft, inventory));
        }
    }
    plan.notes.extend(ending(&plan.changes, spec));
    graph::order(&mut plan.changes, &inventory.known)
        .map_err(|ring| Broken { kind: "plan", what: format!("these resources are made of each other: {ring}") })?;
    plan.settle();
    Ok(plan)
}

/// Says of accepted drift that an apply ends it. Whether the acceptance still holds depends on the day, and a plan does not.
fn ending(changes: &[Change], spec: &Spec) -> Vec<Note> {
    let accepted = |change: &Change| {
        let address = change.address.to_string();
        let stated = spec.accepted.iter().find(|stated| pattern::matches(&stated.resource, &address))?;
        let what = format!(
            "its drift is accepted until {} by {} ({}), and an apply brings back what the spec says",
            stated.until, stated.by, stated.at
        );
        Some(Note { about: address, what })
    };
    changes.iter().filter_map(accepted).collect()
}

/// What only people can do, and did not yet.
fn owed(spec: &Spec) -> Vec<WaitingOn> {
    let owed = spec.manual.iter().filter(|manual| manual.evidence.is_none());
    owed.map(|manual| WaitingOn {
        address: Address::new(MANUAL, &manual.name),
        service: "People".to_owned(),
        what: manual.owed(),
        again: None,
    })
    .collect()
}

/// A resource of which nothing is to be changed: it may still be on its way, or wait for a person.
fn settled(plan: &mut Plan, want: &Want, facts: &Facts, draft: Draft, exists: bool) {
    let (address, service) = (&want.address, facts.service.to_owned());
    plan.summary.unchanged += usize::from(exists && draft.coming.is_empty());
    plan.waiting.extend(draft.waiting.into_iter().map(|Waiting { what, again }| WaitingOn {
        address: address.clone(),
        service: service.clone(),
        what,
        again,
    }));
    if !draft.coming.is_empty() {
        plan.coming.push(Coming { address: address.clone(), service, what: draft.coming.join(", ") });
    }
}

fn was_read(expanded: &Expanded, inventory: &Inventory) -> bool {
    !inventory.unread.iter().any(|unread| unread.covers(&expanded.want.address))
}

fn change(
    kind: &dyn AnyKind,
    expanded: &Expanded,
    live: Option<&Seen<Value>>,
    draft: Draft,
    inventory: &Inventory,
) -> Change {
    let (want, facts) = (&expanded.want, kind.facts());
    let action = match (draft.blocked.is_empty(), live) {
        (false, _) => Action::Blocked,
        (true, _) if want.absent => Action::Delete,
        (true, None) => Action::Create,
        (true, Some(_)) if draft.replaced.is_some() => Action::Replace,
        (true, Some(_)) => Action::Update,
    };
    let none = Secrets::new();
    let secrets = inventory.secrets.get(&want.address).unwrap_or(&none);
    let known = inventory.known.of(&Target::Resource(want.address.clone()));
    let steps = draft.steps.into_iter().map(|mut step| {
        secret::seal(&mut step.op, secrets);
        Step {
            id: 0,
            call: format!("{} {}", facts.service, operation(&step.op)),
            phase: step.phase,
            covers: step.covers,
            after: Vec::new(),
            op: step.op,
        }
    });
    let mut fields = draft.fields;
    let follows = expanded.followed.as_ref().map(|followed| {
        for field in &mut fields {
            remark_rewritten(field, followed);
        }
        let Followed { region, name, fingerprint, rewritten: _ } = followed.clone();
        Follows { region, name, fingerprint }
    });
    Change {
        address: want.address.clone(),
        service: facts.service.to_owned(),
        action,
        at: want.at.clone(),
        by: expanded.by.clone(),
        follows,
        fields,
        risks: draft.risks,
        waiting: draft.waiting,
        blocked: draft.blocked,
        replaced: draft.replaced,
        deletes: draft.deletes,
        steps: steps.collect(),
        fingerprint: fingerprint(kind, live),
        outputs: facts.outputs.iter().map(|name| ((*name).to_owned(), known.get(*name).cloned())).collect(),
    }
}

/// Says of a field that its value was written anew.
fn remark_rewritten(field: &mut FieldChange, followed: &Followed) {
    let within = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // Of a text that is shown in parts (a document's content) only the parts that hold the new text are meant.
    let after = field.after.as_ref().map(Value::to_string).unwrap_or_default();
    let holds = |said: &str| said.split(", ").filter_map(|pair| pair.split(" → ").nth(1)).any(|to| after.contains(to));
    let said: BTreeSet<&str> = followed
        .rewritten
        .iter()
        .filter(|(path, said)| within(&field.path, path) || (within(path, &field.path) && holds(said)))
        .map(|(_, said)| said.as_str())
        .collect();
    if !said.is_empty() && field.note.is_none() {
        field.note = Some(format!("rewritten: {}", said.into_iter().collect::<Vec<_>>().join(", ")));
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

/// The fingerprint of what is not there.
pub const ABSENT: &str = "absent";

/// The digest of a live model but for what passes by itself; [`ABSENT`] where there is none.
pub fn fingerprint(kind: &dyn AnyKind, live: Option<&Seen<Value>>) -> String {
    live.map_or_else(|| ABSENT.to_owned(), |seen| digest(&kind.steady(&seen.model)))
}

/// The digest of a model.
pub fn digest(model: &Value) -> String {
    hex(&Sha256::digest(model.to_string()))
}

/// Says whether a change only adds to a resource that the spec names. A run that was cut leaves many of
/// those, and running it again must not need a word more.
fn completes(change: &Change) -> bool {
    let adds = |field: &FieldChange| field.action == FieldAction::Add;
    let by_pattern = change.by.as_deref().is_some_and(|by| pattern::is_pattern(by) && change.follows.is_none());
    change.action == Action::Update && !by_pattern && change.fields.iter().all(adds)
}

pub(super) fn gates(plan: &Plan) -> Vec<Gate> {
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
