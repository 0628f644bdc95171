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
            "logging": null, "website": null, "request_payment": "BucketOwner", "acceleration": null,
            "notifications": null, "eventbridge": false, "object_lock": null, "tags": null,
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
            "website": {"index": "index.html", "error": "e.html", "routing_rules": [
                {"key_prefix": "a/", "error_code": 404, "host": "example.com", "protocol": "https", "replace_prefix": "",
                    "redirect_code": 302},
                {"replace_key": "unset"},
            ]},
            "request_payment": "Requester", "acceleration": "Enabled",
            "notifications": {
                "a": {"topic": "arn:aws:sns:eu-central-1:123456789012:t", "events": ["s3:ObjectCreated:*"], "prefix": "1"},
                "unset": {"queue": "arn:aws:sqs:eu-central-1:123456789012:q", "events": ["s3:ObjectRemoved:*"]},
                "1": {"function": "arn:aws:lambda:eu-central-1:123456789012:function:f",
                    "events": ["s3:ObjectRestore:Post", "s3:LifecycleTransition"], "prefix": "x", "suffix": "true"},
            },
            "eventbridge": true, "object_lock": null,
            "tags": {"Team": "sre", "Empty": "", "Number": "1", "unset": "unset"},
        })),
        model(json!({
            "public_access_block": on, "ownership": "BucketOwnerPreferred",
            "encryption": {"algorithm": "aws:kms:dsse", "kms_key": "arn:aws:kms:eu-central-1:123456789012:key/a",
                "bucket_key": false, "blocked_types": null},
            "versioning": "Enabled", "policy": null,
            "lifecycle": [{"id": "a", "expire_delete_markers": true, "abort_uploads_days": 7}],
            "transition_minimum_size": "all_storage_classes_128K", "cors": null,
            "logging": {"bucket": "logs", "prefix": "p/", "key_format": "simple", "grants": null},
            "website": {"redirect_all": {"host": "example.com"}}, "request_payment": "BucketOwner",
            "acceleration": null, "notifications": null, "eventbridge": true,
            "object_lock": {"retention": {"mode": "COMPLIANCE", "years": 7}, "event_hold": null}, "tags": null,
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
        ("request_payment: unset", "every bucket has one"),
        ("website: {error: e.html}", "needs an index document"),
        ("versioning: Suspended\nobject_lock: {}", "needs versioning"),
        ("versioning: Enabled\nobject_lock: {retention: {mode: COMPLIANCE}}", "either `days`"),
        ("notifications: {a: }", "has no value"),
        ("notifications: {a: {events: [\"s3:ObjectCreated:*\"]}}", "needs one destination"),
        (
            "notifications: {a: {topic: \"${sns.topic/a.arn}\", events: [\"s3:ObjectCreated:*\"]}, b: {queue: \
             \"arn:aws:sqs:eu-central-1:123456789012:q\", events: [\"s3:ObjectCreated:Put\"], prefix: in/}}",
            "match the same events",
        ),
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
    // Four public access blocks, the policy and the website.
    assert_eq!(rules(draft(open, Some(closed))).len(), 6);
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

const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:q";

/// A live bucket with notifications of two owners.
fn notified() -> BucketModel {
    model(json!({"notifications": {
        "ours": {"queue": QUEUE, "events": ["s3:ObjectRemoved:*"]},
        "theirs": {"queue": QUEUE, "events": ["s3:ObjectCreated:Put"], "prefix": "in/"},
    }, "eventbridge": true}))
}

fn only_op(draft: &Draft) -> &Value {
    let [step] = draft.steps.as_slice() else { panic!("{:?}", draft.steps) };
    &step.op["PutBucketNotificationConfiguration"]
}

#[test]
fn only_the_notifications_that_the_spec_states_are_sent() {
    let want =
        desire(&format!("notifications: {{new: {{queue: {QUEUE}, events: [\"s3:ObjectRestore:*\"]}}, ours: unset}}"));
    let draft = draft(&want.unwrap(), Some(&notified()));
    let op = only_op(&draft);
    let keys: Vec<&String> = op["notifications"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["new", "ours"]);
    assert!(op["notifications"]["ours"].is_null() && op.get("eventbridge").is_none(), "{op}");
    assert!(draft.deletes.is_empty() && draft.blocked.is_empty());
    let removed = draft.fields.iter().find(|field| field.path.starts_with("notifications.ours")).unwrap();
    assert!(removed.note.as_ref().is_some_and(|note| note.contains("no longer")), "{removed:?}");
}

#[test]
fn unset_notifications_name_each_one_that_is_removed() {
    let draft = draft(&desire("notifications: unset").unwrap(), Some(&notified()));
    assert_eq!(draft.deletes.len(), 2);
    let op = only_op(&draft);
    assert_eq!(op["notifications"], json!({"ours": null, "theirs": null}));
}

#[test]
fn a_notification_for_the_events_of_another_one_is_blocked() {
    let of = |rest: &str| format!("notifications: {{new: {{queue: {QUEUE}, events: [\"s3:ObjectCreated:*\"]}}{rest}}}");
    let overlapping = draft(&desire(&of("")).unwrap(), Some(&notified()));
    assert!(overlapping.blocked[0].contains("'theirs'"), "{:?}", overlapping.blocked);
    let replacing = draft(&desire(&of(", theirs: unset")).unwrap(), Some(&notified()));
    assert!(replacing.blocked.is_empty(), "{:?}", replacing.blocked);
}

#[test]
fn notifications_of_others_do_not_make_a_saved_plan_stale() {
    let want = desire("notifications: {ours: unset}").unwrap();
    let relevant = serde_json::to_value(Bucket::relevant(Some(&want), notified())).unwrap();
    let keys: Vec<&String> = relevant["notifications"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["ours"]);
    assert_eq!(Bucket::relevant(None, notified()), notified());
}

#[test]
fn suspended_acceleration_equals_no_acceleration() {
    assert_eq!(desire("acceleration: Suspended"), desire("acceleration: unset"));
    let enabled = model(json!({"acceleration": "Enabled"}));
    let suspended = draft(&desire("acceleration: unset").unwrap(), Some(&enabled));
    assert_eq!(suspended.steps[0].op, json!({"PutBucketAccelerateConfiguration": null}));
    assert!(
        draft(&desire("acceleration: unset").unwrap(), Some(&model(json!({"acceleration": null})))).steps.is_empty()
    );
}

#[test]
fn defaults_of_a_new_bucket_need_no_call() {
    let want = desire("request_payment: BucketOwner\neventbridge: false\nacceleration: unset\nwebsite: unset").unwrap();
    let new = draft(&want, None);
    let calls: Vec<String> = new.steps.iter().map(|step| step.op.to_string()).collect();
    assert!(calls.len() == 1 && calls[0].contains("CreateBucket"), "{calls:?}");
    let open = model(json!({"request_payment": "Requester", "eventbridge": true}));
    assert_eq!(draft(&want, Some(&open)).steps.len(), 2);
}

#[test]
fn object_lock_is_final() {
    let locked = model(json!({"versioning": "Enabled", "object_lock": {"retention": null, "event_hold": null}}));
    let unlocked = model(json!({"versioning": "Enabled", "object_lock": null}));
    let off = draft(&desire("object_lock: unset").unwrap(), Some(&locked));
    assert!(off.blocked[0].contains("cannot be turned off"), "{:?}", off.blocked);
    assert!(draft(&desire("object_lock: unset").unwrap(), Some(&unlocked)).fields.is_empty());
    let suspended = draft(&desire("versioning: Suspended").unwrap(), Some(&locked));
    assert!(suspended.blocked[0].contains("Object Lock"), "{:?}", suspended.blocked);
    // The live bucket decides if the spec does not state the versioning.
    let unstated = desire("object_lock: {}").unwrap();
    assert!(draft(&unstated, Some(&unlocked)).blocked.is_empty());
    let unversioned = model(json!({"versioning": null, "object_lock": null}));
    assert!(draft(&unstated, Some(&unversioned)).blocked[0].contains("needs versioning"));
    let on = draft(&desire("versioning: Enabled\nobject_lock: {}").unwrap(), Some(&unlocked));
    assert_eq!(on.steps[0].op, json!({"PutObjectLockConfiguration": {}}));
    let note = on.fields[0].note.clone().unwrap_or_default();
    assert!(on.fields[0].path == "object_lock.enabled" && note.contains("never be turned off"), "{:?}", on.fields);
}

#[test]
fn a_website_of_a_public_bucket_is_a_risk() {
    let of = |restricts: bool, website: Value| {
        let block = json!({"block_public_acls": true, "ignore_public_acls": true, "block_public_policy": false,
            "restrict_public_buckets": restricts});
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data-bucket/*"}]});
        let risks = Bucket::risks(&model(json!({"public_access_block": block, "policy": policy, "website": website})));
        risks.iter().any(|risk| risk.rule == "s3-public-website")
    };
    assert!(of(false, json!({"index": "index.html"})));
    assert!(!of(true, json!({"index": "index.html"})));
    assert!(!of(false, json!({"redirect_all": {"host": "example.com"}})));
    assert!(!of(false, Value::Null));
}

#[test]
fn a_copy_carries_further_settings_and_names_what_it_leaves_out() {
    let location =
        Location { partition: "aws".into(), region: "eu-west-1".into(), account: "123456789012".into(), vpc: None };
    let there = "arn:aws:sqs:eu-west-1:123456789012:q";
    let fields = json!({
        "website": {"index": "index.html"}, "request_payment": "Requester", "acceleration": "Enabled", "eventbridge": true,
        "notifications": {"there": {"queue": there, "events": ["s3:ObjectCreated:*"]},
            "rewritten": {"queue": QUEUE, "events": ["s3:ObjectRemoved:*"]},
            "own": {"queue": there, "events": ["s3:ObjectRestore:*"]}},
        "object_lock": {"retention": null, "event_hold": null}, "versioning": "Enabled",
    });
    let source = LiveResource::new("source-bucket", model(fields.clone()), Attributes::new());
    let mut left = Vec::new();
    let own = json!({"notifications": {"own": {"queue": QUEUE, "events": ["s3:LifecycleTransition"]}}});
    let copy = Bucket::follow(model(own.clone()), &source, &location, &mut left).unwrap();
    let mut want = fields.clone();
    want["notifications"] =
        json!({"rewritten": fields["notifications"]["rewritten"], "own": own["notifications"]["own"]});
    want.as_object_mut().unwrap().remove("object_lock");
    assert_eq!(copy, model(want));
    assert!(left.len() == 2 && left[0].contains("Object Lock") && left[1].contains("'there'"), "{left:?}");

    let plain = json!({"website": null, "notifications": null, "eventbridge": false, "object_lock": null});
    let plain = LiveResource::new("source-bucket", model(plain), Attributes::new());
    let copy = Bucket::follow(model(json!({})), &plain, &location, &mut left).unwrap();
    assert_eq!((copy, left.len()), (model(json!({})), 2));
    let named = json!({"website": {"redirect_all": {"host": "source-bucket.s3-website.eu-west-1.amazonaws.com"}}});
    let named = LiveResource::new("source-bucket", model(named), Attributes::new());
    let copy = Bucket::follow(model(json!({})), &named, &location, &mut left).unwrap();
    assert!(copy == model(json!({})) && left[2].contains("website"), "{left:?}");
}
