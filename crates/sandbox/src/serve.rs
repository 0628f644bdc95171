// SPDX-License-Identifier: Apache-2.0
//! Serves the sandbox over HTTP on a loopback port, for the AWS CLI and other tools.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use winterbaume_core::{MockRequest, MockResponse};

use crate::Sandbox;
use crate::fakes::BASE;

/// A server that is bound to its port; [`Self::run`] serves requests.
pub struct Server {
    sandbox: Sandbox,
    listener: TcpListener,
    delay: Duration,
}

impl Server {
    /// Binds to a port of the loopback address; 0 takes a free one.
    ///
    /// `delay` is added to every answer, for measuring how many round trips follow each other.
    ///
    /// # Errors
    /// Another process uses the port, or the operating system does not allow it.
    pub async fn bind(sandbox: Sandbox, port: u16, delay: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
        Ok(Self { sandbox, listener, delay })
    }

    /// Returns the address that the server listens on.
    ///
    /// # Errors
    /// The operating system does not return the address.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves requests until the task is dropped.
    pub async fn run(self) -> Infallible {
        let delay = self.delay;
        let base = self.address().map(|address| format!("http://{address}")).unwrap_or_default();
        loop {
            let Ok((stream, _)) = self.listener.accept().await else { continue };
            // Nagle's algorithm would delay small responses.
            let _ = stream.set_nodelay(true);
            let sandbox = self.sandbox.clone();
            let base = base.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(sandbox.clone(), request, base.clone(), delay));
                // An error means that the client closed the connection.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }
}

async fn answer(
    sandbox: Sandbox,
    request: Request<Incoming>,
    base: String,
    delay: Duration,
) -> Result<Response<Full<bytes::Bytes>>, hyper::Error> {
    let (mut parts, body) = request.into_parts();
    if let Ok(base) = base.parse() {
        parts.headers.insert(BASE, base);
    }
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = MockRequest {
        method: parts.method.to_string(),
        uri: format!("http://127.0.0.1{path}"),
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    };
    #[expect(clippy::disallowed_methods, reason = "`--delay` imitates the network's latency")]
    let ((), answered) = tokio::join!(tokio::time::sleep(delay), sandbox.answer(request));
    let MockResponse { status, headers, body } = answered;
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    Ok(response)
}
