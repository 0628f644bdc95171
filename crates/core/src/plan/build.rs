// SPDX-License-Identifier: Apache-2.0
//! Builds a plan from an inventory: compares each desired resource, orders the steps, sets the gates.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Action, Change, FORMAT, Follows, InProgress, Note, Plan, Step, Summary, Unwaived, WaitingOn};
use super::graph::{self, Cycle};
use crate::desire::expand::{Expanded, Followed};
use crate::desire::fill::Inventory;
use crate::desire::fingerprint;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::diff::{Draft, FieldChange, RiskNote, Waiting, WaiverNote, operation};
use crate::kind::facts::Facts;
use crate::kind::{AnyKind, Broken, DiffContext, Registry};
use crate::model::pattern;
use crate::observe::scope::LiveResource;
use crate::resource::address::Address;
use crate::resource::reference::Target;
use crate::resource::secret::{self, Secrets};
use crate::spec::accept::MANUAL;
use crate::spec::{Spec, Want};

/// The tool and version that documents record: `regionctl 1.2.3`.
pub const TOOL: &str = concat!("regionctl ", env!("CARGO_PKG_VERSION"));

/// Why a plan cannot be built.
#[derive(Debug)]
pub enum PlanError {
    /// A bug in a kind, found by the engine's checks.
    Broken(Broken),
    /// Resources of the spec need each other to be created first.
    Cycle(Cycle),
}

impl From<Broken> for PlanError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Cycle> for PlanError {
    fn from(cycle: Cycle) -> Self {
        Self::Cycle(cycle)
    }
}

impl PlanError {
    /// Returns the diagnostics to show to the user.
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics::from(match self {
            Self::Broken(broken) => Diagnostic::new("internal", broken.to_string()),
            Self::Cycle(cycle) => {
                let names: Vec<String> = cycle.0.iter().map(|(address, _)| address.to_string()).collect();
                let message = format!("these resources refer to each other in a cycle: {}", names.join(", "));
                let fault = Diagnostic::new("reference-cycle", message)
                    .help("remove one of the references, or apply once without it and then add it");
                cycle.0.iter().fold(fault, |fault, (address, at)| fault.note(format!("{address} is at {at}")))
            }
        })
    }
}

/// Builds the plan: compares all desired resources with the live ones.
///
/// # Guarantees
/// Pure: the same spec and inventory give the same plan, byte for byte. A resource that could not be read is in `gaps`
/// and in no change.
///
/// # Errors
/// Resources of the spec refer to each other in a cycle that cannot be broken, or a kind has a bug.
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
        waiting: manual_steps(spec),
        in_progress: Vec::new(),
        notes: inventory.notes.clone(),
        gaps: inventory.gaps.clone(),
        unwaived: Vec::new(),
        gates: Vec::new(),
        summary: Summary::default(),
    };
    let name = spec.name();
    for expanded in inventory.wants.iter().filter(|expanded| was_read(expanded, inventory)) {
        let want = &expanded.want;
        let kind = registry.of(&want.address.kind);
        let live = inventory.live.get(&want.address);
        let context = DiffContext {
            spec: &name,
            waivers: &want.waivers,
            is_adopted: inventory.created.get(&want.address) == Some(&false),
        };
        let draft = match (want.absent, live) {
            (true, None) => continue,
            (true, Some(resource)) => kind.remove(&resource.model)?,
            (false, live) => kind.diff(&want.model, live, &context)?,
        };
        plan.notes.extend(draft.notes.iter().map(|what| Note { about: want.address.to_string(), what: what.clone() }));
        let draft = match leftover_of(expanded) {
            None => draft,
            Some(why) if draft.blocked.is_empty() => explained(draft, &why),
            Some(why) => {
                // Nobody asked for this deletion, so that it is impossible must not keep a plan from being applied.
                let what = format!("{why}: {}", draft.blocked.join("; "));
                plan.notes.push(Note { about: want.address.to_string(), what });
                continue;
            }
        };
        let draft = with_defects(draft, want, inventory);
        plan.unwaived.extend(draft.unwaived.iter().map(|risk| Unwaived {
            address: want.address.clone(),
            at: want.at.clone(),
            rule: risk.rule.clone(),
            what: risk.what.clone(),
        }));
        if draft.fields.is_empty() && draft.steps.is_empty() && draft.blocked.is_empty() {
            add_unchanged(&mut plan, want, kind.facts(), draft, live.is_some());
        } else {
            plan.changes.push(change(kind, expanded, live, draft, inventory));
        }
    }
    plan.notes.extend(acceptance_notes(&plan.changes, spec));
    let referred = inventory.wants.iter().map(|it| (&it.want.address, &it.want.references)).collect();
    graph::order(&mut plan.changes, &inventory.known, &referred)?;
    plan.recount();
    Ok(plan)
}

/// Adds the defects of a live resource: each is a risk if the spec waives its rule, or else unwaived.
fn with_defects(mut draft: Draft, want: &Want, inventory: &Inventory) -> Draft {
    for defect in inventory.defects.get(&want.address).into_iter().flatten() {
        let waiver = want.waivers.iter().find(|waiver| waiver.key == defect.rule);
        let waiver = waiver.map(|waiver| WaiverNote { reason: waiver.reason.clone(), at: waiver.at.clone() });
        let is_waived = waiver.is_some();
        let note = RiskNote { rule: defect.rule.to_owned(), what: defect.what.clone(), waiver };
        if is_waived { draft.risks.push(note) } else { draft.unwaived.push(note) }
    }
    draft
}

/// Returns why a resource is a leftover of a rule. `None` if it is not.
fn leftover_of(expanded: &Expanded) -> Option<String> {
    let rule = expanded.entry.as_ref().filter(|_| expanded.want.absent && expanded.followed.is_none())?;
    Some(format!("the rule '{rule}' no longer produces it"))
}

/// Adds to a deletion why it is made.
fn explained(mut draft: Draft, why: &str) -> Draft {
    for deleted in &mut draft.deletes {
        *deleted = format!("{deleted}, because {why}");
    }
    for field in &mut draft.fields {
        field.note = Some(why.to_owned());
    }
    draft
}

/// Returns a note for each change that reverts accepted drift. Includes expired acceptances, because a plan must not
/// depend on the date.
fn acceptance_notes(changes: &[Change], spec: &Spec) -> Vec<Note> {
    let note = |change: &Change| {
        let address = change.address.to_string();
        let accepted = spec.accepted.iter().find(|accepted| pattern::matches(&accepted.resource, &address))?;
        let what = format!(
            "its drift is accepted until {} by {} ({}); an apply reverts it to match the spec",
            accepted.until, accepted.by, accepted.at
        );
        Some(Note { about: address, what })
    };
    changes.iter().filter_map(note).collect()
}

/// Returns the manual steps of the spec that have no evidence yet.
fn manual_steps(spec: &Spec) -> Vec<WaitingOn> {
    let open = spec.manual.iter().filter(|manual| manual.evidence.is_none());
    open.map(|manual| WaitingOn {
        address: Address::new(MANUAL, &manual.name),
        service: "People".to_owned(),
        what: manual.summary(),
        ask_again: None,
    })
    .collect()
}

/// Adds a resource without changes. It may have an operation in progress or wait for a person.
fn add_unchanged(plan: &mut Plan, want: &Want, facts: &Facts, draft: Draft, exists: bool) {
    let (address, service) = (&want.address, facts.service.to_owned());
    plan.summary.unchanged += usize::from(exists && draft.in_progress.is_empty());
    plan.waiting.extend(draft.waiting.into_iter().map(|Waiting { what, ask_again }| WaitingOn {
        address: address.clone(),
        service: service.clone(),
        what,
        ask_again,
    }));
    if !draft.in_progress.is_empty() {
        plan.in_progress.push(InProgress { address: address.clone(), service, what: draft.in_progress.join(", ") });
    }
}

fn was_read(expanded: &Expanded, inventory: &Inventory) -> bool {
    !inventory.gaps.iter().any(|gap| gap.covers(&expanded.want.address))
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
        adopts: live.is_some() && !want.absent && inventory.created.get(&want.address) == Some(&false),
        at: want.at.clone(),
        entry: expanded.entry.clone(),
        follows,
        fields,
        risks: draft.risks,
        waiting: draft.waiting,
        blocked: draft.blocked,
        replaced: draft.replaced,
        deletes: draft.deletes,
        interrupts: draft.interrupts,
        steps: steps.collect(),
        fingerprint: fingerprint::of_live(kind, (!want.absent).then_some(&want.model), live),
        attributes: facts.attributes.iter().map(|name| ((*name).to_owned(), known.get(*name).cloned())).collect(),
    }
}

/// Adds a remark to a field whose value `rewrite:` changed.
fn remark_rewritten(field: &mut FieldChange, followed: &Followed) {
    let within = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // A string may be shown as several fields (a document's content). Remark only on those that contain the new text.
    let after = field.after.as_ref().map(Value::to_string).unwrap_or_default();
    let shows = |pairs: &str| pairs.split(", ").filter_map(|it| it.split(" → ").nth(1)).any(|to| after.contains(to));
    let rewrites: BTreeSet<&str> = followed
        .rewritten
        .iter()
        .filter(|(path, pairs)| within(&field.path, path) || (within(path, &field.path) && shows(pairs)))
        .map(|(_, pairs)| pairs.as_str())
        .collect();
    if !rewrites.is_empty() && field.note.is_none() {
        field.note = Some(format!("rewritten: {}", rewrites.into_iter().collect::<Vec<_>>().join(", ")));
    }
}
