// SPDX-License-Identifier: Apache-2.0
//! CloudTrail: records successful writes and answers LookupEvents
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>). Values of parameters are
//! not recorded.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse};

use super::{FakeState, now};
use crate::ACCOUNT;
use crate::route::{self, Route};

/// The maximum number of events per region. The oldest are deleted.
const KEPT: usize = 500;

/// Records a request, unless it failed or only read.
pub(crate) fn record(memory: &FakeState, route: &Route, request: &MockRequest, response: &MockResponse) {
    let event = event(route, request);
    if response.status >= 400 || event.starts_with("Get") || event.starts_with("List") {
        return;
    }
    let resources = resources(route, request, response);
    memory.with(route.home(), |records| {
        let keys: Vec<String> = records.keys().filter(|key| key.starts_with("trail/")).cloned().collect();
        let number = keys.last().and_then(|key| key[6..].parse::<u64>().ok()).map_or(0, |last| last + 1);
        for old in keys.iter().take((keys.len() + 1).saturating_sub(KEPT)) {
            records.remove(old);
        }
        let kept =
            json!({ "event": event, "service": route.service, "who": who(request), "at": now(), "of": resources });
        records.insert(format!("trail/{number:09}"), kept);
    });
}

/// Answers LookupEvents, with the newest event first.
pub(super) fn answer(memory: &FakeState, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let target = request.headers.get("x-amz-target")?.to_str().ok()?;
    if !target.ends_with(".LookupEvents") {
        return None;
    }
    let asked: Value = serde_json::from_slice(&request.body).ok()?;
    let wanted = asked["LookupAttributes"][0]["AttributeValue"].as_str().unwrap_or_default().to_owned();
    let most = asked["MaxResults"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(50);
    let events: Vec<Value> = memory.with(region, |records| {
        let kept = records.iter().rev().filter(|(key, _)| key.starts_with("trail/"));
        let matching = kept.filter(|(_, event)| {
            event["of"].as_array().is_some_and(|names| names.iter().any(|name| name == wanted.as_str()))
        });
        matching.take(most).map(|(key, event)| shown(key, event)).collect()
    });
    Some(MockResponse::json(200, json!({ "Events": events }).to_string()))
}

fn shown(key: &str, event: &Value) -> Value {
    let user = event["who"].as_str().unwrap_or_default();
    let resources: Vec<Value> =
        event["of"].as_array().into_iter().flatten().map(|name| json!({ "ResourceName": name })).collect();
    let record = json!({
        "eventVersion": "1.11",
        "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/{user}"), "userName": user },
        "eventName": event["event"],
        "readOnly": false,
    });
    json!({
        "EventId": key,
        "EventName": event["event"],
        "ReadOnly": "false",
        "EventTime": event["at"],
        "EventSource": format!("{}.amazonaws.com", event["service"].as_str().unwrap_or_default()),
        "Username": user,
        "Resources": resources,
        "CloudTrailEvent": record.to_string(),
    })
}

/// Returns the user of an access key, see [`crate::Sandbox::credentials_of`].
fn who(request: &MockRequest) -> String {
    let header = request.headers.get("authorization").and_then(|header| header.to_str().ok()).unwrap_or_default();
    let key = header.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    key.strip_prefix("AKIA").unwrap_or(key).to_ascii_lowercase()
}

/// Returns the name of the event, as in CloudTrail.
fn event(route: &Route, request: &MockRequest) -> String {
    if let Some(operation) = route::operation(request) {
        return operation;
    }
    let (path, query) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
    let verb = match request.method.as_str() {
        "PUT" | "POST" => "Put",
        "DELETE" => "Delete",
        _ => "Get",
    };
    match route.service.as_str() {
        "s3" => {
            let sub = query.split(['&', '=']).next().unwrap_or_default();
            let mut letters = sub.chars();
            let sub: String =
                letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect();
            if sub.is_empty() { "CreateBucket".to_owned() } else { format!("{verb}Bucket{sub}") }
        }
        // Lambda's event names contain the API version.
        "lambda" if path.ends_with("/configuration") => "UpdateFunctionConfiguration20150331v2".to_owned(),
        "lambda" if path.ends_with("/code") => "UpdateFunctionCode20150331v2".to_owned(),
        "lambda" if path.ends_with("/functions") => "CreateFunction20150331".to_owned(),
        "lambda" if verb == "Delete" => "DeleteFunction20150331".to_owned(),
        _ => format!("{verb} {}", path.rsplit('/').next().unwrap_or_default()),
    }
}

/// Returns the names by which an event is found: parameters that name or identify a resource, and new ids.
fn resources(route: &Route, request: &MockRequest, response: &MockResponse) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let path = request.uri.split_once("://").map_or("", |(_, rest)| rest);
    let (host, path) = path.split_once('/').unwrap_or((path, ""));
    let path = path.split('?').next().unwrap_or_default();
    match route.service.as_str() {
        "s3" => {
            let bucket =
                host.split_once(".s3").map_or(path.split('/').next().unwrap_or_default(), |(bucket, _)| bucket);
            names.insert(bucket.to_owned());
        }
        "lambda" | "route53" => names.extend(path.split('/').map(ToOwned::to_owned)),
        _ => {}
    }
    let named = |key: &str| {
        let key = key.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        ["Name", "name", "Id", "Identifier", "Arn", "ARN"].iter().any(|end| key.ends_with(end))
    };
    let form = form_urlencoded::parse(&request.body);
    names.extend(form.filter(|(key, _)| named(key)).map(|(_, value)| value.into_owned()));
    let body: Value = serde_json::from_slice(&request.body)
        .or_else(|_| ciborium::from_reader(request.body.as_ref()).map_err(|_| ()))
        .unwrap_or_default();
    let fields = body.as_object().into_iter().flatten().filter(|(key, _)| named(key));
    names.extend(fields.filter_map(|(_, value)| value.as_str().map(ToOwned::to_owned)));
    let answer = String::from_utf8_lossy(&response.body);
    for tag in ["groupId", "TopicArn", "vpcEndpointId", "instanceId", "keyPairId"] {
        names.extend(
            answer.split(&format!("<{tag}>")).skip(1).filter_map(|rest| Some(rest.split('<').next()?.to_owned())),
        );
    }
    names.retain(|name| !name.is_empty());
    names
}
