//! Noise is a defect: however AWS orders, words and pads its answers, a converged region has an empty report.
//!
//! Every answer passes a connector that shuffles its lists, writes its policies anew, and adds fields and `aws:` tags
//! that nobody asked for. Seeds are proptest's.

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
use regionctl_aws::session::{Access, OwnHttp, Session, Settings};
use regionctl_core::desire::fill::fill;
use regionctl_core::diagnostic::Sources;
use regionctl_core::observe::refresh::{RefreshError, refresh};
use regionctl_core::plan::build::plan;
use regionctl_core::report::memory::Memory;
use regionctl_core::report::{Region, build};
use regionctl_core::spec::{self, Spec};
use regionctl_sandbox::Sandbox;
use serde_json::{Value, json};
use xmltree::{Element, XMLNode};

use crate::harness::{self, Place, Server, root};

/// A small generator of its own, so that one seed gives one noise; and what noise was made.
#[derive(Debug)]
struct Dice {
    is_thrown: bool,
    state: AtomicU64,
    made: Arc<Made>,
}

/// How much noise was made of each sort: none would prove nothing.
#[derive(Debug, Default)]
struct Made {
    shuffled: AtomicU64,
    policies: AtomicU64,
    padded: AtomicU64,
    tagged: AtomicU64,
}

fn count(sort: &AtomicU64) {
    sort.fetch_add(1, Ordering::Relaxed);
}

impl Dice {
    /// A number below `most` (SplitMix64).
    fn throw(&self, most: usize) -> usize {
        let mut state = self.state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((state ^ (state >> 31)) % most.max(1) as u64).unwrap()
    }

    fn shuffle<T>(&self, items: &mut [T]) {
        if items.len() > 1 {
            count(&self.made.shuffled);
        }
        for last in (1..items.len()).rev() {
            items.swap(last, self.throw(last + 1));
        }
    }
}

/// Makes noise of what another client answers.
#[derive(Debug, Clone)]
struct Noisy {
    inner: SharedHttpClient,
    connector: Option<SharedHttpConnector>,
    dice: Arc<Dice>,
    kept: Kept,
}

/// What was answered, by what was asked: the region does not change, so an emulator is asked once.
type Kept = Arc<Mutex<HashMap<String, (StatusCode, Headers, Vec<u8>)>>>;

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
        let asked = format!("{method} {uri} {scope} {} {body:?}", header("x-amz-target"));
        let known = self.kept.lock().unwrap().get(&asked).cloned();
        let connector = self.connector.clone().expect("a connector is made of a client");
        let (dice, kept) = (Arc::clone(&self.dice), Arc::clone(&self.kept));
        HttpConnectorFuture::new(async move {
            let (status, headers, body) = match known {
                Some(known) => known,
                None => {
                    let answer: HttpResponse = connector.call(request).await?;
                    let (status, headers) = (answer.status(), answer.headers().clone());
                    let body = ByteStream::new(answer.into_body()).collect().await;
                    let body = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
                    kept.lock().unwrap().insert(asked, (status, headers.clone(), body.clone()));
                    (status, headers, body)
                }
            };
            let body = if status.is_success() && dice.is_thrown { noisy(&body, &dice) } else { body };
            let mut noisy = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in headers.iter().filter(|(name, _)| *name != "content-length") {
                noisy.headers_mut().insert(name.to_owned(), value.to_owned());
            }
            Ok(noisy)
        })
    }
}

fn noisy(body: &[u8], dice: &Dice) -> Vec<u8> {
    if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
        // A policy is the whole answer of GetBucketPolicy.
        if value.get("Statement").is_some() {
            return policy(&value, dice).into_bytes();
        }
        json_noise(&mut value, dice);
        return value.to_string().into_bytes();
    }
    if let Ok(mut element) = Element::parse(body) {
        xml_noise(&mut element, dice);
        let mut text = Vec::new();
        element.write(&mut text).expect("XML is written to memory");
        return text;
    }
    if let Ok(mut value) = ciborium::from_reader::<ciborium::Value, _>(body) {
        cbor_noise(&mut value, dice);
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).expect("CBOR is written to memory");
        return bytes;
    }
    body.to_vec()
}

/// The same policy in other words: lists in another order, a list of one as a text, an account as its root's ARN.
fn policy(value: &Value, dice: &Dice) -> String {
    fn say(value: &Value, dice: &Dice) -> Value {
        match value {
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| say(item, dice)).collect();
                dice.shuffle(&mut items);
                match items.as_slice() {
                    [Value::String(only)] if dice.throw(2) == 0 => Value::from(only.clone()),
                    _ => Value::Array(items),
                }
            }
            Value::Object(fields) => {
                let mut fields: Vec<(String, Value)> =
                    fields.iter().map(|(name, field)| (name.clone(), say(field, dice))).collect();
                dice.shuffle(&mut fields);
                Value::Object(fields.into_iter().collect())
            }
            other => other.clone(),
        }
    }
    count(&dice.made.policies);
    let said = say(value, dice);
    if dice.throw(2) == 0 { serde_json::to_string_pretty(&said).unwrap() } else { said.to_string() }
}

/// A text that is a policy is written anew; IAM's are URL-encoded.
fn text_noise(text: &str, dice: &Dice) -> Option<String> {
    let encoded = text.starts_with("%7B");
    let plain = if encoded {
        percent_encoding::percent_decode_str(text).decode_utf8().ok()?.into_owned()
    } else {
        text.to_owned()
    };
    let value: Value = serde_json::from_str(&plain).ok()?;
    value.get("Statement")?;
    let said = policy(&value, dice);
    let encode =
        |said: String| percent_encoding::utf8_percent_encode(&said, percent_encoding::NON_ALPHANUMERIC).to_string();
    Some(if encoded { encode(said) } else { said })
}

fn json_noise(value: &mut Value, dice: &Dice) {
    match value {
        Value::Array(items) => {
            for item in items.iter_mut() {
                json_noise(item, dice);
            }
            dice.shuffle(items);
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if name == "Tags" || name == "TagList" {
                    add_tag(field, dice);
                }
                json_noise(field, dice);
            }
            // Of a mapping whose keys are data (an environment) one more would be another.
            let data =
                fields.keys().any(|name| name.chars().next().is_some_and(|first| first == 'A' && name.contains('_')));
            if !data
                && fields.keys().all(|name| name.chars().next().is_some_and(char::is_uppercase))
                && fields.len() > 3
            {
                count(&dice.made.padded);
                fields.insert("ServerFilledByTomorrow".to_owned(), json!({ "New": [1, 2, 3] }));
            }
        }
        Value::String(text) => {
            if let Some(said) = text_noise(text, dice) {
                *text = said;
            }
        }
        _ => {}
    }
}

fn add_tag(tags: &mut Value, dice: &Dice) {
    count(&dice.made.tagged);
    match tags {
        Value::Array(tags) => tags.push(json!({ "Key": "aws:cloudformation:stack-name", "Value": "theirs" })),
        Value::Object(tags) => {
            tags.insert("aws:cloudformation:stack-name".to_owned(), "theirs".into());
        }
        _ => {}
    }
}

fn xml_noise(element: &mut Element, dice: &Dice) {
    for child in &mut element.children {
        match child {
            XMLNode::Element(child) => xml_noise(child, dice),
            XMLNode::Text(text) => {
                if let Some(said) = text_noise(text, dice) {
                    *text = said;
                }
            }
            _ => {}
        }
    }
    let names: Vec<String> =
        element.children.iter().filter_map(|child| child.as_element()).map(|it| it.name.clone()).collect();
    let is_list = names.len() > 1 && names.iter().all(|name| *name == names[0]);
    if is_list {
        dice.shuffle(&mut element.children);
    } else if names.len() > 3 {
        count(&dice.made.padded);
        let mut filled = Element::new("ServerFilledByTomorrow");
        filled.children.push(XMLNode::Text("1".to_owned()));
        element.children.push(XMLNode::Element(filled));
    }
    // EC2's and S3's tags; the keys of each are as that service writes them.
    let tag = match (element.name.as_str(), names.first().map(String::as_str)) {
        ("tagSet", Some("item")) => Some(("item", "key", "value")),
        ("TagSet" | "TagList", Some("Tag")) => Some(("Tag", "Key", "Value")),
        ("Tags", Some("member")) => Some(("member", "Key", "Value")),
        _ => None,
    };
    if let Some((item, key, value)) = tag {
        count(&dice.made.tagged);
        let mut tag = Element::new(item);
        for (name, text) in [(key, "aws:cloudformation:stack-name"), (value, "theirs")] {
            let mut part = Element::new(name);
            part.children.push(XMLNode::Text(text.to_owned()));
            tag.children.push(XMLNode::Element(part));
        }
        element.children.push(XMLNode::Element(tag));
    }
}

fn cbor_noise(value: &mut ciborium::Value, dice: &Dice) {
    match value {
        ciborium::Value::Array(items) => {
            for item in items.iter_mut() {
                cbor_noise(item, dice);
            }
            dice.shuffle(items);
        }
        ciborium::Value::Map(fields) => {
            for (_, field) in fields.iter_mut() {
                cbor_noise(field, dice);
            }
            if fields.len() > 3 {
                fields.push((ciborium::Value::from("ServerFilledByTomorrow"), ciborium::Value::from(1)));
            }
            dice.shuffle(fields);
        }
        _ => {}
    }
}

fn company() -> Spec {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).map_err(|_| spec::load::Unreadable::Missing);
    spec::read("regions/eu-central-1.yaml", &read, REGISTRY, &mut Sources::default())
        .expect("the company's spec is one")
}

/// Asserts that as many noisy looks find nothing; a tenth of them where nobody waits for all.
fn stays_quiet(looks: u32, inner: &SharedHttpClient, credentials: &SharedCredentialsProvider, url: Option<&str>) {
    let looks = if harness::is_thorough() { looks } else { looks / 10 };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let spec = company();
    let (made, kept) = (Arc::new(Made::default()), Kept::default());
    let config = Config { cases: looks, failure_persistence: None, ..Config::default() };
    // The same noise every night.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let looked = runner.run(&proptest::num::u64::ANY, |seed| {
        let noise = Noisy {
            inner: inner.clone(),
            connector: None,
            kept: Arc::clone(&kept),
            dice: Arc::new(Dice { is_thrown: true, state: AtomicU64::new(seed), made: Arc::clone(&made) }),
        };
        let http = Some((SharedHttpClient::new(noise), credentials.clone()));
        let region = runtime.block_on(look(&spec, http, url)).expect("it can be read");
        let said: Vec<String> = region
            .findings
            .iter()
            .map(|finding| format!("{}: {:?}", finding.address, finding.fields))
            .chain(region.unread.iter().map(|unread| format!("{}: {}", unread.address, unread.failure)))
            .collect();
        proptest::prop_assert!(said.is_empty(), "{}", said.join("\n"));
        Ok(())
    });
    if let Err(error) = looked {
        panic!("{error}");
    }
    for sort in [&made.shuffled, &made.policies, &made.padded, &made.tagged] {
        assert!(sort.load(Ordering::Relaxed) >= u64::from(looks), "each look was noisy: {made:?}");
    }
}

/// Answers as kept, but for one call, which fails.
#[derive(Debug, Clone)]
struct Failing {
    quiet: Noisy,
    at: usize,
    calls: Arc<AtomicUsize>,
    status: u16,
    code: &'static str,
    /// Which call it was.
    failed: Arc<Mutex<String>>,
}

impl HttpClient for Failing {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = Some(self.quiet.inner.http_connector(settings, components));
        SharedHttpConnector::new(Self { quiet: Noisy { connector, ..self.quiet.clone() }, ..self.clone() })
    }
}

impl HttpConnector for Failing {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.calls.fetch_add(1, Ordering::Relaxed) != self.at {
            return self.quiet.call(request);
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

/// Whichever call fails: the report says what it could not see, or what is missing, and never that all is well.
#[tokio::test]
async fn a_read_that_fails_anywhere_is_never_no_drift() {
    let place = Place::seeded();
    place.run(&["apply", "--yes", "regions/eu-central-1.yaml"]).exits(0);
    let sandbox = Sandbox::open(&place.folder.path().join("sandbox.json")).await.unwrap();
    let spec = company();
    let dice = Arc::new(Dice { is_thrown: false, state: AtomicU64::new(0), made: Arc::default() });
    let quiet = Noisy { inner: sandbox.http_client(), connector: None, dice, kept: Kept::default() };
    let mut quietly = Vec::new();
    for (status, code) in [(403, ""), (400, "ExpiredTokenException"), (404, "")] {
        let mut tried = 0;
        // Where nobody waits for all, each of some. Credentials end for all calls alike.
        let every = if harness::is_thorough() && code.is_empty() { 1 } else { 9 };
        for at in (0..).step_by(every) {
            let calls = Arc::new(AtomicUsize::new(0));
            let failed = Arc::new(Mutex::new(String::new()));
            let (calls_of_it, failed_of_it) = (Arc::clone(&calls), Arc::clone(&failed));
            let failing = Failing { quiet: quiet.clone(), at, calls: calls_of_it, status, code, failed: failed_of_it };
            let http = Some((SharedHttpClient::new(failing), sandbox.credentials()));
            let looked = look(&spec, http, None).await;
            if calls.load(Ordering::Relaxed) <= at {
                break;
            }
            tried += 1;
            let is_quiet = looked.is_ok_and(|region| region.is_complete() && region.findings.is_empty());
            if is_quiet {
                quietly.push(format!("{status} {code} {}", failed.lock().unwrap()));
            }
        }
        assert!(tried * every > 70, "calls were made to fail: {tried}");
    }
    assert!(quietly.is_empty(), "a call failed, and the report says that all is well:\n{}", quietly.join("\n"));
}

async fn look(spec: &Spec, http: Option<OwnHttp>, url: Option<&str>) -> Result<Region, RefreshError> {
    let settings = Settings {
        region: "eu-central-1".to_owned(),
        profile: None,
        role: None,
        endpoint_url: url.map(ToOwned::to_owned),
        access: Access::ReadOnly,
        http,
        on_pause: None,
    };
    let world = Aws::new(Session::open(settings).await);
    let snapshot = refresh(&world, REGISTRY, spec).await?;
    let inventory = fill(REGISTRY, spec, &snapshot)?;
    let plan = plan(REGISTRY, spec, &inventory).expect("it can be planned");
    Ok(build::region(REGISTRY, spec, &inventory, &plan, &Memory::NotKept))
}

#[test]
fn a_hundred_and_fifty_noisy_looks_at_the_converged_sandbox_find_nothing() {
    let place = Place::seeded();
    place.run(&["apply", "--yes", "regions/eu-central-1.yaml"]).exits(0);
    let path = place.folder.path().join("sandbox.json");
    let sandbox = tokio::runtime::Runtime::new().unwrap().block_on(Sandbox::open(&path)).unwrap();
    stays_quiet(150, &sandbox.http_client(), &sandbox.credentials(), None);
}

#[test]
fn fifty_noisy_looks_at_the_converged_moto_find_nothing() {
    let moto = Server::moto();
    let place = Place::new(harness::Aws::Endpoint(moto.url.clone()));
    place.run(&["sandbox", "seed"]).exits(0);
    place.run(&["apply", "--yes", "regions/eu-central-1.yaml"]).exits(0);
    let network = aws_smithy_http_client::Builder::new().build_http();
    let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "noise"));
    stays_quiet(50, &network, &credentials, Some(&moto.url));
}
