// SPDX-License-Identifier: Apache-2.0
//! Reads topics and subscriptions and converts AWS's answers to models.

use std::collections::BTreeMap;

use aws_sdk_sns::Client;
use futures::future::{join4, try_join_all};
use regionctl_core::diff::Keyed;
use regionctl_core::kind::Kind;
use regionctl_core::observe::scope::{Depth, Extra, LiveResource, Scope};
use regionctl_core::resource::setting::Setting;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::delivery::{DeliveryPolicy, Level};
use super::model::{
    DEFAULT_MESSAGE_SIZE, FilterScope, LOGGED, StatusLogging, Subscription, SubscriptionSettings, ThroughputScope,
    TopicModel, Tracing,
};
use super::policy::is_default;
use super::{FIFO, Topic};
use crate::answer::live_policy;
use crate::error::{CallError, if_found};
use crate::tags::{self, TagSettings, collect};

const TOPIC: &str = "SNS GetTopicAttributes";
const SUBSCRIPTION: &str = "SNS GetSubscriptionAttributes";

/// The attributes that identify a topic or change by themselves. Others that the model does not have are extras.
const NOT_SETTINGS: [&str; 7] = [
    "BeginningArchiveTime",
    "EffectiveDeliveryPolicy",
    "FifoTopic",
    "Owner",
    "SubscriptionsDeleted",
    "SubscriptionsPending",
    "TopicArn",
];

/// The attributes that identify a subscription or change by themselves. Others that the model does not have are extras.
const NOT_SETTINGS_OF_SUBSCRIPTIONS: [&str; 10] = [
    "ConfirmationWasAuthenticated",
    "EffectiveDeliveryPolicy",
    "Endpoint",
    "Owner",
    "PendingConfirmation",
    "Protocol",
    "ReplayStatus",
    "SubscriptionArn",
    "SubscriptionPrincipal",
    "TopicArn",
];

/// The maximum number of GetSubscriptionAttributes calls at the same time, for one topic.
const CONCURRENT: usize = 10;

/// Reads a topic. Returns `None` if it does not exist. If it is deleted between two calls, its other settings are
/// unknown, and the result is an error.
pub(super) async fn read(
    api: &Client,
    scope: &Scope,
    name: &str,
    depth: &Depth,
) -> Result<Option<LiveResource<TopicModel>>, CallError> {
    let arn = scope.location.arn("sns", name);
    let attributes = async {
        let answer = if_found(api.get_topic_attributes().topic_arn(&arn).send().await.map_err(CallError::from))?;
        Ok::<_, CallError>(answer.map(|answer| answer.attributes.unwrap_or_default()))
    };
    let (attributes, subscriptions, tags, protection) = join4(
        attributes,
        read_subscriptions(api, &arn, depth),
        read_tags(api, &arn, depth),
        read_data_protection(api, name, &arn, depth),
    )
    .await;
    let Some(attributes) = attributes? else { return Ok(None) };
    let (mut model, mut extras) = model(name, attributes)?;
    if let Some((subscriptions, settings, found)) = subscriptions? {
        model.subscriptions = Setting::Set(subscriptions);
        model.subscription_settings = settings;
        extras.extend(found);
    }
    model.tags = tags?;
    model.data_protection_policy = protection?;
    Ok(Some(LiveResource::new(name, model, Topic::attributes(name, &scope.location)).with_extras(extras)))
}

/// The attributes of an answer, by name. The ones that are used are taken out.
struct Attributes {
    call: &'static str,
    left: BTreeMap<String, String>,
}

impl Attributes {
    fn new(call: &'static str, attributes: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { call, left: attributes.into_iter().collect() }
    }

    /// Takes an attribute. An empty one has no value.
    fn take(&mut self, name: &str) -> Option<String> {
        self.left.remove(name).filter(|text| !text.is_empty())
    }

    fn text(&mut self, name: &str) -> Setting<String> {
        Setting::live(self.take(name))
    }

    /// Takes an attribute that is a word of an enum.
    fn word<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, CallError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let value = serde_json::from_value(Value::from(text.as_str()));
        value.map(Some).map_err(|_| self.unknown(name, &text))
    }

    /// Takes an attribute in JSON: a number, a boolean or a document.
    fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, CallError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|_| self.unknown(name, &text))
    }

    /// Takes a delivery policy, and adds the members that a spec cannot state to `extras`.
    fn delivery(
        &mut self,
        level: Level,
        path: &str,
        extras: &mut Vec<Extra>,
    ) -> Result<Setting<DeliveryPolicy>, CallError> {
        let name = "DeliveryPolicy";
        let Some(text) = self.take(name) else { return Ok(Setting::Unset) };
        let (policy, rest) = DeliveryPolicy::from_aws(&text, level).map_err(|_| self.unknown(name, &text))?;
        extras.extend(rest.into_iter().map(|(member, value)| Extra::lost(format!("{path}.{member}"), value)));
        Ok(Setting::live(policy))
    }

    fn unknown(&self, name: &str, value: &str) -> CallError {
        CallError::unknown(self.call, &format!("for the attribute {name} the value"), value)
    }
}

/// Converts the attributes of a topic. An attribute that SNS leaves out has its default.
fn model(
    name: &str,
    attributes: impl IntoIterator<Item = (String, String)>,
) -> Result<(TopicModel, Vec<Extra>), CallError> {
    let mut attributes = Attributes::new(TOPIC, attributes);
    let mut extras = Vec::new();
    let is_fifo = name.ends_with(FIFO);
    let content_based = attributes.json("ContentBasedDeduplication")?;
    let throughput = attributes.word("FifoThroughputScope")?;
    let signature = attributes.json("SignatureVersion")?;
    if let Some(other) = signature.filter(|version: &u8| !matches!(version, 1 | 2)) {
        return Err(attributes.unknown("SignatureVersion", &other.to_string()));
    }
    let model = TopicModel {
        display_name: attributes.text("DisplayName"),
        policy: live_policy(TOPIC, attributes.take("Policy").as_deref(), is_default)?,
        kms_key: attributes.text("KmsMasterKeyId"),
        delivery_policy: attributes.delivery(Level::Topic, "delivery_policy", &mut extras)?,
        delivery_status: delivery_status(&mut attributes)?,
        signature_version: Setting::Set(signature.unwrap_or(1)),
        tracing: Setting::Set(attributes.word("TracingConfig")?.unwrap_or(Tracing::PassThrough)),
        maximum_message_size: Setting::Set(attributes.json("MaximumMessageSize")?.unwrap_or(DEFAULT_MESSAGE_SIZE)),
        content_based_deduplication: Setting::live(is_fifo.then(|| content_based.unwrap_or_default())),
        fifo_throughput_scope: Setting::live(is_fifo.then(|| throughput.unwrap_or(ThroughputScope::Topic))),
        archive_retention_days: Setting::live(archive(&mut attributes)?),
        confirmed: attributes.json("SubscriptionsConfirmed")?,
        ..TopicModel::default()
    };
    let others = attributes.left.into_iter().filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()));
    extras.extend(others.map(|(name, value)| Extra::kept(format!("attributes.{name}"), value)));
    Ok((model, extras))
}

fn delivery_status(attributes: &mut Attributes) -> Result<BTreeMap<String, StatusLogging>, CallError> {
    let logging = LOGGED.into_iter().map(|(protocol, prefix)| {
        let logging = StatusLogging {
            success_role: attributes.text(&format!("{prefix}SuccessFeedbackRoleArn")),
            success_sample_rate: Setting::Set(
                attributes.json(&format!("{prefix}SuccessFeedbackSampleRate"))?.unwrap_or_default(),
            ),
            failure_role: attributes.text(&format!("{prefix}FailureFeedbackRoleArn")),
        };
        Ok((protocol.to_owned(), logging))
    });
    logging.collect()
}

/// Takes the number of days of the archive policy, `{"MessageRetentionPeriod": "30"}`. `{}` is no policy.
fn archive(attributes: &mut Attributes) -> Result<Option<u16>, CallError> {
    let Some(text) = attributes.take("ArchivePolicy") else { return Ok(None) };
    let unknown = || attributes.unknown("ArchivePolicy", &text);
    let mut policy: Map<String, Value> = serde_json::from_str(&text).map_err(|_| unknown())?;
    let days = match policy.remove("MessageRetentionPeriod") {
        None => None,
        Some(Value::String(days)) => Some(days.parse().map_err(|_| unknown())?),
        Some(days) => Some(serde_json::from_value(days).map_err(|_| unknown())?),
    };
    if policy.is_empty() { Ok(days) } else { Err(unknown()) }
}

type Subscriptions = (Vec<Subscription>, Vec<SubscriptionSettings>, Vec<Extra>);

/// Reads the topic's subscriptions, sorted, and their settings if they are requested.
async fn read_subscriptions(api: &Client, arn: &str, depth: &Depth) -> Result<Option<Subscriptions>, CallError> {
    let reads_settings = depth.reads("subscription_settings");
    if !depth.reads("subscriptions") && !reads_settings {
        return Ok(None);
    }
    let mut pages = api.list_subscriptions_by_topic().topic_arn(arn).into_paginator().send();
    let mut found: BTreeMap<String, Subscription> = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for listed in page?.subscriptions.unwrap_or_default() {
            // SNS lists a removed subscription for some time.
            let arn = match listed.subscription_arn.as_deref() {
                Some("Deleted") => continue,
                Some("PendingConfirmation") | None => None,
                Some(arn) => Some(arn.to_owned()),
            };
            let subscription = Subscription {
                protocol: listed.protocol.unwrap_or_default(),
                endpoint: listed.endpoint.unwrap_or_default(),
                pending: arn.is_none(),
                arn,
                absent: false,
            };
            // An endpoint that subscribed again before it confirmed is listed twice.
            let confirmed = found.get(&subscription.key()).is_some_and(|other| !other.pending);
            if !confirmed {
                found.insert(subscription.key(), subscription);
            }
        }
    }
    let mut subscriptions: Vec<Subscription> = found.into_values().collect();
    subscriptions.sort();
    if !reads_settings {
        return Ok(Some((subscriptions, Vec::new(), Vec::new())));
    }
    let (mut existing, mut settings, mut extras) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in subscriptions.chunks(CONCURRENT) {
        let answers = try_join_all(chunk.iter().map(|subscription| read_settings(api, subscription))).await?;
        for (subscription, answer) in chunk.iter().zip(answers) {
            match answer {
                Answer::Pending => existing.push(subscription.clone()),
                Answer::Settings(read, found) => {
                    existing.push(subscription.clone());
                    settings.push(*read);
                    extras.extend(found);
                }
                Answer::Removed => {}
            }
        }
    }
    Ok(Some((existing, settings, extras)))
}

/// The settings of a listed subscription.
enum Answer {
    /// It is not confirmed, so it has no ARN by which SNS would return them.
    Pending,
    Settings(Box<SubscriptionSettings>, Vec<Extra>),
    /// It was removed after it was listed.
    Removed,
}

async fn read_settings(api: &Client, subscription: &Subscription) -> Result<Answer, CallError> {
    let Some(arn) = &subscription.arn else { return Ok(Answer::Pending) };
    let answer = api.get_subscription_attributes().subscription_arn(arn).send().await;
    let Some(answer) = if_found(answer.map_err(CallError::from))? else { return Ok(Answer::Removed) };
    let (settings, extras) = settings(subscription, answer.attributes.unwrap_or_default())?;
    Ok(Answer::Settings(Box::new(settings), extras))
}

/// Converts the attributes of a subscription.
fn settings(
    subscription: &Subscription,
    attributes: impl IntoIterator<Item = (String, String)>,
) -> Result<(SubscriptionSettings, Vec<Extra>), CallError> {
    let mut attributes = Attributes::new(SUBSCRIPTION, attributes);
    let path = format!("subscriptions[{}]", subscription.key());
    let mut extras = Vec::new();
    let filter: Option<Map<String, Value>> = attributes.json("FilterPolicy")?;
    let settings = SubscriptionSettings {
        protocol: subscription.protocol.clone(),
        endpoint: subscription.endpoint.clone(),
        filter_policy: Setting::live(filter.filter(|filter| !filter.is_empty())),
        filter_policy_scope: Setting::Set(
            attributes.word("FilterPolicyScope")?.unwrap_or(FilterScope::MessageAttributes),
        ),
        raw_delivery: Setting::Set(attributes.json("RawMessageDelivery")?.unwrap_or_default()),
        dead_letter: Setting::live(redrive(&mut attributes)?),
        delivery_policy: attributes.delivery(Level::Subscription, &format!("{path}.delivery_policy"), &mut extras)?,
        role: attributes.text("SubscriptionRoleArn"),
    };
    if let Some(replay) = attributes.take("ReplayPolicy") {
        extras.push(Extra::kept(format!("{path}.replay_policy"), replay));
    }
    let others =
        attributes.left.into_iter().filter(|(name, _)| !NOT_SETTINGS_OF_SUBSCRIPTIONS.contains(&name.as_str()));
    extras.extend(others.map(|(name, value)| Extra::kept(format!("{path}.attributes.{name}"), value)));
    Ok((settings, extras))
}

/// Takes the queue of the redrive policy, `{"deadLetterTargetArn": ARN}`.
fn redrive(attributes: &mut Attributes) -> Result<Option<String>, CallError> {
    let name = "RedrivePolicy";
    let Some(mut policy) = attributes.json::<Map<String, Value>>(name)? else { return Ok(None) };
    let queue = policy.remove("deadLetterTargetArn");
    if let Some((member, _)) = policy.iter().next() {
        return Err(attributes.unknown(name, member));
    }
    match queue {
        None => Ok(None),
        Some(Value::String(queue)) => Ok(Some(queue)),
        Some(other) => Err(attributes.unknown(name, &other.to_string())),
    }
}

async fn read_tags(api: &Client, arn: &str, depth: &Depth) -> Result<Setting<TagSettings>, CallError> {
    if !depth.reads("tags") {
        return Ok(Setting::Unstated);
    }
    let answer = api.list_tags_for_resource().resource_arn(arn).send().await?;
    Ok(tags::live(collect(answer.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value()))))))
}

/// Reads the data protection policy, which only standard topics have.
async fn read_data_protection(
    api: &Client,
    name: &str,
    arn: &str,
    depth: &Depth,
) -> Result<Setting<Map<String, Value>>, CallError> {
    let call = "SNS GetDataProtectionPolicy";
    if !depth.reads("data_protection_policy") {
        return Ok(Setting::Unstated);
    }
    if name.ends_with(FIFO) {
        return Ok(Setting::Unset);
    }
    let answer = api.get_data_protection_policy().resource_arn(arn).send().await?;
    let Some(text) = answer.data_protection_policy.filter(|text| !text.is_empty()) else { return Ok(Setting::Unset) };
    let policy = serde_json::from_str(&text).map_err(|_| CallError::unknown(call, "the policy", &text))?;
    Ok(Setting::Set(policy))
}
