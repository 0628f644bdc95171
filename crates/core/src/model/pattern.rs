// SPDX-License-Identifier: Apache-2.0
//! Name patterns: `*` matches any characters, also none; all other characters match themselves.

/// Returns whether a name in a spec is a pattern.
pub fn is_pattern(name: &str) -> bool {
    name.contains('*')
}

/// Returns whether a pattern matches a complete name.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Returns the number of literal characters of a pattern. The pattern with the highest number takes precedence.
pub fn specificity(pattern: &str) -> usize {
    pattern.chars().filter(|character| *character != '*').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_characters() {
        assert!(matches("*", "/aws/lambda/a") && matches("*", ""));
        assert!(matches("/aws/*", "/aws/lambda/a") && !matches("/aws/*", "/ecs/a"));
        assert!(matches("*-prod-*", "a-prod-b") && !matches("*-prod-*", "a-dev-b"));
        assert!(matches("a*b*c", "a-b-b-c") && !matches("a*b*c", "a-c"));
        assert!(matches("exact", "exact") && !matches("exact", "exactly"));
        assert!(!matches("ab*ba", "aba"));
    }
}
