// SPDX-License-Identifier: Apache-2.0
//! `rds.cluster`: an Aurora DB cluster with its instances, DB subnet group and DB cluster parameter group.
//!
//! A database is never replaced or deleted: a change that RDS cannot make in place is blocked. Secrets Manager
//! creates and stores the master password. The engine version is compared only as precisely as the spec states it.

mod api;
mod calls;
mod check;
mod convert;
mod follow;
mod instances;
mod model;
mod parts;
mod preflight;
mod read;
mod settings;
mod spec;
mod version;
mod window;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::Diff;
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Need, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use check::{check, identifier};
use follow::copied_cluster;
use model::{ClusterInstance, ClusterModel, LiveOnly, Role, Scaling, SubnetGroup};
use spec::ClusterSpec;

use crate::ec2::security_group;
use crate::services::{KEYS, ROLES};

/// The kind `rds.cluster`.
pub struct Cluster;

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
    /// Sets parameters, at most 20 in one request: dynamic ones at once, static ones at the next restart.
    ModifyDBClusterParameterGroup {
        /// `DBClusterParameterGroupName`. It never starts with `default.`, AWS's own groups.
        name: String,
        /// The values that differ, by parameter name.
        parameters: BTreeMap<String, String>,
    },
    /// Resets parameters to the engine's defaults: dynamic ones at once, static ones at the next restart.
    ResetDBClusterParameterGroup {
        /// `DBClusterParameterGroupName`. It never starts with `default.`, AWS's own groups.
        name: String,
        /// The names of the parameters.
        parameters: BTreeSet<String>,
    },
    /// Creates the cluster without instances. Secrets Manager creates the master password.
    CreateDBCluster(Box<ClusterModel>),
    /// Creates the cluster without instances from the snapshot in `restore_from`. It has the snapshot's master user.
    RestoreDBClusterFromSnapshot(Box<ClusterModel>),
    /// Changes the settings that differ.
    ModifyDBCluster {
        /// The settings that differ.
        settings: Box<ClusterModel>,
        /// The log exports to stop.
        disable_logs: BTreeSet<String>,
    },
    /// Turns the Data API on.
    EnableHttpEndpoint,
    /// Turns the Data API off.
    DisableHttpEndpoint,
    /// Adds a role.
    AddRoleToDBCluster(Role),
    /// Removes a role.
    RemoveRoleFromDBCluster(Role),
    /// Creates one instance of the cluster.
    CreateDBInstance {
        /// `DBInstanceIdentifier`, the key in the spec's `instances`.
        id: String,
        /// The cluster's engine, which RDS requires for each instance too.
        engine: String,
        /// All settings except tags.
        settings: Box<ClusterInstance>,
        /// Tags of the new instance.
        tags: Tags,
    },
    /// Changes an instance.
    ModifyDBInstance {
        /// `DBInstanceIdentifier`, the key in the spec's `instances`.
        id: String,
        /// The settings that differ.
        settings: Box<ClusterInstance>,
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
    /// Removes the tags that the spec unsets; other tags stay.
    RemoveTagsFromResource {
        /// DB instance identifier; `None` for the cluster.
        instance: Option<String>,
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
}

/// Returns the path of the setting that makes an instance public.
fn public_path(id: &str) -> String {
    format!("instances.{id}.publicly_accessible")
}

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
            "ResetDBClusterParameterGroup",
            "CreateDBCluster",
            "RestoreDBClusterFromSnapshot",
            "ModifyDBCluster",
            "EnableHttpEndpoint",
            "DisableHttpEndpoint",
            "AddRoleToDBCluster",
            "RemoveRoleFromDBCluster",
            "CreateDBInstance",
            "ModifyDBInstance",
            "AddTagsToResource",
            "RemoveTagsFromResource",
        ],
        step_reads: &["DescribeDBClusterParameters", "DescribeDBSubnetGroups"],
        checks: &["DescribeOrderableDBInstanceOptions", "DescribeAccountAttributes", "DescribeDBClusterSnapshots"],
        // RDS uses the caller's permissions for the master password's secret and the KMS key (Aurora User Guide:
        // "Password management with Amazon Aurora and AWS Secrets Manager", "AWS KMS key management").
        also: &[
            Need::always("ec2:DescribeSubnets", &["*"]).to_read(),
            Need::always("kms:DescribeKey", &["*"]),
            Need::always("secretsmanager:CreateSecret", &["*"]),
            Need::always("secretsmanager:TagResource", &["*"]),
            Need::if_stated("roles", "iam:PassRole", ROLES),
            Need::if_stated("role", "iam:PassRole", ROLES).for_calls(&["AddRoleToDBCluster"]),
            Need::if_stated("monitoring.role", "iam:PassRole", ROLES),
            Need::if_stated("instances.*.monitoring.role", "iam:PassRole", ROLES),
            Need::if_stated("kms_key", "kms:CreateGrant", KEYS),
            Need::if_stated("kms_key", "kms:Decrypt", KEYS),
            Need::if_stated("kms_key", "kms:GenerateDataKey*", KEYS),
            Need::if_stated("secret_kms_key", "kms:CreateGrant", KEYS),
            Need::if_stated("secret_kms_key", "kms:Decrypt", KEYS),
            Need::if_stated("secret_kms_key", "kms:GenerateDataKey*", KEYS),
        ],
        attributes: &["arn", "name", "engine"],
        name_fields: &["DBClusterIdentifier"],
        needs_vpc: true,
        lists: true,
        follows: true,
        inventory: &["DescribeDBClusters"],
        weights: &[
            Weight {
                path: "instances.*.publicly_accessible",
                when: When::Differs,
                severity: Severity::High,
                why: "an instance has a public IP address, or lacks the one of the spec",
            },
            Weight {
                path: "instances.*.tags*",
                when: When::Differs,
                severity: Severity::Low,
                why: "a tag of an instance differs",
            },
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
        defaults: r#"{"deletion_protection": false, "backup_days": 1, "iam_auth": false, "copy_tags_to_snapshots": false,
            "backtrack_seconds": 0, "data_api": false, "local_write_forwarding": false, "storage_type": "aurora",
            "network_type": "IPV4", "database_insights": "standard", "performance_insights": null, "monitoring": null,
            "engine_lifecycle_support": "open-source-rds-extended-support", "log_exports": [], "roles": [],
            "auto_minor_version_upgrade": true}"#,
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
        creation_tags: true,
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
        let of_all = spec.instance_tags;
        let instances = spec.instances.map(|instances| {
            let model = |(id, instance): (String, spec::InstanceSpec)| (id, instance.into_model(&of_all));
            instances.into_iter().map(model).collect()
        });
        ClusterModel {
            engine: Setting::stated(spec.engine),
            engine_version: Setting::stated(spec.engine_version),
            engine_lifecycle_support: Setting::stated(spec.engine_lifecycle_support),
            master_username: Setting::stated(spec.master_username),
            managed_password: Setting::stated(spec.managed_password),
            secret_kms_key: spec.secret_kms_key,
            database: spec.database,
            port: Setting::stated(spec.port),
            network_type: Setting::stated(spec.network_type),
            instances: Setting::stated(instances),
            subnet_group: spec.subnet_group,
            parameter_group: spec.parameter_group,
            security_groups: Setting::stated(
                spec.security_groups.map(|groups| groups.into_iter().map(security_group).collect()),
            ),
            deletion_protection: Setting::Set(spec.deletion_protection.unwrap_or(true)),
            backup_days: Setting::stated(spec.backup_days),
            backup_window: Setting::stated(spec.backup_window),
            maintenance_window: Setting::stated(spec.maintenance_window),
            auto_minor_version_upgrade: Setting::stated(spec.auto_minor_version_upgrade),
            backtrack_seconds: Setting::stated(spec.backtrack_seconds),
            // The snapshot decides whether a restored cluster is encrypted.
            storage_encrypted: Setting::stated(
                spec.storage_encrypted.or((!notes.follows && spec.restore_from.is_none()).then_some(true)),
            ),
            kms_key: spec.kms_key,
            storage_type: Setting::stated(spec.storage_type),
            iam_auth: Setting::stated(spec.iam_auth),
            data_api: Setting::stated(spec.data_api),
            local_write_forwarding: Setting::stated(spec.local_write_forwarding),
            copy_tags_to_snapshots: Setting::stated(spec.copy_tags_to_snapshots),
            log_exports: Setting::stated(spec.log_exports),
            database_insights: Setting::stated(spec.database_insights),
            performance_insights: spec.performance_insights,
            monitoring: spec.monitoring,
            roles: Setting::stated(spec.roles),
            serverless: spec.serverless.map(Scaling::canonical),
            apply_immediately: spec.apply_immediately,
            tags: spec.tags,
            instance_tags: of_all,
            restore_from: Setting::stated(spec.restore_from),
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
        location: &Location,
        not_copied: &mut Vec<String>,
    ) -> Option<ClusterModel> {
        copied_cluster(own, source.model.clone(), location, not_copied)
    }

    /// RDS creates the master password's secret in Secrets Manager with the caller's permissions.
    fn also_needs(op: &ClusterOp) -> Vec<(&'static str, String)> {
        let creates_secret = match op {
            ClusterOp::CreateDBCluster(_) => true,
            ClusterOp::ModifyDBCluster { settings, .. } => settings.managed_password == Setting::Set(true),
            _ => false,
        };
        let actions = ["secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:DescribeKey"];
        if creates_secret { actions.map(|action| (action, "*".to_owned())).to_vec() } else { Vec::new() }
    }

    /// Drops the status, so that a saved plan stays valid when it changes.
    fn relevant(want: Option<&Self::Model>, live: ClusterModel) -> ClusterModel {
        let of_live = if want.is_some() { LiveOnly { status: None, ..live.live } } else { LiveOnly::default() };
        ClusterModel { live: of_live, ..live }
    }

    fn write(model: &ClusterModel) -> Option<Value> {
        Some(write::write(model))
    }

    /// Returns one risk per instance with a public IP address. Its waiver is the `waiver` of that instance.
    fn risks(model: &ClusterModel) -> Vec<Risk> {
        let public = |(id, instance): (&String, &ClusterInstance)| {
            let risk = || {
                Risk::new("rds-public-instance", public_path(id), format!("gives instance {id} a public IP address"))
            };
            (instance.publicly_accessible == Setting::Set(true)).then(risk)
        };
        model.instances.value().into_iter().flatten().filter_map(public).collect()
    }

    fn remove(_: &ClusterModel, out: &mut Diff<'_, ClusterOp>) {
        out.never_removed(
            "regionctl never deletes a database: remove `absent`, or delete the cluster by hand with a final snapshot",
        );
    }

    fn diff(want: &ClusterModel, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) {
        let ClusterModel {
            engine: _,
            engine_version: _,
            engine_lifecycle_support: _,
            master_username: _,
            managed_password: _,
            secret_kms_key: _,
            database: _,
            port: _,
            network_type: _,
            instances: _,
            subnet_group: _,
            parameter_group: _,
            security_groups: _,
            deletion_protection: _,
            backup_days: _,
            backup_window: _,
            maintenance_window: _,
            auto_minor_version_upgrade: _,
            backtrack_seconds: _,
            storage_encrypted: _,
            kms_key: _,
            storage_type: _,
            iam_auth: _,
            data_api: _,
            local_write_forwarding: _,
            copy_tags_to_snapshots: _,
            log_exports: _,
            database_insights: _,
            performance_insights: _,
            monitoring: _,
            roles: _,
            serverless: _,
            apply_immediately: _,
            tags: _,
            instance_tags: _,
            restore_from: _,
            live: _,
        } = want;
        // They are compared there, and in the functions of the calls that change them.
        settings::diff(want, live, out);
    }
}
