// SPDX-License-Identifier: Apache-2.0
//! Converts a cluster's model to the fields of a spec.

use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write::{setting, unset};
use serde_json::{Map, Value};

use super::model::{ClusterInstance, ClusterModel};
use crate::tags;

/// Writes the settings of these names.
macro_rules! settings {
    ($model:expr, $fields:expr, $($name:ident),* $(,)?) => {
        $(setting(stringify!($name), &$model.$name, $fields);)*
    };
}

/// Writes the settings of these names that have a value. Every cluster has one. AWS omits some of them while it creates a
/// cluster or an instance, and a spec cannot unset them.
macro_rules! values {
    ($model:expr, $fields:expr, $($name:ident),* $(,)?) => {
        $(if $model.$name.is_set() {
            setting(stringify!($name), &$model.$name, $fields);
        })*
    };
}

pub(super) fn write(model: &ClusterModel) -> Value {
    let mut fields = Map::new();
    values!(
        model,
        &mut fields,
        engine,
        engine_version,
        engine_lifecycle_support,
        master_username,
        managed_password,
        port,
        network_type,
        security_groups,
        deletion_protection,
        backup_days,
        backup_window,
        maintenance_window,
        auto_minor_version_upgrade,
        backtrack_seconds,
        storage_encrypted,
        storage_type,
        iam_auth,
        data_api,
        local_write_forwarding,
        copy_tags_to_snapshots,
        log_exports,
        database_insights,
        roles,
        restore_from,
    );
    settings!(
        model,
        &mut fields,
        secret_kms_key,
        database,
        subnet_group,
        parameter_group,
        kms_key,
        performance_insights,
        monitoring,
        serverless,
    );
    if let Setting::Set(instances) = &model.instances {
        let written = instances.iter().map(|(id, instance)| (id.clone(), write_instance(instance)));
        fields.insert("instances".to_owned(), Value::Object(written.collect()));
    }
    if model.apply_immediately {
        fields.insert("apply_immediately".to_owned(), true.into());
    }
    tags::write(&model.tags, &mut fields);
    match &model.instance_tags {
        Setting::Unstated => {}
        Setting::Unset => drop(fields.insert("instance_tags".to_owned(), unset())),
        stated @ Setting::Set(_) => {
            let mut tags = Map::new();
            tags::write(stated, &mut tags);
            fields.extend(tags.remove("tags").map(|tags| ("instance_tags".to_owned(), tags)));
        }
    }
    Value::Object(fields)
}

fn write_instance(instance: &ClusterInstance) -> Value {
    let mut fields = Map::new();
    values!(
        instance,
        &mut fields,
        class,
        availability_zone,
        publicly_accessible,
        promotion_tier,
        auto_minor_version_upgrade,
        maintenance_window,
        ca_certificate,
        parameter_group,
    );
    settings!(instance, &mut fields, performance_insights, monitoring);
    tags::write(&instance.tags, &mut fields);
    Value::Object(fields)
}
