// SPDX-License-Identifier: Apache-2.0
//! The spec of a composite alarm and its checks
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>).

use std::collections::BTreeSet;

use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{CompositeModel, Suppressor};
use super::rule::Rule;
use crate::kinds::alarm::actions::{self, NotifiedTags};
use crate::tags::{self, TagSettings};

/// A composite alarm, whose state follows from the states of other alarms.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudWatchCompositeAlarm")]
pub struct CompositeSpec {
    /// The rule, at most 10,240 characters with at most 100 alarms: `ALARM("NAME")`, `OK("NAME")` and
    /// `INSUFFICIENT_DATA("NAME")`, combined with AND, OR, NOT and parentheses. The alarms are created first.
    pub(super) rule: String,
    /// The description, at most 1,024 characters. Notifications include it.
    pub(super) description: Option<String>,
    /// The reason why the rule may contain an alarm that does not exist, or an action may notify a topic that does not.
    pub(super) waiver: Option<String>,
    /// The name of an `sns.topic` of this spec. It is added to `alarm_actions`.
    pub(super) topic: Option<String>,
    /// The ARNs of the actions for the ALARM state, at most five including `topic`.
    #[serde(default)]
    pub(super) alarm_actions: BTreeSet<String>,
    /// The ARNs of the actions for the OK state, at most five.
    #[serde(default)]
    pub(super) ok_actions: BTreeSet<String>,
    /// The ARNs of the actions for the INSUFFICIENT_DATA state, at most five.
    #[serde(default)]
    pub(super) insufficient_data_actions: BTreeSet<String>,
    /// Whether the alarm runs its actions. Default: true.
    pub(super) actions_enabled: Option<bool>,
    /// The alarm that suppresses the actions while it is in ALARM. Default: none.
    pub(super) suppressor: Option<Suppressor>,
    /// The alarm's tags to include in notifications and events: `all`, `{included: [KEYS]}` or `{excluded: [KEYS]}`.
    /// Default: none.
    pub(super) notified_tags: Option<NotifiedTags>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
}

impl CompositeSpec {
    pub(super) fn into_model(self) -> CompositeModel {
        let mut alarm_actions = self.alarm_actions;
        alarm_actions.extend(self.topic.map(|topic| format!("${{sns.topic/{topic}.arn}}")));
        CompositeModel {
            rule: self.rule.trim().to_owned(),
            description: self.description.filter(|text| !text.is_empty()),
            alarm_actions,
            ok_actions: self.ok_actions,
            insufficient_data_actions: self.insufficient_data_actions,
            actions_enabled: self.actions_enabled.unwrap_or(true),
            suppressor: self.suppressor,
            notified_tags: self.notified_tags,
            tags: self.tags,
        }
    }
}

/// Adds a fault to the notes for everything that CloudWatch would reject.
pub(super) fn check(name: &str, spec: &CompositeSpec, notes: &mut Notes<'_>) {
    rule(name, &spec.rule, notes);
    if let Some(suppressor) = &spec.suppressor {
        if suppressor.alarm.is_empty() || suppressor.alarm == name {
            notes.fault("suppressor.alarm", "the suppressor must be another alarm", "write its name or ARN");
        }
        let periods = [("wait_seconds", suppressor.wait_seconds), ("extension_seconds", suppressor.extension_seconds)];
        for (field, seconds) in periods.into_iter().filter(|(_, seconds)| *seconds < 0) {
            notes.fault(&format!("suppressor.{field}"), format!("`{field}` cannot be {seconds}"), "write 0 or more");
        }
    }
    if spec.description.as_ref().is_some_and(|text| text.chars().count() > 1024) {
        notes.fault("description", "`description` can have at most 1,024 characters", "shorten the description");
    }
    let lists = [
        ("alarm_actions", &spec.alarm_actions, usize::from(spec.topic.is_some())),
        ("ok_actions", &spec.ok_actions, 0),
        ("insufficient_data_actions", &spec.insufficient_data_actions, 0),
    ];
    actions::check(lists, notes);
    for (field, actions, _) in lists {
        // A metric alarm can also act on instances and scaling policies.
        let service = |action: &&String| action.split(':').nth(2).is_some_and(|it| OF_METRIC_ALARMS.contains(&it));
        if let Some(action) = actions.iter().find(service) {
            let message = format!("a composite alarm cannot run the action '{action}'");
            notes.fault(field, message, "use a topic or a Lambda function, or run the action by a metric alarm");
        }
    }
    tags::check(&spec.tags, notes);
}

/// The services in the ARNs of actions that only metric alarms can run: EC2 actions and scaling policies.
const OF_METRIC_ALARMS: [&str; 3] = ["automate", "autoscaling", "swf"];

fn rule(name: &str, text: &str, notes: &mut Notes<'_>) {
    let help =
        "combine ALARM(\"NAME\"), OK(\"NAME\") and INSUFFICIENT_DATA(\"NAME\") with AND, OR, NOT and parentheses";
    if text.chars().count() > 10_240 {
        notes.fault("rule", "`rule` can have at most 10,240 characters", "split it into several composite alarms");
    }
    let rule = match Rule::parse(text) {
        Ok(rule) => rule,
        Err(why) => return notes.fault("rule", format!("the rule is not valid: {why}"), help),
    };
    if let Some(why) = rule.fault() {
        notes.fault("rule", format!("the rule is not valid: {why}"), help);
    }
    let alarms = rule.alarms();
    if alarms.contains(name) {
        notes.fault("rule", "the rule contains the alarm itself", "remove it from the rule");
    }
    if alarms.len() > 100 || rule.elements() > 500 {
        let message = "a rule can have at most 100 alarms and 500 elements (alarms, TRUE, FALSE and parentheses)";
        notes.fault("rule", message, "split it into several composite alarms");
    }
}
