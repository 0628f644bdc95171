//! What is wrong with an alarm before CloudWatch is asked: its own limits (PutMetricAlarm, MetricDataQuery).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::StandardUnit;
use regionctl_core::kind::Notes;

use super::model::{Window, returns_data};
use super::spec::{AlarmSpec, QuerySpec};
use super::words::is_period;
use crate::tags;

/// The periods that a wall clock window takes: a minute, five, an hour, a day, a week.
const WALL_CLOCK_PERIODS: [i32; 5] = [60, 300, 3600, 86_400, 604_800];

/// Notes what CloudWatch would refuse.
pub(super) fn check(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    form(spec, notes);
    evaluation(spec, notes);
    metric(("", spec.namespace.as_deref(), spec.metric.as_deref()), &spec.dimensions, notes);
    unit("", spec.unit.as_deref(), notes);
    queries(spec, notes);
    window(spec, notes);
    if spec.description.as_ref().is_some_and(|text| text.chars().count() > 1024) {
        notes.fault("description", "an alarm's description has 1,024 characters at most", "shorten it");
    }
    actions(spec, notes);
    tags::check(&spec.tags, notes);
}

/// Says which of the three forms the alarm has, and what is missing or too much in it.
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
                let message = format!("CloudWatch does not evaluate a query every {interval} seconds");
                notes.fault("promql.interval_seconds", message, "write 10, 20, 30 or a multiple of 60, up to 3600");
            }
            let lasting = [("pending_seconds", promql.pending_seconds), ("recovery_seconds", promql.recovery_seconds)];
            for (field, seconds) in lasting.into_iter().filter(|(_, seconds)| !(0..=86_400).contains(seconds)) {
                notes.fault(&format!("promql.{field}"), format!("{seconds} seconds are not possible"), "0 to 86400");
            }
            if !(1..=10_000).contains(&promql.query.chars().count()) {
                notes.fault("promql.query", "a query has 1 to 10,000 characters", "shorten it");
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

/// Notes the fields that the one field leaves no room for.
fn exclude<'a>(by: &str, fields: impl Iterator<Item = &'a (&'a str, bool)>, notes: &mut Notes<'_>) {
    for (field, _) in fields.filter(|(_, is_stated)| *is_stated) {
        notes.fault(field, format!("an alarm with `{by}` has no `{field}`"), format!("leave out `{field}` or `{by}`"));
    }
}

/// Notes the fields that are missing, all in one fault at the alarm.
fn require(fields: &[(&str, bool)], notes: &mut Notes<'_>) {
    let missing: Vec<String> =
        fields.iter().filter(|(_, is_stated)| !is_stated).map(|(field, _)| format!("'{field}'")).collect();
    let message = match missing.as_slice() {
        [] => return,
        [field] => format!("the field {field} is missing"),
        [fields @ .., last] => format!("the fields {} and {last} are missing", fields.join(", ")),
    };
    notes.fault("", message, "an alarm is on one metric, or has `metrics` or `promql`");
    if let Some(fault) = notes.faults.0.last_mut() {
        fault.code = "missing-field";
    }
}

fn evaluation(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    let periods = spec.evaluation_periods.unwrap_or(1);
    if periods < 1 {
        notes.fault("evaluation_periods", "an alarm looks at one period at least", "write 1 or more");
    }
    if spec.datapoints_to_alarm.is_some_and(|points| points < 1 || points > periods) {
        notes.fault(
            "datapoints_to_alarm",
            format!("of {periods} periods, 1 to {periods} can be beyond"),
            "write fewer",
        );
    }
    let of_queries = spec.metrics.iter().filter_map(|query| query.period);
    let Some(period) = of_queries.chain(spec.period).map(|period| period.0).max() else { return };
    let longest = if period >= 3600 { 7 * 86_400 } else { 86_400 };
    if i64::from(period) * i64::from(periods) > longest {
        let message = format!("{periods} periods of {period} s are more than CloudWatch looks back");
        notes.fault("evaluation_periods", message, "a day at most, and a week with periods of an hour or more");
    }
}

fn window(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    if let Some(Window::WallClock(zone)) = &spec.evaluation_window {
        if !(1..=50).contains(&zone.chars().count()) {
            notes.fault("evaluation_window.wall_clock", "this is not a time zone", "UTC, Europe/Berlin or +05:30");
        }
        if spec.period.is_some_and(|period| !WALL_CLOCK_PERIODS.contains(&period.0)) {
            let message = "a wall clock window does not take this period";
            notes.fault("period", message, "1m, 5m, 1h, 1d or 7d");
        }
    }
    if spec.warm_up.as_ref().is_some_and(|warm_up| !(1..=2880).contains(&warm_up.minutes)) {
        notes.fault("warm_up.minutes", "a warm-up takes 1 to 2,880 minutes", "leave `warm_up` out for none");
    }
}

/// Checks a metric's names and dimensions; its fields are under `at`.
fn metric(
    (at, namespace, metric): (&str, Option<&str>, Option<&str>),
    dimensions: &BTreeMap<String, String>,
    notes: &mut Notes<'_>,
) {
    if dimensions.len() > 30 {
        notes.fault(&format!("{at}dimensions"), "a metric has 30 dimensions at most", "take some out");
    }
    for (name, value) in dimensions {
        if !(1..=255).contains(&name.chars().count()) || !(1..=1024).contains(&value.chars().count()) {
            let message = format!("the dimension '{name}' is empty or too long");
            notes.fault(&format!("{at}dimensions.{name}"), message, "255 characters for a name, 1,024 for a value");
        }
    }
    if metric.is_some_and(|metric| !metric.is_ascii() || !(1..=255).contains(&metric.len())) {
        let message = "a metric's name is ASCII and has 1 to 255 characters";
        notes.fault(&format!("{at}metric"), message, "copy it from the service's documentation");
    }
    if namespace.is_some_and(|namespace| !(1..=255).contains(&namespace.len()) || namespace.starts_with(':')) {
        let message = "a namespace has 1 to 255 characters and does not start with a colon";
        notes.fault(&format!("{at}namespace"), message, "such as AWS/RDS");
    }
}

fn unit(at: &str, unit: Option<&str>, notes: &mut Notes<'_>) {
    if unit.is_some_and(|unit| !StandardUnit::values().contains(&unit)) {
        let help = format!("it has {}", StandardUnit::values().join(", "));
        notes.fault(&format!("{at}unit"), "CloudWatch has no such unit", help);
    }
}

/// Checks the queries, which of them the alarm watches, and what it compares that with.
fn queries(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    let mut ids = BTreeSet::new();
    for (index, spec) in spec.metrics.iter().enumerate() {
        query(&format!("metrics[{index}]."), spec, notes);
        if !ids.insert(spec.id.as_str()) {
            notes.fault(&format!("metrics[{index}].id"), format!("'{}' stands here twice", spec.id), "choose another");
        }
    }
    let expressions = spec.metrics.iter().filter(|query| query.expression.is_some()).count();
    if expressions > 10 || spec.metrics.len() - expressions > 10 {
        notes.fault("metrics", "an alarm has ten metrics and ten expressions at most", "take some out");
    }
    let band = spec.threshold_metric.as_deref();
    let watched = |query: &&QuerySpec| {
        let default = returns_data(&query.id, spec.metrics.len(), band);
        query.return_data.unwrap_or(default) && band != Some(query.id.as_str())
    };
    let watches = spec.metrics.iter().filter(watched).count();
    if !spec.metrics.is_empty() && watches != 1 {
        let message = format!("an alarm watches one query, and {watches} of these return data");
        notes.fault("metrics", message, "write `return_data: true` at the one to watch");
    }
    let is_band = spec.comparison.is_some_and(super::words::Comparison::is_of_a_band);
    match band {
        Some(_) if spec.threshold.is_some() => {
            let message = "`threshold` and `threshold_metric` exclude each other";
            notes.fault("threshold", message, "write one of them");
        }
        Some(id) if !spec.metrics.iter().any(|query| query.id == id && query.expression.is_some()) => {
            let message = format!("no expression in `metrics` has the id '{id}'");
            notes.fault("threshold_metric", message, "name the ANOMALY_DETECTION_BAND");
        }
        _ if spec.comparison.is_some() && is_band != band.is_some() => {
            let message = "this comparison does not go with the threshold";
            let help = "GreaterThanUpperThreshold, LessThanLowerThreshold and LessThanLowerOrGreaterThanUpperThreshold are for `threshold_metric`";
            notes.fault("comparison", message, help);
        }
        _ => {}
    }
}

/// Checks one query; its fields are under `at`.
fn query(at: &str, spec: &QuerySpec, notes: &mut Notes<'_>) {
    let mut letters = spec.id.chars();
    let starts = letters.next().is_some_and(|letter| letter.is_ascii_lowercase());
    if !starts || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') || spec.id.len() > 255 {
        let message = format!("CloudWatch does not take '{}' as an id", spec.id);
        notes.fault(&format!("{at}id"), message, "a lower-case letter, then letters, digits and underscores");
    }
    let metrics_own = [
        ("namespace", spec.namespace.is_some()),
        ("metric", spec.metric.is_some()),
        ("statistic", spec.statistic.is_some()),
    ];
    if let Some(expression) = &spec.expression {
        let too_much = metrics_own.iter().find(|(_, is_stated)| *is_stated).map(|(field, _)| *field);
        let too_much = too_much.or((!spec.dimensions.is_empty()).then_some("dimensions"));
        if let Some(field) = too_much.or(spec.unit.is_some().then_some("unit")) {
            let message = format!("a query is an expression or a metric: an expression has no `{field}`");
            notes.fault(&format!("{at}{field}"), message, "make it two queries");
        }
        if !(1..=2048).contains(&expression.chars().count()) {
            notes.fault(&format!("{at}expression"), "an expression has 1 to 2,048 characters", "shorten it");
        }
    } else {
        let needed = metrics_own.into_iter().chain([("period", spec.period.is_some())]);
        for (field, _) in needed.filter(|(_, is_stated)| !is_stated) {
            let message = format!("the query '{}' has neither `expression` nor `{field}`", spec.id);
            notes.fault(at.trim_end_matches('.'), message, "a metric has namespace, metric, statistic and period");
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
    for (field, actions, topics) in lists {
        if actions.len() + topics > 5 {
            let message = "an alarm has five actions at most, with its topic";
            notes.fault(field, message, "publish to a topic with several subscribers");
        }
        if let Some(action) = actions.iter().find(|action| !action.starts_with("arn:") && !action.starts_with("${")) {
            notes.fault(field, format!("'{action}' is not an ARN"), "for a topic of this spec write `topic: NAME`");
        }
    }
}
