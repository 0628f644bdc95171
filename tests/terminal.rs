// SPDX-License-Identifier: Apache-2.0
//! Terminal output: colors, golden files, confirmation and gates.

use std::process::Command;

use crate::harness::{Place, root};

const SPEC: &str = "regions/eu-central-1.yaml";

#[test]
fn colors_are_for_terminals_unless_requested() {
    let place = Place::seeded();
    assert!(!place.run(&["plan", SPEC]).stdout.contains('\u{1b}'));
    assert!(place.run(&["plan", SPEC, "--color", "always"]).stdout.contains('\u{1b}'));
    let mut command = place.command(&["plan", SPEC]);
    let output = command.env("NO_COLOR", "1").output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn text_is_ascii_if_requested_or_if_the_locale_is_not_utf_8() {
    let place = Place::converged();
    place.run(&["sandbox", "tamper"]).exits(0);
    let utf8 = place.run(&["plan", SPEC]).exits(0).stdout;
    assert!(utf8.contains('→'), "{utf8}");
    let requested = place.run(&["plan", SPEC, "--ascii"]).exits(0).stdout;
    assert!(requested.is_ascii() && requested.contains("->"));
    for (locale, is_ascii) in [("C", true), ("de_DE.ISO-8859-1", true), ("C.UTF-8", false), ("en_US.utf8", false)] {
        let output = place.command(&["plan", SPEC]).env("LC_ALL", locale).output().unwrap();
        assert_eq!(output.stdout, if is_ascii { requested.as_bytes() } else { utf8.as_bytes() }, "{locale}");
    }
    let json = place.command(&["plan", SPEC, "--format", "json"]).env("LC_ALL", "C").output().unwrap();
    serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap();
}

/// A narrow terminal splits changes over lines, and a wide one does not pad them.
#[test]
fn plans_fit_narrow_and_wide_terminals() {
    let place = Place::converged();
    place.run(&["sandbox", "tamper"]).exits(0);
    let shown = |columns: &str| {
        let plan = place.command(&["plan", SPEC]);
        let mut terminal = Command::new("python3");
        terminal.arg(root().join("tests/in_terminal.py")).arg(columns).arg(plan.get_program()).args(plan.get_args());
        terminal.current_dir(place.folder.path()).env("TERM", "xterm").env("REGIONCTL_SANDBOX", "sandbox.json");
        let output = terminal.env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (narrow, wide) = (shown("40"), shown("300"));
    assert!(narrow.lines().count() > wide.lines().count(), "{narrow}\n{wide}");
    let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&narrow), words(&wide), "nothing is cut off");
}

/// A full disk is an error of its own, and stops no apply between two calls.
#[test]
fn output_that_cannot_be_written_is_an_error_and_stops_no_apply() {
    let place = Place::seeded();
    let full = || std::fs::File::create("/dev/full").unwrap();
    let plan = place.command(&["plan", SPEC]).stdout(full()).output().unwrap();
    assert_eq!(plan.status.code(), Some(1));
    let message = String::from_utf8(plan.stderr).unwrap();
    assert!(message.starts_with("error[unwritable]: cannot write to standard output"), "{message}");
    let apply = place.command(&["apply", "--yes", SPEC]).stderr(full()).output().unwrap();
    assert_eq!(apply.status.code(), Some(0));
    assert!(place.run(&["plan", SPEC]).exits(0).verdict().starts_with("No changes."));
}

#[test]
fn plan_output_is_deterministic() {
    let place = Place::seeded();
    let first = place.run(&["plan", SPEC]).exits(0).stdout;
    assert_eq!(place.run(&["plan", SPEC]).exits(0).stdout, first);
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("plan_of_an_empty_region", first);
    });
}

#[test]
fn drift_output_has_only_the_drift() {
    let place = Place::converged();
    place.run(&["sandbox", "tamper"]).exits(0);
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("drift", place.run(&["drift", SPEC, "--who=false"]).exits(2).stdout);
    });
}

#[test]
fn a_changed_policy_is_shown_as_a_document_diff() {
    let place = Place::converged();
    let base = place
        .read("regions/base.yaml")
        .replace("Action: s3:GetObject\n", "Action: [s3:GetObject, s3:GetObjectVersion]\n");
    place.write("regions/base.yaml", base);
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("policy_diff", place.run(&["plan", SPEC]).exits(0).stdout);
    });
}

#[test]
fn apply_without_a_terminal_needs_yes() {
    let place = Place::seeded();
    let run = place.run(&["apply", SPEC]).exits(3);
    assert!(run.stderr.contains("error[not-confirmed]: stdin is not a terminal"), "{}", run.stderr);
}

#[test]
fn an_exposure_without_a_waiver_blocks_apply() {
    let place = Place::with_spec(
        "region: eu-central-1\naccount: '123456789012'\nec2.security_group:\n  web:\n    ingress: [{tcp: 22, from: 0.0.0.0/0}]\n",
    );
    let run = place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    assert!(run.stderr.contains("opens tcp 22 to everyone, and the spec does not waive this risk"), "{}", run.stderr);
}

#[test]
fn a_large_plan_needs_allow_large() {
    let topics = |display_name: &str| {
        let topics: String = (0..12)
            .map(|number| format!("  t{number}: {{display_name: {display_name}}}"))
            .collect::<Vec<_>>()
            .join("\n");
        format!("region: eu-central-1\naccount: '123456789012'\nsns.topic:\n{topics}")
    };
    let place = Place::with_spec(&topics("a"));
    place.run(&["apply", "--yes", "spec.yaml"]).exits(0);
    place.write("spec.yaml", topics("b"));
    let run = place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    assert!(run.stderr.contains("12 of 12 existing resources would change, more than a third"), "{}", run.stderr);
    place.run(&["apply", "--yes", "--allow-large", "spec.yaml"]).exits(0);
}
