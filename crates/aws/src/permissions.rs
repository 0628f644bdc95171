//! The least that a caller must be allowed for some specs, as IAM policies: what the kinds say that they call, on the
//! resources that the specs name. Nothing is asked of AWS.
//!
//! Which resource an action takes is in [`crate::services`], what calls need beside their own action in the kinds' facts.
//! Where AWS alone gives an id (security groups, zones), everything of that type in the region and account is meant.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::kind::{Facts, Need, NeededWhen};
use regionctl_core::model::pattern;
use regionctl_core::observe::location::Location;
use regionctl_core::spec::names::partition;
use regionctl_core::spec::{Spec, Want};
use serde_json::{Value, json};

use crate::iam::action;
use crate::kinds::REGISTRY;
use crate::last_applied;
use crate::services::{fill, resources};

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
        if purpose == Purpose::Apply && names_some(spec, facts) {
            let goes = |want: &Want| want.address.kind == facts.name && (want.absent || want.source.is_some());
            let deletes = spec.wants.iter().any(goes);
            let writes: Vec<&str> =
                facts.writes.iter().copied().filter(|called| deletes || !facts.removes.contains(called)).collect();
            need(facts.service, &writes, &names, &here);
            need(facts.service, facts.checks, &names, &here);
        }
    }
    for facts in kinds_of(spec) {
        beside(spec, facts, purpose, &here, needs);
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
        of_apply(&here, needs);
    }
}

/// What the preflight of an apply needs.
fn of_apply(here: &Location, needs: &mut Needs) {
    let principals = ["role", "user"].map(|kind| format!("arn:{}:iam::{}:{kind}/*", here.partition, here.account));
    needs.entry("iam:SimulatePrincipalPolicy".to_owned()).or_default().extend(principals);
    needs.entry("ec2:DescribeRegions".to_owned()).or_default().insert("*".to_owned());
}

/// What a kind's calls need beside their own actions.
fn beside(spec: &Spec, facts: &Facts, purpose: Purpose, here: &Location, needs: &mut Needs) {
    let names = names_of(spec, facts);
    let writes = purpose == Purpose::Apply && names_some(spec, facts);
    for need in facts.also.iter().filter(|need| need.reads || writes) {
        let at_most = names.iter().flat_map(|name| need.resources.iter().map(move |form| fill(form, name, here)));
        let resources: BTreeSet<String> = match stated(spec, facts, need) {
            Stated::Nothing => continue,
            Stated::Something => at_most.collect(),
            Stated::Arns(arns) => arns,
        };
        needs.entry(need.action.to_owned()).or_default().extend(resources);
    }
}

/// What a spec says of an action that calls need beside their own.
#[derive(Debug, PartialEq, Eq)]
enum Stated {
    /// That it is not needed.
    Nothing,
    /// That it is needed, and not wholly for what.
    Something,
    /// That it is needed for these ARNs and no others.
    Arns(BTreeSet<String>),
}

fn stated(spec: &Spec, facts: &Facts, need: &Need) -> Stated {
    let (attribute, always) = match need.when {
        NeededWhen::Always => return Stated::Something,
        NeededWhen::For(attribute) => (attribute, true),
        NeededWhen::Stated(attribute) => (attribute, false),
    };
    let wants = spec.wants.iter().filter(|want| want.address.kind == facts.name && !want.absent);
    let said: Vec<(bool, &Value)> =
        wants.map(|want| (want.source.is_some(), said_of(&want.model, attribute))).collect();
    arns(&said, always)
}

/// Returns the value of an attribute in a model; null where it has none.
fn said_of<'a>(model: &'a Value, attribute: &str) -> &'a Value {
    attribute.split('.').fold(model, |value, field| &value[field])
}

/// Says whether a value states something; an empty list does not.
fn is_said(value: &Value) -> bool {
    !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty())
}

/// Takes the ARNs together that some resources state, each with whether it follows another one.
fn arns(said: &[(bool, &Value)], always: bool) -> Stated {
    if !always && !said.iter().any(|(_, value)| is_said(value)) {
        return Stated::Nothing;
    }
    let mut found = BTreeSet::new();
    for (follows, value) in said {
        // What the spec leaves out comes from the resource that this one follows.
        if *follows && always && !is_said(value) {
            return Stated::Something;
        }
        let texts: Vec<&str> = match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect(),
        };
        if !texts.iter().all(|text| is_known_arn(text)) {
            return Stated::Something;
        }
        found.extend(texts.into_iter().map(ToOwned::to_owned));
    }
    if found.is_empty() { Stated::Something } else { Stated::Arns(found) }
}

/// Says whether a text is an ARN that a policy may name: not one that is known only later, and no alias of a key, which
/// stands for a key that IAM does not see.
fn is_known_arn(text: &str) -> bool {
    text.starts_with("arn:") && !text.contains("${") && !text.contains(":alias/")
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

/// Says whether a spec has resources of a kind. One that a rule only goes over is only read.
fn names_some(spec: &Spec, facts: &Facts) -> bool {
    spec.wants.iter().any(|want| want.address.kind == facts.name)
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
    fn what_takes_a_resource_away_is_among_the_writes() {
        for facts in REGISTRY.0.iter().map(|kind| kind.facts()) {
            for operation in facts.removes {
                assert!(facts.writes.contains(operation), "{}: {operation} is not in `writes`", facts.name);
            }
        }
    }

    #[test]
    fn an_action_is_for_what_the_spec_states_where_it_states_all_of_it() {
        let (null, key) = (Value::Null, json!("arn:aws:kms:eu-central-1:123456789012:key/k"));
        let (alias, none) = (json!("arn:aws:kms:eu-central-1:123456789012:alias/a"), json!([]));
        let set = |text: &Value| BTreeSet::from([text.as_str().unwrap().to_owned()]);
        assert_eq!(arns(&[(false, &null), (true, &null)], false), Stated::Nothing);
        assert_eq!(arns(&[(false, &none)], false), Stated::Nothing);
        assert_eq!(arns(&[(false, &null), (false, &key)], false), Stated::Arns(set(&key)));
        assert_eq!(arns(&[(false, &json!([key])), (false, &null)], true), Stated::Arns(set(&key)));
        assert_eq!(arns(&[(false, &alias)], false), Stated::Something);
        assert_eq!(arns(&[(false, &json!("${iam.role/x.arn}"))], true), Stated::Something);
        assert_eq!(arns(&[(true, &null), (false, &key)], true), Stated::Something);
        assert_eq!(arns(&[(false, &json!({"subnets": []}))], false), Stated::Something);
    }

    #[test]
    fn an_attribute_is_found_by_its_path() {
        let model = json!({"birth": {"image": {"ssm": "/aws/x"}, "profile": null}});
        assert_eq!(said_of(&model, "birth.image.ssm"), "/aws/x");
        assert!(said_of(&model, "birth.profile").is_null() && said_of(&Value::Null, "a.b").is_null());
    }
}
