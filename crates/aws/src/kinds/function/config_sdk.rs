// SPDX-License-Identifier: Apache-2.0
//! Conversion of a function's configuration between the model and Lambda's requests and answers.

use std::collections::BTreeMap;

use aws_sdk_lambda::types as sdk;
use regionctl_core::observe::scope::Extra;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use serde_json::json;

use super::config::{Config, FileSystem, ImageConfig, VpcAccess};
use super::words::{LogFormat, SnapStart, Tracing, name, word};
use crate::error::{CallError, build_error};

/// A configuration as SDK types.
pub(super) struct Request {
    pub(super) runtime: Option<sdk::Runtime>,
    pub(super) handler: Option<String>,
    pub(super) role: Option<String>,
    pub(super) description: Option<String>,
    pub(super) timeout: Option<i32>,
    pub(super) memory: Option<i32>,
    pub(super) ephemeral: Option<sdk::EphemeralStorage>,
    pub(super) environment: Option<sdk::Environment>,
    pub(super) tracing: Option<sdk::TracingConfig>,
    pub(super) logging: Option<sdk::LoggingConfig>,
    pub(super) snap_start: Option<sdk::SnapStart>,
    pub(super) layers: Option<Vec<String>>,
    pub(super) vpc: Option<sdk::VpcConfig>,
    pub(super) file_systems: Option<Vec<sdk::FileSystemConfig>>,
    pub(super) kms_key: Option<String>,
    pub(super) dead_letter: Option<sdk::DeadLetterConfig>,
    pub(super) image_config: Option<sdk::ImageConfig>,
}

/// Returns the value to send: an unset setting is sent as its empty value, with which Lambda clears it.
fn cleared<T: Default>(setting: Setting<T>) -> Option<T> {
    match setting {
        Setting::Unset => Some(T::default()),
        setting => setting.into_value(),
    }
}

impl Request {
    pub(super) fn of(config: Config) -> Result<Self, CallError> {
        let logging = logging(&config);
        let variables = |values: BTreeMap<String, Secret>| {
            let values = values.into_iter().map(|(key, value)| (key, value.reveal().to_owned())).collect();
            sdk::Environment::builder().set_variables(Some(values)).build()
        };
        let tracing = |mode| sdk::TracingConfig::builder().mode(sdk::TracingMode::from(name(&mode).as_str())).build();
        let size = |size| sdk::EphemeralStorage::builder().size(size).build().map_err(build_error);
        let snap = |on| sdk::SnapStart::builder().apply_on(sdk::SnapStartApplyOn::from(name(&on).as_str())).build();
        let access = |vpc: VpcAccess| {
            sdk::VpcConfig::builder()
                .set_subnet_ids(Some(vpc.subnets.into_iter().collect()))
                .set_security_group_ids(Some(vpc.security_groups.into_iter().collect()))
                .set_ipv6_allowed_for_dual_stack(vpc.ipv6.into_value())
                .build()
        };
        let no_vpc = || VpcAccess { subnets: [].into(), security_groups: [].into(), ipv6: Setting::Unstated };
        let vpc = match config.vpc {
            Setting::Unset => Some(no_vpc()),
            setting => setting.into_value(),
        };
        let systems = cleared(config.file_systems).map(|systems| systems.into_iter().map(file_system).collect());
        Ok(Self {
            runtime: config.runtime.value().map(|runtime| sdk::Runtime::from(runtime.as_str())),
            handler: config.handler.into_value(),
            role: config.role.into_value(),
            description: cleared(config.description),
            timeout: config.timeout.into_value(),
            memory: config.memory_mb.into_value(),
            ephemeral: config.ephemeral_mb.into_value().map(size).transpose()?,
            environment: cleared(config.environment).map(variables),
            tracing: config.tracing.into_value().map(tracing),
            logging,
            snap_start: config.snap_start.into_value().map(snap),
            layers: cleared(config.layers),
            vpc: vpc.map(access),
            file_systems: systems.transpose()?,
            kms_key: cleared(config.kms_key),
            dead_letter: cleared(config.dead_letter)
                .map(|arn| sdk::DeadLetterConfig::builder().target_arn(arn).build()),
            image_config: cleared(config.image_config).map(image_config),
        })
    }
}

fn logging(config: &Config) -> Option<sdk::LoggingConfig> {
    let format = config.log_format.value().map(|it| sdk::LogFormat::from(name(it).as_str()));
    let application = config.application_log_level.value();
    let application = application.map(|it| sdk::ApplicationLogLevel::from(name(it).as_str()));
    let system = config.system_log_level.value().map(|it| sdk::SystemLogLevel::from(name(it).as_str()));
    let group = config.log_group.get();
    let is_stated = format.is_some() || application.is_some() || system.is_some() || group.is_some();
    let call = sdk::LoggingConfig::builder().set_log_format(format).set_log_group(group);
    let call = call.set_application_log_level(application).set_system_log_level(system);
    is_stated.then(|| call.build())
}

fn file_system(system: FileSystem) -> Result<sdk::FileSystemConfig, CallError> {
    let read = system.direct_s3_read.value().map(|read| {
        let read = sdk::DirectS3Read::from(name(read).as_str());
        sdk::S3FilesConfig::builder().direct_s3_read(read).build()
    });
    let call = sdk::FileSystemConfig::builder().arn(system.arn).local_mount_path(system.path);
    call.set_s3_files_config(read).build().map_err(build_error)
}

fn image_config(image: ImageConfig) -> sdk::ImageConfig {
    sdk::ImageConfig::builder()
        .set_entry_point(image.entry_point.into_value())
        .set_command(image.command.into_value())
        .set_working_directory(image.working_directory.into_value())
        .build()
}

/// Converts the configuration of an answer. A member that Lambda omits has its default.
///
/// # Errors
/// A value is not one that this version knows, or Lambda could not read it.
pub(super) fn live(function: &sdk::FunctionConfiguration) -> Result<Config, CallError> {
    const CALL: &str = "ListFunctions";
    unreadable(function)?;
    // Lambda returns an empty text for a setting that was cleared.
    let set = |text: Option<&str>| Setting::live(text.filter(|text| !text.is_empty()).map(ToOwned::to_owned));
    let tracing = function.tracing_config().and_then(|it| it.mode()).map_or("PassThrough", sdk::TracingMode::as_str);
    let logging = function.logging_config();
    let format = logging.and_then(|it| it.log_format()).map_or("Text", sdk::LogFormat::as_str);
    let log_format: LogFormat = word(CALL, "the log format", format)?;
    let level = |level: Option<&str>| match log_format {
        LogFormat::Text => None,
        LogFormat::Json => Some(level.unwrap_or("INFO").to_owned()),
    };
    let application = level(logging.and_then(|it| it.application_log_level()).map(sdk::ApplicationLogLevel::as_str));
    let system = level(logging.and_then(|it| it.system_log_level()).map(sdk::SystemLogLevel::as_str));
    let snap_start = function.snap_start().and_then(|it| it.apply_on()).map_or("None", |it| it.as_str());
    let snap_start: SnapStart = word(CALL, "the SnapStart setting", snap_start)?;
    let default_group = format!("/aws/lambda/{}", function.function_name().unwrap_or_default());
    let group = logging.and_then(|it| it.log_group()).map_or(default_group, ToOwned::to_owned);
    let variables = function.environment().and_then(|it| it.variables()).filter(|it| !it.is_empty());
    let layers: Vec<String> = function.layers().iter().filter_map(|it| it.arn().map(ToOwned::to_owned)).collect();
    let tracing: Tracing = word(CALL, "the tracing mode", tracing)?;
    Ok(Config {
        runtime: set(function.runtime().map(sdk::Runtime::as_str)),
        handler: set(function.handler()),
        role: set(function.role()),
        description: set(function.description()),
        timeout: Setting::Set(function.timeout().unwrap_or(3)),
        memory_mb: Setting::Set(function.memory_size().unwrap_or(128)),
        ephemeral_mb: Setting::Set(function.ephemeral_storage().map_or(512, sdk::EphemeralStorage::size)),
        environment: Setting::live(
            variables.map(|values| values.iter().map(|(key, value)| (key.clone(), Secret::new(value))).collect()),
        ),
        tracing: Setting::Set(tracing),
        log_group: Setting::Set(group),
        log_format: Setting::Set(log_format),
        application_log_level: Setting::live(
            application.map(|it| word(CALL, "the application log level", &it)).transpose()?,
        ),
        system_log_level: Setting::live(system.map(|it| word(CALL, "the system log level", &it)).transpose()?),
        snap_start: Setting::Set(snap_start),
        layers: Setting::live(Some(layers).filter(|it| !it.is_empty())),
        vpc: Setting::live(function.vpc_config().and_then(live_vpc)),
        file_systems: live_file_systems(CALL, function)?,
        kms_key: set(function.kms_key_arn()),
        dead_letter: set(function.dead_letter_config().and_then(sdk::DeadLetterConfig::target_arn)),
        image_config: live_image_config(function),
    })
}

/// Returns the errors that Lambda returns inside an answer with status 200, where it omits the values that it could
/// not read.
fn unreadable(function: &sdk::FunctionConfiguration) -> Result<(), CallError> {
    let failed = |code: Option<&str>, message: Option<&str>| {
        let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
        Err(CallError::of_item("Lambda ListFunctions".to_owned(), code, message))
    };
    if let Some(error) = function.environment().and_then(|it| it.error()) {
        return failed(error.error_code(), error.message());
    }
    if let Some(error) = function.image_config_response().and_then(|it| it.error()) {
        return failed(error.error_code(), error.message());
    }
    Ok(())
}

/// Returns `None` for an empty structure, which Lambda returns for a function without a VPC.
fn live_vpc(vpc: &sdk::VpcConfigResponse) -> Option<VpcAccess> {
    let access = VpcAccess {
        subnets: vpc.subnet_ids().iter().cloned().collect(),
        security_groups: vpc.security_group_ids().iter().cloned().collect(),
        ipv6: Setting::Set(vpc.ipv6_allowed_for_dual_stack().unwrap_or(false)),
    };
    Some(access).filter(|it| !it.subnets.is_empty())
}

fn live_file_systems(call: &str, function: &sdk::FunctionConfiguration) -> Result<Setting<Vec<FileSystem>>, CallError> {
    let one = |system: &sdk::FileSystemConfig| {
        let read = system.s3_files_config().and_then(|it| it.direct_s3_read());
        let read = read.map(|it| word(call, "the setting DirectS3Read", it.as_str())).transpose()?;
        let (arn, path) = (system.arn().to_owned(), system.local_mount_path().to_owned());
        Ok(FileSystem { arn, path, direct_s3_read: Setting::live(read) })
    };
    let systems: Vec<FileSystem> = function.file_system_configs().iter().map(one).collect::<Result<_, CallError>>()?;
    Ok(Setting::live(Some(systems).filter(|it| !it.is_empty())))
}

fn live_image_config(function: &sdk::FunctionConfiguration) -> Setting<ImageConfig> {
    let Some(image) = function.image_config_response().and_then(|it| it.image_config()) else { return Setting::Unset };
    let list = |items: &[String]| Setting::live(Some(items.to_vec()).filter(|it| !it.is_empty()));
    let directory = image.working_directory().filter(|it| !it.is_empty()).map(ToOwned::to_owned);
    let image = ImageConfig {
        entry_point: list(image.entry_point()),
        command: list(image.command()),
        working_directory: Setting::live(directory),
    };
    if image.is_empty() { Setting::Unset } else { Setting::Set(image) }
}

/// Returns what a spec cannot state. UpdateFunctionConfiguration changes none of it, because the request omits it.
pub(super) fn extras(function: &sdk::FunctionConfiguration) -> Vec<Extra> {
    let mut extras = Vec::new();
    if let Some(tenancy) = function.tenancy_config() {
        extras.push(Extra::kept("tenancy.isolation_mode", tenancy.tenant_isolation_mode().as_str()));
    }
    let capacity = function.capacity_provider_config();
    if let Some(provider) = capacity.and_then(|it| it.lambda_managed_instances_capacity_provider_config()) {
        extras.push(Extra::kept("capacity_provider.arn", provider.capacity_provider_arn()));
        if let Some(most) = provider.per_execution_environment_max_concurrency() {
            extras.push(Extra::kept("capacity_provider.concurrency_per_environment", most));
        }
        if let Some(memory) = provider.execution_environment_memory_gib_per_v_cpu() {
            extras.push(Extra::kept("capacity_provider.memory_gib_per_vcpu", memory));
        }
    }
    if let Some(durable) = function.durable_config() {
        let value = json!({
            "kms_key": durable.kms_key_arn(),
            "retention_days": durable.retention_period_in_days(),
            "execution_timeout": durable.execution_timeout(),
        });
        for (member, value) in value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            extras.push(Extra::kept(format!("durable.{member}"), value.clone()));
        }
    }
    extras
}
