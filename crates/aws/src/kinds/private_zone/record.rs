// SPDX-License-Identifier: Apache-2.0
//! A record set of a zone: its key and its settings, in the one form of spec and live.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv6Addr;

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Record sets by [`Key`].
pub(super) type Records = BTreeMap<String, Setting<Record>>;

/// The types of record sets (`RRType`).
pub(super) const TYPES: [&str; 17] = [
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB",
    "TLSA", "TXT",
];

/// The TTL of a record set whose spec states none, in seconds.
const DEFAULT_TTL: i64 = 300;

/// What identifies a record set: name, type and, with a routing policy, the set identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The domain name in lower case, without trailing dot.
    pub name: String,
    /// One of [`TYPES`].
    pub kind: String,
    /// `SetIdentifier`. It may contain spaces.
    pub set: Option<String>,
}

impl Key {
    /// Creates the key of a record set that Route 53 returned. It returns `*` as `\052`
    /// (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>).
    pub fn new(name: &str, kind: &str, set: Option<&str>) -> Self {
        Self { name: domain(name).replace("\\052", "*"), kind: kind.to_owned(), set: set.map(ToOwned::to_owned) }
    }

    /// Parses `NAME TYPE` or `NAME TYPE SET`. Returns `None` if the type is missing or unknown.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.trim().splitn(3, ' ');
        let (name, kind) = (words.next()?, words.next()?.to_ascii_uppercase());
        let set = words.next().filter(|set| !set.is_empty());
        TYPES.contains(&kind.as_str()).then(|| Self::new(name, &kind, set))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)?;
        self.set.as_ref().map_or(Ok(()), |set| write!(f, " {set}"))
    }
}

/// The record set with a given name, type and set identifier. It is compared and written as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route53Record")]
pub struct Record {
    /// How long resolvers cache the record set, in seconds. Default: 300. Not for an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// The values in Route 53's form: `10.0.0.1`, `10 mail.example.com`, `"\"text\""` with its quotes for TXT.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub values: BTreeSet<String>,
    /// The AWS resource, or record set of this zone, that answers instead of `values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Alias>,
    /// Weighted routing: the weight, 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    /// Latency-based routing: the region of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_region: Option<String>,
    /// Failover routing: PRIMARY or SECONDARY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<Failover>,
    /// Multivalue answer routing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multivalue: bool,
    /// Geolocation routing: the location of the clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geolocation: Option<Geolocation>,
    /// Geoproximity routing: the location of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geoproximity: Option<Geoproximity>,
    /// ID of the health check. Route 53 leaves the record set out of answers while the check is unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<String>,
}

/// The target of an alias record set (`AliasTarget`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route53Alias")]
pub struct Alias {
    /// The domain name of the target.
    pub name: String,
    /// ID of the hosted zone of the target: that of the AWS service, or this zone's.
    pub zone_id: String,
    /// Whether the record set is unhealthy while its target is. Default: `false`.
    #[serde(default)]
    pub evaluate_target_health: bool,
}

/// The role of a record set in failover routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "Route53Failover")]
pub enum Failover {
    /// Answers while it is healthy.
    Primary,
    /// Answers while the primary one is unhealthy.
    Secondary,
}

/// The location of clients: a continent, or a country and, if it has some, its subdivision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route53Geolocation")]
pub struct Geolocation {
    /// The continent's code: AF, AN, AS, EU, OC, NA or SA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continent: Option<String>,
    /// The country's two-letter code; `*` for clients of no other record set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The code of a subdivision of the country, such as a state of the US.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdivision: Option<String>,
}

/// The location of a resource: a region, a Local Zone group or coordinates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route53Geoproximity")]
pub struct Geoproximity {
    /// The region of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The Local Zone group of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_zone_group: Option<String>,
    /// The latitude in degrees, as a text: `"49.22"`. Needs `longitude`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude: Option<String>,
    /// The longitude in degrees, as a text: `"-74.01"`. Needs `latitude`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude: Option<String>,
    /// How much larger, or smaller, the area is from which traffic is routed to the resource: -99 to 99. Default: 0.
    #[serde(default)]
    pub bias: i32,
}

impl Record {
    /// Converts the record set to the one form of spec and live. References, which are resolved later, stay as they are.
    #[must_use]
    pub fn canonical(mut self, kind: &str) -> Self {
        self.values = self.values.into_iter().map(|text| value(kind, &text)).collect();
        if let Some(alias) = &mut self.alias {
            alias.name = unless_reference(&alias.name, domain);
        } else {
            self.ttl = self.ttl.or(Some(DEFAULT_TTL));
        }
        self
    }

    /// Returns the names of the routing policies that are stated.
    pub fn routing(&self) -> Vec<&'static str> {
        let stated = [
            ("weight", self.weight.is_some()),
            ("latency_region", self.latency_region.is_some()),
            ("failover", self.failover.is_some()),
            ("multivalue", self.multivalue),
            ("geolocation", self.geolocation.is_some()),
            ("geoproximity", self.geoproximity.is_some()),
        ];
        stated.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
    }

    /// Returns the values and the alias that another record set lacks, in words.
    pub fn lost_to(&self, other: &Self) -> Vec<String> {
        let alias = self.alias.iter().filter(|alias| other.alias.as_ref() != Some(alias));
        let alias = alias.map(|alias| format!("the alias of {}", alias.name));
        self.values.difference(&other.values).cloned().chain(alias).collect()
    }
}

/// Returns a domain name in lower case, without trailing dot. The root stays a dot.
fn domain(text: &str) -> String {
    let name = text.trim().to_ascii_lowercase();
    match name.strip_suffix('.') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name,
    }
}

fn unless_reference(text: &str, change: impl Fn(&str) -> String) -> String {
    if text.contains("${") { text.to_owned() } else { change(text) }
}

/// Returns a value in one form: Route 53 returns names as they were written, with or without a trailing dot.
fn value(kind: &str, text: &str) -> String {
    unless_reference(text, |text| match kind {
        "CNAME" | "NS" | "PTR" => domain(text),
        "MX" | "SRV" => {
            let mut words: Vec<String> = text.split_whitespace().map(ToOwned::to_owned).collect();
            if let Some(name) = words.last_mut() {
                *name = domain(name);
            }
            words.join(" ")
        }
        "AAAA" => text.trim().parse::<Ipv6Addr>().map_or_else(|_| text.trim().to_owned(), |ip| ip.to_string()),
        _ => text.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_form() {
        let key = |text: &str| Key::parse(text).map(|key| key.to_string());
        assert_eq!(key("DB.a.dns. cname").as_deref(), Some("db.a.dns CNAME"));
        assert_eq!(key("w.a.dns A blue one").as_deref(), Some("w.a.dns A blue one"));
        assert_eq!(key("w.a.dns"), None);
        assert_eq!(key("w.a.dns B"), None);
        assert_eq!(Key::new("\\052.a.dns.", "A", None).to_string(), "*.a.dns A");
    }

    #[test]
    fn values_have_one_form() {
        assert_eq!(value("CNAME", "Db.Example.com."), "db.example.com");
        assert_eq!(value("MX", "10  Mail.Example.com."), "10 mail.example.com");
        assert_eq!(value("SRV", "0 0 0 ."), "0 0 0 .");
        assert_eq!(value("AAAA", "2001:DB8:0:0::1"), "2001:db8::1");
        assert_eq!(value("TXT", "\"A.\""), "\"A.\"");
        assert_eq!(value("CNAME", "${rds.cluster/Db.endpoint}"), "${rds.cluster/Db.endpoint}");
    }
}
