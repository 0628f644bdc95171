// SPDX-License-Identifier: Apache-2.0
//! Checks that the caller may send the plan's calls, with SimulatePrincipalPolicy
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>), on identity policies and
//! permissions boundaries. A resource policy or a service control policy can still deny a call.
//!
//! What is simulated is what `regionctl permissions` grants for the same calls, from the same table.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType as Decision,
};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Verdict};
use regionctl_core::plan::Plan;
use regionctl_core::spec::Spec;

use crate::error::CallError;
use crate::live::join_reads;
use crate::permissions::{by_resources, of_plan};
use crate::services::SERVICES;
use crate::session::{FromSession, Session};

/// The number of resource ARNs in one call of SimulatePrincipalPolicy.
const RESOURCES_PER_CALL: usize = 50;

const NAME: &str = "permissions";

/// Simulates the caller's permissions for the plan's calls.
pub(super) async fn permissions(session: &Session, spec: &Spec, plan: &Plan, location: &Location) -> Vec<Check> {
    let caller = aws_sdk_sts::Client::from_session(session).get_caller_identity().send().await;
    let arn = match caller.map_err(CallError::from) {
        Ok(caller) => caller.arn.unwrap_or_default(),
        Err(error) => return vec![Check::new(NAME, Verdict::CouldNotCheck, error.0.to_string())],
    };
    let api = aws_sdk_iam::Client::from_session(session);
    let Some(principal) = principal(&api, &arn).await else {
        // The root user has no identity policies that IAM could simulate.
        let verdict = if arn.ends_with(":root") { Verdict::Passed } else { Verdict::CouldNotCheck };
        return vec![Check::new(NAME, verdict, format!("IAM cannot simulate the caller {arn}"))];
    };
    let questions = questions(spec, plan, location);
    let count: usize = questions.iter().map(|question| question.actions.len() * question.resources.len()).sum();
    let (mut answers, mut checks) = (Answers::default(), Vec::new());
    for result in join_reads(questions.iter().map(|question| question.ask(&api, &principal)).collect()).await {
        match result {
            Ok(results) => results.iter().for_each(|result| answers.add(result)),
            Err(error) => checks.push(Check::new(NAME, Verdict::CouldNotCheck, error.0.to_string())),
        }
    }
    checks.extend(answers.checks(&principal));
    checks.dedup();
    if checks.is_empty() {
        checks.push(Check::new(NAME, Verdict::Passed, format!("{principal} has all {count} permissions")));
    }
    checks
}

/// Actions and resources to simulate together: the principal needs each action on each resource.
struct Question {
    /// The region in which the calls are sent, which conditions of policies often name.
    region: String,
    actions: Vec<String>,
    resources: Vec<String>,
}

/// Returns what to simulate for a plan. A resource whose ARN is known only after the apply is left out.
fn questions(spec: &Spec, plan: &Plan, location: &Location) -> Vec<Question> {
    let mut questions = Vec::new();
    for (mut resources, actions) in by_resources(of_plan(spec, plan, location)) {
        resources.retain(|resource| !resource.contains("${"));
        let resources: Vec<String> = resources.into_iter().collect();
        let mut by_region: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for action in actions {
            by_region.entry(region_of(&action, location)).or_default().push(action);
        }
        for (region, actions) in by_region {
            questions.extend(resources.chunks(RESOURCES_PER_CALL).map(|resources| Question {
                region: region.to_owned(),
                actions: actions.clone(),
                resources: resources.to_vec(),
            }));
        }
    }
    questions
}

/// Returns the region in which the calls of an action are sent: global services have one endpoint.
fn region_of<'a>(action: &str, location: &'a Location) -> &'a str {
    let prefix = action.split(':').next().unwrap_or_default();
    let service = SERVICES.iter().find(|service| service.iam_prefix == prefix);
    service.map_or(&location.region, |service| service.home(&location.partition, &location.region))
}

impl Question {
    /// Simulates the actions on the resources, all pages.
    async fn ask(&self, api: &aws_sdk_iam::Client, principal: &str) -> Result<Vec<EvaluationResult>, CallError> {
        let region = ContextEntry::builder()
            .context_key_name("aws:RequestedRegion")
            .context_key_type(ContextKeyTypeEnum::String)
            .context_key_values(&self.region)
            .build();
        let mut pages = api
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(Some(self.actions.clone()))
            .set_resource_arns(Some(self.resources.clone()))
            .context_entries(region)
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(result) = pages.next().await {
            found.push(result?);
        }
        Ok(found)
    }
}

/// The pairs of action and resource that are not allowed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    denied: BTreeSet<(String, String)>,
    /// The pairs that depend on conditions whose keys the simulation does not have, with these keys.
    unknown: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Answers {
    /// Adds a result. With several resources, the decisions are in `resource_specific_results`, and
    /// `eval_resource_name` is only a template of their ARNs
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>).
    fn add(&mut self, result: &EvaluationResult) {
        let action = result.eval_action_name();
        let each = result.resource_specific_results();
        if each.is_empty() {
            let resource = result.eval_resource_name().unwrap_or("*");
            self.judge(action, resource, result.eval_decision(), result.missing_context_values());
        }
        for of in each {
            self.judge(action, of.eval_resource_name(), of.eval_resource_decision(), of.missing_context_values());
        }
    }

    fn judge(&mut self, action: &str, resource: &str, decision: &Decision, missing: &[String]) {
        let pair = (action.to_owned(), resource.to_owned());
        if *decision == Decision::Allowed {
            return;
        }
        if missing.is_empty() {
            self.denied.insert(pair);
        } else {
            self.unknown.entry(pair).or_default().extend(missing.iter().cloned());
        }
    }

    fn checks(&self, principal: &str) -> Vec<Check> {
        let denied = self.denied.iter().map(|(action, on)| {
            Check::new(NAME, Verdict::Failed, format!("{principal} is not authorized to perform {action} on {on}"))
        });
        let unknown = self.unknown.iter().map(|((action, on), keys)| {
            let keys = keys.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let what = format!("whether {principal} may perform {action} on {on} depends on conditions on {keys}");
            Check::new(NAME, Verdict::CouldNotCheck, what)
        });
        denied.chain(unknown).collect()
    }
}

/// The caller, as far as its ARN shows it.
#[derive(Debug, PartialEq, Eq)]
enum Caller<'a> {
    User,
    /// A session of the role with this name.
    Role(&'a str),
    /// The root user, or a federated user.
    Other,
}

fn caller(arn: &str) -> Caller<'_> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, service, _, _, resource] = parts.as_slice() else { return Caller::Other };
    match (*service, resource.split('/').collect::<Vec<_>>().as_slice()) {
        ("iam", ["user", ..]) => Caller::User,
        ("sts", ["assumed-role", role, ..]) => Caller::Role(role),
        _ => Caller::Other,
    }
}

/// Returns the ARN to simulate for a caller: a user's own, or that of a session's role. `None` for other callers.
///
/// The ARN of a session does not contain the role's path, so GetRole is asked for it
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html>). Without that permission, the role is assumed
/// to have no path, as most have none.
async fn principal(api: &aws_sdk_iam::Client, arn: &str) -> Option<String> {
    match caller(arn) {
        Caller::User => Some(arn.to_owned()),
        Caller::Role(name) => {
            let role = api.get_role().role_name(name).send().await.ok().and_then(|answer| answer.role);
            Some(role.map_or_else(|| role_without_path(arn, name), |role| role.arn))
        }
        Caller::Other => None,
    }
}

fn role_without_path(session: &str, name: &str) -> String {
    let mut parts = session.split(':').skip(1);
    let (partition, account) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    format!("arn:{partition}:iam::{account}:role/{name}")
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::ResourceSpecificResult;

    use super::*;

    #[test]
    fn a_role_session_is_simulated_as_its_role() {
        let session = "arn:aws-cn:sts::123456789012:assumed-role/deploy/ci";
        assert_eq!(caller(session), Caller::Role("deploy"));
        assert_eq!(role_without_path(session, "deploy"), "arn:aws-cn:iam::123456789012:role/deploy");
        assert_eq!(caller("arn:aws:iam::123456789012:user/a/b"), Caller::User);
        assert_eq!(caller("arn:aws:iam::123456789012:root"), Caller::Other);
        assert_eq!(caller("arn:aws:sts::123456789012:federated-user/moto"), Caller::Other);
    }

    fn result(decision: Decision) -> aws_sdk_iam::types::builders::EvaluationResultBuilder {
        EvaluationResult::builder().eval_action_name("s3:PutBucketPolicy").eval_decision(decision)
    }

    fn on(resource: &str, decision: Decision, missing: Option<&str>) -> ResourceSpecificResult {
        let missing = missing.map(|key| vec![key.to_owned()]);
        let result = ResourceSpecificResult::builder().eval_resource_name(resource).eval_resource_decision(decision);
        result.set_missing_context_values(missing).build().unwrap()
    }

    #[test]
    fn with_several_resources_each_has_its_own_decision() {
        let result = result(Decision::ImplicitDeny)
            .eval_resource_name("arn:${Partition}:s3:::${BucketName}")
            .resource_specific_results(on("arn:aws:s3:::a", Decision::Allowed, None))
            .resource_specific_results(on("arn:aws:s3:::b", Decision::ImplicitDeny, None));
        let mut answers = Answers::default();
        answers.add(&result.build().unwrap());
        let checks = answers.checks("me");
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].what, "me is not authorized to perform s3:PutBucketPolicy on arn:aws:s3:::b");
    }

    #[test]
    fn a_decision_that_depends_on_unknown_conditions_could_not_be_checked() {
        let key = "aws:MultiFactorAuthPresent";
        let plain = result(Decision::ExplicitDeny).eval_resource_name("*").missing_context_values(key);
        let specific =
            result(Decision::ExplicitDeny).resource_specific_results(on("*", Decision::ExplicitDeny, Some(key)));
        for result in [plain, specific] {
            let mut answers = Answers::default();
            answers.add(&result.build().unwrap());
            let verdicts: Vec<Verdict> = answers.checks("me").iter().map(|check| check.verdict).collect();
            assert_eq!(verdicts, [Verdict::CouldNotCheck]);
        }
    }
}
