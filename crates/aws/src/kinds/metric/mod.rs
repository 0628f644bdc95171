// SPDX-License-Identifier: Apache-2.0
//! `cloudwatch.metric`: the dimensions that a metric is published with. It is only read, to find alarms without data.
//!
//! The name is `NAMESPACE:METRIC`, such as `AWS/RDS:CPUUtilization`. ListMetrics returns the metrics that had data in
//! the last two weeks (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>).

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::Client;
use regionctl_core::diff::Diff;
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::CallError;
use crate::live::{Live, read_concurrently};

/// The kind `cloudwatch.metric`.
pub struct Metric;

/// The pages of ListMetrics that are read for one metric. A page has at most 500 entries.
const PAGES: usize = 20;

/// A metric that must be published. It has no fields: regionctl only reads it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudwatchMetric")]
pub struct MetricSpec {}

/// What a metric is published with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MetricModel {
    /// The names of the dimensions of each time series with data in the last two weeks. Empty in a desired model.
    #[serde(default)]
    pub dimensions: BTreeSet<BTreeSet<String>>,
    /// Whether there are more series than were read.
    #[serde(default)]
    pub truncated: bool,
}

/// No operation: AWS publishes metrics.
#[derive(Debug, Serialize, Deserialize)]
pub enum MetricOp {}

/// Returns the name of a metric as a resource. `None` if it could not be told where the namespace ends.
pub fn name(namespace: &str, metric: &str) -> Option<String> {
    (!namespace.contains(':') && !namespace.is_empty()).then(|| format!("{namespace}:{metric}"))
}

impl Kind for Metric {
    const FACTS: Facts = Facts {
        name: "cloudwatch.metric",
        service: "CloudWatch",
        summary: "A metric that is published outside regionctl. It is only read, to find alarms without data.",
        reads: &["ListMetrics"],
        example: "
cloudwatch.metric:
  AWS/RDS:CPUUtilization: # a manual step until it has data
",
        ..Facts::DEFAULT
    };

    type Spec = MetricSpec;
    type Model = MetricModel;
    type Op = MetricOp;

    fn check_name(name: &str) -> Result<(), String> {
        let is_valid =
            name.split_once(':').is_some_and(|(namespace, metric)| !namespace.is_empty() && !metric.is_empty());
        is_valid.then_some(()).ok_or_else(|| {
            format!("'{name}' is not a metric\nwrite NAMESPACE:METRIC, for example AWS/RDS:CPUUtilization")
        })
    }

    fn desire(_: &str, _: MetricSpec, _: &mut Notes<'_>) -> MetricModel {
        MetricModel::default()
    }

    fn relevant(_: Option<&MetricModel>, _: MetricModel) -> MetricModel {
        MetricModel::default()
    }

    fn write(_: &MetricModel) -> Option<Value> {
        Some(Value::Object(Map::new()))
    }

    fn diff(want: &MetricModel, live: Option<&MetricModel>, out: &mut Diff<'_, MetricOp>) {
        let MetricModel { dimensions: _, truncated: _ } = want;
        if live.is_none() {
            out.made_by_others("no data was published for this metric in the last two weeks");
        }
    }
}

impl Live for Metric {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<MetricModel>, CallError> {
        let reads = scope.names.keys().map(|name| (name.clone(), read(api, name)));
        Ok(read_concurrently(reads).await)
    }

    async fn run(_: &Client, _: &StepTarget, op: MetricOp) -> Result<Attributes, CallError> {
        match op {}
    }
}

async fn read(api: &Client, name: &str) -> Result<Option<LiveResource<MetricModel>>, CallError> {
    let Some((namespace, metric)) = name.split_once(':') else { return Ok(None) };
    let mut pages = api.list_metrics().namespace(namespace).metric_name(metric).into_paginator().send();
    let mut model = MetricModel::default();
    for _ in 0..PAGES {
        let Some(page) = pages.next().await.transpose()? else { break };
        model.dimensions.extend(page.metrics().iter().map(names));
        model.truncated = page.next_token().is_some();
    }
    Ok((!model.dimensions.is_empty()).then(|| LiveResource::new(name, model, Attributes::new())))
}

fn names(metric: &aws_sdk_cloudwatch::types::Metric) -> BTreeSet<String> {
    metric.dimensions().iter().filter_map(|dimension| dimension.name().map(ToOwned::to_owned)).collect()
}
