//! What a cluster takes over from the one that it follows, and what it leaves, said.

use std::collections::BTreeMap;

use regionctl_core::model::tags;

use super::{ClusterModel, LiveOnly};

/// The spec's fields over the source's. What is of the source's region is left out, and said.
pub(super) fn carried(own: ClusterModel, there: ClusterModel, left: &mut Vec<String>) -> ClusterModel {
    let group = there.subnet_group.as_ref().filter(|group| group.name != "default");
    if let (None, Some(group)) = (&own.subnet_group, group) {
        left.push(format!(
            "subnet group {} is of its region: AWS's default is taken, unless `subnet_group:` is stated",
            group.name
        ));
    }
    if own.security_groups.is_none() && there.security_groups.is_some_and(|groups| !groups.is_empty()) {
        left.push(
            "security groups are of their region: the VPC's default is taken, unless `security_groups:` is stated"
                .to_owned(),
        );
    }
    if own.kms_key.is_none() && there.kms_key.is_some() {
        left.push("its KMS key is of its region: AWS's own is taken, unless `kms_key:` is stated".to_owned());
    }
    for group in &there.live.instance_parameter_groups {
        left.push(format!("the parameter group {group} of its instances is not taken over; make it by hand"));
    }
    let mut instances = own.instances.or(there.instances);
    for instance in instances.iter_mut().flat_map(BTreeMap::values_mut) {
        instance.tags.extend(own.instance_tags.clone().unwrap_or_default());
    }
    ClusterModel {
        engine: own.engine.or(there.engine),
        engine_version: own.engine_version.or(there.engine_version),
        master_username: own.master_username.or(there.master_username),
        database: own.database.or(there.database),
        port: own.port.or(there.port),
        instances,
        subnet_group: own.subnet_group,
        parameter_group: own.parameter_group.or(there.parameter_group),
        security_groups: own.security_groups,
        deletion_protection: own.deletion_protection,
        backup_days: own.backup_days.or(there.backup_days),
        storage_encrypted: own.storage_encrypted.or(there.storage_encrypted),
        kms_key: own.kms_key,
        iam_auth: own.iam_auth.or(there.iam_auth),
        copy_tags_to_snapshots: own.copy_tags_to_snapshots.or(there.copy_tags_to_snapshots),
        log_exports: own.log_exports.or(there.log_exports),
        serverless: own.serverless.or(there.serverless),
        apply_immediately: own.apply_immediately,
        tags: tags::over(own.tags, there.tags),
        instance_tags: own.instance_tags,
        live: LiveOnly::default(),
    }
}
