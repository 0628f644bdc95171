//! The kind as a whole: what is written is read again, what is unset, and what is dangerous.

use regionctl_core::diagnostic::Sources;
use regionctl_core::diff::{Diff, Draft};
use regionctl_core::kind::{Kind, Notes};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::{Extra, LiveResource};
use regionctl_core::resource::reference::Outputs;
use regionctl_core::spec::decode::decode;
use regionctl_core::spec::tree::parse;
use regionctl_core::spec::write::yaml;
use serde_json::{Value, json};

use super::{Bucket, BucketModel};

fn model(fields: Value) -> BucketModel {
    serde_json::from_value(fields).unwrap()
}

/// Desires what a YAML text says; the faults otherwise.
fn desire(text: &str) -> Result<BucketModel, Vec<String>> {
    let node = parse(text, 0).unwrap();
    let mut sources = Sources::default();
    sources.add("spec.yaml".to_owned(), text.into());
    let mut notes = Notes::new(&node, &sources, "eu-central-1", false);
    let spec = decode(&node).map_err(|fault| vec![fault.message])?;
    let model = Bucket::desire("data-bucket", spec, &mut notes);
    if notes.faults.0.is_empty() { Ok(model) } else { Err(notes.faults.0.into_iter().map(|it| it.message).collect()) }
}

fn drafted(want: &BucketModel, live: Option<&BucketModel>) -> Draft {
    let mut out = Diff::new(live.is_some(), &[]);
    Bucket::diff(want, live, &mut out);
    out.risks(Bucket::risks(want), &live.map(Bucket::risks).unwrap_or_default());
    out.finish().unwrap()
}

/// Models as they are read whole.
fn whole() -> Vec<BucketModel> {
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
fn what_is_written_is_desired_again() {
    for model in whole() {
        let text = yaml(&Bucket::write(&model).unwrap(), 0);
        assert_eq!(desire(&text), Ok(model.clone()), "{text}");
        let draft = drafted(&model, Some(&model));
        assert!(draft.fields.is_empty() && draft.steps.is_empty(), "{:?}", draft.fields);
    }
}

#[test]
fn an_empty_list_and_the_word_unset_are_the_same() {
    for (list, word) in [("lifecycle: []", "lifecycle: unset"), ("cors: []", "cors: unset")] {
        assert_eq!(desire(list), desire(word));
    }
    assert_ne!(desire("lifecycle: []"), desire("{}"));
}

#[test]
fn what_cannot_be_unset_says_what_to_do() {
    for (text, why) in [
        ("encryption: unset", "S3 encrypts every bucket"),
        ("ownership: unset", "every bucket has one"),
        ("public_access_block: unset", "all four settings are off"),
        ("tags: {Team: }", "has no value"),
        ("transition_minimum_size: varies_by_storage_class", "states none"),
        ("transition_minimum_size: unset", "states none"),
        ("logging: {bucket: data-bucket}", "logs into itself"),
        ("lifecycle: [{id: a, expire_days: 1}, {id: a, expire_days: 2}]", "another rule has the id"),
    ] {
        let faults = desire(text).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(why)), "{text}: {faults:?}");
    }
    let draft = drafted(&desire("versioning: unset").unwrap(), Some(&model(json!({"versioning": "Enabled"}))));
    assert!(draft.blocked[0].contains("Suspended"), "{:?}", draft.blocked);
    let never = drafted(&desire("versioning: unset").unwrap(), Some(&model(json!({"versioning": null}))));
    assert!(never.blocked.is_empty() && never.fields.is_empty());
}

#[test]
fn a_bucket_key_with_aes256_is_no_difference() {
    let want = desire("encryption: {algorithm: AES256, bucket_key: true}").unwrap();
    let live = model(json!({"encryption": {"algorithm": "AES256", "kms_key": null, "bucket_key": null}}));
    assert!(drafted(&want, Some(&live)).fields.is_empty());
}

#[test]
fn what_deletes_objects_of_an_existing_bucket_is_said() {
    let want = desire("lifecycle: [{id: a, expire_days: 30}]").unwrap();
    let live = model(json!({"lifecycle": [{"id": "a", "prefix": "tmp/", "expire_days": 30}]}));
    let said = drafted(&want, Some(&live)).deletes;
    assert_eq!(said, ["the lifecycle rule 'a' deletes all objects after 30 days"]);
    assert!(drafted(&want, None).deletes.is_empty());
    assert!(drafted(&want, Some(&want)).deletes.is_empty());
}

#[test]
fn only_risks_that_are_new_are_a_gate() {
    let models = whole();
    let (closed, open) = (&models[0], &models[1]);
    let rules = |draft: Draft| draft.risks.into_iter().map(|risk| risk.rule).collect::<Vec<_>>();
    assert_eq!(rules(drafted(open, Some(closed))).len(), 5);
    assert!(rules(drafted(open, Some(open))).is_empty());
    let two = "policy: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: \"*\", Action: \"s3:*\", Resource: \"arn:aws:s3:::a\"}, \
               {Effect: Allow, Principal: \"*\", Action: \"s3:*\", Resource: \"arn:aws:s3:::b\"}]}";
    let risks = Bucket::risks(&desire(two).unwrap());
    assert!(risks.len() == 2 && risks[0].path != risks[1].path, "{risks:?}");
}

#[test]
fn a_copy_takes_over_what_names_no_region() {
    let location =
        Location { partition: "aws".into(), region: "eu-central-1".into(), account: "123456789012".into(), vpc: None };
    let source = |fields: Value| LiveResource::new("data-bucket", model(fields), Outputs::new());
    let mfa = Extra::kept("versioning.mfa_delete", "Enabled");
    let mut left = Vec::new();
    let rules = json!([{"id": "a", "tags": {"tmp": "yes"}, "expire_days": 1}]);
    let there = source(json!({"versioning": null, "policy": {"Statement": [{"Resource": "arn:aws:s3:::data-bucket"}]},
        "lifecycle": rules, "transition_minimum_size": "varies_by_storage_class", "cors": null, "tags": {"A": "b"},
        "logging": {"bucket": "logs-eu-central-1", "prefix": "", "key_format": "simple", "grants": null},
        "encryption": {"algorithm": "aws:kms", "kms_key": "1234", "bucket_key": true, "blocked_types": null}}))
    .with_extras(vec![mfa]);
    let copy = Bucket::follow(model(json!({"tags": {"C": "d"}})), &there, &location, &mut left).unwrap();
    let want = json!({"lifecycle": rules, "transition_minimum_size": "varies_by_storage_class", "cors": null,
        "tags": {"A": "b", "C": "d"}});
    assert_eq!(copy, model(want));
    // The extra is named by the engine.
    assert_eq!(left.len(), 3, "{left:?}");
    let own = model(json!({"logging": {"bucket": "logs", "prefix": ""}, "policy": null,
        "encryption": {"algorithm": "aws:kms"}}));
    let copy = Bucket::follow(own, &there, &location, &mut Vec::new()).unwrap();
    let copied = serde_json::to_value(copy).unwrap();
    assert_eq!(copied["logging"]["key_format"], "simple");
    assert_eq!(copied["encryption"], json!({"algorithm": "aws:kms", "bucket_key": true}));
    assert_eq!(copied["policy"], Value::Null);
}

/// A statement of the same Sid that lets in to more is another one.
#[test]
fn a_public_statement_that_is_another_than_before_is_a_new_risk() {
    let of = |action: &str| {
        model(json!({"policy": {"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow",
            "Principal": "*", "Action": action, "Resource": "arn:aws:s3:::data-bucket/*"}]}}))
    };
    let (narrow, wide) = (of("s3:GetObject"), of("s3:*"));
    assert_eq!(drafted(&wide, Some(&narrow)).risks.len(), 1);
    assert_eq!(drafted(&wide, Some(&wide)).risks.len(), 0);
    assert_eq!(drafted(&wide, Some(&wide)).unwaived.len(), 1);
}
