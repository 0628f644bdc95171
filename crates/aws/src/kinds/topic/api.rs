// SPDX-License-Identifier: Apache-2.0
//! Runs the calls that change a topic and its subscriptions.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::Tag;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Observation, Scope};
use regionctl_core::resource::reference::Attributes;

use super::model::TopicModel;
use super::policy::default_policy;
use super::read::read;
use super::{FIFO, Topic, TopicOp};
use crate::error::{CallError, if_found};
use crate::live::{Live, names_of, read_concurrently};

impl Live for Topic {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<TopicModel>, CallError> {
        let reads = scope.names.iter().map(|(name, depth)| (name.clone(), read(api, scope, name, depth)));
        Ok(read_concurrently(reads).await)
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let topics = api.list_topics().into_paginator().items().send();
        names_of(topics, |topic| Some(topic.topic_arn?.rsplit(':').next()?.to_owned())).await
    }

    async fn run(api: &Client, target: &StepTarget, op: TopicOp) -> Result<Attributes, CallError> {
        let arn = target.location.arn("sns", &target.name);
        match op {
            TopicOp::CreateTopic { mut attributes, data_protection_policy, tags } => {
                if target.name.ends_with(FIFO) {
                    attributes.insert("FifoTopic".to_owned(), "true".to_owned());
                }
                let attributes = (!attributes.is_empty()).then(|| attributes.into_iter().collect());
                let tags = (!tags.is_empty()).then(|| sdk_tags(&tags));
                let call = api.create_topic().name(&target.name).set_attributes(attributes).set_tags(tags);
                let made = call.set_data_protection_policy(data_protection_policy).send().await?;
                return Ok(Attributes::from([("arn".to_owned(), made.topic_arn().unwrap_or(&arn).to_owned())]));
            }
            TopicOp::DeleteTopic => {
                if_found(api.delete_topic().topic_arn(arn).send().await.map_err(CallError::from))?;
            }
            TopicOp::SetTopicAttributes { name, value } => {
                let value = if name == "Policy" && value.is_empty() { default_policy(&arn) } else { value };
                api.set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value).send().await?;
            }
            TopicOp::PutDataProtectionPolicy { policy } => {
                api.put_data_protection_policy().resource_arn(arn).data_protection_policy(policy).send().await?;
            }
            TopicOp::Subscribe { protocol, endpoint, attributes } => {
                let attributes = (!attributes.is_empty()).then(|| attributes.into_iter().collect());
                let call = api.subscribe().topic_arn(arn).protocol(protocol).endpoint(endpoint);
                call.set_attributes(attributes).return_subscription_arn(true).send().await?;
            }
            TopicOp::SetSubscriptionAttributes { subscription, name, value } => {
                let call = api.set_subscription_attributes().subscription_arn(subscription).attribute_name(name);
                call.set_attribute_value(value).send().await?;
            }
            TopicOp::Unsubscribe { subscription } => {
                if_found(api.unsubscribe().subscription_arn(subscription).send().await.map_err(CallError::from))?;
            }
            TopicOp::TagResource { tags } => {
                api.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            TopicOp::UntagResource { keys } => {
                api.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await?;
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
