// SPDX-License-Identifier: Apache-2.0
//! Answers and errors of S3 buckets that no emulator gives: every member, values of later versions of S3, regions
//! without a feature, and errors of HeadBucket.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Observation, Scope};
use regionctl_core::spec;
use regionctl_core::spec::write::yaml;
use serde_json::{Value, json};

use crate::replay::{Replay, location, open, run};

const KIND: &str = "s3.bucket";

const WEBSITE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<WebsiteConfiguration \
    xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument>\
    <Key>error.html</Key></ErrorDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals>\
    <HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><Protocol>https</Protocol><HostName>\
    example.com</HostName><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith><HttpRedirectCode>302</HttpRedirectCode></Redirect>\
    </RoutingRule><RoutingRule><Redirect><ReplaceKeyWith>a</ReplaceKeyWith></Redirect></RoutingRule></RoutingRules>\
    </WebsiteConfiguration>";

/// S3 capitalizes the names of filter rules in its answers.
const NOTIFICATIONS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NotificationConfiguration \
    xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TopicConfiguration><Id>t</Id><Topic>\
    arn:aws:sns:eu-central-1:123456789012:t</Topic><Event>s3:ObjectCreated:Put</Event><Event>s3:ObjectCreated:Copy</Event>\
    <Filter><S3Key><FilterRule><Name>Prefix</Name><Value>in/</Value></FilterRule><FilterRule><Name>Suffix</Name><Value>.jpg\
    </Value></FilterRule></S3Key></Filter></TopicConfiguration><QueueConfiguration><Id>q</Id><Queue>\
    arn:aws:sqs:eu-central-1:123456789012:q</Queue><Event>s3:ObjectRemoved:*</Event><Filter><S3Key><FilterRule><Name>Prefix\
    </Name><Value></Value></FilterRule></S3Key></Filter></QueueConfiguration><CloudFunctionConfiguration><Id>f</Id>\
    <CloudFunction>arn:aws:lambda:eu-central-1:123456789012:function:f</CloudFunction><Event>s3:ObjectRestore:*</Event>\
    </CloudFunctionConfiguration><EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>";

const LOCK: &str = "<ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ObjectLockEnabled>Enabled\
    </ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Years>7</Years><DefaultEventHold><Days>5</Days>\
    </DefaultEventHold></DefaultRetention></Rule></ObjectLockConfiguration>";

const VERSIONED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

/// Observes parts of a bucket. The first answer is for HeadBucket.
async fn observe(parts: &[&str], answers: &[(u16, &'static str)]) -> Observation<Value> {
    let mut scope = Scope::of(location());
    scope.ask("data-bucket", Depth::Named(parts.iter().map(|part| (*part).to_owned()).collect()));
    let answers: Vec<_> = std::iter::once((200, "")).chain(answers.iter().copied()).collect();
    open(&Replay::new(&answers)).await.observe(KIND, scope).await.unwrap()
}

/// Reads parts, and asserts that the spec written from the model has that model (law 11).
async fn read(parts: &[&str], answers: &[(u16, &'static str)]) -> Value {
    let found = observe(parts, answers).await;
    let [seen] = found.resources.as_slice() else { panic!("{found:?}") };
    let kind = REGISTRY.of(KIND);
    let written = yaml(&kind.write(&seen.model).unwrap().unwrap(), 4);
    let text = format!("region: eu-central-1\naccount: '123456789012'\n{KIND}:\n  data-bucket:\n{written}");
    let source = |_: &str| Ok(text.clone());
    let spec = spec::read("spec.yaml", &source, REGISTRY, &mut SourceFiles::default()).unwrap();
    let draft = kind.diff(&spec.wants[0].model, Some(seen), &DiffContext::default()).unwrap();
    assert!(draft.fields.is_empty() && draft.blocked.is_empty(), "{draft:?}");
    seen.model.clone()
}

async fn assert_gap(parts: &[&str], answers: &[(u16, &'static str)], named: &str) {
    let found = observe(parts, answers).await;
    assert!(found.resources.is_empty(), "{named}: {found:?}");
    let (_, failure) = &found.gaps[0];
    assert!(failure.class == FailureClass::Unknown && failure.message.contains(named), "{named}: {failure}");
}

#[tokio::test]
async fn every_member_of_a_website_is_read() {
    let model = read(&["website"], &[(200, WEBSITE)]).await;
    let expected = json!({"index": "index.html", "error": "error.html", "routing_rules": [
        {"key_prefix": "old/", "error_code": 404, "host": "example.com", "protocol": "https", "replace_prefix": "new/",
            "redirect_code": 302},
        {"replace_key": "a"},
    ]});
    assert_eq!(model["website"], expected);
    let all = "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>a.org</HostName><Protocol>http</Protocol>\
               </RedirectAllRequestsTo></WebsiteConfiguration>";
    let model = read(&["website"], &[(200, all)]).await;
    assert_eq!(model["website"], json!({"redirect_all": {"host": "a.org", "protocol": "http"}}));
    let none = "<Error><Code>NoSuchWebsiteConfiguration</Code><Message>none</Message></Error>";
    assert_eq!(read(&["website"], &[(404, none)]).await["website"], Value::Null);
}

#[tokio::test]
async fn every_member_of_notifications_is_read() {
    let model = read(&["notifications"], &[(200, NOTIFICATIONS)]).await;
    let expected = json!({
        "t": {"topic": "arn:aws:sns:eu-central-1:123456789012:t", "events": ["s3:ObjectCreated:Copy",
            "s3:ObjectCreated:Put"], "prefix": "in/", "suffix": ".jpg"},
        "q": {"queue": "arn:aws:sqs:eu-central-1:123456789012:q", "events": ["s3:ObjectRemoved:*"]},
        "f": {"function": "arn:aws:lambda:eu-central-1:123456789012:function:f", "events": ["s3:ObjectRestore:*"]},
    });
    assert_eq!((&model["notifications"], &model["eventbridge"]), (&expected, &json!(true)));
    let model = read(&["eventbridge"], &[(200, "<NotificationConfiguration/>")]).await;
    assert_eq!((&model["notifications"], &model["eventbridge"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn every_member_of_object_lock_is_read() {
    // Concurrent calls are answered in the order in which they are sent.
    let model = read(&["versioning", "object_lock"], &[(200, VERSIONED), (200, LOCK)]).await;
    let expected = json!({"retention": {"mode": "COMPLIANCE", "years": 7}, "event_hold": {"days": 5}});
    assert_eq!(model["object_lock"], expected);
    let none = "<Error><Code>ObjectLockConfigurationNotFoundError</Code><Message>none</Message></Error>";
    assert_eq!(read(&["object_lock"], &[(404, none)]).await["object_lock"], Value::Null);
}

#[tokio::test]
async fn payer_and_acceleration_have_defaults() {
    let payer = "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>";
    assert_eq!(read(&["request_payment"], &[(200, payer)]).await["request_payment"], "Requester");
    let empty = "<RequestPaymentConfiguration/>";
    assert_eq!(read(&["request_payment"], &[(200, empty)]).await["request_payment"], "BucketOwner");
    for (answer, expected) in [
        ((200, "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>"), json!("Enabled")),
        ((200, "<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>"), Value::Null),
        ((200, "<AccelerateConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>"), Value::Null),
        // Regions without Transfer Acceleration.
        ((400, "<Error><Code>UnsupportedArgument</Code><Message>not here</Message></Error>"), Value::Null),
        ((405, "<Error><Code>MethodNotAllowed</Code><Message>not here</Message></Error>"), Value::Null),
    ] {
        assert_eq!(read(&["acceleration"], &[answer]).await["acceleration"], expected, "{answer:?}");
    }
}

#[tokio::test]
async fn an_unknown_value_makes_the_bucket_a_gap() {
    let changed = |text: &str, from: &str, to: &str| -> &'static str {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).leak()
    };
    assert_gap(&["website"], &[(200, changed(WEBSITE, "https<", "gopher<"))], "'gopher'").await;
    assert_gap(&["notifications"], &[(200, changed(NOTIFICATIONS, "Suffix", "Infix"))], "'Infix'").await;
    assert_gap(&["notifications"], &[(200, changed(NOTIFICATIONS, "<Id>t</Id>", ""))], "(no id)").await;
    assert_gap(&["object_lock"], &[(200, changed(LOCK, "COMPLIANCE", "ETERNAL"))], "'ETERNAL'").await;
    let payer = "<RequestPaymentConfiguration><Payer>Everyone</Payer></RequestPaymentConfiguration>";
    assert_gap(&["request_payment"], &[(200, payer)], "'Everyone'").await;
    let state = "<AccelerateConfiguration><Status>Paused</Status></AccelerateConfiguration>";
    assert_gap(&["acceleration"], &[(200, state)], "'Paused'").await;
}

#[tokio::test]
async fn a_denied_setting_makes_the_bucket_a_gap() {
    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    for part in ["website", "request_payment", "acceleration", "notifications", "object_lock"] {
        let found = observe(&[part], &[(403, denied)]).await;
        assert_eq!(found.gaps[0].1.class, FailureClass::Denied, "{part}: {found:?}");
    }
}

#[tokio::test]
async fn settings_that_the_spec_does_not_state_are_not_read() {
    let mut scope = Scope::of(location());
    scope.ask("data-bucket", Depth::existence());
    let replay = Replay::new(&[(200, "")]);
    open(&replay).await.observe(KIND, scope).await.unwrap();
    assert_eq!(replay.requests().len(), 1);
}

/// HEAD responses have no body: 403 also if the caller lacks `s3:ListBucket`, and 301 in another region.
#[tokio::test]
async fn a_failed_head_request_names_its_possible_causes() {
    for (status, class, named) in [
        (403, FailureClass::Denied, "the caller lacks `s3:ListBucket`"),
        (301, FailureClass::Taken, "exists in another region"),
        (400, FailureClass::Invalid, "HTTP status 400"),
    ] {
        let mut scope = Scope::of(location());
        scope.ask("data-bucket", Depth::existence());
        let found = open(&Replay::new(&[(status, "")])).await.observe(KIND, scope).await.unwrap();
        let (_, failure) = &found.gaps[0];
        assert!(failure.class == class && failure.message.contains(named), "{status}: {failure}");
    }
    let mut scope = Scope::of(location());
    scope.ask("data-bucket", Depth::existence());
    let found = open(&Replay::new(&[(404, "")])).await.observe(KIND, scope).await.unwrap();
    assert!(found.resources.is_empty() && found.gaps.is_empty(), "{found:?}");
}

#[tokio::test]
async fn notifications_of_others_are_sent_back_with_every_member() {
    let replay = Replay::new(&[(200, NOTIFICATIONS), (200, "")]);
    let new = json!({"queue": "arn:aws:sqs:eu-central-1:123456789012:new", "events": ["s3:LifecycleTransition"]});
    let op = json!({"PutBucketNotificationConfiguration": {"notifications": {"new": new, "q": null}}});
    run(&replay, KIND, op).await.unwrap();
    let sent = &replay.requests()[1];
    for part in [
        "<Id>t</Id><Topic>arn:aws:sns:eu-central-1:123456789012:t</Topic>",
        "<Event>s3:ObjectCreated:Put</Event><Event>s3:ObjectCreated:Copy</Event>",
        "<FilterRule><Name>Prefix</Name><Value>in/</Value></FilterRule>",
        "<FilterRule><Name>Suffix</Name><Value>.jpg</Value></FilterRule>",
        "<Id>f</Id><CloudFunction>arn:aws:lambda:eu-central-1:123456789012:function:f</CloudFunction>",
        "<Id>new</Id><Queue>arn:aws:sqs:eu-central-1:123456789012:new</Queue>",
        "EventBridgeConfiguration",
    ] {
        assert!(sent.contains(part), "{part}: {sent}");
    }
    assert!(!sent.contains("<Id>q</Id>"), "{sent}");
}

#[tokio::test]
async fn turning_eventbridge_off_keeps_all_notifications() {
    let replay = Replay::new(&[(200, NOTIFICATIONS), (200, "")]);
    let op = json!({"PutBucketNotificationConfiguration": {"notifications": {}, "eventbridge": false}});
    run(&replay, KIND, op).await.unwrap();
    let sent = &replay.requests()[1];
    assert!(!sent.contains("EventBridge") && sent.matches("<Id>").count() == 3, "{sent}");
}

/// The policy of a new topic takes effect after some seconds.
#[tokio::test]
async fn a_destination_that_is_not_ready_is_retried() {
    let error = "<Error><Code>InvalidArgument</Code><Message>Unable to validate the following destination configurations\
                 </Message></Error>";
    let empty = "<NotificationConfiguration/>";
    let replay = Replay::new(&[(200, empty), (400, error), (200, empty), (200, "")]);
    let op = json!({"PutBucketNotificationConfiguration": {"notifications": {}, "eventbridge": true}});
    run(&replay, KIND, op).await.unwrap();
    assert_eq!(replay.requests().len(), 4);
}

/// S3 propagates versioning within minutes, and needs it for Object Lock.
#[tokio::test]
async fn object_lock_waits_for_versioning() {
    let none = "<Error><Code>ObjectLockConfigurationNotFoundError</Code><Message>none</Message></Error>";
    let error = "<Error><Code>InvalidBucketState</Code><Message>Versioning must be 'Enabled' on the bucket to apply a Object \
                 Lock configuration</Message></Error>";
    let replay = Replay::new(&[(404, none), (409, error), (200, VERSIONED), (404, none), (200, "")]);
    let op = json!({"PutObjectLockConfiguration": {"retention": {"mode": "GOVERNANCE", "days": 1}}});
    run(&replay, KIND, op.clone()).await.unwrap();
    assert!(replay.requests()[4].contains("<Mode>GOVERNANCE</Mode><Days>1</Days>"), "{:?}", replay.requests());

    let suspended = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    let replay = Replay::new(&[(404, none), (409, error), (200, suspended)]);
    let failure = run(&replay, KIND, op).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Invalid, "{failure}");
}

#[tokio::test]
async fn changing_the_retention_keeps_the_event_hold() {
    let replay = Replay::new(&[(200, LOCK), (200, "")]);
    let op = json!({"PutObjectLockConfiguration": {"retention": {"mode": "COMPLIANCE", "years": 8}}});
    run(&replay, KIND, op).await.unwrap();
    let sent = &replay.requests()[1];
    assert!(sent.contains("<Years>8</Years>") && sent.contains("<DefaultEventHold><Days>5</Days>"), "{sent}");
}
