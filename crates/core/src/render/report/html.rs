// SPDX-License-Identifier: Apache-2.0
//! Renders a report as one self-contained HTML page: a matrix of runbook rows and regions with links to the findings.
//!
//! The page needs no network and no mouse, opens from a file and can be printed. Its script adds the search and the
//! theme and opens a section when its cell is clicked; without the script the page still contains everything.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{accepted, by_drift, describe, describe_event, expired, headline, since};
use crate::diff::{resolved, shown};
use crate::render::document;
use crate::report::{AcceptanceNote, Attribution, Field, Finding, RegionReport, Report, Row, RowFinding, RowState};

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The page sends no requests.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// Renders a report as a complete HTML document.
pub fn page(report: &Report) -> String {
    let line = headline(report);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (line) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#matrix" { "Skip to the matrix" }
                header {
                    h1 { (line) }
                    p.soft { "Live resources compared with their specs. " (report.tool) "." }
                }
                main {
                    div.tools role="search" {
                        label.hidden-word for="search" { "Search resources, rows and values" }
                        input id="search" type="search" autocomplete="off"
                            placeholder="Search resources, rows, values (press /)";
                        span id="found" role="status" {}
                        button id="theme" type="button" aria-pressed="false" { "Toggle dark mode" }
                    }
                    (matrix(report))
                    (legend())
                    @for (index, region) in report.regions.iter().enumerate() {
                        (one_region(index, region))
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn legend() -> Markup {
    use RowState::{Accepted, Clean, Drift, Empty, InProgress, Unreadable, Waiting};
    html! {
        ul.legend aria-label="Legend" {
            @for state in [Clean, Drift, Waiting, Unreadable, Accepted, InProgress, Empty] {
                li { span class={ "state " (state.key()) } aria-hidden="true" { (state.symbol()) } " " (state.word()) }
            }
        }
    }
}

/// Returns the titles of all rows in the order in which they first appear.
fn titles(report: &Report) -> Vec<&str> {
    let mut titles: Vec<&str> = Vec::new();
    for row in report.regions.iter().flat_map(|region| &region.rows) {
        if !titles.contains(&row.title.as_str()) {
            titles.push(&row.title);
        }
    }
    titles
}

fn matrix(report: &Report) -> Markup {
    html! {
        div.matrix id="matrix" tabindex="0" role="region" aria-label="Regions and rows" {
            table {
                thead {
                    tr {
                        th scope="col" { "row" }
                        @for region in &report.regions {
                            th scope="col" {
                                (region.region) br;
                                span.soft { (region.state().symbol()) " " (region.state().word()) }
                            }
                        }
                    }
                }
                tbody {
                    @for title in titles(report) {
                        tr data-text=(row_text(report, title)) {
                            th scope="row" { (title) }
                            @for (index, region) in report.regions.iter().enumerate() {
                                td.cell { (cell(index, region, title)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the text that the search matches for a row of the matrix: its title and the text of its details.
fn row_text(report: &Report, title: &str) -> String {
    let rows = report.regions.iter().flat_map(|region| {
        region.rows.iter().filter(|row| row.title == title).map(move |row| search_text(region, row))
    });
    rows.fold(title.to_owned(), |text, more| text + " " + &more)
}

fn search_text(region: &RegionReport, row: &Row) -> String {
    let mut text = vec![region.region.clone(), row.title.clone(), row.state.word().to_owned()];
    for InRow { finding, fields, .. } in findings(region, row) {
        text.push(finding.address.to_string());
        text.push(finding.why.clone());
        text.push(finding.severity.word().to_owned());
        text.extend(fields.into_iter().map(|field| describe(field, finding.drift)));
        text.extend(finding.audit_events.iter().map(describe_event));
    }
    text.extend(row.waiting.iter().chain(&row.gaps).cloned());
    text.join(" ")
}

fn cell(index: usize, region: &RegionReport, title: &str) -> Markup {
    let found = region.rows.iter().enumerate().find(|(_, row)| row.title == title);
    let Some((at, row)) = found else {
        // A region that failed has no rows.
        let state = if region.failed.is_some() { RowState::Unreadable } else { RowState::Empty };
        let inside = html! { (state.symbol()) span.hidden-word { " " (state.word()) ", " (region.region) } };
        return html! {
            @if region.failed.is_some() {
                a class={ "state " (state.key()) } href={ "#" (heading(index)) } { (inside) }
            } @else {
                span class={ "state " (state.key()) } { (inside) }
            }
        };
    };
    let open = row.findings.iter().filter(|finding| !finding.accepted).count();
    let accepted = row.findings.len() - open;
    let count = match row.state {
        RowState::Drift => open,
        RowState::Unreadable => row.gaps.len(),
        RowState::Accepted => accepted,
        _ => row.findings.len() + row.waiting.len() + row.gaps.len(),
    };
    let inside = html! {
        (row.state.symbol()) @if count > 0 { " " (count) }
        span.hidden-word { " " (row.state.word()) ", " (region.region) }
    };
    html! {
        @if count > 0 {
            a class={ "state " (row.state.key()) } href={ "#" (anchor(index, at)) } { (inside) }
        } @else {
            span class={ "state " (row.state.key()) } title=(row.state.word()) { (inside) }
        }
    }
}

fn anchor(region: usize, row: usize) -> String {
    format!("r{region}-{row}")
}

fn heading(region: usize) -> String {
    format!("region-{region}")
}

fn one_region(index: usize, region: &RegionReport) -> Markup {
    let heading = heading(index);
    html! {
        section aria-labelledby=(heading) {
            h2 id=(heading) tabindex="-1" {
                (region.region) " " span class={ "state " (region.state().key()) } style="display:inline-block" {
                    (region.state().symbol()) " " (region.state().word())
                }
            }
            p.soft { "account " (region.account) " · " code { (region.spec) } }
            @if let Some(failed) = &region.failed {
                p { (failed.message) " " code { "[" (failed.code) "]" } }
                @for help in &failed.help { p.soft { (help) } }
            }
            @if !region.findings.is_empty() {
                p {
                    @for (position, (drift, findings)) in by_drift(region).into_iter().enumerate() {
                        @if position > 0 { " · " }
                        (drift.title(&region.attribution)) ": " (findings.len())
                    }
                }
                @if let Some(command) = super::apply_command(region) { p { "Fix: " code { (command) } } }
                @if let Attribution::No(why) = &region.attribution { p.soft { (why) } }
            }
            @for (at, row) in region.rows.iter().enumerate() {
                @if row.findings.len() + row.waiting.len() + row.gaps.len() > 0 { (one_row(index, at, region, row)) }
            }
            (lists(region))
        }
    }
}

fn one_row(index: usize, at: usize, region: &RegionReport, row: &Row) -> Markup {
    html! {
        details id=(anchor(index, at)) data-text=(search_text(region, row)) {
            summary {
                span class={ "state " (row.state.key()) } { (row.state.symbol()) " " (row.state.word()) }
                (row.title)
            }
            div.inside {
                @for finding in findings(region, row) { (one_finding(region, &finding)) }
                @if !row.waiting.is_empty() {
                    p { strong { "Waiting for a person" } }
                    ul.plain { @for what in &row.waiting { li { (what) } } }
                }
                @if !row.gaps.is_empty() {
                    p { strong { "Not read" } }
                    ul.plain { @for what in &row.gaps { li { (what) } } }
                }
            }
        }
    }
}

/// A finding in a row, with its fields that belong to this row, and its acceptance.
struct InRow<'a> {
    finding: &'a Finding,
    fields: Vec<&'a Field>,
    acceptance: Option<&'a AcceptanceNote>,
}

fn findings<'a>(region: &'a RegionReport, row: &'a Row) -> Vec<InRow<'a>> {
    let found = row.findings.iter().filter_map(|RowFinding { id, fields, accepted }| {
        let (finding, acceptance) = if *accepted {
            let it = region.accepted.iter().find(|it| it.finding.id == *id)?;
            (&it.finding, Some(&it.acceptance))
        } else {
            (region.findings.iter().find(|finding| finding.id == *id)?, None)
        };
        let fields = finding.fields.iter().filter(|field| fields.contains(&field.change.path)).collect();
        Some(InRow { finding, fields, acceptance })
    });
    found.collect()
}

fn one_finding(region: &RegionReport, InRow { finding, fields, acceptance }: &InRow<'_>) -> Markup {
    let severity = finding.severity.word();
    html! {
        article.finding {
            h3 class="mono" { (finding.address) }
            p {
                span class={ "badge " (severity) } { (severity) } " "
                (finding.drift.title(&region.attribution)) ": " (finding.why)
                @if let Some(since) = since(finding) { " " em { (since) } }
            }
            @if finding.absent {
                p { "It does not exist." }
            } @else if !fields.is_empty() {
                (table(fields))
            }
            @for why in &finding.blocked { p { "✗ " (why) } }
            @for event in &finding.audit_events { p { (describe_event(event)) } }
            @if let Some(acceptance) = &finding.expired { p { (expired(acceptance)) } }
            @if let Some(acceptance) = acceptance { p { (accepted(acceptance)) } }
            @if let Some(source) = &finding.follows { p.soft { "copies " (source) } }
            p.soft { "specified at " code { (finding.at) } }
            p { code { (finding.fix) } }
        }
    }
}

fn table(fields: &[&Field]) -> Markup {
    let value = |value: Option<&serde_json::Value>, none: &str| value.map_or_else(|| none.to_owned(), shown);
    let (documents, plain): (Vec<&Field>, Vec<&Field>) =
        fields.iter().copied().partition(|field| field.change.is_document());
    html! {
        @if !plain.is_empty() {
            table.fields {
                thead { tr { th scope="col" { "setting" } th scope="col" { "live" } th scope="col" { "spec" } } }
                tbody {
                    @for field in plain {
                        @let (live, spec) = placeholders(field);
                        tr {
                            th scope="row" class="mono" { (field.change.label()) }
                            td.mono data-label="live" { (value(field.change.before.as_ref(), live)) }
                            td.mono data-label="spec" {
                                (value(field.change.after.as_ref(), spec))
                                @if field.unstated { span.soft { " (AWS's default)" } }
                            }
                        }
                    }
                }
            }
        }
        @for field in documents {
            p { code { (field.change.label()) } " " span.soft { "(- live, + spec)" } }
            pre tabindex="0" {
                @for (tag, line) in document::diff(field.change.before.as_ref(), field.change.after.as_ref()) {
                    @match tag {
                        '-' => { span.live { "- " (resolved(&line)) } }
                        '+' => { span.spec { "+ " (resolved(&line)) } }
                        _ => { "  " (resolved(&line)) }
                    }
                    "\n"
                }
            }
        }
    }
}

/// Returns the texts for a missing live value and a missing desired value. An element of a set has no value.
fn placeholders(field: &Field) -> (&'static str, &'static str) {
    use crate::diff::FieldAction::{Add, Change, Remove};
    match (field.change.path.ends_with(']'), field.change.action) {
        (false, _) => ("(not set)", "(not set)"),
        (true, Add) => ("does not exist", "in the spec"),
        (true, Remove) => ("exists", "not in the spec"),
        (true, Change) => ("exists", "in the spec"),
    }
}

fn lists(region: &RegionReport) -> Markup {
    let unmanaged = region.unmanaged.as_ref();
    html! {
        @if !region.resolved.is_empty() {
            details data-text={ (region.region) " fixed" } {
                summary { "Fixed since the last report: " (region.resolved.len()) }
                div.inside { ul.plain { @for resolved in &region.resolved { li.mono { (resolved.address) } } } }
            }
        }
        @if let Some(unmanaged) = unmanaged {
            @let names = unmanaged.resources.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            details data-text={ (region.region) " not in any spec " (names) } {
                summary { "Not in any spec: " (unmanaged.resources.len()) }
                div.inside {
                    ul.plain { @for address in &unmanaged.resources { li.mono { (address) } } }
                    @for (address, reason) in &unmanaged.ignored {
                        p.soft { span.mono { (address) } " is ignored: " (reason) }
                    }
                }
            }
        }
        @if !region.notes.is_empty() {
            details data-text={ (region.region) " notes" } {
                summary { "Notes (informational): " (region.notes.len()) }
                div.inside {
                    ul.plain { @for note in &region.notes { li { span.mono { (note.about) } ": " (note.what) } } }
                }
            }
        }
    }
}
