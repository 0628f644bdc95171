// SPDX-License-Identifier: Apache-2.0
//! The model of a topic and of its subscriptions, desired or live.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::Keyed;
use regionctl_core::model::policy::Policy;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::delivery::DeliveryPolicy;
use crate::tags::TagSettings;

/// The default of `MaximumMessageSize` in bytes (<https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>).
pub(super) const DEFAULT_MESSAGE_SIZE: u32 = 262_144;

/// The protocols with delivery status logging, each with the prefix of its attributes
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html>).
pub(super) const LOGGED: [(&str, &str); 5] =
    [("application", "Application"), ("firehose", "Firehose"), ("http", "HTTP"), ("lambda", "Lambda"), ("sqs", "SQS")];

/// A topic, desired or live.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) display_name: Setting<String>,
    /// Unset: SNS's default policy.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) policy: Setting<Policy>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) kms_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) delivery_policy: Setting<DeliveryPolicy>,
    /// By the protocols in [`LOGGED`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) delivery_status: BTreeMap<String, StatusLogging>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) signature_version: Setting<u8>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tracing: Setting<Tracing>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) maximum_message_size: Setting<u32>,
    /// Unset on a standard topic.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) content_based_deduplication: Setting<bool>,
    /// Unset on a standard topic.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) fifo_throughput_scope: Setting<ThroughputScope>,
    /// Unset: messages are not archived.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) archive_retention_days: Setting<u16>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) data_protection_policy: Setting<Map<String, Value>>,
    /// Which subscriptions exist.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) subscriptions: Setting<Vec<Subscription>>,
    /// The settings of subscriptions. Reading them needs one call per subscription. A pending subscription has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) subscription_settings: Vec<SubscriptionSettings>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// Live only: the number of confirmed subscriptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) confirmed: Option<u64>,
    /// Desired only: the ARNs of the roles that the calls pass to SNS.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) passed_roles: BTreeSet<String>,
}

impl TopicModel {
    /// Returns the settings of a subscription. `None` if none are stated or read.
    pub(super) fn settings_of(&self, subscription: &Subscription) -> Option<&SubscriptionSettings> {
        self.subscription_settings.iter().find(|settings| settings.key() == subscription.key())
    }
}

/// A subscription, identified by its protocol and endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Subscription {
    /// The SNS protocol, such as `email-json`.
    pub(super) protocol: String,
    pub(super) endpoint: String,
    /// Live only: not confirmed yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) pending: bool,
    /// Live only: the ARN. A pending subscription has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) arn: Option<String>,
    /// Desired only: the subscription must not exist.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) absent: bool,
}

impl Keyed for Subscription {
    fn key(&self) -> String {
        format!("{} {}", self.protocol, self.endpoint)
    }
}

/// The settings of one subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SubscriptionSettings {
    pub(super) protocol: String,
    pub(super) endpoint: String,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) filter_policy: Setting<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) filter_policy_scope: Setting<FilterScope>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) raw_delivery: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) dead_letter: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) delivery_policy: Setting<DeliveryPolicy>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) role: Setting<String>,
}

impl SubscriptionSettings {
    /// Returns [`Subscription::key`] of the subscription.
    pub(super) fn key(&self) -> String {
        format!("{} {}", self.protocol, self.endpoint)
    }

    /// Whether no setting is stated.
    pub(super) fn is_unstated(&self) -> bool {
        let Self {
            protocol: _,
            endpoint: _,
            filter_policy,
            filter_policy_scope,
            raw_delivery,
            dead_letter,
            delivery_policy,
            role,
        } = self;
        filter_policy.is_unstated()
            && filter_policy_scope.is_unstated()
            && raw_delivery.is_unstated()
            && dead_letter.is_unstated()
            && delivery_policy.is_unstated()
            && role.is_unstated()
    }
}

/// The logging of delivery status to CloudWatch Logs for one protocol. Fields that are left out are not managed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnsDeliveryStatus")]
pub(super) struct StatusLogging {
    /// The ARN of the role with which SNS logs successful deliveries. `unset`: they are not logged.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) success_role: Setting<String>,
    /// The percentage of successful deliveries that SNS logs, 0 to 100.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) success_sample_rate: Setting<u8>,
    /// The ARN of the role with which SNS logs failed deliveries. `unset`: they are not logged.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) failure_role: Setting<String>,
}

impl StatusLogging {
    /// Returns the settings without logging.
    pub(super) fn off() -> Self {
        Self { success_role: Setting::Unset, success_sample_rate: Setting::Set(0), failure_role: Setting::Unset }
    }
}

/// X-Ray tracing of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SnsTracing")]
pub(super) enum Tracing {
    /// SNS sends trace data to X-Ray if the message is sampled.
    Active,
    /// SNS passes the tracing header on.
    PassThrough,
}

/// The scope of deduplication of a FIFO topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SnsFifoThroughputScope")]
pub(super) enum ThroughputScope {
    /// The entire topic.
    Topic,
    /// Each message group, with a higher throughput.
    MessageGroup,
}

/// The part of a message that a filter policy applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SnsFilterPolicyScope")]
pub(super) enum FilterScope {
    /// The message attributes.
    MessageAttributes,
    /// The message body, which must be a JSON object.
    MessageBody,
}

/// Returns AWS's word for a value, which is also the spec's.
pub(super) fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => unreachable!("invariant: an enum without data is a text, not {other:?}"),
    }
}
