// SPDX-License-Identifier: Apache-2.0
//! The AWS session: credentials, region, one connection pool, and the layers of every call (read-only guard, counters,
//! rate limiter, guard for requests without progress). Kinds never create clients, retry, sleep or limit rates
//! themselves.

mod gateway;
mod pace;
mod record;
mod throttling;
mod transport;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::error::CallError;

pub use gateway::WriteWhileReading;
pub use pace::Pause;
pub use record::{Call, Calls, Recorder};

/// Whether a session may send write calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Write calls are rejected before they are sent.
    ReadOnly,
    /// Write calls are sent.
    Write,
}

/// The session name of an assumed role, as CloudTrail shows it (`RoleSessionName` in
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
const SESSION_NAME: &str = "regionctl";

/// A callback for calls that the rate limiter delays.
pub type PauseListener = Arc<dyn Fn(Pause) + Send + Sync>;

/// An HTTP client to use instead of the network, with the credentials that it accepts: the embedded AWS emulator's.
pub type OwnHttp = (SharedHttpClient, SharedCredentialsProvider);

/// What [`Session::open`] needs to know: where the calls go, as which principal, and whether writes are allowed.
#[derive(Clone)]
pub struct SessionSettings {
    /// The region, from the spec.
    pub region: String,
    /// The profile of the AWS configuration; `None` for the SDK's default.
    pub profile: Option<String>,
    /// The ARN of a role to assume; `None` to use the credentials directly.
    pub role: Option<String>,
    /// The endpoint URL for all services; `None` for the SDK's default.
    pub endpoint_url: Option<String>,
    /// [`Access::ReadOnly`] for every command except `apply`.
    pub access: Access,
    /// The embedded AWS emulator; `None` for the network.
    pub http: Option<OwnHttp>,
    /// Notified of each delayed call; `None` to delay silently.
    pub on_pause: Option<PauseListener>,
}

/// An open session. Clients are created on first use and share one connection pool.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    config: SdkConfig,
    gateway: gateway::Gateway,
    path_style: bool,
    network: SharedHttpClient,
    on_pause: Option<PauseListener>,
    /// The credentials, without the rate limiter of a region.
    identities: SharedIdentityCache,
    connector: transport::SharedConnector,
    clients: Clients,
    /// The sessions of other regions. AWS's rates apply per region, so each session has its own rate limiter.
    others: Mutex<BTreeMap<String, Session>>,
}

impl Session {
    /// Opens a session with the SDK's default configuration chain: profiles, SSO, roles, `AWS_ENDPOINT_URL`.
    ///
    /// Sends no call. The first call resolves the credentials.
    pub async fn open(settings: SessionSettings) -> Self {
        let recorder = Recorder::default();
        let network = settings.http.as_ref().map_or_else(network, |(client, _)| client.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(settings.region))
            .http_client(network.clone())
            .retry_config(RetryConfig::standard().with_max_attempts(5).with_initial_backoff(Duration::from_millis(300)))
            .stalled_stream_protection(stalled_streams())
            .timeout_config(timeouts());
        if let Some((_, credentials)) = settings.http {
            loader = loader.credentials_provider(credentials);
        }
        if let Some(profile) = settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let pace = pace::Pace::new(settings.on_pause.clone());
        let gateway = gateway::Gateway::new(settings.access, recorder, pace.clone());
        let mut config = loader.load().await;
        // The role is assumed with the credentials of the profile, so the configuration is loaded first.
        if let Some(role) = settings.role {
            let assumed = AssumeRoleProvider::builder(role).session_name(SESSION_NAME).configure(&config).build().await;
            config = config.into_builder().credentials_provider(SharedCredentialsProvider::new(assumed)).build();
        }
        let identities = config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build());
        Self::of(config, gateway, pace, identities, network, settings.on_pause)
    }

    fn of(
        config: SdkConfig,
        gateway: gateway::Gateway,
        pace: pace::Pace,
        identities: SharedIdentityCache,
        network: SharedHttpClient,
        on_pause: Option<PauseListener>,
    ) -> Self {
        let connector = transport::SharedConnector::default();
        let guarded = transport::client(network.clone(), connector.clone());
        let turns = pace::Turns { identities: identities.clone(), pace };
        // Custom endpoints rarely support virtual-hosted-style requests (one host name per bucket).
        let path_style = config.endpoint_url().is_some();
        let config = config.into_builder().http_client(guarded).identity_cache(turns).build();
        let (clients, others) = (Clients::default(), Mutex::default());
        Self(Arc::new(Inner { config, gateway, path_style, network, on_pause, identities, connector, clients, others }))
    }

    /// Returns the session of a region, with the same credentials, connections, read-only guard and call counts.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        if self.region() == region {
            return self.clone();
        }
        let mut others = self.0.others.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || {
            let config = self.0.config.clone().into_builder().region(Region::new(region.to_owned())).build();
            let pace = pace::Pace::new(self.0.on_pause.clone());
            let gateway = self.0.gateway.at(pace.clone());
            let (identities, network) = (self.0.identities.clone(), self.0.network.clone());
            Self::of(config, gateway, pace, identities, network, self.0.on_pause.clone())
        };
        others.entry(region.to_owned()).or_insert_with(open).clone()
    }

    /// Returns the region of the session's clients.
    pub fn region(&self) -> &str {
        self.0.config.region().map_or("", Region::as_ref)
    }

    /// Returns the counts of all calls so far, in all regions.
    pub fn calls(&self) -> Calls {
        self.0.gateway.recorder().calls()
    }

    /// Fetches a presigned URL with an unsigned GET request, over the connector of an earlier call.
    pub(crate) async fn fetch(&self, url: &str) -> Result<SdkBody, CallError> {
        self.0.connector.fetch(url).await
    }
}

/// Returns one HTTPS client for all services, and so one connection pool. It uses the proxy in `HTTPS_PROXY` and
/// `NO_PROXY`.
fn network() -> SharedHttpClient {
    let proxy = ProxyConfig::from_env();
    aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc)).build()
    })
}

/// Returns the timeouts: only that of the connection. The SDK's other timeouts would include the wait of the rate
/// limiter and a whole upload; `transport` ends requests that make no progress, at most five times per call.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_millis(3100)).build()
}

/// Returns the SDK's guard for responses that arrive too slowly. `transport` guards uploads: the SDK's own guard would
/// take a body that is in memory for sent at once.
fn stalled_streams() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::enabled().upload_enabled(false).grace_period(Duration::from_secs(20)).build()
}

/// The clients of a kind: the kind gets these and no others.
pub trait FromSession: Send + Sync {
    /// Returns the clients, which the session creates on first use.
    fn from_session(session: &Session) -> Self;
}

impl<A: FromSession, B: FromSession> FromSession for (A, B) {
    fn from_session(session: &Session) -> Self {
        (A::from_session(session), B::from_session(session))
    }
}

/// A client for calls to any region.
pub struct Anywhere<C> {
    session: Session,
    client: PhantomData<C>,
}

impl<C: FromSession> FromSession for Anywhere<C> {
    fn from_session(session: &Session) -> Self {
        Self { session: session.clone(), client: PhantomData }
    }
}

impl<C: FromSession> Anywhere<C> {
    /// Returns the client of the session's own region.
    pub fn here(&self) -> C {
        C::from_session(&self.session)
    }

    /// Returns the client of a region.
    pub fn at(&self, region: &str) -> C {
        C::from_session(&self.session.in_region(region))
    }

    /// Returns the session of a region.
    pub(crate) fn session(&self, region: &str) -> Session {
        self.session.in_region(region)
    }
}

macro_rules! clients {
    ($($field:ident: $sdk:ident $(, $style:ident)?;)*) => {
        #[derive(Default)]
        struct Clients {
            $($field: OnceLock<$sdk::Client>,)*
        }

        $(impl FromSession for $sdk::Client {
            fn from_session(session: &Session) -> Self {
                let session = &session.0;
                session
                    .clients
                    .$field
                    .get_or_init(|| {
                        let config = $sdk::config::Builder::from(&session.config)
                            .interceptor(session.gateway.clone())
                            $(.$style(session.path_style))?;
                        #[expect(clippy::disallowed_methods, reason = "the one place where clients are created")]
                        $sdk::Client::from_conf(config.build())
                    })
                    .clone()
            }
        })*
    };
}

// The only place that creates clients: each gets the gateway interceptor.
clients! {
    cloudtrail: aws_sdk_cloudtrail;
    cloudwatch: aws_sdk_cloudwatch;
    ec2: aws_sdk_ec2;
    elb: aws_sdk_elasticloadbalancingv2;
    iam: aws_sdk_iam;
    lambda: aws_sdk_lambda;
    logs: aws_sdk_cloudwatchlogs;
    rds: aws_sdk_rds;
    route53: aws_sdk_route53;
    s3: aws_sdk_s3, force_path_style;
    sns: aws_sdk_sns;
    sqs: aws_sdk_sqs;
    ssm: aws_sdk_ssm;
    sts: aws_sdk_sts;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wait of the rate limiter has no limit, and neither has an upload that makes progress.
    #[tokio::test]
    async fn no_time_limit_includes_the_wait_for_a_turn_or_a_whole_upload() {
        let settings = SessionSettings {
            region: "eu-central-1".to_owned(),
            profile: None,
            role: None,
            endpoint_url: None,
            access: Access::ReadOnly,
            http: None,
            on_pause: None,
        };
        let session = Session::open(settings).await;
        for session in [session.in_region("us-east-1"), session] {
            let limits = session.0.config.timeout_config().unwrap();
            assert!(limits.operation_timeout().is_none() && limits.operation_attempt_timeout().is_none());
            assert!(limits.read_timeout().is_none() && limits.connect_timeout().is_some());
            let streams = session.0.config.stalled_stream_protection().unwrap();
            assert!(streams.download_enabled() && !streams.upload_enabled());
        }
    }
}
