// SPDX-License-Identifier: Apache-2.0
//! Facts about each AWS service: names, error codes, rates and IAM actions, with one row per service in `table.rs`.
//!
//! Error classification, the rate limiter, permissions and the audit trail use them. Facts about a resource type are in
//! its kind.

mod common;
mod table;

use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::location::Location;

pub use common::COMMON;
pub use table::{IAM, SERVICES};

/// The resources of an action without resource-level permissions.
const ALL: &[&str] = &["*"];

/// All roles of the account: for `iam:PassRole` if the spec does not state the role.
pub(crate) const ROLES: &[&str] = &["arn:{partition}:iam::{account}:role/*"];

/// All KMS keys of the region: for KMS actions if the spec does not state a key ARN.
pub(crate) const KEYS: &[&str] = &["arn:{partition}:kms:{region}:{account}:key/*"];

/// All EC2 resources of the region. EC2 assigns the ids, so a policy cannot name them in advance.
pub(crate) const EC2_RESOURCES: &[&str] = &["arn:{partition}:ec2:{region}:{account}:*"];

/// Error codes by class. A leading `*` matches all codes with that suffix, a trailing `*` all codes with that prefix.
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
    /// Whether the service is regional or global.
    pub scope: ServiceScope,
    /// The rates of its operations; the first entry that includes an operation applies.
    pub rates: &'static [Rate],
    /// The service's own error codes; those that all services share are in [`COMMON`].
    pub codes: Codes,
    /// Errors that only their text tells from others with the same code: class, code, and a part of the text.
    pub texts: &'static [(FailureClass, &'static str, &'static str)],
    /// Error codes that mean that the resource exists and the setting is not set.
    pub unset: &'static [&'static str],
    /// The operations whose IAM action has another name, with that name.
    pub actions: &'static [(&'static str, &'static str)],
    /// The operations that create a resource with tags, with the IAM action that they need for these.
    pub tagging: &'static [(Operations, &'static str)],
    /// The resource ARNs of an operation in a policy, as templates for [`fill`]; the first entry that includes the
    /// operation applies. The resource of other operations is `*`.
    pub resources: &'static [(Operations, &'static [&'static str])],
}

/// Facts that all services share.
#[derive(Debug)]
pub struct Common {
    /// The error codes that all services return ("Common Errors" in each API reference).
    pub codes: Codes,
    /// The HTTP statuses of throttled requests. Services with JSON and query protocols return 400 instead and tell
    /// throttling only by the error code.
    pub throttle_statuses: &'static [u16],
}

/// Whether a service is regional or global.
#[derive(Debug, Clone, Copy)]
pub enum ServiceScope {
    /// The service has an endpoint and its own resources in every region.
    Regional,
    /// The service has one endpoint per partition. CloudTrail records its events in one region.
    Global {
        /// That region, by partition.
        homes: &'static [(&'static str, &'static str)],
    },
}

/// A rate that a set of operations shares.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// The operations that share the rate.
    pub operations: Operations,
    /// Sustained calls per second.
    pub per_second: f64,
    /// The burst: the number of calls that a full token bucket allows at the same time.
    pub burst: f64,
}

/// A set of operations of a service.
#[derive(Debug, Clone, Copy)]
pub enum Operations {
    /// Exactly these operations.
    Only(&'static [&'static str]),
    /// Operations whose names start with one of these verbs.
    Verbs(&'static [&'static str]),
    /// All operations that no earlier entry includes.
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
    /// Returns the rate of an operation and the index of the rate: all operations of one rate share a token bucket.
    pub fn rate(&self, operation: &str) -> Option<(usize, &'static Rate)> {
        self.rates.iter().enumerate().find(|(_, rate)| rate.operations.include(operation))
    }

    /// Returns the region in which CloudTrail records the service's events about resources of `region`.
    pub fn home<'a>(&self, partition: &str, region: &'a str) -> &'a str {
        match self.scope {
            ServiceScope::Regional => region,
            ServiceScope::Global { homes } => {
                homes.iter().find(|(of, _)| *of == partition).map_or(region, |(_, home)| *home)
            }
        }
    }

    /// Returns the name of an operation's IAM action, without the prefix.
    pub fn action<'a>(&self, operation: &'a str) -> &'a str {
        self.actions.iter().find(|(of, _)| *of == operation).map_or(operation, |(_, action)| *action)
    }

    /// Returns the IAM action, without the prefix, that an operation needs to create a resource with tags.
    pub fn tagging(&self, operation: &str) -> Option<&'static str> {
        self.tagging.iter().find(|(operations, _)| operations.include(operation)).map(|(_, action)| *action)
    }

    fn resources(&self, operation: &str) -> &'static [&'static str] {
        let entry = self.resources.iter().find(|(operations, _)| operations.include(operation));
        entry.map_or(ALL, |(_, templates)| *templates)
    }
}

/// Returns the service with this SDK name, such as `CloudWatch Logs`.
pub fn by_name(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

/// Returns the service whose client is in this crate, such as `aws_sdk_sns`.
pub fn by_crate(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.crate_name == name)
}

/// Returns the class of a service's error code; `None` for an unknown code.
pub fn class_of(service: Option<&Service>, code: &str) -> Option<FailureClass> {
    let own: Codes = service.map(|service| service.codes).unwrap_or_default();
    let mut rows = own.iter().chain(COMMON.codes);
    rows.find(|(_, codes)| codes.iter().any(|pattern| fits(pattern, code))).map(|(class, _)| *class)
}

/// Returns the class of an error that only its text tells from others with the same code.
pub fn class_of_text(service: Option<&Service>, code: &str, text: &str) -> Option<FailureClass> {
    let mut rows = service.into_iter().flat_map(|service| service.texts);
    rows.find(|(_, of, part)| *of == code && text.contains(part)).map(|(class, ..)| *class)
}

/// Returns a region of a partition that is enabled in every account; `None` for an unknown partition.
pub fn always_enabled(partition: &str) -> Option<&'static str> {
    IAM.iter().find(|(of, _)| *of == partition).map(|(_, region)| *region)
}

/// Whether an error code means that the resource exists and the setting is not set.
pub fn is_unset(code: &str) -> bool {
    SERVICES.iter().any(|service| service.unset.contains(&code))
}

/// Returns the resource ARNs of an operation on the resource `name` for a policy; `*` if the operation has none.
pub fn resources(service: &str, operation: &str, name: &str, location: &Location) -> Vec<String> {
    let templates = by_name(service).map_or(ALL, |service| service.resources(operation));
    templates.iter().map(|template| fill(template, name, location)).collect()
}

/// Replaces `{partition}`, `{region}`, `{account}` and `{name}` in an ARN template.
pub fn fill(template: &str, name: &str, location: &Location) -> String {
    let Location { partition, region, account, vpc: _ } = location;
    let arn = template.replace("{partition}", partition).replace("{region}", region).replace("{account}", account);
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
    fn every_kind_has_a_service_and_every_service_has_a_rate() {
        for facts in REGISTRY.0.iter().map(|kind| kind.facts()) {
            assert!(by_name(facts.service).is_some(), "{}: unknown service {}", facts.name, facts.service);
        }
        let names: BTreeSet<&str> = SERVICES.iter().map(|service| service.name).collect();
        assert_eq!(names.len(), SERVICES.len(), "a service has two rows");
        for service in SERVICES {
            assert!(service.rate("SomeNewOperation").is_some(), "{} has no rate for `Rest`", service.name);
            assert!(service.event_source.ends_with(".amazonaws.com"), "{}", service.event_source);
        }
    }

    #[test]
    fn a_rate_applies_to_exact_names_or_to_a_verb() {
        let of_lambda = ["GetFunction", "GetFunctionConfiguration", "ListTags"].map(|call| rate("Lambda", call));
        assert_eq!(of_lambda, ["100", "15", "15"]);
        let of_ec2 = ["DescribeInstances", "RunInstances"].map(|call| rate("EC2", call));
        assert_eq!(of_ec2, ["20", "5"]);
    }

    #[test]
    fn a_code_is_classified_by_its_service_first() {
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
        assert_eq!(home("Route 53", "aws-eusc"), "eusc-de-east-1");
        assert_eq!(always_enabled("aws-cn"), Some("cn-north-1"));
    }

    #[test]
    fn an_operation_without_resource_arns_has_the_resource_star() {
        let text = |text: &str| text.to_owned();
        let location =
            Location { partition: text("aws"), region: text("eu-central-1"), account: text("123456789012"), vpc: None };
        assert_eq!(resources("EC2", "DescribeInstances", "x", &location), ["*"]);
        assert_eq!(resources("STS", "GetCallerIdentity", "x", &location), ["*"]);
        assert_eq!(resources("S3", "PutBucketPolicy", "x", &location), ["arn:aws:s3:::x"]);
        assert_eq!(resources("SNS", "Subscribe", "t", &location), ["arn:aws:sns:eu-central-1:123456789012:t"]);
        let created = resources("RDS", "CreateDBCluster", "c", &location);
        for part in ["cluster:c", "cluster-pg:*", "og:*", "subgrp:*"] {
            let arn = format!("arn:aws:rds:eu-central-1:123456789012:{part}");
            assert!(created.contains(&arn), "{arn} is not in {created:?}");
        }
    }
}
