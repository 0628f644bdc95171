//! One region's report, from the first read to the last judgement.
//!
//! Reading and judging are apart: [`report_of`] is pure, so a report of a snapshot file is made by the same function.

use futures::future::join;
use jiff::civil::Date;

use super::build;
use super::judge;
use super::memory::{Memory, read_last_applied};
use super::rows::rows;
use super::{Drift, Region};
use crate::desire::fill::Inventory;
use crate::kind::Registry;
use crate::look::{LookError, look};
use crate::observe::explain::explain;
use crate::observe::provider::Provider;
use crate::plan::{Note, Plan};
use crate::spec::Spec;

/// The audit log answers two questions a second (CloudTrail's LookupEvents); more than this many would be waited for
/// too long.
const ASKED: usize = 40;

/// Reads a region and makes its report; `who` asks the audit log who made the changes.
///
/// # Guarantees
/// Sends no write. A last-applied record or an audit log that cannot be read is said in the report and is no error.
///
/// # Errors
/// See [`look`].
pub async fn examine(
    provider: &dyn Provider,
    registry: Registry,
    spec: &Spec,
    today: Date,
    who: bool,
) -> Result<(Region, Inventory), LookError> {
    let (looked, memory) = join(look(provider, registry, spec), read_last_applied(provider, spec)).await;
    let (inventory, plan) = looked?;
    let mut region = report_of(registry, spec, &inventory, &plan, &memory, today);
    if who {
        ask_who(provider, registry, &inventory, &mut region).await;
    }
    Ok((region, inventory))
}

/// Makes the report of a region that was read: its findings without those that are accepted on this day, and its rows.
/// Pure.
pub fn report_of(
    registry: Registry,
    spec: &Spec,
    inventory: &Inventory,
    plan: &Plan,
    memory: &Memory,
    today: Date,
) -> Region {
    let mut region = build::region(registry, spec, inventory, plan, memory);
    judge::accept(&mut region, spec, today);
    region.rows = rows(spec, &region);
    region
}

/// Asks who made the changes, the worst first. An audit log that cannot be read is one note.
pub async fn ask_who(provider: &dyn Provider, registry: Registry, inventory: &Inventory, region: &mut Region) {
    let mut note = None;
    let by_somebody = |drift| matches!(drift, Drift::Changed | Drift::Missing | Drift::Extra);
    let findings = region.findings.iter_mut().filter(|finding| by_somebody(finding.drift));
    for (index, finding) in findings.enumerate() {
        if index == ASKED {
            note = Some(format!("who did it was asked for the {ASKED} worst only"));
            break;
        }
        let address = &finding.address;
        let outputs = match inventory.live.get(address) {
            Some(live) => live.outputs.clone(),
            None => registry.of(&address.kind).outputs(&address.name, &inventory.location),
        };
        match provider.audit_events(address, &inventory.location, &outputs).await {
            Ok(events) => finding.deeds = events,
            Err(failure) => {
                note = Some(format!("who did it is not known: {failure} [{}]", explain(&failure).code));
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
    use crate::report::{Severity, ToldApart};
    use crate::testing::cloud::{Cloud, REGISTRY, settings, spec};

    async fn examined(cloud: &Cloud, spec: &Spec) -> Region {
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
    async fn who_did_it_is_asked_for_what_somebody_changed_and_for_the_worst_only() {
        let (cloud, spec) = many(ASKED + 5);
        let region = examined(&cloud, &spec).await;
        assert_eq!(region.findings.iter().filter(|finding| !finding.deeds.is_empty()).count(), ASKED);
        assert_eq!(cloud.count("audit_events "), ASKED);
        assert_eq!(region.notes[0].what, "who did it was asked for the 40 worst only");
        assert!(cloud.writes().is_empty());
    }

    #[tokio::test]
    async fn an_audit_log_that_cannot_be_read_is_one_note() {
        let (cloud, spec) = many(3);
        cloud.fail("audit_events ", denied());
        let region = examined(&cloud, &spec).await;
        assert_eq!((region.findings.len(), cloud.count("audit_events ")), (3, 1));
        let notes: Vec<&str> = region.notes.iter().map(|note| note.what.as_str()).collect();
        assert_eq!(notes, ["who did it is not known: T Lookup failed: no [access-denied]"]);
    }

    #[tokio::test]
    async fn a_last_applied_record_that_cannot_be_read_is_said_and_the_drift_is_reported_all_the_same() {
        let cloud = Cloud::default();
        cloud.put("t.t", "a", settings(&[("size", "large")]));
        cloud.fail("last_applied", denied());
        let region = examined(&cloud, &spec("remember: true\nt.t:\n  a: {size: small}\n")).await;
        assert_eq!(region.findings[0].drift, Drift::Changed);
        let ToldApart::No(why) = &region.told_apart else { panic!("it was told apart") };
        assert!(why.ends_with("cannot be told: no"), "{why}");
    }

    #[tokio::test]
    async fn a_risk_that_is_live_and_wanted_is_a_finding_until_a_waiver_explains_it() {
        let cloud = Cloud::default();
        cloud.put("t.t", "a", settings(&[("open", "world")]));
        let region = examined(&cloud, &spec("t.t:\n  a: {open: world}\n")).await;
        let [finding] = region.findings.as_slice() else { panic!("{:?}", region.findings) };
        assert_eq!((finding.drift, finding.severity), (Drift::Unwaived, Severity::High));
        assert_eq!(finding.mend, "state `waiver:` with the reason at spec.yaml:4");
        let explained = examined(&cloud, &spec("t.t:\n  a: {open: world, waiver: a web site}\n")).await;
        assert!(explained.findings.is_empty());
    }

    #[tokio::test]
    async fn a_risk_without_a_waiver_is_not_accepted_as_drift() {
        let cloud = Cloud::default();
        cloud.put("t.t", "a", settings(&[("open", "world")]));
        let accept = "accept:\n  t.t/a: {reason: later, by: sre, until: 2026-12-31}\n";
        let region = examined(&cloud, &spec(&format!("{accept}t.t:\n  a: {{open: world}}\n"))).await;
        assert_eq!((region.findings.len(), region.accepted.len()), (1, 0));
    }

    #[tokio::test]
    async fn two_risks_of_one_resource_are_two_findings_beside_its_drift() {
        let cloud = Cloud::default();
        cloud.put("t.t", "a", settings(&[("open", "world"), ("public", "yes"), ("size", "large")]));
        let region = examined(&cloud, &spec("t.t:\n  a: {open: world, public: \"yes\", size: small}\n")).await;
        let ids: std::collections::BTreeSet<&str> = region.findings.iter().map(|it| it.id.as_str()).collect();
        assert_eq!((region.findings.len(), ids.len()), (3, 3));
    }
}
