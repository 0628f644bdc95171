// SPDX-License-Identifier: Apache-2.0
//! Event notifications, by id. A spec states and unsets single notifications; others do not change.
//!
//! PutBucketNotificationConfiguration replaces the whole configuration
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>), so the live one is
//! read first, and notifications of others are sent back.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::types as s3;
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BucketModel, BucketOp};

/// Notifications by id. Live ones are all set.
pub type Notifications = BTreeMap<String, Setting<Notification>>;

/// The most notifications of a bucket (Amazon S3 quotas).
const MAX: usize = 100;

/// An event notification. It has one destination: `topic`, `queue` or `function`, in the region of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BucketNotification")]
pub struct Notification {
    /// The ARN of an SNS topic, such as `${sns.topic/NAME.arn}`. Its policy must let S3 publish. No FIFO topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The ARN of an SQS queue. Its policy must let S3 send messages. No FIFO queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The ARN of a Lambda function, such as `${lambda.function/NAME.arn}`. Its policy must let S3 invoke it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The event types, such as `s3:ObjectCreated:*`. At least one.
    pub events: BTreeSet<String>,
    /// Filter: the prefix of the object keys.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Filter: the suffix of the object keys.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
}

impl Notification {
    /// Returns the destinations, each with its field and the service of its ARN. A valid notification has one.
    pub fn destinations(&self) -> impl Iterator<Item = (&'static str, &'static str, &String)> {
        [("topic", "sns", &self.topic), ("queue", "sqs", &self.queue), ("function", "lambda", &self.function)]
            .into_iter()
            .filter_map(|(field, service, arn)| Some((field, service, arn.as_ref()?)))
    }

    /// Whether an event of an object can match both. S3 rejects such notifications (S3 User Guide, "Configuring event
    /// notifications using object key name filtering").
    fn overlaps(&self, other: &Self) -> bool {
        let share = |a: &str, b: &str| {
            let covers = |all: &str, one: &str| all.strip_suffix('*').is_some_and(|start| one.starts_with(start));
            a == b || covers(a, b) || covers(b, a)
        };
        self.events.iter().any(|event| other.events.iter().any(|it| share(event, it)))
            && (self.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&self.prefix))
            && (self.suffix.ends_with(&other.suffix) || other.suffix.ends_with(&self.suffix))
    }

    /// Returns everything that S3 would reject: the field, the message and the help.
    fn faults(&self, region: &str) -> Vec<(&'static str, String, String)> {
        let mut out = Vec::new();
        if self.destinations().count() != 1 {
            let what = "a notification needs one destination".to_owned();
            out.push(("", what, "write one of `topic`, `queue` and `function`".to_owned()));
        }
        for (field, service, arn) in self.destinations() {
            let parts: Vec<&str> = arn.split(':').collect();
            let is_reference = arn.contains("${");
            let is_arn = parts.len() > 5 && parts[0] == "arn" && parts[2] == service;
            if !is_reference && !is_arn {
                let help = format!("write an ARN, such as arn:aws:{service}:{region}:ACCOUNT:NAME");
                out.push((field, format!("'{arn}' is not the ARN of a {field}"), help));
            } else if !is_reference && parts[3] != region {
                let what = format!("the {field} is in {}, and the bucket in {region}", parts[3]);
                out.push((field, what, format!("write the ARN of a {field} in {region}")));
            } else if field != "function" && arn.rsplit('.').next() == Some("fifo") {
                let what = format!("S3 cannot send notifications to the FIFO {field} '{arn}'");
                out.push((field, what, format!("write the ARN of a standard {field}")));
            }
        }
        let known = s3::Event::values();
        if self.events.is_empty() {
            let help = "write event types such as `s3:ObjectCreated:*`".to_owned();
            out.push(("events", "a notification needs at least one event type".to_owned(), help));
        }
        for event in self.events.iter().filter(|event| !known.contains(&event.as_str())) {
            let help = format!("write one of {}", known.join(", "));
            out.push(("events", format!("S3 has no event type '{event}'"), help));
        }
        out
    }
}

/// Adds the faults of a spec's notifications to the notes.
pub fn check(stated: &Setting<Notifications>, notes: &mut Notes<'_>) {
    let Some(stated) = stated.value() else { return };
    let region = notes.region.to_owned();
    for (id, entry) in stated {
        let at = format!("notifications.{id}");
        if id.is_empty() || id.chars().count() > 255 {
            let message = "the id of a notification must have 1 to 255 characters";
            notes.fault(&at, message, "name the notification after its purpose");
        }
        if entry.is_unstated() {
            let message = format!("the notification '{id}' has no value");
            notes.fault(&at, message, "write its destination and events, or `unset` to remove it");
        }
        for (field, what, help) in entry.value().map(|it| it.faults(&region)).unwrap_or_default() {
            let at = if field.is_empty() { at.clone() } else { format!("{at}.{field}") };
            notes.fault(&at, what, help);
        }
    }
    let set: Vec<_> = stated.iter().filter_map(|(id, entry)| Some((id, entry.value()?))).collect();
    for (place, (id, entry)) in set.iter().enumerate() {
        if let Some((other, _)) = set[..place].iter().find(|(_, other)| entry.overlaps(other)) {
            let message = format!("the notifications '{other}' and '{id}' match the same events");
            notes.fault(&format!("notifications.{id}"), message, "change the events, prefix or suffix of one of them");
        }
    }
}

/// Returns the desired setting of each id. `notifications: unset` unsets every live one.
fn by_id(want: &Setting<Notifications>, live: &Notifications) -> Notifications {
    match want {
        Setting::Unstated => Notifications::new(),
        Setting::Unset => live.keys().map(|id| (id.clone(), Setting::Unset)).collect(),
        Setting::Set(want) => want.clone(),
    }
}

/// Returns the live notifications that a spec states. Others do not make a saved plan stale.
pub fn relevant(want: &Setting<Notifications>, live: Setting<Notifications>) -> Setting<Notifications> {
    let Setting::Set(want) = want else { return live };
    let Setting::Set(mut live) = live else { return Setting::Unset };
    live.retain(|id, _| want.contains_key(id));
    if live.is_empty() { Setting::Unset } else { Setting::Set(live) }
}

/// Compares the notifications and the EventBridge switch, and adds the step that changes them.
pub fn diff(
    want: &Setting<Notifications>,
    eventbridge: Setting<bool>,
    live: Option<&BucketModel>,
    out: &mut Diff<'_, BucketOp>,
) {
    let none = Notifications::new();
    let found = live.and_then(|live| live.notifications.value()).unwrap_or(&none);
    let changes = by_id(want, found);
    // A new bucket sends no events to EventBridge, which needs no call.
    let is_on = live.map_or(&Setting::Set(false), |live| &live.eventbridge);
    let mut covers = out.setting("eventbridge", &eventbridge, Some(is_on));
    if eventbridge == Setting::Set(false) && live.is_some() {
        out.remark(&covers, "EventBridge no longer receives the events of the bucket");
    }
    for (id, entry) in &changes {
        let change = out.setting(&format!("notifications.{id}"), entry, found.get(id));
        if *entry == Setting::Unset {
            out.remark(&change, "S3 no longer sends these events");
            if *want == Setting::Unset && !change.is_empty() {
                out.deletes(format!("the notification {id} is removed: the spec does not state it"));
            }
        }
        covers = covers.and(change);
    }
    if covers.is_empty() {
        return;
    }
    let others =
        || found.iter().filter(|(id, _)| !changes.contains_key(*id)).filter_map(|(id, it)| Some((id, it.value()?)));
    for (id, entry) in changes.iter().filter_map(|(id, entry)| Some((id, entry.value()?))) {
        if let Some((other, _)) = others().find(|(_, other)| entry.overlaps(other)) {
            let why = format!(
                "'{id}' matches the same events as '{other}', which the bucket has: write `{other}: unset`, or \
                               change the events, prefix or suffix of '{id}'"
            );
            out.blocked(&covers, &format!("the notification {why}"));
        }
    }
    if others().count() + changes.values().filter(|entry| entry.is_set()).count() > MAX {
        out.blocked(&covers, &format!("the bucket would have more than {MAX} notifications: merge some of them"));
    }
    out.step(
        Phase::Change,
        covers,
        BucketOp::PutBucketNotificationConfiguration { notifications: changes, eventbridge },
    );
}

/// Merges a spec's notifications over those of a source. A notification whose destination is in the source's region is
/// not copied: S3 sends notifications only within a region.
pub fn over(
    own: Setting<Notifications>,
    source: Setting<Notifications>,
    region: &str,
    left: &mut Vec<String>,
) -> Setting<Notifications> {
    if own == Setting::Unset {
        return own;
    }
    let own = own.unwrap_or_default();
    let mut all = Notifications::new();
    for (id, entry) in source.unwrap_or_default() {
        let is_there =
            |entry: &Notification| entry.destinations().any(|(_, _, arn)| arn.split(':').nth(3) == Some(region));
        if own.contains_key(&id) {
            continue;
        }
        if entry.is_set_and(is_there) {
            left.push(format!(
                "the notification '{id}' is not copied, because its destination is in the source region; state it under \
                 `notifications:`, or replace the region with `rewrite:`"
            ));
        } else {
            all.insert(id, entry);
        }
    }
    all.extend(own);
    if all.is_empty() { Setting::Unstated } else { Setting::Set(all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn notification(fields: Value) -> Notification {
        serde_json::from_value(fields).unwrap()
    }

    const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:q";

    #[test]
    fn a_notification_that_s3_rejects_is_a_fault() {
        let created = ["s3:ObjectCreated:*"];
        for (fields, why) in [
            (json!({"events": created}), "one destination"),
            (json!({"events": created, "queue": QUEUE, "topic": "${sns.topic/a.arn}"}), "one destination"),
            (json!({"events": created, "topic": QUEUE}), "not the ARN of a topic"),
            (json!({"events": created, "queue": "q"}), "not the ARN of a queue"),
            (json!({"events": created, "queue": "arn:aws:sqs:eu-west-1:123456789012:q"}), "is in eu-west-1"),
            (json!({"events": created, "queue": format!("{QUEUE}.fifo")}), "FIFO"),
            (json!({"events": [], "queue": QUEUE}), "at least one event"),
            (json!({"events": ["s3:ObjectMade:*"], "queue": QUEUE}), "no event type"),
        ] {
            let found = notification(fields.clone()).faults("eu-central-1");
            assert!(found.len() == 1 && found[0].1.contains(why), "{fields}: {found:?}");
        }
        for destination in ["${lambda.function/f.arn}", "arn:aws:lambda:eu-central-1:123456789012:function:f:live"] {
            let valid = notification(json!({"events": created, "function": destination, "prefix": "a"}));
            assert_eq!(valid.faults("eu-central-1"), []);
        }
    }

    #[test]
    fn notifications_overlap_if_an_event_can_match_both() {
        let of = |event: &str, prefix: &str, suffix: &str| {
            notification(json!({"queue": QUEUE, "events": [event], "prefix": prefix, "suffix": suffix}))
        };
        let all = of("s3:ObjectCreated:*", "", "");
        assert!(all.overlaps(&of("s3:ObjectCreated:Put", "images/", ".jpg")));
        assert!(!all.overlaps(&of("s3:ObjectRemoved:*", "", "")));
        let images = of("s3:ObjectCreated:Put", "images", ".jpg");
        assert!(!images.overlaps(&of("s3:ObjectCreated:Put", "images", ".png")));
        assert!(!images.overlaps(&of("s3:ObjectCreated:Put", "logs", ".jpg")));
        assert!(images.overlaps(&of("s3:ObjectCreated:*", "", "jpg")));
        assert!(!of("s3:ObjectCreated:Copy", "", "").overlaps(&of("s3:ObjectCreated:Put", "", "")));
    }
}
