//! `s3.bucket`: a bucket and those of its settings that the spec states.
//!
//! Each setting is its own Get and Put in S3, and what a spec leaves out is neither read nor touched. A Put replaces a
//! whole document, so each document's model is complete, and what it cannot hold is an extra or an error. The steps of
//! one bucket run one after the other, since S3 answers two changes at once with `OperationAborted`. A bucket is never
//! deleted.

mod api;
mod cors;
mod encryption;
mod expiry;
mod follow;
mod lifecycle;
mod lifecycle_check;
mod lifecycle_sdk;
mod logging;
mod name;
mod read;
mod risks;
mod settings;
mod spec;
mod steps;
mod tagging;
#[cfg(test)]
mod tests;
mod write;

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::policy::Policy;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use cors::CorsRule;
use encryption::Encryption;
use lifecycle::{LifecycleRule, MinimumSize};
use logging::Logging;
use settings::{Ownership, PublicAccessBlock, Versioning};
use spec::BucketSpec;
use tagging::TagSettings;

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
    tags: Setting<TagSettings>,
    /// How old the bucket is, in whole days begun, where it has no lifecycle rules: no object is older. Only live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age_days: Option<i64>,
}

/// The calls.
#[derive(Debug, Serialize, Deserialize)]
pub enum BucketOp {
    /// In the region; AWS turns all blocks on, ACLs off and SSE-S3 on.
    CreateBucket,
    /// All four at once.
    PutPublicAccessBlock(PublicAccessBlock),
    /// One rule.
    PutBucketOwnershipControls(Ownership),
    /// One rule; what is unstated in it is sent as it is.
    PutBucketEncryption(Encryption),
    /// On or suspended.
    PutBucketVersioning(Versioning),
    /// The document whole.
    PutBucketPolicy(Policy),
    /// Takes it away.
    DeleteBucketPolicy,
    /// The rules whole and the size that belongs to them; what is unstated is sent as it is.
    PutBucketLifecycleConfiguration {
        /// The rules.
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        rules: Setting<Vec<LifecycleRule>>,
        /// Which objects are too small to be moved.
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        transition_minimum_size: Setting<MinimumSize>,
    },
    /// Takes all rules away.
    DeleteBucketLifecycle,
    /// The rules whole.
    PutBucketCors(Vec<CorsRule>),
    /// Takes all rules away.
    DeleteBucketCors,
    /// The target, or none; what is unstated in it is sent as it is.
    PutBucketLogging(Option<Logging>),
    /// The spec's, with the bucket's others.
    PutBucketTagging(TagSettings),
    /// Takes all away but AWS's own.
    DeleteBucketTagging,
}

impl Kind for Bucket {
    const FACTS: Facts = Facts {
        name: "s3.bucket",
        service: "S3",
        summary: "A bucket, with each sub-configuration that the spec states. It is never deleted.",
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
            "GetBucketTagging",
            "ListBuckets",
        ],
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
            "PutBucketTagging",
            "DeleteBucketTagging",
        ],
        outputs: &["arn", "name"],
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
            "tags",
        ],
        global: true,
        follows: true,
        global_names: true,
        inventory: &["ListBuckets"],
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "the bucket is gone" },
            Weight {
                path: "public_access_block*",
                when: When::Less,
                severity: Severity::High,
                why: "lifts a block on public access",
            },
            Weight {
                path: "public_access_block*",
                when: When::Lacking,
                severity: Severity::High,
                why: "lifts a block on public access",
            },
            Weight {
                path: "policy",
                when: When::Differs,
                severity: Severity::High,
                why: "others may do something else than the spec says",
            },
            Weight {
                path: "logging*",
                when: When::Differs,
                severity: Severity::High,
                why: "who reads it is recorded elsewhere, or nowhere",
            },
            Weight {
                path: "encryption*",
                when: When::Differs,
                severity: Severity::High,
                why: "what is stored is encrypted otherwise",
            },
            Weight {
                path: "ownership",
                when: When::Differs,
                severity: Severity::High,
                why: "access may be given object by object",
            },
            Weight {
                path: "versioning",
                when: When::Differs,
                severity: Severity::High,
                why: "what is overwritten or deleted may be lost",
            },
        ],
        defaults: r#"{"public_access_block": {"block_public_acls": true, "ignore_public_acls": true, "block_public_policy": true, "restrict_public_buckets": true}, "ownership": "BucketOwnerEnforced", "encryption": {"algorithm": "AES256", "kms_key": null, "bucket_key": null}, "policy": null, "lifecycle": null, "cors": null, "logging": null}"#,
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

    /// A bucket that a day makes older is no other bucket.
    fn relevant(_: Option<&BucketModel>, live: BucketModel) -> BucketModel {
        BucketModel { age_days: None, ..live }
    }

    fn desire(name: &str, spec: BucketSpec, notes: &mut Notes<'_>) -> BucketModel {
        spec.into_model(name, notes)
    }

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([
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

    fn write(model: &BucketModel) -> Option<Value> {
        Some(write::write(model))
    }

    fn risks(model: &BucketModel) -> Vec<Risk> {
        risks::risks(model)
    }

    fn extras(op: &BucketOp) -> &'static [&'static str] {
        match op {
            BucketOp::CreateBucket => &[],
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
            tags,
            age_days: _,
        } = want;
        let birth = out.birth();
        out.step(Phase::Create, birth, BucketOp::CreateBucket);
        let there = live.map(|live| &live.public_access_block);
        steps::put("public_access_block", public_access_block, there, out, |block| {
            BucketOp::PutPublicAccessBlock(*block)
        });
        let there = live.map(|live| &live.ownership);
        steps::put("ownership", ownership, there, out, |rule| BucketOp::PutBucketOwnershipControls(*rule));
        steps::encryption(encryption, live, out);
        steps::versioning(*versioning, live, out);
        steps::lifecycle(lifecycle, *transition_minimum_size, live, out);
        let there = live.map(|live| &live.cors);
        let put = |rules: &Vec<CorsRule>| BucketOp::PutBucketCors(rules.clone());
        steps::put_or_delete("cors", cors, there, out, put, BucketOp::DeleteBucketCors);
        steps::logging(logging, live, out);
        steps::policy(policy, live, out);
        tagging::diff(tags, live.map(|live| &live.tags), out);
    }
}
