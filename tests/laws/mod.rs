// SPDX-License-Identifier: Apache-2.0
//! The laws that hold for all kinds. They run every kind's cases on the sandbox.

mod cases;
mod failing;
mod followed;
mod given;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use regionctl_aws::iam;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::{Access, OwnHttp, Session, SessionSettings};
use regionctl_core::apply;
use regionctl_core::desire::fill::{Inventory, fill};
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::diff::operation;
use regionctl_core::kind::Facts;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::refresh::refresh;
use regionctl_core::observe::snapshot::Snapshot;
use regionctl_core::observe::stored;
use regionctl_core::plan::build::plan;
use regionctl_core::plan::{Action, Plan};
use regionctl_core::render;
use regionctl_core::spec::load::Unreadable;
use regionctl_core::spec::{self, Spec};
use regionctl_sandbox::{Sandbox, seed};
use tokio::sync::watch;

use crate::harness::{self, Place, Server, sample};
use cases::Case;
use given::sandbox;

const HEAD: &str = "region: eu-central-1\naccount: \"123456789012\"\n";

fn facts() -> impl Iterator<Item = &'static Facts> {
    REGISTRY.0.iter().map(|kind| kind.facts())
}

/// Returns the cases with their kinds.
fn cases() -> Vec<(&'static Facts, Case)> {
    cases::all().into_iter().map(|case| (facts_of(&case.folder), case)).collect()
}

fn facts_of(folder: &str) -> &'static Facts {
    let file = harness::root().join("crates/aws/src/kinds").join(folder).join("mod.rs");
    let text = std::fs::read_to_string(&file).unwrap();
    facts()
        .find(|facts| text.contains(&format!("name: \"{}\",", facts.name)))
        .unwrap_or_else(|| panic!("{folder} is not the folder of a kind"))
}

fn spec(sections: &str) -> Spec {
    let text = format!("{HEAD}{sections}");
    let read = |_: &str| Ok::<_, Unreadable>(text.clone());
    spec::read("spec.yaml", &read, REGISTRY, &mut SourceFiles::default())
        .unwrap_or_else(|faults| panic!("{sections}: {:?}", faults.0))
}

/// Runs a check for some cases concurrently. Fails with the names of the cases that failed.
async fn each_of<F>(cases: Vec<(&'static Facts, Case)>, check: fn(&'static Facts, Case) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let running: Vec<_> = cases
        .into_iter()
        .map(|(facts, case)| (facts.name, case.name.clone(), tokio::spawn(check(facts, case))))
        .collect();
    let mut failed = Vec::new();
    for (kind, case, running) in running {
        if running.await.is_err() {
            failed.push(format!("{kind}: {case}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

async fn open(sandbox: &Sandbox, access: Access) -> Aws {
    open_in(sandbox, access, "eu-central-1").await
}

async fn open_in(sandbox: &Sandbox, access: Access, region: &str) -> Aws {
    open_over((sandbox.http_client(), sandbox.credentials()), access, region).await
}

/// Opens a session over an HTTP client of its own.
pub async fn open_over(http: OwnHttp, access: Access, region: &str) -> Aws {
    let settings = SessionSettings {
        region: region.to_owned(),
        profile: None,
        role: None,
        endpoint_url: None,
        access,
        http: Some(http),
        on_pause: None,
    };
    Aws::new(Session::open(settings).await)
}

async fn read(aws: &Aws, spec: &Spec) -> Snapshot {
    refresh(aws, REGISTRY, spec).await.unwrap_or_else(|error| panic!("{:?}", error.diagnostics()))
}

async fn read_and_plan(aws: &Aws, spec: &Spec) -> (Inventory, Plan) {
    let snapshot = read(aws, spec).await;
    let inventory = fill(REGISTRY, spec, &snapshot).unwrap();
    let plan = plan(REGISTRY, spec, &inventory).unwrap();
    assert!(plan.is_complete(), "{:?}", plan.gaps);
    (inventory, plan)
}

/// Runs the first steps of a plan, or all steps with `None`. Returns how many are done.
async fn run(aws: &Aws, inventory: &Inventory, plan: &Plan, steps: Option<usize>) -> usize {
    let (stop, stopped) = watch::channel(steps == Some(0));
    let mut done = 0;
    let outcome = apply::run(aws, plan, inventory, 1, stopped, &mut |event| {
        if let apply::Event::Done { .. } = event {
            done += 1;
            stop.send_replace(Some(done) == steps);
        }
    })
    .await;
    assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
    if steps.is_none() {
        let changed = plan.changes.iter().filter(|change| change.action != Action::Delete);
        let changed: Vec<_> = changed.map(|change| change.address.clone()).collect();
        let (_stop, stopped) = watch::channel(false);
        let waited = apply::wait(aws, inventory, &outcome.known, &changed, stopped, &mut |_| {}).await;
        assert!(waited.failed.is_empty(), "{:?}", waited.failed);
    }
    outcome.done.len()
}

async fn converge(sandbox: &Sandbox, spec: &Spec) {
    let aws = open(sandbox, Access::Write).await;
    let (inventory, plan) = read_and_plan(&aws, spec).await;
    run(&aws, &inventory, &plan, None).await;
    let (_, after) = read_and_plan(&aws, spec).await;
    assert!(after.is_empty(), "not converged: {}", shown(&after));
}

fn shown(plan: &Plan) -> String {
    render::text(plan, render::Style { color: false, width: 200 })
}

fn operations(plan: &Plan) -> Vec<String> {
    plan.steps().into_iter().map(|(_, step)| operation(&step.op).to_owned()).collect()
}

#[test]
fn every_kind_has_facts_and_cases() {
    let all = cases();
    for facts in facts() {
        assert!(!facts.summary.is_empty() && !facts.reads.is_empty(), "{}", facts.name);
        let of: Vec<&Case> = all.iter().filter(|(kind, _)| kind.name == facts.name).map(|(_, case)| case).collect();
        assert!(of.iter().any(|case| case.before.is_empty()), "{}: no case creates a resource", facts.name);
        let changes = of.iter().any(|case| !case.before.is_empty());
        assert!(changes || facts.writes.is_empty(), "{}: no case changes a resource", facts.name);
        spec(facts.example);
    }
}

/// Adding a kind changes its own folder and one line of the registry. No other code contains its name.
#[test]
fn a_kind_is_named_only_in_its_folder_and_the_registry() {
    let registry = std::fs::read_to_string(harness::root().join("crates/aws/src/kinds/mod.rs")).unwrap();
    let code = code_outside_kinds();
    for facts in facts() {
        assert!(!code.contains(&format!("\"{}\"", facts.name)), "{} is named outside its folder", facts.name);
    }
    for module in modules() {
        let lines = registry.lines().filter(|line| line.contains(&format!("{module}::")));
        assert_eq!(lines.count(), 1, "{module} must have one line in the registry");
        assert!(!code.contains(&format!("kinds::{module}")), "{module} is named outside the registry");
    }
}

/// Returns the modules of the kinds. Each is a folder.
fn modules() -> Vec<String> {
    let entries = std::fs::read_dir(harness::root().join("crates/aws/src/kinds")).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// `diff` destructures the model without `..`, so that a new field that it does not compare is a compile error.
#[test]
fn diff_destructures_every_field_of_a_model() {
    let mut kinds = 0;
    for source in harness::sources(&harness::root().join("crates/aws/src/kinds")) {
        let text = std::fs::read_to_string(&source).unwrap();
        let Some((_, diff)) = text.split_once("    fn diff(") else { continue };
        let body = diff.split_once("{\n").map_or("", |(_, body)| body).trim_start();
        let (fields, _) =
            body.split_once("} = want;").unwrap_or_else(|| panic!("{}: no destructuring", source.display()));
        assert!(body.starts_with("let ") && !fields.contains(".."), "{}: {fields}", source.display());
        kinds += 1;
    }
    assert_eq!(kinds, REGISTRY.0.len());
}

/// Returns the source code without kinds and tests.
fn code_outside_kinds() -> String {
    let mut code = String::new();
    for source in harness::sources(&harness::root().join("crates")) {
        if !source.to_string_lossy().contains("/kinds/") {
            let text = std::fs::read_to_string(source).unwrap();
            code.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
    code
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_plans_its_steps_and_converges() {
    each_of(cases(), |facts, case| async move {
        let name = format!("{}: {}", facts.name, case.name);
        let sandbox = sandbox(&case).await;
        converge(&sandbox, &spec(&case.before)).await;
        let desired = spec(&case.after);
        let aws = open(&sandbox, Access::Write).await;
        let (inventory, plan) = read_and_plan(&aws, &desired).await;
        assert_eq!(operations(&plan), case.steps, "{name}");

        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(
            serde_json::from_str::<Plan>(&json).unwrap(),
            plan,
            "{name}: the plan differs after a JSON round trip"
        );
        assert_eq!(read_and_plan(&aws, &desired).await.1, plan, "{name}: the second plan differs");

        run(&aws, &inventory, &plan, None).await;
        let before = writes(&aws);
        let (inventory, after) = read_and_plan(&aws, &desired).await;
        assert!(after.is_empty(), "{name}: {}", shown(&after));
        run(&aws, &inventory, &after, None).await;
        assert_eq!(writes(&aws), before, "{name}: the second apply sent a write");
    })
    .await;
}

/// A plan depends only on the spec and the snapshot, so the plan from a saved snapshot equals the live plan.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_from_a_snapshot_equals_the_live_plan() {
    each_of(sample(cases(), 3), |facts, case| async move {
        let sandbox = sandbox(&case).await;
        converge(&sandbox, &spec(&case.before)).await;
        let desired = spec(&case.after);
        let aws = open(&sandbox, Access::ReadOnly).await;
        let snapshot = read(&aws, &desired).await;
        let inventory = fill(REGISTRY, &desired, &snapshot).unwrap();
        let live = plan(REGISTRY, &desired, &inventory).unwrap();
        let text = stored::write("test", &snapshot, &[(&desired, &inventory)]);
        for secret in inventory.secrets.values().flat_map(BTreeMap::values).filter(|secret| secret.len() > 3) {
            assert!(!text.contains(secret), "{}: {}: a secret is in the snapshot", facts.name, case.name);
        }
        let loaded = stored::read(&text).unwrap();
        let inventory = fill(REGISTRY, &desired, &loaded)
            .unwrap_or_else(|error| panic!("{}: {}: {:?}", facts.name, case.name, error.diagnostics()));
        let stored = plan(REGISTRY, &desired, &inventory).unwrap();
        let json = |plan: &Plan| serde_json::to_string_pretty(plan).unwrap();
        assert_eq!(json(&stored), json(&live), "{}: {}", facts.name, case.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_after_an_interruption_converges() {
    each_of(sample(cases(), 3), |facts, case| async move {
        let stops = (0..case.steps.len()).map(|steps| stop_after(steps, facts, &case));
        futures::future::join_all(stops).await;
    })
    .await;
}

async fn stop_after(steps: usize, facts: &Facts, case: &Case) {
    let sandbox = sandbox(case).await;
    converge(&sandbox, &spec(&case.before)).await;
    let desired = spec(&case.after);
    let aws = open(&sandbox, Access::Write).await;
    let (inventory, plan) = read_and_plan(&aws, &desired).await;
    let done = run(&aws, &inventory, &plan, Some(steps)).await;
    assert_eq!(done, steps, "{}: {}", facts.name, case.name);
    let (_, rest) = read_and_plan(&aws, &desired).await;
    // Fewer steps may remain: AWS may create a resource with settings that a later step would set.
    let remaining = without_repeated_steps(&operations(&rest)).len();
    let expected = without_repeated_steps(&operations(&plan)[steps..]).len();
    assert!(remaining <= expected, "{}: {} after {steps}: {}", facts.name, case.name, shown(&rest));
    converge(&sandbox, &desired).await;
}

/// Returns the operations that the next plan does not repeat. It repeats the creation of subnet and parameter groups
/// until their cluster exists, and that of a document's version until it is the default version; AWS then answers that
/// they exist.
fn without_repeated_steps(operations: &[String]) -> Vec<&String> {
    let repeated = ["SubnetGroup", "ParameterGroup", "UpdateDocument"];
    let is_repeated = |operation: &&String| {
        repeated.iter().any(|part| operation.contains(part)) && *operation != "UpdateDocumentDefaultVersion"
    };
    operations.iter().filter(|operation| !is_repeated(operation)).collect()
}

fn writes(aws: &Aws) -> Vec<(String, u64)> {
    let calls = aws.session().calls();
    calls
        .into_iter()
        .filter(|(call, _)| !harness::is_read(&call.operation))
        .map(|(call, count)| (format!("{} {}", call.service, call.operation), count.calls))
        .collect()
}

#[tokio::test]
async fn planning_sends_no_write() {
    for (_, case) in cases() {
        let sandbox = sandbox(&case).await;
        let aws = open(&sandbox, Access::ReadOnly).await;
        read_and_plan(&aws, &spec(&case.after)).await;
        assert_eq!(writes(&aws), []);
    }
}

#[tokio::test]
async fn a_read_only_session_does_not_send_writes() {
    for (_, case) in cases().into_iter().filter(|(_, case)| case.before.is_empty()) {
        let sandbox = sandbox(&case).await;
        let aws = open(&sandbox, Access::ReadOnly).await;
        let (inventory, plan) = read_and_plan(&aws, &spec(&case.after)).await;
        let (_stop, stopped) = watch::channel(false);
        let outcome = apply::run(&aws, &plan, &inventory, 1, stopped, &mut |_| {}).await;
        assert!(outcome.done.is_empty());
        for (_, failure) in outcome.failed {
            assert_eq!(failure.class, FailureClass::Refused, "{failure}");
        }
        assert_eq!(writes(&aws), []);
    }
}

/// A kind declares exactly the operations that it calls, so that permission policies grant exactly what is needed.
#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_calls_are_the_declared_calls() {
    let running: Vec<_> = sample(facts(), 3).into_iter().map(|facts| (facts, tokio::spawn(calls_of(facts)))).collect();
    for (facts, running) in running {
        let (mut called, declared) = (running.await.unwrap(), declared_by(facts));
        // Cases may contain other kinds of the same service.
        for other in self::facts().filter(|other| other.service == facts.service && other.name != facts.name) {
            called.retain(|call| declared.contains(call) || !declared_by(other).contains(call));
        }
        assert_eq!(called, declared, "{}", facts.name);
        for operation in called {
            assert!(iam::action(facts.service, &operation).contains(':'));
        }
    }
}

fn declared_by(facts: &Facts) -> BTreeSet<String> {
    facts.reads.iter().chain(facts.writes).map(|operation| (*operation).to_owned()).collect()
}

/// Returns the operations of a kind's service that its cases call.
async fn calls_of(facts: &'static Facts) -> BTreeSet<String> {
    let mut called = BTreeSet::new();
    for (_, case) in cases().into_iter().filter(|(kind, _)| kind.name == facts.name) {
        let sandbox = sandbox(&case).await;
        for sections in [&case.before, &case.after] {
            let aws = open(&sandbox, Access::Write).await;
            let desired = spec(sections);
            let (inventory, plan) = read_and_plan(&aws, &desired).await;
            run(&aws, &inventory, &plan, None).await;
            read_and_plan(&aws, &desired).await;
            let own = aws.session().calls().into_keys().filter(|call| call.service == facts.service);
            called.extend(own.map(|call| call.operation));
        }
    }
    called.remove("DescribeVpcs"); // the refresh calls it for every spec that needs the VPC
    called
}

/// Only an emulator has VPCs without a default group. It cannot be created, and must not count as unchanged.
#[tokio::test]
async fn a_resource_that_cannot_be_created_is_blocked() {
    let sandbox = Sandbox::in_memory();
    given::second_vpc(&seed::config(&sandbox, "eu-central-1")).await;
    let aws = open(&sandbox, Access::ReadOnly).await;
    let (_, plan) = read_and_plan(&aws, &spec("vpc: {tag: {Name: second}}\nec2.security_group:\n  default:\n")).await;
    assert_eq!((plan.summary.blocked, plan.summary.unchanged), (1, 0));
}

/// Emulators accept requests that AWS rejects, so the requests of all cases are validated against AWS's service model.
#[tokio::test]
async fn every_request_matches_the_aws_service_model() {
    let start = || {
        let sandboxed = Place::seeded();
        let emulator = Server::sandbox(&sandboxed, 0);
        let model = Server::model(&emulator);
        let place = Place { aws: harness::Aws::Endpoint(model.url.clone()), ..Place::with_spec("") };
        (place, sandboxed, emulator, model)
    };
    let cases = cases().into_iter().filter(|(_, case)| case.given.iter().all(|given| given == "older-regions"));
    let mut servers = start();
    for (facts, case) in sample(cases, 16) {
        let apply = |place: &Place| {
            let apply = |sections: &String| {
                place.write("spec.yaml", format!("{HEAD}{sections}"));
                place.run(&["apply", "--yes", "--allow-large", "--allow-destroy", "--allow-interrupt", "spec.yaml"])
            };
            [&case.before, &case.after].map(apply)
        };
        let mut runs = apply(&servers.0);
        // A new server takes seconds, so that a case gets one only if the resources of others are in its way.
        if runs.iter().any(|run| run.code != 0) {
            servers = start();
            runs = apply(&servers.0);
        }
        for run in runs {
            assert_eq!(run.code, 0, "{}: {}\n{}\n{}", facts.name, case.name, run.stdout, run.stderr);
        }
    }
}
