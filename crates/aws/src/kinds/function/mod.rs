//! `lambda.function`: a function's configuration, and where its code comes from.
//!
//! Code is followed from a source, pinned to a digest, or deployed by something else; it is compared by
//! its digest and never downloaded unless it differs. Values of the environment may be secrets and are
//! never shown. Versions, aliases, event sources and resource policies are not of this kind.

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
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use code::Code;
use config::Config;
use follow::{carried_code, carried_config};

/// The kind `lambda.function`.
pub struct Function;

/// What a person writes of a function. What is left out comes from the source, where there is one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaFunction")]
pub struct FunctionSpec {
    /// Where the code comes from: `follow` the source, `{pinned: DIGEST}`, or `external`. A function
    /// that follows another follows its code where this is left out.
    code: Option<CodeSpec>,
    /// AWS's word, such as nodejs22.x.
    runtime: Option<String>,
    /// What is called.
    handler: Option<String>,
    /// The ARN of the role that it has.
    role: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// After how many seconds it is given up: 1 to 900.
    timeout: Option<i32>,
    /// Memory in MB: 128 to 10,240.
    memory_mb: Option<i32>,
    /// Size of /tmp in MB: 512 to 10,240.
    ephemeral_mb: Option<i32>,
    /// Its environment. Where it follows another, these win over the other's. Values are never shown.
    environment: Option<BTreeMap<String, String>>,
    /// Whether calls are traced: Active or PassThrough.
    tracing: Option<Tracing>,
    /// The log group it logs into.
    log_group: Option<String>,
    /// ARNs of layers, in their order.
    layers: Option<Vec<String>>,
    /// The subnets and groups that it reaches; `unset` for no VPC.
    #[serde(default)]
    vpc: Setting<VpcAccess>,
    /// The ARN of the KMS key that its environment is encrypted with; `unset` for AWS's own.
    #[serde(default)]
    kms_key: Setting<String>,
    /// The ARN of the queue or topic for calls that failed; `unset` for none.
    #[serde(default)]
    dead_letter: Setting<String>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// Where code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CodeSpec {
    /// The source's, whatever it is.
    Follow,
    /// The source's, as long as it has this digest.
    Pinned(String),
    /// Something else deploys it.
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
                "'{digest}' is not the digest of a function's code\nit is the SHA-256 in Base64, as Lambda's CodeSha256 says it"
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

/// AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LambdaTracing")]
enum Tracing {
    /// Calls are sampled.
    Active,
    /// Only what comes with a trace is traced.
    PassThrough,
}

/// What a function reaches in a VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaVpcAccess")]
struct VpcAccess {
    /// Ids of subnets.
    subnets: BTreeSet<String>,
    /// Ids of security groups.
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
    /// What calls it by itself, which a copy lacks; only live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    event_sources: Vec<String>,
    /// What only the live one has, and a copy may lack; only live.
    beyond: Beyond,
}

/// What is known of a function's code.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum CodeModel {
    /// To be taken from the source, which is not known yet.
    Follow,
    /// This one. A pinned one may be nowhere to be had.
    Is {
        /// Its digest, in Base64.
        sha256: String,
        /// Where it can be had.
        from: Option<Code>,
    },
    /// Something else deploys it.
    External,
}

/// What a spec cannot state or a copy cannot have.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Beyond {
    is_image: bool,
    architecture: Option<String>,
    code_bytes: i64,
    file_systems: Vec<String>,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum FunctionOp {
    /// With the code, which is fetched from its source only then.
    CreateFunction {
        /// Where the code is.
        code: Code,
        /// All that is stated.
        config: Box<Config>,
        /// The spec's tags; the source's are added.
        tags: Tags,
    },
    /// Another code, which is fetched from its source only then.
    UpdateFunctionCode {
        /// Where it is.
        code: Code,
    },
    /// All that is stated.
    UpdateFunctionConfiguration {
        /// What stays as it is, too.
        config: Box<Config>,
    },
    /// Adds or changes these; others stay.
    TagResource {
        /// The spec's.
        tags: Tags,
    },
    /// With all its versions.
    DeleteFunction,
}

/// What Lambda takes in a request; a larger package goes through S3.
const LARGEST_PACKAGE: i64 = 50 << 20;

impl Kind for Function {
    const FACTS: Facts = Facts {
        name: "lambda.function",
        service: "Lambda",
        summary: "A function: its configuration, and its code by digest. Values of its environment are never shown.",
        reads: &["ListFunctions", "ListTags", "ListEventSourceMappings", "GetFunction", "GetFunctionConfiguration"],
        removes: &["DeleteFunction"],
        writes: &[
            "CreateFunction",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "TagResource",
            "DeleteFunction",
        ],
        checks: &["GetAccountSettings"],
        // Lambda asks with the caller's permissions (Developer Guide: "Working with layers", "Giving Lambda functions access
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
        outputs: &["arn", "name"],
        name_fields: &["FunctionName"],
        lists: true,
        follows: true,
        inventory: &["ListFunctions"],
        weights: &[
            Weight {
                path: "role",
                when: When::Differs,
                severity: Severity::High,
                why: "it may do something else than the spec says",
            },
            Weight {
                path: "kms_key",
                when: When::Differs,
                severity: Severity::High,
                why: "its environment is encrypted otherwise",
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
        uncarried: &["tags"],
        of_sources: &["event_sources"],
        ..Facts::DEFAULT
    };

    type Spec = FunctionSpec;
    type Model = FunctionModel;
    type Op = FunctionOp;

    fn check_name(name: &str) -> Result<(), String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if (1..=64).contains(&name.len()) && name.bytes().all(fits) {
            return Ok(());
        }
        Err(format!("Lambda does not take '{name}' as a function's name\n1 to 64 letters, digits, - and _"))
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

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), location.arn("lambda", &format!("function:{name}"))),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn origin(live: &FunctionModel) -> Option<String> {
        tags::origin(live.tags.value())
    }

    fn follow(
        own: FunctionModel,
        source: &LiveResource<FunctionModel>,
        location: &Location,
        left: &mut Vec<String>,
    ) -> Option<FunctionModel> {
        let FunctionModel { code, config, tags: _, event_sources, beyond } = source.model.clone();
        let code = carried_code(&own.code, &code, &beyond, source, location, left)?;
        let config = carried_config(own.config, config, &location.region, left);
        for system in &beyond.file_systems {
            left.push(format!("the file system {system} is of its region and not taken over; mount one by hand"));
        }
        for event_source in &event_sources {
            left.push(format!("the event source {event_source} is not taken over; make one here if it is wanted"));
        }
        Some(FunctionModel { code, config, tags: own.tags, event_sources: Vec::new(), beyond: Beyond::default() })
    }

    /// A function's role is passed to it.
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
                "the source no longer has the pinned code: pin the digest that it has, or deploy this one",
            );
        }
        match (live, code) {
            (Some(live), code) => {
                if live.beyond.is_image {
                    out.blocked(
                        &coded,
                        "it is a container image here, and its code a package there; that never changes",
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
                let covers = out.birth().and(coded).and(configured).and(tagged);
                let config = Box::new(config.clone());
                out.step(Phase::Create, covers, FunctionOp::CreateFunction { code, config, tags });
            }
            (None, None) => out.made_by_others("its code is deployed by something else, which has not made it yet"),
        }
    }
}

/// Lambda's own limits (CreateFunction).
fn check(spec: &FunctionSpec, notes: &mut Notes<'_>) {
    if !notes.follows && spec.code != Some(CodeSpec::External) {
        let help = "follow one with `like:` or `copy:`, or say `code: external` if something else deploys it";
        notes.fault("code", "a function needs its code from somewhere", help);
    }
    let range = |notes: &mut Notes<'_>, field: &str, value: Option<i32>, least: i32, most: i32| {
        if value.is_some_and(|value| !(least..=most).contains(&value)) {
            notes.fault(field, format!("Lambda takes {least} to {most} here"), "write another number");
        }
    };
    range(notes, "timeout", spec.timeout, 1, 900);
    range(notes, "memory_mb", spec.memory_mb, 128, 10_240);
    range(notes, "ephemeral_mb", spec.ephemeral_mb, 512, 10_240);
    if let Some(word) = spec.runtime.as_deref().filter(|word| !Runtime::values().contains(word)) {
        notes.fault("runtime", format!("Lambda has no runtime {word}"), "one looks like nodejs22.x");
    }
    if spec.role.as_deref().is_some_and(|role| !role.starts_with("arn:") && !role.contains("${")) {
        notes.fault("role", "a role is named by its ARN", "one looks like arn:aws:iam::123456789012:role/name");
    }
    if spec.description.as_ref().is_some_and(|text| text.chars().count() > 256) {
        notes.fault("description", "a function's description has 256 characters at most", "shorten it");
    }
    for key in spec.environment.iter().flatten().map(|(key, _)| key) {
        let fits = key.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !fits {
            let message = format!("Lambda does not take '{key}' as a variable's name");
            notes.fault(&format!("environment.{key}"), message, "letters, digits and _, a letter first");
        }
    }
    tags::check(spec.tags.as_ref(), notes);
}
