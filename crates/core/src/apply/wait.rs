//! Waits for what takes minutes: clusters, instances, functions. All at once, by the service's own status.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};

use super::Event;
use super::run::{Stop, target};
use crate::desire::fill::Inventory;
use crate::observe::failure::Failure;
use crate::observe::provider::{Provider, Status};
use crate::resource::address::Address;
use crate::resource::reference::Known;

/// Between two questions after one resource: soon at first, as many things take seconds.
const FIRST_PAUSE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_millis(500) };
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long a resource may take; a database instance takes up to half an hour.
const PATIENCE: Duration = Duration::from_hours(1);

/// What came of waiting.
#[derive(Debug, Default)]
pub struct Waited {
    /// What is still on its way, and how far.
    pub coming: BTreeMap<Address, String>,
    /// What never became ready, and why.
    pub failed: BTreeMap<Address, String>,
    /// Whether the waiting was stopped from outside.
    pub interrupted: bool,
}

/// Waits until each resource is what it was told to be.
///
/// # Guarantees
/// Sends no write, and asks nothing of a kind whose resources are there at once. After a stop it
/// returns with what is still on its way; nothing is lost by that, the next apply waits again.
pub async fn wait(
    provider: &dyn Provider,
    inventory: &Inventory,
    known: &Known,
    addresses: &[Address],
    mut stop: Stop,
    listen: &mut (dyn FnMut(Event<'_>) + Send),
) -> Waited {
    let mut waited_for = Waited::default();
    let ask = |address: Address, pause: Duration, waited: Duration| async move {
        if !waited.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let status = provider.status(&address.kind, target(&address, inventory, known)).await;
        (address, pause, waited, status)
    };
    let mut asked: FuturesUnordered<_> =
        addresses.iter().map(|address| ask(address.clone(), FIRST_PAUSE, Duration::ZERO)).collect();
    loop {
        if *stop.borrow() {
            waited_for.interrupted = true;
            return waited_for;
        }
        let (address, pause, waited, status) = tokio::select! {
            next = asked.next() => match next {
                Some(next) => next,
                None => return waited_for,
            },
            Ok(()) = stop.changed() => continue,
        };
        match status {
            Ok(Status::Ready) => {
                if waited_for.coming.remove(&address).is_some() {
                    listen(Event::Ready { address: &address });
                }
            }
            Ok(Status::InProgress(word)) if waited < PATIENCE => {
                listen(Event::InProgress { address: &address, word: &word });
                waited_for.coming.insert(address.clone(), word);
                let next = if waited.is_zero() { pause } else { (pause * 2).min(LONGEST_PAUSE) };
                asked.push(ask(address, next, waited + next));
            }
            Ok(Status::InProgress(word)) => {
                waited_for.coming.remove(&address);
                waited_for.failed.insert(address, format!("still {word} after an hour"));
            }
            Ok(Status::Failed(why)) => {
                waited_for.coming.remove(&address);
                waited_for.failed.insert(address, why);
            }
            Err(failure) => {
                waited_for.coming.remove(&address);
                waited_for.failed.insert(address, unread(&failure));
            }
        }
    }
}

fn unread(failure: &Failure) -> String {
    format!("how far it is could not be read: {failure}")
}
