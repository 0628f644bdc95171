//! Waits for what takes minutes: clusters, instances, functions. All at once, by the service's own status.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};

use super::Event;
use super::run::{Stop, target};
use crate::address::Address;
use crate::plan::survey::Inventory;
use crate::reference::Known;
use crate::world::{Failure, Status, World};

/// Between two questions after one resource: soon at first, as many things take seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long a resource may take; a database instance takes up to half an hour.
const PATIENCE: Duration = Duration::from_hours(1);

/// What came of waiting.
#[derive(Debug, Default)]
pub struct Settled {
    /// What is still on its way, and how far.
    pub coming: BTreeMap<Address, String>,
    /// What did not get there, and why.
    pub failed: BTreeMap<Address, String>,
    /// Whether the waiting was stopped from outside.
    pub interrupted: bool,
}

/// Waits until each resource is what it was told to be.
///
/// # Guarantees
/// Sends no write, and asks nothing of a kind whose resources are there at once. After a stop it
/// returns with what is still on its way; nothing is lost by that, the next apply waits again.
pub async fn settle(
    world: &dyn World,
    inventory: &Inventory,
    known: &Known,
    addresses: &[Address],
    mut stop: Stop,
    listen: &mut (dyn FnMut(Event<'_>) + Send),
) -> Settled {
    let mut settled = Settled::default();
    let ask = |address: Address, pause: Duration, waited: Duration| async move {
        if !waited.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let status = world.status(&address.kind, target(&address, inventory, known)).await;
        (address, pause, waited, status)
    };
    let mut asked: FuturesUnordered<_> =
        addresses.iter().map(|address| ask(address.clone(), FIRST_PAUSE, Duration::ZERO)).collect();
    loop {
        if *stop.borrow() {
            settled.interrupted = true;
            return settled;
        }
        let (address, pause, waited, status) = tokio::select! {
            next = asked.next() => match next {
                Some(next) => next,
                None => return settled,
            },
            Ok(()) = stop.changed() => continue,
        };
        match status {
            Ok(Status::Ready) => {
                if settled.coming.remove(&address).is_some() {
                    listen(Event::Arrived { address: &address });
                }
            }
            Ok(Status::Coming(word)) if waited < PATIENCE => {
                listen(Event::Coming { address: &address, word: &word });
                settled.coming.insert(address.clone(), word);
                let next = if waited.is_zero() { pause } else { (pause * 2).min(LONGEST_PAUSE) };
                asked.push(ask(address, next, waited + next));
            }
            Ok(Status::Coming(word)) => {
                settled.coming.remove(&address);
                settled.failed.insert(address, format!("still {word} after an hour"));
            }
            Ok(Status::Failed(why)) => {
                settled.coming.remove(&address);
                settled.failed.insert(address, why);
            }
            Err(failure) => {
                settled.coming.remove(&address);
                settled.failed.insert(address, unread(&failure));
            }
        }
    }
}

fn unread(failure: &Failure) -> String {
    format!("how far it is could not be read: {failure}")
}
