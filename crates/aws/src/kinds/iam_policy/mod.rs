//! `iam.policy`: a customer-managed policy, to which several specs may contribute statements.
//!
//! A spec owns the statements that it names by Sid and no others; those of others stay to the byte.
//! IAM keeps five versions: the oldest that is not in force goes before a sixth is made. Between
//! reading and writing somebody else may have made a version too, so that is looked at again.

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
use regionctl_core::resource::reference::Outputs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{CallError, if_found};
use crate::live::{Live, all_at_once, names_of};
use crate::preflight::room;

/// The kind `iam.policy`.
pub struct IamPolicy;

/// What a person writes of a managed policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IamPolicy")]
pub struct IamPolicySpec {
    /// The statements that this spec contributes, by Sid (letters and digits). Others stay as they are.
    #[serde(default)]
    statements: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    /// Sids of statements that are to go.
    #[serde(default)]
    absent: BTreeSet<String>,
    /// What it is for; said when it is made, and never changed by IAM.
    description: Option<String>,
    /// Tags, set when it is made; others stay.
    tags: Option<Tags>,
}

/// A policy, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IamPolicyModel {
    statements: BTreeMap<String, Policy>,
    absent: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    /// The version that goes before a sixth is made; only live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum IamPolicyOp {
    /// The policy with this spec's statements.
    CreatePolicy {
        /// By Sid.
        statements: BTreeMap<String, Policy>,
        /// What it is for.
        description: Option<String>,
        /// The spec's tags.
        tags: Tags,
    },
    /// Makes room for another version.
    DeletePolicyVersion {
        /// `v1`
        version: String,
    },
    /// Merges this spec's statements into the version in force.
    CreatePolicyVersion {
        /// By Sid.
        statements: BTreeMap<String, Policy>,
        /// Sids that go.
        absent: BTreeSet<String>,
    },
}

/// IAM keeps so many versions (IAM quotas).
const VERSIONS: usize = 5;

/// The most that IAM takes of a managed policy, white space not counted.
const CHARACTERS: usize = 6144;

impl Kind for IamPolicy {
    const FACTS: Facts = Facts {
        name: "iam.policy",
        service: "IAM",
        summary: "A customer-managed policy, shared by all regions: a spec adds its statements by Sid, and the others stay.",
        reads: &["ListPolicyVersions", "GetPolicyVersion"],
        writes: &["CreatePolicy", "CreatePolicyVersion", "DeletePolicyVersion"],
        checks: &["GetAccountSummary"],
        also: &[regionctl_core::kind::Need::always("iam:TagPolicy", &["arn:{partition}:iam::{account}:policy/{name}"])],
        outputs: &["arn"],
        global: true,
        inventory: &["ListPolicies"],
        weights: &[
            Weight {
                path: MISSING,
                when: When::Differs,
                severity: Severity::High,
                why: "nobody has these permissions",
            },
            Weight {
                path: "statements*",
                when: When::Differs,
                severity: Severity::High,
                why: "others may do something else than the spec says",
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
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        if (1..=128).contains(&name.len()) && name.bytes().all(fits) {
            return Ok(());
        }
        Err(format!("IAM does not take '{name}' as a policy's name\n1 to 128 letters, digits and +=,.@_-"))
    }

    fn desire(_: &str, spec: IamPolicySpec, notes: &mut Notes<'_>) -> IamPolicyModel {
        let mut statements = BTreeMap::new();
        for (sid, fields) in spec.statements {
            let path = format!("statements.{sid}");
            if sid.is_empty() || !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                let message = format!("IAM does not take '{sid}' as a Sid");
                notes.fault(&path, message, "letters and digits only");
            }
            if spec.absent.contains(&sid) {
                notes.fault(&path, format!("'{sid}' is wanted and to be absent"), "keep one of the two");
            }
            for field in ["Principal", "NotPrincipal"].iter().filter(|field| fields.contains_key(**field)) {
                let message = format!("a policy of IAM has no {field}: it is for whoever it is attached to");
                notes.fault(&format!("{path}.{field}"), message, "take it out");
            }
            if let Some(policy) = PolicySpec::of_statement(&sid, fields).check(&path, CHARACTERS, notes) {
                statements.insert(sid, policy);
            }
        }
        if spec.description.as_ref().is_some_and(|text| text.chars().count() > 1000) {
            notes.fault("description", "a policy's description has 1,000 characters at most", "shorten it");
        }
        tags::check(spec.tags.as_ref(), notes);
        let (absent, description, tags) = (spec.absent, spec.description, spec.tags);
        IamPolicyModel { statements, absent, description, tags, oldest: None }
    }

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([("arn".to_owned(), arn(name, location))])
    }

    /// Others' statements may change under a saved plan: they are merged as they are then.
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
            let there = live.and_then(|live| live.statements.get(sid));
            covers = covers.and(out.statement(&format!("statements[{sid}]"), statement, there));
        }
        let Some(live) = live else {
            let covers = covers
                .and(out.birth())
                .and(out.stated("description", description.as_ref(), None))
                .and(out.stated_entries("tags", tags.as_ref(), None));
            let (statements, description) = (statements.clone(), description.clone());
            let tags = tags.clone().unwrap_or_default();
            out.step(Phase::Create, covers, IamPolicyOp::CreatePolicy { statements, description, tags });
            return;
        };
        for (sid, there) in live.statements.iter().filter(|(sid, _)| absent.contains(*sid)) {
            covers = covers.and(out.gone(&format!("statements[{sid}]"), &there.statement()));
        }
        if let Some(version) = live.oldest.clone() {
            let note = format!("IAM keeps five versions: {version}, the oldest that is not in force, goes first");
            out.remark(&covers, &note);
            out.step(Phase::Widen, covers.clone(), IamPolicyOp::DeletePolicyVersion { version });
        }
        let (statements, absent) = (statements.clone(), absent.clone());
        out.step(Phase::Change, covers, IamPolicyOp::CreatePolicyVersion { statements, absent });
    }
}

/// Policies with a path are somebody else's; a spec names those without one.
fn arn(name: &str, location: &Location) -> String {
    format!("arn:{}:iam::{}:policy/{name}", location.partition, location.account)
}

impl Live for IamPolicy {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<IamPolicyModel>, CallError> {
        let reads = scope.names.keys().map(|name| {
            let read = async move {
                let model = read(api, &arn(name, &scope.location)).await?;
                Ok(model.map(|model| LiveResource::new(name, model, Self::outputs(name, &scope.location))))
            };
            (name.clone(), read)
        });
        Ok(all_at_once(reads).await)
    }

    /// AWS's own policies are left out.
    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let policies =
            api.list_policies().scope(PolicyScopeType::Local).max_items(1000).into_paginator().items().send();
        names_of(policies, |policy| policy.policy_name).await
    }

    async fn preflight(api: &Client, _: &Location, steps: Vec<(String, IamPolicyOp)>) -> Vec<Check> {
        policies(api, steps.iter().filter(|(_, op)| matches!(op, IamPolicyOp::CreatePolicy { .. })).count()).await
    }

    async fn run(api: &Client, target: &StepTarget, op: IamPolicyOp) -> Result<Outputs, CallError> {
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
        Ok(Outputs::new())
    }
}

/// Whether the account has room for so many policies more.
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
    let text = text_of(api, arn, &versions.in_force).await?;
    let statements = document::statements(&text).map_err(unreadable)?;
    Ok(Some(IamPolicyModel {
        statements: statements.into_iter().collect(),
        absent: BTreeSet::new(),
        description: None,
        tags: None,
        oldest: versions.full(),
    }))
}

/// A policy's versions by number.
struct Versions {
    in_force: String,
    others: Vec<u32>,
}

impl Versions {
    /// The oldest that is not in force, where there is no room for another.
    fn full(&self) -> Option<String> {
        (self.others.len() + 1 >= VERSIONS)
            .then(|| self.others.iter().min().map(|number| format!("v{number}")))
            .flatten()
    }
}

async fn versions(api: &Client, arn: &str) -> Result<Versions, CallError> {
    let mut pages = api.list_policy_versions().policy_arn(arn).into_paginator().send();
    let mut versions = Versions { in_force: String::new(), others: Vec::new() };
    while let Some(page) = pages.next().await {
        for version in page?.versions() {
            let id = version.version_id().unwrap_or_default();
            if version.is_default_version() {
                id.clone_into(&mut versions.in_force);
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

/// Documents come back URL-encoded (GetPolicyVersion).
async fn text_of(api: &Client, arn: &str, version: &str) -> Result<String, CallError> {
    let answer = api.get_policy_version().policy_arn(arn).version_id(version).send().await?;
    let text = answer.policy_version().and_then(|version| version.document()).unwrap_or_default();
    Ok(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned())
}

/// Reads the version in force, merges, and writes; and does it again over what somebody else made between
/// the two, so that what they wrote is not lost.
async fn merge(
    api: &Client,
    arn: &str,
    statements: &BTreeMap<String, Policy>,
    absent: &BTreeSet<String>,
) -> Result<(), CallError> {
    const TRIES: usize = 4;
    let mut base = versions(api, arn).await?.in_force;
    let mut own: Vec<u32> = Vec::new();
    for _ in 0..TRIES {
        let text = text_of(api, arn, &base).await?;
        let document = document::merge(&text, statements, absent).map_err(unreadable)?;
        // Once a version of ours is in force, a version that needs nothing added must still take its place.
        if document == text && own.is_empty() {
            return Ok(());
        }
        let made =
            api.create_policy_version().policy_arn(arn).policy_document(document).set_as_default(true).send().await?;
        let newest =
            made.policy_version().and_then(|version| version.version_id()).and_then(number).unwrap_or_default();
        let read = number(&base).unwrap_or_default();
        let now = versions(api, arn).await?;
        // Numbers only grow, so what lies between and is not ours was made by somebody else in the meantime.
        let theirs = |other: &&u32| (read + 1..newest).contains(other) && !own.contains(other);
        let Some(other) = now.others.iter().filter(theirs).max() else { return Ok(()) };
        base = format!("v{other}");
        own.push(newest);
        if let Some(version) = now.full() {
            api.delete_policy_version().policy_arn(arn).version_id(version).send().await?;
        }
    }
    Err(CallError(Failure::new(
        FailureClass::Conflict,
        "IAM CreatePolicyVersion",
        "somebody else keeps changing the policy at the same time",
    )))
}

#[allow(clippy::needless_pass_by_value)] // the form that `map_err` wants
fn unreadable(error: serde_json::Error) -> CallError {
    CallError(Failure::new(
        FailureClass::Other,
        "IAM GetPolicyVersion",
        format!("the policy in force is not a document that can be added to: {error}"),
    ))
}
