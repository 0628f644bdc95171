// SPDX-License-Identifier: Apache-2.0
//! Reads everything that a spec depends on into a snapshot: the account, the VPCs, and live resources.

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use super::explain::explain;
use super::failure::Failure;
use super::location::Identity;
use super::provider::Provider;
use super::scope::{Observation, Scope};
use super::snapshot::Snapshot;
use crate::desire::fill::{FillError, fill, locate};
use crate::desire::requests::{self, Requests};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::Registry;
use crate::plan::build::plan;
use crate::spec::Spec;

/// Why a refresh failed as a whole.
#[derive(Debug, Clone)]
pub enum RefreshError {
    /// The account or the VPCs could not be read.
    Failed(Failure),
    /// The credentials do not belong to the spec's account.
    WrongAccount {
        /// The spec's account id.
        spec: String,
        /// The account id of the credentials.
        credentials: String,
    },
    /// The VPC cannot be selected, or the entries of the spec cannot be expanded.
    Fill(FillError),
}

impl From<FillError> for RefreshError {
    fn from(error: FillError) -> Self {
        Self::Fill(error)
    }
}

impl RefreshError {
    /// Returns the diagnostics to show to the user.
    pub fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Failed(failure) => explain(failure).into(),
            Self::Fill(error) => error.diagnostics(),
            Self::WrongAccount { spec, credentials } => Diagnostic::new(
                "wrong-account",
                format!("the spec is for account {spec}, but the credentials belong to account {credentials}"),
            )
            .help(format!("select a profile of account {spec} with `--profile` or `AWS_PROFILE`"))
            .into(),
        }
    }
}

/// The result of one read.
enum Read {
    Identity(Result<Identity, Failure>),
    Kind(Box<(String, Scope, Result<Observation<Value>, Failure>)>),
}

/// Reads all that a spec's plan depends on. Reads the region and its sources concurrently, and each resource as soon as
/// its name is known.
///
/// # Guarantees
/// Sends no write. What cannot be read is a gap in the snapshot, and does not prevent other resources from being read.
///
/// # Errors
/// The account or the VPCs could not be read, the account or VPC does not match the spec, or the entries of the spec
/// cannot be expanded.
pub async fn refresh(provider: &dyn Provider, registry: Registry, spec: &Spec) -> Result<Snapshot, RefreshError> {
    let mut snapshot = Snapshot::default();
    snapshot.region_mut(&spec.account, &spec.region);
    let mut running: FuturesUnordered<BoxFuture<'_, Read>> = FuturesUnordered::new();
    let mut asked = Requests::new();
    let mut location = None;
    let mut are_tags_asked = false;
    running.push(async { Read::Identity(provider.identify(spec.needs_vpc).await) }.boxed());
    start(provider, requests::source_only(registry, spec), &mut asked, &mut running);
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
            if running.is_empty() && !are_tags_asked {
                are_tags_asked = true;
                // A plan that fails here fails again for its caller, who reports it.
                let inventory = fill(registry, spec, &snapshot).ok();
                let plan = inventory.and_then(|inventory| plan(registry, spec, &inventory).ok());
                let requests = plan.map(|plan| requests::of_changed(registry, &plan, location));
                start(provider, requests.unwrap_or_default(), &mut asked, &mut running);
            }
        }
    }
    Ok(snapshot)
}

/// Starts the requested reads that are not done and not in progress.
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
