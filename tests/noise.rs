// SPDX-License-Identifier: Apache-2.0
//! A converged region has no drift, whatever the order and form of AWS's answers.
//!
//! An HTTP connector shuffles the lists of every answer, rewrites policies in an equivalent form, and adds unknown
//! fields and `aws:` tags. proptest generates the seeds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{Headers, StatusCode};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::{Access, OwnHttp, Session, SessionSettings};
use regionctl_core::desire::fill::fill;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::observe::refresh::{RefreshError, refresh};
use regionctl_core::plan::build::plan;
use regionctl_core::report::last_applied::LastApplied;
use regionctl_core::report::{RegionReport, build};
use regionctl_core::spec::{self, Spec};
use regionctl_sandbox::Sandbox;
use serde_json::{Value, json};
use xmltree::{Element, XMLNode};

use crate::harness::{self, Place, Server, root};

/// A random number generator, so that the noise depends only on the seed. Counts the noise that was added.
#[derive(Debug)]
struct Random {
    is_noisy: bool,
    state: AtomicU64,
    counts: Arc<Counts>,
}

/// How often each sort of noise was added. The test fails if one was never added.
#[derive(Debug, Default)]
struct Counts {
    shuffled: AtomicU64,
    policies: AtomicU64,
    padded: AtomicU64,
    tagged: AtomicU64,
}

fn count(sort: &AtomicU64) {
    sort.fetch_add(1, Ordering::Relaxed);
}

impl Random {
    /// Returns a number below `bound` (SplitMix64).
    fn below(&self, bound: usize) -> usize {
        let mut state = self.state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((state ^ (state >> 31)) % bound.max(1) as u64).unwrap()
    }

    fn shuffle<T>(&self, items: &mut [T]) {
        if items.len() > 1 {
            count(&self.counts.shuffled);
        }
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// An HTTP client that adds noise to the answers of another client.
#[derive(Debug, Clone)]
struct Noisy {
    inner: SharedHttpClient,
    connector: Option<SharedHttpConnector>,
    random: Arc<Random>,
    cache: Cache,
}

/// Answers by request. The region does not change, so each request is sent to the emulator once.
type Cache = Arc<Mutex<HashMap<String, (StatusCode, Headers, Vec<u8>)>>>;

impl HttpClient for Noisy {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = Some(self.inner.http_connector(settings, components));
        SharedHttpConnector::new(Self { connector, ..self.clone() })
    }
}

impl HttpConnector for Noisy {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name: &str| request.headers().get(name).unwrap_or_default();
        let scope = header("authorization").split("aws4_request").next().unwrap_or_default();
        let (method, uri, body) = (request.method(), request.uri(), request.body().bytes());
        let key = format!("{method} {uri} {scope} {} {body:?}", header("x-amz-target"));
        let known = self.cache.lock().unwrap().get(&key).cloned();
        let connector = self.connector.clone().expect("http_connector() sets the connector");
        let (random, cache) = (Arc::clone(&self.random), Arc::clone(&self.cache));
        HttpConnectorFuture::new(async move {
            let (status, headers, body) = match known {
                Some(known) => known,
                None => {
                    let answer: HttpResponse = connector.call(request).await?;
                    let (status, headers) = (answer.status(), answer.headers().clone());
                    let body = ByteStream::new(answer.into_body()).collect().await;
                    let body = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
                    cache.lock().unwrap().insert(key, (status, headers.clone(), body.clone()));
                    (status, headers, body)
                }
            };
            let body = if status.is_success() && random.is_noisy { noisy(&body, &random) } else { body };
            let mut noisy = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in headers.iter().filter(|(name, _)| *name != "content-length") {
                noisy.headers_mut().insert(name.to_owned(), value.to_owned());
            }
            Ok(noisy)
        })
    }
}

fn noisy(body: &[u8], random: &Random) -> Vec<u8> {
    if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
        // The body of GetBucketPolicy is the policy.
        if value.get("Statement").is_some() {
            return policy(&value, random).into_bytes();
        }
        json_noise(&mut value, random);
        return value.to_string().into_bytes();
    }
    if let Ok(mut element) = Element::parse(body) {
        xml_noise(&mut element, random);
        let mut text = Vec::new();
        element.write(&mut text).expect("XML is written to memory");
        return text;
    }
    if let Ok(mut value) = ciborium::from_reader::<ciborium::Value, _>(body) {
        cbor_noise(&mut value, random);
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).expect("CBOR is written to memory");
        return bytes;
    }
    body.to_vec()
}

/// Returns an equivalent policy: lists are shuffled, and lists with one text may become the text.
fn policy(value: &Value, random: &Random) -> String {
    fn vary(value: &Value, random: &Random) -> Value {
        match value {
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| vary(item, random)).collect();
                random.shuffle(&mut items);
                match items.as_slice() {
                    [Value::String(only)] if random.below(2) == 0 => Value::from(only.clone()),
                    _ => Value::Array(items),
                }
            }
            Value::Object(fields) => {
                let mut fields: Vec<(String, Value)> =
                    fields.iter().map(|(name, field)| (name.clone(), vary(field, random))).collect();
                random.shuffle(&mut fields);
                Value::Object(fields.into_iter().collect())
            }
            other => other.clone(),
        }
    }
    count(&random.counts.policies);
    let varied = vary(value, random);
    if random.below(2) == 0 { serde_json::to_string_pretty(&varied).unwrap() } else { varied.to_string() }
}

/// Rewrites a text that is a policy. IAM's policies are URL-encoded.
fn text_noise(text: &str, random: &Random) -> Option<String> {
    let encoded = text.starts_with("%7B");
    let plain = if encoded {
        percent_encoding::percent_decode_str(text).decode_utf8().ok()?.into_owned()
    } else {
        text.to_owned()
    };
    let value: Value = serde_json::from_str(&plain).ok()?;
    value.get("Statement")?;
    let varied = policy(&value, random);
    let encode =
        |varied: String| percent_encoding::utf8_percent_encode(&varied, percent_encoding::NON_ALPHANUMERIC).to_string();
    Some(if encoded { encode(varied) } else { varied })
}

fn json_noise(value: &mut Value, random: &Random) {
    match value {
        Value::Array(items) => {
            for item in items.iter_mut() {
                json_noise(item, random);
            }
            random.shuffle(items);
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if name == "Tags" || name == "TagList" {
                    add_tag(field, random);
                }
                json_noise(field, random);
            }
            // A further key would change a mapping whose keys are data, such as an environment.
            let data =
                fields.keys().any(|name| name.chars().next().is_some_and(|first| first == 'A' && name.contains('_')));
            if !data
                && fields.keys().all(|name| name.chars().next().is_some_and(char::is_uppercase))
                && fields.len() > 3
            {
                count(&random.counts.padded);
                fields.insert("ServerFilledByTomorrow".to_owned(), json!({ "New": [1, 2, 3] }));
            }
        }
        Value::String(text) => {
            if let Some(varied) = text_noise(text, random) {
                *text = varied;
            }
        }
        _ => {}
    }
}

fn add_tag(tags: &mut Value, random: &Random) {
    count(&random.counts.tagged);
    match tags {
        Value::Array(tags) => tags.push(json!({ "Key": "aws:cloudformation:stack-name", "Value": "theirs" })),
        Value::Object(tags) => {
            tags.insert("aws:cloudformation:stack-name".to_owned(), "theirs".into());
        }
        _ => {}
    }
}

fn xml_noise(element: &mut Element, random: &Random) {
    for child in &mut element.children {
        match child {
            XMLNode::Element(child) => xml_noise(child, random),
            XMLNode::Text(text) => {
                if let Some(varied) = text_noise(text, random) {
                    *text = varied;
                }
            }
            _ => {}
        }
    }
    let names: Vec<String> =
        element.children.iter().filter_map(|child| child.as_element()).map(|it| it.name.clone()).collect();
    let is_list = names.len() > 1 && names.iter().all(|name| *name == names[0]);
    if is_list {
        random.shuffle(&mut element.children);
    } else if names.len() > 3 {
        count(&random.counts.padded);
        let mut filled = Element::new("ServerFilledByTomorrow");
        filled.children.push(XMLNode::Text("1".to_owned()));
        element.children.push(XMLNode::Element(filled));
    }
    // The element names of tags differ by service.
    let tag = match (element.name.as_str(), names.first().map(String::as_str)) {
        ("tagSet", Some("item")) => Some(("item", "key", "value")),
        ("TagSet" | "TagList", Some("Tag")) => Some(("Tag", "Key", "Value")),
        ("Tags", Some("member")) => Some(("member", "Key", "Value")),
        _ => None,
    };
    if let Some((item, key, value)) = tag {
        count(&random.counts.tagged);
        let mut tag = Element::new(item);
        for (name, text) in [(key, "aws:cloudformation:stack-name"), (value, "theirs")] {
            let mut part = Element::new(name);
            part.children.push(XMLNode::Text(text.to_owned()));
            tag.children.push(XMLNode::Element(part));
        }
        element.children.push(XMLNode::Element(tag));
    }
}

fn cbor_noise(value: &mut ciborium::Value, random: &Random) {
    match value {
        ciborium::Value::Array(items) => {
            for item in items.iter_mut() {
                cbor_noise(item, random);
            }
            random.shuffle(items);
        }
        ciborium::Value::Map(fields) => {
            for (_, field) in fields.iter_mut() {
                cbor_noise(field, random);
            }
            if fields.len() > 3 {
                fields.push((ciborium::Value::from("ServerFilledByTomorrow"), ciborium::Value::from(1)));
            }
            random.shuffle(fields);
        }
        _ => {}
    }
}

fn company_spec() -> Spec {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).map_err(|_| spec::load::Unreadable::Missing);
    spec::read("regions/eu-central-1.yaml", &read, REGISTRY, &mut SourceFiles::default())
        .expect("the company's spec is valid")
}

/// Asserts that `runs` noisy reports have no findings. Runs a thirtieth of them unless the run is thorough.
fn assert_no_findings(runs: u32, inner: &SharedHttpClient, credentials: &SharedCredentialsProvider, url: Option<&str>) {
    let runs = if harness::is_thorough() { runs } else { runs / 30 };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let spec = company_spec();
    let (counts, cache) = (Arc::new(Counts::default()), Cache::default());
    let config = Config { cases: runs, failure_persistence: None, ..Config::default() };
    // A fixed seed makes failures reproducible.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let result = runner.run(&proptest::num::u64::ANY, |seed| {
        let noise = Noisy {
            inner: inner.clone(),
            connector: None,
            cache: Arc::clone(&cache),
            random: Arc::new(Random { is_noisy: true, state: AtomicU64::new(seed), counts: Arc::clone(&counts) }),
        };
        let http = Some((SharedHttpClient::new(noise), credentials.clone()));
        let region = runtime.block_on(report(&spec, http, url)).expect("the region can be read");
        let found: Vec<String> = region
            .findings
            .iter()
            .map(|finding| format!("{}: {:?}", finding.address, finding.fields))
            .chain(region.gaps.iter().map(|gap| format!("{}: {}", gap.address, gap.failure)))
            .collect();
        proptest::prop_assert!(found.is_empty(), "{}", found.join("\n"));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    for sort in [&counts.shuffled, &counts.policies, &counts.padded, &counts.tagged] {
        assert!(sort.load(Ordering::Relaxed) >= u64::from(runs), "too little noise: {counts:?}");
    }
}

/// An HTTP client that answers from the cache and fails one call.
#[derive(Debug, Clone)]
struct Failing {
    replayed: Noisy,
    at: usize,
    calls: Arc<AtomicUsize>,
    status: u16,
    code: &'static str,
    /// The request that failed, for the message of the assertion.
    failed: Arc<Mutex<String>>,
}

impl HttpClient for Failing {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = Some(self.replayed.inner.http_connector(settings, components));
        SharedHttpConnector::new(Self { replayed: Noisy { connector, ..self.replayed.clone() }, ..self.clone() })
    }
}

impl HttpConnector for Failing {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.calls.fetch_add(1, Ordering::Relaxed) != self.at {
            return self.replayed.call(request);
        }
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        *self.failed.lock().unwrap() = format!("{} {} {target} {body}", request.method(), request.uri());
        let mut answer = HttpResponse::new(StatusCode::try_from(self.status).unwrap(), SdkBody::empty());
        if !self.code.is_empty() {
            answer.headers_mut().insert("x-amzn-errortype", self.code);
        }
        HttpConnectorFuture::ready(Ok(answer))
    }
}

/// If any one call fails, the report has a gap, a finding, or a note.
#[tokio::test]
async fn a_failed_read_is_never_reported_as_no_drift() {
    let place = Place::converged();
    let sandbox = Sandbox::open(&place.folder.path().join("sandbox.json")).await.unwrap();
    let spec = company_spec();
    let random = Arc::new(Random { is_noisy: false, state: AtomicU64::new(0), counts: Arc::default() });
    let replayed = Noisy { inner: sandbox.http_client(), connector: None, random, cache: Cache::default() };
    let mut missed = Vec::new();
    for (status, code) in [(403, ""), (400, "ExpiredTokenException"), (404, "")] {
        let mut tried = 0;
        // A sample is enough for expired credentials, which fail every call in the same way.
        let every = if harness::is_thorough() && code.is_empty() { 1 } else { 27 };
        for at in (0..).step_by(every) {
            let calls = Arc::new(AtomicUsize::new(0));
            let failed = Arc::new(Mutex::new(String::new()));
            let (shared_calls, shared_failed) = (Arc::clone(&calls), Arc::clone(&failed));
            let failing =
                Failing { replayed: replayed.clone(), at, calls: shared_calls, status, code, failed: shared_failed };
            let http = Some((SharedHttpClient::new(failing), sandbox.credentials()));
            let result = report(&spec, http, None).await;
            if calls.load(Ordering::Relaxed) <= at {
                break;
            }
            tried += 1;
            // What is read only to find defects is no gap, but a note says that it could not be read.
            let is_noted =
                |region: &RegionReport| region.notes.iter().any(|note| note.what.contains("could not be read"));
            let is_clean = result.is_ok_and(|it| it.is_complete() && it.findings.is_empty() && !is_noted(&it));
            if is_clean {
                missed.push(format!("{status} {code} {}", failed.lock().unwrap()));
            }
        }
        assert!(tried * every > 70, "too few calls were failed: {tried}");
    }
    assert!(missed.is_empty(), "a call failed, but the report is complete and has no findings:\n{}", missed.join("\n"));
}

async fn report(spec: &Spec, http: Option<OwnHttp>, url: Option<&str>) -> Result<RegionReport, RefreshError> {
    let settings = SessionSettings {
        region: "eu-central-1".to_owned(),
        profile: None,
        role: None,
        endpoint_url: url.map(ToOwned::to_owned),
        access: Access::ReadOnly,
        http,
        on_pause: None,
    };
    let aws = Aws::new(Session::open(settings).await);
    let snapshot = refresh(&aws, REGISTRY, spec).await?;
    let inventory = fill(REGISTRY, spec, &snapshot)?;
    let plan = plan(REGISTRY, spec, &inventory).expect("the region can be planned");
    Ok(build::region(REGISTRY, spec, &inventory, &plan, &LastApplied::NotRecorded))
}

#[test]
fn noisy_answers_cause_no_findings() {
    for noisy_emulator in harness::sample([noisy_sandbox, noisy_moto], 2) {
        noisy_emulator();
    }
}

fn noisy_sandbox() {
    let place = Place::converged();
    let path = place.folder.path().join("sandbox.json");
    let sandbox = tokio::runtime::Runtime::new().unwrap().block_on(Sandbox::open(&path)).unwrap();
    assert_no_findings(150, &sandbox.http_client(), &sandbox.credentials(), None);
}

fn noisy_moto() {
    let moto = Server::moto();
    let place = Place::new(harness::Aws::Endpoint(moto.url.clone()));
    place.run(&["sandbox", "seed"]).exits(0);
    place.run(&["apply", "--yes", "regions/eu-central-1.yaml"]).exits(0);
    let network = aws_smithy_http_client::Builder::new().build_http();
    let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "noise"));
    assert_no_findings(50, &network, &credentials, Some(&moto.url));
}
