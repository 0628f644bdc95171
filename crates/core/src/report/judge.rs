//! What a report comes to: which drift is accepted, what is new against an earlier report, and whether the job fails.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::build::{content, sort};
use super::{Acceptance, Accepted, Drift, Field, Finding, Region, Report, Resolved, Severity, Since};
use crate::model::pattern;
use crate::plan::Note;
use crate::spec::Spec;
use crate::spec::accept::{Acceptance as Stated, Accepted as What};

/// Takes out of a region's findings what its spec accepts on this day.
///
/// # Guarantees
/// An acceptance of attributes takes only those, and only while they have the live values that it names; the rest
/// of the finding stays. One that ran out takes nothing and is named. One that matches nothing is a note. A risk
/// without a waiver is not drift that could be accepted: only a waiver explains it.
pub fn accept(region: &mut Region, spec: &Spec, today: Date) {
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut open = Vec::new();
    for mut finding in std::mem::take(&mut region.findings) {
        let mut is_open = true;
        for (index, stated) in spec.accepted.iter().enumerate() {
            let Some(taken) = taken(stated, &finding) else { continue };
            used.insert(index);
            let acceptance = shown(stated);
            if stated.until < today {
                finding.expired = Some(acceptance);
                continue;
            }
            let (of_it, rest): (Vec<Field>, Vec<Field>) =
                finding.fields.drain(..).partition(|field| taken.contains(&field.change.path));
            is_open = !rest.is_empty();
            region.accepted.push(Accepted { finding: with_fields(finding.clone(), of_it), acceptance });
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
        what: format!("accepted at {} and not to be found: take it out of the spec", stated.at),
    }));
}

fn shown(stated: &Stated) -> Acceptance {
    Acceptance {
        reason: stated.reason.clone(),
        by: stated.by.clone(),
        until: stated.until.to_string(),
        at: stated.at.clone(),
    }
}

/// The paths of the attributes that an acceptance takes; none where it does not speak of the finding.
fn taken(stated: &Stated, finding: &Finding) -> Option<BTreeSet<String>> {
    if finding.drift == Drift::Unwaived || !pattern::matches(&stated.resource, &finding.address.to_string()) {
        return None;
    }
    let paths = || finding.fields.iter().map(|field| field.change.path.clone()).collect::<BTreeSet<_>>();
    match &stated.what {
        What::Anything => Some(paths()),
        What::Missing => finding.absent.then(paths),
        What::Fields(fields) => {
            if finding.absent {
                return None;
            }
            let holds = |field: &&Field| fields.get(&field.change.path) == Some(&field.change.pinned());
            let taken: BTreeSet<String> =
                finding.fields.iter().filter(holds).map(|field| field.change.path.clone()).collect();
            (!taken.is_empty()).then_some(taken)
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

/// Holds a report against an earlier one: what is new, what is known, and what is gone.
pub fn compare(report: &mut Report, earlier: &Report) {
    let key = |region: &Region| (region.account.clone(), region.region.clone());
    let of_earlier: BTreeMap<_, &Region> = earlier.regions.iter().map(|region| (key(region), region)).collect();
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
        // What could not be read is not resolved.
        let still: BTreeSet<&str> = region.findings.iter().map(|finding| finding.id.as_str()).collect();
        let gone = before.values().filter(|finding| {
            let unread = region.unread.iter().any(|unread| unread.covers(&finding.address));
            !still.contains(finding.id.as_str()) && region.failed.is_none() && !unread
        });
        region.resolved = gone
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

/// What makes the job fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailOn {
    /// Only what the earlier report did not have.
    pub new: bool,
    /// Only what is at least so bad.
    pub severity: Option<Severity>,
}

impl FailOn {
    /// Says whether a finding makes the job fail.
    pub fn takes(self, finding: &Finding) -> bool {
        let is_new = finding.since != Some(Since::Known);
        (!self.new || is_new) && self.severity.is_none_or(|least| finding.severity >= least)
    }

    /// Says whether anything of a report makes the job fail. What is still on its way does, where nothing narrows it.
    pub fn any(self, report: &Report) -> bool {
        let narrowed = self != Self::default();
        let coming = report.regions.iter().any(|region| !region.coming.is_empty());
        report.findings().any(|(_, finding)| self.takes(finding)) || (coming && !narrowed)
    }
}
