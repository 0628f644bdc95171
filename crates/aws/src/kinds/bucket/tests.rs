// SPDX-License-Identifier: Apache-2.0
//! Tests of the whole kind: writing and reading specs, unset settings, risks and copies.

use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::diff::{Diff, Draft};
use regionctl_core::kind::{Kind, Notes};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::{Extra, LiveResource};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::spec::decode::decode;
use regionctl_core::spec::tree::parse;
use regionctl_core::spec::write::yaml;
use serde_json::{Value, json};

use super::{Bucket, BucketModel};

fn model(fields: Value) -> BucketModel {
    serde_json::from_value(fields).unwrap()
}

/// Returns the desired model of a YAML text, or the messages of its faults.
fn desire(text: &str) -> Result<BucketModel, Vec<String>> {
    let node = parse(text, 0).unwrap();
    let mut sources = SourceFiles::default();
    sources.add("spec.yaml".to_owned(), text.into());
    let mut notes = Notes::new(&node, &sources, "eu-central-1", false);
    let spec = decode(&node).map_err(|fault| vec![fault.message])?;
    let model = Bucket::desire("data-bucket", spec, &mut notes);
    if notes.faults.0.is_empty() { Ok(model) } else { Err(notes.faults.0.into_iter().map(|it| it.message).collect()) }
}

fn draft(want: &BucketModel, live: Option<&BucketModel>) -> Draft {
    let mut out = Diff::new(live.is_some(), &[]);
    Bucket::diff(want, live, &mut out);
    out.risks(Bucket::risks(want), &live.map(Bucket::risks).unwrap_or_default());
    out.finish().unwrap()
}

/// Live models with every setting read.
fn full_models() -> Vec<BucketModel> {
    let on = json!({"block_public_acls": true, "ignore_public_acls": true, "block_public_policy": true,
        "restrict_public_buckets": true});
    let off = json!({"block_public_acls": false, "ignore_public_acls": false, "block_public_policy": false,
        "restrict_public_buckets": false});
    vec![
        model(json!({
            "public_access_block": on, "ownership": "BucketOwnerEnforced",
            "encryption": {"algorithm": "AES256", "kms_key": null, "bucket_key": null, "blocked_types": ["SSE-C"]},
            "versioning": null, "policy": null, "lifecycle": null, "transition_minimum_size": null, "cors": null,
            "logging": null, "tags": null,
        })),
        model(json!({
            "public_access_block": off, "ownership": "ObjectWriter",
            "encryption": {"algorithm": "aws:kms", "kms_key": null, "bucket_key": true, "blocked_types": null},
            "versioning": "Suspended",
            "policy": {"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow", "Principal": "*",
                "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data-bucket/*"}]},
            "lifecycle": [
                {"id": "a", "tags": {"unset": "unset", "n": "1"}, "size_greater_than": 0, "expire_date": "2035-01-31"},
                {"id": "b", "enabled": false, "noncurrent_expire_days": 3, "noncurrent_newer_versions": 2,
                    "noncurrent_transitions": [{"days": 1, "storage_class": "GLACIER_IR"}]},
            ],
            "transition_minimum_size": "varies_by_storage_class",
            "cors": [{"origins": ["*"], "methods": ["GET", "HEAD"], "max_age_seconds": 0}],
            "logging": {"bucket": "logs", "prefix": "", "key_format": "partitioned_by_event_time",
                "grants": [{"grantee": {"id": "abc"}, "permission": "READ"}]},
            "tags": {"Team": "sre", "Empty": "", "Number": "1", "unset": "unset"},
        })),
        model(json!({
            "public_access_block": on, "ownership": "BucketOwnerPreferred",
            "encryption": {"algorithm": "aws:kms:dsse", "kms_key": "arn:aws:kms:eu-central-1:123456789012:key/a",
                "bucket_key": false, "blocked_types": null},
            "versioning": "Enabled", "policy": null,
            "lifecycle": [{"id": "a", "expire_delete_markers": true, "abort_uploads_days": 7}],
            "transition_minimum_size": "all_storage_classes_128K", "cors": null,
            "logging": {"bucket": "logs", "prefix": "p/", "key_format": "simple", "grants": null}, "tags": null,
        })),
    ]
}

#[test]
fn a_written_spec_results_in_the_same_model() {
    for model in full_models() {
        let text = yaml(&Bucket::write(&model).unwrap(), 0);
        assert_eq!(desire(&text), Ok(model.clone()), "{text}");
        let result = draft(&model, Some(&model));
        assert!(result.fields.is_empty() && result.steps.is_empty(), "{:?}", result.fields);
    }
}

#[test]
fn an_empty_list_means_unset() {
    for (list, word) in [("lifecycle: []", "lifecycle: unset"), ("cors: []", "cors: unset")] {
        assert_eq!(desire(list), desire(word));
    }
    assert_ne!(desire("lifecycle: []"), desire("{}"));
}

#[test]
fn an_invalid_setting_is_a_fault() {
    for (text, why) in [
        ("encryption: unset", "S3 encrypts every bucket"),
        ("ownership: unset", "every bucket has one"),
        ("public_access_block: unset", "all four settings are off"),
        ("tags: {Team: }", "has no value"),
        ("transition_minimum_size: varies_by_storage_class", "states none"),
        ("transition_minimum_size: unset", "states none"),
        ("logging: {bucket: data-bucket}", "infinite loop"),
        ("lifecycle: [{id: a, expire_days: 1}, {id: a, expire_days: 2}]", "is not unique"),
    ] {
        let faults = desire(text).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(why)), "{text}: {faults:?}");
    }
    let enabled = draft(&desire("versioning: unset").unwrap(), Some(&model(json!({"versioning": "Enabled"}))));
    assert!(enabled.blocked[0].contains("Suspended"), "{:?}", enabled.blocked);
    let never = draft(&desire("versioning: unset").unwrap(), Some(&model(json!({"versioning": null}))));
    assert!(never.blocked.is_empty() && never.fields.is_empty());
}

#[test]
fn a_bucket_key_with_aes256_is_not_a_difference() {
    let want = desire("encryption: {algorithm: AES256, bucket_key: true}").unwrap();
    let live = model(json!({"encryption": {"algorithm": "AES256", "kms_key": null, "bucket_key": null}}));
    assert!(draft(&want, Some(&live)).fields.is_empty());
}

#[test]
fn a_new_expiration_on_an_existing_bucket_is_reported_as_a_deletion() {
    let want = desire("lifecycle: [{id: a, expire_days: 30}]").unwrap();
    let live = model(json!({"lifecycle": [{"id": "a", "prefix": "tmp/", "expire_days": 30}]}));
    let deletes = draft(&want, Some(&live)).deletes;
    assert_eq!(deletes, ["the lifecycle rule 'a' deletes all objects after 30 days"]);
    assert!(draft(&want, None).deletes.is_empty());
    assert!(draft(&want, Some(&want)).deletes.is_empty());
}

#[test]
fn only_new_risks_are_gates() {
    let models = full_models();
    let (closed, open) = (&models[0], &models[1]);
    let rules = |draft: Draft| draft.risks.into_iter().map(|risk| risk.rule).collect::<Vec<_>>();
    assert_eq!(rules(draft(open, Some(closed))).len(), 5);
    assert!(rules(draft(open, Some(open))).is_empty());
    let two = "policy: {Version: 2012-10-17, Statement: [\
               {Effect: Allow, Principal: \"*\", Action: \"s3:*\", Resource: \"arn:aws:s3:::a\"}, \
               {Effect: Allow, Principal: \"*\", Action: \"s3:*\", Resource: \"arn:aws:s3:::b\"}]}";
    let risks = Bucket::risks(&desire(two).unwrap());
    assert!(risks.len() == 2 && risks[0].path != risks[1].path, "{risks:?}");
}

#[test]
fn a_copy_omits_settings_that_name_the_source() {
    let location =
        Location { partition: "aws".into(), region: "eu-central-1".into(), account: "123456789012".into(), vpc: None };
    let source = |fields: Value| LiveResource::new("data-bucket", model(fields), Attributes::new());
    let mfa = Extra::kept("versioning.mfa_delete", "Enabled");
    let mut left = Vec::new();
    let rules = json!([{"id": "a", "tags": {"tmp": "yes"}, "expire_days": 1}]);
    let source =
        source(json!({"versioning": null, "policy": {"Statement": [{"Resource": "arn:aws:s3:::data-bucket"}]},
        "lifecycle": rules, "transition_minimum_size": "varies_by_storage_class", "cors": null, "tags": {"A": "b"},
        "logging": {"bucket": "logs-eu-central-1", "prefix": "", "key_format": "simple", "grants": null},
        "encryption": {"algorithm": "aws:kms", "kms_key": "1234", "bucket_key": true, "blocked_types": null}}))
        .with_extras(vec![mfa]);
    let copy = Bucket::follow(model(json!({"tags": {"C": "d"}})), &source, &location, &mut left).unwrap();
    let want = json!({"lifecycle": rules, "transition_minimum_size": "varies_by_storage_class", "cors": null,
        "tags": {"A": "b", "C": "d"}});
    assert_eq!(copy, model(want));
    // The engine reports the extra.
    assert_eq!(left.len(), 3, "{left:?}");
    let own = model(json!({"logging": {"bucket": "logs", "prefix": ""}, "policy": null,
        "encryption": {"algorithm": "aws:kms"}}));
    let copy = Bucket::follow(own, &source, &location, &mut Vec::new()).unwrap();
    let copied = serde_json::to_value(copy).unwrap();
    assert_eq!(copied["logging"]["key_format"], "simple");
    assert_eq!(copied["encryption"], json!({"algorithm": "aws:kms", "bucket_key": true}));
    assert_eq!(copied["policy"], Value::Null);
}

#[test]
fn a_changed_public_statement_with_the_same_sid_is_a_new_risk() {
    let of = |action: &str| {
        model(json!({"policy": {"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow",
            "Principal": "*", "Action": action, "Resource": "arn:aws:s3:::data-bucket/*"}]}}))
    };
    let (narrow, wide) = (of("s3:GetObject"), of("s3:*"));
    assert_eq!(draft(&wide, Some(&narrow)).risks.len(), 1);
    assert_eq!(draft(&wide, Some(&wide)).risks.len(), 0);
    assert_eq!(draft(&wide, Some(&wide)).unwaived.len(), 1);
}
