//! Name patterns: `*` stands for any characters, everything else for itself.

/// Says whether a name in a spec is a pattern.
pub fn is_pattern(name: &str) -> bool {
    name.contains('*')
}

/// Says whether a pattern matches the whole of a name.
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

/// How much a pattern says: the number of its literal characters. The most specific pattern wins.
pub fn specificity(pattern: &str) -> usize {
    pattern.chars().filter(|character| *character != '*').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("*", "/aws/lambda/a") && matches("*", ""));
        assert!(matches("/aws/*", "/aws/lambda/a") && !matches("/aws/*", "/ecs/a"));
        assert!(matches("*-prod-*", "a-prod-b") && !matches("*-prod-*", "a-dev-b"));
        assert!(matches("a*b*c", "a-b-b-c") && !matches("a*b*c", "a-c"));
        assert!(matches("exact", "exact") && !matches("exact", "exactly"));
        assert!(!matches("ab*ba", "aba"));
    }
}
