// SPDX-License-Identifier: Apache-2.0
//! Static website hosting, the same type for spec and live. PutBucketWebsite replaces the whole configuration
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html>), so a spec states the whole website.

use aws_sdk_s3::operation::get_bucket_website::GetBucketWebsiteOutput;
use aws_sdk_s3::types as s3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{CallError, build_error};

const GET: &str = "S3 GetBucketWebsite";

/// The most routing rules of a website (PutBucketWebsite).
const MAX_RULES: usize = 50;

/// Static website hosting. It has `redirect_all`, or `index` and the other fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BucketWebsite")]
pub struct Website {
    /// The index document, such as index.html: the name of the object that S3 returns for a directory. No slashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The key of the object that S3 returns with an error of the class 4XX. Default: S3's own error document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Redirects all requests to another host. Excludes all other fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_all: Option<RedirectAll>,
    /// Conditional redirects, in order: S3 applies the first rule that matches. At most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routing_rules: Vec<RoutingRule>,
}

/// The target of all requests to a website.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BucketWebsiteRedirectAll")]
pub struct RedirectAll {
    /// The host name, such as example.com.
    pub host: String,
    /// The protocol, http or https. Default: the protocol of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

/// A conditional redirect of a website. It applies to requests that meet both conditions (`key_prefix`, `error_code`).
/// Without conditions it applies to all requests. At least one of the other fields is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BucketWebsiteRoutingRule")]
pub struct RoutingRule {
    /// Condition: the prefix of the requested key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key_prefix: String,
    /// Condition: the HTTP status that S3 would return, 400 to 599.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u16>,
    /// The host name of the redirect. Default: the host of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The protocol of the redirect, http or https. Default: the protocol of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The text that replaces `key_prefix` in the key. An empty text removes the prefix. Excludes `replace_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_prefix: Option<String>,
    /// The key that replaces the whole key. Excludes `replace_prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_key: Option<String>,
    /// The HTTP status of the redirect, 301 to 399. Default: 301.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_code: Option<u16>,
}

/// The protocol of a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "BucketWebsiteProtocol")]
pub enum Protocol {
    /// HTTP.
    Http,
    /// HTTPS.
    Https,
}

/// A fault of a website: the path within it, the message and the help.
pub type Fault = (String, String, &'static str);

impl Website {
    /// Returns everything that S3 would reject.
    pub fn faults(&self) -> Vec<Fault> {
        let mut out: Vec<Fault> = Vec::new();
        let mut add = |field: &str, what: &str, help: &'static str| out.push((field.to_owned(), what.to_owned(), help));
        let others = self.index.is_some() || self.error.is_some() || !self.routing_rules.is_empty();
        match &self.redirect_all {
            Some(_) if others => {
                let help = "remove `redirect_all`, or all other fields";
                add("redirect_all", "`redirect_all` cannot be combined with other fields of the website", help);
            }
            Some(target) if !is_host(&target.host) => {
                add("redirect_all.host", "`host` is not a host name", "write a name such as example.com");
            }
            None if self.index.is_none() => {
                let help = "add `index`, such as index.html";
                add("", "a website needs an index document or `redirect_all`", help);
            }
            _ => {}
        }
        if self.index.as_ref().is_some_and(|name| name.is_empty() || name.contains('/')) {
            add("index", "`index` must be a name without slashes", "write a name such as index.html");
        }
        if self.error.as_ref().is_some_and(String::is_empty) {
            add("error", "`error` must be the key of an object", "write a key such as error.html, or remove `error`");
        }
        if self.routing_rules.len() > MAX_RULES {
            let what = format!("more than {MAX_RULES} routing rules");
            add("routing_rules", &what, "merge rules, or redirect single objects with their metadata");
        }
        for (index, rule) in self.routing_rules.iter().enumerate() {
            out.extend(rule.faults(&format!("routing_rules[{index}]")));
        }
        out
    }

    /// Whether S3 serves objects of the bucket.
    pub fn serves_objects(&self) -> bool {
        self.redirect_all.is_none()
    }

    /// Converts the answer of GetBucketWebsite.
    ///
    /// # Errors
    /// A value is unknown.
    pub fn from_sdk(answer: GetBucketWebsiteOutput) -> Result<Self, CallError> {
        let redirect_all = answer.redirect_all_requests_to.map(|target| {
            let protocol = target.protocol.as_ref().map(protocol_from_sdk).transpose()?;
            Ok::<_, CallError>(RedirectAll { host: target.host_name, protocol })
        });
        let rules = answer.routing_rules.unwrap_or_default();
        Ok(Self {
            index: answer.index_document.map(|document| document.suffix),
            error: answer.error_document.map(|document| document.key),
            redirect_all: redirect_all.transpose()?,
            routing_rules: rules.into_iter().map(RoutingRule::from_sdk).collect::<Result<_, _>>()?,
        })
    }

    pub fn into_sdk(self) -> Result<s3::WebsiteConfiguration, CallError> {
        let index = self.index.map(|suffix| s3::IndexDocument::builder().suffix(suffix).build());
        let error = self.error.map(|key| s3::ErrorDocument::builder().key(key).build());
        let all = self.redirect_all.map(|target| {
            let protocol = target.protocol.map(protocol_to_sdk);
            s3::RedirectAllRequestsTo::builder().host_name(target.host).set_protocol(protocol).build()
        });
        let rules: Vec<_> = self.routing_rules.into_iter().map(RoutingRule::into_sdk).collect();
        Ok(s3::WebsiteConfiguration::builder()
            .set_index_document(index.transpose().map_err(build_error)?)
            .set_error_document(error.transpose().map_err(build_error)?)
            .set_redirect_all_requests_to(all.transpose().map_err(build_error)?)
            .set_routing_rules((!rules.is_empty()).then_some(rules))
            .build())
    }
}

impl RoutingRule {
    fn faults(&self, at: &str) -> Vec<Fault> {
        let mut out: Vec<Fault> = Vec::new();
        let mut add = |field: &str, what: &str, help: &'static str| {
            let field = if field.is_empty() { at.to_owned() } else { format!("{at}.{field}") };
            out.push((field, what.to_owned(), help));
        };
        let Self { key_prefix: _, error_code, host, protocol, replace_prefix, replace_key, redirect_code } = self;
        let replaces = replace_prefix.is_some() || replace_key.is_some();
        if host.is_none() && protocol.is_none() && redirect_code.is_none() && !replaces {
            let help = "add `host`, `protocol`, `replace_prefix`, `replace_key` or `redirect_code`";
            add("", "the routing rule does not say where it redirects to", help);
        }
        if replace_prefix.is_some() && replace_key.is_some() {
            let help = "remove one of them";
            add("replace_key", "`replace_prefix` and `replace_key` are mutually exclusive", help);
        }
        if host.as_ref().is_some_and(|host| !is_host(host)) {
            add("host", "`host` is not a host name", "write a name such as example.com");
        }
        if error_code.is_some_and(|code| !(400..600).contains(&code)) {
            add("error_code", "`error_code` is not an HTTP error", "write a status from 400 to 599");
        }
        if redirect_code.is_some_and(|code| !(301..400).contains(&code)) {
            add("redirect_code", "`redirect_code` is not an HTTP redirect", "write a status from 301 to 399");
        }
        out
    }

    /// Returns a description of the condition, for messages.
    pub fn condition(&self) -> String {
        match (self.key_prefix.as_str(), self.error_code) {
            ("", None) => "all requests".to_owned(),
            ("", Some(code)) => format!("the error {code}"),
            (prefix, None) => format!("'{prefix}'"),
            (prefix, Some(code)) => format!("'{prefix}' and the error {code}"),
        }
    }

    fn from_sdk(rule: s3::RoutingRule) -> Result<Self, CallError> {
        let (prefix, error_code) = rule
            .condition
            .map(|condition| (condition.key_prefix_equals, condition.http_error_code_returned_equals))
            .unwrap_or_default();
        let redirect = rule.redirect.ok_or_else(|| CallError::unknown(GET, "a routing rule", "(no redirect)"))?;
        Ok(Self {
            key_prefix: prefix.unwrap_or_default(),
            error_code: error_code.as_deref().map(status).transpose()?,
            host: redirect.host_name,
            protocol: redirect.protocol.as_ref().map(protocol_from_sdk).transpose()?,
            replace_prefix: redirect.replace_key_prefix_with,
            replace_key: redirect.replace_key_with,
            redirect_code: redirect.http_redirect_code.as_deref().map(status).transpose()?,
        })
    }

    fn into_sdk(self) -> s3::RoutingRule {
        let prefix = (!self.key_prefix.is_empty()).then_some(self.key_prefix);
        // S3 rejects an empty condition.
        let condition = (prefix.is_some() || self.error_code.is_some()).then(|| {
            let error_code = self.error_code.map(|code| code.to_string());
            s3::Condition::builder()
                .set_key_prefix_equals(prefix)
                .set_http_error_code_returned_equals(error_code)
                .build()
        });
        let redirect = s3::Redirect::builder()
            .set_host_name(self.host)
            .set_protocol(self.protocol.map(protocol_to_sdk))
            .set_replace_key_prefix_with(self.replace_prefix)
            .set_replace_key_with(self.replace_key)
            .set_http_redirect_code(self.redirect_code.map(|code| code.to_string()))
            .build();
        s3::RoutingRule::builder().set_condition(condition).redirect(redirect).build()
    }
}

/// Returns what a live website has and the desired one does not state, as clauses.
pub fn lost(live: &Website, want: &Website) -> Vec<String> {
    let error = live.error.as_ref().filter(|_| want.error.is_none());
    let error = error.map(|key| format!("the error document {key} of website is removed"));
    let is_lost = |rule: &&RoutingRule| !want.routing_rules.iter().any(|other| other.condition() == rule.condition());
    let rules = live.routing_rules.iter().filter(is_lost);
    let rules = rules.map(|rule| format!("the routing rule for {} of website is removed", rule.condition()));
    error.into_iter().chain(rules).collect()
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

fn status(text: &str) -> Result<u16, CallError> {
    text.parse().map_err(|_| CallError::unknown(GET, "the HTTP status", text))
}

fn protocol_from_sdk(protocol: &s3::Protocol) -> Result<Protocol, CallError> {
    match protocol {
        s3::Protocol::Http => Ok(Protocol::Http),
        s3::Protocol::Https => Ok(Protocol::Https),
        other => Err(CallError::unknown(GET, "the protocol", other.as_str())),
    }
}

fn protocol_to_sdk(protocol: Protocol) -> s3::Protocol {
    match protocol {
        Protocol::Http => s3::Protocol::Http,
        Protocol::Https => s3::Protocol::Https,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn website(fields: Value) -> Website {
        serde_json::from_value(fields).unwrap()
    }

    fn read(sent: s3::WebsiteConfiguration) -> Website {
        let answer = GetBucketWebsiteOutput::builder()
            .set_index_document(sent.index_document)
            .set_error_document(sent.error_document)
            .set_redirect_all_requests_to(sent.redirect_all_requests_to)
            .set_routing_rules(sent.routing_rules);
        Website::from_sdk(answer.build()).unwrap()
    }

    #[test]
    fn a_website_survives_a_round_trip() {
        for fields in [
            json!({"redirect_all": {"host": "example.com"}}),
            json!({"redirect_all": {"host": "example.com", "protocol": "https"}}),
            json!({"index": "index.html"}),
            json!({"index": "index.html", "error": "error.html", "routing_rules": [
                {"key_prefix": "old/", "replace_prefix": ""},
                {"error_code": 404, "replace_key": "none.html", "redirect_code": 302},
                {"key_prefix": "a", "error_code": 403, "host": "example.com", "protocol": "http"},
                {"host": "example.org"},
            ]}),
        ] {
            let site = website(fields);
            assert_eq!(site.faults(), []);
            assert_eq!(read(site.clone().into_sdk().unwrap()), site);
        }
    }

    #[test]
    fn a_website_that_s3_rejects_is_a_fault() {
        for (fields, why) in [
            (json!({}), "needs an index document"),
            (json!({"index": "a/index.html"}), "without slashes"),
            (json!({"index": "i", "error": ""}), "the key of an object"),
            (json!({"index": "i", "redirect_all": {"host": "a"}}), "cannot be combined"),
            (json!({"redirect_all": {"host": "https://a"}}), "not a host name"),
            (json!({"index": "i", "routing_rules": [{"key_prefix": "a"}]}), "where it redirects"),
            (json!({"index": "i", "routing_rules": [{"replace_prefix": "a", "replace_key": "b"}]}), "exclusive"),
            (json!({"index": "i", "routing_rules": [{"error_code": 200, "host": "a"}]}), "not an HTTP error"),
            (json!({"index": "i", "routing_rules": [{"redirect_code": 300}]}), "not an HTTP redirect"),
            (json!({"index": "i", "routing_rules": vec![json!({"host": "a"}); 51]}), "more than 50"),
        ] {
            let found = website(fields.clone()).faults();
            assert!(found.len() == 1 && found[0].1.contains(why), "{fields}: {found:?}");
        }
    }

    #[test]
    fn an_unknown_value_is_an_error() {
        let condition = s3::Condition::builder().http_error_code_returned_equals("4XX").build();
        let rule = |condition, protocol: &str| {
            let redirect = s3::Redirect::builder().protocol(protocol.into()).build();
            s3::RoutingRule::builder().set_condition(condition).redirect(redirect).build()
        };
        for (rule, value) in [(rule(None, "ftp"), "ftp"), (rule(Some(condition), "http"), "4XX")] {
            assert!(RoutingRule::from_sdk(rule).unwrap_err().0.message.contains(value));
        }
        assert!(RoutingRule::from_sdk(s3::RoutingRule::builder().build()).is_err());
    }

    #[test]
    fn a_rule_with_another_condition_is_lost() {
        let live = website(json!({"index": "i", "error": "e", "routing_rules": [{"key_prefix": "a", "host": "x"},
            {"error_code": 404, "host": "x"}]}));
        let want = website(json!({"index": "i", "routing_rules": [{"key_prefix": "a", "host": "y"}]}));
        assert_eq!(lost(&live, &want).len(), 2, "{:?}", lost(&live, &want));
        assert!(lost(&live, &live).is_empty());
    }
}
