// SPDX-License-Identifier: Apache-2.0
//! S3: bucket names are global, and new buckets are private.
//!
//! - Since April 2023 a new bucket has all four public-access blocks on, ACLs off and SSE-S3 on (S3 User Guide,
//!   "Default settings for new S3 buckets").
//! - A bucket of another account returns 403, and `BucketAlreadyExists` on creation; a bucket of the account in another
//!   region returns 301 (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>,
//!   <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>).
//! - CreateBucket accepts tags.
//! - The target of access logs must exist in the same region, otherwise PutBucketLogging returns
//!   `InvalidTargetBucketForLogging` (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html>). The
//!   emulated service does not store the setting.

use http::HeaderValue;
use winterbaume_core::{MockRequest, MockResponse, StatefulService};
use winterbaume_s3::views::PublicAccessBlockConfigView;

use super::Sent;
use crate::ACCOUNT;
use crate::seed::{FOREIGN_BUCKET, REGIONS};
use crate::services::Services;

/// The default encryption of a bucket.
const SSE_S3: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
    <SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled>\
    </Rule></ServerSideEncryptionConfiguration>";

pub(super) async fn before(services: &Services, region: &str, request: &mut MockRequest) -> Option<MockResponse> {
    let bucket = bucket(&request.uri)?;
    let creates = creates(&request.method, &request.uri);
    if bucket == FOREIGN_BUCKET {
        return Some(if creates {
            error(409, "BucketAlreadyExists", "The requested bucket name is not available.")
        } else {
            error(403, "AccessDenied", "Access Denied")
        });
    }
    let home = home(services, region, &bucket).await?;
    if home == region {
        return if has_query(&request.uri, "logging") {
            logging(services, region, &bucket, request).await
        } else {
            None
        };
    }
    let mut answer = if creates {
        error(409, "BucketAlreadyOwnedByYou", "You own this bucket already, in another region.")
    } else {
        error(301, "PermanentRedirect", "The bucket is in another region.")
    };
    if let Ok(value) = HeaderValue::from_str(&home) {
        answer.headers.insert("x-amz-bucket-region", value);
    }
    Some(answer)
}

pub(super) async fn after(services: &Services, region: &str, sent: &Sent, mut answer: MockResponse) -> MockResponse {
    let Some(name) = bucket(&sent.uri) else { return answer };
    if sent.method == "HEAD"
        && answer.status == 200
        && let Ok(value) = HeaderValue::from_str(region)
    {
        answer.headers.insert("x-amz-bucket-region", value);
    }
    if creates(&sent.method, &sent.uri) && answer.status == 200 {
        let mut view = services.s3.snapshot(ACCOUNT, region).await;
        if let Some(bucket) = view.buckets.get_mut(&name) {
            bucket.public_access_block = Some(PublicAccessBlockConfigView {
                block_public_acls: true,
                ignore_public_acls: true,
                block_public_policy: true,
                restrict_public_buckets: true,
            });
            bucket.ownership_controls = Some("BucketOwnerEnforced".to_owned());
            bucket.encryption_configuration = Some(SSE_S3.to_owned());
            bucket.tags.extend(tags(&sent.body));
        }
        // Restoring a state that this service returned cannot fail.
        let _ = services.s3.restore(ACCOUNT, region, view).await;
    }
    answer
}

/// Returns the tags of a CreateBucket request
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html>), which the emulated service
/// ignores.
fn tags(body: &[u8]) -> Vec<(String, String)> {
    let text = |xml: &str, name: &str| {
        let value = xml.split_once(&format!("<{name}>"))?.1.split_once('<')?.0;
        Some(value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
    };
    let body = String::from_utf8_lossy(body);
    body.split("<Tag>").skip(1).filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?))).collect()
}

/// Returns an error response in S3's format.
pub(crate) fn error(status: u16, code: &str, message: &str) -> MockResponse {
    MockResponse::xml(status, format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
}

/// Answers GetBucketLogging and PutBucketLogging.
async fn logging(services: &Services, region: &str, bucket: &str, request: &MockRequest) -> Option<MockResponse> {
    let mut view = services.s3.snapshot(ACCOUNT, region).await;
    if request.method == "GET" {
        let kept = view.buckets.get(bucket)?.logging_configuration.clone();
        return Some(MockResponse::xml(200, kept.unwrap_or_else(|| "<BucketLoggingStatus/>".to_owned())));
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let target = body.split("<TargetBucket>").nth(1).and_then(|rest| rest.split('<').next());
    if target.is_some_and(|target| !view.buckets.contains_key(target)) {
        let message = "The target bucket for logging does not exist, or is in another region";
        return Some(error(400, "InvalidTargetBucketForLogging", message));
    }
    view.buckets.get_mut(bucket)?.logging_configuration = target.is_some().then_some(body);
    // Restoring a state that this service returned cannot fail.
    let _ = services.s3.restore(ACCOUNT, region, view).await;
    Some(MockResponse::xml(200, ""))
}

pub(crate) fn has_query(uri: &str, name: &str) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|part| part.split('=').next() == Some(name))
}

/// Returns the region of a bucket of the account, if it exists. `region` is searched first.
async fn home(services: &Services, region: &str, bucket: &str) -> Option<String> {
    let others = REGIONS.iter().copied().filter(|other| *other != region);
    for candidate in std::iter::once(region).chain(others) {
        if services.s3.snapshot(ACCOUNT, candidate).await.buckets.contains_key(bucket) {
            return Some(candidate.to_owned());
        }
    }
    None
}

/// Returns whether a request is CreateBucket: `PUT /bucket` without a subresource.
fn creates(method: &str, uri: &str) -> bool {
    method == "PUT" && key(uri).is_empty() && !uri.contains('?')
}

fn split(uri: &str) -> (&str, &str) {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (host, path.split('?').next().unwrap_or_default())
}

/// Returns the bucket, from the host name or the path.
pub(crate) fn bucket(uri: &str) -> Option<String> {
    let (host, path) = split(uri);
    let name = match host.split_once(".s3.") {
        Some((bucket, _)) => bucket,
        None => path.split('/').next()?,
    };
    (!name.is_empty()).then(|| name.to_owned())
}

fn key(uri: &str) -> &str {
    let (host, path) = split(uri);
    if host.contains(".s3.") { path } else { path.split_once('/').map_or("", |(_, key)| key) }
}
