// SPDX-License-Identifier: Apache-2.0
//! Adds an entry to the text of a spec file, and changes no other character.

/// The reason why a file was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unedited {
    /// The section is a flow mapping (`accept: {…}`), to which no line can be added.
    Inline,
}

/// Inserts an entry as the first of a root section. A missing section is added at the end of the file.
///
/// The lines of `entry` are indented by two spaces; they are indented again to match the file.
///
/// # Errors
/// The section is not a block mapping.
pub fn add_entry(text: &str, section: &str, entry: &str) -> Result<String, Unedited> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let entry = |indent: &str| -> String {
        let line = |line: &str| format!("{indent}{}{newline}", line.strip_prefix("  ").unwrap_or(line));
        entry.lines().map(line).collect()
    };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if let Some(rest) = line.strip_prefix(section).and_then(|rest| rest.strip_prefix(':')) {
            let rest = rest.split(" #").next().unwrap_or_default().trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(Unedited::Inline);
            }
            let indent = indent_of_first(&text[end..]).unwrap_or("  ");
            let gap = if line.ends_with('\n') { "" } else { newline };
            return Ok(format!("{}{gap}{}{}", &text[..end], entry(indent), &text[end..]));
        }
        at = end;
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    Ok(format!("{text}{gap}{newline}{section}:{newline}{}", entry("  ")))
}

/// Returns the indentation of the first entry below a key; comments are skipped.
fn indent_of_first(below: &str) -> Option<&str> {
    let first = below.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    let indent = &first[..first.len() - first.trim_start_matches(' ').len()];
    (!indent.is_empty()).then_some(indent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "  sns.topic/a:\n    reason: r\n";

    #[test]
    fn a_missing_section_is_added_at_the_end_and_nothing_else_changes() {
        let text = "region: x # with a word\n";
        let edited = add_entry(text, "accept", ENTRY).unwrap();
        assert_eq!(edited, "region: x # with a word\n\naccept:\n  sns.topic/a:\n    reason: r\n");
        assert_eq!(add_entry("a: 1", "accept", ENTRY).unwrap(), "a: 1\n\naccept:\n  sns.topic/a:\n    reason: r\n");
    }

    #[test]
    fn an_entry_is_inserted_first_with_the_indentation_and_line_ends_of_the_file() {
        let text = "accept: # known\n    # why\n    b: {}\nregion: x\n";
        let edited = add_entry(text, "accept", ENTRY).unwrap();
        assert_eq!(edited, "accept: # known\n    sns.topic/a:\n      reason: r\n    # why\n    b: {}\nregion: x\n");
        let edited = add_entry("region: x\r\n", "accept", ENTRY).unwrap();
        assert_eq!(edited, "region: x\r\n\r\naccept:\r\n  sns.topic/a:\r\n    reason: r\r\n");
    }

    #[test]
    fn a_flow_mapping_is_not_edited() {
        assert_eq!(add_entry("accept: {}\n", "accept", ENTRY), Err(Unedited::Inline));
    }
}
