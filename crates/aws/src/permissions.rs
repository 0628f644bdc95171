//! The least that a caller must be allowed for some specs, as IAM policies: what the kinds say that they call, on the
//! resources that the specs name. Nothing is asked of AWS.
//!
//! Which resource an action takes follows the Service Authorization Reference. Where AWS alone gives an id (security
//! groups, zones), everything of that type in the region and account is meant.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::kind::Facts;
use regionctl_core::model::pattern;
use regionctl_core::observe::location::Location;
use regionctl_core::spec::names::partition;
use regionctl_core::spec::{Spec, Want};
use serde_json::{Value, json};

use crate::iam::action;
use crate::kinds::{self, REGISTRY};
use crate::last_applied;

/// What the caller is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Read: `plan`, `drift`, `accept`.
    Plan,
    /// Converge.
    Apply,
}

/// A managed policy has at most so many characters, white space not counted (IAM quotas).
pub const LARGEST: usize = 6144;

/// IAM actions with the resources that they are for.
type Needs = BTreeMap<String, BTreeSet<String>>;

/// Returns the policies for some specs, each small enough for IAM; several where one would be too large.
pub fn policies(specs: &[Spec], purpose: Purpose) -> Vec<Value> {
    let mut needs = Needs::new();
    for spec in specs {
        of_spec(spec, purpose, &mut needs);
    }
    split(&statements(needs))
}

fn location(spec: &Spec, region: &str) -> Location {
    let (region, account) = (region.to_owned(), spec.account.clone());
    Location { partition: partition(&region).to_owned(), region, account, vpc: None }
}

fn of_spec(spec: &Spec, purpose: Purpose, needs: &mut Needs) {
    let here = location(spec, &spec.region);
    let mut need = |service: &str, operations: &[&str], names: &BTreeSet<String>, location: &Location| {
        for called in operations {
            let resources = names.iter().flat_map(|name| resources(service, called, name, location));
            needs.entry(action(service, called)).or_default().extend(resources);
        }
    };
    let any = BTreeSet::from(["*".to_owned()]);
    need("STS", &["GetCallerIdentity"], &any, &here);
    need("EC2", &["DescribeVpcs"], &any, &here);
    need("CloudTrail", &["LookupEvents"], &any, &here);
    for facts in REGISTRY.0.iter().map(|kind| kind.facts()) {
        need(facts.service, facts.inventory, &any, &here);
    }
    for facts in kinds_of(spec) {
        let names = names_of(spec, facts);
        need(facts.service, facts.reads, &names, &here);
        for (region, names) in sources_of(spec, facts) {
            need(facts.service, facts.reads, &names, &location(spec, &region));
        }
        if purpose == Purpose::Apply {
            let goes = |want: &Want| want.address.kind == facts.name && (want.absent || want.source.is_some());
            let deletes = spec.wants.iter().any(goes);
            let writes: Vec<&str> =
                facts.writes.iter().copied().filter(|called| deletes || stays(facts, called)).collect();
            need(facts.service, &writes, &names, &here);
            need(facts.service, facts.checks, &names, &here);
        }
    }
    if spec.remember {
        let path = format!("parameter{}", last_applied::path(&spec.path));
        let parameters = [here.arn("ssm", &path), here.arn("ssm", &format!("{path}/*"))];
        needs.entry("ssm:GetParametersByPath".to_owned()).or_default().extend(parameters.clone());
        if purpose == Purpose::Apply {
            needs.entry("ssm:PutParameter".to_owned()).or_default().extend(parameters);
        }
    }
    if purpose == Purpose::Apply {
        of_apply(spec, &here, needs);
    }
}

/// Says whether a call is for more than taking resources away.
fn stays(facts: &Facts, called: &str) -> bool {
    !facts.removes.contains(&called)
}

/// What an apply needs beside the calls of its steps: the preflight's, and what some calls need themselves.
fn of_apply(spec: &Spec, here: &Location, needs: &mut Needs) {
    let principal = |kind: &str| format!("arn:{}:iam::{}:{kind}/*", here.partition, here.account);
    needs.entry("iam:SimulatePrincipalPolicy".to_owned()).or_default().extend(["role", "user"].map(principal));
    needs.entry("ec2:DescribeRegions".to_owned()).or_default().insert("*".to_owned());
    for facts in kinds_of(spec) {
        for need in facts.also {
            let at_most = match *need {
                "iam:PassRole" => vec![principal("role")],
                // Images are found by public parameters, which have no account in their ARN, or by own ones.
                "ssm:GetParameter" => {
                    let public = format!("arn:{}:ssm:{}::parameter/aws/*", here.partition, here.region);
                    vec![public, here.arn("ssm", "parameter/*")]
                }
                _ => vec!["*".to_owned()],
            };
            let exactly = stated(spec, facts, need).filter(|resources| !resources.contains("*"));
            let resources = exactly.unwrap_or_else(|| at_most.into_iter().collect());
            needs.entry((*need).to_owned()).or_default().extend(resources);
        }
    }
}

/// The resources that the spec itself states for an action, where it states all of them.
fn stated(spec: &Spec, facts: &Facts, need: &str) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for want in spec.wants.iter().filter(|want| want.address.kind == facts.name && !want.absent) {
        if want.source.is_some() || !want.is_one() {
            return None;
        }
        let draft = REGISTRY.of(facts.name).diff(&want.model, &want.waivers, None).ok()?;
        for step in &draft.steps {
            let also = kinds::live(facts.name).also_needs(&step.op).into_iter();
            found.extend(also.filter(|(action, _)| *action == need).map(|(_, resource)| resource));
        }
    }
    let open = found.is_empty() || found.iter().any(|resource| resource.contains("${"));
    (!open).then_some(found)
}

/// The kinds that a spec speaks of, or goes over.
fn kinds_of(spec: &Spec) -> Vec<&'static Facts> {
    use regionctl_core::spec::selector::Selector;
    let named = |want: &Want, facts: &Facts| {
        let over = matches!(&want.stands, Selector::ForEach(each) if each.kind == facts.name);
        want.address.kind == facts.name || over
    };
    let kinds = REGISTRY.0.iter().map(|kind| kind.facts());
    kinds.filter(|facts| spec.wants.iter().any(|want| named(want, facts))).collect()
}

/// The names that a spec gives a kind; what a rule fills in is `*`.
fn names_of(spec: &Spec, facts: &Facts) -> BTreeSet<String> {
    let own = spec.wants.iter().filter(|want| want.address.kind == facts.name);
    let mut names: BTreeSet<String> = own.map(Want::name_pattern).collect();
    // What a rule goes over is read, whatever it is called.
    if names.is_empty() {
        names.insert("*".to_owned());
    }
    // One that covers another is enough.
    let all = names.clone();
    names.retain(|name| !all.iter().any(|wider| wider != name && pattern::matches(wider, name)));
    names
}

fn sources_of(spec: &Spec, facts: &Facts) -> BTreeMap<String, BTreeSet<String>> {
    let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for want in spec.wants.iter().filter(|want| want.address.kind == facts.name) {
        if let Some(source) = &want.source {
            sources.entry(source.region.clone()).or_default().insert(source.name.clone());
        }
    }
    sources
}

/// The ARNs that an operation on something of this name is for.
#[allow(clippy::match_same_arms)] // each service's own lines stand together, as in the reference
fn resources(service: &str, called: &str, name: &str, location: &Location) -> Vec<String> {
    let all = || vec!["*".to_owned()];
    let reads = ["Describe", "List"].iter().any(|verb| called.starts_with(verb));
    match (service, called) {
        ("S3", "ListBuckets") => all(),
        ("S3", _) => vec![format!("arn:{}:s3:::{name}", location.partition)],
        ("SNS", "ListTopics") => all(),
        ("SNS", _) => vec![location.arn("sns", name)],
        ("CloudWatch", "DescribeAlarms") => all(),
        ("CloudWatch", _) => vec![location.arn("cloudwatch", &format!("alarm:{name}"))],
        ("CloudWatch Logs", "DescribeLogGroups") => all(),
        ("CloudWatch Logs", _) => {
            vec![
                location.arn("logs", &format!("log-group:{name}")),
                location.arn("logs", &format!("log-group:{name}:*")),
            ]
        }
        ("IAM", "GetAccountSummary" | "ListPolicies") => all(),
        ("IAM", _) => vec![format!("arn:{}:iam::{}:policy/{name}", location.partition, location.account)],
        ("Lambda", "ListFunctions" | "ListEventSourceMappings" | "GetAccountSettings") => all(),
        ("Lambda", _) => vec![location.arn("lambda", &format!("function:{name}"))],
        ("Route 53", "CreateHostedZone" | "ListHostedZonesByName" | "ListHostedZonesByVPC") => all(),
        ("Route 53", _) => vec![format!("arn:{}:route53:::hostedzone/*", location.partition)],
        ("SSM", "ListDocuments") => all(),
        ("SSM", _) => vec![location.arn("ssm", &format!("document/{name}"))],
        ("RDS", "DescribeDBClusterParameters" | "DescribeDBClusterParameterGroups") => {
            vec![location.arn("rds", "cluster-pg:*")]
        }
        ("RDS", _) if reads => all(),
        ("RDS", _) => vec![
            location.arn("rds", &format!("cluster:{name}")),
            location.arn("rds", "db:*"),
            location.arn("rds", "subgrp:*"),
            location.arn("rds", "cluster-pg:*"),
        ],
        // Images and snapshots of others have no account in their ARN.
        ("EC2", "RunInstances") => vec![
            location.arn("ec2", "*"),
            format!("arn:{}:ec2:{}::image/*", location.partition, location.region),
            format!("arn:{}:ec2:{}::snapshot/*", location.partition, location.region),
        ],
        ("EC2", _) if !reads => vec![location.arn("ec2", "*")],
        _ => all(),
    }
}

/// Actions with the same resources stand together.
fn statements(needs: Needs) -> Vec<Value> {
    let mut by_resources: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
    for (action, mut resources) in needs {
        if resources.contains("*") {
            resources = BTreeSet::from(["*".to_owned()]);
        }
        by_resources.entry(resources).or_default().insert(action);
    }
    let statement = |(resources, actions): (BTreeSet<String>, BTreeSet<String>)| json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
    by_resources.into_iter().map(statement).collect()
}

/// Fills policies with statements as long as they fit; a statement that is too large alone is split by its resources.
fn split(statements: &[Value]) -> Vec<Value> {
    let mut policies: Vec<Vec<Value>> = vec![Vec::new()];
    let mut queue: Vec<Value> = statements.iter().rev().cloned().collect();
    while let Some(statement) = queue.pop() {
        if size(&policy(std::slice::from_ref(&statement))) > LARGEST
            && let Some(halves) = halves(&statement)
        {
            queue.extend(halves);
            continue;
        }
        let last = policies.last_mut().expect("invariant: there is at least one");
        last.push(statement.clone());
        if last.len() > 1 && size(&policy(last)) > LARGEST {
            last.pop();
            policies.push(vec![statement]);
        }
    }
    policies.iter().map(|statements| policy(statements)).collect()
}

fn halves(statement: &Value) -> Option<[Value; 2]> {
    let resources = statement["Resource"].as_array().filter(|resources| resources.len() > 1)?;
    let (first, second) = resources.split_at(resources.len() / 2);
    Some(
        [second, first]
            .map(|resources| json!({ "Effect": "Allow", "Action": statement["Action"], "Resource": resources })),
    )
}

fn policy(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The characters that count: IAM leaves white space out.
pub fn size(policy: &Value) -> usize {
    policy.to_string().chars().filter(|letter| !letter.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_too_large_becomes_several_that_say_the_same() {
        let resources: Vec<String> = (0..400).map(|number| format!("arn:aws:s3:::bucket-number-{number:04}")).collect();
        let needs = Needs::from([
            ("s3:GetBucketPolicy".to_owned(), resources.iter().cloned().collect()),
            ("sts:GetCallerIdentity".to_owned(), BTreeSet::from(["*".to_owned()])),
        ]);
        let policies = split(&statements(needs));
        assert!(policies.len() > 2 && policies.iter().all(|policy| size(policy) <= LARGEST));
        let mut found = BTreeSet::new();
        for statement in policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap()) {
            found.extend(statement["Resource"].as_array().unwrap().iter().map(|resource| resource.as_str().unwrap()));
        }
        assert_eq!(found.len(), 401);
    }

    #[test]
    fn what_has_no_arn_of_its_own_is_for_everything() {
        let text = |text: &str| text.to_owned();
        let location =
            Location { partition: text("aws"), region: text("eu-central-1"), account: text("123456789012"), vpc: None };
        assert_eq!(resources("EC2", "DescribeInstances", "x", &location), ["*"]);
        assert_eq!(resources("S3", "PutBucketPolicy", "x", &location), ["arn:aws:s3:::x"]);
        assert_eq!(resources("SNS", "Subscribe", "t", &location), ["arn:aws:sns:eu-central-1:123456789012:t"]);
    }
}
