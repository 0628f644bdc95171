// SPDX-License-Identifier: Apache-2.0
//! An embedded AWS emulator: emulated services behind the SDK's HTTP client, with their state in a file. [`patches`]
//! corrects them where they differ from AWS, and [`fakes`] replaces some of them.
//!
//! [`Sandbox::http_client`] answers calls in the process; [`serve`] answers them on a loopback port.

mod fakes;
mod patches;
mod route;
pub mod seed;
pub mod serve;
mod services;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use tokio::sync::Mutex;
use winterbaume_core::{MockRequest, MockResponse};

use route::Route;
use services::Services;
use state::{State, StateError};

/// The id of the emulated account.
pub const ACCOUNT: &str = "123456789012";

/// The embedded AWS emulator. Clones share their state.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    services: Services,
    /// Locked during each request that may write, so that such requests run one at a time.
    state: Mutex<State>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sandbox")
    }
}

/// An error of the sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Another process uses the file.
    #[error("the sandbox '{0}' is in use by another regionctl process")]
    InUse(PathBuf),
    /// The file cannot be read or written.
    #[error("cannot open the sandbox '{path}': {why}")]
    File {
        /// The sandbox's file.
        path: PathBuf,
        /// The cause, as a clause.
        why: String,
    },
    /// A call to the emulator, or saving its state, failed.
    #[error("the sandbox could not be changed: {0}")]
    Seed(String),
    /// A resource that [`seed::tamper`] changes does not exist.
    #[error("{0} does not exist in eu-central-1")]
    Missing(String),
}

impl Sandbox {
    /// Opens a sandbox. A file that does not exist is an empty account.
    ///
    /// # Errors
    /// The file is in use, cannot be read, or is not a sandbox's.
    pub async fn open(path: &Path) -> Result<Self, SandboxError> {
        let services = Services::default();
        let state = State::open(path, &services).await.map_err(|error| match error {
            StateError::InUse => SandboxError::InUse(path.to_owned()),
            StateError::Other(why) => SandboxError::File { path: path.to_owned(), why },
        })?;
        Ok(Self(Arc::new(Inner { services, state: Mutex::new(state) })))
    }

    /// Opens a sandbox that is not saved.
    pub fn in_memory() -> Self {
        let services = Services::default();
        Self(Arc::new(Inner { services, state: Mutex::new(State::in_memory()) }))
    }

    /// Returns an HTTP client that answers every call of the SDK in the process.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// Returns the credentials of the user `regionctl`. The sandbox accepts any.
    pub fn credentials(&self) -> SharedCredentialsProvider {
        self.credentials_of("regionctl")
    }

    /// Returns the credentials of a user. CloudTrail records calls under this name.
    pub fn credentials_of(&self, user: &str) -> SharedCredentialsProvider {
        let key = format!("AKIA{}", user.to_ascii_uppercase());
        SharedCredentialsProvider::new(Credentials::new(key, "sandbox", None, None, "sandbox"))
    }

    /// Saves nothing until [`Self::save_now`]: to write the file after each of ten thousand requests takes minutes.
    pub(crate) async fn defer_saves(&self) {
        self.0.state.lock().await.defer();
    }

    /// Saves what was deferred, and ends the deferral.
    pub(crate) async fn save_now(&self) -> Result<(), SandboxError> {
        self.0.state.lock().await.save_deferred(&self.0.services).await.map_err(SandboxError::Seed)
    }

    /// Answers one request.
    ///
    /// Requests that may write run one at a time and are saved before they are answered, so that a killed process
    /// loses no write that was confirmed to it.
    async fn answer(&self, request: MockRequest) -> MockResponse {
        let Some(route) = Route::of(&request) else {
            return MockResponse::error(400, "MissingAuthenticationToken", "the request is not signed");
        };
        let request = route.canonical(request);
        let mut state = self.0.state.lock().await;
        patches::region(&self.0.services, &mut state, &route).await;
        if !route::may_write(&request) {
            drop(state);
            return self.emulate(&route, request).await;
        }
        // The patches may change the request. CloudTrail records it as it was sent.
        let original = MockRequest {
            method: request.method.clone(),
            uri: request.uri.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let response = self.emulate(&route, request).await;
        fakes::trail::record(&self.0.services.memory, &route, &original, &response);
        if let Err(why) = state.save(&self.0.services, &route).await {
            return MockResponse::error(500, "InternalFailure", &format!("the sandbox could not be saved: {why}"));
        }
        response
    }

    async fn emulate(&self, route: &Route, mut request: MockRequest) -> MockResponse {
        let services = &self.0.services;
        if let Some(response) = fakes::answer(services, route, &request).await {
            return response;
        }
        if let Some(response) = patches::before(services, route, &mut request).await {
            return response;
        }
        let (method, uri, body) = (request.method.clone(), request.uri.clone(), request.body.clone());
        let response = services.handle(route, request).await;
        patches::after(services, route, &patches::Sent { method, uri, body }, response).await
    }
}

impl HttpClient for Sandbox {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Sandbox {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = self.clone();
        let mut headers = http::HeaderMap::new();
        for (name, value) in request.headers() {
            if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse()) {
                headers.insert(name, value);
            }
        }
        let (method, uri) = (request.method().to_owned(), request.uri().to_owned());
        HttpConnectorFuture::new(async move {
            let body = match request.body().bytes() {
                Some(bytes) => Bytes::copy_from_slice(bytes),
                // A streamed body is not in memory yet.
                None => ByteStream::new(request.into_body())
                    .collect()
                    .await
                    .map_err(|error| ConnectorError::io(error.into()))?
                    .into_bytes(),
            };
            Ok(to_sdk(sandbox.answer(MockRequest { method, uri, headers, body }).await))
        })
    }
}

fn to_sdk(response: MockResponse) -> HttpResponse {
    let status = StatusCode::try_from(response.status).unwrap_or(StatusCode::try_from(500).expect("500 is a status"));
    let mut answer = HttpResponse::new(status, SdkBody::from(response.body));
    for (name, value) in &response.headers {
        if let Ok(value) = value.to_str() {
            answer.headers_mut().insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    answer
}
