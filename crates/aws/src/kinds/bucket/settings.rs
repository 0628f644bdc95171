// SPDX-License-Identifier: Apache-2.0
//! Block Public Access, Object Ownership, versioning, request payment and Transfer Acceleration, the same types for spec
//! and live.
//!
//! A bucket without a public access block reads as all four settings off
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html>). A bucket without ownership
//! controls reads as `ObjectWriter` (S3 User Guide, "Controlling ownership of objects").

use std::borrow::Cow;
use std::fmt;

use aws_sdk_s3::types as s3;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::error::CallError;

/// Block Public Access in a spec: `all`, or the four settings.
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
            "description": "`all` turns the four settings on, or state each of them.",
            "anyOf": [{ "const": "all" }, each],
        })
    }
}

/// The four settings of S3 Block Public Access (`PublicAccessBlockConfiguration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // AWS's own four
pub struct PublicAccessBlock {
    /// Rejects requests that set a public ACL.
    pub block_public_acls: bool,
    /// Ignores existing public ACLs.
    pub ignore_public_acls: bool,
    /// Rejects bucket policies that allow public access.
    pub block_public_policy: bool,
    /// Restricts a bucket with a public policy to AWS service principals and the bucket owner's account.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// Returns the four settings, all on or all off.
    pub fn of_all(on: bool) -> Self {
        Self { block_public_acls: on, ignore_public_acls: on, block_public_policy: on, restrict_public_buckets: on }
    }

    /// Converts the SDK's type. A missing setting is off.
    pub fn from_sdk(block: &s3::PublicAccessBlockConfiguration) -> Self {
        Self {
            block_public_acls: block.block_public_acls.unwrap_or(false),
            ignore_public_acls: block.ignore_public_acls.unwrap_or(false),
            block_public_policy: block.block_public_policy.unwrap_or(false),
            restrict_public_buckets: block.restrict_public_buckets.unwrap_or(false),
        }
    }

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

/// S3 Object Ownership: who owns new objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Ownership {
    /// The bucket owner owns all objects. ACLs are disabled.
    BucketOwnerEnforced,
    /// The bucket owner owns objects that are uploaded with the canned ACL `bucket-owner-full-control`.
    BucketOwnerPreferred,
    /// The account that uploads an object owns it.
    ObjectWriter,
}

impl Ownership {
    /// Converts the SDK's type.
    ///
    /// # Errors
    /// The value is unknown.
    pub fn from_sdk(rule: &s3::OwnershipControlsRule) -> Result<Self, CallError> {
        match rule.object_ownership() {
            s3::ObjectOwnership::BucketOwnerEnforced => Ok(Self::BucketOwnerEnforced),
            s3::ObjectOwnership::BucketOwnerPreferred => Ok(Self::BucketOwnerPreferred),
            s3::ObjectOwnership::ObjectWriter => Ok(Self::ObjectWriter),
            other => Err(CallError::unknown("S3 GetBucketOwnershipControls", "the object ownership", other.as_str())),
        }
    }

    pub fn to_sdk(self) -> s3::ObjectOwnership {
        match self {
            Self::BucketOwnerEnforced => s3::ObjectOwnership::BucketOwnerEnforced,
            Self::BucketOwnerPreferred => s3::ObjectOwnership::BucketOwnerPreferred,
            Self::ObjectWriter => s3::ObjectOwnership::ObjectWriter,
        }
    }
}

/// The versioning state of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Versioning {
    /// S3 keeps noncurrent versions of objects that are overwritten or deleted.
    Enabled,
    /// S3 creates no further versions. Existing versions stay.
    Suspended,
}

impl Versioning {
    /// Converts the SDK's type.
    ///
    /// # Errors
    /// The value is unknown.
    pub fn from_sdk(status: &s3::BucketVersioningStatus) -> Result<Self, CallError> {
        match status {
            s3::BucketVersioningStatus::Enabled => Ok(Self::Enabled),
            s3::BucketVersioningStatus::Suspended => Ok(Self::Suspended),
            other => Err(CallError::unknown("S3 GetBucketVersioning", "the versioning status", other.as_str())),
        }
    }

    pub fn to_sdk(self) -> s3::BucketVersioningStatus {
        match self {
            Self::Enabled => s3::BucketVersioningStatus::Enabled,
            Self::Suspended => s3::BucketVersioningStatus::Suspended,
        }
    }
}

/// Who pays for requests to the bucket and for data transfer from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BucketPayer")]
pub enum Payer {
    /// The bucket owner pays.
    BucketOwner,
    /// The requester pays (Requester Pays). Anonymous requests are rejected.
    Requester,
}

impl Payer {
    /// Converts the SDK's type.
    ///
    /// # Errors
    /// The value is unknown.
    pub fn from_sdk(payer: &s3::Payer) -> Result<Self, CallError> {
        match payer {
            s3::Payer::BucketOwner => Ok(Self::BucketOwner),
            s3::Payer::Requester => Ok(Self::Requester),
            other => Err(CallError::unknown("S3 GetBucketRequestPayment", "the payer", other.as_str())),
        }
    }

    pub fn to_sdk(self) -> s3::Payer {
        match self {
            Self::BucketOwner => s3::Payer::BucketOwner,
            Self::Requester => s3::Payer::Requester,
        }
    }
}

/// S3 Transfer Acceleration of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BucketAcceleration")]
pub enum Acceleration {
    /// Clients can use the accelerate endpoint.
    Enabled,
    /// The accelerate endpoint rejects requests; the same as `unset`.
    Suspended,
}

impl Acceleration {
    /// Returns the setting, unset if Transfer Acceleration is suspended: S3 returns no state if it was never enabled.
    pub fn canonical(self) -> Setting<Self> {
        match self {
            Self::Enabled => Setting::Set(self),
            Self::Suspended => Setting::Unset,
        }
    }

    /// Converts the SDK's type.
    ///
    /// # Errors
    /// The value is unknown.
    pub fn from_sdk(status: &s3::BucketAccelerateStatus) -> Result<Setting<Self>, CallError> {
        match status {
            s3::BucketAccelerateStatus::Enabled => Ok(Self::Enabled.canonical()),
            s3::BucketAccelerateStatus::Suspended => Ok(Self::Suspended.canonical()),
            other => Err(CallError::unknown("S3 GetBucketAccelerateConfiguration", "the acceleration", other.as_str())),
        }
    }

    pub fn to_sdk(self) -> s3::BucketAccelerateStatus {
        match self {
            Self::Enabled => s3::BucketAccelerateStatus::Enabled,
            Self::Suspended => s3::BucketAccelerateStatus::Suspended,
        }
    }
}
