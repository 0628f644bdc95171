// SPDX-License-Identifier: Apache-2.0
//! `sqs.queue`: queues that are created outside regionctl, as items of `for_each` rules, and to find wires to queues that
//! do not exist.
//!
//! regionctl only reads them (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>).
//! One that the spec names and that does not exist is reported as a manual step.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use regionctl_core::diff::Diff;
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{CallError, if_found};
use crate::live::{Live, read_concurrently};

/// The kind `sqs.queue`.
pub struct Queue;

/// An existing queue. It has no fields: regionctl only reads it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SqsQueue")]
pub struct QueueSpec {}

/// A queue, desired or live. Only its existence is read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueModel {}

/// No operation: regionctl never changes a queue.
#[derive(Debug, Serialize, Deserialize)]
pub enum QueueOp {}

impl Kind for Queue {
    const FACTS: Facts = Facts {
        name: "sqs.queue",
        service: "SQS",
        summary: "A queue that is created outside regionctl. It is only read, for rules with `for_each`, and to find \
                  dead-letter targets and destinations that do not exist.",
        reads: &["ListQueues", "GetQueueUrl"],
        attributes: &["arn", "name", "url"],
        lists: true,
        inventory: &["ListQueues"],
        example: "
cloudwatch.alarm:
  ${each.name} OldestMessage:
    for_each: sqs.queue
    namespace: AWS/SQS
    metric: ApproximateAgeOfOldestMessage
    dimensions: {QueueName: \"${each.name}\"}
    statistic: Maximum
    comparison: \">=\"
    threshold: 3600
    period: 5m
",
        ..Facts::DEFAULT
    };

    type Spec = QueueSpec;
    type Model = QueueModel;
    type Op = QueueOp;

    fn desire(_: &str, _: QueueSpec, _: &mut Notes<'_>) -> QueueModel {
        QueueModel::default()
    }

    fn relevant(_: Option<&QueueModel>, _: QueueModel) -> QueueModel {
        QueueModel::default()
    }

    fn write(_: &QueueModel) -> Option<Value> {
        Some(Value::Object(Map::new()))
    }

    fn diff(want: &QueueModel, live: Option<&QueueModel>, out: &mut Diff<'_, QueueOp>) {
        let QueueModel {} = want;
        if live.is_none() {
            out.made_by_others("the queue does not exist: create it, regionctl does not create queues");
        }
    }
}

impl Live for Queue {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<QueueModel>, CallError> {
        // Reads all of them with one call per thousand queues. Without MaxResults, the answer ends after 1000 queues and
        // has no NextToken.
        let mut pages = api.list_queues().max_results(1000).into_paginator().send();
        let mut urls = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for url in page?.queue_urls.unwrap_or_default() {
                let unknown = || CallError::unknown("SQS ListQueues", "the queue URL", &url);
                let name = name_of(&url).ok_or_else(unknown)?.to_owned();
                urls.insert(name, url);
            }
        }
        let missing = scope.names.keys().filter(|name| !urls.contains_key(*name));
        let missing = missing.map(|name| (name.clone(), new_queue(api, name, scope)));
        let mut observation = read_concurrently(missing).await;
        let listed = urls.iter().filter(|(name, _)| scope.asks_for(name));
        observation.resources.extend(listed.map(|(name, url)| resource(name, url, scope)));
        Ok(observation)
    }

    async fn run(_: &Client, _: &StepTarget, op: QueueOp) -> Result<Attributes, CallError> {
        match op {}
    }
}

/// Asks for a queue that is not listed: a new queue may be missing from the list for some seconds.
async fn new_queue(api: &Client, name: &str, scope: &Scope) -> Result<Option<LiveResource<QueueModel>>, CallError> {
    let answer = if_found(api.get_queue_url().queue_name(name).send().await.map_err(CallError::from))?;
    Ok(answer.map(|answer| resource(name, answer.queue_url().unwrap_or_default(), scope)))
}

fn resource(name: &str, url: &str, scope: &Scope) -> LiveResource<QueueModel> {
    LiveResource::new(name, QueueModel {}, attributes(name, url, &scope.location))
}

/// Returns the name in a queue's URL: `failed` in `https://sqs.eu-central-1.amazonaws.com/123456789012/failed`.
fn name_of(url: &str) -> Option<&str> {
    let (rest, name) = url.rsplit_once('/')?;
    (!name.is_empty() && rest.contains("://")).then_some(name)
}

fn attributes(name: &str, url: &str, location: &Location) -> Attributes {
    let arn = location.arn("sqs", name);
    [("arn", arn.as_str()), ("name", name), ("url", url)].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_and_the_arn_follow_from_the_url() {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failed.fifo";
        assert_eq!(name_of(url), Some("failed.fifo"));
        assert_eq!(name_of("failed"), None);
        let found = attributes("failed.fifo", url, &Location::of("123456789012", "eu-central-1"));
        assert_eq!(found["arn"], "arn:aws:sqs:eu-central-1:123456789012:failed.fifo");
    }
}
