// SPDX-License-Identifier: Apache-2.0
//! Validation of a cluster's fields against the limits of the RDS API
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>).

use std::collections::BTreeMap;

use regionctl_core::kind::Notes;
use regionctl_core::model::tags::{is_aws, is_own};
use regionctl_core::resource::setting::Setting;

use super::model::{Insights, Monitoring, Scaling};
use super::spec::{ClusterSpec, InstanceSpec};
use super::window::Window;
use crate::tags::{self, TagSettings};

/// The writer and 15 readers (Aurora User Guide, "Quotas and constraints for Amazon Aurora").
const MAX_INSTANCES: usize = 16;

/// Validates a DB cluster or DB instance identifier.
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

/// Adds a fault to the notes for everything that RDS would reject.
pub(super) fn check(spec: &ClusterSpec, notes: &mut Notes<'_>) {
    refused(spec, notes);
    required(spec, notes);
    words(spec, notes);
    identifiers(spec, notes);
    if spec.backup_days.is_some_and(|days| !(1..=35).contains(&days)) {
        notes.fault("backup_days", "the backup retention period must be 1 to 35 days", "set a number from 1 to 35");
    }
    if spec.backtrack_seconds.is_some_and(|seconds| !(0..=259_200).contains(&seconds)) {
        notes.fault("backtrack_seconds", "the backtrack window must be 0 to 259200 seconds", "set at most 72 hours");
    }
    if spec.backtrack_seconds.is_some_and(|it| it > 0) && spec.engine.as_deref() == Some("aurora-postgresql") {
        notes.fault("backtrack_seconds", "only aurora-mysql clusters can be backtracked", "remove `backtrack_seconds`");
    }
    key("kms_key", spec.kms_key.value(), notes);
    key("secret_kms_key", spec.secret_kms_key.value(), notes);
    if spec.managed_password == Some(false) && spec.secret_kms_key.is_set() {
        let message = "`secret_kms_key` needs a password that Secrets Manager stores";
        notes.fault("secret_kms_key", message, "set `managed_password: true`, or remove `secret_kms_key`");
    }
    windows(spec, notes);
    insights("performance_insights", &spec.performance_insights, notes);
    monitoring("monitoring", &spec.monitoring, notes);
    if spec.database_insights.as_deref() == Some("advanced") && !notes.follows {
        let kept = spec.performance_insights.value().map(|insights| insights.retention_days);
        if kept.is_none_or(|days| days < 465) {
            let message = "`database_insights: advanced` needs Performance Insights with at least 465 days";
            notes.fault("database_insights", message, "add `performance_insights: {retention_days: 465}`");
        }
    }
    if let Some(range) = spec.serverless.value() {
        scaling(range, notes);
    }
    for role in spec.roles.iter().flatten() {
        self::role("roles", &role.role, notes);
    }
    if spec.instances.as_ref().is_some_and(|instances| instances.len() > MAX_INSTANCES) {
        notes.fault("instances", "a cluster can have at most 16 instances", "remove instances");
    }
    for (id, instance) in spec.instances.iter().flatten() {
        self::instance(id, instance, notes);
    }
    tags::check(&spec.tags, notes);
    instance_tags("instance_tags", &spec.instance_tags, notes);
}

fn windows(spec: &ClusterSpec, notes: &mut Notes<'_>) {
    let backup = window("backup_window", spec.backup_window.as_deref(), Window::daily, "02:00-03:00", notes);
    let weekly = spec.maintenance_window.as_deref();
    let maintenance = window("maintenance_window", weekly, Window::weekly, "sun:04:00-sun:05:00", notes);
    if backup.zip(maintenance).is_some_and(|(daily, weekly)| daily.overlaps(weekly)) {
        let message = "the backup window overlaps with the maintenance window";
        notes.fault("backup_window", message, "move one of them: RDS rejects windows that overlap");
    }
}

/// Names and the port.
fn identifiers(spec: &ClusterSpec, notes: &mut Notes<'_>) {
    if spec.port.is_some_and(|port| !(1_150..=65_535).contains(&port)) {
        notes.fault("port", "the port must be 1150 to 65535", "set a number from 1150 to 65535");
    }
    let is_name = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        name.len() <= 63 && name.starts_with(|letter: char| letter.is_ascii_alphabetic()) && name.bytes().all(allowed)
    };
    for (field, name) in [("master_username", spec.master_username.as_ref()), ("database", spec.database.value())] {
        if let Some(name) = name.filter(|name| !is_reference(name) && !is_name(name)) {
            let help = "use at most 63 letters, digits and underscores; start with a letter";
            notes.fault(field, format!("'{name}' is not a valid `{field}`"), help);
        }
    }
    let known: &[&str] = match spec.engine.as_deref() {
        Some("aurora-postgresql") => &["instance", "postgresql", "iam-db-auth-error"],
        Some("aurora-mysql") => &["audit", "error", "general", "instance", "slowquery", "iam-db-auth-error"],
        _ => return,
    };
    for log in spec.log_exports.iter().flatten().filter(|log| !known.contains(&log.as_str())) {
        notes.fault("log_exports", format!("the engine has no log '{log}'"), format!("use {}", known.join(", ")));
    }
}

/// Tags of instances, whose keys AWS and regionctl may reserve.
fn instance_tags(at: &str, tags: &Setting<TagSettings>, notes: &mut Notes<'_>) {
    for key in tags.value().into_iter().flat_map(BTreeMap::keys) {
        if is_aws(key) || is_own(key) {
            let message = format!("the tag key '{key}' starts with `aws:` or `regionctl:`, which are reserved");
            notes.fault(at, message, "choose another key");
        }
    }
}

/// Fields that regionctl refuses, with the reason.
fn refused(spec: &ClusterSpec, notes: &mut Notes<'_>) {
    for (field, value) in [("password", &spec.password), ("master_user_password", &spec.master_user_password)] {
        if value.is_some() {
            let help = "remove it and treat it as leaked: Secrets Manager creates and stores the master password";
            notes.fault_of_a_secret(field, "the spec contains a password", help);
        }
    }
    if spec.global_cluster.is_some() {
        let help = "remove it; add the cluster to the global cluster by hand";
        notes.fault("global_cluster", "regionctl does not manage Aurora global databases", help);
    }
}

fn required(spec: &ClusterSpec, notes: &mut Notes<'_>) {
    if notes.follows {
        return;
    }
    let missing = |field: &str, notes: &mut Notes<'_>| {
        let message = format!("the field '{field}' is missing");
        notes.fault("", message, "add it, or copy another cluster with `like: REGION/NAME`");
    };
    if spec.engine.is_none() {
        missing("engine", notes);
    }
    // A snapshot has the master user.
    if spec.master_username.is_none() && spec.restore_from.is_none() {
        missing("master_username", notes);
    }
}

fn words(spec: &ClusterSpec, notes: &mut Notes<'_>) {
    let engine = spec.engine.as_deref();
    // `aurora` is Aurora MySQL 5.6, which live clusters may still have.
    if let Some(engine) = engine.filter(|engine| !matches!(*engine, "aurora-postgresql" | "aurora-mysql" | "aurora")) {
        let message = format!("'{engine}' is not an Aurora engine for new clusters");
        notes.fault("engine", message, "use aurora-postgresql or aurora-mysql");
    }
    let support = ["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"];
    let fields: [(&str, &Option<String>, &[&str]); 4] = [
        ("storage_type", &spec.storage_type, &["aurora", "aurora-iopt1"]),
        ("network_type", &spec.network_type, &["IPV4", "DUAL"]),
        ("database_insights", &spec.database_insights, &["standard", "advanced"]),
        ("engine_lifecycle_support", &spec.engine_lifecycle_support, &support),
    ];
    for (field, value, allowed) in fields {
        if let Some(value) = value.as_deref().filter(|value| !allowed.contains(value)) {
            let message = format!("'{value}' is not a valid `{field}`");
            notes.fault(field, message, format!("use {}", allowed.join(" or ")));
        }
    }
}

fn instance(id: &str, instance: &InstanceSpec, notes: &mut Notes<'_>) {
    let at = format!("instances.{id}");
    if let Err(why) = identifier(id, "instance") {
        let (message, help) = why.split_once('\n').unwrap_or((&why, ""));
        notes.fault(&at, message, help);
    }
    if !instance.class.starts_with("db.") {
        let message = format!("'{}' is not a DB instance class", instance.class);
        notes.fault(&format!("{at}.class"), message, "use a class such as db.r6g.large or db.serverless");
    }
    if instance.promotion_tier.is_some_and(|tier| !(0..=15).contains(&tier)) {
        notes.fault(&format!("{at}.promotion_tier"), "the promotion tier must be 0 to 15", "set a number from 0 to 15");
    }
    let example = "sun:05:00-sun:06:00";
    let at_window = format!("{at}.maintenance_window");
    window(&at_window, instance.maintenance_window.as_deref(), Window::weekly, example, notes);
    insights(&format!("{at}.performance_insights"), &instance.performance_insights, notes);
    monitoring(&format!("{at}.monitoring"), &instance.monitoring, notes);
    instance_tags(&format!("{at}.tags"), &instance.tags, notes);
    if let Some(reason) = &instance.waiver {
        notes.waive(&super::public_path(id), reason, &format!("{at}.waiver"));
    }
}

fn role(path: &str, role: &str, notes: &mut Notes<'_>) {
    if !is_reference(role) && !role.contains(":role/") {
        let message = format!("'{role}' is not the ARN of an IAM role");
        notes.fault(path, message, "write arn:aws:iam::ACCOUNT:role/NAME");
    }
}

fn is_reference(text: &str) -> bool {
    text.starts_with("${")
}

/// RDS accepts an alias or a key ID too, but returns the key's ARN.
fn key(path: &str, key: Option<&String>, notes: &mut Notes<'_>) {
    let is_key = |key: &str| is_reference(key) || (key.starts_with("arn:") && key.contains(":key/"));
    if key.is_some_and(|key| !is_key(key)) {
        let message = format!("`{path}` must be the ARN of a KMS key");
        notes.fault(path, message, "write arn:aws:kms:REGION:ACCOUNT:key/ID instead of an alias or a key ID");
    }
}

fn insights(path: &str, insights: &Setting<Insights>, notes: &mut Notes<'_>) {
    let Some(Insights { kms_key, retention_days: days }) = insights.value() else { return };
    key(&format!("{path}.kms_key"), kms_key.as_ref(), notes);
    // PerformanceInsightsRetentionPeriod: 7, month * 31 for 1 to 23 months, 731. Database Insights has 465 = 15 * 31.
    if !(matches!(days, 7 | 731) || (days % 31 == 0 && (31..=713).contains(days))) {
        let message = format!("{days} days is not a valid retention of Performance Insights");
        notes.fault(&format!("{path}.retention_days"), message, "use 7, 731, or a multiple of 31 up to 713");
    }
}

fn monitoring(path: &str, monitoring: &Setting<Monitoring>, notes: &mut Notes<'_>) {
    let Some(Monitoring { interval_seconds: seconds, role }) = monitoring.value() else { return };
    self::role(&format!("{path}.role"), role, notes);
    if !matches!(seconds, 1 | 5 | 10 | 15 | 30 | 60) {
        let message = format!("{seconds} seconds is not a valid monitoring interval");
        let help = "use 1, 5, 10, 15, 30 or 60; `unset` instead of the block turns monitoring off";
        notes.fault(&format!("{path}.interval_seconds"), message, help);
    }
}

fn scaling(range: &Scaling, notes: &mut Notes<'_>) {
    let steps = |value: f64| (value * 2.0).fract() == 0.0;
    let Scaling { min, max, pause_after_seconds } = *range;
    if !(0.0..=256.0).contains(&min) || !(1.0..=256.0).contains(&max) || !steps(min) || !steps(max) || min > max {
        let message = format!("{min} to {max} ACUs is not a valid capacity range");
        notes.fault("serverless", message, "use a minimum of 0 to 256 and a maximum of 1 to 256, in steps of 0.5");
    }
    if let Some(seconds) = pause_after_seconds {
        if min != 0.0 {
            let message = "`pause_after_seconds` needs `min: 0`";
            notes.fault("serverless.pause_after_seconds", message, "set `min: 0`, or remove `pause_after_seconds`");
        } else if !(300..=86_400).contains(&seconds) {
            let message = "the pause must start after 300 to 86400 seconds";
            notes.fault("serverless.pause_after_seconds", message, "set a number from 300 to 86400");
        }
    }
}

/// RDS needs windows of at least 30 minutes. Returns a valid one.
fn window(
    path: &str,
    window: Option<&str>,
    parse: fn(&str) -> Option<Window>,
    example: &str,
    notes: &mut Notes<'_>,
) -> Option<Window> {
    let text = window?;
    let parsed = parse(text);
    let why = match parsed {
        Some(window) if window.length() >= 30 => return parsed,
        Some(_) => "is shorter than 30 minutes",
        None => "is not a valid window",
    };
    notes.fault(path, format!("'{text}' {why}"), format!("write it in UTC and lower case, such as {example}"));
    None
}
