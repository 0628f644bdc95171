// SPDX-License-Identifier: Apache-2.0
//! Renders the differences between two snapshots as text.

use std::fmt::Write;

use super::text::{Style, counted};
use crate::diff::shown;
use crate::observe::compare::{Difference, DifferenceKind};

/// Renders the differences, one paragraph per resource, and their number in the last line.
pub fn differences(differences: &[Difference], style: Style) -> String {
    let mut out = String::new();
    for Difference { address, change } in differences {
        let (symbol, what) = match change {
            DifferenceKind::Added => ('+', String::new()),
            DifferenceKind::Removed => ('-', String::new()),
            DifferenceKind::Changed(_) => ('~', String::new()),
            DifferenceKind::Unknown(why) => ('?', format!("  cannot be compared: {why}")),
        };
        let _ = writeln!(out, "{} {}{what}", style.symbol(symbol), style.bold(address));
        let DifferenceKind::Changed(fields) = change else { continue };
        for field in fields {
            let value = |value: &Option<serde_json::Value>| value.as_ref().map_or("(not set)".to_owned(), shown);
            let _ = writeln!(out, "    {}: {} → {}", field.label(), value(&field.before), value(&field.after));
        }
    }
    let unknown = differences.iter().filter(|it| matches!(it.change, DifferenceKind::Unknown(_))).count();
    let _ = match (differences.len() - unknown, unknown) {
        (0, 0) => writeln!(out, "No differences."),
        (0, unknown) => writeln!(out, "No differences in what could be compared; {unknown} not compared."),
        (count, 0) => writeln!(out, "{}.", counted(count, "difference")),
        (count, unknown) => writeln!(out, "{}; {unknown} not compared.", counted(count, "difference")),
    };
    out
}
