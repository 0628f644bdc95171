// SPDX-License-Identifier: Apache-2.0
//! Interrupted applies: Ctrl-C finishes the calls in progress and reports the remaining ones. The next apply completes
//! an apply that was killed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::{Aws, Place, Server, sample};

const SPEC: &str = "regions/eu-central-1.yaml";

/// Starts an apply and waits until `steps` steps are done.
fn apply_until(place: &Place, steps: usize) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut command = place.command(&["apply", "--yes", SPEC, "--parallelism", "2"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut done = 0;
    while done < steps {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the apply ended after {done} steps");
        done += usize::from(line.starts_with("done"));
    }
    (child, stderr)
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn ctrl_c_finishes_running_calls_and_exits_130() {
    let seeded = Place::seeded();
    // The delay ensures that calls remain after five steps, even on a busy machine.
    let server = Server::sandbox(&seeded, 100);
    let place = Place::new(Aws::Endpoint(server.url.clone()));
    let (mut child, mut stderr) = apply_until(&place, 5);
    signal(&child, "-INT");
    let (mut rest, mut stdout) = (String::new(), String::new());
    stderr.read_to_string(&mut rest).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("Stopping: waiting for the calls in progress"), "{rest}");
    let verdict = stdout.lines().last().unwrap_or_default();
    assert!(verdict.starts_with("Interrupted: ") && verdict.contains("not tried"), "{verdict}");
    assert!(!verdict.contains(" 0 not tried"), "no calls remained: {verdict}");

    place.run(&["apply", "--yes", SPEC]).exits(0);
    place.run(&["drift", SPEC]).exits(0);
}

#[test]
fn a_second_ctrl_c_exits_immediately() {
    let seeded = Place::seeded();
    let server = Server::sandbox(&seeded, 1000);
    let place = Place::new(Aws::Endpoint(server.url.clone()));
    let (mut child, mut stderr) = apply_until(&place, 1);
    signal(&child, "-INT");
    let mut line = String::new();
    while !line.starts_with("Stopping") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the first Ctrl-C had no effect");
    }
    signal(&child, "-INT");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!rest.contains("not tried  "), "it waited for running calls: {rest}");
    let summary = rest.lines().last().unwrap();
    assert!(summary.starts_with("Interrupted: "), "{rest}");
    assert!(summary.contains(" done, ") && summary.contains(" in progress, "), "{rest}");
}

#[test]
fn an_apply_after_a_kill_converges_and_creates_nothing_twice() {
    for steps in sample([8, 1, 16, 24, 32], 5) {
        let seeded = Place::seeded();
        let server = Server::sandbox(&seeded, 0);
        let place = Place::new(Aws::Endpoint(server.url.clone()));
        let (mut child, _stderr) = apply_until(&place, steps);
        child.kill().unwrap();
        child.wait().unwrap();

        place.run(&["apply", "--yes", SPEC]).exits(0);
        place.run(&["plan", SPEC, "--detailed-exitcode"]).exits(0);
        drop(server);
        let state: Value = serde_json::from_str(&seeded.read("sandbox.json")).unwrap();
        let count = |pointer: &str| state.pointer(pointer).and_then(Value::as_object).map_or(0, serde_json::Map::len);
        assert_eq!(count("/services/route53/us-east-1/hosted_zones"), 1, "after {steps} steps");
        assert_eq!(count("/services/sns/eu-central-1/subscriptions"), 4, "after {steps} steps");
        assert_eq!(count("/services/ec2/eu-central-1/security_groups"), 5, "after {steps} steps");
    }
}
