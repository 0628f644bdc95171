//! `s3.bucket`: a bucket and those of its sub-configurations that the spec states.
//!
//! Each sub-configuration is its own Get and Put in S3, and what a spec leaves out is neither read
//! nor touched. The steps of one bucket run one after the other, since S3 answers two changes at once
//! with `OperationAborted`. A bucket is never deleted.

mod api;
mod config;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::policy::{Policy, PolicySpec};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::reference::Outputs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use config::{
    CorsRule, Encryption, LifecycleRule, Logging, Ownership, PublicAccessBlock, PublicAccessBlockSpec, Versioning,
};

/// The kind `s3.bucket`.
pub struct Bucket;

/// What a person writes of a bucket. What is left out is not managed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Bucket")]
pub struct BucketSpec {
    /// The bucket policy.
    policy: Option<PolicySpec>,
    /// `all`, or each of the four settings.
    public_access_block: Option<PublicAccessBlockSpec>,
    /// Who owns objects that others put; BucketOwnerEnforced turns ACLs off.
    ownership: Option<Ownership>,
    /// Default encryption of new objects.
    encryption: Option<Encryption>,
    /// Whether old versions are kept.
    versioning: Option<Versioning>,
    /// The lifecycle rules, all of them; an empty list takes all away.
    lifecycle: Option<Vec<LifecycleRule>>,
    /// The CORS rules, all of them; an empty list takes all away.
    cors: Option<Vec<CorsRule>>,
    /// Where server access logs go.
    logging: Option<Logging>,
    /// Tags; others stay.
    tags: Option<Tags>,
    /// Why it is meant that the policy lets everyone in, or that a public-access block is off.
    waiver: Option<String>,
}

/// A bucket, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BucketModel {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_access_block: Option<PublicAccessBlock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ownership: Option<Ownership>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encryption: Option<Encryption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    versioning: Option<Versioning>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifecycle: Option<Vec<LifecycleRule>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cors: Option<Vec<CorsRule>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logging: Option<Logging>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum BucketOp {
    /// In the region; AWS turns all blocks on, ACLs off and SSE-S3 on.
    CreateBucket,
    /// All four at once.
    PutPublicAccessBlock(PublicAccessBlock),
    /// One rule.
    PutBucketOwnershipControls(Ownership),
    /// One rule.
    PutBucketEncryption(Encryption),
    /// On or suspended.
    PutBucketVersioning(Versioning),
    /// The document whole.
    PutBucketPolicy(Policy),
    /// The rules whole.
    PutBucketLifecycleConfiguration(Vec<LifecycleRule>),
    /// Takes all rules away.
    DeleteBucketLifecycle,
    /// The rules whole.
    PutBucketCors(Vec<CorsRule>),
    /// Takes all rules away.
    DeleteBucketCors,
    /// The spec's, with the bucket's others.
    PutBucketTagging(Tags),
    /// The target.
    PutBucketLogging(Logging),
}

/// The waiver of a bucket covers what lets the public in.
const PUBLIC: &str = "public";

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
        ],
        writes: &[
            "CreateBucket",
            "PutPublicAccessBlock",
            "PutBucketOwnershipControls",
            "PutBucketEncryption",
            "PutBucketVersioning",
            "PutBucketPolicy",
            "PutBucketLifecycleConfiguration",
            "DeleteBucketLifecycle",
            "PutBucketCors",
            "DeleteBucketCors",
            "PutBucketTagging",
            "PutBucketLogging",
        ],
        outputs: &["arn", "name"],
        global: true,
        follows: true,
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
        defaults: r#"{"public_access_block": {"block_public_acls": true, "ignore_public_acls": true, "block_public_policy": true, "restrict_public_buckets": true}, "ownership": "BucketOwnerEnforced", "lifecycle": [], "cors": [], "encryption": {"algorithm": "AES256", "bucket_key": false}}"#,
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
        parts: &[
            "public_access_block",
            "ownership",
            "encryption",
            "versioning",
            "policy",
            "lifecycle",
            "cors",
            "logging",
            "tags",
        ],
        ..Facts::DEFAULT
    };

    type Spec = BucketSpec;
    type Model = BucketModel;
    type Op = BucketOp;

    /// S3 User Guide, "Bucket naming rules".
    fn check_name(name: &str) -> Result<(), String> {
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let bytes = name.as_bytes();
        let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte);
        let reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
            || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix));
        let why = if !(3..=63).contains(&bytes.len()) {
            format!("it has {} characters, and a bucket's name has 3 to 63", bytes.len())
        } else if let Some(byte) = bytes.iter().find(|byte| !fits(byte)) {
            format!("'{}' is not among the lower-case letters, digits, dots and hyphens it may have", char::from(*byte))
        } else if !edge(bytes.first()) || !edge(bytes.last()) {
            "it starts and ends with a letter or digit".to_owned()
        } else if name.contains("..") {
            "it has two dots in a row".to_owned()
        } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
            "it looks like an address".to_owned()
        } else if reserved {
            "its beginning or end is reserved by AWS".to_owned()
        } else {
            return Ok(());
        };
        Err(format!(
            "S3 does not take '{name}' as a bucket's name: {why}\nchoose another; names are shared by all of AWS"
        ))
    }

    fn desire(name: &str, spec: BucketSpec, notes: &mut Notes<'_>) -> BucketModel {
        if spec.logging.as_ref().is_some_and(|logging| logging.bucket == name) {
            let message = "a bucket that logs into itself logs its own logging, without end";
            notes.fault("logging.bucket", message, "name another bucket of this region");
        }
        for (index, rule) in spec.lifecycle.iter().flatten().enumerate() {
            if let Some(fault) = rule.fault() {
                notes.fault(&format!("lifecycle[{index}]"), fault, "see S3's lifecycle rules");
            }
        }
        for (index, rule) in spec.cors.iter().flatten().enumerate() {
            if let Some(fault) = rule.fault() {
                notes.fault(
                    &format!("cors[{index}]"),
                    fault,
                    "such as {origins: [https://example.com], methods: [GET]}",
                );
            }
        }
        if let Some(fault) = spec.encryption.as_ref().and_then(Encryption::fault) {
            notes.fault("encryption", fault, "kms_key and bucket_key go with algorithm: aws:kms");
        }
        tags::check(spec.tags.as_ref(), notes);
        if let Some(reason) = &spec.waiver {
            notes.waive(PUBLIC, reason, "waiver");
        }
        BucketModel {
            public_access_block: spec.public_access_block.map(|PublicAccessBlockSpec(block)| block),
            ownership: spec.ownership,
            encryption: spec.encryption,
            versioning: spec.versioning,
            policy: spec.policy.and_then(|policy| policy.check("policy", 20 * 1024, notes)),
            lifecycle: spec.lifecycle.map(config::sorted_by_id),
            cors: spec.cors,
            logging: spec.logging,
            tags: spec.tags,
        }
    }

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), format!("arn:{}:s3:::{name}", location.partition)),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    /// The settings of the other bucket, but not where it logs to and who may reach it unless that was
    /// written anew: both name the other bucket or its region's.
    fn follow(
        own: BucketModel,
        source: &LiveResource<BucketModel>,
        location: &Location,
        left: &mut Vec<String>,
    ) -> Option<BucketModel> {
        let there = source.model.clone();
        let names_its_region = |text: &str| text.contains(&source.name) || text.contains(&location.region);
        let policy = there.policy.filter(|policy| {
            let foreign = own.policy.is_none() && names_its_region(&policy.to_aws());
            if foreign {
                left.push("its policy names its own bucket or region, and is not taken over: state `policy:`, or `rewrite:` what it names".to_owned());
            }
            !foreign
        });
        let logging = there.logging.filter(|logging| {
            let foreign = own.logging.is_none() && names_its_region(&logging.bucket);
            if foreign {
                left.push("its logs go to a bucket of its region, which is not taken over: state `logging:`, or `rewrite:` the name".to_owned());
            }
            !foreign
        });
        let encryption = there.encryption.filter(|encryption| {
            let foreign = own.encryption.is_none() && encryption.kms_key.as_deref().is_some_and(names_its_region);
            if foreign {
                left.push("its KMS key is of its region, and is not taken over: state `encryption:`".to_owned());
            }
            !foreign
        });
        Some(BucketModel {
            public_access_block: own.public_access_block.or(there.public_access_block),
            ownership: own.ownership.or(there.ownership),
            encryption: own.encryption.or(encryption),
            versioning: own.versioning.or(there.versioning),
            policy: own.policy.or(policy),
            lifecycle: own.lifecycle.or(there.lifecycle),
            cors: own.cors.or(there.cors),
            logging: own.logging.or(logging),
            tags: tags::over(own.tags, there.tags),
        })
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
            cors,
            logging,
            tags,
        } = want;
        let birth = out.birth();
        out.step(Phase::Create, birth, BucketOp::CreateBucket);
        let mut setting = Setting { live, out };
        let blocks = setting.put(
            "public_access_block",
            public_access_block.as_ref(),
            |live| live.public_access_block.as_ref(),
            |block| BucketOp::PutPublicAccessBlock(*block),
        );
        let _ = setting.put(
            "ownership",
            ownership.as_ref(),
            |live| live.ownership.as_ref(),
            |rule| BucketOp::PutBucketOwnershipControls(*rule),
        );
        let _ = setting.put(
            "encryption",
            encryption.as_ref(),
            |live| live.encryption.as_ref(),
            |rule| BucketOp::PutBucketEncryption(rule.clone()),
        );
        let _ = setting.put(
            "versioning",
            versioning.as_ref(),
            |live| live.versioning.as_ref(),
            |status| BucketOp::PutBucketVersioning(*status),
        );
        let _ = setting.put(
            "lifecycle",
            lifecycle.as_ref(),
            |live| live.lifecycle.as_ref(),
            |rules| match rules.as_slice() {
                [] => BucketOp::DeleteBucketLifecycle,
                rules => BucketOp::PutBucketLifecycleConfiguration(rules.to_vec()),
            },
        );
        let _ = setting.put(
            "cors",
            cors.as_ref(),
            |live| live.cors.as_ref(),
            |rules| match rules.as_slice() {
                [] => BucketOp::DeleteBucketCors,
                rules => BucketOp::PutBucketCors(rules.to_vec()),
            },
        );
        let _ = setting.put(
            "logging",
            logging.as_ref(),
            |live| live.logging.as_ref(),
            |target| BucketOp::PutBucketLogging(target.clone()),
        );
        for lifted in public_access_block.iter().flat_map(|block| block.off()) {
            let was_off =
                live.and_then(|live| live.public_access_block).is_some_and(|block| block.off().contains(&lifted));
            if !was_off {
                out.risk(&blocks, PUBLIC, format!("leaves {lifted} off, which AWS has on in every new bucket"));
            }
        }
        document(policy.as_ref(), live, out);
        let tagged = out.stated_entries("tags", tags.as_ref(), live.and_then(|live| live.tags.as_ref()));
        out.step(Phase::Change, tagged, BucketOp::PutBucketTagging(tags.clone().unwrap_or_default()));
    }
}

fn document(policy: Option<&Policy>, live: Option<&BucketModel>, out: &mut Diff<'_, BucketOp>) {
    let covers = out.document("policy", policy, live.and_then(|live| live.policy.as_ref()));
    let Some(policy) = policy else { return };
    for sid in policy.public_statements() {
        out.risk(&covers, PUBLIC, format!("lets everyone in by the policy's statement {sid}"));
    }
    for sid in policy.lockout_statements() {
        let what = format!("shuts out everyone outside the VPC by the policy's statement {sid}, regionctl included");
        out.risk(&covers, PUBLIC, what);
    }
    out.step(Phase::Change, covers, BucketOp::PutBucketPolicy(policy.clone()));
}

/// The settings that are compared and put whole.
struct Setting<'a, 'b, 'c> {
    live: Option<&'a BucketModel>,
    out: &'b mut Diff<'c, BucketOp>,
}

impl<'a> Setting<'a, '_, '_> {
    /// Returns what differs, which the step covers already.
    fn put<T: Serialize + 'a>(
        &mut self,
        path: &str,
        want: Option<&T>,
        live: impl Fn(&'a BucketModel) -> Option<&'a T>,
        op: impl Fn(&T) -> BucketOp,
    ) -> Covers {
        let Some(want) = want else { return Covers::default() };
        let covers = self.out.stated(path, Some(want), self.live.and_then(live));
        self.out.step(Phase::Change, covers.clone(), op(want));
        covers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_s3_refuses_are_refused_with_the_reason() {
        assert!(Bucket::check_name("supertokens-saas-eu-central-1").is_ok());
        for (name, why) in [
            ("ab", "3 to 63"),
            ("Bucket_1", "'B' is not among"),
            ("-a-b", "starts and ends"),
            ("a..b", "two dots"),
            ("192.168.0.1", "looks like an address"),
            ("xn--abc", "reserved"),
            ("abc-s3alias", "reserved"),
        ] {
            let message = Bucket::check_name(name).unwrap_err();
            assert!(message.contains(why), "{name}: {message}");
        }
    }
}
