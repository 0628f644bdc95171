// SPDX-License-Identifier: Apache-2.0
//! Server access logging, the same type for spec and live.
//!
//! PutBucketLogging (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html>) replaces the
//! whole target, so parts that the spec leaves out are sent with their live values.

use std::collections::BTreeSet;

use aws_sdk_s3::types as s3;
use regionctl_core::diff::{Covers, Diff};
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BucketOp;
use crate::error::{CallError, build_error};

const GET: &str = "S3 GetBucketLogging";

/// Server access logging. `key_format` and `grants` do not change if they are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// The target bucket, in the same region and account. Its policy must let `logging.s3.amazonaws.com` put objects.
    pub bucket: String,
    /// The prefix of the log object keys. Default: empty.
    #[serde(default)]
    pub prefix: String,
    /// The format of the log object keys. `unset`: `simple`.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub key_format: Setting<KeyFormat>,
    /// Target grants: ACL permissions on the log objects, if the target bucket has ACLs enabled. `unset`: no grants.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub grants: Setting<BTreeSet<Grant>>,
}

/// The format of the log object keys (`TargetObjectKeyFormat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyFormat {
    /// The prefix, followed by the delivery time.
    Simple,
    /// Partitioned by account, region, bucket and day. The day is the day of the requests.
    PartitionedByEventTime,
    /// Partitioned by account, region, bucket and day. The day is the day of the log delivery.
    PartitionedByDeliveryTime,
}

/// A target grant: a permission on the log objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who gets the permission: an account (`id`) or an Amazon S3 predefined group (`group`).
    pub grantee: Grantee,
    /// What the grantee may do with the log objects: FULL_CONTROL, READ or WRITE.
    pub permission: Permission,
}

/// The grantee of a target grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// The canonical user ID of an AWS account.
    Id(String),
    /// The URI of an Amazon S3 predefined group.
    Group(String),
    /// An email address. S3 no longer accepts it.
    Email(String),
}

/// The permission on log objects (`BucketLogsPermission`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// Read and write access.
    FullControl,
    /// Read access.
    Read,
    /// Write access.
    Write,
}

impl Logging {
    /// Returns the path, message and help of the first fault, or `None` if the target is valid.
    pub fn fault(&self, own_name: &str) -> Option<(&'static str, &'static str, &'static str)> {
        if self.bucket == own_name {
            let fault = "a bucket that logs to itself creates an infinite loop of logs";
            return Some(("logging.bucket", fault, "name another bucket in this region"));
        }
        let mut grants = self.grants.value().into_iter().flatten();
        let by_email = grants.any(|grant| matches!(grant.grantee, Grantee::Email(_)));
        by_email.then_some((
            "logging.grants",
            "S3 stopped accepting email addresses as grantees in October 2025",
            "write the account's canonical user ID: `{id: …}`",
        ))
    }

    /// Normalizes the settings, so that equal settings of spec and AWS compare as equal.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        if self.key_format == Setting::Unset {
            self.key_format = Setting::Set(KeyFormat::Simple);
        }
        if self.grants.is_set_and(BTreeSet::is_empty) {
            self.grants = Setting::Unset;
        }
        self
    }

    /// Converts the target of GetBucketLogging. A target without a key format uses the simple prefix.
    pub fn from_sdk(target: s3::LoggingEnabled) -> Result<Self, CallError> {
        let format = target.target_object_key_format.as_ref().map(key_format_from_sdk).transpose()?;
        let grants =
            target.target_grants.unwrap_or_default().iter().map(grant_from_sdk).collect::<Result<BTreeSet<_>, _>>()?;
        let found = Self {
            bucket: target.target_bucket,
            prefix: target.target_prefix,
            key_format: Setting::Set(format.unwrap_or(KeyFormat::Simple)),
            grants: Setting::Set(grants),
        };
        Ok(found.canonical())
    }

    /// Merges the stated parts into the live target and returns the whole target for PutBucketLogging.
    pub fn into_sdk(self, live: Option<s3::LoggingEnabled>) -> Result<s3::LoggingEnabled, CallError> {
        let (live_grants, live_format) =
            live.map_or((None, None), |live| (live.target_grants, live.target_object_key_format));
        let format = match self.key_format {
            Setting::Unstated => live_format,
            Setting::Unset => Some(key_format_to_sdk(KeyFormat::Simple)),
            Setting::Set(format) => Some(key_format_to_sdk(format)),
        };
        let grants = match self.grants {
            Setting::Unstated => live_grants,
            Setting::Unset => None,
            Setting::Set(grants) => Some(grants.into_iter().map(grant_to_sdk).collect::<Result<Vec<_>, _>>()?),
        };
        s3::LoggingEnabled::builder()
            .target_bucket(self.bucket)
            .target_prefix(self.prefix)
            .set_target_grants(grants)
            .set_target_object_key_format(format)
            .build()
            .map_err(build_error)
    }
}

fn key_format_from_sdk(format: &s3::TargetObjectKeyFormat) -> Result<KeyFormat, CallError> {
    let Some(partitioned) = &format.partitioned_prefix else { return Ok(KeyFormat::Simple) };
    match &partitioned.partition_date_source {
        // EventTime is S3's default (S3 API Reference, PartitionedPrefix).
        None | Some(s3::PartitionDateSource::EventTime) => Ok(KeyFormat::PartitionedByEventTime),
        Some(s3::PartitionDateSource::DeliveryTime) => Ok(KeyFormat::PartitionedByDeliveryTime),
        Some(other) => Err(CallError::unknown(GET, "the date source", other.as_str())),
    }
}

fn key_format_to_sdk(format: KeyFormat) -> s3::TargetObjectKeyFormat {
    let source = match format {
        KeyFormat::Simple => {
            let simple = s3::SimplePrefix::builder().build();
            return s3::TargetObjectKeyFormat::builder().simple_prefix(simple).build();
        }
        KeyFormat::PartitionedByEventTime => s3::PartitionDateSource::EventTime,
        KeyFormat::PartitionedByDeliveryTime => s3::PartitionDateSource::DeliveryTime,
    };
    let partitioned = s3::PartitionedPrefix::builder().partition_date_source(source).build();
    s3::TargetObjectKeyFormat::builder().partitioned_prefix(partitioned).build()
}

fn grant_from_sdk(grant: &s3::TargetGrant) -> Result<Grant, CallError> {
    let permission = match &grant.permission {
        Some(s3::BucketLogsPermission::FullControl) => Permission::FullControl,
        Some(s3::BucketLogsPermission::Read) => Permission::Read,
        Some(s3::BucketLogsPermission::Write) => Permission::Write,
        other => {
            let name = other.as_ref().map_or("(none)", s3::BucketLogsPermission::as_str);
            return Err(CallError::unknown(GET, "the permission", name));
        }
    };
    let Some(grantee) = &grant.grantee else { return Err(CallError::unknown(GET, "the grantee", "(none)")) };
    let grantee = match (&grantee.r#type, &grantee.id, &grantee.uri, &grantee.email_address) {
        (s3::Type::CanonicalUser, Some(id), ..) => Grantee::Id(id.clone()),
        (s3::Type::Group, _, Some(uri), _) => Grantee::Group(uri.clone()),
        (s3::Type::AmazonCustomerByEmail, .., Some(email)) => Grantee::Email(email.clone()),
        (other, ..) => return Err(CallError::unknown(GET, "the grantee type", other.as_str())),
    };
    Ok(Grant { grantee, permission })
}

fn grant_to_sdk(grant: Grant) -> Result<s3::TargetGrant, CallError> {
    let grantee = s3::Grantee::builder();
    let grantee = match grant.grantee {
        Grantee::Id(id) => grantee.r#type(s3::Type::CanonicalUser).id(id),
        Grantee::Group(uri) => grantee.r#type(s3::Type::Group).uri(uri),
        Grantee::Email(email) => grantee.r#type(s3::Type::AmazonCustomerByEmail).email_address(email),
    };
    let permission = match grant.permission {
        Permission::FullControl => s3::BucketLogsPermission::FullControl,
        Permission::Read => s3::BucketLogsPermission::Read,
        Permission::Write => s3::BucketLogsPermission::Write,
    };
    Ok(s3::TargetGrant::builder().grantee(grantee.build().map_err(build_error)?).permission(permission).build())
}

/// Compares the parts that the spec states.
pub fn diff(want: &Logging, live: Option<&Logging>, out: &mut Diff<'_, BucketOp>) -> Covers {
    let Logging { bucket, prefix, key_format, grants } = want;
    out.value("logging.bucket", bucket, live.map(|live| &live.bucket))
        .and(out.value("logging.prefix", prefix, live.map(|live| &live.prefix)))
        .and(out.setting("logging.key_format", key_format, live.map(|live| &live.key_format)))
        .and(out.setting("logging.grants", grants, live.map(|live| &live.grants)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn logging(fields: Value) -> Logging {
        serde_json::from_value::<Logging>(fields).unwrap().canonical()
    }

    #[test]
    fn settings_survive_a_round_trip() {
        let group = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
        for fields in [
            json!({"bucket": "b", "prefix": "", "key_format": "simple", "grants": null}),
            json!({"bucket": "b", "prefix": "p/", "key_format": "partitioned_by_event_time", "grants": null}),
            json!({"bucket": "b", "prefix": "p/", "key_format": "partitioned_by_delivery_time", "grants": [
                {"grantee": {"id": "abc"}, "permission": "FULL_CONTROL"},
                {"grantee": {"group": group}, "permission": "READ"},
            ]}),
        ] {
            let want = logging(fields);
            assert_eq!(Logging::from_sdk(want.clone().into_sdk(None).unwrap()).unwrap(), want);
        }
    }

    #[test]
    fn left_out_parts_keep_their_live_values_and_unset_parts_are_cleared() {
        let current = json!({"bucket": "b", "prefix": "a", "key_format": "partitioned_by_delivery_time",
            "grants": [{"grantee": {"id": "abc"}, "permission": "READ"}]});
        let live = logging(current).into_sdk(None).unwrap();
        let read = |fields: Value| Logging::from_sdk(logging(fields).into_sdk(Some(live.clone())).unwrap()).unwrap();
        let kept = read(json!({"bucket": "b", "prefix": "c"}));
        assert_eq!(kept.key_format, Setting::Set(KeyFormat::PartitionedByDeliveryTime));
        assert!(kept.grants.is_set());
        let cleared = read(json!({"bucket": "b", "key_format": null, "grants": []}));
        assert_eq!((cleared.key_format, cleared.grants), (Setting::Set(KeyFormat::Simple), Setting::Unset));
    }

    #[test]
    fn an_unknown_date_source_is_an_error() {
        let partitioned = s3::PartitionedPrefix::builder().partition_date_source("FOO".into()).build();
        let format = s3::TargetObjectKeyFormat::builder().partitioned_prefix(partitioned).build();
        assert!(key_format_from_sdk(&format).unwrap_err().0.message.contains("FOO"));
    }
}
