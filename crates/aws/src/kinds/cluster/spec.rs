//! What a person writes of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::model::tags::Tags;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// What a person writes of a cluster. What is left out comes from the source, where there is one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsCluster")]
pub struct ClusterSpec {
    /// AWS's word: aurora-postgresql or aurora-mysql.
    pub(super) engine: Option<String>,
    /// The version, as exactly as it is meant: 16, or 16.4.
    pub(super) engine_version: Option<String>,
    /// The first user's name. The password is Secrets Manager's business.
    pub(super) master_username: Option<String>,
    /// The first database's name.
    pub(super) database: Option<String>,
    /// The port; the engine's where it is left out.
    pub(super) port: Option<i32>,
    /// Its instances by their identifiers.
    pub(super) instances: Option<BTreeMap<String, InstanceSpec>>,
    /// Tags of every instance; others stay.
    pub(super) instance_tags: Option<Tags>,
    /// The subnets it lies in. AWS's default where it is left out.
    pub(super) subnet_group: Option<SubnetGroupSpec>,
    /// What its engine is set to. AWS's default where it is left out.
    pub(super) parameter_group: Option<ParameterGroup>,
    /// Security groups of this spec, or their ids. The VPC's default group where it is left out.
    pub(super) security_groups: Option<BTreeSet<String>>,
    /// Whether nobody can delete it. So it is where it is left out.
    pub(super) deletion_protection: Option<bool>,
    /// For how many days backups are kept: 1 to 35.
    pub(super) backup_days: Option<i32>,
    /// Whether it is encrypted. So it is where it is left out and nothing is followed.
    pub(super) storage_encrypted: Option<bool>,
    /// The ARN of the key that it is encrypted with; AWS's own where it is left out.
    pub(super) kms_key: Option<String>,
    /// Whether users of IAM can log in.
    pub(super) iam_auth: Option<bool>,
    /// Whether snapshots get its tags.
    pub(super) copy_tags_to_snapshots: Option<bool>,
    /// The engine's logs that go to CloudWatch Logs, such as postgresql.
    pub(super) log_exports: Option<BTreeSet<String>>,
    /// The smallest and largest capacity, in ACUs, of instances of class db.serverless.
    pub(super) serverless: Option<Scaling>,
    /// Whether changes that may restart it are made at once, instead of in its maintenance window.
    #[serde(default)]
    pub(super) apply_immediately: bool,
    /// Tags; others stay.
    pub(super) tags: Option<Tags>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) password: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) master_user_password: Option<IgnoredAny>,
}

/// An instance.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsInstance")]
pub struct InstanceSpec {
    /// Its class, such as db.r6g.large or db.serverless.
    pub(super) class: String,
}

/// A subnet group.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsSubnetGroup")]
pub struct SubnetGroupSpec {
    /// Its name. It is made where it is not there.
    pub(super) name: String,
    /// Ids of subnets; all of the VPC's where they are left out.
    pub(super) subnets: Option<BTreeSet<String>>,
}

/// A cluster parameter group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsParameterGroup")]
pub struct ParameterGroup {
    /// Its name. It is made where it is not there.
    pub(super) name: String,
    /// AWS's word for what it is for, such as aurora-postgresql16.
    pub(super) family: String,
    /// What is set; others stay. Static ones take effect with the next restart.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
}

/// Capacity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsServerlessScaling")]
pub struct Scaling {
    /// 0 to 256, in halves.
    pub(super) min: f64,
    /// 1 to 256, in halves.
    pub(super) max: f64,
}
