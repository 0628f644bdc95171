// SPDX-License-Identifier: Apache-2.0
//! The rate limiter: keeps each operation within AWS's published rate, so that throttling is rare.
//!
//! It wraps the HTTP connector because SDK interceptors are synchronous and cannot wait. The gateway labels each
//! request with its operation.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use regionctl_core::observe::failure::{Failure, FailureClass};
use tokio::time::Instant;

use super::PauseListener;
use super::gateway::CALL;
use super::record::Recorder;
use crate::error::CallError;
use crate::services;

/// A call that the rate limiter delays.
#[derive(Debug, Clone)]
pub struct Pause {
    /// The service and operation, `SNS CreateTopic`.
    pub call: String,
    /// How long the call waits before it is sent; at least 0.3 s, because shorter delays are not reported.
    pub wait: Duration,
}

/// Shorter delays are not reported.
const MIN_REPORTED_WAIT: Duration = Duration::from_millis(300);

/// Wraps an HTTP client in the rate limiter.
pub(super) fn client(
    inner: SharedHttpClient,
    recorder: Recorder,
    listen: Option<PauseListener>,
    connector: SharedConnector,
) -> SharedHttpClient {
    let pace = Arc::new(Pace { buckets: Mutex::default(), recorder, listen });
    SharedHttpClient::new(Paced { inner, pace, connector })
}

/// The HTTP connector of the last call, for presigned URLs: the SDK creates connectors only for its own operations.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedConnector(Arc<Mutex<Option<SharedHttpConnector>>>);

impl SharedConnector {
    pub(super) async fn fetch(&self, url: &str) -> Result<SdkBody, CallError> {
        // A presigned URL grants access while it is valid, so no error message may contain it.
        let failed = |class, message: String| CallError(Failure::new(class, "fetching a presigned URL", message));
        let connector = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(connector) = connector else {
            return Err(failed(FailureClass::Other, "there is no connection: no AWS call was sent before".to_owned()));
        };
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(url).map_err(|_| failed(FailureClass::Other, "the URL is not valid".to_owned()))?;
        let response = connector.call(request).await;
        let response = response.map_err(|error| failed(FailureClass::Transport, error.to_string()))?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(failed(FailureClass::Other, format!("HTTP status {status}")));
        }
        Ok(response.into_body())
    }
}

#[derive(Debug)]
struct Paced {
    inner: SharedHttpClient,
    pace: Arc<Pace>,
    connector: SharedConnector,
}

impl HttpClient for Paced {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        *self.connector.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(inner.clone());
        SharedHttpConnector::new(PacedConnector { inner, pace: Arc::clone(&self.pace) })
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    pace: Arc<Pace>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let call = request.headers_mut().remove(CALL);
        let (inner, pace) = (self.inner.clone(), Arc::clone(&self.pace));
        HttpConnectorFuture::new(async move {
            let Some(call) = call else { return inner.call(request).await };
            pace.wait(&call).await;
            let response = inner.call(request).await;
            // The error code is in the body, which only the layers above read; the status must suffice here.
            let too_many = |status: u16| services::COMMON.throttle_statuses.contains(&status);
            let throttled = response.as_ref().is_ok_and(|response| too_many(response.status().as_u16()));
            if let Some((service, operation)) = call.split_once('/') {
                pace.recorder.count(service, operation, |count| {
                    count.attempts += 1;
                    count.throttled += u64::from(throttled);
                });
            }
            response
        })
    }
}

struct Pace {
    /// Token buckets by service and index of the rate in the service's row.
    buckets: Mutex<BTreeMap<(&'static str, usize), TokenBucket>>,
    recorder: Recorder,
    listen: Option<PauseListener>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pace")
    }
}

impl Pace {
    async fn wait(&self, call: &str) {
        let Some((service, operation)) = call.split_once('/') else { return };
        let Some(service) = services::by_name(service) else { return };
        let Some((index, rate)) = service.rate(operation) else { return };
        let wait = {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let bucket = buckets.entry((service.name, index)).or_insert_with(|| TokenBucket::full(rate.burst, now));
            bucket.take(rate.per_second, rate.burst, now)
        };
        if wait.is_zero() {
            return;
        }
        if wait >= MIN_REPORTED_WAIT
            && let Some(listen) = &self.listen
        {
            listen(Pause { call: call.replace('/', " "), wait });
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "AWS's published rate: the call is sent when it would not be throttled"
        )]
        tokio::time::sleep(wait).await;
    }
}

/// A token bucket that can go negative: a caller that takes a missing token waits until it is refilled.
#[derive(Debug)]
struct TokenBucket {
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    fn full(burst: f64, now: Instant) -> Self {
        Self { tokens: burst, at: now }
    }

    fn take(&mut self, rate: f64, burst: f64, now: Instant) -> Duration {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.tokens = (self.tokens + earned).min(burst) - 1.0;
        self.at = now;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / rate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_beyond_the_burst_wait_for_the_rate() {
        let now = Instant::now();
        let mut bucket = TokenBucket::full(3.0, now);
        let waits: Vec<u128> = (0..6).map(|_| bucket.take(3.0, 3.0, now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 333, 666, 1000]);
        assert_eq!(bucket.take(3.0, 3.0, now + Duration::from_secs(2)).as_millis(), 0);
    }
}
