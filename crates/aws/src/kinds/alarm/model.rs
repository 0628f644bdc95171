// SPDX-License-Identifier: Apache-2.0
//! The model of an alarm, desired or live.
//!
//! A spec defines the whole alarm, so only tags can be unstated. `None` means AWS's default. AWS can also return a
//! default explicitly: methods such as [`AlarmModel::points`] return the effective value for the comparison.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actions::NotifiedTags;
use crate::tags::TagSettings;

/// An alarm, desired or live: on one metric, on metric queries, or on a PromQL query.
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
    /// Metric queries by id. Their order has no meaning.
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
    /// `None`: notifications include no tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) notified_tags: Option<NotifiedTags>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
}

impl AlarmModel {
    /// Returns the effective number of datapoints to alarm. Default: all evaluation periods.
    pub(super) fn points(&self) -> Option<i32> {
        self.datapoints_to_alarm.or(self.evaluation_periods)
    }

    /// Returns the effective treatment of missing data. Default: `missing`.
    pub(super) fn missing_data(&self) -> &str {
        self.treat_missing_data.as_deref().unwrap_or("missing")
    }

    /// Returns the treatment of low sample counts, or `None` for the default `evaluate`.
    pub(super) fn low_samples(&self) -> Option<&str> {
        self.low_sample_percentile.as_deref().filter(|value| *value != "evaluate")
    }

    /// Returns the evaluation window, or `None` for the default sliding window.
    pub(super) fn window(&self) -> Option<&Window> {
        self.evaluation_window.as_ref().filter(|window| **window != Window::Sliding)
    }

    /// Returns the alarm to send. A value that equals the live one keeps its live form, explicit or omitted.
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

    /// Whether replacing the live alarm removes all of its metric queries or its PromQL query.
    pub(super) fn loses_queries(&self, live: &Self) -> bool {
        let loses_metrics = self.metrics.is_empty() && !live.metrics.is_empty();
        loses_metrics || self.promql.is_none() && live.promql.is_some()
    }
}

/// A metric data query: an expression, or a metric with its statistic and period.
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

/// A PromQL query and the durations that its contributors must breach or recover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromQl {
    /// The PromQL query, 1 to 10,000 characters. Each entry of the vector that it returns is an alarm contributor.
    pub(super) query: String,
    /// The evaluation interval in seconds: 10, 20, 30 or a multiple of 60, at most 3600.
    pub(super) interval_seconds: i32,
    /// How long a contributor must breach before it goes into ALARM, in seconds, 0 to 86400. Default: 0.
    #[serde(default)]
    pub(super) pending_seconds: i32,
    /// How long a contributor must not breach before it returns to OK, in seconds, 0 to 86400. Default: 0.
    #[serde(default)]
    pub(super) recovery_seconds: i32,
}

/// The evaluation window: the time range of the data that each evaluation uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The range advances with each evaluation. AWS's default.
    Sliding,
    /// The range is aligned to the clock of a time zone, such as `UTC`, `Europe/Berlin` or `+05:30`. The period must be
    /// one minute, five minutes, one hour, one day or one week.
    WallClock(String),
}

/// The warm-up period, in which a new or changed alarm stays in INSUFFICIENT_DATA and runs no actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// The length in minutes, 1 to 2880.
    pub(super) minutes: i32,
    /// Whether evaluation starts only after the whole period, even if data arrives earlier. Default: false.
    #[serde(default)]
    pub(super) whole_period: bool,
}

/// Returns the default of `return_data`: true for a single query and for an anomaly detection band.
pub(super) fn returns_data(id: &str, queries: usize, threshold_metric: Option<&str>) -> bool {
    queries == 1 || threshold_metric == Some(id)
}
