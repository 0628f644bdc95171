// SPDX-License-Identifier: Apache-2.0
//! `lambda.function`: a function's code, configuration, permissions, concurrency, URL, asynchronous
//! invocations and event sources.
//!
//! Code is copied from a source, pinned to a digest, or deployed by another tool. It is compared by its digest and only
//! downloaded if it differs. Versions and aliases are not covered.

mod api;
mod calls;
mod check;
mod code;
mod config;
mod config_sdk;
mod defects;
mod event_source;
mod event_source_sdk;
mod follow;
mod model;
mod parts;
mod read;
mod spec;
mod steps;
mod upload;
mod words;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Need, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::tags::{self, TagSettings};
use code::Code;
use config::Config;
use event_source::EventSource;
use model::{CodeModel, FunctionModel};
use parts::{AsyncConfig, Permission, RuntimeUpdates, Url};
use spec::FunctionSpec;
use words::RecursiveLoop;

/// The kind `lambda.function`.
pub struct Function;

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
        /// The source's tags that are not copied, because the spec unsets them; `*` for all.
        untagged: Vec<String>,
    },
    /// Downloads the code from its source, and replaces the function's code.
    UpdateFunctionCode {
        /// The source function, and the digest that its package must have.
        code: Code,
    },
    /// Changes the stated settings. Lambda does not change the others.
    UpdateFunctionConfiguration {
        /// The settings that differ; structures as a whole, because Lambda replaces them.
        config: Box<Config>,
    },
    /// Adds or updates tags; other tags stay.
    TagResource {
        /// All tags of the spec, also those that do not differ.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags stay.
    UntagResource {
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
    /// Adds a statement to the resource policy; other statements stay.
    AddPermission {
        /// The statement's id.
        id: String,
        /// What it allows.
        permission: Permission,
    },
    /// Removes a statement of the resource policy; other statements stay.
    RemovePermission {
        /// The statement's id.
        id: String,
    },
    /// Reserves executions for the function.
    PutFunctionConcurrency {
        /// The number of executions, which is also their maximum.
        executions: i32,
    },
    /// Removes the reservation and the maximum.
    DeleteFunctionConcurrency,
    /// Sets the executions of an alias or version that are initialized in advance.
    PutProvisionedConcurrencyConfig {
        /// The alias or version.
        qualifier: String,
        /// The number of executions.
        executions: i32,
    },
    /// Removes the provisioned concurrency of an alias or version.
    DeleteProvisionedConcurrencyConfig {
        /// The alias or version.
        qualifier: String,
    },
    /// Creates the function's URL.
    CreateFunctionUrlConfig(Url),
    /// Replaces all settings of the function's URL.
    UpdateFunctionUrlConfig(Url),
    /// Deletes the function's URL. A new one has another address.
    DeleteFunctionUrlConfig,
    /// Replaces the configuration of asynchronous invocations. Unstated members are sent with their live values.
    PutFunctionEventInvokeConfig(AsyncConfig),
    /// Restores AWS's defaults for asynchronous invocations.
    DeleteFunctionEventInvokeConfig,
    /// Sets what Lambda does with recursive loops.
    PutFunctionRecursionConfig {
        /// What Lambda does.
        reaction: RecursiveLoop,
    },
    /// Sets when Lambda updates the runtime.
    PutRuntimeManagementConfig(RuntimeUpdates),
    /// Sets the code signing configuration. Lambda then verifies the signatures of new code.
    PutFunctionCodeSigningConfig {
        /// The configuration's ARN.
        arn: String,
    },
    /// Removes the code signing configuration.
    DeleteFunctionCodeSigningConfig,
    /// Lets Lambda invoke the function for a queue or stream.
    CreateEventSourceMapping {
        /// The ARN of the queue or stream.
        arn: String,
        /// All stated settings; AWS's defaults apply to the others.
        source: EventSource,
    },
    /// Changes the stated settings of a mapping. Lambda does not change the others.
    UpdateEventSourceMapping {
        /// The mapping's UUID.
        id: String,
        /// The settings that differ.
        source: EventSource,
    },
    /// Deletes a mapping, and with it the position in the stream.
    DeleteEventSourceMapping {
        /// The mapping's UUID.
        id: String,
    },
    /// Deletes the function with all its versions.
    DeleteFunction,
}

/// The largest package in bytes that Lambda accepts in a request. A larger one must be uploaded through S3.
const LARGEST_PACKAGE: i64 = 50 << 20;

/// What the caller needs for a function from a container image
/// (<https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>).
const IMAGE_ACTIONS: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

/// The ARNs of all functions, also of sources in other regions, in IAM policies.
const FUNCTIONS: &[&str] = &["arn:{partition}:lambda:*:{account}:function:*"];

impl Kind for Function {
    const FACTS: Facts = Facts {
        name: "lambda.function",
        service: "Lambda",
        summary: "A function's configuration and code. Values of environment variables are never shown.",
        reads: &[
            "ListFunctions",
            "GetFunction",
            "GetFunctionConfiguration",
            "GetPolicy",
            "ListProvisionedConcurrencyConfigs",
            "ListFunctionUrlConfigs",
            "ListFunctionEventInvokeConfigs",
            "GetFunctionRecursionConfig",
            "GetRuntimeManagementConfig",
            "GetFunctionCodeSigningConfig",
            "ListAliases",
            "ListEventSourceMappings",
        ],
        removes: &["DeleteFunction"],
        writes: &[
            "CreateFunction",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "TagResource",
            "UntagResource",
            "AddPermission",
            "RemovePermission",
            "PutFunctionConcurrency",
            "DeleteFunctionConcurrency",
            "PutProvisionedConcurrencyConfig",
            "DeleteProvisionedConcurrencyConfig",
            "CreateFunctionUrlConfig",
            "UpdateFunctionUrlConfig",
            "DeleteFunctionUrlConfig",
            "PutFunctionEventInvokeConfig",
            "DeleteFunctionEventInvokeConfig",
            "PutFunctionRecursionConfig",
            "PutRuntimeManagementConfig",
            "PutFunctionCodeSigningConfig",
            "DeleteFunctionCodeSigningConfig",
            "CreateEventSourceMapping",
            "UpdateEventSourceMapping",
            "DeleteEventSourceMapping",
            "DeleteFunction",
        ],
        step_reads: &["GetFunction", "GetFunctionConfiguration"],
        checks: &["GetAccountSettings"],
        // Lambda uses the caller's permissions (Developer Guide: "Working with layers", "Giving Lambda functions access
        // to resources in an Amazon VPC", "Securing Lambda environment variables").
        also: &[
            // GetFunction returns tags only to callers that may list them
            // (https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html).
            Need::always("lambda:ListTags", FUNCTIONS).to_read(),
            Need::named_by("role", "iam:PassRole", crate::services::ROLES),
            Need::if_stated("layers", "lambda:GetLayerVersion", &["arn:{partition}:lambda:{region}:*:layer:*"]),
            Need::if_stated("vpc", "ec2:DescribeSecurityGroups", &["*"]),
            Need::if_stated("vpc", "ec2:DescribeSubnets", &["*"]),
            Need::if_stated("vpc", "ec2:DescribeVpcs", &["*"]),
            // Developer Guide: "Configuring file system access for Lambda functions".
            Need::if_stated("file_systems", "elasticfilesystem:DescribeMountTargets", &["*"]),
            Need::if_stated("kms_key", "kms:CreateGrant", crate::services::KEYS),
            Need::if_stated("kms_key", "kms:Encrypt", crate::services::KEYS),
            Need::if_stated("kms_key", "kms:Decrypt", crate::services::KEYS).to_read(),
        ],
        attributes: &["arn", "name"],
        name_fields: &["FunctionName"],
        lists: true,
        looks_up: &defects::LOOKS_UP,
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
            Weight {
                path: "permissions*",
                when: When::Differs,
                severity: Severity::High,
                why: "others may invoke the function than the spec says",
            },
            Weight {
                path: "url*",
                when: When::Differs,
                severity: Severity::High,
                why: "the function's URL is missing, or works differently",
            },
            Weight {
                path: "code_signing",
                when: When::Differs,
                severity: Severity::High,
                why: "signatures of the code are verified differently",
            },
        ],
        defaults: r#"{"architecture": "x86_64", "timeout": 3, "memory_mb": 128, "ephemeral_mb": 512, "tracing": "PassThrough", "log_format": "Text", "snap_start": "None", "layers": null, "vpc": null, "file_systems": null, "kms_key": null, "dead_letter": null, "reserved_concurrency": null, "url": null, "async_config": null, "recursive_loop": "Terminate", "runtime_updates": {"mode": "Auto"}, "code_signing": null}"#,
        example: "
lambda.function:
  \"*\": {copy: eu-west-1, except: [canary-*], rewrite: {eu-west-1: \"${region}\"}}
  resize:
    like: eu-west-1/resize
    memory_mb: 512
  billing:
    code: external
    timeout: 30
    log_format: JSON
    reserved_concurrency: 10
    permissions:
      uploads: {principal: s3.amazonaws.com, source_arn: \"arn:aws:s3:::uploads\", source_account: \"123456789012\"}
logs.log_group:
  /aws/lambda/${each.name}: {for_each: lambda.function, retention_days: 365}
",
        parts: &[
            "tags",
            "permissions",
            "reserved_concurrency",
            "provisioned_concurrency",
            "url",
            "async_config",
            "recursive_loop",
            "runtime_updates",
            "code_signing",
            "event_sources",
            "aliases",
        ],
        not_copied: &["tags"],
        source_only: &["aliases"],
        creation_tags: true,
        defect_rules: &[defects::DEAD_TARGET],
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

    fn desire(name: &str, spec: FunctionSpec, notes: &mut Notes<'_>) -> FunctionModel {
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        spec.into_model(name, notes)
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([
            ("arn".to_owned(), location.arn("lambda", &format!("function:{name}"))),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    /// Drops the statements, event sources and provisioned concurrency of others, so that a saved plan does not depend
    /// on them.
    fn relevant(want: Option<&FunctionModel>, live: FunctionModel) -> FunctionModel {
        let live = live.settings();
        match want {
            Some(want) => FunctionModel { parts: live.parts.stated_by(&want.parts), ..live },
            None => live,
        }
    }

    fn follow(
        own: FunctionModel,
        source: &LiveResource<FunctionModel>,
        location: &Location,
        left: &mut Vec<String>,
    ) -> Option<FunctionModel> {
        follow::follow(own, source, location, left)
    }

    fn defects(want: &FunctionModel, _: Option<&FunctionModel>, seen: &Seen<'_>) -> Vec<Risk> {
        defects::defects(want, seen)
    }

    fn write(model: &FunctionModel) -> Option<Value> {
        let mut fields = Map::new();
        let code = match &model.code {
            CodeModel::Follow => json!("follow"),
            CodeModel::External => json!("external"),
            CodeModel::Is { sha256, .. } => json!({ "pinned": sha256 }),
        };
        fields.insert("code".to_owned(), code);
        write::setting("architecture", &model.architecture, &mut fields);
        model.config.write(&mut fields);
        model.parts.write(&mut fields);
        fields.values_mut().for_each(parts::unset_members);
        let revealed = model.config.environment.value().map(|variables| {
            variables.iter().map(|(key, value)| (key.clone(), value.reveal().into())).collect::<Map<_, Value>>()
        });
        if let Some(variables) = revealed {
            fields.insert("environment".to_owned(), variables.into());
        }
        tags::write(&model.tags, &mut fields);
        Some(Value::Object(fields))
    }

    fn risks(model: &FunctionModel) -> Vec<Risk> {
        model.parts.risks()
    }

    /// Two calls pass the execution role to Lambda, and two read a container image.
    fn also_needs(op: &FunctionOp) -> Vec<(&'static str, String)> {
        let role = match op {
            FunctionOp::CreateFunction { config, .. } | FunctionOp::UpdateFunctionConfiguration { config } => {
                config.role.value().map(|role| ("iam:PassRole", role.clone()))
            }
            _ => None,
        };
        let image = match op {
            FunctionOp::CreateFunction { code, .. } | FunctionOp::UpdateFunctionCode { code } => code.repository(),
            _ => None,
        };
        let of_image = image.into_iter().flat_map(|arn| IMAGE_ACTIONS.map(|action| (action, arn.clone())));
        role.into_iter().chain(of_image).collect()
    }

    fn remove(_: &FunctionModel, out: &mut Diff<'_, FunctionOp>) {
        out.removed(FunctionOp::DeleteFunction);
    }

    fn diff(want: &FunctionModel, live: Option<&FunctionModel>, out: &mut Diff<'_, FunctionOp>) {
        let FunctionModel { code, architecture, config, parts, tags, name: _, ids: _, aliases: _, package: _ } = want;
        let (coded, code) = compare_code(code, live, out);
        let architecture = out.setting("architecture", architecture, live.map(|live| &live.architecture));
        let (configured, config) = config.compare(live.map(|live| &live.config), out);
        let tag_changes = tags::compare(tags, live.map(|live| &live.tags), out);
        let config = Box::new(config);
        match (live, code) {
            (Some(live), code) => {
                if code.as_ref().is_some_and(|code| code.image.is_some() != live.package.is_image) {
                    out.blocked(
                        &coded,
                        "only one of the live function and the source is a container image: Lambda cannot change the \
                         package type",
                    );
                }
                out.step(Phase::Change, tag_changes.set, FunctionOp::TagResource { tags: tag_changes.tags });
                out.step(Phase::Change, tag_changes.removed, FunctionOp::UntagResource { keys: tag_changes.keys });
                if let Some(code) = code {
                    out.step(Phase::Change, coded.and(architecture), FunctionOp::UpdateFunctionCode { code });
                } else {
                    out.blocked(
                        &architecture,
                        "the architecture changes only with new code: deploy code for it with the tool that deploys \
                         the function, or leave out `architecture`",
                    );
                }
                out.step(Phase::Change, configured, FunctionOp::UpdateFunctionConfiguration { config });
                steps::diff(parts, Some(&live.parts), Some(&live.ids), out);
            }
            (None, Some(code)) => {
                let untagged = untagged(tags);
                let (tagged, tags) = tags::of_new(tag_changes, out);
                let covers = out.creation().and(coded).and(architecture).and(configured).and(tagged);
                out.step(Phase::Create, covers, FunctionOp::CreateFunction { code, config, tags, untagged });
                steps::diff(parts, None, None, out);
            }
            (None, None) => out.made_by_others("another tool deploys the code, and has not created the function yet"),
        }
    }
}

/// Compares the code. Returns the difference, and the source that has the desired code.
fn compare_code(
    want: &CodeModel,
    live: Option<&FunctionModel>,
    out: &mut Diff<'_, FunctionOp>,
) -> (Covers, Option<Code>) {
    let CodeModel::Is { sha256, from } = want else { return (Covers::default(), None) };
    let live_code = live.and_then(|live| match &live.code {
        CodeModel::Is { sha256, .. } => Some(sha256),
        CodeModel::Follow | CodeModel::External => None,
    });
    let covers = out.value("code_sha256", sha256, live_code);
    if from.is_none() {
        out.blocked(
            &covers,
            "the source no longer has the pinned code, or there is no source: pin the source's current digest, or \
             deploy the pinned code",
        );
    }
    (covers, from.clone())
}

/// Returns the keys of the source's tags that a new function does not get.
fn untagged(tags: &Setting<TagSettings>) -> Vec<String> {
    match tags {
        Setting::Unset => vec!["*".to_owned()],
        Setting::Unstated => Vec::new(),
        Setting::Set(tags) => {
            tags.iter().filter(|(_, value)| **value == Setting::Unset).map(|(key, _)| key.clone()).collect()
        }
    }
}
