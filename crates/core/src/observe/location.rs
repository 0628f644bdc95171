//! Where resources are: an account, a region, and the VPC that a spec selects there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::tags::Tags;
use crate::spec::names::partition;

/// Where a spec applies: partition, region, account and the VPC it selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region's code.
    pub region: String,
    /// The account's twelve digits.
    pub account: String,
    /// The VPC, where a kind or a reference of the spec needs it.
    pub vpc: Option<Vpc>,
}

impl Location {
    /// Returns `arn:partition:service:region:account:resource`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// Returns a region of an account, without a VPC.
    pub fn of(account: &str, region: &str) -> Self {
        let partition = partition(region).to_owned();
        Self { partition, region: region.to_owned(), account: account.to_owned(), vpc: None }
    }

    /// Returns another region of the same account, without a VPC.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self::of(&self.account, region)
    }
}

/// A VPC that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vpc {
    /// `vpc-…`
    pub id: String,
    /// Its primary IPv4 block.
    pub cidr: String,
    /// Whether it is the region's default VPC.
    pub default: bool,
    /// Its tags.
    pub tags: Tags,
}

/// Who the credentials belong to, and the VPCs of the region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account of the credentials.
    pub account: String,
    /// All VPCs of the region; none where they were not asked for.
    pub vpcs: Option<Vec<Vpc>>,
}
