//! What RDS would refuse of a spec.

use regionctl_core::kind::Notes;
use regionctl_core::model::tags;

use super::ClusterSpec;

/// RDS's rule for identifiers (CreateDBCluster, CreateDBInstance).
pub(super) fn identifier(name: &str, of: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if (1..=63).contains(&name.len())
        && name.bytes().all(fits)
        && starts
        && !name.ends_with('-')
        && !name.contains("--")
    {
        return Ok(());
    }
    Err(format!(
        "RDS does not take '{name}' as a {of}'s identifier\n\
         1 to 63 lower-case letters, digits and hyphens; a letter first, no hyphen last, no two in a row"
    ))
}

pub(super) fn check(spec: &ClusterSpec, notes: &mut Notes<'_>) {
    for (field, there) in [("password", &spec.password), ("master_user_password", &spec.master_user_password)] {
        if there.is_some() {
            let help = "take it out, and treat it as known to all: Secrets Manager makes the password and keeps it";
            notes.fault_of_a_secret(field, "a password", help);
        }
    }
    if !notes.follows {
        for (field, there) in [("engine", &spec.engine), ("master_username", &spec.master_username)] {
            if there.is_none() {
                let message = format!("the field '{field}' is missing");
                notes.fault("", message, "state it, or follow another cluster with `like: REGION/NAME`");
            }
        }
    }
    if let Some(engine) =
        spec.engine.as_deref().filter(|engine| !matches!(*engine, "aurora-postgresql" | "aurora-mysql"))
    {
        let message = format!("'{engine}' is not an engine of Aurora that can still be made");
        notes.fault("engine", message, "aurora-postgresql or aurora-mysql");
    }
    if spec.backup_days.is_some_and(|days| !(1..=35).contains(&days)) {
        notes.fault("backup_days", "RDS keeps backups for 1 to 35 days", "write another number");
    }
    for (id, instance) in spec.instances.iter().flatten() {
        let at = format!("instances.{id}");
        if let Err(why) = identifier(id, "instance") {
            let (message, help) = why.split_once('\n').unwrap_or((&why, ""));
            notes.fault(&at, message, help);
        }
        if !instance.class.starts_with("db.") {
            let message = format!("'{}' is not an instance class", instance.class);
            notes.fault(&format!("{at}.class"), message, "one looks like db.r6g.large, or db.serverless");
        }
    }
    tags::check(spec.tags.as_ref(), notes);
}
