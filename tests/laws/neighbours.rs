// SPDX-License-Identifier: Apache-2.0
//! Law 5, the neighbor law: an apply changes no setting that its spec does not state, of its resources or of others.
//! `neighbours.py` verifies it on raw responses, read with AWS's own client. The scenarios are in `neighbours/`.

use regionctl_aws::kinds::REGISTRY;

use crate::harness::{Server, is_thorough, root, run_python, sample};

const REGIONCTL: &str = env!("CARGO_BIN_EXE_regionctl");

/// The number of moto servers. Each runs one scenario at a time.
const SERVERS: usize = 3;

/// Returns `N` to run every `N`th scenario. A thorough run runs all of them.
fn one_in() -> &'static str {
    if is_thorough() { "1" } else { "64" }
}

#[test]
fn an_apply_changes_no_other_setting_on_moto() {
    let servers: Vec<Server> = sample(0..SERVERS, SERVERS).into_iter().map(|_| Server::moto()).collect();
    let mut arguments = vec!["--one-in", one_in(), "moto", REGIONCTL];
    arguments.extend(servers.iter().map(|server| server.url.as_str()));
    let printed = run_python("laws/neighbours.py", &arguments);
    assert!(printed.ends_with(" on moto, 0 failed\n"), "{printed}");
}

#[test]
fn an_apply_changes_no_other_setting_on_the_sandbox() {
    let printed = run_python("laws/neighbours.py", &["--one-in", one_in(), "sandbox", REGIONCTL]);
    assert!(printed.ends_with(" on sandbox, 0 failed\n"), "{printed}");
}

#[test]
fn every_kind_that_writes_has_scenarios() {
    for facts in REGISTRY.0.iter().map(|kind| kind.facts()).filter(|facts| !facts.writes.is_empty()) {
        let file = root().join(format!("tests/laws/neighbours/{}.yaml", facts.name));
        assert!(file.is_file(), "{} has no scenarios", facts.name);
    }
}
