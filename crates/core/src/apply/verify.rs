// SPDX-License-Identifier: Apache-2.0
//! The verification after an apply: reads and compares again.

use std::time::Duration;

use crate::desire::fill::fill;
use crate::kind::Registry;
use crate::observe::provider::Provider;
use crate::observe::refresh::{RefreshError, refresh};
use crate::plan::Plan;
use crate::plan::build::plan;
use crate::resource::address::Address;
use crate::spec::Spec;

/// AWS APIs are eventually consistent: a read may return the state from before a write. A difference therefore counts
/// only if it remains after these pauses, 7 seconds in total. The cloud of the tests is strongly consistent.
const PAUSES: [Duration; 3] = if cfg!(test) {
    [Duration::from_millis(1); 3]
} else {
    [Duration::from_millis(500), Duration::from_millis(1500), Duration::from_secs(5)]
};

/// Reads and plans again until the `touched` resources have no difference, or all pauses have passed. Returns the last
/// plan, or `None` if it cannot be computed.
///
/// # Errors
/// See [`RefreshError`].
pub async fn verify(
    provider: &dyn Provider,
    registry: Registry,
    spec: &Spec,
    touched: &[Address],
) -> Result<Option<Plan>, RefreshError> {
    let mut pauses = PAUSES.iter();
    loop {
        let snapshot = refresh(provider, registry, spec).await?;
        let inventory = fill(registry, spec, &snapshot)?;
        let Ok(plan) = plan(registry, spec, &inventory) else { return Ok(None) };
        let differs = plan.changes.iter().any(|change| touched.contains(&change.address)) || !plan.is_complete();
        match pauses.next() {
            Some(pause) if differs => {
                #[expect(clippy::disallowed_methods, reason = "AWS's reads may lag behind its writes")]
                tokio::time::sleep(*pause).await;
            }
            _ => return Ok(Some(plan)),
        }
    }
}
