// SPDX-License-Identifier: Apache-2.0
//! `sns.topic`: a topic with its subscriptions.
//!
//! An email subscription is pending until the recipient confirms it
//! (<https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>). A pending subscription is reported as a
//! manual step, not as drift. Subscriptions that the spec does not list are kept.

use std::collections::BTreeMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::Tag;
use futures::future::try_join3;
use regionctl_core::diff::{Diff, Keyed, Mode, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::policy::{Policy, PolicySpec};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::live_policy;
use crate::error::{CallError, if_found};
use crate::live::{Live, names_of, read_concurrently};
use crate::tags::collect;

/// The kind `sns.topic`.
pub struct Topic;

/// The suffix of the name of a FIFO topic (<https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>).
const FIFO: &str = ".fifo";

/// An SNS topic with its subscriptions. A name that ends in `.fifo` creates a FIFO topic.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnsTopic")]
pub struct TopicSpec {
    /// The display name, up to 100 characters: the sender's name in emails and SMS messages. If omitted, not managed.
    display_name: Option<String>,
    /// Subscriptions to the topic, by protocol. Other subscriptions are kept.
    #[serde(default)]
    subscriptions: Vec<SubscriptionSpec>,
    /// The access policy. If omitted, not managed; `unset` restores the SNS default policy, which grants access to the
    /// topic's own account.
    #[serde(default)]
    policy: Setting<PolicySpec>,
    /// The KMS key for server-side encryption: a key id, key ARN or alias. If omitted, not managed; `unset` disables
    /// server-side encryption.
    #[serde(default)]
    kms_key: Setting<String>,
    /// Tags to set. Other tags on the topic are kept.
    tags: Option<Tags>,
}

/// A subscription: the protocol and the endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum SubscriptionSpec {
    /// An email address. The recipient must confirm the subscription.
    Email(String),
    /// An email address that receives JSON. The recipient must confirm the subscription.
    EmailJson(String),
    /// An HTTPS URL without a user name or password. The endpoint must confirm the subscription.
    Https(String),
    /// The ARN of an SQS queue.
    Sqs(String),
    /// The ARN of a Lambda function.
    Lambda(String),
    /// A phone number.
    Sms(String),
}

impl SubscriptionSpec {
    fn subscription(self) -> Subscription {
        let (protocol, endpoint) = match self {
            Self::Email(endpoint) => ("email", endpoint),
            Self::EmailJson(endpoint) => ("email-json", endpoint),
            Self::Https(endpoint) => ("https", endpoint),
            Self::Sqs(endpoint) => ("sqs", endpoint),
            Self::Lambda(endpoint) => ("lambda", endpoint),
            Self::Sms(endpoint) => ("sms", endpoint),
        };
        Subscription { protocol: protocol.to_owned(), endpoint, pending: false }
    }
}

/// A topic, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TopicModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    display_name: Setting<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    subscriptions: Vec<Subscription>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    policy: Setting<Policy>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    kms_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
}

/// A subscription, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Subscription {
    protocol: String,
    endpoint: String,
    pending: bool,
}

impl Keyed for Subscription {
    fn key(&self) -> String {
        format!("{} {}", self.protocol, self.endpoint)
    }
}

/// An SNS API call that creates, changes or deletes a topic.
#[derive(Debug, Serialize, Deserialize)]
pub enum TopicOp {
    /// Creates the topic with its attributes and tags.
    CreateTopic {
        /// Attributes, by SNS attribute name (`DisplayName`).
        attributes: BTreeMap<String, String>,
        /// The spec's tags.
        tags: Tags,
    },
    /// Deletes the topic and its subscriptions.
    DeleteTopic,
    /// Sets one attribute: the API takes one per call.
    SetTopicAttributes {
        /// The SNS attribute name, such as `DisplayName`.
        name: String,
        /// The new value; empty to clear the attribute.
        value: String,
    },
    /// Creates a subscription. A call for an existing confirmed subscription changes nothing.
    Subscribe {
        /// The SNS protocol, such as `email-json`.
        protocol: String,
        /// An email address, a URL, an ARN or a phone number, as the protocol requires.
        endpoint: String,
    },
    /// Adds or overwrites tags; other tags are kept.
    TagResource {
        /// The spec's tags.
        tags: Tags,
    },
}

impl Kind for Topic {
    const FACTS: Facts = Facts {
        name: "sns.topic",
        service: "SNS",
        summary: "A topic with its subscriptions. An email subscription is pending until the recipient confirms it.",
        reads: &["GetTopicAttributes", "ListSubscriptionsByTopic", "ListTagsForResource"],
        removes: &["DeleteTopic"],
        writes: &["CreateTopic", "SetTopicAttributes", "Subscribe", "TagResource", "DeleteTopic"],
        attributes: &["arn"],
        inventory: &["ListTopics"],
        weights: &[
            Weight {
                path: MISSING,
                when: When::Differs,
                severity: Severity::High,
                why: "notifications are not delivered",
            },
            Weight {
                path: "subscriptions*",
                when: When::Lacking,
                severity: Severity::High,
                why: "a subscriber does not receive notifications",
            },
            Weight {
                path: "policy",
                when: When::Differs,
                severity: Severity::High,
                why: "access to the topic differs from the spec",
            },
            Weight {
                path: "kms_key",
                when: When::Differs,
                severity: Severity::High,
                why: "encryption at rest differs from the spec",
            },
            Weight {
                path: "display_name",
                when: When::Differs,
                severity: Severity::Low,
                why: "the sender's name in messages differs",
            },
        ],
        example: "
sns.topic:
  CloudWatch_Alarms_${Region}_RDS:
    subscriptions:
      - email: alerts@example.com
    tags: {Team: sre}
",
        parts: &["subscriptions", "tags"],
        ..Facts::DEFAULT
    };

    type Spec = TopicSpec;
    type Model = TopicModel;
    type Op = TopicOp;

    fn check_name(name: &str) -> Result<(), String> {
        let base = name.strip_suffix(FIFO).unwrap_or(name);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=256).contains(&name.len()) && !base.is_empty() && base.bytes().all(fits) {
            return Ok(());
        }
        Err(format!(
            "'{name}' is not a valid topic name\nuse 1 to 256 letters, digits, hyphens and underscores; for a FIFO \
             topic, add .fifo"
        ))
    }

    fn desire(_: &str, spec: TopicSpec, notes: &mut Notes<'_>) -> TopicModel {
        let subscriptions: Vec<Subscription> =
            spec.subscriptions.into_iter().map(SubscriptionSpec::subscription).collect();
        for (index, subscription) in subscriptions.iter().enumerate() {
            let path = format!("subscriptions[{index}]");
            if has_password(&subscription.endpoint) {
                let help = "use a URL without a password";
                notes.fault_of_a_secret(&path, "the endpoint URL contains a password", help);
            } else if let Some((message, help)) = endpoint_fault(subscription) {
                notes.fault(&path, message, help);
            }
        }
        if spec.display_name.as_ref().is_some_and(|name| name.chars().count() > 100) {
            notes.fault("display_name", "the display name has more than 100 characters", "shorten the display name");
        }
        tags::check(spec.tags.as_ref(), notes);
        TopicModel {
            display_name: Setting::stated(spec.display_name),
            subscriptions,
            policy: spec.policy.map(|policy| Setting::stated(policy.check("policy", 30 * 1024, notes))).flatten(),
            kms_key: spec.kms_key,
            tags: Setting::stated(spec.tags),
        }
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([("arn".to_owned(), location.arn("sns", name))])
    }

    fn remove(_: &TopicModel, out: &mut Diff<'_, TopicOp>) {
        out.removed(TopicOp::DeleteTopic);
    }

    fn diff(want: &TopicModel, live: Option<&TopicModel>, out: &mut Diff<'_, TopicOp>) {
        let TopicModel { display_name, subscriptions, policy, kms_key, tags } = want;
        let attributes = [
            (
                "DisplayName",
                display_name.get(),
                out.setting("display_name", display_name, live.map(|live| &live.display_name)),
            ),
            ("Policy", policy.value().map(Policy::to_aws), out.policy("policy", policy, live.map(|live| &live.policy))),
            ("KmsMasterKeyId", kms_key.get(), out.setting("kms_key", kms_key, live.map(|live| &live.kms_key))),
        ];
        let tagged = out.stated_entries("tags", tags.value(), live.and_then(|live| live.tags.value()));
        if live.is_some() {
            for (name, value, covers) in attributes {
                let op = TopicOp::SetTopicAttributes { name: name.to_owned(), value: value.unwrap_or_default() };
                out.step(Phase::Change, covers, op);
            }
            out.step(Phase::Change, tagged, TopicOp::TagResource { tags: tags.clone().unwrap_or_default() });
        } else {
            let mut covers = out.creation().and(tagged);
            let mut stated = BTreeMap::new();
            for (name, value, covered) in attributes {
                covers = covers.and(covered);
                stated.extend(value.map(|value| (name.to_owned(), value)));
            }
            let op = TopicOp::CreateTopic { attributes: stated, tags: tags.clone().unwrap_or_default() };
            out.step(Phase::Create, covers, op);
        }
        subscribe(subscriptions, live, out);
    }
}

fn subscribe(desired: &[Subscription], live: Option<&TopicModel>, out: &mut Diff<'_, TopicOp>) {
    let current = live.map_or(&[][..], |live| &live.subscriptions);
    for (subscription, covers) in out.keyed("subscriptions", desired, current, Mode::Additive).added {
        if is_email(&subscription.protocol) {
            out.waiting(format!(
                "{}: the recipient must confirm the subscription in the email that AWS sends",
                subscription.key()
            ));
        }
        let Subscription { protocol, endpoint, .. } = subscription;
        out.step(Phase::Change, covers, TopicOp::Subscribe { protocol, endpoint });
    }
    for pending in current.iter().filter(|it| it.pending && desired.iter().any(|want| want.key() == it.key())) {
        let what = format!(
            "{} is not confirmed; the recipient must confirm it in AWS's message (valid for two days), or send the \
             message again with `apply --resend`",
            pending.key()
        );
        let Subscription { protocol, endpoint, .. } = pending.clone();
        out.waiting_again(what, &TopicOp::Subscribe { protocol, endpoint });
    }
}

fn is_email(protocol: &str) -> bool {
    protocol.starts_with("email")
}

/// Whether a URL has credentials, as in `https://user:password@host/…`.
fn has_password(endpoint: &str) -> bool {
    let authority = endpoint.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    authority.is_some_and(|authority| authority.contains('@'))
}

fn endpoint_fault(subscription: &Subscription) -> Option<(String, &'static str)> {
    let Subscription { protocol, endpoint, .. } = subscription;
    let has_reference = endpoint.contains("${");
    match protocol.as_str() {
        _ if has_reference => None,
        "email" | "email-json" if !endpoint.contains('@') => {
            Some((format!("'{endpoint}' is not an email address"), "use an address such as alerts@example.com"))
        }
        "https" if !endpoint.starts_with("https://") => {
            Some((format!("'{endpoint}' is not an HTTPS URL"), "use a URL that starts with https://"))
        }
        "sqs" | "lambda" if !endpoint.starts_with("arn:") => Some((
            format!("'{endpoint}' is not an ARN"),
            "use an ARN such as arn:aws:sqs:eu-central-1:123456789012:queue",
        )),
        _ => None,
    }
}

impl Live for Topic {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<TopicModel>, CallError> {
        let reads = scope.names.iter().map(|(name, depth)| {
            let read = async move {
                let model = read(api, scope, name, depth).await?;
                Ok(model.map(|model| LiveResource::new(name, model, Self::attributes(name, &scope.location))))
            };
            (name.clone(), read)
        });
        Ok(read_concurrently(reads).await)
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let topics = api.list_topics().into_paginator().items().send();
        names_of(topics, |topic| Some(topic.topic_arn?.rsplit(':').next()?.to_owned())).await
    }

    async fn run(api: &Client, target: &StepTarget, op: TopicOp) -> Result<Attributes, CallError> {
        let arn = target.location.arn("sns", &target.name);
        match op {
            TopicOp::CreateTopic { mut attributes, tags } => {
                if target.name.strip_suffix(FIFO).is_some() {
                    attributes.insert("FifoTopic".to_owned(), "true".to_owned());
                }
                let attributes = (!attributes.is_empty()).then(|| attributes.into_iter().collect());
                let tags = (!tags.is_empty()).then(|| sdk_tags(&tags));
                let made =
                    api.create_topic().name(&target.name).set_attributes(attributes).set_tags(tags).send().await?;
                return Ok(Attributes::from([("arn".to_owned(), made.topic_arn().unwrap_or(&arn).to_owned())]));
            }
            TopicOp::DeleteTopic => {
                if_found(api.delete_topic().topic_arn(arn).send().await.map_err(CallError::from))?;
            }
            TopicOp::SetTopicAttributes { name, value } => {
                // An empty KmsMasterKeyId disables encryption. A policy cannot be empty: `unset` writes SNS's default.
                let value =
                    if name == "Policy" && value.is_empty() { default_policy(&arn, &DEFAULT_ACTIONS) } else { value };
                api.set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value).send().await?;
            }
            TopicOp::Subscribe { protocol, endpoint } => {
                api.subscribe()
                    .topic_arn(arn)
                    .protocol(protocol)
                    .endpoint(endpoint)
                    .return_subscription_arn(true)
                    .send()
                    .await?;
            }
            TopicOp::TagResource { tags } => {
                api.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
        }
        Ok(Attributes::new())
    }
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build().expect("invariant: key and value are set"))
        .collect()
}

async fn read(api: &Client, scope: &Scope, name: &str, depth: &Depth) -> Result<Option<TopicModel>, CallError> {
    let arn = scope.location.arn("sns", name);
    let attributes = async {
        let result = api.get_topic_attributes().topic_arn(&arn).send().await;
        if_found(result.map_err(CallError::from))
    };
    let (attributes, subscriptions, tags) =
        try_join3(attributes, read_subscriptions(api, &arn, depth), read_tags(api, &arn, depth)).await?;
    let Some(attributes) = attributes.and_then(|answer| answer.attributes) else { return Ok(None) };
    let text = |name: &str| attributes.get(name).filter(|text| !text.is_empty()).cloned();
    Ok(Some(TopicModel {
        display_name: Setting::live(text("DisplayName")),
        subscriptions,
        policy: live_policy("SNS GetTopicAttributes", text("Policy").as_deref(), |policy| is_default(policy, &arn))?,
        kms_key: Setting::live(text("KmsMasterKeyId")),
        tags: if depth.reads("tags") { Setting::live(tags) } else { Setting::Unstated },
    }))
}

/// Returns the default policy of a new topic: it allows `actions` to principals of the topic's own account.
fn default_policy(arn: &str, actions: &[&str]) -> String {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": actions,
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(':').nth(4)}},
        }],
    })
    .to_string()
}

/// The actions in the default policy of a new topic.
const DEFAULT_ACTIONS: [&str; 8] = [
    "SNS:GetTopicAttributes",
    "SNS:SetTopicAttributes",
    "SNS:AddPermission",
    "SNS:RemovePermission",
    "SNS:DeleteTopic",
    "SNS:Subscribe",
    "SNS:ListSubscriptionsByTopic",
    "SNS:Publish",
];

/// The actions in the default policy of older topics.
const OLD_DEFAULT_ACTIONS: [&str; 9] = [
    "SNS:Publish",
    "SNS:RemovePermission",
    "SNS:SetTopicAttributes",
    "SNS:DeleteTopic",
    "SNS:ListSubscriptionsByTopic",
    "SNS:GetTopicAttributes",
    "SNS:Receive",
    "SNS:AddPermission",
    "SNS:Subscribe",
];

/// Whether a policy is one of the default policies. It compares content: custom policies often have the default `Id`
/// too, because they are copied from examples.
fn is_default(policy: &Policy, arn: &str) -> bool {
    let is = |actions| Policy::from_aws(&default_policy(arn, actions)).is_ok_and(|default| default == *policy);
    is(&DEFAULT_ACTIONS) || is(&OLD_DEFAULT_ACTIONS)
}

/// Reads the topic's subscriptions, sorted. The ARN of an unconfirmed one is `PendingConfirmation`.
async fn read_subscriptions(api: &Client, arn: &str, depth: &Depth) -> Result<Vec<Subscription>, CallError> {
    if !depth.reads("subscriptions") {
        return Ok(Vec::new());
    }
    let mut pages = api.list_subscriptions_by_topic().topic_arn(arn).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let Some(page) = if_found(page.map_err(CallError::from))? else { return Ok(Vec::new()) };
        found.extend(page.subscriptions().iter().map(|subscription| Subscription {
            protocol: subscription.protocol().unwrap_or_default().to_owned(),
            endpoint: subscription.endpoint().unwrap_or_default().to_owned(),
            pending: subscription.subscription_arn() == Some("PendingConfirmation"),
        }));
    }
    found.sort();
    Ok(found)
}

async fn read_tags(api: &Client, arn: &str, depth: &Depth) -> Result<Option<Tags>, CallError> {
    if !depth.reads("tags") {
        return Ok(None);
    }
    let answer = api.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = if_found(answer.map_err(CallError::from))?;
    Ok(answer.map(|answer| collect(answer.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value()))))))
}
