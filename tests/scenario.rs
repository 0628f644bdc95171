//! The main job, as the demo shows it, on both emulators: plan, apply, plan again, a change behind
//! regionctl's back, drift, heal.

use serde_json::Value;

use crate::harness::{Aws, Place, Run, Server, is_read};

const SPEC: &str = "regions/eu-central-1.yaml";

/// The mutating calls of a run, from its `--stats`.
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

/// From empty to converged, and quiet after it.
fn converges(place: &Place) {
    let plan = place.run(&["plan", SPEC, "--stats"]).exits(0);
    assert!(plan.verdict().starts_with("Plan: 28 to create, 7 to change"), "{}", plan.stdout);
    assert_eq!(writes(&plan), Vec::<String>::new(), "plan writes nothing");

    let apply = place.run(&["apply", "--yes", SPEC]).exits(0);
    assert!(apply.verdict().starts_with("Applied: "), "{}", apply.stdout);
    assert!(apply.verdict().contains("eu-central-1 is what regions/eu-central-1.yaml says."), "{}", apply.stdout);

    let again = place.run(&["plan", SPEC, "--detailed-exitcode"]).exits(0);
    assert!(again.verdict().starts_with("No changes. eu-central-1 is what regions/eu-central-1.yaml says."));

    let twice = place.run(&["apply", "--yes", SPEC, "--stats"]).exits(0);
    assert_eq!(writes(&twice), Vec::<String>::new(), "a second apply writes nothing");
}

/// The three findings and nothing else, healed by touching those and nothing else.
fn drifts_and_heals(place: &Place) {
    let drift = place.run(&["drift", SPEC, "--format", "json", "--stats"]).exits(2);
    assert_eq!(writes(&drift), Vec::<String>::new(), "drift writes nothing");
    let found: Value = serde_json::from_str(&drift.stdout).unwrap();
    assert_eq!(
        addresses(&found["regions"][0]["findings"]),
        [
            "ec2.security_group/ec2-internal-team-access",
            "s3.bucket/supertokens-saas-eu-central-1",
            "cloudwatch.alarm/db-supertokens-eu-central-1 CPUUtilization",
        ]
    );
    let heal = place.run(&["apply", "--yes", SPEC, "--stats"]).exits(0);
    assert_eq!(writes(&heal), ["PutMetricAlarm", "RevokeSecurityGroupIngress", "PutPublicAccessBlock"]);
    place.run(&["drift", SPEC]).exits(0);
}

#[test]
fn the_sandbox_converges_drifts_and_heals() {
    let place = Place::seeded();
    converges(&place);
    let plan = place.run(&["plan", SPEC]).exits(0);
    assert!(plan.verdict().ends_with("6 things wait for a person."), "{}", plan.stdout);
    place.run(&["sandbox", "tamper"]).exits(0);
    drifts_and_heals(&place);
}

#[test]
fn moto_converges_drifts_and_heals() {
    let moto = Server::moto();
    let place = Place::new(Aws::Endpoint(moto.url.clone()));
    place.run(&["sandbox", "seed"]).exits(0);
    converges(&place);
    place.run(&["sandbox", "tamper"]).exits(0);
    drifts_and_heals(&place);
}

#[test]
fn what_belongs_to_others_is_unchanged_to_the_byte() {
    let place = Place::seeded();
    let before: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();
    place.run(&["apply", "--yes", SPEC]).exits(0);
    let after: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();

    for (service, regions) in before["services"].as_object().unwrap() {
        for (region, state) in regions.as_object().unwrap() {
            // Route 53 keeps its zones in one region; everything else of the other regions is others', but for what
            // regions share, which tests/runbook.rs looks at.
            let shared = [("iam", "us-east-1"), ("memory", "us-east-1"), ("route53", "us-east-1")];
            if region != "eu-central-1" && !shared.contains(&(service.as_str(), region.as_str())) {
                assert_eq!(&after["services"][service][region], state, "{service} in {region}");
            }
        }
    }
    assert_eq!(after["services"]["iam"]["us-east-1"]["roles"], before["services"]["iam"]["us-east-1"]["roles"]);
    let (older, now) = (&before["services"]["memory"]["us-east-1"], &after["services"]["memory"]["us-east-1"]);
    for (thing, state) in older.as_object().unwrap().iter().filter(|(thing, _)| !thing.starts_with("s3/replication/")) {
        assert_eq!(&now[thing], state, "{thing}");
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
    let kept = default_group(&after);
    for rule in default_group(&before) {
        assert!(kept.contains(&rule), "the default group lost {rule}");
    }
}

#[test]
fn targets_take_along_what_they_need_and_nothing_else() {
    let place = Place::seeded();
    let function = "lambda.function/create-deployment";
    let run = place.run(&["apply", "--yes", SPEC, "--target", function, "--stats"]).exits(0);
    assert_eq!(writes(&run), ["CreateLogGroup", "PutRetentionPolicy", "CreateFunction"]);
    let again = place.run(&["apply", "--yes", SPEC, "--target", function]).exits(0);
    assert!(again.verdict().starts_with("No changes of the targets."), "{}", again.stdout);
    place.run(&["apply", "--yes", SPEC, "--target", "sns.topic/none"]).exits(3);
}

#[test]
fn without_a_spec_every_region_is_looked_at_and_the_base_is_not() {
    let place = Place::seeded();
    let plan = place.run(&["plan"]).exits(0);
    assert_eq!(plan.stdout.matches("Plan: ").count(), 1, "{}", plan.stdout);
}

#[test]
fn a_bucket_that_cannot_be_read_is_named_and_never_taken_for_no_change() {
    let place = Place::with_spec(
        "region: eu-central-1\naccount: '123456789012'\nsns.topic:\n  a:\ns3.bucket:\n  supertokens-someone-else:\n",
    );
    let plan = place.run(&["plan", "spec.yaml"]).exits(1);
    assert!(plan.stdout.contains("s3.bucket/supertokens-someone-else  S3 HeadBucket failed"), "{}", plan.stdout);
    assert!(plan.verdict().contains("1 to create") && plan.verdict().contains("1 not read"), "{}", plan.stdout);
    place.run(&["apply", "--yes", "spec.yaml"]).exits(1);
    assert!(place.run(&["plan", "spec.yaml"]).stdout.contains("+ sns.topic/a"), "nothing was applied");
}

#[test]
fn a_call_that_aws_refuses_leaves_the_rest_done_and_says_which_where_and_why() {
    let place = Place::with_spec(
        "region: eu-central-1\naccount: '123456789012'\nsns.topic:\n  a:\ns3.bucket:\n  data-bucket:\n    versioning: Enabled\n    logging: {bucket: no-such-bucket}\n    tags: {A: b}\n",
    );
    let run = place.run(&["apply", "--yes", "spec.yaml"]).exits(4);
    assert_eq!(
        run.verdict(),
        "Applied in part: 3 calls done, 1 failed, 1 not tried. Run it again to go on: regionctl apply spec.yaml"
    );
    for part in [
        "error[refused-by-aws]: s3.bucket/data-bucket: S3 PutBucketLogging failed: The target bucket for logging does not exist",
        "note: S3 PutBucketLogging answered InvalidTargetBucketForLogging",
        "note: it is wanted at spec.yaml:6",
    ] {
        assert!(run.stderr.contains(part), "{part} is not in\n{}", run.stderr);
    }
    let rest = place.run(&["plan", "spec.yaml"]).exits(0);
    assert!(rest.verdict().starts_with("Plan: 0 to create, 1 to change, 1 unchanged; 2 calls."), "{}", rest.stdout);
}
