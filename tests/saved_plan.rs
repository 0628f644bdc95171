// SPDX-License-Identifier: Apache-2.0
//! Saved plans: one is applied once, and is refused if the spec, AWS or the plan changed since.

use regionctl_core::plan::saved::SavedPlan;
use serde_json::Value;

use crate::harness::{Place, Run, assert_valid};

const SPEC: &str = "region: eu-central-1\naccount: '123456789012'\nsns.topic:\n  a: {display_name: A}\n  b:\n";

fn planned() -> Place {
    let place = Place::with_spec(SPEC);
    place.run(&["plan", "spec.yaml", "-o", "plan.json"]).exits(0);
    place
}

fn edit(place: &Place, pointer: &str, value: Value) {
    let mut plan: Value = serde_json::from_str(&place.read("plan.json")).unwrap();
    *plan.pointer_mut(pointer).expect("the plan has this member") = value;
    place.write("plan.json", plan.to_string());
}

/// Edits a plan and updates the digest in its seal.
fn edit_and_seal(place: &Place, pointer: &str, value: Value) {
    edit(place, pointer, value);
    let edited: SavedPlan = serde_json::from_str(&place.read("plan.json")).unwrap();
    let sealed = SavedPlan::new(edited.plan, edited.seal.nonce, edited.seal.expires);
    place.write("plan.json", serde_json::to_string(&sealed).unwrap());
}

fn apply(place: &Place) -> Run {
    place.run(&["apply", "--yes", "plan.json"])
}

/// Returns the first line of a refusal, which has exactly one reason.
fn reason(run: Run) -> String {
    let run = run.exits(3);
    assert_eq!(run.stderr.matches("error[").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("nothing was changed; run plan again"), "{}", run.stderr);
    run.stderr.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_saved_plan_is_applied_once() {
    let place = planned();
    let run = apply(&place).exits(0);
    assert!(run.verdict().starts_with("Applied: 2 calls."), "{}", run.stdout);
    // The region is as it was when the plan was created, so only the nonce is a reason to refuse.
    std::fs::remove_file(place.folder.path().join("sandbox.json")).unwrap();
    assert_eq!(reason(apply(&place)), "error[stale-plan]: the plan was already applied; a plan can be applied once");
}

#[test]
fn a_changed_spec_is_refused_and_a_changed_comment_is_not() {
    let place = planned();
    place.write("spec.yaml", format!("# a comment\n{SPEC}"));
    place.write("spec2.yaml", "");
    place.write("spec.yaml", SPEC.replace("{display_name: A}", "{display_name: B}"));
    assert_eq!(reason(apply(&place)), "error[stale-plan]: spec.yaml was changed after the plan was created");
    place.write("spec.yaml", format!("# a comment\n{SPEC}"));
    apply(&place).exits(0);
}

#[test]
fn a_resource_that_changed_in_aws_is_refused() {
    let place = planned();
    place.write("other.yaml", "region: eu-central-1\naccount: '123456789012'\nsns.topic:\n  b:\n");
    place.run(&["apply", "--yes", "other.yaml"]).exits(0);
    assert_eq!(reason(apply(&place)), "error[stale-plan]: sns.topic/b was changed in AWS after the plan was created");
}

#[test]
fn another_account_region_tool_or_format_and_an_expired_plan_are_refused() {
    let cases = [
        (
            "/plan/account",
            "210987654321".into(),
            "the plan is for account 210987654321, but the spec is for account 123456789012",
        ),
        (
            "/plan/region",
            "eu-west-1".into(),
            "the plan is for region eu-west-1, but the spec is for region eu-central-1",
        ),
        ("/plan/tool", "regionctl 0.0.1".into(), "the plan was created by regionctl 0.0.1, but this is regionctl "),
        ("/seal/expires", "2026-01-01T00:00:00Z".into(), "the plan expired at 2026-01-01T00:00:00Z"),
    ];
    for (pointer, value, expected) in cases {
        let place = planned();
        edit(&place, pointer, value);
        let reason = reason(apply(&place));
        assert!(reason.starts_with(&format!("error[stale-plan]: {expected}")), "{reason}");
    }
}

#[test]
fn a_saved_plan_is_known_by_its_content_and_applied_alone() {
    let place = planned();
    place.write("ready", place.read("plan.json"));
    let both = place.run(&["apply", "--yes", "ready", "spec.yaml"]).exits(1);
    assert!(both.stderr.contains("apply it alone: regionctl apply ready"), "{}", both.stderr);
    place.run(&["apply", "--yes", "ready"]).exits(0);
}

#[test]
fn a_saved_plan_matches_its_schema() {
    let place = planned();
    let schema = place.run(&["schema", "plan"]).exits(0).stdout;
    assert_valid(&schema, &place.read("plan.json"));
}

#[test]
fn a_saved_plan_applied_with_a_target_cannot_be_applied_again() {
    let place = planned();
    let run = place.run(&["apply", "--yes", "plan.json", "--target", "sns.topic/a"]).exits(0);
    assert_eq!(run.verdict(), "Applied: 1 call. Remaining in spec.yaml: 1 other change.");
    let refused = place.run(&["apply", "--yes", "plan.json"]).exits(3);
    assert!(refused.stderr.contains("the plan was already applied"), "{}", refused.stderr);
}

#[test]
fn a_file_that_is_not_a_plan_is_refused() {
    let place = Place::with_spec(SPEC);
    place.write("plan.json", "{}");
    let run = apply(&place).exits(3);
    assert!(run.stderr.contains("error[unreadable-plan]: cannot read the saved plan 'plan.json'"), "{}", run.stderr);
}

/// Two groups refer to each other, and the second one refers to a third. The target includes all steps of these groups.
#[test]
fn a_target_includes_all_steps_of_its_changes() {
    let spec = "region: eu-central-1\naccount: '123456789012'\nec2.security_group:\n  aa: {ingress: [{tcp: 1, group: bb}]}\n  bb: {ingress: [{tcp: 1, group: aa}, {tcp: 2, group: cc}]}\n  cc:\n  dd:\n";
    let place = Place::with_spec(spec);
    let run = place.run(&["apply", "--yes", "spec.yaml", "--target", "ec2.security_group/aa"]).exits(0);
    assert!(run.verdict().contains("1 other change"), "{}", run.verdict());
}

#[test]
fn a_plan_for_one_vpc_is_not_applied_in_another() {
    let place = Place::with_spec(
        "region: eu-central-1\naccount: '123456789012'\nec2.security_group:\n  a: {ingress: [{tcp: 1, from: \"${vpc.cidr}\"}]}\n",
    );
    place.run(&["plan", "spec.yaml", "-o", "plan.json"]).exits(0);
    edit_and_seal(&place, "/plan/vpc", "vpc-another".into());
    assert!(reason(apply(&place)).contains("the spec selects another VPC"));
}

/// Fields are shown and operations are sent, so editing one of them would hide a change.
#[test]
fn an_edited_plan_is_refused() {
    let place = planned();
    edit(&place, "/plan/changes/0/steps/0/op", serde_json::json!({"CreateTopic": {"tags": {}}}));
    assert!(reason(apply(&place)).contains("the plan was edited after it was created"));
    let place = planned();
    edit(&place, "/plan/gates", serde_json::json!([{"gate": "large", "what": "", "fix": ""}]));
    assert!(reason(apply(&place)).contains("the plan was edited after it was created"));
}
