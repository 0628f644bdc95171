// SPDX-License-Identifier: Apache-2.0
//! Operations that the sandbox implements itself, because the emulated services do not store most of their parameters:
//! Lambda, RDS, parts of EC2, SSM and CloudWatch Logs, and others. Requests are stored with their parameters, by region and `kind/name`.

mod documents;
mod ec2;
mod elb;
mod instances;
mod lambda;
mod lambda_parts;
pub(crate) mod log_filters;
mod rds;
mod s3;
mod ssm;
pub(crate) mod trail;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use winterbaume_core::{MockRequest, MockResponse};

use crate::route::Route;
use crate::services::Services;

/// The header with the base URL of the server through which a request came.
pub(crate) const BASE: &str = "x-sandbox-base";

/// The records of a region, by `kind/name`.
pub(crate) type Records = BTreeMap<String, Value>;

/// The records of all regions.
#[derive(Default)]
pub(crate) struct FakeState(Mutex<BTreeMap<String, Records>>);

impl FakeState {
    /// Locks the state and runs `work` on the records of a region.
    pub fn with<T>(&self, region: &str, work: impl FnOnce(&mut Records) -> T) -> T {
        work(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(region.to_owned()).or_default())
    }

    pub fn snapshot(&self, region: &str) -> Value {
        self.with(region, |records| serde_json::to_value(records).unwrap_or_default())
    }

    pub fn restore(&self, region: &str, state: Value) -> Result<(), String> {
        let restored: Records = serde_json::from_value(state).map_err(|error| error.to_string())?;
        self.with(region, |records| *records = restored);
        Ok(())
    }
}

/// Answers a request, or returns None to pass it to the emulated services.
pub(crate) async fn answer(services: &Services, route: &Route, request: &MockRequest) -> Option<MockResponse> {
    match route.service.as_str() {
        "cloudtrail" => trail::answer(&services.memory, &route.region, request),
        "ec2" => ec2::answer(services, &route.region, request).await,
        "elasticloadbalancing" => elb::answer(&services.memory, &route.region, request),
        "lambda" => lambda::answer(&services.memory, &route.region, request),
        "logs" => log_filters::answer(services, &route.region, request).await,
        "rds" => rds::answer(&services.memory, &route.region, request),
        "s3" => match lambda::package(&services.memory, &route.region, request) {
            Some(package) => Some(package),
            None => s3::answer(services, &route.region, request).await,
        },
        "ssm" => match documents::answer(&services.memory, &route.region, request) {
            Some(answer) => Some(answer),
            None => ssm::answer(&route.region, request),
        },
        _ => None,
    }
}

/// Returns the seconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "AWS answers with its own time")]
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// The parameters of a request of the query protocol.
struct Form(BTreeMap<String, String>);

impl Form {
    fn of(request: &MockRequest) -> Self {
        Self(form_urlencoded::parse(&request.body).into_owned().collect())
    }

    fn kept(value: &Value) -> Self {
        Self(serde_json::from_value(value.clone()).unwrap_or_default())
    }

    fn keep(&self) -> Value {
        serde_json::to_value(&self.0).unwrap_or_default()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Returns the values of `prefix.1`, `prefix.2`, and so on.
    fn list(&self, prefix: &str) -> Vec<String> {
        (1..).map_while(|number| self.get(&format!("{prefix}.{number}")).map(ToOwned::to_owned)).collect()
    }

    fn set_list(&mut self, prefix: &str, values: &[String]) {
        let all = format!("{prefix}.");
        self.0.retain(|name, _| !name.starts_with(&all));
        for (index, value) in values.iter().enumerate() {
            self.set(&format!("{prefix}.{}", index + 1), value);
        }
    }

    /// Returns the values of `prefix.1.key` and `prefix.1.value`, and so on.
    fn pairs(&self, prefix: &str, key: &str, value: &str) -> Vec<(String, String)> {
        let pair = |number: usize| {
            let key = self.get(&format!("{prefix}.{number}.{key}"))?;
            Some((key.to_owned(), self.text(&format!("{prefix}.{number}.{value}")).to_owned()))
        };
        (1..).map_while(pair).collect()
    }

    /// Returns the values of a filter, or None if the request does not have it.
    fn filter(&self, prefix: &str, values: &str, name: &str) -> Option<Vec<String>> {
        let number = (1..)
            .map_while(|number| Some((number, self.get(&format!("{prefix}.{number}.Name"))?)))
            .find(|(_, found)| *found == name)
            .map(|(number, _)| number)?;
        Some(self.list(&format!("{prefix}.{number}.{values}")))
    }
}

/// Adds tags to a resource, or changes them.
fn tag(form: &mut Form, prefix: &str, tags: Vec<(String, String)>) {
    let mut all: BTreeMap<String, String> = form.pairs(prefix, "Key", "Value").into_iter().collect();
    all.extend(tags);
    for (index, (key, value)) in all.into_iter().enumerate() {
        form.set(&format!("{prefix}.{}.Key", index + 1), key);
        form.set(&format!("{prefix}.{}.Value", index + 1), value);
    }
}

/// Returns `<name>text</name>`, or nothing if there is no text.
fn element(name: &str, text: Option<&str>) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.map_or_else(String::new, |text| format!("<{name}>{}</{name}>", escape(text)))
}

/// Returns `<name><item>…</item></name>`.
fn list(name: &str, item: &str, items: impl IntoIterator<Item = String>) -> String {
    let mut text = format!("<{name}>");
    for it in items {
        let _ = write!(text, "<{item}>{it}</{item}>");
    }
    text + &format!("</{name}>")
}
