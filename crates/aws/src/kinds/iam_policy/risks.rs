// SPDX-License-Identifier: Apache-2.0
//! The risks of a policy's statements.

use regionctl_core::kind::Risk;
use regionctl_core::model::policy::Policy;
use serde_json::Value;

use super::IamPolicyModel;

const ADMINISTRATOR: &str = "iam-administrator";
const ALLOWED_NOT_ACTION: &str = "iam-allow-not-action";
const PASS_ANY_ROLE: &str = "iam-pass-any-role";

/// The risk rules that a policy's `waiver:` waives.
pub(super) const RULES: [&str; 3] = [ADMINISTRATOR, ALLOWED_NOT_ACTION, PASS_ANY_ROLE];

/// Returns the risks of a policy, desired or live.
pub(super) fn risks(model: &IamPolicyModel) -> Vec<Risk> {
    let named = model.statements.iter().map(|(sid, statement)| (sid.as_str(), statement));
    let unnamed = model.unnamed().iter().map(|statement| ("without a Sid", statement));
    named.chain(unnamed).filter_map(|(sid, statement)| risk(sid, statement)).collect()
}

/// Returns the worst risk of a statement. A condition limits a statement in ways that are not judged here.
fn risk(sid: &str, policy: &Policy) -> Option<Risk> {
    let statement = policy.canonical()["Statement"][0].take();
    if statement["Effect"] != "Allow" || statement.get("Condition").is_some() {
        return None;
    }
    let everywhere = has(&statement["Resource"], &["*"]) || statement.get("NotResource").is_some();
    // The path holds the statement's content, so a changed statement is a new risk.
    let risk = |rule, what: &str| Some(Risk::new(rule, format!("statements {statement}"), format!("{what} in {sid}")));
    if everywhere && has(&statement["Action"], &["*", "*:*"]) {
        return risk(ADMINISTRATOR, "allows every action on every resource");
    }
    if statement.get("NotAction").is_some() {
        return risk(ALLOWED_NOT_ACTION, "allows every action that `NotAction` does not list");
    }
    if everywhere && has(&statement["Action"], &["iam:*", "iam:passrole", "iam:pass*"]) {
        return risk(PASS_ANY_ROLE, "allows passing every role to a service, also one with more permissions,");
    }
    None
}

/// Whether a text or list contains one of these words. IAM ignores the case of actions.
fn has(value: &Value, words: &[&str]) -> bool {
    let is_one = |text: &Value| text.as_str().is_some_and(|text| words.contains(&text.to_ascii_lowercase().as_str()));
    match value {
        Value::Array(items) => items.iter().any(is_one),
        other => is_one(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(statement: &Value) -> Option<&'static str> {
        risk("A", &Policy::of_statement(statement)).map(|risk| risk.rule)
    }

    #[test]
    fn broad_permissions_are_risks_unless_a_condition_limits_them() {
        let all = json!({"Effect": "Allow", "Action": ["*"], "Resource": "*"});
        assert_eq!(rule(&all), Some(ADMINISTRATOR));
        assert_eq!(rule(&json!({"Effect": "Deny", "Action": "*", "Resource": "*"})), None);
        let limited =
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a:b": "true"}}});
        assert_eq!(rule(&limited), None);
        let pass = json!({"Effect": "Allow", "Action": ["s3:GetObject", "iam:PassRole"], "Resource": "*"});
        assert_eq!(rule(&pass), Some(PASS_ANY_ROLE));
        assert_eq!(
            rule(&json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/a"})),
            None
        );
        let rest = json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"});
        assert_eq!(rule(&rest), Some(ALLOWED_NOT_ACTION));
    }
}
