// SPDX-License-Identifier: Apache-2.0
//! What keeps a subscription filter from working: a function that no longer exists. CloudWatch Logs drops its events
//! without an error.

use regionctl_core::kind::Risk;
use regionctl_core::observe::seen::Seen;

use super::filter_check::set;
use super::model::LogGroupModel;
use crate::kinds::targets::{FUNCTION, gone};

/// The rule of a subscription filter whose destination is a function that does not exist.
pub(super) const DEAD_DESTINATION: &str = "logs-dead-destination";

/// The kinds that [`defects`] asks for.
pub(super) const LOOKS_UP: [&str; 1] = [FUNCTION];

/// Returns the defects of a log group: destinations of this account and region that do not exist.
pub(super) fn defects(want: &LogGroupModel, seen: &Seen<'_>) -> Vec<Risk> {
    let gone = set(&want.subscription_filters).filter_map(|(name, filter)| {
        let target = gone(&filter.destination, &LOOKS_UP, seen)?;
        let what = format!("the subscription filter {name} delivers nothing: {target} does not exist");
        Some(Risk::new(DEAD_DESTINATION, format!("subscription_filters.{name}.destination"), what))
    });
    gone.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regionctl_core::observe::location::Location;
    use regionctl_core::observe::scope::{Depth, Observation, Scope};
    use regionctl_core::observe::snapshot::Snapshot;
    use regionctl_core::resource::setting::Setting;

    use super::super::filters::{Filters, SubscriptionFilter};
    use super::*;

    #[test]
    fn a_subscription_filter_without_its_function_is_dead() {
        let to = |destination: &str| {
            let destination = destination.to_owned();
            Setting::Set(SubscriptionFilter { destination, ..SubscriptionFilter::default() })
        };
        let filters = Filters::from([
            ("gone".to_owned(), to("arn:aws:lambda:eu-central-1:1:function:f:live")),
            ("elsewhere".to_owned(), to("arn:aws:lambda:eu-central-1:2:function:f")),
            ("stream".to_owned(), to("arn:aws:kinesis:eu-central-1:1:stream/s")),
        ]);
        let want = LogGroupModel { subscription_filters: Setting::Set(filters), ..LogGroupModel::default() };
        let (location, desired) = (Location::of("1", "eu-central-1"), BTreeSet::new());
        let mut scope = Scope::of(location.clone());
        scope.ask("f", Depth::existence());
        let mut snapshot = Snapshot::default();
        snapshot.add(FUNCTION, &scope, Ok(Observation::default()));
        let seen = Seen::new(&snapshot, &location, &[], &desired);
        let found = defects(&want, &seen);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "the subscription filter gone delivers nothing: the function f does not exist");
        assert_eq!(seen.into_asked().len(), 1);
    }
}
