// SPDX-License-Identifier: Apache-2.0
//! Checks a function's spec against Lambda's limits
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).

use aws_sdk_lambda::types::Runtime;
use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;

use super::event_source::EventSource;
use super::parts::Permission;
use super::spec::{CodeSpec, FunctionSpec};
use super::words::{LogFormat, UpdateRuntimeOn};
use crate::tags;

/// Adds a fault for everything that Lambda would reject.
pub(super) fn check(spec: &FunctionSpec, notes: &mut Notes<'_>) {
    if !notes.follows && !matches!(spec.code, Some(CodeSpec::External | CodeSpec::Pinned(_))) {
        let help = "copy a function with `like:` or `copy:`, or set `code: external` if another tool deploys it";
        notes.fault("code", "a function needs a source for its code", help);
    }
    range("timeout", spec.timeout, 1, 900, notes);
    range("memory_mb", spec.memory_mb, 128, 10_240, notes);
    range("ephemeral_mb", spec.ephemeral_mb, 512, 10_240, notes);
    if let Some(word) = spec.runtime.value().filter(|word| !Runtime::values().contains(&word.as_str())) {
        notes.fault("runtime", format!("'{word}' is not a Lambda runtime"), "use a runtime such as nodejs22.x");
    }
    if spec.role.as_deref().is_some_and(|role| !is_arn(role)) {
        notes.fault("role", "a role must be an ARN", "use an ARN such as arn:aws:iam::123456789012:role/name");
    }
    if spec.description.is_set_and(|text| text.chars().count() > 256) {
        notes.fault("description", "the description is longer than 256 characters", "shorten it");
    }
    for key in spec.environment.value().into_iter().flatten().map(|(key, _)| key) {
        let valid = key.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid {
            let message = format!("'{key}' is not a valid environment variable name");
            notes.fault(&format!("environment.{key}"), message, "use letters, digits and `_`; start with a letter");
        }
    }
    logging(spec, notes);
    network(spec, notes);
    parts(spec, notes);
    tags::check(&spec.tags, notes);
}

fn range(field: &str, value: Option<i32>, least: i32, most: i32, notes: &mut Notes<'_>) {
    if value.is_some_and(|value| !(least..=most).contains(&value)) {
        notes.fault(field, format!("`{field}` must be {least} to {most}"), "set a number in this range");
    }
}

/// Whether a text is an ARN, or contains a reference that becomes one.
fn is_arn(text: &str) -> bool {
    text.starts_with("arn:") || text.contains("${")
}

fn arn(field: &str, value: &Setting<String>, example: &str, notes: &mut Notes<'_>) {
    if let Some(text) = value.value().filter(|text| !is_arn(text)) {
        notes.fault(field, format!("'{text}' is not an ARN"), format!("use an ARN such as {example}"));
    }
}

fn logging(spec: &FunctionSpec, notes: &mut Notes<'_>) {
    let is_json = spec.log_format == Some(LogFormat::Json);
    let unclear = spec.log_format.is_none() && notes.follows;
    for (field, is_set) in [
        ("application_log_level", spec.application_log_level.is_set()),
        ("system_log_level", spec.system_log_level.is_set()),
    ] {
        if is_set && !is_json && !unclear {
            notes.fault(field, format!("`{field}` needs JSON logs"), "set `log_format: JSON`");
        }
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    let is_name = |name: &String| name.contains("${") || (name.len() <= 512 && name.bytes().all(allowed));
    if spec.log_group.is_set_and(|name| !is_name(name)) {
        let message = "the log group's name is not valid";
        notes.fault("log_group", message, "use 1 to 512 of the characters a-z A-Z 0-9 . _ / # -");
    }
}

fn network(spec: &FunctionSpec, notes: &mut Notes<'_>) {
    // KMSKeyArn takes an ARN. Lambda returns the ARN of the key, so that an alias would always differ.
    let is_key = |key: &String| key.contains("${") || (key.starts_with("arn:") && key.contains(":key/"));
    if spec.kms_key.is_set_and(|key| !is_key(key)) {
        let message = "`kms_key` must be the ARN of a KMS key";
        notes.fault("kms_key", message, "write arn:aws:kms:REGION:ACCOUNT:key/ID instead of an alias or a key ID");
    }
    arn("dead_letter", &spec.dead_letter, "arn:aws:sqs:eu-central-1:123456789012:failed", notes);
    arn("code_signing", &spec.code_signing, "arn:aws:lambda:REGION:ACCOUNT:code-signing-config:csc-ID", notes);
    let layers = spec.layers.value().into_iter().flatten();
    for layer in layers.filter(|layer| !is_arn(layer)) {
        let message = format!("'{layer}' is not the ARN of a layer version");
        notes.fault("layers", message, "use an ARN such as arn:aws:lambda:REGION:ACCOUNT:layer:NAME:1");
    }
    if spec.layers.is_set_and(|layers| layers.len() > 5) {
        notes.fault("layers", "a function has at most 5 layers", "remove some of them");
    }
    if let Some(vpc) = spec.vpc.value() {
        if vpc.subnets.is_empty() || vpc.security_groups.is_empty() {
            let message = "VPC access needs subnets and security groups";
            notes.fault("vpc", message, "name at least one of each, or write `vpc: unset`");
        }
        if vpc.subnets.len() > 16 || vpc.security_groups.len() > 5 {
            notes.fault("vpc", "Lambda accepts at most 16 subnets and 5 security groups", "remove some of them");
        }
    }
    let systems = spec.file_systems.value().into_iter().flatten();
    for (index, system) in systems.enumerate() {
        let at = format!("file_systems.{index}");
        if !is_arn(&system.arn) {
            let message = format!("'{}' is not an ARN", system.arn);
            notes.fault(&at, message, "use the ARN of an EFS access point or an S3 file system");
        }
        let path = system.path.strip_prefix("/mnt/").unwrap_or_default();
        if path.is_empty() || !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            notes.fault(&at, format!("'{}' is not a path below /mnt/", system.path), "use a path such as /mnt/data");
        }
    }
    if spec.file_systems.is_set_and(|systems| systems.len() > 1) {
        notes.fault("file_systems", "Lambda mounts at most one file system", "remove the others");
    }
}

fn parts(spec: &FunctionSpec, notes: &mut Notes<'_>) {
    for (id, permission) in spec.permissions.value().into_iter().flatten() {
        self::permission(id, permission, notes);
    }
    if spec.reserved_concurrency.is_set_and(|executions| *executions < 0) {
        notes.fault("reserved_concurrency", "`reserved_concurrency` must be 0 or more", "set 0 or a higher number");
    }
    for (qualifier, executions) in spec.provisioned_concurrency.value().into_iter().flatten() {
        let at = format!("provisioned_concurrency.{qualifier}");
        if qualifier == "$LATEST" {
            let message = "$LATEST cannot have provisioned concurrency";
            notes.fault(&at, message, "name an alias or a published version");
        }
        if executions.is_unstated() || executions.is_set_and(|executions| *executions < 1) {
            notes.fault(&at, "provisioned concurrency must be 1 or more", "set a number, or `unset` to remove it");
        }
    }
    let cors = spec.url.value().and_then(|url| url.cors.value());
    if cors.is_some_and(|cors| !(0..=86_400).contains(&cors.max_age_seconds)) {
        notes.fault("url.cors.max_age_seconds", "the age must be 0 to 86400", "set a number in this range");
    }
    if let Some(config) = spec.async_config.value() {
        range("async_config.max_retries", config.max_retries.get(), 0, 2, notes);
        range("async_config.max_age_seconds", config.max_age_seconds.get(), 60, 21_600, notes);
        let example = "arn:aws:sqs:eu-central-1:123456789012:failed";
        arn("async_config.on_success", &config.on_success, example, notes);
        arn("async_config.on_failure", &config.on_failure, example, notes);
    }
    for (arn, source) in spec.event_sources.value().into_iter().flatten() {
        event_source(arn, source, notes);
    }
    if let Some(updates) = spec.runtime_updates.value() {
        let is_manual = updates.mode == UpdateRuntimeOn::Manual;
        if is_manual != updates.version.is_some() {
            let message = "a runtime version belongs to the mode Manual, and only to it";
            notes.fault("runtime_updates", message, "add `version:` to Manual, or remove it from another mode");
        }
    }
}

/// Checks a statement against the limits of AddPermission
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>).
fn permission(id: &str, permission: &Setting<Permission>, notes: &mut Notes<'_>) {
    let at = format!("permissions.{id}");
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if id.is_empty() || id.len() > 100 || !id.bytes().all(allowed) {
        let message = format!("'{id}' is not a valid statement id");
        notes.fault(&at, message, "use 1 to 100 letters, digits, `-` and `_`");
    }
    let Some(permission) = permission.value() else {
        if permission.is_unstated() {
            notes.fault(&at, "the permission has no value", "state its principal, or `unset` to remove it");
        }
        return;
    };
    if permission.action != "*" && !permission.action.starts_with("lambda:") {
        let message = format!("'{}' is not an action of Lambda", permission.action);
        notes.fault(&format!("{at}.action"), message, "use an action such as lambda:InvokeFunction");
    }
    if permission.source_arn.as_deref().is_some_and(|arn| !is_arn(arn)) {
        notes.fault(
            &format!("{at}.source_arn"),
            "the source is not an ARN",
            "use the ARN of the resource that invokes",
        );
    }
    let is_account =
        |text: &str| text.contains("${") || (text.len() == 12 && text.bytes().all(|it| it.is_ascii_digit()));
    if permission.source_account.as_deref().is_some_and(|account| !is_account(account)) {
        notes.fault(&format!("{at}.source_account"), "the account is not an account ID", "write 12 digits in quotes");
    }
    if permission.organization.as_deref().is_some_and(|it| !it.starts_with("o-") && !it.contains("${")) {
        notes.fault(&format!("{at}.organization"), "the organization is not an ID", "write an ID such as o-a1b2c3d4e5");
    }
}

/// Checks an event source against the limits of CreateEventSourceMapping
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>).
fn event_source(arn: &str, source: &Setting<EventSource>, notes: &mut Notes<'_>) {
    let at = format!("event_sources.{arn}");
    if !is_arn(arn) {
        let message = format!("'{arn}' is not an ARN");
        notes.fault(&at, message, "use the ARN of a queue or stream such as arn:aws:sqs:REGION:ACCOUNT:NAME");
    }
    let Some(source) = source.value() else {
        if source.is_unstated() {
            notes.fault(&at, "the event source has no value", "write {} for AWS's defaults, or `unset` to remove it");
        }
        return;
    };
    for (field, value, least, most) in [
        ("batch_size", source.batch_size, 1, 10_000),
        ("batching_window_seconds", source.batching_window_seconds, 0, 300),
        ("parallelization_factor", source.parallelization_factor, 1, 10),
        ("max_concurrency", source.max_concurrency, 2, 1_000),
        ("max_record_age_seconds", source.max_record_age_seconds, -1, 604_800),
        ("max_retries", source.max_retries, -1, 10_000),
        ("tumbling_window_seconds", source.tumbling_window_seconds, 0, 900),
        ("min_pollers", source.min_pollers, 1, 200),
        ("max_pollers", source.max_pollers, 1, 10_000),
    ] {
        if value.is_set_and(|value| !(least..=most).contains(value)) {
            let message = format!("`{field}` must be {least} to {most}");
            notes.fault(&format!("{at}.{field}"), message, "set a number in this range");
        }
    }
    for pattern in source.filters.value().into_iter().flatten() {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(pattern) {
            let message = format!("a filter pattern is not valid JSON: {error}");
            notes.fault(&format!("{at}.filters"), message, "write each pattern as a text with JSON");
        }
    }
}
