// SPDX-License-Identifier: Apache-2.0
//! Copies of resources of other regions: changes at the source are drift, secrets are never shown, and a saved plan is
//! refused if the source changed. Also rules (`for_each`), and specs that share resources.

use serde_json::{Value, json};

use crate::harness::{Place, Run};

const SPEC: &str = "regions/eu-central-1.yaml";
const HEAD: &str = "region: eu-central-1\naccount: '123456789012'\n";

/// Returns a place with the company's older regions and the spec `spec.yaml`.
fn seeded_with(sections: &str) -> Place {
    let place = Place::seeded();
    place.write("spec.yaml", format!("{HEAD}{sections}"));
    place
}

/// Changes the state of the sandbox.
fn edit(place: &Place, change: impl FnOnce(&mut Value)) {
    let mut state: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();
    change(&mut state["services"]);
    place.write("sandbox.json", state.to_string());
}

fn changes(run: &Run) -> Vec<(String, String)> {
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let text = |change: &Value, field: &str| change[field].as_str().unwrap_or_default().to_owned();
    plan["changes"].as_array().unwrap().iter().map(|change| (text(change, "action"), text(change, "address"))).collect()
}

#[test]
fn changes_at_the_source_are_reported_as_drift_of_the_source() {
    let place = Place::converged();
    edit(&place, |services| {
        let functions = services["memory"]["eu-west-1"].as_object_mut().unwrap();
        let mut gone = functions.remove("lambda/create-deployment").unwrap();
        functions["lambda/renew-certificates"]["config"]["Timeout"] = 100.into();
        gone["config"]["FunctionName"] = "brand-new".into();
        functions.insert("lambda/brand-new".to_owned(), gone);
        services["memory"]["us-east-1"].as_object_mut().unwrap().remove("ssm/rotate-logs");
    });
    let plan = place.run(&["plan", SPEC, "--format", "json"]).exits(0);
    let expected = [
        ("create", "cloudwatch.alarm/brand-new Errors"),
        ("delete", "cloudwatch.alarm/create-deployment Errors"),
        ("create", "lambda.function/brand-new"),
        ("delete", "lambda.function/create-deployment"),
        ("update", "lambda.function/renew-certificates"),
        ("create", "logs.log_group//aws/lambda/brand-new"),
        ("delete", "ssm.document/rotate-logs"),
    ];
    assert_eq!(changes(&plan), expected.map(|(action, address)| (action.to_owned(), address.to_owned())));
    let report: Value = serde_json::from_str(&place.run(&["drift", SPEC, "--format", "json"]).exits(2).stdout).unwrap();
    let mut drift: Vec<(String, String)> = Vec::new();
    for finding in report["regions"][0]["findings"].as_array().unwrap() {
        let text = |field: &str| finding[field].as_str().unwrap().to_owned();
        drift.push((text("drift"), text("address")));
    }
    drift.sort();
    let expected = [
        ("missing", "cloudwatch.alarm/brand-new Errors"),
        ("missing", "logs.log_group//aws/lambda/brand-new"),
        ("not_in_spec", "cloudwatch.alarm/create-deployment Errors"),
        ("source_changed", "lambda.function/brand-new"),
        ("source_changed", "lambda.function/create-deployment"),
        ("source_changed", "lambda.function/renew-certificates"),
        ("source_changed", "ssm.document/rotate-logs"),
    ];
    assert_eq!(drift, expected.map(|(drift, address)| (drift.to_owned(), address.to_owned())));
    let text = place.run(&["plan", SPEC]).exits(0).stdout;
    for line in [
        "  + lambda.function/brand-new  copies eu-west-1/brand-new\n",
        "  - lambda.function/create-deployment  copies eu-west-1/create-deployment, which no longer exists\n",
        "  ~ lambda.function/renew-certificates  copies eu-west-1/renew-certificates\n      ~ timeout: 300 → 100\n",
        // Its function is a leftover itself.
        "  - cloudwatch.alarm/create-deployment Errors  from '${each.name} Errors' in regions/base.yaml",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let refused = place.run(&["apply", "--yes", SPEC]).exits(3);
    assert!(refused.stderr.contains("review the deletion, then add `--allow-destroy`"), "{}", refused.stderr);
    place.run(&["apply", "--yes", "--allow-destroy", SPEC]).exits(0);
    place.run(&["drift", SPEC]).exits(0);
}

#[test]
fn a_resource_that_was_not_copied_is_never_deleted() {
    let place = Place::converged();
    edit(&place, |services| {
        let mut own = services["memory"]["eu-central-1"]["lambda/create-deployment"].clone();
        own["config"]["FunctionName"] = "somebody-elses".into();
        own["tags"] = json!({});
        services["memory"]["eu-central-1"]["lambda/somebody-elses"] = own;
    });
    // Rules still match it: it gets an alarm and a log group.
    let found = changes(&place.run(&["plan", SPEC, "--format", "json"]).exits(0));
    assert!(found.iter().all(|(action, _)| action == "create"), "{found:?}");
    assert!(found.iter().any(|(_, address)| address == "cloudwatch.alarm/somebody-elses Errors"), "{found:?}");
}

#[test]
fn a_saved_plan_is_refused_if_its_source_changed() {
    let place = seeded_with("lambda.function:\n  create-deployment: {like: eu-west-1/create-deployment}\n");
    place.run(&["plan", "spec.yaml", "-o", "plan.json"]).exits(0);
    edit(&place, |services| {
        services["memory"]["eu-west-1"]["lambda/create-deployment"]["config"]["MemorySize"] = 512.into();
    });
    let refused = place.run(&["apply", "--yes", "plan.json"]).exits(3);
    let expected =
        "lambda.function/create-deployment copies eu-west-1/create-deployment, which was changed after the plan";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

#[test]
fn environment_values_are_never_shown() {
    let place = seeded_with("lambda.function:\n  \"*\": {copy: eu-west-1}\n");
    let plan = place.run(&["plan", "spec.yaml", "-o", "plan.json"]).exits(0);
    let json = place.run(&["plan", "spec.yaml", "--format", "json"]).exits(0);
    let apply = place.run(&["apply", "--yes", "plan.json"]).exits(0);
    edit(&place, |services| {
        let variables = &mut services["memory"]["eu-central-1"]["lambda/create-deployment"]["config"]["Environment"];
        variables["Variables"]["API_KEY"] = "another-secret".into();
    });
    let drift = place.run(&["drift", "spec.yaml"]).exits(2);
    assert!(
        drift.stdout.contains("environment.API_KEY is (not shown), but the spec says (not shown)"),
        "{}",
        drift.stdout
    );
    for text in [&plan.stdout, &json.stdout, &place.read("plan.json"), &apply.stdout, &apply.stderr, &drift.stdout] {
        assert!(!text.contains("not-to-be-shown") && !text.contains("another-secret"), "{text}");
    }
    // The copy has the values.
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    assert!(place.read("sandbox.json").matches("not-to-be-shown").count() >= 4);
}

#[test]
fn the_spec_overrides_the_source() {
    let place = seeded_with(
        "lambda.function:\n  create-deployment:\n    like: eu-west-1/create-deployment\n    timeout: 7\n    environment: {API_KEY: own}\n",
    );
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    let state: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();
    let config = &state["services"]["memory"]["eu-central-1"]["lambda/create-deployment"]["config"];
    assert_eq!((&config["Timeout"], &config["MemorySize"]), (&7.into(), &256.into()));
    let variables = &config["Environment"]["Variables"];
    assert_eq!(variables["API_KEY"], "own");
    // Without `rewrite:` the value is copied unchanged, and a note says that it contains the source's region.
    assert_eq!(variables["QUEUE_URL"], "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs");
    let plan = place.run(&["plan", "spec.yaml"]).exits(0);
    assert!(
        plan.stdout.contains("the variable QUEUE_URL contains 'eu-west-1': add it to `rewrite:`"),
        "{}",
        plan.stdout
    );
}

#[test]
fn code_can_be_followed_pinned_or_external() {
    let place = seeded_with("lambda.function:\n  create-deployment: {like: eu-west-1/create-deployment}\n");
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    let digest = |place: &Place| {
        let state: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();
        state["services"]["memory"]["eu-central-1"]["lambda/create-deployment"]["config"]["CodeSha256"].clone()
    };
    let first = digest(&place);
    edit(&place, |services| {
        let functions = &mut services["memory"]["eu-west-1"];
        let other = functions["lambda/renew-certificates"].clone();
        functions["lambda/create-deployment"]["zip"] = other["zip"].clone();
        functions["lambda/create-deployment"]["config"]["CodeSha256"] = other["config"]["CodeSha256"].clone();
    });
    let follow = place.run(&["drift", "spec.yaml"]).exits(2);
    assert!(follow.stdout.contains("code_sha256 is "), "{}", follow.stdout);
    for code in [format!("{{pinned: {first}}}"), "external".to_owned()] {
        let spec =
            format!("lambda.function:\n  create-deployment: {{like: eu-west-1/create-deployment, code: {code}}}\n");
        place.write("spec.yaml", format!("{HEAD}{spec}"));
        place.run(&["drift", "spec.yaml"]).exits(0);
    }
    edit(&place, |services| {
        services["memory"]["eu-central-1"].as_object_mut().unwrap().remove("lambda/create-deployment");
    });
    let waits = place.run(&["plan", "spec.yaml"]).exits(0);
    assert!(
        waits.stdout.contains("another tool deploys the code, and has not created the function yet"),
        "{}",
        waits.stdout
    );
    let pinned = format!(
        "lambda.function:\n  create-deployment: {{like: eu-west-1/create-deployment, code: {{pinned: {first}}}}}\n"
    );
    place.write("spec.yaml", format!("{HEAD}{pinned}"));
    let gone = place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    assert!(gone.stderr.contains("the source no longer has the pinned code"), "{}", gone.stderr);
}

#[test]
fn a_missing_or_empty_source_and_a_rule_without_matches_are_reported() {
    let place = seeded_with(
        "s3.bucket:\n  data-bucket: {like: us-east-1/nowhere-bucket}\nlambda.function:\n  \"*\": {copy: ap-south-1}\nrds.cluster: {}\n\
         logs.log_group:\n  of-${each.name}: {for_each: rds.cluster, retention_days: 1}\n",
    );
    let plan = place.run(&["plan", "spec.yaml"]).exits(1);
    for part in [
        "✗ s3.bucket/data-bucket  s3.bucket in us-east-1 failed: it does not exist (source us-east-1/nowhere-bucket)",
        "lambda.function/*\n      copies nothing: no resource in ap-south-1 matches",
        "logs.log_group/of-${each.name}\n      matches nothing: no live or desired rds.cluster matches",
    ] {
        assert!(plan.stdout.contains(part), "{part} is not in\n{}", plan.stdout);
    }
}

#[test]
fn two_rules_that_produce_the_same_resource_are_an_error() {
    let place = seeded_with(
        "lambda.function:\n  \"*\": {copy: eu-west-1}\nlogs.log_group:\n  /aws/lambda/${each.name}: {for_each: lambda.function}\n  \
         /aws/${each.name}: {for_each: {kind: lambda.function, matching: \"x\"}}\n  ${each.name}: {for_each: lambda.function}\n",
    );
    place.run(&["plan", "spec.yaml"]).exits(0);
    place.write(
        "spec.yaml",
        format!(
            "{HEAD}lambda.function:\n  \"*\": {{copy: eu-west-1}}\nlogs.log_group:\n  a-${{each.name}}: {{for_each: lambda.function}}\n  \
             \"${{each.name}}${{each.name}}\": {{for_each: {{kind: ssm.document}}}}\n  \
             a-create-${{each.name}}: {{for_each: {{kind: logs.log_group, matching: \"deployment\"}}}}\n  deployment:\n"
        ),
    );
    let two = place.run(&["plan", "spec.yaml"]).exits(1);
    for part in [
        "error[two-rules]: two rules produce logs.log_group/a-create-deployment",
        "note: the rule is at spec.yaml:",
        "help: exclude it from one rule with `except`, or add an entry with its name, which overrides rules",
    ] {
        assert!(two.stderr.contains(part), "{part} is not in\n{}", two.stderr);
    }
}

/// AWS services create documents with reserved names, which SSM accepts from nobody else.
#[test]
fn a_copy_with_a_reserved_name_is_refused_before_anything_is_sent() {
    let place = seeded_with("ssm.document:\n  \"*\": {copy: us-east-1}\n");
    edit(&place, |services| {
        let documents = &mut services["memory"]["us-east-1"];
        documents["ssm/AWSQuickSetup-a"] = documents["ssm/rotate-logs"].clone();
    });
    let refused = place.run(&["apply", "--yes", "spec.yaml"]).exits(1);
    for part in
        ["error[invalid-name]: for us-east-1/AWSQuickSetup-a: ", "help: add `except: [AWSQuickSetup-a]` to the entry"]
    {
        assert!(refused.stderr.contains(part), "{part} is not in\n{}", refused.stderr);
    }
    place.write("spec.yaml", format!("{HEAD}ssm.document:\n  \"*\": {{copy: us-east-1, except: [AWS*]}}\n"));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
}

#[test]
fn without_waiting_the_next_plan_reports_resources_in_progress() {
    let place = seeded_with(
        "rds.cluster:\n  supertokens-eu-central-1: {like: us-east-1/supertokens-us-east-1, rewrite: {us-east-1: eu-central-1}}\n",
    );
    let apply = place.run(&["apply", "--yes", "--wait=false", "spec.yaml"]).exits(0);
    assert!(!apply.stderr.contains("ready"), "the apply waited: {}", apply.stderr);
    edit(&place, |services| {
        // A creation time in the future keeps the cluster in progress, however long the test takes.
        for (_, resource) in services["memory"]["eu-central-1"].as_object_mut().unwrap() {
            resource["At"] = "99999999999".into();
        }
    });
    let plan = place.run(&["plan", "spec.yaml"]).exits(0);
    assert!(plan.verdict().starts_with("No changes. 1 resource in progress: creating."), "{}", plan.stdout);
    place.run(&["drift", "spec.yaml"]).exits(2);
    edit(&place, |services| {
        for (_, resource) in services["memory"]["eu-central-1"].as_object_mut().unwrap() {
            resource["At"] = "0".into();
        }
    });
    place.run(&["drift", "spec.yaml"]).exits(0);
}

#[test]
fn resend_repeats_the_confirmation_requests() {
    let place = Place::converged();
    let again = place.run(&["apply", "--yes", "--resend", SPEC, "--stats"]).exits(0);
    assert_eq!(
        again.stdout.matches("Sent the confirmation request again: sns.topic/CloudWatch_Alarms_EU_Central_1_").count(),
        4,
        "{}",
        again.stdout
    );
    let subscribed = again.stderr.lines().find(|line| line.contains("Subscribe ")).unwrap();
    assert!(subscribed.split_whitespace().any(|word| word == "4"), "{subscribed}");
}

#[test]
fn two_specs_can_share_a_policy_but_not_a_statement() {
    let place = Place::seeded();
    let spec = |region: &str, sid: &str| {
        format!(
            "region: {region}\naccount: '123456789012'\niam.policy:\n  listBucketItems:\n    statements:\n      {sid}: \
             {{Effect: Allow, Action: 's3:ListBucket', Resource: 'arn:aws:s3:::of-{region}'}}\n"
        )
    };
    place.write("a.yaml", spec("eu-central-1", "EUCentral1"));
    place.write("b.yaml", spec("ap-south-1", "APSouth1"));
    place.run(&["apply", "--yes", "a.yaml", "b.yaml"]).exits(0);
    place.run(&["drift", "a.yaml", "b.yaml"]).exits(0);
    let state = place.read("sandbox.json");
    assert!(state.contains("of-eu-central-1") && state.contains("of-ap-south-1"));

    // Both specs manage the same Sid.
    place.write("b.yaml", spec("ap-south-1", "EUCentral1"));
    let both = place.run(&["plan", "a.yaml", "b.yaml"]).exits(1);
    assert!(
        both.stderr.contains("error[two-specs]: two specs manage iam.policy/listBucketItems statement EUCentral1"),
        "{}",
        both.stderr
    );
    place.write("a.yaml", format!("{HEAD}sns.topic:\n  alarms:\n"));
    place.write("b.yaml", format!("{HEAD}sns.topic:\n  alarms:\n"));
    let both = place.run(&["apply", "--yes", "a.yaml", "b.yaml"]).exits(1);
    for part in ["two specs manage sns.topic/alarms", "it is defined at a.yaml:4", "it is defined at b.yaml:4"] {
        assert!(both.stderr.contains(part), "{part} is not in\n{}", both.stderr);
    }
}

#[test]
fn removing_a_statement_is_shown_and_keeps_the_others() {
    let place = seeded_with(
        "iam.policy:\n  listBucketItems:\n    statements:\n      Ours: {Effect: Allow, Action: 's3:ListBucket', Resource: 'arn:aws:s3:::ours'}\n",
    );
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.write("spec.yaml", format!("{HEAD}iam.policy:\n  listBucketItems: {{absent: [Ours]}}\n"));
    let plan = place.run(&["plan", "spec.yaml"]).exits(0);
    assert!(plan.stdout.contains("- statements[Ours]:"), "{}", plan.stdout);
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    let state: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();
    let policy = &state["services"]["iam"]["us-east-1"]["policies"]["arn:aws:iam::123456789012:policy/listBucketItems"];
    let text = policy["document"].as_str().unwrap();
    assert!(text.contains("UsEast1") && !text.contains("Ours"), "{text}");
    place.run(&["drift", "spec.yaml"]).exits(0);
}

#[test]
fn a_rule_creates_an_alarm_for_every_load_balancer() {
    let alarm = "cloudwatch.alarm:\n  ${each.name} ELB UnHealthyHostCount:\n    for_each: elbv2.load_balancer\n    namespace: \
                 ${each.namespace}\n    metric: UnHealthyHostCount\n    dimensions: {LoadBalancer: \"${each.dimension}\"}\n    statistic: \
                 Maximum\n    comparison: '>='\n    threshold: 1\n    period: 5m\n";
    let place = seeded_with(alarm);
    edit(&place, |services| {
        let arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188";
        services["memory"]["eu-central-1"]["elb/web"] = json!({"Name": "web", "Arn": arn});
    });
    let plan = place.run(&["plan", "spec.yaml"]).exits(0);
    for line in [
        "+ cloudwatch.alarm/web ELB UnHealthyHostCount",
        "namespace: AWS/ApplicationELB",
        "dimensions.LoadBalancer: app/web/50dc6c495c0c9188",
    ] {
        assert!(plan.stdout.contains(line), "{line} is not in\n{}", plan.stdout);
    }
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.run(&["drift", "spec.yaml"]).exits(0);
}

#[test]
fn deletions_need_allow_destroy_and_buckets_and_zones_are_never_deleted() {
    let place = seeded_with("sns.topic:\n  alarms:\ns3.bucket:\n  data-bucket:\nroute53.private_zone:\n  a.dns:\n");
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.write("spec.yaml", format!("{HEAD}sns.topic:\n  alarms: absent\n  never-was: absent\n"));
    let refused = place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    assert!(refused.stderr.contains("sns.topic/alarms: it is deleted"), "{}", refused.stderr);
    place.run(&["apply", "--yes", "--allow-destroy", "spec.yaml"]).exits(0);
    place.run(&["drift", "spec.yaml"]).exits(0);
    for never in ["s3.bucket:\n  data-bucket: absent\n", "route53.private_zone:\n  a.dns: absent\n"] {
        place.write("spec.yaml", format!("{HEAD}{never}"));
        let refused = place.run(&["apply", "--yes", "--allow-destroy", "spec.yaml"]).exits(3);
        assert!(refused.stderr.contains("regionctl never deletes a"), "{}", refused.stderr);
    }
}
