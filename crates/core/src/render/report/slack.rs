// SPDX-License-Identifier: Apache-2.0
//! Renders a report as the payload of a Slack webhook: new, changed and fixed findings, and gaps.

use serde_json::{Value, json};

use super::{headline, since, summarize};
use crate::report::{Finding, RegionReport, Report, Severity};

/// Slack allows 50 blocks per message. The headline and the last line take two.
const BLOCKS: usize = 48;

/// Slack allows 3,000 characters per block.
const CHARACTERS: usize = 2900;

/// Renders a report. Returns `None` if nothing is new, changed or fixed and there are no gaps.
pub fn slack(report: &Report) -> Option<Value> {
    let mut sections: Vec<String> = Vec::new();
    for region in &report.regions {
        if let Some(failed) = &region.failed {
            sections.push(format!(":no_entry: *{}*: {}", text(&region.region), text(&failed.message)));
        }
        for gap in &region.gaps {
            sections.push(format!(":no_entry: *{}*: {} could not be read", text(&region.region), text(&gap.address)));
        }
        let is_news = |finding: &&Finding| !report.compared || since(finding).is_some();
        sections.extend(region.findings.iter().filter(is_news).map(|finding| one_finding(region, finding)));
        sections.extend(region.resolved.iter().map(|resolved| {
            let address = text(&resolved.address.to_string());
            format!(":white_check_mark: *{}*: {address} matches the spec again", text(&region.region))
        }));
    }
    if sections.is_empty() {
        return None;
    }
    let line = headline(report);
    let more = sections.len().saturating_sub(BLOCKS);
    let section = |text: &str| {
        let text: String = text.chars().take(CHARACTERS).collect();
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
    };
    let mut blocks = vec![section(&format!("*{}*", text(&line)))];
    blocks.extend(sections.iter().take(BLOCKS).map(|text| section(text)));
    if more > 0 {
        blocks.push(section(&format!("… and {more} more in the report")));
    }
    Some(json!({ "text": line, "blocks": blocks }))
}

fn one_finding(region: &RegionReport, finding: &Finding) -> String {
    let sign = match finding.severity {
        Severity::High => ":red_circle:",
        Severity::Medium => ":large_orange_circle:",
        Severity::Low => ":white_circle:",
    };
    let who = super::newest_event(finding).map(|event| format!("\n{}", text(&event))).unwrap_or_default();
    format!(
        "{sign} *{}* {} ({})\n{}{who}",
        text(&region.region),
        text(&finding.address.to_string()),
        text(&finding.why),
        text(&summarize(finding))
    )
}

/// Escapes the control characters of Slack's mrkdwn.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
