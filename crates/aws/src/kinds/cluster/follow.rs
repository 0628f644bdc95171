// SPDX-License-Identifier: Apache-2.0
//! Copying a source cluster's settings to its follower, and reporting those that are not copied.

use std::collections::BTreeMap;

use regionctl_core::model::tags;
use regionctl_core::resource::setting::Setting;

use super::{ClusterInstance, ClusterModel, LiveOnly};

/// Returns the source's settings with the spec's own on top. Settings of the source's region are not copied; each adds
/// a message to `not_copied`.
pub(super) fn copied_cluster(own: ClusterModel, source: ClusterModel, not_copied: &mut Vec<String>) -> ClusterModel {
    let group = source.subnet_group.value().filter(|group| group.name != "default");
    if let (None, Some(group)) = (own.subnet_group.value(), group) {
        not_copied.push(format!(
            "subnet group '{}' belongs to the source's region and is not copied: AWS uses the default subnet group \
             unless `subnet_group:` is set",
            group.name
        ));
    }
    if own.security_groups.is_unstated() && source.security_groups.is_set_and(|groups| !groups.is_empty()) {
        not_copied.push(
            "security groups belong to the source's region and are not copied: AWS uses the VPC's default group unless \
             `security_groups:` is set"
                .to_owned(),
        );
    }
    if own.kms_key.is_unstated() && source.kms_key.is_set() {
        not_copied.push(
            "the KMS key belongs to the source's region and is not copied: AWS uses its own key unless `kms_key:` is \
             set"
            .to_owned(),
        );
    }
    for group in &source.live.instance_parameter_groups {
        not_copied.push(format!("the instances' parameter group '{group}' is not copied: create it by hand"));
    }
    let tagged = |mut instances: BTreeMap<String, ClusterInstance>| {
        for instance in instances.values_mut() {
            instance.tags.extend(own.instance_tags.get().unwrap_or_default());
        }
        instances
    };
    let instances = own.instances.or(source.instances).map(tagged);
    ClusterModel {
        engine: own.engine.or(copied(source.engine)),
        engine_version: own.engine_version.or(copied(source.engine_version)),
        master_username: own.master_username.or(copied(source.master_username)),
        database: own.database.or(copied(source.database)),
        port: own.port.or(copied(source.port)),
        instances,
        subnet_group: own.subnet_group,
        parameter_group: own.parameter_group.or(copied(source.parameter_group)),
        security_groups: own.security_groups,
        deletion_protection: own.deletion_protection,
        backup_days: own.backup_days.or(copied(source.backup_days)),
        storage_encrypted: own.storage_encrypted.or(copied(source.storage_encrypted)),
        kms_key: own.kms_key,
        iam_auth: own.iam_auth.or(copied(source.iam_auth)),
        copy_tags_to_snapshots: own.copy_tags_to_snapshots.or(copied(source.copy_tags_to_snapshots)),
        log_exports: own.log_exports.or(copied(source.log_exports)),
        serverless: own.serverless.or(copied(source.serverless)),
        apply_immediately: own.apply_immediately,
        tags: Setting::stated(tags::over(own.tags.into_value(), source.tags.into_value())),
        instance_tags: own.instance_tags,
        live: LiveOnly::default(),
    }
}

/// Leaves a setting unstated if the source does not have it, so that AWS's default applies.
fn copied<T>(setting: Setting<T>) -> Setting<T> {
    Setting::stated(setting.into_value())
}
