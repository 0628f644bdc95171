// SPDX-License-Identifier: Apache-2.0
//! The model of a VPC endpoint, desired or live.

use std::borrow::Cow;
use std::collections::BTreeSet;

use regionctl_core::model::policy::Policy;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::tags::TagSettings;

/// The type of an endpoint (`VpcEndpointType`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "VpcEndpointType")]
pub enum EndpointType {
    /// Routes of route tables, without network interfaces.
    Gateway,
    /// Network interfaces in subnets.
    #[default]
    Interface,
    /// A network interface through which routes send traffic to a Gateway Load Balancer.
    GatewayLoadBalancer,
}

impl EndpointType {
    /// Returns the type in words.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Interface => "interface",
            Self::GatewayLoadBalancer => "gateway_load_balancer",
        }
    }
}

/// The IP addresses of an endpoint (`IpAddressType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "VpcEndpointAddresses")]
pub enum Addresses {
    /// IPv4 only.
    Ipv4,
    /// IPv4 and IPv6.
    Dualstack,
    /// IPv6 only.
    Ipv6,
}

impl Addresses {
    /// Returns EC2's name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// The IP addresses of the endpoint's DNS records (`DnsRecordIpType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VpcEndpointDnsRecords")]
pub enum DnsRecords {
    /// A records.
    Ipv4,
    /// A and AAAA records.
    Dualstack,
    /// AAAA records.
    Ipv6,
    /// The service decides. The default of gateway endpoints.
    ServiceDefined,
}

impl DnsRecords {
    /// Returns EC2's name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::Ipv6 => "ipv6",
            Self::ServiceDefined => "service-defined",
        }
    }
}

/// The route tables that route the service's traffic to a gateway endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RouteTables {
    /// All route tables of the VPC.
    #[default]
    #[serde(serialize_with = "all")]
    All,
    /// Exactly the route tables with these ids.
    These(BTreeSet<String>),
}

fn all<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(ALL)
}

const ALL: &str = "all";

impl<'de> Deserialize<'de> for RouteTables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "`all`, or a list of route table ids")]
        enum Either {
            Word(String),
            List(BTreeSet<String>),
        }
        match Either::deserialize(deserializer)? {
            Either::List(ids) => Ok(Self::These(ids)),
            Either::Word(word) if word == ALL => Ok(Self::All),
            Either::Word(word) => Err(serde::de::Error::custom(format!(
                "'{word}' is not `all` or a list of route table ids\nuse a list such as [rtb-0123456789abcdef0]"
            ))),
        }
    }
}

impl JsonSchema for RouteTables {
    fn schema_name() -> Cow<'static, str> {
        "RouteTables".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "all" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// A VPC endpoint. A setting that its type does not have is unset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointModel {
    #[serde(default, rename = "type", skip_serializing_if = "Setting::is_unstated")]
    pub(super) endpoint_type: Setting<EndpointType>,
    /// The region of the service. Unset: the endpoint's own.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) service_region: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) route_tables: Setting<RouteTables>,
    /// IDs of the subnets with a network interface.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) subnets: Setting<BTreeSet<String>>,
    /// IDs of the security groups of the network interfaces.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) security_groups: Setting<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) private_dns: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) private_dns_only_inbound: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) ip_address_type: Setting<Addresses>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) dns_records: Setting<DnsRecords>,
    /// The endpoint policy. Unset: the default policy, which allows full access.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) policy: Setting<Policy>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// Live only: EC2's word for the state, unless the endpoint is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    /// Live only: why the endpoint failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// Live only: the ids of all route tables of the VPC, if the endpoint is a gateway endpoint.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) of_vpc: BTreeSet<String>,
}

impl EndpointModel {
    /// Returns the ids of a live endpoint's route tables.
    pub(super) fn routed(&self) -> BTreeSet<String> {
        match self.route_tables.value() {
            Some(RouteTables::These(ids)) => ids.clone(),
            Some(RouteTables::All) => self.of_vpc.clone(),
            None => BTreeSet::new(),
        }
    }

    /// Returns a live endpoint's route tables in the form of `want`: `All` if that is desired and no table is missing.
    pub(super) fn routed_as(&self, want: &RouteTables) -> RouteTables {
        match want {
            RouteTables::All if self.of_vpc.is_subset(&self.routed()) => RouteTables::All,
            _ => RouteTables::These(self.routed()),
        }
    }

    /// Whether the endpoint is in one of these states.
    pub(super) fn is_in(&self, states: &[&str]) -> bool {
        self.state.as_deref().is_some_and(|state| states.iter().any(|word| state.eq_ignore_ascii_case(word)))
    }
}
