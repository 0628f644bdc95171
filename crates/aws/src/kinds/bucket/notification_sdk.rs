// SPDX-License-Identifier: Apache-2.0
//! Converts notifications to and from the SDK's types, and merges them into the live configuration.

use std::collections::BTreeSet;

use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types as s3;
use regionctl_core::resource::setting::Setting;

use super::notifications::{Notification, Notifications};
use crate::error::{CallError, build_error};

const GET: &str = "S3 GetBucketNotificationConfiguration";

/// Converts the notifications of GetBucketNotificationConfiguration, and whether the bucket sends events to EventBridge.
///
/// # Errors
/// A notification has no id, or a filter that is unknown.
pub fn from_sdk(
    answer: GetBucketNotificationConfigurationOutput,
) -> Result<(Setting<Notifications>, Setting<bool>), CallError> {
    let eventbridge = Setting::Set(answer.event_bridge_configuration.is_some());
    let mut all = Notifications::new();
    let mut add = |id: Option<String>, entry: Notification| {
        // S3 assigns an id to a notification without one.
        let id = id.ok_or_else(|| CallError::unknown(GET, "a notification", "(no id)"))?;
        all.insert(id, Setting::Set(entry));
        Ok::<_, CallError>(())
    };
    for it in answer.topic_configurations.unwrap_or_default() {
        let entry = Notification { topic: Some(it.topic_arn), ..entry(&it.events, it.filter.as_ref())? };
        add(it.id, entry)?;
    }
    for it in answer.queue_configurations.unwrap_or_default() {
        let entry = Notification { queue: Some(it.queue_arn), ..entry(&it.events, it.filter.as_ref())? };
        add(it.id, entry)?;
    }
    for it in answer.lambda_function_configurations.unwrap_or_default() {
        let entry = Notification { function: Some(it.lambda_function_arn), ..entry(&it.events, it.filter.as_ref())? };
        add(it.id, entry)?;
    }
    let all = if all.is_empty() { Setting::Unset } else { Setting::Set(all) };
    Ok((all, eventbridge))
}

/// Converts the events and the filter. S3 returns the names of filter rules capitalized, and accepts them in any case.
fn entry(
    events: &[s3::Event],
    filter: Option<&s3::NotificationConfigurationFilter>,
) -> Result<Notification, CallError> {
    let events: BTreeSet<String> = events.iter().map(|event| event.as_str().to_owned()).collect();
    let mut found =
        Notification { topic: None, queue: None, function: None, events, prefix: String::new(), suffix: String::new() };
    for rule in
        filter.and_then(s3::NotificationConfigurationFilter::key).map(s3::S3KeyFilter::filter_rules).unwrap_or_default()
    {
        let name = rule.name().map(s3::FilterRuleName::as_str).unwrap_or_default();
        let value = rule.value().unwrap_or_default().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "prefix" => found.prefix = value,
            "suffix" => found.suffix = value,
            _ => return Err(CallError::unknown(GET, "a filter rule of a notification", name)),
        }
    }
    Ok(found)
}

/// Returns the live configuration with the changes of a spec. Everything else is sent as S3 returned it.
pub fn merged(
    live: GetBucketNotificationConfigurationOutput,
    changes: &Notifications,
    eventbridge: Setting<bool>,
) -> Result<s3::NotificationConfiguration, CallError> {
    let is_other = |id: Option<&str>| id.is_none_or(|id| !changes.contains_key(id));
    let mut topics = live.topic_configurations.unwrap_or_default();
    let mut queues = live.queue_configurations.unwrap_or_default();
    let mut functions = live.lambda_function_configurations.unwrap_or_default();
    topics.retain(|it| is_other(it.id()));
    queues.retain(|it| is_other(it.id()));
    functions.retain(|it| is_other(it.id()));
    for (id, entry) in changes.iter().filter_map(|(id, entry)| Some((id, entry.value()?))) {
        let events = || Some(entry.events.iter().map(|event| s3::Event::from(event.as_str())).collect());
        let filter = || filter_to_sdk(entry);
        if let Some(arn) = &entry.topic {
            let it = s3::TopicConfiguration::builder().id(id).topic_arn(arn).set_events(events()).set_filter(filter());
            topics.push(it.build().map_err(build_error)?);
        }
        if let Some(arn) = &entry.queue {
            let it = s3::QueueConfiguration::builder().id(id).queue_arn(arn).set_events(events()).set_filter(filter());
            queues.push(it.build().map_err(build_error)?);
        }
        if let Some(arn) = &entry.function {
            let it = s3::LambdaFunctionConfiguration::builder().id(id).lambda_function_arn(arn);
            functions.push(it.set_events(events()).set_filter(filter()).build().map_err(build_error)?);
        }
    }
    let bridge = match eventbridge {
        Setting::Unstated => live.event_bridge_configuration,
        Setting::Set(true) => Some(s3::EventBridgeConfiguration::builder().build()),
        Setting::Unset | Setting::Set(false) => None,
    };
    Ok(s3::NotificationConfiguration::builder()
        .set_topic_configurations((!topics.is_empty()).then_some(topics))
        .set_queue_configurations((!queues.is_empty()).then_some(queues))
        .set_lambda_function_configurations((!functions.is_empty()).then_some(functions))
        .set_event_bridge_configuration(bridge)
        .build())
}

/// Converts the prefix and the suffix. S3 rejects a filter without rules.
fn filter_to_sdk(entry: &Notification) -> Option<s3::NotificationConfigurationFilter> {
    let rule = |name: s3::FilterRuleName, value: &String| {
        (!value.is_empty()).then(|| s3::FilterRule::builder().name(name).value(value).build())
    };
    let prefix = rule(s3::FilterRuleName::Prefix, &entry.prefix);
    let suffix = rule(s3::FilterRuleName::Suffix, &entry.suffix);
    let rules: Vec<_> = prefix.into_iter().chain(suffix).collect();
    let key = (!rules.is_empty()).then(|| s3::S3KeyFilter::builder().set_filter_rules(Some(rules)).build())?;
    Some(s3::NotificationConfigurationFilter::builder().key(key).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn changes(fields: Value) -> Notifications {
        serde_json::from_value(fields).unwrap()
    }

    fn answer(sent: s3::NotificationConfiguration) -> GetBucketNotificationConfigurationOutput {
        GetBucketNotificationConfigurationOutput::builder()
            .set_topic_configurations(sent.topic_configurations)
            .set_queue_configurations(sent.queue_configurations)
            .set_lambda_function_configurations(sent.lambda_function_configurations)
            .set_event_bridge_configuration(sent.event_bridge_configuration)
            .build()
    }

    fn full() -> Notifications {
        changes(json!({
            "t": {"topic": "arn:t", "events": ["s3:ObjectCreated:*"], "prefix": "in/", "suffix": ".jpg"},
            "q": {"queue": "arn:q", "events": ["s3:ObjectRemoved:*", "s3:ObjectRestore:Post"], "suffix": ".png"},
            "f": {"function": "arn:f", "events": ["s3:Replication:*"]},
        }))
    }

    #[test]
    fn notifications_survive_a_round_trip() {
        let none = || GetBucketNotificationConfigurationOutput::builder().build();
        for bridge in [true, false] {
            let sent = merged(none(), &full(), Setting::Set(bridge)).unwrap();
            assert_eq!(from_sdk(answer(sent)).unwrap(), (Setting::Set(full()), Setting::Set(bridge)));
        }
        assert_eq!(from_sdk(none()).unwrap(), (Setting::Unset, Setting::Set(false)));
    }

    #[test]
    fn notifications_of_others_are_sent_as_they_are() {
        let rule = s3::FilterRule::builder().name("Prefix".into()).value("theirs/").build();
        let filter = s3::S3KeyFilter::builder().filter_rules(rule).build();
        let theirs = s3::QueueConfiguration::builder()
            .id("theirs")
            .queue_arn("arn:theirs")
            .events("s3:SomethingNew".into())
            .filter(s3::NotificationConfigurationFilter::builder().key(filter).build())
            .build()
            .unwrap();
        let mut live = answer(
            merged(answer(s3::NotificationConfiguration::builder().build()), &full(), Setting::Set(true)).unwrap(),
        );
        live.queue_configurations.as_mut().unwrap().push(theirs.clone());
        let moved =
            changes(json!({"t": {"queue": "arn:new", "events": ["s3:ObjectCreated:*"]}, "f": null, "none": null}));
        let sent = merged(live, &moved, Setting::Unstated).unwrap();
        assert!(sent.topic_configurations.is_none() && sent.lambda_function_configurations.is_none());
        assert!(sent.event_bridge_configuration.is_some());
        let queues = sent.queue_configurations();
        assert_eq!(queues.iter().map(|it| it.id().unwrap_or_default()).collect::<Vec<_>>(), ["q", "theirs", "t"]);
        assert_eq!(queues[1], theirs);
    }

    #[test]
    fn the_name_of_a_filter_rule_has_any_case_and_an_unknown_one_is_an_error() {
        let read = |name: &str| {
            let rule = s3::FilterRule::builder().name(name.into()).value("a").build();
            let filter = s3::S3KeyFilter::builder().filter_rules(rule).build();
            entry(&[], Some(&s3::NotificationConfigurationFilter::builder().key(filter).build()))
        };
        assert_eq!(read("Prefix").unwrap().prefix, "a");
        assert_eq!(read("suffix").unwrap().suffix, "a");
        assert!(read("Infix").unwrap_err().0.message.contains("'Infix'"));
    }
}
