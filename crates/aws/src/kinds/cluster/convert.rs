// SPDX-License-Identifier: Apache-2.0
//! Converts RDS's answers to a model and its extras. A member that AWS omits is AWS's default.

use std::collections::BTreeSet;

use aws_sdk_rds::types::{
    ActivityStreamStatus, ClusterPendingModifiedValues, ClusterScalabilityType, DatabaseInsightsMode, DbCluster,
    DbClusterMember, DbInstance, LimitlessDatabaseStatus, LocalWriteForwardingStatus, PendingModifiedValues,
};
use regionctl_core::model::tags::{Tags, is_own};
use regionctl_core::observe::scope::Extra;
use regionctl_core::resource::setting::Setting;

use super::api::AVAILABLE;
use super::model::{ClusterInstance, ClusterModel, Insights, LiveOnly, Monitoring, Role, Scaling};
use crate::error::CallError;
use crate::tags::{self, collect};

/// The parameter status of an instance that must restart (Aurora User Guide, "Parameter groups").
const PENDING_REBOOT: &str = "pending-reboot";

/// The name prefix of the instances that Application Auto Scaling creates (Aurora User Guide, "Amazon Aurora Auto
/// Scaling with Aurora Replicas").
const AUTO_SCALED: &str = "application-autoscaling-";

fn text(text: Option<&str>) -> Setting<String> {
    Setting::live(text.filter(|text| !text.is_empty()).map(ToOwned::to_owned))
}

fn or(value: Option<&str>, default: &str) -> Setting<String> {
    Setting::Set(value.filter(|text| !text.is_empty()).unwrap_or(default).to_owned())
}

pub(super) fn model(cluster: &DbCluster, members: &[&DbInstance]) -> Result<ClusterModel, CallError> {
    let pending = cluster.pending_modified_values();
    // A change that waits for the maintenance window was already requested, so it is not a difference.
    let version = pending.and_then(|pending| pending.engine_version()).or(cluster.engine_version());
    let storage = pending.and_then(|pending| pending.storage_type()).or(cluster.storage_type());
    let backup =
        pending.and_then(ClusterPendingModifiedValues::backup_retention_period).or(cluster.backup_retention_period());
    let iam_auth = pending
        .and_then(ClusterPendingModifiedValues::iam_database_authentication_enabled)
        .or(cluster.iam_database_authentication_enabled());
    let groups = cluster.vpc_security_groups().iter();
    let insights = insights(
        cluster.performance_insights_enabled(),
        cluster.performance_insights_kms_key_id(),
        cluster.performance_insights_retention_period(),
    );
    let own = members.iter().filter(|instance| !is_scaled(instance));
    Ok(ClusterModel {
        engine: text(cluster.engine()),
        engine_version: text(version),
        engine_lifecycle_support: or(cluster.engine_lifecycle_support(), "open-source-rds-extended-support"),
        master_username: text(cluster.master_username()),
        managed_password: Setting::Set(cluster.master_user_secret().is_some()),
        secret_kms_key: text(cluster.master_user_secret().and_then(|secret| secret.kms_key_id())),
        database: text(cluster.database_name()),
        port: Setting::live(cluster.port()),
        network_type: or(cluster.network_type(), "IPV4"),
        instances: Setting::Set(own.map(|instance| member(instance)).collect::<Result<_, _>>()?),
        subnet_group: Setting::Unstated,
        parameter_group: Setting::Unstated,
        security_groups: Setting::Set(
            groups.filter_map(|group| group.vpc_security_group_id().map(ToOwned::to_owned)).collect(),
        ),
        deletion_protection: Setting::Set(cluster.deletion_protection().unwrap_or(false)),
        backup_days: Setting::Set(backup.unwrap_or(1)),
        backup_window: text(cluster.preferred_backup_window()),
        maintenance_window: text(cluster.preferred_maintenance_window()),
        auto_minor_version_upgrade: Setting::Set(cluster.auto_minor_version_upgrade().unwrap_or(true)),
        backtrack_seconds: Setting::Set(cluster.backtrack_window().unwrap_or(0)),
        storage_encrypted: Setting::Set(cluster.storage_encrypted().unwrap_or(false)),
        kms_key: text(cluster.kms_key_id()),
        storage_type: or(storage, "aurora"),
        iam_auth: Setting::Set(iam_auth.unwrap_or(false)),
        data_api: Setting::Set(cluster.http_endpoint_enabled().unwrap_or(false)),
        local_write_forwarding: Setting::Set(forwards(cluster.local_write_forwarding_status())?),
        copy_tags_to_snapshots: Setting::Set(cluster.copy_tags_to_snapshot().unwrap_or(false)),
        log_exports: Setting::Set(log_exports(cluster)),
        database_insights: or(cluster.database_insights_mode().map(DatabaseInsightsMode::as_str), "standard"),
        performance_insights: insights,
        monitoring: monitoring(cluster.monitoring_interval(), cluster.monitoring_role_arn()),
        roles: Setting::Set(roles(cluster)),
        serverless: scaling(cluster)?,
        apply_immediately: false,
        tags: tags::live(collect(cluster.tag_list().iter().map(|tag| (tag.key(), tag.value())))),
        instance_tags: Setting::Unstated,
        restore_from: Setting::Unstated,
        live: live_only(cluster, members),
    })
}

fn is_scaled(instance: &DbInstance) -> bool {
    instance.db_instance_identifier().is_some_and(|id| id.starts_with(AUTO_SCALED))
}

fn forwards(status: Option<&LocalWriteForwardingStatus>) -> Result<bool, CallError> {
    match status {
        None | Some(LocalWriteForwardingStatus::Disabled | LocalWriteForwardingStatus::Disabling) => Ok(false),
        Some(
            LocalWriteForwardingStatus::Enabled
            | LocalWriteForwardingStatus::Enabling
            | LocalWriteForwardingStatus::Requested,
        ) => Ok(true),
        Some(other) => Err(unknown("a local write forwarding status", other.as_str())),
    }
}

fn unknown(what: &str, value: &str) -> CallError {
    CallError::unknown("RDS DescribeDBClusters", what, value)
}

/// Returns the exported logs, with the changes that were requested already.
fn log_exports(cluster: &DbCluster) -> BTreeSet<String> {
    let mut logs: BTreeSet<String> = cluster.enabled_cloudwatch_logs_exports().iter().cloned().collect();
    let pending = cluster.pending_modified_values().and_then(|pending| pending.pending_cloudwatch_logs_exports());
    if let Some(pending) = pending {
        logs.extend(pending.log_types_to_enable().iter().cloned());
        logs.retain(|log| !pending.log_types_to_disable().contains(log));
    }
    logs
}

fn roles(cluster: &DbCluster) -> BTreeSet<Role> {
    let roles = cluster.associated_roles().iter();
    roles
        .filter_map(|role| {
            let feature = role.feature_name().filter(|feature| !feature.is_empty()).map(ToOwned::to_owned);
            Some(Role { role: role.role_arn()?.to_owned(), feature })
        })
        .collect()
}

fn scaling(cluster: &DbCluster) -> Result<Setting<Scaling>, CallError> {
    let Some(range) = cluster.serverless_v2_scaling_configuration() else { return Ok(Setting::Unset) };
    let Some((min, max)) = range.min_capacity().zip(range.max_capacity()) else {
        return Err(unknown("a capacity range without a limit", &format!("{range:?}")));
    };
    let range = Scaling { min, max, pause_after_seconds: range.seconds_until_auto_pause() };
    Ok(Setting::Set(range.canonical()))
}

fn insights(enabled: Option<bool>, key: Option<&str>, days: Option<i32>) -> Setting<Insights> {
    if enabled != Some(true) {
        return Setting::Unset;
    }
    Setting::Set(Insights { kms_key: key.map(ToOwned::to_owned), retention_days: days.unwrap_or(7) })
}

fn monitoring(interval: Option<i32>, role: Option<&str>) -> Setting<Monitoring> {
    let interval = interval.filter(|seconds| *seconds > 0);
    let role = role.unwrap_or_default().to_owned();
    Setting::live(interval.map(|interval_seconds| Monitoring { interval_seconds, role }))
}

fn member(instance: &DbInstance) -> Result<(String, ClusterInstance), CallError> {
    let id = instance.db_instance_identifier().unwrap_or_default().to_owned();
    let pending = instance.pending_modified_values();
    let class = pending.and_then(PendingModifiedValues::db_instance_class).or(instance.db_instance_class());
    let Some(class) = class else {
        return Err(CallError::unknown("RDS DescribeDBInstances", "an instance without a class", &id));
    };
    let authority =
        pending.and_then(PendingModifiedValues::ca_certificate_identifier).or(instance.ca_certificate_identifier());
    let all: Tags = collect(instance.tag_list().iter().map(|tag| (tag.key(), tag.value())));
    let group = instance.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name());
    let model = ClusterInstance {
        class: Setting::Set(class.to_owned()),
        availability_zone: text(instance.availability_zone()),
        publicly_accessible: Setting::Set(instance.publicly_accessible().unwrap_or(false)),
        promotion_tier: Setting::Set(instance.promotion_tier().unwrap_or(1)),
        auto_minor_version_upgrade: Setting::Set(instance.auto_minor_version_upgrade().unwrap_or(true)),
        maintenance_window: text(instance.preferred_maintenance_window()),
        ca_certificate: text(authority),
        parameter_group: text(group),
        performance_insights: insights(
            instance.performance_insights_enabled(),
            instance.performance_insights_kms_key_id(),
            instance.performance_insights_retention_period(),
        ),
        monitoring: monitoring(instance.monitoring_interval(), instance.monitoring_role_arn()),
        // regionctl's own tags are not compared.
        tags: tags::live(all.into_iter().filter(|(key, _)| !is_own(key)).collect()),
    };
    Ok((id, model))
}

fn live_only(cluster: &DbCluster, members: &[&DbInstance]) -> LiveOnly {
    let of_instances = members.iter().filter_map(|instance| instance.db_instance_status());
    let statuses: BTreeSet<&str> =
        cluster.status().into_iter().chain(of_instances).filter(|it| *it != AVAILABLE).collect();
    let ids = |wanted: &dyn Fn(&DbInstance) -> bool| -> BTreeSet<String> {
        let found = members.iter().filter(|instance| wanted(instance));
        found.filter_map(|instance| instance.db_instance_identifier().map(ToOwned::to_owned)).collect()
    };
    let waits = |member: &&DbClusterMember| member.db_cluster_parameter_group_status() == Some(PENDING_REBOOT);
    let by_cluster = cluster.db_cluster_members().iter().filter(waits);
    let mut pending_restart = ids(&|instance| {
        instance.db_parameter_groups().iter().any(|group| group.parameter_apply_status() == Some(PENDING_REBOOT))
    });
    pending_restart.extend(by_cluster.filter_map(|member| member.db_instance_identifier().map(ToOwned::to_owned)));
    LiveOnly {
        status: (!statuses.is_empty()).then(|| statuses.into_iter().collect::<Vec<_>>().join(", ")),
        moves: members.iter().any(|instance| instance.auto_minor_version_upgrade().unwrap_or(true)),
        pending: pending(cluster, members),
        of_vpc: BTreeSet::new(),
        group_users: BTreeSet::new(),
        subnet_users: BTreeSet::new(),
        pending_restart,
        scaled: ids(&is_scaled),
        global_cluster: cluster.global_cluster_identifier().map(ToOwned::to_owned),
    }
}

/// Returns the changes that wait for the maintenance window.
fn pending(cluster: &DbCluster, members: &[&DbInstance]) -> Vec<String> {
    let mut pending = Vec::new();
    if let Some(values) = cluster.pending_modified_values() {
        pending.extend(values.engine_version().map(|version| format!("engine_version {version}")));
        pending.extend(values.backup_retention_period().map(|days| format!("backup_days {days}")));
        pending.extend(values.iam_database_authentication_enabled().map(|on| format!("iam_auth {on}")));
        pending.extend(values.storage_type().map(|storage| format!("storage_type {storage}")));
        pending.extend(values.pending_cloudwatch_logs_exports().map(|_| "a change of log_exports".to_owned()));
    }
    for instance in members {
        let id = instance.db_instance_identifier().unwrap_or_default();
        let Some(values) = instance.pending_modified_values() else { continue };
        pending.extend(values.db_instance_class().map(|class| format!("the class {class} of {id}")));
        pending.extend(values.ca_certificate_identifier().map(|ca| format!("the CA certificate {ca} of {id}")));
    }
    pending
}

/// Returns the extras of a cluster. No call of this kind changes them: RDS keeps what a request omits.
pub(super) fn extras(cluster: &DbCluster, members: &[&DbInstance]) -> Vec<Extra> {
    let mut extras = Vec::new();
    let mut add = |path: &str, value: Option<&str>| {
        extras.extend(value.filter(|value| !value.is_empty()).map(|value| Extra::kept(path, value)));
    };
    add("global_cluster", cluster.global_cluster_identifier());
    add("replication_source", cluster.replication_source_identifier());
    add("character_set", cluster.character_set_name());
    let streams = |status: Option<&ActivityStreamStatus>| {
        status.is_some_and(|status| matches!(status, ActivityStreamStatus::Started | ActivityStreamStatus::Starting))
    };
    if streams(cluster.activity_stream_status()) {
        add("activity_stream", Some(cluster.activity_stream_mode().map_or("on", |mode| mode.as_str())));
    }
    let domain = cluster.domain_memberships().first();
    add("domain", domain.and_then(|domain| domain.domain()));
    let backup = cluster.aws_backup_recovery_point_arn();
    add("backup_recovery_point", backup);
    let limitless = cluster.limitless_database().and_then(|limitless| limitless.status());
    add("limitless_database", limitless.map(LimitlessDatabaseStatus::as_str).filter(|status| *status != "not-in-use"));
    add(
        "scalability_type",
        cluster.cluster_scalability_type().map(ClusterScalabilityType::as_str).filter(|it| *it != "standard"),
    );
    if !cluster.custom_endpoints().is_empty() {
        extras.push(Extra::kept("custom_endpoints", cluster.custom_endpoints().to_vec()));
    }
    for (path, on) in [
        ("global_write_forwarding", cluster.global_write_forwarding_requested()),
        ("internet_access_gateway", cluster.internet_access_gateway_enabled()),
    ] {
        if on == Some(true) {
            extras.push(Extra::kept(path, true));
        }
    }
    for instance in members.iter().filter(|instance| is_scaled(instance)) {
        let id = instance.db_instance_identifier().unwrap_or_default();
        extras.push(Extra::kept(format!("scaled_instances.{id}"), instance.db_instance_class().unwrap_or_default()));
    }
    extras
}
