//! A report as the payload of a Slack webhook: what is new, what changed and what is mended; nothing on a day like
//! the one before.

use serde_json::{Value, json};

use super::{headline, since, summed_up};
use crate::report::{Finding, Region, Report, Severity};

/// A message has at most 50 blocks; the headline and the last line take two.
const BLOCKS: usize = 48;

/// A block's text has at most 3,000 characters.
const LETTERS: usize = 2900;

/// Renders a report; none when there is nothing new to say.
pub fn slack(report: &Report) -> Option<Value> {
    let mut sections: Vec<String> = Vec::new();
    for region in &report.regions {
        if let Some(failed) = &region.failed {
            sections.push(format!(":no_entry: *{}*: {}", text(&region.region), text(&failed.message)));
        }
        for unread in &region.unread {
            sections.push(format!(
                ":no_entry: *{}*: {} could not be read",
                text(&region.region),
                text(&unread.address)
            ));
        }
        let told = |finding: &&Finding| !report.compared || since(finding).is_some();
        sections.extend(region.findings.iter().filter(told).map(|finding| one(region, finding)));
        let gone = region.resolved.iter();
        sections.extend(gone.map(|gone| {
            format!(
                ":white_check_mark: *{}*: {} is what the spec says again",
                text(&region.region),
                text(&gone.address.to_string())
            )
        }));
    }
    if sections.is_empty() {
        return None;
    }
    let line = headline(report);
    let more = sections.len().saturating_sub(BLOCKS);
    let section = |said: &str| {
        let said: String = said.chars().take(LETTERS).collect();
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": said } })
    };
    let mut blocks = vec![section(&format!("*{}*", text(&line)))];
    blocks.extend(sections.iter().take(BLOCKS).map(|said| section(said)));
    if more > 0 {
        blocks.push(section(&format!("… and {more} more, which are in the report")));
    }
    Some(json!({ "text": line, "blocks": blocks }))
}

fn one(region: &Region, finding: &Finding) -> String {
    let sign = match finding.severity {
        Severity::High => ":red_circle:",
        Severity::Medium => ":large_orange_circle:",
        Severity::Low => ":white_circle:",
    };
    let who = super::newest_deed(finding).map(|deed| format!("\n{}", text(&deed))).unwrap_or_default();
    format!(
        "{sign} *{}* {} ({})\n{}{who}",
        text(&region.region),
        text(&finding.address.to_string()),
        text(&finding.why),
        text(&summed_up(finding))
    )
}

/// Slack's own three characters are written as entities.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
