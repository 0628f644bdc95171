//! An alarm, desired or live, in one form.
//!
//! A spec owns an alarm whole, so nothing in it is unstated except tags: none means AWS's default, on both sides. A
//! default that AWS says itself stays as it is; the comparison goes by the meaning.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tags::TagSettings;

/// An alarm, desired or live: on one metric, on the result of several, or on a PromQL query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmModel {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metric: Option<String>,
    pub(super) dimensions: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) statistic: Option<String>,
    /// See [`Self::low_samples`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) low_sample_percentile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) period: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    /// By id: AWS names a query by it, and their order means nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metrics: BTreeMap<String, Query>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) promql: Option<PromQl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comparison: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) threshold: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) threshold_metric: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) evaluation_periods: Option<i32>,
    /// See [`Self::points`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) datapoints_to_alarm: Option<i32>,
    /// See [`Self::missing_data`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) treat_missing_data: Option<String>,
    /// See [`Self::window`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) evaluation_window: Option<Window>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) warm_up: Option<WarmUp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) alarm_actions: BTreeSet<String>,
    pub(super) ok_actions: BTreeSet<String>,
    pub(super) insufficient_data_actions: BTreeSet<String>,
    pub(super) actions_enabled: bool,
    /// None: no tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) notified_tags: Option<NotifiedTags>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
}

impl AlarmModel {
    /// How many periods must be beyond the threshold: all of them where nothing is said.
    pub(super) fn points(&self) -> Option<i32> {
        self.datapoints_to_alarm.or(self.evaluation_periods)
    }

    /// What periods without data count as: `missing` where nothing is said.
    pub(super) fn missing_data(&self) -> &str {
        self.treat_missing_data.as_deref().unwrap_or("missing")
    }

    /// What becomes of percentiles over too few values, where they are not evaluated.
    pub(super) fn low_samples(&self) -> Option<&str> {
        self.low_sample_percentile.as_deref().filter(|word| *word != "evaluate")
    }

    /// The range of time that is evaluated, where it is not a sliding one.
    pub(super) fn window(&self) -> Option<&Window> {
        self.evaluation_window.as_ref().filter(|window| **window != Window::Sliding)
    }

    /// Returns what is sent over a live alarm: what has the same meaning stays in the form that AWS answers.
    pub(super) fn over(&self, live: &Self) -> Self {
        let mut sent = self.clone();
        if self.points() == live.points() {
            sent.datapoints_to_alarm = live.datapoints_to_alarm;
        }
        if self.missing_data() == live.missing_data() {
            sent.treat_missing_data.clone_from(&live.treat_missing_data);
        }
        if self.low_samples() == live.low_samples() {
            sent.low_sample_percentile.clone_from(&live.low_sample_percentile);
        }
        if self.window() == live.window() {
            sent.evaluation_window.clone_from(&live.evaluation_window);
        }
        sent
    }

    /// Says whether an alarm over queries would become one without any.
    pub(super) fn loses_queries(&self, live: &Self) -> bool {
        let loses_metrics = self.metrics.is_empty() && !live.metrics.is_empty();
        loses_metrics || self.promql.is_none() && live.promql.is_some()
    }
}

/// One of several queries: an expression, or a metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Query {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expression: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metric: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) dimensions: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) statistic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) period: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    pub(super) return_data: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
}

/// A PromQL query and when its result fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromQl {
    /// The query. Each entry of its result is a series that can fire.
    pub(super) query: String,
    /// How often it is evaluated: 10, 20, 30 or a multiple of 60 seconds, up to an hour.
    pub(super) interval_seconds: i32,
    /// For how long a series must be in the result before the alarm fires. At once where it is left out.
    #[serde(default)]
    pub(super) pending_seconds: i32,
    /// For how long it must be out of the result before the alarm is over. At once where it is left out.
    #[serde(default)]
    pub(super) recovery_seconds: i32,
}

/// Which range of time is evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The range advances with each evaluation.
    Sliding,
    /// The range ends at the full minute, hour, day or week of this time zone: `UTC`, `Europe/Berlin`, `+05:30`.
    WallClock(String),
}

/// How long a new or changed alarm stays without data and performs no action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// 1 to 2880.
    pub(super) minutes: i32,
    /// Whether it waits that long even if there is data earlier. It does not where it is left out.
    #[serde(default)]
    pub(super) whole_period: bool,
}

/// Which of the alarm's tags are in its notifications and events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifiedTags {
    /// All of them.
    All,
    /// Those with these keys.
    Included(BTreeSet<String>),
    /// All but those with these keys.
    Excluded(BTreeSet<String>),
}

/// Says whether a query returns its data where nobody says so: the only one does, and an anomaly band does.
pub(super) fn returns_data(id: &str, queries: usize, threshold_metric: Option<&str>) -> bool {
    queries == 1 || threshold_metric == Some(id)
}
