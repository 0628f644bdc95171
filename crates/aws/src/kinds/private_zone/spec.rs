// SPDX-License-Identifier: Apache-2.0
//! The spec of a private hosted zone and its checks.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{Vpcs, ZoneModel};
use super::record::{Geolocation, Geoproximity, Key, Record, Records, TYPES};
use crate::tags::{self, TagSettings};

/// A Route 53 private hosted zone. Its name is the domain name without trailing dot. It is associated with the region's
/// VPC. Other associations and record sets that the spec does not list do not change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route53PrivateZone")]
pub struct ZoneSpec {
    /// The comment on the hosted zone, up to 256 characters. If omitted, not managed; `unset` removes it.
    #[serde(default)]
    comment: Setting<String>,
    /// Whether the zone is associated with the VPC that the spec selects. Default: `true`.
    region_vpc: Option<bool>,
    /// Other VPCs of this account to associate with the zone: VPC IDs with their regions. `unset` removes the
    /// association with a VPC, in which the zone's names then no longer resolve.
    vpcs: Option<Vpcs>,
    /// VPCs of other accounts that may be associated with the zone: VPC IDs with their regions. The other account makes
    /// the association (`AssociateVPCWithHostedZone`). `unset` removes the authorization and keeps an association.
    authorized_vpcs: Option<Vpcs>,
    /// Record sets by `NAME TYPE`, or `NAME TYPE SET` with a routing policy, where SET is the set identifier. NAME is the
    /// full domain name. Each listed record set is managed as a whole; `unset` deletes it.
    records: Option<Records>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    tags: Setting<TagSettings>,
    /// The reason to waive that DNS is turned off in the VPC.
    pub(super) waiver: Option<String>,
}

/// Converts a spec into the desired model.
pub(super) fn model(zone: &str, spec: ZoneSpec, notes: &mut Notes<'_>) -> ZoneModel {
    if spec.comment.is_set_and(|comment| comment.chars().count() > 256) {
        notes.fault("comment", "the comment has more than 256 characters", "shorten the comment");
    }
    check_vpcs("vpcs", spec.vpcs.as_ref(), notes);
    check_vpcs("authorized_vpcs", spec.authorized_vpcs.as_ref(), notes);
    let region_vpc = spec.region_vpc.unwrap_or(true);
    if !region_vpc && !spec.vpcs.iter().flatten().any(|(_, region)| region.is_set()) {
        let message = "a private hosted zone needs a VPC";
        notes.fault("region_vpc", message, "add a VPC to `vpcs`, or remove `region_vpc: false`");
    }
    tags::check(&spec.tags, notes);
    let records = spec.records.map(|records| records_of(zone, records, notes));
    // Route 53 has no empty comment: it returns a comment that was set to "" like one that was never set.
    let comment = match spec.comment {
        Setting::Set(comment) if comment.is_empty() => Setting::Unset,
        comment => comment,
    };
    ZoneModel {
        comment,
        region_vpc: Setting::Set(region_vpc),
        vpcs: Setting::stated(spec.vpcs),
        authorized_vpcs: Setting::stated(spec.authorized_vpcs),
        records: Setting::stated(records),
        tags: spec.tags,
        unsupported: BTreeMap::new(),
        own_vpc: None,
    }
}

fn check_vpcs(field: &str, vpcs: Option<&Vpcs>, notes: &mut Notes<'_>) {
    for (id, region) in vpcs.into_iter().flatten() {
        let path = format!("{field}.{id}");
        if !id.starts_with("vpc-") {
            notes.fault(&path, format!("'{id}' is not a VPC ID"), "write vpc-…, with the VPC's region as the value");
        }
        if region.is_unstated() || region.is_set_and(|region| !region.contains('-')) {
            let message = format!("the region of {id} is missing");
            notes.fault(&path, message, "write the code of the VPC's region, such as eu-west-1, or `unset`");
        }
    }
}

/// Converts record sets to their one form.
fn records_of(zone: &str, records: Records, notes: &mut Notes<'_>) -> Records {
    let mut found = Records::new();
    for (text, record) in records {
        let Some(key) = Key::parse(&text) else {
            let help = format!("write NAME TYPE, such as \"db.{zone} CNAME\"; types are {}", TYPES.join(", "));
            notes.fault("records", format!("'{text}' is not a record set"), help);
            continue;
        };
        let mut faults = Faults { key: &key, notes: &mut *notes };
        faults.check_key(zone, &record);
        if let Setting::Set(record) = &record {
            faults.check_content(record);
            faults.check_routing(record);
        }
        let record = record.map(|record| record.canonical(&key.kind));
        if found.insert(key.to_string(), record).is_some() {
            notes.fault("records", format!("the record set {key} is stated twice"), "remove one of them");
        }
    }
    found
}

/// Adds the faults of one record set.
struct Faults<'a, 'b> {
    key: &'a Key,
    notes: &'a mut Notes<'b>,
}

impl Faults<'_, '_> {
    /// A key contains dots, so the position of the fault is that of all records.
    fn add(&mut self, message: &str, help: &str) {
        self.notes.fault("records", format!("{}: {message}", self.key), help);
    }

    fn check_key(&mut self, zone: &str, record: &Setting<Record>) {
        let Key { name, kind, set } = self.key;
        let (is_zone, kind) = (name == zone, kind.as_str());
        if !is_zone && !name.ends_with(&format!(".{zone}")) {
            self.add(
                &format!("the name is not in the zone {zone}"),
                &format!("write the full name, such as {name}.{zone}"),
            );
        }
        if set.as_ref().is_some_and(|set| set.chars().count() > 128) {
            self.add("the set identifier has more than 128 characters", "shorten it");
        }
        if is_zone && kind == "CNAME" {
            self.add("the zone's own name cannot be a CNAME", "use an `alias` record set of type A or AAAA");
        }
        match record {
            Setting::Unstated => self.add("the record set is empty", "state `values` or `alias`, or write `unset`"),
            Setting::Unset if is_zone && (kind == "NS" || kind == "SOA") => {
                self.add("Route 53 does not allow deleting the zone's NS and SOA record sets", "remove this entry");
            }
            Setting::Unset | Setting::Set(_) => {}
        }
    }

    fn check_content(&mut self, record: &Record) {
        let kind = self.key.kind.as_str();
        match (&record.alias, record.values.len()) {
            (None, 0) => self.add("the record set has no values", "state `values` or `alias`"),
            (Some(_), 1..) => self.add("`alias` and `values` are mutually exclusive", "remove one of them"),
            (None, 2..) if kind == "CNAME" || kind == "SOA" => {
                self.add(&format!("a {kind} record set has one value"), "remove the other values");
            }
            _ => {}
        }
        if record.alias.is_some() && record.ttl.is_some() {
            self.add("an alias has the TTL of its target", "remove `ttl`");
        }
        if record.alias.is_some() && matches!(kind, "NS" | "SOA" | "DS") {
            self.add(&format!("a record set of type {kind} cannot be an alias"), "state `values`");
        }
        if record.ttl.is_some_and(|ttl| !(0..=2_147_483_647).contains(&ttl)) {
            self.add("the TTL is not valid", "use 0 to 2147483647 seconds");
        }
        for value in record.values.iter().filter(|value| !value.contains("${")) {
            if let Some(form) = expected_form(kind, value) {
                self.add(&format!("'{value}' is not valid in a record set of type {kind}"), form);
            }
        }
    }

    fn check_routing(&mut self, record: &Record) {
        let routing = record.routing();
        let kind = self.key.kind.as_str();
        match (&self.key.set, routing.len()) {
            (None, 0) | (Some(_), 1) => {}
            (_, 2..) => self.add(&format!("`{}` are mutually exclusive", routing.join("` and `")), "state one of them"),
            (Some(_), _) => self.add(
                "a record set with a set identifier needs a routing policy",
                "state one of `weight`, `latency_region`, `failover`, `multivalue`, `geolocation`, `geoproximity`",
            ),
            (None, _) => self.add(
                &format!("`{}` needs a set identifier", routing[0]),
                &format!("add one to the key, such as \"{} blue\"", self.key),
            ),
        }
        if !routing.is_empty() && matches!(kind, "NS" | "SOA" | "DS") {
            self.add(
                &format!("a record set of type {kind} has no routing policy"),
                &format!("remove `{}`", routing[0]),
            );
        }
        if record.weight.is_some_and(|weight| !(0..=255).contains(&weight)) {
            self.add("the weight is not valid", "use 0 to 255");
        }
        if record.multivalue && (record.alias.is_some() || kind == "CNAME") {
            self.add("`multivalue` is not for aliases and CNAMEs", "use another routing policy");
        }
        if let Some(Geolocation { continent, country, subdivision }) = &record.geolocation
            && (continent.is_some() == country.is_some() || (subdivision.is_some() && country.is_none()))
        {
            self.add("a location is a continent, or a country with or without a subdivision", "state one of them");
        }
        if let Some(Geoproximity { region, local_zone_group, latitude, longitude, bias }) = &record.geoproximity {
            let places = [region.is_some(), local_zone_group.is_some(), latitude.is_some()];
            if places.iter().filter(|is| **is).count() != 1 || latitude.is_some() != longitude.is_some() {
                let help = "state `region`, `local_zone_group`, or `latitude` and `longitude`";
                self.add("a location is a region, a Local Zone group or coordinates", help);
            }
            if !(-99..=99).contains(bias) {
                self.add("the bias is not valid", "use -99 to 99");
            }
        }
    }
}

/// Returns the form of values of a type if a value does not have it
/// (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>).
fn expected_form(kind: &str, value: &str) -> Option<&'static str> {
    let words = value.split_whitespace().count();
    let (is_valid, form) = match kind {
        "A" => (value.trim().parse::<Ipv4Addr>().is_ok(), "write an IPv4 address"),
        "AAAA" => (value.trim().parse::<Ipv6Addr>().is_ok(), "write an IPv6 address"),
        "CNAME" | "NS" | "PTR" => (words == 1, "write a domain name"),
        "MX" => (words == 2, "write the priority and the domain name, such as \"10 mail.example.com\""),
        "SRV" => (words == 4, "write priority, weight, port and domain name"),
        "TXT" | "SPF" => (
            value.starts_with('"') && value.ends_with('"') && value.len() > 1,
            "write the text in double quotes, inside the quotes of YAML: '\"text\"'",
        ),
        _ => (!value.trim().is_empty(), "write a value"),
    };
    (!is_valid).then_some(form)
}
