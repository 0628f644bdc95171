//! The small settings in one form for spec and AWS: the public-access block, object ownership, versioning.
//!
//! A bucket without a public-access block has all four blocks off, and one without ownership controls has
//! `ObjectWriter`: so are they read, since both say the same (S3 User Guide, "Controlling ownership of objects").

use std::borrow::Cow;
use std::fmt;

use aws_sdk_s3::types as s3;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::error::CallError;

/// What a person writes of the public-access block: `all`, or the four settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicAccessBlockSpec(pub PublicAccessBlock);

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
                    return Ok(PublicAccessBlockSpec(PublicAccessBlock::of_all(true)));
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
    /// Returns the four settings, all on or all off.
    pub fn of_all(on: bool) -> Self {
        Self { block_public_acls: on, ignore_public_acls: on, block_public_policy: on, restrict_public_buckets: on }
    }

    /// Reads AWS's answer; a setting that it leaves out is off.
    pub fn of(block: &s3::PublicAccessBlockConfiguration) -> Self {
        Self {
            block_public_acls: block.block_public_acls.unwrap_or(false),
            ignore_public_acls: block.ignore_public_acls.unwrap_or(false),
            block_public_policy: block.block_public_policy.unwrap_or(false),
            restrict_public_buckets: block.restrict_public_buckets.unwrap_or(false),
        }
    }

    /// Writes it for a request.
    pub fn to_sdk(self) -> s3::PublicAccessBlockConfiguration {
        s3::PublicAccessBlockConfiguration::builder()
            .block_public_acls(self.block_public_acls)
            .ignore_public_acls(self.ignore_public_acls)
            .block_public_policy(self.block_public_policy)
            .restrict_public_buckets(self.restrict_public_buckets)
            .build()
    }

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

impl Ownership {
    /// Reads a rule of AWS's answer.
    pub fn of(rule: &s3::OwnershipControlsRule) -> Result<Self, CallError> {
        match rule.object_ownership() {
            s3::ObjectOwnership::BucketOwnerEnforced => Ok(Self::BucketOwnerEnforced),
            s3::ObjectOwnership::BucketOwnerPreferred => Ok(Self::BucketOwnerPreferred),
            s3::ObjectOwnership::ObjectWriter => Ok(Self::ObjectWriter),
            other => Err(CallError::unknown("S3 GetBucketOwnershipControls", "the object ownership", other.as_str())),
        }
    }

    /// Writes it for a request.
    pub fn to_sdk(self) -> s3::ObjectOwnership {
        match self {
            Self::BucketOwnerEnforced => s3::ObjectOwnership::BucketOwnerEnforced,
            Self::BucketOwnerPreferred => s3::ObjectOwnership::BucketOwnerPreferred,
            Self::ObjectWriter => s3::ObjectOwnership::ObjectWriter,
        }
    }
}

/// Whether old versions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Versioning {
    /// They are.
    Enabled,
    /// No longer.
    Suspended,
}

impl Versioning {
    /// Reads AWS's answer.
    pub fn of(status: &s3::BucketVersioningStatus) -> Result<Self, CallError> {
        match status {
            s3::BucketVersioningStatus::Enabled => Ok(Self::Enabled),
            s3::BucketVersioningStatus::Suspended => Ok(Self::Suspended),
            other => Err(CallError::unknown("S3 GetBucketVersioning", "the versioning status", other.as_str())),
        }
    }

    /// Writes it for a request.
    pub fn to_sdk(self) -> s3::BucketVersioningStatus {
        match self {
            Self::Enabled => s3::BucketVersioningStatus::Enabled,
            Self::Suspended => s3::BucketVersioningStatus::Suspended,
        }
    }
}
