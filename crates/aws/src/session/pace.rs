// SPDX-License-Identifier: Apache-2.0
//! The rate limiter: keeps each operation within AWS's published rate, so that throttling is rare.
//!
//! A call waits for its turn before it asks for credentials, so before it is signed and sent. No timeout includes the
//! wait, and a signature, which AWS accepts for five minutes, is always new.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

use super::PauseListener;
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

/// The rates of one region, which all its clients share.
#[derive(Clone)]
pub(super) struct Pace(Arc<Inner>);

struct Inner {
    /// Token buckets by service and index of the rate in the service's row.
    buckets: Mutex<BTreeMap<(&'static str, usize), TokenBucket>>,
    listen: Option<PauseListener>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pace")
    }
}

impl Pace {
    pub(super) fn new(listen: Option<PauseListener>) -> Self {
        Self(Arc::new(Inner { buckets: Mutex::default(), listen }))
    }

    /// Waits until the next call of an operation is within AWS's rate.
    async fn turn(&self, service: &str, operation: &str) {
        let wait = self.with_bucket(service, operation, TokenBucket::take).unwrap_or_default();
        if wait.is_zero() {
            return;
        }
        if wait >= MIN_REPORTED_WAIT
            && let Some(listen) = &self.0.listen
        {
            listen(Pause { call: format!("{service} {operation}"), wait });
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "AWS's published rate: the call is sent when it would not be throttled"
        )]
        tokio::time::sleep(wait).await;
    }

    /// Gives up the rest of an operation's burst: AWS throttled it, so another caller in the account has used it.
    pub(super) fn throttled(&self, service: &str, operation: &str) {
        self.with_bucket(service, operation, |bucket, _, _, _| bucket.tokens = bucket.tokens.min(0.0));
    }

    /// Runs `act` with the bucket, the rate and the burst of an operation, and the present.
    fn with_bucket<T>(
        &self,
        service: &str,
        operation: &str,
        act: impl FnOnce(&mut TokenBucket, f64, f64, Instant) -> T,
    ) -> Option<T> {
        let service = services::by_name(service)?;
        let (index, rate) = service.rate(operation)?;
        let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let bucket = buckets.entry((service.name, index)).or_insert_with(|| TokenBucket::full(rate.burst, now));
        Some(act(bucket, rate.per_second, rate.burst, now))
    }
}

/// The identity cache of all clients, which makes each attempt wait for its turn. The SDK asks it once for each attempt,
/// before it signs the request; its other hooks cannot wait, or are inside the guard for stalled uploads.
#[derive(Debug)]
pub(super) struct Turns {
    pub identities: SharedIdentityCache,
    pub pace: Pace,
}

impl ResolveCachedIdentity for Turns {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        cfg: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        IdentityFuture::new(async move {
            if let Some(call) = cfg.load::<Metadata>() {
                self.pace.turn(call.service(), call.name()).await;
            }
            self.identities.resolve_cached_identity(resolver, components, cfg).await
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        cfg: &ConfigBag,
    ) -> Result<(), BoxError> {
        // `SharedIdentityCache` shows the checks of the cache in it only as those of a `ResolveCachedIdentity`.
        ResolveCachedIdentity::validate_base_client_config(&self.identities, components, cfg)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, cfg: &ConfigBag) -> Result<(), BoxError> {
        ResolveCachedIdentity::validate_final_config(&self.identities, components, cfg)
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

    #[test]
    fn after_throttling_the_rest_of_the_burst_is_not_used() {
        let pace = Pace::new(None);
        let take = |pace: &Pace| pace.with_bucket("IAM", "GetPolicy", TokenBucket::take).unwrap();
        assert!(take(&pace).is_zero());
        pace.throttled("IAM", "GetPolicy");
        assert!(!take(&pace).is_zero());
    }
}
