// SPDX-License-Identifier: Apache-2.0
//! The model of a composite alarm, desired or live.
//!
//! A spec defines the whole alarm, so only tags can be unstated. `None` means AWS's default.

use std::collections::BTreeSet;

use regionctl_core::observe::location::Location;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::Rule;
use crate::kinds::alarm::actions::NotifiedTags;
use crate::tags::TagSettings;

/// A composite alarm, desired or live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompositeModel {
    pub(super) rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) alarm_actions: BTreeSet<String>,
    pub(super) ok_actions: BTreeSet<String>,
    pub(super) insufficient_data_actions: BTreeSet<String>,
    pub(super) actions_enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) suppressor: Option<Suppressor>,
    /// `None`: notifications include no tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) notified_tags: Option<NotifiedTags>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
}

/// The alarm that suppresses the actions of a composite alarm while it is in ALARM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudWatchActionsSuppressor")]
pub struct Suppressor {
    /// The name or ARN of the alarm.
    pub(super) alarm: String,
    /// How long the composite alarm waits for the suppressor to go into ALARM before it runs its actions, in seconds.
    pub(super) wait_seconds: i32,
    /// How long the composite alarm waits after the suppressor has left ALARM before it runs its actions, in seconds.
    pub(super) extension_seconds: i32,
}

impl CompositeModel {
    /// Returns the names and ARNs of the alarms that it depends on: in its rule, and its suppressor.
    pub(super) fn children(&self) -> BTreeSet<String> {
        let rule = Rule::parse(&self.rule).ok();
        let in_rule = rule.iter().flat_map(Rule::alarms).map(ToOwned::to_owned);
        in_rule.chain(self.suppressor.iter().map(|suppressor| suppressor.alarm.clone())).collect()
    }

    /// Returns the alarm to send. A value with the meaning of the live one keeps its live form.
    pub(super) fn over(&self, live: &Self) -> Self {
        let mut sent = self.clone();
        if matches!((Rule::parse(&self.rule), Rule::parse(&live.rule)), (Ok(own), Ok(live)) if own == live) {
            sent.rule.clone_from(&live.rule);
        }
        if let (Some(own), Some(live)) = (&mut sent.suppressor, &live.suppressor)
            && plain(&own.alarm) == plain(&live.alarm)
        {
            own.alarm.clone_from(&live.alarm);
        }
        sent
    }
}

/// Returns the name of an alarm of the same account and region by its name or ARN.
fn plain(alarm: &str) -> &str {
    let name = alarm.strip_prefix("arn:").and_then(|rest| rest.split_once(":alarm:"));
    name.map_or(alarm, |(_, name)| name)
}

/// Returns the name of an alarm. `None` if its ARN is of another account or region.
pub(super) fn name_here<'a>(alarm: &'a str, location: &Location) -> Option<&'a str> {
    if alarm.starts_with("arn:") { alarm.strip_prefix(&location.arn("cloudwatch", "alarm:")) } else { Some(alarm) }
}
