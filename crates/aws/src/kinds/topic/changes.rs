// SPDX-License-Identifier: Apache-2.0
//! Compares the attributes of a topic. SetTopicAttributes sets one attribute per call
//! (<https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>).

use regionctl_core::diff::{Covers, Diff};
use regionctl_core::model::policy::Policy;
use regionctl_core::resource::setting::Setting;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::TopicOp;
use super::delivery::Level;
use super::model::{LOGGED, StatusLogging, TopicModel, word};

/// The attribute that CreateTopic does not accept.
pub(super) const SIGNATURE_VERSION: &str = "SignatureVersion";

/// The difference of one attribute.
pub(super) struct Change {
    /// AWS's name of the attribute.
    pub(super) attribute: String,
    /// AWS's form of the desired value; `None` if it is unset or unstated.
    pub(super) value: Option<String>,
    pub(super) covers: Covers,
}

/// Compares all attributes of a topic, and adds remarks on the effects of a change.
pub(super) fn attributes(want: &TopicModel, live: Option<&TopicModel>, out: &mut Diff<'_, TopicOp>) -> Vec<Change> {
    let mut list = Comparison { want, live, out, changes: Vec::new() };
    list.text("DisplayName", "display_name", |model| &model.display_name);
    let covers = list.out.policy("policy", &want.policy, live.map(|live| &live.policy));
    list.add("Policy", want.policy.value().map(Policy::to_aws), covers);
    let key = list.text("KmsMasterKeyId", "kms_key", |model| &model.kms_key);
    if want.kms_key == Setting::Unset {
        list.remark(key, "new messages are not encrypted at rest");
    }
    list.one("DeliveryPolicy", "delivery_policy", |model| &model.delivery_policy, |policy| policy.to_aws(Level::Topic));
    let signature = list.one(SIGNATURE_VERSION, "signature_version", |model| &model.signature_version, u8::to_string);
    list.remark(signature, "subscribers that verify signatures must support the new version");
    list.one("TracingConfig", "tracing", |model| &model.tracing, |mode| word(mode));
    list.one("MaximumMessageSize", "maximum_message_size", |model| &model.maximum_message_size, u32::to_string);
    let deduplication = list.one(
        "ContentBasedDeduplication",
        "content_based_deduplication",
        |model| &model.content_based_deduplication,
        bool::to_string,
    );
    if want.content_based_deduplication == Setting::Set(false) {
        list.remark(deduplication, "messages without a MessageDeduplicationId are rejected");
    }
    list.one("FifoThroughputScope", "fifo_throughput_scope", |model| &model.fifo_throughput_scope, |scope| word(scope));
    list.one(
        "ArchivePolicy",
        "archive_retention_days",
        |model| &model.archive_retention_days,
        |days| json!({ "MessageRetentionPeriod": days.to_string() }).to_string(),
    );
    for (protocol, prefix) in LOGGED {
        list.logging(protocol, prefix);
    }
    list.changes
}

struct Comparison<'a, 'b, 'c> {
    want: &'a TopicModel,
    live: Option<&'a TopicModel>,
    out: &'b mut Diff<'c, TopicOp>,
    changes: Vec<Change>,
}

impl<'a> Comparison<'a, '_, '_> {
    /// Adds a change and returns its index.
    fn add(&mut self, attribute: &str, value: Option<String>, covers: Covers) -> usize {
        self.changes.push(Change { attribute: attribute.to_owned(), value, covers });
        self.changes.len() - 1
    }

    fn one<T: Serialize>(
        &mut self,
        attribute: &str,
        path: &str,
        of: fn(&TopicModel) -> &Setting<T>,
        to_aws: impl FnOnce(&T) -> String,
    ) -> usize {
        let covers = self.out.setting(path, of(self.want), self.live.map(of));
        self.add(attribute, of(self.want).value().map(to_aws), covers)
    }

    fn text(&mut self, attribute: &str, path: &str, of: fn(&TopicModel) -> &Setting<String>) -> usize {
        self.one(attribute, path, of, String::clone)
    }

    /// Compares the logging of one protocol.
    fn logging(&mut self, protocol: &str, prefix: &str) {
        let Some(want) = self.want.delivery_status.get(protocol) else { return };
        let off = StatusLogging::off();
        let live: Option<&'a TopicModel> = self.live;
        let live = live.map(|live| live.delivery_status.get(protocol).unwrap_or(&off));
        let at = |field: &str| format!("delivery_status.{protocol}.{field}");
        let covers = self.out.setting(&at("success_role"), &want.success_role, live.map(|live| &live.success_role));
        self.add(&format!("{prefix}SuccessFeedbackRoleArn"), want.success_role.get(), covers);
        let rate = live.map(|live| &live.success_sample_rate);
        let covers = self.out.setting(&at("success_sample_rate"), &want.success_sample_rate, rate);
        let rate = want.success_sample_rate.value().map(u8::to_string);
        self.add(&format!("{prefix}SuccessFeedbackSampleRate"), rate, covers);
        let covers = self.out.setting(&at("failure_role"), &want.failure_role, live.map(|live| &live.failure_role));
        self.add(&format!("{prefix}FailureFeedbackRoleArn"), want.failure_role.get(), covers);
    }

    fn remark(&mut self, change: usize, note: &str) {
        if self.live.is_some() {
            self.out.remark(&self.changes[change].covers, note);
        }
    }
}

/// Returns the value that removes an attribute's value. A policy cannot be empty: an empty one becomes SNS's default.
pub(super) fn removed(attribute: &str) -> String {
    // https://docs.aws.amazon.com/sns/latest/dg/message-archiving-and-replay-topic-owner.html
    if attribute == "ArchivePolicy" { "{}".to_owned() } else { String::new() }
}

/// Reports the messages that a change of the archive deletes.
pub(super) fn archive(want: &TopicModel, live: Option<&TopicModel>, out: &mut Diff<'_, TopicOp>) {
    let Some(current) = live.and_then(|live| live.archive_retention_days.value()) else { return };
    match want.archive_retention_days {
        Setting::Unset => out.deletes("all archived messages are deleted"),
        Setting::Set(days) if days < *current => {
            out.deletes(format!("archived messages older than {days} days are deleted"));
        }
        Setting::Set(_) | Setting::Unstated => {}
    }
}

/// Compares the data protection policy. A call replaces all of it.
pub(super) fn data_protection(want: &TopicModel, live: Option<&TopicModel>, out: &mut Diff<'_, TopicOp>) -> Covers {
    let want = &want.data_protection_policy;
    let live = live.map(|live| &live.data_protection_policy);
    if let Some(current) = live.and_then(Setting::value) {
        if *want == Setting::Unset {
            out.deletes("data_protection_policy is removed as a whole");
        }
        let names = |policy: &Map<String, Value>| -> Vec<String> {
            let statements = policy.get("Statement").and_then(Value::as_array).into_iter().flatten();
            statements.map(|statement| statement["Sid"].as_str().unwrap_or("without a Sid").to_owned()).collect()
        };
        let kept = want.value().map(names);
        for lost in names(current).into_iter().filter(|sid| kept.as_ref().is_some_and(|kept| !kept.contains(sid))) {
            out.deletes(format!(
                "the statement {lost} of data_protection_policy is removed: the spec does not state it"
            ));
        }
    }
    out.setting("data_protection_policy", want, live)
}
