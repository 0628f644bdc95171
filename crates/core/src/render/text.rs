// SPDX-License-Identifier: Apache-2.0
//! Renders a plan as text: grouped by service, one symbol per change, fields as before → after, one summary line.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style as Ansi};
use serde_json::Value;

use super::document;
use crate::desire::fingerprint::ABSENT;
use crate::diff::{FieldAction, FieldChange, RiskNote, element, resolved, shown};
use crate::observe::provider::{Check, Verdict};
use crate::plan::{Action, Change, GateKind, Plan, Unwaived, WaitingOn};
use crate::resource::address::Address;

/// The options of text output.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether to use ANSI colors. The symbols carry the meaning without them.
    pub color: bool,
    /// The width of the terminal in columns. Longer before → after pairs are split over two lines.
    pub width: usize,
}

impl Style {
    pub(super) fn paint(self, color: AnsiColor, text: &str) -> String {
        self.ansi(color.on_default(), text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.ansi(Ansi::new().bold(), text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.ansi(Ansi::new().dimmed(), text)
    }

    fn ansi(self, style: Ansi, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(super) fn symbol(self, symbol: char) -> String {
        let color = match symbol {
            '+' | '✓' => AnsiColor::Green,
            '-' | '✗' => AnsiColor::Red,
            '?' => AnsiColor::Cyan,
            _ => AnsiColor::Yellow,
        };
        self.paint(color, &symbol.to_string())
    }
}

/// Renders a plan. The last line is the summary.
pub fn text(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    if !plan.is_empty() {
        let head = format!("{}  account {}  {}", plan.region, plan.account, plan.spec);
        let _ = writeln!(out, "{}\n", style.bold(&head));
    }
    let mut services: Vec<&str> = plan.changes.iter().map(|change| change.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    for service in services {
        let changes: Vec<&Change> = plan.changes.iter().filter(|change| change.service == service).collect();
        let _ = writeln!(out, "{}  {}", style.bold(service), style.dim(&counted(changes.len(), "change")));
        for change in changes {
            render_change(&mut out, change, style);
        }
        out.push('\n');
    }
    notes(&mut out, plan, style);
    in_progress(&mut out, plan, style);
    waiting(&mut out, plan, style);
    unwaived(&mut out, plan, style);
    gaps(&mut out, plan, style);
    gates(&mut out, plan, style);
    out.push_str(&summary(plan, style));
    out
}

fn render_change(out: &mut String, change: &Change, style: Style) {
    let symbol = match change.action {
        Action::Create => '+',
        Action::Update => '~',
        Action::Replace => '↻',
        Action::Delete => '-',
        Action::Blocked => '✗',
    };
    let origin = match (&change.entry, &change.follows) {
        (None, None) => None,
        (Some(entry), None) => Some(format!("  from '{entry}' in {}", change.at)),
        (_, Some(source)) => {
            let gone = if source.fingerprint == ABSENT { ", which no longer exists" } else { "" };
            Some(format!("  copies {}/{}{gone}", source.region, source.name))
        }
    };
    let origin = origin.map(|origin| style.dim(&origin));
    let address = style.bold(&change.address.to_string());
    let _ = writeln!(out, "  {} {address}{}", style.symbol(symbol), origin.unwrap_or_default());
    if change.adopts {
        let _ = writeln!(out, "      {}", style.dim("= adopted: it does not have the tag regionctl:spec"));
    }
    // The fields of a deleted resource add nothing.
    for field in change.fields.iter().filter(|_| change.action != Action::Delete) {
        render_field(out, field, change.action == Action::Create, style);
    }
    if change.action == Action::Create {
        for (name, value) in change.attributes.iter().filter(|(_, value)| value.as_ref() != Some(&change.address.name))
        {
            let value = value.clone().unwrap_or_else(|| "(known after apply)".to_owned());
            let _ = writeln!(out, "      {}", style.dim(&format!("= {name}: {value}")));
        }
    }
    for why in change.replaced.iter().chain(&change.deletes) {
        let _ = writeln!(out, "      {} {why}", style.symbol(symbol));
    }
    for risk in &change.risks {
        let _ = writeln!(out, "      {} {}", style.paint(AnsiColor::Magenta, "!"), risk_text(risk));
    }
    for waiting in &change.waiting {
        let _ = writeln!(out, "      {} {}", style.symbol('?'), waiting.what);
    }
    for why in &change.blocked {
        let _ = writeln!(out, "      {} {why}", style.symbol('✗'));
    }
}

fn risk_text(risk: &RiskNote) -> String {
    match &risk.waiver {
        Some(waiver) => format!("{}: waiver '{}' in {}", risk.what, waiver.reason, waiver.at),
        None => format!("{}, without a waiver", risk.what),
    }
}

fn render_field(out: &mut String, field: &FieldChange, is_new_resource: bool, style: Style) {
    let symbol = match field.action {
        FieldAction::Add => '+',
        FieldAction::Change => '~',
        FieldAction::Remove => '-',
    };
    let mark = if is_new_resource { " ".to_owned() } else { style.symbol(symbol) };
    let note = field.note.as_ref().map(|note| style.dim(&format!("  ({note})"))).unwrap_or_default();
    if field.is_document() {
        let _ = writeln!(out, "      {mark} {}:{note}", field.path);
        for (tag, line) in document::diff(field.before.as_ref(), field.after.as_ref()) {
            let line = resolved(&line);
            let line = match tag {
                '+' if is_new_resource => format!("  {line}"),
                '+' => style.paint(AnsiColor::Green, &format!("+ {line}")),
                '-' => style.paint(AnsiColor::Red, &format!("- {line}")),
                _ => style.dim(&format!("  {line}")),
            };
            let _ = writeln!(out, "          {line}");
        }
        return;
    }
    let (path, display): (String, fn(&Value) -> String) = match element(&field.path) {
        Some(path) => (path, quoted),
        None => (field.path.clone(), shown),
    };
    let (before, after) = (field.before.as_ref().map(display), field.after.as_ref().map(display));
    let value = match (before, after) {
        (Some(before), Some(after)) => {
            let short = 9 + path.chars().count() + 2 + before.chars().count() + 3 + after.chars().count();
            if short <= style.width {
                format!(": {before} → {after}")
            } else {
                format!(":\n            {before}\n          → {after}")
            }
        }
        (Some(only), None) | (None, Some(only)) if path != field.path => format!("  {only}"),
        (Some(only), None) | (None, Some(only))
            if 9 + path.chars().count() + 2 + only.chars().count() > style.width =>
        {
            format!(":\n            {only}")
        }
        (Some(only), None) | (None, Some(only)) => format!(": {only}"),
        (None, None) => String::new(),
    };
    let _ = writeln!(out, "      {mark} {}{value}{note}", resolved(&path));
}

fn quoted(value: &Value) -> String {
    format!("\"{}\"", shown(value))
}

fn notes(out: &mut String, plan: &Plan, style: Style) {
    if plan.notes.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", style.bold("Notes (informational)"));
    let mut by_about: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for note in &plan.notes {
        by_about.entry(&note.about).or_default().push(&note.what);
    }
    for (about, whats) in by_about {
        let _ = writeln!(out, "  {} {about}", style.dim("i"));
        for what in whats {
            let _ = writeln!(out, "      {what}");
        }
    }
    out.push('\n');
}

fn in_progress(out: &mut String, plan: &Plan, style: Style) {
    if plan.in_progress.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", style.bold("In progress"));
    for in_progress in &plan.in_progress {
        let _ = writeln!(out, "  {} {}  {}", style.symbol('…'), in_progress.address, in_progress.what);
    }
    out.push('\n');
}

fn waiting(out: &mut String, plan: &Plan, style: Style) {
    if !plan.waiting.is_empty() {
        let _ = writeln!(out, "{}", style.bold("Waiting for a person"));
        waiting_for(out, &plan.waiting, style);
    }
}

/// Lists each manual step once, with all resources that wait for it.
pub(super) fn waiting_for(out: &mut String, waiting: &[WaitingOn], style: Style) {
    let mut by_what: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
    for waiting in waiting {
        by_what.entry(&waiting.what).or_default().push(&waiting.address);
    }
    for (what, addresses) in by_what {
        let _ = writeln!(out, "  {} {what}", style.symbol('?'));
        for address in addresses {
            let _ = writeln!(out, "      {address}");
        }
    }
    out.push('\n');
}

/// Lists the risks that both live and the spec contain. They are no gate, because an apply does not change them.
fn unwaived(out: &mut String, plan: &Plan, style: Style) {
    if plan.unwaived.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", style.bold("Risks without a waiver"));
    for Unwaived { address, at, what, .. } in &plan.unwaived {
        let mark = style.paint(AnsiColor::Magenta, "!");
        let _ = writeln!(out, "  {mark} {address}  {what}; if intended, state `waiver:` with a reason at {at}");
    }
    out.push('\n');
}

fn gaps(out: &mut String, plan: &Plan, style: Style) {
    if plan.gaps.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", style.bold("Not read: this plan is incomplete"));
    for gap in &plan.gaps {
        let id = gap.failure.request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default();
        let _ = writeln!(out, "  {} {}  {}{id}", style.symbol('✗'), gap.address, gap.failure);
    }
    out.push('\n');
}

fn gates(out: &mut String, plan: &Plan, style: Style) {
    for gate in &plan.gates {
        let head = match gate.gate {
            GateKind::Large => "Needs --allow-large:",
            GateKind::Destroy => "Needs --allow-destroy:",
            GateKind::Interrupt => "Needs --allow-interrupt:",
            GateKind::Exposure | GateKind::Blocked => "Apply refuses this plan:",
        };
        let _ = writeln!(out, "{} {}", style.paint(AnsiColor::Red, head), gate.what);
        if matches!(gate.gate, GateKind::Exposure | GateKind::Blocked) {
            let _ = writeln!(out, "  {}", gate.fix);
        }
    }
    if !plan.gates.is_empty() {
        out.push('\n');
    }
}

/// Returns a number with its noun: `1 call`, `2 calls`.
pub fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Returns the number of manual steps as a sentence with a leading space. Empty if there are none.
pub fn waiting_for_people(steps: usize) -> String {
    match steps {
        0 => String::new(),
        1 => " 1 manual step waits for a person.".to_owned(),
        several => format!(" {several} manual steps wait for a person."),
    }
}

/// Renders the results of the preflight checks.
pub fn checks(checks: &[Check], style: Style) -> String {
    let mut out = format!("{}\n", style.bold("Preflight"));
    for Check { name, verdict, what } in checks {
        let (symbol, word) = match verdict {
            Verdict::Passed => (style.symbol('✓'), "passed"),
            Verdict::Failed => (style.symbol('✗'), "failed"),
            Verdict::CouldNotCheck => (style.symbol('?'), "could not check"),
        };
        let _ = writeln!(out, "  {symbol} {name}: {word}  {}", style.dim(what));
    }
    out
}

/// Returns the distinct states of the resources in progress: `creating, modifying`.
fn states_in_progress(plan: &Plan) -> String {
    let states: std::collections::BTreeSet<&str> =
        plan.in_progress.iter().map(|in_progress| in_progress.what.as_str()).collect();
    states.into_iter().collect::<Vec<_>>().join(", ")
}

/// Renders the summary line of a plan.
pub fn summary(plan: &Plan, style: Style) -> String {
    let counts = &plan.summary;
    let people = waiting_for_people(counts.waiting);
    if plan.is_empty() && plan.is_complete() {
        if !plan.targets.is_empty() {
            return format!(
                "No changes for the targets. The rest of {} is not part of this plan.{people}\n",
                plan.spec
            );
        }
        if counts.in_progress > 0 {
            let resources = counted(counts.in_progress, "resource");
            return format!("No changes. {resources} in progress: {}.{people}\n", states_in_progress(plan));
        }
        return format!("No changes. {} matches {}.{people}\n", plan.region, plan.spec);
    }
    let blocked = if counts.blocked > 0 { format!(", {} blocked", counts.blocked) } else { String::new() };
    let gaps = match plan.gaps.len() {
        0 => String::new(),
        several => format!(", {several} not read"),
    };
    let more = [(counts.replace, "to replace"), (counts.delete, "to delete"), (counts.in_progress, "in progress")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .fold(String::new(), |text, (count, what)| text + &format!(", {count} {what}"));
    let line = format!(
        "Plan: {} to create, {} to change{more}, {} unchanged{blocked}{gaps}; {}.{people}",
        counts.create,
        counts.update,
        counts.unchanged,
        counted(counts.steps, "call")
    );
    format!("{}\n", style.bold(&line))
}
