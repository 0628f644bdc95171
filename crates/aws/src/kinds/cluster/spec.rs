// SPDX-License-Identifier: Apache-2.0
//! The fields of an `rds.cluster` entry.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::model::{ClusterInstance, Insights, Monitoring, ParameterGroup, Role, Scaling, SubnetGroup};
use crate::tags::TagSettings;

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
    /// RDS Extended Support after the end of standard support: open-source-rds-extended-support (AWS's default, which
    /// costs money) or open-source-rds-extended-support-disabled.
    pub(super) engine_lifecycle_support: Option<String>,
    /// Master user name. Required without a source or `restore_from`. Cannot change.
    pub(super) master_username: Option<String>,
    /// Whether Secrets Manager creates, stores and rotates the master password. Default for a new cluster: true. A
    /// restored cluster keeps the password of its snapshot unless this is true.
    pub(super) managed_password: Option<bool>,
    /// ARN of the KMS key that encrypts the secret with the master password. Cannot change. Never copied; AWS's default
    /// is aws/secretsmanager.
    #[serde(default)]
    pub(super) secret_kms_key: Setting<String>,
    /// Name of the initial database. Cannot change.
    #[serde(default)]
    pub(super) database: Setting<String>,
    /// Port of the cluster. AWS's default depends on the engine. A change restarts the database at once, which needs
    /// `--allow-interrupt`.
    pub(super) port: Option<i32>,
    /// Network type: IPV4 or DUAL.
    pub(super) network_type: Option<String>,
    /// DB instances by DB instance identifier. Other instances stay; regionctl deletes none.
    pub(super) instances: Option<BTreeMap<String, InstanceSpec>>,
    /// Tags of every instance. Other tags stay. `unset` removes one tag.
    #[serde(default)]
    pub(super) instance_tags: Setting<TagSettings>,
    /// DB subnet group. regionctl does not move a cluster to another group. Never copied. AWS's default is the group
    /// `default`, which only a default VPC has: a new cluster in another VPC needs this field.
    #[serde(default)]
    pub(super) subnet_group: Setting<SubnetGroup>,
    /// DB cluster parameter group. AWS's default is the engine's default group. Another group takes effect when the
    /// instances restart.
    #[serde(default)]
    pub(super) parameter_group: Setting<ParameterGroup>,
    /// VPC security groups: names of `ec2.security_group` entries of this spec, or IDs. Other groups are removed from the
    /// cluster. Never copied; AWS's default is the VPC's default group.
    pub(super) security_groups: Option<BTreeSet<String>>,
    /// Deletion protection. Default: true, also with a source.
    pub(super) deletion_protection: Option<bool>,
    /// Backup retention period in days: 1 to 35. AWS's default is 1.
    pub(super) backup_days: Option<i32>,
    /// Daily backup window in UTC: hh24:mi-hh24:mi, at least 30 minutes.
    pub(super) backup_window: Option<String>,
    /// Weekly maintenance window in UTC: ddd:hh24:mi-ddd:hh24:mi, at least 30 minutes.
    pub(super) maintenance_window: Option<String>,
    /// Whether RDS upgrades the minor version in the maintenance window. The instances have this setting too. AWS's
    /// default is true.
    pub(super) auto_minor_version_upgrade: Option<bool>,
    /// Seconds that an Aurora MySQL cluster can be backtracked: 0 (off) to 259200. It can be turned on only at creation.
    pub(super) backtrack_seconds: Option<i64>,
    /// Encryption at rest. Default: true without a source or `restore_from`. A restored cluster is encrypted if its
    /// snapshot is, or if `kms_key` is set. Cannot change.
    pub(super) storage_encrypted: Option<bool>,
    /// ARN of the KMS key for encryption at rest. Cannot change. Never copied; AWS's default is its own key.
    #[serde(default)]
    pub(super) kms_key: Setting<String>,
    /// Storage type: aurora, or aurora-iopt1 for Aurora I/O-Optimized. RDS allows a change to aurora-iopt1 every 30
    /// days.
    pub(super) storage_type: Option<String>,
    /// IAM database authentication. AWS's default is false.
    pub(super) iam_auth: Option<bool>,
    /// Whether the RDS Data API (the HTTP endpoint) is on. AWS's default is false.
    pub(super) data_api: Option<bool>,
    /// Whether readers forward writes to the writer. AWS's default is false.
    pub(super) local_write_forwarding: Option<bool>,
    /// Whether the cluster's tags are copied to its snapshots. AWS's default is false.
    pub(super) copy_tags_to_snapshots: Option<bool>,
    /// Engine logs to export to CloudWatch Logs, such as postgresql. Other log exports are disabled; `[]` disables all.
    pub(super) log_exports: Option<BTreeSet<String>>,
    /// Database Insights: standard or advanced. advanced needs `performance_insights`.
    pub(super) database_insights: Option<String>,
    /// Performance Insights of the cluster. `unset` turns it off.
    #[serde(default)]
    pub(super) performance_insights: Setting<Insights>,
    /// Enhanced Monitoring of the cluster. `unset` turns it off.
    #[serde(default)]
    pub(super) monitoring: Setting<Monitoring>,
    /// IAM roles of the cluster. Other roles are removed; `[]` removes all. Never copied.
    pub(super) roles: Option<BTreeSet<Role>>,
    /// Serverless v2 scaling: the capacity range of instances of class db.serverless. RDS cannot take it off.
    #[serde(default)]
    pub(super) serverless: Setting<Scaling>,
    /// Whether RDS applies changes immediately instead of in the maintenance window. A change that restarts the database
    /// then needs `--allow-interrupt`. Default: false.
    #[serde(default)]
    pub(super) apply_immediately: bool,
    /// Identifier or ARN of a DB cluster snapshot from which the cluster is created. Later changes of it have no effect.
    pub(super) restore_from: Option<String>,
    /// Tags of the cluster. Other tags stay. `unset` removes one tag, or all of them.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) password: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) master_user_password: Option<IgnoredAny>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) global_cluster: Option<IgnoredAny>,
}

/// A DB instance of the cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RdsInstance")]
pub struct InstanceSpec {
    /// DB instance class, such as db.r6g.large or db.serverless. A change restarts the instance.
    pub(super) class: String,
    /// Availability Zone. Set at creation. Never copied; AWS's default is a zone of its choice.
    pub(super) availability_zone: Option<String>,
    /// Whether the instance has a public IP address. Default: false, also with a source.
    #[serde(default)]
    pub(super) publicly_accessible: bool,
    /// Why the instance may be publicly accessible. Required if it is.
    pub(super) waiver: Option<String>,
    /// Priority of the failover to this instance: 0 (first) to 15. AWS's default is 1.
    pub(super) promotion_tier: Option<i32>,
    /// Whether RDS upgrades the minor version in the maintenance window. AWS's default is true.
    pub(super) auto_minor_version_upgrade: Option<bool>,
    /// Weekly maintenance window in UTC: ddd:hh24:mi-ddd:hh24:mi, at least 30 minutes.
    pub(super) maintenance_window: Option<String>,
    /// Identifier of the certificate authority, such as rds-ca-rsa2048-g1. A change can restart the instance.
    pub(super) ca_certificate: Option<String>,
    /// Name of an existing DB parameter group. Another group takes effect when the instance restarts.
    pub(super) parameter_group: Option<String>,
    /// Performance Insights of the instance. `unset` turns it off.
    #[serde(default)]
    pub(super) performance_insights: Setting<Insights>,
    /// Enhanced Monitoring of the instance. `unset` turns it off.
    #[serde(default)]
    pub(super) monitoring: Setting<Monitoring>,
    /// Tags of the instance in addition to `instance_tags`. Other tags stay. `unset` removes one tag.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
}

impl InstanceSpec {
    /// Returns the desired model. Its own tags win over those of every instance.
    pub(super) fn into_model(self, of_all: &Setting<TagSettings>) -> ClusterInstance {
        ClusterInstance {
            class: Setting::Set(self.class),
            availability_zone: Setting::stated(self.availability_zone),
            publicly_accessible: Setting::Set(self.publicly_accessible),
            promotion_tier: Setting::stated(self.promotion_tier),
            auto_minor_version_upgrade: Setting::stated(self.auto_minor_version_upgrade),
            maintenance_window: Setting::stated(self.maintenance_window),
            ca_certificate: Setting::stated(self.ca_certificate),
            parameter_group: Setting::stated(self.parameter_group),
            performance_insights: self.performance_insights,
            monitoring: self.monitoring,
            tags: over(self.tags, of_all.clone()),
        }
    }
}

/// Merges tags over others, key by key.
pub(super) fn over(own: Setting<TagSettings>, others: Setting<TagSettings>) -> Setting<TagSettings> {
    match (own, others) {
        (Setting::Set(own), Setting::Set(mut others)) => {
            others.extend(own);
            Setting::Set(others)
        }
        (own, others) => own.or(others),
    }
}
