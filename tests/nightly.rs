// SPDX-License-Identifier: Apache-2.0
//! The nightly example of docs/nightly.md, without GitHub, GitLab and Slack.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use crate::harness::{Place, root, tool};

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_regionctl")
}

#[test]
fn four_nights_create_edit_and_close_an_issue() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut night = Command::new("bash");
    night.arg(root().join("docs/nightly/try.sh")).arg(binary()).arg(folder.path()).env_remove("SLACK_WEBHOOK");
    let output = night.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    let calls = stdout.lines().filter(|line| line.starts_with("gh "));
    let commands: Vec<String> =
        calls.map(|line| line.split_whitespace().skip(1).take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(commands, ["label create", "issue create", "issue edit", "issue close"]);
    for file in ["report.json", "report.html", "summary.md", "junit.xml", "drift.sarif", "last.json"] {
        assert!(folder.path().join(file).exists(), "{file} does not exist");
    }
}

#[test]
fn slack_receives_new_findings_and_a_failed_message_is_repeated() {
    let place = Place::seeded();
    place.run(&["apply", "--yes"]).exits(0);
    place.run(&["sandbox", "tamper"]).exits(0);
    let night = |webhook: &str| {
        let mut command = Command::new("bash");
        command.arg(root().join("docs/nightly/nightly.sh")).arg("drift").current_dir(place.folder.path()).env_clear();
        let path = std::path::Path::new(binary()).parent().unwrap().display().to_string();
        command.env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap())).env("SLACK_WEBHOOK", webhook);
        command.env("HOME", place.folder.path()).env("REGIONCTL_SANDBOX", "sandbox.json").env("NO_PROXY", "*");
        command.output().unwrap().status.code()
    };
    // No server listens on this port, so the findings stay new.
    assert_eq!(night("http://127.0.0.1:9/"), Some(2));
    assert!(!place.folder.path().join("drift/last.json").exists());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.ends_with(b"]}\n") && !request.ends_with(b"}") {
            let read = stream.read(&mut buffer).unwrap();
            request.extend(&buffer[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
        String::from_utf8(request).unwrap()
    });
    assert_eq!(night(&url), Some(2));
    let request = server.join().unwrap();
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let payload: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(payload["text"].as_str().unwrap().starts_with("Drift: 3 findings in eu-central-1"), "{payload}");
    assert_eq!(payload["blocks"].as_array().unwrap().len(), 4);
    // The next night has no new findings, so the webhook is not called.
    assert_eq!(night("http://127.0.0.1:9/"), Some(2));
}

#[test]
fn the_workflows_match_the_schemas_of_github_and_gitlab() {
    for (schema, file, more) in [
        ("vendor.github-workflows", "github.yml", &[][..]),
        ("vendor.gitlab-ci", "gitlab.yml", &["--data-transform", "gitlab-ci"]),
    ] {
        let mut check = tool("check-jsonschema");
        check.args(["--builtin-schema", schema]).args(more).arg(root().join("docs/nightly").join(file));
        let output = check.output().unwrap();
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let trust = std::fs::read_to_string(root().join("docs/nightly/trust.json")).unwrap();
    let _: serde_json::Value = serde_json::from_str(&trust).unwrap();
}
