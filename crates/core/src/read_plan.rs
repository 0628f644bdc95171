// SPDX-License-Identifier: Apache-2.0
//! Reads the live resources from AWS or from a snapshot and computes a plan: the first step of every command.

use crate::desire::fill::{FillError, Inventory, fill};
use crate::diagnostic::Diagnostics;
use crate::kind::Registry;
use crate::observe::provider::Provider;
use crate::observe::refresh::{RefreshError, refresh};
use crate::observe::snapshot::Snapshot;
use crate::plan::Plan;
use crate::plan::build::{PlanError, plan};
use crate::spec::Spec;

/// The reason why no plan could be computed.
#[derive(Debug)]
pub enum ReadPlanError {
    /// The live state could not be read.
    Refresh(RefreshError),
    /// Desired and live could not be compared.
    Plan(PlanError),
}

impl From<RefreshError> for ReadPlanError {
    fn from(error: RefreshError) -> Self {
        Self::Refresh(error)
    }
}

impl From<FillError> for ReadPlanError {
    fn from(error: FillError) -> Self {
        Self::Refresh(error.into())
    }
}

impl From<PlanError> for ReadPlanError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl ReadPlanError {
    /// Returns the error as diagnostics for the user.
    pub fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Refresh(error) => error.diagnostics(),
            Self::Plan(error) => error.diagnostics(),
        }
    }

    /// Whether regionctl refuses to continue because the credentials belong to another account than the spec's.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refresh(RefreshError::WrongAccount { .. }))
    }
}

/// Reads the live resources that a spec depends on and computes the plan.
///
/// # Guarantees
/// Sends no write requests.
///
/// # Errors
/// See [`RefreshError`] and [`PlanError`]. A resource that could not be read is no error; the plan lists it as a gap.
pub async fn read_plan(
    provider: &dyn Provider,
    registry: Registry,
    spec: &Spec,
) -> Result<(Inventory, Plan), ReadPlanError> {
    let snapshot = refresh(provider, registry, spec).await?;
    plan_of(registry, spec, &snapshot)
}

/// Computes the plan from a snapshot. Sends no requests.
///
/// # Errors
/// The snapshot does not contain everything that the spec depends on; see also [`read_plan`].
pub fn plan_of(registry: Registry, spec: &Spec, snapshot: &Snapshot) -> Result<(Inventory, Plan), ReadPlanError> {
    let inventory = fill(registry, spec, snapshot)?;
    let plan = plan(registry, spec, &inventory)?;
    Ok((inventory, plan))
}
