// SPDX-License-Identifier: Apache-2.0
//! Reads managed policies and runs the calls that change them. `merge` changes a document.

use std::collections::BTreeMap;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{Policy as SdkPolicy, PolicyScopeType, SummaryKeyType, Tag};
use futures::future::OptionFuture;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, StepTarget, Verdict};
use regionctl_core::observe::scope::{Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::document::{self, Document, Edit};
use super::merge::{Versions, changed, merge, text_of, unreadable, versions};
use super::model::State;
use super::{IamPolicy, IamPolicyModel, IamPolicyOp, arn};
use crate::error::{CallError, if_found};
use crate::live::{Live, read_concurrently};
use crate::preflight::room;
use crate::tags;

impl Live for IamPolicy {
    type Api = Client;

    /// Lists all customer managed policies, because the ARN of a policy contains its path and a spec states its name.
    /// Then reads each policy with two calls, or three if its description or tags are needed.
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<IamPolicyModel>, CallError> {
        let listed = listed(api).await?;
        let misspelled = scope.names.keys().filter(|name| !listed.contains_key(*name)).filter_map(|name| {
            let other = listed.keys().find(|other| other.eq_ignore_ascii_case(name))?;
            Some((name.clone(), same_name(name, other)))
        });
        let misspelled: Vec<_> = misspelled.collect();
        let reads = listed.into_iter().filter(|(name, _)| scope.asks_for(name)).map(|(name, policy)| {
            let details = scope.reads(&name, "description") || scope.reads(&name, "tags");
            (name.clone(), async move { read(api, name, policy, details).await })
        });
        let mut found = read_concurrently(reads).await;
        found.gaps.extend(misspelled);
        Ok(found)
    }

    /// Lists customer managed policies only.
    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        Ok(listed(api).await?.into_keys().collect())
    }

    async fn preflight(api: &Client, _: &Location, steps: Vec<(String, IamPolicyOp)>) -> Vec<Check> {
        policies(api, steps.iter().filter(|(_, op)| matches!(op, IamPolicyOp::CreatePolicy { .. })).count()).await
    }

    async fn run(api: &Client, target: &StepTarget, op: IamPolicyOp) -> Result<Attributes, CallError> {
        let known = target.attributes.get("arn").cloned();
        let arn = known.unwrap_or_else(|| arn(&target.name, "/", &target.location));
        match op {
            IamPolicyOp::CreatePolicy { statements, unnamed, path, description, tags } => {
                let edit = Edit { statements, unnamed, ..Edit::default() };
                return create(api, &target.name, edit, path, description, tags).await;
            }
            IamPolicyOp::DeletePolicyVersion { version } => {
                let deleted = api.delete_policy_version().policy_arn(arn).version_id(version).send().await;
                if_found(deleted.map_err(CallError::from))?;
            }
            IamPolicyOp::CreatePolicyVersion(edit) => merge(api, &arn, &edit).await?,
            IamPolicyOp::TagPolicy { tags } => {
                api.tag_policy().policy_arn(arn).set_tags(Some(sdk_tags(tags))).send().await?;
            }
            IamPolicyOp::UntagPolicy { keys } => {
                api.untag_policy().policy_arn(arn).set_tag_keys(Some(keys)).send().await?;
            }
        }
        Ok(Attributes::new())
    }
}

/// Creates a policy. If another caller created one with this name in the meantime, merges the statements into it.
async fn create(
    api: &Client,
    name: &str,
    edit: Edit,
    path: Option<String>,
    description: Option<String>,
    tags: Tags,
) -> Result<Attributes, CallError> {
    let document = changed(document::EMPTY, &edit, "IAM CreatePolicy")?;
    let created = api
        .create_policy()
        .policy_name(name)
        .policy_document(document)
        .set_path(path)
        .set_description(description)
        .set_tags(Some(sdk_tags(tags)).filter(|tags| !tags.is_empty()))
        .send()
        .await
        .map_err(CallError::from);
    let arn = match created {
        Ok(answer) => answer.policy.and_then(|policy| policy.arn),
        Err(error) if error.is("EntityAlreadyExists") => {
            let Some(arn) = listed(api).await?.remove(name).and_then(|policy| policy.arn) else { return Err(error) };
            merge(api, &arn, &edit).await?;
            Some(arn)
        }
        Err(error) => return Err(error),
    };
    Ok(arn.map(|arn| ("arn".to_owned(), arn)).into_iter().collect())
}

fn sdk_tags(tags: Tags) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().expect("invariant: key and value are set");
    tags.into_iter().map(tag).collect()
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

/// Returns the customer managed policies by name. Names are unique in an account, whatever the paths
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>).
async fn listed(api: &Client) -> Result<BTreeMap<String, SdkPolicy>, CallError> {
    let mut pages = api.list_policies().scope(PolicyScopeType::Local).max_items(1000).into_paginator().send();
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let policies = page?.policies.unwrap_or_default();
        found.extend(policies.into_iter().filter_map(|policy| Some((policy.policy_name.clone()?, policy))));
    }
    Ok(found)
}

/// Returns the failure for a policy whose name differs only in case: IAM does not distinguish them.
fn same_name(name: &str, other: &str) -> Failure {
    let message = format!("the policy is named '{other}', and IAM does not distinguish names by case: write '{other}'");
    Failure::new(FailureClass::Invalid, format!("reading the policy '{name}'"), message)
}

/// Reads a listed policy. Returns `None` if it was deleted in the meantime.
async fn read(
    api: &Client,
    name: String,
    policy: SdkPolicy,
    details: bool,
) -> Result<Option<LiveResource<IamPolicyModel>>, CallError> {
    const CALL: &str = "IAM ListPolicies";
    let missing = |what: &str| CallError::unknown(CALL, &format!("the policy '{name}' without {what}"), "");
    let arn = policy.arn.as_deref().ok_or_else(|| missing("an ARN"))?;
    let default = policy.default_version_id.as_deref().ok_or_else(|| missing("a default version"))?;
    let path = policy.path.clone().ok_or_else(|| missing("a path"))?;
    let details: OptionFuture<_> = details.then(|| api.get_policy().policy_arn(arn).send()).into();
    let (versions, text, details) = tokio::join!(versions(api, arn), text_of(api, arn, default), details);
    let Some(versions) = if_found(versions)? else { return Ok(None) };
    // Another version may have become the default one since the list was read.
    let text = if versions.default == default { text? } else { text_of(api, arn, &versions.default).await? };
    let document = document::parse(&text).map_err(|error| unreadable(&error))?;
    let (mut description, mut live_tags) = (Setting::Unstated, Setting::Unstated);
    if let Some(answer) = details.transpose()? {
        let policy = answer.policy.ok_or_else(|| CallError::unknown("IAM GetPolicy", "no policy for", arn))?;
        description = Setting::live(policy.description().filter(|text| !text.is_empty()).map(ToOwned::to_owned));
        live_tags = tags::live(tags::collect(policy.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value())))));
    }
    let extras = extras(&policy, &versions, &document);
    let attributes = Attributes::from([("arn".to_owned(), arn.to_owned())]);
    let model = IamPolicyModel {
        statements: document.statements,
        unnamed: Setting::live(Some(document.unnamed).filter(|unnamed| !unnamed.is_empty())),
        path: Setting::Set(path),
        description,
        tags: live_tags,
        state: Some(state(&policy, &versions, &text)),
        ..IamPolicyModel::default()
    };
    Ok(Some(LiveResource::new(name, model, attributes).with_extras(extras)))
}

fn state(policy: &SdkPolicy, versions: &Versions, text: &str) -> State {
    let to_delete = versions.to_delete();
    State {
        oldest: to_delete.map(|number| format!("v{number}")),
        is_oldest_newer: to_delete.is_some_and(|number| versions.is_newer(number)),
        newer: versions.newer(),
        characters: document::characters(text),
        attachments: policy.attachment_count.unwrap_or(0),
    }
}

/// Returns what a spec cannot state. No call of this kind changes it.
fn extras(policy: &SdkPolicy, versions: &Versions, document: &Document) -> Vec<Extra> {
    let mut extras = Vec::new();
    let uses = [("attachments", policy.attachment_count), ("boundaries", policy.permissions_boundary_usage_count)];
    for (name, count) in uses {
        extras.extend(count.filter(|count| *count > 0).map(|count| Extra::kept(name, count)));
    }
    let newer = versions.newer();
    if !newer.is_empty() {
        extras.push(Extra::kept("newer_versions", newer));
    }
    let elements = [("document_id", &document.id), ("document_version", &document.other_version)];
    for (name, value) in elements {
        extras.extend(value.as_deref().map(|value| Extra::kept(name, value)));
    }
    extras
}
