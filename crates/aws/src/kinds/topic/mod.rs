// SPDX-License-Identifier: Apache-2.0
//! `sns.topic`: a topic with its subscriptions.
//!
//! Email and HTTP(S) subscriptions are pending until they are confirmed
//! (<https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>). A pending subscription is reported as a
//! manual step, not as drift. Subscriptions that the spec does not list are kept.

mod api;
mod changes;
mod defects;
mod delivery;
mod model;
mod policy;
mod read;
mod spec;
mod subscription_spec;
mod subscriptions;
mod write;

use std::collections::BTreeMap;

use regionctl_core::diff::{Diff, Keyed, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Need, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::reference::Attributes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tags;
use changes::{SIGNATURE_VERSION, removed};
use model::{Subscription, TopicModel};
use spec::TopicSpec;

/// The kind `sns.topic`.
pub struct Topic;

/// The suffix of the name of a FIFO topic (<https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>).
const FIFO: &str = ".fifo";

/// An SNS API call that creates, changes or deletes a topic.
#[derive(Debug, Serialize, Deserialize)]
pub enum TopicOp {
    /// Creates the topic with its attributes and tags.
    CreateTopic {
        /// Attributes, by SNS attribute name (`DisplayName`).
        attributes: BTreeMap<String, String>,
        /// The data protection policy in JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data_protection_policy: Option<String>,
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
    /// Replaces the data protection policy.
    PutDataProtectionPolicy {
        /// The policy in JSON; empty to remove it.
        policy: String,
    },
    /// Creates a subscription. A call for an existing confirmed subscription changes nothing.
    Subscribe {
        /// The SNS protocol, such as `email-json`.
        protocol: String,
        /// An email address, a URL, an ARN or a phone number, as the protocol requires.
        endpoint: String,
        /// Attributes, by SNS attribute name (`FilterPolicy`).
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        attributes: BTreeMap<String, String>,
    },
    /// Sets one attribute of a subscription: the API takes one per call.
    SetSubscriptionAttributes {
        /// The subscription's ARN.
        subscription: String,
        /// The SNS attribute name, such as `FilterPolicy`.
        name: String,
        /// The new value; empty or `None` to clear the attribute.
        value: Option<String>,
    },
    /// Removes a subscription with its settings.
    Unsubscribe {
        /// The subscription's ARN.
        subscription: String,
    },
    /// Adds or overwrites tags; other tags are kept.
    TagResource {
        /// The tags that the spec sets.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags are kept.
    UntagResource {
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
}

impl Kind for Topic {
    const FACTS: Facts = Facts {
        name: "sns.topic",
        service: "SNS",
        summary: "A topic with its subscriptions. An email subscription is pending until the recipient confirms it.",
        reads: &[
            "GetTopicAttributes",
            "ListSubscriptionsByTopic",
            "GetSubscriptionAttributes",
            "GetDataProtectionPolicy",
            "ListTagsForResource",
        ],
        writes: &[
            "CreateTopic",
            "SetTopicAttributes",
            "PutDataProtectionPolicy",
            "Subscribe",
            "SetSubscriptionAttributes",
            "Unsubscribe",
            "TagResource",
            "UntagResource",
            "DeleteTopic",
        ],
        removes: &["DeleteTopic"],
        // The caller passes the roles for delivery status and Firehose to SNS
        // (https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html).
        also: &[Need::if_stated("passed_roles", "iam:PassRole", crate::services::ROLES)],
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
                path: "subscriptions[*].filter_policy*",
                when: When::Differs,
                severity: Severity::High,
                why: "a subscriber does not receive the messages that the spec says",
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
      - sqs: arn:aws:sqs:eu-central-1:123456789012:alarms
        filter_policy: {severity: [high]}
        raw_delivery: true
    tags: {Team: sre}
",
        parts: &["subscriptions", "subscription_settings", "data_protection_policy", "tags"],
        defaults: r#"{"display_name": null, "policy": null, "kms_key": null, "delivery_policy": null,
            "signature_version": 1, "tracing": "PassThrough", "maximum_message_size": 262144,
            "archive_retention_days": null, "data_protection_policy": null}"#,
        creation_tags: true,
        defect_rules: &[defects::NO_SUBSCRIBER, defects::DEAD_TARGET],
        looks_up: &defects::LOOKS_UP,
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

    fn desire(name: &str, spec: TopicSpec, notes: &mut Notes<'_>) -> TopicModel {
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        spec.into_model(name, notes)
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([("arn".to_owned(), location.arn("sns", name))])
    }

    /// Returns `iam:PassRole` for the roles that a call passes to SNS.
    fn also_needs(op: &TopicOp) -> Vec<(&'static str, String)> {
        let is_role = |name: &str| name.ends_with("RoleArn");
        let roles: Vec<&String> = match op {
            TopicOp::CreateTopic { attributes, .. } | TopicOp::Subscribe { attributes, .. } => {
                attributes.iter().filter(|(name, _)| is_role(name)).map(|(_, role)| role).collect()
            }
            TopicOp::SetTopicAttributes { name, value }
            | TopicOp::SetSubscriptionAttributes { name, value: Some(value), .. }
                if is_role(name) && !value.is_empty() =>
            {
                vec![value]
            }
            _ => Vec::new(),
        };
        roles.into_iter().map(|role| ("iam:PassRole", role.clone())).collect()
    }

    /// Returns only the subscriptions that the spec states, without what identifies them in AWS: a subscription may be
    /// confirmed, or created again, while a plan is saved.
    fn relevant(want: Option<&TopicModel>, mut live: TopicModel) -> TopicModel {
        let stated = want.and_then(|want| want.subscriptions.value());
        let is_stated = |key: &str| stated.is_none_or(|stated| stated.iter().any(|one| one.key() == key));
        live.subscription_settings.retain(|settings| is_stated(&settings.key()));
        live.subscriptions = live.subscriptions.map(|subscriptions| {
            let own = subscriptions.into_iter().filter(|subscription| is_stated(&subscription.key()));
            own.map(|subscription| Subscription { pending: false, arn: None, ..subscription }).collect()
        });
        live.passed_roles.clear();
        live.confirmed = None;
        live
    }

    fn write(model: &TopicModel) -> Option<Value> {
        Some(write::write(model))
    }

    fn risks(model: &TopicModel) -> Vec<Risk> {
        policy::risks(model)
    }

    fn defects(want: &TopicModel, live: Option<&TopicModel>, seen: &Seen<'_>) -> Vec<Risk> {
        defects::defects(want, live, seen)
    }

    fn extras(op: &TopicOp) -> &'static [&'static str] {
        match op {
            TopicOp::SetTopicAttributes { name, .. } if name == "DeliveryPolicy" => &["delivery_policy"],
            TopicOp::SetSubscriptionAttributes { name, .. } if name == "DeliveryPolicy" => &["subscriptions"],
            _ => &[],
        }
    }

    fn remove(live: &TopicModel, out: &mut Diff<'_, TopicOp>) {
        // SNS would reject DeleteTopic
        // (https://docs.aws.amazon.com/sns/latest/dg/message-archiving-and-replay-topic-owner.html).
        if live.archive_retention_days.is_set() {
            return out.never_removed("the topic archives messages; apply `archive_retention_days: unset` first");
        }
        out.removed(TopicOp::DeleteTopic);
    }

    fn diff(want: &TopicModel, live: Option<&TopicModel>, out: &mut Diff<'_, TopicOp>) {
        let TopicModel {
            display_name: _,
            policy,
            kms_key: _,
            delivery_policy: _,
            delivery_status: _,
            signature_version: _,
            tracing: _,
            maximum_message_size: _,
            content_based_deduplication: _,
            fifo_throughput_scope: _,
            archive_retention_days: _,
            data_protection_policy,
            subscriptions: _,
            subscription_settings: _,
            tags,
            confirmed: _,
            passed_roles: _,
        } = want;
        // A reference in the stated policy had no value before.
        let want = &TopicModel { policy: policy::without_default(policy.clone()), ..want.clone() };
        let changes = changes::attributes(want, live, out);
        changes::archive(want, live, out);
        let protected = changes::data_protection(want, live, out);
        let protection = data_protection_policy.value().map(json);
        let tag_changes = tags::compare(tags, live.map(|live| &live.tags), out);
        let set = |name: String, value: Option<String>| {
            let value = value.unwrap_or_else(|| removed(&name));
            TopicOp::SetTopicAttributes { name, value }
        };
        if live.is_some() {
            for change in changes {
                out.step(Phase::Change, change.covers, set(change.attribute, change.value));
            }
            let policy = protection.unwrap_or_default();
            out.step(Phase::Change, protected, TopicOp::PutDataProtectionPolicy { policy });
            out.step(Phase::Change, tag_changes.set, TopicOp::TagResource { tags: tag_changes.tags });
            out.step(Phase::Change, tag_changes.removed, TopicOp::UntagResource { keys: tag_changes.keys });
        } else {
            let (later, first): (Vec<_>, Vec<_>) =
                changes.into_iter().partition(|change| change.attribute == SIGNATURE_VERSION);
            let mut covers = out.creation().and(protected);
            let mut attributes = BTreeMap::new();
            for change in first {
                covers = covers.and(change.covers);
                attributes.extend(change.value.map(|value| (change.attribute, value)));
            }
            let (tagged, tags) = tags::of_new(tag_changes, out);
            let op = TopicOp::CreateTopic { attributes, data_protection_policy: protection, tags };
            out.step(Phase::Create, covers.and(tagged), op);
            for change in later {
                out.step(Phase::Change, change.covers, set(change.attribute, change.value));
            }
        }
        subscriptions::diff(want, live, out);
    }
}

/// Returns a document as JSON.
fn json(document: &Map<String, Value>) -> String {
    Value::Object(document.clone()).to_string()
}
