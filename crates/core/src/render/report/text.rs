// SPDX-License-Identifier: Apache-2.0
//! Renders a report as text for a terminal or a job log: findings first, the one-line result last.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::AnsiColor;

use super::{accepted, by_drift, describe, expired, headline, newest_event, since};
use crate::diff::resolved;
use crate::render::document;
use crate::render::text::{Style, waiting_for};
use crate::report::{Attribution, Drift, Finding, RegionReport, Report, Severity};

/// Renders a report. The last line is the one-line result.
pub fn text(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for region in &report.regions {
        let is_quiet = region.findings.is_empty()
            && region.is_complete()
            && region.waiting.is_empty()
            && region.in_progress.is_empty()
            && region.accepted.is_empty()
            && region.resolved.is_empty()
            && region.notes.is_empty()
            && region.unmanaged.is_none();
        if !is_quiet {
            one_region(&mut out, region, style);
        }
    }
    if report.regions.len() > 1 {
        for region in &report.regions {
            let state = region.state();
            let _ = writeln!(out, "  {} {}  {}", style.symbol(state.symbol()), region.region, state.word());
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", style.bold(&headline(report)));
    out
}

/// Renders one line per region, separated by tabs: its code, its state and the number of its findings.
pub fn states(report: &Report) -> String {
    let line =
        |region: &RegionReport| format!("{}\t{}\t{}\n", region.region, region.state().key(), region.findings.len());
    report.regions.iter().map(line).collect()
}

fn one_region(out: &mut String, region: &RegionReport, style: Style) {
    let head = format!("{}  account {}  {}", region.region, region.account, region.spec);
    let _ = writeln!(out, "{}\n", style.bold(&head));
    if let Some(failed) = &region.failed {
        let _ = writeln!(out, "{} {} [{}]", style.symbol('✗'), failed.message, failed.code);
        for help in &failed.help {
            let _ = writeln!(out, "    {help}");
        }
        out.push('\n');
        return;
    }
    for (drift, findings) in by_drift(region) {
        title(out, drift.title(&region.attribution), findings.len(), style);
        for finding in findings {
            one_finding(out, finding, style);
        }
        out.push('\n');
    }
    waiting(out, region, style);
    section(out, "In progress", &region.in_progress, style, |in_progress| {
        format!("… {}  {}", in_progress.address, in_progress.what)
    });
    section(out, "Accepted", &region.accepted, style, |it| {
        let what = it.finding.fields.iter().map(|field| describe(field, it.finding.drift));
        let what = what.collect::<Vec<_>>().join("; ");
        let what = if it.finding.absent { "it does not exist".to_owned() } else { what };
        format!("≈ {}  {what}\n      {}", it.finding.address, accepted(&it.acceptance))
    });
    section(out, "Fixed since the last report", &region.resolved, style, |it| format!("✓ {}", it.address));
    unmanaged(out, region, style);
    let mut notes: Vec<String> = region.notes.iter().map(|note| format!("{}: {}", note.about, note.what)).collect();
    if let Attribution::No(why) = &region.attribution
        && !region.findings.is_empty()
    {
        notes.push(why.clone());
    }
    section(out, "Notes (informational)", &notes, style, |note| format!("i {note}"));
    section(out, "Not read: this report is incomplete", &region.gaps, style, |gap| {
        let id = gap.failure.request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default();
        format!("✗ {}  {}{id}", gap.address, gap.failure)
    });
    if let Some(command) = super::apply_command(region) {
        let _ = writeln!(out, "Fix: {command}   (one resource: --target KIND/NAME)");
        match region.accepted.len() {
            0 => {}
            1 => out.push_str("     It also reverts the accepted drift.\n"),
            several => {
                let _ = writeln!(out, "     It also reverts the {several} accepted findings.");
            }
        }
        out.push('\n');
    }
}

fn title(out: &mut String, title: &str, count: usize, style: Style) {
    let _ = writeln!(out, "{}  {}", style.bold(title), style.dim(&count.to_string()));
}

fn section<T>(out: &mut String, heading: &str, items: &[T], style: Style, line: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    title(out, heading, items.len(), style);
    for item in items {
        let line = line(item);
        let (symbol, rest) = line.split_at(line.chars().next().map_or(0, char::len_utf8));
        let _ =
            writeln!(out, "  {}{rest}", symbol.chars().next().map(|symbol| style.symbol(symbol)).unwrap_or_default());
    }
    out.push('\n');
}

fn one_finding(out: &mut String, finding: &Finding, style: Style) {
    let color = match finding.severity {
        Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low => AnsiColor::White,
    };
    let word = style.paint(color, &format!("{:<6}", finding.severity.word()));
    let since = since(finding).map(|since| style.dim(&format!("  {since}"))).unwrap_or_default();
    let _ = writeln!(out, "  {word}  {}  {}{since}", style.bold(&finding.address.to_string()), finding.why);
    let mut lines: Vec<String> = Vec::new();
    if finding.drift == Drift::Unwaived {
        lines.push(format!("if intended, {}", finding.fix));
    } else if finding.absent {
        let entry = finding.entry.as_ref().map(|entry| format!(", entry '{entry}'")).unwrap_or_default();
        lines.push(format!("specified at {}{entry}", finding.at));
    } else {
        for field in &finding.fields {
            lines.push(describe(field, finding.drift));
            if field.change.is_document() {
                lines.extend(document_lines(field, style));
            }
        }
    }
    if let Some(source) = &finding.follows {
        lines.push(format!("copies {source}"));
    }
    lines.extend(finding.blocked.iter().map(|why| format!("✗ {why}")));
    lines.extend(newest_event(finding));
    lines.extend(finding.expired.iter().map(expired));
    for line in lines {
        let _ = writeln!(out, "            {line}");
    }
}

fn document_lines(field: &crate::report::Field, style: Style) -> Vec<String> {
    document::diff(field.change.before.as_ref(), field.change.after.as_ref())
        .into_iter()
        .map(|(tag, line)| {
            let line = resolved(&line);
            match tag {
                '+' => style.paint(AnsiColor::Green, &format!("  spec  {line}")),
                '-' => style.paint(AnsiColor::Red, &format!("  live  {line}")),
                _ => style.dim(&format!("        {line}")),
            }
        })
        .collect()
}

fn waiting(out: &mut String, region: &RegionReport, style: Style) {
    if !region.waiting.is_empty() {
        title(out, "Waiting for a person", region.waiting.len(), style);
        waiting_for(out, &region.waiting, style);
    }
}

fn unmanaged(out: &mut String, region: &RegionReport, style: Style) {
    let Some(unmanaged) = &region.unmanaged else { return };
    let mut by_kind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for address in &unmanaged.resources {
        by_kind.entry(&address.kind).or_default().push(&address.name);
    }
    title(out, "Not in any spec", unmanaged.resources.len(), style);
    for (kind, names) in by_kind {
        let _ = writeln!(out, "  {kind}  {}", style.dim(&names.len().to_string()));
        for name in names {
            let _ = writeln!(out, "      {name}");
        }
    }
    let ignored = unmanaged.ignored.len();
    let line = format!("{} found in all, {} ignored by the spec", unmanaged.listed, ignored);
    let _ = writeln!(out, "  {}\n", style.dim(&line));
}
