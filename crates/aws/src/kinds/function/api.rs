// SPDX-License-Identifier: Apache-2.0
//! The Lambda API calls that list, create, change and delete functions.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AccountLimit, AccountUsage, Architecture, DeadLetterConfig, Environment, EphemeralStorage, FunctionCode,
    FunctionConfiguration, LastUpdateStatus, LoggingConfig, PackageType, Runtime, State, TracingConfig, TracingMode,
    VpcConfig,
};
use futures::future::{join_all, try_join};
use regionctl_core::kind::Kind;
use regionctl_core::model::tags::{Tags, is_aws, of_copy};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Status, StepTarget, Verdict};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;

use super::code::Code;
use super::upload::{MARK, Upload};
use super::{Beyond, CodeModel, Config, Function, FunctionModel, FunctionOp, Tracing, VpcAccess};
use crate::error::{CallError, done_if, if_found};
use crate::live::Live;
use crate::preflight::check_of;
use crate::session::Anywhere;

impl Live for Function {
    type Api = Anywhere<Client>;

    /// Lists the functions. ListFunctions returns no tags, so ListTags reads them if the spec states tags
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>).
    async fn observe(api: &Anywhere<Client>, scope: &Scope) -> Result<Observation<FunctionModel>, CallError> {
        let api = api.at(&scope.location.region);
        let depths = || scope.names.values().chain(&scope.everything);
        let mappings = event_sources(&api, depths().any(|depth| depth.reads("event_sources")));
        let (functions, mut sources) = try_join(functions(&api), mappings).await?;
        let mut observation = Observation::default();
        let mut resources: Vec<LiveResource<FunctionModel>> = Vec::new();
        for function in functions {
            let name = function.function_name().unwrap_or_default().to_owned();
            if !scope.asks_for(&name) {
                continue;
            }
            // If the caller cannot decrypt the environment, Lambda omits it and returns an error inside the response.
            if let Some(error) = function.environment().and_then(|environment| environment.error()) {
                let (code, message) = (error.error_code().unwrap_or_default(), error.message().unwrap_or_default());
                let failure = CallError::of_item("Lambda ListFunctions".to_owned(), code, message).0;
                observation.gaps.push((name, failure));
                continue;
            }
            let event_sources = sources.remove(function.function_arn().unwrap_or_default()).unwrap_or_default();
            let attributes = Self::attributes(&name, &scope.location);
            let event_sources = if scope.reads(&name, "event_sources") { event_sources } else { Vec::new() };
            match model(function, event_sources) {
                Ok(model) => resources.push(LiveResource::new(name, model, attributes)),
                Err(error) => observation.gaps.push((name, error.0)),
            }
        }
        let reads = resources.into_iter().map(|resource| async {
            let tags = if scope.reads(&resource.name, "tags") {
                read_tags(&api, &resource.attributes["arn"]).await
            } else {
                Ok(None)
            };
            (resource, tags)
        });
        for (mut resource, tags) in join_all(reads).await {
            match tags {
                Ok(tags) => {
                    if scope.reads(&resource.name, "tags") {
                        resource.model.tags = Setting::live(tags);
                    }
                    observation.resources.push(resource);
                }
                Err(error) => observation.gaps.push((resource.name, error.0)),
            }
        }
        Ok(observation)
    }

    async fn list(api: &Anywhere<Client>, _: &Location) -> Result<Vec<String>, CallError> {
        let functions = functions(&api.here()).await?;
        Ok(functions.into_iter().filter_map(|function| function.function_name).collect())
    }

    async fn run(api: &Anywhere<Client>, target: &StepTarget, op: FunctionOp) -> Result<Attributes, CallError> {
        let (here, name) = (api.here(), &target.name);
        match op {
            FunctionOp::CreateFunction { code, config, tags } => create(api, target, code, *config, tags).await?,
            FunctionOp::UpdateFunctionCode { code } => {
                let package = code.fetch(api).await?;
                here.update_function_code()
                    .function_name(name)
                    .zip_file(Blob::new(MARK))
                    .set_architectures(code.architecture.as_deref().map(|it| vec![Architecture::from(it)]))
                    .customize()
                    .interceptor(Upload::new(package.file.path()))
                    .send()
                    .await?;
            }
            FunctionOp::UpdateFunctionConfiguration { config } => configure(&here, name, *config).await?,
            FunctionOp::TagResource { tags } => {
                let arn = target.location.arn("lambda", &format!("function:{name}"));
                here.tag_resource().resource(arn).set_tags(Some(tags.into_iter().collect())).send().await?;
            }
            FunctionOp::DeleteFunction => {
                here.delete_function().function_name(name).send().await?;
            }
        }
        Ok(Attributes::new())
    }

    /// Checks that the region's quota of code storage is not used up
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html>).
    async fn preflight(api: &Anywhere<Client>, _: &Location, steps: Vec<(String, FunctionOp)>) -> Vec<Check> {
        if !steps
            .iter()
            .any(|(_, op)| matches!(op, FunctionOp::CreateFunction { .. } | FunctionOp::UpdateFunctionCode { .. }))
        {
            return Vec::new();
        }
        let answer = api.here().get_account_settings().send().await.map_err(CallError::from);
        let result = answer.map(|answer| {
            let most = answer.account_limit().map_or(0, AccountLimit::total_code_size);
            let used = answer.account_usage().map_or(0, AccountUsage::total_code_size);
            let verdict = if used < most { Verdict::Passed } else { Verdict::Failed };
            (verdict, format!("{} of {} MB are used", used >> 20, most >> 20))
        });
        vec![check_of("quota of Lambda code storage", result)]
    }

    /// Reads the state with GetFunctionConfiguration, because ListFunctions does not return it
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>).
    async fn status(api: &Anywhere<Client>, target: &StepTarget) -> Result<Status, CallError> {
        let answer = api.here().get_function_configuration().function_name(&target.name).send().await;
        let Some(function) = if_found(answer.map_err(CallError::from))? else {
            return Ok(Status::Failed("the function no longer exists".to_owned()));
        };
        let reason = |reason: Option<&str>| reason.unwrap_or("AWS returned no reason").to_owned();
        Ok(match (function.state(), function.last_update_status()) {
            (Some(State::Failed), _) => Status::Failed(reason(function.state_reason())),
            (_, Some(LastUpdateStatus::Failed)) => Status::Failed(reason(function.last_update_status_reason())),
            (Some(State::Pending), _) => Status::InProgress("pending".to_owned()),
            (_, Some(LastUpdateStatus::InProgress)) => Status::InProgress("updating".to_owned()),
            _ => Status::Ready,
        })
    }
}

/// Sets the configuration on a CreateFunction or UpdateFunctionConfiguration builder, which share no trait.
macro_rules! configured {
    ($call:expr, $config:expr) => {{
        let parts = Parts::of($config);
        $call
            .set_runtime(parts.runtime)
            .set_handler(parts.handler)
            .set_role(parts.role)
            .set_description(parts.description)
            .set_timeout(parts.timeout)
            .set_memory_size(parts.memory)
            .set_ephemeral_storage(parts.ephemeral)
            .set_environment(parts.environment)
            .set_tracing_config(parts.tracing)
            .set_logging_config(parts.logging)
            .set_layers(parts.layers)
            .set_vpc_config(parts.vpc)
            .set_kms_key_arn(parts.kms_key)
            .set_dead_letter_config(parts.dead_letter)
    }};
}

/// Downloads the source's code and sends CreateFunction
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
async fn create(
    api: &Anywhere<Client>,
    target: &StepTarget,
    code: Code,
    config: Config,
    tags: Tags,
) -> Result<(), CallError> {
    let package = code.fetch(api).await?;
    // The spec's tags override the source's.
    let mut all = package.tags.clone();
    all.extend(of_copy(&code.region));
    all.extend(tags);
    let call = api
        .here()
        .create_function()
        .function_name(&target.name)
        .code(FunctionCode::builder().zip_file(Blob::new(MARK)).build())
        .set_architectures(code.architecture.as_deref().map(|it| vec![Architecture::from(it)]))
        .set_tags((!all.is_empty()).then(|| all.into_iter().collect()));
    let made = configured!(call, config).customize().interceptor(Upload::new(package.file.path())).send().await;
    // "Function already exist": an earlier attempt of this call succeeded.
    done_if(made.map(|_| ()).map_err(CallError::from), "ResourceConflictException")
}

/// Sends UpdateFunctionConfiguration, which does not change the settings that the request omits
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>).
async fn configure(api: &Client, name: &str, config: Config) -> Result<(), CallError> {
    configured!(api.update_function_configuration().function_name(name), config).send().await?;
    Ok(())
}

/// A configuration as SDK types.
struct Parts {
    runtime: Option<Runtime>,
    handler: Option<String>,
    role: Option<String>,
    description: Option<String>,
    timeout: Option<i32>,
    memory: Option<i32>,
    ephemeral: Option<EphemeralStorage>,
    environment: Option<Environment>,
    tracing: Option<TracingConfig>,
    logging: Option<LoggingConfig>,
    layers: Option<Vec<String>>,
    vpc: Option<VpcConfig>,
    kms_key: Option<String>,
    dead_letter: Option<DeadLetterConfig>,
}

impl Parts {
    fn of(config: Config) -> Self {
        let variables = |values: BTreeMap<String, Secret>| {
            let values = values.into_iter().map(|(key, value)| (key, value.reveal().to_owned())).collect();
            Environment::builder().set_variables(Some(values)).build()
        };
        let mode = |tracing| match tracing {
            Tracing::Active => TracingMode::Active,
            Tracing::PassThrough => TracingMode::PassThrough,
        };
        let size = |size| EphemeralStorage::builder().size(size).build().expect("invariant: the size is set");
        let access = |vpc: VpcAccess| {
            VpcConfig::builder()
                .set_subnet_ids(Some(vpc.subnets.into_iter().collect()))
                .set_security_group_ids(Some(vpc.security_groups.into_iter().collect()))
                .build()
        };
        // UpdateFunctionConfiguration clears a setting if its value is an empty string or list.
        let text = |setting: Setting<String>| match setting {
            Setting::Unset => Some(String::new()),
            setting => setting.into_value(),
        };
        let no_vpc = VpcAccess { subnets: BTreeSet::new(), security_groups: BTreeSet::new() };
        let vpc = match config.vpc {
            Setting::Unset => Some(no_vpc),
            setting => setting.into_value(),
        };
        Self {
            runtime: config.runtime.value().map(|runtime| Runtime::from(runtime.as_str())),
            handler: config.handler.into_value(),
            role: config.role.into_value(),
            description: text(config.description),
            timeout: config.timeout.into_value(),
            memory: config.memory_mb.into_value(),
            ephemeral: config.ephemeral_mb.into_value().map(size),
            environment: config.environment.into_value().map(variables),
            tracing: config.tracing.into_value().map(|tracing| TracingConfig::builder().mode(mode(tracing)).build()),
            logging: config.log_group.into_value().map(|group| LoggingConfig::builder().log_group(group).build()),
            layers: config.layers.into_value(),
            vpc: vpc.map(access),
            kms_key: text(config.kms_key),
            dead_letter: text(config.dead_letter).map(|arn| DeadLetterConfig::builder().target_arn(arn).build()),
        }
    }
}

async fn functions(api: &Client) -> Result<Vec<FunctionConfiguration>, CallError> {
    let mut items = api.list_functions().max_items(50).into_paginator().items().send();
    let mut functions = Vec::new();
    while let Some(function) = items.next().await {
        functions.push(function?);
    }
    Ok(functions)
}

/// Returns the region's event sources by function ARN; empty unless `needed`, which only copies set
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>).
async fn event_sources(api: &Client, needed: bool) -> Result<BTreeMap<String, Vec<String>>, CallError> {
    let mut by_function: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if !needed {
        return Ok(by_function);
    }
    let mut items = api.list_event_source_mappings().max_items(100).into_paginator().items().send();
    while let Some(mapping) = items.next().await {
        let mapping = mapping?;
        let function = mapping.function_arn().unwrap_or_default().to_owned();
        let source = mapping.event_source_arn().or(mapping.uuid()).unwrap_or_default().to_owned();
        by_function.entry(function).or_default().push(source);
    }
    Ok(by_function)
}

async fn read_tags(api: &Client, arn: &str) -> Result<Option<Tags>, CallError> {
    let answer = api.list_tags().resource(arn).send().await?;
    let tags = answer.tags.unwrap_or_default().into_iter().filter(|(key, _)| !is_aws(key));
    Ok(Some(tags.collect()))
}

fn model(function: FunctionConfiguration, event_sources: Vec<String>) -> Result<FunctionModel, CallError> {
    let beyond = Beyond {
        is_image: function.package_type() == Some(&PackageType::Image),
        architecture: function.architectures().first().map(|it| it.as_str().to_owned()),
        code_bytes: function.code_size(),
        file_systems: function.file_system_configs().iter().map(|it| it.arn().to_owned()).collect(),
    };
    let access = |vpc: &aws_sdk_lambda::types::VpcConfigResponse| VpcAccess {
        subnets: vpc.subnet_ids().iter().cloned().collect(),
        security_groups: vpc.security_group_ids().iter().cloned().collect(),
    };
    let variables = function.environment().and_then(|environment| environment.variables());
    // Lambda returns an empty string for a setting that was cleared.
    let set = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let tracing = match function.tracing_config().and_then(|it| it.mode()) {
        Some(TracingMode::Active) => Some(Tracing::Active),
        Some(TracingMode::PassThrough) => Some(Tracing::PassThrough),
        Some(other) => return Err(CallError::unknown("Lambda ListFunctions", "the tracing mode", other.as_str())),
        None => None,
    };
    let config = Config {
        runtime: Setting::live(function.runtime().map(|it| it.as_str().to_owned())),
        handler: Setting::live(function.handler().map(ToOwned::to_owned)),
        role: Setting::live(function.role().map(ToOwned::to_owned)),
        description: Setting::live(function.description().filter(|text| !text.is_empty()).map(ToOwned::to_owned)),
        timeout: Setting::live(function.timeout()),
        memory_mb: Setting::live(function.memory_size()),
        ephemeral_mb: Setting::live(function.ephemeral_storage().map(EphemeralStorage::size)),
        environment: Setting::live(
            variables.map(|values| values.iter().map(|(key, value)| (key.clone(), Secret::new(value))).collect()),
        ),
        tracing: Setting::live(tracing),
        log_group: Setting::live(function.logging_config().and_then(LoggingConfig::log_group).map(ToOwned::to_owned)),
        layers: Setting::Set(function.layers().iter().filter_map(|layer| layer.arn().map(ToOwned::to_owned)).collect()),
        vpc: Setting::live(function.vpc_config().map(access).filter(|vpc| !vpc.subnets.is_empty())),
        kms_key: Setting::live(set(function.kms_key_arn())),
        dead_letter: Setting::live(set(function.dead_letter_config().and_then(DeadLetterConfig::target_arn))),
    };
    let code = CodeModel::Is { sha256: function.code_sha256.unwrap_or_default(), from: None };
    Ok(FunctionModel { code, config, tags: Setting::Unstated, event_sources, beyond })
}
