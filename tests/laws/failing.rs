// SPDX-License-Identifier: Apache-2.0
//! Law 7: a call that fails is reported and never taken for an answer. Every call of every case fails in turn, with the
//! errors that its service documents ("Errors" of each operation, and "Common error types").

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::Access;
use regionctl_core::apply;
use regionctl_core::desire::fill::fill;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::refresh::refresh;
use regionctl_core::plan::build::plan;
use regionctl_core::plan::{Action, Plan};
use regionctl_sandbox::Sandbox;
use tokio::sync::watch;

use super::cases::Case;
use super::{cases, converge, each_of, open_over, read_and_plan, shown, spec};
use crate::guard::{Sent, error, sent};
use crate::harness::{is_read, is_thorough, sample};

/// What a call fails with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// The caller lacks a permission.
    Denied,
    /// Too many requests: the call fails each time.
    Throttled,
    /// Another change is in progress: the call fails once.
    Busy,
    /// A quota of the account is reached.
    TooMany,
}

impl Fault {
    /// Returns the status and the error code of a service, by its signing name.
    fn of(self, service: &str) -> (u16, &'static str) {
        let row = match service {
            "ec2" => [
                (403, "UnauthorizedOperation"),
                (503, "RequestLimitExceeded"),
                (400, "DependencyViolation"),
                (400, "VpcLimitExceeded"),
            ],
            "s3" => [(403, "AccessDenied"), (503, "SlowDown"), (409, "OperationAborted"), (400, "TooManyBuckets")],
            "sns" => [
                (403, "AuthorizationError"),
                (429, "Throttled"),
                (400, "ConcurrentAccess"),
                (403, "TopicLimitExceeded"),
            ],
            "rds" => [
                (403, "AccessDenied"),
                (400, "Throttling"),
                (400, "InvalidDBClusterStateFault"),
                (403, "DBClusterQuotaExceededFault"),
            ],
            "iam" => {
                [(403, "AccessDenied"), (400, "Throttling"), (409, "ConcurrentModification"), (409, "LimitExceeded")]
            }
            "route53" => [
                (403, "AccessDenied"),
                (400, "Throttling"),
                (400, "PriorRequestNotComplete"),
                (400, "TooManyHostedZones"),
            ],
            "lambda" => [
                (403, "AccessDeniedException"),
                (429, "TooManyRequestsException"),
                (409, "ResourceConflictException"),
                (400, "CodeStorageExceededException"),
            ],
            "ssm" => [
                (400, "AccessDeniedException"),
                (400, "ThrottlingException"),
                (429, "TooManyUpdates"),
                (400, "DocumentLimitExceeded"),
            ],
            "monitoring" => [
                (400, "AccessDeniedException"),
                (400, "ThrottlingException"),
                (429, "ConcurrentModificationException"),
                (400, "LimitExceeded"),
            ],
            _ => [
                (400, "AccessDeniedException"),
                (400, "ThrottlingException"),
                (400, "OperationAbortedException"),
                (400, "LimitExceededException"),
            ],
        };
        row[self as usize]
    }
}

/// An HTTP client of a sandbox that answers one call with an error.
#[derive(Debug, Clone)]
struct Failing {
    inner: SharedHttpConnector,
    fault: Option<(String, Fault)>,
    failed: Arc<AtomicUsize>,
    /// All calls, as [`call`] names them.
    seen: Arc<Mutex<BTreeSet<String>>>,
}

impl Failing {
    fn new(sandbox: &Sandbox, fault: Option<(String, Fault)>) -> Self {
        Self { inner: SharedHttpConnector::new(sandbox.clone()), fault, failed: Arc::default(), seen: Arc::default() }
    }

    async fn open(&self, sandbox: &Sandbox, access: Access) -> Aws {
        open_over((SharedHttpClient::new(self.clone()), sandbox.credentials()), access, "eu-central-1").await
    }
}

/// Returns the name of a call: its operation, or its method, path and the names of its parameters.
fn call(sent: &Sent) -> String {
    if !sent.operation.is_empty() {
        return format!("{} {}", sent.service, sent.operation);
    }
    let parameters: Vec<&str> =
        sent.query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| *name != "x-id").collect();
    // Each run of a case gives other IDs.
    let is_id = |part: &str| part.len() > 9 && part.chars().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
    let path: Vec<&str> = sent.path.split('/').map(|part| if is_id(part) { "ID" } else { part }).collect();
    format!("{} {} {} {} {}", sent.service, sent.method, sent.host, path.join("/"), parameters.join("&"))
}

fn is_write(call: &str) -> bool {
    let word = call.split(' ').nth(1).unwrap_or_default();
    !(is_read(word) || matches!(word, "GET" | "HEAD"))
}

impl HttpConnector for Failing {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let failing = self.clone();
        HttpConnectorFuture::new(async move {
            let body = std::mem::replace(request.body_mut(), SdkBody::taken());
            let bytes = ByteStream::new(body).collect().await.unwrap().into_bytes();
            *request.body_mut() = SdkBody::from(bytes.clone());
            let Some(sent) = sent(&request, &bytes) else { return failing.inner.call(request).await };
            let name = call(&sent);
            if let Some((_, fault)) = failing.fault.as_ref().filter(|(at, _)| *at == name) {
                let times = failing.failed.fetch_add(1, Ordering::Relaxed);
                if times == 0 || *fault != Fault::Busy {
                    let (status, code) = fault.of(&sent.service);
                    return Ok(error(&sent, &request, status, code, "it fails in this test"));
                }
            }
            failing.seen.lock().unwrap().insert(name);
            failing.inner.call(request).await
        })
    }
}

impl HttpClient for Failing {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// Returns what each step of a plan does.
fn steps(plan: &Plan) -> Vec<String> {
    plan.steps().into_iter().map(|(change, step)| format!("{} {}", change.address, step.op)).collect()
}

async fn before(case: &Case) -> Sandbox {
    let sandbox = super::sandbox(case).await;
    converge(&sandbox, &spec(&case.before)).await;
    sandbox
}

/// A read that fails makes the plan incomplete, or a note names it, and no step is planned that would not be planned
/// if it succeeded.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_is_never_taken_for_an_answer() {
    each_of(sample(cases(), 12), |facts, case| async move {
        let sandbox = before(&case).await;
        let desired = spec(&case.after);
        let whole = Failing::new(&sandbox, None);
        let (_, healthy) = read_and_plan(&whole.open(&sandbox, Access::ReadOnly).await, &desired).await;
        let calls = whole.seen.lock().unwrap().clone();
        let mut running = Vec::new();
        for (call, fault) in calls.iter().flat_map(|call| [(call, Fault::Denied), (call, Fault::Throttled)]) {
            let failing = Failing::new(&sandbox, Some((call.clone(), fault)));
            let at = format!("{}: {}: {fault:?} {call}", facts.name, case.name);
            let check = plan_without_a_read(failing, sandbox.clone(), case.clone(), steps(&healthy), at.clone());
            running.push((at, tokio::spawn(check)));
        }
        all_hold(running).await;
    })
    .await;
}

async fn plan_without_a_read(failing: Failing, sandbox: Sandbox, case: Case, healthy: Vec<String>, at: String) {
    let desired = spec(&case.after);
    let aws = failing.open(&sandbox, Access::ReadOnly).await;
    // Without the caller's identity nothing is planned.
    let Ok(snapshot) = refresh(&aws, REGISTRY, &desired).await else { return };
    let Ok(inventory) = fill(REGISTRY, &desired, &snapshot) else { return };
    let plan = plan(REGISTRY, &desired, &inventory).unwrap();
    let planned = steps(&plan);
    let is_noted = plan.notes.iter().any(|note| note.what.contains("could not be read"));
    // If another read says that the resource does not exist, this one does not matter.
    let is_new = plan.changes.iter().any(|change| change.action == Action::Create) && planned == healthy;
    assert!(!plan.is_complete() || is_noted || is_new, "{at}: the plan is complete\n{}", shown(&plan));
    let more: Vec<_> = planned.iter().filter(|step| !healthy.contains(step)).collect();
    assert!(more.is_empty(), "{at}: planned only because the read failed: {more:#?}");
}

/// A write that fails is the failure of its step, with the service's code. After it, the next apply does the rest. A
/// change that is in progress is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_is_reported_and_done_by_the_next_apply() {
    each_of(sample(cases(), 12), |facts, case| async move {
        let (_, calls) = Box::pin(apply_with(case.clone(), None)).await;
        let mut running = Vec::new();
        for call in calls.into_iter().filter(|call| is_write(call)) {
            // A throttled write is tried again for two minutes.
            let is_tried = |fault: &Fault| *fault != Fault::Throttled || is_thorough();
            let faults = [Fault::Denied, Fault::Throttled, Fault::Busy, Fault::TooMany];
            for fault in faults.into_iter().filter(is_tried) {
                let at = format!("{}: {}: {fault:?} {call}", facts.name, case.name);
                let (case, call, about) = (case.clone(), call.clone(), at.clone());
                let check = async move {
                    let (failures, _) = Box::pin(apply_with(case, Some((call.clone(), fault)))).await;
                    check(&about, fault, &call, &failures);
                };
                running.push((at, tokio::spawn(check)));
            }
        }
        all_hold(running).await;
    })
    .await;
}

/// Waits for all checks of a case, and panics with the names of those that failed.
async fn all_hold(running: Vec<(String, tokio::task::JoinHandle<()>)>) {
    let mut failed = Vec::new();
    for (at, check) in running {
        failed.extend(check.await.is_err().then_some(at));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

fn check(at: &str, fault: Fault, call: &str, failures: &[Failure]) {
    if fault == Fault::Busy {
        assert!(failures.is_empty(), "{at}: it was not waited for: {failures:?}");
        return;
    }
    let (_, code) = fault.of(call.split(' ').next().unwrap());
    assert!(!failures.is_empty(), "{at}: no step failed");
    for failure in failures {
        assert_eq!(failure.code.as_deref(), Some(code), "{at}: {failures:?}");
        match fault {
            Fault::Denied => assert_eq!(failure.class, FailureClass::Denied, "{at}"),
            Fault::Throttled => assert_eq!(failure.class, FailureClass::Throttled, "{at}"),
            Fault::Busy | Fault::TooMany => {}
        }
    }
}

/// Applies a case while a call fails, and again without the fault. Returns the failures and the calls of the apply.
async fn apply_with(case: Case, fault: Option<(String, Fault)>) -> (Vec<Failure>, BTreeSet<String>) {
    let sandbox = before(&case).await;
    let desired = spec(&case.after);
    let failing = Failing::new(&sandbox, fault);
    let aws = failing.open(&sandbox, Access::Write).await;
    let (inventory, plan) = read_and_plan(&aws, &desired).await;
    let (_stop, stopped) = watch::channel(false);
    let outcome = apply::run(&aws, &plan, &inventory, 16, stopped, &mut |_| {}).await;
    let calls = failing.seen.lock().unwrap().clone();
    converge(&sandbox, &desired).await;
    (outcome.failed.into_iter().map(|(_, failure)| failure).collect(), calls)
}
