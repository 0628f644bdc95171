//! The live half of a kind: how it is read in bulk, and how one step is run.
//!
//! [`Live`] is what a kind's file implements, typed; [`LiveKind`] is the same with the types erased.

use aws_smithy_async::future::pagination_stream::PaginationStream;
use futures::future::{BoxFuture, join_all};
use regionctl_core::kind::{AnyKind, Erased, Kind};
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Status, StepTarget};
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Outputs;
use serde_json::Value;

use crate::error::CallError;
use crate::session::{FromSession, Session};

/// The live half of a [`Kind`].
pub trait Live: Kind {
    /// The clients it uses.
    type Api: FromSession;

    /// Reads the wanted resources, or all of them where the scope says so. In bulk, all pages.
    ///
    /// # Guarantees
    /// A resource is missing from the answer only if AWS says that it is not there; what could not
    /// be read is in `unread`.
    fn observe(
        api: &Self::Api,
        scope: &Scope,
    ) -> impl Future<Output = Result<Observation<Self::Model>, CallError>> + Send;

    /// Runs one step. Running it twice has the same result as once.
    fn run(
        api: &Self::Api,
        target: &StepTarget,
        op: Self::Op,
    ) -> impl Future<Output = Result<Outputs, CallError>> + Send;

    /// Lists the names of all live ones, managed or not, by the calls in `FACTS.inventory`. One without a name is
    /// listed by its id. What AWS itself makes and keeps is left out.
    fn list(api: &Self::Api, location: &Location) -> impl Future<Output = Result<Vec<String>, CallError>> + Send {
        async {
            let scope = Scope { everything: Some(Depth::existence()), ..Scope::of(location.clone()) };
            let found = Self::observe(api, &scope).await?;
            let unread = found.unread.into_iter().map(|(name, _)| name);
            Ok(found.seen.into_iter().map(|seen| seen.name).chain(unread).collect())
        }
    }

    /// Looks at what a plan cannot see of these steps, each with its resource's name. References to what
    /// does not exist yet stand in them as text. Changes nothing.
    fn preflight(
        _api: &Self::Api,
        _place: &Location,
        _steps: Vec<(String, Self::Op)>,
    ) -> impl Future<Output = Vec<Check>> + Send {
        std::future::ready(Vec::new())
    }

    /// Asks how far a resource is that takes its time. Most are there at once, and nothing is asked.
    fn status(_api: &Self::Api, _target: &StepTarget) -> impl Future<Output = Result<Status, CallError>> + Send {
        std::future::ready(Ok(Status::Ready))
    }
}

/// Takes all items of all pages, each turned into a name or left out.
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

/// Reads resources one by one, all at once: what is there is seen, what cannot be read is named.
pub(crate) async fn all_at_once<M, F>(reads: impl IntoIterator<Item = (String, F)>) -> Observation<M>
where
    F: Future<Output = Result<Option<LiveResource<M>>, CallError>>,
{
    let reads = reads.into_iter().map(|(name, read)| async move { (name, read.await) });
    let mut found = Observation::default();
    for (name, result) in join_all(reads).await {
        match result {
            Ok(Some(resource)) => found.seen.push(resource),
            Ok(None) => {}
            Err(error) => found.unread.push((name, error.0)),
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
    ) -> BoxFuture<'a, Result<Outputs, Failure>>;

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
            let seen = found.seen.into_iter().map(|seen| seen.map(json)).collect();
            Ok(Observation { seen, unread: found.unread })
        })
    }

    fn run<'a>(
        &'a self,
        session: &'a Session,
        target: &'a StepTarget,
        op: Value,
    ) -> BoxFuture<'a, Result<Outputs, Failure>> {
        Box::pin(async move {
            let op = typed::<K, K::Op>(op)?;
            K::run(&K::Api::from_session(session), target, op).await.map_err(|error| error.0)
        })
    }
}

fn typed<K: Kind, T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value)
        .map_err(|error| Failure::new(FailureClass::Other, K::FACTS.name, format!("not in this kind's form: {error}")))
}
