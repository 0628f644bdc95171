//! Server access logging in one form for spec and AWS.
//!
//! PutBucketLogging replaces the whole target. What the spec leaves out is sent as it is.

use std::collections::BTreeSet;

use aws_sdk_s3::types as s3;
use regionctl_core::diff::{Covers, Diff};
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BucketOp;
use crate::error::{CallError, unbuilt};

const GET: &str = "S3 GetBucketLogging";

/// Where server access logs go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// A bucket of the same region and account, whose policy lets `logging.s3.amazonaws.com` put objects.
    pub bucket: String,
    /// What the keys start with.
    #[serde(default)]
    pub prefix: String,
    /// How the keys are formed; unset is `simple`.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub key_format: Setting<KeyFormat>,
    /// Who may read the logs by ACL, where the target bucket has ACLs; unset for nobody.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub grants: Setting<BTreeSet<Grant>>,
}

/// How the keys of logs are formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyFormat {
    /// The prefix and the time.
    Simple,
    /// By account, region, bucket and day; the day is that of the requests.
    PartitionedByEventTime,
    /// By account, region, bucket and day; the day is that of the delivery.
    PartitionedByDeliveryTime,
}

/// A permission on the logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who has it.
    pub grantee: Grantee,
    /// What they may do.
    pub permission: Permission,
}

/// Who has a permission on the logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// The canonical user id of an account.
    Id(String),
    /// The URI of a group.
    Group(String),
    /// A mail address. S3 takes none any more.
    Email(String),
}

/// AWS's names of the permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// Both.
    FullControl,
    /// Reading.
    Read,
    /// Writing.
    Write,
}

impl Logging {
    /// Says what AWS refuses: where, why, and what to do.
    pub fn fault(&self, own_name: &str) -> Option<(&'static str, &'static str, &'static str)> {
        if self.bucket == own_name {
            let fault = "a bucket that logs into itself logs its own logging, without end";
            return Some(("logging.bucket", fault, "name another bucket of this region"));
        }
        let mut grants = self.grants.value().into_iter().flatten();
        let by_mail = grants.any(|grant| matches!(grant.grantee, Grantee::Email(_)));
        by_mail.then_some((
            "logging.grants",
            "S3 takes no mail addresses as grantees since October 2025",
            "state the account's canonical user id: {id: …}",
        ))
    }

    /// Brings it into the one form of spec and AWS.
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

    /// Reads AWS's answer. Without a key format S3 uses the simple one.
    pub fn of(target: s3::LoggingEnabled) -> Result<Self, CallError> {
        let format = target.target_object_key_format.as_ref().map(key_format_of).transpose()?;
        let grants =
            target.target_grants.unwrap_or_default().iter().map(grant_of).collect::<Result<BTreeSet<_>, _>>()?;
        let found = Self {
            bucket: target.target_bucket,
            prefix: target.target_prefix,
            key_format: Setting::Set(format.unwrap_or(KeyFormat::Simple)),
            grants: Setting::Set(grants),
        };
        Ok(found.canonical())
    }

    /// Lays what is stated over the live target, and writes the whole for a request.
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
            .map_err(unbuilt)
    }
}

fn key_format_of(format: &s3::TargetObjectKeyFormat) -> Result<KeyFormat, CallError> {
    let Some(partitioned) = &format.partitioned_prefix else { return Ok(KeyFormat::Simple) };
    match &partitioned.partition_date_source {
        // S3's default (S3 API Reference, PartitionedPrefix).
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

fn grant_of(grant: &s3::TargetGrant) -> Result<Grant, CallError> {
    let permission = match &grant.permission {
        Some(s3::BucketLogsPermission::FullControl) => Permission::FullControl,
        Some(s3::BucketLogsPermission::Read) => Permission::Read,
        Some(s3::BucketLogsPermission::Write) => Permission::Write,
        other => {
            let name = other.as_ref().map_or("(none)", s3::BucketLogsPermission::as_str);
            return Err(CallError::unknown(GET, "the permission", name));
        }
    };
    let Some(grantee) = &grant.grantee else { return Err(CallError::unknown(GET, "a grant", "without a grantee")) };
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
    Ok(s3::TargetGrant::builder().grantee(grantee.build().map_err(unbuilt)?).permission(permission).build())
}

/// Compares each part that the spec states.
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
    fn what_is_sent_is_read_back() {
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
            assert_eq!(Logging::of(want.clone().into_sdk(None).unwrap()).unwrap(), want);
        }
    }

    #[test]
    fn what_is_left_out_stays_and_what_is_unset_goes() {
        let there = json!({"bucket": "b", "prefix": "a", "key_format": "partitioned_by_delivery_time",
            "grants": [{"grantee": {"id": "abc"}, "permission": "READ"}]});
        let live = logging(there).into_sdk(None).unwrap();
        let read = |fields: Value| Logging::of(logging(fields).into_sdk(Some(live.clone())).unwrap()).unwrap();
        let kept = read(json!({"bucket": "b", "prefix": "c"}));
        assert_eq!(kept.key_format, Setting::Set(KeyFormat::PartitionedByDeliveryTime));
        assert!(kept.grants.is_set());
        let gone = read(json!({"bucket": "b", "key_format": null, "grants": []}));
        assert_eq!((gone.key_format, gone.grants), (Setting::Set(KeyFormat::Simple), Setting::Unset));
    }

    #[test]
    fn an_unknown_date_source_is_an_error() {
        let partitioned = s3::PartitionedPrefix::builder().partition_date_source("FOO".into()).build();
        let format = s3::TargetObjectKeyFormat::builder().partitioned_prefix(partitioned).build();
        assert!(key_format_of(&format).unwrap_err().0.message.contains("FOO"));
    }
}
