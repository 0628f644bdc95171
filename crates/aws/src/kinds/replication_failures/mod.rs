// SPDX-License-Identifier: Apache-2.0
//! `s3.replication_failures`: how many operations of a replication rule failed in the last 24 hours. It is only read, to
//! find replication that fails.
//!
//! The name is `BUCKET/DESTINATION/RULE`. S3 publishes the metric `OperationsFailedReplication` in the region of the
//! source bucket, for rules with replication metrics
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html>).

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StatusCode as Completeness,
};
use regionctl_core::diff::Diff;
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::observe::seen::{Lookup, Seen};
use regionctl_core::resource::reference::Attributes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::CallError;
use crate::live::{Live, collect_results};

/// The name of the kind, for the kind that asks for it.
pub const NAME: &str = "s3.replication_failures";

/// Seconds of an hour, the period of the values.
const HOUR: i64 = 3600;

/// The kind `s3.replication_failures`.
pub struct ReplicationFailures;

/// A replication rule whose failures are read. It has no fields.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3ReplicationFailures")]
pub struct FailuresSpec {}

/// The failures of a replication rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FailuresModel {
    /// The operations on objects that failed in the last 24 hours. `None` in a desired model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<u64>,
}

/// No operation: S3 publishes the metric.
#[derive(Debug, Serialize, Deserialize)]
pub enum FailuresOp {}

/// Returns how many operations of a rule failed in the last 24 hours. `None` if none did, or if it is not known.
pub(super) fn failed(seen: &Seen<'_>, region: &str, bucket: &str, destination: &str, rule: &str) -> Option<u64> {
    match seen.at(region, NAME, &format!("{bucket}/{destination}/{rule}")) {
        Lookup::Exists(Some(model)) => {
            serde_json::from_value::<FailuresModel>(model.clone()).ok()?.failed.filter(|failed| *failed > 0)
        }
        _ => None,
    }
}

impl Kind for ReplicationFailures {
    const FACTS: Facts = Facts {
        name: "s3.replication_failures",
        service: "CloudWatch",
        summary: "The failed operations of a replication rule with metrics. They are only read, to find replication \
                  that fails.",
        reads: &["GetMetricData"],
        example: "
s3.replication_failures:
  originals/copies/all: # a manual step until S3 publishes the rule's metrics
",
        ..Facts::DEFAULT
    };

    type Spec = FailuresSpec;
    type Model = FailuresModel;
    type Op = FailuresOp;

    fn check_name(name: &str) -> Result<(), String> {
        let message = || format!("'{name}' is not a replication rule\nwrite BUCKET/DESTINATION/RULE");
        parts(name).map(|_| ()).ok_or_else(message)
    }

    fn desire(_: &str, _: FailuresSpec, _: &mut Notes<'_>) -> FailuresModel {
        FailuresModel::default()
    }

    fn relevant(_: Option<&FailuresModel>, _: FailuresModel) -> FailuresModel {
        FailuresModel::default()
    }

    fn write(_: &FailuresModel) -> Option<Value> {
        Some(Value::Object(Map::new()))
    }

    fn diff(want: &FailuresModel, live: Option<&FailuresModel>, out: &mut Diff<'_, FailuresOp>) {
        let FailuresModel { failed: _ } = want;
        if live.is_none() {
            out.made_by_others("S3 published no metrics of this rule in the last 24 hours");
        }
    }
}

impl Live for ReplicationFailures {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<FailuresModel>, CallError> {
        let names: Vec<&String> = scope.names.keys().collect();
        let mut read = Vec::new();
        // A request has at most 500 queries.
        for names in names.chunks(500) {
            let results = results(api, names).await?;
            for (index, name) in names.iter().enumerate() {
                let resource = match results.get(&id(index)).map_or(Ok(None), |found| sum(found)) {
                    Ok(None) => continue,
                    Ok(failed) => Ok(LiveResource::new(name.as_str(), FailuresModel { failed }, Attributes::new())),
                    Err(error) => Err(error),
                };
                read.push(((*name).clone(), resource));
            }
        }
        Ok(collect_results(read))
    }

    async fn run(_: &Client, _: &StepTarget, op: FailuresOp) -> Result<Attributes, CallError> {
        match op {}
    }
}

/// Splits a name into bucket, destination and rule. Only the ID of a rule can contain a slash.
fn parts(name: &str) -> Option<[&str; 3]> {
    let mut parts = name.splitn(3, '/').filter(|part| !part.is_empty());
    Some([parts.next()?, parts.next()?, parts.next()?])
}

/// Returns the ID of a query: it must start with a lowercase letter.
fn id(index: usize) -> String {
    format!("rule{index}")
}

/// Asks for the metric of each rule. The results of one query can be on several pages.
async fn results(api: &Client, names: &[&String]) -> Result<BTreeMap<String, Vec<MetricDataResult>>, CallError> {
    #[expect(clippy::disallowed_methods, reason = "the last 24 hours are relative to the present")]
    let now = DateTime::from(SystemTime::now());
    // The values are of whole hours.
    let start = DateTime::from_secs((now.secs() / HOUR - 24) * HOUR);
    let call = api.get_metric_data().start_time(start).end_time(now);
    let queries = names.iter().enumerate().filter_map(|(index, name)| Some(query(&id(index), parts(name)?)));
    let mut pages = call.set_metric_data_queries(Some(queries.collect())).into_paginator().send();
    let mut found = BTreeMap::<String, Vec<MetricDataResult>>::new();
    while let Some(page) = pages.next().await {
        for result in page?.metric_data_results.unwrap_or_default() {
            found.entry(result.id().unwrap_or_default().to_owned()).or_default().push(result);
        }
    }
    Ok(found)
}

fn query(id: &str, [bucket, destination, rule]: [&str; 3]) -> MetricDataQuery {
    let dimensions = [("SourceBucket", bucket), ("DestinationBucket", destination), ("RuleId", rule)];
    let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let metric = Metric::builder().namespace("AWS/S3").metric_name("OperationsFailedReplication");
    let metric = metric.set_dimensions(Some(dimensions.into())).build();
    let stat = MetricStat::builder().metric(metric).period(3600).stat("Sum").build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

/// Returns the sum of a query's values; `None` if there are none.
///
/// # Errors
/// CloudWatch could not return all values.
fn sum(results: &[MetricDataResult]) -> Result<Option<u64>, CallError> {
    let incomplete = results.last().and_then(|last| last.status_code()).filter(|code| **code != Completeness::Complete);
    if let Some(code) = incomplete {
        return Err(CallError::unknown("CloudWatch GetMetricData", "the status of a result", code.as_str()));
    }
    let values: Vec<f64> = results.iter().flat_map(MetricDataResult::values).copied().collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts is a whole number")]
    let sum = values.iter().sum::<f64>() as u64;
    Ok((!values.is_empty()).then_some(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(code: Completeness, values: &[f64]) -> MetricDataResult {
        MetricDataResult::builder().id("rule0").status_code(code).set_values(Some(values.to_vec())).build()
    }

    #[test]
    fn the_values_of_all_pages_are_added_and_an_incomplete_result_is_unknown() {
        let partial = result(Completeness::PartialData, &[1.0, 2.0]);
        assert_eq!(sum(&[partial.clone(), result(Completeness::Complete, &[4.0])]).unwrap(), Some(7));
        assert_eq!(sum(&[result(Completeness::Complete, &[])]).unwrap(), None);
        assert!(sum(&[partial]).is_err() && sum(&[result(Completeness::Forbidden, &[])]).is_err());
    }

    #[test]
    fn a_rule_may_contain_slashes() {
        assert_eq!(parts("a/b/c/d"), Some(["a", "b", "c/d"]));
        assert_eq!(parts("a/b"), None);
    }
}
