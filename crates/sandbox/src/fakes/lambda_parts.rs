// SPDX-License-Identifier: Apache-2.0
//! Lambda: the settings of functions that have calls of their own: resource policy, concurrency, URL, asynchronous
//! invocations, recursive loops, runtime updates, code signing, versions and aliases.
//!
//! The sandbox does not check that the alias or version of a setting exists.

use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse};

use super::Records;
use super::lambda::{error, ok};
use crate::ACCOUNT;

/// A request for a part of a function.
pub(super) struct Part<'a> {
    /// The path after the function's name, such as `policy/STATEMENT`.
    pub path: &'a str,
    /// The name of the function.
    pub name: &'a str,
    /// The parameters in the query of the URL.
    pub query: Vec<(String, String)>,
    pub body: Value,
}

impl Part<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn missing(&self) -> MockResponse {
        let message = format!("The resource you requested does not exist: {} of {}", self.path, self.name);
        error(404, "ResourceNotFoundException", &message)
    }
}

/// Answers a request for a part of a function that exists.
pub(super) fn answer(function: &mut Value, request: &MockRequest, part: &Part<'_>) -> Option<MockResponse> {
    let arn = function["config"]["FunctionArn"].clone();
    let settings = &mut function["parts"];
    if settings.is_null() {
        *settings = json!({});
    }
    let (head, rest) = part.path.split_once('/').unwrap_or((part.path, ""));
    let method = request.method.as_str();
    Some(match (method, head) {
        (_, "policy") => policy(settings, method, rest, &arn, part),
        ("GET", "concurrency") => ok(200, settings.get(head).unwrap_or(&json!({}))),
        ("GET", "provisioned-concurrency") => {
            let all: Vec<&Value> =
                settings["provisioned"].as_object().into_iter().flatten().map(|(_, it)| it).collect();
            ok(200, &json!({ "ProvisionedConcurrencyConfigs": all }))
        }
        (_, "provisioned-concurrency") => provisioned(settings, method, &arn, part),
        ("GET", "urls") => {
            let all: Vec<&Value> = settings.get("url").into_iter().collect();
            ok(200, &json!({ "FunctionUrlConfigs": all }))
        }
        (_, "url") => url(settings, method, &arn, part),
        ("GET", "event-invoke-config") if rest == "list" => {
            let all: Vec<&Value> = settings.get("event-invoke-config").into_iter().collect();
            ok(200, &json!({ "FunctionEventInvokeConfigs": all }))
        }
        ("PUT", "event-invoke-config") => {
            let mut config = part.body.clone();
            config["FunctionArn"] = format!("{}:$LATEST", arn.as_str().unwrap_or_default()).into();
            config["LastModified"] = 1_767_225_600.into();
            settings[head] = config.clone();
            ok(200, &config)
        }
        ("GET", "recursion-config") => {
            let reaction = settings[head]["RecursiveLoop"].as_str().unwrap_or("Terminate");
            ok(200, &json!({ "RecursiveLoop": reaction }))
        }
        ("GET", "runtime-management-config") => {
            let mut config = settings[head].clone();
            config["FunctionArn"] = arn;
            if config["UpdateRuntimeOn"].is_null() {
                config["UpdateRuntimeOn"] = "Auto".into();
            }
            ok(200, &config)
        }
        ("GET", "code-signing-config") => {
            let mut config = settings.get(head).cloned().unwrap_or_else(|| json!({}));
            config["FunctionName"] = part.name.into();
            ok(200, &config)
        }
        ("PUT", "concurrency" | "recursion-config" | "runtime-management-config" | "code-signing-config") => {
            settings[head] = part.body.clone();
            ok(200, &part.body)
        }
        ("DELETE", "concurrency" | "event-invoke-config" | "code-signing-config") => {
            let existed = settings.as_object_mut().is_some_and(|settings| settings.remove(head).is_some());
            if head == "event-invoke-config" && !existed {
                part.missing()
            } else {
                MockResponse::rest_json(204, String::new())
            }
        }
        (_, "aliases") => listed(settings, method, "Aliases", &arn, part),
        (_, "versions") => listed(settings, method, "Versions", &arn, part),
        _ => return None,
    })
}

/// AddPermission, GetPolicy and RemovePermission.
fn policy(settings: &mut Value, method: &str, id: &str, arn: &Value, part: &Part<'_>) -> MockResponse {
    let mut statements = settings["policy"].as_array().cloned().unwrap_or_default();
    match method {
        "GET" if statements.is_empty() => part.missing(),
        "GET" => {
            let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
            ok(200, &json!({ "Policy": policy.to_string(), "RevisionId": "1" }))
        }
        "POST" => {
            let statement = statement(&part.body, arn);
            let id = &statement["Sid"];
            if statements.iter().any(|other| other["Sid"] == *id) {
                let message = format!("The statement id ({id}) provided already exists.");
                return error(409, "ResourceConflictException", &message);
            }
            statements.push(statement.clone());
            settings["policy"] = statements.into();
            ok(201, &json!({ "Statement": statement.to_string() }))
        }
        _ => {
            let before = statements.len();
            statements.retain(|statement| statement["Sid"] != id);
            if statements.len() == before {
                return part.missing();
            }
            settings["policy"] = statements.into();
            MockResponse::rest_json(204, String::new())
        }
    }
}

/// Returns the statement that AddPermission creates
/// (<https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>).
fn statement(body: &Value, arn: &Value) -> Value {
    let principal = body["Principal"].as_str().unwrap_or_default();
    let is_account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
    let principal = match principal {
        "*" => json!("*"),
        account if is_account => json!({ "AWS": format!("arn:aws:iam::{account}:root") }),
        arn if arn.starts_with("arn:") => json!({ "AWS": arn }),
        service => json!({ "Service": service }),
    };
    let mut statement = json!({
        "Sid": body["StatementId"], "Effect": "Allow", "Principal": principal, "Action": body["Action"], "Resource": arn,
    });
    for (member, operator, key) in [
        ("SourceArn", "ArnLike", "AWS:SourceArn"),
        ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
        ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
        ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
        ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
    ] {
        if let Some(value) = body.get(member) {
            statement["Condition"][operator][key] = value.clone();
        }
    }
    if let Some(by_url) = body["InvokedViaFunctionUrl"].as_bool() {
        statement["Condition"]["Bool"]["lambda:InvokedViaFunctionUrl"] = by_url.to_string().into();
    }
    statement
}

fn provisioned(settings: &mut Value, method: &str, arn: &Value, part: &Part<'_>) -> MockResponse {
    let qualifier = part.parameter("Qualifier").unwrap_or_default();
    if method == "DELETE" {
        if let Some(all) = settings["provisioned"].as_object_mut() {
            all.remove(qualifier);
        }
        return MockResponse::rest_json(204, String::new());
    }
    let executions = &part.body["ProvisionedConcurrentExecutions"];
    let config = json!({
        "FunctionArn": format!("{}:{qualifier}", arn.as_str().unwrap_or_default()),
        "RequestedProvisionedConcurrentExecutions": executions,
        "AvailableProvisionedConcurrentExecutions": executions,
        "AllocatedProvisionedConcurrentExecutions": executions,
        "Status": "READY",
        "LastModified": "2026-01-01T00:00:00+0000",
    });
    settings["provisioned"][qualifier] = config.clone();
    ok(202, &config)
}

fn url(settings: &mut Value, method: &str, arn: &Value, part: &Part<'_>) -> MockResponse {
    let exists = settings.get("url").is_some();
    match method {
        "GET" if exists => ok(200, &settings["url"]),
        "POST" if exists => error(409, "ResourceConflictException", "The function URL already exists."),
        "POST" => {
            settings["url"] = json!({
                "FunctionUrl": format!("https://{}00000000000000000000.lambda-url.on.aws/", part.name.to_lowercase()),
                "FunctionArn": arn,
                "InvokeMode": "BUFFERED",
                "CreationTime": "2026-01-01T00:00:00Z",
                "LastModifiedTime": "2026-01-01T00:00:00Z",
            });
            change_url(&mut settings["url"], &part.body);
            ok(201, &settings["url"])
        }
        "PUT" if exists => {
            change_url(&mut settings["url"], &part.body);
            ok(200, &settings["url"])
        }
        "DELETE" if exists => {
            if let Some(settings) = settings.as_object_mut() {
                settings.remove("url");
            }
            MockResponse::rest_json(204, String::new())
        }
        _ => part.missing(),
    }
}

/// Sets the members that the request has. An empty `Cors` removes the settings.
fn change_url(url: &mut Value, body: &Value) {
    for member in ["AuthType", "InvokeMode", "Cors"] {
        if let Some(value) = body.get(member).filter(|value| !value.is_null()) {
            url[member] = value.clone();
        }
    }
    if url["Cors"] == json!({})
        && let Some(url) = url.as_object_mut()
    {
        url.remove("Cors");
    }
}

/// PublishVersion, CreateAlias and their lists.
fn listed(settings: &mut Value, method: &str, list: &str, arn: &Value, part: &Part<'_>) -> MockResponse {
    let mut items = settings[list].as_array().cloned().unwrap_or_default();
    if method == "GET" {
        return ok(200, &json!({ list: items }));
    }
    let arn = arn.as_str().unwrap_or_default();
    let mut item = part.body.clone();
    if list == "Aliases" {
        item["AliasArn"] = format!("{arn}:{}", item["Name"].as_str().unwrap_or_default()).into();
    } else {
        item["Version"] = (items.len() + 1).to_string().into();
        item["FunctionName"] = part.name.into();
        item["FunctionArn"] = format!("{arn}:{}", items.len() + 1).into();
    }
    items.push(item.clone());
    settings[list] = items.into();
    ok(201, &item)
}

/// Answers the calls of event source mappings
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>).
pub(super) fn mappings(
    records: &mut Records,
    region: &str,
    request: &MockRequest,
    id: &str,
    body: &Value,
) -> MockResponse {
    let key = |id: &str| format!("mapping/{id}");
    match (request.method.as_str(), id) {
        ("GET", "") => {
            let all = records.iter().filter(|(key, _)| key.starts_with("mapping/")).map(|(_, mapping)| mapping);
            ok(200, &json!({ "EventSourceMappings": all.collect::<Vec<_>>() }))
        }
        ("POST", _) => {
            let number = records.keys().filter(|key| key.starts_with("mapping/")).count() + 1;
            let id = format!("00000000-0000-0000-0000-{number:012}");
            let arn = &body["EventSourceArn"];
            let default = if arn.as_str().is_some_and(|arn| arn.contains(":sqs:")) { 10 } else { 100 };
            let mut mapping = json!({
                "UUID": id,
                "EventSourceArn": arn,
                "EventSourceMappingArn": format!("arn:aws:lambda:{region}:{ACCOUNT}:event-source-mapping:{id}"),
                "BatchSize": default,
                "MaximumBatchingWindowInSeconds": 0,
                "State": "Enabled",
                "LastModified": 1_767_225_600,
            });
            change_mapping(&mut mapping, region, body);
            records.insert(key(&id), mapping.clone());
            ok(202, &mapping)
        }
        (method, id) => {
            let Some(mapping) = records.get_mut(&key(id)) else {
                return error(404, "ResourceNotFoundException", "The resource you requested does not exist.");
            };
            if method == "PUT" {
                change_mapping(mapping, region, body);
            }
            let answer = ok(if method == "GET" { 200 } else { 202 }, mapping);
            if method == "DELETE" {
                records.remove(&key(id));
            }
            answer
        }
    }
}

/// Sets the members that the request has. An empty structure or list clears its member.
fn change_mapping(mapping: &mut Value, region: &str, body: &Value) {
    for (member, value) in body.as_object().into_iter().flatten() {
        match member.as_str() {
            "FunctionName" => {
                let function = value.as_str().unwrap_or_default();
                mapping["FunctionArn"] = format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{function}").into();
            }
            "Enabled" => mapping["State"] = if *value == true { "Enabled" } else { "Disabled" }.into(),
            _ if *value == json!({}) || *value == json!([]) || *value == "" => {
                if let Some(mapping) = mapping.as_object_mut() {
                    mapping.remove(member);
                }
            }
            _ => mapping[member] = value.clone(),
        }
    }
}
