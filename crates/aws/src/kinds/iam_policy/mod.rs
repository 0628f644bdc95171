// SPDX-License-Identifier: Apache-2.0
//! `iam.policy`: a customer managed policy that several specs can share, each with its own statements by Sid.
//!
//! Statements of others stay byte for byte. IAM keeps five versions of a policy
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>), so the oldest non-default
//! version is deleted before a sixth is created. A version that another caller creates concurrently is merged.

mod document;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{PolicyScopeType, SummaryKeyType};
use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::policy::{Policy, PolicySpec};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, StepTarget, Verdict};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{CallError, if_found};
use crate::live::{Live, names_of, read_concurrently};
use crate::preflight::room;

/// The kind `iam.policy`.
pub struct IamPolicy;

/// A customer managed policy. It is global: specs of several regions can contribute statements to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IamPolicy")]
pub struct IamPolicySpec {
    /// Policy statements by Sid (letters and digits). Other statements of the policy stay as they are.
    #[serde(default)]
    statements: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    /// Sids of statements to remove.
    #[serde(default)]
    absent: BTreeSet<String>,
    /// Description, at most 1,000 characters. Set on creation only; IAM cannot change it.
    description: Option<String>,
    /// Tags. Set on creation only, and not compared afterwards.
    tags: Option<Tags>,
}

/// A policy, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IamPolicyModel {
    statements: BTreeMap<String, Policy>,
    absent: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    description: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
    /// The oldest non-default version, if the policy has five versions. Set in live models only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
}

/// The IAM API calls that create and change a policy.
#[derive(Debug, Serialize, Deserialize)]
pub enum IamPolicyOp {
    /// Creates the policy with the spec's statements.
    CreatePolicy {
        /// The spec's statements by Sid. They become the whole document.
        statements: BTreeMap<String, Policy>,
        /// Description, at most 1,000 characters. IAM cannot change it later.
        description: Option<String>,
        /// Tags of the new policy. They are not compared afterwards.
        tags: Tags,
    },
    /// Deletes a non-default version, to make room for a new one.
    DeletePolicyVersion {
        /// Version ID, such as `v1`.
        version: String,
    },
    /// Merges the spec's statements into the default version and makes the result the default version.
    CreatePolicyVersion {
        /// The spec's statements by Sid. Statements with other Sids stay.
        statements: BTreeMap<String, Policy>,
        /// Sids of statements to remove.
        absent: BTreeSet<String>,
    },
}

/// The most versions of a managed policy (IAM quota).
const MAX_VERSIONS: usize = 5;

/// The most characters of a managed policy, without white space (IAM quota).
const MAX_CHARACTERS: usize = 6144;

impl Kind for IamPolicy {
    const FACTS: Facts = Facts {
        name: "iam.policy",
        service: "IAM",
        summary: "A customer managed policy, shared by all regions. A spec manages its own statements by Sid; other \
                  statements stay.",
        reads: &["ListPolicyVersions", "GetPolicyVersion"],
        writes: &["CreatePolicy", "CreatePolicyVersion", "DeletePolicyVersion"],
        checks: &["GetAccountSummary"],
        also: &[regionctl_core::kind::Need::always("iam:TagPolicy", &["arn:{partition}:iam::{account}:policy/{name}"])],
        attributes: &["arn"],
        global: true,
        inventory: &["ListPolicies"],
        weights: &[
            Weight {
                path: MISSING,
                when: When::Differs,
                severity: Severity::High,
                why: "no principal has these permissions",
            },
            Weight {
                path: "statements*",
                when: When::Differs,
                severity: Severity::High,
                why: "the granted permissions differ from the spec",
            },
        ],
        example: "
iam.policy:
  listBucketItems:
    statements:
      List${RegionId}:
        Effect: Allow
        Action: s3:ListBucket
        Resource: arn:${partition}:s3:::uploads-${region}
",
        ..Facts::DEFAULT
    };

    type Spec = IamPolicySpec;
    type Model = IamPolicyModel;
    type Op = IamPolicyOp;

    fn check_name(name: &str) -> Result<(), String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        if (1..=128).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(());
        }
        Err(format!("'{name}' is not a valid IAM policy name\nuse 1 to 128 letters, digits and +=,.@_-"))
    }

    fn desire(_: &str, spec: IamPolicySpec, notes: &mut Notes<'_>) -> IamPolicyModel {
        let mut statements = BTreeMap::new();
        for (sid, fields) in spec.statements {
            let path = format!("statements.{sid}");
            if sid.is_empty() || !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                notes.fault(&path, format!("'{sid}' is not a valid Sid"), "use letters and digits only");
            }
            if spec.absent.contains(&sid) {
                notes.fault(&path, format!("'{sid}' is in both `statements` and `absent`"), "remove one of the two");
            }
            for field in ["Principal", "NotPrincipal"].iter().filter(|field| fields.contains_key(**field)) {
                let message =
                    format!("a managed policy has no `{field}`: it applies to the identities it is attached to");
                notes.fault(&format!("{path}.{field}"), message, "remove it");
            }
            if let Some(policy) = PolicySpec::of_statement(&sid, fields).check(&path, MAX_CHARACTERS, notes) {
                statements.insert(sid, policy);
            }
        }
        if spec.description.as_ref().is_some_and(|text| text.chars().count() > 1000) {
            notes.fault("description", "the description is longer than 1,000 characters", "shorten it");
        }
        tags::check(spec.tags.as_ref(), notes);
        let absent = spec.absent;
        let (description, tags) = (Setting::stated(spec.description), Setting::stated(spec.tags));
        IamPolicyModel { statements, absent, description, tags, oldest: None }
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([("arn".to_owned(), arn(name, location))])
    }

    /// Keeps only the statements that the spec names: a saved plan stays valid if other statements change.
    fn relevant(want: Option<&IamPolicyModel>, live: IamPolicyModel) -> IamPolicyModel {
        let Some(want) = want else { return live };
        let named = |sid: &String| want.statements.contains_key(sid) || want.absent.contains(sid);
        IamPolicyModel { statements: live.statements.into_iter().filter(|(sid, _)| named(sid)).collect(), ..live }
    }

    fn claims(name: &str, model: &IamPolicyModel) -> Vec<String> {
        model.statements.keys().chain(&model.absent).map(|sid| format!("{name} statement {sid}")).collect()
    }

    fn diff(want: &IamPolicyModel, live: Option<&IamPolicyModel>, out: &mut Diff<'_, IamPolicyOp>) {
        let IamPolicyModel { statements, absent, description, tags, oldest: _ } = want;
        let mut covers = Covers::default();
        for (sid, statement) in statements {
            let live_statement = live.and_then(|live| live.statements.get(sid));
            covers = covers.and(out.statement(&format!("statements[{sid}]"), statement, live_statement));
        }
        let Some(live) = live else {
            let covers = covers
                .and(out.creation())
                .and(out.setting("description", description, None))
                .and(out.stated_entries("tags", tags.value(), None));
            let (statements, description) = (statements.clone(), description.get());
            let tags = tags.clone().unwrap_or_default();
            out.step(Phase::Create, covers, IamPolicyOp::CreatePolicy { statements, description, tags });
            return;
        };
        for (sid, statement) in live.statements.iter().filter(|(sid, _)| absent.contains(*sid)) {
            covers = covers.and(out.gone(&format!("statements[{sid}]"), &statement.statement()));
        }
        if let Some(version) = live.oldest.clone() {
            let note = format!("IAM keeps five versions: {version}, the oldest non-default version, is deleted first");
            out.remark(&covers, &note);
            out.step(Phase::Widen, covers.clone(), IamPolicyOp::DeletePolicyVersion { version });
        }
        let (statements, absent) = (statements.clone(), absent.clone());
        out.step(Phase::Change, covers, IamPolicyOp::CreatePolicyVersion { statements, absent });
    }
}

/// Returns a policy's ARN. A spec can only name policies without a path.
fn arn(name: &str, location: &Location) -> String {
    format!("arn:{}:iam::{}:policy/{name}", location.partition, location.account)
}

impl Live for IamPolicy {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<IamPolicyModel>, CallError> {
        let reads = scope.names.keys().map(|name| {
            let read = async move {
                let model = read(api, &arn(name, &scope.location)).await?;
                Ok(model.map(|model| LiveResource::new(name, model, Self::attributes(name, &scope.location))))
            };
            (name.clone(), read)
        });
        Ok(read_concurrently(reads).await)
    }

    /// Lists customer managed policies only.
    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let policies =
            api.list_policies().scope(PolicyScopeType::Local).max_items(1000).into_paginator().items().send();
        names_of(policies, |policy| policy.policy_name).await
    }

    async fn preflight(api: &Client, _: &Location, steps: Vec<(String, IamPolicyOp)>) -> Vec<Check> {
        policies(api, steps.iter().filter(|(_, op)| matches!(op, IamPolicyOp::CreatePolicy { .. })).count()).await
    }

    async fn run(api: &Client, target: &StepTarget, op: IamPolicyOp) -> Result<Attributes, CallError> {
        let arn = arn(&target.name, &target.location);
        match op {
            IamPolicyOp::CreatePolicy { statements, description, tags } => {
                let document = document::merge(document::EMPTY, &statements, &BTreeSet::new()).map_err(unreadable)?;
                let tags = tags.into_iter().map(|(key, value)| {
                    let tag = aws_sdk_iam::types::Tag::builder().key(key).value(value).build();
                    tag.expect("invariant: key and value are set")
                });
                api.create_policy()
                    .policy_name(&target.name)
                    .policy_document(document)
                    .set_description(description)
                    .set_tags(Some(tags.collect()).filter(|tags: &Vec<_>| !tags.is_empty()))
                    .send()
                    .await?;
            }
            IamPolicyOp::DeletePolicyVersion { version } => {
                if_found(
                    api.delete_policy_version()
                        .policy_arn(arn)
                        .version_id(version)
                        .send()
                        .await
                        .map_err(CallError::from),
                )?;
            }
            IamPolicyOp::CreatePolicyVersion { statements, absent } => merge(api, &arn, &statements, &absent).await?,
        }
        Ok(Attributes::new())
    }
}

/// Checks that the quota allows `more` additional policies
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>).
async fn policies(api: &Client, more: usize) -> Vec<Check> {
    if more == 0 {
        return Vec::new();
    }
    match api.get_account_summary().send().await.map_err(CallError::from) {
        Ok(answer) => {
            let count = |key| answer.summary_map().and_then(|map| map.get(&key)).copied();
            let [used, most] = [SummaryKeyType::Policies, SummaryKeyType::PoliciesQuota].map(count);
            used.zip(most)
                .map(|(used, most)| room("managed policies", used.into(), most.into(), more))
                .into_iter()
                .collect()
        }
        Err(error) => vec![Check::new("quota of managed policies", Verdict::CouldNotCheck, error.0.to_string())],
    }
}

async fn read(api: &Client, arn: &str) -> Result<Option<IamPolicyModel>, CallError> {
    let Some(versions) = if_found(versions(api, arn).await)? else { return Ok(None) };
    let text = text_of(api, arn, &versions.default).await?;
    let statements = document::statements(&text).map_err(unreadable)?;
    Ok(Some(IamPolicyModel {
        statements: statements.into_iter().collect(),
        absent: BTreeSet::new(),
        description: Setting::Unstated,
        tags: Setting::Unstated,
        oldest: versions.oldest_if_full(),
    }))
}

/// A policy's default version ID, and the numbers of its other versions.
struct Versions {
    default: String,
    others: Vec<u32>,
}

impl Versions {
    /// Returns the highest version number. IAM never reuses a number.
    fn newest(&self) -> u32 {
        self.others.iter().copied().chain(number(&self.default)).max().unwrap_or_default()
    }

    /// Returns the oldest non-default version ID if the policy has the most versions.
    fn oldest_if_full(&self) -> Option<String> {
        (self.others.len() + 1 >= MAX_VERSIONS)
            .then(|| self.others.iter().min().map(|number| format!("v{number}")))
            .flatten()
    }
}

async fn versions(api: &Client, arn: &str) -> Result<Versions, CallError> {
    let mut pages = api.list_policy_versions().policy_arn(arn).into_paginator().send();
    let mut versions = Versions { default: String::new(), others: Vec::new() };
    while let Some(page) = pages.next().await {
        for version in page?.versions() {
            let id = version.version_id().unwrap_or_default();
            if version.is_default_version() {
                id.clone_into(&mut versions.default);
            } else {
                versions.others.extend(number(id));
            }
        }
    }
    Ok(versions)
}

fn number(version: &str) -> Option<u32> {
    version.trim_start_matches('v').parse().ok()
}

/// Returns a version's document. GetPolicyVersion URL-encodes it
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html>).
async fn text_of(api: &Client, arn: &str, version: &str) -> Result<String, CallError> {
    let answer = api.get_policy_version().policy_arn(arn).version_id(version).send().await?;
    let text = answer.policy_version().and_then(|version| version.document()).unwrap_or_default();
    Ok(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned())
}

/// Merges the statements into the default version and creates a new default version.
///
/// If another caller creates a version in between, merges into that version too, so that its changes are not lost.
async fn merge(
    api: &Client,
    arn: &str,
    statements: &BTreeMap<String, Policy>,
    absent: &BTreeSet<String>,
) -> Result<(), CallError> {
    const TRIES: usize = 4;
    let before = versions(api, arn).await?;
    // The default version need not be the newest: versions that already exist are not concurrent changes.
    let mut read = before.newest();
    let mut base = before.default;
    let mut own: Vec<u32> = Vec::new();
    for _ in 0..TRIES {
        let text = text_of(api, arn, &base).await?;
        let document = document::merge(&text, statements, absent).map_err(unreadable)?;
        // Once a version of ours is the default, the concurrent version must replace it even if nothing is added.
        if document == text && own.is_empty() {
            return Ok(());
        }
        let made =
            api.create_policy_version().policy_arn(arn).policy_document(document).set_as_default(true).send().await?;
        let newest =
            made.policy_version().and_then(|version| version.version_id()).and_then(number).unwrap_or_default();
        let now = versions(api, arn).await?;
        // Version numbers only grow, so another caller created each version in between that is not ours.
        let theirs = |other: &&u32| (read + 1..newest).contains(other) && !own.contains(other);
        let Some(other) = now.others.iter().filter(theirs).max() else { return Ok(()) };
        (base, read) = (format!("v{other}"), newest);
        own.push(newest);
        // The next attempt creates another version, and IAM rejects a sixth.
        if let Some(version) = now.oldest_if_full() {
            api.delete_policy_version().policy_arn(arn).version_id(version).send().await?;
        }
    }
    Err(CallError(Failure::new(
        FailureClass::Conflict,
        "IAM CreatePolicyVersion",
        "another caller keeps changing the policy concurrently",
    )))
}

#[allow(clippy::needless_pass_by_value)] // the signature of `map_err`
fn unreadable(error: serde_json::Error) -> CallError {
    CallError(Failure::new(
        FailureClass::Other,
        "IAM GetPolicyVersion",
        format!("cannot parse the policy's default version: {error}"),
    ))
}
