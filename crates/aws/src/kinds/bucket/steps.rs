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
use super::settings::Versioning;
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
    let live = live.map(|live| &live.versioning);
    let covers = out.setting("versioning", &want, live);
    match want {
        Setting::Unstated => {}
        Setting::Unset => {
            out.blocked(&covers, "versioning cannot be unset after it was enabled; write `versioning: Suspended`");
        }
        Setting::Set(status) => {
            let is_enabled = live == Some(&Setting::Set(Versioning::Enabled));
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
