// SPDX-License-Identifier: Apache-2.0
//! Generated files are up to date, and hand-written files agree with the code.

use std::fmt::Write as _;

use regionctl_aws::kinds::REGISTRY;
use serde_json::Value;

use crate::harness::{Place, assert_all_valid, assert_up_to_date, is_valid, root, sample, sources};

fn printed(which: &str) -> String {
    Place::seeded().run(&["schema", which]).exits(0).stdout
}

#[test]
fn schemas_and_reference_are_up_to_date() {
    assert_up_to_date("schema/region.schema.json", &printed("region"));
    assert_up_to_date("schema/plan.schema.json", &printed("plan"));
    assert_up_to_date("schema/report.schema.json", &printed("report"));
    assert_up_to_date("schema/snapshot.schema.json", &printed("snapshot"));
    assert_up_to_date("docs/kinds.md", &printed("reference"));
    assert_up_to_date("docs/severities.md", &printed("severities"));
    assert_up_to_date("docs/defaults.md", &printed("defaults"));
}

#[test]
fn examples_and_company_specs_match_the_schema() {
    let schema = printed("region");
    let base = std::fs::read_to_string(root().join("regions/base.yaml")).unwrap();
    let region = std::fs::read_to_string(root().join("regions/eu-central-1.yaml")).unwrap();
    let examples = REGISTRY.0.iter().map(|kind| kind.facts().example.to_owned());
    let specs: Vec<Value> = examples.chain([base, region]).map(|text| serde_saphyr::from_str(&text).unwrap()).collect();
    assert_all_valid(&schema, &sample(specs, 4));
    assert!(!is_valid(&schema, r#"{"sns.topic": {"a": {"subscription": []}}}"#), "the schema allows an unknown field");
}

/// docs/calls.md lists the calls of a plan of the company's region, and what their number grows with.
#[test]
fn the_table_of_plan_calls_is_up_to_date() {
    let place = Place::converged();
    let stats = place.run(&["plan", "regions/eu-central-1.yaml", "--stats"]).exits(0).stderr;
    let mut table = String::from(
        "# Calls of a plan\n\nThe API calls of `regionctl plan regions/eu-central-1.yaml` on the converged region. A test keeps this table up to\n\
         date.\n\n\
         | service | operation | calls | grows with |\n| --- | --- | ---: | --- |\n",
    );
    let mut total = 0;
    for row in stats.lines().filter(|row| row.ends_with(" 0 ")) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let [service @ .., operation, calls, _, _] = words.as_slice() else { continue };
        let service = service.join(" ");
        total += calls.parse::<u32>().unwrap();
        let _ = writeln!(table, "| {service} | {operation} | {calls} | {} |", growth(&service, operation));
    }
    let _ = writeln!(table, "\n{total} calls in all.");
    assert_up_to_date("docs/calls.md", &table);
}

fn growth(service: &str, operation: &str) -> &'static str {
    const FUNCTION_PART: &str = "one per function whose entry states the setting, and one per function that is copied";
    match operation {
        "GetCallerIdentity" | "DescribeVpcs" => "nothing",
        "DescribeAlarms" => "one per 100 alarms of the spec and its rules",
        "ListMetrics" => "one per metric that alarms watch, and one per source region while it has no data here",
        "DescribeLogGroups" => "one per 50 log groups of the region",
        "DescribeSecurityGroups" => "one per 200 groups of the spec",
        "DescribeFlowLogs" => "one per 1,000 in the region",
        "DescribeRouteTables" => "one per 1,000 in the VPC",
        "DescribeInstances" | "DescribeKeyPairs" | "DescribeVpcEndpoints" => "one for all resources of the spec",
        "ListPolicyVersions" | "GetPolicyVersion" => "one per policy of the spec",
        "ListPolicies" => "one per 1,000 customer managed policies of the account",
        "GetPolicy" if service == "IAM" => "one per policy whose entry states its tags or description",
        "ListEventSourceMappings" => "one per 100 mappings of a source region",
        "ListFunctions" => "one per 50 functions, for the region and each source region",
        _ if service == "Lambda" => FUNCTION_PART,
        "DescribeDBClusters" | "DescribeDBInstances" => "one per 100, for the region and each source region",
        "ListDocuments" => "one per 50 documents, for the region and each source region",
        "DescribeDocumentPermission" => "one per document whose accounts are stated, copied or deleted",
        "GetDocument" => "one per document, for the region and each source region",
        "GetBucketReplication" => "one per replicated bucket of the spec",
        "ListHostedZonesByName" | "GetHostedZone" => "one per zone of the spec",
        "GetTopicAttributes" => "one per topic of the spec",
        "ListSubscriptionsByTopic" => "one per 100 subscriptions of a topic",
        "HeadBucket" => "one per bucket of the spec, and one for its source",
        _ => "one per bucket whose entry states the setting, two if the bucket has a source",
    }
}

/// docs/errors.md lists exactly the codes of the diagnostics in the source.
#[test]
fn the_table_of_error_codes_is_complete() {
    let files = sources(&root().join("crates"));
    let source: String = files.into_iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let table = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let listed: Vec<&str> = table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    for code in &listed {
        assert!(source.contains(&format!("\"{code}\"")), "{code} is in docs/errors.md, but not in the source");
    }
    let constructors =
        ["Diagnostic::new(", "Diagnostic::at(", "fault_within(", "fault_in_text(", "tree::duplicate(", "Self::of("];
    for call in constructors {
        for rest in source.split(call).skip(1) {
            let argument = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            if let Some(code) = argument {
                assert!(listed.contains(&code), "{code} is not in docs/errors.md");
            }
        }
    }
}
