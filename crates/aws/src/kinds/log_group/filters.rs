// SPDX-License-Identifier: Apache-2.0
//! The metric filters and subscription filters of a log group. A filter has the same form in a spec and in a model. Each
//! is owned by its name: filters that a spec does not name are kept.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write::unset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Filters by name.
pub(super) type Filters<T> = BTreeMap<String, Setting<T>>;

/// A metric filter, which publishes a metric for matching events. The entry defines the whole filter: PutMetricFilter
/// replaces it, and a field that is left out has AWS's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogsMetricFilter")]
pub struct MetricFilter {
    /// The filter pattern, at most 1,024 characters. Default: all events.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) pattern: String,
    /// The name of the metric.
    pub(super) metric: String,
    /// The namespace of the metric.
    pub(super) namespace: String,
    /// The value to publish for a matching event: a number, or a field of the event such as `$.latency`.
    pub(super) value: String,
    /// The value to publish if no event matches. Excludes `dimensions`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) default_value: Option<f64>,
    /// The fields of the event that are dimensions of the metric, at most three. Each combination of values is a custom
    /// metric with its own charge.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) dimensions: BTreeMap<String, String>,
    /// The unit of the metric, such as Count. Default: None.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    /// Whether the filter applies to the transformed events of a log group with a log transformer. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) apply_on_transformed_logs: bool,
    /// The selection of events by their source, at most 2,000 characters, such as `@aws.region = "us-east-1"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) field_selection_criteria: Option<String>,
    /// The system fields that are further dimensions: `@aws.account`, `@aws.region`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) emit_system_field_dimensions: BTreeSet<String>,
}

/// A subscription filter, which delivers matching events to a destination. The entry defines the whole filter:
/// PutSubscriptionFilter replaces it, and a field that is left out has AWS's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogsSubscriptionFilter")]
pub struct SubscriptionFilter {
    /// The filter pattern, at most 1,024 characters. Default: all events.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) pattern: String,
    /// The ARN of the destination in this region: a Lambda function, a Kinesis data stream, a Firehose stream, or a
    /// destination of CloudWatch Logs, which may be in another account. A Lambda function needs a permission for
    /// logs.amazonaws.com.
    pub(super) destination: String,
    /// The ARN of the role with which CloudWatch Logs writes to the stream. Required for Kinesis and Firehose, excluded
    /// for Lambda.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    /// How the events are distributed over the shards of a Kinesis data stream. Default: `ByLogStream`.
    #[serde(default, skip_serializing_if = "Distribution::is_default")]
    pub(super) distribution: Distribution,
    /// Whether the filter applies to the transformed events of a log group with a log transformer. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) apply_on_transformed_logs: bool,
    /// The selection of events by their source, at most 2,000 characters, such as `@aws.region = "us-east-1"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) field_selection_criteria: Option<String>,
    /// The system fields that the delivered events include: `@aws.account`, `@aws.region`, `@source.log`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) emit_system_fields: BTreeSet<String>,
}

/// How events are distributed over the shards of a Kinesis data stream (`Distribution`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LogsDistribution")]
pub enum Distribution {
    /// The events of a log stream go to one shard.
    #[default]
    ByLogStream,
    /// The events are spread evenly.
    Random,
}

impl Distribution {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_false(value: &bool) -> bool {
    !value
}

impl MetricFilter {
    /// Returns the one form of equal filters: AWS's defaults are left out.
    #[must_use]
    pub(super) fn canonical(self) -> Self {
        Self {
            unit: self.unit.filter(|unit| unit != "None" && !unit.is_empty()),
            field_selection_criteria: not_empty(self.field_selection_criteria),
            ..self
        }
    }

    /// Returns the metric as `NAMESPACE METRIC`.
    pub(super) fn published(&self) -> String {
        format!("{} {}", self.namespace, self.metric)
    }
}

impl SubscriptionFilter {
    /// Returns the one form of equal filters: AWS's defaults are left out.
    #[must_use]
    pub(super) fn canonical(self) -> Self {
        Self { role: not_empty(self.role), field_selection_criteria: not_empty(self.field_selection_criteria), ..self }
    }

    /// Returns the service of the destination as in its ARN: `lambda`, `kinesis`, `firehose` or `logs`. `None` if a
    /// reference does not show it.
    pub(super) fn service(&self) -> Option<&str> {
        match self.destination.strip_prefix("${") {
            Some(reference) => reference.split('.').next().filter(|service| *service == "lambda"),
            None => self.destination.split(':').nth(2),
        }
    }
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Returns the live filters that the spec names. `unset` concerns all of them.
pub(super) fn named_by<T>(want: &Setting<Filters<T>>, live: Setting<Filters<T>>) -> Setting<Filters<T>> {
    match want {
        Setting::Unset => live,
        Setting::Unstated => Setting::Unstated,
        Setting::Set(want) => live.map(|live| live.into_iter().filter(|(name, _)| want.contains_key(name)).collect()),
    }
}

/// Writes filters in spec form.
pub(super) fn write<T: Serialize>(field: &str, filters: &Setting<Filters<T>>, fields: &mut Map<String, Value>) {
    let written = match filters {
        Setting::Unstated => return,
        Setting::Unset => unset(),
        Setting::Set(filters) => {
            let filter = |filter: &Setting<T>| match filter {
                Setting::Set(filter) => serde_json::to_value(filter).expect("invariant: models are plain data"),
                Setting::Unset | Setting::Unstated => unset(),
            };
            filters.iter().map(|(name, it)| (name.clone(), filter(it))).collect()
        }
    };
    fields.insert(field.to_owned(), written);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_of_a_destination_follows_from_its_arn_or_reference() {
        let service = |destination: &str| {
            let filter = SubscriptionFilter { destination: destination.to_owned(), ..SubscriptionFilter::default() };
            filter.service().map(ToOwned::to_owned)
        };
        assert_eq!(service("arn:aws:kinesis:eu-central-1:1:stream/s").as_deref(), Some("kinesis"));
        assert_eq!(service("${lambda.function/ship.arn}").as_deref(), Some("lambda"));
        assert_eq!(service("${other.kind/x.arn}"), None);
    }

    #[test]
    fn explicit_defaults_are_left_out() {
        let filter = MetricFilter { unit: Some("None".to_owned()), ..MetricFilter::default() };
        assert_eq!(filter.canonical(), MetricFilter::default());
        let filter = SubscriptionFilter { role: Some(String::new()), ..SubscriptionFilter::default() };
        assert_eq!(filter.canonical(), SubscriptionFilter::default());
    }
}
