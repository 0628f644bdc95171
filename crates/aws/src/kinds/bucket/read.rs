// SPDX-License-Identifier: Apache-2.0
//! Reads one bucket: HeadBucket, and the settings that the scope requests.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::operation::get_bucket_encryption::GetBucketEncryptionOutput;
use aws_sdk_s3::operation::get_bucket_lifecycle_configuration::GetBucketLifecycleConfigurationOutput;
use aws_sdk_s3::operation::get_bucket_ownership_controls::GetBucketOwnershipControlsOutput;
use aws_sdk_s3::operation::get_bucket_versioning::GetBucketVersioningOutput;
use aws_sdk_s3::operation::get_public_access_block::GetPublicAccessBlockOutput;
use aws_sdk_s3::types as s3;
use regionctl_core::kind::Kind;
use regionctl_core::model::policy::Policy;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::scope::{Extra, LiveResource, Scope};
use regionctl_core::resource::setting::Setting;
use serde_json::Value;

use super::api::{OwnedBucket, request};
use super::cors::{self, CorsRule};
use super::encryption::Encryption;
use super::lifecycle::{LifecycleRule, MinimumSize};
use super::lifecycle_sdk::{minimum_size_from_sdk, rules_from_sdk};
use super::logging::Logging;
use super::settings::{Ownership, PublicAccessBlock, Versioning};
use super::{Bucket, BucketModel, tagging};
use crate::error::{CallError, if_found, if_set};
use crate::tags::collect;

/// Sends a Get call if the scope requests one of these parts. The result is unstated if it does not, and unset if the
/// setting does not exist.
macro_rules! read_if {
    ($bucket:ident, $scope:ident, $call:ident, $($part:literal),+) => {
        async {
            if $($scope.reads($bucket.name, $part))||+ {
                if_set(request!($bucket, $call).send().await.map_err(CallError::from)).map(Setting::live)
            } else {
                Ok(Setting::Unstated)
            }
        }
    };
}

impl OwnedBucket<'_> {
    /// Reads the parts of the bucket that the scope requests. Returns `None` if the bucket does not exist.
    pub(super) async fn read(self, scope: &Scope) -> Result<Option<LiveResource<BucketModel>>, CallError> {
        let bucket = self;
        let head = async { if_found(request!(bucket, head_bucket).send().await.map_err(CallError::from)) };
        let (head, block, ownership, encryption, versioning, policy, lifecycle, cors, logging, tags) = tokio::join!(
            head,
            read_if!(bucket, scope, get_public_access_block, "public_access_block"),
            read_if!(bucket, scope, get_bucket_ownership_controls, "ownership"),
            read_if!(bucket, scope, get_bucket_encryption, "encryption"),
            read_if!(bucket, scope, get_bucket_versioning, "versioning"),
            read_if!(bucket, scope, get_bucket_policy, "policy"),
            read_if!(bucket, scope, get_bucket_lifecycle_configuration, "lifecycle", "transition_minimum_size"),
            read_if!(bucket, scope, get_bucket_cors, "cors"),
            read_if!(bucket, scope, get_bucket_logging, "logging"),
            read_if!(bucket, scope, get_bucket_tagging, "tags"),
        );
        let Some(head) = head.map_err(|error| bucket.explain_head_error(error))? else { return Ok(None) };
        bucket.check_region(head.bucket_region(), &scope.location.region)?;
        let mut extras = Vec::new();
        let (lifecycle, transition_minimum_size) = lifecycle_of(lifecycle?)?;
        let policy =
            try_map(policy?.map(|answer| Setting::live(answer.policy)).flatten(), |text| policy_from_json(&text))?;
        let logging =
            try_map(logging?.map(|answer| Setting::live(answer.logging_enabled)).flatten(), Logging::from_sdk)?;
        let cors = cors?.map(|answer| Setting::live(answer.cors_rules)).flatten();
        let cors = cors.map(|rules| cors::canonical(rules.into_iter().map(CorsRule::from_sdk).collect())).flatten();
        let tags = tags?.map(|answer| collect(answer.tag_set().iter().map(|tag| (Some(tag.key()), Some(tag.value())))));
        let age_days = if lifecycle == Setting::Unset { bucket.age_days().await? } else { None };
        let model = BucketModel {
            public_access_block: block_of(block?),
            ownership: ownership_of(ownership?, &mut extras)?,
            encryption: encryption_of(encryption?, &mut extras)?,
            versioning: versioning_of(versioning?, &mut extras)?,
            policy,
            lifecycle,
            transition_minimum_size,
            cors,
            logging,
            tags: tags.map(tagging::live).flatten(),
            age_days,
        };
        let attributes = Bucket::attributes(bucket.name, &scope.location);
        Ok(Some(LiveResource::new(bucket.name, model, attributes).with_extras(extras)))
    }

    /// Returns the bucket's age in days, rounded up. HeadBucket does not return the creation date, ListBuckets does
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>). The age is read only for buckets
    /// without lifecycle rules: a new rule deletes nothing in a bucket that is younger than the rule's days.
    async fn age_days(self) -> Result<Option<i64>, CallError> {
        let mut buckets = self.api.list_buckets().prefix(self.name).max_buckets(100).into_paginator().items().send();
        while let Some(found) = buckets.next().await {
            let found = found?;
            if found.name() == Some(self.name) {
                #[expect(clippy::disallowed_methods, reason = "an age is relative to the present, here in whole days")]
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                let now = i64::try_from(now).unwrap_or(i64::MAX);
                return Ok(found.creation_date().map(|created| (now - created.secs()).max(0) / 86_400 + 1));
            }
        }
        Ok(None)
    }

    /// Replaces the message of a HeadBucket error, whose answer has no body: 403 if the caller may not list the bucket,
    /// in whichever account it is, and 301 if it is in another region
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>).
    fn explain_head_error(self, mut error: CallError) -> CallError {
        let Self { name, owner, .. } = self;
        match error.0.class {
            FailureClass::Denied => {
                error.0.message = format!(
                    "the bucket '{name}' belongs to another account, the caller lacks `s3:ListBucket`, or the bucket \
                     policy denies account {owner}"
                );
            }
            FailureClass::Taken => {
                let place = error.bucket_region().unwrap_or("another region").to_owned();
                error.0.message = format!("the bucket '{name}' exists in {place}");
            }
            _ => {}
        }
        error
    }

    fn check_region(self, found: Option<&str>, region: &str) -> Result<(), CallError> {
        match found {
            Some(found) if found != region => Err(CallError(Failure::new(
                FailureClass::Taken,
                "S3 HeadBucket",
                format!("the bucket '{}' exists in {found}, not in {region}", self.name),
            ))),
            _ => Ok(()),
        }
    }
}

/// Maps a setting's value with a fallible function.
fn try_map<T, U>(setting: Setting<T>, change: impl FnOnce(T) -> Result<U, CallError>) -> Result<Setting<U>, CallError> {
    Ok(match setting {
        Setting::Unstated => Setting::Unstated,
        Setting::Unset => Setting::Unset,
        Setting::Set(value) => Setting::Set(change(value)?),
    })
}

/// Replaces an unset setting with S3's default.
fn or_default<T>(setting: Setting<T>, default: T) -> Setting<T> {
    if setting.is_unstated() || setting.is_set() { setting } else { Setting::Set(default) }
}

fn policy_from_json(text: &str) -> Result<Policy, CallError> {
    Policy::from_aws(text).map_err(|_| CallError::unknown("S3 GetBucketPolicy", "the policy", "(invalid JSON)"))
}

/// Converts GetPublicAccessBlock. Without a public access block, all four settings are off.
fn block_of(answer: Setting<GetPublicAccessBlockOutput>) -> Setting<PublicAccessBlock> {
    let block = answer.map(|answer| Setting::live(answer.public_access_block_configuration)).flatten();
    or_default(block.map(|block| PublicAccessBlock::from_sdk(&block)), PublicAccessBlock::of_all(false))
}

/// Converts GetBucketOwnershipControls. S3 documents one rule. Without rules, `ObjectWriter` applies.
fn ownership_of(
    answer: Setting<GetBucketOwnershipControlsOutput>,
    extras: &mut Vec<Extra>,
) -> Result<Setting<Ownership>, CallError> {
    let rules = answer.map(|answer| answer.ownership_controls.map(|it| it.rules).unwrap_or_default());
    let extra_rules: Vec<Value> =
        rules.value().into_iter().flatten().skip(1).map(|rule| rule.object_ownership().as_str().into()).collect();
    if !extra_rules.is_empty() {
        extras.push(Extra::lost("ownership.further_rules", extra_rules));
    }
    let first = rules.map(|rules| Setting::live(rules.into_iter().next())).flatten();
    Ok(or_default(try_map(first, |rule| Ownership::from_sdk(&rule))?, Ownership::ObjectWriter))
}

/// Converts GetBucketEncryption. S3 documents one rule.
fn encryption_of(
    answer: Setting<GetBucketEncryptionOutput>,
    extras: &mut Vec<Extra>,
) -> Result<Setting<Encryption>, CallError> {
    let rules = answer.map(|answer| answer.server_side_encryption_configuration.map(|it| it.rules).unwrap_or_default());
    let algorithm = |rule: &s3::ServerSideEncryptionRule| {
        let default = rule.apply_server_side_encryption_by_default();
        Value::from(default.map_or("", |default| default.sse_algorithm().as_str()))
    };
    let extra_rules: Vec<Value> = rules.value().into_iter().flatten().skip(1).map(algorithm).collect();
    if !extra_rules.is_empty() {
        extras.push(Extra::lost("encryption.further_rules", extra_rules));
    }
    let first = rules.map(|rules| Setting::live(rules.into_iter().next())).flatten();
    try_map(first, |rule| Encryption::from_sdk(&rule))
}

/// Converts GetBucketVersioning. Only the root user can change MFA delete, with an MFA device. PutBucketVersioning
/// without it does not change it (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html>).
fn versioning_of(
    answer: Setting<GetBucketVersioningOutput>,
    extras: &mut Vec<Extra>,
) -> Result<Setting<Versioning>, CallError> {
    let mfa_delete = answer.value().and_then(GetBucketVersioningOutput::mfa_delete);
    if let Some(status) = mfa_delete.filter(|status| **status != s3::MfaDeleteStatus::Disabled) {
        extras.push(Extra::kept("versioning.mfa_delete", status.as_str()));
    }
    let status = answer.map(|answer| Setting::live(answer.status)).flatten();
    try_map(status, |status| Versioning::from_sdk(&status))
}

/// Converts GetBucketLifecycleConfiguration. The minimum object size exists only with rules.
fn lifecycle_of(
    answer: Setting<GetBucketLifecycleConfigurationOutput>,
) -> Result<(Setting<Vec<LifecycleRule>>, Setting<MinimumSize>), CallError> {
    let answer = match answer {
        Setting::Unstated => return Ok((Setting::Unstated, Setting::Unstated)),
        Setting::Unset => return Ok((Setting::Unset, Setting::Unset)),
        Setting::Set(answer) => answer,
    };
    let rules = rules_from_sdk(answer.rules.unwrap_or_default())?;
    let minimum = minimum_size_from_sdk(answer.transition_default_minimum_object_size.as_ref())?;
    let minimum = if rules.is_set() { Setting::Set(minimum) } else { Setting::Unset };
    Ok((rules, minimum))
}
