//! The nightly example of docs/nightly.md, as far as it runs without GitHub, GitLab and Slack.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use crate::harness::{Place, root, tool};

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_regionctl")
}

#[test]
fn four_nights_on_the_sandbox_are_told_as_they_were() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut night = Command::new("bash");
    night.arg(root().join("docs/nightly/try.sh")).arg(binary()).arg(folder.path()).env_remove("SLACK_WEBHOOK");
    let output = night.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let told: Vec<&str> = said.lines().filter(|line| line.starts_with("gh ")).collect();
    let words: Vec<String> =
        told.iter().map(|line| line.split_whitespace().skip(1).take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(words, ["label create", "issue create", "issue edit", "issue close"]);
    for file in ["report.json", "report.html", "summary.md", "junit.xml", "drift.sarif", "last.json"] {
        assert!(folder.path().join(file).exists(), "{file} is kept");
    }
}

#[test]
fn slack_gets_what_is_new_and_a_night_that_it_missed_is_told_again() {
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
    // Nobody listens there: the night's drift stays new.
    assert_eq!(night("http://127.0.0.1:9/"), Some(2));
    assert!(!place.folder.path().join("drift/last.json").exists());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        let mut piece = [0; 4096];
        while !heard.ends_with(b"]}\n") && !heard.ends_with(b"}") {
            let read = stream.read(&mut piece).unwrap();
            heard.extend(&piece[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
        String::from_utf8(heard).unwrap()
    });
    assert_eq!(night(&url), Some(2));
    let heard = heard.join().unwrap();
    let (_, body) = heard.split_once("\r\n\r\n").unwrap();
    let payload: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(payload["text"].as_str().unwrap().starts_with("Drift: 3 findings in eu-central-1"), "{payload}");
    assert_eq!(payload["blocks"].as_array().unwrap().len(), 4);
    // The night after has nothing new, so a webhook that does not answer is not asked.
    assert_eq!(night("http://127.0.0.1:9/"), Some(2));
}

#[test]
fn the_workflows_are_what_github_and_gitlab_take() {
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
