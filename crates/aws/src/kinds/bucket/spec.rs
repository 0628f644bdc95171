//! What a person writes of a bucket, and what is wanted by it.

use regionctl_core::kind::Notes;
use regionctl_core::model::policy::PolicySpec;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;

use super::cors::{self, CorsRule};
use super::encryption::Encryption;
use super::lifecycle::{self, LifecycleRule, MinimumSize};
use super::logging::Logging;
use super::settings::{Ownership, PublicAccessBlockSpec, Versioning};
use super::tagging::{self, TagSettings};
use super::{BucketModel, risks};

/// What a person writes of a bucket. What is left out is not managed, and `unset` removes a setting.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Bucket")]
pub struct BucketSpec {
    /// The bucket policy; unset for none.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    policy: Setting<PolicySpec>,
    /// `all`, or each of the four settings.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    public_access_block: Setting<PublicAccessBlockSpec>,
    /// Who owns objects that others put; BucketOwnerEnforced turns ACLs off.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    ownership: Setting<Ownership>,
    /// Default encryption of new objects. What it leaves out stays as it is.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    encryption: Setting<Encryption>,
    /// Whether old versions are kept; unset for a bucket that never had versioning.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    versioning: Setting<Versioning>,
    /// The lifecycle rules, all of them; unset or an empty list for none.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    lifecycle: Setting<Vec<LifecycleRule>>,
    /// Which objects are too small to be moved by the lifecycle rules; unset for AWS's default.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    transition_minimum_size: Setting<MinimumSize>,
    /// The CORS rules, all of them; unset or an empty list for none.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    cors: Setting<Vec<CorsRule>>,
    /// Where server access logs go; unset for nowhere.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    logging: Setting<Logging>,
    /// Tags; others stay, and an unset one is removed.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<TagSettings>,
    /// Why it is meant that the policy lets everyone in or locks everyone out, or that a public-access block is off.
    waiver: Option<String>,
}

impl BucketSpec {
    /// Turns it into what is wanted; faults go into the notes.
    pub fn into_model(self, name: &str, notes: &mut Notes<'_>) -> BucketModel {
        self.check(name, notes);
        if let Some(reason) = &self.waiver {
            for rule in risks::RULES {
                notes.waive(rule, reason, "waiver");
            }
        }
        let policy = self.policy.map(|policy| Setting::stated(policy.check("policy", 20 * 1024, notes))).flatten();
        let lifecycle = self.lifecycle.map(lifecycle::canonical).flatten();
        let transition_minimum_size = match self.transition_minimum_size {
            Setting::Unset if lifecycle.is_set() => Setting::Set(MinimumSize::AllStorageClasses128K),
            other => other,
        };
        BucketModel {
            public_access_block: self.public_access_block.map(|PublicAccessBlockSpec(block)| block),
            ownership: self.ownership,
            encryption: self.encryption.map(Encryption::canonical),
            versioning: self.versioning,
            policy,
            lifecycle,
            transition_minimum_size,
            cors: self.cors.map(cors::canonical).flatten(),
            logging: self.logging.map(Logging::canonical),
            tags: tagging::checked(self.tags, notes),
            age_days: None,
        }
    }

    fn check(&self, name: &str, notes: &mut Notes<'_>) {
        self.check_unset(notes);
        if let Some((path, fault, help)) = self.logging.value().and_then(|logging| logging.fault(name)) {
            notes.fault(path, fault, help);
        }
        let rules = self.lifecycle.value().map(Vec::as_slice).unwrap_or_default();
        lifecycle::check(rules, notes);
        cors::check(self.cors.value().map(Vec::as_slice).unwrap_or_default(), notes);
        if let Some(fault) = self.encryption.value().and_then(Encryption::fault) {
            notes.fault("encryption", fault, "kms_key and bucket_key go with algorithm: aws:kms");
        }
        let size = &self.transition_minimum_size;
        let alone = if self.lifecycle.is_unstated() {
            // What follows another may have that one's rules.
            !size.is_unstated() && !notes.follows
        } else {
            size.is_set() && rules.is_empty()
        };
        if alone {
            let message = "the size is sent with the lifecycle rules, and the spec states none";
            notes.fault("transition_minimum_size", message, "state `lifecycle:` too");
        }
    }

    /// Some settings every bucket has.
    fn check_unset(&self, notes: &mut Notes<'_>) {
        if self.public_access_block == Setting::Unset {
            let message = "a public access block cannot be unset: without one all four settings are off";
            notes.fault("public_access_block", message, "state the four settings");
        }
        if self.ownership == Setting::Unset {
            let message = "the ownership cannot be unset: every bucket has one";
            notes.fault("ownership", message, "state ObjectWriter, which is what S3 does without a rule");
        }
        if self.encryption == Setting::Unset {
            let message = "the encryption cannot be unset: S3 encrypts every bucket";
            notes.fault("encryption", message, "state {algorithm: AES256} for S3's own keys");
        }
    }
}
