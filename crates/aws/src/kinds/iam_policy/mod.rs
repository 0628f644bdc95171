// SPDX-License-Identifier: Apache-2.0
//! `iam.policy`: a customer managed policy that several specs can share, each with its own statements by Sid.
//!
//! Statements of others stay byte for byte. IAM keeps five versions of a policy
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>), so the oldest non-default
//! version is deleted before a sixth is created. A version that another caller creates concurrently is merged.

mod api;
mod document;
mod merge;
mod model;
mod risks;
mod spec;

use std::collections::BTreeMap;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::policy::Policy;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tags;
use document::{Edit, MAX_CHARACTERS};
use model::{IamPolicyModel, State};
use spec::{IamPolicySpec, check_rest, check_statements};

/// The kind `iam.policy`.
pub struct IamPolicy;

/// The IAM API calls that create and change a policy.
#[derive(Debug, Serialize, Deserialize)]
pub enum IamPolicyOp {
    /// Creates the policy with the spec's statements. If another caller created it in the meantime, merges them.
    CreatePolicy {
        /// The spec's statements by Sid. They become the whole document.
        statements: BTreeMap<String, Policy>,
        /// The spec's statements without a Sid.
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        unnamed: Setting<Vec<Policy>>,
        /// The path; `None` for `/`. IAM cannot change it later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// Description, at most 1,000 characters. IAM cannot change it later.
        description: Option<String>,
        /// Tags of the new policy.
        tags: Tags,
    },
    /// Deletes a non-default version, to make room for a new one.
    DeletePolicyVersion {
        /// Version ID, such as `v1`.
        version: String,
    },
    /// Merges the spec's statements into the default version and makes the result the default version.
    CreatePolicyVersion(Edit),
    /// Adds or overwrites tags; other tags are kept.
    TagPolicy {
        /// The tags that the spec sets.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags are kept.
    UntagPolicy {
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
}

impl Kind for IamPolicy {
    const FACTS: Facts = Facts {
        name: "iam.policy",
        service: "IAM",
        summary: "A customer managed policy, shared by all regions. A spec manages its own statements by Sid; other \
                  statements stay.",
        reads: &["ListPolicies", "ListPolicyVersions", "GetPolicyVersion", "GetPolicy"],
        writes: &["CreatePolicy", "CreatePolicyVersion", "DeletePolicyVersion", "TagPolicy", "UntagPolicy"],
        checks: &["GetAccountSummary"],
        attributes: &["arn"],
        parts: &["description", "tags"],
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
            Weight {
                path: "unnamed*",
                when: When::Differs,
                severity: Severity::High,
                why: "the granted permissions differ from the spec",
            },
        ],
        defaults: r#"{"path": "/", "description": null}"#,
        example: "
iam.policy:
  listBucketItems:
    statements:
      List${RegionId}:
        Effect: Allow
        Action: s3:ListBucket
        Resource: arn:${partition}:s3:::uploads-${region}
  deploy: # this spec states all of its statements
    path: /ci/
    whole: true
    statements:
      Upload:
        Effect: Allow
        Action: [s3:PutObject, s3:DeleteObject]
        Resource: arn:${partition}:s3:::site-${region}/*
    tags: {Team: web}
",
        creation_tags: true,
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

    fn desire(_: &str, mut spec: IamPolicySpec, notes: &mut Notes<'_>) -> IamPolicyModel {
        let statements = check_statements(&mut spec, notes);
        check_rest(&spec, notes);
        let IamPolicySpec { absent, whole, path, description, tags, .. } = spec;
        IamPolicyModel {
            statements: statements.named,
            unnamed: statements.unnamed,
            absent,
            whole,
            path: Setting::stated(path),
            // IAM does not return an empty description.
            description: if description.is_set_and(String::is_empty) { Setting::Unset } else { description },
            tags,
            state: None,
        }
    }

    fn attributes_of_new(name: &str, model: &IamPolicyModel, location: &Location) -> Attributes {
        let path = model.path.value().map_or("/", String::as_str);
        Attributes::from([("arn".to_owned(), arn(name, path, location))])
    }

    /// Keeps only what the spec states of the document: a saved plan stays valid if other statements change.
    fn relevant(want: Option<&IamPolicyModel>, live: IamPolicyModel) -> IamPolicyModel {
        let Some(want) = want else { return IamPolicyModel { state: None, ..live } };
        let is_stated = |sid: &String| want.statements.contains_key(sid) || want.removes(sid);
        IamPolicyModel {
            statements: live.statements.into_iter().filter(|(sid, _)| is_stated(sid)).collect(),
            unnamed: if want.manages_unnamed() { live.unnamed } else { Setting::Unstated },
            // The plan has a step that deletes this version.
            state: live.state.map(|state| State { oldest: state.oldest, ..State::default() }),
            ..live
        }
    }

    fn claims(name: &str, model: &IamPolicyModel) -> Vec<String> {
        let named = model.statements.keys().chain(&model.absent).map(|sid| format!("{name} statement {sid}"));
        named.chain(model.manages_unnamed().then(|| format!("{name} statements without a Sid"))).collect()
    }

    fn write(model: &IamPolicyModel) -> Option<Value> {
        Some(model::write(model))
    }

    fn risks(model: &IamPolicyModel) -> Vec<Risk> {
        risks::risks(model)
    }

    fn diff(want: &IamPolicyModel, live: Option<&IamPolicyModel>, out: &mut Diff<'_, IamPolicyOp>) {
        let IamPolicyModel { statements: _, unnamed: _, absent: _, whole: _, path, description, tags, state: _ } = want;
        let document = statements(want, live, out);
        let path_covers = out.setting("path", path, live.map(|live| &live.path));
        let description_covers = out.setting("description", description, live.map(|live| &live.description));
        let tag_changes = tags::compare(tags, live.map(|live| &live.tags), out);
        let Some(live) = live else {
            if want.statements.is_empty() && want.unnamed().is_empty() {
                out.never_made("it does not exist, and the spec states no statement for it: add one");
                return;
            }
            let covers = document.and(out.creation()).and(path_covers).and(description_covers);
            let (tagged, tags) = tags::of_new(tag_changes, out);
            let create = IamPolicyOp::CreatePolicy {
                statements: want.statements.clone(),
                unnamed: want.unnamed.clone(),
                path: path.get(),
                description: description.get(),
                tags,
            };
            out.step(Phase::Create, covers.and(tagged), create);
            return;
        };
        let fixed = "is set at creation, and IAM cannot change it: state the live one, or leave it out";
        out.blocked(&path_covers, &format!("the path of a policy {fixed}"));
        out.blocked(&description_covers, &format!("the description of a policy {fixed}"));
        change(want, live, document, out);
        out.step(Phase::Change, tag_changes.set, IamPolicyOp::TagPolicy { tags: tag_changes.tags });
        out.step(Phase::Change, tag_changes.removed, IamPolicyOp::UntagPolicy { keys: tag_changes.keys });
    }
}

/// Compares the statements. A statement that is removed though the spec does not name it needs `--allow-destroy`.
fn statements(want: &IamPolicyModel, live: Option<&IamPolicyModel>, out: &mut Diff<'_, IamPolicyOp>) -> Covers {
    let mut covers = Covers::default();
    for (sid, statement) in &want.statements {
        let live_statement = live.and_then(|live| live.statements.get(sid));
        covers = covers.and(out.statement(&format!("statements[{sid}]"), statement, live_statement));
    }
    let of_live = live.map(|live| &live.statements).into_iter().flatten();
    for (sid, statement) in of_live.filter(|(sid, _)| want.removes(sid)) {
        covers = covers.and(out.gone(&format!("statements[{sid}]"), &statement.statement()));
        if want.whole {
            out.deletes(format!("the statement {sid} is removed: the spec does not state it"));
        }
    }
    if !want.manages_unnamed() {
        return covers;
    }
    let live = live.map(IamPolicyModel::unnamed).unwrap_or_default();
    let (added, removed) = (lacking(want.unnamed(), live), lacking(live, want.unnamed()));
    for (at, statement) in added {
        covers = covers.and(out.statement(&format!("unnamed[{at}]"), statement, None));
    }
    for (at, statement) in removed {
        covers = covers.and(out.gone(&format!("unnamed[{at}]"), &statement.statement()));
        out.deletes("a statement without a Sid is removed: the spec does not state it");
    }
    covers
}

/// Returns the statements that have no equal in another list, with their positions.
fn lacking<'a>(statements: &'a [Policy], other: &'a [Policy]) -> impl Iterator<Item = (usize, &'a Policy)> {
    statements.iter().enumerate().filter(move |(_, statement)| !other.contains(statement))
}

/// Adds the steps that change a live document.
fn change(want: &IamPolicyModel, live: &IamPolicyModel, covers: Covers, out: &mut Diff<'_, IamPolicyOp>) {
    if covers.is_empty() {
        return;
    }
    let (count, size) = want.merged_size(live);
    if count == 0 {
        out.blocked(&covers, "no statement would remain, and IAM accepts no policy without one: delete it by hand");
    }
    if size > MAX_CHARACTERS {
        let why = format!(
            "the document would have {size} characters without white space, more than the {MAX_CHARACTERS} that IAM \
             allows: remove statements, or move some to another policy"
        );
        out.blocked(&covers, &why);
    }
    let state = live.state.clone().unwrap_or_default();
    let mut notes = Vec::new();
    if let Some(version) = &state.oldest {
        notes.push(format!("IAM keeps five versions: {version}, the oldest non-default version, is deleted first"));
    }
    if !state.newer.is_empty() {
        let newer = state.newer.join(", ");
        notes.push(format!("versions that are newer than the default version are not merged: {newer}"));
    }
    if state.attachments > 0 {
        notes.push(format!("users, groups and roles that the policy is attached to: {}", state.attachments));
    }
    if !notes.is_empty() {
        out.remark(&covers, &notes.join("; "));
    }
    if let Some(version) = state.oldest {
        if state.is_oldest_newer {
            out.deletes(format!("version {version} is deleted, which is newer than the default version"));
        }
        out.step(Phase::Widen, covers.clone(), IamPolicyOp::DeletePolicyVersion { version });
    }
    out.step(Phase::Change, covers, IamPolicyOp::CreatePolicyVersion(want.edit(live)));
}

/// Returns the ARN of a policy with this path.
fn arn(name: &str, path: &str, location: &Location) -> String {
    format!("arn:{}:iam::{}:policy{path}{name}", location.partition, location.account)
}
