//! An AWS in the process: emulated services behind the SDK's own HTTP layer, their state in a file,
//! and AWS's truth laid over them where they are kinder than AWS ([`patches`]).
//!
//! The product knows nothing of it but the switch that turns it on. [`Sandbox::http_client`] answers
//! calls in the process, [`serve`] the same state on a loopback port.

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

/// The account that the sandbox is.
pub const ACCOUNT: &str = "123456789012";

/// The embedded AWS.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    services: Services,
    /// Held over every request that may write, so that each is whole; and what is on disk.
    state: Mutex<State>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sandbox")
    }
}

/// Why a sandbox cannot be opened or kept.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Another process has it open.
    #[error("the sandbox {0} is in use by another regionctl; with `sandbox serve` use --endpoint-url instead")]
    InUse(PathBuf),
    /// The file cannot be read or written.
    #[error("the sandbox {path} cannot be opened: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Seeding failed.
    #[error("the sandbox could not be seeded: {0}")]
    Seed(String),
}

impl Sandbox {
    /// Opens a sandbox; a file that is not there is an empty account.
    ///
    /// # Errors
    /// The file is in use, unreadable or not a sandbox's.
    pub async fn open(path: &Path) -> Result<Self, SandboxError> {
        let services = Services::default();
        let state = State::open(path, &services).await.map_err(|error| match error {
            StateError::InUse => SandboxError::InUse(path.to_owned()),
            StateError::Other(why) => SandboxError::File { path: path.to_owned(), why },
        })?;
        Ok(Self(Arc::new(Inner { services, state: Mutex::new(state) })))
    }

    /// Opens a sandbox that is kept nowhere.
    pub fn in_memory() -> Self {
        let services = Services::default();
        Self(Arc::new(Inner { services, state: Mutex::new(State::in_memory()) }))
    }

    /// Returns the HTTP client that answers every call of the SDK in the process.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// Returns the credentials that regionctl uses; any would do.
    pub fn credentials(&self) -> SharedCredentialsProvider {
        self.credentials_of("regionctl")
    }

    /// Returns the credentials of a user, as whom CloudTrail knows what is done with them.
    pub fn credentials_of(&self, user: &str) -> SharedCredentialsProvider {
        let key = format!("AKIA{}", user.to_ascii_uppercase());
        SharedCredentialsProvider::new(Credentials::new(key, "sandbox", None, None, "sandbox"))
    }

    /// Keeps nothing on disk until [`Self::keep_now`]: writing the file anew for each of ten thousand
    /// requests would take minutes.
    pub(crate) async fn keep_later(&self) {
        self.0.state.lock().await.defer();
    }

    /// Keeps on disk what was put off.
    pub(crate) async fn keep_now(&self) -> Result<(), SandboxError> {
        self.0.state.lock().await.save_deferred(&self.0.services).await.map_err(SandboxError::Seed)
    }

    /// Answers one request.
    ///
    /// Requests that may write run one at a time and are on disk before they are answered, so that a
    /// process that is killed has done what it was told it did.
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
        let asked = MockRequest {
            method: request.method.clone(),
            uri: request.uri.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let response = self.emulate(&route, request).await;
        fakes::trail::record(&self.0.services.memory, &route, &asked, &response);
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
        patches::after(services, route, &patches::Asked { method, uri, body }, response).await
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
                // One that is sent in pieces.
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
