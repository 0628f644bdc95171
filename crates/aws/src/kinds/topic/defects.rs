// SPDX-License-Identifier: Apache-2.0
//! Topics whose messages are lost: nobody receives them, or a queue or function that shall receive them does not exist.
//! SNS does not check dead-letter queues (<https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html>), and
//! does not delete the subscription of a queue or function that is deleted.

use regionctl_core::diff::Keyed;
use regionctl_core::kind::Risk;
use regionctl_core::observe::seen::Seen;

use super::model::TopicModel;
use crate::kinds::targets::{FUNCTION, QUEUE, gone};

/// The rule of a topic whose messages nobody receives.
pub(super) const NO_SUBSCRIBER: &str = "sns-no-subscriber";

/// The rule of a subscription whose endpoint or dead-letter queue does not exist.
pub(super) const DEAD_TARGET: &str = "sns-dead-target";

/// The kinds that [`defects`] asks for.
pub(super) const LOOKS_UP: [&str; 2] = [QUEUE, FUNCTION];

/// Returns the defects of a topic.
pub(super) fn defects(want: &TopicModel, live: Option<&TopicModel>, seen: &Seen<'_>) -> Vec<Risk> {
    let endpoints = want.subscriptions.value().into_iter().flatten().filter(|subscription| !subscription.absent);
    let endpoints = endpoints.filter_map(|subscription| {
        let target = gone(&subscription.endpoint, &LOOKS_UP, seen)?;
        let what = format!("the subscription delivers nothing: {target} does not exist");
        Some(Risk::new(DEAD_TARGET, format!("subscriptions.{}", subscription.key()), what))
    });
    let dead_letters = want.subscription_settings.iter().filter_map(|settings| {
        let target = gone(settings.dead_letter.value()?, &LOOKS_UP, seen)?;
        let what = format!("messages that cannot be delivered are lost: {target} does not exist");
        Some(Risk::new(DEAD_TARGET, format!("subscriptions.{}", settings.key()), what))
    });
    no_subscriber(want, live).into_iter().chain(endpoints).chain(dead_letters).collect()
}

/// Returns the defect of a topic without a confirmed subscription. A subscription that the spec states is missing, or a
/// manual step names it, so that it is no defect too.
fn no_subscriber(want: &TopicModel, live: Option<&TopicModel>) -> Option<Risk> {
    let stated = want.subscriptions.value().map_or(&[][..], Vec::as_slice);
    let nobody = live.and_then(|live| live.confirmed) == Some(0);
    if !nobody || stated.iter().any(|subscription| !subscription.absent) {
        return None;
    }
    let what = "nobody receives its messages: no subscription is confirmed";
    Some(Risk::new(NO_SUBSCRIBER, "subscriptions", what))
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
    fn queues_that_do_not_exist_are_named() {
        let (endpoint, dead_letter) = ("arn:aws:sqs:eu-central-1:1:q", "arn:aws:sqs:eu-central-1:1:failed");
        let want: TopicModel = serde_json::from_value(json!({
            "subscriptions": [{"protocol": "sqs", "endpoint": endpoint}],
            "subscription_settings": [{"protocol": "sqs", "endpoint": endpoint, "dead_letter": dead_letter}],
        }))
        .unwrap();
        let (location, desired) = (Location::of("1", "eu-central-1"), BTreeSet::new());
        let mut scope = Scope::of(location.clone());
        scope.ask("q", Depth::existence());
        scope.ask("failed", Depth::existence());
        let mut snapshot = Snapshot::default();
        snapshot.add(QUEUE, &scope, Ok(Observation::default()));
        let found = defects(&want, None, &Seen::new(&snapshot, &location, &[], &desired));
        let found: Vec<&str> = found.iter().map(|defect| defect.what.as_str()).collect();
        assert_eq!(
            found,
            [
                "the subscription delivers nothing: the queue q does not exist",
                "messages that cannot be delivered are lost: the queue failed does not exist",
            ]
        );
    }
}
