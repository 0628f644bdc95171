// SPDX-License-Identifier: Apache-2.0
//! What regionctl created, what it adopts, and what a rule leaves over.

use crate::harness::Place;

const HEAD: &str = "region: eu-central-1\naccount: '123456789012'\n";
const RULE: &str = "cloudwatch.alarm:
  ${each.name} Errors:
    for_each: {kind: logs.log_group, matching: /app/*}
    namespace: App
    metric: Errors
    dimensions: {LogGroup: \"${each.name}\"}
    statistic: Sum
    comparison: \">\"
    threshold: 1
    period: 5m
";

#[test]
fn a_leftover_of_a_rule_is_drift_and_its_deletion_needs_allow_destroy() {
    let place = Place::with_spec(&format!("{HEAD}logs.log_group:\n  /app/a:\n  /app/b:\n{RULE}"));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    // The alarms of another spec have names that the rule could produce.
    place.write(
        "other.yaml",
        format!(
            "{HEAD}{}",
            RULE.replace("/app/*", "/else/*")
                .replace(
                    "${each.name} Errors:\n    for_each: {kind: logs.log_group, matching: /else/*}",
                    "/else/c Errors:"
                )
                .replace("${each.name}", "c")
        ),
    );
    place.run(&["apply", "--yes", "other.yaml"]).exits(0);
    place.run(&["drift", "spec.yaml"]).exits(0);

    place.write("spec.yaml", format!("{HEAD}logs.log_group:\n  /app/a: absent\n  /app/b:\n{RULE}"));
    let plan = place.run(&["plan", "spec.yaml"]).exits(0);
    let why = "it is deleted, because the rule '${each.name} Errors' no longer produces it";
    assert!(plan.stdout.contains("- cloudwatch.alarm//app/a Errors") && plan.stdout.contains(why), "{}", plan.stdout);
    assert!(plan.verdict().starts_with("Plan: 0 to create, 0 to change, 2 to delete"), "{}", plan.stdout);
    place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    let drift = place.run(&["drift", "spec.yaml"]).exits(2);
    let why = "it exists, but the rule '${each.name} Errors' no longer produces it";
    assert!(drift.stdout.contains(why), "{}", drift.stdout);

    place.run(&["apply", "--yes", "--allow-destroy", "spec.yaml"]).exits(0);
    place.run(&["drift", "spec.yaml"]).exits(0);
    place.run(&["drift", "other.yaml"]).exits(0);
}

#[test]
fn a_leftover_that_cannot_be_deleted_is_a_note_and_keeps_no_plan_from_being_applied() {
    let rule = "logs.log_group:\n  /of/${each.name}: {for_each: cloudwatch.alarm, deletion_protection: true}\n";
    let alarm = "{namespace: App, metric: Errors, statistic: Sum, comparison: \">\", threshold: 1, period: 5m}";
    let place = Place::with_spec(&format!("{HEAD}cloudwatch.alarm:\n  a: {alarm}\n{rule}"));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.write("spec.yaml", format!("{HEAD}cloudwatch.alarm:\n  a: absent\n{rule}"));
    let plan = place.run(&["plan", "spec.yaml"]).exits(0);
    let note =
        "logs.log_group//of/a\n      the rule '/of/${each.name}' no longer produces it: deletion protection is on";
    assert!(plan.stdout.contains(note), "{}", plan.stdout);
    assert!(plan.verdict().starts_with("Plan: 0 to create, 0 to change, 1 to delete"), "{}", plan.stdout);
    place.run(&["apply", "--yes", "--allow-destroy", "spec.yaml"]).exits(0);
    place.run(&["drift", "spec.yaml"]).exits(0);
}

#[test]
fn a_plan_shows_which_resources_it_adopts() {
    let place = Place::seeded();
    place.write(
        "spec.yaml",
        format!("{HEAD}logs.log_group:\n  /ecs/legacy-worker: {{retention_days: 3653}}\n  /own:\n"),
    );
    let adopted = "= adopted: it does not have the tag regionctl:spec";
    let plan = place.run(&["plan", "spec.yaml"]).exits(0);
    assert_eq!(plan.stdout.matches(adopted).count(), 1, "{}", plan.stdout);
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);

    place.write("spec.yaml", format!("{HEAD}logs.log_group:\n  /own: {{retention_days: 30}}\n"));
    let plan = place.run(&["plan", "spec.yaml"]).exits(0);
    assert!(!plan.stdout.contains(adopted), "{}", plan.stdout);
}
