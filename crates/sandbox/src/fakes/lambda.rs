// SPDX-License-Identifier: Apache-2.0
//! Lambda: functions, and their code behind the URL that GetFunction returns
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use winterbaume_core::{MockRequest, MockResponse};

use super::lambda_parts::{self, Part};
use super::{BASE, FakeState, Records};
use crate::ACCOUNT;

const TAGS: &str = "/2017-03-31/tags/";

pub(super) fn answer(memory: &FakeState, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let path = path(&request.uri);
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let base = request.headers.get(BASE).and_then(|base| base.to_str().ok());
    memory.with(region, |records| {
        if let Some(arn) = path.strip_prefix(TAGS) {
            // A client may encode the colons of the ARN in the path.
            let arn = arn.replace("%3A", ":");
            return Some(tags(records, arn.rsplit(':').next().unwrap_or_default(), request, &body));
        }
        if let Some((_, id)) = path.split_once("/event-source-mappings") {
            return Some(lambda_parts::mappings(records, region, request, id.trim_matches('/'), &body));
        }
        // Each operation has the date of its API version in its path.
        let (_, rest) = path.trim_start_matches('/').split_once("/functions")?;
        let rest = rest.trim_matches('/');
        let (name, part) = rest.split_once('/').unwrap_or((rest, ""));
        let exists = records.contains_key(&key(name));
        Some(match (request.method.as_str(), name, part) {
            ("POST", "", _) => create(records, region, &body),
            ("GET", "", _) => {
                let all: Vec<&Value> = functions(records).map(|function| &function["config"]).collect();
                ok(200, &json!({ "Functions": all }))
            }
            _ if !exists => not_found(name),
            ("GET", _, "configuration") => ok(200, &records[&key(name)]["config"]),
            ("GET", _, "") => ok(200, &get_function(&records[&key(name)], name, region, base)),
            ("PUT", _, "code") => {
                let function = records.get_mut(&key(name))?;
                set_code(function, &body);
                ok(200, &function["config"])
            }
            ("PUT", _, "configuration") => {
                let function = records.get_mut(&key(name))?;
                configure(&mut function["config"], &body);
                ok(200, &function["config"])
            }
            ("DELETE", _, "") => {
                records.remove(&key(name));
                MockResponse::rest_json(204, String::new())
            }
            _ => {
                let part = Part { path: part, name, query: query(&request.uri), body };
                return lambda_parts::answer(records.get_mut(&key(name))?, request, &part);
            }
        })
    })
}

/// Answers a request for the package of a function, by the URL from GetFunction.
pub(super) fn package(memory: &FakeState, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let name = path(&request.uri).split_once(&format!("snapshots/{ACCOUNT}/"))?.1.to_owned();
    let zip = memory.with(region, |records| records.get(&key(&name)).map(|function| function["zip"].clone()))?;
    let bytes = BASE64_STANDARD.decode(zip.as_str()?).ok()?;
    let mut answer = MockResponse::xml(200, String::new());
    answer.body = bytes.into();
    Some(answer)
}

fn path(uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    path.split('?').next().unwrap_or_default().to_owned()
}

fn query(uri: &str) -> Vec<(String, String)> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn key(name: &str) -> String {
    format!("lambda/{name}")
}

fn functions(records: &Records) -> impl Iterator<Item = &Value> {
    records.iter().filter(|(key, _)| key.starts_with("lambda/")).map(|(_, function)| function)
}

pub(super) fn ok(status: u16, value: &Value) -> MockResponse {
    MockResponse::rest_json(status, value.to_string())
}

pub(super) fn error(status: u16, code: &str, message: &str) -> MockResponse {
    let mut answer = MockResponse::rest_json(status, json!({ "Message": message, "Type": "User" }).to_string());
    if let Ok(code) = code.parse() {
        answer.headers.insert("x-amzn-errortype", code);
    }
    answer
}

fn not_found(name: &str) -> MockResponse {
    error(404, "ResourceNotFoundException", &format!("Function not found: {name}"))
}

fn create(records: &mut Records, region: &str, body: &Value) -> MockResponse {
    let name = body["FunctionName"].as_str().unwrap_or_default();
    if records.contains_key(&key(name)) {
        return error(409, "ResourceConflictException", &format!("Function already exist: {name}"));
    }
    let config = json!({
        "FunctionName": name,
        "FunctionArn": format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"),
        "Timeout": 3,
        "MemorySize": 128,
        "EphemeralStorage": { "Size": 512 },
        "TracingConfig": { "Mode": "PassThrough" },
        "Architectures": ["x86_64"],
        "PackageType": "Zip",
        "Description": "",
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") },
    });
    let mut function = json!({ "config": config, "tags": body["Tags"].as_object().cloned().unwrap_or_default() });
    configure(&mut function["config"], body);
    set_code(&mut function, &body["Code"]);
    let answer = ok(201, &function["config"]);
    records.insert(key(name), function);
    answer
}

/// Sets the parameters that the request has, and keeps the others
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>).
fn configure(config: &mut Value, body: &Value) {
    for name in
        ["Runtime", "Handler", "Role", "Description", "Timeout", "MemorySize", "EphemeralStorage", "Environment"]
    {
        set_from(config, body, name);
    }
    for name in ["TracingConfig", "KMSKeyArn", "DeadLetterConfig", "FileSystemConfigs", "Architectures", "SnapStart"] {
        set_from(config, body, name);
    }
    set_from(config, body, "VpcConfig");
    if let Some(image) = body.get("ImageConfig") {
        config["ImageConfigResponse"] = json!({ "ImageConfig": image });
    }
    // The structure is replaced as a whole. JSON logs have the level INFO if the request has none.
    if let Some(Value::Object(logging)) = body.get("LoggingConfig") {
        let name = config["FunctionName"].as_str().unwrap_or_default();
        let mut whole = json!({ "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") });
        if logging.get("LogFormat").is_some_and(|format| format == "JSON") {
            whole["ApplicationLogLevel"] = "INFO".into();
            whole["SystemLogLevel"] = "INFO".into();
        }
        for (member, value) in logging {
            whole[member] = value.clone();
        }
        config["LoggingConfig"] = whole;
    }
    if let Some(layers) = body["Layers"].as_array() {
        config["Layers"] = layers.iter().map(|arn| json!({ "Arn": arn })).collect();
    }
}

fn set_from(config: &mut Value, body: &Value, name: &str) {
    if let Some(value) = body.get(name).filter(|value| !value.is_null()) {
        config[name] = value.clone();
    }
}

fn set_code(function: &mut Value, code: &Value) {
    let zip = code["ZipFile"].as_str().unwrap_or_default();
    let bytes = BASE64_STANDARD.decode(zip).unwrap_or_default();
    function["zip"] = zip.into();
    function["config"]["CodeSha256"] = BASE64_STANDARD.encode(Sha256::digest(&bytes)).into();
    function["config"]["CodeSize"] = bytes.len().into();
    set_from(&mut function["config"], code, "Architectures");
}

/// Returns the response of GetFunction.
fn get_function(function: &Value, name: &str, region: &str, base: Option<&str>) -> Value {
    let bucket = format!("awslambda-{region}-tasks");
    let start =
        base.map_or_else(|| format!("https://{bucket}.s3.{region}.amazonaws.com"), |base| format!("{base}/{bucket}"));
    let signature = format!("X-Amz-Credential=SANDBOX%2F20260101%2F{region}%2Fs3%2Faws4_request&X-Amz-Signature=0");
    let location = format!("{start}/snapshots/{ACCOUNT}/{name}?{signature}");
    let mut answer = Map::new();
    answer.insert("Configuration".to_owned(), function["config"].clone());
    answer.insert("Code".to_owned(), json!({ "RepositoryType": "S3", "Location": location }));
    answer.insert("Tags".to_owned(), function["tags"].clone());
    if let Some(reserved) = function["parts"].get("concurrency") {
        answer.insert("Concurrency".to_owned(), reserved.clone());
    }
    Value::Object(answer)
}

fn tags(records: &mut Records, name: &str, request: &MockRequest, body: &Value) -> MockResponse {
    let Some(function) = records.get_mut(&key(name)) else { return not_found(name) };
    if request.method == "GET" {
        return ok(200, &json!({ "Tags": function["tags"] }));
    }
    if request.method == "DELETE"
        && let Some(tags) = function["tags"].as_object_mut()
    {
        for (_, tag) in query(&request.uri).into_iter().filter(|(name, _)| name == "tagKeys") {
            tags.remove(&tag);
        }
    }
    for (tag, value) in body["Tags"].as_object().into_iter().flatten() {
        function["tags"][tag] = value.clone();
    }
    MockResponse::rest_json(204, String::new())
}
