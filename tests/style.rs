// SPDX-License-Identifier: Apache-2.0
//! `make lint` finds violations: each test plants one violation per rule in a small project.

use std::fs;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::root;

const LICENSE: &str = "// SPDX-License-Identifier: Apache-2.0\n";

/// Runs `tests/style.py` over a folder and returns what it prints.
fn style(folder: &TempDir, more: &[&str]) -> String {
    let output = Command::new("python3")
        .arg(root().join("tests/style.py"))
        .arg(folder.path())
        .args(more)
        .output()
        .expect("Python 3 is installed");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_rule_of_style_finds_its_planted_violation() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("Cargo.toml", "rust-version = \"1.94.1\"\n");
    write("clean.rs", &format!("{LICENSE}// The bucket exists.\n"));
    write("README.md", "# Use it\n\n[this](#use-it) and [that](clean.rs#L1), `[not](a-link)`\n");
    let metadata = json!({"packages": [{"name": "a", "version": "1.0.0", "rust_version": "1.94"}]});
    write("metadata", &metadata.to_string());
    let file = folder.path().join("metadata");
    assert_eq!(style(&folder, &["--metadata", file.to_str().unwrap()]), "");

    write("words.rs", &format!("{LICENSE}// {}\n", ["The whole", "truth."].join(" ")));
    write("long.rs", &format!("{LICENSE}{}", "//\n".repeat(500)));
    write("bare.rs", "// No license.\n");
    write("links.md", "[file](missing.md) [heading](README.md#nowhere) [line](clean.rs#L9)\n");
    write("metadata", &metadata.to_string().replace("1.94", "1.99"));
    let printed = style(&folder, &["--metadata", file.to_str().unwrap()]);
    let mut expected = vec![
        "bare.rs:1: [license]",
        "links.md:1: [link] missing.md does not exist",
        "links.md:1: [link] README.md#nowhere: no heading",
        "links.md:1: [link] clean.rs#L9: the file has fewer lines",
        "long.rs:501: [size]",
        "words.rs:2: [wording]",
        "Cargo.toml:1: [msrv] a 1.0.0 needs Rust 1.99",
    ];
    for line in printed.lines() {
        let at = expected.iter().position(|start| line.starts_with(start));
        expected.remove(at.unwrap_or_else(|| panic!("not expected: {line}")));
    }
    assert!(expected.is_empty(), "not found: {expected:?}\n{printed}");
}

/// Runs Clippy with the project's lints and `clippy.toml` on a library that violates each of them.
#[test]
fn clippy_finds_each_planted_violation() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let lints = workspace.split("\n[").filter(|section| section.starts_with("workspace.lints"));
    let lints: String = lints.map(|section| format!("\n[{section}").replace("workspace.lints", "lints")).collect();
    write("Cargo.toml", &format!("[package]\nname = \"planted\"\nversion = \"0.0.0\"\nedition = \"2024\"\n{lints}"));
    fs::copy(root().join("clippy.toml"), folder.path().join("clippy.toml")).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let long = "    let _ = std::hint::black_box(1);\n".repeat(71);
    write(
        "src/lib.rs",
        &format!(
            "//! Planted.\n\npub fn undocumented() {{}}\n\nfn long() {{\n{long}}}\n\nfn planted() {{\n    long();\n    \
             std::thread::sleep(std::time::Duration::ZERO);\n    println!(\"{{:?}}\", std::env::var(\"A\"));\n    \
             let _: std::collections::HashMap<u8, u8> = Default::default();\n    Some(1).unwrap();\n}}\n"
        ),
    );
    let output = Command::new(env!("CARGO"))
        .args(["clippy", "--quiet", "--offline", "--", "-D", "warnings"])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for found in [
        "disallowed method `std::thread::sleep`",
        "disallowed method `std::env::var`",
        "disallowed macro `std::println`",
        "disallowed type `std::collections::HashMap`",
        "used `unwrap()` on",
        "this function has too many lines",
        "missing documentation for a function",
    ] {
        assert!(printed.contains(found), "{found}: {printed}");
    }
}

#[test]
fn the_spelling_checker_finds_a_planted_error() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.md"), ["Rec", "ieve this.\n"].concat()).unwrap();
    fs::copy(root().join("typos.toml"), folder.path().join("typos.toml")).unwrap();
    let typos = Command::new(root().join("target/moto/bin/typos")).current_dir(folder.path()).output().unwrap();
    assert!(!typos.status.success() && String::from_utf8(typos.stdout).unwrap().contains("Receive"));
}
