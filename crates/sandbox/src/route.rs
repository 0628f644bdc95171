// SPDX-License-Identifier: Apache-2.0
//! The service and region of a request, from its signature.

use winterbaume_core::MockRequest;

/// The service and region of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    /// The signing name: `s3`, `monitoring`, `logs`.
    pub service: String,
    /// The region that the request is signed for.
    pub region: String,
}

impl Route {
    /// Reads `Credential=AKID/date/region/service/aws4_request` from the Authorization header or a presigned URL.
    pub fn of(request: &MockRequest) -> Option<Self> {
        let header = request.headers.get("authorization").and_then(|header| header.to_str().ok());
        let signed = header.map_or_else(|| request.uri.replace("%2F", "/"), ToOwned::to_owned);
        let credential = signed.split("Credential=").nth(1)?.split([',', '&']).next()?;
        let mut parts = credential.split('/').skip(2);
        let (region, service) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self { service, region })
    }

    /// Returns the region that holds the service's state: us-east-1 for global services.
    pub fn home(&self) -> &str {
        match self.service.as_str() {
            "route53" | "iam" => "us-east-1",
            _ => &self.region,
        }
    }

    /// Sets the host name to AWS's, from which the emulated services read the region. Requests to a loopback port have
    /// another one.
    pub fn canonical(&self, mut request: MockRequest) -> MockRequest {
        let rest = request.uri.split_once("://").map_or(request.uri.as_str(), |(_, rest)| rest);
        let (host, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let host = match self.service.as_str() {
            _ if host.ends_with(".amazonaws.com") && self.service == "s3" => host.to_owned(),
            "route53" => "route53.amazonaws.com".to_owned(),
            "iam" => "iam.amazonaws.com".to_owned(),
            service => format!("{service}.{}.amazonaws.com", self.region),
        };
        request.uri = format!("https://{host}{path}");
        request
    }
}

/// Returns whether a request may write: true unless it is known to read.
pub(crate) fn may_write(request: &MockRequest) -> bool {
    if matches!(request.method.as_str(), "GET" | "HEAD") {
        return false;
    }
    !operation(request)
        .is_some_and(|name| ["Get", "List", "Describe", "Lookup"].iter().any(|verb| name.starts_with(verb)))
}

/// Returns the name of the operation, if the protocol does not encode it in method and path.
pub(crate) fn operation(request: &MockRequest) -> Option<String> {
    if let Some(target) = request.headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        return target.rsplit('.').next().map(ToOwned::to_owned);
    }
    if let Some((_, operation)) = request.uri.split_once("/operation/") {
        return Some(operation.to_owned()); // rpc-v2-cbor
    }
    form_urlencoded::parse(&request.body).find(|(name, _)| name == "Action").map(|(_, action)| action.into_owned())
}
