//! What regionctl knows of each AWS service as a whole: its names, error codes, rates and IAM actions.
//!
//! One row a service, in `table.rs`. Errors, the pace, permissions and the audit trail read it.
//! What regionctl knows of a type of resource is in the kind's own file, not here.

mod table;

use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::location::Location;

pub use table::{COMMON, SERVICES};

/// The resources of an action that IAM cannot limit to some.
const ALL: &[&str] = &["*"];

/// The roles of the account, for `iam:PassRole` where the spec does not state which.
pub(crate) const ROLES: &[&str] = &["arn:{partition}:iam::{account}:role/*"];

/// The KMS keys of the region, where the spec states no ARN of one.
pub(crate) const KEYS: &[&str] = &["arn:{partition}:kms:{region}:{account}:key/*"];

/// What EC2 has in the region. AWS gives the ids, so a policy cannot name them before.
pub(crate) const EC2_RESOURCES: &[&str] = &["arn:{partition}:ec2:{region}:{account}:*"];

/// Error codes by class. A code with `*` before it stands for all that end so, with `*` after it for all that start so.
pub type Codes = &'static [(FailureClass, &'static [&'static str])];

/// An AWS service.
#[derive(Debug)]
pub struct Service {
    /// The SDK's name, `CloudWatch Logs`.
    pub name: &'static str,
    /// The crate of its client, `aws_sdk_cloudwatchlogs`.
    pub crate_name: &'static str,
    /// The prefix of its IAM actions, `logs`.
    pub iam_prefix: &'static str,
    /// The `eventSource` of its events in CloudTrail, `logs.amazonaws.com`.
    pub event_source: &'static str,
    /// Whether it has one endpoint for a whole partition.
    pub scope: Scope,
    /// The rates of its operations; the first line that includes an operation counts.
    pub rates: &'static [Rate],
    /// Its own error codes; those that every service uses are in [`COMMON`].
    pub codes: Codes,
    /// The codes by which it says that a resource exists and one of its settings does not.
    pub unset: &'static [&'static str],
    /// The operations whose IAM action has another name, with that name.
    pub actions: &'static [(&'static str, &'static str)],
    /// The ARNs that a policy names for an operation, in the form of [`fill`]; the first line that includes the operation
    /// counts. An operation without a line is for `*`.
    pub resources: &'static [(Operations, &'static [&'static str])],
}

/// What is the same for every service.
#[derive(Debug)]
pub struct Common {
    /// The error codes of AWS's shared front end (Common Errors in each API reference).
    pub codes: Codes,
    /// The HTTP statuses that mean "too many requests". Services with JSON and query protocols answer 400 instead, so that
    /// only the code says it there.
    pub throttle_statuses: &'static [u16],
}

/// Where a service is.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    /// In every region, with an endpoint and resources of its own.
    Regional,
    /// Once for a partition. Its events in CloudTrail are kept in one region.
    Global {
        /// That region, by partition.
        homes: &'static [(&'static str, &'static str)],
    },
}

/// A rate that some operations share.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// The operations that share it.
    pub operations: Operations,
    /// Calls a second.
    pub per_second: f64,
    /// How many calls may come at once: what a full token bucket lets through.
    pub burst: f64,
}

/// Some operations of a service.
#[derive(Debug, Clone, Copy)]
pub enum Operations {
    /// These and no others.
    Only(&'static [&'static str]),
    /// Those whose names start with one of these verbs.
    Verbs(&'static [&'static str]),
    /// All that no earlier line includes.
    Rest,
}

impl Operations {
    fn include(self, operation: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(&operation),
            Self::Verbs(verbs) => verbs.iter().any(|verb| operation.starts_with(verb)),
            Self::Rest => true,
        }
    }
}

impl Service {
    /// Returns the rate of an operation and its line in the table: all operations of a line share one token bucket.
    pub fn rate(&self, operation: &str) -> Option<(usize, &'static Rate)> {
        self.rates.iter().enumerate().find(|(_, rate)| rate.operations.include(operation))
    }

    /// Returns the region whose CloudTrail keeps this service's events about something of a region.
    pub fn home<'a>(&self, partition: &str, region: &'a str) -> &'a str {
        match self.scope {
            Scope::Regional => region,
            Scope::Global { homes } => homes.iter().find(|(of, _)| *of == partition).map_or(region, |(_, home)| *home),
        }
    }

    /// Returns the name of an operation's IAM action, without the prefix.
    pub fn action<'a>(&self, operation: &'a str) -> &'a str {
        self.actions.iter().find(|(of, _)| *of == operation).map_or(operation, |(_, action)| *action)
    }

    fn resources(&self, operation: &str) -> &'static [&'static str] {
        let line = self.resources.iter().find(|(operations, _)| operations.include(operation));
        line.map_or(ALL, |(_, forms)| *forms)
    }
}

/// Returns the service that the SDK calls so.
pub fn by_name(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

/// Returns the service whose client is in this crate.
pub fn by_crate(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.crate_name == name)
}

/// Returns what a service means by an error code; none where the code is in no row.
pub fn class_of(service: Option<&Service>, code: &str) -> Option<FailureClass> {
    let own: Codes = service.map(|service| service.codes).unwrap_or_default();
    let mut rows = own.iter().chain(COMMON.codes);
    rows.find(|(_, codes)| codes.iter().any(|pattern| fits(pattern, code))).map(|(class, _)| *class)
}

/// Says whether a code means that a resource exists and one of its settings does not.
pub fn is_unset(code: &str) -> bool {
    SERVICES.iter().any(|service| service.unset.contains(&code))
}

/// Returns the ARNs that a policy names for an operation on something of this name; `*` where there is none.
pub fn resources(service: &str, operation: &str, name: &str, place: &Location) -> Vec<String> {
    let forms = by_name(service).map_or(ALL, |service| service.resources(operation));
    forms.iter().map(|form| fill(form, name, place)).collect()
}

/// Fills a form of an ARN: `{partition}`, `{region}`, `{account}` and `{name}` stand for the place's and the resource's.
pub fn fill(form: &str, name: &str, place: &Location) -> String {
    let Location { partition, region, account, vpc: _ } = place;
    let arn = form.replace("{partition}", partition).replace("{region}", region).replace("{account}", account);
    arn.replace("{name}", name)
}

fn fits(pattern: &str, code: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => code.ends_with(end),
        (None, Some(start)) => code.starts_with(start),
        (None, None) => pattern == code,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kinds::REGISTRY;

    fn rate(service: &str, operation: &str) -> String {
        let rate = by_name(service).and_then(|service| service.rate(operation));
        rate.map(|(_, rate)| rate.per_second.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_kind_belongs_to_a_service_of_the_table_and_every_service_has_a_rate() {
        for facts in REGISTRY.0.iter().map(|kind| kind.facts()) {
            assert!(by_name(facts.service).is_some(), "{} is of {}", facts.name, facts.service);
        }
        let names: BTreeSet<&str> = SERVICES.iter().map(|service| service.name).collect();
        assert_eq!(names.len(), SERVICES.len(), "no service has two rows");
        for service in SERVICES {
            assert!(service.rate("SomeNewOperation").is_some(), "{} has a rate for the rest", service.name);
            assert!(service.event_source.ends_with(".amazonaws.com"), "{}", service.event_source);
        }
    }

    #[test]
    fn a_rate_is_for_exact_names_or_for_a_verb_that_the_table_states() {
        let of_lambda = ["GetFunction", "GetFunctionConfiguration", "ListTags"].map(|call| rate("Lambda", call));
        assert_eq!(of_lambda, ["100", "15", "15"]);
        let of_ec2 = ["DescribeInstances", "RunInstances"].map(|call| rate("EC2", call));
        assert_eq!(of_ec2, ["20", "5"]);
    }

    #[test]
    fn a_code_means_what_its_own_service_says() {
        let class = |service: &str, code: &str| class_of(by_name(service), code);
        assert_eq!(class("SSM", "InvalidDocument"), Some(FailureClass::NotFound));
        assert_eq!(class("Lambda", "InvalidDocument"), None);
        assert_eq!(class("EC2", "InvalidSubnetID.NotFound"), Some(FailureClass::NotFound));
        assert_eq!(class("RDS", "ThrottlingException"), Some(FailureClass::Throttled));
        assert_eq!(class_of(None, "AccessDenied"), Some(FailureClass::Denied));
    }

    #[test]
    fn events_of_a_global_service_are_in_one_region_of_the_partition() {
        let home = |service: &str, partition: &str| {
            by_name(service).map(|service| service.home(partition, "here").to_owned()).unwrap_or_default()
        };
        assert_eq!(home("IAM", "aws"), "us-east-1");
        assert_eq!(home("Route 53", "aws-us-gov"), "us-gov-west-1");
        assert_eq!(home("IAM", "aws-of-tomorrow"), "here");
        assert_eq!(home("SNS", "aws"), "here");
    }

    #[test]
    fn what_has_no_arn_of_its_own_is_for_everything() {
        let text = |text: &str| text.to_owned();
        let place =
            Location { partition: text("aws"), region: text("eu-central-1"), account: text("123456789012"), vpc: None };
        assert_eq!(resources("EC2", "DescribeInstances", "x", &place), ["*"]);
        assert_eq!(resources("STS", "GetCallerIdentity", "x", &place), ["*"]);
        assert_eq!(resources("S3", "PutBucketPolicy", "x", &place), ["arn:aws:s3:::x"]);
        assert_eq!(resources("SNS", "Subscribe", "t", &place), ["arn:aws:sns:eu-central-1:123456789012:t"]);
        let created = resources("RDS", "CreateDBCluster", "c", &place);
        for part in ["cluster:c", "cluster-pg:*", "og:*", "subgrp:*"] {
            let arn = format!("arn:aws:rds:eu-central-1:123456789012:{part}");
            assert!(created.contains(&arn), "{arn} is not in {created:?}");
        }
    }
}
