// SPDX-License-Identifier: Apache-2.0
//! The model of a log group, desired or live.

use std::collections::BTreeSet;

use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use super::filters::{Filters, MetricFilter, SubscriptionFilter};
use crate::tags::TagSettings;

/// The log class with a fixed retention, for which AWS rejects PutRetentionPolicy (`logGroupClass` in
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>).
pub(super) const DELIVERY: &str = "DELIVERY";

/// A log group, desired or live.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogGroupModel {
    /// The retention in days. Unset: events never expire.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) retention_days: Setting<i32>,
    /// Desired only: the minimum retention in days. A longer live retention does not change.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) retention_at_least: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) kms_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) class: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) deletion_protection: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) metric_filters: Setting<Filters<MetricFilter>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) subscription_filters: Setting<Filters<SubscriptionFilter>>,
    /// Desired only: the roles of the subscription filters, for the IAM permissions.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) passed_roles: BTreeSet<String>,
    /// Live only: the account-level retention policy that overrides the group's own retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retention_policy: Option<String>,
    /// Live only: the maximum age of the group's events in days. `None`: events can have any age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) oldest_event_days: Option<i32>,
}

impl LogGroupModel {
    /// Whether AWS sets the retention because of the class.
    pub(super) fn is_delivery(&self) -> bool {
        self.class.is_set_and(|class| class == DELIVERY)
    }

    /// Returns the retention to set. It is unstated if the spec states none or the live retention is long enough.
    pub(super) fn desired_retention(&self, live: Option<&Self>) -> Setting<i32> {
        if live.unwrap_or(self).is_delivery() {
            return Setting::Unstated;
        }
        let Setting::Set(least) = self.retention_at_least else { return self.retention_days };
        // Without a retention, events never expire, which satisfies every minimum.
        let too_short = live.is_some_and(|live| live.retention_days.is_set_and(|days| *days < least));
        if too_short { Setting::Set(least) } else { Setting::Unstated }
    }

    /// Whether this retention deletes events that the live group keeps. A group without a retention may be too young to
    /// have events of that age. A run that was interrupted between CreateLogGroup and PutRetentionPolicy can therefore
    /// continue without `--allow-destroy`.
    pub(super) fn deletes_events(&self, days: i32) -> bool {
        match self.retention_days {
            Setting::Set(current) => days < current,
            Setting::Unset | Setting::Unstated => self.oldest_event_days.is_none_or(|oldest| days < oldest),
        }
    }
}
