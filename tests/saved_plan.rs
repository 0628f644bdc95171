//! A saved plan does what was shown, once, and refuses exactly when something it rests on no longer holds.

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
    *plan.pointer_mut(pointer).expect("the plan has it") = value;
    place.write("plan.json", plan.to_string());
}

/// Edits a plan so that the seal's digest is that of the edited one.
fn edit_and_seal(place: &Place, pointer: &str, value: Value) {
    edit(place, pointer, value);
    let edited: SavedPlan = serde_json::from_str(&place.read("plan.json")).unwrap();
    let sealed = SavedPlan::new(edited.plan, edited.seal.nonce, edited.seal.expires);
    place.write("plan.json", serde_json::to_string(&sealed).unwrap());
}

fn apply(place: &Place) -> Run {
    place.run(&["apply", "--yes", "plan.json"])
}

/// The one reason that a refusal names.
fn reason(run: Run) -> String {
    let run = run.exits(3);
    assert_eq!(run.stderr.matches("error[").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("nothing was changed; plan again"), "{}", run.stderr);
    run.stderr.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_saved_plan_does_what_was_shown_and_only_once() {
    let place = planned();
    let run = apply(&place).exits(0);
    assert!(run.verdict().starts_with("Applied: 2 calls."), "{}", run.stdout);
    // As it was when the plan was made, so that only the nonce speaks against it.
    std::fs::remove_file(place.folder.path().join("sandbox.json")).unwrap();
    assert_eq!(reason(apply(&place)), "error[stale-plan]: the plan was applied before; a plan is applied once");
}

#[test]
fn a_spec_that_says_something_else_is_refused_and_a_comment_is_not() {
    let place = planned();
    place.write("spec.yaml", format!("# a comment\n{SPEC}"));
    place.write("spec2.yaml", "");
    place.write("spec.yaml", SPEC.replace("{display_name: A}", "{display_name: B}"));
    assert_eq!(
        reason(apply(&place)),
        "error[stale-plan]: spec.yaml no longer says what it said when the plan was made"
    );
    place.write("spec.yaml", format!("# a comment\n{SPEC}"));
    apply(&place).exits(0);
}

#[test]
fn a_resource_that_moved_is_refused_by_its_name() {
    let place = planned();
    place.write("other.yaml", "region: eu-central-1\naccount: '123456789012'\nsns.topic:\n  b:\n");
    place.run(&["apply", "--yes", "other.yaml"]).exits(0);
    assert_eq!(reason(apply(&place)), "error[stale-plan]: sns.topic/b was changed in AWS after the plan was made");
}

#[test]
fn another_account_region_tool_or_format_and_an_old_plan_are_refused() {
    let cases = [
        (
            "/plan/account",
            "210987654321".into(),
            "the plan is for account 210987654321, and the spec for account 123456789012",
        ),
        ("/plan/region", "eu-west-1".into(), "the plan is for eu-west-1, and the spec for eu-central-1"),
        ("/plan/tool", "regionctl 0.0.1".into(), "the plan was made by regionctl 0.0.1, and this is regionctl "),
        ("/plan/format", 99.into(), "the plan has format 99, and this regionctl reads format 1"),
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
fn a_saved_plan_has_the_form_that_its_schema_says() {
    let place = planned();
    let schema = place.run(&["schema", "plan"]).exits(0).stdout;
    assert_valid(&schema, &place.read("plan.json"));
}

#[test]
fn a_saved_plan_may_be_narrowed_and_is_used_up_by_it() {
    let place = planned();
    let run = place.run(&["apply", "--yes", "plan.json", "--target", "sns.topic/a"]).exits(0);
    assert_eq!(run.verdict(), "Applied: 1 call. Left of spec.yaml: 1 other change.");
    let refused = place.run(&["apply", "--yes", "plan.json"]).exits(3);
    assert!(refused.stderr.contains("the plan was applied before"), "{}", refused.stderr);
}

#[test]
fn something_that_is_no_plan_is_refused_with_what_to_do() {
    let place = Place::with_spec(SPEC);
    place.write("plan.json", "{}");
    let run = apply(&place).exits(3);
    assert!(
        run.stderr.contains("error[unreadable-plan]: plan.json is not a plan that can be applied"),
        "{}",
        run.stderr
    );
}

/// The groups let each other in, and the second lets in a third: none of its steps can be left out.
#[test]
fn a_plan_is_narrowed_to_whole_changes() {
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

/// What is shown comes from one part of the file and what is sent from another.
#[test]
fn an_edited_plan_is_refused() {
    let place = planned();
    edit(&place, "/plan/changes/0/steps/0/op", serde_json::json!({"CreateTopic": {"tags": {}}}));
    assert!(reason(apply(&place)).contains("the plan was edited after it was made"));
    let place = planned();
    edit(&place, "/plan/gates", serde_json::json!([{"gate": "large", "what": "", "pass": ""}]));
    assert!(reason(apply(&place)).contains("the plan was edited after it was made"));
}
