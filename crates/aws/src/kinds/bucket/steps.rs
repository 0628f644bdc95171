// SPDX-License-Identifier: Apache-2.0
//! The steps that change a bucket's live settings to the desired ones.

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::model::policy::Policy;
use regionctl_core::resource::setting::Setting;
use serde::Serialize;

use super::encryption::{self, Encryption};
use super::expiry::new_expirations;
use super::lifecycle::{LifecycleRule, MinimumSize};
use super::logging::{self, Logging};
use super::object_lock;
use super::settings::{Acceleration, Payer, Versioning};
use super::website::{self, Website};
use super::{BucketModel, BucketOp};

/// Adds the step for a setting that one Put call replaces and that cannot be unset.
pub fn put<T: Serialize>(
    path: &str,
    want: &Setting<T>,
    live: Option<&Setting<T>>,
    out: &mut Diff<'_, BucketOp>,
    op: impl FnOnce(&T) -> BucketOp,
) {
    let covers = out.setting(path, want, live);
    if let Setting::Set(want) = want {
        out.step(Phase::Change, covers, op(want));
    }
}

/// Adds the step for a setting that one call replaces and another deletes.
pub fn put_or_delete<T: Serialize>(
    path: &str,
    want: &Setting<T>,
    live: Option<&Setting<T>>,
    out: &mut Diff<'_, BucketOp>,
    put: impl FnOnce(&T) -> BucketOp,
    delete: BucketOp,
) {
    let covers = out.setting(path, want, live);
    let op = want.value().map_or(delete, put);
    out.step(Phase::Change, covers, op);
}

pub fn encryption(want: &Setting<Encryption>, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    let Setting::Set(want) = want else { return };
    let covers = encryption::diff(want, live.and_then(|live| live.encryption.value()), out);
    out.step(Phase::Change, covers, BucketOp::PutBucketEncryption(want.clone()));
}

/// Adds the step for versioning, which can be enabled and suspended but not return to unset (S3 User Guide, "Using
/// versioning in S3 buckets").
pub fn versioning(want: Setting<Versioning>, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    let is_locked = live.is_some_and(|live| live.object_lock.is_set());
    let live = live.map(|live| &live.versioning);
    let covers = out.setting("versioning", &want, live);
    match want {
        Setting::Unstated => {}
        Setting::Unset => {
            out.blocked(&covers, "versioning cannot be unset after it was enabled; write `versioning: Suspended`");
        }
        Setting::Set(status) => {
            let is_enabled = live == Some(&Setting::Set(Versioning::Enabled));
            if is_enabled && is_locked && status == Versioning::Suspended {
                let why = "versioning cannot be suspended: the bucket has Object Lock; write `versioning: Enabled`";
                return out.blocked(&covers, why);
            }
            if is_enabled && status == Versioning::Suspended {
                out.remark(&covers, "objects overwritten or deleted from now on cannot be restored");
            }
            out.step(Phase::Change, covers, BucketOp::PutBucketVersioning(status));
        }
    }
}

pub fn policy(want: &Setting<Policy>, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    let covers = out.policy("policy", want, live.map(|live| &live.policy));
    let op = match want {
        Setting::Set(policy) => BucketOp::PutBucketPolicy(policy.clone()),
        Setting::Unstated | Setting::Unset => BucketOp::DeleteBucketPolicy,
    };
    out.step(Phase::Change, covers, op);
}

pub fn logging(want: &Setting<Logging>, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    let live = live.map(|live| &live.logging);
    let (covers, target) = match want {
        Setting::Unstated => return,
        Setting::Unset => (out.setting("logging", want, live), None),
        Setting::Set(want) => (logging::diff(want, live.and_then(Setting::value), out), Some(want.clone())),
    };
    out.step(Phase::Change, covers, BucketOp::PutBucketLogging(target));
}

/// Adds the step for the lifecycle rules and the minimum object size, which one call replaces together.
pub fn lifecycle(
    rules: &Setting<Vec<LifecycleRule>>,
    size: Setting<MinimumSize>,
    live: Option<&BucketModel>,
    out: &mut Diff<'_, BucketOp>,
) {
    let rule_covers = out.setting("lifecycle", rules, live.map(|live| &live.lifecycle));
    if let (Setting::Set(rules), Some(live), false) = (rules, live, rule_covers.is_empty()) {
        let live_rules: &[LifecycleRule] = live.lifecycle.value().map(Vec::as_slice).unwrap_or_default();
        for expiration in new_expirations(rules, live_rules, live.age_days) {
            out.deletes(expiration);
        }
    }
    let covers =
        rule_covers.and(out.setting("transition_minimum_size", &size, live.map(|live| &live.transition_minimum_size)));
    let op = match rules {
        Setting::Unset => BucketOp::DeleteBucketLifecycle,
        Setting::Unstated | Setting::Set(_) => {
            BucketOp::PutBucketLifecycleConfiguration { rules: rules.clone(), transition_minimum_size: size }
        }
    };
    out.step(Phase::Change, covers, op);
}

/// Adds the step for the website, which one call replaces and another deletes.
pub fn website(want: &Setting<Website>, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    let live = live.map(|live| &live.website);
    let covers = out.setting("website", want, live);
    match (want, live.and_then(Setting::value)) {
        (Setting::Unset, Some(_)) => out.remark(&covers, "the website endpoint returns errors from now on"),
        (Setting::Set(want), Some(live)) => {
            for lost in website::lost(live, want) {
                out.displaces(lost);
            }
        }
        _ => {}
    }
    let op = want.value().map_or(BucketOp::DeleteBucketWebsite, |want| BucketOp::PutBucketWebsite(want.clone()));
    out.step(Phase::Change, covers, op);
}

/// Adds the step for request payment. With Requester Pays, S3 rejects anonymous requests and those without the header
/// `x-amz-request-payer` (S3 User Guide, "Using Requester Pays general purpose buckets").
pub fn request_payment(want: Setting<Payer>, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    // A new bucket has S3's default, which needs no call.
    let found = live.map_or(&Setting::Set(Payer::BucketOwner), |live| &live.request_payment);
    let covers = out.setting("request_payment", &want, Some(found));
    let Setting::Set(payer) = want else { return };
    if payer == Payer::Requester && live.is_some() {
        out.remark(&covers, "S3 rejects anonymous requests, and requests without x-amz-request-payer, from now on");
    }
    out.step(Phase::Change, covers, BucketOp::PutBucketRequestPayment(payer));
}

/// Adds the step for Transfer Acceleration, which is suspended if it is unset.
pub fn acceleration(want: Setting<Acceleration>, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    let covers = out.setting("acceleration", &want, live.map(|live| &live.acceleration));
    if want == Setting::Unset {
        out.remark(&covers, "the accelerate endpoint rejects requests from now on");
    }
    out.step(Phase::Change, covers, BucketOp::PutBucketAccelerateConfiguration(want.into_value()));
}

/// Adds the step for Object Lock, which can be enabled but not disabled.
pub fn object_lock(want: &BucketModel, bucket: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    let live = bucket.map(|live| &live.object_lock);
    match &want.object_lock {
        Setting::Unstated => {}
        Setting::Unset => {
            if let Some(lock) = live.and_then(Setting::value) {
                let covers = out.gone("object_lock", lock);
                out.blocked(
                    &covers,
                    "Object Lock cannot be turned off after it was enabled; remove `object_lock: unset`",
                );
            }
        }
        Setting::Set(lock) => {
            let covers = object_lock::diff(lock, live.and_then(Setting::value), out);
            let is_versioned = |bucket: &BucketModel| bucket.versioning == Setting::Set(Versioning::Enabled);
            if !is_versioned(want) && !bucket.is_some_and(is_versioned) {
                const WHY: &str = "Object Lock needs versioning: add `versioning: Enabled`";
                if bucket.is_some() { out.blocked(&covers, WHY) } else { out.never_made(WHY) }
            }
            out.step(Phase::Change, covers, BucketOp::PutObjectLockConfiguration(lock.clone()));
        }
    }
}
