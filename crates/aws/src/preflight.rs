//! What a plan cannot see and what would stop it in the middle: looked at before the first write.
//!
//! Each check says passed, failed, or could not check; nothing that cannot be looked at is taken for good.

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

/// SimulatePrincipalPolicy takes so many resources at once.
const RESOURCES_A_CALL: usize = 50;

/// Looks at everything at once; sorted, what failed first.
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

/// The steps of a plan by their kind, each with its resource's name.
fn steps(plan: &Plan) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut by_kind: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for (change, step) in plan.steps() {
        let steps = by_kind.entry(change.address.kind.clone()).or_default();
        steps.push((change.address.name.clone(), step.op.clone()));
    }
    by_kind
}

/// Makes a check of a call: what it found, or why it found nothing.
pub(crate) fn check_of(name: &str, result: Result<(Verdict, String), CallError>) -> Check {
    match result {
        Ok((verdict, what)) => Check::new(name, verdict, what),
        Err(error) => Check::new(name, Verdict::CouldNotCheck, error.0.to_string()),
    }
}

/// Whether so much more has room under a quota.
pub(crate) fn room(name: &str, used: i64, most: i64, more: usize) -> Check {
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    let verdict = if used.saturating_add(more) <= most { Verdict::Passed } else { Verdict::Failed };
    Check::new(format!("quota of {name}"), verdict, format!("{used} of {most} are used, and {more} more are wanted"))
}

/// A region that is not enabled answers as if the credentials were wrong.
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

/// Reading the plan asked for each bucket by its name: one that another account has could not be read.
fn bucket_names(plan: &Plan) -> Option<Check> {
    let creates = |operation_of: &Value| operation(operation_of) == "CreateBucket";
    let new = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Create && change.steps.iter().any(|step| creates(&step.op)));
    let names: Vec<&str> = new.map(|change| change.address.name.as_str()).collect();
    (!names.is_empty())
        .then(|| Check::new("bucket names are free", Verdict::Passed, format!("nobody has {}", names.join(", "))))
}

/// The permissions that the plan's calls need, with the resources that they are for.
fn needed(plan: &Plan) -> BTreeSet<(String, String)> {
    let mut needed = BTreeSet::new();
    for (change, step) in plan.steps() {
        let kind: &dyn AnyKind = kinds::live(&change.address.kind);
        let service = kind.facts().service;
        let arn = change.outputs.get("arn").cloned().flatten().unwrap_or_else(|| "*".to_owned());
        needed.insert((iam::action(service, operation(&step.op)), arn));
        let also = kind.also_needs(&step.op).into_iter();
        needed.extend(also.map(|(action, resource)| (action.to_owned(), resource)));
    }
    needed.into_iter().filter(|(_, resource)| !resource.contains("${")).collect()
}

/// Asks IAM what it would say. It knows the caller's own policies and boundaries, not those of
/// resources and organisations (SimulatePrincipalPolicy).
async fn permissions(session: &Session, plan: &Plan) -> Vec<Check> {
    const NAME: &str = "permissions";
    let caller = aws_sdk_sts::Client::from_session(session).get_caller_identity().send().await;
    let arn = match caller.map_err(CallError::from) {
        Ok(caller) => caller.arn.unwrap_or_default(),
        Err(error) => return vec![Check::new(NAME, Verdict::CouldNotCheck, error.0.to_string())],
    };
    let Some(principal) = principal(&arn) else {
        let verdict = if arn.ends_with(":root") { Verdict::Passed } else { Verdict::CouldNotCheck };
        return vec![Check::new(NAME, verdict, format!("the caller is {arn}, whom IAM does not simulate"))];
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
        let chunks: Vec<Vec<&str>> = resources.chunks(RESOURCES_A_CALL).map(<[&str]>::to_vec).collect();
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
        return vec![Check::new(
            NAME,
            Verdict::Passed,
            format!("{principal} may make all {} kinds of calls", needed.len()),
        )];
    }
    let refused = refused.into_iter();
    refused
        .map(|(action, on)| Check::new(NAME, Verdict::Failed, format!("{principal} may not {action} on {on}")))
        .collect()
}

/// What can be simulated: a user, or the role behind a session.
fn principal(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, _, account, resource] = parts.as_slice() else { return None };
    match (*service, resource.split('/').collect::<Vec<_>>().as_slice()) {
        ("iam", ["user", ..]) => Some(arn.to_owned()),
        // A session's ARN does not say the role's path.
        ("sts", ["assumed-role", role, ..]) => Some(format!("arn:{partition}:iam::{account}:role/{role}")),
        _ => None,
    }
}

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

/// Whether a call that only tries says that it would be done (EC2's DryRun).
pub(crate) fn rehearsed<T>(name: &str, result: Result<T, CallError>) -> Check {
    match result {
        Ok(_) => Check::new(name, Verdict::CouldNotCheck, "it was done instead of tried"),
        Err(error) if error.is("DryRunOperation") => Check::new(name, Verdict::Passed, "EC2 would do it"),
        Err(error) => {
            let stands = matches!(error.0.class, FailureClass::Denied | FailureClass::Invalid | FailureClass::NotFound);
            let verdict = if stands { Verdict::Failed } else { Verdict::CouldNotCheck };
            Check::new(name, verdict, error.0.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_behind_a_session_is_simulated() {
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
    fn what_would_not_fit_fails() {
        assert_eq!(room("clusters", 39, 40, 1).verdict, Verdict::Passed);
        assert_eq!(room("clusters", 40, 40, 1).verdict, Verdict::Failed);
    }
}
