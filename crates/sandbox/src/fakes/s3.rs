// SPDX-License-Identifier: Apache-2.0
//! S3: settings of a bucket that the emulated service does not store or check. They are returned exactly as they were put.
//!
//! - Replication needs versioning (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html>).
//! - Transfer Acceleration and request payment
//!   (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAccelerateConfiguration.html>,
//!   <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketRequestPayment.html>).
//! - Object Lock needs versioning, which then cannot be suspended
//!   (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>).
//! - The topics of notifications must exist
//!   (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>).

use serde_json::Value;
use winterbaume_core::{MockRequest, MockResponse, StatefulService};
use winterbaume_s3::views::BucketStateView;

use crate::ACCOUNT;
use crate::patches::s3::{bucket, error, has_query};
use crate::services::Services;

/// The subresources that are stored here.
const STORED: [&str; 3] = ["replication", "accelerate", "requestPayment"];

/// The subresources that the emulated service stores. A change of them is checked here.
const CHECKED: [&str; 3] = ["object-lock", "versioning", "notification"];

pub(super) async fn answer(services: &Services, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let is_put = request.method == "PUT";
    let mut subresources = STORED.into_iter().chain(CHECKED.into_iter().filter(|_| is_put));
    let subresource = subresources.find(|name| has_query(&request.uri, name))?;
    let name = bucket(&request.uri)?;
    let view = services.s3.snapshot(ACCOUNT, region).await;
    let there = view.buckets.get(&name)?;
    let body = String::from_utf8_lossy(&request.body).into_owned();
    match subresource {
        "replication" => Some(replication(services, region, &name, there, request, body)),
        "accelerate" if is_put && name.contains('.') => {
            let message = "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names";
            Some(error(400, "InvalidRequest", message))
        }
        "accelerate" => Some(kept(services, region, &name, subresource, request, body, "<AccelerateConfiguration/>")),
        "requestPayment" => {
            let default = "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>";
            Some(kept(services, region, &name, subresource, request, body, default))
        }
        "object-lock" if !is_versioned(there) => {
            let message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration";
            Some(error(409, "InvalidBucketState", message))
        }
        "versioning" if there.object_lock_configuration.is_some() && body.contains("Suspended") => {
            let message =
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
            Some(error(409, "InvalidBucketState", message))
        }
        "notification" => missing_topic(services, region, &body).await,
        _ => None,
    }
}

/// Stores or returns a document.
fn kept(
    services: &Services,
    region: &str,
    bucket: &str,
    subresource: &str,
    request: &MockRequest,
    body: String,
    default: &str,
) -> MockResponse {
    let key = format!("s3/{subresource}/{bucket}");
    if request.method == "GET" {
        let kept = services.memory.with(region, |records| records.get(&key).cloned());
        return MockResponse::xml(200, kept.as_ref().and_then(Value::as_str).unwrap_or(default).to_owned());
    }
    services.memory.with(region, |records| records.insert(key, body.into()));
    MockResponse::xml(200, String::new())
}

fn is_versioned(bucket: &BucketStateView) -> bool {
    bucket.versioning_status.as_deref() == Some("Enabled")
}

/// Rejects notifications to a topic that does not exist.
async fn missing_topic(services: &Services, region: &str, body: &str) -> Option<MockResponse> {
    let view = services.sns.snapshot(ACCOUNT, region).await;
    let mut topics = body.split("<Topic>").skip(1).filter_map(|rest| rest.split('<').next());
    topics.find(|topic| !view.topics.contains_key(*topic))?;
    Some(error(400, "InvalidArgument", "Unable to validate the following destination configurations"))
}

fn replication(
    services: &Services,
    region: &str,
    bucket: &str,
    there: &BucketStateView,
    request: &MockRequest,
    body: String,
) -> MockResponse {
    let key = format!("s3/replication/{bucket}");
    if request.method == "GET" {
        let kept = services.memory.with(region, |records| records.get(&key).cloned());
        return match kept.as_ref().and_then(Value::as_str) {
            Some(text) => MockResponse::xml(200, text.to_owned()),
            None => error(404, "ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
        };
    }
    if request.method == "DELETE" {
        services.memory.with(region, |records| records.remove(&key));
        return MockResponse::xml(204, String::new());
    }
    // A configuration has at least one rule (ReplicationConfiguration in the Amazon S3 API Reference).
    if !body.contains("<Rule>") {
        return error(400, "MalformedXML", "The XML you provided did not validate against our published schema");
    }
    // The two versions of rules cannot be mixed (Amazon S3 User Guide, "Replication configuration file elements").
    let filters = body.matches("<Filter").count();
    if filters != 0 && filters != body.matches("<Rule>").count() {
        return error(400, "InvalidRequest", "Found rules of both versions of the replication configuration");
    }
    if !is_versioned(there) {
        let message = "Versioning must be 'Enabled' on the bucket to apply a replication configuration";
        return error(400, "InvalidRequest", message);
    }
    services.memory.with(region, |records| records.insert(key, body.into()));
    MockResponse::xml(200, String::new())
}
