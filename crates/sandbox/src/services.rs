// SPDX-License-Identifier: Apache-2.0
//! The emulated services behind one trait: handle a request, save and restore the state of a region.

use futures::future::BoxFuture;
use serde_json::Value;
use winterbaume_core::{MockRequest, MockResponse, MockService, StatefulService};

use crate::ACCOUNT;
use crate::fakes::FakeState;
use crate::route::Route;

/// The key of the state of [`FakeState`] in the sandbox's file.
pub(crate) const MEMORY: &str = "memory";

/// An emulated service whose state can be saved and restored as JSON.
trait Emulated: Send + Sync {
    fn handle(&self, request: MockRequest) -> BoxFuture<'_, MockResponse>;
    fn snapshot<'a>(&'a self, region: &'a str) -> BoxFuture<'a, Value>;
    fn restore<'a>(&'a self, region: &'a str, state: Value) -> BoxFuture<'a, Result<(), String>>;
}

macro_rules! services {
    ($($field:ident: $type:ty, $signing:literal;)*) => {
        /// All emulated services.
        pub(crate) struct Services {
            $(pub $field: $type,)*
            /// The state of the services that the sandbox implements itself, see [`crate::fakes`].
            pub memory: FakeState,
        }

        impl Default for Services {
            fn default() -> Self {
                Self { $($field: <$type>::new(),)* memory: FakeState::default() }
            }
        }

        $(impl Emulated for $type {
            fn handle(&self, request: MockRequest) -> BoxFuture<'_, MockResponse> {
                Box::pin(MockService::handle(self, request))
            }

            fn snapshot<'a>(&'a self, region: &'a str) -> BoxFuture<'a, Value> {
                Box::pin(async move {
                    let view = StatefulService::snapshot(self, ACCOUNT, region).await;
                    serde_json::to_value(view).unwrap_or_default()
                })
            }

            fn restore<'a>(&'a self, region: &'a str, state: Value) -> BoxFuture<'a, Result<(), String>> {
                Box::pin(async move {
                    let view = serde_json::from_value(state).map_err(|error| error.to_string())?;
                    StatefulService::restore(self, ACCOUNT, region, view).await.map_err(|error| error.to_string())
                })
            }
        })*

        impl Services {
            fn get(&self, service: &str) -> Option<&dyn Emulated> {
                match service {
                    $($signing => Some(&self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

// Field, type and signing name.
services! {
    cloudwatch: winterbaume_cloudwatch::CloudWatchService, "monitoring";
    ec2: winterbaume_ec2::Ec2Service, "ec2";
    iam: winterbaume_iam::IamService, "iam";
    lambda: winterbaume_lambda::LambdaService, "lambda";
    logs: winterbaume_cloudwatchlogs::CloudWatchLogsService, "logs";
    rds: winterbaume_rds::RdsService, "rds";
    route53: winterbaume_route53::Route53Service, "route53";
    s3: winterbaume_s3::S3Service, "s3";
    sns: winterbaume_sns::SnsService, "sns";
    sqs: winterbaume_sqs::SqsService, "sqs";
    ssm: winterbaume_ssm::SsmService, "ssm";
    sts: winterbaume_sts::StsService, "sts";
}

impl Services {
    pub async fn handle(&self, route: &Route, request: MockRequest) -> MockResponse {
        match self.get(&route.service) {
            Some(service) => service.handle(request).await,
            None => {
                MockResponse::error(501, "NotImplemented", &format!("the sandbox does not emulate {}", route.service))
            }
        }
    }

    pub async fn snapshot(&self, service: &str, region: &str) -> Value {
        if service == MEMORY {
            return self.memory.snapshot(region);
        }
        match self.get(service) {
            Some(service) => service.snapshot(region).await,
            None => Value::Null,
        }
    }

    pub async fn restore(&self, service: &str, region: &str, state: Value) -> Result<(), String> {
        if service == MEMORY {
            return self.memory.restore(region, state);
        }
        match self.get(service) {
            Some(service) => service.restore(region, state).await,
            None => Err(format!("the sandbox does not emulate {service}")),
        }
    }
}
