//! What is generated is fresh, and what is written by hand agrees with it.

use std::fmt::Write as _;

use regionctl_aws::kinds::REGISTRY;
use serde_json::Value;

use crate::harness::{Place, assert_all_valid, assert_fresh, is_valid, root, sources};

fn printed(which: &str) -> String {
    Place::seeded().run(&["schema", which]).exits(0).stdout
}

#[test]
fn schemas_and_reference_are_fresh() {
    assert_fresh("schema/region.schema.json", &printed("region"));
    assert_fresh("schema/plan.schema.json", &printed("plan"));
    assert_fresh("schema/report.schema.json", &printed("report"));
    assert_fresh("schema/snapshot.schema.json", &printed("snapshot"));
    assert_fresh("docs/kinds.md", &printed("reference"));
    assert_fresh("docs/severities.md", &printed("severities"));
    assert_fresh("docs/defaults.md", &printed("defaults"));
}

#[test]
fn the_examples_and_the_companys_regions_fit_the_schema() {
    let schema = printed("region");
    let base = std::fs::read_to_string(root().join("regions/base.yaml")).unwrap();
    let region = std::fs::read_to_string(root().join("regions/eu-central-1.yaml")).unwrap();
    let examples = REGISTRY.0.iter().map(|kind| kind.facts().example.to_owned());
    let specs: Vec<Value> = examples.chain([base, region]).map(|text| serde_saphyr::from_str(&text).unwrap()).collect();
    assert_all_valid(&schema, &specs);
    assert!(!is_valid(&schema, r#"{"sns.topic": {"a": {"subscription": []}}}"#), "an unknown field does not fit");
}

/// The table of calls that a plan of the company's region costs, and that it does not grow by resources.
#[test]
fn the_calls_of_a_plan_are_those_of_the_table() {
    let place = Place::seeded();
    place.run(&["apply", "--yes", "regions/eu-central-1.yaml"]).exits(0);
    let stats = place.run(&["plan", "regions/eu-central-1.yaml", "--stats"]).exits(0).stderr;
    let mut table = String::from(
        "# Calls of a plan\n\nWhat `regionctl plan regions/eu-central-1.yaml` asks AWS on the converged region; a test keeps this fresh.\n\n\
         | service | operation | calls | grows with |\n| --- | --- | ---: | --- |\n",
    );
    let mut total = 0;
    for row in stats.lines().filter(|row| row.ends_with(" 0 ")) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let [service @ .., operation, calls, _, _] = words.as_slice() else { continue };
        let service = service.join(" ");
        total += calls.parse::<u32>().unwrap();
        let _ = writeln!(table, "| {service} | {operation} | {calls} | {} |", growth(operation));
    }
    let _ = writeln!(table, "\n{total} calls in all.");
    assert_fresh("docs/calls.md", &table);
}

fn growth(operation: &str) -> &'static str {
    match operation {
        "GetCallerIdentity" | "DescribeVpcs" => "nothing",
        "DescribeAlarms" => "one for 100 alarms of the spec and of its rules",
        "DescribeLogGroups" => "one for 50 log groups of the region",
        "DescribeSecurityGroups" => "one for 200 groups of the spec",
        "DescribeFlowLogs" | "DescribeRouteTables" => "one for 1,000 of the VPC",
        "DescribeInstances" | "DescribeKeyPairs" | "DescribeVpcEndpoints" => "one for all that the spec names",
        "ListPolicyVersions" | "GetPolicyVersion" => "one a policy of the spec",
        "ListEventSourceMappings" => "one for 100 mappings of a source region",
        "ListFunctions" => "one for 50 functions, here and of a source region",
        "DescribeDBClusters" | "DescribeDBInstances" => "one for 100, here and of a source region",
        "ListDocuments" => "one for 50 documents, here and of a source region",
        "GetDocument" => "one a document, here and of a source region",
        "GetBucketReplication" => "one a replicated bucket of the spec",
        "ListHostedZonesByName" | "GetHostedZone" => "one a zone of the spec",
        "GetTopicAttributes" => "one a topic of the spec",
        "ListSubscriptionsByTopic" => "one a topic with subscriptions, and 100 of them",
        "HeadBucket" => "one a bucket of the spec, and one its source",
        _ => "one a bucket whose spec states it, and two where it follows another",
    }
}

/// The codes are in the source where a diagnostic is made; the table must have them all and no others.
#[test]
fn every_error_code_is_in_the_table_and_no_other() {
    let files = sources(&root().join("crates"));
    let source: String = files.into_iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let table = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let listed: Vec<&str> = table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    for code in &listed {
        assert!(source.contains(&format!("\"{code}\"")), "{code} is in docs/errors.md and nowhere in the source");
    }
    let made =
        ["Diagnostic::new(", "Diagnostic::at(", "fault_within(", "fault_in_text(", "tree::duplicate(", "Self::of("];
    for call in made {
        for rest in source.split(call).skip(1) {
            let argument = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            if let Some(code) = argument {
                assert!(listed.contains(&code), "{code} is not in docs/errors.md");
            }
        }
    }
}
