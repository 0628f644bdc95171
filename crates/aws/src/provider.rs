// SPDX-License-Identifier: Apache-2.0
//! [`Aws`]: the engine's `Provider` trait, implemented with AWS calls.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, try_join};
use regionctl_core::diff::operation;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::{Identity, Location, Vpc};
use regionctl_core::observe::provider::{AuditEvent, Check, Provider, Status, StepTarget};
use regionctl_core::observe::scope::{Observation, Scope};
use regionctl_core::plan::Plan;
use regionctl_core::resource::address::Address;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::spec::Spec;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::CallError;
use crate::kinds;
use crate::last_applied;
use crate::preflight;
use crate::session::{FromSession, Session};
use crate::tags::collect;
use crate::trail;

/// How long after the last creation a "not found" error is retried: AWS is eventually consistent.
const PROPAGATION: Duration = Duration::from_secs(30);

/// How long a conflict with another change is retried.
const CONFLICT: Duration = Duration::from_secs(30);

/// How long a throttled call is retried, after the SDK's own five attempts: other callers of the account use the same
/// rate.
const THROTTLED: Duration = Duration::from_mins(2);

/// How long a call is retried while the resource is still being created or changed.
const NOT_READY: Duration = Duration::from_hours(1);

/// The delay before the first retry. It doubles with each further retry, up to [`MAX_DELAY`].
const FIRST_DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(15);

/// AWS as the engine's provider: one account, and by default the session's region.
pub struct Aws {
    session: Session,
    last_creation: Mutex<Option<Instant>>,
}

impl Aws {
    /// Creates a provider that sends its calls through `session`.
    pub fn new(session: Session) -> Self {
        Self { session, last_creation: Mutex::new(None) }
    }

    /// Returns the session of the spec's region. Its counts include the calls to other regions.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether a failed call is retried after `elapsed` time since the first try.
    fn is_retryable(&self, failure: &Failure, elapsed: Duration) -> bool {
        let created = *self.last_creation.lock().unwrap_or_else(PoisonError::into_inner);
        match failure.class {
            FailureClass::NotFound => created.is_some_and(|at| at.elapsed() < PROPAGATION),
            FailureClass::Conflict => elapsed < CONFLICT,
            FailureClass::Throttled => elapsed < THROTTLED,
            FailureClass::NotReady => elapsed < NOT_READY,
            _ => false,
        }
    }

    /// Returns the account id of the credentials, with a call that needs no permission
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>).
    async fn account(&self) -> Result<String, CallError> {
        let identity = aws_sdk_sts::Client::from_session(&self.session).get_caller_identity().send().await?;
        Ok(identity.account().unwrap_or_default().to_owned())
    }

    /// Reads the region's VPCs, sorted by id
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html>).
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
                ipv6: !vpc.ipv6_cidr_block_association_set().is_empty(),
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
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, Result<Vec<AuditEvent>, Failure>> {
        Box::pin(async move {
            let service = kinds::live(&address.kind).facts().service;
            let session = self.session.in_region(trail::home(service, &location.partition, &location.region));
            let api = aws_sdk_cloudtrail::Client::from_session(&session);
            trail::events(&api, service, &address.name, attributes).await.map_err(|error| error.0)
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

    fn preflight<'a>(&'a self, spec: &'a Spec, plan: &'a Plan, location: &'a Location) -> BoxFuture<'a, Vec<Check>> {
        Box::pin(preflight::preflight(&self.session, spec, plan, location))
    }

    fn status<'a>(&'a self, kind: &'a str, target: StepTarget) -> BoxFuture<'a, Result<Status, Failure>> {
        Box::pin(async move { kinds::live(kind).status(&self.session, &target).await })
    }

    /// Retries "not found" soon after a creation, conflicts, throttled calls, and calls on a resource that is not ready.
    /// The SDK retries lost connections.
    fn run<'a>(&'a self, kind: &'a str, target: StepTarget, op: Value) -> BoxFuture<'a, Result<Attributes, Failure>> {
        Box::pin(async move {
            let (started, mut delay) = (Instant::now(), FIRST_DELAY);
            loop {
                match kinds::live(kind).run(&self.session, &target, op.clone()).await {
                    Err(failure) if self.is_retryable(&failure, started.elapsed()) => {
                        #[expect(clippy::disallowed_methods, reason = "the delay between two attempts")]
                        tokio::time::sleep(delay).await;
                        delay = (delay * 2).min(MAX_DELAY);
                    }
                    Ok(attributes) => {
                        // A later call may refer to the new resource before all of AWS returns it.
                        if ["Create", "Import", "Run"].iter().any(|verb| operation(&op).starts_with(verb)) {
                            let now = Some(Instant::now());
                            *self.last_creation.lock().unwrap_or_else(PoisonError::into_inner) = now;
                        }
                        return Ok(attributes);
                    }
                    Err(failure) => return Err(failure),
                }
            }
        })
    }
}
