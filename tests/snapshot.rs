// SPDX-License-Identifier: Apache-2.0
//! `regionctl snapshot`, and plans and drift reports from its files.

use std::fs;

use crate::harness::{Aws, Place, assert_valid, root};

const SPEC: &str = "regions/eu-central-1.yaml";

/// Returns a place whose AWS endpoint is unreachable.
fn without_aws(place: Place) -> Place {
    Place { aws: Aws::Endpoint("http://127.0.0.1:1".to_owned()), ..place }
}

#[test]
fn plan_and_drift_from_a_snapshot_equal_live_without_aws() {
    let place = Place::converged();
    place.run(&["sandbox", "tamper"]).exits(0);
    place.run(&["snapshot", SPEC, "-o", "night.json"]).exits(0);
    let plan = place.run(&["plan", SPEC, "--format", "json"]).exits(0).stdout;
    let drift = place.run(&["drift", SPEC, "--who=false", "--format", "states"]).exits(2).stdout;
    let offline = without_aws(place);
    assert_eq!(offline.run(&["plan", SPEC, "--format", "json", "--snapshot", "night.json"]).exits(0).stdout, plan);
    let args = ["drift", SPEC, "--format", "states", "--snapshot", "night.json"];
    assert_eq!(offline.run(&args).exits(2).stdout, drift);
}

#[test]
fn the_plan_of_an_empty_region_from_a_snapshot_equals_live() {
    let place = Place::seeded();
    place.run(&["snapshot", SPEC, "-o", "night.json"]).exits(0);
    let plan = place.run(&["plan", SPEC, "--format", "json"]).exits(0).stdout;
    assert_valid(&fs::read_to_string(root().join("schema/snapshot.schema.json")).unwrap(), &place.read("night.json"));
    let offline = without_aws(place);
    assert_eq!(offline.run(&["plan", SPEC, "--format", "json", "--snapshot", "night.json"]).exits(0).stdout, plan);
}

#[test]
fn snapshots_of_regions_can_be_compared() {
    let place = Place::converged();
    let taken = place.run(&["snapshot", "eu-central-1", "us-east-1", "eu-west-1", "-o", "a.json"]);
    assert!(taken.stderr.contains("eu-central-1: s3.bucket: "), "{}", taken.stderr);
    place.run(&["sandbox", "tamper"]).exits(0);
    place.run(&["snapshot", "eu-central-1", "us-east-1", "eu-west-1", "-o", "b.json"]);
    assert_eq!(place.run(&["snapshot", "--diff", "a.json", "a.json"]).exits(0).stdout, "No differences.\n");
    let diff = place.run(&["snapshot", "--diff", "a.json", "b.json"]).exits(2).stdout;
    for kind in ["cloudwatch.alarm", "ec2.security_group", "s3.bucket"] {
        assert!(diff.contains(kind), "{kind}: {diff}");
    }
}

/// The snapshot of a region contains which of its buckets are replicated and which are not.
#[test]
fn a_region_snapshot_contains_replication() {
    let place = Place::seeded();
    let entry = "{region: us-east-1, role: \"arn:aws:iam::123456789012:role/r\", rules: {b: {destination: c}}}";
    place.write(
        "spec.yaml",
        format!("region: eu-central-1\naccount: '123456789012'\ns3.replication:\n  supertokens-ssl: {entry}\n"),
    );
    place.run(&["snapshot", "eu-central-1", "us-east-1", "-o", "night.json"]);
    let plan = place.run(&["plan", "spec.yaml", "--format", "json"]).exits(0).stdout;
    assert!(plan.contains("PutBucketReplication"), "{plan}");
    assert_eq!(place.run(&["plan", "spec.yaml", "--format", "json", "--snapshot", "night.json"]).exits(0).stdout, plan);
}

#[test]
fn strict_drift_from_a_snapshot_equals_live() {
    let place = Place::converged();
    place.run(&["sandbox", "tamper"]).exits(0);
    place.run(&["snapshot", SPEC, "eu-central-1", "us-east-1", "eu-west-1", "-o", "night.json"]);
    let args = ["drift", SPEC, "--strict", "--who=false", "--format", "states"];
    let live = place.run(&args).exits(2).stdout;
    assert_eq!(place.run(&[&args[..], &["--snapshot", "night.json"]].concat()).exits(2).stdout, live);
}

#[test]
fn an_unusable_snapshot_is_an_error() {
    let place = Place::seeded();
    place.run(&["snapshot", SPEC, "-o", "night.json"]).exits(0);
    let text = place.read("night.json");
    place.write("truncated.json", &text[..text.len() / 2]);
    place.write("edited.json", text.replace("supertokens-ssl", "supertokens-tls"));
    place.write("newer.json", text.replacen("\"format\": 2", "\"format\": 99", 1));
    place.write("other.json", text.replace("123456789012", "210987654321"));
    place.write("none.json", "{}");
    let mut messages = String::new();
    for file in ["truncated.json", "edited.json", "newer.json", "other.json", "none.json", "missing.json"] {
        let run = place.run(&["plan", SPEC, "--snapshot", file]).exits(1);
        assert_eq!(run.stdout, "", "{file}");
        assert!(run.stderr.contains("help: "), "{file}: {}", run.stderr);
        messages.push_str(run.stderr.lines().next().unwrap());
        messages.push('\n');
    }
    for word in ["truncated", "digest", "format 99", "snapshot-edited", "cannot be read"] {
        assert!(messages.contains(word), "{word}: {messages}");
    }
    // Resources were added to the spec after the snapshot.
    let spec = fs::read_to_string(place.folder.path().join(SPEC)).unwrap();
    place.write(
        SPEC,
        format!(
            "{spec}\nssm.document:\n  another: {{content: {{schemaVersion: \"0.3\"}}}}\nec2.key_pair:\n  late: {{}}\n"
        ),
    );
    let run = place.run(&["plan", SPEC, "--snapshot", "night.json"]).exits(1);
    assert!(run.stdout.is_empty() && !run.stderr.is_empty());
    let run = place.run(&["plan", SPEC, "--snapshot", "night.json", "--preflight"]);
    assert_eq!(run.code, 2, "--preflight is accepted with --snapshot: {}", run.stderr);
}

/// A resource that a region's snapshot cannot contain is an error, and never absent: another region may have a bucket
/// with its name.
#[test]
fn a_region_snapshot_does_not_answer_for_other_regions() {
    let place = Place::seeded();
    place.run(&["snapshot", "eu-central-1", "-o", "region.json"]).exits(0);
    let head = "region: eu-central-1\naccount: '123456789012'\n";
    let replication = "s3.replication:\n  a: {region: eu-west-1, role: \"arn:aws:iam::123456789012:role/r\", rules: {b: {destination: c}}}\n";
    for section in ["s3.bucket:\n  named-elsewhere:\n", replication] {
        place.write("spec.yaml", format!("{head}{section}"));
        let run = place.run(&["plan", "spec.yaml", "--snapshot", "region.json"]).exits(1);
        assert!(run.stderr.contains("error[snapshot-incomplete]"), "{section}: {}", run.stderr);
    }
    place.write("spec.yaml", format!("{head}sns.topic:\n  new:\n"));
    place.run(&["plan", "spec.yaml", "--snapshot", "region.json"]).exits(0);
}

/// A snapshot has only those settings of a resource that its spec needed. A spec that needs more is an error.
#[test]
fn a_snapshot_does_not_answer_for_a_spec_that_needs_more() {
    let place = Place::seeded();
    let all = "region: eu-central-1\naccount: '123456789012'\nlogs.log_group:\n  \"*\": {tags: {team: a}}\n";
    place.write("all.yaml", all);
    place.write("one.yaml", format!("{all}  /of/one: {{retention_days: 30}}\n"));
    place.run(&["apply", "--yes", "one.yaml"]).exits(0);
    place.run(&["snapshot", "one.yaml", "-o", "one.json"]).exits(0);
    let run = place.run(&["plan", "all.yaml", "--snapshot", "one.json"]).exits(1);
    assert!(run.stderr.contains("logs.log_group//of/one"), "{}", run.stderr);
}

#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let place = Place::with_spec("region: eu-central-1\naccount: '123456789012'\n");
    let file = fs::File::create(place.folder.path().join("large.json")).unwrap();
    file.set_len(1 << 40).unwrap();
    let run = place.run(&["plan", "spec.yaml", "--snapshot", "large.json"]).exits(1);
    assert!(run.stderr.contains("it is larger than 256 MiB"), "{}", run.stderr);
}
