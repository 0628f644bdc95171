// SPDX-License-Identifier: Apache-2.0
//! Renders a report as Markdown for a job summary or a comment, within the platform's size limit.
//!
//! Text from AWS is only written in code spans and fences, so that a tag's value cannot become markup or a mention.

use std::fmt::Write;

use super::{accepted, by_drift, describe, expired, headline, newest_event, since, summarize};
use crate::diff::resolved;
use crate::observe::failure::Gap;
use crate::render::{counted, document};
use crate::report::{Attribution, Finding, RegionReport, Report, RowState, Severity};

/// The maximum size of a step summary on GitHub in bytes, 1 MiB. GitHub drops a larger one completely.
pub const SUMMARY: usize = 1024 * 1024;

/// The maximum size of a comment or an issue on GitHub in characters. It is applied to bytes, which are never fewer.
pub const COMMENT: usize = 65_535;

/// The bytes reserved for the sentence with the number of omitted parts.
const TAIL: usize = 200;

/// Renders a report in at most `limit` bytes.
///
/// # Guarantees
/// No block is truncated: blocks that do not fit are omitted, and the last line has their number.
pub fn markdown(report: &Report, limit: usize) -> String {
    let mut page = Page { text: String::new(), room: limit.saturating_sub(TAIL), left_out: 0 };
    // The headline contains region names and counts, no text from AWS.
    page.add(&format!("## {}\n\n", headline(report)));
    page.add(&overview(report));
    for region in &report.regions {
        one_region(&mut page, region);
    }
    if page.left_out > 0 {
        let more = counted(page.left_out, "more part");
        let _ = writeln!(page.text, "\n**{more} did not fit here: see the full report.**");
    }
    page.text
}

/// A page that accepts blocks as long as they fit.
struct Page {
    text: String,
    room: usize,
    left_out: usize,
}

impl Page {
    fn add(&mut self, block: &str) {
        if self.text.len() + block.len() <= self.room {
            self.text.push_str(block);
        } else {
            self.left_out += 1;
        }
    }
}

fn overview(report: &Report) -> String {
    let mut table = String::from(
        "| region | | high | medium | low | waiting | accepted |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for region in &report.regions {
        let state = region.state();
        let of = |severity| region.findings.iter().filter(|finding| finding.severity == severity).count();
        let [high, medium, low] = Severity::ALL.map(of);
        let _ = writeln!(
            table,
            "| {} | {} {} | {high} | {medium} | {low} | {} | {} |",
            cell(&region.region),
            sign(state),
            state.word(),
            region.waiting.len(),
            region.accepted.len()
        );
    }
    table + "\n"
}

fn sign(state: RowState) -> &'static str {
    match state {
        RowState::Empty | RowState::Clean => "✅",
        RowState::Accepted => "☑️",
        RowState::InProgress => "⏳",
        RowState::Waiting => "🙋",
        RowState::Drift => "❗",
        RowState::Unreadable => "⛔",
    }
}

fn one_region(page: &mut Page, region: &RegionReport) {
    if let Some(failed) = &region.failed {
        page.add(&format!("### {}\n\n⛔ {}\n\n", cell(&region.region), code(&failed.message)));
        return;
    }
    if !region.findings.is_empty() {
        page.add(&format!("### {}\n\n", cell(&region.region)));
    }
    for (drift, findings) in by_drift(region) {
        let mut table = format!(
            "**{}** · {}\n\n| | resource | what |\n| --- | --- | --- |\n",
            drift.title(&region.attribution),
            findings.len()
        );
        for finding in &findings {
            let new = since(finding).map(|since| format!(" · {since}")).unwrap_or_default();
            let row = format!(
                "| {}{new} | {} | {} |\n",
                finding.severity.word(),
                in_table(&finding.address.to_string()),
                in_table(&short(&summarize(finding)))
            );
            table.push_str(&row);
        }
        page.add(&(table + "\n"));
    }
    for finding in &region.findings {
        page.add(&details(finding));
    }
    if let Attribution::No(why) = &region.attribution
        && !region.findings.is_empty()
    {
        page.add(&format!("_{why}_\n\n"));
    }
    if let Some(command) = super::apply_command(region) {
        page.add(&format!("Fix what an apply can fix: {}\n\n", code(&command)));
    }
    lists(page, region);
}

fn lists(page: &mut Page, region: &RegionReport) {
    let waiting = region.waiting.iter().map(|it| format!("{}: {}", code(&it.address.to_string()), code(&it.what)));
    folded(page, region, "waiting for a person", &waiting.collect::<Vec<_>>());
    let accepted_drift = region.accepted.iter().map(|it| {
        format!(
            "{}: {} — {}",
            code(&it.finding.address.to_string()),
            code(&summarize(&it.finding)),
            code(&accepted(&it.acceptance))
        )
    });
    folded(page, region, "accepted", &accepted_drift.collect::<Vec<_>>());
    let resolved = region.resolved.iter().map(|it| code(&it.address.to_string()));
    folded(page, region, "fixed since the last report", &resolved.collect::<Vec<_>>());
    let unmanaged = region.unmanaged.iter().flat_map(|it| &it.resources).map(|address| code(&address.to_string()));
    folded(page, region, "not in any spec", &unmanaged.collect::<Vec<_>>());
    let notes = region.notes.iter().map(|note| format!("{}: {}", code(&note.about), code(&note.what)));
    folded(page, region, "notes (informational)", &notes.collect::<Vec<_>>());
    let gap = |gap: &Gap| format!("{}: {}", code(&gap.address), code(&gap.failure.to_string()));
    let gaps: Vec<String> = region.gaps.iter().map(gap).collect();
    if !gaps.is_empty() {
        page.add(&format!(
            "**{}: not read, this report is incomplete**\n\n- {}\n\n",
            cell(&region.region),
            gaps.join("\n- ")
        ));
    }
}

fn folded(page: &mut Page, region: &RegionReport, title: &str, items: &[String]) {
    if !items.is_empty() {
        let summary = format!("{}: {} {title}", cell(&region.region), items.len());
        page.add(&format!("<details><summary>{summary}</summary>\n\n- {}\n\n</details>\n\n", items.join("\n- ")));
    }
}

fn details(finding: &Finding) -> String {
    let mut lines: Vec<String> = Vec::new();
    for field in finding.fields.iter().filter(|_| !finding.absent) {
        lines.push(format!("  {}", describe(field, finding.drift)));
        if field.change.is_document() {
            let diff = document::diff(field.change.before.as_ref(), field.change.after.as_ref());
            lines.extend(diff.into_iter().map(|(tag, line)| format!("{tag} {}", resolved(&line))));
        }
    }
    lines.extend(finding.blocked.iter().map(|why| format!("! {why}")));
    lines.extend(newest_event(finding).map(|it| format!("# {it}")));
    lines.extend(finding.expired.iter().map(|it| format!("# {}", expired(it))));
    lines.push(format!("# specified at {}", finding.at));
    lines.push(format!("# fix: {}", finding.fix));
    let body = lines.join("\n");
    let fence = "`".repeat(longest_run(&body).max(2) + 1);
    format!(
        "<details><summary><code>{}</code> {}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>\n\n",
        html(&finding.address.to_string()),
        html(&finding.why)
    )
}

fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 160 { line.chars().take(159).chain(['…']).collect() } else { line.to_owned() }
}

fn longest_run(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default()
}

/// Returns a code span whose fence is longer than any run of backticks in the text.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Returns a code span for a table cell. A bar would end the cell.
fn in_table(text: &str) -> String {
    code(text).replace('|', "\\|")
}

fn cell(text: &str) -> String {
    html(text).replace('|', "\\|")
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "&#64;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::build::failed;
    use proptest::prelude::*;

    fn page(notes: &[String], limit: usize) -> String {
        let mut region = failed("eu-central-1", "1", "spec.yaml", &[]);
        region.failed = None;
        region.notes =
            notes.iter().map(|what| crate::plan::Note { about: "a".to_owned(), what: what.clone() }).collect();
        let mut other = region.clone();
        other.region = "us-east-1".to_owned();
        markdown(&Report::of(vec![region, other]), limit)
    }

    proptest! {
        #[test]
        fn a_page_is_never_longer_than_the_limit(
            notes in prop::collection::vec(".{0,400}", 0..40), limit in 1000_usize..20_000,
        ) {
            prop_assert!(page(&notes, limit).len() <= limit);
        }

        #[test]
        fn text_from_aws_never_becomes_markup(text in "[`|<>@a-z*_\\[\\]()#]{0,40}") {
            let span = code(&text);
            let fence = span.chars().take_while(|letter| *letter == '`').count();
            let inside = &span[fence..span.len() - fence];
            prop_assert!(longest_run(inside) < fence, "{span}");
        }
    }

    #[test]
    fn omitted_parts_are_counted_and_no_block_is_truncated() {
        let notes = vec!["x".repeat(900)];
        let page = page(&notes, 1700);
        assert!(page.contains("1 more part did not fit here"), "{page}");
        assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
    }
}
