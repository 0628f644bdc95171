// SPDX-License-Identifier: Apache-2.0
//! Documents as Systems Manager returns them, and its errors that no emulator has.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, LiveResource, Scope};
use serde_json::{Value, json};

use crate::replay::{Replay, location, open, run};

const LISTED: &str = r#"{"DocumentIdentifiers":[{"Name":"data-bucket","CreatedDate":1.7e9,"DisplayName":"Shown","Owner":"123456789012","VersionName":"1.0","PlatformTypes":["Linux"],"DocumentVersion":"3","DocumentType":"Package","SchemaVersion":"2.0","DocumentFormat":"YAML","TargetType":"/","Tags":[{"Key":"Team","Value":"sre"},{"Key":"aws:cloudformation:stack-name","Value":"s"}],"Requires":[{"Name":"schema","Version":"1"}],"ReviewStatus":"APPROVED","Author":"a"}]}"#;
const CONTENT: &str = r#"{"Name":"data-bucket","CreatedDate":1.7e9,"DisplayName":"Shown","VersionName":"1.0","DocumentVersion":"3","Status":"Active","Content":"schemaVersion: \"2.0\" # one\n","DocumentType":"Package","DocumentFormat":"YAML","Requires":[{"Name":"schema","Version":"1"}],"AttachmentsContent":[{"Name":"tool.zip","Size":9,"Hash":"h","HashType":"Sha256","Url":"https://u"}],"ReviewStatus":"APPROVED"}"#;
const SHARES: &str = r#"{"AccountIds":["210987654321","All"],"AccountSharingInfoList":[{"AccountId":"210987654321","SharedDocumentVersion":"$ALL"}]}"#;
const DUPLICATE: &str = r#"{"__type":"DuplicateDocumentContent","message":"The content matches another document"}"#;
const UPDATED: &str = r#"{"DocumentDescription":{"DocumentVersion":"4","LatestVersion":"4","DefaultVersion":"3"}}"#;

async fn whole(answers: &[(u16, &'static str)]) -> (Vec<LiveResource<Value>>, Vec<FailureClass>, Vec<String>) {
    let replay = Replay::new(answers);
    let mut scope = Scope::of(location());
    scope.ask("data-bucket", Depth::Whole);
    let found = open(&replay).await.observe("ssm.document", scope).await.unwrap();
    (found.resources, found.gaps.into_iter().map(|(_, failure)| failure.class).collect(), replay.requests())
}

fn update(version: &Value, attachments: &Value) -> Value {
    let mut whole =
        json!({"content": "a: 1\n", "format": "YAML", "target_type": "/", "display_name": null, "name": null});
    whole.as_object_mut().unwrap().extend(version.as_object().unwrap().clone());
    json!({"UpdateDocument": {"version": whole, "attachments": attachments}})
}

#[tokio::test]
async fn a_document_is_read_with_every_member_in_its_own_format() {
    let (found, gaps, requests) = whole(&[(200, LISTED), (200, CONTENT), (200, SHARES)]).await;
    assert!(gaps.is_empty(), "{gaps:?}");
    let expected = json!({
        "content": "schemaVersion: \"2.0\" # one\n", "format": "YAML", "document_type": "Package", "target_type": "/",
        "display_name": "Shown", "version_name": "1.0", "shared_with": {"210987654321": "all", "all": "default"},
        "tags": {"Team": "sre"}, "attachments": ["data-bucket/3/tool.zip"],
    });
    assert_eq!(found[0].model, expected);
    let extras: Vec<&str> = found[0].extras.iter().map(|extra| extra.path.as_str()).collect();
    assert_eq!(extras, ["requires", "review_status", "attachments"]);
    assert!(requests[1].contains(r#""DocumentFormat":"YAML""#), "{requests:?}");
    let risks = REGISTRY.of("ssm.document").risks(&found[0].model).unwrap();
    assert_eq!(risks[0].rule, "ssm-public-document");
}

#[tokio::test]
async fn a_document_that_cannot_be_read_whole_is_a_gap() {
    let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    let (found, gaps, _) = whole(&[(200, LISTED), (200, CONTENT), (400, denied)]).await;
    assert_eq!((found.len(), gaps), (0, vec![FailureClass::Denied]));
    let gone = r#"{"__type":"InvalidDocument","message":"Document with name data-bucket does not exist."}"#;
    assert_eq!(whole(&[(200, LISTED), (400, gone), (200, SHARES)]).await.1, [FailureClass::NotFound]);
    let unknown: &'static str = LISTED.replace("YAML", "TOML").leak();
    assert_eq!(whole(&[(200, unknown)]).await.1, [FailureClass::Unknown]);
    let unknown: &'static str = SHARES.replace("$ALL", "$SOME").leak();
    assert_eq!(whole(&[(200, LISTED), (200, CONTENT), (200, unknown)]).await.1, [FailureClass::Unknown]);
}

/// A new version has only the attachments that the request names
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AttachmentsSource.html>).
#[tokio::test]
async fn a_new_version_keeps_the_attachments() {
    let replay = Replay::new(&[(200, UPDATED)]);
    let op = update(&json!({}), &json!(["data-bucket/3/tool.zip"]));
    assert_eq!(run(&replay, "ssm.document", op).await.unwrap()["version"], "4");
    let sent = &replay.requests()[0];
    for part in [r#""Key":"AttachmentReference""#, r#""Values":["data-bucket/3/tool.zip"]"#, r#""TargetType":"/""#] {
        assert!(sent.contains(part), "{sent}");
    }
}

/// The content of an older version is restored, or an interrupted run did not make its version the default
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateDocument.html>).
#[tokio::test]
async fn an_existing_version_with_the_content_becomes_the_default() {
    let other = r#"{"DocumentVersion":"3","Content":"a: 2\n","DocumentFormat":"YAML"}"#;
    let deleted = r#"{"__type":"InvalidDocumentVersion","message":"The document version is not valid"}"#;
    let same = r#"{"DocumentVersion":"1","Content":"a: 1\n","DocumentFormat":"YAML"}"#;
    let replay = Replay::new(&[(400, DUPLICATE), (200, other), (400, deleted), (200, same)]);
    let made = run(&replay, "ssm.document", update(&json!({}), &json!([]))).await.unwrap();
    assert_eq!(made["version"], "1");
    let none = Replay::new(&[(400, DUPLICATE), (200, other), (400, deleted), (400, deleted)]);
    let failure = run(&none, "ssm.document", update(&json!({}), &json!([]))).await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("DuplicateDocumentContent"));
}

#[tokio::test]
async fn another_display_name_needs_content_that_differs_in_white_space() {
    let same = r#"{"DocumentVersion":"1","Content":"a: 1\n","DocumentFormat":"YAML","DisplayName":"old"}"#;
    let replay = Replay::new(&[(400, DUPLICATE), (200, same), (200, UPDATED)]);
    let op = update(&json!({"display_name": "new"}), &json!([]));
    assert_eq!(run(&replay, "ssm.document", op).await.unwrap()["version"], "4");
    assert!(replay.requests()[2].contains(r#""Content":"a: 1""#), "{:?}", replay.requests());
}

/// The SDK repeats a call whose answer was lost. The version with this name is then that of the first call.
#[tokio::test]
async fn a_repeated_call_finds_its_own_version_by_name() {
    let used = r#"{"__type":"DuplicateDocumentVersionName","message":"used"}"#;
    let own = r#"{"DocumentVersion":"4","VersionName":"2","Content":"a: 1\n","DocumentFormat":"YAML"}"#;
    let replay = Replay::new(&[(400, used), (200, own)]);
    let op = update(&json!({"name": "2"}), &json!([]));
    assert_eq!(run(&replay, "ssm.document", op.clone()).await.unwrap()["version"], "4");
    let others = r#"{"DocumentVersion":"2","VersionName":"2","Content":"a: 9\n","DocumentFormat":"YAML"}"#;
    assert!(run(&Replay::new(&[(400, used), (200, others)]), "ssm.document", op).await.is_err());
}

#[tokio::test]
async fn the_newest_version_becomes_the_default_if_the_step_before_named_none() {
    let replay = Replay::new(&[(200, r#"{"DocumentVersion":"3"}"#), (200, "{}")]);
    run(&replay, "ssm.document", json!("UpdateDocumentDefaultVersion")).await.unwrap();
    assert!(replay.requests()[1].contains(r#""DocumentVersion":"3""#), "{:?}", replay.requests());
}
