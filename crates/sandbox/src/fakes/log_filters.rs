// SPDX-License-Identifier: Apache-2.0
//! The metric filters and subscription filters of log groups. The emulated service loses most of their members.
//!
//! AWS's rules: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>.

use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use super::{Records, now};
use crate::ACCOUNT;
use crate::services::Services;

type Done = Result<Value, (&'static str, &'static str)>;

const NOT_FOUND: &str = "ResourceNotFoundException";
const INVALID: &str = "InvalidParameterException";

pub(super) async fn answer(services: &Services, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let target = request.headers.get("x-amz-target")?.to_str().ok()?;
    let (verb, kind) = match target.rsplit('.').next()? {
        "PutMetricFilter" => ("put", METRIC),
        "DeleteMetricFilter" => ("delete", METRIC),
        "DescribeMetricFilters" => ("describe", METRIC),
        "PutSubscriptionFilter" => ("put", SUBSCRIPTION),
        "DeleteSubscriptionFilter" => ("delete", SUBSCRIPTION),
        "DescribeSubscriptionFilters" => ("describe", SUBSCRIPTION),
        _ => return None,
    };
    let sent: Value = serde_json::from_slice(&request.body).ok()?;
    let group = sent["logGroupName"].as_str();
    let groups = services.logs.snapshot(ACCOUNT, region).await.log_groups;
    let done = if group.is_some_and(|group| !groups.contains_key(group)) {
        Err((NOT_FOUND, "The specified log group does not exist."))
    } else {
        services.memory.with(region, |records| match verb {
            "put" => put(records, kind, sent.clone()),
            "delete" => delete(records, kind, &sent),
            _ => Ok(describe(records, kind, group)),
        })
    };
    Some(match done {
        Ok(answer) => MockResponse::json(200, answer.to_string()),
        Err((code, message)) => MockResponse::json(400, json!({ "__type": code, "message": message }).to_string()),
    })
}

/// A type of filters.
#[derive(Clone, Copy)]
struct Kind {
    /// The member of the answer that lists the filters, and the prefix of their records.
    list: &'static str,
    /// The maximum number of filters of a log group.
    most: usize,
}

const METRIC: Kind = Kind { list: "metricFilters", most: 100 };
const SUBSCRIPTION: Kind = Kind { list: "subscriptionFilters", most: 2 };

impl Kind {
    fn of_group(self, group: &str) -> String {
        format!("{}/{group}:", self.list)
    }

    fn key(self, sent: &Value) -> String {
        let text = |name: &str| sent[name].as_str().unwrap_or_default().to_owned();
        self.of_group(&text("logGroupName")) + &text("filterName")
    }
}

fn put(records: &mut Records, kind: Kind, mut sent: Value) -> Done {
    let key = kind.key(&sent);
    let all = kind.of_group(sent["logGroupName"].as_str().unwrap_or_default());
    if !records.contains_key(&key) && records.keys().filter(|other| other.starts_with(&all)).count() >= kind.most {
        return Err(("LimitExceededException", "Resource limit exceeded."));
    }
    if let Some(destination) = sent["destinationArn"].as_str() {
        let parts: Vec<&str> = destination.split(':').collect();
        let (service, has_role) = (parts.get(2).copied().unwrap_or_default(), sent["roleArn"].is_string());
        match service {
            "lambda" if has_role => {
                return Err((INVALID, "destinationArn for vendor lambda cannot be used with roleArn"));
            }
            "kinesis" | "firehose" if !has_role => {
                return Err((INVALID, "destinationArn for this vendor cannot be used without roleArn"));
            }
            "lambda" if !records.contains_key(&format!("lambda/{}", parts.get(6).copied().unwrap_or_default())) => {
                let message = "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission \
                               to execute your function.";
                return Err((INVALID, message));
            }
            _ => {}
        }
        if sent["distribution"].is_null() {
            sent["distribution"] = "ByLogStream".into();
        }
    }
    let transformation = &sent["metricTransformations"][0];
    let has_dimensions = transformation["dimensions"].as_object().is_some_and(|dimensions| !dimensions.is_empty());
    if transformation["defaultValue"].is_number() && has_dimensions {
        return Err((INVALID, "dimensions and default value are mutually exclusive properties."));
    }
    #[allow(clippy::cast_possible_truncation)] // milliseconds are far below the limit of i64
    let created = (now() * 1000.0) as i64;
    sent["creationTime"] = records.get(&key).map_or_else(|| created.into(), |filter| filter["creationTime"].clone());
    records.insert(key, sent);
    Ok(json!({}))
}

fn delete(records: &mut Records, kind: Kind, sent: &Value) -> Done {
    let deleted = records.remove(&kind.key(sent));
    deleted.map(|_| json!({})).ok_or((NOT_FOUND, "The specified filter does not exist."))
}

fn describe(records: &Records, kind: Kind, group: Option<&str>) -> Value {
    let prefix = group.map_or_else(|| format!("{}/", kind.list), |group| kind.of_group(group));
    let found: Vec<&Value> = records.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, it)| it).collect();
    json!({ kind.list: found })
}

/// Returns the number of metric filters of a log group.
pub(crate) fn metric_filter_count(records: &Records, group: &str) -> usize {
    let prefix = METRIC.of_group(group);
    records.keys().filter(|key| key.starts_with(&prefix)).count()
}

/// Deletes the filters of a deleted log group.
pub(crate) fn forget(records: &mut Records, group: &str) {
    for kind in [METRIC, SUBSCRIPTION] {
        let prefix = kind.of_group(group);
        records.retain(|key, _| !key.starts_with(&prefix));
    }
}
