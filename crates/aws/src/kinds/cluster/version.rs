//! Engine versions: compared as far as they are stated, since minor ones move by themselves.

use regionctl_core::diff::{Covers, Diff};

use super::{ClusterModel, ClusterOp};

/// Compares the version that is stated; another major one is refused.
pub fn compare(want: Option<&str>, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) -> Covers {
    let Some(want) = want else { return Covers::default() };
    let there = live.and_then(|live| live.engine_version.value().map(String::as_str));
    let moves = live.is_some_and(|live| live.live.moves);
    if there.is_some_and(|there| is_met(want, there, moves)) {
        return Covers::default();
    }
    let covers = out.value("engine_version", want, there);
    if there.is_some_and(|there| major(there) != major(want)) {
        out.blocked(
            &covers,
            "another major version needs people: upgrade by hand, with a snapshot before it, then change the spec",
        );
    }
    covers
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

/// Says whether a live version is what is stated: it begins with it, or it moved on by itself from there.
fn is_met(want: &str, there: &str, moves: bool) -> bool {
    let begins = there == want || there.strip_prefix(want).is_some_and(|rest| rest.starts_with('.'));
    begins || (moves && major(want) == major(there) && numbers(there) >= numbers(want))
}

fn numbers(version: &str) -> Vec<u32> {
    version.split(|letter: char| !letter.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_as_far_as_it_is_stated() {
        assert!(is_met("16", "16.4", false) && is_met("16.4", "16.4", false));
        assert!(!is_met("16.4", "16.40", false) && !is_met("16.4", "16.6", false));
    }

    #[test]
    fn a_minor_version_that_moved_by_itself_is_no_drift() {
        assert!(is_met("16.4", "16.6", true) && is_met("16.9", "16.10", true));
        assert!(!is_met("16.6", "16.4", true) && !is_met("16.4", "17.1", true));
    }
}
