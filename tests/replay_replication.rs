// SPDX-License-Identifier: Apache-2.0
//! Answers and errors of S3 replication that no emulator gives: every member, values of later versions of S3, and
//! versioning that S3 has not propagated yet.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Observation, Scope};
use regionctl_core::spec::write::yaml;
use regionctl_core::spec::{self, Spec};
use serde_json::{Value, json};

use crate::replay::{Answer, Replay, location, open, run};
use crate::replay_reads;

const KIND: &str = "s3.replication";

/// A rule with every member that the SDK knows, and a rule of the first version as S3 returns it.
const FULL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ReplicationConfiguration \
    xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Role>arn:aws:iam::123456789012:role/theirs</Role><Rule><ID>full</ID>\
    <Priority>3</Priority><Filter><And><Prefix>x/</Prefix><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key>\
    <Value>2</Value></Tag></And></Filter><Status>Disabled</Status><SourceSelectionCriteria><SseKmsEncryptedObjects><Status>\
    Enabled</Status></SseKmsEncryptedObjects><ReplicaModifications><Status>Enabled</Status></ReplicaModifications>\
    </SourceSelectionCriteria><ExistingObjectReplication><Status>Enabled</Status></ExistingObjectReplication><Destination>\
    <Bucket>arn:aws:s3:::copies</Bucket><Account>210987654321</Account><StorageClass>GLACIER_IR</StorageClass>\
    <AccessControlTranslation><Owner>Destination</Owner></AccessControlTranslation><EncryptionConfiguration>\
    <ReplicaKmsKeyID>arn:aws:kms:eu-central-1:123456789012:key/k</ReplicaKmsKeyID></EncryptionConfiguration>\
    <ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime><Metrics><Status>Enabled\
    </Status><EventThreshold><Minutes>15</Minutes></EventThreshold></Metrics></Destination><DeleteMarkerReplication><Status>\
    Disabled</Status></DeleteMarkerReplication></Rule>";

const END: &str = "</ReplicationConfiguration>";

const V1: &str = "<Rule><ID>old</ID><Prefix/><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::copies</Bucket>\
                  </Destination></Rule>";

const VERSIONED: &str =
    "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>";

const NONE: &str = "<Error><Code>ReplicationConfigurationNotFoundError</Code><Message>The replication configuration was \
                    not found</Message></Error>";

async fn observe(replication: Answer, versioning: Answer) -> Observation<Value> {
    let mut scope = Scope::of(location());
    scope.ask("data-bucket", Depth::existence());
    let replay = Replay::coded(&[replication, versioning]);
    open(&replay).await.observe(KIND, scope).await.unwrap()
}

async fn observe_rules(rules: &str) -> Observation<Value> {
    let text = format!("{rules}{END}");
    observe((200, "", text.leak()), (200, "", VERSIONED)).await
}

fn spec(entry: &str) -> Spec {
    let text = format!("region: eu-central-1\naccount: '123456789012'\n{KIND}:\n  data-bucket:\n{entry}");
    spec::read("spec.yaml", &|_: &str| Ok(text.clone()), REGISTRY, &mut SourceFiles::default()).unwrap()
}

#[tokio::test]
async fn every_member_of_a_rule_is_read_and_can_be_written() {
    let found = observe_rules(&format!("{FULL}{V1}")).await;
    let [resource] = found.resources.as_slice() else { panic!("{found:?}") };
    let (model, full) = (&resource.model, &resource.model["rules"]["full"]);
    let expected = json!({
        "destination": "arn:aws:s3:::copies", "enabled": false, "prefix": "x/", "tags": {"a": "1", "b": "2"}, "priority": 3,
        "delete_markers": false, "existing_objects": true, "replica_modifications": true, "sse_kms_objects": true,
        "replica_kms_key": "arn:aws:kms:eu-central-1:123456789012:key/k", "storage_class": "GLACIER_IR",
        "account": "210987654321", "owner_override": true, "time_control": true, "metrics": true,
    });
    assert_eq!(full, &expected);
    let old = &model["rules"]["old"];
    assert_eq!((&old["delete_markers"], &old["prefix"], &old["is_v1"]), (&json!(true), &Value::Null, &json!(true)));
    assert_eq!((&model["role"], &model["versioned"]), (&json!("arn:aws:iam::123456789012:role/theirs"), &json!(true)));
    assert_eq!(resource.extras[0].said(), "mfa_delete = Enabled");

    // Law 11: the spec written from a model has that model.
    let written = REGISTRY.of(KIND).write(model).unwrap().unwrap();
    let wanted = spec(&yaml(&written, 4));
    let [desired, live] = [&wanted.wants[0].model, model].map(|model| REGISTRY.of(KIND).relevant(None, model));
    assert_eq!(desired, live);
    let draft = REGISTRY.of(KIND).diff(&wanted.wants[0].model, Some(resource), &DiffContext::default()).unwrap();
    assert!(draft.steps.is_empty() && draft.blocked.is_empty(), "{draft:?}");
}

#[tokio::test]
async fn a_value_that_this_version_does_not_know_makes_the_bucket_a_gap() {
    for (known, unknown, named) in [
        ("<Status>Disabled</Status>", "<Status>Paused</Status>", "'Paused'"),
        ("GLACIER_IR", "TAPE", "'TAPE'"),
        ("<Owner>Destination", "<Owner>Nobody", "'Nobody'"),
        ("<Minutes>15", "<Minutes>5", "'5'"),
        ("<Prefix>x/</Prefix>", "<Not><Prefix>x/</Prefix></Not>", "the element 'Not'"),
        (
            "<EncryptionConfiguration>",
            "<EncryptionConfiguration><UseSourceMultiRegionKey><Status>Enabled</Status></UseSourceMultiRegionKey>",
            "the element 'UseSourceMultiRegionKey'",
        ),
    ] {
        let found = observe_rules(&FULL.replacen(known, unknown, 1)).await;
        assert!(found.resources.is_empty(), "{unknown}: {found:?}");
        let (_, failure) = &found.gaps[0];
        assert_eq!(failure.class, FailureClass::Unknown, "{failure}");
        assert!(failure.message.contains(named), "{failure}");
    }
}

/// A filter with an element that the SDK drops would match more objects after a write.
#[tokio::test]
async fn a_configuration_with_an_unknown_element_is_not_written() {
    let text = format!("{}{END}", FULL.replace("<Prefix>x/</Prefix>", "<Not><Prefix>x/</Prefix></Not>"));
    let replay = Replay::new(&[(200, text.leak())]);
    let failure = run(&replay, KIND, put(None)).await.unwrap_err();
    assert!(failure.class == FailureClass::Unknown && replay.requests().len() == 1, "{failure}");
}

/// An element of a later version of S3 is not drift, but a write would remove it.
#[tokio::test]
async fn an_element_of_a_later_version_blocks_changes_only() {
    let found = observe_rules(&FULL.replace("</Priority>", "</Priority><Speed>High</Speed>")).await;
    let kind = REGISTRY.of(KIND);
    let new = spec("    region: eu-central-1\n    rules: {new: {destination: copies}}\n");
    let draft = kind.diff(&new.wants[0].model, Some(&found.resources[0]), &DiffContext::default()).unwrap();
    assert!(draft.steps.is_empty() && draft.blocked[0].contains("rules.Speed"), "{draft:?}");
    let same = spec("    region: eu-central-1\n    rules: {full: {destination: copies, enabled: false}}\n");
    let draft = kind.diff(&same.wants[0].model, Some(&found.resources[0]), &DiffContext::default()).unwrap();
    assert!(draft.blocked.is_empty() && draft.fields.is_empty(), "{draft:?}");
}

fn put(role: Option<&str>) -> Value {
    let rule = json!({"destination": "arn:aws:s3:::copies", "enabled": true});
    json!({"PutBucketReplication": {
        "bucket": "data-bucket", "region": "eu-central-1", "role": role, "rules": {"new": rule}, "absent": [],
    }})
}

#[tokio::test]
async fn rules_of_others_are_sent_back_with_every_member() {
    let replay = Replay::new(&[(200, format!("{FULL}{END}").leak()), (200, "")]);
    run(&replay, KIND, put(Some("arn:aws:iam::123456789012:role/ours"))).await.unwrap();
    let sent = &replay.requests()[1];
    for part in [
        "<Role>arn:aws:iam::123456789012:role/theirs</Role>",
        "<And><Prefix>x/</Prefix><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag></And>",
        "<ExistingObjectReplication><Status>Enabled</Status></ExistingObjectReplication>",
        "<SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>",
        "<ReplicaModifications><Status>Enabled</Status></ReplicaModifications>",
        "<Account>210987654321</Account>",
        "<StorageClass>GLACIER_IR</StorageClass>",
        "<AccessControlTranslation><Owner>Destination</Owner></AccessControlTranslation>",
        "<ReplicaKmsKeyID>arn:aws:kms:eu-central-1:123456789012:key/k</ReplicaKmsKeyID>",
        "<Time><Minutes>15</Minutes></Time>",
        "<EventThreshold><Minutes>15</Minutes></EventThreshold>",
        "<ID>new</ID><Priority>4</Priority>",
    ] {
        assert!(sent.contains(part), "{part} is not in {sent}");
    }
}

/// The call passes the bucket's live role, so this is the role that the caller must be allowed to pass.
#[tokio::test]
async fn the_role_that_is_passed_is_the_live_one() {
    let found = observe_rules(FULL).await;
    let wanted = spec(
        "    region: eu-central-1\n    role: arn:aws:iam::123456789012:role/ours\n    rules: {new: {destination: copies}}\n",
    );
    let kind = REGISTRY.of(KIND);
    let draft = kind.diff(&wanted.wants[0].model, Some(&found.resources[0]), &DiffContext::default()).unwrap();
    let passed = kind.also_needs(&draft.steps[0].op);
    assert_eq!(passed, [("iam:PassRole", "arn:aws:iam::123456789012:role/theirs".to_owned())]);
    let found = observe((404, "", NONE), (200, "", VERSIONED)).await;
    let draft = kind.diff(&wanted.wants[0].model, Some(&found.resources[0]), &DiffContext::default()).unwrap();
    let passed = kind.also_needs(&draft.steps[0].op);
    assert_eq!(passed, [("iam:PassRole", "arn:aws:iam::123456789012:role/ours".to_owned())]);
}

const NOT_YET: &str = "<Error><Code>InvalidRequest</Code><Message>Versioning must be 'Enabled' on the bucket to apply a \
                       replication configuration</Message></Error>";

const DESTINATION: &str =
    "<Error><Code>InvalidRequest</Code><Message>Destination bucket must have versioning enabled.</Message></Error>";

/// S3 needs some time until versioning that was just turned on is known everywhere.
#[tokio::test]
async fn replication_right_after_versioning_was_turned_on_is_tried_again() {
    for error in [NOT_YET, DESTINATION] {
        let answers = [(404, NONE), (400, error), (200, VERSIONED), (404, NONE), (200, "")];
        let replay = Replay::new(&answers);
        run(&replay, KIND, put(Some("arn:aws:iam::123456789012:role/ours"))).await.unwrap();
        assert_eq!(replay.requests().len(), answers.len());
    }
}

#[tokio::test]
async fn replication_without_versioning_is_not_tried_again() {
    let off = "<VersioningConfiguration/>";
    for error in [NOT_YET, DESTINATION] {
        let replay = Replay::new(&[(404, NONE), (400, error), (200, off)]);
        let failure = run(&replay, KIND, put(Some("arn:aws:iam::123456789012:role/ours"))).await.unwrap_err();
        assert_eq!((failure.class, replay.requests().len()), (FailureClass::Invalid, 3), "{failure}");
    }
    let other = "<Error><Code>InvalidRequest</Code><Message>Found duplicate priority 1.</Message></Error>";
    let replay = Replay::new(&[(404, NONE), (400, other)]);
    let failure = run(&replay, KIND, put(Some("arn:aws:iam::123456789012:role/ours"))).await.unwrap_err();
    assert_eq!((failure.class, replay.requests().len()), (FailureClass::Invalid, 2), "{failure}");
}

#[tokio::test]
async fn the_last_rule_is_removed_with_the_configuration() {
    let delete =
        json!({"DeleteBucketReplication": {"bucket": "data-bucket", "region": "eu-central-1", "absent": ["full"]}});
    let replay = Replay::new(&[(200, format!("{FULL}{END}").leak()), (204, "")]);
    run(&replay, KIND, delete.clone()).await.unwrap();
    assert!(replay.requests()[1].starts_with("DELETE ?replication"), "{:?}", replay.requests());
    // Somebody added a rule since the plan.
    let replay = Replay::new(&[(200, format!("{FULL}{V1}{END}").leak()), (200, "")]);
    run(&replay, KIND, delete).await.unwrap();
    let put = &replay.requests()[1];
    assert!(put.starts_with("PUT") && put.contains("<ID>old</ID>") && !put.contains("<ID>full</ID>"), "{put}");
}

/// A bucket without a configuration differs from one that cannot be read.
#[tokio::test]
async fn a_denied_read_is_a_gap_and_a_missing_configuration_is_none() {
    let found = observe((404, "", NONE), (200, "", VERSIONED)).await;
    assert!(found.resources[0].model["role"].is_null() && found.gaps.is_empty(), "{found:?}");
    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    let found = observe((403, "", denied), (200, "", VERSIONED)).await;
    assert_eq!(found.gaps[0].1.class, FailureClass::Denied);
    let no_bucket = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
    let found = observe((404, "", no_bucket), (404, "", no_bucket)).await;
    assert!(found.resources.is_empty() && found.gaps.is_empty(), "{found:?}");
}

/// CloudWatch returns one result per query, and values only for periods with data
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).
#[tokio::test]
async fn failed_operations_of_a_rule_are_counted_and_missing_values_are_no_zero() {
    let of = async |values: &'static str| {
        let found = replay_reads::observe("s3.replication_failures", "originals/copies/all", &[(200, values)]).await;
        found.resources.first().map(|resource| resource.model.clone())
    };
    let counted = of(
        r#"{"MetricDataResults": [{"Id": "rule0", "Label": "all", "StatusCode": "Complete", "Values": [3.0, 0.0, 4.0]}]}"#,
    );
    assert_eq!(counted.await, Some(json!({"failed": 7})));
    assert_eq!(of(r#"{"MetricDataResults": [{"Id": "rule0", "StatusCode": "Complete", "Values": []}]}"#).await, None);
    let unknown = r#"{"MetricDataResults": [{"Id": "rule0", "StatusCode": "InternalError", "Values": []}]}"#;
    let gaps = replay_reads::observe("s3.replication_failures", "originals/copies/all", &[(200, unknown)]).await.gaps;
    assert!(gaps[0].1.message.contains("InternalError"), "{gaps:?}");
}
