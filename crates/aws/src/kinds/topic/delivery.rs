// SPDX-License-Identifier: Apache-2.0
//! The delivery policy of a topic or an HTTP(S) subscription
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>), and its two forms in AWS.

use regionctl_core::kind::Notes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How SNS delivers messages to HTTP(S) endpoints. A field that is left out has SNS's default; for a subscription, the
/// topic's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnsDeliveryPolicy")]
pub(super) struct DeliveryPolicy {
    /// Retries of failed deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
    /// The maximum number of deliveries per second and subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_receives_per_second: Option<u32>,
    /// The Content-Type header of the requests, such as `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// Topics only: whether the delivery policies of subscriptions are ignored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disable_subscription_overrides: bool,
}

/// Retries of failed deliveries, in four phases: without delay, with the minimum delay, with increasing delays
/// (backoff), and with the maximum delay. A field that is left out has SNS's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SnsRetry")]
struct Retry {
    /// The minimum delay in seconds. Default: 20.
    min_delay_target: u32,
    /// The maximum delay in seconds, up to 3600. Default: 20.
    max_delay_target: u32,
    /// The number of all retries, up to 100. Default: 3.
    num_retries: u32,
    /// The number of retries without delay. Default: 0.
    num_no_delay_retries: u32,
    /// The number of retries with the minimum delay. Default: 0.
    num_min_delay_retries: u32,
    /// The number of retries with the maximum delay. Default: 0.
    num_max_delay_retries: u32,
    /// How the delay increases. Default: linear.
    backoff_function: Backoff,
}

/// SNS's defaults, as EffectiveDeliveryPolicy of a new topic has them.
impl Default for Retry {
    fn default() -> Self {
        Self {
            min_delay_target: 20,
            max_delay_target: 20,
            num_retries: 3,
            num_no_delay_retries: 0,
            num_min_delay_retries: 0,
            num_max_delay_retries: 0,
            backoff_function: Backoff::Linear,
        }
    }
}

/// How the delay between retries increases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SnsBackoff")]
enum Backoff {
    Arithmetic,
    Exponential,
    Geometric,
    Linear,
}

/// The default of the Content-Type header.
const DEFAULT_CONTENT_TYPE: &str = "text/plain; charset=UTF-8";

/// What a delivery policy belongs to. Their documents have different names for the same members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Topic,
    Subscription,
}

impl Level {
    /// Returns AWS's names of the retry, throttle and request policies.
    fn names(self) -> [&'static str; 3] {
        match self {
            Self::Topic => ["defaultHealthyRetryPolicy", "defaultThrottlePolicy", "defaultRequestPolicy"],
            Self::Subscription => ["healthyRetryPolicy", "throttlePolicy", "requestPolicy"],
        }
    }
}

impl DeliveryPolicy {
    /// Returns the canonical form, or `None` for a policy that sets nothing. A topic's defaults are SNS's, so they are
    /// left out.
    pub(super) fn canonical(mut self, level: Level) -> Option<Self> {
        if level == Level::Topic {
            self.retry = self.retry.filter(|retry| *retry != Retry::default());
            self.content_type = self.content_type.filter(|header| header != DEFAULT_CONTENT_TYPE);
        }
        (self != Self::default()).then_some(self)
    }

    /// Parses AWS's document. Also returns the members that a spec cannot state, such as `sicklyRetryPolicy`.
    ///
    /// # Errors
    /// The document is not valid JSON, or a known member has an unknown form.
    pub(super) fn from_aws(text: &str, level: Level) -> Result<(Option<Self>, Map<String, Value>), serde_json::Error> {
        let mut document: Map<String, Value> = serde_json::from_str(text)?;
        let mut fields: Map<String, Value> = match level {
            Level::Topic => document.remove("http").map(serde_json::from_value).transpose()?.unwrap_or_default(),
            Level::Subscription => std::mem::take(&mut document),
        };
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_null());
        let [retry, throttle, request] = level.names().map(&mut take);
        let overrides = take("disableSubscriptionOverrides");
        let member = |policy: Option<Value>, name: &str| policy.map(|mut policy| policy[name].take());
        let policy = Self {
            retry: retry.map(snake_case).map(serde_json::from_value).transpose()?,
            max_receives_per_second: optional(member(throttle, "maxReceivesPerSecond"))?,
            content_type: optional(member(request, "headerContentType"))?,
            disable_subscription_overrides: optional(overrides)?.unwrap_or_default(),
        };
        document.extend(fields);
        // SNS returns members without a value as null or false.
        document.retain(|_, value| !value.is_null() && *value != Value::Bool(false));
        Ok((policy.canonical(level), document))
    }

    /// Returns AWS's document.
    pub(super) fn to_aws(&self, level: Level) -> String {
        let Self { retry, max_receives_per_second, content_type, disable_subscription_overrides } = self;
        let [retry_name, throttle, request] = level.names();
        let mut fields = Map::new();
        if let Some(retry) = retry {
            let retry = serde_json::to_value(retry).expect("invariant: plain data");
            fields.insert(retry_name.to_owned(), camel_case(retry));
        }
        if let Some(maximum) = max_receives_per_second {
            fields.insert(throttle.to_owned(), json!({ "maxReceivesPerSecond": maximum }));
        }
        if let Some(header) = content_type {
            fields.insert(request.to_owned(), json!({ "headerContentType": header }));
        }
        if level == Level::Subscription {
            return Value::Object(fields).to_string();
        }
        fields.insert("disableSubscriptionOverrides".to_owned(), (*disable_subscription_overrides).into());
        json!({ "http": fields }).to_string()
    }

    /// Adds a fault for everything that SNS would reject.
    pub(super) fn check(&self, path: &str, level: Level, notes: &mut Notes<'_>) {
        if level == Level::Subscription && self.disable_subscription_overrides {
            let message = "only the delivery policy of a topic has `disable_subscription_overrides`";
            notes.fault(&format!("{path}.disable_subscription_overrides"), message, "remove it");
        }
        if self.max_receives_per_second == Some(0) {
            let message = "`max_receives_per_second` must be at least 1";
            notes.fault(&format!("{path}.max_receives_per_second"), message, "write 1 or more, or remove it");
        }
        let Some(retry) = &self.retry else { return };
        let at = |field: &str| format!("{path}.retry.{field}");
        if retry.num_retries > 100 {
            notes.fault(&at("num_retries"), "SNS allows up to 100 retries", "write 100 or less");
        }
        if !(1..=3600).contains(&retry.min_delay_target) {
            let message = "`min_delay_target` must be 1 to 3600 seconds";
            notes.fault(&at("min_delay_target"), message, "write 1 to 3600");
        }
        if !(retry.min_delay_target..=3600).contains(&retry.max_delay_target) {
            let message = "`max_delay_target` must be at least `min_delay_target` and at most 3600 seconds";
            notes.fault(&at("max_delay_target"), message, "change one of the two delays; both defaults are 20");
        }
        let phases = [retry.num_no_delay_retries, retry.num_min_delay_retries, retry.num_max_delay_retries];
        if phases.into_iter().map(u64::from).sum::<u64>() > retry.num_retries.into() {
            let message = "the three phases have more retries than `num_retries`";
            notes.fault(&at("num_retries"), message, "increase `num_retries`; its default is 3");
        }
    }
}

fn optional<T: serde::de::DeserializeOwned>(value: Option<Value>) -> Result<Option<T>, serde_json::Error> {
    value.map_or(Ok(None), serde_json::from_value)
}

/// Converts the names of members from `minDelayTarget` to `min_delay_target`, without those that are null.
fn snake_case(value: Value) -> Value {
    let snake = |name: &str| {
        name.chars().fold(String::new(), |mut snake, letter| {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
            snake
        })
    };
    match value {
        Value::Object(fields) => {
            let set = fields.into_iter().filter(|(_, value)| !value.is_null());
            set.map(|(name, value)| (snake(&name), value)).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// Converts the names of members from `min_delay_target` to `minDelayTarget`.
fn camel_case(value: Value) -> Value {
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |camel, word| camel + &word[..1].to_ascii_uppercase() + &word[1..])
    };
    match value {
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (camel(&name), value)).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_survive_a_round_trip() {
        let policy = DeliveryPolicy {
            retry: Some(Retry { num_retries: 50, backoff_function: Backoff::Exponential, ..Retry::default() }),
            max_receives_per_second: Some(5),
            content_type: Some("application/json".to_owned()),
            disable_subscription_overrides: false,
        };
        for level in [Level::Topic, Level::Subscription] {
            let (read, rest) = DeliveryPolicy::from_aws(&policy.to_aws(level), level).unwrap();
            assert_eq!((read.as_ref(), rest.len()), (Some(&policy), 0), "{level:?}");
        }
        assert!(policy.to_aws(Level::Subscription).contains(r#""numNoDelayRetries":0"#));
    }

    /// A subscription's policy as SNS returns it: members without a value are null.
    #[test]
    fn null_is_no_value_and_a_member_that_a_spec_cannot_state_is_returned() {
        let text = r#"{"guaranteed":false,"healthyRetryPolicy":{"numRetries":9,"backoffFunction":null},
            "sicklyRetryPolicy":{"numRetries":1},"throttlePolicy":null}"#;
        let (read, rest) = DeliveryPolicy::from_aws(text, Level::Subscription).unwrap();
        assert_eq!(read.unwrap().retry, Some(Retry { num_retries: 9, ..Retry::default() }));
        assert_eq!(rest.keys().collect::<Vec<_>>(), ["sicklyRetryPolicy"]);
    }

    #[test]
    fn the_defaults_of_a_topic_are_no_policy() {
        let text = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,
            "numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},
            "disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#;
        assert_eq!(DeliveryPolicy::from_aws(text, Level::Topic).unwrap(), (None, Map::new()));
        assert!(DeliveryPolicy::from_aws(r#"{"http":{"defaultHealthyRetryPolicy":{"new":1}}}"#, Level::Topic).is_err());
    }
}
