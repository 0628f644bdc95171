// SPDX-License-Identifier: Apache-2.0
//! Converts a topic's model to the fields of a spec.

use regionctl_core::model::policy::Policy;
use regionctl_core::spec::write;
use serde_json::{Map, Value};

use super::json as text;
use super::model::{Subscription, SubscriptionSettings, TopicModel};
use crate::tags;

pub(super) fn write(model: &TopicModel) -> Value {
    let mut fields = Map::new();
    write::setting("display_name", &model.display_name, &mut fields);
    let policy = model.policy.as_ref().map(Policy::to_aws);
    write::setting("policy", &policy, &mut fields);
    write::setting("kms_key", &model.kms_key, &mut fields);
    write::setting("delivery_policy", &model.delivery_policy, &mut fields);
    if !model.delivery_status.is_empty() {
        let by_protocol = model.delivery_status.iter().map(|(protocol, logging)| {
            let mut fields = Map::new();
            write::setting("success_role", &logging.success_role, &mut fields);
            write::setting("success_sample_rate", &logging.success_sample_rate, &mut fields);
            write::setting("failure_role", &logging.failure_role, &mut fields);
            (protocol.clone(), Value::Object(fields))
        });
        fields.insert("delivery_status".to_owned(), Value::Object(by_protocol.collect()));
    }
    write::setting("signature_version", &model.signature_version, &mut fields);
    write::setting("tracing", &model.tracing, &mut fields);
    write::setting("maximum_message_size", &model.maximum_message_size, &mut fields);
    write::setting("content_based_deduplication", &model.content_based_deduplication, &mut fields);
    write::setting("fifo_throughput_scope", &model.fifo_throughput_scope, &mut fields);
    write::setting("archive_retention_days", &model.archive_retention_days, &mut fields);
    write::setting("data_protection_policy", &model.data_protection_policy.as_ref().map(text), &mut fields);
    if let Some(subscriptions) = model.subscriptions.value() {
        let written = subscriptions.iter().map(|one| subscription(one, model.settings_of(one))).collect();
        fields.insert("subscriptions".to_owned(), Value::Array(written));
    }
    tags::write(&model.tags, &mut fields);
    Value::Object(fields)
}

fn subscription(subscription: &Subscription, settings: Option<&SubscriptionSettings>) -> Value {
    let mut fields = Map::new();
    fields.insert(subscription.protocol.clone(), subscription.endpoint.as_str().into());
    if let Some(settings) = settings {
        write::setting("filter_policy", &settings.filter_policy.as_ref().map(text), &mut fields);
        write::setting("filter_policy_scope", &settings.filter_policy_scope, &mut fields);
        write::setting("raw_delivery", &settings.raw_delivery, &mut fields);
        write::setting("dead_letter", &settings.dead_letter, &mut fields);
        write::setting("delivery_policy", &settings.delivery_policy, &mut fields);
        write::setting("role", &settings.role, &mut fields);
    }
    if subscription.absent {
        fields.insert("absent".to_owned(), true.into());
    }
    Value::Object(fields)
}
