// SPDX-License-Identifier: Apache-2.0
//! S3: the replication configuration of a bucket, returned exactly as it was put. It needs versioning
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html>).

use serde_json::Value;
use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use crate::ACCOUNT;
use crate::patches::s3::{bucket, error, has_query};
use crate::services::Services;

pub(super) async fn answer(services: &Services, region: &str, request: &MockRequest) -> Option<MockResponse> {
    if !has_query(&request.uri, "replication") {
        return None;
    }
    let name = bucket(&request.uri)?;
    let view = services.s3.snapshot(ACCOUNT, region).await;
    let there = serde_json::to_value(view.buckets.get(&name)?).ok()?;
    let key = format!("s3/replication/{name}");
    if request.method == "GET" {
        let kept = services.memory.with(region, |records| records.get(&key).cloned());
        return Some(match kept.as_ref().and_then(Value::as_str) {
            Some(text) => MockResponse::xml(200, text.to_owned()),
            None => error(404, "ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
        });
    }
    if request.method == "DELETE" {
        services.memory.with(region, |records| records.remove(&key));
        return Some(MockResponse::xml(204, String::new()));
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    // A configuration has at least one rule (ReplicationConfiguration in the Amazon S3 API Reference).
    if !body.contains("<Rule>") {
        return Some(error(400, "MalformedXML", "The XML you provided did not validate against our published schema"));
    }
    // The two versions of rules cannot be mixed (Amazon S3 User Guide, "Replication configuration file elements").
    let filters = body.matches("<Filter").count();
    if filters != 0 && filters != body.matches("<Rule>").count() {
        return Some(error(400, "InvalidRequest", "Found rules of both versions of the replication configuration"));
    }
    if !there.to_string().contains("\"Enabled\"") {
        let message = "Versioning must be 'Enabled' on the bucket to apply a replication configuration";
        return Some(error(400, "InvalidRequest", message));
    }
    services.memory.with(region, |records| records.insert(key, body.into()));
    Some(MockResponse::xml(200, String::new()))
}
