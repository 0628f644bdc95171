//! Subscriptions by mail stay pending until somebody clicks (SNS Developer Guide, "Confirm the
//! subscription"), and asking for a pair again gives the one that is there.

use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use super::{Asked, parameter};
use crate::ACCOUNT;
use crate::services::Services;

pub(super) async fn before(services: &Services, region: &str, request: &mut MockRequest) -> Option<MockResponse> {
    if parameter(&request.body, "Action")? != "Subscribe" {
        return None;
    }
    let [topic, protocol, endpoint] =
        ["TopicArn", "Protocol", "Endpoint"].map(|name| parameter(&request.body, name).unwrap_or_default());
    let view = services.sns.snapshot(ACCOUNT, region).await;
    let there = view.subscriptions.values().find(|subscription| {
        subscription.topic_arn == topic && subscription.protocol == protocol && subscription.endpoint == endpoint
    })?;
    Some(MockResponse::xml(
        200,
        format!(
            "<SubscribeResponse><SubscribeResult><SubscriptionArn>{}</SubscriptionArn></SubscribeResult></SubscribeResponse>",
            there.arn
        ),
    ))
}

pub(super) async fn after(services: &Services, region: &str, asked: &Asked, mut answer: MockResponse) -> MockResponse {
    match parameter(&asked.body, "Action").as_deref() {
        Some("Subscribe") if answer.status == 200 => leave_pending(services, region, asked).await,
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

async fn leave_pending(services: &Services, region: &str, asked: &Asked) {
    let [topic, endpoint] = ["TopicArn", "Endpoint"].map(|name| parameter(&asked.body, name).unwrap_or_default());
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
    // The state came from this very service, so it takes it back.
    let _ = services.sns.restore(ACCOUNT, region, view).await;
}
