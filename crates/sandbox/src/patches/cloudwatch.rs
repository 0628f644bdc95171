// SPDX-License-Identifier: Apache-2.0
//! CloudWatch: the emulated service neither deletes nor tags composite alarms, and loses their suppressors.
//!
//! AWS's rules: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html>. Alarms of all types share
//! their names.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use super::Sent;
use crate::ACCOUNT;
use crate::fakes::Records;
use crate::route::operation;
use crate::services::Services;

type Done = Result<Value, (&'static str, String)>;

pub(super) async fn before(services: &Services, region: &str, request: &mut MockRequest) -> Option<MockResponse> {
    let operation = operation(request)?;
    let sent: Value = ciborium::from_reader(&request.body[..]).ok()?;
    let metric_alarms = services.cloudwatch.snapshot(ACCOUNT, region).await.alarms;
    let done = services.memory.with(region, |records| {
        let mut alarms = Alarms { records, region, sent: &sent };
        match operation.as_str() {
            "PutCompositeAlarm" => Some(alarms.put(|name| metric_alarms.contains_key(name))),
            "PutMetricAlarm" => alarms.reject_other_type(),
            "DeleteAlarms" => alarms.delete(),
            "TagResource" => alarms.tag(),
            "UntagResource" => alarms.untag(),
            "ListTagsForResource" => alarms.tags(),
            _ => None,
        }
    })?;
    let (status, answer) = match done {
        Ok(answer) => (200, answer),
        Err((code, message)) => (400, json!({ "__type": code, "message": message })),
    };
    encoded(&answer).map(|body| MockResponse::cbor(status, body))
}

/// Adds the composite alarms to the answer of DescribeAlarms.
pub(super) fn after(services: &Services, region: &str, sent: &Sent, mut answer: MockResponse) -> MockResponse {
    if answer.status != 200 || !sent.uri.contains("/operation/DescribeAlarms") {
        return answer;
    }
    let Ok(request) = ciborium::from_reader::<Value, _>(&sent.body[..]) else { return answer };
    let Ok(ciborium::Value::Map(mut members)) = ciborium::from_reader(&answer.body[..]) else { return answer };
    let listed = |name: &str, value: &str| {
        request[name].as_array().is_none_or(|items| items.is_empty() || items.iter().any(|item| item == value))
    };
    let is_asked = request["AlarmTypes"].is_array() && listed("AlarmTypes", "CompositeAlarm");
    let found = services.memory.with(region, |records| {
        let named = records.iter().filter_map(|(key, alarm)| Some((key.strip_prefix(ALARM)?, alarm.clone())));
        named.filter(|(name, _)| is_asked && listed("AlarmNames", name)).map(|(_, alarm)| alarm).collect::<Vec<_>>()
    });
    let Ok(found) = ciborium::Value::serialized(&found) else { return answer };
    members.retain(|(name, _)| name.as_text() != Some("CompositeAlarms"));
    members.push(("CompositeAlarms".into(), found));
    let mut body = Vec::new();
    if ciborium::into_writer(&ciborium::Value::Map(members), &mut body).is_ok() {
        answer.body = body.into();
    }
    answer
}

fn encoded(value: &Value) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    ciborium::into_writer(value, &mut body).ok()?;
    Some(body)
}

/// The prefix of the records of composite alarms.
const ALARM: &str = "composite-alarm/";

/// The prefix of the records of their tags, by key.
const TAGS: &str = "composite-alarm-tags/";

struct Alarms<'a> {
    records: &'a mut Records,
    region: &'a str,
    sent: &'a Value,
}

impl Alarms<'_> {
    fn put(&mut self, is_metric_alarm: impl Fn(&str) -> bool) -> Done {
        let name = self.sent["AlarmName"].as_str().unwrap_or_default().to_owned();
        if is_metric_alarm(&name) {
            return Err(("ValidationError", format!("The alarm {name} is not a composite alarm.")));
        }
        let key = format!("{ALARM}{name}");
        let exists = |child: &str| is_metric_alarm(child) || self.records.contains_key(&format!("{ALARM}{child}"));
        let gone: Vec<String> = children(self.sent).into_iter().filter(|child| !exists(child)).collect();
        if !gone.is_empty() {
            let message = format!(
                "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
                gone.join(", ")
            );
            return Err(("ValidationError", message));
        }
        let mut alarm = self.sent.clone();
        let members = alarm.as_object_mut().ok_or(("ValidationError", "no members".to_owned()))?;
        let tags = members.remove("Tags");
        members.insert("AlarmArn".to_owned(), self.arn(&name).into());
        members.insert("StateValue".to_owned(), "INSUFFICIENT_DATA".into());
        if self.records.insert(key, alarm).is_none() {
            let tags: BTreeMap<String, Value> = pairs(tags.as_ref()).collect();
            self.records.insert(format!("{TAGS}{}", self.arn(&name)), json!(tags));
        }
        Ok(json!({}))
    }

    fn arn(&self, name: &str) -> String {
        format!("arn:aws:cloudwatch:{}:{ACCOUNT}:alarm:{name}", self.region)
    }

    /// Rejects PutMetricAlarm for the name of a composite alarm.
    fn reject_other_type(&self) -> Option<Done> {
        let name = self.sent["AlarmName"].as_str()?;
        let is_composite = self.records.contains_key(&format!("{ALARM}{name}"));
        is_composite.then(|| Err(("ValidationError", format!("The alarm {name} is not a metric alarm."))))
    }

    /// Deletes composite alarms. Metric alarms are deleted by the emulated service, unless a composite alarm depends on
    /// them.
    fn delete(&mut self) -> Option<Done> {
        let names: Vec<&str> = self.sent["AlarmNames"].as_array()?.iter().filter_map(Value::as_str).collect();
        let others = self.records.iter().filter_map(|(key, alarm)| Some((key.strip_prefix(ALARM)?, alarm)));
        let needed: Vec<String> =
            others.filter(|(name, _)| !names.contains(name)).flat_map(|(_, alarm)| children(alarm)).collect();
        if let Some(name) = names.iter().find(|name| needed.iter().any(|needed| needed == *name)) {
            let message = format!("Cannot delete {name} as there are composite alarm(s) depending on it.");
            return Some(Err(("ValidationError", message)));
        }
        for name in names {
            self.records.remove(&format!("{ALARM}{name}"));
            self.records.remove(&format!("{TAGS}{}", self.arn(name)));
        }
        None
    }

    /// Returns the tags of the composite alarm of the request. `None` for another resource.
    fn tags_of(&mut self) -> Option<&mut Value> {
        self.records.get_mut(&format!("{TAGS}{}", self.sent["ResourceARN"].as_str()?))
    }

    fn tag(&mut self) -> Option<Done> {
        let sent = self.sent;
        self.tags_of()?.as_object_mut()?.extend(pairs(sent.get("Tags")));
        Some(Ok(json!({})))
    }

    fn untag(&mut self) -> Option<Done> {
        let sent = self.sent;
        let tags = self.tags_of()?.as_object_mut()?;
        for key in sent["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            tags.remove(key);
        }
        Some(Ok(json!({})))
    }

    fn tags(&mut self) -> Option<Done> {
        let tags = self.tags_of()?.as_object()?.iter();
        let tags: Vec<Value> = tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        Some(Ok(json!({ "Tags": tags })))
    }
}

fn pairs(tags: Option<&Value>) -> impl Iterator<Item = (String, Value)> {
    let tags = tags.and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone())))
}

/// Returns the names of the alarms in a composite alarm's rule.
fn children(alarm: &Value) -> Vec<String> {
    let rule = alarm["AlarmRule"].as_str().unwrap_or_default();
    let parts = rule.split(['(', ')']).collect::<Vec<_>>();
    let named = parts
        .windows(2)
        .filter(|pair| ["ALARM", "OK", "INSUFFICIENT_DATA"].iter().any(|state| pair[0].trim_end().ends_with(state)));
    let name = |text: &str| {
        let text = text.trim().trim_matches('"');
        text.split_once(":alarm:").map_or(text, |(_, name)| name).to_owned()
    };
    named.map(|pair| name(pair[1])).collect()
}
