// SPDX-License-Identifier: Apache-2.0
//! Copying a source cluster's settings to its follower, and reporting those that are not copied.

use regionctl_core::observe::location::Location;
use regionctl_core::resource::setting::Setting;

use super::model::{ClusterInstance, ClusterModel, Insights, LiveOnly};
use super::parts::{AWS_GROUP, DEFAULT_SUBNETS};
use super::spec::over;
use crate::tags::{self, TagSettings};

/// Returns the source's settings with the spec's own on top. Settings of the source's region are not copied; each adds
/// a message to `left`. `None` if RDS has no such cluster any more.
pub(super) fn copied_cluster(
    own: ClusterModel,
    source: ClusterModel,
    location: &Location,
    left: &mut Vec<String>,
) -> Option<ClusterModel> {
    if source.engine.is_set_and(|engine| engine == "aurora") {
        left.push(
            "the engine 'aurora' (Aurora MySQL 5.6) does not exist for new clusters: upgrade the source, or remove \
             `like:` and state the settings"
                .to_owned(),
        );
        return None;
    }
    name_left(&own, &source, left);
    if own.deletion_protection.is_set_and(|is_on| *is_on) && source.deletion_protection.is_set_and(|is_on| !is_on) {
        left.push(
            "`deletion_protection` is off in the source, and on in the copy unless the spec states it".to_owned(),
        );
    }
    let instances = own.instances.clone().or(source.instances.map(|instances| {
        let all = instances.into_iter();
        all.map(|(id, instance)| (id.clone(), copied_instance(&id, instance, &own.instance_tags, left))).collect()
    }));
    let group = copied(source.parameter_group).filter(|group| !group.name.starts_with(AWS_GROUP));
    // The snapshot has the master user, the initial database and the encryption.
    let is_restored = own.restore_from.is_set();
    let unless_restored = |setting: Setting<String>| if is_restored { Setting::Unstated } else { copied(setting) };
    let managed = copied(source.managed_password).filter(|managed| *managed);
    Some(ClusterModel {
        engine: own.engine.or(copied(source.engine)),
        engine_version: own.engine_version.or(copied(source.engine_version)),
        engine_lifecycle_support: own.engine_lifecycle_support.or(copied(source.engine_lifecycle_support)),
        master_username: own.master_username.or(unless_restored(source.master_username)),
        managed_password: own.managed_password.or(managed),
        secret_kms_key: own.secret_kms_key,
        database: own.database.or(unless_restored(source.database)),
        port: own.port.or(copied(source.port)),
        network_type: own.network_type.or(copied(source.network_type)),
        instances,
        subnet_group: own.subnet_group,
        parameter_group: own.parameter_group.or(group),
        security_groups: own.security_groups,
        deletion_protection: own.deletion_protection,
        backup_days: own.backup_days.or(copied(source.backup_days)),
        backup_window: own.backup_window.or(copied(source.backup_window)),
        maintenance_window: own.maintenance_window.or(copied(source.maintenance_window)),
        auto_minor_version_upgrade: own.auto_minor_version_upgrade.or(copied(source.auto_minor_version_upgrade)),
        backtrack_seconds: own.backtrack_seconds.or(copied(source.backtrack_seconds)),
        storage_encrypted: if is_restored {
            own.storage_encrypted
        } else {
            own.storage_encrypted.or(copied(source.storage_encrypted))
        },
        kms_key: own.kms_key,
        storage_type: own.storage_type.or(copied(source.storage_type)),
        iam_auth: own.iam_auth.or(copied(source.iam_auth)),
        data_api: own.data_api.or(copied(source.data_api)),
        local_write_forwarding: own.local_write_forwarding.or(copied(source.local_write_forwarding)),
        copy_tags_to_snapshots: own.copy_tags_to_snapshots.or(copied(source.copy_tags_to_snapshots)),
        log_exports: own.log_exports.or(copied(source.log_exports)),
        database_insights: own.database_insights.or(copied(source.database_insights)),
        performance_insights: own.performance_insights.or(copied(source.performance_insights).map(without_key)),
        monitoring: own.monitoring.or(copied(source.monitoring)),
        roles: own.roles,
        serverless: own.serverless.or(copied(source.serverless)),
        apply_immediately: own.apply_immediately,
        tags: tags::of_copy(own.tags, source.tags, &location.region),
        instance_tags: own.instance_tags,
        restore_from: own.restore_from,
        live: LiveOnly::default(),
    })
}

/// Adds a message for each setting of the source that the follower does not get.
fn name_left(own: &ClusterModel, source: &ClusterModel, left: &mut Vec<String>) {
    let region = "belongs to the source's region and is not copied";
    if let (true, Some(group)) = (own.subnet_group.is_unstated(), source.subnet_group.value())
        && group.name != DEFAULT_SUBNETS
    {
        left.push(format!(
            "subnet group '{}' {region}: AWS uses the default subnet group unless `subnet_group:` is set",
            group.name
        ));
    }
    if own.security_groups.is_unstated() && source.security_groups.is_set_and(|groups| !groups.is_empty()) {
        left.push(
            "security groups belong to the source's region and are not copied: AWS uses the VPC's default group unless \
             `security_groups:` is set"
                .to_owned(),
        );
    }
    if own.kms_key.is_unstated() && source.kms_key.is_set() {
        left.push(format!("the KMS key {region}: AWS uses its own key unless `kms_key:` is set"));
    }
    if own.secret_kms_key.is_unstated() && source.secret_kms_key.is_set() {
        left.push(format!("the KMS key of the secret {region}: AWS uses its own key unless `secret_kms_key:` is set"));
    }
    if own.performance_insights.is_unstated()
        && source.performance_insights.is_set_and(|insights| insights.kms_key.is_some())
    {
        left.push(format!(
            "the KMS key of Performance Insights {region}: AWS uses its own key unless `performance_insights:` is set"
        ));
    }
    if own.managed_password.is_unstated() && source.managed_password == Setting::Set(false) {
        left.push(
            "the source's master password is not in Secrets Manager and is not copied: Secrets Manager creates a new one"
                .to_owned(),
        );
    }
    for role in source.roles.value().filter(|_| own.roles.is_unstated()).into_iter().flatten() {
        left.push(format!("the IAM role {} is not copied: state it in `roles:`", role.role));
    }
    if own.storage_encrypted.is_unstated() && source.storage_encrypted == Setting::Set(false) {
        left.push("the source is not encrypted, and neither is the copy: set `storage_encrypted: true`".to_owned());
    }
    for id in &source.live.scaled {
        left.push(format!(
            "instance {id} is not copied: Application Auto Scaling created it; register a scaling policy by hand"
        ));
    }
    if let Some(global) = &source.live.global_cluster {
        left.push(format!(
            "the source is in the global cluster '{global}', and the copy is not: add it by hand; regionctl does not \
             manage global databases"
        ));
    }
}

fn copied_instance(
    id: &str,
    source: ClusterInstance,
    of_all: &Setting<TagSettings>,
    left: &mut Vec<String>,
) -> ClusterInstance {
    if let Some(group) = source.parameter_group.value().filter(|group| !group.starts_with(AWS_GROUP)) {
        left.push(format!(
            "the parameter group '{group}' of instance {id} is not copied: create it by hand, then state it as the \
             instance's `parameter_group:`"
        ));
    }
    if source.publicly_accessible == Setting::Set(true) {
        left.push(format!("instance {id} is publicly accessible, and its copy is not: state it with a `waiver:`"));
    }
    ClusterInstance {
        class: source.class,
        availability_zone: Setting::Unstated,
        publicly_accessible: Setting::Set(false),
        promotion_tier: copied(source.promotion_tier),
        auto_minor_version_upgrade: copied(source.auto_minor_version_upgrade),
        maintenance_window: copied(source.maintenance_window),
        ca_certificate: copied(source.ca_certificate),
        parameter_group: Setting::Unstated,
        performance_insights: copied(source.performance_insights).map(without_key),
        monitoring: copied(source.monitoring),
        tags: over(of_all.clone(), source.tags),
    }
}

/// A KMS key is in one region.
fn without_key(mut insights: Insights) -> Insights {
    insights.kms_key = None;
    insights
}

/// Leaves a setting unstated if the source does not have it, so that AWS's default applies.
fn copied<T>(setting: Setting<T>) -> Setting<T> {
    Setting::stated(setting.into_value())
}
