//! AWS's truth where the emulated services are kinder or simply wrong. Each piece cites AWS.

mod ec2;
mod iam;
mod logs;
pub(crate) mod s3;
mod sns;
mod ssm;

use bytes::Bytes;
use winterbaume_core::{MockRequest, MockResponse};

use crate::route::Route;
use crate::services::Services;
use crate::state::State;

/// What was asked, kept for looking at the answer.
pub(crate) struct Asked {
    pub method: String,
    pub uri: String,
    pub body: Bytes,
}

/// Gives a region that is used for the first time what a new account has there.
pub(crate) async fn region(services: &Services, state: &mut State, route: &Route) {
    if state.is_new_region(&route.region) {
        // EC2's state is large, and so are the futures that hold it.
        Box::pin(ec2::default_vpc(services, &route.region)).await;
        let ec2 = Route { service: "ec2".to_owned(), region: route.region.clone() };
        // A sandbox that cannot be saved says so with the first write.
        let _ = state.save(services, &ec2).await;
    }
}

/// Answers in the service's place, or lets it answer.
pub(crate) async fn before(services: &Services, route: &Route, request: &mut MockRequest) -> Option<MockResponse> {
    match route.service.as_str() {
        "ec2" => Box::pin(ec2::before(services, &route.region, request)).await,
        "logs" => logs::before(services, &route.region, request).await,
        "s3" => s3::before(services, &route.region, request).await,
        "sns" => sns::before(services, &route.region, request).await,
        "ssm" => ssm::before(services, &route.region, request).await,
        _ => None,
    }
}

/// Mends the service's answer.
pub(crate) async fn after(services: &Services, route: &Route, asked: &Asked, answer: MockResponse) -> MockResponse {
    match route.service.as_str() {
        "iam" => iam::after(services, asked, answer).await,
        "logs" => logs::after(services, &route.region, asked, answer).await,
        "s3" => s3::after(services, &route.region, asked, answer).await,
        "sns" => sns::after(services, &route.region, asked, answer).await,
        "ssm" => ssm::after(services, &route.region, answer).await,
        _ => answer,
    }
}

/// A parameter of the query protocol.
fn parameter(body: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
