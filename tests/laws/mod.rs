//! The laws, once for all kinds: every kind's own cases are run through them on the embedded AWS.

mod cases;
mod given;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use regionctl_aws::iam;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::{Access, Session, Settings};
use regionctl_core::apply;
use regionctl_core::desire::fill::{Inventory, fill};
use regionctl_core::diagnostic::Sources;
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

use crate::harness::{self, Place, Server};
use cases::Case;
use given::sandbox;

const HEAD: &str = "region: eu-central-1\naccount: \"123456789012\"\n";

fn facts() -> impl Iterator<Item = &'static Facts> {
    REGISTRY.0.iter().map(|kind| kind.facts())
}

/// The cases with their kinds. A kind's folder bears the end of its name.
fn cases() -> Vec<(&'static Facts, Case)> {
    cases::all().into_iter().map(|case| (facts_of(&case.folder), case)).collect()
}

fn facts_of(folder: &str) -> &'static Facts {
    let file = harness::root().join("crates/aws/src/kinds").join(folder).join("mod.rs");
    let text = std::fs::read_to_string(&file).unwrap();
    facts()
        .find(|facts| text.contains(&format!("name: \"{}\",", facts.name)))
        .unwrap_or_else(|| panic!("{folder} is no kind"))
}

fn spec(sections: &str) -> Spec {
    let text = format!("{HEAD}{sections}");
    let read = |_: &str| Ok::<_, Unreadable>(text.clone());
    spec::read("spec.yaml", &read, REGISTRY, &mut Sources::default())
        .unwrap_or_else(|faults| panic!("{sections}: {:?}", faults.0))
}

/// Checks every case, all at once, and says of all that fail which they are.
async fn each_case<F>(check: fn(&'static Facts, Case) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let running: Vec<_> = cases()
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
    let settings = Settings {
        region: "eu-central-1".to_owned(),
        profile: None,
        role: None,
        endpoint_url: None,
        access,
        http: Some((sandbox.http_client(), sandbox.credentials())),
        on_pause: None,
    };
    Aws::new(Session::open(settings).await)
}

async fn read(aws: &Aws, spec: &Spec) -> Snapshot {
    refresh(aws, REGISTRY, spec).await.unwrap_or_else(|error| panic!("{:?}", error.diagnostics()))
}

async fn look(aws: &Aws, spec: &Spec) -> (Inventory, Plan) {
    let snapshot = read(aws, spec).await;
    let inventory = fill(REGISTRY, spec, &snapshot).unwrap();
    let plan = plan(REGISTRY, spec, &inventory).unwrap();
    assert!(plan.is_complete(), "{:?}", plan.unread);
    (inventory, plan)
}

/// Runs the first steps of a plan, all of them with `None`, and returns how many are done.
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
    let (inventory, plan) = look(&aws, spec).await;
    run(&aws, &inventory, &plan, None).await;
    let (_, after) = look(&aws, spec).await;
    assert!(after.is_empty(), "not converged: {}", shown(&after));
}

fn shown(plan: &Plan) -> String {
    render::text(plan, render::Style { color: false, width: 200 })
}

fn operations(plan: &Plan) -> Vec<String> {
    plan.steps().into_iter().map(|(_, step)| operation(&step.op).to_owned()).collect()
}

#[test]
fn every_kind_has_its_facts_and_cases() {
    let all = cases();
    for facts in facts() {
        assert!(!facts.summary.is_empty() && !facts.reads.is_empty(), "{}", facts.name);
        let of: Vec<&Case> = all.iter().filter(|(kind, _)| kind.name == facts.name).map(|(_, case)| case).collect();
        assert!(of.iter().any(|case| case.before.is_empty()), "{}: no case makes one", facts.name);
        let changes = of.iter().any(|case| !case.before.is_empty());
        assert!(changes || facts.writes.is_empty(), "{}: no case changes one", facts.name);
        spec(facts.example);
    }
}

/// Adding a kind touches its own file and one line of the registry: nothing else knows any kind's name.
#[test]
fn a_kind_is_known_to_its_own_file_and_one_line() {
    let registry = std::fs::read_to_string(harness::root().join("crates/aws/src/kinds/mod.rs")).unwrap();
    let code = code_outside_kinds();
    for facts in facts() {
        assert!(!code.contains(&format!("\"{}\"", facts.name)), "{} is known outside its file", facts.name);
    }
    for module in modules() {
        let lines = registry.lines().filter(|line| line.contains(&format!("{module}::")));
        assert_eq!(lines.count(), 1, "{module} has one line in the registry");
        assert!(!code.contains(&format!("kinds::{module}")), "{module} is known outside the registry");
    }
}

/// The kinds' files and folders.
fn modules() -> Vec<String> {
    let entries = std::fs::read_dir(harness::root().join("crates/aws/src/kinds")).unwrap();
    let stems = entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    stems.filter(|stem| stem != "mod").collect()
}

/// A comparison that names every field of the model stops compiling when a field is added.
#[test]
fn forgetting_to_compare_a_field_does_not_compile() {
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

/// The product's code, without the kinds and without tests.
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
async fn a_case_plans_its_steps_applies_and_is_quiet() {
    each_case(|facts, case| async move {
        let name = format!("{}: {}", facts.name, case.name);
        let sandbox = sandbox(&case).await;
        converge(&sandbox, &spec(&case.before)).await;
        let wanted = spec(&case.after);
        let aws = open(&sandbox, Access::Write).await;
        let (inventory, plan) = look(&aws, &wanted).await;
        assert_eq!(operations(&plan), case.steps, "{name}");

        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan, "{name}: a plan survives its JSON");
        assert_eq!(look(&aws, &wanted).await.1, plan, "{name}: same input, same plan");

        run(&aws, &inventory, &plan, None).await;
        let before = writes(&aws);
        let (inventory, after) = look(&aws, &wanted).await;
        assert!(after.is_empty(), "{name}: {}", shown(&after));
        run(&aws, &inventory, &after, None).await;
        assert_eq!(writes(&aws), before, "{name}: twice is once");
    })
    .await;
}

/// A plan is a function of spec and snapshot: from the document it is the one that was made live, byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_from_a_snapshot_is_the_plan_from_live() {
    each_case(|facts, case| async move {
        let sandbox = sandbox(&case).await;
        converge(&sandbox, &spec(&case.before)).await;
        let wanted = spec(&case.after);
        let aws = open(&sandbox, Access::ReadOnly).await;
        let snapshot = read(&aws, &wanted).await;
        let inventory = fill(REGISTRY, &wanted, &snapshot).unwrap();
        let live = plan(REGISTRY, &wanted, &inventory).unwrap();
        let text = stored::write("test", &snapshot, &[(&wanted, &inventory)]);
        for secret in inventory.secrets.values().flat_map(BTreeMap::values).filter(|secret| secret.len() > 3) {
            assert!(!text.contains(secret), "{}: {}: a secret is in the snapshot", facts.name, case.name);
        }
        let kept = stored::read(&text).unwrap();
        let inventory = fill(REGISTRY, &wanted, &kept)
            .unwrap_or_else(|error| panic!("{}: {}: {:?}", facts.name, case.name, error.diagnostics()));
        let stored = plan(REGISTRY, &wanted, &inventory).unwrap();
        let json = |plan: &Plan| serde_json::to_string_pretty(plan).unwrap();
        assert_eq!(json(&stored), json(&live), "{}: {}", facts.name, case.name);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_after_any_step_the_next_apply_converges() {
    each_case(|facts, case| async move {
        let cuts = (0..case.steps.len()).map(|steps| cut_after(steps, facts, &case));
        futures::future::join_all(cuts).await;
    })
    .await;
}

async fn cut_after(steps: usize, facts: &Facts, case: &Case) {
    let sandbox = sandbox(case).await;
    converge(&sandbox, &spec(&case.before)).await;
    let wanted = spec(&case.after);
    let aws = open(&sandbox, Access::Write).await;
    let (inventory, plan) = look(&aws, &wanted).await;
    let done = run(&aws, &inventory, &plan, Some(steps)).await;
    assert_eq!(done, steps, "{}: {}", facts.name, case.name);
    let (_, rest) = look(&aws, &wanted).await;
    // Fewer where AWS makes a new resource with what a later step would have set.
    let left = once(&operations(&rest)).len();
    let to_do = once(&operations(&plan)[steps..]).len();
    assert!(left <= to_do, "{}: {} after {steps}: {}", facts.name, case.name, shown(&rest));
    converge(&sandbox, &wanted).await;
}

/// The operations that are not asked for a second time. The groups of a cluster that is not there yet are: making
/// them again is answered with "it is there".
fn once(operations: &[String]) -> Vec<&String> {
    let of_groups = |operation: &&String| operation.contains("SubnetGroup") || operation.contains("ParameterGroup");
    operations.iter().filter(|operation| !of_groups(operation)).collect()
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
async fn reading_sends_no_write_even_where_there_is_much_to_do() {
    for (_, case) in cases() {
        let sandbox = sandbox(&case).await;
        let aws = open(&sandbox, Access::ReadOnly).await;
        look(&aws, &spec(&case.after)).await;
        assert_eq!(writes(&aws), []);
    }
}

#[tokio::test]
async fn a_session_that_only_reads_refuses_a_write_before_it_is_sent() {
    for (_, case) in cases().into_iter().filter(|(_, case)| case.before.is_empty()) {
        let sandbox = sandbox(&case).await;
        let aws = open(&sandbox, Access::ReadOnly).await;
        let (inventory, plan) = look(&aws, &spec(&case.after)).await;
        let (_stop, stopped) = watch::channel(false);
        let outcome = apply::run(&aws, &plan, &inventory, 1, stopped, &mut |_| {}).await;
        assert!(outcome.done.is_empty());
        for (_, failure) in outcome.failed {
            assert_eq!(failure.class, FailureClass::Refused, "{failure}");
        }
        assert_eq!(writes(&aws), []);
    }
}

/// What a kind declares is what it calls: no more, so that permissions are least, and no less.
#[tokio::test(flavor = "multi_thread")]
async fn the_calls_recorded_are_the_calls_declared() {
    let running: Vec<_> = facts().map(|facts| (facts, tokio::spawn(calls_of(facts)))).collect();
    for (facts, running) in running {
        let (mut called, declared) = (running.await.unwrap(), declared_by(facts));
        // Cases may hold other kinds of the same service.
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

/// What the cases of a kind call of its service.
async fn calls_of(facts: &'static Facts) -> BTreeSet<String> {
    let mut called = BTreeSet::new();
    for (_, case) in cases().into_iter().filter(|(kind, _)| kind.name == facts.name) {
        let sandbox = sandbox(&case).await;
        for sections in [&case.before, &case.after] {
            let aws = open(&sandbox, Access::Write).await;
            let wanted = spec(sections);
            let (inventory, plan) = look(&aws, &wanted).await;
            run(&aws, &inventory, &plan, None).await;
            look(&aws, &wanted).await;
            let own = aws.session().calls().into_keys().filter(|call| call.service == facts.service);
            called.extend(own.map(|call| call.operation));
        }
    }
    called.remove("DescribeVpcs"); // the survey's own, for every spec that needs the VPC
    called
}

/// Only an emulator can have a VPC without its own group; whoever asks for it must not hear "unchanged".
#[tokio::test]
async fn what_cannot_be_made_is_said_even_where_no_attribute_differs() {
    let sandbox = Sandbox::in_memory();
    given::second_vpc(&seed::config(&sandbox, "eu-central-1")).await;
    let aws = open(&sandbox, Access::ReadOnly).await;
    let (_, plan) = look(&aws, &spec("vpc: {tag: {Name: second}}\nec2.security_group:\n  default:\n")).await;
    assert_eq!((plan.summary.blocked, plan.summary.unchanged), (1, 0));
}

/// Emulators take what AWS refuses, so every request of every case is held against AWS's own model.
#[tokio::test]
async fn every_request_is_one_that_awss_service_model_allows() {
    let sandboxed = Place::seeded();
    let emulator = Server::sandbox(&sandboxed, 0);
    let model = Server::model(&emulator);
    let place = Place { aws: harness::Aws::Endpoint(model.url.clone()), ..Place::with_spec("") };
    for (facts, case) in cases().into_iter().filter(|(_, case)| case.given.iter().all(|given| given == "older-regions"))
    {
        for sections in [&case.before, &case.after] {
            place.write("spec.yaml", format!("{HEAD}{sections}"));
            let run = place.run(&["apply", "--yes", "--allow-large", "--allow-destroy", "spec.yaml"]);
            assert_eq!(run.code, 0, "{}: {}\n{}\n{}", facts.name, case.name, run.stdout, run.stderr);
        }
    }
}
