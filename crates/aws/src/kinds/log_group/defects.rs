// SPDX-License-Identifier: Apache-2.0
//! What keeps a subscription filter from working: a function that no longer exists. CloudWatch Logs drops its events
//! without an error.

use regionctl_core::kind::Risk;
use regionctl_core::observe::seen::{Lookup, Seen};

use super::filter_check::set;
use super::model::LogGroupModel;

/// The rule of a subscription filter whose destination is a function that does not exist.
pub(super) const DEAD_DESTINATION: &str = "logs-dead-destination";

const FUNCTION: &str = "lambda.function";

/// The kinds that [`defects`] asks for.
pub(super) const LOOKS_UP: [&str; 1] = [FUNCTION];

/// Returns the defects of a log group: destinations of this account and region that do not exist.
pub(super) fn defects(want: &LogGroupModel, seen: &Seen<'_>) -> Vec<Risk> {
    let functions = seen.location().arn("lambda", "function:");
    let gone = set(&want.subscription_filters).filter_map(|(name, filter)| {
        let function = filter.destination.strip_prefix(&functions)?.split(':').next()?;
        (seen.here(FUNCTION, function) == Lookup::Absent).then(|| {
            let what =
                format!("the subscription filter {name} delivers nothing: the function {function} does not exist");
            Risk::new(DEAD_DESTINATION, format!("subscription_filters.{name}.destination"), what)
        })
    });
    gone.collect()
}
