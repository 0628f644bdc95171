//! From an inventory to a plan: compare each want, order the steps, set the gates.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Action, Change, Coming, FORMAT, Follows, Note, Plan, Step, Summary, Unwaived, WaitingOn};
use super::graph::{self, Ring};
use crate::desire::expand::{Expanded, Followed};
use crate::desire::fill::Inventory;
use crate::desire::fingerprint;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::diff::{Draft, FieldChange, Waiting, operation};
use crate::kind::facts::Facts;
use crate::kind::{AnyKind, Broken, Registry};
use crate::model::pattern;
use crate::observe::scope::LiveResource;
use crate::resource::address::Address;
use crate::resource::reference::Target;
use crate::resource::secret::{self, Secrets};
use crate::spec::accept::MANUAL;
use crate::spec::{Spec, Want};

/// The version that plans carry.
pub const TOOL: &str = concat!("regionctl ", env!("CARGO_PKG_VERSION"));

/// Why nothing can be planned.
#[derive(Debug)]
pub enum PlanError {
    /// A fault in a kind, found by the engine's own checks.
    Broken(Broken),
    /// Resources of the spec that are made of each other.
    Ring(Ring),
}

impl From<Broken> for PlanError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Ring> for PlanError {
    fn from(ring: Ring) -> Self {
        Self::Ring(ring)
    }
}

impl PlanError {
    /// Says what happened, for the user.
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics::from(match self {
            Self::Broken(broken) => Diagnostic::new("internal", broken.to_string()),
            Self::Ring(ring) => {
                let names: Vec<String> = ring.0.iter().map(|(address, _)| address.to_string()).collect();
                let message = format!("these resources each need another of them first: {}", names.join(", "));
                let fault = Diagnostic::new("reference-cycle", message)
                    .help("take one of the references out, or create that resource first without it");
                ring.0.iter().fold(fault, |fault, (address, at)| fault.note(format!("{address} is at {at}")))
            }
        })
    }
}

/// Compares everything that is wanted with what is live.
///
/// # Guarantees
/// Pure: the same spec and inventory give the same plan, byte for byte. A resource that could not be
/// read is in `unread` and in no change.
///
/// # Errors
/// Resources of the spec that are made of each other; or a fault in a kind, found by the engine's own checks.
pub fn plan(registry: Registry, spec: &Spec, inventory: &Inventory) -> Result<Plan, PlanError> {
    let mut plan = Plan {
        format: FORMAT,
        tool: TOOL.to_owned(),
        region: spec.region.clone(),
        account: spec.account.clone(),
        vpc: inventory.location.vpc.as_ref().map(|vpc| vpc.id.clone()),
        spec: spec.path.clone(),
        spec_digest: spec.digest.clone(),
        targets: Vec::new(),
        changes: Vec::new(),
        waiting: owed(spec),
        coming: Vec::new(),
        notes: inventory.notes.clone(),
        unread: inventory.unread.clone(),
        unwaived: Vec::new(),
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
            (false, live) => kind.diff(&want.model, &want.waivers, live)?,
        };
        plan.unwaived.extend(draft.unwaived.iter().map(|risk| Unwaived {
            address: want.address.clone(),
            at: want.at.clone(),
            rule: risk.rule.clone(),
            what: risk.what.clone(),
        }));
        if draft.fields.is_empty() && draft.steps.is_empty() && draft.blocked.is_empty() {
            settled(&mut plan, want, kind.facts(), draft, live.is_some());
        } else {
            plan.changes.push(change(kind, expanded, live, draft, inventory));
        }
    }
    plan.notes.extend(ending(&plan.changes, spec));
    let referred = inventory.wants.iter().map(|it| (&it.want.address, &it.want.references)).collect();
    graph::order(&mut plan.changes, &inventory.known, &referred)?;
    plan.recount();
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
    live: Option<&LiveResource<Value>>,
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
        fingerprint: fingerprint::of_live(kind, (!want.absent).then_some(&want.model), live),
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
