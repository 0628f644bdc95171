// SPDX-License-Identifier: Apache-2.0
//! The model of a private hosted zone, desired or live.

use std::collections::BTreeMap;

use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use super::record::Records;
use crate::tags::TagSettings;

/// Regions of VPCs, by VPC ID.
pub(super) type Vpcs = BTreeMap<String, Setting<String>>;

/// A hosted zone. The settings by key contain only what a spec states; live ones contain everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ZoneModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) comment: Setting<String>,
    /// Whether the zone is associated with the VPC that the spec selects.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) region_vpc: Setting<bool>,
    /// The other VPCs that are associated with the zone.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) vpcs: Setting<Vpcs>,
    /// VPCs of other accounts that may be associated with the zone.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) authorized_vpcs: Setting<Vpcs>,
    /// Record sets by [`Key`](super::record::Key).
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) records: Setting<Records>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// Live only: record sets that a spec cannot state, each with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) unsupported: BTreeMap<String, String>,
    /// Live only: the ID of the VPC that the spec selects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own_vpc: Option<String>,
}

impl ZoneModel {
    /// Returns the parts that a plan of `want` depends on: only the VPCs and record sets that it states.
    pub(super) fn relevant_to(self, want: &Self) -> Self {
        let is_stated = |key: &String| want.records.is_set_and(|records| records.contains_key(key));
        Self {
            vpcs: named_in(self.vpcs, &want.vpcs),
            authorized_vpcs: named_in(self.authorized_vpcs, &want.authorized_vpcs),
            records: named_in(self.records, &want.records),
            unsupported: self.unsupported.into_iter().filter(|(key, _)| is_stated(key)).collect(),
            own_vpc: None,
            ..self
        }
    }

    /// Whether the zone is associated with a VPC other than the region's.
    pub(super) fn has_vpc(&self, id: &str) -> bool {
        self.vpcs.is_set_and(|vpcs| vpcs.contains_key(id))
    }
}

fn named_in<T>(
    live: Setting<BTreeMap<String, T>>,
    want: &Setting<BTreeMap<String, T>>,
) -> Setting<BTreeMap<String, T>> {
    let is_named = |key: &String| want.is_set_and(|want| want.contains_key(key));
    live.map(|live| live.into_iter().filter(|(key, _)| is_named(key)).collect())
}
