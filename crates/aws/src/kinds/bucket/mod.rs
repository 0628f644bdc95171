// SPDX-License-Identifier: Apache-2.0
//! `s3.bucket`: a bucket and the settings that the spec states. A bucket is never deleted.
//!
//! S3 has one Get and one Put call per setting. Settings that the spec leaves out are neither read nor changed. A Put
//! replaces the whole setting, so the model of a setting is complete: what it cannot express is an extra or an error.
//! The steps of one bucket run in sequence, because S3 rejects concurrent changes with `OperationAborted`.

mod api;
mod cors;
mod defects;
mod encryption;
mod expiry;
mod follow;
mod lifecycle;
mod lifecycle_check;
mod lifecycle_order;
mod lifecycle_sdk;
mod logging;
mod name;
mod notification_sdk;
mod notifications;
mod object_lock;
mod read;
mod read_further;
mod risks;
mod settings;
mod spec;
mod steps;
mod tagging;
#[cfg(test)]
mod tests;
mod website;
mod write;

use regionctl_core::diff::Diff;
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Need, Notes, Risk};
use regionctl_core::model::policy::Policy;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use cors::CorsRule;
use encryption::Encryption;
use lifecycle::{LifecycleRule, MinimumSize};
use logging::Logging;
use notifications::Notifications;
use object_lock::ObjectLock;
use settings::{Acceleration, Ownership, Payer, PublicAccessBlock, Versioning};
use spec::BucketSpec;
use website::Website;

use crate::tags::TagSettings;

/// The kind `s3.bucket`.
pub struct Bucket;

/// A bucket, desired or live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    public_access_block: Setting<PublicAccessBlock>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    ownership: Setting<Ownership>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    encryption: Setting<Encryption>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    versioning: Setting<Versioning>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    policy: Setting<Policy>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    lifecycle: Setting<Vec<LifecycleRule>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    transition_minimum_size: Setting<MinimumSize>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    cors: Setting<Vec<CorsRule>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    logging: Setting<Logging>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    website: Setting<Website>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    request_payment: Setting<Payer>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    acceleration: Setting<Acceleration>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    notifications: Setting<Notifications>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    eventbridge: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    object_lock: Setting<ObjectLock>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<TagSettings>,
    /// Live only, and only for a bucket without lifecycle rules: the bucket's age in days, rounded up. No object is
    /// older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age_days: Option<i64>,
}

/// The S3 calls that create and change a bucket.
#[derive(Debug, Serialize, Deserialize)]
pub enum BucketOp {
    /// Creates the bucket in the region. S3 turns on Block Public Access and SSE-S3, and disables ACLs.
    CreateBucket {
        /// The spec's tags, and regionctl's own.
        tags: Tags,
    },
    /// Replaces the four settings.
    PutPublicAccessBlock(PublicAccessBlock),
    /// Replaces the ownership controls, which have one rule.
    PutBucketOwnershipControls(Ownership),
    /// Replaces the encryption rule. Unstated parts are sent with their live values.
    PutBucketEncryption(Encryption),
    /// Enables or suspends versioning.
    PutBucketVersioning(Versioning),
    /// Replaces the policy document.
    PutBucketPolicy(Policy),
    /// Deletes the whole policy, not single statements.
    DeleteBucketPolicy,
    /// Replaces all rules and the minimum object size. An unstated part is sent with its live value.
    PutBucketLifecycleConfiguration {
        /// All lifecycle rules of the bucket.
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        rules: Setting<Vec<LifecycleRule>>,
        /// The default minimum object size for transitions.
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        transition_minimum_size: Setting<MinimumSize>,
    },
    /// Deletes all lifecycle rules, and with them the minimum object size.
    DeleteBucketLifecycle,
    /// Replaces all CORS rules.
    PutBucketCors(Vec<CorsRule>),
    /// Deletes all CORS rules.
    DeleteBucketCors,
    /// Replaces the logging target, or turns logging off. Unstated parts are sent with their live values.
    PutBucketLogging(Option<Logging>),
    /// Replaces the website configuration.
    PutBucketWebsite(Website),
    /// Removes the website configuration.
    DeleteBucketWebsite,
    /// Sets who pays for requests and data transfer.
    PutBucketRequestPayment(Payer),
    /// Enables Transfer Acceleration, or suspends it.
    PutBucketAccelerateConfiguration(Option<Acceleration>),
    /// Sets and removes the spec's notifications. Notifications with other ids are sent back.
    PutBucketNotificationConfiguration {
        /// The notifications to set or to remove, by id.
        notifications: Notifications,
        /// Whether the bucket sends all events to EventBridge. An unstated switch is sent with its live value.
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        eventbridge: Setting<bool>,
    },
    /// Enables Object Lock and replaces its defaults. Unstated parts are sent with their live values.
    PutObjectLockConfiguration(ObjectLock),
    /// Sets and removes the spec's tags. The bucket's other tags are sent unchanged.
    PutBucketTagging(TagSettings),
    /// Removes all tags except AWS system tags.
    DeleteBucketTagging,
}

impl Kind for Bucket {
    const FACTS: Facts = Facts {
        name: "s3.bucket",
        service: "S3",
        // In some regions, reads return earlier lifecycle rules for minutes.
        patience: std::time::Duration::from_mins(3),
        summary: "A bucket and the settings that the spec states. regionctl never deletes a bucket.",
        reads: &[
            "HeadBucket",
            "GetBucketPolicy",
            "GetPublicAccessBlock",
            "GetBucketOwnershipControls",
            "GetBucketEncryption",
            "GetBucketVersioning",
            "GetBucketLifecycleConfiguration",
            "GetBucketCors",
            "GetBucketLogging",
            "GetBucketWebsite",
            "GetBucketRequestPayment",
            "GetBucketAccelerateConfiguration",
            "GetBucketNotificationConfiguration",
            "GetObjectLockConfiguration",
            "GetBucketTagging",
            "ListBuckets",
        ],
        creation_tags: true,
        defect_rules: &[defects::DEAD_DESTINATION],
        looks_up: &defects::LOOKS_UP,
        also: &[Need::always("s3:TagResource", &["arn:{partition}:s3:::{name}"])],
        writes: &[
            "CreateBucket",
            "PutPublicAccessBlock",
            "PutBucketOwnershipControls",
            "PutBucketEncryption",
            "PutBucketVersioning",
            "PutBucketPolicy",
            "DeleteBucketPolicy",
            "PutBucketLifecycleConfiguration",
            "DeleteBucketLifecycle",
            "PutBucketCors",
            "DeleteBucketCors",
            "PutBucketLogging",
            "PutBucketWebsite",
            "DeleteBucketWebsite",
            "PutBucketRequestPayment",
            "PutBucketAccelerateConfiguration",
            "PutBucketNotificationConfiguration",
            "PutObjectLockConfiguration",
            "PutBucketTagging",
            "DeleteBucketTagging",
        ],
        attributes: &["arn", "name"],
        name_fields: &["bucket"],
        parts: &[
            "public_access_block",
            "ownership",
            "encryption",
            "versioning",
            "policy",
            "lifecycle",
            "transition_minimum_size",
            "cors",
            "logging",
            "website",
            "request_payment",
            "acceleration",
            "notifications",
            "eventbridge",
            "object_lock",
            "tags",
        ],
        global: true,
        follows: true,
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
        in_region: &["logging.bucket"],
        global_names: true,
        inventory: &["ListBuckets"],
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "the bucket does not exist" },
            Weight {
                path: "public_access_block*",
                when: When::Less,
                severity: Severity::High,
                why: "a public access block is off",
            },
            Weight {
                path: "public_access_block*",
                when: When::Lacking,
                severity: Severity::High,
                why: "a public access block is off",
            },
            Weight {
                path: "policy",
                when: When::Differs,
                severity: Severity::High,
                why: "the bucket policy grants or denies different access",
            },
            Weight {
                path: "logging*",
                when: When::Differs,
                severity: Severity::High,
                why: "access logs are delivered elsewhere or not at all",
            },
            Weight {
                path: "encryption*",
                when: When::Differs,
                severity: Severity::High,
                why: "new objects are encrypted differently",
            },
            Weight {
                path: "ownership",
                when: When::Differs,
                severity: Severity::High,
                why: "ACLs may grant access to objects",
            },
            Weight {
                path: "versioning",
                when: When::Differs,
                severity: Severity::High,
                why: "overwritten or deleted objects may be lost",
            },
            Weight {
                path: "object_lock*",
                when: When::Differs,
                severity: Severity::High,
                why: "new objects are protected differently from deletion",
            },
            Weight {
                path: "notifications*",
                when: When::Differs,
                severity: Severity::High,
                why: "events are sent elsewhere or not at all",
            },
            Weight {
                path: "eventbridge",
                when: When::Differs,
                severity: Severity::High,
                why: "events are sent elsewhere or not at all",
            },
            Weight {
                path: "website*",
                when: When::Differs,
                severity: Severity::High,
                why: "the website endpoint answers differently",
            },
        ],
        defaults: r#"{"public_access_block": {"block_public_acls": true, "ignore_public_acls": true, "block_public_policy": true, "restrict_public_buckets": true}, "ownership": "BucketOwnerEnforced", "encryption": {"algorithm": "AES256", "kms_key": null, "bucket_key": null}, "policy": null, "lifecycle": null, "cors": null, "logging": null, "website": null, "request_payment": "BucketOwner", "acceleration": null, "notifications": null, "eventbridge": false, "object_lock": null}"#,
        example: "
s3.bucket:
  uploads-${region}:
    public_access_block: all
    ownership: BucketOwnerEnforced
    encryption: {algorithm: AES256}
    versioning: Enabled
    lifecycle:
      - {id: old-versions, noncurrent_expire_days: 30}
    logging: {bucket: \"access-logs-${region}\", prefix: uploads/}
    notifications:
      new-objects: {queue: \"arn:${partition}:sqs:${region}:${account}:uploads\", events: [\"s3:ObjectCreated:*\"]}
    tags: {Team: sre}
",
        ..Facts::DEFAULT
    };

    type Spec = BucketSpec;
    type Model = BucketModel;
    type Op = BucketOp;

    fn check_name(name: &str) -> Result<(), String> {
        name::check(name)
    }

    /// Drops the age, so that a saved plan stays valid the next day, and the notifications that the spec does not state.
    fn relevant(want: Option<&BucketModel>, live: BucketModel) -> BucketModel {
        let stated = want.map_or(Setting::Unstated, |want| want.notifications.clone());
        let notifications = notifications::relevant(&stated, live.notifications);
        BucketModel { age_days: None, notifications, ..live }
    }

    fn desire(name: &str, spec: BucketSpec, notes: &mut Notes<'_>) -> BucketModel {
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        spec.into_model(name, notes)
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([
            ("arn".to_owned(), format!("arn:{}:s3:::{name}", location.partition)),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn follow(
        own: BucketModel,
        source: &LiveResource<BucketModel>,
        location: &Location,
        left: &mut Vec<String>,
    ) -> Option<BucketModel> {
        Some(follow::follow(own, source, location, left))
    }

    fn defects(want: &BucketModel, _: Option<&BucketModel>, seen: &Seen<'_>) -> Vec<Risk> {
        defects::defects(want, seen)
    }

    fn write(model: &BucketModel) -> Option<Value> {
        Some(write::write(model))
    }

    fn risks(model: &BucketModel) -> Vec<Risk> {
        risks::risks(model)
    }

    fn extras(op: &BucketOp) -> &'static [&'static str] {
        match op {
            BucketOp::CreateBucket { .. } => &[],
            BucketOp::PutPublicAccessBlock(_) => &["public_access_block"],
            BucketOp::PutBucketOwnershipControls(_) => &["ownership"],
            BucketOp::PutBucketEncryption(_) => &["encryption"],
            BucketOp::PutBucketVersioning(_) => &["versioning"],
            BucketOp::PutBucketPolicy(_) | BucketOp::DeleteBucketPolicy => &["policy"],
            BucketOp::PutBucketLifecycleConfiguration { .. } | BucketOp::DeleteBucketLifecycle => {
                &["lifecycle", "transition_minimum_size"]
            }
            BucketOp::PutBucketCors(_) | BucketOp::DeleteBucketCors => &["cors"],
            BucketOp::PutBucketLogging(_) => &["logging"],
            BucketOp::PutBucketWebsite(_) | BucketOp::DeleteBucketWebsite => &["website"],
            BucketOp::PutBucketRequestPayment(_) => &["request_payment"],
            BucketOp::PutBucketAccelerateConfiguration(_) => &["acceleration"],
            BucketOp::PutBucketNotificationConfiguration { .. } => &["notifications", "eventbridge"],
            BucketOp::PutObjectLockConfiguration(_) => &["object_lock"],
            BucketOp::PutBucketTagging(_) | BucketOp::DeleteBucketTagging => &["tags"],
        }
    }

    fn remove(_: &BucketModel, out: &mut Diff<'_, BucketOp>) {
        out.never_removed("regionctl never deletes a bucket; empty and delete it by hand");
    }

    fn diff(want: &BucketModel, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
        let BucketModel {
            public_access_block,
            ownership,
            encryption,
            versioning,
            policy,
            lifecycle,
            transition_minimum_size,
            cors,
            logging,
            website,
            request_payment,
            acceleration,
            notifications,
            eventbridge,
            object_lock: _,
            tags,
            age_days: _,
        } = want;
        let live_block = live.map(|live| &live.public_access_block);
        steps::put("public_access_block", public_access_block, live_block, out, |block| {
            BucketOp::PutPublicAccessBlock(*block)
        });
        let live_ownership = live.map(|live| &live.ownership);
        steps::put("ownership", ownership, live_ownership, out, |rule| BucketOp::PutBucketOwnershipControls(*rule));
        steps::encryption(encryption, live, out);
        steps::versioning(*versioning, live, out);
        steps::object_lock(want, live, out);
        steps::lifecycle(lifecycle, *transition_minimum_size, live, out);
        let live_cors = live.map(|live| &live.cors);
        let put = |rules: &Vec<CorsRule>| BucketOp::PutBucketCors(rules.clone());
        steps::put_or_delete("cors", cors, live_cors, out, put, BucketOp::DeleteBucketCors);
        steps::logging(logging, live, out);
        steps::website(website, live, out);
        steps::request_payment(*request_payment, live, out);
        steps::acceleration(*acceleration, live, out);
        steps::policy(policy, live, out);
        notifications::diff(notifications, *eventbridge, live, out);
        tagging::diff(tags, live.map(|live| &live.tags), out);
    }
}
