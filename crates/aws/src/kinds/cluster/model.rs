// SPDX-License-Identifier: Apache-2.0
//! The model of a cluster, desired or live.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tags::TagSettings;

/// A cluster, desired or live. In a [`ClusterOp`](super::ClusterOp), the settings that a call sends.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ClusterModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) engine: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) engine_version: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) engine_lifecycle_support: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) master_username: Setting<String>,
    /// Whether Secrets Manager stores the master password.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) managed_password: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) secret_kms_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) database: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) port: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) network_type: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) instances: Setting<BTreeMap<String, ClusterInstance>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) subnet_group: Setting<SubnetGroup>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) parameter_group: Setting<ParameterGroup>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) security_groups: Setting<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) deletion_protection: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) backup_days: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) backup_window: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) maintenance_window: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) auto_minor_version_upgrade: Setting<bool>,
    /// 0: backtracking is off.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) backtrack_seconds: Setting<i64>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) storage_encrypted: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) kms_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) storage_type: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) iam_auth: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) data_api: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) local_write_forwarding: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) copy_tags_to_snapshots: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) log_exports: Setting<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) database_insights: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) performance_insights: Setting<Insights>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) monitoring: Setting<Monitoring>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) roles: Setting<BTreeSet<Role>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) serverless: Setting<Scaling>,
    #[serde(default)]
    pub(super) apply_immediately: bool,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// Tags for every instance. Set in desired models only.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) instance_tags: Setting<TagSettings>,
    /// The snapshot from which the cluster is created. Set in desired models only.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) restore_from: Setting<String>,
    #[serde(default, skip_serializing_if = "LiveOnly::is_empty")]
    pub(super) live: LiveOnly,
}

/// A DB instance, desired or live. In a [`ClusterOp`](super::ClusterOp), the settings that a call sends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterInstance {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) class: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) availability_zone: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) publicly_accessible: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) promotion_tier: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) auto_minor_version_upgrade: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) maintenance_window: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) ca_certificate: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) parameter_group: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) performance_insights: Setting<Insights>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) monitoring: Setting<Monitoring>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
}

/// A DB subnet group, desired or live. `subnets: None` means all subnets of the VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsSubnetGroup")]
pub struct SubnetGroup {
    /// DB subnet group name. The group is created with the cluster. AWS's group `default` is never created or modified.
    pub(super) name: String,
    /// Subnet IDs. Default: all subnets of the VPC. Subnets that are not listed are removed from the group.
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
    /// Parameter values by name. Other parameters stay. `unset` resets a parameter to the engine's default. A dynamic
    /// parameter takes effect at once, a static one when the instances restart.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, Setting<String>>,
}

/// Performance Insights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsInsights")]
pub struct Insights {
    /// ARN of the KMS key that encrypts the data. It cannot change while Performance Insights is on. Never copied;
    /// AWS's default is its own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kms_key: Option<String>,
    /// Days for which the data is kept: 7, 731, or a multiple of 31 up to 713. `database_insights: advanced` needs at
    /// least 465. Default: 7.
    #[serde(default = "week")]
    pub(super) retention_days: i32,
}

impl Insights {
    /// Returns the desired setting with the live key if the spec states none.
    pub(super) fn with_key_of(want: &Setting<Self>, live: Option<&Setting<Self>>) -> Setting<Self> {
        let key = live.and_then(Setting::value).and_then(|live| live.kms_key.clone());
        want.clone().map(|want| Self { kms_key: want.kms_key.or(key), ..want })
    }
}

fn week() -> i32 {
    7
}

/// Enhanced Monitoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsMonitoring")]
pub struct Monitoring {
    /// Seconds between two measurements: 1, 5, 10, 15, 30 or 60.
    pub(super) interval_seconds: i32,
    /// ARN of the IAM role that may write to CloudWatch Logs.
    pub(super) role: String,
}

/// An IAM role of the cluster, for S3, Lambda and other features of the engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsClusterRole")]
pub struct Role {
    /// ARN of the IAM role.
    pub(super) role: String,
    /// The feature that uses the role, such as s3Import. Aurora MySQL has roles without a feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) feature: Option<String>,
}

/// Serverless v2 capacity range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsServerlessScaling")]
pub struct Scaling {
    /// Minimum capacity in ACUs: 0 to 256 in steps of 0.5. 0 pauses idle instances.
    pub(super) min: f64,
    /// Maximum capacity in ACUs: 1 to 256 in steps of 0.5.
    pub(super) max: f64,
    /// Seconds without a connection before an instance pauses: 300 to 86400. Only with `min: 0`. AWS's default is 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pause_after_seconds: Option<i32>,
}

impl Scaling {
    /// Returns the form in which live and desired compare: AWS's default pause is filled in.
    pub(super) fn canonical(self) -> Self {
        let pause = (self.min == 0.0).then(|| self.pause_after_seconds.unwrap_or(300));
        Self { pause_after_seconds: pause, ..self }
    }
}

/// State that only a live cluster has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LiveOnly {
    /// The statuses of the cluster and its instances other than `available`, joined with commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<String>,
    /// Whether an instance has automatic minor version upgrades.
    #[serde(default)]
    pub(super) moves: bool,
    /// All subnet IDs of the VPC; empty unless the subnet group was read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) of_vpc: BTreeSet<String>,
    /// Changes that wait for the maintenance window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pending: Vec<String>,
    /// Instances whose parameters take effect only when they restart.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) pending_restart: BTreeSet<String>,
    /// Instances that Application Auto Scaling creates and deletes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) scaled: BTreeSet<String>,
    /// Other clusters of the region that use the same DB cluster parameter group.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) group_users: BTreeSet<String>,
    /// Other clusters and instances of the region that use the same DB subnet group.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) subnet_users: BTreeSet<String>,
    /// The global cluster that the cluster is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) global_cluster: Option<String>,
}

impl LiveOnly {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
