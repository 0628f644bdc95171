// SPDX-License-Identifier: Apache-2.0
//! Saved plans, and the reasons for which `apply plan.json` refuses one ([`Refusal`]).
//!
//! A plan contains no times and no random ids (same input, same plan). The seal around it does: an expiry time, a nonce
//! that detects a second use, and a digest that detects edits.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::build::TOOL;
use super::document::{Change, FORMAT, Plan};
use crate::desire::fill::Inventory;
use crate::desire::fingerprint;
use crate::digest;
use crate::kind::Registry;
use crate::observe::failure::Gap;
use crate::resource::address::Address;
use crate::spec::Spec;

/// A saved plan: a plan with its seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedPlan {
    /// The expiry time, the nonce and the digest of the plan.
    pub seal: Seal,
    /// The plan, as `plan --format json` prints it.
    pub plan: Plan,
}

/// The seal of a saved plan. It limits when and how often the plan can be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seal {
    /// A random string that identifies the saved plan. A plan can be applied once.
    pub nonce: String,
    /// When the plan expires, RFC 3339 in UTC.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// The SHA-256 digest of `plan`, in lowercase hexadecimal. It detects accidental edits. It does not protect against
    /// an attacker, who can recompute it.
    pub digest: String,
}

/// Why a saved plan is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The plan has another format version.
    #[error("the plan has format {found}; this version reads format {FORMAT}")]
    Format {
        /// The plan's format version.
        found: u32,
    },
    /// Another version of regionctl created the plan.
    #[error("the plan was created by {found}, but this is {TOOL}")]
    Tool {
        /// The tool and version that created it.
        found: String,
    },
    /// The spec's digest differs from the one in the plan.
    #[error("{path} was changed after the plan was created")]
    Spec {
        /// The path of the spec file.
        path: String,
    },
    /// The spec is for another account.
    #[error("the plan is for account {plan}, but the spec is for account {spec}")]
    Account {
        /// The plan's account id.
        plan: String,
        /// The spec's account id.
        spec: String,
    },
    /// The spec is for another region.
    #[error("the plan is for region {plan}, but the spec is for region {spec}")]
    Region {
        /// The plan's region code.
        plan: String,
        /// The spec's region code.
        spec: String,
    },
    /// The seal's expiry time has passed.
    #[error("the plan expired at {at}")]
    Expired {
        /// The expiry time in the seal.
        at: Timestamp,
    },
    /// The plan does not match its digest.
    #[error("the plan was edited after it was created")]
    Edited,
    /// The plan was applied before.
    #[error("the plan was already applied; a plan can be applied once")]
    Used,
    /// The spec selects another VPC.
    #[error("the spec selects another VPC than the plan")]
    Vpc,
    /// The fingerprint of a live resource differs from the one in the plan.
    #[error("{address} was changed in AWS after the plan was created")]
    Moved {
        /// The resource that was changed: `kind/name`.
        address: Address,
    },
    /// The source of a resource was changed.
    #[error("{address} copies {region}/{name}, which was changed after the plan was created")]
    SourceChanged {
        /// The resource that follows the source.
        address: Address,
        /// The source's region code.
        region: String,
        /// The source's name.
        name: String,
    },
    /// The live resource could not be read.
    #[error("{address} could not be read, so the plan cannot be checked against it")]
    Unreadable {
        /// The resource: `kind/name`, or `kind/*` for a whole kind.
        address: String,
    },
}

fn digest_of(plan: &Plan) -> String {
    digest::of_json(&serde_json::to_value(plan).expect("invariant: a plan is plain data"))
}

impl SavedPlan {
    /// Seals a plan. `nonce` must be unique for each saved plan.
    pub fn new(plan: Plan, nonce: String, expires: Timestamp) -> Self {
        Self { seal: Seal { nonce, expires, digest: digest_of(&plan) }, plan }
    }

    /// Returns the refusals that are known before AWS is read: those of the seal and the spec. `used` is whether the
    /// plan was already applied.
    pub fn refusals_before_reading(&self, spec: &Spec, now: Timestamp, used: bool) -> Vec<Refusal> {
        let Self { seal, plan } = self;
        let mut refusals = Vec::new();
        if plan.format != FORMAT {
            refusals.push(Refusal::Format { found: plan.format });
        }
        if plan.tool != TOOL {
            refusals.push(Refusal::Tool { found: plan.tool.clone() });
        }
        if plan.account != spec.account {
            refusals.push(Refusal::Account { plan: plan.account.clone(), spec: spec.account.clone() });
        }
        if plan.region != spec.region {
            refusals.push(Refusal::Region { plan: plan.region.clone(), spec: spec.region.clone() });
        }
        if plan.spec_digest != spec.digest {
            refusals.push(Refusal::Spec { path: plan.spec.clone() });
        }
        if now >= seal.expires {
            refusals.push(Refusal::Expired { at: seal.expires });
        }
        if used {
            refusals.push(Refusal::Used);
        }
        if refusals.is_empty() && seal.digest != digest_of(plan) {
            refusals.push(Refusal::Edited);
        }
        refusals
    }
}

/// Returns a refusal for each resource of the plan, source or VPC that was changed after the plan was created or could
/// not be read.
pub fn moved(registry: Registry, plan: &Plan, inventory: &Inventory) -> Vec<Refusal> {
    let touches = |gap: &&Gap| plan.changes.iter().any(|change| gap.covers(&change.address));
    let unreadable = inventory.gaps.iter().filter(touches);
    let mut refusals: Vec<Refusal> =
        unreadable.map(|gap| Refusal::Unreadable { address: gap.address.clone() }).collect();
    if plan.vpc.as_deref() != inventory.location.vpc.as_ref().map(|vpc| vpc.id.as_str()) {
        refusals.push(Refusal::Vpc);
    }
    if refusals.is_empty() {
        let moved = plan.changes.iter().filter(|change| {
            let kind = registry.of(&change.address.kind);
            let want =
                inventory.wants.iter().map(|expanded| &expanded.want).find(|want| want.address == change.address);
            let want = want.filter(|want| !want.absent).map(|want| &want.model);
            let now = fingerprint::of_live(kind, want, inventory.live.get(&change.address));
            !change.steps.is_empty() && now != change.fingerprint
        });
        refusals.extend(moved.map(|change| Refusal::Moved { address: change.address.clone() }));
        refusals.extend(plan.changes.iter().filter_map(|change| source_changed(change, inventory)));
    }
    refusals
}

fn source_changed(change: &Change, inventory: &Inventory) -> Option<Refusal> {
    let follows = change.follows.as_ref()?;
    let now = inventory.wants.iter().find(|expanded| expanded.want.address == change.address);
    let same = now
        .and_then(|expanded| expanded.followed.as_ref())
        .is_some_and(|followed| followed.fingerprint == follows.fingerprint);
    (!same).then(|| Refusal::SourceChanged {
        address: change.address.clone(),
        region: follows.region.clone(),
        name: follows.name.clone(),
    })
}
