// SPDX-License-Identifier: Apache-2.0
//! The spec of a topic, its conversion to a model and its checks. Subscriptions are in [`super::subscription_spec`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::kind::Notes;
use regionctl_core::model::policy::PolicySpec;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::FIFO;
use super::delivery::{DeliveryPolicy, Level};
use super::model::{DEFAULT_MESSAGE_SIZE, LOGGED, StatusLogging, ThroughputScope, TopicModel, Tracing};
use super::policy::{RULES, without_default};
use super::subscription_spec::{self, SubscriptionSpec};
use crate::tags::{self, TagSettings};

/// An SNS topic with its subscriptions. A name that ends in `.fifo` creates a FIFO topic. Fields that are left out are
/// not managed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnsTopic")]
pub struct TopicSpec {
    /// The display name, up to 100 characters: the sender's name in emails and SMS messages.
    #[serde(default)]
    display_name: Setting<String>,
    /// Subscriptions to the topic. Other subscriptions do not change.
    subscriptions: Option<Vec<SubscriptionSpec>>,
    /// The access policy. `unset` restores the SNS default policy, which grants access to the topic's own account.
    #[serde(default)]
    policy: Setting<PolicySpec>,
    /// The KMS key for server-side encryption: a key id, key ARN or alias. `unset` disables server-side encryption.
    #[serde(default)]
    kms_key: Setting<String>,
    /// How SNS delivers messages to HTTP(S) endpoints. `unset`: SNS's defaults.
    #[serde(default)]
    delivery_policy: Setting<DeliveryPolicy>,
    /// The logging of delivery status to CloudWatch Logs, by protocol. `unset` turns it off.
    #[serde(default)]
    delivery_status: Setting<DeliveryStatusSpec>,
    /// The version of the signatures of messages: 1 (SHA1) or 2 (SHA256). Default: 1.
    #[serde(default)]
    signature_version: Setting<u8>,
    /// X-Ray tracing. FIFO topics do not support `Active`. Default: PassThrough.
    #[serde(default)]
    tracing: Setting<Tracing>,
    /// The maximum size of a message in bytes, 1024 to 1048576. Default: 262144.
    #[serde(default)]
    maximum_message_size: Setting<u32>,
    /// FIFO topics only: whether SNS uses a hash of the message body for deduplication. Default: false.
    #[serde(default)]
    content_based_deduplication: Setting<bool>,
    /// FIFO topics only: the scope of deduplication. Default: Topic.
    #[serde(default)]
    fifo_throughput_scope: Setting<ThroughputScope>,
    /// FIFO topics only: the number of days for which SNS archives messages, 1 to 365. A shorter time deletes archived
    /// messages, and `unset` deletes all of them; both need `--allow-destroy`.
    #[serde(default)]
    archive_retention_days: Setting<u16>,
    /// Standard topics only: the message data protection policy, as YAML or as a text with JSON. AWS accepts it only
    /// from customers who already use this feature.
    #[serde(default)]
    data_protection_policy: Setting<Document>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    tags: Setting<TagSettings>,
    /// The reason to waive the risks of a public policy and of unencrypted (`http`) subscriptions, and what keeps messages
    /// from being received: no subscriber, and queues and functions that do not exist.
    pub(super) waiver: Option<String>,
}

/// The logging of delivery status to CloudWatch Logs, by protocol. `unset` turns it off for a protocol.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SnsDeliveryStatusByProtocol")]
#[derive(Default)]
struct DeliveryStatusSpec {
    /// Endpoints of mobile apps.
    application: Setting<StatusLogging>,
    /// Firehose delivery streams.
    firehose: Setting<StatusLogging>,
    /// HTTP and HTTPS endpoints.
    http: Setting<StatusLogging>,
    /// Lambda functions.
    lambda: Setting<StatusLogging>,
    /// SQS queues.
    sqs: Setting<StatusLogging>,
}

/// A JSON document in a spec: YAML, or JSON in a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Document(Value);

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "SnsDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A JSON document, as YAML or as a text with JSON.",
            "type": ["object", "string"],
        })
    }
}

impl Document {
    /// Parses the document, which must be an object. Returns `None` if it added a fault to `notes`.
    pub(super) fn parse(self, path: &str, max_bytes: usize, notes: &mut Notes<'_>) -> Option<Map<String, Value>> {
        let document = match self.0 {
            Value::String(text) => match serde_json::from_str(&text) {
                Ok(document) => document,
                Err(error) => {
                    let message = format!("the document is not valid JSON: {error}");
                    notes.fault_in_text("invalid-json", path, error.line(), error.column(), message);
                    return None;
                }
            },
            document => document,
        };
        let size = document.to_string().len();
        if size > max_bytes {
            notes.fault(path, format!("the document has {size} bytes; the AWS limit is {max_bytes}"), "shorten it");
            return None;
        }
        let Value::Object(fields) = document else {
            notes.fault(path, "the document is not a mapping", "write a mapping, or a text with a JSON object");
            return None;
        };
        Some(fields)
    }
}

impl TopicSpec {
    /// Returns the desired model. Adds faults and waivers to the notes.
    pub(super) fn into_model(self, name: &str, notes: &mut Notes<'_>) -> TopicModel {
        let is_fifo = name.ends_with(FIFO);
        self.check(is_fifo, notes);
        notes.waive_all(&RULES, self.waiver.as_ref());
        let policy = self.policy.map(|policy| Setting::stated(policy.check("policy", 30 * 1024, notes))).flatten();
        let protection = self
            .data_protection_policy
            .map(|document| Setting::stated(document.parse("data_protection_policy", 30_720, notes)));
        let subscriptions = self.subscriptions.map(|list| subscription_spec::into_models(list, is_fifo, notes));
        let (subscriptions, subscription_settings) = subscriptions.unzip();
        let mut model = TopicModel {
            display_name: not_empty(self.display_name),
            policy: without_default(policy),
            kms_key: not_empty(self.kms_key),
            delivery_policy: self.delivery_policy.map(|policy| Setting::live(policy.canonical(Level::Topic))).flatten(),
            delivery_status: delivery_status(self.delivery_status),
            signature_version: or_default(self.signature_version, 1),
            tracing: or_default(self.tracing, Tracing::PassThrough),
            maximum_message_size: or_default(self.maximum_message_size, DEFAULT_MESSAGE_SIZE),
            // On a standard topic the next two have no value.
            content_based_deduplication: match self.content_based_deduplication {
                Setting::Unset if is_fifo => Setting::Set(false),
                other => other,
            },
            fifo_throughput_scope: match self.fifo_throughput_scope {
                Setting::Unset if is_fifo => Setting::Set(ThroughputScope::Topic),
                other => other,
            },
            archive_retention_days: self.archive_retention_days,
            data_protection_policy: protection.flatten(),
            subscriptions: Setting::stated(subscriptions),
            subscription_settings: subscription_settings.unwrap_or_default(),
            tags: self.tags,
            confirmed: None,
            passed_roles: BTreeSet::new(),
        };
        model.passed_roles = passed_roles(&model);
        model
    }

    /// Adds a fault for everything outside subscriptions that SNS would reject.
    fn check(&self, is_fifo: bool, notes: &mut Notes<'_>) {
        if self.display_name.is_set_and(|name| name.chars().count() > 100) {
            notes.fault("display_name", "the display name has more than 100 characters", "shorten the display name");
        }
        if let Some(policy) = self.delivery_policy.value() {
            policy.check("delivery_policy", Level::Topic, notes);
        }
        if let Some(status) = self.delivery_status.value() {
            for (protocol, logging) in status.by_protocol() {
                check_logging(&format!("delivery_status.{protocol}"), logging, notes);
            }
        }
        if self.signature_version.is_set_and(|version| !matches!(version, 1 | 2)) {
            notes.fault("signature_version", "SNS has no such signature version", "write 1 or 2");
        }
        if self.maximum_message_size.is_set_and(|size| !(1024..=1_048_576).contains(size)) {
            let message = "the maximum message size must be 1024 to 1048576 bytes";
            notes.fault("maximum_message_size", message, "write 1024 to 1048576");
        }
        if self.archive_retention_days.is_set_and(|days| !(1..=365).contains(days)) {
            notes.fault(
                "archive_retention_days",
                "SNS archives messages for 1 to 365 days",
                "write 1 to 365, or `unset`",
            );
        }
        let only_fifo = [
            ("content_based_deduplication", self.content_based_deduplication.is_set()),
            ("fifo_throughput_scope", self.fifo_throughput_scope.is_set()),
            ("archive_retention_days", self.archive_retention_days.is_set()),
        ];
        for (field, _) in only_fifo.into_iter().filter(|(_, states)| *states && !is_fifo) {
            let help = format!("remove `{field}`, or let the name end in .fifo");
            notes.fault(field, format!("only FIFO topics have `{field}`"), help);
        }
        if is_fifo && self.tracing == Setting::Set(Tracing::Active) {
            notes.fault(
                "tracing",
                "FIFO topics do not support active tracing",
                "write PassThrough, or remove `tracing`",
            );
        }
        if is_fifo && self.data_protection_policy.is_set() {
            let message = "FIFO topics have no data protection policy";
            notes.fault("data_protection_policy", message, "remove `data_protection_policy`");
        }
        tags::check(&self.tags, notes);
    }
}

impl DeliveryStatusSpec {
    /// Returns the protocols of [`LOGGED`] with their logging.
    fn by_protocol(&self) -> [(&'static str, &Setting<StatusLogging>); 5] {
        let Self { application, firehose, http, lambda, sqs } = self;
        let logging = [application, firehose, http, lambda, sqs];
        std::array::from_fn(|index| (LOGGED[index].0, logging[index]))
    }
}

fn check_logging(path: &str, logging: &Setting<StatusLogging>, notes: &mut Notes<'_>) {
    let Some(logging) = logging.value() else { return };
    if logging.success_sample_rate.is_set_and(|rate| *rate > 100) {
        let at = format!("{path}.success_sample_rate");
        notes.fault(&at, "a sample rate is a percentage, 0 to 100", "write 0 to 100");
    }
    for (field, role) in [("success_role", &logging.success_role), ("failure_role", &logging.failure_role)] {
        check_role(&format!("{path}.{field}"), role, notes);
    }
}

/// Adds a fault if a role is not an ARN or a reference.
pub(super) fn check_role(path: &str, role: &Setting<String>, notes: &mut Notes<'_>) {
    let is_role = |role: &str| role.contains("${") || (role.starts_with("arn:") && role.contains(":role/"));
    if let Some(role) = role.value().filter(|role| !is_role(role)) {
        let help = "use an ARN such as arn:aws:iam::123456789012:role/name";
        notes.fault(path, format!("'{role}' is not the ARN of an IAM role"), help);
    }
}

/// Returns the logging by protocol. A protocol whose logging is unset logs nothing.
fn delivery_status(spec: Setting<DeliveryStatusSpec>) -> BTreeMap<String, StatusLogging> {
    let off = |(protocol, _): (&str, &str)| (protocol.to_owned(), StatusLogging::off());
    let spec = match spec {
        Setting::Unstated => return BTreeMap::new(),
        Setting::Unset => return LOGGED.into_iter().map(off).collect(),
        Setting::Set(spec) => spec,
    };
    let stated = spec.by_protocol().into_iter().filter_map(|(protocol, logging)| {
        let logging = match logging {
            Setting::Unstated => return None,
            Setting::Unset => StatusLogging::off(),
            Setting::Set(logging) => {
                StatusLogging { success_sample_rate: or_default(logging.success_sample_rate, 0), ..logging.clone() }
            }
        };
        (logging != StatusLogging::default()).then(|| (protocol.to_owned(), logging))
    });
    stated.collect()
}

/// Returns the ARNs of the roles that the calls pass to SNS.
fn passed_roles(model: &TopicModel) -> BTreeSet<String> {
    let logging = model.delivery_status.values().flat_map(|logging| [&logging.success_role, &logging.failure_role]);
    let roles = logging.chain(model.subscription_settings.iter().map(|settings| &settings.role));
    roles.filter_map(Setting::value).cloned().collect()
}

/// Treats an empty text as unset, as SNS does.
pub(super) fn not_empty(text: Setting<String>) -> Setting<String> {
    if text.is_set_and(String::is_empty) { Setting::Unset } else { text }
}

/// Treats unset as the default, for a setting that always has a value.
pub(super) fn or_default<T>(setting: Setting<T>, default: T) -> Setting<T> {
    if matches!(setting, Setting::Unset) { Setting::Set(default) } else { setting }
}
