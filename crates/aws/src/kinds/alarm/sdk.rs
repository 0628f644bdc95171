// SPDX-License-Identifier: Apache-2.0
//! Converts between the SDK's alarms and the model. An unknown value is an error, so that it is never treated as
//! `(not set)`.
//!
//! DescribeAlarms returns a MetricAlarm
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>).

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::operation::put_metric_alarm::PutMetricAlarmInput;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmInputBuilder;
use aws_sdk_cloudwatch::types::{
    AlarmPromQlCriteria, ComparisonOperator, Dimension, EvaluationCriteria, EvaluationWindow, Metric, MetricAlarm,
    MetricDataQuery, MetricStat, SlidingWindow, StandardUnit, Statistic, WallClockWindow, WarmUpConfiguration,
};
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::scope::Extra;
use regionctl_core::resource::setting::Setting;

use super::actions::{self, sdk_tags};
use super::model::{AlarmModel, PromQl, Query, WarmUp, Window};
use super::words::{LowSamplePercentile, MissingData};
use crate::error::CallError;
use crate::tags::{self, TagSettings};

/// Converts an alarm of DescribeAlarms to a model.
///
/// # Errors
/// The alarm has a value that this version does not know.
pub(super) fn model(alarm: &MetricAlarm, tags: Setting<TagSettings>) -> Result<AlarmModel, CallError> {
    let comparison = alarm.comparison_operator().map(ComparisonOperator::as_str);
    let statistic = known("statistic", alarm.statistic().map(Statistic::as_str), Statistic::values())?;
    let missing = known("treatment of missing data", alarm.treat_missing_data(), &MissingData::VALUES)?;
    let low = alarm.evaluate_low_sample_count_percentile();
    let low = known("treatment of low sample counts", low, &LowSamplePercentile::VALUES)?;
    let promql = promql(alarm)?;
    // A PromQL alarm has no evaluation periods.
    let evaluation_periods = promql.is_none().then(|| alarm.evaluation_periods().unwrap_or(1));
    let points = alarm.datapoints_to_alarm().filter(|points| *points > 0);
    let threshold_metric = text(alarm.threshold_metric_id());
    Ok(AlarmModel {
        namespace: text(alarm.namespace()),
        metric: text(alarm.metric_name()),
        dimensions: dimensions(alarm.dimensions()),
        statistic: statistic.or(text(alarm.extended_statistic())),
        low_sample_percentile: low,
        period: alarm.period().filter(|period| *period > 0),
        unit: unit(alarm.unit())?,
        metrics: alarm.metrics().iter().map(query).collect::<Result<_, _>>()?,
        promql,
        comparison: known("comparison", comparison, ComparisonOperator::values())?,
        // An anomaly detection band replaces the threshold.
        threshold: alarm.threshold().filter(|_| threshold_metric.is_none()),
        threshold_metric,
        evaluation_periods,
        datapoints_to_alarm: points,
        treat_missing_data: missing,
        evaluation_window: window(alarm.evaluation_window())?,
        warm_up: alarm.warm_up_configuration().and_then(warm_up),
        description: text(alarm.alarm_description()),
        alarm_actions: alarm.alarm_actions().iter().cloned().collect(),
        ok_actions: alarm.ok_actions().iter().cloned().collect(),
        insufficient_data_actions: alarm.insufficient_data_actions().iter().cloned().collect(),
        actions_enabled: alarm.actions_enabled().unwrap_or(true),
        notified_tags: actions::notified_tags(alarm.action_configuration()),
        tags,
    })
}

/// Returns the extras of an alarm: what the model cannot express and PutMetricAlarm would reset.
pub(super) fn extras(alarm: &MetricAlarm) -> Vec<Extra> {
    let mut extras = Vec::new();
    // A query of the model has one period: the metric's, or the expression's.
    for query in alarm.metrics() {
        let metric_period = query.metric_stat().and_then(MetricStat::period);
        if let Some(period) = query.period().filter(|period| metric_period.is_some_and(|other| other != *period)) {
            extras.push(Extra::lost(format!("metrics.{}.period", query.id().unwrap_or_default()), period));
        }
    }
    extras.extend(actions::extra(alarm.action_configuration()));
    // PutMetricAlarm would replace an alarm whose form this version does not know.
    let is_known =
        alarm.metric_name().is_some() || !alarm.metrics().is_empty() || alarm.evaluation_criteria().is_some();
    if !is_known {
        extras.push(Extra::lost("metric", "neither a metric nor a known query"));
    }
    extras
}

/// Builds the PutMetricAlarm request. CloudWatch ignores the tags of an existing alarm
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).
pub(super) fn request(name: &str, alarm: AlarmModel) -> PutMetricAlarmInputBuilder {
    let is_promql = alarm.promql.is_some();
    let standard = alarm.statistic.as_deref().filter(|name| Statistic::values().contains(name)).map(Statistic::from);
    let extended = alarm.statistic.clone().filter(|_| standard.is_none());
    let interval = alarm.promql.as_ref().map(|promql| promql.interval_seconds);
    let dimensions = sdk_dimensions(alarm.dimensions);
    let tags = alarm.tags.value().map(tags::set).filter(|tags| !tags.is_empty());
    let queries: Vec<MetricDataQuery> = alarm.metrics.into_iter().map(|(id, query)| sdk_query(id, query)).collect();
    PutMetricAlarmInput::builder()
        .alarm_name(name)
        .set_namespace(alarm.namespace)
        .set_metric_name(alarm.metric)
        .set_dimensions(if_any(dimensions))
        .set_statistic(standard)
        .set_extended_statistic(extended)
        .set_evaluate_low_sample_count_percentile(alarm.low_sample_percentile)
        .set_period(alarm.period)
        .set_unit(alarm.unit.as_deref().map(StandardUnit::from))
        .set_metrics(if_any(queries))
        .set_evaluation_criteria(alarm.promql.map(criteria))
        .set_evaluation_interval(interval)
        .set_comparison_operator(alarm.comparison.as_deref().map(ComparisonOperator::from))
        .set_threshold(alarm.threshold)
        .set_threshold_metric_id(alarm.threshold_metric)
        .set_evaluation_periods(alarm.evaluation_periods)
        .set_datapoints_to_alarm(alarm.datapoints_to_alarm)
        // TreatMissingData does not apply to PromQL alarms.
        .set_treat_missing_data(alarm.treat_missing_data.filter(|_| !is_promql))
        .set_evaluation_window(alarm.evaluation_window.map(sdk_window))
        .set_warm_up_configuration(alarm.warm_up.map(|warm_up| sdk_warm_up(&warm_up)))
        .set_alarm_description(alarm.description)
        .set_alarm_actions(if_any(alarm.alarm_actions.into_iter().collect()))
        .set_ok_actions(if_any(alarm.ok_actions.into_iter().collect()))
        .set_insufficient_data_actions(if_any(alarm.insufficient_data_actions.into_iter().collect()))
        .actions_enabled(alarm.actions_enabled)
        .set_action_configuration(alarm.notified_tags.map(actions::configuration))
        .set_tags(tags.map(|tags| sdk_tags(&tags)))
}

fn if_any<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// Normalizes an absent text: CloudWatch omits it or returns an empty string.
fn text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

/// Returns the value, or an error if it is not one of `values`.
fn known(what: &str, value: Option<&str>, values: &[&str]) -> Result<Option<String>, CallError> {
    match value.filter(|value| !value.is_empty()) {
        Some(value) if !values.contains(&value) => Err(unknown(&format!("the {what} '{value}'"))),
        value => Ok(value.map(ToOwned::to_owned)),
    }
}

fn unknown(what: &str) -> CallError {
    let message = format!("this version of regionctl does not know {what}");
    CallError(Failure::new(FailureClass::Unknown, "CloudWatch DescribeAlarms", message))
}

fn unit(unit: Option<&StandardUnit>) -> Result<Option<String>, CallError> {
    known("unit", unit.map(StandardUnit::as_str), StandardUnit::values())
}

fn dimensions(dimensions: &[Dimension]) -> BTreeMap<String, String> {
    let pair = |dimension: &Dimension| {
        (dimension.name().unwrap_or_default().to_owned(), dimension.value().unwrap_or_default().to_owned())
    };
    dimensions.iter().map(pair).collect()
}

fn sdk_dimensions(dimensions: BTreeMap<String, String>) -> Vec<Dimension> {
    dimensions.into_iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn query(query: &MetricDataQuery) -> Result<(String, Query), CallError> {
    let stat = query.metric_stat();
    let metric = stat.and_then(MetricStat::metric);
    let model = Query {
        expression: text(query.expression()),
        namespace: text(metric.and_then(Metric::namespace)),
        metric: text(metric.and_then(Metric::metric_name)),
        dimensions: dimensions(metric.map(Metric::dimensions).unwrap_or_default()),
        statistic: text(stat.and_then(MetricStat::stat)),
        period: stat.and_then(MetricStat::period).or(query.period()).filter(|period| *period > 0),
        unit: unit(stat.and_then(MetricStat::unit))?,
        label: text(query.label()),
        // The default is true (MetricDataQuery, ReturnData).
        return_data: query.return_data().unwrap_or(true),
        account: text(query.account_id()),
    };
    Ok((query.id().unwrap_or_default().to_owned(), model))
}

fn sdk_query(id: String, query: Query) -> MetricDataQuery {
    let is_metric = query.metric.is_some();
    let metric = Metric::builder()
        .set_namespace(query.namespace)
        .set_metric_name(query.metric)
        .set_dimensions(if_any(sdk_dimensions(query.dimensions)))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .set_period(query.period)
        .set_stat(query.statistic)
        .set_unit(query.unit.as_deref().map(StandardUnit::from))
        .build();
    MetricDataQuery::builder()
        .id(id)
        .set_expression(query.expression)
        .set_metric_stat(is_metric.then_some(stat))
        .set_period(query.period.filter(|_| !is_metric))
        .set_label(query.label)
        .return_data(query.return_data)
        .set_account_id(query.account)
        .build()
}

fn promql(alarm: &MetricAlarm) -> Result<Option<PromQl>, CallError> {
    match alarm.evaluation_criteria() {
        None => Ok(None),
        Some(EvaluationCriteria::PromQlCriteria(criteria)) => Ok(Some(PromQl {
            query: criteria.query().unwrap_or_default().to_owned(),
            interval_seconds: alarm.evaluation_interval().unwrap_or_default(),
            pending_seconds: criteria.pending_period().unwrap_or(0),
            recovery_seconds: criteria.recovery_period().unwrap_or(0),
        })),
        Some(_) => Err(unknown("the evaluation criteria")),
    }
}

fn criteria(promql: PromQl) -> EvaluationCriteria {
    let criteria = AlarmPromQlCriteria::builder()
        .query(promql.query)
        .pending_period(promql.pending_seconds)
        .recovery_period(promql.recovery_seconds)
        .build();
    EvaluationCriteria::PromQlCriteria(criteria)
}

/// Converts the evaluation window. A wall clock window without a time zone uses UTC.
fn window(window: Option<&EvaluationWindow>) -> Result<Option<Window>, CallError> {
    match window {
        None => Ok(None),
        Some(EvaluationWindow::SlidingWindow(_)) => Ok(Some(Window::Sliding)),
        Some(EvaluationWindow::WallClockWindow(clock)) => {
            Ok(Some(Window::WallClock(clock.timezone().unwrap_or("UTC").to_owned())))
        }
        Some(_) => Err(unknown("the evaluation window")),
    }
}

fn sdk_window(window: Window) -> EvaluationWindow {
    match window {
        Window::Sliding => EvaluationWindow::SlidingWindow(SlidingWindow::builder().build()),
        Window::WallClock(zone) => EvaluationWindow::WallClockWindow(WallClockWindow::builder().timezone(zone).build()),
    }
}

fn warm_up(configuration: &WarmUpConfiguration) -> Option<WarmUp> {
    let whole_period = configuration.only_start_evaluating_after_warm_up_period_ends().unwrap_or(false);
    Some(WarmUp { minutes: configuration.warm_up_period_duration_in_minutes()?, whole_period })
}

fn sdk_warm_up(warm_up: &WarmUp) -> WarmUpConfiguration {
    WarmUpConfiguration::builder()
        .warm_up_period_duration_in_minutes(warm_up.minutes)
        .only_start_evaluating_after_warm_up_period_ends(warm_up.whole_period)
        .build()
}
