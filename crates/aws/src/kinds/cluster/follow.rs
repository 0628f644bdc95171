//! What a cluster takes over from the one that it follows, and what it leaves, said.

use std::collections::BTreeMap;

use regionctl_core::model::tags;
use regionctl_core::resource::setting::Setting;

use super::{ClusterModel, Instance, LiveOnly};

/// The spec's fields over the source's. What is of the source's region is left out, and said.
pub(super) fn carried(own: ClusterModel, there: ClusterModel, left: &mut Vec<String>) -> ClusterModel {
    let group = there.subnet_group.value().filter(|group| group.name != "default");
    if let (None, Some(group)) = (own.subnet_group.value(), group) {
        left.push(format!(
            "subnet group {} is of its region: AWS's default is taken, unless `subnet_group:` is stated",
            group.name
        ));
    }
    if own.security_groups.is_unstated() && there.security_groups.is_set_and(|groups| !groups.is_empty()) {
        left.push(
            "security groups are of their region: the VPC's default is taken, unless `security_groups:` is stated"
                .to_owned(),
        );
    }
    if own.kms_key.is_unstated() && there.kms_key.is_set() {
        left.push("its KMS key is of its region: AWS's own is taken, unless `kms_key:` is stated".to_owned());
    }
    for group in &there.live.instance_parameter_groups {
        left.push(format!("the parameter group {group} of its instances is not taken over; make it by hand"));
    }
    let tagged = |mut instances: BTreeMap<String, Instance>| {
        for instance in instances.values_mut() {
            instance.tags.extend(own.instance_tags.get().unwrap_or_default());
        }
        instances
    };
    let instances = own.instances.or(there.instances).map(tagged);
    ClusterModel {
        engine: own.engine.or(carried_over(there.engine)),
        engine_version: own.engine_version.or(carried_over(there.engine_version)),
        master_username: own.master_username.or(carried_over(there.master_username)),
        database: own.database.or(carried_over(there.database)),
        port: own.port.or(carried_over(there.port)),
        instances,
        subnet_group: own.subnet_group,
        parameter_group: own.parameter_group.or(carried_over(there.parameter_group)),
        security_groups: own.security_groups,
        deletion_protection: own.deletion_protection,
        backup_days: own.backup_days.or(carried_over(there.backup_days)),
        storage_encrypted: own.storage_encrypted.or(carried_over(there.storage_encrypted)),
        kms_key: own.kms_key,
        iam_auth: own.iam_auth.or(carried_over(there.iam_auth)),
        copy_tags_to_snapshots: own.copy_tags_to_snapshots.or(carried_over(there.copy_tags_to_snapshots)),
        log_exports: own.log_exports.or(carried_over(there.log_exports)),
        serverless: own.serverless.or(carried_over(there.serverless)),
        apply_immediately: own.apply_immediately,
        tags: Setting::stated(tags::over(own.tags.into_value(), there.tags.into_value())),
        instance_tags: own.instance_tags,
        live: LiveOnly::default(),
    }
}

/// What the source has not is not stated here: AWS's default is taken.
fn carried_over<T>(setting: Setting<T>) -> Setting<T> {
    Setting::stated(setting.into_value())
}
