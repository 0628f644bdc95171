// SPDX-License-Identifier: Apache-2.0
//! Reads and writes the filters of log groups. An unknown value is an error, so that it is never treated as `(not set)`.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::{
    Distribution as SdkDistribution, MetricFilter as SdkMetricFilter, MetricTransformation, StandardUnit,
    SubscriptionFilter as SdkSubscriptionFilter,
};
use regionctl_core::resource::setting::Setting;

use super::filters::{Distribution, Filters, MetricFilter, SubscriptionFilter};
use crate::error::{CallError, build_error};

const METRIC_FILTERS: &str = "CloudWatch Logs DescribeMetricFilters";
const SUBSCRIPTION_FILTERS: &str = "CloudWatch Logs DescribeSubscriptionFilters";

/// Metric filters by log group.
pub(super) type AllMetricFilters = BTreeMap<String, Vec<SdkMetricFilter>>;

/// Reads the metric filters of a log group, or of all log groups, by log group
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeMetricFilters.html>).
pub(super) async fn read_metric_filters(api: &Client, group: Option<&str>) -> Result<AllMetricFilters, CallError> {
    let group = group.map(ToOwned::to_owned);
    let mut pages = api.describe_metric_filters().set_log_group_name(group).limit(50).into_paginator().send();
    let mut found = AllMetricFilters::new();
    while let Some(page) = pages.next().await {
        for filter in page?.metric_filters.unwrap_or_default() {
            let Some(group) = filter.log_group_name.clone() else {
                return Err(CallError::unknown(METRIC_FILTERS, "a filter without log group", name_of(&filter)));
            };
            found.entry(group).or_default().push(filter);
        }
    }
    Ok(found)
}

fn name_of(filter: &SdkMetricFilter) -> &str {
    filter.filter_name().unwrap_or_default()
}

/// Converts the metric filters of a log group.
///
/// # Errors
/// A filter has a value that this version does not know.
pub(super) fn metric_filters(filters: &[SdkMetricFilter]) -> Result<Filters<MetricFilter>, CallError> {
    filters.iter().map(|filter| Ok((name_of(filter).to_owned(), Setting::Set(metric_filter(filter)?)))).collect()
}

fn metric_filter(filter: &SdkMetricFilter) -> Result<MetricFilter, CallError> {
    // A metric filter has exactly one transformation.
    let [transformation] = filter.metric_transformations() else {
        let found = filter.metric_transformations().len().to_string();
        return Err(CallError::unknown(METRIC_FILTERS, "a number of metric transformations", &found));
    };
    let unit = transformation.unit().map(StandardUnit::as_str);
    if let Some(unit) = unit.filter(|unit| !StandardUnit::values().contains(unit)) {
        return Err(CallError::unknown(METRIC_FILTERS, "the unit", unit));
    }
    let dimensions = transformation.dimensions().into_iter().flatten();
    let model = MetricFilter {
        pattern: filter.filter_pattern().unwrap_or_default().to_owned(),
        metric: transformation.metric_name().to_owned(),
        namespace: transformation.metric_namespace().to_owned(),
        value: transformation.metric_value().to_owned(),
        default_value: transformation.default_value(),
        dimensions: dimensions.map(|(name, value)| (name.clone(), value.clone())).collect(),
        unit: unit.map(ToOwned::to_owned),
        apply_on_transformed_logs: filter.apply_on_transformed_logs(),
        field_selection_criteria: filter.field_selection_criteria().map(ToOwned::to_owned),
        emit_system_field_dimensions: filter.emit_system_field_dimensions().iter().cloned().collect(),
    };
    Ok(model.canonical())
}

/// Creates or replaces a metric filter.
pub(super) async fn put_metric_filter(
    api: &Client,
    group: &str,
    name: &str,
    filter: MetricFilter,
) -> Result<(), CallError> {
    let dimensions = (!filter.dimensions.is_empty()).then(|| filter.dimensions.into_iter().collect());
    let transformation = MetricTransformation::builder()
        .metric_name(filter.metric)
        .metric_namespace(filter.namespace)
        .metric_value(filter.value)
        .set_default_value(filter.default_value)
        .set_dimensions(dimensions)
        .set_unit(filter.unit.as_deref().map(StandardUnit::from))
        .build()
        .map_err(build_error)?;
    let fields: Vec<String> = filter.emit_system_field_dimensions.into_iter().collect();
    let call = api.put_metric_filter().log_group_name(group).filter_name(name).filter_pattern(filter.pattern);
    call.metric_transformations(transformation)
        .set_apply_on_transformed_logs(filter.apply_on_transformed_logs.then_some(true))
        .set_field_selection_criteria(filter.field_selection_criteria)
        .set_emit_system_field_dimensions((!fields.is_empty()).then_some(fields))
        .send()
        .await?;
    Ok(())
}

/// Reads the subscription filters of a log group, of which there are at most two.
pub(super) async fn read_subscription_filters(
    api: &Client,
    group: &str,
) -> Result<Filters<SubscriptionFilter>, CallError> {
    let mut pages = api.describe_subscription_filters().log_group_name(group).into_paginator().send();
    let mut found = Filters::new();
    while let Some(page) = pages.next().await {
        for filter in page?.subscription_filters.unwrap_or_default() {
            let name = filter.filter_name().unwrap_or_default().to_owned();
            found.insert(name, Setting::Set(subscription_filter(&filter)?));
        }
    }
    Ok(found)
}

fn subscription_filter(filter: &SdkSubscriptionFilter) -> Result<SubscriptionFilter, CallError> {
    let distribution = match filter.distribution() {
        None | Some(SdkDistribution::ByLogStream) => Distribution::ByLogStream,
        Some(SdkDistribution::Random) => Distribution::Random,
        Some(other) => return Err(CallError::unknown(SUBSCRIPTION_FILTERS, "the distribution", other.as_str())),
    };
    let Some(destination) = filter.destination_arn() else {
        let name = filter.filter_name().unwrap_or_default();
        return Err(CallError::unknown(SUBSCRIPTION_FILTERS, "a filter without destination", name));
    };
    let model = SubscriptionFilter {
        pattern: filter.filter_pattern().unwrap_or_default().to_owned(),
        destination: destination.to_owned(),
        role: filter.role_arn().map(ToOwned::to_owned),
        distribution,
        apply_on_transformed_logs: filter.apply_on_transformed_logs(),
        field_selection_criteria: filter.field_selection_criteria().map(ToOwned::to_owned),
        emit_system_fields: filter.emit_system_fields().iter().cloned().collect(),
    };
    Ok(model.canonical())
}

/// Creates or replaces a subscription filter.
pub(super) async fn put_subscription_filter(
    api: &Client,
    group: &str,
    name: &str,
    filter: SubscriptionFilter,
) -> Result<(), CallError> {
    let distribution = match filter.distribution {
        Distribution::ByLogStream => SdkDistribution::ByLogStream,
        Distribution::Random => SdkDistribution::Random,
    };
    // Only a Kinesis data stream has one.
    let is_distributed = filter.service() == Some("kinesis") || filter.distribution != Distribution::default();
    let fields: Vec<String> = filter.emit_system_fields.into_iter().collect();
    let call = api.put_subscription_filter().log_group_name(group).filter_name(name).filter_pattern(filter.pattern);
    call.destination_arn(filter.destination)
        .set_role_arn(filter.role)
        .set_distribution(is_distributed.then_some(distribution))
        .set_apply_on_transformed_logs(filter.apply_on_transformed_logs.then_some(true))
        .set_field_selection_criteria(filter.field_selection_criteria)
        .set_emit_system_fields((!fields.is_empty()).then_some(fields))
        .send()
        .await?;
    Ok(())
}
