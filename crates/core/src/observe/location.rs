// SPDX-License-Identifier: Apache-2.0
//! The location of resources: an account, a region, and the VPC that a spec selects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::tags::Tags;
use crate::spec::names::partition;

/// The location of resources: partition, region, account and VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The ARN partition: `aws`, `aws-cn`, `aws-eusc`, `aws-us-gov`, or one of the isolated ones.
    pub partition: String,
    /// The region's code: `eu-central-1`.
    pub region: String,
    /// The twelve-digit account id.
    pub account: String,
    /// The VPC. `None` if no kind or reference of the spec needs one.
    pub vpc: Option<Vpc>,
}

impl Location {
    /// Returns `arn:partition:service:region:account:resource`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// Returns the location of a region of an account, without a VPC.
    pub fn of(account: &str, region: &str) -> Self {
        let partition = partition(region).to_owned();
        Self { partition, region: region.to_owned(), account: account.to_owned(), vpc: None }
    }

    /// Returns the location of another region of the same account, without a VPC.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self::of(&self.account, region)
    }
}

/// A live VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vpc {
    /// The VPC's id: `vpc-…`.
    pub id: String,
    /// Its primary IPv4 CIDR block.
    pub cidr: String,
    /// Whether it is the region's default VPC.
    pub default: bool,
    /// Whether it has, or had, an IPv6 CIDR block.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ipv6: bool,
    /// Its tags, keys to values, without AWS's own `aws:` tags.
    pub tags: Tags,
}

/// The account of the credentials, and the VPCs of the region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The twelve-digit id of the account that the credentials belong to.
    pub account: String,
    /// All VPCs of the region. `None` if they were not requested.
    pub vpcs: Option<Vec<Vpc>>,
}
