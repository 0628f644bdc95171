//! One report in many formats. What several of them say in the same words is here.

pub mod annotations;
pub mod html;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod slack;
pub mod text;

use super::counted;
use crate::diff::{FieldAction, shown};
use crate::report::{Drift, Field, Finding, Region, Report, RowState, Severity, Since};

/// Says in a sentence how an attribute differs: what is live, and what the spec says.
///
/// A document differs in lines, which are shown beside it.
pub fn said(field: &Field) -> String {
    let change = &field.change;
    let spec = if field.unstated { "AWS's default is" } else { "the spec says" };
    let label = change.label();
    let is_element = change.path.ends_with(']');
    let live = change.before.as_ref().map(shown);
    let wanted = change.after.as_ref().map(shown);
    let sentence = match (change.action, live, wanted) {
        _ if change.path == "absent" => "it is there, and the spec wants it gone".to_owned(),
        _ if change.is_document() => format!("{label} is not what the spec says"),
        (FieldAction::Remove, _, _) if is_element => format!("{label} is there, and not in the spec"),
        (FieldAction::Add, _, _) if is_element => format!("{label} is not there"),
        (FieldAction::Change, Some(live), Some(wanted)) if is_element => {
            format!("{label} is called \"{live}\", {spec} \"{wanted}\"")
        }
        (FieldAction::Remove, Some(live), _) => format!("{label} is {live}, and the spec has none"),
        (FieldAction::Add, _, Some(wanted)) => format!("{label} is not set, {spec} {wanted}"),
        (_, Some(live), Some(wanted)) => format!("{label} is {live}, {spec} {wanted}"),
        _ => format!("{label} differs"),
    };
    match &change.note {
        Some(note) => format!("{sentence} ({note})"),
        None => sentence,
    }
}

/// Says in a few words what is wrong with a resource: the worst of it, and how much more there is.
pub fn summed_up(finding: &Finding) -> String {
    if finding.absent {
        return "it is not there".to_owned();
    }
    if finding.drift == Drift::Unwaived {
        return format!("{}, and the spec does not say why", finding.why);
    }
    match finding.fields.as_slice() {
        [] => finding.blocked.first().cloned().unwrap_or_else(|| finding.why.clone()),
        [only] => said(only),
        [first, rest @ ..] => format!("{}, and {} more", said(first), rest.len()),
    }
}

/// Says in a line what a whole report comes to.
pub fn headline(report: &Report) -> String {
    let states: Vec<RowState> = report.regions.iter().map(Region::state).collect();
    let of = |wanted: &[RowState]| states.iter().filter(|state| wanted.contains(state)).count();
    let unreadable = of(&[RowState::Unreadable]);
    let findings = report.findings().count();
    let regions = match report.regions.as_slice() {
        [only] => only.region.clone(),
        several => counted(several.len(), "region"),
    };
    let mut line = if findings == 0 && unreadable == 0 {
        let is = if report.regions.len() == 1 { "is" } else { "are" };
        format!("No drift: {regions} {is} what the specs say.")
    } else if findings == 0 {
        "No drift in what could be read.".to_owned()
    } else {
        let by_severity = counts(report);
        format!("Drift: {} in {regions} ({by_severity}).", counted(findings, "finding"))
    };
    if unreadable > 0 {
        let regions = counted(unreadable, "region");
        line = format!("{line} Not the whole truth: of {regions} something could not be read.");
    }
    let waiting: usize = report.regions.iter().map(|region| region.waiting.len()).sum();
    line + &super::waiting_for_people(waiting)
}

/// `2 high, 1 low`, and how many are new.
fn counts(report: &Report) -> String {
    let mut parts: Vec<String> = Severity::ALL
        .into_iter()
        .map(|severity| (severity, report.count(severity)))
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| format!("{count} {}", severity.word()))
        .collect();
    if report.compared {
        let new = report.findings().filter(|(_, finding)| finding.since != Some(Since::Known)).count();
        parts.push(if new == 0 { "none new".to_owned() } else { format!("{new} new") });
    }
    parts.join(", ")
}

/// A region's open findings by the kind of drift, in the order of a report; kinds without any are left out.
fn by_drift(region: &Region) -> Vec<(Drift, Vec<&Finding>)> {
    let of = |drift| region.findings.iter().filter(|finding| finding.drift == drift).collect::<Vec<_>>();
    Drift::ALL.into_iter().map(|drift| (drift, of(drift))).filter(|(_, findings)| !findings.is_empty()).collect()
}

/// `new`, `changed since`, or nothing.
fn since(finding: &Finding) -> Option<&'static str> {
    match finding.since? {
        Since::New => Some("new"),
        Since::Changed => Some("changed since the last report"),
        Since::Known => None,
    }
}

/// Says who made a change.
fn deed(deed: &crate::observe::provider::AuditEvent) -> String {
    format!("by {}, {}, {}", deed.who, deed.when, deed.event)
}

/// Says who made the newest change, and how many earlier ones are known.
fn newest_deed(finding: &Finding) -> Option<String> {
    let (newest, earlier) = finding.deeds.split_first()?;
    let more = match earlier.len() {
        0 => String::new(),
        several => format!(" (and {} before)", counted(several, "change")),
    };
    Some(deed(newest) + &more)
}

/// Says that an acceptance ran out.
fn expired(acceptance: &crate::report::Acceptance) -> String {
    let crate::report::Acceptance { reason, by, until, at } = acceptance;
    format!("accepted until {until} by {by} ('{reason}', {at}): that is over")
}

/// Says why drift is accepted.
fn accepted(acceptance: &crate::report::Acceptance) -> String {
    let crate::report::Acceptance { reason, by, until, at } = acceptance;
    format!("accepted until {until} by {by}: {reason} ({at})")
}
