// SPDX-License-Identifier: Apache-2.0
//! Renders two JSON documents as one inline diff.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// A line of a diff: `+`, `-` or a space, and the text.
pub type Line = (char, String);

/// Returns the diff of the pretty-printed documents with three lines of context.
pub fn diff(before: Option<&Value>, after: Option<&Value>) -> Vec<Line> {
    let pretty = |value: Option<&Value>| {
        value.map(|value| serde_json::to_string_pretty(value).expect("invariant: JSON prints")).unwrap_or_default()
    };
    let (before, after) = (pretty(before), pretty(after));
    let diff = TextDiff::from_lines(&before, &after);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(3).iter().enumerate() {
        if index > 0 {
            lines.push((' ', "…".to_owned()));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push((mark, change.value().trim_end_matches('\n').to_owned()));
        }
    }
    lines
}
