// SPDX-License-Identifier: Apache-2.0
//! The layers of every call, on replayed answers: the rate limiter, counts of throttled requests, and audit events.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use futures::future::join_all;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::{Access, Call, Session, SessionSettings};
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Scope};
use regionctl_core::resource::address::Address;
use regionctl_core::resource::reference::Attributes;
use serde_json::{Value, json};

use crate::replay::{Replay, location, open};

/// An HTTP client whose requests are never answered.
#[derive(Debug, Clone)]
struct Silent;

impl HttpConnector for Silent {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }
}

impl HttpClient for Silent {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self)
    }
}

async fn silent() -> Aws {
    let credentials = SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "silent"));
    let settings = SessionSettings {
        region: "eu-central-1".to_owned(),
        profile: None,
        role: None,
        endpoint_url: None,
        access: Access::ReadOnly,
        http: Some((SharedHttpClient::new(Silent), credentials)),
        on_pause: None,
    };
    Aws::new(Session::open(settings).await)
}

fn lookup() -> Call {
    Call { service: "CloudTrail".to_owned(), operation: "LookupEvents".to_owned() }
}

/// CloudTrail allows two lookups per second. What waits is not signed and not sent, so no timeout and no guard for
/// stalled requests includes the wait.
#[tokio::test]
async fn calls_beyond_the_rate_wait_before_their_attempt() {
    let aws = silent().await;
    let (address, location, attributes) = (Address::new("sns.topic", "a"), location(), Attributes::new());
    let lookups = join_all((0..10).map(|_| aws.audit_events(&address, &location, &attributes)));
    let mut lookups = std::pin::pin!(lookups);
    for _ in 0..50 {
        assert!(futures::poll!(&mut lookups).is_pending());
        tokio::task::yield_now().await;
    }
    let count = aws.session().calls()[&lookup()];
    assert_eq!((count.calls, count.attempts), (10, 2));
}

/// Most services throttle with HTTP status 400, so only the error code tells.
#[tokio::test]
async fn throttled_requests_are_counted_by_their_code() {
    let throttled =
        "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    let topics = "<ListTopicsResponse><ListTopicsResult><Topics/></ListTopicsResult></ListTopicsResponse>";
    let replay = Replay::new(&[(400, throttled), (200, topics)]);
    let aws = open(&replay).await;
    aws.list("sns.topic", &location()).await.unwrap();
    let (_, count) = aws.session().calls().into_iter().next().unwrap();
    assert_eq!((count.calls, count.attempts, count.throttled), (1, 2, 1));
}

fn event(source: &str, name: &str, read_only: bool) -> Value {
    json!({
        "EventId": "1", "EventName": name, "ReadOnly": read_only.to_string(), "EventTime": 1_700_000_000,
        "EventSource": source, "Username": "ann",
        "CloudTrailEvent": json!({"userIdentity": {"arn": "arn:aws:iam::123456789012:user/ann"}}).to_string(),
    })
}

async fn events(replay: &Replay) -> Vec<String> {
    let address = Address::new("sns.topic", "orders");
    let aws = open(replay).await;
    let found = aws.audit_events(&address, &location(), &Attributes::new()).await.unwrap();
    found.into_iter().map(|event| event.event).collect()
}

/// A lookup by name returns reads too, and events of other services' resources with that name.
#[tokio::test]
async fn audit_events_are_the_changes_by_the_kinds_own_service() {
    let reads: Vec<Value> = (0..50).map(|_| event("sns.amazonaws.com", "GetTopicAttributes", true)).collect();
    let first = json!({"Events": reads, "NextToken": "2"}).to_string();
    let others =
        [event("s3.amazonaws.com", "DeleteBucket", false), event("sns.amazonaws.com", "SetTopicAttributes", false)];
    let second = json!({"Events": others}).to_string();
    let replay = Replay::new(&[(200, first.leak()), (200, second.leak())]);
    assert_eq!(events(&replay).await, ["SetTopicAttributes"]);
    assert!(replay.requests()[1].contains(r#""NextToken":"2""#), "{:?}", replay.requests());
}

#[tokio::test]
async fn audit_events_are_read_from_a_limited_number_of_pages() {
    let page = json!({"Events": [event("sns.amazonaws.com", "Publish", true)], "NextToken": "more"}).to_string();
    let page: &'static str = page.leak();
    let replay = Replay::new(&[(200, page); 9]);
    assert!(events(&replay).await.is_empty());
    assert_eq!(replay.requests().len(), 4);
}

/// A report is useful without audit events, and must not wait for retries.
#[tokio::test]
async fn a_failed_lookup_of_audit_events_is_not_repeated() {
    let replay = Replay::new(&[(500, "{}"), (500, "{}")]);
    let (address, location) = (Address::new("sns.topic", "orders"), location());
    let found = open(&replay).await.audit_events(&address, &location, &Attributes::new()).await;
    assert!(found.is_err());
    assert_eq!(replay.requests().len(), 1);
}

/// S3 answers HEAD with 403 whoever owns the bucket, so the name is not said to be taken.
#[tokio::test]
async fn a_bucket_that_may_not_be_listed_is_a_missing_permission() {
    let replay = Replay::new(&[(403, "")]);
    let mut scope = Scope::of(location());
    scope.ask("data-bucket", Depth::existence());
    let found = open(&replay).await.observe("s3.bucket", scope).await.unwrap();
    let (_, failure) = &found.gaps[0];
    assert_eq!(failure.class, FailureClass::Denied);
    assert!(failure.message.contains("s3:ListBucket"), "{failure}");
}
