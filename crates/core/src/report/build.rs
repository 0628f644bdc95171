// SPDX-License-Identifier: Apache-2.0
//! Builds a region's report from its plan: the kind of drift and the severity of each change. Sends no requests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use jiff::civil::Date;

use super::last_applied::LastApplied;
use super::{Attribution, Drift, Field, Finding, RegionFailure, RegionReport, Resource, Severity};
use crate::desire::expand::Expanded;
use crate::desire::fill::Inventory;
use crate::desire::fingerprint::ABSENT;
use crate::diagnostic::Diagnostic;
use crate::diff::{FieldAction, FieldChange, head};
use crate::digest;
use crate::kind::weight::{self, Weight};
use crate::kind::{Facts, Registry};
use crate::observe::explain::explain;
use crate::plan::{Action, Change, Plan, Unwaived};
use crate::resource::address::Address;
use crate::spec::Spec;

/// Builds a region's report from its plan.
///
/// # Guarantees
/// Deterministic. Every change of the plan is one finding, and so is every risk without a waiver.
pub fn region(
    registry: Registry,
    spec: &Spec,
    inventory: &Inventory,
    plan: &Plan,
    last_applied: &LastApplied,
) -> RegionReport {
    let expanded: BTreeMap<&Address, &Expanded> =
        inventory.wants.iter().map(|expanded| (&expanded.want.address, expanded)).collect();
    let mut findings: Vec<Finding> = plan
        .changes
        .iter()
        .map(|change| {
            let facts = registry.of(&change.address.kind).facts();
            finding(facts, spec, change, expanded[&change.address], last_applied)
        })
        .collect();
    findings.extend(plan.unwaived.iter().map(|risk| unwaived(registry, spec, risk, expanded.get(&risk.address))));
    sort(&mut findings);
    let resources = inventory.wants.iter().map(|expanded| Resource {
        address: expanded.want.address.clone(),
        service: registry.of(&expanded.want.address.kind).facts().service.to_owned(),
        at: expanded.want.at.clone(),
    });
    let mut waiting = plan.waiting.clone();
    for change in &plan.changes {
        waiting.extend(change.waiting.iter().map(|waiting| crate::plan::WaitingOn {
            address: change.address.clone(),
            service: change.service.clone(),
            what: waiting.what.clone(),
            ask_again: None,
        }));
    }
    for waiting in &mut waiting {
        // A report does not contain operations.
        waiting.ask_again = None;
    }
    RegionReport {
        findings,
        waiting,
        in_progress: plan.in_progress.clone(),
        gaps: plan.gaps.clone(),
        notes: inventory.notes.clone(),
        resources: resources.collect(),
        ..blank(&plan.region, &plan.account, &plan.spec, attribution(last_applied))
    }
}

/// Builds the report of a region that could not be read, from the errors.
pub fn failed(region: &str, account: &str, spec: &str, faults: &[Diagnostic]) -> RegionReport {
    let message = faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ");
    let mut help: Vec<String> = faults.iter().flat_map(|fault| fault.help.clone()).collect();
    help.dedup();
    let code = faults.first().map_or("internal", |fault| fault.code).to_owned();
    let attribution = Attribution::No("the region could not be read".to_owned());
    RegionReport { failed: Some(RegionFailure { code, message, help }), ..blank(region, account, spec, attribution) }
}

fn blank(region: &str, account: &str, spec: &str, attribution: Attribution) -> RegionReport {
    RegionReport {
        region: region.to_owned(),
        account: account.to_owned(),
        spec: spec.to_owned(),
        failed: None,
        attribution,
        findings: Vec::new(),
        accepted: Vec::new(),
        resolved: Vec::new(),
        waiting: Vec::new(),
        in_progress: Vec::new(),
        gaps: Vec::new(),
        unmanaged: None,
        notes: Vec::new(),
        resources: Vec::new(),
        rows: Vec::new(),
    }
}

/// Sorts by severity, the highest first, then by address.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (b.severity, &a.address).cmp(&(a.severity, &b.address)));
}

fn attribution(last_applied: &LastApplied) -> Attribution {
    let why = match last_applied {
        LastApplied::Applied(_) => return Attribution::Yes,
        LastApplied::NotRecorded => "the spec does not set `record_applied: true`".to_owned(),
        LastApplied::Never => "there is no last-applied record; the next apply saves one".to_owned(),
        LastApplied::NotInSnapshot => "a snapshot does not contain the last-applied record".to_owned(),
        LastApplied::ReadFailed(failure) => {
            format!("the last-applied record could not be read: {}", explain(failure).message)
        }
    };
    Attribution::No(format!("a change in AWS cannot be distinguished from a spec change that was not applied: {why}"))
}

fn finding(facts: &Facts, spec: &Spec, change: &Change, expanded: &Expanded, last_applied: &LastApplied) -> Finding {
    let missing = change.action == Action::Create;
    let of_field = |change: &FieldChange| {
        let Weight { severity, why, .. } = weight::weigh(facts.weights, Some(change));
        let unstated = expanded.unstated.contains(head(&change.path));
        Field { change: change.clone(), severity: *severity, why: (*why).to_owned(), unstated }
    };
    let mut fields: Vec<Field> = change.fields.iter().map(of_field).collect();
    // A resource that does not exist has no unstated settings.
    fields.retain(|field| !(missing && field.unstated));
    fields.sort_by_key(|field| std::cmp::Reverse(field.severity));
    let whole = weight::weigh(facts.weights, None);
    let (severity, why) = match fields.first() {
        Some(worst) if !missing => (worst.severity, worst.why.clone()),
        _ => (whole.severity, whole.why.to_owned()),
    };
    let follows = change.follows.as_ref().map(|follows| format!("{}/{}", follows.region, follows.name));
    let drift = drift(spec, change, expanded, last_applied, &fields);
    let mut finding = Finding {
        id: String::new(),
        content: String::new(),
        address: change.address.clone(),
        service: change.service.clone(),
        drift,
        rule: None,
        absent: missing,
        severity,
        why,
        since: None,
        at: change.at.clone(),
        entry: change.entry.clone(),
        follows,
        fields,
        blocked: change.blocked.clone(),
        audit_events: Vec::new(),
        expired: None,
        fix: fix(spec, change, drift),
    };
    identify(&mut finding, spec);
    finding
}

/// Builds the finding of a risk that both live and the spec contain. An apply does not change it; only a waiver does.
fn unwaived(registry: Registry, spec: &Spec, risk: &Unwaived, expanded: Option<&&Expanded>) -> Finding {
    let mut finding = Finding {
        id: String::new(),
        content: String::new(),
        address: risk.address.clone(),
        service: registry.of(&risk.address.kind).facts().service.to_owned(),
        drift: Drift::Unwaived,
        rule: Some(risk.rule.clone()),
        absent: false,
        severity: Severity::High,
        why: risk.what.clone(),
        since: None,
        at: risk.at.clone(),
        entry: expanded.and_then(|expanded| expanded.entry.clone()),
        follows: None,
        fields: Vec::new(),
        blocked: Vec::new(),
        audit_events: Vec::new(),
        expired: None,
        fix: format!("state `waiver:` with a reason at {}", risk.at),
    };
    identify(&mut finding, spec);
    finding
}

/// Sets the `id` and the `content` of a finding. A resource may have several risks, so a risk's id includes its rule.
fn identify(finding: &mut Finding, spec: &Spec) {
    let mut text = format!("{}\n{}\n{}", spec.account, spec.region, finding.address);
    if let Some(rule) = &finding.rule {
        text = format!("{text}\n{rule}\n{}", finding.why);
    }
    digest::sha256(text)[..16].clone_into(&mut finding.id);
    finding.content = content(finding);
}

/// Returns a digest of the kind of drift, the fields and their live values.
pub(super) fn content(finding: &Finding) -> String {
    let fields: Vec<String> = finding
        .fields
        .iter()
        .map(|Field { change, .. }| format!("{} {:?} {:?}", change.path, change.action, change.pinned()))
        .collect();
    let fields: BTreeSet<String> = fields.into_iter().collect();
    digest::sha256(format!("{:?}\n{fields:?}", finding.drift))[..16].to_owned()
}

fn drift(spec: &Spec, change: &Change, expanded: &Expanded, last_applied: &LastApplied, fields: &[Field]) -> Drift {
    let source_is_gone = change.follows.as_ref().is_some_and(|follows| follows.fingerprint == ABSENT);
    if !fields.is_empty() && fields.iter().all(|field| field.unstated) {
        return Drift::Unstated;
    }
    if let LastApplied::Applied(applied) = last_applied {
        if !applied.has(spec, expanded) {
            return Drift::NotApplied;
        }
        if applied.source_changed(expanded) {
            return Drift::SourceChanged;
        }
    }
    let removes = |field: &Field| field.change.action == FieldAction::Remove;
    match change.action {
        _ if source_is_gone => Drift::SourceChanged,
        Action::Create => Drift::Missing,
        Action::Delete => Drift::NotInSpec,
        Action::Update | Action::Replace | Action::Blocked => {
            let all = !fields.is_empty() && fields.iter().all(removes);
            if all { Drift::NotInSpec } else { Drift::Changed }
        }
    }
}

fn fix(spec: &Spec, change: &Change, drift: Drift) -> String {
    if drift == Drift::Unstated {
        // An apply does not change unstated settings.
        return format!("state it at {}, or restore AWS's default by hand", change.at);
    }
    if change.action == Action::Blocked {
        return format!("change the spec at {}, or change the resource in AWS by hand", change.at);
    }
    let deletes = if change.deletes.is_empty() { "" } else { " --allow-destroy" };
    let interrupts = if change.interrupts.is_empty() { "" } else { " --allow-interrupt" };
    format!(
        "regionctl apply {} --target {}{deletes}{interrupts}",
        quoted(&spec.path),
        quoted(&change.address.to_string())
    )
}

/// Quotes a text for a POSIX shell if necessary.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:@+=,".contains(letter);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Returns the YAML entry under `accept:` for a finding. It pins the live values of the fields, so that a further
/// change is reported again.
pub fn accepted_as(finding: &Finding, reason: &str, by: &str, until: Date) -> String {
    let text = |text: &str| serde_json::to_string(&text.replace("${", "$${")).expect("invariant: texts are JSON");
    let mut entry = format!("  {}:\n", text(&finding.address.to_string()));
    let _ = writeln!(entry, "    reason: {}\n    by: {}\n    until: {until}", text(reason), text(by));
    if finding.absent {
        entry.push_str("    missing: true\n");
    } else if !finding.fields.is_empty() {
        entry.push_str("    fields:\n");
        for field in &finding.fields {
            let pinned = field.change.pinned().map_or_else(|| "~".to_owned(), |pinned| text(&pinned));
            let _ = writeln!(entry, "      {}: {pinned}", text(&field.change.path));
        }
    }
    entry
}
