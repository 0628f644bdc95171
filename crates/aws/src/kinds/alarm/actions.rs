// SPDX-License-Identifier: Apache-2.0
//! What metric alarms and composite alarms share: their names, actions and the tags in their notifications.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{ActionConfiguration, AlarmTagsPropagation, AlarmType, Tag};
use regionctl_core::kind::{Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Verdict};
use regionctl_core::observe::scope::Extra;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::reference::Attributes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::CallError;
use crate::kinds::targets::{TOPIC, gone};

/// The rule of an alarm whose action is a topic that does not exist.
pub(in crate::kinds) const DEAD_ACTION: &str = "alarm-dead-action";

/// The alarm's tags that notifications and events include (`AlarmTagsPropagation`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifiedTags {
    /// All tags.
    All,
    /// Tags with these keys only.
    Included(BTreeSet<String>),
    /// All tags except those with these keys.
    Excluded(BTreeSet<String>),
}

/// Checks an alarm's name.
///
/// # Errors
/// CloudWatch does not accept the name.
pub(in crate::kinds) fn check_name(name: &str) -> Result<(), String> {
    if (1..=255).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err("this is not a valid alarm name\nuse 1 to 255 characters without control characters".into())
}

/// Returns the attributes of an alarm. The rule of a composite alarm refers to the name.
pub(in crate::kinds) fn attributes(name: &str, location: &Location) -> Attributes {
    let arn = location.arn("cloudwatch", &format!("alarm:{name}"));
    Attributes::from([("arn".to_owned(), arn), ("name".to_owned(), name.to_owned())])
}

/// Records the faults of lists of actions: the field, its actions, and the number of further actions.
pub(in crate::kinds) fn check(lists: [(&str, &BTreeSet<String>, usize); 3], notes: &mut Notes<'_>) {
    for (field, actions, topics) in lists {
        if actions.len() + topics > 5 {
            let message = "an alarm can have at most five actions per state, including `topic`";
            notes.fault(field, message, "publish to a topic with several subscribers");
        }
        if let Some(action) = actions.iter().find(|action| !action.starts_with("arn:") && !action.starts_with("${")) {
            notes.fault(
                field,
                format!("'{action}' is not an ARN"),
                "write an ARN, or `topic: NAME` for a topic of this spec",
            );
        }
    }
}

/// Returns a defect for each action that is a topic of this account and region that does not exist.
pub(in crate::kinds) fn dead_actions(actions: &BTreeSet<String>, seen: &Seen<'_>) -> Vec<Risk> {
    let gone = actions.iter().filter_map(|action| gone(action, &[TOPIC], seen));
    let what = |target| format!("an action fails: {target} does not exist");
    gone.map(|target| Risk::new(DEAD_ACTION, "alarm_actions", what(target))).collect()
}

/// Checks that no alarm of another type has one of these names: alarms of all types share their names, and CloudWatch
/// does not change an alarm's type.
pub(in crate::kinds) async fn names_are_free(api: &Client, names: Vec<String>, other: AlarmType) -> Vec<Check> {
    let mut taken = Vec::new();
    for names in names.chunks(100) {
        let call = api.describe_alarms().set_alarm_names(Some(names.to_vec())).alarm_types(other.clone());
        match call.max_records(100).send().await.map_err(CallError::from) {
            Ok(answer) => {
                taken.extend(answer.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name.clone()));
                taken.extend(answer.composite_alarms().iter().filter_map(|alarm| alarm.alarm_name.clone()));
            }
            Err(error) => return vec![Check::new("names of alarms", Verdict::CouldNotCheck, error.0.to_string())],
        }
    }
    let other = if other == AlarmType::MetricAlarm { "a metric alarm" } else { "a composite alarm" };
    let what =
        |name: String| format!("'{name}' is the name of {other}; choose another name, or delete that alarm first");
    taken.into_iter().map(|name| Check::new("names of alarms", Verdict::Failed, what(name))).collect()
}

/// Returns the tags in notifications of an alarm as AWS returns it.
pub(in crate::kinds) fn notified_tags(configuration: Option<&ActionConfiguration>) -> Option<NotifiedTags> {
    let propagation = configuration?.alarm_tags_propagation()?;
    let (included, excluded) = (propagation.included_tag_keys(), propagation.excluded_tag_keys());
    match propagation.enabled() {
        Some(true) if !included.is_empty() => Some(NotifiedTags::Included(included.iter().cloned().collect())),
        Some(true) if !excluded.is_empty() => Some(NotifiedTags::Excluded(excluded.iter().cloned().collect())),
        Some(true) => Some(NotifiedTags::All),
        _ => None,
    }
}

/// Returns the tag keys of a propagation that is disabled. The model has none, so a Put would drop them.
pub(in crate::kinds) fn extra(configuration: Option<&ActionConfiguration>) -> Option<Extra> {
    let off = configuration?.alarm_tags_propagation().filter(|propagation| propagation.enabled() != Some(true))?;
    let keys: Vec<String> = off.included_tag_keys().iter().chain(off.excluded_tag_keys()).cloned().collect();
    (!keys.is_empty()).then(|| Extra::lost("notified_tags", keys))
}

/// Returns AWS's form of the tags in notifications.
pub(in crate::kinds) fn configuration(notified: NotifiedTags) -> ActionConfiguration {
    let propagation = AlarmTagsPropagation::builder().enabled(true);
    let propagation = match notified {
        NotifiedTags::All => propagation,
        NotifiedTags::Included(keys) => propagation.set_included_tag_keys(Some(keys.into_iter().collect())),
        NotifiedTags::Excluded(keys) => propagation.set_excluded_tag_keys(Some(keys.into_iter().collect())),
    };
    ActionConfiguration::builder().alarm_tags_propagation(propagation.build()).build()
}

/// Returns a list of a request: an empty one is left out.
pub(in crate::kinds) fn list(items: BTreeSet<String>) -> Option<Vec<String>> {
    (!items.is_empty()).then(|| items.into_iter().collect())
}

pub(in crate::kinds) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
