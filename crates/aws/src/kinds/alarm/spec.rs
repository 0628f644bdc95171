// SPDX-License-Identifier: Apache-2.0
//! The spec of an alarm and its conversion to a model.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{AlarmModel, NotifiedTags, PromQl, Query, WarmUp, Window, returns_data};
use super::words::{Comparison, LowSamplePercentile, MissingData, Period, Statistic};
use crate::tags::TagSettings;

/// A metric alarm on one metric (`namespace`, `metric`, `statistic`, `period`), on metric math or a Metrics Insights
/// query (`metrics`), or on a PromQL query (`promql`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudWatchAlarm")]
pub struct AlarmSpec {
    /// The namespace of the metric, such as AWS/RDS.
    pub(super) namespace: Option<String>,
    /// The name of the metric, such as CPUUtilization.
    pub(super) metric: Option<String>,
    /// The dimensions of the metric, at most 30: exactly those that the metric is published with. Otherwise the alarm
    /// has no data and never fires.
    #[serde(default)]
    pub(super) dimensions: BTreeMap<String, String>,
    /// The statistic: Average, Maximum, Minimum, SampleCount, Sum, or an extended statistic such as p99 or TM(10%:90%).
    pub(super) statistic: Option<Statistic>,
    /// Whether a percentile with too few samples is evaluated or ignored. Default: `evaluate`.
    pub(super) low_sample_percentile: Option<LowSamplePercentile>,
    /// The period: 10, 20 or 30 seconds, or whole minutes, such as 900, 15m or 1h.
    pub(super) period: Option<Period>,
    /// The unit of the metric, such as Percent. Data with another unit is ignored. Default: any unit.
    pub(super) unit: Option<String>,
    /// Metrics and expressions instead of a single metric, at most 10 of each. One of them returns the watched data.
    #[serde(default)]
    pub(super) metrics: Vec<QuerySpec>,
    /// A PromQL query instead of metrics, threshold and evaluation periods.
    pub(super) promql: Option<PromQl>,
    /// The comparison operator: `>`, `>=`, `<`, `<=`, or AWS's name for it.
    pub(super) comparison: Option<Comparison>,
    /// The threshold, a number. Excludes `threshold_metric`.
    pub(super) threshold: Option<f64>,
    /// The id of the ANOMALY_DETECTION_BAND expression in `metrics` that replaces `threshold`.
    pub(super) threshold_metric: Option<String>,
    /// The number of most recent periods to evaluate. They cover at most one day, or seven days with a period of one
    /// hour or longer. Default: 1.
    pub(super) evaluation_periods: Option<i32>,
    /// How many datapoints within the evaluation periods must breach the threshold. Default: all.
    pub(super) datapoints_to_alarm: Option<i32>,
    /// How periods without data are treated. Default: `missing`.
    pub(super) treat_missing_data: Option<MissingData>,
    /// The evaluation window: `sliding`, or `{wall_clock: TIME ZONE}`. Default: `sliding`.
    pub(super) evaluation_window: Option<Window>,
    /// The warm-up period: a new or changed alarm stays in INSUFFICIENT_DATA and runs no actions. Default: none.
    pub(super) warm_up: Option<WarmUp>,
    /// The description, at most 1,024 characters. Notifications include it.
    pub(super) description: Option<String>,
    /// The reason why the alarm may watch a metric that is not published, or notify a topic that does not exist.
    pub(super) waiver: Option<String>,
    /// The name of an `sns.topic` of this spec. It is added to `alarm_actions`.
    pub(super) topic: Option<String>,
    /// The ARNs of the actions for the ALARM state, at most five including `topic`.
    #[serde(default)]
    pub(super) alarm_actions: BTreeSet<String>,
    /// The ARNs of the actions for the OK state, at most five.
    #[serde(default)]
    pub(super) ok_actions: BTreeSet<String>,
    /// The ARNs of the actions for the INSUFFICIENT_DATA state, at most five.
    #[serde(default)]
    pub(super) insufficient_data_actions: BTreeSet<String>,
    /// Whether the alarm runs its actions. Default: true.
    pub(super) actions_enabled: Option<bool>,
    /// The alarm's tags to include in notifications and events: `all`, `{included: [KEYS]}` or `{excluded: [KEYS]}`.
    /// Default: none.
    pub(super) notified_tags: Option<NotifiedTags>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
}

/// A metric data query: an expression, or a metric with its statistic and period.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudWatchAlarmMetric")]
pub struct QuerySpec {
    /// The id, which expressions use: a lowercase letter, then letters, digits and underscores.
    pub(super) id: String,
    /// A metric math expression over the ids of other queries, or a Metrics Insights query; 1 to 2,048 characters.
    pub(super) expression: Option<String>,
    /// The namespace of the metric, such as AWS/RDS.
    pub(super) namespace: Option<String>,
    /// The name of the metric, such as CPUUtilization.
    pub(super) metric: Option<String>,
    /// The dimensions of the metric, at most 30: exactly those that the metric is published with.
    #[serde(default)]
    pub(super) dimensions: BTreeMap<String, String>,
    /// The statistic, as in the alarm.
    pub(super) statistic: Option<Statistic>,
    /// The period of the metric or of the expression.
    pub(super) period: Option<Period>,
    /// The unit of the metric, such as Percent. Data with another unit is ignored. Default: any unit.
    pub(super) unit: Option<String>,
    /// The label in graphs.
    pub(super) label: Option<String>,
    /// Whether the query returns data. The alarm watches the one query that does, besides an anomaly detection band.
    /// Default: true for an anomaly detection band and for a single query, otherwise false.
    pub(super) return_data: Option<bool>,
    /// The ID of the account that has the metric. Default: this account.
    pub(super) account: Option<String>,
}

impl AlarmSpec {
    /// Converts the spec to a model. Fields that are left out have AWS's defaults.
    pub(super) fn into_model(self) -> AlarmModel {
        // A PromQL alarm has no evaluation periods.
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
            low_sample_percentile: self.low_sample_percentile.map(|value| value.as_str().to_owned()),
            period: self.period.map(|period| period.0),
            unit: self.unit,
            metrics,
            promql: self.promql,
            comparison: self.comparison.map(|comparison| comparison.as_str().to_owned()),
            threshold: self.threshold,
            threshold_metric: self.threshold_metric,
            evaluation_periods,
            datapoints_to_alarm: self.datapoints_to_alarm,
            treat_missing_data: self.treat_missing_data.map(|value| value.as_str().to_owned()),
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
