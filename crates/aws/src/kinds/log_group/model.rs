//! A log group, desired or live, in one form.

use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use crate::tags::TagSettings;

/// The class whose events AWS keeps for a fixed time; PutRetentionPolicy is refused (CreateLogGroup, logGroupClass).
pub(super) const DELIVERY: &str = "DELIVERY";

/// A log group, desired or live.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogGroupModel {
    /// Unset: events never expire.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) retention_days: Setting<i32>,
    /// Desired only: the shortest retention that is left as it is.
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
    /// Live only: the account-level retention policy that overrides the group's own retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retention_policy: Option<String>,
    /// Live only: no event is older than this many days; none where events of any age are possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) oldest_event_days: Option<i32>,
}

impl LogGroupModel {
    /// Returns the retention that is to be set; unstated where nothing is, or where live's will do.
    pub(super) fn wanted_retention(&self, live: Option<&Self>) -> Setting<i32> {
        let class = live.map_or(&self.class, |live| &live.class);
        if class.is_set_and(|class| class == DELIVERY) {
            return Setting::Unstated;
        }
        let Setting::Set(least) = self.retention_at_least else { return self.retention_days };
        // A group without a retention keeps its events longer than any.
        let too_short = live.is_some_and(|live| live.retention_days.is_set_and(|days| *days < least));
        if too_short { Setting::Set(least) } else { Setting::Unstated }
    }

    /// Says whether this retention deletes events that the live group would have kept. Where nobody set a retention
    /// so far, the group may be too young to hold events of that age: a run that was cut between CreateLogGroup and
    /// PutRetentionPolicy goes on without a further word.
    pub(super) fn would_lose_events(&self, days: i32) -> bool {
        match self.retention_days {
            Setting::Set(today) => days < today,
            Setting::Unset | Setting::Unstated => self.oldest_event_days.is_none_or(|oldest| days < oldest),
        }
    }
}
