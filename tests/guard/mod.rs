// SPDX-License-Identifier: Apache-2.0
//! A sandbox whose caller has only some permissions: every request is evaluated against policies before the sandbox
//! answers it, and IAM's simulation of the caller is answered from the same policies.

mod calls;
mod policy;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use percent_encoding::percent_decode_str;
use regionctl_sandbox::Sandbox;
use serde_json::json;

pub use calls::Sent;
pub use policy::{Decision, Policies};

/// The caller of all requests: a session of a role with a path.
const ROLE: &str = "arn:aws:iam::123456789012:role/ci/deploy";

/// An HTTP client for a sandbox that allows what policies allow.
#[derive(Debug, Clone)]
pub struct Guard {
    inner: SharedHttpConnector,
    policies: Arc<Policies>,
    denied: Arc<Mutex<Vec<String>>>,
}

impl Guard {
    pub fn new(sandbox: &Sandbox, policies: Policies) -> Self {
        let inner = SharedHttpConnector::new(sandbox.clone());
        Self { inner, policies: Arc::new(policies), denied: Arc::default() }
    }

    /// Returns what was denied, each as action and resource.
    pub fn denied(&self) -> Vec<String> {
        self.denied.lock().unwrap().clone()
    }

    /// Returns the first action that the caller may not perform.
    fn first_denied(&self, sent: &Sent) -> Option<String> {
        let context = BTreeMap::from([("aws:RequestedRegion".to_owned(), sent.region.clone())]);
        let mut needs = sent.needs().into_iter();
        needs
            .find(|(action, resource)| self.policies.decide(action, resource, &context) != Decision::Allowed)
            .map(|(action, resource)| format!("{action} on {resource}"))
    }

    /// Answers as IAM and STS do for this caller.
    fn own_answer(&self, sent: &Sent) -> Option<HttpResponse> {
        let text = match sent.operation.as_str() {
            "GetCallerIdentity" => {
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:\
                assumed-role/deploy/ci</Arn><UserId>AROA:ci</UserId><Account>123456789012</Account>\
                </GetCallerIdentityResult></GetCallerIdentityResponse>"
                    .to_owned()
            }
            "GetRole" => format!(
                "<GetRoleResponse><GetRoleResult><Role><Path>/ci/</Path><RoleName>deploy</RoleName><RoleId>AROA</RoleId>\
                 <Arn>{ROLE}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></GetRoleResult></GetRoleResponse>"
            ),
            // IAM does not find a role by an ARN without its path.
            "SimulatePrincipalPolicy" if sent.get("PolicySourceArn") != ROLE => {
                let text = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no such role</Message></Error></ErrorResponse>";
                return Some(HttpResponse::new(StatusCode::try_from(404).unwrap(), SdkBody::from(text)));
            }
            "SimulatePrincipalPolicy" => self.simulated(sent),
            _ => return None,
        };
        Some(HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(text)))
    }

    /// Returns IAM's answer to SimulatePrincipalPolicy: with several resources, the decisions are in
    /// `ResourceSpecificResults`, and the name of the resource is a template
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>).
    fn simulated(&self, sent: &Sent) -> String {
        let resources = sent.list("ResourceArns.member.");
        let context = BTreeMap::from([(
            sent.get("ContextEntries.member.1.ContextKeyName").to_owned(),
            sent.get("ContextEntries.member.1.ContextKeyValues.member.1").to_owned(),
        )]);
        let mut results = String::new();
        for action in sent.list("ActionNames.member.") {
            let decisions = resources.iter().map(|resource| match self.policies.decide(&action, resource, &context) {
                Decision::Allowed => (resource, "allowed", String::new()),
                Decision::Denied(keys) => {
                    let keys: Vec<String> = keys.iter().map(|key| format!("<member>{key}</member>")).collect();
                    let keys = keys.concat();
                    (resource, "implicitDeny", keys)
                }
            });
            let decisions: Vec<_> = decisions.collect();
            let _ = write!(results, "<member><EvalActionName>{action}</EvalActionName>");
            if let [(resource, decision, keys)] = decisions.as_slice() {
                let _ = write!(
                    results,
                    "<EvalResourceName>{resource}</EvalResourceName><EvalDecision>{decision}</EvalDecision>\
                     <MissingContextValues>{keys}</MissingContextValues></member>"
                );
                continue;
            }
            results.push_str(
                "<EvalResourceName>arn:${Partition}:x:::y</EvalResourceName><EvalDecision>implicitDeny</EvalDecision>",
            );
            results.push_str("<ResourceSpecificResults>");
            for (resource, decision, keys) in decisions {
                let _ = write!(
                    results,
                    "<member><EvalResourceName>{resource}</EvalResourceName><EvalResourceDecision>{decision}\
                     </EvalResourceDecision><MissingContextValues>{keys}</MissingContextValues></member>"
                );
            }
            results.push_str("</ResourceSpecificResults></member>");
        }
        format!(
            "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>\
             <EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        )
    }
}

impl HttpConnector for Guard {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let guard = self.clone();
        HttpConnectorFuture::new(async move {
            let body = std::mem::replace(request.body_mut(), SdkBody::taken());
            let bytes = ByteStream::new(body).collect().await.unwrap().into_bytes();
            *request.body_mut() = SdkBody::from(bytes.clone());
            // A presigned URL is not a call of the caller.
            let Some(sent) = sent(&request, &bytes) else { return guard.inner.call(request).await };
            if let Some(denied) = guard.first_denied(&sent) {
                guard.denied.lock().unwrap().push(denied.clone());
                return Ok(refusal(&sent, &request, &denied));
            }
            match guard.own_answer(&sent) {
                Some(answer) => Ok(answer),
                None => guard.inner.call(request).await,
            }
        })
    }
}

impl HttpClient for Guard {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Guard {
    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }
}

/// Reads a signed request; `None` for one that is not signed in its header.
pub fn sent(request: &HttpRequest, bytes: &[u8]) -> Option<Sent> {
    let signature = request.headers().get("authorization")?;
    let mut scope = signature.split("Credential=").nth(1)?.split('/').skip(2);
    let (region, service) = (scope.next()?.to_owned(), scope.next()?.to_owned());
    let rest = request.uri().split_once("://")?.1;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = String::from_utf8_lossy(bytes).into_owned();
    let json =
        serde_json::from_slice(bytes).or_else(|_| ciborium::from_reader(bytes).map_err(|_| ())).unwrap_or_default();
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let form: Vec<(String, String)> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let of_path = path.split_once("operation/").map(|(_, operation)| operation);
    let of_form = form.iter().find(|(key, _)| key == "Action").map(|(_, action)| action.as_str());
    let operation = target.or(of_path).or(of_form).unwrap_or_default().to_owned();
    let [path, query, host, method] = [path, query, host, request.method()].map(ToOwned::to_owned);
    Some(Sent { service, region, method, path, query, host, operation, form, json, body })
}

/// Returns AWS's answer to a denied request.
fn refusal(sent: &Sent, request: &HttpRequest, denied: &str) -> HttpResponse {
    let (status, code) = match sent.service.as_str() {
        "ec2" => (403, "UnauthorizedOperation"),
        "s3" | "iam" | "rds" | "sns" | "route53" | "elasticloadbalancing" => (403, "AccessDenied"),
        _ => (400, "AccessDeniedException"),
    };
    error(sent, request, status, code, &format!("not authorized to perform: {denied}"))
}

/// Returns an error of AWS in the protocol of the service.
pub fn error(sent: &Sent, request: &HttpRequest, status: u16, code: &str, message: &str) -> HttpResponse {
    let of_xml = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let text = match sent.service.as_str() {
        "ec2" => format!("<Response><Errors>{of_xml}</Errors></Response>"),
        "s3" => of_xml,
        "iam" | "rds" | "sns" | "route53" | "elasticloadbalancing" | "sts" => {
            format!("<ErrorResponse>{of_xml}</ErrorResponse>")
        }
        _ => json!({"__type": code, "message": message}).to_string(),
    };
    let body = if request.method() == "HEAD" { String::new() } else { text };
    let mut answer = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.clone()));
    answer.headers_mut().insert("x-amzn-errortype", code.to_owned());
    if let Some(protocol) = request.headers().get("smithy-protocol") {
        let mut bytes = Vec::new();
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        ciborium::into_writer(&value, &mut bytes).unwrap();
        *answer.body_mut() = SdkBody::from(bytes);
        answer.headers_mut().insert("smithy-protocol", protocol.to_owned());
    }
    answer
}
