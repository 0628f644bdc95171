//! `regionctl snapshot` and what is made of its files, as a user runs them.

use std::fs;

use crate::harness::{Aws, Place, assert_valid, root};

const SPEC: &str = "regions/eu-central-1.yaml";

/// A place whose AWS is gone: what works here works without AWS and without credentials.
fn without_aws(place: Place) -> Place {
    Place { aws: Aws::Endpoint("http://127.0.0.1:1".to_owned()), ..place }
}

#[test]
fn a_plan_and_a_drift_from_a_snapshot_are_those_of_live_without_any_aws() {
    let place = Place::seeded();
    place.run(&["apply", "--yes", SPEC]).exits(0);
    place.run(&["sandbox", "tamper"]).exits(0);
    place.run(&["snapshot", SPEC, "-o", "night.json"]).exits(0);
    let plan = place.run(&["plan", SPEC, "--format", "json"]).exits(0).stdout;
    let drift = place.run(&["drift", SPEC, "--who=false", "--format", "states"]).exits(2).stdout;
    let gone = without_aws(place);
    assert_eq!(gone.run(&["plan", SPEC, "--format", "json", "--snapshot", "night.json"]).exits(0).stdout, plan);
    let args = ["drift", SPEC, "--format", "states", "--snapshot", "night.json"];
    assert_eq!(gone.run(&args).exits(2).stdout, drift);
}

#[test]
fn the_plan_of_an_empty_region_is_the_same_from_a_snapshot() {
    let place = Place::seeded();
    place.run(&["snapshot", SPEC, "-o", "night.json"]).exits(0);
    let plan = place.run(&["plan", SPEC, "--format", "json"]).exits(0).stdout;
    assert_valid(&fs::read_to_string(root().join("schema/snapshot.schema.json")).unwrap(), &place.read("night.json"));
    let gone = without_aws(place);
    assert_eq!(gone.run(&["plan", SPEC, "--format", "json", "--snapshot", "night.json"]).exits(0).stdout, plan);
}

#[test]
fn a_whole_region_is_read_and_two_nights_are_compared() {
    let place = Place::seeded();
    place.run(&["apply", "--yes", SPEC]).exits(0);
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

/// A region's snapshot holds the replication of its buckets, and that a bucket has none.
#[test]
fn a_whole_region_says_which_of_its_buckets_are_replicated() {
    let place = Place::seeded();
    let wanted = "{region: us-east-1, role: \"arn:aws:iam::123456789012:role/r\", rules: {b: {destination: c}}}";
    place.write(
        "spec.yaml",
        format!("region: eu-central-1\naccount: '123456789012'\ns3.replication:\n  supertokens-ssl: {wanted}\n"),
    );
    place.run(&["snapshot", "eu-central-1", "us-east-1", "-o", "night.json"]);
    let plan = place.run(&["plan", "spec.yaml", "--format", "json"]).exits(0).stdout;
    assert!(plan.contains("PutBucketReplication"), "{plan}");
    assert_eq!(place.run(&["plan", "spec.yaml", "--format", "json", "--snapshot", "night.json"]).exits(0).stdout, plan);
}

#[test]
fn strict_drift_from_a_snapshot_of_spec_and_regions_is_that_of_live() {
    let place = Place::seeded();
    place.run(&["apply", "--yes", SPEC]).exits(0);
    place.run(&["sandbox", "tamper"]).exits(0);
    place.run(&["snapshot", SPEC, "eu-central-1", "us-east-1", "eu-west-1", "-o", "night.json"]);
    let args = ["drift", SPEC, "--strict", "--who=false", "--format", "states"];
    let live = place.run(&args).exits(2).stdout;
    assert_eq!(place.run(&[&args[..], &["--snapshot", "night.json"]].concat()).exits(2).stdout, live);
}

#[test]
fn what_is_no_snapshot_of_this_spec_gives_an_error_and_never_a_plan() {
    let place = Place::seeded();
    place.run(&["snapshot", SPEC, "-o", "night.json"]).exits(0);
    let text = place.read("night.json");
    place.write("truncated.json", &text[..text.len() / 2]);
    place.write("edited.json", text.replace("supertokens-ssl", "supertokens-tls"));
    place.write("newer.json", text.replacen("\"format\": 1", "\"format\": 99", 1));
    place.write("other.json", text.replace("123456789012", "210987654321"));
    place.write("none.json", "{}");
    let mut said = String::new();
    for file in ["truncated.json", "edited.json", "newer.json", "other.json", "none.json", "missing.json"] {
        let run = place.run(&["plan", SPEC, "--snapshot", file]).exits(1);
        assert_eq!(run.stdout, "", "{file}");
        assert!(run.stderr.contains("help: "), "{file}: {}", run.stderr);
        said.push_str(run.stderr.lines().next().unwrap());
        said.push('\n');
    }
    for word in ["truncated", "digest", "format 99", "snapshot-edited", "cannot be read"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    // The spec wants more than when the snapshot was taken.
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
    assert_eq!(run.code, 2, "preflight needs AWS: {}", run.stderr);
}

/// What a region's list cannot show is not read, and never absent: a bucket's name may be taken in another region.
#[test]
fn a_whole_region_does_not_say_what_it_was_not_asked() {
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

/// A resource that was read less deep than its fellows is not taken for read as deep as they.
#[test]
fn a_snapshot_of_a_spec_answers_no_other_spec_than_it_can() {
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
