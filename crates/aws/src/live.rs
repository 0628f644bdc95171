// SPDX-License-Identifier: Apache-2.0
//! The AWS half of a kind: reading its resources in bulk and running single steps.
//!
//! A kind implements the typed trait [`Live`]. [`LiveKind`] is the same interface with the types erased.

use aws_smithy_async::future::pagination_stream::PaginationStream;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use regionctl_core::kind::{AnyKind, Erased, Kind};
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Status, StepTarget};
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use serde_json::Value;

use crate::error::CallError;
use crate::session::{FromSession, Session};

/// The AWS half of a [`Kind`].
pub trait Live: Kind {
    /// The SDK clients that the kind uses.
    type Api: FromSession;

    /// Reads the resources that the scope names, or all of them if the scope asks for everything. Reads in bulk, all
    /// pages.
    ///
    /// # Guarantees
    /// A resource is missing from the result only if AWS reports that it does not exist. Resources that could not be
    /// read are in `gaps`.
    fn observe(
        api: &Self::Api,
        scope: &Scope,
    ) -> impl Future<Output = Result<Observation<Self::Model>, CallError>> + Send;

    /// Runs one step and returns the new attributes. It is idempotent: a second run has no further effect.
    fn run(
        api: &Self::Api,
        target: &StepTarget,
        op: Self::Op,
    ) -> impl Future<Output = Result<Attributes, CallError>> + Send;

    /// Lists the names of all live resources, managed or not, with the calls in `FACTS.inventory`. A resource without a
    /// name is listed by its id. Resources that AWS creates and manages are left out.
    fn list(api: &Self::Api, location: &Location) -> impl Future<Output = Result<Vec<String>, CallError>> + Send {
        async {
            let scope = Scope { everything: Some(Depth::existence()), ..Scope::of(location.clone()) };
            let found = Self::observe(api, &scope).await?;
            let gaps = found.gaps.into_iter().map(|(name, _)| name);
            Ok(found.resources.into_iter().map(|seen| seen.name).chain(gaps).collect())
        }
    }

    /// Checks steps, each with its resource's name, for problems that a plan does not show, such as quotas. References
    /// to resources that do not exist yet are unresolved text. Changes nothing.
    fn preflight(
        _api: &Self::Api,
        _location: &Location,
        _steps: Vec<(String, Self::Op)>,
    ) -> impl Future<Output = Vec<Check>> + Send {
        std::future::ready(Vec::new())
    }

    /// Returns the status of a resource after its step, for kinds whose calls return before the resource is ready. The
    /// default sends no call and returns [`Status::Ready`].
    fn status(_api: &Self::Api, _target: &StepTarget) -> impl Future<Output = Result<Status, CallError>> + Send {
        std::future::ready(Ok(Status::Ready))
    }
}

/// Reads all pages and returns the names of the items; items for which `name` returns `None` are left out.
pub(crate) async fn names_of<T, E>(
    mut items: PaginationStream<Result<T, E>>,
    name: impl Fn(T) -> Option<String>,
) -> Result<Vec<String>, CallError>
where
    CallError: From<E>,
{
    let mut names = Vec::new();
    while let Some(item) = items.next().await {
        names.extend(name(item?));
    }
    Ok(names)
}

/// The number of reads of one kind that run concurrently. At AWS's rates more would only wait for their turn, each with
/// its memory.
pub(crate) const CONCURRENT_READS: usize = 32;

/// Runs futures concurrently, at most [`CONCURRENT_READS`] at a time, and returns their results in order.
pub(crate) async fn join_reads<F: Future>(reads: Vec<F>) -> Vec<F::Output> {
    stream::iter(reads).buffered(CONCURRENT_READS).collect().await
}

/// Runs one read per resource concurrently. A failed read becomes a gap of that resource.
pub(crate) async fn read_concurrently<M, F>(reads: impl IntoIterator<Item = (String, F)>) -> Observation<M>
where
    F: Future<Output = Result<Option<LiveResource<M>>, CallError>>,
{
    // An iterator that borrows must not be part of this future, which is sent to other threads.
    let reads: Vec<_> = reads.into_iter().map(|(name, read)| async move { (name, read.await) }).collect();
    let mut found = Observation::default();
    for (name, result) in join_reads(reads).await {
        match result {
            Ok(Some(resource)) => found.resources.push(resource),
            Ok(None) => {}
            Err(error) => found.gaps.push((name, error.0)),
        }
    }
    found
}

/// Collects the resources of one response. A resource that could not be converted becomes a gap.
pub(crate) fn collect_results<M>(
    read: impl IntoIterator<Item = (String, Result<LiveResource<M>, CallError>)>,
) -> Observation<M> {
    let mut found = Observation::default();
    for (name, result) in read {
        match result {
            Ok(resource) => found.resources.push(resource),
            Err(error) => found.gaps.push((name, error.0)),
        }
    }
    found
}

/// A live kind with its types erased.
pub trait LiveKind: AnyKind {
    /// See [`Live::observe`].
    fn observe<'a>(&'a self, session: &'a Session, scope: Scope) -> BoxFuture<'a, Result<Observation<Value>, Failure>>;

    /// See [`Live::list`].
    fn list<'a>(&'a self, session: &'a Session, location: &'a Location) -> BoxFuture<'a, Result<Vec<String>, Failure>>;

    /// See [`Live::run`].
    fn run<'a>(
        &'a self,
        session: &'a Session,
        target: &'a StepTarget,
        op: Value,
    ) -> BoxFuture<'a, Result<Attributes, Failure>>;

    /// See [`Live::preflight`].
    fn preflight<'a>(
        &'a self,
        session: &'a Session,
        location: &'a Location,
        steps: Vec<(String, Value)>,
    ) -> BoxFuture<'a, Vec<Check>>;

    /// See [`Live::status`].
    fn status<'a>(&'a self, session: &'a Session, target: &'a StepTarget) -> BoxFuture<'a, Result<Status, Failure>>;
}

impl<K: Live> LiveKind for Erased<K> {
    fn list<'a>(&'a self, session: &'a Session, location: &'a Location) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move { K::list(&K::Api::from_session(session), location).await.map_err(|error| error.0) })
    }

    fn preflight<'a>(
        &'a self,
        session: &'a Session,
        location: &'a Location,
        steps: Vec<(String, Value)>,
    ) -> BoxFuture<'a, Vec<Check>> {
        Box::pin(async move {
            let typed = steps.into_iter().filter_map(|(name, op)| Some((name, typed::<K, K::Op>(op).ok()?)));
            K::preflight(&K::Api::from_session(session), location, typed.collect()).await
        })
    }

    fn status<'a>(&'a self, session: &'a Session, target: &'a StepTarget) -> BoxFuture<'a, Result<Status, Failure>> {
        Box::pin(async move { K::status(&K::Api::from_session(session), target).await.map_err(|error| error.0) })
    }

    fn observe<'a>(&'a self, session: &'a Session, scope: Scope) -> BoxFuture<'a, Result<Observation<Value>, Failure>> {
        Box::pin(async move {
            let found = K::observe(&K::Api::from_session(session), &scope).await.map_err(|error| error.0)?;
            let json = |model| serde_json::to_value(model).expect("invariant: models are plain data");
            let seen = found.resources.into_iter().map(|seen| seen.map(json)).collect();
            Ok(Observation { resources: seen, gaps: found.gaps })
        })
    }

    fn run<'a>(
        &'a self,
        session: &'a Session,
        target: &'a StepTarget,
        op: Value,
    ) -> BoxFuture<'a, Result<Attributes, Failure>> {
        Box::pin(async move {
            let op = typed::<K, K::Op>(op)?;
            K::run(&K::Api::from_session(session), target, op).await.map_err(|error| error.0)
        })
    }
}

fn typed<K: Kind, T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::new(FailureClass::Other, K::FACTS.name, format!("the step does not match the kind: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn reads_run_concurrently_up_to_a_limit_and_keep_their_order() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let read = |number: usize| {
            let (running, most) = (&running, &most);
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                tokio::task::yield_now().await;
                running.set(running.get() - 1);
                number
            }
        };
        let found = join_reads((0..200).map(read).collect()).await;
        assert_eq!(found, (0..200).collect::<Vec<_>>());
        assert_eq!(most.get(), CONCURRENT_READS);
    }
}
