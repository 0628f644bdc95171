// SPDX-License-Identifier: Apache-2.0
//! Reads a region and builds its report.
//!
//! [`report_of`] sends no requests, so the report of a snapshot file is built by the same function.

use futures::future::join;
use jiff::civil::Date;

use super::build;
use super::judge;
use super::last_applied::{LastApplied, read_last_applied};
use super::rows::rows;
use super::{Drift, RegionReport};
use crate::desire::fill::Inventory;
use crate::kind::Registry;
use crate::observe::explain::explain;
use crate::observe::provider::Provider;
use crate::plan::{Note, Plan};
use crate::read_plan::{ReadPlanError, read_plan};
use crate::spec::Spec;

/// The maximum number of findings with audit events. CloudTrail's `LookupEvents` allows two requests per second:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
const LIMIT: usize = 40;

/// Reads a region and builds its report. `who` also looks up the audit events of the findings.
///
/// # Guarantees
/// Sends no write. If the last-applied record or the audit events cannot be read, the report contains the reason, and
/// the function returns no error.
///
/// # Errors
/// See [`read_plan`].
pub async fn examine(
    provider: &dyn Provider,
    registry: Registry,
    spec: &Spec,
    today: Date,
    who: bool,
) -> Result<(RegionReport, Inventory), ReadPlanError> {
    let (looked, last_applied) = join(read_plan(provider, registry, spec), read_last_applied(provider, spec)).await;
    let (inventory, plan) = looked?;
    let mut region = report_of(registry, spec, &inventory, &plan, &last_applied, today);
    if who {
        add_audit_events(provider, registry, &inventory, &mut region).await;
    }
    Ok((region, inventory))
}

/// Builds the report of a region: its open findings, its accepted drift and its runbook rows. `today` decides whether
/// an acceptance has expired.
pub fn report_of(
    registry: Registry,
    spec: &Spec,
    inventory: &Inventory,
    plan: &Plan,
    last_applied: &LastApplied,
    today: Date,
) -> RegionReport {
    let mut region = build::region(registry, spec, inventory, plan, last_applied);
    judge::accept(&mut region, spec, today);
    region.rows = rows(spec, &region);
    region
}

/// Looks up the audit events of the findings, the worst first. If they cannot be read, adds one note.
async fn add_audit_events(
    provider: &dyn Provider,
    registry: Registry,
    inventory: &Inventory,
    region: &mut RegionReport,
) {
    let mut note = None;
    let is_live_change = |drift| matches!(drift, Drift::Changed | Drift::Missing | Drift::NotInSpec);
    let findings = region.findings.iter_mut().filter(|finding| is_live_change(finding.drift));
    for (index, finding) in findings.enumerate() {
        if index == LIMIT {
            note = Some(format!("audit events were looked up for the {LIMIT} most severe findings only"));
            break;
        }
        let address = &finding.address;
        let attributes = match inventory.live.get(address) {
            Some(live) => live.attributes.clone(),
            None => registry.of(&address.kind).attributes(&address.name, &inventory.location),
        };
        match provider.audit_events(address, &inventory.location, &attributes).await {
            Ok(events) => finding.audit_events = events,
            Err(failure) => {
                note = Some(format!("audit events could not be read: {failure} [{}]", explain(&failure).code));
                break;
            }
        }
    }
    region.notes.extend(note.map(|what| Note { about: "CloudTrail".to_owned(), what }));
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::observe::failure::{Failure, FailureClass};
    use crate::report::{Attribution, Severity};
    use crate::testing::cloud::{Cloud, REGISTRY, settings, spec};

    async fn examined(cloud: &Cloud, spec: &Spec) -> RegionReport {
        let today = jiff::civil::date(2026, 11, 25);
        examine(cloud, REGISTRY, spec, today, true).await.unwrap().0
    }

    fn denied() -> Failure {
        Failure::new(FailureClass::Denied, "T Lookup", "no")
    }

    fn many(count: usize) -> (Cloud, Spec) {
        let cloud = Cloud::default();
        let mut text = "t.t:\n".to_owned();
        for number in 0..count {
            cloud.put("t.t", &format!("t{number}"), settings(&[("size", "large")]));
            let _ = writeln!(text, "  t{number}: {{size: small}}");
        }
        (cloud, spec(&text))
    }

    #[tokio::test]
    async fn audit_events_are_looked_up_for_the_worst_findings_only() {
        let (cloud, spec) = many(LIMIT + 5);
        let region = examined(&cloud, &spec).await;
        assert_eq!(region.findings.iter().filter(|finding| !finding.audit_events.is_empty()).count(), LIMIT);
        assert_eq!(cloud.count("audit_events "), LIMIT);
        assert_eq!(region.notes[0].what, "audit events were looked up for the 40 most severe findings only");
        assert!(cloud.writes().is_empty());
    }

    #[tokio::test]
    async fn audit_events_that_cannot_be_read_are_one_note() {
        let (cloud, spec) = many(3);
        cloud.fail("audit_events ", denied());
        let region = examined(&cloud, &spec).await;
        assert_eq!((region.findings.len(), cloud.count("audit_events ")), (3, 1));
        let notes: Vec<&str> = region.notes.iter().map(|note| note.what.as_str()).collect();
        assert_eq!(notes, ["audit events could not be read: T Lookup failed: no [access-denied]"]);
    }

    #[tokio::test]
    async fn drift_is_reported_even_if_the_last_applied_record_cannot_be_read() {
        let cloud = Cloud::default();
        cloud.put("t.t", "a", settings(&[("size", "large")]));
        cloud.fail("last_applied", denied());
        let region = examined(&cloud, &spec("record_applied: true\nt.t:\n  a: {size: small}\n")).await;
        assert_eq!(region.findings[0].drift, Drift::Changed);
        let Attribution::No(why) = &region.attribution else { panic!("attributed without a record") };
        assert!(why.ends_with("could not be read: no"), "{why}");
    }

    #[tokio::test]
    async fn a_risk_in_live_and_spec_is_a_finding_until_it_has_a_waiver() {
        let cloud = Cloud::default();
        cloud.put("t.t", "a", settings(&[("open", "world")]));
        let region = examined(&cloud, &spec("t.t:\n  a: {open: world}\n")).await;
        let [finding] = region.findings.as_slice() else { panic!("{:?}", region.findings) };
        assert_eq!((finding.drift, finding.severity), (Drift::Unwaived, Severity::High));
        assert_eq!(finding.fix, "state `waiver:` with a reason at spec.yaml:4");
        let waived = examined(&cloud, &spec("t.t:\n  a: {open: world, waiver: a web site}\n")).await;
        assert!(waived.findings.is_empty());
    }

    #[tokio::test]
    async fn accept_does_not_apply_to_a_risk_without_a_waiver() {
        let cloud = Cloud::default();
        cloud.put("t.t", "a", settings(&[("open", "world")]));
        let accept = "accept:\n  t.t/a: {reason: later, by: sre, until: 2026-12-31}\n";
        let region = examined(&cloud, &spec(&format!("{accept}t.t:\n  a: {{open: world}}\n"))).await;
        assert_eq!((region.findings.len(), region.accepted.len()), (1, 0));
    }

    #[tokio::test]
    async fn each_risk_of_a_resource_is_a_finding_in_addition_to_its_drift() {
        let cloud = Cloud::default();
        cloud.put("t.t", "a", settings(&[("open", "world"), ("public", "yes"), ("size", "large")]));
        let region = examined(&cloud, &spec("t.t:\n  a: {open: world, public: \"yes\", size: small}\n")).await;
        let ids: std::collections::BTreeSet<&str> = region.findings.iter().map(|it| it.id.as_str()).collect();
        assert_eq!((region.findings.len(), ids.len()), (3, 3));
    }
}
