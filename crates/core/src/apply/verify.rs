//! The check after an apply: read and compare again.

use std::time::Duration;

use crate::desire::fill::fill;
use crate::kind::Registry;
use crate::observe::provider::Provider;
use crate::observe::refresh::{RefreshError, refresh};
use crate::plan::Plan;
use crate::plan::build::plan;
use crate::resource::address::Address;
use crate::spec::Spec;

/// AWS answers reads from before a write for a while ("eventual consistency"), so a difference counts
/// only when it is still there after these pauses, seven seconds in all. Tests have a cloud that is consistent at once.
const PAUSES: [Duration; 3] = if cfg!(test) {
    [Duration::from_millis(1); 3]
} else {
    [Duration::from_millis(500), Duration::from_millis(1500), Duration::from_secs(5)]
};

/// Plans again until nothing differs in the resources that were touched, or the pauses are used up.
///
/// # Errors
/// Nothing could be read. A fault in a kind counts as a difference that stays.
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
            Some(pause) if differs => tokio::time::sleep(*pause).await,
            _ => return Ok(Some(plan)),
        }
    }
}
