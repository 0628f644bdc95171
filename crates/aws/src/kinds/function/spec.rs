// SPDX-License-Identifier: Apache-2.0
//! The spec of a function and its conversion to a model.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regionctl_core::kind::Notes;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::check::check;
use super::config::{Config, FileSystem, ImageConfig, VpcAccess};
use super::event_source::EventSource;
use super::model::{CodeModel, FunctionModel, Package};
use super::parts::{AsyncConfig, Parts, Permission, RuntimeUpdates, Url};
use super::words::{ApplicationLevel, Architecture, LogFormat, RecursiveLoop, SnapStart, SystemLevel, Tracing};
use crate::tags::TagSettings;

/// A Lambda function. A field that is left out is copied from the source (`like:` or `copy:`). Without a source, it is
/// not managed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaFunction")]
pub struct FunctionSpec {
    /// Source of the code: `follow` copies the source's code, `{pinned: DIGEST}` copies it only if it has this digest,
    /// `external` leaves it to another tool. Default with a source: `follow`. Without a source it must be `external` or
    /// pinned; pinned code is then only compared.
    pub(super) code: Option<CodeSpec>,
    /// Instruction set: x86_64 or arm64. It changes only together with the code. AWS's default is x86_64.
    pub(super) architecture: Option<Architecture>,
    /// Runtime identifier, such as nodejs22.x. `unset` for a container image.
    #[serde(default)]
    pub(super) runtime: Setting<String>,
    /// Handler: the method in the code that Lambda calls, such as index.handler. `unset` for a container image.
    #[serde(default)]
    pub(super) handler: Setting<String>,
    /// ARN of the execution role.
    pub(super) role: Option<String>,
    /// Description, at most 256 characters.
    #[serde(default)]
    pub(super) description: Setting<String>,
    /// Timeout in seconds: 1 to 900. AWS's default is 3.
    pub(super) timeout: Option<i32>,
    /// Memory in MB: 128 to 10,240. AWS's default is 128.
    pub(super) memory_mb: Option<i32>,
    /// Ephemeral storage (/tmp) in MB: 512 to 10,240. AWS's default is 512.
    pub(super) ephemeral_mb: Option<i32>,
    /// Environment variables, all of them; other live variables are removed. With a source, they are merged into the
    /// source's and override them. Values are never shown.
    #[serde(default)]
    pub(super) environment: Setting<BTreeMap<String, String>>,
    /// X-Ray tracing mode: Active or PassThrough. AWS's default is PassThrough.
    pub(super) tracing: Option<Tracing>,
    /// Name of the CloudWatch Logs log group. `unset` is AWS's default, /aws/lambda/NAME.
    #[serde(default)]
    pub(super) log_group: Setting<String>,
    /// Format of the logs: JSON or Text. AWS's default is Text.
    pub(super) log_format: Option<LogFormat>,
    /// Lowest level of the application's logs, for JSON logs only. `unset` is AWS's default, INFO.
    #[serde(default)]
    pub(super) application_log_level: Setting<ApplicationLevel>,
    /// Lowest level of Lambda's own logs, for JSON logs only. `unset` is AWS's default, INFO.
    #[serde(default)]
    pub(super) system_log_level: Setting<SystemLevel>,
    /// Versions that start from a snapshot: PublishedVersions or None. AWS's default is None.
    pub(super) snap_start: Option<SnapStart>,
    /// ARNs of layer versions, in order. `unset` removes all. Not copied from a source if they are in its region.
    #[serde(default)]
    pub(super) layers: Setting<Vec<String>>,
    /// VPC access. `unset` detaches the function from its VPC. Never copied from a source.
    #[serde(default)]
    pub(super) vpc: Setting<VpcAccess>,
    /// File systems, at most one. `unset` removes them. Never copied from a source.
    #[serde(default)]
    pub(super) file_systems: Setting<Vec<FileSystem>>,
    /// ARN of the KMS key that encrypts the environment. `unset` uses AWS's own key. Not copied from a source if it is
    /// in the source's region.
    #[serde(default)]
    pub(super) kms_key: Setting<String>,
    /// Dead-letter queue: ARN of the SQS queue or SNS topic for failed asynchronous invocations. `unset` removes it.
    /// Not copied from a source if the ARN contains the source's region.
    #[serde(default)]
    pub(super) dead_letter: Setting<String>,
    /// Values that override those of the container image. `unset` uses the image's.
    #[serde(default)]
    pub(super) image_config: Setting<ImageConfig>,
    /// Statements of the resource policy by id. Other statements stay. `unset` removes one statement, or all of them.
    #[serde(default)]
    pub(super) permissions: Setting<BTreeMap<String, Setting<Permission>>>,
    /// Executions that are reserved for the function, and its maximum. 0 stops all invocations. `unset` removes it.
    #[serde(default)]
    pub(super) reserved_concurrency: Setting<i32>,
    /// Executions that are initialized in advance, by alias or version. Others stay. `unset` removes one, or all.
    #[serde(default)]
    pub(super) provisioned_concurrency: Setting<BTreeMap<String, Setting<i32>>>,
    /// Function URL. `unset` deletes it, which needs `--allow-destroy`.
    #[serde(default)]
    pub(super) url: Setting<Url>,
    /// Retries and destinations of asynchronous invocations. `unset` restores AWS's defaults.
    #[serde(default)]
    pub(super) async_config: Setting<AsyncConfig>,
    /// What Lambda does with recursive loops: Allow or Terminate. AWS's default is Terminate.
    pub(super) recursive_loop: Option<RecursiveLoop>,
    /// When Lambda updates the runtime. `unset` for a container image.
    #[serde(default)]
    pub(super) runtime_updates: Setting<RuntimeUpdates>,
    /// ARN of the code signing configuration. `unset` removes it.
    #[serde(default)]
    pub(super) code_signing: Setting<String>,
    /// Queues and streams from which Lambda invokes the function, by ARN. Others stay. `unset` removes one, or all of
    /// them, which needs `--allow-destroy`.
    #[serde(default)]
    pub(super) event_sources: Setting<BTreeMap<String, Setting<EventSource>>>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them. On creation, the source's tags
    /// are copied too.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
    /// The reason to waive that a dead-letter target or destination does not exist.
    pub(super) waiver: Option<String>,
}

/// Source of a function's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CodeSpec {
    /// The source's code.
    Follow,
    /// The source's code, if it has this digest.
    Pinned(String),
    /// Another tool deploys the code.
    External,
}

/// Whether a text is a digest as Lambda returns it: of a package in Base64, of an image in hexadecimal digits.
fn is_digest(text: &str) -> bool {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex || (text.len() == 44 && text.ends_with('='))
}

impl<'de> Deserialize<'de> for CodeSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Written {
            Follow,
            External,
            Pinned(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Follow => Ok(Self::Follow),
            Written::External => Ok(Self::External),
            Written::Pinned(digest) if is_digest(&digest) => Ok(Self::Pinned(digest)),
            Written::Pinned(digest) => Err(serde::de::Error::custom(format!(
                "'{digest}' is not a code digest\nuse the SHA-256 in Base64 that Lambda returns as `CodeSha256`"
            ))),
        }
    }
}

impl JsonSchema for CodeSpec {
    fn schema_name() -> Cow<'static, str> {
        "LambdaCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "enum": ["follow", "external"] },
                {
                    "type": "object",
                    "properties": { "pinned": { "type": "string", "minLength": 44, "maxLength": 64 } },
                    "required": ["pinned"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// An empty text is the same as no value: Lambda clears a setting with it.
fn text(setting: Setting<String>) -> Setting<String> {
    match setting {
        Setting::Set(text) if text.is_empty() => Setting::Unset,
        other => other,
    }
}

/// An empty list is the same as no value.
fn list<T>(setting: Setting<Vec<T>>) -> Setting<Vec<T>> {
    match setting {
        Setting::Set(items) if items.is_empty() => Setting::Unset,
        other => other,
    }
}

impl FunctionSpec {
    /// Checks the fields and converts them.
    pub(super) fn into_model(self, name: &str, notes: &mut Notes<'_>) -> FunctionModel {
        let mut spec = self;
        for field in [&mut spec.runtime, &mut spec.handler, &mut spec.description, &mut spec.log_group] {
            *field = text(std::mem::take(field));
        }
        for field in [&mut spec.kms_key, &mut spec.dead_letter, &mut spec.code_signing] {
            *field = text(std::mem::take(field));
        }
        check(&spec, notes);
        let own_name = (!name.contains('*')).then(|| name.to_owned());
        if let (Setting::Unset, Some(name)) = (&spec.log_group, &own_name) {
            spec.log_group = Setting::Set(format!("/aws/lambda/{name}"));
        }
        let code = match &spec.code {
            Some(CodeSpec::External) => CodeModel::External,
            Some(CodeSpec::Pinned(sha256)) => CodeModel::Is { sha256: sha256.clone(), from: None },
            Some(CodeSpec::Follow) | None => CodeModel::Follow,
        };
        FunctionModel {
            code,
            architecture: Setting::stated(spec.architecture),
            tags: std::mem::take(&mut spec.tags),
            name: own_name,
            ids: BTreeMap::new(),
            aliases: Vec::new(),
            package: Package::default(),
            parts: spec.parts(notes),
            config: spec.config(),
        }
    }

    fn config(self) -> Config {
        let secrets = |values: BTreeMap<String, String>| -> BTreeMap<String, Secret> {
            values.into_iter().map(|(key, value)| (key, Secret::new(value))).collect()
        };
        let environment = match self.environment {
            Setting::Set(values) if values.is_empty() => Setting::Unset,
            other => other.map(secrets),
        };
        let image_config = self.image_config.map(|image| ImageConfig {
            entry_point: list(image.entry_point),
            command: list(image.command),
            working_directory: text(image.working_directory),
        });
        Config {
            runtime: self.runtime,
            handler: self.handler,
            role: Setting::stated(self.role),
            description: self.description,
            timeout: Setting::stated(self.timeout),
            memory_mb: Setting::stated(self.memory_mb),
            ephemeral_mb: Setting::stated(self.ephemeral_mb),
            environment,
            tracing: Setting::stated(self.tracing),
            log_group: self.log_group,
            log_format: Setting::stated(self.log_format),
            application_log_level: self.application_log_level,
            system_log_level: self.system_log_level,
            snap_start: Setting::stated(self.snap_start),
            layers: list(self.layers),
            vpc: self.vpc,
            file_systems: list(self.file_systems),
            kms_key: self.kms_key,
            dead_letter: self.dead_letter,
            image_config,
        }
    }

    /// Takes the parts, and the waivers in them.
    fn parts(&mut self, notes: &mut Notes<'_>) -> Parts {
        let permissions = std::mem::take(&mut self.permissions).map(|permissions| {
            let canonical = |(id, permission): (String, Setting<Permission>)| {
                if let Some(reason) = permission.value().and_then(|it| it.waiver.as_ref()) {
                    notes.waive(&format!("permissions.{id}"), reason, &format!("permissions.{id}.waiver"));
                }
                (id, permission.map(Permission::canonical))
            };
            permissions.into_iter().map(canonical).collect()
        });
        let url = std::mem::take(&mut self.url).map(|url| {
            if let Some(reason) = &url.waiver {
                notes.waive("lambda-public-url", reason, "url.waiver");
            }
            Url { waiver: None, ..url }
        });
        let async_config = std::mem::take(&mut self.async_config).map(|config| AsyncConfig {
            on_success: text(config.on_success),
            on_failure: text(config.on_failure),
            ..config
        });
        Parts {
            permissions,
            reserved_concurrency: self.reserved_concurrency,
            provisioned_concurrency: std::mem::take(&mut self.provisioned_concurrency),
            url,
            async_config,
            recursive_loop: Setting::stated(self.recursive_loop),
            runtime_updates: std::mem::take(&mut self.runtime_updates),
            code_signing: std::mem::take(&mut self.code_signing),
            event_sources: std::mem::take(&mut self.event_sources).map(|sources| {
                sources.into_iter().map(|(arn, source)| (arn, source.map(EventSource::canonical))).collect()
            }),
        }
    }
}
