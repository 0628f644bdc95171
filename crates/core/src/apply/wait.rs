// SPDX-License-Identifier: Apache-2.0
//! Waits until resources such as clusters, instances and functions are ready, beside the steps of other resources.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::Event;
use super::run::{Listener, Outcome, Stop, run_announcing, target};
use crate::desire::fill::Inventory;
use crate::observe::failure::{Failure, FailureClass};
use crate::observe::provider::{Provider, Status, StepTarget};
use crate::plan::Plan;
use crate::resource::address::Address;
use crate::resource::reference::Known;

/// The first pause between two status reads of a resource. It doubles, and starts short because many resources take
/// seconds.
const FIRST_PAUSE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_millis(500) };
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The maximum time to wait for a resource. A database instance takes up to half an hour.
const LIMIT: Duration = Duration::from_hours(1);

/// How long failed status reads are repeated. A read that fails says nothing about the resource.
const READ_PATIENCE: Duration = if cfg!(test) { Duration::from_millis(30) } else { Duration::from_mins(5) };

/// The number of resources whose status is read at the same time. The others wait for their turn.
const CONCURRENT_READS: usize = 16;

/// The result of [`wait`]. A resource that became ready is in neither map.
#[derive(Debug, Default)]
pub struct Waited {
    /// The resources that are still in progress, each with the status that the service returns.
    pub in_progress: BTreeMap<Address, String>,
    /// The resources that did not become ready, each with the reason.
    pub failed: BTreeMap<Address, String>,
    /// Whether waiting was stopped.
    pub interrupted: bool,
}

/// Waits until each of the resources is ready or has failed, at most an hour for each.
///
/// # Guarantees
/// Sends no write, and no read for a kind whose resources are ready immediately. After a stop it returns the resources
/// that are still in progress; the next apply waits for them again.
pub async fn wait(
    provider: &dyn Provider,
    inventory: &Inventory,
    known: &Known,
    addresses: &[Address],
    stop: Stop,
    listen: &mut Listener<'_>,
) -> Waited {
    let (announce, announced) = unbounded_channel();
    for address in addresses {
        // The channel is open: its other end is used below.
        let _ = announce.send((address.clone(), target(address, inventory, known)));
    }
    drop(announce);
    wait_for(provider, announced, stop, listen).await
}

/// Runs the steps of a plan, and waits for each resource from its last step on, while the steps of others run. Also
/// waits for the resources that the plan lists as in progress.
pub(super) async fn run_and_wait(
    provider: &dyn Provider,
    plan: &Plan,
    inventory: &Inventory,
    parallelism: usize,
    stop: Stop,
    listen: &mut Listener<'_>,
) -> (Outcome, Waited) {
    let (announce, announced) = unbounded_channel();
    let listen = Mutex::new(listen);
    let shared = |event: Event<'_>| (listen.lock().unwrap_or_else(PoisonError::into_inner))(event);
    let (mut of_steps, mut of_waits) = (&shared, &shared);
    let steps = async {
        let mut changed = |address: &Address, target: StepTarget| {
            let _ = announce.send((address.clone(), target));
        };
        for waiting in &plan.in_progress {
            changed(&waiting.address, target(&waiting.address, inventory, &inventory.known));
        }
        let outcome =
            run_announcing(provider, plan, inventory, parallelism, stop.clone(), &mut of_steps, &mut changed).await;
        drop(announce);
        outcome
    };
    join(steps, wait_for(provider, announced, stop.clone(), &mut of_waits)).await
}

/// A resource whose status is asked.
struct Asked {
    address: Address,
    target: StepTarget,
    /// The pause before the next read; zero before the first.
    pause: Duration,
    /// The sum of the pauses.
    waited: Duration,
    /// The sum of the pauses since the last read that succeeded.
    unread: Duration,
}

impl Asked {
    fn new((address, target): (Address, StepTarget)) -> Self {
        Self { address, target, pause: Duration::ZERO, waited: Duration::ZERO, unread: Duration::ZERO }
    }

    /// Pauses, waits for its turn, and reads the status.
    async fn ask(self, provider: &dyn Provider, turns: &Semaphore) -> (Self, Result<Status, Failure>) {
        if !self.pause.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "AWS has no call that waits: its status is asked again")]
            tokio::time::sleep(self.pause).await;
        }
        // The semaphore is never closed.
        let _turn = turns.acquire().await;
        let status = provider.status(&self.address.kind, self.target.clone()).await;
        (self, status)
    }

    fn again(mut self, failed: bool) -> Self {
        self.pause = if self.pause.is_zero() { FIRST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
        self.waited += self.pause;
        self.unread = if failed { self.unread + self.pause } else { Duration::ZERO };
        self
    }
}

/// Whether a failed status read may succeed later. Missing permissions and invalid requests do not go away.
fn is_transient(failure: &Failure) -> bool {
    use FailureClass::{Conflict, NotFound, NotReady, Other, Throttled, Transport};
    matches!(failure.class, Conflict | NotFound | NotReady | Other | Throttled | Transport)
}

/// Waits for resources as they are announced, until the channel is closed and all of them are ready or have failed.
async fn wait_for(
    provider: &dyn Provider,
    mut announced: UnboundedReceiver<(Address, StepTarget)>,
    mut stop: Stop,
    listen: &mut Listener<'_>,
) -> Waited {
    let (mut result, turns) = (Waited::default(), Semaphore::new(CONCURRENT_READS));
    let mut asked = FuturesUnordered::new();
    let mut is_open = true;
    while is_open || !asked.is_empty() {
        if *stop.borrow() {
            result.interrupted = true;
            return result;
        }
        let (asked_one, status) = tokio::select! {
            Some(next) = asked.next() => next,
            next = announced.recv(), if is_open => {
                match next {
                    Some(next) => asked.push(Asked::new(next).ask(provider, &turns)),
                    None => is_open = false,
                }
                continue;
            }
            Ok(()) = stop.changed() => continue,
        };
        let address = asked_one.address.clone();
        let failed = match status {
            Ok(Status::Ready) => {
                if result.in_progress.remove(&address).is_some() {
                    listen(Event::Ready { address: &address });
                }
                continue;
            }
            Ok(Status::InProgress(word)) if asked_one.waited < LIMIT => {
                listen(Event::InProgress { address: &address, word: &word });
                result.in_progress.insert(address, word);
                asked.push(asked_one.again(false).ask(provider, &turns));
                continue;
            }
            Err(failure) if is_transient(&failure) && asked_one.unread < READ_PATIENCE => {
                asked.push(asked_one.again(true).ask(provider, &turns));
                continue;
            }
            Ok(Status::InProgress(word)) => format!("still {word} after an hour"),
            Ok(Status::Failed(why)) => why,
            Err(failure) => format!("its status could not be read: {failure}"),
        };
        result.in_progress.remove(&address);
        result.failed.insert(address, failed);
    }
    result
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::testing::cloud::Cloud;
    use crate::testing::inventory;

    async fn waited(cloud: &Cloud, names: &[String]) -> Waited {
        let addresses: Vec<Address> = names.iter().map(|name| Address::new("t.t", name)).collect();
        let (_stop, stopped) = watch::channel(false);
        wait(cloud, &inventory(), &Known::default(), &addresses, stopped, &mut |_| {}).await
    }

    fn throttled() -> Failure {
        Failure::new(FailureClass::Throttled, "T Status", "too many")
    }

    #[tokio::test]
    async fn a_failed_status_read_is_repeated() {
        let cloud = Cloud::default();
        for _ in 0..3 {
            cloud.status_of("a", Err(throttled()));
        }
        cloud.status_of("a", Ok(Status::InProgress("creating".to_owned())));
        assert!(waited(&cloud, &["a".to_owned()]).await.failed.is_empty());
        assert_eq!(cloud.count("status a"), 5);
    }

    #[tokio::test]
    async fn status_reads_that_keep_failing_fail_the_resource() {
        for (class, reads) in [(FailureClass::Throttled, 2..20), (FailureClass::Denied, 1..2)] {
            let cloud = Cloud::default();
            cloud.fail("status a", Failure { class, ..throttled() });
            let waited = waited(&cloud, &["a".to_owned()]).await;
            let why = &waited.failed[&Address::new("t.t", "a")];
            assert_eq!(why, "its status could not be read: T Status failed: too many");
            assert!(reads.contains(&cloud.count("status a")), "{class:?}: {}", cloud.count("status a"));
        }
    }

    #[tokio::test]
    async fn states_are_not_all_asked_at_once() {
        let cloud = Cloud::default();
        let names: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
        assert!(waited(&cloud, &names).await.failed.is_empty());
        assert_eq!((cloud.count("status "), cloud.most_status_reads()), (100, CONCURRENT_READS));
    }
}
