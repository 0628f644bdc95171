// SPDX-License-Identifier: Apache-2.0
//! The HTTP connector of all clients: ends a request that makes no progress, and keeps a connection for presigned URLs.
//!
//! There is no limit for a whole request: a package of 50 MB takes minutes on a slow line. A request fails if neither a
//! part of it could be sent nor its answer arrived for a time.

use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use regionctl_core::observe::failure::{Failure, FailureClass};
use tokio::time::{Instant, Sleep};

use crate::error::CallError;

/// How long a request waits for its answer after it was sent.
const ANSWER: Duration = Duration::from_secs(30);

/// How long an upload waits for the next part to be sent, and for the answer. Longer than [`ANSWER`]: the system
/// buffers parts that are not sent yet, and AWS stores the upload before it answers.
const UPLOAD: Duration = Duration::from_secs(90);

/// The largest part of a request whose sending counts as progress, in bytes. A longer request is an upload.
const PART: usize = 64 << 10;

/// Wraps an HTTP client in the guard.
pub(super) fn client(inner: SharedHttpClient, connector: SharedConnector) -> SharedHttpClient {
    SharedHttpClient::new(Guarded { inner, connector })
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
        Ok(SdkBody::from_body_1_x(Download { body: response.into_body(), idle: Box::pin(pause(ANSWER)) }))
    }
}

#[derive(Debug)]
struct Guarded {
    inner: SharedHttpClient,
    connector: SharedConnector,
}

impl HttpClient for Guarded {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        let guarded = SharedHttpConnector::new(GuardedConnector { inner });
        *self.connector.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(guarded.clone());
        guarded
    }
}

#[derive(Debug)]
struct GuardedConnector {
    inner: SharedHttpConnector,
}

impl HttpConnector for GuardedConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let is_upload = request.body().content_length().is_none_or(|length| length > PART as u64);
        let progress = Progress::new(if is_upload { UPLOAD } else { ANSWER });
        if is_upload {
            let progress = progress.clone();
            let body = mem::replace(request.body_mut(), SdkBody::taken());
            // The SDK's other layers still find the contents of a body that is in memory.
            *request.body_mut() = body.map_preserve_contents(move |body| {
                SdkBody::from_body_1_x(Upload { body, rest: Bytes::new(), progress: progress.clone() })
            });
        }
        let call = self.inner.call(request);
        HttpConnectorFuture::new(guard(call, progress))
    }
}

/// When a request last made progress.
#[derive(Debug, Clone)]
struct Progress {
    last: Arc<Mutex<Instant>>,
    patience: Duration,
}

impl Progress {
    fn new(patience: Duration) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), patience }
    }

    fn made(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns when the request fails if it makes no more progress.
    fn deadline(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) + self.patience
    }
}

/// Awaits a call until it makes no progress. The SDK tries again after this error, as after a lost connection.
async fn guard<T>(
    call: impl Future<Output = Result<T, ConnectorError>>,
    progress: Progress,
) -> Result<T, ConnectorError> {
    let mut call = pin!(call);
    loop {
        let deadline = progress.deadline();
        #[expect(clippy::disallowed_methods, reason = "a request without progress has a deadline")]
        let expired = tokio::time::sleep_until(deadline);
        tokio::select! {
            // The call is polled first, so progress that it makes now counts.
            biased;
            result = &mut call => return result,
            () = expired => {
                if progress.deadline() <= deadline {
                    let seconds = progress.patience.as_secs();
                    return Err(ConnectorError::timeout(format!("no answer and nothing sent for {seconds} s").into()));
                }
            }
        }
    }
}

/// A request body that is sent in parts, so that its progress is known.
struct Upload {
    body: SdkBody,
    /// What is left of a part that is too large.
    rest: Bytes,
    progress: Progress,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.progress.made();
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return other,
            }
        }
        let length = self.rest.len().min(PART);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (Body::size_hint(&self.body), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// A response body that fails if no part of it arrives for a time.
struct Download {
    body: SdkBody,
    idle: Pin<Box<Sleep>>,
}

#[expect(clippy::disallowed_methods, reason = "a download without progress has a deadline")]
fn pause(length: Duration) -> Sleep {
    tokio::time::sleep(length)
}

impl Body for Download {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => self.idle.as_mut().poll(context).map(|()| {
                let seconds = ANSWER.as_secs();
                Some(Err(format!("the download made no progress for {seconds} s").into()))
            }),
            ready @ Poll::Ready(_) => {
                self.idle.as_mut().reset(Instant::now() + ANSWER);
                ready
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_without_progress_fails_and_one_with_progress_does_not() {
        let never = std::future::pending::<Result<(), ConnectorError>>();
        let error = guard(never, Progress::new(Duration::from_millis(1))).await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        // The call makes progress for 40 times its patience.
        let progress = Progress::new(Duration::from_millis(1));
        let end = Instant::now() + Duration::from_millis(40);
        let call = std::future::poll_fn(|context| {
            progress.made();
            context.waker().wake_by_ref();
            if Instant::now() < end { Poll::Pending } else { Poll::Ready(Ok(())) }
        });
        guard(call, progress.clone()).await.unwrap();
    }

    #[test]
    fn a_body_in_memory_is_sent_in_parts_and_each_part_is_progress() {
        let whole: Vec<u8> = (0..=u8::MAX).cycle().take(3 * PART + 5).collect();
        let progress = Progress::new(UPLOAD);
        let mut body = Upload { body: SdkBody::from(whole.clone()), rest: Bytes::new(), progress: progress.clone() };
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut sent = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
            let before = progress.deadline();
            let part = frame.into_data().unwrap();
            assert!(part.len() <= PART && !part.is_empty());
            sent.extend(part);
            assert_eq!(body.size_hint().exact(), Some((whole.len() - sent.len()) as u64));
            assert!(progress.deadline() >= before);
        }
        assert!(sent == whole && body.is_end_stream());
    }
}
