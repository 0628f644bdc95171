//! AWS behind the engine's seam.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, try_join};
use regionctl_core::diff::operation;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::{Identity, Location, Vpc};
use regionctl_core::observe::provider::{Check, Provider, Status, StepTarget};
use regionctl_core::observe::scope::{Observation, Scope};
use regionctl_core::plan::Plan;
use regionctl_core::report::Deed;
use regionctl_core::report::memory::Applied;
use regionctl_core::resource::address::Address;
use regionctl_core::resource::reference::Outputs;
use regionctl_core::spec::VpcSelector;
use serde_json::Value;

use crate::error::CallError;
use crate::kinds;
use crate::memory;
use crate::preflight;
use crate::session::{FromSession, Session};
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
    last_birth: Mutex<Option<Instant>>,
}

impl Aws {
    /// Puts a session behind the seam.
    pub fn new(session: Session) -> Self {
        Self { session, last_birth: Mutex::new(None) }
    }

    /// Returns the session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Lists the names of all live resources of a kind.
    ///
    /// # Errors
    /// The call that failed.
    pub async fn list(&self, kind: &str, location: &Location) -> Result<Vec<String>, Failure> {
        kinds::live(kind).list(&self.session, location).await
    }

    /// Returns who changed a resource last, the newest change first; none where CloudTrail knows of none.
    ///
    /// # Errors
    /// CloudTrail could not be asked.
    pub async fn deeds(&self, address: &Address, location: &Location, outputs: &Outputs) -> Result<Vec<Deed>, Failure> {
        let service = kinds::live(&address.kind).facts().service;
        let session = self.session.in_region(trail::home(service, &location.partition, &location.region));
        let api = aws_sdk_cloudtrail::Client::from_session(&session);
        trail::deeds(&api, &address.name, outputs).await.map_err(|error| error.0)
    }

    /// Reads what was applied last.
    ///
    /// # Errors
    /// The parameters could not be read.
    pub async fn recall(&self, spec: &str) -> Result<Option<Applied>, Failure> {
        let api = aws_sdk_ssm::Client::from_session(&self.session);
        let parts = memory::recall(&api, spec).await.map_err(|error| error.0)?;
        Ok(Applied::from_parts(&parts))
    }

    /// Keeps what was applied.
    ///
    /// # Errors
    /// The parameters could not be written.
    pub async fn keep(&self, spec: &str, applied: &Applied) -> Result<(), Failure> {
        let api = aws_sdk_ssm::Client::from_session(&self.session);
        memory::keep(&api, spec, &applied.parts()).await.map_err(|error| error.0)
    }

    /// Says whether a failure is one that passes by itself, given how long it has been tried.
    fn may_pass(&self, failure: &Failure, tried: Duration) -> bool {
        let birth = *self.last_birth.lock().unwrap_or_else(PoisonError::into_inner);
        match failure.class {
            FailureClass::NotFound => birth.is_some_and(|birth| birth.elapsed() < SETTLING),
            FailureClass::Conflict => tried < CONFLICT,
            FailureClass::NotReady => tried < NOT_READY,
            _ => false,
        }
    }

    async fn account(&self) -> Result<String, CallError> {
        let identity = aws_sdk_sts::Client::from_session(&self.session).get_caller_identity().send().await?;
        Ok(identity.account().unwrap_or_default().to_owned())
    }

    async fn vpcs(&self, selector: Option<&VpcSelector>) -> Result<Vec<Vpc>, CallError> {
        let Some(selector) = selector else { return Ok(Vec::new()) };
        let (name, value) = match selector {
            VpcSelector::Default => ("is-default".to_owned(), "true".to_owned()),
            VpcSelector::Id(id) => ("vpc-id".to_owned(), id.clone()),
            VpcSelector::Tag { key, value } => (format!("tag:{key}"), value.clone()),
        };
        let filter = aws_sdk_ec2::types::Filter::builder().name(name).values(value).build();
        let mut pages = aws_sdk_ec2::Client::from_session(&self.session)
            .describe_vpcs()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let mut vpcs = Vec::new();
        while let Some(vpc) = pages.next().await {
            let vpc = vpc?;
            vpcs.push(Vpc {
                id: vpc.vpc_id().unwrap_or_default().to_owned(),
                cidr: vpc.cidr_block().unwrap_or_default().to_owned(),
            });
        }
        Ok(vpcs)
    }
}

impl Provider for Aws {
    fn identify<'a>(&'a self, vpc: Option<&'a VpcSelector>) -> BoxFuture<'a, Result<Identity, Failure>> {
        Box::pin(async move {
            let (account, vpcs) = try_join(self.account(), self.vpcs(vpc)).await.map_err(|error| error.0)?;
            Ok(Identity { account, vpcs })
        })
    }

    fn observe<'a>(&'a self, kind: &'a str, scope: Scope<Value>) -> BoxFuture<'a, Result<Observation<Value>, Failure>> {
        Box::pin(async move { kinds::live(kind).observe(&self.session.in_region(&scope.location.region), scope).await })
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
                            *self.last_birth.lock().unwrap_or_else(PoisonError::into_inner) = now;
                        }
                        return Ok(outputs);
                    }
                    Err(failure) => return Err(failure),
                }
            }
        })
    }
}
