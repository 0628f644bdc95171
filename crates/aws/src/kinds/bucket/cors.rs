// SPDX-License-Identifier: Apache-2.0
//! CORS rules, the same type for spec and live
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html>).

use std::collections::BTreeSet;

use aws_sdk_s3::types as s3;
use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{CallError, build_error};

/// A CORS rule. The order of rules matters: S3 uses the first rule that matches a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsRule {
    /// Allowed origins, such as `https://example.com` or `*`. At least one.
    pub origins: BTreeSet<String>,
    /// Allowed methods: GET, PUT, HEAD, POST and DELETE. At least one.
    pub methods: BTreeSet<String>,
    /// Allowed request headers. `*` allows all headers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub headers: BTreeSet<String>,
    /// Response headers that browsers expose to applications.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub expose_headers: BTreeSet<String>,
    /// How long browsers may cache the preflight response, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<i32>,
    /// The ID of the rule, at most 255 characters. S3 does not need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The methods that S3 supports (S3 API Reference, CORSRule).
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// Normalizes rules for comparison: an empty list is `Unset`.
pub fn canonical(rules: Vec<CorsRule>) -> Setting<Vec<CorsRule>> {
    if rules.is_empty() { Setting::Unset } else { Setting::Set(rules) }
}

/// Adds a fault to the notes for every rule that S3 would reject.
pub fn check(rules: &[CorsRule], notes: &mut Notes<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        if let Some(fault) = rule.fault() {
            notes.fault(
                &format!("cors[{index}]"),
                fault,
                "write a rule such as `{origins: [https://example.com], methods: [GET]}`",
            );
        }
    }
}

impl CorsRule {
    /// Returns why S3 would reject the rule, or `None` if it is valid.
    fn fault(&self) -> Option<String> {
        if self.origins.is_empty() || self.methods.is_empty() {
            return Some("a CORS rule needs at least one origin and one method".to_owned());
        }
        let unknown = self.methods.iter().find(|method| !METHODS.contains(&method.as_str()))?;
        Some(format!("S3 does not support the method '{unknown}', only {}", METHODS.join(", ")))
    }

    /// Converts a rule of GetBucketCors. An unknown method is kept.
    pub fn from_sdk(rule: s3::CorsRule) -> Self {
        Self {
            origins: rule.allowed_origins.into_iter().collect(),
            methods: rule.allowed_methods.into_iter().collect(),
            headers: rule.allowed_headers.unwrap_or_default().into_iter().collect(),
            expose_headers: rule.expose_headers.unwrap_or_default().into_iter().collect(),
            max_age_seconds: rule.max_age_seconds,
            id: rule.id,
        }
    }

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
            .map_err(build_error)
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
    fn a_rule_survives_a_round_trip() {
        for fields in [
            json!({"origins": ["*"], "methods": ["GET"]}),
            json!({"origins": ["https://a", "https://b"], "methods": ["GET", "PATCH"], "headers": ["*"],
                "expose_headers": ["ETag"], "max_age_seconds": 0, "id": "a"}),
        ] {
            let rule = rule(fields);
            assert_eq!(CorsRule::from_sdk(rule.clone().into_sdk().unwrap()), rule);
        }
    }

    #[test]
    fn a_rule_that_s3_rejects_is_a_fault() {
        assert!(rule(json!({"origins": [], "methods": ["GET"]})).fault().is_some());
        let fault = rule(json!({"origins": ["*"], "methods": ["PATCH"]})).fault().unwrap_or_default();
        assert!(fault.contains("the method 'PATCH'"), "{fault}");
    }
}
