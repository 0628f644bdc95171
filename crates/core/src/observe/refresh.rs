//! Reads everything that a spec rests on into a snapshot: who we are, the VPCs, and every kind's live resources.

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use super::explain::explain;
use super::failure::Failure;
use super::location::Identity;
use super::provider::Provider;
use super::scope::{Observation, Scope};
use super::snapshot::Snapshot;
use crate::desire::fill::{FillError, locate};
use crate::desire::requests::{self, Requests};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::Registry;
use crate::spec::Spec;

/// Why a spec's state could not be read at all.
#[derive(Debug, Clone)]
pub enum RefreshError {
    /// A call failed on which everything rests.
    Failed(Failure),
    /// The credentials belong to another account than the spec's.
    WrongAccount {
        /// The spec's account.
        spec: String,
        /// The account of the credentials.
        credentials: String,
    },
    /// What the spec says cannot be laid over what is live.
    Fill(FillError),
}

impl From<FillError> for RefreshError {
    fn from(error: FillError) -> Self {
        Self::Fill(error)
    }
}

impl RefreshError {
    /// Says what happened, for the user.
    pub fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Failed(failure) => explain(failure).into(),
            Self::Fill(error) => error.diagnostics(),
            Self::WrongAccount { spec, credentials } => Diagnostic::new(
                "wrong-account",
                format!("the spec is for account {spec}, and these credentials belong to account {credentials}"),
            )
            .help("choose the right profile with --profile or AWS_PROFILE; nothing was changed")
            .into(),
        }
    }
}

/// One read on its way, or done.
enum Read {
    Identity(Result<Identity, Failure>),
    Kind(Box<(String, Scope, Result<Observation<Value>, Failure>)>),
}

/// Reads all that a spec's plan rests on: the sources in their regions at the same time as this one, and everything as
/// soon as its name is known.
///
/// # Guarantees
/// Sends no write. What cannot be read is a gap of the snapshot; no other resource is missing for it.
///
/// # Errors
/// The identity or the VPC could not be read, or are not what the spec says; or two rules of the spec produce one
/// resource.
pub async fn refresh(provider: &dyn Provider, registry: Registry, spec: &Spec) -> Result<Snapshot, RefreshError> {
    let mut snapshot = Snapshot::default();
    snapshot.region_mut(&spec.account, &spec.region);
    let mut running: FuturesUnordered<BoxFuture<'_, Read>> = FuturesUnordered::new();
    let mut asked = Requests::new();
    let mut location = None;
    running.push(async { Read::Identity(provider.identify(spec.needs_vpc).await) }.boxed());
    start(provider, requests::of_sources(registry, spec), &mut asked, &mut running);
    while let Some(read) = running.next().await {
        match read {
            Read::Identity(identity) => {
                let identity = identity.map_err(RefreshError::Failed)?;
                if identity.account != spec.account {
                    let (spec, credentials) = (spec.account.clone(), identity.account);
                    return Err(RefreshError::WrongAccount { spec, credentials });
                }
                location = Some(locate(spec, identity.vpcs.as_deref().unwrap_or_default())?);
                snapshot.region_mut(&spec.account, &spec.region).vpcs = identity.vpcs;
            }
            Read::Kind(read) => {
                let (kind, scope, result) = *read;
                snapshot.add(&kind, &scope, result);
            }
        }
        if let Some(location) = &location {
            let requests = requests::of_spec(registry, spec, location, &snapshot).map_err(FillError::from)?;
            start(provider, requests, &mut asked, &mut running);
        }
    }
    Ok(snapshot)
}

/// Starts the reads that are neither done nor on their way.
fn start<'a>(
    provider: &'a dyn Provider,
    requests: Requests,
    asked: &mut Requests,
    running: &mut FuturesUnordered<BoxFuture<'a, Read>>,
) {
    for ((region, kind), scope) in requests {
        let vpc = scope.location.vpc.as_ref().map_or("", |vpc| &vpc.id);
        let key = (format!("{region} {vpc}"), kind.clone());
        let known = asked.entry(key).or_insert_with(|| Scope::of(scope.location.clone()));
        let everything =
            scope.everything.filter(|depth| !known.everything.as_ref().is_some_and(|it| it.includes(depth)));
        let names = scope.names.into_iter().filter(|(name, depth)| {
            everything.is_some() || !known.depth(name).is_some_and(|known| known.includes(depth))
        });
        let new = Scope { location: scope.location, names: names.collect(), everything };
        if new.everything.is_none() && new.names.is_empty() {
            continue;
        }
        if let Some(depth) = &new.everything {
            known.everything =
                Some(known.everything.take().map_or(depth.clone(), |earlier| earlier.and(depth.clone())));
        }
        for (name, depth) in &new.names {
            known.ask(name, depth.clone());
        }
        running.push(
            async move {
                let result = provider.observe(&kind, new.clone()).await;
                Read::Kind(Box::new((kind, new, result)))
            }
            .boxed(),
        );
    }
}
