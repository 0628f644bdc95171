// SPDX-License-Identifier: Apache-2.0
//! The main scenario on both emulators: plan, apply, plan again, a change outside regionctl, drift, and an apply that
//! reverts it.

use serde_json::Value;

use crate::harness::{Aws, Place, Run, Server, is_read};

const SPEC: &str = "regions/eu-central-1.yaml";

/// Returns the write calls of a run, from its `--stats`.
fn writes(run: &Run) -> Vec<String> {
    let rows = run.stderr.lines().skip_while(|line| !line.trim_start().starts_with("service")).skip(1);
    let calls = rows.filter_map(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        let operation = words.iter().rev().nth(3)?;
        (words.len() >= 5 && !is_read(operation)).then(|| (*operation).to_owned())
    });
    calls.collect()
}

fn addresses(changes: &Value) -> Vec<String> {
    changes
        .as_array()
        .expect("a list")
        .iter()
        .map(|change| change["address"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Applies the spec to an empty region. A second apply writes nothing.
fn apply_to_empty_region(place: &Place) {
    let plan = place.run(&["plan", SPEC, "--stats"]).exits(0);
    assert!(plan.verdict().starts_with("Plan: 28 to create, 7 to change"), "{}", plan.stdout);
    assert_eq!(writes(&plan), Vec::<String>::new(), "plan sent a write");

    let apply = place.run(&["apply", "--yes", SPEC]).exits(0);
    assert!(apply.verdict().starts_with("Applied: "), "{}", apply.stdout);
    assert!(apply.verdict().contains("eu-central-1 matches regions/eu-central-1.yaml."), "{}", apply.stdout);

    let again = place.run(&["plan", SPEC, "--detailed-exitcode"]).exits(0);
    assert!(again.verdict().starts_with("No changes. eu-central-1 matches regions/eu-central-1.yaml."));

    let twice = place.run(&["apply", "--yes", SPEC, "--stats"]).exits(0);
    assert_eq!(writes(&twice), Vec::<String>::new(), "a second apply sent a write");
}

/// Reports the three changes of `sandbox tamper`, and reverts them with three calls.
fn revert_drift(place: &Place) {
    let drift = place.run(&["drift", SPEC, "--format", "json", "--stats"]).exits(2);
    assert_eq!(writes(&drift), Vec::<String>::new(), "drift sent a write");
    let found: Value = serde_json::from_str(&drift.stdout).unwrap();
    assert_eq!(
        addresses(&found["regions"][0]["findings"]),
        [
            "ec2.security_group/ec2-internal-team-access",
            "s3.bucket/supertokens-saas-eu-central-1",
            "cloudwatch.alarm/db-supertokens-eu-central-1 CPUUtilization",
        ]
    );
    let reverted = place.run(&["apply", "--yes", SPEC, "--stats"]).exits(0);
    assert_eq!(writes(&reverted), ["PutMetricAlarm", "RevokeSecurityGroupIngress", "PutPublicAccessBlock"]);
    place.run(&["drift", SPEC]).exits(0);
}

#[test]
fn apply_converges_and_reverts_drift_on_the_sandbox() {
    let place = Place::seeded();
    apply_to_empty_region(&place);
    let plan = place.run(&["plan", SPEC]).exits(0);
    assert!(plan.verdict().ends_with("6 manual steps wait for a person."), "{}", plan.stdout);
    place.run(&["sandbox", "tamper"]).exits(0);
    revert_drift(&place);
}

#[test]
fn apply_converges_and_reverts_drift_on_moto() {
    let moto = Server::moto();
    let place = Place::new(Aws::Endpoint(moto.url.clone()));
    place.run(&["sandbox", "seed"]).exits(0);
    apply_to_empty_region(&place);
    place.run(&["sandbox", "tamper"]).exits(0);
    revert_drift(&place);
}

#[test]
fn unmanaged_resources_do_not_change() {
    let place = Place::seeded();
    let before: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();
    place.run(&["apply", "--yes", SPEC]).exits(0);
    let after: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();

    for (service, regions) in before["services"].as_object().unwrap() {
        for (region, state) in regions.as_object().unwrap() {
            // An apply changes nothing in other regions, except for what regions share: IAM policies, replication and
            // hosted zones (which the emulator stores in us-east-1). tests/runbook.rs verifies these.
            let shared = [("iam", "us-east-1"), ("memory", "us-east-1"), ("route53", "us-east-1")];
            if region != "eu-central-1" && !shared.contains(&(service.as_str(), region.as_str())) {
                assert_eq!(&after["services"][service][region], state, "{service} in {region}");
            }
        }
    }
    assert_eq!(after["services"]["iam"]["us-east-1"]["roles"], before["services"]["iam"]["us-east-1"]["roles"]);
    let (older, now) = (&before["services"]["memory"]["us-east-1"], &after["services"]["memory"]["us-east-1"]);
    for (key, state) in older.as_object().unwrap().iter().filter(|(key, _)| !key.starts_with("s3/replication/")) {
        assert_eq!(&now[key], state, "{key}");
    }

    let topic = "/services/sns/eu-central-1/topics/arn:aws:sns:eu-central-1:123456789012:billing-team";
    assert_eq!(before.pointer(topic), after.pointer(topic));
    let bucket = "/services/s3/eu-central-1/buckets/billing-exports-eu-central-1";
    assert!(before.pointer(bucket).is_some());
    assert_eq!(before.pointer(bucket), after.pointer(bucket));

    let default_group = |state: &Value| -> Vec<Value> {
        let groups = state["services"]["ec2"]["eu-central-1"]["security_groups"].as_object().unwrap().clone();
        let group = groups.values().find(|group| group["group_name"] == "default").unwrap().clone();
        group["ingress_rules"].as_array().unwrap().clone()
    };
    let rules = default_group(&after);
    for rule in default_group(&before) {
        assert!(rules.contains(&rule), "the default group lost {rule}");
    }
}

#[test]
fn targets_include_only_their_dependencies() {
    let place = Place::seeded();
    let function = "lambda.function/create-deployment";
    let run = place.run(&["apply", "--yes", SPEC, "--target", function, "--stats"]).exits(0);
    assert_eq!(writes(&run), ["CreateLogGroup", "PutRetentionPolicy", "CreateFunction"]);
    let again = place.run(&["apply", "--yes", SPEC, "--target", function]).exits(0);
    assert!(again.verdict().starts_with("No changes for the targets."), "{}", again.stdout);
    place.run(&["apply", "--yes", SPEC, "--target", "sns.topic/none"]).exits(3);
}

#[test]
fn without_arguments_every_region_is_planned_but_not_the_base() {
    let place = Place::seeded();
    let plan = place.run(&["plan"]).exits(0);
    assert_eq!(plan.stdout.matches("Plan: ").count(), 1, "{}", plan.stdout);
}

#[test]
fn a_bucket_that_cannot_be_read_is_a_gap_and_blocks_apply() {
    let place = Place::with_spec(
        "region: eu-central-1\naccount: '123456789012'\nsns.topic:\n  a:\ns3.bucket:\n  supertokens-someone-else:\n",
    );
    let plan = place.run(&["plan", "spec.yaml"]).exits(1);
    assert!(plan.stdout.contains("s3.bucket/supertokens-someone-else  S3 HeadBucket failed"), "{}", plan.stdout);
    assert!(plan.verdict().contains("1 to create") && plan.verdict().contains("1 not read"), "{}", plan.stdout);
    place.run(&["apply", "--yes", "spec.yaml"]).exits(1);
    assert!(place.run(&["plan", "spec.yaml"]).stdout.contains("+ sns.topic/a"), "the failed apply created a topic");
}

#[test]
fn a_failed_call_is_reported_and_other_calls_are_done() {
    let place = Place::with_spec(
        "region: eu-central-1\naccount: '123456789012'\nsns.topic:\n  a:\ns3.bucket:\n  data-bucket:\n    versioning: Enabled\n    logging: {bucket: no-such-bucket}\n    policy: {Statement: {Sid: Keep, Effect: Deny, Principal: \"*\", Action: \"s3:DeleteBucket\", Resource: \"arn:aws:s3:::data-bucket\"}}\n",
    );
    let run = place.run(&["apply", "--yes", "spec.yaml"]).exits(4);
    assert_eq!(
        run.verdict(),
        "Partially applied: 3 calls done, 1 failed, 1 not tried. To continue, run: regionctl apply spec.yaml"
    );
    for part in [
        "error[refused-by-aws]: s3.bucket/data-bucket: S3 PutBucketLogging failed: The target bucket for logging does not exist",
        "note: S3 PutBucketLogging returned InvalidTargetBucketForLogging",
        "note: specified at spec.yaml:6",
    ] {
        assert!(run.stderr.contains(part), "{part} is not in\n{}", run.stderr);
    }
    let rest = place.run(&["plan", "spec.yaml"]).exits(0);
    assert!(rest.verdict().starts_with("Plan: 0 to create, 1 to change, 1 unchanged; 2 calls."), "{}", rest.stdout);
}
