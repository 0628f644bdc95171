// SPDX-License-Identifier: Apache-2.0
//! `route53.private_zone`: a private hosted zone, its VPCs and its record sets.
//!
//! Zone names are not unique. The spec's zone is the one associated with the region's VPC, or else the only one of this
//! name; more than one such zone is an error. VPCs and record sets are owned one by one: those that the spec does not
//! list do not change.

mod api;
mod model;
mod record;
mod record_sets;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kinds::vpc_dns;
use crate::tags;
use model::{Vpcs, ZoneModel};
use record::{Key, Record, Records};
use spec::ZoneSpec;

/// The rule of a zone whose names do not resolve in the region's VPC.
const DNS_OFF: &str = "zone-vpc-dns-off";

/// The kind `route53.private_zone`.
pub struct PrivateZone;

/// A VPC that is, or will be, associated with a hosted zone.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct ZoneVpc {
    id: String,
    region: String,
}

/// A Route 53 API call that creates or changes a private hosted zone.
#[derive(Debug, Serialize, Deserialize)]
pub enum ZoneOp {
    /// Creates the zone with its first VPC: a private hosted zone needs one at creation
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html>).
    CreateHostedZone {
        /// The comment on the hosted zone, up to 256 characters; `None` for no comment.
        comment: Option<String>,
        /// The zone's first VPC; `None` for the VPC that the spec selects.
        vpc: Option<ZoneVpc>,
    },
    /// Associates another VPC with the zone; the other associations are kept
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_AssociateVPCWithHostedZone.html>).
    AssociateVPCWithHostedZone {
        /// A VPC of this account; `None` for the VPC that the spec selects.
        vpc: Option<ZoneVpc>,
    },
    /// Removes the association with a VPC; the other associations are kept.
    DisassociateVPCFromHostedZone {
        /// The VPC; `None` for the VPC that the spec selects.
        vpc: Option<ZoneVpc>,
    },
    /// Allows the account of a VPC to associate the VPC with the zone
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateVPCAssociationAuthorization.html>).
    CreateVPCAssociationAuthorization {
        /// A VPC of another account.
        vpc: ZoneVpc,
    },
    /// Removes the authorization of a VPC. An existing association is kept.
    DeleteVPCAssociationAuthorization {
        /// A VPC of another account.
        vpc: ZoneVpc,
    },
    /// Replaces or removes the comment on the hosted zone.
    UpdateHostedZoneComment {
        /// The spec's comment, up to 256 characters; `None` removes it.
        comment: Option<String>,
    },
    /// Creates, replaces and deletes record sets. The other ones do not change. Each batch takes effect as a whole
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>).
    ChangeResourceRecordSets {
        /// The record sets to create or replace, by key.
        upsert: BTreeMap<String, Record>,
        /// The keys of the record sets to delete.
        delete: BTreeSet<String>,
    },
    /// Adds, overwrites and removes tags; other tags are kept.
    ChangeTagsForResource {
        /// The tags to set.
        tags: Tags,
        /// The keys of live tags to remove.
        #[serde(default)]
        keys: Vec<String>,
    },
}

impl Kind for PrivateZone {
    const FACTS: Facts = Facts {
        name: "route53.private_zone",
        service: "Route 53",
        summary: "A private hosted zone, its VPCs and its record sets.",
        reads: &[
            "ListHostedZonesByName",
            "GetHostedZone",
            "ListTagsForResource",
            "ListResourceRecordSets",
            "ListVPCAssociationAuthorizations",
        ],
        writes: &[
            "CreateHostedZone",
            "AssociateVPCWithHostedZone",
            "DisassociateVPCFromHostedZone",
            "CreateVPCAssociationAuthorization",
            "DeleteVPCAssociationAuthorization",
            "UpdateHostedZoneComment",
            "ChangeResourceRecordSets",
            "ChangeTagsForResource",
        ],
        step_reads: &["ListHostedZonesByName", "GetHostedZone", "ListResourceRecordSets"],
        attributes: &["id"],
        needs_vpc: true,
        creation_tags: true,
        defect_rules: &[DNS_OFF],
        looks_up: &[vpc_dns::NAME],
        inventory: &["ListHostedZonesByVPC"],
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "names do not resolve" },
            Weight {
                path: "region_vpc",
                when: When::Differs,
                severity: Severity::High,
                why: "names do not resolve in the region's VPC",
            },
            Weight {
                path: "vpcs*",
                when: When::Lacking,
                severity: Severity::High,
                why: "names do not resolve in another VPC",
            },
            Weight {
                path: "records*",
                when: When::Differs,
                severity: Severity::High,
                why: "a name does not resolve, or resolves to another value",
            },
        ],
        example: "
route53.private_zone:
  ${region}.dns:
    comment: names inside the region
    vpcs: {vpc-0123456789abcdef0: eu-west-1}
    records:
      db.${region}.dns CNAME: {ttl: 60, values: [db.example.com]}
      web.${region}.dns A blue: {ttl: 5, weight: 10, values: [10.0.0.1]}
",
        defaults: r#"{"comment": null}"#,
        parts: &["authorized_vpcs", "records", "tags"],
        ..Facts::DEFAULT
    };

    type Spec = ZoneSpec;
    type Model = ZoneModel;
    type Op = ZoneOp;

    fn check_name(name: &str) -> Result<(), String> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
        };
        if name.len() <= 255 && name.split('.').all(label) {
            return Ok(());
        }
        Err(format!(
            "'{name}' is not a valid zone name\nuse labels of 1 to 63 characters (a-z 0-9 - _), separated by dots, \
             without a trailing dot"
        ))
    }

    fn desire(name: &str, spec: ZoneSpec, notes: &mut Notes<'_>) -> ZoneModel {
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        spec::model(name, spec, notes)
    }

    fn relevant(want: Option<&ZoneModel>, live: ZoneModel) -> ZoneModel {
        match want {
            Some(want) => live.relevant_to(want),
            None => ZoneModel { unsupported: BTreeMap::new(), own_vpc: None, ..live },
        }
    }

    fn write(model: &ZoneModel) -> Option<Value> {
        let ZoneModel { comment, region_vpc, vpcs, authorized_vpcs, records, tags, unsupported: _, own_vpc: _ } = model;
        let mut fields = Map::new();
        write::setting("comment", comment, &mut fields);
        write::setting("region_vpc", region_vpc, &mut fields);
        for (name, vpcs) in [("vpcs", vpcs), ("authorized_vpcs", authorized_vpcs)] {
            let text = |region: &String| Value::from(region.as_str());
            fields.extend(vpcs.value().map(|vpcs| (name.to_owned(), entries(vpcs, text))));
        }
        fields.extend(records.value().map(|records| ("records".to_owned(), entries(records, written))));
        tags::write(tags, &mut fields);
        Some(Value::Object(fields))
    }

    /// Names resolve only in VPCs with both DNS attributes.
    fn defects(want: &ZoneModel, _: Option<&ZoneModel>, seen: &Seen<'_>) -> Vec<Risk> {
        if !want.region_vpc.is_set_and(|is| *is) {
            return Vec::new();
        }
        let risk = |off: String| Risk::new(DNS_OFF, "region_vpc", format!("names do not resolve: {off}"));
        vpc_dns::off(seen).map(risk).into_iter().collect()
    }

    fn remove(_: &ZoneModel, out: &mut Diff<'_, ZoneOp>) {
        out.never_removed("regionctl never deletes a hosted zone: delete its records and the zone in Route 53");
    }

    fn diff(want: &ZoneModel, live: Option<&ZoneModel>, out: &mut Diff<'_, ZoneOp>) {
        let ZoneModel { comment, region_vpc, vpcs, authorized_vpcs, records, tags, unsupported: _, own_vpc: _ } = want;
        let commented = out.setting("comment", comment, live.map(|live| &live.comment));
        let mut added = added_vpcs(*region_vpc, vpcs, live, out);
        if live.is_some() {
            out.step(Phase::Change, commented, ZoneOp::UpdateHostedZoneComment { comment: comment.get() });
        } else if !added.is_empty() {
            let (vpc, covers) = added.remove(0);
            let covers = out.creation().and(commented).and(covers);
            out.step(Phase::Create, covers, ZoneOp::CreateHostedZone { comment: comment.get(), vpc });
        }
        let changes = tags::compare(tags, live.map(|live| &live.tags), out);
        if live.is_some() {
            let covers = changes.set.and(changes.removed);
            let op = ZoneOp::ChangeTagsForResource { tags: changes.tags, keys: changes.keys };
            out.step(Phase::Change, covers, op);
        } else {
            // CreateHostedZone takes no tags.
            let (tagged, tags) = tags::of_new(changes, out);
            if !tags.is_empty() {
                let op = ZoneOp::ChangeTagsForResource { tags, keys: Vec::new() };
                out.step(Phase::Create, out.creation().and(tagged), op);
            }
        }
        for (vpc, covers) in added {
            out.step(Phase::Widen, covers, ZoneOp::AssociateVPCWithHostedZone { vpc });
        }
        if let Some(live) = live {
            remove_vpcs(*region_vpc, vpcs, live, out);
        }
        authorize(authorized_vpcs, live, out);
        change_records(records, live, out);
    }
}

/// Returns settings by key in spec form.
fn entries<T>(settings: &BTreeMap<String, Setting<T>>, value: impl Fn(&T) -> Value) -> Value {
    let entry =
        |(key, setting): (&String, &Setting<T>)| (key.clone(), setting.value().map_or_else(write::unset, &value));
    Value::Object(settings.iter().map(entry).collect())
}

/// Returns a record set in spec form. A `${` in a value, such as a text, is no reference.
fn written(record: &Record) -> Value {
    let values = record.values.iter().map(|value| value.replace("${", "$${")).collect();
    serde_json::to_value(Record { values, ..record.clone() }).expect("invariant: record sets are plain data")
}

/// Returns the VPCs to associate. `None` is the VPC that the spec selects.
fn added_vpcs(
    region_vpc: Setting<bool>,
    vpcs: &Setting<Vpcs>,
    live: Option<&ZoneModel>,
    out: &mut Diff<'_, ZoneOp>,
) -> Vec<(Option<ZoneVpc>, Covers)> {
    let mut added = Vec::new();
    if region_vpc.is_set_and(|is| *is) {
        let covers = out.setting("region_vpc", &region_vpc, live.map(|live| &live.region_vpc));
        added.extend((!covers.is_empty()).then_some((None, covers)));
    }
    for (id, region) in vpcs.value().into_iter().flatten() {
        let Some(region) = region.value() else { continue };
        let found = live.and_then(|live| live.vpcs.value()?.get(id)?.value());
        let covers = out.value(&format!("vpcs.{id}"), region, found);
        if live.is_some_and(|live| live.own_vpc.as_ref() == Some(id)) {
            out.blocked(&covers, &format!("{id} is the region's VPC: remove it from `vpcs`; see `region_vpc`"));
        } else if let Some(found) = found {
            out.blocked(&covers, &format!("{id} is in {found}: correct its region"));
        } else {
            added.push((Some(ZoneVpc { id: id.clone(), region: region.clone() }), covers));
        }
    }
    added
}

/// Removes the associations that the spec excludes.
fn remove_vpcs(region_vpc: Setting<bool>, vpcs: &Setting<Vpcs>, live: &ZoneModel, out: &mut Diff<'_, ZoneOp>) {
    let mut removed = Vec::new();
    if region_vpc.is_set_and(|is| !is) && live.region_vpc.is_set_and(|is| *is) {
        let covers = out.setting("region_vpc", &region_vpc, Some(&live.region_vpc));
        removed.push((None, covers, "the region's VPC".to_owned()));
    }
    for (id, _) in vpcs.value().into_iter().flatten().filter(|(_, region)| **region == Setting::Unset) {
        let Some(region) = live.vpcs.value().and_then(|vpcs| vpcs.get(id)?.value()) else { continue };
        let covers = out.gone(&format!("vpcs.{id}"), region);
        removed.push((Some(ZoneVpc { id: id.clone(), region: region.clone() }), covers, id.clone()));
    }
    for (vpc, covers, what) in removed {
        out.deletes(format!("names of the zone no longer resolve in {what}"));
        out.step(Phase::Narrow, covers, ZoneOp::DisassociateVPCFromHostedZone { vpc });
    }
}

/// Authorizes VPCs of other accounts. A VPC that is associated needs no authorization any more.
fn authorize(want: &Setting<Vpcs>, live: Option<&ZoneModel>, out: &mut Diff<'_, ZoneOp>) {
    for (id, region) in want.value().into_iter().flatten() {
        let path = format!("authorized_vpcs.{id}");
        let found = live.and_then(|live| live.authorized_vpcs.value()?.get(id)?.value());
        match (region, found) {
            (Setting::Set(_), _) if live.is_some_and(|live| live.has_vpc(id)) => {}
            (Setting::Set(region), found) => {
                let covers = out.value(&path, region, found);
                let vpc = ZoneVpc { id: id.clone(), region: region.clone() };
                out.step(Phase::Widen, covers, ZoneOp::CreateVPCAssociationAuthorization { vpc });
                out.waiting(format!(
                    "the account of {id} must associate this VPC with the zone: aws route53 \
                     associate-vpc-with-hosted-zone --hosted-zone-id ZONE_ID --vpc VPCRegion={region},VPCId={id}"
                ));
            }
            (Setting::Unset, Some(found)) => {
                let covers = out.gone(&path, found);
                let vpc = ZoneVpc { id: id.clone(), region: found.clone() };
                out.step(Phase::Narrow, covers, ZoneOp::DeleteVPCAssociationAuthorization { vpc });
            }
            (Setting::Unset | Setting::Unstated, _) => {}
        }
    }
}

fn change_records(want: &Setting<Records>, live: Option<&ZoneModel>, out: &mut Diff<'_, ZoneOp>) {
    let (mut upsert, mut delete, mut covers) = (BTreeMap::new(), BTreeSet::new(), Covers::default());
    for (key, record) in want.value().into_iter().flatten() {
        let path = format!("records[{key}]");
        let found = live.and_then(|live| live.records.value()?.get(key)?.value());
        let unsupported = live.and_then(|live| live.unsupported.get(key));
        match record {
            Setting::Set(record) => {
                // A reference was resolved after the spec was converted.
                let kind = Key::parse(key).map(|key| key.kind).unwrap_or_default();
                let record = record.clone().canonical(&kind);
                let differs = out.value(&path, &record, found);
                if let Some(why) = unsupported {
                    out.blocked(&differs, &format!("the record set {key} {why}; change it in Route 53"));
                }
                for lost in
                    found.filter(|_| !differs.is_empty()).map(|found| found.lost_to(&record)).unwrap_or_default()
                {
                    out.displaces(format!("{lost} of the record set {key} is removed"));
                }
                if !differs.is_empty() {
                    upsert.insert(key.clone(), record);
                }
                covers = covers.and(differs);
            }
            Setting::Unset => {
                if let Some(found) = found {
                    out.deletes(format!("the record set {key} is deleted"));
                    covers = covers.and(out.gone(&path, found));
                    delete.insert(key.clone());
                } else if let Some(why) = unsupported {
                    let differs = out.gone(&path, why);
                    out.blocked(&differs, &format!("the record set {key} {why}; delete it in Route 53"));
                }
            }
            Setting::Unstated => {}
        }
    }
    out.step(Phase::Change, covers, ZoneOp::ChangeResourceRecordSets { upsert, delete });
}
