// SPDX-License-Identifier: Apache-2.0
//! Renders a report as JUnit XML: one suite per region, one case per resource and per risk without a waiver.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{accepted, describe, newest_event};
use crate::report::{Drift, Finding, RegionReport, Report};

/// Renders a report.
///
/// A finding is a failure and a gap is an error. Accepted drift and resources that wait for a person are skipped.
pub fn junit(report: &Report) -> String {
    let mut junit = Junit::new("regionctl drift");
    junit.add_test_suites(report.regions.iter().map(suite));
    junit.to_string().expect("invariant: a report is written to memory")
}

fn suite(region: &RegionReport) -> TestSuite {
    let mut suite = TestSuite::new(region.region.clone());
    let mut cases: BTreeMap<String, TestCaseStatus> =
        region.resources.iter().map(|resource| (resource.address.to_string(), TestCaseStatus::success())).collect();
    for waiting in &region.waiting {
        let mut status = TestCaseStatus::skipped();
        status.set_message(waiting.what.clone());
        cases.insert(waiting.address.to_string(), status);
    }
    for it in &region.accepted {
        let mut status = TestCaseStatus::skipped();
        status.set_message(accepted(&it.acceptance));
        cases.insert(it.finding.address.to_string(), status);
    }
    for finding in &region.findings {
        let case = match finding.drift {
            // A resource may have several risks in addition to its drift. Each is a separate case.
            Drift::Unwaived => format!("{}: {}", finding.address, finding.why),
            _ => finding.address.to_string(),
        };
        cases.insert(case, failure(finding));
    }
    for gap in &region.gaps {
        cases.insert(gap.address.clone(), error("not-read", &gap.failure.to_string()));
    }
    if let Some(failed) = &region.failed {
        cases.insert("region".to_owned(), error(&failed.code, &failed.message));
    }
    suite.add_test_cases(cases.into_iter().map(|(address, status)| {
        let mut case = TestCase::new(address.clone(), status);
        let kind = address.split('/').next().unwrap_or_default();
        case.set_classname(format!("{}.{kind}", region.region));
        case
    }));
    suite
}

fn failure(finding: &Finding) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(format!("{}-{}", finding.severity.word(), finding.drift.word()));
    status.set_message(finding.why.clone());
    let mut lines: Vec<String> =
        finding.fields.iter().filter(|_| !finding.absent).map(|field| describe(field, finding.drift)).collect();
    if finding.absent {
        lines.push("it does not exist".to_owned());
    }
    lines.extend(finding.blocked.iter().cloned());
    lines.extend(newest_event(finding));
    lines.push(format!("specified at {}", finding.at));
    lines.push(format!("fix: {}", finding.fix));
    status.set_description(lines.join("\n"));
    status
}

fn error(kind: &str, what: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type(kind);
    status.set_message(what);
    status
}
