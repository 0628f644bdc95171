// SPDX-License-Identifier: Apache-2.0
//! Dead-letter targets and destinations that do not exist: Lambda then drops failed events without an error.

use std::collections::BTreeMap;

use regionctl_core::kind::Risk;
use regionctl_core::observe::seen::Seen;

use super::model::FunctionModel;
use crate::kinds::targets::{FUNCTION, QUEUE, TOPIC, gone};

/// The rule of a function whose failed or returned events go to a target that does not exist.
pub(super) const DEAD_TARGET: &str = "lambda-dead-target";

/// The kinds that [`defects`] asks for.
pub(super) const LOOKS_UP: [&str; 3] = [TOPIC, QUEUE, FUNCTION];

/// Returns the defects of a function: targets of this account and region that do not exist.
pub(super) fn defects(want: &FunctionModel, seen: &Seen<'_>) -> Vec<Risk> {
    let gone = targets(want).into_iter().filter_map(|(path, arn)| {
        let target = gone(arn, &LOOKS_UP, seen)?;
        Some(Risk::new(DEAD_TARGET, path, format!("events are lost: {target} does not exist")))
    });
    gone.collect()
}

/// Returns the ARNs of the stated targets by their paths.
fn targets(want: &FunctionModel) -> BTreeMap<String, &str> {
    let mut settings = vec![("dead_letter".to_owned(), &want.config.dead_letter)];
    if let Some(events) = want.parts.async_config.value() {
        settings.push(("async_config.on_success".to_owned(), &events.on_success));
        settings.push(("async_config.on_failure".to_owned(), &events.on_failure));
    }
    for (arn, source) in want.parts.event_sources.value().into_iter().flatten() {
        settings.extend(source.value().map(|source| (format!("event_sources.{arn}.on_failure"), &source.on_failure)));
    }
    settings.into_iter().filter_map(|(path, setting)| Some((path, setting.value()?.as_str()))).collect()
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
    fn targets_of_this_region_that_do_not_exist_are_named() {
        let want: FunctionModel = serde_json::from_value(json!({
            "code": "External",
            "dead_letter": "arn:aws:sns:eu-central-1:1:gone",
            "async_config": {
                "on_failure": "arn:aws:lambda:eu-central-1:1:function:f:live",
                "on_success": "arn:aws:sqs:eu-central-1:1:q",
            },
        }))
        .unwrap();
        let (location, desired) = (Location::of("1", "eu-central-1"), BTreeSet::new());
        let mut snapshot = Snapshot::default();
        for (kind, name) in [(TOPIC, "gone"), (FUNCTION, "f")] {
            let mut scope = Scope::of(location.clone());
            scope.ask(name, Depth::existence());
            snapshot.add(kind, &scope, Ok(Observation::default()));
        }
        let seen = Seen::new(&snapshot, &location, &[], &desired);
        let found: Vec<String> = defects(&want, &seen).into_iter().map(|risk| risk.what).collect();
        assert_eq!(
            found,
            ["events are lost: the function f does not exist", "events are lost: the topic gone does not exist"]
        );
    }
}
