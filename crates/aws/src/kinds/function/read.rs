// SPDX-License-Identifier: Apache-2.0
//! Reads the settings of one function that have calls of their own.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types as sdk;
use futures::future::OptionFuture;
use futures::try_join;
use regionctl_core::model::policy::Policy;
use regionctl_core::observe::scope::{Extra, Scope};
use regionctl_core::resource::setting::Setting;

use super::parts::{AsyncConfig, Cors, Parts, Permission, RuntimeUpdates, Url};
use super::words::{InvokeMode, word};
use crate::answer::live_policy;
use crate::error::{CallError, if_found};
use crate::tags::{self, TagSettings, collect};

/// What the calls for one function returned.
#[derive(Default)]
pub(super) struct Found {
    pub(super) parts: Parts,
    pub(super) tags: Setting<TagSettings>,
    pub(super) aliases: Vec<String>,
    /// The URI of the container image by its digest.
    pub(super) image: Option<String>,
    pub(super) extras: Vec<Extra>,
}

/// A function to read.
pub(super) struct Function<'a> {
    pub(super) api: &'a Client,
    pub(super) name: &'a str,
    pub(super) arn: &'a str,
    pub(super) is_image: bool,
}

impl Function<'_> {
    /// Reads the parts that the scope asks for, with one call each, all at once.
    pub(super) async fn read(&self, scope: &Scope) -> Result<Found, CallError> {
        let asks = |field: &str| scope.reads(self.name, field);
        // GetFunction returns both; its quota is higher than that of ListTags and GetFunctionConcurrency.
        let of_image = self.is_image && asks("code");
        let both = asks("tags") || asks("reserved_concurrency") || of_image;
        let (of_function, permissions, provisioned, url, invoke, recursion, runtime, signing, aliases) = try_join!(
            when(both, self.function(asks("tags"))),
            when(asks("permissions"), self.permissions()),
            when(asks("provisioned_concurrency"), self.provisioned()),
            when(asks("url"), self.url()),
            when(asks("async_config"), self.async_config()),
            when(asks("recursive_loop"), self.recursive_loop()),
            when(asks("runtime_updates"), self.runtime_updates()),
            when(asks("code_signing"), self.code_signing()),
            when(asks("aliases"), self.aliases()),
        )?;
        let (tags, reserved, image, of_code) = of_function.unwrap_or_default();
        let (permissions, mut extras) = permissions.unwrap_or_default();
        let (url, of_aliases) = url.unwrap_or_default();
        let (async_config, more) = invoke.unwrap_or_default();
        let (aliases, settings) = aliases.unwrap_or_default();
        extras.extend(of_aliases.into_iter().chain(more).chain(settings).chain(of_code));
        let parts = Parts {
            permissions,
            reserved_concurrency: if asks("reserved_concurrency") { reserved } else { Setting::Unstated },
            provisioned_concurrency: provisioned.unwrap_or_default(),
            url,
            async_config,
            recursive_loop: recursion.unwrap_or_default(),
            runtime_updates: runtime.unwrap_or_default(),
            code_signing: signing.unwrap_or_default(),
            event_sources: Setting::Unstated,
        };
        let tags = if asks("tags") { tags } else { Setting::Unstated };
        Ok(Found { parts, tags, aliases, image, extras })
    }

    /// Reads the tags and the reserved concurrency. If the caller may not list tags, GetFunction omits them and returns
    /// an error inside the answer (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
    async fn function(
        &self,
        asks_for_tags: bool,
    ) -> Result<(Setting<TagSettings>, Setting<i32>, Option<String>, Vec<Extra>), CallError> {
        let answer = self.api.get_function().function_name(self.name).send().await?;
        if let Some(error) = answer.tags_error().filter(|_| asks_for_tags) {
            return Err(CallError::of_item("Lambda GetFunction".to_owned(), error.error_code(), error.message()));
        }
        let tags = answer.tags().into_iter().flatten();
        let tags = collect(tags.map(|(key, value)| (Some(key.as_str()), Some(value.as_str()))));
        let reserved = answer.concurrency().and_then(sdk::Concurrency::reserved_concurrent_executions);
        let code = answer.code();
        let uri = code.and_then(|code| code.image_uri()).map(|uri| Extra::kept("image.uri", uri));
        let image = code.and_then(|code| code.resolved_image_uri()).map(ToOwned::to_owned);
        let key = code.and_then(|code| code.source_kms_key_arn()).filter(|key| !key.is_empty());
        let key = key.map(|key| Extra::kept("code.kms_key", key));
        Ok((tags::live(tags), Setting::live(reserved), image, uri.into_iter().chain(key).collect()))
    }

    /// Reads the statements of the resource policy. Those that AddPermission cannot create are extras.
    async fn permissions(&self) -> Result<(Setting<BTreeMap<String, Setting<Permission>>>, Vec<Extra>), CallError> {
        let answer = if_found(self.api.get_policy().function_name(self.name).send().await.map_err(CallError::from))?;
        let text = answer.as_ref().and_then(|answer| answer.policy());
        let policy = live_policy("Lambda GetPolicy", text, |_| false)?;
        let (mut permissions, mut extras) = (BTreeMap::new(), Vec::new());
        let document = policy.value().map(Policy::canonical).unwrap_or_default();
        let statements = document["Statement"].as_array().cloned().unwrap_or_default();
        for (index, statement) in statements.into_iter().enumerate() {
            match Permission::of_statement(&statement, self.arn) {
                Some((id, permission)) => {
                    permissions.insert(id, Setting::Set(permission));
                }
                None => {
                    let id = statement["Sid"].as_str().map_or_else(|| index.to_string(), ToOwned::to_owned);
                    extras.push(Extra::kept(format!("permissions.{id}"), statement));
                }
            }
        }
        Ok((Setting::Set(permissions), extras))
    }

    async fn provisioned(&self) -> Result<Setting<BTreeMap<String, Setting<i32>>>, CallError> {
        let call = self.api.list_provisioned_concurrency_configs().function_name(self.name);
        let mut items = call.into_paginator().items().send();
        let mut found = BTreeMap::new();
        while let Some(item) = items.next().await {
            let item = item?;
            let qualifier = item.function_arn().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default().to_owned();
            found.insert(qualifier, Setting::live(item.requested_provisioned_concurrent_executions()));
        }
        Ok(Setting::Set(found))
    }

    /// Reads the function's URL. Those of its aliases are extras.
    async fn url(&self) -> Result<(Setting<Url>, Vec<Extra>), CallError> {
        const CALL: &str = "ListFunctionUrlConfigs";
        let mut items = self.api.list_function_url_configs().function_name(self.name).into_paginator().items().send();
        let (mut own, mut extras) = (Setting::Unset, Vec::new());
        while let Some(url) = items.next().await {
            let url = url?;
            if let Some(alias) = qualifier(url.function_arn(), self.arn) {
                extras.push(Extra::kept(format!("url.of_alias.{alias}"), url.auth_type().as_str()));
                continue;
            }
            let mode = url.invoke_mode().map_or("BUFFERED", sdk::InvokeMode::as_str);
            let mode: InvokeMode = word(CALL, "the invoke mode", mode)?;
            own = Setting::Set(Url {
                auth: word(CALL, "the authentication type", url.auth_type().as_str())?,
                invoke_mode: Setting::Set(mode),
                cors: Setting::live(url.cors().map(cors).filter(|cors| *cors != Cors::default())),
                waiver: None,
            });
        }
        Ok((own, extras))
    }

    /// Reads the configuration of asynchronous invocations. Those of aliases and versions are extras.
    async fn async_config(&self) -> Result<(Setting<AsyncConfig>, Vec<Extra>), CallError> {
        let call = self.api.list_function_event_invoke_configs().function_name(self.name);
        let mut items = call.into_paginator().items().send();
        let (mut own, mut extras) = (Setting::Unset, Vec::new());
        while let Some(config) = items.next().await {
            let config = config?;
            let alias = qualifier(config.function_arn().unwrap_or_default(), self.arn);
            let config = async_config(&config);
            if let Some(alias) = alias {
                let value = serde_json::to_value(config).expect("invariant: models are plain data");
                extras.push(Extra::kept(format!("async_config.of_alias.{alias}"), value));
            } else {
                own = Setting::Set(config);
            }
        }
        Ok((own, extras))
    }

    async fn recursive_loop(&self) -> Result<Setting<super::words::RecursiveLoop>, CallError> {
        let answer = self.api.get_function_recursion_config().function_name(self.name).send().await?;
        let reaction = answer.recursive_loop().map_or("Terminate", sdk::RecursiveLoop::as_str);
        Ok(Setting::Set(word("GetFunctionRecursionConfig", "the reaction to recursive loops", reaction)?))
    }

    /// Container images contain their runtime, so Lambda has no setting for them.
    async fn runtime_updates(&self) -> Result<Setting<RuntimeUpdates>, CallError> {
        if self.is_image {
            return Ok(Setting::Unset);
        }
        let answer = self.api.get_runtime_management_config().function_name(self.name).send().await?;
        let mode = answer.update_runtime_on().map_or("Auto", sdk::UpdateRuntimeOn::as_str);
        let mode = word("GetRuntimeManagementConfig", "the runtime update mode", mode)?;
        let is_manual = mode == super::words::UpdateRuntimeOn::Manual;
        let version = answer.runtime_version_arn().filter(|_| is_manual).map(ToOwned::to_owned);
        Ok(Setting::Set(RuntimeUpdates { mode, version }))
    }

    /// Lambda does not support code signing of container images
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html>).
    async fn code_signing(&self) -> Result<Setting<String>, CallError> {
        if self.is_image {
            return Ok(Setting::Unset);
        }
        // Without a configuration the answer has no ARN. 404 means that the function is gone.
        let answer = self.api.get_function_code_signing_config().function_name(self.name).send().await?;
        Ok(Setting::live(Some(answer.code_signing_config_arn().to_owned()).filter(|arn| !arn.is_empty())))
    }

    /// Reads the aliases. Their settings are extras.
    async fn aliases(&self) -> Result<(Vec<String>, Vec<Extra>), CallError> {
        let mut items = self.api.list_aliases().function_name(self.name).into_paginator().items().send();
        let (mut aliases, mut extras) = (Vec::new(), Vec::new());
        while let Some(alias) = items.next().await {
            let alias = alias?;
            let name = alias.name().unwrap_or_default().to_owned();
            let path = |member: &str| format!("alias.{name}.{member}");
            extras.push(Extra::kept(path("version"), alias.function_version().unwrap_or_default()));
            if let Some(description) = alias.description().filter(|text| !text.is_empty()) {
                extras.push(Extra::kept(path("description"), description));
            }
            if let Some(weights) = alias.routing_config().and_then(|it| it.additional_version_weights()) {
                let weights: BTreeMap<&String, &f64> = weights.iter().collect();
                extras.push(Extra::kept(path("weights"), serde_json::json!(weights)));
            }
            aliases.push(name);
        }
        Ok((aliases, extras))
    }
}

/// Runs a read if it is needed.
async fn when<T>(needed: bool, read: impl Future<Output = Result<T, CallError>>) -> Result<Option<T>, CallError> {
    OptionFuture::from(needed.then_some(read)).await.transpose()
}

/// Returns the alias or version of a qualified ARN; `None` for the function itself, also as `$LATEST`.
fn qualifier<'a>(arn: &'a str, function: &str) -> Option<&'a str> {
    arn.strip_prefix(function)?.strip_prefix(':').filter(|qualifier| *qualifier != "$LATEST")
}

fn cors(cors: &sdk::Cors) -> Cors {
    Cors {
        allow_credentials: cors.allow_credentials().unwrap_or(false),
        allow_headers: cors.allow_headers().iter().cloned().collect(),
        allow_methods: cors.allow_methods().iter().cloned().collect(),
        allow_origins: cors.allow_origins().iter().cloned().collect(),
        expose_headers: cors.expose_headers().iter().cloned().collect(),
        max_age_seconds: cors.max_age().unwrap_or(0),
    }
}

/// Converts a configuration. A member that Lambda omits has its default
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
fn async_config(config: &sdk::FunctionEventInvokeConfig) -> AsyncConfig {
    let destinations = config.destination_config();
    let set = |arn: Option<&str>| Setting::live(arn.filter(|arn| !arn.is_empty()).map(ToOwned::to_owned));
    AsyncConfig {
        max_retries: Setting::Set(config.maximum_retry_attempts().unwrap_or(2)),
        max_age_seconds: Setting::Set(config.maximum_event_age_in_seconds().unwrap_or(21_600)),
        on_success: set(destinations.and_then(|it| it.on_success()).and_then(sdk::OnSuccess::destination)),
        on_failure: set(destinations.and_then(|it| it.on_failure()).and_then(sdk::OnFailure::destination)),
    }
}
