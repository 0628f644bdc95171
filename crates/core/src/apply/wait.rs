// SPDX-License-Identifier: Apache-2.0
//! Waits concurrently until resources such as clusters, instances and functions are ready.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};

use super::Event;
use super::run::{Stop, target};
use crate::desire::fill::Inventory;
use crate::observe::provider::{Provider, Status};
use crate::resource::address::Address;
use crate::resource::reference::Known;

/// The first pause between two status reads of a resource. It doubles, and starts short because many resources take
/// seconds.
const FIRST_PAUSE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_millis(500) };
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The maximum time to wait for a resource. A database instance takes up to half an hour.
const LIMIT: Duration = Duration::from_hours(1);

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
    mut stop: Stop,
    listen: &mut (dyn FnMut(Event<'_>) + Send),
) -> Waited {
    let mut result = Waited::default();
    let ask = |address: Address, pause: Duration, waited: Duration| async move {
        if !waited.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "AWS has no call that waits: its status is asked again")]
            tokio::time::sleep(pause).await;
        }
        let status = provider.status(&address.kind, target(&address, inventory, known)).await;
        (address, pause, waited, status)
    };
    let mut asked: FuturesUnordered<_> =
        addresses.iter().map(|address| ask(address.clone(), FIRST_PAUSE, Duration::ZERO)).collect();
    loop {
        if *stop.borrow() {
            result.interrupted = true;
            return result;
        }
        let (address, pause, waited, status) = tokio::select! {
            next = asked.next() => match next {
                Some(next) => next,
                None => return result,
            },
            Ok(()) = stop.changed() => continue,
        };
        match status {
            Ok(Status::Ready) => {
                if result.in_progress.remove(&address).is_some() {
                    listen(Event::Ready { address: &address });
                }
            }
            Ok(Status::InProgress(word)) if waited < LIMIT => {
                listen(Event::InProgress { address: &address, word: &word });
                result.in_progress.insert(address.clone(), word);
                let next = if waited.is_zero() { pause } else { (pause * 2).min(LONGEST_PAUSE) };
                asked.push(ask(address, next, waited + next));
            }
            Ok(Status::InProgress(word)) => {
                result.in_progress.remove(&address);
                result.failed.insert(address, format!("still {word} after an hour"));
            }
            Ok(Status::Failed(why)) => {
                result.in_progress.remove(&address);
                result.failed.insert(address, why);
            }
            Err(failure) => {
                result.in_progress.remove(&address);
                result.failed.insert(address, format!("its status could not be read: {failure}"));
            }
        }
    }
}
