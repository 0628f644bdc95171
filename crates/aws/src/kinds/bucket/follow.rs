// SPDX-License-Identifier: Apache-2.0
//! Copies settings from the bucket that a bucket follows.

use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::setting::Setting;

use super::encryption::{Algorithm, Encryption};
use super::lifecycle::MinimumSize;
use super::logging::Logging;
use super::settings::Versioning;
use super::{BucketModel, notifications, tagging};

/// Merges the spec over the settings of the source. Settings that name the source bucket or its region are not copied;
/// `left` explains which and what to do.
///
/// An unset policy, logging, website or versioning of the source is not copied: access and delivery differ by region, and
/// versioning cannot be unset. Neither is Object Lock, which can never be turned off.
pub fn follow(
    own: BucketModel,
    source: &LiveResource<BucketModel>,
    location: &Location,
    left: &mut Vec<String>,
) -> BucketModel {
    let source_model = source.model.clone();
    let names_source = |text: &str| text.contains(&source.name) || text.contains(&location.region);
    let policy = source_model.policy.filter(|policy| {
        let names = own.policy.is_unstated() && names_source(&policy.to_aws());
        is_copied("the policy", "policy", names, left)
    });
    let logging = source_model.logging.filter(|logging| {
        let names = [&logging.bucket, &logging.prefix].into_iter().any(|text| names_source(text));
        is_copied("logging", "logging", own.logging.is_unstated() && names, left)
    });
    let encryption = source_model.encryption.filter(|encryption| {
        let not_copied = own.encryption.is_unstated() && has_regional_key(encryption);
        if not_copied {
            left.push(
                "encryption is not copied, because its KMS key belongs to the source region; add `encryption:`"
                    .to_owned(),
            );
        }
        !not_copied
    });
    let website = source_model.website.filter(|website| {
        let text = serde_json::to_string(website).unwrap_or_default();
        is_copied("the website", "website", own.website.is_unstated() && names_source(&text), left)
    });
    if own.object_lock.is_unstated() && source_model.object_lock.is_set() {
        left.push("Object Lock is not copied, because it can never be turned off; add `object_lock:`".to_owned());
    }
    let lifecycle = own.lifecycle.or(source_model.lifecycle);
    let minimum =
        minimum_size(lifecycle.is_set(), own.transition_minimum_size, source_model.transition_minimum_size, left);
    let versioning = own.versioning.or(set_or_unstated(source_model.versioning));
    if own.object_lock.is_set() && !versioning.is_set_and(|status| *status == Versioning::Enabled) {
        left.push(
            "`object_lock` needs versioning, which the source has not enabled; add `versioning: Enabled`".to_owned(),
        );
    }
    let region = &location.region;
    BucketModel {
        public_access_block: own.public_access_block.or(source_model.public_access_block),
        ownership: own.ownership.or(source_model.ownership),
        encryption: over_encryption(own.encryption, encryption),
        versioning,
        policy: own.policy.or(set_or_unstated(policy)),
        lifecycle,
        transition_minimum_size: minimum,
        cors: own.cors.or(source_model.cors),
        logging: over_logging(own.logging, set_or_unstated(logging)),
        website: own.website.or(set_or_unstated(website)),
        request_payment: own.request_payment.or(source_model.request_payment),
        acceleration: own.acceleration.or(source_model.acceleration),
        notifications: notifications::over(own.notifications, source_model.notifications, region, left),
        eventbridge: own.eventbridge.or(source_model.eventbridge.filter(|is_on| *is_on)),
        object_lock: own.object_lock,
        tags: tagging::over(own.tags, source_model.tags),
        age_days: None,
    }
}

/// Returns whether a setting of the source is copied: not if it names the source bucket or region, and then `left` says so.
fn is_copied(what: &str, field: &str, names_source: bool, left: &mut Vec<String>) -> bool {
    if names_source {
        left.push(format!(
            "{what} is not copied, because it names the source bucket or region; add `{field}:`, or replace the names with \
             `rewrite:`"
        ));
    }
    !names_source
}

/// Returns the minimum object size for transitions, which exists only with lifecycle rules.
fn minimum_size(
    has_rules: bool,
    own: Setting<MinimumSize>,
    source: Setting<MinimumSize>,
    left: &mut Vec<String>,
) -> Setting<MinimumSize> {
    if has_rules {
        return match own.or(source) {
            // With rules S3 always has a minimum size, and unset means its default.
            Setting::Unset => Setting::Set(MinimumSize::AllStorageClasses128K),
            stated => stated,
        };
    }
    if own.is_set() {
        left.push(
            "`transition_minimum_size` is not set, because there are no lifecycle rules; add `lifecycle:`".to_owned(),
        );
    }
    Setting::Unstated
}

/// Turns an unset setting into an unstated one.
fn set_or_unstated<T>(setting: Setting<T>) -> Setting<T> {
    if setting.is_set() { setting } else { Setting::Unstated }
}

/// Whether the KMS key exists only in the source region. Key IDs and ARNs are regional; an alias can exist in every
/// region.
fn has_regional_key(encryption: &Encryption) -> bool {
    encryption.kms_key.is_set_and(|key| !key.starts_with("alias/"))
}

/// Merges a spec's encryption over the source's. The source's key is not copied into a stated encryption. A source
/// without blocked types leaves the copy's unstated: S3 blocks SSE-C in new buckets, and copying must not unblock it.
fn over_encryption(own: Setting<Encryption>, source: Setting<Encryption>) -> Setting<Encryption> {
    let source = source.map(|it| Encryption { blocked_types: set_or_unstated(it.blocked_types), ..it });
    match (own, source) {
        (Setting::Set(mut own), Setting::Set(source)) => {
            let kms = |algorithm: Algorithm| algorithm != Algorithm::AES256;
            if kms(own.algorithm) && kms(source.algorithm) {
                own.bucket_key = own.bucket_key.or(source.bucket_key);
            }
            own.blocked_types = own.blocked_types.or(source.blocked_types);
            Setting::Set(own)
        }
        (own, source) => own.or(source),
    }
}

/// Merges a spec's logging over the source's.
fn over_logging(own: Setting<Logging>, source: Setting<Logging>) -> Setting<Logging> {
    match (own, source) {
        (Setting::Set(mut own), Setting::Set(source)) => {
            own.key_format = own.key_format.or(source.key_format);
            own.grants = own.grants.or(source.grants);
            Setting::Set(own)
        }
        (own, source) => own.or(source),
    }
}
