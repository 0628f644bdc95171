//! Cut anywhere, run again: Ctrl-C finishes what runs and says what is left; kill -9 leaves nothing
//! that the next apply does not mend.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::{Aws, Place, Server};

const SPEC: &str = "regions/eu-central-1.yaml";

/// Starts an apply and waits until so many steps are done.
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
fn ctrl_c_finishes_running_calls_says_what_is_left_and_exits_130() {
    let seeded = Place::seeded();
    // Slow enough that much is left after five steps, however busy the machine is.
    let server = Server::sandbox(&seeded, 100);
    let place = Place::new(Aws::Endpoint(server.url.clone()));
    let (mut child, mut stderr) = apply_until(&place, 5);
    signal(&child, "-INT");
    let (mut rest, mut stdout) = (String::new(), String::new());
    stderr.read_to_string(&mut rest).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("Stopping: the calls that are running are finished"), "{rest}");
    let verdict = stdout.lines().last().unwrap_or_default();
    assert!(verdict.starts_with("Interrupted: ") && verdict.contains("not tried"), "{verdict}");
    assert!(!verdict.contains(" 0 not tried"), "something was left: {verdict}");

    place.run(&["apply", "--yes", SPEC]).exits(0);
    place.run(&["drift", SPEC]).exits(0);
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let seeded = Place::seeded();
    let server = Server::sandbox(&seeded, 1000);
    let place = Place::new(Aws::Endpoint(server.url.clone()));
    let (mut child, mut stderr) = apply_until(&place, 1);
    signal(&child, "-INT");
    let mut line = String::new();
    while !line.starts_with("Stopping") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the first Ctrl-C was not heard");
    }
    signal(&child, "-INT");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!rest.contains("not tried"), "it waited for what was running: {rest}");
}

#[test]
fn killed_between_any_two_steps_the_next_apply_ends_the_same_and_makes_nothing_twice() {
    for steps in [1, 8, 16, 24, 32] {
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
