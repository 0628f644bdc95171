// SPDX-License-Identifier: Apache-2.0
//! The model of a flow log, desired or live.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tags::TagSettings;

/// The traffic that a flow log records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Traffic {
    /// Accepted and rejected traffic.
    #[default]
    All,
    /// Only accepted traffic: security groups and network ACLs allow it.
    Accept,
    /// Only rejected traffic, such as traffic that a security group or network ACL does not allow.
    Reject,
}

impl Traffic {
    /// Returns EC2's name of the traffic type.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Accept => "ACCEPT",
            Self::Reject => "REJECT",
        }
    }
}

/// The format of the files in a bucket (`FileFormat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FileFormat {
    /// Lines of text, compressed with gzip.
    PlainText,
    /// Apache Parquet.
    Parquet,
}

impl FileFormat {
    /// Returns EC2's name of the format.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::PlainText => "plain-text",
            Self::Parquet => "parquet",
        }
    }
}

/// The tag keys to record, by the type of the tagged resource.
pub(super) type TagFields = BTreeMap<TaggedResource, BTreeSet<String>>;

/// A type of resource whose tags a flow log can record (`TaggableResourceType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TaggedResource {
    /// The network interface.
    NetworkInterface,
    /// The instance of the network interface.
    Instance,
    /// The Auto Scaling group of the instance.
    AutoScalingGroup,
}

impl TaggedResource {
    /// Returns EC2's name of the type.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NetworkInterface => "network-interface",
            Self::Instance => "instance",
            Self::AutoScalingGroup => "auto-scaling-group",
        }
    }
}

/// A flow log. Exactly one of `bucket`, `log_group` and `delivery_stream` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLogModel {
    /// ID of the subnet or network interface. Unset: the region's VPC.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) resource: Setting<String>,
    /// ARN of the bucket.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) bucket: Setting<String>,
    /// Key prefix in the bucket, without slashes at either end.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) prefix: Setting<String>,
    /// Name of the log group; its ARN if `cross_account_role` is set.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) log_group: Setting<String>,
    /// ARN of the Firehose delivery stream.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) delivery_stream: Setting<String>,
    /// ARN of the IAM role that delivers the records.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) role: Setting<String>,
    /// ARN of the IAM role of the destination's account.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) cross_account_role: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) traffic: Setting<Traffic>,
    /// Maximum aggregation interval in seconds: 60 or 600.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) aggregation_seconds: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) format: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) file_format: Setting<FileFormat>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) hive_partitions: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) hourly_partitions: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tag_fields: Setting<TagFields>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// Why EC2 cannot deliver records. Set in live models only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) delivery_error: Option<String>,
    /// Further flow logs with this name. Set in live models only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) others: Vec<FlowLogModel>,
    /// Flow log ID. Set in live models only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
}

impl FlowLogModel {
    /// Returns the settings that CreateFlowLogs takes, with the live ones for what this model does not state, so that a
    /// replacement loses none. The resource is this model's.
    pub(super) fn over(&self, live: Option<&Self>) -> Self {
        let own = self.clone();
        let live = live.cloned().unwrap_or_default();
        Self {
            resource: own.resource,
            bucket: own.bucket.or(live.bucket),
            prefix: own.prefix.or(live.prefix),
            log_group: own.log_group.or(live.log_group),
            delivery_stream: own.delivery_stream.or(live.delivery_stream),
            role: own.role.or(live.role),
            cross_account_role: own.cross_account_role.or(live.cross_account_role),
            traffic: own.traffic.or(live.traffic),
            aggregation_seconds: own.aggregation_seconds.or(live.aggregation_seconds),
            format: own.format.or(live.format),
            file_format: own.file_format.or(live.file_format),
            hive_partitions: own.hive_partitions.or(live.hive_partitions),
            hourly_partitions: own.hourly_partitions.or(live.hourly_partitions),
            tag_fields: own.tag_fields.or(live.tag_fields),
            ..Self::default()
        }
    }

    /// Whether a live flow log has all settings that this model states, except for tags.
    pub(super) fn equals(&self, live: &Self) -> bool {
        fn fits<T: PartialEq>(want: &Setting<T>, live: &Setting<T>) -> bool {
            want.is_unstated() || want == live
        }
        self.resource == live.resource
            && self.same_destination(live)
            && fits(&self.role, &live.role)
            && fits(&self.cross_account_role, &live.cross_account_role)
            && fits(&self.traffic, &live.traffic)
            && fits(&self.aggregation_seconds, &live.aggregation_seconds)
            && fits(&self.format, &live.format)
            && fits(&self.file_format, &live.file_format)
            && fits(&self.hive_partitions, &live.hive_partitions)
            && fits(&self.hourly_partitions, &live.hourly_partitions)
            && fits(&self.tag_fields, &live.tag_fields)
    }

    /// Whether a live flow log delivers to the same place.
    pub(super) fn same_destination(&self, live: &Self) -> bool {
        let place = |log: &Self| {
            (log.bucket.get(), log.prefix.get(), log.delivery_stream.get(), log.canonical_log_group().into_value())
        };
        place(self) == place(live)
    }

    /// Returns the log group in its canonical form. A reference to an ARN is resolved after the spec was converted.
    pub(super) fn canonical_log_group(&self) -> Setting<String> {
        self.log_group.as_ref().map(|group| log_group(group, self.cross_account_role.is_set()))
    }
}

/// Returns the canonical form of a log group: its name, or its ARN without `:*` if it is in another account.
pub(super) fn log_group(text: &str, elsewhere: bool) -> String {
    let text = text.trim_end_matches(":*");
    match text.split_once(":log-group:") {
        Some((_, name)) if !elsewhere => name.to_owned(),
        _ => text.to_owned(),
    }
}
