// SPDX-License-Identifier: Apache-2.0
//! The settings of a function that have calls of their own.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::kind::Risk;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event_source::EventSource;
use super::words::{InvokeMode, RecursiveLoop, UpdateRuntimeOn, UrlAuth};

/// The settings that have calls of their own. They are read only if a spec states them, or from a source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Statements of the resource policy by id.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) permissions: Setting<BTreeMap<String, Setting<Permission>>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) reserved_concurrency: Setting<i32>,
    /// Provisioned executions by alias or version.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) provisioned_concurrency: Setting<BTreeMap<String, Setting<i32>>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) url: Setting<Url>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) async_config: Setting<AsyncConfig>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) recursive_loop: Setting<RecursiveLoop>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) runtime_updates: Setting<RuntimeUpdates>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) code_signing: Setting<String>,
    /// Event source mappings by the ARN of their source.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) event_sources: Setting<BTreeMap<String, Setting<EventSource>>>,
}

impl Parts {
    /// Returns the settings of a new function that are set.
    pub(super) fn of_new() -> Self {
        Self {
            recursive_loop: Setting::Set(RecursiveLoop::Terminate),
            runtime_updates: Setting::Set(RuntimeUpdates { mode: UpdateRuntimeOn::Auto, version: None }),
            ..Self::default()
        }
    }

    /// Returns the live settings without entries that the desired settings do not name.
    #[must_use]
    pub(super) fn stated_by(self, want: &Self) -> Self {
        Self {
            permissions: named_by(&want.permissions, self.permissions),
            provisioned_concurrency: named_by(&want.provisioned_concurrency, self.provisioned_concurrency),
            event_sources: named_by(&want.event_sources, self.event_sources),
            ..self
        }
    }

    /// Writes the settings in spec form.
    pub(super) fn write(&self, fields: &mut Map<String, Value>) {
        let Self {
            permissions,
            reserved_concurrency,
            provisioned_concurrency,
            url,
            async_config,
            recursive_loop,
            runtime_updates,
            code_signing,
            event_sources,
        } = self;
        write::setting("permissions", permissions, fields);
        write::setting("reserved_concurrency", reserved_concurrency, fields);
        write::setting("provisioned_concurrency", provisioned_concurrency, fields);
        write::setting("url", url, fields);
        write::setting("async_config", async_config, fields);
        write::setting("recursive_loop", recursive_loop, fields);
        write::setting("runtime_updates", runtime_updates, fields);
        write::setting("code_signing", code_signing, fields);
        write::setting("event_sources", event_sources, fields);
    }

    /// Returns what lets everybody invoke the function.
    pub(super) fn risks(&self) -> Vec<Risk> {
        let mut risks = Vec::new();
        for (id, permission) in self.permissions.value().into_iter().flatten() {
            if permission.is_set_and(Permission::is_public) {
                let what = format!("the permission {id} lets everybody invoke the function");
                risks.push(Risk::new("lambda-public-permission", format!("permissions.{id}"), what));
            }
        }
        if self.url.is_set_and(|url| url.auth == UrlAuth::None) {
            risks.push(Risk::new("lambda-public-url", "url", "the function's URL does not authenticate callers"));
        }
        risks
    }
}

/// Returns the live entries whose keys the spec names. `unset` concerns all of them.
fn named_by<T>(
    want: &Setting<BTreeMap<String, T>>,
    live: Setting<BTreeMap<String, T>>,
) -> Setting<BTreeMap<String, T>> {
    match want {
        Setting::Unset => live,
        Setting::Unstated => Setting::Unstated,
        Setting::Set(want) => live.map(|live| live.into_iter().filter(|(key, _)| want.contains_key(key)).collect()),
    }
}

/// Replaces the `null` of an unset member by the word of a spec.
pub(super) fn unset_members(value: &mut Value) {
    match value {
        Value::Null => *value = write::unset(),
        Value::Object(fields) => fields.values_mut().for_each(unset_members),
        Value::Array(items) => items.iter_mut().for_each(unset_members),
        _ => {}
    }
}

/// A statement that allows a principal to use the function (AddPermission).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaPermission")]
pub struct Permission {
    /// Action, such as lambda:InvokeFunction, the default.
    #[serde(default = "Permission::invoke")]
    pub(super) action: String,
    /// AWS service (s3.amazonaws.com), account ID, ARN of a role or user, or `*` for everybody.
    pub(super) principal: String,
    /// ARN of the resource that invokes the function; may contain `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_arn: Option<String>,
    /// Account that owns the resource that invokes the function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_account: Option<String>,
    /// Organization (o-…) that the principal must belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<String>,
    /// Token that the caller must send, for Alexa skills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event_source_token: Option<String>,
    /// Type of authentication that the function URL must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url_auth: Option<UrlAuth>,
    /// Whether the statement allows only invocations by the function URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by_url: Option<bool>,
    /// Why everybody may invoke the function.
    #[serde(default, skip_serializing)]
    pub(super) waiver: Option<String>,
}

impl Permission {
    fn invoke() -> String {
        "lambda:InvokeFunction".to_owned()
    }

    /// Whether the statement allows everybody: no account, organization or source restricts it.
    fn is_public(&self) -> bool {
        let is_restricted = self.source_account.is_some() || self.organization.is_some();
        let account_of_source = self.source_arn.as_deref().and_then(|arn| arn.split(':').nth(4));
        let has_account = account_of_source.is_some_and(|account| !account.is_empty() && !account.contains('*'));
        self.principal == "*" && !is_restricted && !has_account && self.event_source_token.is_none()
    }

    /// Returns the statement in one form: the ARN of an account's root is the account's ID.
    #[must_use]
    pub(super) fn canonical(self) -> Self {
        let parts: Vec<&str> = self.principal.split(':').collect();
        let principal = match parts.as_slice() {
            ["arn", _, "iam", "", account, "root"] => (*account).to_owned(),
            _ => self.principal.clone(),
        };
        Self { principal, waiver: None, ..self }
    }

    /// Converts a statement of the policy. Returns `None` for a statement that AddPermission cannot create.
    pub(super) fn of_statement(statement: &Value, function: &str) -> Option<(String, Self)> {
        let fields = statement.as_object()?;
        let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
        if fields.keys().any(|key| !known.contains(&key.as_str())) || fields.get("Effect")? != "Allow" {
            return None;
        }
        if fields.get("Resource").is_some_and(|resource| resource != function) {
            return None;
        }
        let principal = match fields.get("Principal")? {
            Value::String(text) if text == "*" => "*",
            Value::Object(kinds) if kinds.len() == 1 => kinds.get("Service").or(kinds.get("AWS"))?.as_str()?,
            _ => return None,
        };
        let mut permission = Self {
            action: fields.get("Action")?.as_str()?.to_owned(),
            principal: principal.to_owned(),
            source_arn: None,
            source_account: None,
            organization: None,
            event_source_token: None,
            url_auth: None,
            by_url: None,
            waiver: None,
        };
        for (operator, keys) in fields.get("Condition").and_then(Value::as_object).into_iter().flatten() {
            for (key, value) in keys.as_object()? {
                permission.restrict(operator, key, value.as_str()?)?;
            }
        }
        Some((fields.get("Sid")?.as_str()?.to_owned(), permission.canonical()))
    }

    /// Sets the field of a condition. Returns `None` if there is none.
    fn restrict(&mut self, operator: &str, key: &str, value: &str) -> Option<()> {
        let text = Some(value.to_owned());
        match (operator.to_ascii_lowercase().as_str(), key.to_ascii_lowercase().as_str()) {
            ("arnlike", "aws:sourcearn") => self.source_arn = text,
            ("stringequals", "aws:sourceaccount") => self.source_account = text,
            ("stringequals", "aws:principalorgid") => self.organization = text,
            ("stringequals", "lambda:eventsourcetoken") => self.event_source_token = text,
            ("stringequals", "lambda:functionurlauthtype") => {
                self.url_auth = Some(serde_json::from_value(value.into()).ok()?);
            }
            ("bool", "lambda:invokedviafunctionurl") => self.by_url = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

/// A function URL (`FunctionUrlConfig`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaUrl")]
pub struct Url {
    /// Who may invoke the function by its URL.
    pub(super) auth: UrlAuth,
    /// How the URL returns the response.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) invoke_mode: Setting<InvokeMode>,
    /// CORS settings. `unset` removes them.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) cors: Setting<Cors>,
    /// Why the URL needs no authentication.
    #[serde(default, skip_serializing)]
    pub(super) waiver: Option<String>,
}

/// CORS settings of a function URL, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaCors")]
pub(super) struct Cors {
    /// Whether requests may have cookies and credentials.
    #[serde(default)]
    pub(super) allow_credentials: bool,
    /// Headers that a request may have.
    #[serde(default)]
    pub(super) allow_headers: BTreeSet<String>,
    /// Methods that a request may have.
    #[serde(default)]
    pub(super) allow_methods: BTreeSet<String>,
    /// Origins that may use the URL.
    #[serde(default)]
    pub(super) allow_origins: BTreeSet<String>,
    /// Headers of the response that the browser shows to the origin.
    #[serde(default)]
    pub(super) expose_headers: BTreeSet<String>,
    /// Seconds for which a browser may cache the answer to a preflight request.
    #[serde(default)]
    pub(super) max_age_seconds: i32,
}

/// What happens with asynchronous invocations (`FunctionEventInvokeConfig`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaAsyncConfig")]
pub struct AsyncConfig {
    /// Retries after an error: 0 to 2. AWS's default is 2.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) max_retries: Setting<i32>,
    /// Age in seconds after which Lambda discards an event: 60 to 21,600, AWS's default.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) max_age_seconds: Setting<i32>,
    /// ARN of the queue, topic, bus, function or bucket for the results. `unset` removes it.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) on_success: Setting<String>,
    /// ARN of the queue, topic, bus, function or bucket for failed events. `unset` removes it.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) on_failure: Setting<String>,
}

impl AsyncConfig {
    /// Returns these settings, and those of another configuration where they are unstated.
    #[must_use]
    pub(super) fn over(self, other: &Self) -> Self {
        Self {
            max_retries: self.max_retries.or(other.max_retries),
            max_age_seconds: self.max_age_seconds.or(other.max_age_seconds),
            on_success: self.on_success.or(other.on_success.clone()),
            on_failure: self.on_failure.or(other.on_failure.clone()),
        }
    }
}

/// When Lambda updates the runtime (`RuntimeManagementConfig`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaRuntimeUpdates")]
pub struct RuntimeUpdates {
    /// When Lambda updates the runtime.
    pub(super) mode: UpdateRuntimeOn,
    /// ARN of the runtime version, for `Manual` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
}
