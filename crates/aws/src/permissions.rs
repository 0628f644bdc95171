// SPDX-License-Identifier: Apache-2.0
//! The IAM actions that calls need, each with its resources: as least-privilege policies for specs, and for the steps of
//! a plan, whose permissions the preflight checks. Sends no calls.
//!
//! Resources per action are in [`crate::services`], additional actions in the kinds' facts. If AWS assigns the id
//! (security groups, hosted zones), a policy names all resources of the type in the region and account.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::operation;
use regionctl_core::kind::{Facts, Need, NeededWhen};
use regionctl_core::model::pattern;
use regionctl_core::observe::location::Location;
use regionctl_core::plan::{Action, Plan};
use regionctl_core::spec::names::partition;
use regionctl_core::spec::{Spec, Want};
use serde_json::{Value, json};

use crate::iam::{action, tagging_action};
use crate::kinds::{self, REGISTRY};
use crate::last_applied;
use crate::services::{fill, resources};

/// The commands that a policy permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The commands that only read: `plan`, `drift`, `accept`.
    Plan,
    /// `apply` and the commands that only read.
    Apply,
}

/// The maximum size of a managed policy in characters without white space (IAM quotas).
pub const LARGEST: usize = 6144;

/// IAM actions with the resource ARNs that each needs.
pub(crate) type Needs = BTreeMap<String, BTreeSet<String>>;

/// Returns the policy documents for the specs, split so that each is at most [`LARGEST`] characters if possible.
pub fn policies(specs: &[Spec], purpose: Purpose) -> Vec<Value> {
    let mut needs = Needs::new();
    for spec in specs {
        add_spec(spec, purpose, &mut needs);
    }
    split(&statements(needs))
}

fn location(spec: &Spec, region: &str) -> Location {
    let (region, account) = (region.to_owned(), spec.account.clone());
    Location { partition: partition(&region).to_owned(), region, account, vpc: None }
}

fn add_spec(spec: &Spec, purpose: Purpose, needs: &mut Needs) {
    let here = location(spec, &spec.region);
    let mut need = |service: &str, operations: &[&str], names: &BTreeSet<String>, location: &Location| {
        for called in operations {
            let resources = names.iter().flat_map(|name| resources(service, called, name, location));
            let resources: BTreeSet<String> = resources.collect();
            needs.entry(action(service, called)).or_default().extend(resources.clone());
            if let Some(tagging) = tagging_action(service, called) {
                needs.entry(tagging).or_default().extend(resources);
            }
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
        for looked_up in facts.looks_up.iter().map(|kind| REGISTRY.of(kind).facts()) {
            need(looked_up.service, looked_up.reads, &any, &here);
        }
        for (region, names) in sources_of(spec, facts) {
            need(facts.service, facts.reads, &names, &location(spec, &region));
        }
        if purpose == Purpose::Apply && has_entries(spec, facts) {
            let can_delete = |want: &Want| want.address.kind == facts.name && (want.absent || want.source.is_some());
            let deletes = spec.wants.iter().any(can_delete);
            let writes: Vec<&str> =
                facts.writes.iter().copied().filter(|called| deletes || !facts.removes.contains(called)).collect();
            need(facts.service, &writes, &names, &here);
            need(facts.service, facts.checks, &names, &here);
        }
    }
    for facts in kinds_of(spec) {
        add_additional(spec, facts, purpose, &here, needs);
    }
    if spec.record_applied {
        needs.entry("ssm:GetParametersByPath".to_owned()).or_default().extend(record(spec, &here));
        if purpose == Purpose::Apply {
            needs.entry("ssm:PutParameter".to_owned()).or_default().extend(record(spec, &here));
        }
    }
    if purpose == Purpose::Apply {
        add_preflight(&here, needs);
    }
}

/// Returns the ARNs of the parameters with a spec's last-applied record.
fn record(spec: &Spec, here: &Location) -> [String; 2] {
    let path = format!("parameter{}", last_applied::path(&spec.path));
    [here.arn("ssm", &path), here.arn("ssm", &format!("{path}/*"))]
}

/// Returns what the steps of a spec's plan need, on the resources that [`policies`] grants.
pub(crate) fn of_plan(spec: &Spec, plan: &Plan, here: &Location) -> Needs {
    let mut needs = Needs::new();
    for (change, step) in plan.steps() {
        let (facts, called) = (kinds::live(&change.address.kind).facts(), operation(&step.op));
        let name = change.address.name.as_str();
        let own = resources(facts.service, called, name, here);
        if let Some(tagging) = tagging_action(facts.service, called).filter(|_| found_at(&step.op, "tags").is_some()) {
            needs.entry(tagging).or_default().extend(own.clone());
        }
        needs.entry(action(facts.service, called)).or_default().extend(own);
        let source = change.follows.as_ref().map(|source| (source.name.as_str(), location(spec, &source.region)));
        // The verification reads a new resource with calls that the plan had no reason to send.
        if change.action == Action::Create {
            for read in facts.reads {
                needs.entry(action(facts.service, read)).or_default().extend(resources(
                    facts.service,
                    read,
                    name,
                    here,
                ));
            }
        }
        for read in facts.step_reads {
            let found = needs.entry(action(facts.service, read)).or_default();
            found.extend(resources(facts.service, read, name, here));
            found.extend(source.iter().flat_map(|(name, there)| resources(facts.service, read, name, there)));
        }
        for need in facts.also.iter().filter(|need| is_for(need, called, facts)) {
            let resources = match stated_in(&step.op, need) {
                Stated::Nothing => continue,
                Stated::Unknown => need.resources.iter().map(|form| fill(form, name, here)).collect(),
                Stated::Arns(arns) => arns,
            };
            needs.entry(need.action.to_owned()).or_default().extend(resources);
        }
    }
    if spec.record_applied && plan.targets.is_empty() {
        // The record is read again before it is saved, so that unchanged parts are not written.
        for action in ["ssm:GetParametersByPath", "ssm:PutParameter"] {
            needs.entry(action.to_owned()).or_default().extend(record(spec, here));
        }
    }
    needs
}

/// Whether a write call of a kind may need an additional action.
fn is_for(need: &Need, called: &str, facts: &Facts) -> bool {
    if need.calls.is_empty() { !facts.removes.contains(&called) } else { need.calls.contains(&called) }
}

/// Returns the resources that a step's operation states for an additional action.
fn stated_in(op: &Value, need: &Need) -> Stated {
    match need.when {
        NeededWhen::Always => Stated::Unknown,
        NeededWhen::For(attribute) | NeededWhen::Stated(attribute) => {
            let found = found_at(op, attribute).unwrap_or(&Value::Null);
            arns(&[(false, found)], false)
        }
    }
}

/// Returns the value at a dotted path in a value, or in one of the values in it. An operation has the fields of the model
/// that it sets somewhere in its parameters.
fn found_at<'a>(value: &'a Value, attribute: &str) -> Option<&'a Value> {
    let own = value_at(value, attribute);
    if is_stated(own) {
        return Some(own);
    }
    value.as_object()?.values().find_map(|part| found_at(part, attribute))
}

/// Adds the actions of the general preflight checks. SimulatePrincipalPolicy is authorized on the principal that it
/// simulates (Service Authorization Reference). GetRole returns the path of the caller's role.
fn add_preflight(here: &Location, needs: &mut Needs) {
    let principals = ["role", "user"].map(|kind| format!("arn:{}:iam::{}:{kind}/*", here.partition, here.account));
    // The same resources for both make one statement, so that the preflight does not depend on that of `iam:PassRole`.
    for action in ["iam:GetRole", "iam:SimulatePrincipalPolicy"] {
        needs.entry(action.to_owned()).or_default().extend(principals.clone());
    }
    needs.entry("ec2:DescribeRegions".to_owned()).or_default().insert("*".to_owned());
}

/// Adds the actions that a kind's calls need in addition to their own (`Facts::also`).
fn add_additional(spec: &Spec, facts: &Facts, purpose: Purpose, here: &Location, needs: &mut Needs) {
    let names = names_of(spec, facts);
    let writes = purpose == Purpose::Apply && has_entries(spec, facts);
    let is_called = |need: &Need| need.calls.is_empty() || need.calls.iter().any(|call| facts.writes.contains(call));
    for need in facts.also.iter().filter(|need| need.reads || (writes && is_called(need))) {
        let general = names.iter().flat_map(|name| need.resources.iter().map(move |form| fill(form, name, here)));
        let resources: BTreeSet<String> = match stated(spec, facts, need) {
            Stated::Nothing => continue,
            Stated::Unknown => general.collect(),
            Stated::Arns(arns) => arns,
        };
        needs.entry(need.action.to_owned()).or_default().extend(resources);
    }
}

/// The resources that a spec states for an additional action.
#[derive(Debug, PartialEq, Eq)]
enum Stated {
    /// The action is not needed.
    Nothing,
    /// The action is needed, and not all of its resources are known.
    Unknown,
    /// The action is needed for exactly these ARNs.
    Arns(BTreeSet<String>),
}

fn stated(spec: &Spec, facts: &Facts, need: &Need) -> Stated {
    let (attribute, always) = match need.when {
        NeededWhen::Always => return Stated::Unknown,
        NeededWhen::For(attribute) => (attribute, true),
        NeededWhen::Stated(attribute) => (attribute, false),
    };
    let wants = spec.wants.iter().filter(|want| want.address.kind == facts.name && !want.absent);
    let values: Vec<(bool, &Value)> =
        wants.flat_map(|want| values_at(&want.model, attribute).map(|value| (want.source.is_some(), value))).collect();
    arns(&values, always)
}

/// Returns the value at a dotted path in a model, or null.
fn value_at<'a>(model: &'a Value, attribute: &str) -> &'a Value {
    attribute.split('.').fold(model, |value, field| &value[field])
}

/// Returns the value at a dotted path in a model. A path such as `instances.*.role` has one value for each key.
fn values_at<'a>(model: &'a Value, attribute: &str) -> impl Iterator<Item = &'a Value> {
    let Some((before, after)) = attribute.split_once(".*.") else {
        return vec![value_at(model, attribute)].into_iter();
    };
    let items = value_at(model, before).as_object().into_iter().flat_map(|items| items.values());
    items.map(|item| value_at(item, after)).collect::<Vec<_>>().into_iter()
}

/// Whether a value is neither null nor an empty list or map.
fn is_stated(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        other => !other.is_null(),
    }
}

/// Combines the ARNs in the values of several resources, each with whether the resource is a follower.
fn arns(values: &[(bool, &Value)], always: bool) -> Stated {
    if !always && !values.iter().any(|(_, value)| is_stated(value)) {
        return Stated::Nothing;
    }
    let mut found = BTreeSet::new();
    for (follows, value) in values {
        // A follower copies the values that its spec omits from its source.
        if *follows && always && !is_stated(value) {
            return Stated::Unknown;
        }
        let texts: Vec<&str> = match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect(),
        };
        if !texts.iter().all(|text| is_known_arn(text)) {
            return Stated::Unknown;
        }
        found.extend(texts.into_iter().map(ToOwned::to_owned));
    }
    if found.is_empty() { Stated::Unknown } else { Stated::Arns(found) }
}

/// Whether a text is an ARN that a policy can name. References have no value yet, and IAM evaluates the key's ARN, not
/// an alias ARN.
fn is_known_arn(text: &str) -> bool {
    text.starts_with("arn:") && !text.contains("${") && !text.contains(":alias/")
}

/// Returns the kinds of the spec's entries and of its `for_each` rules.
fn kinds_of(spec: &Spec) -> Vec<&'static Facts> {
    use regionctl_core::spec::selector::Selector;
    let named = |want: &Want, facts: &Facts| {
        let over = matches!(&want.selector, Selector::ForEach(each) if each.kind == facts.name);
        want.address.kind == facts.name || over
    };
    let kinds = REGISTRY.0.iter().map(|kind| kind.facts());
    kinds.filter(|facts| spec.wants.iter().any(|want| named(want, facts))).collect()
}

/// Whether a spec has entries of a kind. A kind that occurs only in `for_each` is only read.
fn has_entries(spec: &Spec, facts: &Facts) -> bool {
    spec.wants.iter().any(|want| want.address.kind == facts.name)
}

/// Returns the names of a kind's entries in a spec, with `*` for the parts that a rule fills in.
fn names_of(spec: &Spec, facts: &Facts) -> BTreeSet<String> {
    let own = spec.wants.iter().filter(|want| want.address.kind == facts.name);
    let mut names: BTreeSet<String> = own.map(Want::name_pattern).collect();
    // The kind occurs only in `for_each`, which reads all of its resources.
    if names.is_empty() {
        names.insert("*".to_owned());
    }
    // Drop names that another pattern matches.
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

/// Returns the actions by their resources.
pub(crate) fn by_resources(needs: Needs) -> BTreeMap<BTreeSet<String>, BTreeSet<String>> {
    let mut by_resources: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
    for (action, mut resources) in needs {
        if resources.contains("*") {
            resources = BTreeSet::from(["*".to_owned()]);
        }
        by_resources.entry(resources).or_default().insert(action);
    }
    by_resources
}

/// Returns the statements: one per set of resources, with all its actions.
fn statements(needs: Needs) -> Vec<Value> {
    by_resources(needs)
        .into_iter()
        .map(|(resources, actions)| json!({ "Effect": "Allow", "Action": actions, "Resource": resources }))
        .collect()
}

/// Distributes statements over policies of at most [`LARGEST`] characters. A statement that alone is too large is split
/// by its resources.
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
        let last = policies.last_mut().expect("invariant: the list is never empty");
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

/// Returns the size of a policy as IAM counts it: characters without white space.
pub fn size(policy: &Value) -> usize {
    policy.to_string().chars().filter(|letter| !letter.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_too_large_is_split() {
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
    fn every_remove_operation_is_a_write_and_every_read_of_a_step_is_a_read() {
        for facts in REGISTRY.0.iter().map(|kind| kind.facts()) {
            for operation in facts.step_reads {
                assert!(facts.reads.contains(operation), "{}: {operation} is not in `reads`", facts.name);
            }
            for operation in facts.removes {
                assert!(facts.writes.contains(operation), "{}: {operation} is not in `writes`", facts.name);
            }
        }
    }

    #[test]
    fn an_action_is_limited_to_the_stated_arns_only_if_all_are_known() {
        let (null, key) = (Value::Null, json!("arn:aws:kms:eu-central-1:123456789012:key/k"));
        let (alias, none) = (json!("arn:aws:kms:eu-central-1:123456789012:alias/a"), json!([]));
        let set = |text: &Value| BTreeSet::from([text.as_str().unwrap().to_owned()]);
        assert_eq!(arns(&[(false, &null), (true, &null)], false), Stated::Nothing);
        assert_eq!(arns(&[(false, &none)], false), Stated::Nothing);
        assert_eq!(arns(&[(false, &null), (false, &key)], false), Stated::Arns(set(&key)));
        assert_eq!(arns(&[(false, &json!([key])), (false, &null)], true), Stated::Arns(set(&key)));
        assert_eq!(arns(&[(false, &alias)], false), Stated::Unknown);
        assert_eq!(arns(&[(false, &json!("${iam.role/x.arn}"))], true), Stated::Unknown);
        assert_eq!(arns(&[(true, &null), (false, &key)], true), Stated::Unknown);
        assert_eq!(arns(&[(false, &json!({"subnets": []}))], false), Stated::Unknown);
    }

    #[test]
    fn an_operation_states_the_resources_of_an_additional_action() {
        let role = Need::named_by("role", "iam:PassRole", crate::services::ROLES);
        let arn = "arn:aws:iam::123456789012:role/a";
        let op = json!({"UpdateFunctionConfiguration": {"config": {"timeout": 3, "role": arn}}});
        assert_eq!(stated_in(&op, &role), Stated::Arns(BTreeSet::from([arn.to_owned()])));
        assert_eq!(
            stated_in(&json!({"UpdateFunctionConfiguration": {"config": {"role": null}}}), &role),
            Stated::Nothing
        );
        assert_eq!(stated_in(&json!("DeleteFunction"), &Need::always("a:B", &["*"])), Stated::Unknown);
        let facts = Facts { removes: &["DeleteFunction"], ..Facts::DEFAULT };
        assert!(is_for(&role, "CreateFunction", &facts) && !is_for(&role, "DeleteFunction", &facts));
        let only = role.for_calls(&["CreateFunction"]);
        assert!(is_for(&only, "CreateFunction", &facts) && !is_for(&only, "UpdateFunctionConfiguration", &facts));
    }

    #[test]
    fn a_value_is_found_by_its_dotted_path() {
        let model = json!({"creation": {"image": {"ssm": "/aws/x"}, "profile": null}});
        assert_eq!(value_at(&model, "creation.image.ssm"), "/aws/x");
        assert!(value_at(&model, "creation.profile").is_null() && value_at(&Value::Null, "a.b").is_null());
    }
}
