// SPDX-License-Identifier: Apache-2.0
//! Event source mappings of a function: queues and streams from which Lambda invokes it. They are identified by the
//! ARN of the source.

use std::collections::BTreeSet;

use regionctl_core::diff::{Covers, Diff};
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FunctionOp;
use super::words::{StartingPosition, SystemLevel};

/// Defines the settings of a mapping and what applies to each of them, so that none is forgotten.
macro_rules! event_source {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// How Lambda reads from a queue or stream (`EventSourceMappingConfiguration`). A field that is left out is not
        /// managed; AWS's default applies on creation.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(rename = "LambdaEventSource")]
        pub struct EventSource {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Setting::is_unstated")]
                pub(super) $field: Setting<$type>,
            )*
        }

        impl EventSource {
            /// Returns the differences, and the settings that differ.
            pub(super) fn differing(
                &self,
                path: &str,
                live: &Self,
                out: &mut Diff<'_, FunctionOp>,
            ) -> (Covers, Self) {
                let (mut covers, mut differing) = (Covers::default(), Self::default());
                $(
                    let at = format!("{path}.{}", stringify!($field));
                    let found = out.setting(&at, &self.$field, Some(&live.$field));
                    if !found.is_empty() {
                        differing.$field = self.$field.clone();
                        covers = covers.and(found);
                    }
                )*
                (covers, differing)
            }

            /// Returns the mapping with its set members only.
            pub(super) fn set_members(&self) -> Self {
                Self { $($field: Setting::stated(self.$field.get()),)* }
            }
        }
    };
}

event_source! {
    /// Whether Lambda reads from the source. AWS's default is true.
    enabled: bool,
    /// Alias or version that is invoked. `unset` invokes the function itself.
    alias: String,
    /// Largest number of records in an invocation: 1 to 10,000.
    batch_size: i32,
    /// Seconds for which Lambda gathers records: 0 to 300. `unset` is 0.
    batching_window_seconds: i32,
    /// Batches of a shard that are processed at the same time: 1 to 10. `unset` is 1. For streams only.
    parallelization_factor: i32,
    /// Where Lambda starts to read a stream. It is set at creation.
    starting_position: StartingPosition,
    /// Names of the topics of a Kafka cluster. They are set at creation.
    topics: BTreeSet<String>,
    /// Names of the queues of a broker. They are set at creation.
    queues: BTreeSet<String>,
    /// Filter patterns in JSON; a record must match one of them. `unset` removes them.
    filters: BTreeSet<String>,
    /// Largest number of concurrent invocations of a queue: 2 to 1,000. `unset` removes it.
    max_concurrency: i32,
    /// Age in seconds after which a record is discarded: 60 to 604,800. `unset`: never. For streams only.
    max_record_age_seconds: i32,
    /// Retries before a record is discarded: 0 to 10,000. `unset`: until it expires. For streams only.
    max_retries: i32,
    /// Whether a batch that fails is split in two. `unset` is false. For streams only.
    bisect_on_error: bool,
    /// Seconds of a tumbling window: 0 to 900. `unset` is 0. For streams only.
    tumbling_window_seconds: i32,
    /// Whether the function returns the items of a batch that failed. `unset` is false.
    report_item_failures: bool,
    /// ARN of the queue, topic or bucket for discarded batches. `unset` removes it.
    on_failure: String,
    /// ARN of the KMS key that encrypts the filters. `unset` uses AWS's own key.
    kms_key: String,
    /// CloudWatch metrics of the mapping, such as EventCount. `unset` removes them.
    metrics: BTreeSet<String>,
    /// Lowest level of the logs of the mapping. `unset` is AWS's default.
    log_level: SystemLevel,
    /// Smallest number of event pollers. `unset` leaves it to AWS.
    min_pollers: i32,
    /// Largest number of event pollers. `unset` leaves it to AWS.
    max_pollers: i32,
}

/// A default is the same as no value.
fn without<T: PartialEq>(setting: Setting<T>, default: &T) -> Setting<T> {
    match setting {
        Setting::Set(value) if value == *default => Setting::Unset,
        other => other,
    }
}

impl EventSource {
    /// Returns the mapping in one form: a default of AWS is unset, and filters are compact JSON.
    #[must_use]
    pub(super) fn canonical(self) -> Self {
        let compact =
            |text: String| serde_json::from_str::<serde_json::Value>(&text).map_or(text, |pattern| pattern.to_string());
        let none = BTreeSet::new();
        Self {
            alias: without(without(self.alias, &String::new()), &"$LATEST".to_owned()),
            batching_window_seconds: without(self.batching_window_seconds, &0),
            parallelization_factor: without(self.parallelization_factor, &1),
            topics: without(self.topics, &none),
            queues: without(self.queues, &none),
            filters: without(self.filters.map(|filters| filters.into_iter().map(compact).collect()), &none),
            max_record_age_seconds: without(self.max_record_age_seconds, &-1),
            max_retries: without(self.max_retries, &-1),
            bisect_on_error: without(self.bisect_on_error, &false),
            tumbling_window_seconds: without(self.tumbling_window_seconds, &0),
            report_item_failures: without(self.report_item_failures, &false),
            on_failure: without(self.on_failure, &String::new()),
            kms_key: without(self.kms_key, &String::new()),
            metrics: without(self.metrics, &none),
            ..self
        }
    }

    /// Returns this mapping with the members that Lambda replaces together with one that differs.
    #[must_use]
    pub(super) fn with_pollers(self, whole: &Self, live: &Self) -> Self {
        if self.min_pollers.is_unstated() && self.max_pollers.is_unstated() {
            return self;
        }
        let (min_pollers, max_pollers) =
            (whole.min_pollers.or(live.min_pollers), whole.max_pollers.or(live.max_pollers));
        Self { min_pollers, max_pollers, ..self }
    }
}
