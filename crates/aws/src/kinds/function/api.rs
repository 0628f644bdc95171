// SPDX-License-Identifier: Apache-2.0
//! The Lambda API calls that list, create, change and delete functions.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AccountLimit, AccountUsage, Architecture, FunctionCode, FunctionConfiguration, LastUpdateStatus, PackageType, State,
};
use futures::future::try_join;
use regionctl_core::kind::Kind;
use regionctl_core::model::tags::{Tags, is_own, of_copy};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Status, StepTarget, Verdict};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use tokio::sync::Semaphore;

use super::code::Code;
use super::config::Config;
use super::config_sdk::{self, Request};
use super::event_source_sdk::{self, Mappings};
use super::model::{CodeModel, FunctionModel, Package};
use super::upload::{MARK, Upload};
use super::words::word;
use super::{Function, FunctionOp, calls, read};
use crate::error::{CallError, done_if_exists, if_found};
use crate::live::{Live, read_concurrently};
use crate::preflight::check_of;
use crate::session::Anywhere;

/// The number of functions whose parts are read at the same time. More of them would only wait for Lambda's quota of
/// 15 calls a second (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const CONCURRENT_READS: usize = 16;

impl Live for Function {
    type Api = Anywhere<Client>;

    /// Lists the functions, with all settings of the configuration
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>). Each other setting needs one call per
    /// function, which is sent only if the scope asks for it.
    async fn observe(api: &Anywhere<Client>, scope: &Scope) -> Result<Observation<FunctionModel>, CallError> {
        let api = api.at(&scope.location.region);
        let depths = || scope.names.values().chain(&scope.everything);
        let mappings = event_source_sdk::read(&api, depths().any(|depth| depth.reads("event_sources")));
        let (functions, mut mappings) = try_join(functions(&api), mappings).await?;
        let limit = Semaphore::new(CONCURRENT_READS);
        let mut reads = Vec::new();
        for function in functions {
            let name = function.function_name().unwrap_or_default().to_owned();
            if !scope.asks_for(&name) {
                continue;
            }
            let found = mappings.remove(function.function_arn().unwrap_or_default());
            let mappings =
                scope.reads(&name, "event_sources").then(|| found.unwrap_or_else(|| Ok(Mappings::default())));
            let (api, limit) = (&api, &limit);
            let read = async move {
                let _turn = limit.acquire().await;
                Box::pin(whole(api, scope, function, mappings.transpose()?)).await.map(Some)
            };
            reads.push((name, read));
        }
        Ok(read_concurrently(reads).await)
    }

    async fn list(api: &Anywhere<Client>, _: &Location) -> Result<Vec<String>, CallError> {
        let functions = functions(&api.here()).await?;
        Ok(functions.into_iter().filter_map(|function| function.function_name).collect())
    }

    async fn run(api: &Anywhere<Client>, target: &StepTarget, op: FunctionOp) -> Result<Attributes, CallError> {
        let (here, name) = (api.here(), &target.name);
        let arn = || target.location.arn("lambda", &format!("function:{name}"));
        match op {
            FunctionOp::CreateFunction { code, config, tags, untagged } => {
                create(api, target, code, *config, tags, &untagged).await?;
            }
            FunctionOp::UpdateFunctionCode { code } => {
                if let Some(image) = code.image {
                    let architecture = code.architecture.as_deref().map(|it| vec![Architecture::from(it)]);
                    let call = here.update_function_code().function_name(name).image_uri(image);
                    call.set_architectures(architecture).send().await?;
                    return Ok(Attributes::new());
                }
                let package = code.fetch(api).await?;
                // Without a key, Lambda encrypts the new code with its own key
                // (https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html).
                let live = here.get_function().function_name(name).send().await?;
                let key = live.code().and_then(|code| code.source_kms_key_arn()).map(ToOwned::to_owned);
                here.update_function_code()
                    .function_name(name)
                    .set_source_kms_key_arn(key)
                    .zip_file(Blob::new(MARK))
                    .set_architectures(code.architecture.as_deref().map(|it| vec![Architecture::from(it)]))
                    .customize()
                    .interceptor(Upload::new(package.file.path()))
                    .send()
                    .await?;
            }
            FunctionOp::UpdateFunctionConfiguration { config } => configure(&here, name, *config).await?,
            FunctionOp::TagResource { tags } => {
                here.tag_resource().resource(arn()).set_tags(Some(tags.into_iter().collect())).send().await?;
            }
            FunctionOp::UntagResource { keys } => {
                here.untag_resource().resource(arn()).set_tag_keys(Some(keys)).send().await?;
            }
            FunctionOp::DeleteFunction => {
                here.delete_function().function_name(name).send().await?;
            }
            part => calls::run(&here, target, part).await?,
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
        let request = Request::of($config)?;
        $call
            .set_runtime(request.runtime)
            .set_handler(request.handler)
            .set_role(request.role)
            .set_description(request.description)
            .set_timeout(request.timeout)
            .set_memory_size(request.memory)
            .set_ephemeral_storage(request.ephemeral)
            .set_environment(request.environment)
            .set_tracing_config(request.tracing)
            .set_logging_config(request.logging)
            .set_snap_start(request.snap_start)
            .set_layers(request.layers)
            .set_vpc_config(request.vpc)
            .set_file_system_configs(request.file_systems)
            .set_kms_key_arn(request.kms_key)
            .set_dead_letter_config(request.dead_letter)
            .set_image_config(request.image_config)
    }};
}

/// Downloads the source's package, or names its image, and sends CreateFunction
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
async fn create(
    api: &Anywhere<Client>,
    target: &StepTarget,
    code: Code,
    config: Config,
    tags: Tags,
    untagged: &[String],
) -> Result<(), CallError> {
    let architectures = code.architecture.as_deref().map(|it| vec![Architecture::from(it)]);
    let call = api.here().create_function().function_name(&target.name).set_architectures(architectures);
    // The spec's tags override the source's.
    let all = |source: Tags| {
        let is_copied = |key: &str| !is_own(key) && !untagged.iter().any(|other| other == "*" || other == key);
        let mut all: Tags = source.into_iter().filter(|(key, _)| is_copied(key)).collect();
        all.extend(of_copy(&code.region));
        all.extend(tags);
        Some(all.into_iter().collect())
    };
    let made = if let Some(image) = &code.image {
        let call = call.package_type(PackageType::Image).code(FunctionCode::builder().image_uri(image).build());
        configured!(call.set_tags(all(code.tags(api).await?)), config).send().await
    } else {
        let package = code.fetch(api).await?;
        let call = call.code(FunctionCode::builder().zip_file(Blob::new(MARK)).build());
        let call = configured!(call.set_tags(all(package.tags.clone())), config);
        call.customize().interceptor(Upload::new(package.file.path())).send().await
    };
    // "Function already exist": an earlier attempt of this call succeeded.
    done_if_exists(made.map(|_| ()).map_err(CallError::from), "ResourceConflictException")
}

/// Sends UpdateFunctionConfiguration, which does not change the settings that the request omits
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>).
async fn configure(api: &Client, name: &str, config: Config) -> Result<(), CallError> {
    configured!(api.update_function_configuration().function_name(name), config).send().await?;
    Ok(())
}

async fn functions(api: &Client) -> Result<Vec<FunctionConfiguration>, CallError> {
    let mut items = api.list_functions().max_items(50).into_paginator().items().send();
    let mut functions = Vec::new();
    while let Some(function) = items.next().await {
        functions.push(function?);
    }
    Ok(functions)
}

/// Converts a function of ListFunctions, and reads its parts that the scope asks for.
async fn whole(
    api: &Client,
    scope: &Scope,
    function: FunctionConfiguration,
    mappings: Option<Mappings>,
) -> Result<LiveResource<FunctionModel>, CallError> {
    let config = config_sdk::live(&function)?;
    let mut extras = config_sdk::extras(&function);
    let architecture = function.architectures().first().map_or("x86_64", Architecture::as_str);
    let architecture = word("ListFunctions", "the architecture", architecture)?;
    let is_image = function.package_type() == Some(&PackageType::Image);
    let bytes = function.code_size();
    let name = function.function_name.unwrap_or_default();
    let arn = function.function_arn.unwrap_or_default();
    let asked = read::Function { api, name: &name, arn: &arn, is_image };
    let found = Box::pin(asked.read(scope)).await?;
    let package = Package { is_image, bytes, image: found.image };
    extras.extend(found.extras);
    let mut parts = found.parts;
    let mut ids = BTreeMap::new();
    if let Some(mappings) = mappings {
        parts.event_sources = Setting::Set(mappings.settings);
        ids = mappings.ids;
        extras.extend(mappings.extras);
    }
    let model = FunctionModel {
        code: CodeModel::Is { sha256: function.code_sha256.unwrap_or_default(), from: None },
        architecture: Setting::Set(architecture),
        config,
        parts,
        tags: found.tags,
        name: None,
        ids,
        aliases: found.aliases,
        package,
    };
    let attributes = Function::attributes(&name, &scope.location);
    Ok(LiveResource::new(name, model, attributes).with_extras(extras))
}
