//! CORS rules in one form for spec and AWS.

use std::collections::BTreeSet;

use aws_sdk_s3::types as s3;
use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{CallError, unbuilt};

/// A CORS rule. Their order matters: the first that matches counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsRule {
    /// The origins that may ask.
    pub origins: BTreeSet<String>,
    /// The methods that they may use: GET, PUT, HEAD, POST, DELETE.
    pub methods: BTreeSet<String>,
    /// The headers that they may send.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub headers: BTreeSet<String>,
    /// The headers of the answer that they may read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub expose_headers: BTreeSet<String>,
    /// The number of seconds for which browsers may remember the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<i32>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The methods that S3 takes (S3 API Reference, CORSRule).
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// Brings rules into the one form of spec and AWS: no rules at all is unset.
pub fn canonical(rules: Vec<CorsRule>) -> Setting<Vec<CorsRule>> {
    if rules.is_empty() { Setting::Unset } else { Setting::Set(rules) }
}

/// Notes what AWS refuses in a spec's rules.
pub fn check(rules: &[CorsRule], notes: &mut Notes<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        if let Some(fault) = rule.fault() {
            notes.fault(&format!("cors[{index}]"), fault, "such as {origins: [https://example.com], methods: [GET]}");
        }
    }
}

impl CorsRule {
    /// Says what AWS refuses.
    fn fault(&self) -> Option<String> {
        if self.origins.is_empty() || self.methods.is_empty() {
            return Some("a rule names at least one origin and one method".to_owned());
        }
        let unknown = self.methods.iter().find(|method| !METHODS.contains(&method.as_str()))?;
        Some(format!("S3 does not take the method {unknown}; it takes {}", METHODS.join(", ")))
    }

    /// Reads AWS's answer. A method that nobody knows stays as it is.
    pub fn of(rule: s3::CorsRule) -> Self {
        Self {
            origins: rule.allowed_origins.into_iter().collect(),
            methods: rule.allowed_methods.into_iter().collect(),
            headers: rule.allowed_headers.unwrap_or_default().into_iter().collect(),
            expose_headers: rule.expose_headers.unwrap_or_default().into_iter().collect(),
            max_age_seconds: rule.max_age_seconds,
            id: rule.id,
        }
    }

    /// Writes it for a request.
    pub fn into_sdk(self) -> Result<s3::CorsRule, CallError> {
        let list = |set: BTreeSet<String>| (!set.is_empty()).then(|| set.into_iter().collect());
        s3::CorsRule::builder()
            .set_allowed_origins(Some(self.origins.into_iter().collect()))
            .set_allowed_methods(Some(self.methods.into_iter().collect()))
            .set_allowed_headers(list(self.headers))
            .set_expose_headers(list(self.expose_headers))
            .set_max_age_seconds(self.max_age_seconds)
            .set_id(self.id)
            .build()
            .map_err(unbuilt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rule(fields: Value) -> CorsRule {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn a_rule_comes_back_as_it_was_sent() {
        for fields in [
            json!({"origins": ["*"], "methods": ["GET"]}),
            json!({"origins": ["https://a", "https://b"], "methods": ["GET", "PATCH"], "headers": ["*"],
                "expose_headers": ["ETag"], "max_age_seconds": 0, "id": "a"}),
        ] {
            let rule = rule(fields);
            assert_eq!(CorsRule::of(rule.clone().into_sdk().unwrap()), rule);
        }
    }

    #[test]
    fn what_s3_refuses_is_refused() {
        assert!(rule(json!({"origins": [], "methods": ["GET"]})).fault().is_some());
        let fault = rule(json!({"origins": ["*"], "methods": ["PATCH"]})).fault().unwrap_or_default();
        assert!(fault.contains("the method PATCH"), "{fault}");
    }
}
