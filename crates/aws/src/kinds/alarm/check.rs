// SPDX-License-Identifier: Apache-2.0
//! Validates an alarm against CloudWatch's limits
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html> and its types, such as
//! MetricDataQuery).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::StandardUnit;
use regionctl_core::kind::Notes;

use super::model::{Window, returns_data};
use super::spec::{AlarmSpec, QuerySpec};
use super::words::is_period;
use crate::tags;

/// The periods that a wall clock window supports, in seconds (`WallClockWindow`).
const WALL_CLOCK_PERIODS: [i32; 5] = [60, 300, 3600, 86_400, 604_800];

/// Adds a fault to the notes for everything that CloudWatch would reject.
pub(super) fn check(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    form(spec, notes);
    evaluation(spec, notes);
    metric(("", spec.namespace.as_deref(), spec.metric.as_deref()), &spec.dimensions, notes);
    unit("", spec.unit.as_deref(), notes);
    queries(spec, notes);
    window(spec, notes);
    if spec.description.as_ref().is_some_and(|text| text.chars().count() > 1024) {
        notes.fault("description", "`description` can have at most 1,024 characters", "shorten the description");
    }
    actions(spec, notes);
    tags::check(&spec.tags, notes);
}

/// Checks that the alarm has the fields of one form: a single metric, `metrics` or `promql`.
fn form(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    let stated = [
        ("namespace", spec.namespace.is_some()),
        ("metric", spec.metric.is_some()),
        ("dimensions", !spec.dimensions.is_empty()),
        ("statistic", spec.statistic.is_some()),
        ("low_sample_percentile", spec.low_sample_percentile.is_some()),
        ("period", spec.period.is_some()),
        ("unit", spec.unit.is_some()),
    ];
    let compared = [
        ("comparison", spec.comparison.is_some()),
        ("threshold", spec.threshold.is_some() || spec.threshold_metric.is_some()),
    ];
    let counted = [
        ("evaluation_periods", spec.evaluation_periods.is_some()),
        ("datapoints_to_alarm", spec.datapoints_to_alarm.is_some()),
        ("treat_missing_data", spec.treat_missing_data.is_some()),
        ("evaluation_window", spec.evaluation_window.is_some()),
    ];
    match (&spec.promql, spec.metrics.is_empty()) {
        (Some(promql), _) => {
            let metrics = [("metrics", !spec.metrics.is_empty())];
            exclude("promql", stated.iter().chain(&compared).chain(&counted).chain(&metrics), notes);
            let interval = promql.interval_seconds;
            if !is_period(interval) || interval > 3600 {
                let message = format!("`interval_seconds` cannot be {interval}");
                notes.fault("promql.interval_seconds", message, "write 10, 20, 30 or a multiple of 60, up to 3600");
            }
            let durations =
                [("pending_seconds", promql.pending_seconds), ("recovery_seconds", promql.recovery_seconds)];
            for (field, seconds) in durations.into_iter().filter(|(_, seconds)| !(0..=86_400).contains(seconds)) {
                notes.fault(&format!("promql.{field}"), format!("`{field}` cannot be {seconds}"), "write 0 to 86400");
            }
            if !(1..=10_000).contains(&promql.query.chars().count()) {
                notes.fault("promql.query", "`query` must have 1 to 10,000 characters", "correct the query");
            }
        }
        (None, false) => {
            exclude("metrics", stated.iter(), notes);
            require(&compared, notes);
        }
        (None, true) => {
            let needed = ["namespace", "metric", "statistic", "period"];
            let needed = stated.iter().filter(|(field, _)| needed.contains(field)).chain(&compared);
            require(&needed.copied().collect::<Vec<_>>(), notes);
        }
    }
}

/// Adds a fault for every stated field that cannot be combined with `by`.
fn exclude<'a>(by: &str, fields: impl Iterator<Item = &'a (&'a str, bool)>, notes: &mut Notes<'_>) {
    for (field, _) in fields.filter(|(_, is_stated)| *is_stated) {
        notes.fault(field, format!("`{field}` cannot be combined with `{by}`"), format!("remove `{field}` or `{by}`"));
    }
}

/// Adds one fault for all missing fields.
fn require(fields: &[(&str, bool)], notes: &mut Notes<'_>) {
    let missing: Vec<String> =
        fields.iter().filter(|(_, is_stated)| !is_stated).map(|(field, _)| format!("'{field}'")).collect();
    let message = match missing.as_slice() {
        [] => return,
        [field] => format!("the field {field} is missing"),
        [fields @ .., last] => format!("the fields {} and {last} are missing", fields.join(", ")),
    };
    notes.fault("", message, "add the fields of a single metric, or use `metrics` or `promql`");
    if let Some(fault) = notes.faults.0.last_mut() {
        fault.code = "missing-field";
    }
}

fn evaluation(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    let periods = spec.evaluation_periods.unwrap_or(1);
    if periods < 1 {
        notes.fault("evaluation_periods", format!("`evaluation_periods` cannot be {periods}"), "write 1 or more");
    }
    if let Some(points) = spec.datapoints_to_alarm.filter(|points| !(1..=periods).contains(points)) {
        let help = format!("write 1 to {periods}, the number of evaluation periods");
        notes.fault("datapoints_to_alarm", format!("`datapoints_to_alarm` cannot be {points}"), help);
    }
    let of_queries = spec.metrics.iter().filter_map(|query| query.period);
    let Some(period) = of_queries.chain(spec.period).map(|period| period.0).max() else { return };
    let longest = if period >= 3600 { 7 * 86_400 } else { 86_400 };
    if i64::from(period) * i64::from(periods) > longest {
        let message =
            format!("{periods} evaluation periods of {period} s exceed {longest} s, the longest evaluation range");
        notes.fault(
            "evaluation_periods",
            message,
            "use fewer periods: at most one day, or seven days with a period of one hour or longer",
        );
    }
}

fn window(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    if let Some(Window::WallClock(zone)) = &spec.evaluation_window {
        if !(1..=50).contains(&zone.chars().count()) {
            notes.fault(
                "evaluation_window.wall_clock",
                "a time zone must have 1 to 50 characters",
                "write a time zone such as UTC, Europe/Berlin or +05:30",
            );
        }
        if spec.period.is_some_and(|period| !WALL_CLOCK_PERIODS.contains(&period.0)) {
            let message = "a wall clock window does not support this period";
            notes.fault("period", message, "write 1m, 5m, 1h, 1d or 7d");
        }
    }
    if spec.warm_up.as_ref().is_some_and(|warm_up| !(1..=2880).contains(&warm_up.minutes)) {
        notes.fault("warm_up.minutes", "`minutes` must be 1 to 2880", "correct `minutes`, or remove `warm_up`");
    }
}

/// Checks the namespace, name and dimensions of a metric. `at` is the prefix of its field paths.
fn metric(
    (at, namespace, metric): (&str, Option<&str>, Option<&str>),
    dimensions: &BTreeMap<String, String>,
    notes: &mut Notes<'_>,
) {
    if dimensions.len() > 30 {
        notes.fault(&format!("{at}dimensions"), "a metric can have at most 30 dimensions", "remove some of them");
    }
    for (name, value) in dimensions {
        if !(1..=255).contains(&name.chars().count()) || !(1..=1024).contains(&value.chars().count()) {
            let message = format!("the name or the value of the dimension '{name}' is empty or too long");
            notes.fault(
                &format!("{at}dimensions.{name}"),
                message,
                "use at most 255 characters for the name and 1,024 for the value",
            );
        }
    }
    if metric.is_some_and(|metric| !metric.is_ascii() || !(1..=255).contains(&metric.len())) {
        let message = "`metric` must have 1 to 255 ASCII characters";
        notes.fault(&format!("{at}metric"), message, "copy the name from the documentation of the service");
    }
    if namespace.is_some_and(|namespace| !(1..=255).contains(&namespace.len()) || namespace.starts_with(':')) {
        let message = "`namespace` must have 1 to 255 characters and must not start with a colon";
        notes.fault(&format!("{at}namespace"), message, "write a namespace such as AWS/RDS");
    }
}

fn unit(at: &str, unit: Option<&str>, notes: &mut Notes<'_>) {
    if unit.is_some_and(|unit| !StandardUnit::values().contains(&unit)) {
        let help = format!("use one of {}", StandardUnit::values().join(", "));
        notes.fault(&format!("{at}unit"), "unknown unit", help);
    }
}

/// Checks the queries, the number of queries that return data, and the threshold.
fn queries(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    let mut ids = BTreeSet::new();
    for (index, spec) in spec.metrics.iter().enumerate() {
        query(&format!("metrics[{index}]."), spec, notes);
        if !ids.insert(spec.id.as_str()) {
            notes.fault(
                &format!("metrics[{index}].id"),
                format!("the id '{}' is not unique", spec.id),
                "choose another id",
            );
        }
    }
    let expressions = spec.metrics.iter().filter(|query| query.expression.is_some()).count();
    if expressions > 10 || spec.metrics.len() - expressions > 10 {
        notes.fault("metrics", "an alarm can have at most 10 metrics and 10 expressions", "remove some of them");
    }
    let band = spec.threshold_metric.as_deref();
    let watched = |query: &&QuerySpec| {
        let default = returns_data(&query.id, spec.metrics.len(), band);
        query.return_data.unwrap_or(default) && band != Some(query.id.as_str())
    };
    let count = spec.metrics.iter().filter(watched).count();
    if !spec.metrics.is_empty() && count != 1 {
        let message = format!("{count} queries return data, expected one");
        notes.fault("metrics", message, "set `return_data: true` on the query that the alarm watches");
    }
    let is_band = spec.comparison.is_some_and(super::words::Comparison::is_anomaly_band);
    match band {
        Some(_) if spec.threshold.is_some() => {
            let message = "`threshold` and `threshold_metric` are mutually exclusive";
            notes.fault("threshold", message, "remove one of them");
        }
        Some(id) if !spec.metrics.iter().any(|query| query.id == id && query.expression.is_some()) => {
            let message = format!("no expression in `metrics` has the id '{id}'");
            notes.fault("threshold_metric", message, "write the id of the ANOMALY_DETECTION_BAND expression");
        }
        _ if spec.comparison.is_some() && is_band != band.is_some() => {
            let message = "`comparison` does not match the threshold";
            let help = "use GreaterThanUpperThreshold, LessThanLowerThreshold or \
                        LessThanLowerOrGreaterThanUpperThreshold with `threshold_metric` only";
            notes.fault("comparison", message, help);
        }
        _ => {}
    }
}

/// Checks one query. `at` is the prefix of its field paths.
fn query(at: &str, spec: &QuerySpec, notes: &mut Notes<'_>) {
    let mut letters = spec.id.chars();
    let starts = letters.next().is_some_and(|letter| letter.is_ascii_lowercase());
    if !starts || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') || spec.id.len() > 255 {
        let message = format!("'{}' is not a valid query id", spec.id);
        notes.fault(
            &format!("{at}id"),
            message,
            "use a lowercase letter, then letters, digits and underscores, at most 255 characters",
        );
    }
    let metric_fields = [
        ("namespace", spec.namespace.is_some()),
        ("metric", spec.metric.is_some()),
        ("statistic", spec.statistic.is_some()),
    ];
    if let Some(expression) = &spec.expression {
        let excess = metric_fields.iter().find(|(_, is_stated)| *is_stated).map(|(field, _)| *field);
        let excess = excess.or((!spec.dimensions.is_empty()).then_some("dimensions"));
        if let Some(field) = excess.or(spec.unit.is_some().then_some("unit")) {
            let message = format!("`{field}` cannot be combined with `expression`");
            notes.fault(&format!("{at}{field}"), message, "split it into two queries");
        }
        if !(1..=2048).contains(&expression.chars().count()) {
            notes.fault(
                &format!("{at}expression"),
                "`expression` must have 1 to 2,048 characters",
                "correct the expression",
            );
        }
    } else {
        let needed = metric_fields.into_iter().chain([("period", spec.period.is_some())]);
        for (field, _) in needed.filter(|(_, is_stated)| !is_stated) {
            let message = format!("the query '{}' has neither `expression` nor `{field}`", spec.id);
            notes.fault(
                at.trim_end_matches('.'),
                message,
                "add `expression`, or `namespace`, `metric`, `statistic` and `period`",
            );
        }
    }
    metric((at, spec.namespace.as_deref(), spec.metric.as_deref()), &spec.dimensions, notes);
    unit(at, spec.unit.as_deref(), notes);
}

fn actions(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    let lists = [
        ("alarm_actions", &spec.alarm_actions, usize::from(spec.topic.is_some())),
        ("ok_actions", &spec.ok_actions, 0),
        ("insufficient_data_actions", &spec.insufficient_data_actions, 0),
    ];
    super::actions::check(lists, notes);
}
