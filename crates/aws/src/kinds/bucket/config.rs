//! The sub-configurations in one form for spec and AWS: what a person writes is what is compared.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// What a person writes of the public-access block: `all`, or the four settings.
#[derive(Debug, Clone, Copy)]
pub struct PublicAccessBlockSpec(pub PublicAccessBlock);

const ALL_FOUR: PublicAccessBlock = PublicAccessBlock {
    block_public_acls: true,
    ignore_public_acls: true,
    block_public_policy: true,
    restrict_public_buckets: true,
};

impl<'de> Deserialize<'de> for PublicAccessBlockSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllOrEach;
        impl<'de> Visitor<'de> for AllOrEach {
            type Value = PublicAccessBlockSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all`, or a mapping of the four settings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                if text == "all" {
                    return Ok(PublicAccessBlockSpec(ALL_FOUR));
                }
                Err(E::invalid_type(de::Unexpected::Str(text), &self))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let block = PublicAccessBlock::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(PublicAccessBlockSpec(block))
            }
        }
        deserializer.deserialize_any(AllOrEach)
    }
}

impl JsonSchema for PublicAccessBlockSpec {
    fn schema_name() -> Cow<'static, str> {
        "PublicAccessBlockSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let each = generator.subschema_for::<PublicAccessBlock>();
        json_schema!({
            "description": "`all` turns the four settings on; or state each.",
            "anyOf": [{ "const": "all" }, each],
        })
    }
}

/// The four settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // AWS's own four
pub struct PublicAccessBlock {
    /// Refuses ACLs that let the public in.
    pub block_public_acls: bool,
    /// Ignores those that are there.
    pub ignore_public_acls: bool,
    /// Refuses policies that let the public in.
    pub block_public_policy: bool,
    /// Shuts the public out of buckets whose policy lets it in.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// Returns the names of the settings that are off.
    pub fn off(self) -> Vec<&'static str> {
        [
            ("block_public_acls", self.block_public_acls),
            ("ignore_public_acls", self.ignore_public_acls),
            ("block_public_policy", self.block_public_policy),
            ("restrict_public_buckets", self.restrict_public_buckets),
        ]
        .into_iter()
        .filter_map(|(name, on)| (!on).then_some(name))
        .collect()
    }
}

/// Who owns what others put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Ownership {
    /// The bucket's owner, always; ACLs are off.
    BucketOwnerEnforced,
    /// The bucket's owner, if the ACL says so.
    BucketOwnerPreferred,
    /// Who put it.
    ObjectWriter,
}

/// Whether old versions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Versioning {
    /// They are.
    Enabled,
    /// No longer.
    Suspended,
}

/// Default encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// How.
    pub algorithm: Algorithm,
    /// The KMS key's ARN or id; AWS's own key where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Whether one data key serves many objects.
    #[serde(default)]
    pub bucket_key: bool,
}

/// AWS's names of the algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// SSE-S3.
    AES256,
    /// SSE-KMS.
    #[serde(rename = "aws:kms")]
    Kms,
    /// DSSE-KMS.
    #[serde(rename = "aws:kms:dsse")]
    KmsDsse,
}

impl Encryption {
    /// Says what AWS refuses.
    pub fn fault(&self) -> Option<String> {
        (self.algorithm == Algorithm::AES256 && self.kms_key.is_some())
            .then(|| "AES256 uses S3's own keys, and a KMS key is named".to_owned())
    }
}

/// A lifecycle rule over a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// Its id, by which it is known.
    pub id: String,
    /// The objects it is for; all where it is left out.
    #[serde(default)]
    pub prefix: String,
    /// Whether it is in force.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// After how many days objects expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_days: Option<i32>,
    /// After how many days old versions expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent_expire_days: Option<i32>,
    /// After how many days unfinished uploads are given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_days: Option<i32>,
    /// Moves to other storage classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// Parts of a live rule that a spec cannot state yet, so that they show as a difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub beyond: Option<String>,
}

/// A move to another storage class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// After how many days.
    pub days: i32,
    /// AWS's name of the class, such as STANDARD_IA or GLACIER.
    pub storage_class: String,
}

/// The storage classes that a lifecycle rule can move objects to (TransitionStorageClass).
const CLASSES: [&str; 6] =
    ["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];

fn yes() -> bool {
    true
}

impl LifecycleRule {
    /// Says what AWS refuses.
    pub fn fault(&self) -> Option<String> {
        let days = [self.expire_days, self.noncurrent_expire_days, self.abort_uploads_days];
        if self.beyond.is_some() {
            return Some("'beyond' is for what AWS answers, not for a spec".to_owned());
        }
        if self.id.is_empty() || self.id.chars().count() > 255 {
            return Some("a rule's id has 1 to 255 characters".to_owned());
        }
        if days.iter().all(Option::is_none) && self.transitions.is_empty() {
            return Some(format!("the rule '{}' does nothing", self.id));
        }
        if let Some(transition) = self.transitions.iter().find(|it| !CLASSES.contains(&it.storage_class.as_str())) {
            return Some(format!("S3 moves nothing to {}; it knows {}", transition.storage_class, CLASSES.join(", ")));
        }
        days.iter().flatten().find(|days| **days < 1).map(|days| format!("{days} days are fewer than 1"))
    }
}

/// The order of rules means nothing, so they are compared by their ids.
pub fn sorted_by_id(mut rules: Vec<LifecycleRule>) -> Vec<LifecycleRule> {
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    rules
}

/// A CORS rule. Their order matters: the first that matches counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsRule {
    /// Who may ask.
    pub origins: BTreeSet<String>,
    /// With which methods.
    pub methods: BTreeSet<Method>,
    /// With which headers.
    #[serde(default)]
    pub headers: BTreeSet<String>,
    /// Which headers of the answer they see.
    #[serde(default)]
    pub expose_headers: BTreeSet<String>,
    /// For how many seconds browsers may remember the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<i32>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl CorsRule {
    /// Says what AWS refuses.
    pub fn fault(&self) -> Option<&'static str> {
        (self.origins.is_empty() || self.methods.is_empty())
            .then_some("a rule names one origin and one method at least")
    }
}

/// The methods that S3 takes in a CORS rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    Get,
    /// PUT
    Put,
    /// HEAD
    Head,
    /// POST
    Post,
    /// DELETE
    Delete,
}

/// Where server access logs go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// A bucket of the same region and account, whose policy lets `logging.s3.amazonaws.com` put objects.
    pub bucket: String,
    /// What the keys start with.
    #[serde(default)]
    pub prefix: String,
}
