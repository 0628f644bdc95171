// SPDX-License-Identifier: Apache-2.0
//! `lambda.function`: a function's configuration and code.
//!
//! Code is copied from a source, pinned to a digest, or deployed by another tool. It is compared by its digest and only
//! downloaded if it differs. Versions, aliases, event source mappings and resource policies are not covered.

mod api;
mod code;
mod config;
mod follow;
mod upload;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::types::Runtime;
use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use code::Code;
use config::Config;
use follow::{copied_code, copied_config};

/// The kind `lambda.function`.
pub struct Function;

/// A Lambda function. A field that is left out is copied from the source (`like:` or `copy:`). Without a source, it is
/// not managed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaFunction")]
pub struct FunctionSpec {
    /// Source of the code: `follow` copies the source's code, `{pinned: DIGEST}` copies it only if it has this digest,
    /// `external` leaves it to another tool. Default with a source: `follow`. Without a source it must be `external`.
    code: Option<CodeSpec>,
    /// Runtime identifier, such as nodejs22.x.
    runtime: Option<String>,
    /// Handler: the method in the code that Lambda calls, such as index.handler.
    handler: Option<String>,
    /// ARN of the execution role.
    role: Option<String>,
    /// Description, at most 256 characters.
    description: Option<String>,
    /// Timeout in seconds: 1 to 900. AWS's default is 3.
    timeout: Option<i32>,
    /// Memory in MB: 128 to 10,240. AWS's default is 128.
    memory_mb: Option<i32>,
    /// Ephemeral storage (/tmp) in MB: 512 to 10,240. AWS's default is 512.
    ephemeral_mb: Option<i32>,
    /// Environment variables, all of them; other live variables are removed. With a source, they are merged into the
    /// source's and override them. Values are never shown.
    environment: Option<BTreeMap<String, String>>,
    /// X-Ray tracing mode: Active or PassThrough. AWS's default is PassThrough.
    tracing: Option<Tracing>,
    /// Name of the CloudWatch Logs log group. AWS's default is /aws/lambda/NAME.
    log_group: Option<String>,
    /// ARNs of layer versions, in order. `[]` removes all. Never copied from a source.
    layers: Option<Vec<String>>,
    /// VPC access. `unset` detaches the function from its VPC. Never copied from a source.
    #[serde(default)]
    vpc: Setting<VpcAccess>,
    /// ARN of the KMS key that encrypts the environment. `unset` uses AWS's own key. Never copied from a source.
    #[serde(default)]
    kms_key: Setting<String>,
    /// Dead-letter queue: ARN of the SQS queue or SNS topic for failed asynchronous invocations. `unset` removes it.
    /// Not copied from a source if the ARN contains the source's region.
    #[serde(default)]
    dead_letter: Setting<String>,
    /// Tags to set. Other tags stay. On creation, the source's tags are copied too.
    tags: Option<Tags>,
}

/// Source of a function's code.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CodeSpec {
    /// The source's code.
    Follow,
    /// The source's code, if it has this digest (SHA-256 in Base64).
    Pinned(String),
    /// Another tool deploys the code.
    External,
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
            Written::Pinned(digest) if digest.len() == 44 && digest.ends_with('=') => Ok(Self::Pinned(digest)),
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
                    "properties": { "pinned": { "type": "string", "minLength": 44, "maxLength": 44 } },
                    "required": ["pinned"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// X-Ray tracing mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LambdaTracing")]
enum Tracing {
    /// Lambda samples and traces requests.
    Active,
    /// Lambda traces only requests that the caller traces.
    PassThrough,
}

/// A function's access to a VPC (`VpcConfig`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaVpcAccess")]
struct VpcAccess {
    /// Subnet IDs.
    subnets: BTreeSet<String>,
    /// Security group IDs.
    security_groups: BTreeSet<String>,
}

/// A function, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionModel {
    code: CodeModel,
    #[serde(flatten)]
    config: Config,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
    /// ARNs of event sources, which are not copied. Set in live models only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    event_sources: Vec<String>,
    /// Properties that no spec field has. Set in live models only.
    beyond: Beyond,
}

/// A function's code, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum CodeModel {
    /// The source's code, before the source is read.
    Follow,
    /// Code with a known digest.
    Is {
        /// SHA-256 in Base64 (Lambda's `CodeSha256`).
        sha256: String,
        /// The source that has this code; `None` in live models, and if the source has other code than the pinned one.
        from: Option<Code>,
    },
    /// Another tool deploys the code.
    External,
}

/// Properties of a live function that no spec field has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Beyond {
    is_image: bool,
    architecture: Option<String>,
    code_bytes: i64,
    file_systems: Vec<String>,
}

/// The Lambda API calls that create, change and delete a function.
#[derive(Debug, Serialize, Deserialize)]
pub enum FunctionOp {
    /// Downloads the code from its source, and creates the function.
    CreateFunction {
        /// The source function, and the digest that its package must have.
        code: Code,
        /// All stated settings; AWS's defaults apply to the others.
        config: Box<Config>,
        /// The spec's tags; the source's tags are added.
        tags: Tags,
    },
    /// Downloads the code from its source, and replaces the function's code.
    UpdateFunctionCode {
        /// The source function, and the digest that its package must have.
        code: Code,
    },
    /// Changes the stated settings. Lambda does not change the others.
    UpdateFunctionConfiguration {
        /// All stated settings, including those that do not differ.
        config: Box<Config>,
    },
    /// Adds or updates tags; other tags stay.
    TagResource {
        /// All tags of the spec, also those that do not differ.
        tags: Tags,
    },
    /// Deletes the function with all its versions.
    DeleteFunction,
}

/// The largest package in bytes that Lambda accepts in a request. A larger one must be uploaded through S3.
const LARGEST_PACKAGE: i64 = 50 << 20;

impl Kind for Function {
    const FACTS: Facts = Facts {
        name: "lambda.function",
        service: "Lambda",
        summary: "A function's configuration and code. Values of environment variables are never shown.",
        reads: &["ListFunctions", "ListTags", "ListEventSourceMappings", "GetFunction", "GetFunctionConfiguration"],
        removes: &["DeleteFunction"],
        writes: &[
            "CreateFunction",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "TagResource",
            "DeleteFunction",
        ],
        step_reads: &["GetFunction", "GetFunctionConfiguration"],
        checks: &["GetAccountSettings"],
        // Lambda uses the caller's permissions (Developer Guide: "Working with layers", "Giving Lambda functions access
        // to resources in an Amazon VPC", "Securing Lambda environment variables").
        also: &[
            regionctl_core::kind::Need::named_by("role", "iam:PassRole", crate::services::ROLES),
            regionctl_core::kind::Need::if_stated(
                "layers",
                "lambda:GetLayerVersion",
                &["arn:{partition}:lambda:{region}:*:layer:*"],
            ),
            regionctl_core::kind::Need::if_stated("vpc", "ec2:DescribeSecurityGroups", &["*"]),
            regionctl_core::kind::Need::if_stated("vpc", "ec2:DescribeSubnets", &["*"]),
            regionctl_core::kind::Need::if_stated("vpc", "ec2:DescribeVpcs", &["*"]),
            regionctl_core::kind::Need::if_stated("kms_key", "kms:CreateGrant", crate::services::KEYS),
            regionctl_core::kind::Need::if_stated("kms_key", "kms:Encrypt", crate::services::KEYS),
            regionctl_core::kind::Need::if_stated("kms_key", "kms:Decrypt", crate::services::KEYS).to_read(),
        ],
        attributes: &["arn", "name"],
        name_fields: &["FunctionName"],
        lists: true,
        follows: true,
        inventory: &["ListFunctions"],
        weights: &[
            Weight {
                path: "role",
                when: When::Differs,
                severity: Severity::High,
                why: "the execution role's permissions may differ from the spec",
            },
            Weight {
                path: "kms_key",
                when: When::Differs,
                severity: Severity::High,
                why: "the environment is encrypted with a different key",
            },
        ],
        defaults: r#"{"timeout": 3, "memory_mb": 128, "ephemeral_mb": 512, "tracing": "PassThrough"}"#,
        example: "
lambda.function:
  \"*\": {copy: eu-west-1, except: [canary-*], rewrite: {eu-west-1: \"${region}\"}}
  resize:
    like: eu-west-1/resize
    memory_mb: 512
  billing: {code: external, timeout: 30}
logs.log_group:
  /aws/lambda/${each.name}: {for_each: lambda.function, retention_days: 365}
",
        parts: &["tags", "event_sources"],
        not_copied: &["tags"],
        source_only: &["event_sources"],
        ..Facts::DEFAULT
    };

    type Spec = FunctionSpec;
    type Model = FunctionModel;
    type Op = FunctionOp;

    fn check_name(name: &str) -> Result<(), String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(());
        }
        Err(format!("'{name}' is not a valid Lambda function name\nuse 1 to 64 letters, digits, `-` and `_`"))
    }

    fn desire(_: &str, spec: FunctionSpec, notes: &mut Notes<'_>) -> FunctionModel {
        check(&spec, notes);
        let code = match spec.code {
            Some(CodeSpec::External) => CodeModel::External,
            Some(CodeSpec::Pinned(sha256)) => CodeModel::Is { sha256, from: None },
            Some(CodeSpec::Follow) | None => CodeModel::Follow,
        };
        let secrets = |values: BTreeMap<String, String>| {
            values.into_iter().map(|(key, value)| (key, Secret::new(value))).collect()
        };
        let config = Config {
            runtime: Setting::stated(spec.runtime),
            handler: Setting::stated(spec.handler),
            role: Setting::stated(spec.role),
            description: Setting::stated(spec.description),
            timeout: Setting::stated(spec.timeout),
            memory_mb: Setting::stated(spec.memory_mb),
            ephemeral_mb: Setting::stated(spec.ephemeral_mb),
            environment: Setting::stated(spec.environment.map(secrets)),
            tracing: Setting::stated(spec.tracing),
            log_group: Setting::stated(spec.log_group),
            layers: Setting::stated(spec.layers),
            vpc: spec.vpc,
            kms_key: spec.kms_key,
            dead_letter: spec.dead_letter,
        };
        FunctionModel {
            code,
            config,
            tags: Setting::stated(spec.tags),
            event_sources: Vec::new(),
            beyond: Beyond::default(),
        }
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([
            ("arn".to_owned(), location.arn("lambda", &format!("function:{name}"))),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn follow(
        own: FunctionModel,
        source: &LiveResource<FunctionModel>,
        location: &Location,
        not_copied: &mut Vec<String>,
    ) -> Option<FunctionModel> {
        let FunctionModel { code, config, tags: _, event_sources, beyond } = source.model.clone();
        let code = copied_code(&own.code, &code, &beyond, source, location, not_copied)?;
        let config = copied_config(own.config, config, &location.region, not_copied);
        for system in &beyond.file_systems {
            not_copied.push(format!(
                "file system '{system}' belongs to the source's region and is not copied: mount one by hand"
            ));
        }
        for event_source in &event_sources {
            not_copied.push(format!("event source '{event_source}' is not copied: create a mapping here if needed"));
        }
        Some(FunctionModel { code, config, tags: own.tags, event_sources: Vec::new(), beyond: Beyond::default() })
    }

    /// Both calls pass the execution role to Lambda.
    fn also_needs(op: &FunctionOp) -> Vec<(&'static str, String)> {
        match op {
            FunctionOp::CreateFunction { config, .. } | FunctionOp::UpdateFunctionConfiguration { config } => {
                config.role.value().map(|role| ("iam:PassRole", role.clone())).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn remove(_: &FunctionModel, out: &mut Diff<'_, FunctionOp>) {
        out.removed(FunctionOp::DeleteFunction);
    }

    fn diff(want: &FunctionModel, live: Option<&FunctionModel>, out: &mut Diff<'_, FunctionOp>) {
        let FunctionModel { code, config, tags, event_sources: _, beyond: _ } = want;
        let live_code = live.and_then(|live| match &live.code {
            CodeModel::Is { sha256, .. } => Some(sha256),
            CodeModel::Follow | CodeModel::External => None,
        });
        let (coded, code) = match code {
            CodeModel::Is { sha256, from } => (out.value("code_sha256", sha256, live_code), from.clone()),
            CodeModel::Follow | CodeModel::External => (Covers::default(), None),
        };
        let configured = config.compare(live.map(|live| &live.config), out);
        let tagged = out.stated_entries("tags", tags.value(), live.and_then(|live| live.tags.value()));
        let tags = tags.clone().unwrap_or_default();
        if !coded.is_empty() && code.is_none() {
            out.blocked(
                &coded,
                "the source no longer has the pinned code: pin the source's current digest, or deploy the pinned code",
            );
        }
        match (live, code) {
            (Some(live), code) => {
                if live.beyond.is_image {
                    out.blocked(
                        &coded,
                        "the live function is a container image and the source is not: Lambda cannot change the \
                         package type",
                    );
                }
                out.step(Phase::Change, tagged, FunctionOp::TagResource { tags });
                if let Some(code) = code {
                    out.step(Phase::Change, coded, FunctionOp::UpdateFunctionCode { code });
                }
                let config = Box::new(config.clone());
                out.step(Phase::Change, configured, FunctionOp::UpdateFunctionConfiguration { config });
            }
            (None, Some(code)) => {
                let covers = out.creation().and(coded).and(configured).and(tagged);
                let config = Box::new(config.clone());
                out.step(Phase::Create, covers, FunctionOp::CreateFunction { code, config, tags });
            }
            (None, None) => out.made_by_others("another tool deploys the code, and has not created the function yet"),
        }
    }
}

/// Validates the fields against Lambda's limits
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
fn check(spec: &FunctionSpec, notes: &mut Notes<'_>) {
    if !notes.follows && spec.code != Some(CodeSpec::External) {
        let help = "copy a function with `like:` or `copy:`, or set `code: external` if another tool deploys it";
        notes.fault("code", "a function needs a source for its code", help);
    }
    let range = |notes: &mut Notes<'_>, field: &str, value: Option<i32>, least: i32, most: i32| {
        if value.is_some_and(|value| !(least..=most).contains(&value)) {
            notes.fault(field, format!("`{field}` must be {least} to {most}"), "set a number in this range");
        }
    };
    range(notes, "timeout", spec.timeout, 1, 900);
    range(notes, "memory_mb", spec.memory_mb, 128, 10_240);
    range(notes, "ephemeral_mb", spec.ephemeral_mb, 512, 10_240);
    if let Some(word) = spec.runtime.as_deref().filter(|word| !Runtime::values().contains(word)) {
        notes.fault("runtime", format!("'{word}' is not a Lambda runtime"), "use a runtime such as nodejs22.x");
    }
    if spec.role.as_deref().is_some_and(|role| !role.starts_with("arn:") && !role.contains("${")) {
        notes.fault("role", "a role must be an ARN", "use an ARN such as arn:aws:iam::123456789012:role/name");
    }
    if spec.description.as_ref().is_some_and(|text| text.chars().count() > 256) {
        notes.fault("description", "the description is longer than 256 characters", "shorten it");
    }
    for key in spec.environment.iter().flatten().map(|(key, _)| key) {
        let valid = key.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid {
            let message = format!("'{key}' is not a valid environment variable name");
            notes.fault(&format!("environment.{key}"), message, "use letters, digits and `_`; start with a letter");
        }
    }
    tags::check(spec.tags.as_ref(), notes);
}
