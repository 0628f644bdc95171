// SPDX-License-Identifier: Apache-2.0
//! Corrections of the emulated services where they differ from AWS. Each module cites AWS's documentation.

mod ec2;
mod iam;
mod logs;
pub(crate) mod s3;
mod sns;

use bytes::Bytes;
use winterbaume_core::{MockRequest, MockResponse};

use crate::route::Route;
use crate::services::Services;
use crate::state::State;

/// The parts of a request that are needed to correct its response.
pub(crate) struct Sent {
    pub method: String,
    pub uri: String,
    pub body: Bytes,
}

/// Creates the resources of a new account when a region is first used.
pub(crate) async fn region(services: &Services, state: &mut State, route: &Route) {
    if state.is_new_region(&route.region) {
        // Boxed because futures with EC2's state are large.
        Box::pin(ec2::default_vpc(services, &route.region)).await;
        let ec2 = Route { service: "ec2".to_owned(), region: route.region.clone() };
        // An error is reported by the next write.
        let _ = state.save(services, &ec2).await;
    }
}

/// Answers a request instead of the emulated service, or returns None to pass it on, possibly modified.
pub(crate) async fn before(services: &Services, route: &Route, request: &mut MockRequest) -> Option<MockResponse> {
    match route.service.as_str() {
        "ec2" => Box::pin(ec2::before(services, &route.region, request)).await,
        "logs" => logs::before(services, &route.region, request).await,
        "s3" => s3::before(services, &route.region, request).await,
        "sns" => sns::before(services, &route.region, request).await,
        _ => None,
    }
}

/// Corrects the response of the emulated service.
pub(crate) async fn after(services: &Services, route: &Route, sent: &Sent, answer: MockResponse) -> MockResponse {
    match route.service.as_str() {
        "iam" => iam::after(services, sent, answer).await,
        "logs" => logs::after(services, &route.region, sent, answer).await,
        "s3" => s3::after(services, &route.region, sent, answer).await,
        "sns" => sns::after(services, &route.region, sent, answer).await,
        _ => answer,
    }
}

/// Returns a parameter of the query protocol.
fn parameter(body: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
