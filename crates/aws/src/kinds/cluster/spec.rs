// SPDX-License-Identifier: Apache-2.0
//! The fields of an `rds.cluster` entry.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::model::tags::Tags;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// An Aurora DB cluster. A field that is left out is copied from the source (`like:` or `copy:`). Without a source, it
/// is not managed, and AWS's default applies on creation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsCluster")]
pub struct ClusterSpec {
    /// Database engine: aurora-postgresql or aurora-mysql. Required without a source. Cannot change.
    pub(super) engine: Option<String>,
    /// Engine version. Compared only as precisely as it is stated: 16 matches every 16.x. Newer minor versions match if
    /// automatic minor version upgrades are on. The major version cannot change.
    pub(super) engine_version: Option<String>,
    /// Master user name. Required without a source. Cannot change. Secrets Manager creates and stores the password.
    pub(super) master_username: Option<String>,
    /// Name of the initial database. Cannot change.
    pub(super) database: Option<String>,
    /// Port of the cluster. AWS's default depends on the engine.
    pub(super) port: Option<i32>,
    /// DB instances by DB instance identifier. Other instances stay; regionctl deletes none.
    pub(super) instances: Option<BTreeMap<String, InstanceSpec>>,
    /// Tags to set on every instance. Other tags stay.
    pub(super) instance_tags: Option<Tags>,
    /// DB subnet group. A cluster cannot move to another group. Never copied; AWS's default is the group `default`.
    pub(super) subnet_group: Option<SubnetGroupSpec>,
    /// DB cluster parameter group. AWS's default is the engine's default group.
    pub(super) parameter_group: Option<ParameterGroup>,
    /// VPC security groups: names of `ec2.security_group` entries of this spec, or IDs. Never copied; AWS's default is
    /// the VPC's default group.
    pub(super) security_groups: Option<BTreeSet<String>>,
    /// Deletion protection. Default: true, also with a source.
    pub(super) deletion_protection: Option<bool>,
    /// Backup retention period in days: 1 to 35. AWS's default is 1.
    pub(super) backup_days: Option<i32>,
    /// Encryption at rest. Default: true without a source. Cannot change.
    pub(super) storage_encrypted: Option<bool>,
    /// ARN of the KMS key for encryption at rest. Cannot change. Never copied; AWS's default is its own key.
    pub(super) kms_key: Option<String>,
    /// IAM database authentication. AWS's default is false.
    pub(super) iam_auth: Option<bool>,
    /// Whether the cluster's tags are copied to its snapshots. AWS's default is false.
    pub(super) copy_tags_to_snapshots: Option<bool>,
    /// Engine logs to export to CloudWatch Logs, such as postgresql. Other log exports are disabled; `[]` disables all.
    pub(super) log_exports: Option<BTreeSet<String>>,
    /// Serverless v2 scaling: the capacity range of instances of class db.serverless.
    pub(super) serverless: Option<Scaling>,
    /// Whether RDS applies changes immediately, with a possible restart, instead of in the maintenance window. Default:
    /// false.
    #[serde(default)]
    pub(super) apply_immediately: bool,
    /// Tags to set on the cluster. Other tags stay.
    pub(super) tags: Option<Tags>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) password: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) master_user_password: Option<IgnoredAny>,
}

/// A DB instance of the cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsInstance")]
pub struct InstanceSpec {
    /// DB instance class, such as db.r6g.large or db.serverless.
    pub(super) class: String,
}

/// A DB subnet group.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsSubnetGroup")]
pub struct SubnetGroupSpec {
    /// DB subnet group name. The group is created with the cluster.
    pub(super) name: String,
    /// Subnet IDs. Default: all subnets of the VPC.
    pub(super) subnets: Option<BTreeSet<String>>,
}

/// A DB cluster parameter group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsParameterGroup")]
pub struct ParameterGroup {
    /// DB cluster parameter group name. The group is created if the cluster does not use it yet. A group of AWS, whose
    /// name starts with `default.`, is never created or modified.
    pub(super) name: String,
    /// DB parameter group family, such as aurora-postgresql16. Cannot change.
    pub(super) family: String,
    /// Parameter values by name. Other parameters stay. Changes take effect at the next restart.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
}

/// Serverless v2 capacity range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsServerlessScaling")]
pub struct Scaling {
    /// Minimum capacity in ACUs: 0 to 256 in steps of 0.5.
    pub(super) min: f64,
    /// Maximum capacity in ACUs: 1 to 256 in steps of 0.5.
    pub(super) max: f64,
}
