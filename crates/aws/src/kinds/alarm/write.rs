// SPDX-License-Identifier: Apache-2.0
//! Converts an alarm's model to the fields of a spec. AWS's defaults are omitted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::model::{AlarmModel, Query, returns_data};
use super::words::sign;
use crate::tags;

pub(super) fn write(model: &AlarmModel) -> Value {
    let mut fields = Fields::default();
    fields.some("namespace", model.namespace.as_ref());
    fields.some("metric", model.metric.as_ref());
    fields.map("dimensions", &model.dimensions);
    fields.some("statistic", model.statistic.as_ref());
    fields.some("low_sample_percentile", model.low_sample_percentile.as_ref());
    fields.some("period", model.period);
    fields.some("unit", model.unit.as_ref());
    let band = model.threshold_metric.as_deref();
    let metrics: Vec<Value> = model
        .metrics
        .iter()
        .map(|(id, metric)| query(id, metric, returns_data(id, model.metrics.len(), band)))
        .collect();
    fields.some("metrics", (!metrics.is_empty()).then_some(metrics));
    fields.some("promql", model.promql.as_ref());
    fields.some("comparison", model.comparison.as_deref().map(sign));
    fields.some("threshold", model.threshold.map(number));
    fields.some("threshold_metric", band);
    fields.some("evaluation_periods", model.evaluation_periods.filter(|periods| *periods != 1));
    fields.some("datapoints_to_alarm", model.datapoints_to_alarm);
    fields.some("treat_missing_data", model.treat_missing_data.as_ref());
    fields.some("evaluation_window", model.evaluation_window.as_ref());
    fields.some("warm_up", model.warm_up.as_ref());
    fields.some("description", model.description.as_ref());
    fields.set("alarm_actions", &model.alarm_actions);
    fields.set("ok_actions", &model.ok_actions);
    fields.set("insufficient_data_actions", &model.insufficient_data_actions);
    fields.some("actions_enabled", (!model.actions_enabled).then_some(false));
    fields.some("notified_tags", model.notified_tags.as_ref());
    tags::write(&model.tags, &mut fields.0);
    Value::Object(fields.0)
}

fn query(id: &str, query: &Query, default_return_data: bool) -> Value {
    let mut fields = Fields::default();
    fields.some("id", Some(id));
    fields.some("expression", query.expression.as_ref());
    fields.some("namespace", query.namespace.as_ref());
    fields.some("metric", query.metric.as_ref());
    fields.map("dimensions", &query.dimensions);
    fields.some("statistic", query.statistic.as_ref());
    fields.some("period", query.period);
    fields.some("unit", query.unit.as_ref());
    fields.some("label", query.label.as_ref());
    fields.some("return_data", (query.return_data != default_return_data).then_some(query.return_data));
    fields.some("account", query.account.as_ref());
    Value::Object(fields.0)
}

/// Writes a whole number without a fraction: 80 instead of 80.0.
fn number(value: f64) -> Value {
    // An f64 represents every whole number up to 2^53.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        #[allow(clippy::cast_possible_truncation)] // whole, and within an i64
        return json!(value as i64);
    }
    json!(value)
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn some<T: Serialize>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), json!(value));
        }
    }

    fn map(&mut self, name: &str, values: &BTreeMap<String, String>) {
        self.some(name, (!values.is_empty()).then_some(values));
    }

    fn set(&mut self, name: &str, values: &BTreeSet<String>) {
        self.some(name, (!values.is_empty()).then_some(values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::alarm::spec::AlarmSpec;
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;

    fn model(yaml: &str) -> AlarmModel {
        decode::<AlarmSpec>(&parse(yaml, 0).unwrap()).unwrap_or_else(|fault| panic!("{}", fault.message)).into_model()
    }

    /// Asserts that the written spec results in the same model. JSON is valid YAML if no setting is unset.
    fn assert_written(yaml: &str) -> Value {
        let model = model(yaml);
        let written = write(&model);
        assert_eq!(self::model(&written.to_string()), model, "{written}");
        written
    }

    #[test]
    fn a_written_alarm_results_in_the_same_model() {
        let written = assert_written(
            "{namespace: AWS/RDS, metric: CPUUtilization, dimensions: {DBClusterIdentifier: c}, statistic: Maximum, \
             comparison: '>', threshold: 80, period: 15m, tags: {Team: sre}}",
        );
        let expected = json!({
            "namespace": "AWS/RDS", "metric": "CPUUtilization", "dimensions": {"DBClusterIdentifier": "c"},
            "statistic": "Maximum", "period": 900, "comparison": ">", "threshold": 80, "tags": {"Team": "sre"},
        });
        assert_eq!(written, expected);
        assert_written(
            "{namespace: App, metric: Load, statistic: p99.9, low_sample_percentile: ignore, comparison: '<=', \
             threshold: 0.5, period: 300, unit: Percent, evaluation_periods: 3, datapoints_to_alarm: 2, \
             treat_missing_data: notBreaching, evaluation_window: {wall_clock: Europe/Berlin}, \
             warm_up: {minutes: 30, whole_period: true}, description: \"a: b\", alarm_actions: [arn:a], \
             ok_actions: [arn:b], insufficient_data_actions: [arn:c], actions_enabled: false, \
             notified_tags: {included: [Team]}}",
        );
    }

    #[test]
    fn written_queries_result_in_the_same_model() {
        let written = assert_written(
            "{metrics: [{id: rate, expression: errors / calls, label: rate, return_data: true}, \
             {id: errors, namespace: AWS/Lambda, metric: Errors, statistic: Sum, period: 1m}, \
             {id: calls, namespace: AWS/Lambda, metric: Invocations, statistic: Sum, period: 1m, \
             account: \"210987654321\"}], comparison: '>', threshold: 0.1}",
        );
        assert_eq!(
            written["metrics"][2],
            json!({
                "id": "rate", "expression": "errors / calls", "label": "rate", "return_data": true,
            })
        );
        assert_written(
            "{metrics: [{id: m1, namespace: A, metric: B, statistic: Sum, period: 1m, return_data: true}, \
             {id: band, expression: \"ANOMALY_DETECTION_BAND(m1, 2)\"}], \
             comparison: GreaterThanUpperThreshold, threshold_metric: band}",
        );
        assert_written("{promql: {query: up == 0, interval_seconds: 60, pending_seconds: 120}}");
    }

    #[test]
    fn a_whole_number_is_written_without_a_fraction() {
        assert_eq!((number(80.0), number(0.5)), (json!(80), json!(0.5)));
    }
}
