//! A plan that is kept for later, and the reasons for which it no longer holds.
//!
//! A seal around the plan carries what a plan itself must not (same input, same plan): when it expires, a nonce by which
//! a second use is known, and a digest by which an edit is. `apply plan.json` refuses exactly when one of
//! [`Refusal`]'s cases holds, and names it.

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

/// A plan with its seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedPlan {
    /// Until when, and once.
    pub seal: Seal,
    /// The plan.
    pub plan: Plan,
}

/// What limits a saved plan's use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seal {
    /// A random text; a plan is applied once.
    pub nonce: String,
    /// When the plan no longer holds, RFC 3339.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// The digest of the plan. It shows a mistake, not an attack: whoever edits the plan can compute another.
    pub digest: String,
}

/// Why a saved plan is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another version of the document.
    #[error("the plan has format {found}, and this regionctl reads format {FORMAT}")]
    Format {
        /// The plan's format.
        found: u32,
    },
    /// Another version of regionctl.
    #[error("the plan was made by {found}, and this is {TOOL}")]
    Tool {
        /// The version that made it.
        found: String,
    },
    /// The spec is another.
    #[error("{path} no longer says what it said when the plan was made")]
    Spec {
        /// The spec file.
        path: String,
    },
    /// The spec is for another account.
    #[error("the plan is for account {plan}, and the spec for account {spec}")]
    Account {
        /// The plan's.
        plan: String,
        /// The spec's.
        spec: String,
    },
    /// The spec is for another region.
    #[error("the plan is for {plan}, and the spec for {spec}")]
    Region {
        /// The plan's.
        plan: String,
        /// The spec's.
        spec: String,
    },
    /// It is too late.
    #[error("the plan expired at {at}")]
    Expired {
        /// When.
        at: Timestamp,
    },
    /// Its calls or gates are not those that were shown.
    #[error("the plan was edited after it was made")]
    Edited,
    /// It was applied before.
    #[error("the plan was applied before; a plan is applied once")]
    Used,
    /// The spec selects another VPC by now.
    #[error("the spec selects another VPC than when the plan was made")]
    Vpc,
    /// The live resource is not what the plan rests on.
    #[error("{address} was changed in AWS after the plan was made")]
    Moved {
        /// Which.
        address: Address,
    },
    /// The live resource that another one follows is not what the plan rests on.
    #[error("{address} follows {region}/{name}, which was changed after the plan was made")]
    SourceMoved {
        /// Which follows.
        address: Address,
        /// The source's region.
        region: String,
        /// The source's name.
        name: String,
    },
    /// The live resource cannot be read any more.
    #[error("{address} could not be read, so nothing says that it is still what the plan rests on")]
    Unreadable {
        /// Which.
        address: String,
    },
}

fn digest_of(plan: &Plan) -> String {
    digest::of_json(&serde_json::to_value(plan).expect("invariant: a plan is plain data"))
}

impl SavedPlan {
    /// Seals a plan.
    pub fn new(plan: Plan, nonce: String, expires: Timestamp) -> Self {
        Self { seal: Seal { nonce, expires, digest: digest_of(&plan) }, plan }
    }

    /// Checks what can be checked before anything is read: the seal and the spec.
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

/// Checks that each resource that a plan touches, and the VPC that it is in, is still what the plan rests on.
pub fn moved(registry: Registry, plan: &Plan, inventory: &Inventory) -> Vec<Refusal> {
    let touches = |unread: &&Gap| plan.changes.iter().any(|change| unread.covers(&change.address));
    let unreadable = inventory.unread.iter().filter(touches);
    let mut refusals: Vec<Refusal> =
        unreadable.map(|unread| Refusal::Unreadable { address: unread.address.clone() }).collect();
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
        refusals.extend(plan.changes.iter().filter_map(|change| source_moved(change, inventory)));
    }
    refusals
}

fn source_moved(change: &Change, inventory: &Inventory) -> Option<Refusal> {
    let follows = change.follows.as_ref()?;
    let now = inventory.wants.iter().find(|expanded| expanded.want.address == change.address);
    let same = now
        .and_then(|expanded| expanded.followed.as_ref())
        .is_some_and(|followed| followed.fingerprint == follows.fingerprint);
    (!same).then(|| Refusal::SourceMoved {
        address: change.address.clone(),
        region: follows.region.clone(),
        name: follows.name.clone(),
    })
}
