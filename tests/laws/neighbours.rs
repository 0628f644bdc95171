//! Law 5, the neighbour law: after an apply, every other setting of AWS is what it was before, of this resource and of
//! its neighbours. It is proven on raw answers: `neighbours.py` reads them with AWS's own client and compares; the
//! scenarios are files in `neighbours/`.

use regionctl_aws::kinds::REGISTRY;

use crate::harness::{Server, python_says, root};

const REGIONCTL: &str = env!("CARGO_BIN_EXE_regionctl");

/// Each runs one scenario at a time.
const SERVERS: usize = 3;

#[test]
fn an_apply_leaves_every_other_setting_as_it_was_on_moto() {
    let servers: Vec<Server> = (0..SERVERS).map(|_| Server::moto()).collect();
    let mut arguments = vec!["moto", REGIONCTL];
    arguments.extend(servers.iter().map(|server| server.url.as_str()));
    let said = python_says("laws/neighbours.py", &arguments);
    assert!(said.ends_with(" on moto, 0 failed\n"), "{said}");
}

#[test]
fn an_apply_leaves_every_other_setting_as_it_was_on_the_sandbox() {
    let said = python_says("laws/neighbours.py", &["sandbox", REGIONCTL]);
    assert!(said.ends_with(" on sandbox, 0 failed\n"), "{said}");
}

#[test]
fn every_kind_that_writes_has_scenarios() {
    for facts in REGISTRY.0.iter().map(|kind| kind.facts()).filter(|facts| !facts.writes.is_empty()) {
        let file = root().join(format!("tests/laws/neighbours/{}.yaml", facts.name));
        assert!(file.is_file(), "{} has no scenarios", facts.name);
    }
}
