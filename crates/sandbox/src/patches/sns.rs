// SPDX-License-Identifier: Apache-2.0
//! SNS: an email subscription is pending until it is confirmed
//! (<https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>). To subscribe an endpoint again returns the
//! existing subscription. CreateTopic stores attributes
//! (<https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>).

use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use super::{Sent, parameter};
use crate::ACCOUNT;
use crate::services::Services;

pub(super) async fn before(services: &Services, region: &str, request: &mut MockRequest) -> Option<MockResponse> {
    if parameter(&request.body, "Action")? != "Subscribe" {
        return None;
    }
    let [topic, protocol, endpoint] =
        ["TopicArn", "Protocol", "Endpoint"].map(|name| parameter(&request.body, name).unwrap_or_default());
    let view = services.sns.snapshot(ACCOUNT, region).await;
    let existing = view.subscriptions.values().find(|subscription| {
        subscription.topic_arn == topic && subscription.protocol == protocol && subscription.endpoint == endpoint
    })?;
    Some(MockResponse::xml(
        200,
        format!(
            "<SubscribeResponse><SubscribeResult><SubscriptionArn>{}</SubscriptionArn></SubscribeResult></SubscribeResponse>",
            existing.arn
        ),
    ))
}

pub(super) async fn after(services: &Services, region: &str, sent: &Sent, mut answer: MockResponse) -> MockResponse {
    match parameter(&sent.body, "Action").as_deref() {
        Some("Subscribe") if answer.status == 200 => leave_pending(services, region, sent).await,
        Some("CreateTopic") if answer.status == 200 => keep_attributes(services, region, sent).await,
        Some("ListSubscriptions" | "ListSubscriptionsByTopic") => {
            let view = services.sns.snapshot(ACCOUNT, region).await;
            let mut text = String::from_utf8_lossy(&answer.body).into_owned();
            for pending in view.subscriptions.values().filter(|subscription| !subscription.confirmed) {
                let (shown, arn) = ("PendingConfirmation", &pending.arn);
                text = text.replace(&format!("<SubscriptionArn>{arn}<"), &format!("<SubscriptionArn>{shown}<"));
            }
            answer.body = text.into();
        }
        _ => {}
    }
    answer
}

/// Stores the attributes of CreateTopic, which the emulated service ignores.
async fn keep_attributes(services: &Services, region: &str, sent: &Sent) {
    let name = parameter(&sent.body, "Name").unwrap_or_default();
    let attributes = (1..).map_while(|number| {
        let [key, value] =
            ["key", "value"].map(|part| parameter(&sent.body, &format!("Attributes.entry.{number}.{part}")));
        Some((key?, value?))
    });
    let mut view = services.sns.snapshot(ACCOUNT, region).await;
    if let Some(topic) = view.topics.values_mut().find(|topic| topic.name == name) {
        topic.attributes.extend(attributes);
    }
    // Restoring a state that this service returned cannot fail.
    let _ = services.sns.restore(ACCOUNT, region, view).await;
}

async fn leave_pending(services: &Services, region: &str, sent: &Sent) {
    let [topic, endpoint] = ["TopicArn", "Endpoint"].map(|name| parameter(&sent.body, name).unwrap_or_default());
    let mut view = services.sns.snapshot(ACCOUNT, region).await;
    let new = view.subscriptions.values_mut().find(|subscription| {
        subscription.protocol.starts_with("email")
            && subscription.endpoint == endpoint
            && subscription.topic_arn == topic
    });
    if let Some(subscription) = new {
        subscription.confirmed = false;
        subscription.attributes.insert("PendingConfirmation".to_owned(), "true".to_owned());
    }
    // Restoring a state that this service returned cannot fail.
    let _ = services.sns.restore(ACCOUNT, region, view).await;
}
