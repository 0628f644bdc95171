// SPDX-License-Identifier: Apache-2.0
//! Reads the settings of a bucket that few buckets have, each with a call of its own.

use aws_sdk_s3::types as s3;
use regionctl_core::observe::scope::Scope;
use regionctl_core::resource::setting::Setting;

use super::api::{OwnedBucket, request};
use super::notification_sdk;
use super::notifications::Notifications;
use super::object_lock::ObjectLock;
use super::read::{or_default, read_if, try_map};
use super::settings::{Acceleration, Payer};
use super::website::Website;
use crate::error::{CallError, if_set};

/// The answers, in the form of the model.
pub(super) struct Further {
    pub website: Setting<Website>,
    pub request_payment: Setting<Payer>,
    pub acceleration: Setting<Acceleration>,
    pub notifications: Setting<Notifications>,
    pub eventbridge: Setting<bool>,
    pub object_lock: Setting<ObjectLock>,
}

impl OwnedBucket<'_> {
    pub(super) async fn read_further(self, scope: &Scope) -> Result<Further, CallError> {
        let bucket = self;
        let (website, payment, acceleration, notifications, lock) = tokio::join!(
            read_if!(bucket, scope, get_bucket_website, "website"),
            read_if!(bucket, scope, get_bucket_request_payment, "request_payment"),
            bucket.acceleration(scope),
            read_if!(bucket, scope, get_bucket_notification_configuration, "notifications", "eventbridge"),
            read_if!(bucket, scope, get_object_lock_configuration, "object_lock"),
        );
        let payer = payment?.map(|answer| Setting::live(answer.payer)).flatten();
        let (notifications, eventbridge) = match notifications? {
            Setting::Unstated => (Setting::Unstated, Setting::Unstated),
            Setting::Unset => (Setting::Unset, Setting::Set(false)),
            Setting::Set(answer) => notification_sdk::from_sdk(answer)?,
        };
        let lock = lock?.map(|answer| Setting::live(answer.object_lock_configuration)).flatten();
        let lock = try_map(lock, |found| ObjectLock::from_sdk(&found))?;
        Ok(Further {
            website: try_map(website?, Website::from_sdk)?,
            request_payment: or_default(try_map(payer, |payer| Payer::from_sdk(&payer))?, Payer::BucketOwner),
            acceleration: acceleration?,
            notifications,
            eventbridge,
            object_lock: lock.map(Setting::live).flatten(),
        })
    }

    /// Reads whether Transfer Acceleration is enabled. S3 returns no state for a bucket that never had one, and one of
    /// these errors in a region without Transfer Acceleration
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAccelerateConfiguration.html>).
    async fn acceleration(self, scope: &Scope) -> Result<Setting<Acceleration>, CallError> {
        if !scope.reads(self.name, "acceleration") {
            return Ok(Setting::Unstated);
        }
        let status: Option<s3::BucketAccelerateStatus> =
            match request!(self, get_bucket_accelerate_configuration).send().await.map_err(CallError::from) {
                Ok(answer) => answer.status,
                Err(error) if error.is("MethodNotAllowed") || error.is("UnsupportedArgument") => None,
                Err(error) => return Err(error),
            };
        status.as_ref().map_or(Ok(Setting::Unset), Acceleration::from_sdk)
    }
}
