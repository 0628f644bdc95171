// SPDX-License-Identifier: Apache-2.0
//! The requests that create and modify clusters, instances and parameters.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{
    ApplyMethod, CloudwatchLogsExportConfiguration, DatabaseInsightsMode, Parameter, ServerlessV2ScalingConfiguration,
    Tag,
};
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::setting::Setting;

use super::model::{ClusterInstance, ClusterModel, Insights, Monitoring, Scaling};
use crate::error::{CallError, done_if};
use crate::tags::{self, TagSettings};

/// The most parameters in one request
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBClusterParameterGroup.html>).
const MAX_PARAMETERS: usize = 20;

/// Sets parameters, dynamic ones at once and static ones at the next restart.
pub(super) async fn set_parameters(
    api: &Client,
    group: &str,
    parameters: BTreeMap<String, String>,
) -> Result<(), CallError> {
    let dynamic = dynamic(api, group).await?;
    let parameter = |(name, value): (String, String)| {
        let method = apply_method(&dynamic, &name);
        Parameter::builder().parameter_name(name).parameter_value(value).apply_method(method).build()
    };
    let parameters: Vec<Parameter> = parameters.into_iter().map(parameter).collect();
    for chunk in parameters.chunks(MAX_PARAMETERS) {
        let call = api.modify_db_cluster_parameter_group().db_cluster_parameter_group_name(group);
        call.set_parameters(Some(chunk.to_vec())).send().await?;
    }
    Ok(())
}

/// Resets parameters to the engine's defaults, dynamic ones at once and static ones at the next restart
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ResetDBClusterParameterGroup.html>).
pub(super) async fn reset_parameters(api: &Client, group: &str, names: BTreeSet<String>) -> Result<(), CallError> {
    let dynamic = dynamic(api, group).await?;
    let parameter = |name: String| {
        let method = apply_method(&dynamic, &name);
        Parameter::builder().parameter_name(name).apply_method(method).build()
    };
    let parameters: Vec<Parameter> = names.into_iter().map(parameter).collect();
    for chunk in parameters.chunks(MAX_PARAMETERS) {
        let call = api.reset_db_cluster_parameter_group().db_cluster_parameter_group_name(group);
        call.set_parameters(Some(chunk.to_vec())).send().await?;
    }
    Ok(())
}

/// Returns the dynamic parameters of a group. RDS rejects `immediate` for a static one.
async fn dynamic(api: &Client, group: &str) -> Result<BTreeSet<String>, CallError> {
    let mut dynamic = BTreeSet::new();
    let mut items =
        api.describe_db_cluster_parameters().db_cluster_parameter_group_name(group).into_paginator().items().send();
    while let Some(parameter) = items.next().await {
        let parameter = parameter?;
        if parameter.apply_type() == Some("dynamic") {
            dynamic.extend(parameter.parameter_name);
        }
    }
    Ok(dynamic)
}

fn apply_method(dynamic: &BTreeSet<String>, name: &str) -> ApplyMethod {
    if dynamic.contains(name) { ApplyMethod::Immediate } else { ApplyMethod::PendingReboot }
}

/// The members of Performance Insights: whether it is on, its key and its retention. `None` is not sent.
fn insights(insights: Setting<Insights>) -> (Option<bool>, Option<String>, Option<i32>) {
    match insights {
        Setting::Unstated => (None, None, None),
        Setting::Unset => (Some(false), None, None),
        Setting::Set(Insights { kms_key, retention_days }) => (Some(true), kms_key, Some(retention_days)),
    }
}

/// The members of Enhanced Monitoring: its interval, 0 for off, and its role. `None` is not sent.
fn monitoring(monitoring: Setting<Monitoring>) -> (Option<i32>, Option<String>) {
    match monitoring {
        Setting::Unstated => (None, None),
        Setting::Unset => (Some(0), None),
        Setting::Set(Monitoring { interval_seconds, role }) => (Some(interval_seconds), Some(role)),
    }
}

/// RDS has Performance Insights and Enhanced Monitoring off in new resources, and needs no member to say so.
fn if_set<T>(setting: Setting<T>) -> Setting<T> {
    Setting::stated(setting.into_value())
}

fn mode(mode: Setting<String>) -> Option<DatabaseInsightsMode> {
    mode.into_value().map(|mode| DatabaseInsightsMode::from(mode.as_str()))
}

fn list(values: Setting<BTreeSet<String>>) -> Option<Vec<String>> {
    values.into_value().map(|values| values.into_iter().collect())
}

fn some(values: BTreeSet<String>) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.into_iter().collect())
}

fn tags_of(tags: &Setting<TagSettings>) -> Option<Vec<Tag>> {
    sdk_tags(&tags.value().map(tags::set).unwrap_or_default())
}

/// Sends CreateDBCluster (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>).
/// Secrets Manager creates and stores the master password, so regionctl never has it.
pub(super) async fn create(api: &Client, name: &str, cluster: ClusterModel) -> Result<(), CallError> {
    let (insights_on, insights_key, insights_days) = insights(if_set(cluster.performance_insights));
    let (interval, role) = monitoring(if_set(cluster.monitoring));
    let made = api
        .create_db_cluster()
        .db_cluster_identifier(name)
        .set_engine(cluster.engine.into_value())
        .set_engine_version(cluster.engine_version.into_value())
        .set_engine_lifecycle_support(cluster.engine_lifecycle_support.into_value())
        .set_master_username(cluster.master_username.into_value())
        .manage_master_user_password(true)
        .set_master_user_secret_kms_key_id(cluster.secret_kms_key.into_value())
        .set_database_name(cluster.database.into_value())
        .set_port(cluster.port.into_value())
        .set_network_type(cluster.network_type.into_value())
        .set_db_subnet_group_name(cluster.subnet_group.into_value().map(|group| group.name))
        .set_db_cluster_parameter_group_name(cluster.parameter_group.into_value().map(|group| group.name))
        .set_vpc_security_group_ids(list(cluster.security_groups))
        .set_deletion_protection(cluster.deletion_protection.into_value())
        .set_backup_retention_period(cluster.backup_days.into_value())
        .set_preferred_backup_window(cluster.backup_window.into_value())
        .set_preferred_maintenance_window(cluster.maintenance_window.into_value())
        .set_auto_minor_version_upgrade(cluster.auto_minor_version_upgrade.into_value())
        .set_backtrack_window(cluster.backtrack_seconds.into_value().filter(|seconds| *seconds > 0))
        .set_storage_encrypted(cluster.storage_encrypted.into_value())
        .set_kms_key_id(cluster.kms_key.into_value())
        .set_storage_type(cluster.storage_type.into_value())
        .set_enable_iam_database_authentication(cluster.iam_auth.into_value())
        .set_enable_http_endpoint(cluster.data_api.into_value())
        .set_enable_local_write_forwarding(cluster.local_write_forwarding.into_value().filter(|on| *on))
        .set_copy_tags_to_snapshot(cluster.copy_tags_to_snapshots.into_value())
        .set_enable_cloudwatch_logs_exports(cluster.log_exports.into_value().and_then(some))
        .set_database_insights_mode(mode(cluster.database_insights))
        .set_enable_performance_insights(insights_on)
        .set_performance_insights_kms_key_id(insights_key)
        .set_performance_insights_retention_period(insights_days)
        .set_monitoring_interval(interval)
        .set_monitoring_role_arn(role)
        .set_serverless_v2_scaling_configuration(cluster.serverless.into_value().map(scaling))
        .set_tags(tags_of(&cluster.tags))
        .send()
        .await;
    done_if(made.map(|_| ()).map_err(CallError::from), "DBClusterAlreadyExistsFault")
}

/// Sends RestoreDBClusterFromSnapshot
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html>). The snapshot has
/// the master user, and the encryption unless a key is stated.
pub(super) async fn restore(api: &Client, name: &str, cluster: ClusterModel) -> Result<(), CallError> {
    let (insights_on, insights_key, insights_days) = insights(if_set(cluster.performance_insights));
    let (interval, role) = monitoring(if_set(cluster.monitoring));
    let made = api
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(name)
        .set_snapshot_identifier(cluster.restore_from.into_value())
        .set_engine(cluster.engine.into_value())
        .set_engine_version(cluster.engine_version.into_value())
        .set_engine_lifecycle_support(cluster.engine_lifecycle_support.into_value())
        .set_database_name(cluster.database.into_value())
        .set_port(cluster.port.into_value())
        .set_network_type(cluster.network_type.into_value())
        .set_db_subnet_group_name(cluster.subnet_group.into_value().map(|group| group.name))
        .set_db_cluster_parameter_group_name(cluster.parameter_group.into_value().map(|group| group.name))
        .set_vpc_security_group_ids(list(cluster.security_groups))
        .set_deletion_protection(cluster.deletion_protection.into_value())
        .set_backup_retention_period(cluster.backup_days.into_value())
        .set_preferred_backup_window(cluster.backup_window.into_value())
        .set_backtrack_window(cluster.backtrack_seconds.into_value().filter(|seconds| *seconds > 0))
        .set_kms_key_id(cluster.kms_key.into_value())
        .set_storage_type(cluster.storage_type.into_value())
        .set_enable_iam_database_authentication(cluster.iam_auth.into_value())
        .set_copy_tags_to_snapshot(cluster.copy_tags_to_snapshots.into_value())
        .set_enable_cloudwatch_logs_exports(cluster.log_exports.into_value().and_then(some))
        .set_enable_performance_insights(insights_on)
        .set_performance_insights_kms_key_id(insights_key)
        .set_performance_insights_retention_period(insights_days)
        .set_monitoring_interval(interval)
        .set_monitoring_role_arn(role)
        .set_serverless_v2_scaling_configuration(cluster.serverless.into_value().map(scaling))
        .set_tags(tags_of(&cluster.tags))
        .send()
        .await;
    done_if(made.map(|_| ()).map_err(CallError::from), "DBClusterAlreadyExistsFault")
}

fn scaling(scaling: Scaling) -> ServerlessV2ScalingConfiguration {
    let range = ServerlessV2ScalingConfiguration::builder().min_capacity(scaling.min).max_capacity(scaling.max);
    range.set_seconds_until_auto_pause(scaling.pause_after_seconds).build()
}

/// Sends ModifyDBCluster (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>).
/// RDS does not change the settings that the request omits.
pub(super) async fn modify(
    api: &Client,
    name: &str,
    changed: ClusterModel,
    disable_logs: BTreeSet<String>,
) -> Result<(), CallError> {
    let enable_logs = changed.log_exports.unwrap_or_default();
    let logs = (!enable_logs.is_empty() || !disable_logs.is_empty()).then(|| {
        CloudwatchLogsExportConfiguration::builder()
            .set_enable_log_types(some(enable_logs))
            .set_disable_log_types(some(disable_logs))
            .build()
    });
    let (insights_on, insights_key, insights_days) = insights(changed.performance_insights);
    let (interval, role) = monitoring(changed.monitoring);
    api.modify_db_cluster()
        .db_cluster_identifier(name)
        .set_engine_version(changed.engine_version.into_value())
        .set_engine_lifecycle_support(changed.engine_lifecycle_support.into_value())
        .set_manage_master_user_password(changed.managed_password.into_value().filter(|managed| *managed))
        .set_master_user_secret_kms_key_id(changed.secret_kms_key.into_value())
        .set_port(changed.port.into_value())
        .set_network_type(changed.network_type.into_value())
        .set_db_cluster_parameter_group_name(changed.parameter_group.into_value().map(|group| group.name))
        .set_vpc_security_group_ids(list(changed.security_groups))
        .set_deletion_protection(changed.deletion_protection.into_value())
        .set_backup_retention_period(changed.backup_days.into_value())
        .set_preferred_backup_window(changed.backup_window.into_value())
        .set_preferred_maintenance_window(changed.maintenance_window.into_value())
        .set_auto_minor_version_upgrade(changed.auto_minor_version_upgrade.into_value())
        .set_backtrack_window(changed.backtrack_seconds.into_value())
        .set_storage_type(changed.storage_type.into_value())
        .set_enable_iam_database_authentication(changed.iam_auth.into_value())
        .set_enable_local_write_forwarding(changed.local_write_forwarding.into_value())
        .set_copy_tags_to_snapshot(changed.copy_tags_to_snapshots.into_value())
        .set_cloudwatch_logs_export_configuration(logs)
        .set_database_insights_mode(mode(changed.database_insights))
        .set_enable_performance_insights(insights_on)
        .set_performance_insights_kms_key_id(insights_key)
        .set_performance_insights_retention_period(insights_days)
        .set_monitoring_interval(interval)
        .set_monitoring_role_arn(role)
        .set_serverless_v2_scaling_configuration(changed.serverless.into_value().map(scaling))
        .apply_immediately(changed.apply_immediately)
        .send()
        .await?;
    Ok(())
}

/// Sends CreateDBInstance (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>).
pub(super) async fn create_instance(
    api: &Client,
    cluster: &str,
    (id, engine): (String, String),
    instance: ClusterInstance,
    tags: &Tags,
) -> Result<(), CallError> {
    let (insights_on, insights_key, insights_days) = insights(if_set(instance.performance_insights));
    let (interval, role) = monitoring(if_set(instance.monitoring));
    let made = api
        .create_db_instance()
        .db_instance_identifier(id)
        .db_cluster_identifier(cluster)
        .engine(engine)
        .set_db_instance_class(instance.class.into_value())
        .set_availability_zone(instance.availability_zone.into_value())
        .set_publicly_accessible(instance.publicly_accessible.into_value())
        .set_promotion_tier(instance.promotion_tier.into_value())
        .set_auto_minor_version_upgrade(instance.auto_minor_version_upgrade.into_value())
        .set_preferred_maintenance_window(instance.maintenance_window.into_value())
        .set_ca_certificate_identifier(instance.ca_certificate.into_value())
        .set_db_parameter_group_name(instance.parameter_group.into_value())
        .set_enable_performance_insights(insights_on)
        .set_performance_insights_kms_key_id(insights_key)
        .set_performance_insights_retention_period(insights_days)
        .set_monitoring_interval(interval)
        .set_monitoring_role_arn(role)
        .set_tags(sdk_tags(tags))
        .send()
        .await;
    done_if(made.map(|_| ()).map_err(CallError::from), "DBInstanceAlreadyExists")
}

/// Sends ModifyDBInstance (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html>).
/// RDS does not change the settings that the request omits.
pub(super) async fn modify_instance(
    api: &Client,
    id: String,
    changed: ClusterInstance,
    apply_immediately: bool,
) -> Result<(), CallError> {
    let (insights_on, insights_key, insights_days) = insights(changed.performance_insights);
    let (interval, role) = monitoring(changed.monitoring);
    api.modify_db_instance()
        .db_instance_identifier(id)
        .set_db_instance_class(changed.class.into_value())
        .set_publicly_accessible(changed.publicly_accessible.into_value())
        .set_promotion_tier(changed.promotion_tier.into_value())
        .set_auto_minor_version_upgrade(changed.auto_minor_version_upgrade.into_value())
        .set_preferred_maintenance_window(changed.maintenance_window.into_value())
        .set_ca_certificate_identifier(changed.ca_certificate.into_value())
        .set_db_parameter_group_name(changed.parameter_group.into_value())
        .set_enable_performance_insights(insights_on)
        .set_performance_insights_kms_key_id(insights_key)
        .set_performance_insights_retention_period(insights_days)
        .set_monitoring_interval(interval)
        .set_monitoring_role_arn(role)
        .apply_immediately(apply_immediately)
        .send()
        .await?;
    Ok(())
}

pub(super) fn sdk_tags(tags: &Tags) -> Option<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}
