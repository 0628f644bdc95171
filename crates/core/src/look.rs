//! From AWS, or from a snapshot, to a plan: what every command does first.

use crate::desire::fill::{FillError, Inventory, fill};
use crate::diagnostic::Diagnostics;
use crate::kind::Registry;
use crate::observe::provider::Provider;
use crate::observe::refresh::{RefreshError, refresh};
use crate::observe::snapshot::Snapshot;
use crate::plan::Plan;
use crate::plan::build::{PlanError, plan};
use crate::spec::Spec;

/// Why there is no plan.
#[derive(Debug)]
pub enum LookError {
    /// The spec's state could not be read.
    Refresh(RefreshError),
    /// The spec and what is live cannot be compared.
    Plan(PlanError),
}

impl From<RefreshError> for LookError {
    fn from(error: RefreshError) -> Self {
        Self::Refresh(error)
    }
}

impl From<FillError> for LookError {
    fn from(error: FillError) -> Self {
        Self::Refresh(error.into())
    }
}

impl From<PlanError> for LookError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl LookError {
    /// Says what happened, for the user.
    pub fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Refresh(error) => error.diagnostics(),
            Self::Plan(error) => error.diagnostics(),
        }
    }

    /// Says whether regionctl refuses to go on, where everything could be read: the account is another one.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refresh(RefreshError::WrongAccount { .. }))
    }
}

/// Reads what a spec rests on, and plans.
///
/// # Guarantees
/// Sends no write.
///
/// # Errors
/// See [`RefreshError`] and [`PlanError`]. A resource that could not be read is no error; the plan names it.
pub async fn look(provider: &dyn Provider, registry: Registry, spec: &Spec) -> Result<(Inventory, Plan), LookError> {
    let snapshot = refresh(provider, registry, spec).await?;
    look_at(registry, spec, &snapshot)
}

/// Plans from a snapshot alone. Pure.
///
/// # Errors
/// The snapshot does not hold all that the spec rests on; see also [`look`].
pub fn look_at(registry: Registry, spec: &Spec, snapshot: &Snapshot) -> Result<(Inventory, Plan), LookError> {
    let inventory = fill(registry, spec, snapshot)?;
    let plan = plan(registry, spec, &inventory)?;
    Ok((inventory, plan))
}
