// SPDX-License-Identifier: Apache-2.0
//! Reads buckets concurrently and runs the calls that change them.
//!
//! Every call on an existing bucket sends `ExpectedBucketOwner`, so a bucket of another account is never changed: S3
//! answers 403 (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>).

use std::collections::BTreeSet;

use aws_sdk_s3::Client;
use aws_sdk_s3::types as s3;
use regionctl_core::kind::Kind;
use regionctl_core::model::tags::{Tags, is_aws};
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::cors::CorsRule;
use super::encryption::Encryption;
use super::lifecycle::{LifecycleRule, MinimumSize};
use super::lifecycle_sdk::{minimum_size_to_sdk, rule_to_sdk};
use super::logging::Logging;
use super::notification_sdk;
use super::notifications::Notifications;
use super::object_lock::ObjectLock;
use super::settings::Acceleration;
use super::tagging;
use super::{Bucket, BucketModel, BucketOp};
use crate::error::{CallError, build_error, done_if, if_set};
use crate::live::{Live, names_of, read_concurrently};
use crate::tags::TagSettings;

impl Live for Bucket {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<BucketModel>, CallError> {
        let mut names: BTreeSet<String> = scope.names.keys().cloned().collect();
        if scope.everything.is_some() {
            names.extend(Self::list(api, &scope.location).await?);
        }
        let reads = names.iter().map(|name| {
            let bucket = OwnedBucket { api, name, owner: &scope.location.account };
            (name.clone(), async move { Box::pin(bucket.read(scope)).await })
        });
        Ok(read_concurrently(reads).await)
    }

    /// Omits buckets of other regions. An endpoint may ignore the `BucketRegion` filter, so the answer is filtered too
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>).
    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let buckets =
            api.list_buckets().bucket_region(&location.region).max_buckets(1000).into_paginator().items().send();
        names_of(buckets, |bucket| {
            let other_region = bucket.bucket_region().is_some_and(|region| region != location.region);
            bucket.name.filter(|_| !other_region)
        })
        .await
    }

    async fn run(api: &Client, target: &StepTarget, op: BucketOp) -> Result<Attributes, CallError> {
        let bucket = OwnedBucket { api, name: &target.name, owner: &target.location.account };
        bucket.run(op, &target.location.region).await?;
        Ok(Self::attributes(&target.name, &target.location))
    }
}

/// A bucket and the ID of the account that must own it.
#[derive(Clone, Copy)]
pub(super) struct OwnedBucket<'a> {
    pub(super) api: &'a Client,
    pub(super) name: &'a str,
    pub(super) owner: &'a str,
}

/// Starts a request on the bucket, with `ExpectedBucketOwner`.
macro_rules! request {
    ($bucket:expr, $call:ident) => {
        $bucket.api.$call().bucket($bucket.name).expected_bucket_owner($bucket.owner)
    };
}
pub(super) use request;

impl OwnedBucket<'_> {
    async fn run(self, op: BucketOp, region: &str) -> Result<(), CallError> {
        match op {
            BucketOp::CreateBucket { tags } => self.create(region, tags).await?,
            BucketOp::PutPublicAccessBlock(block) => {
                request!(self, put_public_access_block)
                    .public_access_block_configuration(block.to_sdk())
                    .send()
                    .await?;
            }
            BucketOp::PutBucketOwnershipControls(ownership) => {
                let rule = s3::OwnershipControlsRule::builder().object_ownership(ownership.to_sdk()).build();
                let controls = s3::OwnershipControls::builder().rules(rule.map_err(build_error)?).build();
                request!(self, put_bucket_ownership_controls)
                    .ownership_controls(controls.map_err(build_error)?)
                    .send()
                    .await?;
            }
            BucketOp::PutBucketEncryption(encryption) => self.encrypt(encryption).await?,
            BucketOp::PutBucketVersioning(versioning) => {
                let configuration = s3::VersioningConfiguration::builder().status(versioning.to_sdk()).build();
                request!(self, put_bucket_versioning).versioning_configuration(configuration).send().await?;
            }
            BucketOp::PutBucketPolicy(policy) => {
                request!(self, put_bucket_policy).policy(policy.to_aws()).send().await?;
            }
            BucketOp::DeleteBucketPolicy => {
                request!(self, delete_bucket_policy).send().await?;
            }
            BucketOp::PutBucketLifecycleConfiguration { rules, transition_minimum_size } => {
                self.lifecycle(rules, transition_minimum_size).await?;
            }
            BucketOp::DeleteBucketLifecycle => {
                request!(self, delete_bucket_lifecycle).send().await?;
            }
            BucketOp::PutBucketCors(rules) => {
                let rules = rules.into_iter().map(CorsRule::into_sdk).collect::<Result<_, _>>()?;
                let configuration = s3::CorsConfiguration::builder().set_cors_rules(Some(rules)).build();
                request!(self, put_bucket_cors).cors_configuration(configuration.map_err(build_error)?).send().await?;
            }
            BucketOp::DeleteBucketCors => {
                request!(self, delete_bucket_cors).send().await?;
            }
            BucketOp::PutBucketLogging(target) => self.put_logging(target).await?,
            BucketOp::PutBucketTagging(tags) => self.tag(tags).await?,
            BucketOp::DeleteBucketTagging => self.untag().await?,
            other => Box::pin(self.run_further(other)).await?,
        }
        Ok(())
    }

    /// Runs the calls for settings that few buckets have.
    async fn run_further(self, op: BucketOp) -> Result<(), CallError> {
        match op {
            BucketOp::PutBucketWebsite(website) => {
                request!(self, put_bucket_website).website_configuration(website.into_sdk()?).send().await?;
            }
            BucketOp::DeleteBucketWebsite => {
                request!(self, delete_bucket_website).send().await?;
            }
            BucketOp::PutBucketRequestPayment(payer) => {
                let configuration = s3::RequestPaymentConfiguration::builder().payer(payer.to_sdk()).build();
                request!(self, put_bucket_request_payment)
                    .request_payment_configuration(configuration.map_err(build_error)?)
                    .send()
                    .await?;
            }
            BucketOp::PutBucketAccelerateConfiguration(acceleration) => {
                let status = acceleration.unwrap_or(Acceleration::Suspended).to_sdk();
                let configuration = s3::AccelerateConfiguration::builder().status(status).build();
                request!(self, put_bucket_accelerate_configuration)
                    .accelerate_configuration(configuration)
                    .send()
                    .await?;
            }
            BucketOp::PutBucketNotificationConfiguration { notifications, eventbridge } => {
                self.notify(&notifications, eventbridge).await?;
            }
            BucketOp::PutObjectLockConfiguration(lock) => self.lock(lock).await?,
            // `run` handles all other calls.
            _ => {}
        }
        Ok(())
    }

    /// Sends PutBucketNotificationConfiguration, which replaces the whole configuration. The live one is read first, and
    /// the notifications of others are sent back. S3 checks that it can send to all destinations, and rejects all of
    /// them otherwise.
    async fn notify(self, changes: &Notifications, eventbridge: Setting<bool>) -> Result<(), CallError> {
        let live = request!(self, get_bucket_notification_configuration).send().await?;
        let configuration = notification_sdk::merged(live, changes, eventbridge)?;
        request!(self, put_bucket_notification_configuration).notification_configuration(configuration).send().await?;
        Ok(())
    }

    /// Sends PutObjectLockConfiguration, which replaces the whole configuration. Parts that the spec leaves out are read
    /// first.
    async fn lock(self, lock: ObjectLock) -> Result<(), CallError> {
        let answer = if_set(request!(self, get_object_lock_configuration).send().await.map_err(CallError::from))?;
        let live = answer.and_then(|answer| answer.object_lock_configuration);
        let configuration = lock.into_sdk(live.as_ref())?;
        let call = request!(self, put_object_lock_configuration).object_lock_configuration(configuration);
        match call.send().await.map_err(CallError::from) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.or_not_ready(error).await),
        }
    }

    /// Classifies the failure as "not ready" if S3 has not propagated that versioning was enabled. This can take 15
    /// minutes (S3 User Guide, "Enabling versioning on buckets").
    async fn or_not_ready(self, mut error: CallError) -> CallError {
        if error.is("InvalidBucketState") {
            let versioning = request!(self, get_bucket_versioning).send().await.map_err(CallError::from);
            if versioning.is_ok_and(|answer| answer.status() == Some(&s3::BucketVersioningStatus::Enabled)) {
                error.0.class = FailureClass::NotReady;
            }
        }
        error
    }

    /// Creates the bucket with its tags. CreateBucket rejects a LocationConstraint in us-east-1 and requires one in
    /// other regions (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>).
    async fn create(self, region: &str, tags: Tags) -> Result<(), CallError> {
        let location = (region != "us-east-1").then(|| s3::BucketLocationConstraint::from(region));
        let tags = tags.into_iter().map(|(key, value)| s3::Tag::builder().key(key).value(value).build());
        let configuration = s3::CreateBucketConfiguration::builder()
            .set_location_constraint(location)
            .set_tags(Some(tags.collect::<Result<_, _>>().map_err(build_error)?))
            .build();
        let created =
            self.api.create_bucket().bucket(self.name).create_bucket_configuration(configuration).send().await;
        done_if(created.map(|_| ()).map_err(CallError::from), "BucketAlreadyOwnedByYou")
    }

    /// Sends PutBucketEncryption, which replaces the whole rule. Parts that the spec leaves out are read first, such as
    /// the blocked encryption types (SSE-C in new buckets).
    async fn encrypt(self, encryption: Encryption) -> Result<(), CallError> {
        let answer = if_set(request!(self, get_bucket_encryption).send().await.map_err(CallError::from))?;
        let live = answer.and_then(|answer| answer.server_side_encryption_configuration);
        let configuration = encryption.into_sdk(live.as_ref().and_then(|live| live.rules().first()))?;
        request!(self, put_bucket_encryption).server_side_encryption_configuration(configuration).send().await?;
        Ok(())
    }

    /// Sends PutBucketLifecycleConfiguration, which replaces the rules and resets an omitted minimum object size to
    /// AWS's default. Parts that the spec leaves out are read first
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html>).
    async fn lifecycle(
        self,
        rules: Setting<Vec<LifecycleRule>>,
        minimum: Setting<MinimumSize>,
    ) -> Result<(), CallError> {
        let answer = if_set(request!(self, get_bucket_lifecycle_configuration).send().await.map_err(CallError::from))?;
        let (live_rules, live_minimum) =
            answer.map_or((None, None), |answer| (answer.rules, answer.transition_default_minimum_object_size));
        let rules = match rules.into_value() {
            Some(rules) => rules.into_iter().map(rule_to_sdk).collect::<Result<Vec<_>, _>>()?,
            None => live_rules.unwrap_or_default(),
        };
        let minimum = match minimum {
            Setting::Unstated => live_minimum,
            Setting::Unset => None,
            Setting::Set(size) => Some(minimum_size_to_sdk(size)),
        };
        let configuration = s3::BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
        request!(self, put_bucket_lifecycle_configuration)
            .set_transition_default_minimum_object_size(minimum)
            .lifecycle_configuration(configuration.map_err(build_error)?)
            .send()
            .await?;
        Ok(())
    }

    /// Sends PutBucketLogging, which replaces the whole target. Parts that the spec leaves out are read first. An empty
    /// status turns logging off.
    async fn put_logging(self, target: Option<Logging>) -> Result<(), CallError> {
        let target = match target {
            None => None,
            Some(target) => {
                let answer = if_set(request!(self, get_bucket_logging).send().await.map_err(CallError::from))?;
                Some(target.into_sdk(answer.and_then(|answer| answer.logging_enabled))?)
            }
        };
        let status = s3::BucketLoggingStatus::builder().set_logging_enabled(target).build();
        request!(self, put_bucket_logging).bucket_logging_status(status).send().await?;
        Ok(())
    }

    /// Sends PutBucketTagging, which replaces the whole tag set. The other tags are read first, including AWS system
    /// tags, because S3 rejects a set without them
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html>).
    async fn tag(self, want: TagSettings) -> Result<(), CallError> {
        let all = tagging::merged(self.all_tags().await?, want);
        self.put_tags(all).await
    }

    /// Removes all tags except AWS system tags, which S3 does not allow to be removed.
    async fn untag(self) -> Result<(), CallError> {
        let mut system_tags = self.all_tags().await?;
        system_tags.retain(|key, _| is_aws(key));
        self.put_tags(system_tags).await
    }

    async fn all_tags(self) -> Result<Tags, CallError> {
        let answer = if_set(request!(self, get_bucket_tagging).send().await.map_err(CallError::from))?;
        Ok(answer.into_iter().flat_map(|answer| answer.tag_set).map(|tag| (tag.key, tag.value)).collect())
    }

    async fn put_tags(self, all: Tags) -> Result<(), CallError> {
        if all.is_empty() {
            request!(self, delete_bucket_tagging).send().await?;
            return Ok(());
        }
        let set = all
            .into_iter()
            .map(|(key, value)| s3::Tag::builder().key(key).value(value).build().map_err(build_error))
            .collect::<Result<_, _>>()?;
        let tagging = s3::Tagging::builder().set_tag_set(Some(set)).build().map_err(build_error)?;
        request!(self, put_bucket_tagging).tagging(tagging).send().await?;
        Ok(())
    }
}
