// SPDX-License-Identifier: Apache-2.0
//! Renders a report as GitHub workflow commands, which annotate the lines of the spec with findings.

use std::fmt::Write;

use super::summarize;
use crate::report::{Report, Severity};

/// GitHub shows this many annotations of one step and drops the rest.
const LIMIT: usize = 10;

/// Renders the worst findings, at most ten commands. The last one has the number of findings left out.
pub fn annotations(report: &Report) -> String {
    let mut findings: Vec<_> = report.findings().collect();
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    let fits = if findings.len() > LIMIT { LIMIT - 1 } else { LIMIT };
    let mut out = String::new();
    for (region, finding) in findings.iter().take(fits) {
        let command = match finding.severity {
            Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "notice",
        };
        let title = format!("{} in {}", finding.address, region.region);
        let effect =
            if finding.absent { finding.why.clone() } else { format!("{}: {}", finding.why, summarize(finding)) };
        let message = format!("{effect}. Fix: {}", finding.fix);
        let at = &finding.at;
        let _ = writeln!(
            out,
            "::{command} file={},line={},title={}::{}",
            property(&at.file),
            at.line,
            property(&title),
            data(&message)
        );
    }
    if findings.len() > fits {
        let _ = writeln!(out, "::notice::{} more findings are in the report", findings.len() - fits);
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
