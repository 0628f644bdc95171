// SPDX-License-Identifier: Apache-2.0
//! A function's configuration: the settings that UpdateFunctionConfiguration changes.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::{Covers, Diff};
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FunctionOp;
use super::words::{ApplicationLevel, DirectS3Read, LogFormat, SnapStart, SystemLevel, Tracing};

/// A function's access to a VPC (`VpcConfig`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaVpcAccess")]
pub(super) struct VpcAccess {
    /// Subnet IDs.
    pub(super) subnets: BTreeSet<String>,
    /// Security group IDs.
    pub(super) security_groups: BTreeSet<String>,
    /// Whether the function may send IPv6 traffic to dual-stack subnets. AWS's default is false.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) ipv6: Setting<bool>,
}

/// A file system that the function mounts (`FileSystemConfig`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaFileSystem")]
pub(super) struct FileSystem {
    /// ARN of the EFS access point or of the S3 file system.
    pub(super) arn: String,
    /// Path in the function, below /mnt/.
    pub(super) path: String,
    /// For an S3 file system: how the function reads objects.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) direct_s3_read: Setting<DirectS3Read>,
}

/// Values that override those of a container image (`ImageConfig`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LambdaImageConfig")]
pub(super) struct ImageConfig {
    /// Entry point and its arguments. `unset` uses the image's.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) entry_point: Setting<Vec<String>>,
    /// Command and its arguments. `unset` uses the image's.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) command: Setting<Vec<String>>,
    /// Working directory. `unset` uses the image's.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) working_directory: Setting<String>,
}

impl ImageConfig {
    /// Whether no value is set, which is the same as no image configuration.
    pub(super) fn is_empty(&self) -> bool {
        !self.entry_point.is_set() && !self.command.is_set() && !self.working_directory.is_set()
    }
}

/// Defines the configuration and what applies to each of its settings, so that none is forgotten.
macro_rules! config {
    ($($field:ident: $type:ty,)*) => {
        /// The settings that UpdateFunctionConfiguration changes.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct Config {
            $(
                #[serde(default, skip_serializing_if = "Setting::is_unstated")]
                pub(super) $field: Setting<$type>,
            )*
        }

        impl Config {
            /// Returns the differences, and the settings that differ.
            fn differing(&self, live: &Self, out: &mut Diff<'_, FunctionOp>) -> (Covers, Self) {
                let (mut covers, mut differing) = (Covers::default(), Self::default());
                $(
                    let found = out.setting(stringify!($field), &self.$field, Some(&live.$field));
                    if !found.is_empty() {
                        differing.$field = self.$field.clone();
                        covers = covers.and(found);
                    }
                )*
                (covers, differing)
            }

            /// Returns these settings, and those of the source where they are unstated. A setting that the source does
            /// not have stays unstated, so that AWS's default applies.
            pub(super) fn over(self, source: Self) -> Self {
                Self { $($field: self.$field.or(Setting::stated(source.$field.into_value())),)* }
            }

            /// Writes the settings in spec form.
            pub(super) fn write(&self, fields: &mut serde_json::Map<String, serde_json::Value>) {
                $(regionctl_core::spec::write::setting(stringify!($field), &self.$field, fields);)*
            }
        }
    };
}

config! {
    runtime: String,
    handler: String,
    role: String,
    description: String,
    timeout: i32,
    memory_mb: i32,
    ephemeral_mb: i32,
    environment: BTreeMap<String, Secret>,
    tracing: Tracing,
    log_group: String,
    log_format: LogFormat,
    application_log_level: ApplicationLevel,
    system_log_level: SystemLevel,
    snap_start: SnapStart,
    layers: Vec<String>,
    vpc: VpcAccess,
    file_systems: Vec<FileSystem>,
    kms_key: String,
    dead_letter: String,
    image_config: ImageConfig,
}

impl Config {
    /// Compares the stated settings. Returns the differences and the settings to send: those that differ, and what
    /// Lambda would otherwise reset with them.
    pub(super) fn compare(&self, live: Option<&Self>, out: &mut Diff<'_, FunctionOp>) -> (Covers, Self) {
        let none = Self::default();
        let found = live.unwrap_or(&none);
        if !self.environment.is_unstated() {
            let live_keys = found.environment.value().into_iter().flatten().map(|(key, _)| key);
            for key in live_keys.filter(|key| self.environment.value().is_none_or(|want| !want.contains_key(*key))) {
                out.deletes(format!("the variable {key} is removed with its value: it is not in the spec"));
            }
        }
        let (covers, mut sent) = self.completed(found).differing(found, out);
        if live.is_some() && sent.states_logging() {
            // UpdateFunctionConfiguration replaces LoggingConfig as a whole.
            let whole = self.clone().over(found.clone()).completed(found);
            sent.log_group = whole.log_group;
            sent.log_format = whole.log_format;
            (sent.application_log_level, sent.system_log_level) = (whole.application_log_level, whole.system_log_level);
        }
        (covers, sent)
    }

    fn states_logging(&self) -> bool {
        !self.log_group.is_unstated()
            || !self.log_format.is_unstated()
            || !self.application_log_level.is_unstated()
            || !self.system_log_level.is_unstated()
    }

    /// Fills in the unstated members of stated structures with the live ones, because Lambda replaces structures as a
    /// whole, and the log levels that follow from the format.
    fn completed(&self, live: &Self) -> Self {
        let mut whole = self.clone();
        // Compared by variable, so that no value is shown.
        if whole.environment == Setting::Unset {
            whole.environment = Setting::Set(BTreeMap::new());
        }
        if let Setting::Set(vpc) = &mut whole.vpc {
            vpc.ipv6 = vpc.ipv6.or(live.vpc.value().map_or(Setting::Unstated, |live| live.ipv6));
        }
        if let Setting::Set(systems) = &mut whole.file_systems {
            for system in systems {
                let same = live.file_systems.value().into_iter().flatten().find(|other| other.arn == system.arn);
                let found = same.map_or(Setting::Unset, |it| it.direct_s3_read);
                system.direct_s3_read = system.direct_s3_read.or(found);
            }
        }
        if let (Setting::Set(image), Setting::Set(live)) = (&mut whole.image_config, &live.image_config) {
            image.entry_point = image.entry_point.clone().or(live.entry_point.clone());
            image.command = image.command.clone().or(live.command.clone());
            image.working_directory = image.working_directory.clone().or(live.working_directory.clone());
        }
        match whole.log_format.or(live.log_format) {
            // Without a level, Lambda uses INFO
            // (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html).
            Setting::Set(LogFormat::Json) => {
                if whole.application_log_level == Setting::Unset {
                    whole.application_log_level = Setting::Set(ApplicationLevel::Info);
                }
                if whole.system_log_level == Setting::Unset {
                    whole.system_log_level = Setting::Set(SystemLevel::Info);
                }
            }
            // Lambda rejects levels of text logs, and removes them when the format changes to text.
            Setting::Set(LogFormat::Text) if self.log_format.is_set() => {
                whole.application_log_level = Setting::Unset;
                whole.system_log_level = Setting::Unset;
            }
            _ => {}
        }
        whole
    }
}
