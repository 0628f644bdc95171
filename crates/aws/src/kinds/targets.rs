// SPDX-License-Identifier: Apache-2.0
//! Targets that other resources name by ARN: alarm actions, destinations, dead-letter targets. AWS does not report that
//! one was deleted; what is sent to it is lost.

use regionctl_core::observe::seen::{Lookup, Seen};

/// The service of the ARNs, the start of their resource, the kind, and the word for it.
const TARGETS: [(&str, &str, &str, &str); 3] = [
    ("sns", "", "sns.topic", "topic"),
    ("sqs", "", "sqs.queue", "queue"),
    ("lambda", "function:", "lambda.function", "function"),
];

pub(super) const TOPIC: &str = TARGETS[0].2;
pub(super) const QUEUE: &str = TARGETS[1].2;
pub(super) const FUNCTION: &str = TARGETS[2].2;

/// Returns the target of an ARN if it does not exist: `the topic alarms`. Returns `None` if it exists, if it could not be
/// read, and if it is of a kind that is not in `kinds`, or of another account or region.
pub(super) fn gone(arn: &str, kinds: &[&str], seen: &Seen<'_>) -> Option<String> {
    let asked = TARGETS.iter().filter(|(_, _, kind, _)| kinds.contains(kind));
    let (kind, word, name) = asked.into_iter().find_map(|(service, start, kind, word)| {
        // A function's ARN may end with a version or an alias.
        let name = arn.strip_prefix(&seen.location().arn(service, start))?.split(':').next()?;
        Some((kind, word, name))
    })?;
    (seen.here(kind, name) == Lookup::Absent).then(|| format!("the {word} {name}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regionctl_core::observe::location::Location;
    use regionctl_core::observe::scope::{Depth, Observation, Scope};
    use regionctl_core::observe::snapshot::Snapshot;

    use super::*;

    #[test]
    fn only_targets_of_this_account_and_region_can_be_gone() {
        let (location, desired) = (Location::of("1", "eu-central-1"), BTreeSet::new());
        let mut snapshot = Snapshot::default();
        let kinds = [TOPIC, QUEUE, FUNCTION];
        for kind in kinds {
            let mut scope = Scope::of(location.clone());
            scope.ask("x", Depth::existence());
            snapshot.add(kind, &scope, Ok(Observation::default()));
        }
        let seen = Seen::new(&snapshot, &location, &[], &desired);
        let gone = |arn: &str| super::gone(arn, &kinds, &seen);
        assert_eq!(gone("arn:aws:sns:eu-central-1:1:x").as_deref(), Some("the topic x"));
        assert_eq!(gone("arn:aws:sqs:eu-central-1:1:x").as_deref(), Some("the queue x"));
        assert_eq!(gone("arn:aws:lambda:eu-central-1:1:function:x:live").as_deref(), Some("the function x"));
        for other in [
            "arn:aws:sqs:eu-central-1:1:unread",
            "arn:aws:sqs:eu-west-1:1:x",
            "arn:aws:sqs:eu-central-1:2:x",
            "arn:aws:kinesis:eu-central-1:1:stream/x",
            "arn:aws:lambda:eu-central-1:1:layer:x",
        ] {
            assert_eq!(gone(other), None, "{other}");
        }
        assert_eq!(super::gone("arn:aws:sns:eu-central-1:1:x", &[QUEUE], &seen), None, "topics are not asked for");
    }
}
