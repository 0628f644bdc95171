//! From a plan to a region's report: what kind of drift each change is, and how bad. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use jiff::civil::Date;

use super::memory::Memory;
use super::{Drift, Failed, Field, Finding, Region, Resource, Severity, ToldApart};
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

/// Makes a region's report of its plan.
///
/// # Guarantees
/// Pure: the same arguments give the same report, byte for byte. Every change of the plan is one finding, and so is
/// every risk without a waiver.
pub fn region(registry: Registry, spec: &Spec, inventory: &Inventory, plan: &Plan, memory: &Memory) -> Region {
    let expanded: BTreeMap<&Address, &Expanded> =
        inventory.wants.iter().map(|expanded| (&expanded.want.address, expanded)).collect();
    let mut findings: Vec<Finding> = plan
        .changes
        .iter()
        .map(|change| {
            let facts = registry.of(&change.address.kind).facts();
            finding(facts, spec, change, expanded[&change.address], memory)
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
            again: None,
        }));
    }
    for waiting in &mut waiting {
        // How to ask again is the plan's business.
        waiting.again = None;
    }
    Region {
        findings,
        waiting,
        coming: plan.coming.clone(),
        unread: plan.unread.clone(),
        notes: inventory.notes.clone(),
        resources: resources.collect(),
        ..blank(&plan.region, &plan.account, &plan.spec, told_apart(memory))
    }
}

/// Makes the report of a region of which nothing could be read.
pub fn failed(region: &str, account: &str, spec: &str, faults: &[Diagnostic]) -> Region {
    let message = faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ");
    let mut help: Vec<String> = faults.iter().flat_map(|fault| fault.help.clone()).collect();
    help.dedup();
    let code = faults.first().map_or("internal", |fault| fault.code).to_owned();
    let told_apart = ToldApart::No("the region could not be read".to_owned());
    Region { failed: Some(Failed { code, message, help }), ..blank(region, account, spec, told_apart) }
}

/// A region of which nothing is said yet.
fn blank(region: &str, account: &str, spec: &str, told_apart: ToldApart) -> Region {
    Region {
        region: region.to_owned(),
        account: account.to_owned(),
        spec: spec.to_owned(),
        failed: None,
        told_apart,
        findings: Vec::new(),
        accepted: Vec::new(),
        resolved: Vec::new(),
        waiting: Vec::new(),
        coming: Vec::new(),
        unread: Vec::new(),
        unmanaged: None,
        notes: Vec::new(),
        resources: Vec::new(),
        rows: Vec::new(),
    }
}

/// The worst first, then by address.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (b.severity, &a.address).cmp(&(a.severity, &b.address)));
}

fn told_apart(memory: &Memory) -> ToldApart {
    ToldApart::No(match memory {
        Memory::Applied(_) => return ToldApart::Yes,
        Memory::NotKept => {
            "whether drift was made by hand or is a spec that nobody applied cannot be told: `remember: true` in the spec keeps what was applied".to_owned()
        }
        Memory::Never => {
            "whether drift was made by hand or is a spec that nobody applied can be told after the next apply".to_owned()
        }
        Memory::NotInSnapshot => {
            "whether drift was made by hand or is a spec that nobody applied cannot be told from a snapshot".to_owned()
        }
        Memory::Unread(failure) => {
            format!("whether drift was made by hand or is a spec that nobody applied cannot be told: {}", explain(failure).message)
        }
    })
}

fn finding(facts: &Facts, spec: &Spec, change: &Change, expanded: &Expanded, memory: &Memory) -> Finding {
    let missing = change.action == Action::Create;
    let of_field = |change: &FieldChange| {
        let Weight { severity, why, .. } = weight::weigh(facts.weights, Some(change));
        let unstated = expanded.unstated.contains(head(&change.path));
        Field { change: change.clone(), severity: *severity, why: (*why).to_owned(), unstated }
    };
    let mut fields: Vec<Field> = change.fields.iter().map(of_field).collect();
    fields.sort_by_key(|field| std::cmp::Reverse(field.severity));
    let whole = weight::weigh(facts.weights, None);
    let (severity, why) = match fields.first() {
        Some(worst) if !missing => (worst.severity, worst.why.clone()),
        _ => (whole.severity, whole.why.to_owned()),
    };
    let follows = change.follows.as_ref().map(|follows| format!("{}/{}", follows.region, follows.name));
    let drift = drift(spec, change, expanded, memory, &fields);
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
        by: change.by.clone(),
        follows,
        fields,
        blocked: change.blocked.clone(),
        deeds: Vec::new(),
        expired: None,
        mend: mend(spec, change, drift),
    };
    identify(&mut finding, spec);
    finding
}

/// A risk that is there as the spec wants it. An apply changes nothing of it: only the spec can say that it is meant.
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
        by: expanded.and_then(|expanded| expanded.by.clone()),
        follows: None,
        fields: Vec::new(),
        blocked: Vec::new(),
        deeds: Vec::new(),
        expired: None,
        mend: format!("state `waiver:` with the reason at {}", risk.at),
    };
    identify(&mut finding, spec);
    finding
}

/// Gives a finding its ids: by what it is of, and by what differs. A resource may have several risks.
fn identify(finding: &mut Finding, spec: &Spec) {
    let mut of = format!("{}\n{}\n{}", spec.account, spec.region, finding.address);
    if let Some(rule) = &finding.rule {
        of = format!("{of}\n{rule}\n{}", finding.why);
    }
    digest::sha256(of)[..16].clone_into(&mut finding.id);
    finding.content = content(finding);
}

/// What differs and how, as a digest.
pub(super) fn content(finding: &Finding) -> String {
    let fields: Vec<String> = finding
        .fields
        .iter()
        .map(|Field { change, .. }| format!("{} {:?} {:?}", change.path, change.action, change.pinned()))
        .collect();
    let fields: BTreeSet<String> = fields.into_iter().collect();
    digest::sha256(format!("{:?}\n{fields:?}", finding.drift))[..16].to_owned()
}

fn drift(spec: &Spec, change: &Change, expanded: &Expanded, memory: &Memory, fields: &[Field]) -> Drift {
    let source_is_gone = change.follows.as_ref().is_some_and(|follows| follows.fingerprint == ABSENT);
    if !fields.is_empty() && fields.iter().all(|field| field.unstated) {
        return Drift::Unstated;
    }
    if let Memory::Applied(applied) = memory {
        if !applied.has(spec, expanded) {
            return Drift::NotApplied;
        }
        if applied.source_moved(expanded) {
            return Drift::SourceMoved;
        }
    }
    let removes = |field: &Field| field.change.action == FieldAction::Remove;
    match change.action {
        _ if source_is_gone => Drift::SourceMoved,
        Action::Create => Drift::Missing,
        Action::Delete => Drift::Extra,
        Action::Update | Action::Replace | Action::Blocked => {
            let all = !fields.is_empty() && fields.iter().all(removes);
            if all { Drift::Extra } else { Drift::Changed }
        }
    }
}

fn mend(spec: &Spec, change: &Change, drift: Drift) -> String {
    if drift == Drift::Unstated {
        // An apply does not touch what the spec does not state.
        return format!("state it at {}, or set it back by hand", change.at);
    }
    let deletes = if change.deletes.is_empty() { "" } else { " --allow-destroy" };
    format!("regionctl apply {} --target {}{deletes}", quoted(&spec.path), quoted(&change.address.to_string()))
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:@+=,".contains(letter);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Writes the acceptance of what a finding is now, as it stands below `accept:`. Attributes are accepted with their
/// live values, so that another change comes back.
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
