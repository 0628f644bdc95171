// SPDX-License-Identifier: Apache-2.0
//! Files of earlier versions, and files of the wrong kind: one error that names the format or the kind, and the next
//! command.

use serde_json::{Value, json};

use crate::harness::{Place, Run};

const HEAD: &str = "region: eu-central-1\naccount: '123456789012'\n";

fn place() -> Place {
    let place = Place::with_spec(&format!("{HEAD}sns.topic:\n  a:\n"));
    for args in [
        &["plan", "spec.yaml", "-o", "plan.json"][..],
        &["drift", "spec.yaml", "--output", "json=report.json"],
        &["snapshot", "spec.yaml", "-o", "snapshot.json"],
    ] {
        let run = place.run(args);
        assert!([0, 2].contains(&run.code), "{}", run.stderr);
    }
    place
}

/// Rewrites a file as format 1 had it.
fn age(place: &Place, file: &str, pointer: &str) {
    let mut document: Value = serde_json::from_str(&place.read(file)).unwrap();
    let document_part = document.pointer_mut(pointer).unwrap();
    document_part["format"] = 1.into();
    let fields = document_part.as_object_mut().unwrap();
    let gaps = fields.remove("gaps").unwrap_or(json!([]));
    fields.insert("unread".to_owned(), gaps);
    place.write(file, document.to_string());
}

/// Asserts that a run printed nothing and gave one error.
#[track_caller]
fn assert_error(run: Run, exit: i32, code: &str, message: &str, help: &str) {
    let run = run.exits(exit);
    assert_eq!(run.stderr.matches("error[").count(), 1, "{}", run.stderr);
    for text in [&format!("error[{code}]"), message, help] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
}

#[test]
fn files_of_format_1_are_refused_with_both_formats() {
    let place = place();
    age(&place, "plan.json", "/plan");
    age(&place, "report.json", "");
    age(&place, "snapshot.json", "");
    let formats = "it has format 1 and was written by regionctl 0.1.0; this version reads format 2";
    let run = |args: &[&str]| place.run(args);
    assert_error(run(&["apply", "--yes", "plan.json"]), 3, "unreadable-plan", formats, "regionctl plan SPEC -o");
    assert_error(run(&["report", "report.json"]), 1, "unreadable-report", formats, "regionctl drift --output json=");
    let baseline = run(&["drift", "spec.yaml", "--baseline", "report.json"]);
    assert_error(baseline, 1, "unreadable-report", formats, "regionctl drift --output json=");
    let snapshot = run(&["plan", "spec.yaml", "--snapshot", "snapshot.json"]);
    assert_error(snapshot, 1, "snapshot-format", formats, "regionctl snapshot SPEC -o");
}

#[test]
fn a_file_of_another_kind_is_named() {
    let place = place();
    let run = |args: &[&str]| place.run(args);
    assert_error(run(&["plan", "snapshot.json"]), 1, "not-a-spec", "is a snapshot", "--snapshot snapshot.json");
    assert_error(run(&["plan", "report.json"]), 1, "not-a-spec", "is a report", "regionctl report report.json");
    assert_error(run(&["drift", "plan.json"]), 1, "not-a-spec", "is a saved plan", "regionctl apply plan.json");
    assert_error(run(&["report", "plan.json"]), 1, "unreadable-report", "it is a saved plan", "regionctl drift");
    let snapshot = run(&["drift", "spec.yaml", "--snapshot", "report.json"]);
    assert_error(snapshot, 1, "unreadable-snapshot", "it is a report", "regionctl snapshot SPEC -o");
}

#[test]
fn a_sandbox_file_of_another_version_is_refused() {
    let place = Place::with_spec(&format!("{HEAD}sns.topic:\n  a:\n"));
    for (text, message) in [
        (r#"{"version": 0, "services": {}}"#, "it has version 0; this version of regionctl reads version 1"),
        (r#"{"version": 1, "services": []}"#, "it is damaged: "),
        ("junk", "it is not a sandbox file"),
    ] {
        place.write("sandbox.json", text);
        assert_error(place.run(&["plan", "spec.yaml"]), 1, "sandbox", message, "regionctl sandbox reset");
    }
    place.run(&["sandbox", "reset"]).exits(0);
    place.run(&["plan", "spec.yaml"]).exits(0);
}

/// AWS adds regions, so an unknown code is tried.
#[test]
fn a_region_code_that_looks_misspelled_is_a_warning() {
    let place = Place::with_spec("region: eu-centrall-1\naccount: '123456789012'\n");
    let run = place.run(&["plan", "spec.yaml"]).exits(0);
    assert!(run.stderr.contains("'eu-centrall-1' is not a known region code; did you mean 'eu-central-1'?"));
    let place = Place::with_spec(HEAD);
    assert_eq!(place.run(&["plan", "spec.yaml"]).exits(0).stderr, "");
}

#[test]
fn a_manual_step_is_not_drift_and_an_acceptance_needs_a_reason() {
    let place = Place::converged();
    let accept =
        |address, reason| place.run(&["accept", address, "--reason", reason, "--until", "2099-01-01", "--by", "sre"]);
    assert_error(accept("manual.step/vanta", "x"), 1, "nothing-to-accept", "is a manual step", "add `evidence:`");
    assert_error(accept("sns.topic/x", " "), 1, "invalid-value", "--reason is empty", "say why");
}

#[test]
fn a_renamed_section_of_a_spec_names_its_new_name() {
    let place = Place::with_spec(&format!("{HEAD}remember: true\n"));
    let run = place.run(&["plan", "spec.yaml"]);
    assert_error(run, 1, "unknown-field", "`remember` was renamed", "write `record_applied`");
}
