// SPDX-License-Identifier: Apache-2.0
//! SNS's default access policy, and the risks of a policy.

use regionctl_core::kind::Risk;
use regionctl_core::model::policy::Policy;
use regionctl_core::resource::setting::Setting;
use serde_json::json;

use super::model::TopicModel;

pub(super) const PUBLIC_POLICY: &str = "sns-public-policy";
pub(super) const UNENCRYPTED_HTTP: &str = "sns-http";

/// The risk rules that a topic's `waiver:` waives.
pub(super) const RULES: [&str; 2] = [PUBLIC_POLICY, UNENCRYPTED_HTTP];

/// The actions in the default policy of a new topic.
const DEFAULT_ACTIONS: [&str; 8] = [
    "SNS:GetTopicAttributes",
    "SNS:SetTopicAttributes",
    "SNS:AddPermission",
    "SNS:RemovePermission",
    "SNS:DeleteTopic",
    "SNS:Subscribe",
    "SNS:ListSubscriptionsByTopic",
    "SNS:Publish",
];

/// The additional action in the default policy of older topics.
const OLD_DEFAULT_ACTION: &str = "SNS:Receive";

/// Returns the default policy of a new topic: it allows the actions to principals of the topic's own account.
pub(super) fn default_policy(arn: &str) -> String {
    with_actions(arn, &DEFAULT_ACTIONS)
}

fn with_actions(arn: &str, actions: &[&str]) -> String {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": actions,
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(':').nth(4)}},
        }],
    })
    .to_string()
}

/// Whether a policy is a default policy of the topic that it names. It compares content: custom policies often have the
/// default `Id` too, because they are copied from examples.
pub(super) fn is_default(policy: &Policy) -> bool {
    let canonical = policy.canonical();
    let Some(arn) = canonical["Statement"][0]["Resource"].as_str() else { return false };
    let is = |actions: &[&str]| Policy::from_aws(&with_actions(arn, actions)).is_ok_and(|default| default == *policy);
    is(&DEFAULT_ACTIONS) || is(&[&DEFAULT_ACTIONS[..], &[OLD_DEFAULT_ACTION]].concat())
}

/// Returns a stated policy in the form of the live one, in which a default policy is unset.
pub(super) fn without_default(policy: Setting<Policy>) -> Setting<Policy> {
    if policy.is_set_and(is_default) { Setting::Unset } else { policy }
}

/// Returns the risks of a topic, desired or live.
pub(super) fn risks(model: &TopicModel) -> Vec<Risk> {
    let statements = model.policy.value().map(Policy::public_statements).unwrap_or_default();
    let public = statements.into_iter().map(|(sid, statement)| {
        // The path holds the statement's content, so a changed statement is a new risk.
        let what = format!("grants public access in the policy statement {sid}");
        Risk::new(PUBLIC_POLICY, format!("policy {statement}"), what)
    });
    let subscriptions = model.subscriptions.value().into_iter().flatten();
    let http = subscriptions.filter(|subscription| subscription.protocol == "http" && !subscription.absent);
    let unencrypted = http.map(|subscription| {
        let what = format!("sends messages unencrypted to {}", subscription.endpoint);
        Risk::new(UNENCRYPTED_HTTP, format!("subscriptions[http {}]", subscription.endpoint), what)
    });
    public.chain(unencrypted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_default_policies_are_unset_and_other_policies_are_not() {
        let arn = "arn:aws:sns:eu-central-1:123456789012:t";
        let policy = |text: &str| Policy::from_aws(text).unwrap();
        let old = with_actions(arn, &[&["SNS:Receive"], &DEFAULT_ACTIONS[..]].concat());
        for default in [default_policy(arn), old] {
            assert_eq!(without_default(Setting::Set(policy(&default))), Setting::Unset);
        }
        let of_another_account = default_policy(arn).replacen("\"123456789012\"", "\"210987654321\"", 1);
        for other in [with_actions(arn, &["SNS:Publish"]), of_another_account] {
            assert!(!is_default(&policy(&other)), "{other}");
        }
    }
}
