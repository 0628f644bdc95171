// SPDX-License-Identifier: Apache-2.0
//! Checks before the first write, for problems that a plan does not show and that would stop an apply halfway.
//!
//! A check passes, fails, or could not be done; one that could not be done never counts as passed.

mod access;

use std::collections::BTreeMap;

use futures::future::{join, join_all};
use regionctl_core::diff::operation;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Verdict};
use regionctl_core::plan::{Action, Plan};
use regionctl_core::spec::Spec;
use serde_json::Value;

use crate::error::CallError;
use crate::kinds;
use crate::services;
use crate::session::{FromSession, Session};

/// Runs all checks concurrently. Returns them sorted, failed ones first.
pub(crate) async fn preflight(session: &Session, spec: &Spec, plan: &Plan, location: &Location) -> Vec<Check> {
    let of_kinds = join_all(
        steps(plan)
            .into_iter()
            .map(|(kind, steps)| async move { kinds::live(&kind).preflight(session, location, steps).await }),
    );
    let general = join(access::permissions(session, spec, plan, location), region(session, location));
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

/// Checks that the region is enabled for the account. Calls to a disabled region fail like calls with invalid
/// credentials, so a region that is always enabled is asked. `AllRegions` includes the disabled ones
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html>).
async fn region(session: &Session, location: &Location) -> Check {
    let name = format!("region {} is enabled", location.region);
    let asked = services::always_enabled(&location.partition).unwrap_or(&location.region);
    let api = aws_sdk_ec2::Client::from_session(&session.in_region(asked));
    let answer = api.describe_regions().region_names(&location.region).all_regions(true).send().await;
    match answer.map_err(CallError::from) {
        Ok(answer) => {
            let status = answer.regions().first().map(|region| region.opt_in_status().unwrap_or("unknown"));
            let verdict = match status {
                None | Some("not-opted-in") => Verdict::Failed,
                Some(_) => Verdict::Passed,
            };
            Check::new(name, verdict, status.unwrap_or("AWS has no such region"))
        }
        // An unknown region is an invalid parameter.
        Err(error) if error.0.class == FailureClass::Invalid => Check::new(name, Verdict::Failed, error.0.to_string()),
        Err(error) => Check::new(name, Verdict::CouldNotCheck, error.0.to_string()),
    }
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
    fn a_quota_check_fails_if_the_resources_do_not_fit() {
        assert_eq!(room("clusters", 39, 40, 1).verdict, Verdict::Passed);
        assert_eq!(room("clusters", 40, 40, 1).verdict, Verdict::Failed);
    }
}
