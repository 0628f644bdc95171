// SPDX-License-Identifier: Apache-2.0
//! `rds.cluster`: an Aurora DB cluster with its instances, DB subnet group and DB cluster parameter group.
//!
//! A database is never replaced or deleted: a change that RDS cannot make in place is blocked. Secrets Manager
//! creates and stores the master password. The engine version is compared only as precisely as the spec states it.

mod api;
mod check;
mod follow;
mod parts;
mod read;
mod spec;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use check::{check, identifier};
use follow::copied_cluster;
use parts::{members, modified, parameters, subnets};
use spec::{ClusterSpec, InstanceSpec, ParameterGroup, Scaling, SubnetGroupSpec};

use crate::ec2::security_group;

/// The kind `rds.cluster`.
pub struct Cluster;

/// A cluster, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    engine: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    engine_version: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    master_username: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    database: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    port: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    instances: Setting<BTreeMap<String, ClusterInstance>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    subnet_group: Setting<SubnetGroup>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    parameter_group: Setting<ParameterGroup>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    security_groups: Setting<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    deletion_protection: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    backup_days: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    storage_encrypted: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    kms_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    iam_auth: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    copy_tags_to_snapshots: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    log_exports: Setting<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    serverless: Setting<Scaling>,
    apply_immediately: bool,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
    /// Tags for every instance. Set in desired models only.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    instance_tags: Setting<Tags>,
    live: LiveOnly,
}

/// A DB instance, desired or live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ClusterInstance {
    class: String,
    tags: Tags,
}

/// A DB subnet group, desired or live. `subnets: None` means all subnets of the VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetGroup {
    name: String,
    subnets: Option<BTreeSet<String>>,
}

/// State that only a live cluster has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct LiveOnly {
    /// The statuses of the cluster and its instances other than `available`, joined with commas.
    status: Option<String>,
    /// Whether an instance has automatic minor version upgrades.
    moves: bool,
    /// All subnet IDs of the VPC; empty unless the subnet group was read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    of_vpc: BTreeSet<String>,
    /// Changes that wait for the maintenance window.
    pending: Vec<String>,
    /// DB parameter groups of the instances, without AWS's default groups.
    instance_parameter_groups: BTreeSet<String>,
}

/// The RDS API calls that create and modify a cluster.
#[derive(Debug, Serialize, Deserialize)]
pub enum ClusterOp {
    /// Creates the DB subnet group, with all subnets of the VPC if the spec states none.
    CreateDBSubnetGroup(SubnetGroup),
    /// Replaces the group's subnets.
    ModifyDBSubnetGroup(SubnetGroup),
    /// Creates a DB cluster parameter group without parameters.
    CreateDBClusterParameterGroup {
        /// `DBClusterParameterGroupName`. It never starts with `default.`, AWS's own groups.
        name: String,
        /// DB parameter group family, such as `aurora-postgresql16`.
        family: String,
    },
    /// Sets parameters, at most 20 in one request.
    ModifyDBClusterParameterGroup {
        /// `DBClusterParameterGroupName`. It never starts with `default.`, AWS's own groups.
        name: String,
        /// Values by parameter name.
        parameters: BTreeMap<String, String>,
    },
    /// Creates the cluster without instances. Secrets Manager creates the master password.
    CreateDBCluster(Box<ClusterModel>),
    /// Changes the settings that differ.
    ModifyDBCluster(Box<Modified>),
    /// Creates one instance of the cluster.
    CreateDBInstance {
        /// `DBInstanceIdentifier`, the key in the spec's `instances`.
        id: String,
        /// DB instance class, such as `db.r6g.large`.
        class: String,
        /// The cluster's engine, which RDS requires for each instance too.
        engine: String,
        /// Tags of the new instance: the source instance's, and the spec's `instance_tags`.
        tags: Tags,
    },
    /// Changes an instance's class.
    ModifyDBInstance {
        /// `DBInstanceIdentifier`, the key in the spec's `instances`.
        id: String,
        /// DB instance class, such as `db.r6g.large`.
        class: String,
        /// Whether RDS applies the change now instead of in the maintenance window.
        apply_immediately: bool,
    },
    /// Adds or updates tags; other tags stay.
    AddTagsToResource {
        /// DB instance identifier; `None` for the cluster.
        instance: Option<String>,
        /// All desired tags, also those that do not differ.
        tags: Tags,
    },
}

/// The settings that ModifyDBCluster changes. `None` leaves a setting as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Modified {
    engine_version: Option<String>,
    port: Option<i32>,
    parameter_group: Option<String>,
    security_groups: Option<BTreeSet<String>>,
    deletion_protection: Option<bool>,
    backup_days: Option<i32>,
    iam_auth: Option<bool>,
    copy_tags_to_snapshots: Option<bool>,
    enable_logs: BTreeSet<String>,
    disable_logs: BTreeSet<String>,
    serverless: Option<Scaling>,
    apply_immediately: bool,
}

/// The name prefix of AWS's default parameter groups, which cannot be modified.
const AWS_GROUP: &str = "default.";

impl Kind for Cluster {
    const FACTS: Facts = Facts {
        name: "rds.cluster",
        service: "RDS",
        summary: "An Aurora DB cluster with its instances, subnet group and parameter group. It is never replaced or \
                  deleted.",
        reads: &[
            "DescribeDBClusters",
            "DescribeDBInstances",
            "DescribeDBSubnetGroups",
            "DescribeDBClusterParameterGroups",
            "DescribeDBClusterParameters",
        ],
        writes: &[
            "CreateDBSubnetGroup",
            "ModifyDBSubnetGroup",
            "CreateDBClusterParameterGroup",
            "ModifyDBClusterParameterGroup",
            "CreateDBCluster",
            "ModifyDBCluster",
            "CreateDBInstance",
            "ModifyDBInstance",
            "AddTagsToResource",
        ],
        checks: &["DescribeOrderableDBInstanceOptions", "DescribeAccountAttributes"],
        // RDS uses the caller's permissions for the master password's secret and the KMS key (Aurora User Guide:
        // "Password management with Amazon Aurora and AWS Secrets Manager", "AWS KMS key management").
        also: &[
            regionctl_core::kind::Need::always("ec2:DescribeSubnets", &["*"]).to_read(),
            regionctl_core::kind::Need::always("kms:DescribeKey", &["*"]),
            regionctl_core::kind::Need::always("secretsmanager:CreateSecret", &["*"]),
            regionctl_core::kind::Need::always("secretsmanager:TagResource", &["*"]),
            regionctl_core::kind::Need::if_stated("kms_key", "kms:CreateGrant", crate::services::KEYS),
            regionctl_core::kind::Need::if_stated("kms_key", "kms:Decrypt", crate::services::KEYS),
            regionctl_core::kind::Need::if_stated("kms_key", "kms:GenerateDataKey*", crate::services::KEYS),
        ],
        attributes: &["arn", "name", "engine"],
        name_fields: &["DBClusterIdentifier"],
        needs_vpc: true,
        lists: true,
        follows: true,
        inventory: &["DescribeDBClusters"],
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "the database does not exist" },
            Weight {
                path: "deletion_protection",
                when: When::Less,
                severity: Severity::High,
                why: "one API call can delete the database",
            },
            Weight {
                path: "backup_days",
                when: When::Less,
                severity: Severity::High,
                why: "backups are kept for a shorter time",
            },
            Weight {
                path: "storage_encrypted",
                when: When::Differs,
                severity: Severity::High,
                why: "encryption at rest differs from the spec",
            },
            Weight {
                path: "kms_key",
                when: When::Differs,
                severity: Severity::High,
                why: "data is encrypted with a different key",
            },
            Weight {
                path: "security_groups",
                when: When::Differs,
                severity: Severity::High,
                why: "different hosts can reach the database",
            },
            Weight {
                path: "log_exports",
                when: When::Differs,
                severity: Severity::High,
                why: "the exported logs differ from the spec",
            },
            Weight {
                path: "iam_auth",
                when: When::Differs,
                severity: Severity::High,
                why: "different users can log in",
            },
        ],
        defaults: r#"{"deletion_protection": false, "backup_days": 1, "iam_auth": false, "copy_tags_to_snapshots": false}"#,
        example: "
rds.cluster:
  orders:
    engine: aurora-postgresql
    engine_version: \"16\"
    master_username: root
    instances:
      orders-1: {class: db.r6g.large}
      orders-2: {class: db.r6g.large}
    instance_tags: {Team: sre}
    subnet_group: {name: orders}
    parameter_group: {name: orders-16, family: aurora-postgresql16, parameters: {log_min_duration_statement: \"500\"}}
    backup_days: 7
  payments:
    like: us-east-1/payments
    rewrite: {us-east-1: \"${region}\"}
",
        parts: &["subnet_group", "parameter_group"],
        not_copied: &["subnet_group"],
        descriptive: &["engine"],
        ..Facts::DEFAULT
    };

    type Spec = ClusterSpec;
    type Model = ClusterModel;
    type Op = ClusterOp;

    fn check_name(name: &str) -> Result<(), String> {
        identifier(name, "cluster")
    }

    fn desire(_: &str, spec: ClusterSpec, notes: &mut Notes<'_>) -> ClusterModel {
        check(&spec, notes);
        let instance = |(id, instance): (String, InstanceSpec)| {
            (id, ClusterInstance { class: instance.class, tags: spec.instance_tags.clone().unwrap_or_default() })
        };
        ClusterModel {
            engine: Setting::stated(spec.engine),
            engine_version: Setting::stated(spec.engine_version),
            master_username: Setting::stated(spec.master_username),
            database: Setting::stated(spec.database),
            port: Setting::stated(spec.port),
            instances: Setting::stated(spec.instances.map(|instances| instances.into_iter().map(instance).collect())),
            subnet_group: Setting::stated(
                spec.subnet_group.map(|SubnetGroupSpec { name, subnets }| SubnetGroup { name, subnets }),
            ),
            parameter_group: Setting::stated(spec.parameter_group),
            security_groups: Setting::stated(
                spec.security_groups.map(|groups| groups.into_iter().map(security_group).collect()),
            ),
            deletion_protection: Setting::Set(spec.deletion_protection.unwrap_or(true)),
            backup_days: Setting::stated(spec.backup_days),
            storage_encrypted: Setting::stated(spec.storage_encrypted.or((!notes.follows).then_some(true))),
            kms_key: Setting::stated(spec.kms_key),
            iam_auth: Setting::stated(spec.iam_auth),
            copy_tags_to_snapshots: Setting::stated(spec.copy_tags_to_snapshots),
            log_exports: Setting::stated(spec.log_exports),
            serverless: Setting::stated(spec.serverless),
            apply_immediately: spec.apply_immediately,
            tags: Setting::stated(spec.tags),
            instance_tags: Setting::stated(spec.instance_tags),
            live: LiveOnly::default(),
        }
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([
            ("arn".to_owned(), location.arn("rds", &format!("cluster:{name}"))),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn model_attributes(model: &ClusterModel) -> Attributes {
        model.engine.value().map(|engine| ("engine".to_owned(), engine.clone())).into_iter().collect()
    }

    fn follow(
        own: ClusterModel,
        source: &LiveResource<ClusterModel>,
        _: &Location,
        not_copied: &mut Vec<String>,
    ) -> Option<ClusterModel> {
        Some(copied_cluster(own, source.model.clone(), not_copied))
    }

    /// RDS creates the master password's secret in Secrets Manager with the caller's permissions.
    fn also_needs(op: &ClusterOp) -> Vec<(&'static str, String)> {
        match op {
            ClusterOp::CreateDBCluster(_) => {
                ["secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:DescribeKey"]
                    .map(|action| (action, "*".to_owned()))
                    .to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// Drops the status, so that a saved plan stays valid when it changes.
    fn relevant(_: Option<&Self::Model>, live: ClusterModel) -> ClusterModel {
        ClusterModel { live: LiveOnly { status: None, ..live.live }, ..live }
    }

    fn remove(_: &ClusterModel, out: &mut Diff<'_, ClusterOp>) {
        out.never_removed(
            "regionctl never deletes a database: remove `absent`, or delete the cluster by hand with a final snapshot",
        );
    }

    fn diff(want: &ClusterModel, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) {
        let ClusterModel {
            engine,
            engine_version,
            master_username,
            database,
            port,
            instances,
            subnet_group,
            parameter_group,
            security_groups,
            deletion_protection,
            backup_days,
            storage_encrypted,
            kms_key,
            iam_auth,
            copy_tags_to_snapshots,
            log_exports,
            serverless,
            apply_immediately,
            tags,
            instance_tags: _,
            live: _,
        } = want;
        let immutable = out
            .setting("engine", engine, live.map(|live| &live.engine))
            .and(out.setting("master_username", master_username, live.map(|live| &live.master_username)))
            .and(out.setting("database", database, live.map(|live| &live.database)))
            .and(out.setting("storage_encrypted", storage_encrypted, live.map(|live| &live.storage_encrypted)))
            .and(out.setting("kms_key", kms_key, live.map(|live| &live.kms_key)));
        let versioned = version::compare(engine_version.value().map(String::as_str), live, out);
        let restarting = versioned.clone().and(out.setting("port", port, live.map(|live| &live.port)));
        let live_copy_tags = live.map(|live| &live.copy_tags_to_snapshots);
        let settings = out
            .setting("security_groups", security_groups, live.map(|live| &live.security_groups))
            .and(out.setting("deletion_protection", deletion_protection, live.map(|live| &live.deletion_protection)))
            .and(out.setting("backup_days", backup_days, live.map(|live| &live.backup_days)))
            .and(out.setting("iam_auth", iam_auth, live.map(|live| &live.iam_auth)))
            .and(out.setting("copy_tags_to_snapshots", copy_tags_to_snapshots, live_copy_tags))
            .and(out.setting("log_exports", log_exports, live.map(|live| &live.log_exports)))
            .and(out.setting("serverless", serverless, live.map(|live| &live.serverless)));
        let tagged = out.stated_entries("tags", tags.value(), live.and_then(|live| live.tags.value()));
        subnets(subnet_group.value(), live, out);
        let grouped = parameters(parameter_group.value(), live, out);
        let covers = immutable.clone().and(restarting.clone()).and(settings.clone()).and(grouped.clone());
        let Some(live) = live else {
            let covers = covers.and(out.creation()).and(tagged);
            out.step(Phase::Create, covers, ClusterOp::CreateDBCluster(Box::new(want.clone())));
            return members(instances.value(), want, None, out);
        };
        out.blocked(
            &immutable,
            "RDS cannot change this in place, and regionctl never replaces a database: restore a snapshot into a new \
             cluster with this setting, migrate, then change the spec",
        );
        parts::in_progress(live, &covers, out);
        let when = if *apply_immediately {
            "immediately; the cluster may restart"
        } else {
            "in the maintenance window; set `apply_immediately: true` to apply it immediately"
        };
        out.remark(&restarting, when);
        let modified = Modified {
            engine_version: engine_version.get().filter(|_| !versioned.is_empty()),
            parameter_group: parameter_group.value().map(|group| group.name.clone()).filter(|_| !grouped.is_empty()),
            ..modified(want, live)
        };
        out.step(Phase::Change, restarting.and(settings).and(grouped), ClusterOp::ModifyDBCluster(Box::new(modified)));
        let tag = ClusterOp::AddTagsToResource { instance: None, tags: tags.clone().unwrap_or_default() };
        out.step(Phase::Change, tagged, tag);
        members(instances.value(), want, Some(live), out);
    }
}
