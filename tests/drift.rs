// SPDX-License-Identifier: Apache-2.0
//! The drift report: every kind of drift in every format, no findings without drift, and gaps that are never reported
//! as "no drift".

use std::fs;

use aws_sdk_ec2::types::{IpPermission, IpRange};
use regionctl_sandbox::{Sandbox, seed};
use serde_json::{Value, json};

use crate::harness::{Place, Run, assert_up_to_date, crate_folder, is_read, root, run_python};

const HEAD: &str = "region: eu-central-1\naccount: '123456789012'\nrecord_applied: true\n";

const SECTIONS: &str = "
sns.topic:
  alarms: {subscriptions: [email: team@example.com]}
  gone: {}
cloudwatch.alarm:
  busy: {namespace: App, metric: Load, statistic: Maximum, comparison: '>', threshold: 80, period: 5m, topic: alarms}
  loud: {namespace: App, metric: Noise, statistic: Maximum, comparison: '>', threshold: 10, period: 5m}
ec2.security_group:
  web:
    description: web
    ingress: [{tcp: 443, from: 10.0.0.0/8}]
    tags: {Team: sre}
s3.bucket:
  data-of-ours: {versioning: Enabled}
logs.log_group:
  /app: {retention_days: 365}
  /old: {retention_days: 30}
lambda.function:
  create-deployment: {like: eu-west-1/create-deployment}
manual:
  badge: {what: Hand out the badge, who: reception}
";

const MORE: &str = "
accept:
  logs.log_group//old:
    reason: migration
    by: sre
    until: 2999-12-31
    fields: {retention_days: 7}
  cloudwatch.alarm/loud:
    {reason: load test, by: sre, until: 2001-01-01}
  sns.topic/never: {reason: unused, by: sre, until: 2999-12-31}
ignore:
  ec2.security_group/default: the VPC's own
runbook:
  Alarms: [cloudwatch.alarm/*]
  Topics: ['sns.topic/*']
  Network: [ec2.security_group/*]
  Logs: [logs.log_group/*]
";

/// Returns a place whose region has one finding of each kind.
fn drifted() -> Place {
    let place = Place::seeded();
    place.write("spec.yaml", format!("{HEAD}{SECTIONS}"));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    tokio::runtime::Runtime::new().unwrap().block_on(change_manually(&place));
    let mut state: Value = serde_json::from_str(&place.read("sandbox.json")).unwrap();
    state["services"]["memory"]["eu-west-1"]["lambda/create-deployment"]["config"]["Timeout"] = 77.into();
    place.write("sandbox.json", state.to_string());
    // A change of the spec that is not applied.
    let spec = SECTIONS.replace("/app: {retention_days: 365}", "/app: {retention_days: 400}");
    place.write("spec.yaml", format!("{HEAD}{spec}{MORE}"));
    place
}

/// Changes the region outside regionctl.
async fn change_manually(place: &Place) {
    let sandbox = Sandbox::open(&place.folder.path().join("sandbox.json")).await.unwrap();
    let config = seed::config(&sandbox, "eu-central-1");
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let groups = ec2.describe_security_groups().send().await.unwrap();
    let web = groups.security_groups().iter().find(|group| group.group_name() == Some("web")).unwrap();
    let ssh = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22);
    let ssh = ssh.ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build();
    let open = ec2.authorize_security_group_ingress().group_id(web.group_id().unwrap()).ip_permissions(ssh);
    open.send().await.unwrap();
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    logs.put_retention_policy().log_group_name("/old").retention_in_days(7).send().await.unwrap();
    let alarms = aws_sdk_cloudwatch::Client::new(&config);
    for (name, metric, threshold) in [("busy", "Load", 99.0), ("loud", "Noise", 11.0)] {
        let alarm = alarms.describe_alarms().alarm_names(name).send().await.unwrap().metric_alarms()[0].clone();
        let put = alarms.put_metric_alarm().alarm_name(name).namespace("App").metric_name(metric);
        let put = put.statistic(alarm.statistic.unwrap()).comparison_operator(alarm.comparison_operator.unwrap());
        let put = put.set_alarm_actions(alarm.alarm_actions).period(300).evaluation_periods(1).datapoints_to_alarm(1);
        put.treat_missing_data("missing").threshold(threshold).send().await.unwrap();
    }
    let sns = aws_sdk_sns::Client::new(&config);
    sns.delete_topic().topic_arn("arn:aws:sns:eu-central-1:123456789012:gone").send().await.unwrap();
    let s3 = aws_sdk_s3::Client::new(&config);
    let controls = aws_sdk_s3::types::OwnershipControls::builder()
        .rules(
            aws_sdk_s3::types::OwnershipControlsRule::builder()
                .object_ownership(aws_sdk_s3::types::ObjectOwnership::ObjectWriter)
                .build()
                .unwrap(),
        )
        .build()
        .unwrap();
    s3.put_bucket_ownership_controls().bucket("data-of-ours").ownership_controls(controls).send().await.unwrap();
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

/// Returns the findings as drift, severity and address.
fn findings(report: &Value) -> Vec<[String; 3]> {
    let findings = report["regions"][0]["findings"].as_array().unwrap().iter();
    findings.map(|it| ["drift", "severity", "address"].map(|field| it[field].as_str().unwrap().to_owned())).collect()
}

#[test]
fn every_format_reports_each_kind_of_drift() {
    let place = drifted();
    let formats = ["json", "markdown", "comment", "junit", "sarif", "html", "annotations", "slack"];
    let mut args = vec!["drift", "spec.yaml", "--strict", "--unmanaged", "--who=false"];
    let outputs = formats.map(|format| format!("{format}=report.{format}"));
    args.extend(outputs.iter().flat_map(|output| ["--output", output]));
    let text = place.run(&args).exits(2).stdout;

    let json: Value = serde_json::from_str(&place.read("report.json")).unwrap();
    let expected = [
        ["missing", "high", "sns.topic/gone"],
        ["unstated", "high", "s3.bucket/data-of-ours"],
        ["not_in_spec", "high", "ec2.security_group/web"],
        ["not_applied", "high", "logs.log_group//app"],
        ["changed", "medium", "cloudwatch.alarm/busy"],
        ["changed", "medium", "cloudwatch.alarm/loud"],
        ["source_changed", "medium", "lambda.function/create-deployment"],
    ];
    let mut expected = expected.map(|finding| finding.map(ToOwned::to_owned)).to_vec();
    let mut found = findings(&json);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let region = &json["regions"][0];
    assert_eq!(region["accepted"][0]["finding"]["address"], "logs.log_group//old");
    assert_eq!(region["waiting"].as_array().unwrap().len(), 2);

    let schemas = json!({
        "json": root().join("schema/report.schema.json"),
        "junit": root().join("target/moto/sources/pytest-8.4.2.tar.gz"),
        "sarif": crate_folder("serde-sarif").join("src/schema.json"),
    });
    let path = |format: &str| format!("{format}={}", place.folder.path().join(format!("report.{format}")).display());
    let checked = ["json", "junit", "sarif", "html"].map(path);
    let mut arguments = vec![schemas.to_string()];
    arguments.extend(checked);
    run_python("check.py", &arguments.iter().map(String::as_str).collect::<Vec<_>>());

    // Rendering the saved report needs no AWS and has the same result.
    for format in formats {
        let later = place.run(&["report", "report.json", "--format", format]).exits(0).stdout;
        assert_eq!(later, place.read(&format!("report.{format}")), "{format}");
    }
    assert_up_to_date("tests/golden/report/report.txt", &text);
    for (format, name) in [
        ("json", "json"),
        ("markdown", "md"),
        ("junit", "xml"),
        ("sarif", "sarif"),
        ("html", "html"),
        ("annotations", "annotations"),
        ("slack", "slack.json"),
    ] {
        assert_up_to_date(&format!("tests/golden/report/report.{name}"), &place.read(&format!("report.{format}")));
    }
}

#[test]
fn findings_have_audit_events_and_a_cloudtrail_failure_is_noted_once() {
    let place = drifted();
    let json = report(&place.run(&["drift", "spec.yaml", "--format", "json"]).exits(2));
    let group = json["regions"][0]["findings"].as_array().unwrap().iter();
    let group = group.clone().find(|finding| finding["address"] == "ec2.security_group/web").unwrap();
    assert_eq!(group["audit_events"][0]["who"], "arn:aws:iam::123456789012:user/somebody");
    assert_eq!(group["audit_events"][0]["event"], "AuthorizeSecurityGroupIngress");

    // moto does not implement LookupEvents. The report has one note, and is otherwise complete.
    let moto = crate::harness::Server::moto();
    let place = Place::new(crate::harness::Aws::Endpoint(moto.url.clone()));
    place.write("spec.yaml", format!("{HEAD}sns.topic: {{a: {{}}, b: {{}}}}\n"));
    let run = place.run(&["drift", "spec.yaml"]).exits(2);
    assert_eq!(
        run.stdout.matches("audit events could not be read: CloudTrail LookupEvents failed").count(),
        1,
        "{}",
        run.stdout
    );
}

#[test]
fn a_baseline_distinguishes_new_known_and_fixed_findings() {
    let place = drifted();
    let first = place.run(&["drift", "spec.yaml", "--baseline", "none.json", "--output", "json=first.json"]).exits(2);
    assert!(first.stderr.contains("The baseline none.json does not exist yet"), "{}", first.stderr);
    let known = ["drift", "spec.yaml", "--baseline", "first.json", "--fail-on", "new"];
    let quiet = place.run(&known).exits(0);
    assert!(quiet.verdict().contains("none new"), "{}", quiet.stdout);
    assert_eq!(
        place.run(&[&known[..], &["--format", "slack"]].concat()).exits(0).stdout,
        "",
        "the Slack message has no new findings"
    );

    // One finding is fixed, another one changes.
    place.run(&["apply", "--yes", "spec.yaml", "--target", "sns.topic/gone"]).exits(0);
    let spec = place.read("spec.yaml").replace("threshold: 80", "threshold: 85");
    place.write("spec.yaml", spec);
    let next = report(&place.run(&[&known[..], &["--format", "json"]].concat()).exits(2));
    assert_eq!(next["regions"][0]["resolved"][0]["address"], "sns.topic/gone");
    let since = |address: &str| {
        let findings = next["regions"][0]["findings"].as_array().unwrap();
        findings.iter().find(|it| it["address"] == address).unwrap()["since"].clone()
    };
    assert_eq!(since("cloudwatch.alarm/busy"), "changed");
    assert_eq!(since("ec2.security_group/web"), "known");
    let sarif = place.run(&[&known[..], &["--format", "sarif"]].concat()).exits(2).stdout;
    for state in ["\"updated\"", "\"unchanged\"", "\"absent\""] {
        assert!(sarif.contains(state), "{state} is not in {sarif}");
    }
    place.write("broken.json", "{}");
    let refused = place.run(&["drift", "spec.yaml", "--baseline", "broken.json"]).exits(1);
    assert!(refused.stderr.contains("unreadable-report"), "{}", refused.stderr);
}

#[test]
fn fail_on_selects_the_findings_that_fail_the_job() {
    let place = Place::with_spec(&format!(
        "{HEAD}ec2.security_group:\n  web: {{description: web, tags: {{Team: sre}}, ingress: []}}\n"
    ));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.write("spec.yaml", place.read("spec.yaml").replace("sre", "core"));
    place.run(&["drift", "spec.yaml"]).exits(2);
    place.run(&["drift", "spec.yaml", "--fail-on", "low"]).exits(2);
    place.run(&["drift", "spec.yaml", "--fail-on", "medium"]).exits(0);
    place.run(&["drift", "spec.yaml", "--fail-on", "new,high"]).exits(0);
}

#[test]
fn a_region_that_cannot_be_read_does_not_hide_the_others() {
    let place = Place::converged();
    place.write("regions/us-west-2.yaml", "region: us-west-2\naccount: '999999999999'\nsns.topic: {a: {}}\n");
    place.write("regions/zz-broken.yaml", "region: eu-north-1\naccount: '123456789012'\nsns.topics: {}\n");
    let run = place.run(&["drift"]).exits(1);
    assert!(run.stdout.contains("? eu-central-1  waiting for a person"), "{}", run.stdout);
    assert!(run.stdout.contains("belong to account 123456789012 [wrong-account]"), "{}", run.stdout);
    assert!(run.stderr.contains("did you mean 'sns.topic'?"), "{}", run.stderr);
    assert!(
        run.verdict().contains("No drift in what could be read. This report is incomplete: 2 regions"),
        "{}",
        run.stdout
    );
    let junit = place.run(&["drift", "--format", "junit"]).exits(1).stdout;
    assert!(junit.contains("errors=\"2\""), "{junit}");
}

#[test]
fn a_gap_is_never_reported_as_no_drift() {
    let place = Place::with_spec(&format!("{HEAD}s3.bucket:\n  supertokens-someone-else: {{}}\n"));
    let run = place.run(&["drift", "spec.yaml", "--fail-on", "high"]).exits(1);
    assert!(run.stdout.contains("Not read: this report is incomplete  1"), "{}", run.stdout);
}

#[test]
fn output_files_are_checked_before_aws_is_read() {
    let place = Place::with_spec(&format!("{HEAD}sns.topic: {{a: {{}}}}\n"));
    let run = place.run(&["drift", "spec.yaml", "--output", "json=nowhere/r.json", "--output", "html=."]).exits(1);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr.matches("unwritable").count(), 2, "{}", run.stderr);
    let run = place.run(&["drift", "spec.yaml", "--output", "pdf=r.pdf"]).exits(2);
    assert!(run.stderr.contains("unknown format 'pdf'; expected one of: text, json, markdown"), "{}", run.stderr);
}

#[test]
fn accept_adds_an_acceptance_that_ends_when_the_drift_changes() {
    let place = drifted();
    let before = place.read("spec.yaml");
    let accept = [
        "accept",
        "cloudwatch.alarm/busy",
        "spec.yaml",
        "--reason",
        "load test: 2 days",
        "--until",
        "2999-01-31",
        "--by",
        "sre",
    ];
    let accepted = place.run(&accept).exits(0);
    assert!(accepted.stdout.contains("      \"threshold\": \"99\""), "{}", accepted.stdout);
    let after = place.read("spec.yaml");
    assert!(before.lines().all(|line| after.contains(line)), "other lines changed:\n{after}");

    let json = report(&place.run(&["drift", "spec.yaml", "--format", "json"]).exits(2));
    assert!(findings(&json).iter().all(|[_, _, address]| address != "cloudwatch.alarm/busy"));
    let plan = place.run(&["plan", "spec.yaml"]).exits(0).stdout;
    assert!(plan.contains("accepted until 2999-01-31 by sre (spec.yaml:27); an apply reverts it"), "{plan}");
    let again = place.run(&accept).exits(1);
    assert!(again.stderr.contains("is already accepted until 2999-01-31"), "{}", again.stderr);
    // An acceptance for another value does not apply.
    place.write("spec.yaml", after.replace("\"99\"", "\"98\""));
    let json = report(&place.run(&["drift", "spec.yaml", "--format", "json"]).exits(2));
    assert!(findings(&json).iter().any(|[_, _, address]| address == "cloudwatch.alarm/busy"));

    let late = place.run(&[
        "accept",
        "cloudwatch.alarm/busy",
        "spec.yaml",
        "--reason",
        "r",
        "--until",
        "2001-01-01",
        "--by",
        "sre",
    ]);
    assert!(late.exits(1).stderr.contains("--until 2001-01-01 is in the past"));
    let nothing = place.run(&[
        "accept",
        "sns.topic/alarms",
        "spec.yaml",
        "--reason",
        "r",
        "--until",
        "2999-01-01",
        "--by",
        "sre",
    ]);
    assert!(nothing.exits(1).stderr.contains("sns.topic/alarms has no drift: it matches spec.yaml"));
}

#[test]
fn the_html_report_works_in_a_browser() {
    let place = Place::seeded();
    for (region, account) in [("ap-south-1", "123456789012"), ("us-west-2", "999999999999")] {
        let spec = format!("include: base.yaml\nregion: {region}\naccount: '{account}'\n");
        place.write(&format!("regions/{region}.yaml"), spec);
    }
    place.run(&["apply", "--yes", "regions/ap-south-1.yaml", "regions/eu-central-1.yaml"]).exits(0);
    place.run(&["sandbox", "tamper"]).exits(0);
    place.run(&["drift", "--output", "html=report.html"]).exits(1);
    let page = place.folder.path().join("report.html");
    let folder = root().join("target/page");
    fs::create_dir_all(&folder).unwrap();
    let saw = run_python("page.py", &[page.to_str().unwrap(), folder.to_str().unwrap()]);
    let saw: Value = serde_json::from_str(&saw).unwrap();
    let cells = |south: &str, central: &str| {
        json!([format!("{south}, ap-south-1"), format!("{central}, eu-central-1"), "✗\nnot read, us-west-2"])
    };
    assert_eq!(saw["console"], json!([]), "the console has errors");
    assert!(saw["requests"].as_array().unwrap().iter().all(|url| url.as_str().unwrap().starts_with("file://")));
    assert_eq!(saw["rows"], 27);
    assert_eq!(saw["cells"]["6 Public-access blocks"], cells("✓\nmatches the spec", "! 1\ndrift"));
    assert_eq!(saw["cells"]["2 Email subscriptions"], cells("? 4\nwaiting for a person", "? 4\nwaiting for a person"));
    assert_eq!(saw["cells"]["20 Functions"], cells("✓\nmatches the spec", "✓\nmatches the spec"));
    assert_eq!((&saw["open_before"], &saw["opened"]), (&json!(0), &json!("r1-5")));
    assert!(saw["shown"].as_str().unwrap().contains("public_access_block.block_public_policy\tfalse\ttrue"), "{saw}");
    assert_eq!((&saw["opened_by_keyboard"], &saw["focus"]), (&json!("r1-5"), &json!("SUMMARY")));
    assert_eq!(saw["rows_found"], json!(["6 Public-access blocks"]));
    assert_eq!(saw["theme_changes"], true);
    assert_eq!(saw["accessibility"], json!({"dark": [], "light": []}));
    assert_eq!((&saw["sideways"], &saw["closed_in_print"]), (&json!(false), &json!(0)));
    assert_eq!(saw["without_script"], 1);
}

/// The AWS defaults in `FACTS` match the models of resources that AWS creates without settings.
#[test]
fn strict_drift_does_not_report_aws_defaults() {
    let place = Place::with_spec(&format!(
        "{HEAD}s3.bucket: {{plain-bucket-of-ours: {{}}}}\nsns.topic: {{plain: {{}}}}\nec2.security_group: {{plain: {{}}}}\n\
         rds.cluster:\n  plain:\n    engine: aurora-postgresql\n    engine_version: '16.4'\n    master_username: postgres\n    \
         instances: {{plain-1: {{class: db.t4g.medium}}}}\n"
    ));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.run(&["drift", "spec.yaml", "--strict"]).exits(0);
}

/// `profile` and `role` of a spec select the credentials.
#[test]
fn a_spec_selects_its_profile_and_role() {
    let place = Place::seeded();
    let spec = |role: &str| format!("{HEAD}role: {role}\nsns.topic: {{a: {{}}}}\n");
    place.write("spec.yaml", spec("arn:aws:iam::123456789012:role/regionctl-plan"));
    let run = place.run(&["drift", "spec.yaml", "--stats"]).exits(2);
    assert!(run.stdout.contains("sns.topic/a"), "{}", run.stdout);
    place.write("spec.yaml", spec("regionctl-plan"));
    let refused = place.run(&["plan", "spec.yaml"]).exits(1);
    assert!(refused.stderr.contains("'regionctl-plan' is not the ARN of a role"), "{}", refused.stderr);
    place.write("spec.yaml", format!("{HEAD}profile: nobody-has-it\nsns.topic: {{a: {{}}}}\n"));
    let mut command = place.command(&["--endpoint-url", "http://127.0.0.1:9", "drift", "spec.yaml"]);
    let output = command.env_remove("REGIONCTL_SANDBOX").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("[credentials]"), "{output:?}");
}

/// Returns the calls of a run as IAM actions, from its `--stats`.
fn actions(run: &Run) -> Vec<String> {
    let rows = run.stderr.lines().skip_while(|line| !line.trim_start().starts_with("service")).skip(1);
    let calls = rows.filter_map(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        let [service @ .., operation, _, _, _] = words.as_slice() else { return None };
        Some(regionctl_aws::iam::action(&service.join(" "), operation))
    });
    calls.filter(|action| action.contains(':') && !action.starts_with(':')).collect()
}

/// Returns the statements of the policies that `permissions` prints.
fn statements(place: &Place, args: &[&str]) -> Vec<Value> {
    let printed = report(&place.run(&[&["permissions"][..], args].concat()).exits(0));
    let policies = printed.as_array().cloned().unwrap_or_else(|| vec![printed]);
    policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap().clone()).collect()
}

fn granted(place: &Place, args: &[&str]) -> Vec<String> {
    let statements = statements(place, args).into_iter();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().unwrap().clone());
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_policies_cover_every_call_and_the_plan_policy_is_read_only() {
    let place = Place::seeded();
    let [plan, apply] = ["plan", "apply"].map(|purpose| granted(&place, &["--for", purpose]));
    let calls = |args: &[&str], code: i32| {
        let run = place.run(&[args, &["--stats"]].concat()).exits(code);
        let calls = actions(&run);
        assert!(calls.len() > 20, "the calls were not counted: {}", run.stderr);
        calls
    };
    let applied = calls(&["apply", "--yes"], 0);
    place.run(&["sandbox", "tamper"]).exits(0);
    let read = [calls(&["plan"], 0), calls(&["drift", "--unmanaged"], 2)].concat();
    for (calls, policy) in [(read, &plan), (applied, &apply)] {
        let missing: Vec<&String> = calls.iter().filter(|call| !policy.contains(call)).collect();
        assert!(missing.is_empty(), "not in the policy: {missing:?}");
    }
    let writes: Vec<&String> =
        plan.iter().filter(|action| !is_read(action.split(':').nth(1).unwrap_or_default())).collect();
    assert!(writes.is_empty(), "the plan policy writes: {writes:?}");
    assert!(plan.iter().all(|action| apply.contains(action)), "the apply policy does not include the plan policy");
}

/// Lambda requires further permissions of the caller for layers, VPCs and keys. They are granted only if a spec needs
/// them.
#[test]
fn the_policies_cover_stated_layers_vpcs_and_keys() {
    const STATED: &str = ", layers: ['arn:aws:lambda:eu-central-1:123456789012:layer:tools:3'], \
        vpc: {subnets: [subnet-1], security_groups: [sg-1]}, kms_key: 'arn:aws:kms:eu-central-1:123456789012:key/k'";
    let spec = |more: &str| format!("{HEAD}lambda.function:\n  billing: {{code: external, timeout: 30{more}}}\n");
    let [plain, stated] = ["", STATED].map(|more| Place::with_spec(&spec(more)));
    let needed = ["lambda:GetLayerVersion", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "kms:CreateGrant"];
    let [without, with] = [&plain, &stated].map(|place| granted(place, &["--for", "apply", "spec.yaml"]));
    for action in needed.map(ToOwned::to_owned) {
        // EC2 list actions are granted in any case.
        assert!(action.starts_with("ec2:") || !without.contains(&action), "{action} is granted without need");
        assert!(with.contains(&action), "{action} is not in {with:?}");
    }
    for place in [&plain, &stated] {
        let actions = granted(place, &["--for", "apply", "spec.yaml"]);
        assert!(
            !actions.contains(&"lambda:DeleteFunction".to_owned()),
            "a deletion is granted, but the spec deletes nothing"
        );
    }
    let statements = statements(&stated, &["--for", "plan", "spec.yaml"]);
    let decrypt = statements.iter().find(|statement| statement["Action"] == json!(["kms:Decrypt"]));
    assert_eq!(decrypt.unwrap()["Resource"], json!(["arn:aws:kms:eu-central-1:123456789012:key/k"]));
}

/// The caller passes the monitoring roles of instances to RDS.
#[test]
fn the_policies_cover_the_roles_of_instances() {
    const ROLE: &str = "arn:aws:iam::123456789012:role/monitoring";
    let instances = format!(
        "{{a: {{class: db.t4g.medium, monitoring: {{interval_seconds: 60, role: '{ROLE}'}}}}, b: {{class: db.t4g.medium}}}}"
    );
    let spec = format!(
        "{HEAD}rds.cluster:\n  orders: {{engine: aurora-mysql, master_username: root, instances: {instances}}}\n"
    );
    let statements = statements(&Place::with_spec(&spec), &["--for", "apply", "spec.yaml"]);
    let passes = |statement: &&Value| statement["Action"].to_string().contains("iam:PassRole");
    assert_eq!(statements.iter().find(passes).unwrap()["Resource"], json!([ROLE]));
}
