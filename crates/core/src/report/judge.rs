// SPDX-License-Identifier: Apache-2.0
//! Evaluates a report: which drift is accepted, what is new since an earlier report, and whether the job fails.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::build::{content, sort};
use super::{AcceptanceNote, AcceptedFinding, Drift, Field, Finding, RegionReport, Report, Resolved, Severity, Since};
use crate::model::pattern;
use crate::plan::Note;
use crate::spec::Spec;
use crate::spec::accept::{Acceptance, AcceptanceScope};

/// Moves the findings that the spec accepts on `today` to the accepted drift.
///
/// # Guarantees
/// An acceptance of fields applies only to those fields, and only while they have the pinned live values; the rest of
/// the finding stays open. An expired acceptance does not apply and is shown with the finding. An acceptance that
/// matches nothing becomes a note. A risk without a waiver cannot be accepted.
pub fn accept(region: &mut RegionReport, spec: &Spec, today: Date) {
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut open = Vec::new();
    for mut finding in std::mem::take(&mut region.findings) {
        let mut is_open = true;
        for (index, stated) in spec.accepted.iter().enumerate() {
            let Some(accepted) = accepted_paths(stated, &finding) else { continue };
            used.insert(index);
            let acceptance = note(stated);
            if stated.until < today {
                finding.expired = Some(acceptance);
                continue;
            }
            let (fields, rest): (Vec<Field>, Vec<Field>) =
                finding.fields.drain(..).partition(|field| accepted.contains(&field.change.path));
            is_open = !rest.is_empty();
            region.accepted.push(AcceptedFinding { finding: with_fields(finding.clone(), fields), acceptance });
            finding = with_fields(finding, rest);
            if !is_open {
                break;
            }
        }
        if is_open {
            open.push(finding);
        }
    }
    sort(&mut open);
    region.findings = open;
    region.accepted.sort_by(|a, b| a.finding.address.cmp(&b.finding.address));
    let unused = spec.accepted.iter().enumerate().filter(|(index, _)| !used.contains(index));
    region.notes.extend(unused.map(|(_, stated)| Note {
        about: stated.resource.clone(),
        what: format!("the acceptance at {} matches no drift: remove it from the spec", stated.at),
    }));
}

fn note(stated: &Acceptance) -> AcceptanceNote {
    AcceptanceNote {
        reason: stated.reason.clone(),
        by: stated.by.clone(),
        until: stated.until.to_string(),
        at: stated.at.clone(),
    }
}

/// Returns the paths of the fields that an acceptance accepts, or `None` if it does not match the finding.
fn accepted_paths(stated: &Acceptance, finding: &Finding) -> Option<BTreeSet<String>> {
    if finding.drift == Drift::Unwaived || !pattern::matches(&stated.resource, &finding.address.to_string()) {
        return None;
    }
    let paths = || finding.fields.iter().map(|field| field.change.path.clone()).collect::<BTreeSet<_>>();
    match &stated.what {
        AcceptanceScope::Anything => Some(paths()),
        AcceptanceScope::Missing => finding.absent.then(paths),
        AcceptanceScope::Fields(fields) => {
            if finding.absent {
                return None;
            }
            let holds = |field: &&Field| fields.get(&field.change.path) == Some(&field.change.pinned());
            let accepted: BTreeSet<String> =
                finding.fields.iter().filter(holds).map(|field| field.change.path.clone()).collect();
            (!accepted.is_empty()).then_some(accepted)
        }
    }
}

fn with_fields(mut finding: Finding, fields: Vec<Field>) -> Finding {
    finding.fields = fields;
    if let Some(worst) = finding.fields.first().filter(|_| !finding.absent) {
        (finding.severity, finding.why) = (worst.severity, worst.why.clone());
    }
    finding.content = content(&finding);
    finding
}

/// Compares a report with an earlier one: sets `since` of each finding, and the resolved findings of each region.
pub fn compare(report: &mut Report, earlier: &Report) {
    let key = |region: &RegionReport| (region.account.clone(), region.region.clone());
    let of_earlier: BTreeMap<_, &RegionReport> = earlier.regions.iter().map(|region| (key(region), region)).collect();
    report.compared = true;
    for region in &mut report.regions {
        let before: BTreeMap<String, &Finding> = of_earlier
            .get(&key(region))
            .map(|region| region.findings.iter().map(|finding| (finding.id.clone(), finding)).collect())
            .unwrap_or_default();
        for finding in &mut region.findings {
            finding.since = Some(match before.get(&finding.id) {
                None => Since::New,
                Some(known) if known.content == finding.content => Since::Known,
                Some(_) => Since::Changed,
            });
        }
        // A finding of a resource that could not be read is not resolved.
        let open: BTreeSet<&str> = region.findings.iter().map(|finding| finding.id.as_str()).collect();
        let resolved = before.values().filter(|finding| {
            let is_gap = region.gaps.iter().any(|gap| gap.covers(&finding.address));
            !open.contains(finding.id.as_str()) && region.failed.is_none() && !is_gap
        });
        region.resolved = resolved
            .map(|finding| Resolved {
                id: finding.id.clone(),
                address: finding.address.clone(),
                drift: finding.drift,
                at: finding.at.clone(),
            })
            .collect();
        region.resolved.sort_by(|a, b| a.address.cmp(&b.address));
    }
}

/// Which findings make the job fail. The default is every finding, and every resource in progress.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailOn {
    /// Whether only findings that are new or changed since the earlier report count.
    pub new: bool,
    /// The lowest severity that counts. `None` means all.
    pub severity: Option<Severity>,
}

impl FailOn {
    /// Returns whether a finding makes the job fail.
    pub fn takes(self, finding: &Finding) -> bool {
        let is_new = finding.since != Some(Since::Known);
        (!self.new || is_new) && self.severity.is_none_or(|least| finding.severity >= least)
    }

    /// Returns whether a report makes the job fail. A resource in progress does so only with the default options.
    pub fn any(self, report: &Report) -> bool {
        let narrowed = self != Self::default();
        let in_progress = report.regions.iter().any(|region| !region.in_progress.is_empty());
        report.findings().any(|(_, finding)| self.takes(finding)) || (in_progress && !narrowed)
    }
}
