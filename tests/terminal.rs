//! What a terminal, a pipe and a narrow window get.

use crate::harness::Place;

const SPEC: &str = "regions/eu-central-1.yaml";

#[test]
fn colour_is_for_terminals_only_unless_asked_for() {
    let place = Place::seeded();
    assert!(!place.run(&["plan", SPEC]).stdout.contains('\u{1b}'));
    assert!(place.run(&["plan", SPEC, "--color", "always"]).stdout.contains('\u{1b}'));
    let mut command = place.command(&["plan", SPEC]);
    let output = command.env("NO_COLOR", "1").output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn a_plan_reads_the_same_every_time() {
    let place = Place::seeded();
    let first = place.run(&["plan", SPEC]).exits(0).stdout;
    assert_eq!(place.run(&["plan", SPEC]).exits(0).stdout, first);
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("plan_of_an_empty_region", first);
    });
}

#[test]
fn drift_is_named_and_nothing_else() {
    let place = Place::seeded();
    place.run(&["apply", "--yes", SPEC]).exits(0);
    place.run(&["sandbox", "tamper"]).exits(0);
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("drift", place.run(&["drift", SPEC, "--who=false"]).exits(2).stdout);
    });
}

#[test]
fn a_policy_that_differs_is_shown_as_a_diff_of_documents() {
    let place = Place::seeded();
    place.run(&["apply", "--yes", SPEC]).exits(0);
    let base = place
        .read("regions/base.yaml")
        .replace("Action: s3:GetObject\n", "Action: [s3:GetObject, s3:GetObjectVersion]\n");
    place.write("regions/base.yaml", base);
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("policy_diff", place.run(&["plan", SPEC]).exits(0).stdout);
    });
}

#[test]
fn nobody_to_ask_is_a_no() {
    let place = Place::seeded();
    let run = place.run(&["apply", SPEC]).exits(3);
    assert!(run.stderr.contains("error[not-confirmed]: stdin is not a terminal"), "{}", run.stderr);
}

#[test]
fn an_exposure_that_the_spec_does_not_explain_stops_apply() {
    let place = Place::with_spec(
        "region: eu-central-1\naccount: '123456789012'\nec2.security_group:\n  web:\n    ingress: [{tcp: 22, from: 0.0.0.0/0}]\n",
    );
    let run = place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    assert!(run.stderr.contains("opens tcp 22 to the world, and the spec does not say why"), "{}", run.stderr);
}

#[test]
fn a_plan_that_changes_much_of_what_exists_needs_a_word() {
    let topics = |display: &str| {
        let topics: String =
            (0..12).map(|number| format!("  t{number}: {{display_name: {display}}}")).collect::<Vec<_>>().join("\n");
        format!("region: eu-central-1\naccount: '123456789012'\nsns.topic:\n{topics}")
    };
    let place = Place::with_spec(&topics("a"));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.write("spec.yaml", topics("b"));
    let run = place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    assert!(run.stderr.contains("12 of 12 existing resources would change, more than a third"), "{}", run.stderr);
    place.run(&["apply", "--yes", "--allow-large", "spec.yaml"]).exits(0);
}
