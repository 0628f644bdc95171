//! AWS behind the engine's seam.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, try_join};
use regionctl_core::diff::operation;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::{Identity, Location, Vpc};
use regionctl_core::observe::provider::{AuditEvent, Check, Provider, Status, StepTarget};
use regionctl_core::observe::scope::{Observation, Scope};
use regionctl_core::plan::Plan;
use regionctl_core::resource::address::Address;
use regionctl_core::resource::reference::Outputs;
use serde_json::Value;

use crate::error::CallError;
use crate::kinds;
use crate::last_applied;
use crate::preflight;
use crate::session::{FromSession, Session};
use crate::tags::collect;
use crate::trail;

/// After something was made, AWS may not know it everywhere for a while; so long a "not found" is
/// taken for "not yet".
const SETTLING: Duration = Duration::from_secs(30);

/// How long a change by somebody else is waited out.
const CONFLICT: Duration = Duration::from_secs(30);

/// How long something is waited for that takes no change while it is being made or changed.
const NOT_READY: Duration = Duration::from_hours(1);

/// The first pause between two tries; each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// An account and region of AWS, as a session reaches it.
pub struct Aws {
    session: Session,
    last_creation: Mutex<Option<Instant>>,
}

impl Aws {
    /// Puts a session behind the seam.
    pub fn new(session: Session) -> Self {
        Self { session, last_creation: Mutex::new(None) }
    }

    /// Returns the session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Says whether a failure is one that passes by itself, given how long it has been tried.
    fn may_pass(&self, failure: &Failure, tried: Duration) -> bool {
        let created = *self.last_creation.lock().unwrap_or_else(PoisonError::into_inner);
        match failure.class {
            FailureClass::NotFound => created.is_some_and(|at| at.elapsed() < SETTLING),
            FailureClass::Conflict => tried < CONFLICT,
            FailureClass::NotReady => tried < NOT_READY,
            _ => false,
        }
    }

    async fn account(&self) -> Result<String, CallError> {
        let identity = aws_sdk_sts::Client::from_session(&self.session).get_caller_identity().send().await?;
        Ok(identity.account().unwrap_or_default().to_owned())
    }

    async fn vpcs(&self) -> Result<Vec<Vpc>, CallError> {
        let mut pages =
            aws_sdk_ec2::Client::from_session(&self.session).describe_vpcs().into_paginator().items().send();
        let mut vpcs = Vec::new();
        while let Some(vpc) = pages.next().await {
            let vpc = vpc?;
            vpcs.push(Vpc {
                id: vpc.vpc_id().unwrap_or_default().to_owned(),
                cidr: vpc.cidr_block().unwrap_or_default().to_owned(),
                default: vpc.is_default().unwrap_or(false),
                tags: collect(vpc.tags().iter().map(|tag| (tag.key(), tag.value()))),
            });
        }
        vpcs.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(vpcs)
    }
}

impl Provider for Aws {
    fn identify(&self, vpcs: bool) -> BoxFuture<'_, Result<Identity, Failure>> {
        Box::pin(async move {
            let vpcs = async { if vpcs { self.vpcs().await.map(Some) } else { Ok(None) } };
            let (account, vpcs) = try_join(self.account(), vpcs).await.map_err(|error| error.0)?;
            Ok(Identity { account, vpcs })
        })
    }

    fn observe<'a>(&'a self, kind: &'a str, scope: Scope) -> BoxFuture<'a, Result<Observation<Value>, Failure>> {
        Box::pin(async move {
            let session = self.session.in_region(&scope.location.region);
            kinds::live(kind).observe(&session, scope).await
        })
    }

    fn list<'a>(&'a self, kind: &'a str, location: &'a Location) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move { kinds::live(kind).list(&self.session.in_region(&location.region), location).await })
    }

    fn audit_events<'a>(
        &'a self,
        address: &'a Address,
        location: &'a Location,
        outputs: &'a Outputs,
    ) -> BoxFuture<'a, Result<Vec<AuditEvent>, Failure>> {
        Box::pin(async move {
            let service = kinds::live(&address.kind).facts().service;
            let session = self.session.in_region(trail::home(service, &location.partition, &location.region));
            let api = aws_sdk_cloudtrail::Client::from_session(&session);
            trail::events(&api, &address.name, outputs).await.map_err(|error| error.0)
        })
    }

    fn last_applied<'a>(&'a self, spec: &'a str) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let api = aws_sdk_ssm::Client::from_session(&self.session);
            last_applied::read(&api, spec).await.map_err(|error| error.0)
        })
    }

    fn save_applied<'a>(&'a self, spec: &'a str, parts: Vec<String>) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let api = aws_sdk_ssm::Client::from_session(&self.session);
            last_applied::save(&api, spec, &parts).await.map_err(|error| error.0)
        })
    }

    fn preflight<'a>(&'a self, plan: &'a Plan, location: &'a Location) -> BoxFuture<'a, Vec<Check>> {
        Box::pin(preflight::preflight(&self.session, plan, location))
    }

    fn status<'a>(&'a self, kind: &'a str, target: StepTarget) -> BoxFuture<'a, Result<Status, Failure>> {
        Box::pin(async move { kinds::live(kind).status(&self.session, &target).await })
    }

    /// Tries again what passes by itself: something new that is not known everywhere yet, and a
    /// change by somebody else. Throttling and lost connections are the SDK's business.
    fn run<'a>(&'a self, kind: &'a str, target: StepTarget, op: Value) -> BoxFuture<'a, Result<Outputs, Failure>> {
        Box::pin(async move {
            let (started, mut pause) = (Instant::now(), FIRST_PAUSE);
            loop {
                match kinds::live(kind).run(&self.session, &target, op.clone()).await {
                    Err(failure) if self.may_pass(&failure, started.elapsed()) => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    Ok(outputs) => {
                        if ["Create", "Import", "Run"].iter().any(|verb| operation(&op).starts_with(verb)) {
                            let now = Some(Instant::now());
                            *self.last_creation.lock().unwrap_or_else(PoisonError::into_inner) = now;
                        }
                        return Ok(outputs);
                    }
                    Err(failure) => return Err(failure),
                }
            }
        })
    }
}
