// SPDX-License-Identifier: Apache-2.0
//! CloudWatch Logs: a log group has a key, a class and deletion protection
//! (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>), and cannot be
//! deleted while it is protected
//! (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogGroupDeletionProtection.html>). The
//! emulated service supports none of it.

use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use super::Sent;
use crate::ACCOUNT;
use crate::fakes::log_filters;
use crate::services::Services;

pub(super) async fn before(services: &Services, region: &str, request: &mut MockRequest) -> Option<MockResponse> {
    let target = request.headers.get("x-amz-target")?.to_str().ok()?;
    if !target.ends_with(".DeleteLogGroup") {
        return None;
    }
    let sent: Value = serde_json::from_slice(&request.body).ok()?;
    let name = sent["logGroupName"].as_str()?;
    let view = services.logs.snapshot(ACCOUNT, region).await;
    if view.log_groups.get(name)?.deletion_protection_enabled {
        let message = "The log group has deletion protection enabled";
        return Some(MockResponse::json(
            400,
            json!({ "__type": "ValidationException", "message": message }).to_string(),
        ));
    }
    services.memory.with(region, |records| {
        records.remove(&class_of(name));
        log_filters::forget(records, name);
    });
    None
}

pub(super) async fn after(services: &Services, region: &str, sent: &Sent, mut answer: MockResponse) -> MockResponse {
    if answer.status != 200 {
        return answer;
    }
    if let Ok(request) = serde_json::from_slice::<Value>(&sent.body) {
        keep(services, region, &request).await;
    }
    let Ok(mut listed) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
    // Only DescribeLogGroups has this field.
    let Some(groups) = listed["logGroups"].as_array_mut() else { return answer };
    let view = services.logs.snapshot(ACCOUNT, region).await;
    for group in groups {
        let Some((name, kept)) = group["logGroupName"].as_str().and_then(|name| view.log_groups.get_key_value(name))
        else {
            continue;
        };
        let (class, filters) = services.memory.with(region, |records| {
            (records.get(&class_of(name)).cloned(), log_filters::metric_filter_count(records, name))
        });
        group["metricFilterCount"] = filters.into();
        group["logGroupClass"] = class.unwrap_or_else(|| "STANDARD".into());
        group["deletionProtectionEnabled"] = kept.deletion_protection_enabled.into();
        if let Some(key) = &kept.kms_key_id {
            group["kmsKeyId"] = key.as_str().into();
        }
    }
    answer.body = listed.to_string().into();
    answer
}

/// Stores key, class and deletion protection of a request. The emulated service ignores them in CreateLogGroup.
async fn keep(services: &Services, region: &str, request: &Value) {
    let Some(name) = request["logGroupName"].as_str() else { return };
    let (key, protection) = (request["kmsKeyId"].as_str(), request["deletionProtectionEnabled"].as_bool());
    if let Some(class) = request["logGroupClass"].as_str() {
        services.memory.with(region, |records| records.insert(class_of(name), class.into()));
    }
    if key.is_none() && protection.is_none() {
        return;
    }
    let mut view = services.logs.snapshot(ACCOUNT, region).await;
    if let Some(group) = view.log_groups.get_mut(name) {
        group.kms_key_id = key.map(ToOwned::to_owned).or(group.kms_key_id.take());
        group.deletion_protection_enabled = protection.unwrap_or(group.deletion_protection_enabled);
    }
    // Restoring a state that this service returned cannot fail.
    let _ = services.logs.restore(ACCOUNT, region, view).await;
}

fn class_of(name: &str) -> String {
    format!("log-group-class/{name}")
}
