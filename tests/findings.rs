// SPDX-License-Identifier: Apache-2.0
//! How plans and reports show findings, what interrupts a service, and what AWS cannot change.

use crate::harness::Place;

const HEAD: &str = "region: eu-central-1\naccount: '123456789012'\n";

#[test]
fn a_finding_with_a_waiver_is_shown_with_its_reason() {
    let alarm = |waiver: &str| {
        format!(
            "{HEAD}cloudwatch.alarm:\n  a: {{namespace: App, metric: Errors, statistic: Sum, comparison: \">\", \
             threshold: 1, period: 5m, alarm_actions: [\"arn:aws:sns:eu-central-1:123456789012:gone\"]{waiver}}}\n"
        )
    };
    let place = Place::with_spec(&alarm(""));
    let plan = place.run(&["plan", "spec.yaml"]).exits(0).stdout;
    assert!(plan.contains("Risks without a waiver") && plan.contains("the topic gone does not exist"), "{plan}");
    place.write("spec.yaml", alarm(", waiver: it comes later"));
    let plan = place.run(&["plan", "spec.yaml"]).exits(0).stdout;
    assert!(!plan.contains("Risks without a waiver"), "{plan}");
    assert!(plan.contains("the topic gone does not exist: waiver 'it comes later' in spec.yaml:4"), "{plan}");
}

#[test]
fn stopping_an_instance_needs_allow_interrupt() {
    let instance = |running: bool| {
        format!(
            "{HEAD}ec2.instance:\n  a: {{image: {{id: ami-12c6146b}}, instance_type: t3.micro, running: {running}}}\n"
        )
    };
    let place = Place::with_spec(&instance(true));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.write("spec.yaml", instance(false));
    let refused = place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    assert!(refused.stderr.contains("the instance stops") && refused.stderr.contains("`--allow-interrupt`"));
    place.run(&["apply", "--yes", "--allow-interrupt", "spec.yaml"]).exits(0);
    place.run(&["drift", "spec.yaml"]).exits(0);
}

#[test]
fn drift_proposes_no_apply_for_what_aws_cannot_change() {
    let policy = |description: &str| {
        format!(
            "{HEAD}iam.policy:\n  p: {{description: {description}, statements: {{A: {{Effect: Allow, Action: \
             \"s3:GetObject\", Resource: \"arn:aws:s3:::b/*\"}}}}}}\n"
        )
    };
    let place = Place::with_spec(&policy("one"));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.write("spec.yaml", policy("two"));
    let report = place.run(&["drift", "spec.yaml"]).exits(2).stdout;
    assert!(report.contains("IAM cannot change it: state the live one"), "{report}");
    assert!(!report.contains("regionctl apply"), "{report}");
}

/// With the full name, each apply would create another endpoint: EC2 returns the same name for both forms.
#[test]
fn the_full_name_of_a_service_of_the_region_is_refused() {
    let spec = |name: &str| format!("{HEAD}ec2.vpc_endpoint:\n  {name}: {{subnets: [subnet-1]}}\n");
    let place = Place::with_spec(&spec("com.amazonaws.eu-central-1.ssm"));
    let refused = place.run(&["plan", "spec.yaml"]).exits(1).stderr;
    assert!(refused.contains("is the full name of a service of this region") && refused.contains("write `ssm`"));
}
