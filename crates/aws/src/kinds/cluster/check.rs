// SPDX-License-Identifier: Apache-2.0
//! Validation of a cluster's fields.

use regionctl_core::kind::Notes;
use regionctl_core::model::tags;

use super::ClusterSpec;

/// Validates a DB cluster or DB instance identifier
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>).
pub(super) fn identifier(name: &str, of: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if (1..=63).contains(&name.len())
        && name.bytes().all(allowed)
        && starts
        && !name.ends_with('-')
        && !name.contains("--")
    {
        return Ok(());
    }
    Err(format!(
        "'{name}' is not a valid DB {of} identifier\n\
         use 1 to 63 lowercase letters, digits and hyphens; start with a letter; no hyphen at the end, no two in a row"
    ))
}

pub(super) fn check(spec: &ClusterSpec, notes: &mut Notes<'_>) {
    for (field, value) in [("password", &spec.password), ("master_user_password", &spec.master_user_password)] {
        if value.is_some() {
            let help = "remove it and treat it as leaked: Secrets Manager creates and stores the master password";
            notes.fault_of_a_secret(field, "the spec contains a password", help);
        }
    }
    if !notes.follows {
        for (field, value) in [("engine", &spec.engine), ("master_username", &spec.master_username)] {
            if value.is_none() {
                let message = format!("the field '{field}' is missing");
                notes.fault("", message, "add it, or copy another cluster with `like: REGION/NAME`");
            }
        }
    }
    if let Some(engine) =
        spec.engine.as_deref().filter(|engine| !matches!(*engine, "aurora-postgresql" | "aurora-mysql"))
    {
        let message = format!("'{engine}' is not an Aurora engine for new clusters");
        notes.fault("engine", message, "use aurora-postgresql or aurora-mysql");
    }
    if spec.backup_days.is_some_and(|days| !(1..=35).contains(&days)) {
        notes.fault("backup_days", "the backup retention period must be 1 to 35 days", "set a number from 1 to 35");
    }
    for (id, instance) in spec.instances.iter().flatten() {
        let at = format!("instances.{id}");
        if let Err(why) = identifier(id, "instance") {
            let (message, help) = why.split_once('\n').unwrap_or((&why, ""));
            notes.fault(&at, message, help);
        }
        if !instance.class.starts_with("db.") {
            let message = format!("'{}' is not a DB instance class", instance.class);
            notes.fault(&format!("{at}.class"), message, "use a class such as db.r6g.large or db.serverless");
        }
    }
    tags::check(spec.tags.as_ref(), notes);
}
