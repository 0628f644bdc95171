// SPDX-License-Identifier: Apache-2.0
//! Text for terminals and logs that cannot show UTF-8.

/// Replaces the symbols that regionctl prints by ASCII characters, and escapes every other character beyond ASCII as
/// `\u{…}`, so that names in AWS stay distinguishable.
pub fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            _ if character.is_ascii() => plain.push(character),
            '…' => plain.push_str("..."),
            '→' => plain.push_str("->"),
            '✓' => plain.push_str("ok"),
            '✗' | '×' => plain.push('x'),
            '·' => plain.push('.'),
            '—' | '–' => plain.push('-'),
            '≈' => plain.push('~'),
            '∅' => plain.push('0'),
            '↻' => plain.push('*'),
            '⛔' => plain.push('!'),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            other => plain.extend(other.escape_unicode()),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::ascii;

    #[test]
    fn symbols_become_ascii_and_names_are_escaped() {
        assert_eq!(ascii("✓ 1 → 2 … 'Büro'"), "ok 1 -> 2 ... 'B\\u{fc}ro'");
        assert!(ascii("✗·≈∅↻⛔×≤≥—").is_ascii());
    }
}
