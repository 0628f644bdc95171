// SPDX-License-Identifier: Apache-2.0
//! Checks the filters of a log group against the limits of CloudWatch Logs
//! (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>).

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::types::StandardUnit;
use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;

use super::filters::{Distribution, Filters, MetricFilter, SubscriptionFilter};

/// The maximum number of metric filters of a log group.
pub(super) const MOST_METRIC_FILTERS: usize = 100;

/// The maximum number of subscription filters of a log group.
pub(super) const MOST_SUBSCRIPTION_FILTERS: usize = 2;

/// Records the faults of the metric filters.
pub(super) fn metric_filters(filters: &Setting<Filters<MetricFilter>>, notes: &mut Notes<'_>) {
    names("metric_filters", filters, MOST_METRIC_FILTERS, notes);
    for (name, filter) in set(filters) {
        let at = |field: &str| format!("metric_filters.{name}.{field}");
        common((&at("pattern"), &filter.pattern), (&at("field_selection_criteria"), filter), notes);
        for (field, text) in [("metric", &filter.metric), ("namespace", &filter.namespace)] {
            if !(1..=255).contains(&text.chars().count()) || text.contains([':', '*', '$']) && !text.contains("${") {
                let message = format!("`{field}` must have 1 to 255 characters and none of : * $");
                notes.fault(&at(field), message, format!("correct `{field}`"));
            }
        }
        if !(1..=100).contains(&filter.value.chars().count()) {
            let help = "write a number, or a field of the event such as $.latency";
            notes.fault(&at("value"), "`value` must have 1 to 100 characters", help);
        }
        let dimensions = filter.dimensions.len() + filter.emit_system_field_dimensions.len();
        if dimensions > 3 {
            notes.fault(&at("dimensions"), "a metric filter can have at most three dimensions", "remove some of them");
        }
        if filter.default_value.is_some() && dimensions > 0 {
            let message = "`default_value` cannot be combined with dimensions";
            notes.fault(&at("default_value"), message, "remove `default_value`, or the dimensions");
        }
        let is_long = |text: &String| !(1..=255).contains(&text.chars().count());
        if let Some((key, _)) = filter.dimensions.iter().find(|(key, value)| is_long(key) || is_long(value)) {
            let message = format!("the name or the value of the dimension '{key}' is empty or too long");
            notes.fault(&at(&format!("dimensions.{key}")), message, "use 1 to 255 characters");
        }
        if filter.unit.as_deref().is_some_and(|unit| !unit.is_empty() && !StandardUnit::values().contains(&unit)) {
            let help = format!("use one of {}", StandardUnit::values().join(", "));
            notes.fault(&at("unit"), "unknown unit", help);
        }
        let fields = (at("emit_system_field_dimensions"), &filter.emit_system_field_dimensions);
        system_fields(fields, &["@aws.account", "@aws.region"], notes);
    }
}

/// Records the faults of the subscription filters of the log group `group`.
pub(super) fn subscription_filters(group: &str, filters: &Setting<Filters<SubscriptionFilter>>, notes: &mut Notes<'_>) {
    names("subscription_filters", filters, MOST_SUBSCRIPTION_FILTERS, notes);
    for (name, filter) in set(filters) {
        let at = |field: &str| format!("subscription_filters.{name}.{field}");
        common((&at("pattern"), &filter.pattern), (&at("field_selection_criteria"), filter), notes);
        destination(group, filter, &at("destination"), notes);
        let has_role = filter.role.as_deref().is_some_and(|role| !role.is_empty());
        match filter.service() {
            Some("lambda") if has_role => {
                let message = "`role` cannot be combined with a Lambda function";
                notes.fault(&at("role"), message, "remove `role`; the function needs a permission instead");
            }
            Some(service @ ("kinesis" | "firehose")) if !has_role => {
                let message = format!("the destination of the service {service} needs a role");
                let help = "add `role`, the ARN of a role with which CloudWatch Logs may write to the stream";
                notes.fault(&format!("subscription_filters.{name}"), message, help);
            }
            _ => {}
        }
        if filter.distribution == Distribution::Random && filter.service().is_some_and(|it| !takes_distribution(it)) {
            let message = "`distribution` has an effect for a Kinesis data stream only";
            notes.fault(&at("distribution"), message, "remove `distribution`");
        }
        let fields = (at("emit_system_fields"), &filter.emit_system_fields);
        system_fields(fields, &["@aws.account", "@aws.region", "@source.log"], notes);
    }
}

/// Whether a destination of this service has a distribution. A destination of CloudWatch Logs may lead to a stream.
fn takes_distribution(service: &str) -> bool {
    matches!(service, "kinesis" | "logs")
}

fn destination(group: &str, filter: &SubscriptionFilter, at: &str, notes: &mut Notes<'_>) {
    let destination = &filter.destination;
    if destination.starts_with("${") {
        return;
    }
    let parts: Vec<&str> = destination.splitn(6, ':').collect();
    let [_, _, service, region, _, resource] = parts[..] else {
        let message = format!("'{destination}' is not an ARN");
        notes.fault(at, message, "write the ARN of a Lambda function, a stream or a destination of CloudWatch Logs");
        return;
    };
    if !["lambda", "kinesis", "firehose", "logs"].contains(&service) {
        let message = format!("a subscription filter cannot deliver to the service {service}");
        notes.fault(at, message, "use a Lambda function, a stream or a destination of CloudWatch Logs");
    }
    if region != notes.region && !region.contains("${") {
        let message = format!("the destination is in {region}; it must be in the log group's region");
        notes.fault(at, message, format!("use a destination in {}", notes.region));
    }
    // CloudWatch Logs rejects it, because each event would cause another one.
    let function = resource.strip_prefix("function:").and_then(|name| name.split(':').next());
    if function.is_some_and(|function| group.strip_prefix("/aws/lambda/") == Some(function)) {
        let message = "the function logs to this log group, and each of its events would invoke it again";
        notes.fault(at, message, "use another function");
    }
}

/// A filter with a selection of events by their source.
trait Selects {
    fn criteria(&self) -> Option<&str>;
}

impl Selects for MetricFilter {
    fn criteria(&self) -> Option<&str> {
        self.field_selection_criteria.as_deref()
    }
}

impl Selects for SubscriptionFilter {
    fn criteria(&self) -> Option<&str> {
        self.field_selection_criteria.as_deref()
    }
}

fn common((at, pattern): (&str, &str), (at_criteria, filter): (&str, &impl Selects), notes: &mut Notes<'_>) {
    if pattern.chars().count() > 1024 {
        notes.fault(at, "`pattern` can have at most 1,024 characters", "shorten the pattern");
    }
    if filter.criteria().is_some_and(|criteria| criteria.chars().count() > 2000) {
        let message = "`field_selection_criteria` can have at most 2,000 characters";
        notes.fault(at_criteria, message, "shorten the criteria");
    }
}

fn names<T>(field: &str, filters: &Setting<Filters<T>>, most: usize, notes: &mut Notes<'_>) {
    let count = set(filters).count();
    if count > most {
        let message = format!("a log group can have at most {most} entries in `{field}`, and there are {count}");
        notes.fault(field, message, "remove some of them");
    }
    for (name, filter) in filters.value().into_iter().flatten() {
        if !(1..=512).contains(&name.chars().count()) || name.contains([':', '*']) {
            let message = format!("'{name}' is not a valid filter name");
            notes.fault(&format!("{field}.{name}"), message, "use 1 to 512 characters without : and *");
        }
        if filter.is_unstated() {
            let message = format!("the filter '{name}' has no settings");
            notes.fault(&format!("{field}.{name}"), message, "write its settings, or `unset` to delete the filter");
        }
    }
}

fn system_fields((at, stated): (String, &BTreeSet<String>), known: &[&str], notes: &mut Notes<'_>) {
    if let Some(unknown) = stated.iter().find(|field| !known.contains(&field.as_str())) {
        notes.fault(&at, format!("unknown system field '{unknown}'"), format!("use {}", known.join(", ")));
    }
}

/// Returns the filters that are set, with their names.
pub(super) fn set<T>(filters: &Setting<Filters<T>>) -> impl Iterator<Item = (&String, &T)> {
    filters.value().into_iter().flatten().filter_map(|(name, filter)| Some((name, filter.value()?)))
}
