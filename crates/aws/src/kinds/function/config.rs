// SPDX-License-Identifier: Apache-2.0
//! A function's configuration: the settings that UpdateFunctionConfiguration changes.

use std::collections::BTreeMap;

use regionctl_core::diff::{Covers, Diff};
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use super::{FunctionOp, Tracing, VpcAccess};

/// The settings that UpdateFunctionConfiguration changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Config {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) runtime: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) handler: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) role: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) description: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) timeout: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) memory_mb: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) ephemeral_mb: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) environment: Setting<BTreeMap<String, Secret>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tracing: Setting<Tracing>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) log_group: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) layers: Setting<Vec<String>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) vpc: Setting<VpcAccess>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) kms_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) dead_letter: Setting<String>,
}

impl Config {
    /// Compares the stated settings.
    pub(super) fn compare(&self, live: Option<&Self>, out: &mut Diff<'_, FunctionOp>) -> Covers {
        let Self {
            runtime,
            handler,
            role,
            description,
            timeout,
            memory_mb,
            ephemeral_mb,
            environment,
            tracing,
            log_group,
            layers,
            vpc,
            kms_key,
            dead_letter,
        } = self;
        let none = Self::default();
        let live = live.unwrap_or(&none);
        if !environment.is_unstated() {
            let live_keys = live.environment.value().into_iter().flatten().map(|(key, _)| key);
            for key in live_keys.filter(|key| environment.value().is_none_or(|want| !want.contains_key(*key))) {
                out.deletes(format!("the variable {key} is removed with its value: it is not in the spec"));
            }
        }
        out.setting("runtime", runtime, Some(&live.runtime))
            .and(out.setting("handler", handler, Some(&live.handler)))
            .and(out.setting("role", role, Some(&live.role)))
            .and(out.setting("description", description, Some(&live.description)))
            .and(out.setting("timeout", timeout, Some(&live.timeout)))
            .and(out.setting("memory_mb", memory_mb, Some(&live.memory_mb)))
            .and(out.setting("ephemeral_mb", ephemeral_mb, Some(&live.ephemeral_mb)))
            .and(out.setting("environment", environment, Some(&live.environment)))
            .and(out.setting("tracing", tracing, Some(&live.tracing)))
            .and(out.setting("log_group", log_group, Some(&live.log_group)))
            .and(out.setting("layers", layers, Some(&live.layers)))
            .and(out.setting("vpc", vpc, Some(&live.vpc)))
            .and(out.setting("kms_key", kms_key, Some(&live.kms_key)))
            .and(out.setting("dead_letter", dead_letter, Some(&live.dead_letter)))
    }
}
