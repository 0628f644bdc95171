// SPDX-License-Identifier: Apache-2.0
//! Destinations of notifications that do not exist. S3 checks them when they are set, and not when one is deleted
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html>).

use regionctl_core::kind::Risk;
use regionctl_core::observe::seen::Seen;

use super::BucketModel;
use crate::kinds::targets::{FUNCTION, QUEUE, TOPIC, gone};

/// The rule of a notification whose destination does not exist.
pub(super) const DEAD_DESTINATION: &str = "s3-dead-destination";

/// The kinds that [`defects`] asks for.
pub(super) const LOOKS_UP: [&str; 3] = [TOPIC, QUEUE, FUNCTION];

/// Returns the defects of a bucket: destinations of this account and region that do not exist.
pub(super) fn defects(want: &BucketModel, seen: &Seen<'_>) -> Vec<Risk> {
    let stated = want.notifications.value().into_iter().flatten();
    let stated = stated.filter_map(|(id, entry)| Some((id, entry.value()?)));
    let gone = stated.flat_map(|(id, entry)| {
        entry.destinations().filter_map(move |(field, _, arn)| {
            let what = format!("events are lost: {} does not exist", gone(arn, &LOOKS_UP, seen)?);
            Some(Risk::new(DEAD_DESTINATION, format!("notifications.{id}.{field}"), what))
        })
    });
    gone.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regionctl_core::observe::location::Location;
    use regionctl_core::observe::scope::{Depth, Observation, Scope};
    use regionctl_core::observe::snapshot::Snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_notification_to_a_queue_that_does_not_exist_is_named() {
        let events = json!(["s3:ObjectCreated:*"]);
        let want: BucketModel = serde_json::from_value(json!({
            "region": "eu-central-1",
            "notifications": {
                "gone": {"queue": "arn:aws:sqs:eu-central-1:1:q", "events": events},
                "elsewhere": {"queue": "arn:aws:sqs:eu-central-1:2:q", "events": events},
                "removed": null,
            },
        }))
        .unwrap();
        let (location, desired) = (Location::of("1", "eu-central-1"), BTreeSet::new());
        let mut scope = Scope::of(location.clone());
        scope.ask("q", Depth::existence());
        let mut snapshot = Snapshot::default();
        snapshot.add(QUEUE, &scope, Ok(Observation::default()));
        let found = defects(&want, &Seen::new(&snapshot, &location, &[], &desired));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "notifications.gone.queue");
        assert_eq!(found[0].what, "events are lost: the queue q does not exist");
    }
}
