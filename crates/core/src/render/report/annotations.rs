//! A report as the workflow commands by which GitHub shows findings at their lines.

use std::fmt::Write;

use super::summed_up;
use crate::report::{Report, Severity};

/// GitHub shows so many annotations of one step and drops the rest.
const SHOWN: usize = 10;

/// Renders the worst findings, ten commands at most; the last says how many more there are.
pub fn annotations(report: &Report) -> String {
    let mut findings: Vec<_> = report.findings().collect();
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    let fits = if findings.len() > SHOWN { SHOWN - 1 } else { SHOWN };
    let mut out = String::new();
    for (region, finding) in findings.iter().take(fits) {
        let command = match finding.severity {
            Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "notice",
        };
        let title = format!("{} in {}", finding.address, region.region);
        let message = format!("{}: {}. Mend: {}", finding.why, summed_up(finding), finding.mend);
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
