// SPDX-License-Identifier: Apache-2.0
//! SNS: an email subscription is pending until it is confirmed
//! (<https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>). To subscribe an endpoint again returns the
//! existing subscription. CreateTopic and Subscribe store attributes, and CreateTopic a data protection policy
//! (<https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>). An empty data protection policy removes it.
//! A topic has no display name until one is set. HTTP(S) endpoints confirm at once.

use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use super::{Sent, parameter};
use crate::ACCOUNT;
use crate::services::Services;

pub(super) async fn before(services: &Services, region: &str, request: &mut MockRequest) -> Option<MockResponse> {
    match parameter(&request.body, "Action")?.as_str() {
        "Subscribe" => existing(services, region, request).await,
        "PutDataProtectionPolicy"
            if parameter(&request.body, "DataProtectionPolicy").is_none_or(|it| it.is_empty()) =>
        {
            let topic = parameter(&request.body, "ResourceArn")?;
            let mut view = services.sns.snapshot(ACCOUNT, region).await;
            view.topics.get_mut(&topic)?.data_protection_policy = None;
            // Restoring a state that this service returned cannot fail.
            let _ = services.sns.restore(ACCOUNT, region, view).await;
            Some(MockResponse::xml(200, "<PutDataProtectionPolicyResponse/>".to_owned()))
        }
        _ => None,
    }
}

/// Answers with the existing subscription of the same endpoint, if there is one.
async fn existing(services: &Services, region: &str, request: &MockRequest) -> Option<MockResponse> {
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
        Some("GetSubscriptionAttributes") => {
            let arn = parameter(&sent.body, "SubscriptionArn").unwrap_or_default();
            let view = services.sns.snapshot(ACCOUNT, region).await;
            let attributes = view.subscriptions.get(&arn).map(|subscription| &subscription.attributes);
            let has_filter =
                attributes.and_then(|it| it.get("FilterPolicy")).is_some_and(|it| !matches!(it.as_str(), "" | "{}"));
            if !has_filter {
                answer.body = without_entry(&String::from_utf8_lossy(&answer.body), "FilterPolicyScope").into();
            }
        }
        _ => {}
    }
    answer
}

/// Removes an attribute from an answer: SNS returns the scope of a filter only together with the filter.
fn without_entry(answer: &str, key: &str) -> String {
    let Some(at) = answer.find(&format!("<key>{key}</key>")) else { return answer.to_owned() };
    let (Some(start), Some(end)) = (answer[..at].rfind("<entry>"), answer[at..].find("</entry>")) else {
        return answer.to_owned();
    };
    format!("{}{}", &answer[..start], &answer[at + end + "</entry>".len()..])
}

/// Returns the attributes of a request.
fn attributes(sent: &Sent) -> impl Iterator<Item = (String, String)> {
    (1..).map_while(|number| {
        let [key, value] =
            ["key", "value"].map(|part| parameter(&sent.body, &format!("Attributes.entry.{number}.{part}")));
        Some((key?, value?))
    })
}

/// Stores the attributes of CreateTopic, which the emulated service ignores. It takes the name as the display name.
async fn keep_attributes(services: &Services, region: &str, sent: &Sent) {
    let name = parameter(&sent.body, "Name").unwrap_or_default();
    let mut view = services.sns.snapshot(ACCOUNT, region).await;
    if let Some(topic) = view.topics.values_mut().find(|topic| topic.name == name) {
        topic.attributes.retain(|attribute, value| attribute != "DisplayName" || *value != name);
        topic.attributes.extend(attributes(sent));
        if let Some(policy) = parameter(&sent.body, "DataProtectionPolicy") {
            topic.data_protection_policy = Some(policy);
        }
    }
    // Restoring a state that this service returned cannot fail.
    let _ = services.sns.restore(ACCOUNT, region, view).await;
}

/// Stores the attributes of Subscribe, and leaves an email subscription pending.
async fn leave_pending(services: &Services, region: &str, sent: &Sent) {
    let [topic, protocol, endpoint] =
        ["TopicArn", "Protocol", "Endpoint"].map(|name| parameter(&sent.body, name).unwrap_or_default());
    let mut view = services.sns.snapshot(ACCOUNT, region).await;
    let new = view.subscriptions.values_mut().find(|subscription| {
        subscription.protocol == protocol && subscription.endpoint == endpoint && subscription.topic_arn == topic
    });
    if let Some(subscription) = new {
        subscription.attributes.extend(attributes(sent));
        if protocol.starts_with("email") {
            subscription.confirmed = false;
            subscription.attributes.insert("PendingConfirmation".to_owned(), "true".to_owned());
        }
    }
    // Restoring a state that this service returned cannot fail.
    let _ = services.sns.restore(ACCOUNT, region, view).await;
}
