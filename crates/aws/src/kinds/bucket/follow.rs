//! What a bucket takes over from the one that it follows.

use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::setting::Setting;

use super::encryption::{Algorithm, Encryption};
use super::lifecycle::MinimumSize;
use super::logging::Logging;
use super::{BucketModel, tagging};

/// Lays what the spec states over the other bucket's settings, but for those that name the other bucket or its region:
/// they are left out, and `left` says so.
///
/// A source without a policy, logging or versioning says nothing about the copy: who may reach it and where it logs to
/// is each region's own, and versioning cannot be unset.
pub fn follow(
    own: BucketModel,
    source: &LiveResource<BucketModel>,
    location: &Location,
    left: &mut Vec<String>,
) -> BucketModel {
    let there = source.model.clone();
    let names_its_region = |text: &str| text.contains(&source.name) || text.contains(&location.region);
    let policy = there.policy.filter(|policy| {
        let foreign = own.policy.is_unstated() && names_its_region(&policy.to_aws());
        if foreign {
            left.push("its policy names its own bucket or region, and is not taken over: state `policy:`, or `rewrite:` what it names".to_owned());
        }
        !foreign
    });
    let logging = there.logging.filter(|logging| {
        let names = [&logging.bucket, &logging.prefix].into_iter().any(|text| names_its_region(text));
        let foreign = own.logging.is_unstated() && names;
        if foreign {
            left.push("its logging names its own bucket or region, and is not taken over: state `logging:`, or `rewrite:` what it names".to_owned());
        }
        !foreign
    });
    let encryption = there.encryption.filter(|encryption| {
        let foreign = own.encryption.is_unstated() && has_regional_key(encryption);
        if foreign {
            left.push(
                "its KMS key is of its region, and its encryption is not taken over: state `encryption:`".to_owned(),
            );
        }
        !foreign
    });
    let lifecycle = own.lifecycle.or(there.lifecycle);
    let minimum = if lifecycle.is_set() {
        match own.transition_minimum_size.or(there.transition_minimum_size) {
            Setting::Unset => Setting::Set(MinimumSize::AllStorageClasses128K),
            stated => stated,
        }
    } else {
        if own.transition_minimum_size.is_set() {
            left.push(
                "it has no lifecycle rules, so `transition_minimum_size:` is not set: state `lifecycle:` too"
                    .to_owned(),
            );
        }
        Setting::Unstated
    };
    BucketModel {
        public_access_block: own.public_access_block.or(there.public_access_block),
        ownership: own.ownership.or(there.ownership),
        encryption: over_encryption(own.encryption, encryption),
        versioning: own.versioning.or(where_set(there.versioning)),
        policy: own.policy.or(where_set(policy)),
        lifecycle,
        transition_minimum_size: minimum,
        cors: own.cors.or(there.cors),
        logging: over_logging(own.logging, where_set(logging)),
        tags: tagging::over(own.tags, there.tags),
        age_days: None,
    }
}

fn where_set<T>(setting: Setting<T>) -> Setting<T> {
    if setting.is_set() { setting } else { Setting::Unstated }
}

/// A key's id and its ARN are of one region; an alias can stand for a key in each.
fn has_regional_key(encryption: &Encryption) -> bool {
    encryption.kms_key.is_set_and(|key| !key.starts_with("alias/"))
}

/// What a spec's encryption leaves out comes from the source, except for its key. A source that blocks no encryption type
/// says nothing about the copy: AWS blocks SSE-C in new buckets, and that is not undone unasked.
fn over_encryption(own: Setting<Encryption>, source: Setting<Encryption>) -> Setting<Encryption> {
    let source = source.map(|it| Encryption { blocked_types: where_set(it.blocked_types), ..it });
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

/// What a spec's logging leaves out comes from the source.
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
