// SPDX-License-Identifier: Apache-2.0
//! The spec of a bucket, its checks and the desired model.

use regionctl_core::kind::Notes;
use regionctl_core::model::policy::PolicySpec;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;

use super::cors::{self, CorsRule};
use super::encryption::Encryption;
use super::lifecycle::{self, LifecycleRule, MinimumSize};
use super::logging::Logging;
use super::notifications::{self, Notifications};
use super::object_lock::ObjectLock;
use super::settings::{Acceleration, Ownership, Payer, PublicAccessBlockSpec, Versioning};
use super::tagging;
use super::website::Website;
use super::{BucketModel, risks};
use crate::tags::TagSettings;

/// An S3 general purpose bucket. Settings that are left out are not managed. `unset` removes a setting.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Bucket")]
pub struct BucketSpec {
    /// The bucket policy, at most 20 KB. `unset`: the bucket has no policy.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    policy: Setting<PolicySpec>,
    /// Block Public Access: `all` turns the four settings on, or state each of them. It cannot be unset.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    public_access_block: Setting<PublicAccessBlockSpec>,
    /// S3 Object Ownership: who owns new objects. BucketOwnerEnforced disables ACLs. It cannot be unset.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    ownership: Setting<Ownership>,
    /// Default encryption of new objects. It cannot be unset: S3 encrypts every bucket.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    encryption: Setting<Encryption>,
    /// Versioning: Enabled or Suspended. `unset`: versioning was never enabled; S3 cannot return to this state.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    versioning: Setting<Versioning>,
    /// All lifecycle rules of the bucket. `unset` or `[]`: no rules.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    lifecycle: Setting<Vec<LifecycleRule>>,
    /// The default minimum object size for transitions. It needs lifecycle rules. `unset`: all_storage_classes_128K.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    transition_minimum_size: Setting<MinimumSize>,
    /// All CORS rules of the bucket, in order. `unset` or `[]`: no rules.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    cors: Setting<Vec<CorsRule>>,
    /// Server access logging. `unset`: logging is off.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    logging: Setting<Logging>,
    /// Static website hosting, stated as a whole. `unset`: the bucket has no website.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    website: Setting<Website>,
    /// Who pays for requests and data transfer: BucketOwner or Requester. It cannot be unset.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    request_payment: Setting<Payer>,
    /// Transfer Acceleration: Enabled. `unset`: it is suspended.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    acceleration: Setting<Acceleration>,
    /// Event notifications by id. Notifications with other ids do not change. `unset` removes one of them, or all.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    notifications: Setting<Notifications>,
    /// Whether the bucket sends all events to EventBridge. `unset`: false.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    eventbridge: Setting<bool>,
    /// Object Lock, which needs `versioning: Enabled`. It can never be turned off. `unset`: it was never enabled.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    object_lock: Setting<ObjectLock>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<TagSettings>,
    /// The reason to waive the risks of a public policy, of a website with a public policy, of a policy that denies access
    /// from outside the VPC, of a public access block setting that is off, of a weaker default retention, and of a
    /// destination of notifications that does not exist.
    pub(super) waiver: Option<String>,
}

impl BucketSpec {
    /// Returns the desired model. Adds faults and waivers to the notes.
    pub fn into_model(self, name: &str, notes: &mut Notes<'_>) -> BucketModel {
        self.check(name, notes);
        notes.waive_all(&risks::RULES, self.waiver.as_ref());
        let policy = self.policy.map(|policy| Setting::stated(policy.check("policy", 20 * 1024, notes))).flatten();
        let lifecycle = self.lifecycle.map(lifecycle::canonical).flatten();
        let transition_minimum_size = match self.transition_minimum_size {
            // With rules S3 always has a minimum size, and unset means its default.
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
            website: self.website,
            request_payment: self.request_payment,
            acceleration: self.acceleration.map(Acceleration::canonical).flatten(),
            notifications: self.notifications,
            eventbridge: if self.eventbridge == Setting::Unset { Setting::Set(false) } else { self.eventbridge },
            object_lock: self.object_lock,
            tags: tagging::checked(self.tags, notes),
            age_days: None,
        }
    }

    fn check(&self, name: &str, notes: &mut Notes<'_>) {
        self.check_unset(notes);
        self.check_further(name, notes);
        if let Some((path, fault, help)) = self.logging.value().and_then(|logging| logging.fault(name)) {
            notes.fault(path, fault, help);
        }
        let rules = self.lifecycle.value().map(Vec::as_slice).unwrap_or_default();
        lifecycle::check(rules, notes);
        cors::check(self.cors.value().map(Vec::as_slice).unwrap_or_default(), notes);
        if let Some(fault) = self.encryption.value().and_then(Encryption::fault) {
            notes.fault(
                "encryption",
                fault,
                "set `algorithm: aws:kms` to use `kms_key`; SSE-C is the only value of `blocked_types`",
            );
        }
        let size = &self.transition_minimum_size;
        let without_rules = if self.lifecycle.is_unstated() {
            // The lifecycle rules may be copied from the source.
            !size.is_unstated() && !notes.follows
        } else {
            size.is_set() && rules.is_empty()
        };
        if without_rules {
            let message = "`transition_minimum_size` needs lifecycle rules, and the spec states none";
            notes.fault("transition_minimum_size", message, "add `lifecycle:`");
        }
    }

    fn check_further(&self, name: &str, notes: &mut Notes<'_>) {
        for (field, what, help) in self.website.value().map(Website::faults).unwrap_or_default() {
            let at = if field.is_empty() { "website".to_owned() } else { format!("website.{field}") };
            notes.fault(&at, what, help);
        }
        notifications::check(&self.notifications, notes);
        if self.acceleration == Setting::Set(Acceleration::Enabled) && name.contains('.') {
            let message = "Transfer Acceleration does not support a bucket name with periods";
            notes.fault("acceleration", message, "remove `acceleration`, or choose a name without periods");
        }
        for path in self.object_lock.value().map(ObjectLock::faults).unwrap_or_default() {
            let message = "the period needs either `days` from 1 to 36500 or `years` from 1 to 100";
            notes.fault(path, message, "write one of them");
        }
        let is_versioned = match self.versioning {
            // The live bucket may have it.
            Setting::Unstated => true,
            Setting::Unset => false,
            Setting::Set(status) => status == Versioning::Enabled,
        };
        if self.object_lock.is_set() && !is_versioned {
            let message = "`object_lock` needs versioning, and the spec does not enable it";
            notes.fault("object_lock", message, "add `versioning: Enabled`");
        }
    }

    /// Rejects `unset` for settings that every bucket has.
    fn check_unset(&self, notes: &mut Notes<'_>) {
        if self.public_access_block == Setting::Unset {
            let message = "`public_access_block` cannot be unset: without it, all four settings are off";
            notes.fault("public_access_block", message, "state each of the four settings");
        }
        if self.ownership == Setting::Unset {
            let message = "`ownership` cannot be unset: every bucket has one";
            notes.fault(
                "ownership",
                message,
                "write `ownership: ObjectWriter`, which S3 uses without ownership controls",
            );
        }
        if self.request_payment == Setting::Unset {
            let message = "`request_payment` cannot be unset: every bucket has one";
            notes.fault("request_payment", message, "write `request_payment: BucketOwner`, which is S3's default");
        }
        if self.encryption == Setting::Unset {
            let message = "`encryption` cannot be unset: S3 encrypts every bucket";
            notes.fault("encryption", message, "write `encryption: {algorithm: AES256}` for SSE-S3");
        }
    }
}
