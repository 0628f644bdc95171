// SPDX-License-Identifier: Apache-2.0
//! Comparing engine versions. RDS upgrades minor versions itself, so only the stated part is compared
//! (`AutoMinorVersionUpgrade`, <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>).

use regionctl_core::diff::{Covers, Diff};

use super::{ClusterModel, ClusterOp};

/// Compares the stated version. A change of the major version and an older version are blocked.
pub fn compare(want: Option<&str>, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) -> Covers {
    let Some(want) = want else { return Covers::default() };
    let live_version = live.and_then(|live| live.engine_version.value().map(String::as_str));
    let upgrades = live.is_some_and(|live| live.live.moves);
    if live_version.is_some_and(|version| matches(want, version, upgrades)) {
        return Covers::default();
    }
    let covers = out.value("engine_version", want, live_version);
    if live_version.is_some_and(|version| major(version) != major(want)) {
        out.blocked(
            &covers,
            "regionctl does not change the major version: take a snapshot, upgrade by hand, then change the spec",
        );
    } else if live_version.is_some_and(|version| numbers(version) > numbers(want)) {
        out.blocked(&covers, "RDS cannot go back to an older version: state the live version, or leave it out");
    }
    covers
}

/// Returns the major version: the first number. Those of Aurora MySQL have two, such as `8.0.mysql_aurora.3.08.0`.
fn major(version: &str) -> &str {
    let of_mysql = version.starts_with("5.7") || version.starts_with("8.");
    version.match_indices('.').nth(usize::from(of_mysql)).map_or(version, |(end, _)| &version[..end])
}

/// Returns whether the live version matches: it starts with the stated one, or it is a newer minor version and RDS
/// upgrades minor versions automatically.
fn matches(want: &str, live: &str, upgrades: bool) -> bool {
    let starts = live == want || live.strip_prefix(want).is_some_and(|rest| rest.starts_with('.'));
    starts || (upgrades && major(want) == major(live) && numbers(live) >= numbers(want))
}

fn numbers(version: &str) -> Vec<u32> {
    version.split(|letter: char| !letter.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_version_matches_the_stated_part_of_a_version() {
        assert!(matches("16", "16.4", false) && matches("16.4", "16.4", false));
        assert!(!matches("16.4", "16.40", false) && !matches("16.4", "16.6", false));
    }

    #[test]
    fn the_major_version_of_aurora_mysql_has_two_numbers() {
        assert_eq!(major("8.0.mysql_aurora.3.08.0"), "8.0");
        assert_eq!(
            (major("8.4"), major("5.7.mysql_aurora.2.11.4"), major("16.4"), major("16")),
            ("8.4", "5.7", "16", "16")
        );
        assert!(matches("8.0", "8.0.mysql_aurora.3.08.0", false));
        assert!(!matches("8.0.mysql_aurora.3.08.0", "8.4.mysql_aurora.4.01.0", true));
    }

    #[test]
    fn an_automatic_minor_version_upgrade_is_not_drift() {
        assert!(matches("16.4", "16.6", true) && matches("16.9", "16.10", true));
        assert!(!matches("16.6", "16.4", true) && !matches("16.4", "17.1", true));
    }
}
