// SPDX-License-Identifier: Apache-2.0
//! Renders a report in several formats. Texts that they share are here.

pub mod annotations;
pub mod html;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod slack;
pub mod text;

use super::counted;
use crate::diff::{FieldAction, shown};
use crate::report::{Drift, Field, Finding, RegionReport, Report, RowState, Severity, Since};

/// Returns a sentence with the live and the desired value of a field. The desired one comes from the spec, from the source
/// that the resource follows, or from AWS's defaults.
///
/// For a document it contains no values: the formats show those as a diff.
pub fn describe(field: &Field, drift: Drift) -> String {
    let change = &field.change;
    if let (true, Some(why)) = (change.path == "absent", &change.note) {
        return format!("it exists, but {why}");
    }
    let of_source = drift == Drift::SourceChanged;
    let origin = if of_source { "source" } else { "spec" };
    let expected = if field.unstated { "AWS's default is".to_owned() } else { format!("the {origin} says") };
    let label = change.label();
    let is_element = change.path.ends_with(']');
    let live = change.before.as_ref().map(shown);
    let desired = change.after.as_ref().map(shown);
    let sentence = match (change.action, live, desired) {
        _ if change.path == "absent" && of_source => "it exists, but its source no longer exists".to_owned(),
        _ if change.path == "absent" => "it exists, but the spec says `absent`".to_owned(),
        _ if change.is_document() => format!("{label} differs from the {origin}"),
        (FieldAction::Remove, _, _) if is_element => format!("{label} exists, but is not in the {origin}"),
        (FieldAction::Add, _, _) if is_element => format!("{label} does not exist"),
        (FieldAction::Change, Some(live), Some(desired)) if is_element => {
            format!("{label} is \"{live}\", but {expected} \"{desired}\"")
        }
        (FieldAction::Remove, Some(live), _) => format!("{label} is {live}, but not set in the {origin}"),
        (FieldAction::Add, _, Some(desired)) => format!("{label} is not set, but {expected} {desired}"),
        (_, Some(live), Some(desired)) => format!("{label} is {live}, but {expected} {desired}"),
        _ => format!("{label} differs"),
    };
    match &change.note {
        Some(note) => format!("{sentence} ({note})"),
        None => sentence,
    }
}

/// Returns the worst difference of a finding and the number of the others.
pub fn summarize(finding: &Finding) -> String {
    if finding.absent {
        return "it does not exist".to_owned();
    }
    if finding.drift == Drift::Unwaived {
        return format!("{}, without a waiver", finding.why);
    }
    match finding.fields.as_slice() {
        [] => finding.blocked.first().cloned().unwrap_or_else(|| finding.why.clone()),
        [only] => describe(only, finding.drift),
        [first, rest @ ..] => format!("{}, and {} more", describe(first, finding.drift), rest.len()),
    }
}

/// Returns the command that fixes what an apply can fix in a region. `None` if it can fix nothing.
fn apply_command(region: &RegionReport) -> Option<String> {
    if !region.findings.iter().any(|finding| finding.fix.starts_with("regionctl apply")) {
        return None;
    }
    let needs = |flag: &&str| region.findings.iter().any(|finding| finding.fix.contains(*flag));
    let flags = [" --allow-destroy", " --allow-interrupt"].into_iter().filter(needs).collect::<String>();
    Some(format!("regionctl apply {}{flags}", region.spec))
}

/// Returns the one-line result of a report.
pub fn headline(report: &Report) -> String {
    let states: Vec<RowState> = report.regions.iter().map(RegionReport::state).collect();
    let unreadable = states.iter().filter(|state| **state == RowState::Unreadable).count();
    let findings = report.findings().count();
    let regions = match report.regions.as_slice() {
        [only] => only.region.clone(),
        several => counted(several.len(), "region"),
    };
    let mut line = if findings == 0 && unreadable == 0 {
        let matches = if report.regions.len() == 1 { "matches its spec" } else { "match their specs" };
        format!("No drift: {regions} {matches}.")
    } else if report.regions.iter().all(|region| region.failed.is_some()) {
        return format!("Nothing could be read: {} failed.", counted(unreadable, "region"));
    } else if findings == 0 {
        "No drift in what could be read.".to_owned()
    } else {
        let by_severity = counts(report);
        format!("Drift: {} in {regions} ({by_severity}).", counted(findings, "finding"))
    };
    if unreadable > 0 {
        let regions = counted(unreadable, "region");
        line = format!("{line} This report is incomplete: {regions} could not be read completely.");
    }
    let waiting: usize = report.regions.iter().map(|region| region.waiting.len()).sum();
    line + &super::waiting_for_people(waiting)
}

/// Returns the number of findings per severity, `2 high, 1 low`, and of those that are new.
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

/// Groups a region's open findings by kind of drift, in the order of a report. Omits empty groups.
fn by_drift(region: &RegionReport) -> Vec<(Drift, Vec<&Finding>)> {
    let of = |drift| region.findings.iter().filter(|finding| finding.drift == drift).collect::<Vec<_>>();
    Drift::ALL.into_iter().map(|drift| (drift, of(drift))).filter(|(_, findings)| !findings.is_empty()).collect()
}

fn since(finding: &Finding) -> Option<&'static str> {
    match finding.since? {
        Since::New => Some("new"),
        Since::Changed => Some("changed since the last report"),
        Since::Known => None,
    }
}

/// Returns who made a change, when, and with which API call.
fn describe_event(event: &crate::observe::provider::AuditEvent) -> String {
    format!("changed by {} at {} with {}", event.who, event.when, event.event)
}

/// Describes the newest change of a finding, with the number of earlier ones.
fn newest_event(finding: &Finding) -> Option<String> {
    let (newest, earlier) = finding.audit_events.split_first()?;
    let more = match earlier.len() {
        0 => String::new(),
        several => format!(" (and {} earlier)", counted(several, "change")),
    };
    Some(describe_event(newest) + &more)
}

/// Describes an acceptance that has expired.
fn expired(acceptance: &crate::report::AcceptanceNote) -> String {
    let crate::report::AcceptanceNote { reason, by, until, at } = acceptance;
    format!("accepted until {until} by {by}, now expired: {reason} ({at})")
}

/// Describes an acceptance.
fn accepted(acceptance: &crate::report::AcceptanceNote) -> String {
    let crate::report::AcceptanceNote { reason, by, until, at } = acceptance;
    format!("accepted until {until} by {by}: {reason} ({at})")
}
