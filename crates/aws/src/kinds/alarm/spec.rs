//! What a person writes of an alarm, and what that is as a model.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{AlarmModel, NotifiedTags, PromQl, Query, WarmUp, Window, returns_data};
use super::words::{Comparison, LowSamplePercentile, MissingData, Period, Statistic};
use crate::tags::TagSettings;

/// What a person writes of an alarm. It is on one metric (`namespace`, `metric`, `statistic`, `period`), on the result
/// of several (`metrics`), or on a PromQL query (`promql`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudWatchAlarm")]
pub struct AlarmSpec {
    /// The metric's namespace, such as AWS/RDS.
    pub(super) namespace: Option<String>,
    /// The metric's name, such as CPUUtilization.
    pub(super) metric: Option<String>,
    /// All dimensions that the metric is published with; one too many or too few never fires.
    #[serde(default)]
    pub(super) dimensions: BTreeMap<String, String>,
    /// How a period's values become one: Average, Maximum, Minimum, SampleCount, Sum, p99, TM(10%:90%).
    pub(super) statistic: Option<Statistic>,
    /// Whether a percentile is evaluated over too few values. It is where it is left out.
    pub(super) low_sample_percentile: Option<LowSamplePercentile>,
    /// 10, 20 or 30 seconds, or whole minutes: 900, 15m, 1h.
    pub(super) period: Option<Period>,
    /// The metric's unit, if only values with it count.
    pub(super) unit: Option<String>,
    /// Metrics and expressions over them, in place of the one metric.
    #[serde(default)]
    pub(super) metrics: Vec<QuerySpec>,
    /// A PromQL query, in place of metrics.
    pub(super) promql: Option<PromQl>,
    /// How the value is compared with the threshold.
    pub(super) comparison: Option<Comparison>,
    /// The number it is compared with.
    pub(super) threshold: Option<f64>,
    /// In place of the number: the id of the query in `metrics` that is an ANOMALY_DETECTION_BAND.
    pub(super) threshold_metric: Option<String>,
    /// Over how many periods. One where it is left out.
    pub(super) evaluation_periods: Option<i32>,
    /// How many of them must be beyond the threshold. All where it is left out.
    pub(super) datapoints_to_alarm: Option<i32>,
    /// What periods without data count as. `missing` where it is left out.
    pub(super) treat_missing_data: Option<MissingData>,
    /// Which range of time is evaluated: `sliding`, or `{wall_clock: TIME ZONE}`. Sliding where it is left out.
    pub(super) evaluation_window: Option<Window>,
    /// How long a new or changed alarm stays without data and performs no action. Not at all where it is left out.
    pub(super) warm_up: Option<WarmUp>,
    /// What it is about, for who gets the mail.
    pub(super) description: Option<String>,
    /// A topic of this spec that is told when the alarm fires.
    pub(super) topic: Option<String>,
    /// ARNs of further actions when the alarm fires.
    #[serde(default)]
    pub(super) alarm_actions: BTreeSet<String>,
    /// ARNs of actions when all is well again.
    #[serde(default)]
    pub(super) ok_actions: BTreeSet<String>,
    /// ARNs of actions when there is no data.
    #[serde(default)]
    pub(super) insufficient_data_actions: BTreeSet<String>,
    /// Whether actions are run at all. They are where it is left out.
    pub(super) actions_enabled: Option<bool>,
    /// Which of the alarm's tags are in its notifications and events: `all`, `{included: [KEYS]}` or
    /// `{excluded: [KEYS]}`. None where it is left out.
    pub(super) notified_tags: Option<NotifiedTags>,
    /// Tags; others stay. `unset` removes a tag, or all of them.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
}

/// One of several queries: an expression, or a metric.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudWatchAlarmMetric")]
pub struct QuerySpec {
    /// Its name in expressions: a lower-case letter, then letters, digits and underscores.
    pub(super) id: String,
    /// Metric math over the other ids, or a Metrics Insights query.
    pub(super) expression: Option<String>,
    /// The metric's namespace, such as AWS/RDS.
    pub(super) namespace: Option<String>,
    /// The metric's name, such as CPUUtilization.
    pub(super) metric: Option<String>,
    /// All dimensions that the metric is published with.
    #[serde(default)]
    pub(super) dimensions: BTreeMap<String, String>,
    /// How a period's values become one.
    pub(super) statistic: Option<Statistic>,
    /// The metric's period, or the expression's.
    pub(super) period: Option<Period>,
    /// The metric's unit, if only values with it count.
    pub(super) unit: Option<String>,
    /// What graphs call it.
    pub(super) label: Option<String>,
    /// Whether the alarm watches it. One query does; an anomaly band and an only query do where it is left out.
    pub(super) return_data: Option<bool>,
    /// The account that the metric is in, where it is another.
    pub(super) account: Option<String>,
}

impl AlarmSpec {
    /// Turns it into a model. What is left out is AWS's default.
    pub(super) fn into_model(self) -> AlarmModel {
        // A PromQL alarm has no periods.
        let evaluation_periods = self.promql.is_none().then(|| self.evaluation_periods.unwrap_or(1));
        let mut alarm_actions = self.alarm_actions;
        alarm_actions.extend(self.topic.map(|topic| format!("${{sns.topic/{topic}.arn}}")));
        let (queries, band) = (self.metrics.len(), self.threshold_metric.as_deref());
        let metrics = self.metrics.into_iter().map(|query| query.into_model(queries, band)).collect();
        AlarmModel {
            namespace: self.namespace,
            metric: self.metric,
            dimensions: self.dimensions,
            statistic: self.statistic.map(|statistic| statistic.0),
            low_sample_percentile: self.low_sample_percentile.map(|word| word.word().to_owned()),
            period: self.period.map(|period| period.0),
            unit: self.unit,
            metrics,
            promql: self.promql,
            comparison: self.comparison.map(|comparison| comparison.word().to_owned()),
            threshold: self.threshold,
            threshold_metric: self.threshold_metric,
            evaluation_periods,
            datapoints_to_alarm: self.datapoints_to_alarm,
            treat_missing_data: self.treat_missing_data.map(|word| word.word().to_owned()),
            evaluation_window: self.evaluation_window,
            warm_up: self.warm_up,
            description: self.description.filter(|text| !text.is_empty()),
            alarm_actions,
            ok_actions: self.ok_actions,
            insufficient_data_actions: self.insufficient_data_actions,
            actions_enabled: self.actions_enabled.unwrap_or(true),
            notified_tags: self.notified_tags,
            tags: self.tags,
        }
    }
}

impl QuerySpec {
    fn into_model(self, queries: usize, band: Option<&str>) -> (String, Query) {
        let return_data = self.return_data.unwrap_or_else(|| returns_data(&self.id, queries, band));
        let query = Query {
            expression: self.expression,
            namespace: self.namespace,
            metric: self.metric,
            dimensions: self.dimensions,
            statistic: self.statistic.map(|statistic| statistic.0),
            period: self.period.map(|period| period.0),
            unit: self.unit,
            label: self.label.filter(|label| !label.is_empty()),
            return_data,
            account: self.account,
        };
        (self.id, query)
    }
}
