// SPDX-License-Identifier: Apache-2.0
//! Answers and errors of IAM that no emulator gives: paths and pages, and other callers that change a policy at the same
//! time.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Extra, Observation, Scope};
use regionctl_core::spec::write::yaml;
use regionctl_core::spec::{self};
use serde_json::{Value, json};

use crate::replay::{Answer, Replay, location, open, run};

const KIND: &str = "iam.policy";

/// The first page of a list: a policy of somebody else.
const PAGE_1: &str = "<ListPoliciesResponse><ListPoliciesResult><IsTruncated>true</IsTruncated><Marker>m</Marker><Policies>\
    <member><PolicyName>other</PolicyName><PolicyId>ANPA1</PolicyId><Arn>arn:aws:iam::123456789012:policy/other</Arn>\
    <Path>/</Path><DefaultVersionId>v1</DefaultVersionId></member></Policies></ListPoliciesResult></ListPoliciesResponse>";

/// The second page: a policy with every member that IAM returns in a list.
const PAGE_2: &str = "<ListPoliciesResponse><ListPoliciesResult><IsTruncated>false</IsTruncated><Policies><member>\
    <PolicyName>data-bucket</PolicyName><PolicyId>ANPAJZLSS55ZLNURAPAW6</PolicyId>\
    <Arn>arn:aws:iam::123456789012:policy/service-role/data-bucket</Arn><Path>/service-role/</Path>\
    <DefaultVersionId>v3</DefaultVersionId><AttachmentCount>2</AttachmentCount>\
    <PermissionsBoundaryUsageCount>1</PermissionsBoundaryUsageCount><IsAttachable>true</IsAttachable>\
    <CreateDate>2018-09-12T12:59:52Z</CreateDate><UpdateDate>2018-09-12T12:59:52Z</UpdateDate></member></Policies>\
    </ListPoliciesResult></ListPoliciesResponse>";

const DETAILS: &str = "<GetPolicyResponse><GetPolicyResult><Policy><PolicyName>data-bucket</PolicyName>\
    <PolicyId>ANPAJZLSS55ZLNURAPAW6</PolicyId><Arn>arn:aws:iam::123456789012:policy/service-role/data-bucket</Arn>\
    <Path>/service-role/</Path><DefaultVersionId>v3</DefaultVersionId><AttachmentCount>2</AttachmentCount>\
    <PermissionsBoundaryUsageCount>1</PermissionsBoundaryUsageCount><IsAttachable>true</IsAttachable>\
    <Description>who may read</Description><CreateDate>2018-09-12T12:59:52Z</CreateDate>\
    <UpdateDate>2018-09-12T12:59:52Z</UpdateDate><Tags><member><Key>Team</Key><Value>sre</Value></member></Tags></Policy>\
    </GetPolicyResult></GetPolicyResponse>";

const NO_SUCH_ENTITY: &str =
    "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>Policy was not found.</Message></Error></ErrorResponse>";

fn versions(default: u32, others: &[u32]) -> &'static str {
    let member = |number: &u32| {
        format!(
            "<member><VersionId>v{number}</VersionId><IsDefaultVersion>{}</IsDefaultVersion>\
             <CreateDate>2018-09-12T12:59:52Z</CreateDate></member>",
            *number == default
        )
    };
    let members: String = others.iter().chain([&default]).map(member).collect();
    format!(
        "<ListPolicyVersionsResponse><ListPolicyVersionsResult><IsTruncated>false</IsTruncated><Versions>{members}\
         </Versions></ListPolicyVersionsResult></ListPolicyVersionsResponse>"
    )
    .leak()
}

fn document(statements: &Value) -> &'static str {
    let text = json!({"Version": "2012-10-17", "Id": "x", "Statement": statements}).to_string();
    let encoded = text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    format!(
        "<GetPolicyVersionResponse><GetPolicyVersionResult><PolicyVersion><Document>{encoded}</Document>\
         <VersionId>v3</VersionId><IsDefaultVersion>true</IsDefaultVersion><CreateDate>2018-09-12T12:59:52Z</CreateDate>\
         </PolicyVersion></GetPolicyVersionResult></GetPolicyVersionResponse>"
    )
    .leak()
}

fn created(version: u32) -> &'static str {
    format!(
        "<CreatePolicyVersionResponse><CreatePolicyVersionResult><PolicyVersion><VersionId>v{version}</VersionId>\
         </PolicyVersion></CreatePolicyVersionResult></CreatePolicyVersionResponse>"
    )
    .leak()
}

fn statement(sid: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": "a:B", "Resource": "*"})
}

/// The operation that adds the statement `Ours`.
fn add_ours(operation: &str) -> Value {
    let ours = json!({"Version": "2012-10-17", "Statement": [statement("Ours")]});
    match operation {
        "CreatePolicy" => json!({"CreatePolicy": {"statements": {"Ours": ours}, "description": null, "tags": {}}}),
        _ => json!({operation: {"statements": {"Ours": ours}, "absent": []}}),
    }
}

async fn observe(name: &str, parts: &[&str], answers: &[Answer]) -> (Observation<Value>, Replay) {
    let replay = Replay::coded(answers);
    let mut scope = Scope::of(location());
    scope.ask(name, Depth::Named(parts.iter().map(|part| (*part).to_owned()).collect()));
    (open(&replay).await.observe(KIND, scope).await.unwrap(), replay)
}

/// The console puts policies into paths such as `/service-role/`.
#[tokio::test]
async fn a_policy_is_found_by_its_name_whatever_its_path() {
    let unnamed = json!({"Sid": "", "Effect": "Deny", "Action": "c:D", "Resource": "*"});
    let answers = [
        (200, "Action=ListPolicies&", PAGE_1),
        (200, "Action=ListPolicies&", PAGE_2),
        (200, "Action=ListPolicyVersions", versions(3, &[1, 4])),
        (200, "Action=GetPolicyVersion", document(&json!([statement("Ours"), unnamed]))),
        (200, "Action=GetPolicy&", DETAILS),
    ];
    let (found, replay) = observe("data-bucket", &["description", "tags"], &answers).await;
    let [resource] = found.resources.as_slice() else { panic!("{found:?}") };
    let arn = "arn:aws:iam::123456789012:policy/service-role/data-bucket";
    assert_eq!(resource.attributes["arn"], arn);
    assert!(replay.requests()[0].contains("Scope=Local"), "{:?}", replay.requests());
    assert_eq!(replay.requests().len(), 5);
    let model = &resource.model;
    assert_eq!((&model["path"], &model["description"]), (&json!("/service-role/"), &json!("who may read")));
    assert_eq!(model["tags"], json!({"Team": "sre"}));
    assert!(model["statements"]["Ours"].is_object() && model["unnamed"].as_array().unwrap().len() == 1, "{model}");
    let extras: Vec<String> = resource.extras.iter().map(Extra::said).collect();
    assert_eq!(extras, ["attachments = 2", "boundaries = 1", "newer_versions = [v4]", "document_id = x"]);

    // Law 11: the spec written from a model has that model.
    let written = REGISTRY.of(KIND).write(model).unwrap().unwrap();
    let text = format!("region: eu-central-1\naccount: '123456789012'\n{KIND}:\n  data-bucket:\n{}", yaml(&written, 4));
    let wanted = spec::read("spec.yaml", &|_: &str| Ok(text.clone()), REGISTRY, &mut SourceFiles::default()).unwrap();
    let [desired, live] = [&wanted.wants[0].model, model].map(|model| REGISTRY.of(KIND).relevant(None, model));
    assert_eq!(desired, live);
}

#[tokio::test]
async fn a_policy_whose_name_differs_in_case_is_a_gap() {
    let (found, _) = observe("Data-Bucket", &[], &[(200, "", PAGE_2)]).await;
    let [(name, failure)] = found.gaps.as_slice() else { panic!("{found:?}") };
    assert!(found.resources.is_empty() && name == "Data-Bucket");
    assert!(failure.message.contains("the policy is named 'data-bucket'"), "{failure}");
}

#[tokio::test]
async fn a_policy_deleted_while_it_is_read_does_not_exist_and_a_denied_one_is_a_gap() {
    let list = (200, "Action=ListPolicies&", PAGE_2);
    let text = (404, "Action=GetPolicyVersion", NO_SUCH_ENTITY);
    let (found, _) =
        observe("data-bucket", &[], &[list, (404, "Action=ListPolicyVersions", NO_SUCH_ENTITY), text]).await;
    assert!(found.resources.is_empty() && found.gaps.is_empty(), "{found:?}");
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    let answers =
        [list, (200, "Action=ListPolicyVersions", versions(3, &[])), (403, "Action=GetPolicyVersion", denied)];
    let (found, _) = observe("data-bucket", &[], &answers).await;
    assert_eq!(found.gaps[0].1.class, FailureClass::Denied);
    let answers = [
        list,
        (200, "Action=ListPolicyVersions", versions(3, &[])),
        (200, "Action=GetPolicyVersion", document(&json!(["no statement"]))),
    ];
    let (found, _) = observe("data-bucket", &[], &answers).await;
    assert_eq!(found.gaps[0].1.class, FailureClass::Unknown);
}

/// Two applies at once: the other one creates the fifth version first.
#[tokio::test]
async fn a_version_that_exceeds_the_limit_is_read_and_merged_again() {
    const LIMIT: &str = "<ErrorResponse><Error><Code>LimitExceeded</Code><Message>A managed policy can have up to 5 \
                         versions.</Message></Error></ErrorResponse>";
    let replay = Replay::new(&[
        (200, versions(4, &[1, 2, 3])),
        (200, document(&json!([statement("Old")]))),
        (409, LIMIT),
        (200, versions(5, &[1, 2, 3, 4])),
        (200, "<DeletePolicyVersionResponse/>"),
        (200, document(&json!([statement("Old"), statement("Theirs")]))),
        (200, created(6)),
        (200, versions(6, &[2, 3, 4, 5])),
    ]);
    run(&replay, KIND, add_ours("CreatePolicyVersion")).await.unwrap();
    let requests = replay.requests();
    assert!(requests[4].contains("DeletePolicyVersion") && requests[4].contains("VersionId=v1"), "{}", requests[4]);
    for sid in ["Old", "Theirs", "Ours"] {
        assert!(requests[6].contains(sid), "{sid}: {}", requests[6]);
    }
    assert_eq!(requests.len(), 8);
}

/// A version that is newer than the default version may be a draft of somebody else.
#[tokio::test]
async fn a_draft_is_neither_merged_nor_deleted_without_permission() {
    const LIMIT: &str = "<ErrorResponse><Error><Code>LimitExceeded</Code></Error></ErrorResponse>";
    let replay = Replay::new(&[
        (200, versions(1, &[2, 3, 4, 5])),
        (200, document(&json!([statement("Old")]))),
        (409, LIMIT),
        (200, versions(1, &[2, 3, 4, 5])),
    ]);
    let failure = run(&replay, KIND, add_ours("CreatePolicyVersion")).await.unwrap_err();
    assert!(failure.message.contains("v2 may be a draft"), "{failure}");
    assert_eq!(replay.requests().len(), 4);
}

/// Two applies at once create the same shared policy.
#[tokio::test]
async fn a_policy_that_another_caller_created_is_merged() {
    const EXISTS: &str = "<ErrorResponse><Error><Code>EntityAlreadyExists</Code></Error></ErrorResponse>";
    let replay = Replay::new(&[
        (409, EXISTS),
        (200, PAGE_2),
        (200, versions(3, &[])),
        (200, document(&json!([statement("Theirs")]))),
        (200, created(4)),
        (200, versions(4, &[3])),
    ]);
    let attributes = run(&replay, KIND, add_ours("CreatePolicy")).await.unwrap();
    assert_eq!(attributes["arn"], "arn:aws:iam::123456789012:policy/service-role/data-bucket");
    let merged = &replay.requests()[4];
    assert!(merged.contains("Theirs") && merged.contains("Ours") && merged.contains("service-role"), "{merged}");
}

#[tokio::test]
async fn a_merged_document_that_is_too_large_is_not_sent() {
    let large = json!({"Sid": "Theirs", "Effect": "Allow", "Action": "a:B", "Resource": "x".repeat(6100)});
    let replay = Replay::new(&[(200, versions(3, &[])), (200, document(&json!([large])))]);
    let failure = run(&replay, KIND, add_ours("CreatePolicyVersion")).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Invalid);
    assert!(failure.message.contains("more than the 6144 that IAM allows"), "{failure}");
    assert_eq!(replay.requests().len(), 2);
}
