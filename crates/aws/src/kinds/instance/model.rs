// SPDX-License-Identifier: Apache-2.0
//! The model of an instance, desired or live.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use super::spec::ImageSpec;
use crate::tags::TagSettings;

/// The value of `metadata.tokens` that allows IMDSv1 (`HttpTokens` in
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>).
pub(super) const OPTIONAL: &str = "optional";

/// An instance, desired or live.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct InstanceModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) image: Setting<ImageSpec>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) instance_type: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) key_pair: Setting<String>,
    /// Security group ids.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) security_groups: Setting<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) subnet: Setting<String>,
    /// The name of the IAM instance profile.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) profile: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) running: Setting<bool>,
    /// Whether the instance has a public IPv4 address. Unstated for a stopped instance without one: EC2 may assign one
    /// when it starts.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) public_address: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) source_dest_check: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) metadata: Setting<Metadata>,
    /// Whether detailed monitoring is on.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) monitoring: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) ebs_optimized: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) termination_protection: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) stop_protection: Setting<bool>,
    /// `stop` or `terminate`.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) shutdown_behavior: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) root_volume: Setting<Volume>,
    /// The other EBS volumes by device name.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) volumes: Setting<BTreeMap<String, Volume>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) user_data: Setting<Secret>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// The EC2 state name while it is transitional (`pending`, `stopping`); `None` in a desired model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
}

/// The options of the instance metadata service (IMDS).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// `required` or `optional`. If the endpoint is off, it and the settings below it are unstated.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tokens: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) hop_limit: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) ipv6: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) endpoint: Setting<bool>,
}

impl Metadata {
    /// Returns these options over the live ones: what a call sends, so that it keeps the options that do not change.
    pub(super) fn over(&self, live: &Self) -> Self {
        if self.endpoint == Setting::Set(false) {
            return Self { endpoint: Setting::Set(false), ..Self::default() };
        }
        Self {
            tokens: self.tokens.clone().or(live.tokens.clone()),
            hop_limit: self.hop_limit.or(live.hop_limit),
            ipv6: self.ipv6.or(live.ipv6),
            tags: self.tags.or(live.tags),
            endpoint: self.endpoint.or(live.endpoint),
        }
    }
}

/// An EBS volume of an instance.
#[allow(clippy::struct_field_names)] // `type` is a keyword
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) size_gib: Setting<i32>,
    #[serde(default, rename = "type", skip_serializing_if = "Setting::is_unstated")]
    pub(super) volume_type: Setting<String>,
    /// Unset if the type has no IOPS to state, such as gp2.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) iops: Setting<i32>,
    /// In MiB/s. Unset for types other than gp3.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) throughput: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) encrypted: Setting<bool>,
    /// The ARN of the KMS key. Unset if the volume is not encrypted.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) kms_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) delete_on_termination: Setting<bool>,
}

/// Whether a volume of this type has IOPS that a request states. EC2 derives those of other types from the size
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>).
pub(super) fn has_iops(volume_type: &str) -> bool {
    matches!(volume_type, "gp3" | "io1" | "io2")
}
