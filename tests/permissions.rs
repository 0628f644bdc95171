// SPDX-License-Identifier: Apache-2.0
//! The policies that `regionctl permissions` prints are enough for the commands, and the preflight finds what is missing:
//! every call of the company's region is evaluated against them.

use futures::stream::{self, StreamExt};
use jiff::civil::date;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::permissions::{Purpose, policies};
use regionctl_aws::provider::Aws;
use regionctl_aws::session::Access;
use regionctl_core::apply::{Answer, ApplyError, ApplySession, Completion, Event, Front, Options, PlanSource};
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::observe::provider::{Check, Provider, Verdict};
use regionctl_core::plan::Plan;
use regionctl_core::report::examine::examine;
use regionctl_core::resource::address::Address;
use regionctl_core::spec::load::Unreadable;
use regionctl_core::spec::{self, Spec};
use regionctl_sandbox::{Sandbox, seed};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::guard::{Guard, Policies};
use crate::harness::{is_read, root, sample};
use crate::laws;

/// A front that answers yes and keeps the checks.
#[derive(Default)]
struct Quiet {
    checks: Vec<Check>,
}

impl Front for Quiet {
    fn show_plan(&mut self, _: &Plan) {}

    fn show_checks(&mut self, checks: &[Check]) {
        self.checks = checks.to_vec();
    }

    fn asked_again(&mut self, _: &Address) {}

    fn confirm(&mut self, _: &Plan) -> Answer {
        Answer::Yes
    }

    fn mark_used(&mut self) -> Result<bool, String> {
        Ok(true)
    }

    fn started(&mut self, _: usize) {}

    fn event(&mut self, _: &Event<'_>) {}

    fn finished(&mut self) {}
}

/// Returns the spec of the company's region.
fn company() -> Spec {
    let read =
        |path: &str| std::fs::read_to_string(root().join(path)).map_err(|error| Unreadable::Other(error.to_string()));
    spec::read("regions/eu-central-1.yaml", &read, REGISTRY, &mut SourceFiles::default())
        .unwrap_or_else(|faults| panic!("{:?}", faults.0))
}

async fn older_regions() -> Sandbox {
    let sandbox = Sandbox::in_memory();
    seed::older_regions(|region| seed::config(&sandbox, region)).await.unwrap();
    sandbox
}

async fn open(sandbox: &Sandbox, guard: &Guard, access: Access) -> Aws {
    laws::open_over((guard.client(), sandbox.credentials()), access, "eu-central-1").await
}

fn statements(purpose: Purpose) -> Vec<Value> {
    Policies::of(&policies(&[company()], purpose)).0
}

/// The end of an apply of the company's region.
struct Applied {
    result: Result<Completion, ApplyError>,
    checks: Vec<Check>,
    denied: Vec<String>,
    writes: Vec<String>,
}

/// Applies the company's region as a caller with these statements.
async fn apply_with(statements: Vec<Value>) -> Applied {
    let (sandbox, spec) = (older_regions().await, company());
    let guard = Guard::new(&sandbox, Policies(statements));
    let aws = open(&sandbox, &guard, Access::Write).await;
    let options = Options { yes: true, allow_large: true, wait: true, parallelism: 16, ..Options::default() };
    let (_stop, stop) = watch::channel(false);
    let session = ApplySession {
        provider: &aws,
        registry: REGISTRY,
        spec: &spec,
        source: PlanSource::Fresh,
        options: &options,
        stop,
    };
    let mut front = Quiet::default();
    let result = session.run(&mut front).await;
    let calls = aws.session().calls();
    // The preflight rehearses the instance with a dry run, which is not a write.
    let is_write =
        |operation: &str| !is_read(operation) && !operation.starts_with("Simulate") && operation != "RunInstances";
    let writes = calls.keys().filter(|call| is_write(&call.operation)).map(|call| call.operation.clone()).collect();
    Applied { result, checks: front.checks, denied: guard.denied(), writes }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apply_policy_is_enough_for_an_apply_of_the_whole_region() {
    let applied = apply_with(statements(Purpose::Apply)).await;
    assert_eq!(applied.denied, [""; 0]);
    assert!(matches!(applied.result, Ok(Completion::Applied(_))), "{:?}", applied.result);
    let open: Vec<_> = applied.checks.iter().filter(|check| check.verdict != Verdict::Passed).collect();
    assert!(open.is_empty(), "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_policy_is_enough_for_plan_and_drift_with_audit_events_and_unmanaged_resources() {
    let (sandbox, spec) = (older_regions().await, company());
    let guard = Guard::new(&sandbox, Policies(statements(Purpose::Plan)));
    let aws = open(&sandbox, &guard, Access::ReadOnly).await;
    let (_, inventory) = examine(&aws, REGISTRY, &spec, date(2026, 11, 25), true)
        .await
        .unwrap_or_else(|error| panic!("{:?}", error.diagnostics()));
    for kind in REGISTRY.0.iter().filter(|kind| kind.facts().part_of.is_none()) {
        aws.list(kind.facts().name, &inventory.location).await.unwrap();
    }
    assert_eq!(guard.denied(), [""; 0]);
    assert!(aws.session().calls().keys().any(|call| call.operation == "LookupEvents"));
}

/// A permission that is missing is found before the first write, or is not needed.
#[tokio::test(flavor = "multi_thread")]
async fn without_any_statement_nothing_is_written_unless_the_statement_is_not_needed() {
    let all = statements(Purpose::Apply);
    let (mut refused, mut late) = (0, Vec::new());
    for (index, missing) in all.iter().enumerate() {
        let mut rest = all.clone();
        rest.remove(index);
        match is_refused(rest).await {
            Ok(is_refused) => refused += usize::from(is_refused),
            Err(why) => late.push(format!("{missing}: {why}")),
        }
    }
    assert!(late.is_empty(), "{late:#?}");
    assert!(refused * 2 > all.len(), "only {refused} of {} statements are needed", all.len());
}

/// The same for each single action.
#[tokio::test(flavor = "multi_thread")]
async fn without_any_action_nothing_is_written_unless_the_action_is_not_needed() {
    let all = statements(Purpose::Apply);
    let mut cases = Vec::new();
    for (index, statement) in all.iter().enumerate() {
        for (at, action) in statement["Action"].as_array().unwrap().iter().enumerate() {
            let mut rest = all.clone();
            rest[index]["Action"].as_array_mut().unwrap().remove(at);
            cases.push((rest, action.clone()));
        }
    }
    let mut late = Vec::new();
    let checks = stream::iter(sample(cases, 10)).map(|(rest, action)| async move {
        let refused = tokio::spawn(async move { is_refused(rest).await });
        (action, refused.await.unwrap())
    });
    let mut checks = checks.buffer_unordered(4);
    while let Some((action, refused)) = checks.next().await {
        late.extend(refused.err().map(|why| format!("{action}: {why}")));
    }
    assert!(late.is_empty(), "{late:#?}");
}

/// Applies without a permission. Returns whether the apply was refused, or why it was not refused in time.
async fn is_refused(statements: Vec<Value>) -> Result<bool, String> {
    let applied = apply_with(statements).await;
    let unsure: Vec<&Check> = applied.checks.iter().filter(|check| check.verdict != Verdict::Passed).collect();
    // A note says that defects could not be looked for.
    let looked_up = REGISTRY.0.iter().flat_map(|kind| kind.facts().looks_up).map(|kind| REGISTRY.of(kind).facts());
    let looked_up: Vec<String> = looked_up.flat_map(|facts| facts.reads).map(|read| format!(":{read} ")).collect();
    let is_needed = |call: &&String| !looked_up.iter().any(|read| call.contains(read));
    match applied.result {
        // What only a check needs may be missing: the check could then not be made.
        Ok(_) if !applied.denied.iter().any(|call| is_needed(&call)) || !unsure.is_empty() => Ok(false),
        Err(_) if applied.writes.is_empty() => Ok(true),
        _ => Err(format!("{:?} were denied after {} writes", applied.denied, applied.writes.len())),
    }
}

/// Companies often lock their accounts to regions. IAM's simulation knows the region only from the request.
#[tokio::test(flavor = "multi_thread")]
async fn conditions_on_the_region_are_decided_and_conditions_on_unknown_keys_could_not_be_checked() {
    let lock = |key: &str, values: &Value| json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {key: values}}});
    let mut all = statements(Purpose::Apply);
    all.push(lock("aws:RequestedRegion", &json!(["eu-central-1", "eu-west-1", "us-east-1"])));
    let applied = apply_with(all).await;
    assert!(applied.result.is_ok() && applied.denied.is_empty(), "{:?} {:?}", applied.result, applied.denied);
    assert!(applied.checks.iter().all(|check| check.verdict == Verdict::Passed));

    let mut all = statements(Purpose::Apply);
    let mut on_topics = lock("aws:PrincipalTag/team", &json!("sre"));
    on_topics["Action"] = json!("sns:CreateTopic");
    all.push(on_topics);
    let applied = apply_with(all).await;
    let unsure: Vec<&Check> = applied.checks.iter().filter(|check| check.verdict == Verdict::CouldNotCheck).collect();
    assert!(unsure.iter().any(|check| check.what.contains("aws:PrincipalTag/team")), "{:?}", applied.checks);
}
