// SPDX-License-Identifier: Apache-2.0
//! The verification after an apply: reads and compares again.

use std::time::Duration;

use crate::desire::fill::fill;
use crate::kind::{Facts, Registry};
use crate::observe::provider::Provider;
use crate::observe::refresh::{RefreshError, refresh};
use crate::plan::Plan;
use crate::plan::build::plan;
use crate::resource::address::Address;
use crate::spec::Spec;

/// The unit of the pauses. The cloud of the tests is strongly consistent.
const UNIT: Duration = if cfg!(test) { Duration::from_micros(1) } else { Duration::from_millis(500) };

/// Returns the pauses in units of half a second, which grow to 10 seconds and are at least `patience` in total. AWS APIs
/// are eventually consistent: a read may return the state from before a write. A difference therefore counts only if it
/// remains after the patience of its kind.
fn pauses(patience: Duration) -> impl Iterator<Item = u32> {
    let mut total = 0;
    let growing = [1, 3, 10].into_iter().chain(std::iter::repeat(20));
    growing.take_while(move |pause| {
        let goes_on = Duration::from_millis(500) * total < patience;
        total += pause;
        goes_on
    })
}

/// Returns the longest patience of the kinds that still differ; `None` if nothing differs.
fn patience(registry: Registry, plan: &Plan, touched: &[Address]) -> Option<Duration> {
    let differing = plan.changes.iter().filter(|change| touched.contains(&change.address));
    let of_changes = differing.map(|change| registry.of(&change.address.kind).facts().patience);
    of_changes.chain((!plan.is_complete()).then_some(Facts::DEFAULT.patience)).max()
}

/// Reads and plans again until the `touched` resources have no difference, or the patience of those that differ is over.
/// Returns the last plan, or `None` if it cannot be computed.
///
/// # Errors
/// See [`RefreshError`].
pub async fn verify(
    provider: &dyn Provider,
    registry: Registry,
    spec: &Spec,
    touched: &[Address],
) -> Result<Option<Plan>, RefreshError> {
    for round in 0.. {
        let snapshot = refresh(provider, registry, spec).await?;
        let inventory = fill(registry, spec, &snapshot)?;
        let Ok(plan) = plan(registry, spec, &inventory) else { return Ok(None) };
        let patience = patience(registry, &plan, touched);
        let Some(pause) = patience.and_then(|patience| pauses(patience).nth(round)) else { return Ok(Some(plan)) };
        #[expect(clippy::disallowed_methods, reason = "AWS's reads may lag behind its writes")]
        tokio::time::sleep(UNIT * pause).await;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cloud::{Cloud, NEVER_STORED, REGISTRY, settings, spec};

    #[test]
    fn the_pauses_grow_until_the_patience_is_over() {
        assert_eq!(pauses(Duration::from_secs(7)).collect::<Vec<_>>(), [1, 3, 10]);
        let long: Vec<u32> = pauses(Duration::from_mins(3)).collect();
        let total = UNIT_OF_PAUSES * long.iter().sum::<u32>();
        assert!((Duration::from_mins(3)..Duration::from_secs(190)).contains(&total), "{total:?}");
    }

    const UNIT_OF_PAUSES: Duration = Duration::from_millis(500);

    #[tokio::test]
    async fn a_kind_with_more_patience_is_read_more_often() {
        let reads = async |kind: &str| {
            let cloud = Cloud::default();
            cloud.put(kind, "a", settings(&[]));
            let spec = spec(&format!("{kind}:\n  a: {{{NEVER_STORED}: yes}}\n"));
            let plan = verify(&cloud, REGISTRY, &spec, &[Address::new(kind, "a")]).await.unwrap().unwrap();
            assert_eq!(plan.changes.len(), 1);
            cloud.count("identify")
        };
        assert_eq!((reads("t.t").await, reads("g.g").await), (4, 10));
    }
}
