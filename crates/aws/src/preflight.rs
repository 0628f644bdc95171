// SPDX-License-Identifier: Apache-2.0
//! Checks before the first write, for problems that a plan does not show and that would stop an apply halfway.
//!
//! A check passes, fails, or could not be done; one that could not be done never counts as passed.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use futures::future::{join, join_all};
use regionctl_core::diff::operation;
use regionctl_core::kind::AnyKind;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Verdict};
use regionctl_core::plan::{Action, Plan};
use serde_json::Value;

use crate::error::CallError;
use crate::iam;
use crate::kinds;
use crate::session::{FromSession, Session};

/// The number of resource ARNs in one call of SimulatePrincipalPolicy.
const RESOURCES_PER_CALL: usize = 50;

/// Runs all checks concurrently. Returns them sorted, failed ones first.
pub(crate) async fn preflight(session: &Session, plan: &Plan, location: &Location) -> Vec<Check> {
    let of_kinds = join_all(
        steps(plan)
            .into_iter()
            .map(|(kind, steps)| async move { kinds::live(&kind).preflight(session, location, steps).await }),
    );
    let general = join(permissions(session, plan), region(session, location));
    let (of_kinds, (mut checks, region)) = join(of_kinds, general).await;
    checks.extend(of_kinds.into_iter().flatten());
    checks.push(region);
    checks.extend(bucket_names(plan));
    checks.sort_by_key(|check| (check.verdict != Verdict::Failed, check.name.clone(), check.what.clone()));
    checks
}

/// Returns the steps of a plan by kind, each with its resource's name.
fn steps(plan: &Plan) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut by_kind: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for (change, step) in plan.steps() {
        let steps = by_kind.entry(change.address.kind.clone()).or_default();
        steps.push((change.address.name.clone(), step.op.clone()));
    }
    by_kind
}

/// Creates a check from the result of a call; a failed call means that the check could not be done.
pub(crate) fn check_of(name: &str, result: Result<(Verdict, String), CallError>) -> Check {
    match result {
        Ok((verdict, what)) => Check::new(name, verdict, what),
        Err(error) => Check::new(name, Verdict::CouldNotCheck, error.0.to_string()),
    }
}

/// Checks that `more` additional resources fit into a quota of `most`, with `used` in use.
pub(crate) fn room(name: &str, used: i64, most: i64, more: usize) -> Check {
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    let verdict = if used.saturating_add(more) <= most { Verdict::Passed } else { Verdict::Failed };
    Check::new(format!("quota of {name}"), verdict, format!("{used} of {most} in use, {more} more needed"))
}

/// Checks that the region is enabled for the account: calls to a disabled region fail like calls with invalid
/// credentials. `AllRegions` includes the disabled ones
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html>).
async fn region(session: &Session, location: &Location) -> Check {
    let name = format!("region {} is enabled", location.region);
    let api = aws_sdk_ec2::Client::from_session(session);
    let answer = api.describe_regions().region_names(&location.region).all_regions(true).send().await;
    let result = answer.map_err(CallError::from).map(|answer| {
        let status = answer.regions().first().and_then(|region| region.opt_in_status()).unwrap_or("unknown").to_owned();
        let verdict = if status == "not-opted-in" { Verdict::Failed } else { Verdict::Passed };
        (verdict, status)
    });
    check_of(&name, result)
}

/// Reports the new buckets' names as available: the refresh reads each bucket by name, and a bucket of another account
/// would have been a gap.
fn bucket_names(plan: &Plan) -> Option<Check> {
    let creates = |op: &Value| operation(op) == "CreateBucket";
    let new = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Create && change.steps.iter().any(|step| creates(&step.op)));
    let names: Vec<&str> = new.map(|change| change.address.name.as_str()).collect();
    (!names.is_empty())
        .then(|| Check::new("bucket names are available", Verdict::Passed, format!("not in use: {}", names.join(", "))))
}

/// Returns the IAM actions that the plan's calls need, each with its resource ARN.
fn needed(plan: &Plan) -> BTreeSet<(String, String)> {
    let mut needed = BTreeSet::new();
    for (change, step) in plan.steps() {
        let kind: &dyn AnyKind = kinds::live(&change.address.kind);
        let service = kind.facts().service;
        let arn = change.attributes.get("arn").cloned().flatten().unwrap_or_else(|| "*".to_owned());
        needed.insert((iam::action(service, operation(&step.op)), arn));
        let also = kind.also_needs(&step.op).into_iter();
        needed.extend(also.map(|(action, resource)| (action.to_owned(), resource)));
    }
    needed.into_iter().filter(|(_, resource)| !resource.contains("${")).collect()
}

/// Simulates the caller's permissions with SimulatePrincipalPolicy
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>), on identity policies and
/// permissions boundaries. A resource policy can still deny a call.
async fn permissions(session: &Session, plan: &Plan) -> Vec<Check> {
    const NAME: &str = "permissions";
    let caller = aws_sdk_sts::Client::from_session(session).get_caller_identity().send().await;
    let arn = match caller.map_err(CallError::from) {
        Ok(caller) => caller.arn.unwrap_or_default(),
        Err(error) => return vec![Check::new(NAME, Verdict::CouldNotCheck, error.0.to_string())],
    };
    let Some(principal) = principal(&arn) else {
        // The root user has no identity policies that IAM could simulate.
        let verdict = if arn.ends_with(":root") { Verdict::Passed } else { Verdict::CouldNotCheck };
        return vec![Check::new(NAME, verdict, format!("IAM cannot simulate the caller {arn}"))];
    };
    let needed = needed(plan);
    let mut by_service: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for (action, resource) in &needed {
        let service = action.split(':').next().unwrap_or_default();
        let (actions, resources) = by_service.entry(service).or_default();
        actions.insert(action);
        resources.insert(resource);
    }
    let api = aws_sdk_iam::Client::from_session(session);
    let calls = by_service.into_values().flat_map(|(actions, resources)| {
        let resources: Vec<&str> = resources.into_iter().collect();
        let chunks: Vec<Vec<&str>> = resources.chunks(RESOURCES_PER_CALL).map(<[&str]>::to_vec).collect();
        let (api, principal) = (&api, &principal);
        chunks.into_iter().map(move |resources| denied(api, principal, actions.clone(), resources))
    });
    let mut refused = BTreeSet::new();
    for result in join_all(calls).await {
        match result {
            Ok(found) => refused.extend(found.into_iter().filter(|pair| needed.contains(pair))),
            Err(error) => return vec![Check::new(NAME, Verdict::CouldNotCheck, error.0.to_string())],
        }
    }
    if refused.is_empty() {
        return vec![Check::new(NAME, Verdict::Passed, format!("{principal} has all {} permissions", needed.len()))];
    }
    let refused = refused.into_iter();
    refused
        .map(|(action, on)| {
            Check::new(NAME, Verdict::Failed, format!("{principal} is not authorized to perform {action} on {on}"))
        })
        .collect()
}

/// Returns the ARN to simulate for a caller: a user's own, or that of a session's role. `None` for other callers.
fn principal(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, _, account, resource] = parts.as_slice() else { return None };
    match (*service, resource.split('/').collect::<Vec<_>>().as_slice()) {
        ("iam", ["user", ..]) => Some(arn.to_owned()),
        // The ARN of a session does not contain the role's path, so this is wrong for a role with a path.
        ("sts", ["assumed-role", role, ..]) => Some(format!("arn:{partition}:iam::{account}:role/{role}")),
        _ => None,
    }
}

/// Returns the pairs of action and resource that the principal's policies do not allow.
async fn denied(
    api: &aws_sdk_iam::Client,
    principal: &str,
    actions: BTreeSet<&str>,
    resources: Vec<&str>,
) -> Result<Vec<(String, String)>, CallError> {
    let mut pages = api
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(actions.into_iter().map(ToOwned::to_owned).collect()))
        .set_resource_arns(Some(resources.into_iter().map(ToOwned::to_owned).collect()))
        .into_paginator()
        .items()
        .send();
    let mut found = Vec::new();
    while let Some(result) = pages.next().await {
        let result = result?;
        if *result.eval_decision() != PolicyEvaluationDecisionType::Allowed {
            let resource = result.eval_resource_name().unwrap_or("*").to_owned();
            found.push((result.eval_action_name().to_owned(), resource));
        }
    }
    Ok(found)
}

/// Creates a check from the result of a dry run: EC2 returns the error `DryRunOperation` if the call would succeed
/// (`DryRun` in <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>).
pub(crate) fn rehearsed<T>(name: &str, result: Result<T, CallError>) -> Check {
    match result {
        Ok(_) => {
            let what = "EC2 ignored DryRun and ran the call: check for resources that it created";
            Check::new(name, Verdict::CouldNotCheck, what)
        }
        Err(error) if error.is("DryRunOperation") => Check::new(name, Verdict::Passed, "the call would succeed"),
        Err(error) => {
            let failed = matches!(error.0.class, FailureClass::Denied | FailureClass::Invalid | FailureClass::NotFound);
            let verdict = if failed { Verdict::Failed } else { Verdict::CouldNotCheck };
            Check::new(name, verdict, error.0.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_session_is_simulated_as_its_role() {
        let role = principal("arn:aws:sts::123456789012:assumed-role/deploy/ci");
        assert_eq!(role.as_deref(), Some("arn:aws:iam::123456789012:role/deploy"));
        assert_eq!(
            principal("arn:aws:iam::123456789012:user/a/b").as_deref(),
            Some("arn:aws:iam::123456789012:user/a/b")
        );
        assert_eq!(principal("arn:aws:iam::123456789012:root"), None);
        assert_eq!(principal("arn:aws:sts::123456789012:user/moto"), None);
    }

    #[test]
    fn a_quota_check_fails_if_the_resources_do_not_fit() {
        assert_eq!(room("clusters", 39, 40, 1).verdict, Verdict::Passed);
        assert_eq!(room("clusters", 40, 40, 1).verdict, Verdict::Failed);
    }
}
