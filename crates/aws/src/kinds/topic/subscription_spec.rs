// SPDX-License-Identifier: Apache-2.0
//! The spec of a subscription, its conversion to models and its checks.

use std::collections::BTreeSet;

use regionctl_core::diff::Keyed;
use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::delivery::{DeliveryPolicy, Level};
use super::model::{FilterScope, Subscription, SubscriptionSettings};
use super::spec::{Document, check_role, not_empty, or_default};

/// A subscription: one protocol with its endpoint, and the settings of the subscription. Settings that are left out are
/// not managed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SnsSubscription")]
pub(super) struct SubscriptionSpec {
    /// An email address. The recipient must confirm the subscription.
    email: Option<String>,
    /// An email address that receives JSON. The recipient must confirm the subscription.
    #[serde(rename = "email-json")]
    email_json: Option<String>,
    /// An HTTPS URL without a user name or password. The endpoint must confirm the subscription.
    https: Option<String>,
    /// An HTTP URL, to which messages are sent unencrypted. The endpoint must confirm the subscription.
    http: Option<String>,
    /// The ARN of an SQS queue.
    sqs: Option<String>,
    /// The ARN of a Lambda function.
    lambda: Option<String>,
    /// The ARN of a Firehose delivery stream. Needs `role`.
    firehose: Option<String>,
    /// The ARN of the endpoint of a mobile app.
    application: Option<String>,
    /// A phone number.
    sms: Option<String>,
    /// The filter policy, as YAML or as a text with JSON: only matching messages are delivered. `unset`: all messages.
    filter_policy: Setting<Document>,
    /// What the filter policy applies to. `MessageBody` needs `filter_policy`. Default: MessageAttributes.
    filter_policy_scope: Setting<FilterScope>,
    /// Whether messages are delivered without SNS's JSON around them, to SQS, Firehose and HTTP(S). Default: false.
    raw_delivery: Setting<bool>,
    /// The ARN of the SQS queue for messages that cannot be delivered (the redrive policy).
    dead_letter: Setting<String>,
    /// How SNS delivers messages to an HTTP(S) endpoint. `unset`: as the topic's `delivery_policy` says.
    delivery_policy: Setting<DeliveryPolicy>,
    /// Firehose only: the ARN of the role with which SNS writes to the delivery stream.
    role: Setting<String>,
    /// `true` removes the subscription, with its settings. This needs `--allow-destroy`.
    absent: bool,
}

/// Converts the subscriptions of a spec to their models.
pub(super) fn into_models(
    specs: Vec<SubscriptionSpec>,
    is_fifo: bool,
    notes: &mut Notes<'_>,
) -> (Vec<Subscription>, Vec<SubscriptionSettings>) {
    let (mut subscriptions, mut all_settings, mut keys) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (index, spec) in specs.into_iter().enumerate() {
        let path = format!("subscriptions[{index}]");
        let Some((subscription, settings)) = spec.into_model(&path, is_fifo, notes) else { continue };
        if !keys.insert(subscription.key()) {
            let message = "the spec states this subscription twice";
            notes.fault(&path, message, "remove one of the two entries");
        }
        if !settings.is_unstated() {
            all_settings.push(settings);
        }
        subscriptions.push(subscription);
    }
    (subscriptions, all_settings)
}

impl SubscriptionSpec {
    fn into_model(
        mut self,
        path: &str,
        is_fifo: bool,
        notes: &mut Notes<'_>,
    ) -> Option<(Subscription, SubscriptionSettings)> {
        let endpoints = [
            ("email", self.email.take()),
            ("email-json", self.email_json.take()),
            ("https", self.https.take()),
            ("http", self.http.take()),
            ("sqs", self.sqs.take()),
            ("lambda", self.lambda.take()),
            ("firehose", self.firehose.take()),
            ("application", self.application.take()),
            ("sms", self.sms.take()),
        ];
        let protocols = endpoints.each_ref().map(|(protocol, _)| *protocol).join(", ");
        let stated: Vec<_> =
            endpoints.into_iter().filter_map(|(protocol, endpoint)| Some((protocol, endpoint?))).collect();
        let [(protocol, endpoint)] = stated.as_slice() else {
            let message = "a subscription needs exactly one protocol with its endpoint";
            notes.fault(path, message, format!("write one of {protocols}"));
            return None;
        };
        self.check(protocol, endpoint, path, is_fifo, notes);
        let subscription = Subscription {
            protocol: (*protocol).to_owned(),
            endpoint: endpoint.clone(),
            pending: false,
            arn: None,
            absent: self.absent,
        };
        let filter_policy = self.filter_policy.map(|document| {
            let at = format!("{path}.filter_policy");
            let filter = document.parse(&at, 256 * 1024, notes);
            let filter = filter.inspect(|filter| check_filter(filter, &at, self.filter_policy_scope, notes));
            // SNS removes the filter policy if it is {}.
            filter.map_or(
                Setting::Unstated,
                |filter| if filter.is_empty() { Setting::Unset } else { Setting::Set(filter) },
            )
        });
        let delivery = self.delivery_policy.map(|policy| Setting::live(policy.canonical(Level::Subscription)));
        let settings = SubscriptionSettings {
            protocol: (*protocol).to_owned(),
            endpoint: endpoint.clone(),
            filter_policy: filter_policy.flatten(),
            filter_policy_scope: or_default(self.filter_policy_scope, FilterScope::MessageAttributes),
            raw_delivery: or_default(self.raw_delivery, false),
            dead_letter: not_empty(self.dead_letter),
            delivery_policy: delivery.flatten(),
            role: not_empty(self.role),
        };
        Some((subscription, settings))
    }

    /// Adds a fault for everything that SNS would reject, except for the filter policy.
    fn check(&self, protocol: &str, endpoint: &str, path: &str, is_fifo: bool, notes: &mut Notes<'_>) {
        if has_password(endpoint) {
            let help = "use a URL without a password";
            notes.fault_of_a_secret(path, "the endpoint URL contains a password", help);
        } else if let Some((message, help)) = endpoint_fault(protocol, endpoint, is_fifo) {
            notes.fault(path, message, help);
        }
        let is_http = matches!(protocol, "http" | "https");
        if self.raw_delivery == Setting::Set(true) && !is_http && !matches!(protocol, "sqs" | "firehose") {
            let message = format!("the protocol {protocol} does not support raw delivery");
            notes.fault(&format!("{path}.raw_delivery"), message, "remove `raw_delivery`");
        }
        if let Some(policy) = self.delivery_policy.value() {
            let at = format!("{path}.delivery_policy");
            if !is_http {
                notes.fault(&at, "only HTTP(S) subscriptions have a delivery policy", "remove `delivery_policy`");
            }
            policy.check(&at, Level::Subscription, notes);
        }
        let is_queue = |arn: &String| arn.contains("${") || (arn.starts_with("arn:") && arn.contains(":sqs:"));
        if self.dead_letter.is_set_and(|arn| !arn.is_empty() && !is_queue(arn)) {
            let message = "`dead_letter` must be the ARN of an SQS queue";
            notes.fault(&format!("{path}.dead_letter"), message, "write an ARN, or `unset`");
        }
        // SNS returns the scope only together with a filter policy.
        if self.filter_policy_scope == Setting::Set(FilterScope::MessageBody) && !self.filter_policy.is_set() {
            let message = "`filter_policy_scope` has no effect without a filter policy";
            notes.fault(&format!("{path}.filter_policy_scope"), message, "add `filter_policy`, or remove the scope");
        }
        let at = format!("{path}.role");
        match (protocol, &self.role) {
            ("firehose", Setting::Set(_)) => check_role(&at, &self.role, notes),
            ("firehose", _) if !self.absent => {
                notes.fault(path, "a Firehose subscription needs a role", "add `role` with the ARN of an IAM role");
            }
            (_, Setting::Set(_)) => notes.fault(&at, "only Firehose subscriptions have a role", "remove `role`"),
            _ => {}
        }
    }
}

/// Whether a URL has credentials, as in `https://user:password@host/…`.
fn has_password(endpoint: &str) -> bool {
    let authority = endpoint.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// Returns why SNS would reject an endpoint, and what to do.
fn endpoint_fault(protocol: &str, endpoint: &str, is_fifo: bool) -> Option<(String, &'static str)> {
    // https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html
    if is_fifo && !matches!(protocol, "sqs" | "lambda" | "firehose") {
        let help = "subscribe an SQS queue, or use a standard topic";
        return Some((format!("a FIFO topic does not deliver to the protocol {protocol}"), help));
    }
    if endpoint.contains("${") {
        return None;
    }
    match protocol {
        "email" | "email-json" if !endpoint.contains('@') => {
            Some((format!("'{endpoint}' is not an email address"), "use an address such as alerts@example.com"))
        }
        "https" if !endpoint.starts_with("https://") => {
            Some((format!("'{endpoint}' is not an HTTPS URL"), "use a URL that starts with https://"))
        }
        "http" if !endpoint.starts_with("http://") => {
            Some((format!("'{endpoint}' is not an HTTP URL"), "use a URL that starts with http://"))
        }
        "sqs" | "lambda" | "firehose" | "application" if !endpoint.starts_with("arn:") => Some((
            format!("'{endpoint}' is not an ARN"),
            "use an ARN such as arn:aws:sqs:eu-central-1:123456789012:queue",
        )),
        "sqs" if endpoint.ends_with(super::FIFO) && !is_fifo => Some((
            "a FIFO queue cannot subscribe to a standard topic".to_owned(),
            "subscribe a standard queue, or use a FIFO topic",
        )),
        _ => None,
    }
}

/// Adds a fault for a filter policy that SNS would reject
/// (<https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>).
fn check_filter(filter: &Map<String, Value>, path: &str, scope: Setting<FilterScope>, notes: &mut Notes<'_>) {
    if filter.len() > 5 {
        notes.fault(path, "a filter policy can have up to 5 keys", "remove keys, or use several subscriptions");
    }
    for (key, condition) in filter {
        let at = format!("{path}.{key}");
        match condition {
            Value::Array(_) => {}
            Value::Object(_) if scope == Setting::Set(FilterScope::MessageBody) => {}
            Value::Object(_) => {
                let message = format!("'{key}' is nested, which only the scope MessageBody allows");
                notes.fault(&at, message, "add `filter_policy_scope: MessageBody`, or use a list of values");
            }
            _ => {
                notes.fault(&at, format!("'{key}' has no list of values"), "write a list, such as [one, two]");
            }
        }
    }
}
