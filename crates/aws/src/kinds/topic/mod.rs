//! `sns.topic`: a topic with its subscriptions.
//!
//! A subscription by mail is *pending* until a person clicks the link in it; that is shown as waiting
//! and is neither drift nor done. Subscriptions that the spec does not name stay.

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
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::live_policy;
use crate::error::{CallError, if_found};
use crate::live::{Live, all_at_once, names_of};
use crate::tags::collect;

/// The kind `sns.topic`.
pub struct Topic;

/// First-in-first-out topics are told by their names.
const FIFO: &str = ".fifo";

/// What a person writes of a topic.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnsTopic")]
pub struct TopicSpec {
    /// The name shown in mails and text messages.
    display_name: Option<String>,
    /// Who gets what is published. Others' subscriptions stay.
    #[serde(default)]
    subscriptions: Vec<SubscriptionSpec>,
    /// The access policy; `unset` for AWS's default, which lets the account in.
    #[serde(default)]
    policy: Setting<PolicySpec>,
    /// The KMS key for encryption at rest: an id, ARN or alias; `unset` for none.
    #[serde(default)]
    kms_key: Setting<String>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// One subscriber, by protocol.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum SubscriptionSpec {
    /// A mail address; a person must confirm it.
    Email(String),
    /// A mail address that gets JSON; a person must confirm it.
    EmailJson(String),
    /// A URL; what answers there must confirm it.
    Https(String),
    /// An SQS queue's ARN.
    Sqs(String),
    /// A Lambda function's ARN.
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

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum TopicOp {
    /// With all attributes and tags at once.
    CreateTopic {
        /// By AWS's attribute names.
        attributes: BTreeMap<String, String>,
        /// All of the spec's.
        tags: Tags,
    },
    /// With its subscriptions.
    DeleteTopic,
    /// One attribute a call.
    SetTopicAttributes {
        /// AWS's attribute name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Asking again for a pair that is there changes nothing.
    Subscribe {
        /// AWS's name of the protocol.
        protocol: String,
        /// Where it goes.
        endpoint: String,
    },
    /// Adds or changes these; others stay.
    TagResource {
        /// The ones that differ or are missing, and the spec's others.
        tags: Tags,
    },
}

impl Kind for Topic {
    const FACTS: Facts = Facts {
        name: "sns.topic",
        service: "SNS",
        summary: "A topic with its subscriptions. Subscriptions by mail wait for a person.",
        reads: &["GetTopicAttributes", "ListSubscriptionsByTopic", "ListTagsForResource"],
        removes: &["DeleteTopic"],
        writes: &["CreateTopic", "SetTopicAttributes", "Subscribe", "TagResource", "DeleteTopic"],
        outputs: &["arn"],
        inventory: &["ListTopics"],
        weights: &[
            Weight {
                path: MISSING,
                when: When::Differs,
                severity: Severity::High,
                why: "nobody is told: the topic is gone",
            },
            Weight {
                path: "subscriptions*",
                when: When::Lacking,
                severity: Severity::High,
                why: "somebody is not told",
            },
            Weight { path: "policy", when: When::Differs, severity: Severity::High, why: "others may send or listen" },
            Weight {
                path: "kms_key",
                when: When::Differs,
                severity: Severity::High,
                why: "messages are encrypted otherwise",
            },
            Weight { path: "display_name", when: When::Differs, severity: Severity::Low, why: "a name for people" },
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
        Err(format!("SNS does not take '{name}' as a topic's name\nup to 256 letters, digits, - and _"))
    }

    fn desire(_: &str, spec: TopicSpec, notes: &mut Notes<'_>) -> TopicModel {
        let subscriptions: Vec<Subscription> =
            spec.subscriptions.into_iter().map(SubscriptionSpec::subscription).collect();
        for (index, subscription) in subscriptions.iter().enumerate() {
            let path = format!("subscriptions[{index}]");
            if has_password(&subscription.endpoint) {
                let help = "a secret does not belong in a spec; use a URL that needs none";
                notes.fault_of_a_secret(&path, "an endpoint with a password in it", help);
            } else if let Some((message, help)) = endpoint_fault(subscription) {
                notes.fault(&path, message, help);
            }
        }
        if spec.display_name.as_ref().is_some_and(|name| name.chars().count() > 100) {
            notes.fault("display_name", "a display name has 100 characters at most", "shorten it");
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

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([("arn".to_owned(), location.arn("sns", name))])
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
            let mut covers = out.birth().and(tagged);
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

fn subscribe(wanted: &[Subscription], live: Option<&TopicModel>, out: &mut Diff<'_, TopicOp>) {
    let there = live.map_or(&[][..], |live| &live.subscriptions);
    for (subscription, covers) in out.keyed("subscriptions", wanted, there, Mode::Additive).added {
        if confirmed_by_a_person(&subscription.protocol) {
            out.waiting(format!(
                "{}: AWS will send a mail, and somebody must click the link in it",
                subscription.key()
            ));
        }
        let Subscription { protocol, endpoint, .. } = subscription;
        out.step(Phase::Change, covers, TopicOp::Subscribe { protocol, endpoint });
    }
    for pending in there.iter().filter(|there| there.pending && wanted.iter().any(|want| want.key() == there.key())) {
        let what = format!(
            "{}: somebody must click the link in AWS's mail, valid for two days; `apply --resend` sends it again",
            pending.key()
        );
        let Subscription { protocol, endpoint, .. } = pending.clone();
        out.waiting_again(what, &TopicOp::Subscribe { protocol, endpoint });
    }
}

fn confirmed_by_a_person(protocol: &str) -> bool {
    protocol.starts_with("email")
}

/// `https://user:password@host/…`
fn has_password(endpoint: &str) -> bool {
    let authority = endpoint.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    authority.is_some_and(|authority| authority.contains('@'))
}

fn endpoint_fault(subscription: &Subscription) -> Option<(String, &'static str)> {
    let Subscription { protocol, endpoint, .. } = subscription;
    let references = endpoint.contains("${");
    match protocol.as_str() {
        _ if references => None,
        "email" | "email-json" if !endpoint.contains('@') => {
            Some((format!("'{endpoint}' is not a mail address"), "one looks like alerts@example.com"))
        }
        "https" if !endpoint.starts_with("https://") => {
            Some((format!("'{endpoint}' is not an https URL"), "it starts with https://"))
        }
        "sqs" | "lambda" if !endpoint.starts_with("arn:") => {
            Some((format!("'{endpoint}' is not an ARN"), "one looks like arn:aws:sqs:eu-central-1:123456789012:queue"))
        }
        _ => None,
    }
}

impl Live for Topic {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<TopicModel>, CallError> {
        let reads = scope.names.iter().map(|(name, depth)| {
            let read = async move {
                let model = read(api, scope, name, depth).await?;
                Ok(model.map(|model| LiveResource::new(name, model, Self::outputs(name, &scope.location))))
            };
            (name.clone(), read)
        });
        Ok(all_at_once(reads).await)
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let topics = api.list_topics().into_paginator().items().send();
        names_of(topics, |topic| Some(topic.topic_arn?.rsplit(':').next()?.to_owned())).await
    }

    async fn run(api: &Client, target: &StepTarget, op: TopicOp) -> Result<Outputs, CallError> {
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
                return Ok(Outputs::from([("arn".to_owned(), made.topic_arn().unwrap_or(&arn).to_owned())]));
            }
            TopicOp::DeleteTopic => {
                if_found(api.delete_topic().topic_arn(arn).send().await.map_err(CallError::from))?;
            }
            TopicOp::SetTopicAttributes { name, value } => {
                // An empty key takes encryption off; a policy is never empty, so AWS's own takes its place.
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
        Ok(Outputs::new())
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

/// The policy that SNS gives a new topic: the account may do what it may anyway (SNS Developer Guide, "Example cases").
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

/// What SNS gives the account.
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

/// What it gave once, and older topics still have.
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

/// Policies of other meaning have its id too: people copy it from examples, and add statements to it.
fn is_default(policy: &Policy, arn: &str) -> bool {
    let is = |actions| Policy::from_aws(&default_policy(arn, actions)).is_ok_and(|default| default == *policy);
    is(&DEFAULT_ACTIONS) || is(&OLD_DEFAULT_ACTIONS)
}

/// `PendingConfirmation` stands in place of the ARN of a subscription that nobody confirmed yet.
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
