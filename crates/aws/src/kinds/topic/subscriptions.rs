// SPDX-License-Identifier: Apache-2.0
//! Compares subscriptions, each on its own: other subscriptions of the topic do not change.

use std::collections::BTreeMap;

use regionctl_core::diff::{Covers, Diff, Keyed, Mode, Phase};
use regionctl_core::resource::setting::Setting;
use serde::Serialize;
use serde_json::json;

use super::delivery::Level;
use super::model::{FilterScope, Subscription, SubscriptionSettings, TopicModel, word};
use super::{TopicOp, json as json_text};

/// The attribute that SNS removes if the request has no value for it.
const REDRIVE_POLICY: &str = "RedrivePolicy";

/// Adds the steps that create, change and remove the subscriptions that the spec states.
pub(super) fn diff(want: &TopicModel, live: Option<&TopicModel>, out: &mut Diff<'_, TopicOp>) {
    let stated = want.subscriptions.value().map_or(&[][..], Vec::as_slice);
    let current = live.and_then(|live| live.subscriptions.value()).map_or(&[][..], Vec::as_slice);
    let (absent, desired): (Vec<_>, Vec<_>) = stated.iter().cloned().partition(|subscription| subscription.absent);
    for (subscription, covers) in out.keyed("subscriptions", &desired, current, Mode::Additive).added {
        create(subscription, want, covers, out);
    }
    for desired in &desired {
        let Some(found) = current.iter().find(|found| found.key() == desired.key()) else { continue };
        match &found.arn {
            None => ask_again(desired, want, out),
            Some(arn) => change(desired, arn, want, live, out),
        }
    }
    for absent in &absent {
        if let Some(found) = current.iter().find(|found| found.key() == absent.key()) {
            remove(found, out);
        }
    }
}

fn create(subscription: Subscription, want: &TopicModel, mut covers: Covers, out: &mut Diff<'_, TopicOp>) {
    let key = subscription.key();
    match subscription.protocol.as_str() {
        "email" | "email-json" => {
            out.waiting(format!("{key}: the recipient must confirm the subscription in the email that AWS sends"));
        }
        "http" | "https" => out.waiting(format!(
            "{key}: the endpoint must confirm the subscription with the SubscribeURL in the message that AWS sends"
        )),
        _ => {}
    }
    let settings = want.settings_of(&subscription);
    for attribute in settings.map(attributes).unwrap_or_default() {
        covers = covers.and(attribute.compare(settings, None, &key, out));
    }
    let attributes = settings.map(on_creation).unwrap_or_default();
    let Subscription { protocol, endpoint, .. } = subscription;
    out.step(Phase::Change, covers, TopicOp::Subscribe { protocol, endpoint, attributes });
}

/// Records that a subscription is not confirmed. AWS returns no settings of it, so they cannot be compared.
fn ask_again(subscription: &Subscription, want: &TopicModel, out: &mut Diff<'_, TopicOp>) {
    let what = format!(
        "{} is not confirmed; the recipient must confirm it in AWS's message (valid for two days), or send the \
         message again with `apply --resend`",
        subscription.key()
    );
    let attributes = want.settings_of(subscription).map(on_creation).unwrap_or_default();
    let Subscription { protocol, endpoint, .. } = subscription.clone();
    out.waiting_again(what, &TopicOp::Subscribe { protocol, endpoint, attributes });
}

fn change(
    subscription: &Subscription,
    arn: &str,
    want: &TopicModel,
    live: Option<&TopicModel>,
    out: &mut Diff<'_, TopicOp>,
) {
    let Some(settings) = want.settings_of(subscription) else { return };
    let current = live.and_then(|live| live.settings_of(subscription));
    let mut list = attributes(settings);
    // SNS rejects a nested filter policy with the scope MessageAttributes, so a nested one must be replaced first.
    if settings.filter_policy_scope == Setting::Set(FilterScope::MessageBody) {
        list.sort_by_key(|attribute| attribute.name != "FilterPolicyScope");
    }
    for attribute in list {
        let covers = attribute.compare(Some(settings), current, &subscription.key(), out);
        if attribute.name.starts_with("FilterPolicy") {
            // https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html
            out.remark(&covers, "takes effect within 15 minutes");
        }
        let (subscription, name) = (arn.to_owned(), attribute.name.to_owned());
        let op = TopicOp::SetSubscriptionAttributes { subscription, name, value: attribute.value_to_set() };
        out.step(Phase::Change, covers, op);
    }
}

fn remove(found: &Subscription, out: &mut Diff<'_, TopicOp>) {
    let key = found.key();
    let Some(arn) = &found.arn else {
        // Unsubscribe needs the ARN (https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html).
        return out.waiting(format!("{key} is not confirmed and cannot be removed; AWS removes it after two days"));
    };
    let covers = out.gone(&format!("subscriptions[{key}]"), &found.endpoint);
    out.deletes(format!("the subscription {key} is removed with its settings"));
    out.step(Phase::Narrow, covers, TopicOp::Unsubscribe { subscription: arn.clone() });
}

/// An attribute of a subscription.
struct Attribute {
    /// AWS's name.
    name: &'static str,
    /// AWS's form of the desired value; `None` if it is unset or unstated.
    value: Option<String>,
    compare: fn(&SubscriptionSettings, Option<&SubscriptionSettings>, &str, &mut Diff<'_, TopicOp>) -> Covers,
}

impl Attribute {
    fn compare(
        &self,
        want: Option<&SubscriptionSettings>,
        live: Option<&SubscriptionSettings>,
        key: &str,
        out: &mut Diff<'_, TopicOp>,
    ) -> Covers {
        want.map(|want| (self.compare)(want, live, &format!("subscriptions[{key}]"), out)).unwrap_or_default()
    }

    /// Returns the value of SetSubscriptionAttributes. It is empty for an attribute without a value, except that an
    /// empty filter policy is `{}` (<https://docs.aws.amazon.com/sns/latest/dg/message-filtering-policy-remove.html>)
    /// and SNS rejects an empty RedrivePolicy, but accepts a request without a value.
    fn value_to_set(&self) -> Option<String> {
        match (&self.value, self.name) {
            (None, "FilterPolicy") => Some("{}".to_owned()),
            (None, REDRIVE_POLICY) => None,
            (value, _) => Some(value.clone().unwrap_or_default()),
        }
    }
}

/// Returns all attributes of a subscription.
fn attributes(settings: &SubscriptionSettings) -> Vec<Attribute> {
    let filter = settings.filter_policy.value().map(json_text);
    let scope = settings.filter_policy_scope.value().map(word);
    let raw = settings.raw_delivery.value().map(bool::to_string);
    let redrive = settings.dead_letter.value().map(|arn| json!({ "deadLetterTargetArn": arn }).to_string());
    let delivery = settings.delivery_policy.value().map(|policy| policy.to_aws(Level::Subscription));
    vec![
        Attribute {
            name: "FilterPolicy",
            value: filter,
            compare: |want, live, at, out| {
                compare(&format!("{at}.filter_policy"), &want.filter_policy, live.map(|live| &live.filter_policy), out)
            },
        },
        Attribute {
            name: "FilterPolicyScope",
            value: scope,
            compare: |want, live, at, out| {
                let live = live.map(|live| &live.filter_policy_scope);
                compare(&format!("{at}.filter_policy_scope"), &want.filter_policy_scope, live, out)
            },
        },
        Attribute {
            name: "RawMessageDelivery",
            value: raw,
            compare: |want, live, at, out| {
                compare(&format!("{at}.raw_delivery"), &want.raw_delivery, live.map(|live| &live.raw_delivery), out)
            },
        },
        Attribute {
            name: REDRIVE_POLICY,
            value: redrive,
            compare: |want, live, at, out| {
                compare(&format!("{at}.dead_letter"), &want.dead_letter, live.map(|live| &live.dead_letter), out)
            },
        },
        Attribute {
            name: "DeliveryPolicy",
            value: delivery,
            compare: |want, live, at, out| {
                let live = live.map(|live| &live.delivery_policy);
                compare(&format!("{at}.delivery_policy"), &want.delivery_policy, live, out)
            },
        },
        Attribute {
            name: "SubscriptionRoleArn",
            value: settings.role.get(),
            compare: |want, live, at, out| compare(&format!("{at}.role"), &want.role, live.map(|live| &live.role), out),
        },
    ]
}

fn compare<T: Serialize>(
    path: &str,
    want: &Setting<T>,
    live: Option<&Setting<T>>,
    out: &mut Diff<'_, TopicOp>,
) -> Covers {
    out.setting(path, want, live)
}

/// Returns the attributes for Subscribe. The defaults are left out: SNS rejects `RawMessageDelivery` for protocols that
/// do not support it, whatever its value.
fn on_creation(settings: &SubscriptionSettings) -> BTreeMap<String, String> {
    let set =
        attributes(settings).into_iter().filter_map(|attribute| Some((attribute.name.to_owned(), attribute.value?)));
    let is_default = |name: &str, value: &str| {
        matches!((name, value), ("RawMessageDelivery", "false") | ("FilterPolicyScope", "MessageAttributes"))
    };
    set.filter(|(name, value)| !is_default(name, value)).collect()
}
