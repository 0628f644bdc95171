// SPDX-License-Identifier: Apache-2.0
//! The model of a function, desired or live.

use std::collections::BTreeMap;

use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::config::Config;
use super::parts::Parts;
use super::words::Architecture;
use crate::tags::TagSettings;

/// A function, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionModel {
    pub(super) code: CodeModel,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) architecture: Setting<Architecture>,
    #[serde(flatten)]
    pub(super) config: Config,
    #[serde(flatten)]
    pub(super) parts: Parts,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// Desired only: the name of the entry, if it is not a pattern. A follower's default log group has this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Live only: the UUIDs of the event source mappings by the ARN of their source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) ids: BTreeMap<String, String>,
    /// Live only: the names of the aliases, which are not copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<String>,
    /// Live only: properties of the code.
    #[serde(default, skip_serializing_if = "Package::is_unknown")]
    pub(super) package: Package,
}

/// A function's code, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum CodeModel {
    /// The source's code, before the source is read.
    Follow,
    /// Code with a known digest.
    Is {
        /// Lambda's `CodeSha256`: the SHA-256 of a package in Base64, or of a container image in hexadecimal digits.
        sha256: String,
        /// The source that has this code; `None` in live models, and if the source has other code than the pinned one.
        from: Option<Code>,
    },
    /// Another tool deploys the code.
    External,
}

/// Properties of a live function's code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Package {
    /// Whether the code is a container image.
    pub(super) is_image: bool,
    /// Size in bytes; 0 if it is unknown.
    pub(super) bytes: i64,
    /// The URI of the image by its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<String>,
}

impl Package {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

impl FunctionModel {
    /// Returns the model without what only reading or following needs.
    pub(super) fn settings(self) -> Self {
        Self { name: None, ids: BTreeMap::new(), aliases: Vec::new(), package: Package::default(), ..self }
    }
}
