// SPDX-License-Identifier: Apache-2.0
//! Whether AWS throttled a request. The SDK's interceptors see responses before their error types are known, so the
//! error code is read from the response itself, in the form of each protocol.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use regionctl_core::observe::failure::FailureClass;
use serde_json::Value;

use crate::services;

/// Whether a response says that the request was throttled: by its error code, or by its status if the code is unknown.
/// A status is not enough, because most services throttle with 400.
pub(super) fn is_throttled(service: &str, response: &HttpResponse) -> bool {
    if response.status().is_success() {
        return false;
    }
    let class = error_code(response).and_then(|code| services::class_of(services::by_name(service), &code));
    match class {
        Some(class) => class == FailureClass::Throttled,
        None => services::COMMON.throttle_statuses.contains(&response.status().as_u16()),
    }
}

/// Returns the error code of a response: from a header (REST with JSON, CBOR with query compatibility), or from the body
/// in XML, JSON or CBOR (<https://smithy.io/2.0/aws/protocols/>).
fn error_code(response: &HttpResponse) -> Option<String> {
    let header = ["x-amzn-errortype", "x-amzn-query-error"].iter().find_map(|name| response.headers().get(*name));
    if let Some(code) = header {
        return Some(short(code));
    }
    let body = response.body().bytes()?;
    if let Ok(text) = std::str::from_utf8(body) {
        if let Some((_, rest)) = text.split_once("<Code>") {
            return rest.split('<').next().map(ToOwned::to_owned);
        }
        let json: Value = serde_json::from_str(text).ok()?;
        return ["__type", "code"].iter().find_map(|key| json[*key].as_str()).map(short);
    }
    in_cbor(body)
}

/// Removes the namespace and what follows the code: `com.amazonaws.sns#Throttled:http://…`, `Throttling;Sender`.
fn short(code: &str) -> String {
    let code = code.split([':', ';']).next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default().trim().to_owned()
}

/// Returns the text of the member `__type` of a CBOR map: a text of 6 bytes, followed by a text of up to 255 bytes
/// (RFC 8949, section 3.1).
fn in_cbor(body: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\x66__type";
    let at = body.windows(KEY.len()).position(|window| window == KEY)?;
    let (length, text) = match body.get(at + KEY.len()..)? {
        [head @ 0x60..=0x77, text @ ..] => (usize::from(head - 0x60), text),
        [0x78, length, text @ ..] => (usize::from(*length), text),
        _ => return None,
    };
    std::str::from_utf8(text.get(..length)?).ok().map(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::body::SdkBody;

    fn response(status: u16, header: Option<&'static str>, body: &[u8]) -> HttpResponse {
        let status = aws_smithy_runtime_api::http::StatusCode::try_from(status).unwrap();
        let mut response = HttpResponse::new(status, SdkBody::from(body.to_vec()));
        if let Some(code) = header {
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        response
    }

    #[test]
    fn throttling_is_known_by_the_error_code_of_each_protocol() {
        let xml = b"<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>".as_slice();
        let json = br#"{"__type":"com.amazonaws.logs#ThrottlingException","message":"Rate exceeded"}"#.as_slice();
        let code = b"com.amazonaws.monitoring#Throttling";
        let cbor = [b"\xbf\x66__type\x78".as_slice(), &[35], code, b"\xff"].concat();
        let cases = [
            ("IAM", 400, None, xml),
            ("CloudWatch Logs", 400, None, json),
            ("CloudWatch", 400, None, cbor.as_slice()),
            ("Lambda", 429, Some("TooManyRequestsException:http://internal.amazon.com/x"), b"{}"),
            ("S3", 503, None, b""),
        ];
        for (service, status, header, body) in cases {
            assert!(is_throttled(service, &response(status, header, body)), "{service}");
        }
    }

    #[test]
    fn a_known_code_counts_more_than_the_status() {
        let conflict = Some("ConcurrentModificationException");
        assert!(!is_throttled("CloudWatch", &response(429, conflict, b"{}")));
        assert!(!is_throttled("S3", &response(503, None, b"<Error><Code>ServiceUnavailable</Code></Error>")));
        assert!(!is_throttled("S3", &response(200, None, b"<Code>SlowDown</Code>")));
    }
}
