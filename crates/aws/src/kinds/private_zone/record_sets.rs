// SPDX-License-Identifier: Apache-2.0
//! Reads the record sets of a zone and changes them in batches.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, Coordinates, GeoLocation, GeoProximityLocation, ResourceRecord,
    ResourceRecordSet, ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use regionctl_core::resource::setting::Setting;

use super::record::{Alias, Failover, Geolocation, Geoproximity, Key, Record, Records};
use crate::error::{CallError, build_error};
use crate::live::join_reads;

const LIST: &str = "Route 53 ListResourceRecordSets";

/// The most values in one batch. Those of an UPSERT count twice
/// (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>).
const VALUES_PER_BATCH: usize = 1_000;

/// The most characters of values in one batch. Those of an UPSERT count twice.
const CHARACTERS_PER_BATCH: usize = 32_000;

/// Reads all record sets of a zone, in pages of 300. Returns those that a spec can state, and the others with the reason.
pub(super) async fn read(api: &Client, zone: &str) -> Result<(Records, BTreeMap<String, String>), CallError> {
    let (mut records, mut unsupported) = (Records::new(), BTreeMap::new());
    let mut start: Option<(Option<String>, Option<RrType>, Option<String>)> = None;
    loop {
        let (name, kind, set) = start.unwrap_or_default();
        let page = api
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .set_start_record_name(name)
            .set_start_record_type(kind)
            .set_start_record_identifier(set)
            .max_items(300)
            .send()
            .await?;
        for found in page.resource_record_sets() {
            let key = key_of(found).to_string();
            match unsupported_part(found) {
                Some(why) => drop(unsupported.insert(key, why)),
                None => drop(records.insert(key, Setting::Set(record(found)?))),
            }
        }
        if !page.is_truncated() {
            return Ok((records, unsupported));
        }
        start = Some((page.next_record_name, page.next_record_type, page.next_record_identifier));
    }
}

/// Changes record sets. Changes of one name are in one batch, because a CNAME excludes other types of its name.
pub(super) async fn change(
    api: &Client,
    zone: &str,
    upsert: BTreeMap<String, Record>,
    delete: BTreeSet<String>,
) -> Result<(), CallError> {
    let keys: Vec<Key> = delete.iter().filter_map(|key| Key::parse(key)).collect();
    let found = join_reads(keys.iter().map(|key| live(api, zone, key)).collect()).await;
    // Deletions come before creations of the same name.
    let mut changes: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    for found in found {
        // A record set that no longer exists is deleted.
        let Some(found) = found? else { continue };
        let change = Change::builder().action(ChangeAction::Delete).resource_record_set(found.clone());
        changes.entry(key_of(&found).name).or_default().push(change.build().map_err(build_error)?);
    }
    for (key, record) in upsert {
        let Some(key) = Key::parse(&key) else { continue };
        let change = Change::builder().action(ChangeAction::Upsert).resource_record_set(sdk(&key, &record)?);
        changes.entry(key.name).or_default().push(change.build().map_err(build_error)?);
    }
    for batch in batches(changes.into_values()) {
        let batch = ChangeBatch::builder().set_changes(Some(batch)).build().map_err(build_error)?;
        api.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch).send().await?;
    }
    Ok(())
}

/// Joins the changes of names to batches within Route 53's limits.
fn batches(names: impl Iterator<Item = Vec<Change>>) -> Vec<Vec<Change>> {
    let mut batches: Vec<Vec<Change>> = Vec::new();
    let (mut values, mut characters) = (0, 0);
    for changes in names {
        let (more_values, more_characters) = changes.iter().map(size).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        let fits = values + more_values <= VALUES_PER_BATCH && characters + more_characters <= CHARACTERS_PER_BATCH;
        match batches.last_mut() {
            Some(batch) if fits => batch.extend(changes),
            _ => {
                (values, characters) = (0, 0);
                batches.push(changes);
            }
        }
        (values, characters) = (values + more_values, characters + more_characters);
    }
    batches
}

/// Returns the values and characters that a change counts.
fn size(change: &Change) -> (usize, usize) {
    let records = change.resource_record_set().map(ResourceRecordSet::resource_records).unwrap_or_default();
    let times = if *change.action() == ChangeAction::Upsert { 2 } else { 1 };
    let characters: usize = records.iter().map(|record| record.value().chars().count()).sum();
    // An alias has no values, but it is a change.
    (times * records.len().max(1), times * characters)
}

/// Reads one record set as Route 53 has it: a deletion must state every setting
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_Change.html>).
async fn live(api: &Client, zone: &str, key: &Key) -> Result<Option<ResourceRecordSet>, CallError> {
    let page = api
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .start_record_name(&key.name)
        .start_record_type(RrType::from(key.kind.as_str()))
        .set_start_record_identifier(key.set.clone())
        .max_items(100)
        .send()
        .await?;
    Ok(page.resource_record_sets.into_iter().find(|found| key_of(found) == *key))
}

fn key_of(found: &ResourceRecordSet) -> Key {
    Key::new(found.name(), found.r#type().as_str(), found.set_identifier())
}

/// Returns why a spec cannot state a record set, as a clause.
fn unsupported_part(found: &ResourceRecordSet) -> Option<String> {
    if let Some(instance) = found.traffic_policy_instance_id() {
        return Some(format!("belongs to the traffic policy instance {instance}"));
    }
    let routing = [
        found.weight().is_some(),
        found.region().is_some(),
        found.failover().is_some(),
        found.multi_value_answer() == Some(true),
        found.geo_location().is_some(),
        found.geo_proximity_location().is_some(),
    ];
    let count = routing.iter().filter(|is| **is).count();
    let is_known = found.cidr_routing_config().is_none() && count == usize::from(found.set_identifier().is_some());
    (!is_known).then(|| "has a routing policy that this version does not know".to_owned())
}

/// Converts a record set.
///
/// # Errors
/// It has a value that this version does not know.
fn record(found: &ResourceRecordSet) -> Result<Record, CallError> {
    let failover = match found.failover() {
        None => None,
        Some(ResourceRecordSetFailover::Primary) => Some(Failover::Primary),
        Some(ResourceRecordSetFailover::Secondary) => Some(Failover::Secondary),
        Some(other) => return Err(CallError::unknown(LIST, "the failover", other.as_str())),
    };
    let text = |text: Option<&str>| text.map(ToOwned::to_owned);
    let record = Record {
        ttl: found.ttl(),
        values: found.resource_records().iter().map(|record| record.value().to_owned()).collect(),
        alias: found.alias_target().map(|alias| Alias {
            name: alias.dns_name().to_owned(),
            zone_id: alias.hosted_zone_id().to_owned(),
            evaluate_target_health: alias.evaluate_target_health(),
        }),
        weight: found.weight(),
        latency_region: found.region().map(|region| region.as_str().to_owned()),
        failover,
        multivalue: found.multi_value_answer() == Some(true),
        geolocation: found.geo_location().map(|place| Geolocation {
            continent: text(place.continent_code()),
            country: text(place.country_code()),
            subdivision: text(place.subdivision_code()),
        }),
        geoproximity: found.geo_proximity_location().map(|place| Geoproximity {
            region: text(place.aws_region()),
            local_zone_group: text(place.local_zone_group()),
            latitude: place.coordinates().map(|place| place.latitude().to_owned()),
            longitude: place.coordinates().map(|place| place.longitude().to_owned()),
            bias: place.bias().unwrap_or(0),
        }),
        health_check: text(found.health_check_id()),
    };
    Ok(record.canonical(found.r#type().as_str()))
}

/// Converts a record set for a request.
fn sdk(key: &Key, record: &Record) -> Result<ResourceRecordSet, CallError> {
    let values = record.values.iter().map(|value| ResourceRecord::builder().value(value).build());
    let values = values.collect::<Result<Vec<_>, _>>().map_err(build_error)?;
    let alias = record.alias.as_ref().map(|alias| {
        AliasTarget::builder()
            .dns_name(&alias.name)
            .hosted_zone_id(&alias.zone_id)
            .evaluate_target_health(alias.evaluate_target_health)
            .build()
    });
    let failover = record.failover.map(|failover| match failover {
        Failover::Primary => ResourceRecordSetFailover::Primary,
        Failover::Secondary => ResourceRecordSetFailover::Secondary,
    });
    let geolocation = record.geolocation.as_ref().map(|place| {
        GeoLocation::builder()
            .set_continent_code(place.continent.clone())
            .set_country_code(place.country.clone())
            .set_subdivision_code(place.subdivision.clone())
            .build()
    });
    ResourceRecordSet::builder()
        .name(&key.name)
        .r#type(RrType::from(key.kind.as_str()))
        .set_set_identifier(key.set.clone())
        .set_ttl(record.ttl)
        .set_resource_records((!values.is_empty()).then_some(values))
        .set_alias_target(alias.transpose().map_err(build_error)?)
        .set_weight(record.weight)
        .set_region(record.latency_region.as_deref().map(ResourceRecordSetRegion::from))
        .set_failover(failover)
        .set_multi_value_answer(record.multivalue.then_some(true))
        .set_geo_location(geolocation)
        .set_geo_proximity_location(record.geoproximity.as_ref().map(sdk_place).transpose()?)
        .set_health_check_id(record.health_check.clone())
        .build()
        .map_err(build_error)
}

fn sdk_place(place: &Geoproximity) -> Result<GeoProximityLocation, CallError> {
    let coordinates = place.latitude.as_ref().zip(place.longitude.as_ref());
    let coordinates =
        coordinates.map(|(latitude, longitude)| Coordinates::builder().latitude(latitude).longitude(longitude).build());
    Ok(GeoProximityLocation::builder()
        .set_aws_region(place.region.clone())
        .set_local_zone_group(place.local_zone_group.clone())
        .set_coordinates(coordinates.transpose().map_err(build_error)?)
        .bias(place.bias)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record set with a value, for other settings to be added.
    fn found() -> aws_sdk_route53::types::builders::ResourceRecordSetBuilder {
        let value = ResourceRecord::builder().value("10.0.0.1").build().unwrap();
        ResourceRecordSet::builder().name("w.a.dns.").r#type(RrType::A).ttl(5).resource_records(value)
    }

    #[test]
    fn a_record_set_survives_both_conversions() {
        let place = GeoLocation::builder().country_code("US").subdivision_code("CA").build();
        let near = Coordinates::builder().latitude("49.2").longitude("-74.0").build().unwrap();
        let near = GeoProximityLocation::builder().coordinates(near).bias(-5).build();
        let alias = AliasTarget::builder().dns_name("x.a.dns").hosted_zone_id("Z1").evaluate_target_health(true);
        let sets = [
            found(),
            found().set_identifier("a b").weight(0).health_check_id("h"),
            found().set_identifier("a").region(ResourceRecordSetRegion::EuWest1),
            found().set_identifier("a").failover(ResourceRecordSetFailover::Secondary),
            found().set_identifier("a").multi_value_answer(true),
            found().set_identifier("a").geo_location(place),
            found().set_identifier("a").geo_proximity_location(near),
            ResourceRecordSet::builder().name("w.a.dns.").r#type(RrType::A).alias_target(alias.build().unwrap()),
        ];
        for set in sets {
            let set = set.build().unwrap();
            assert_eq!(unsupported_part(&set), None);
            let mut sent = sdk(&key_of(&set), &record(&set).unwrap()).unwrap();
            sent.name = "w.a.dns.".to_owned();
            assert_eq!(sent, set);
        }
    }

    #[test]
    fn record_sets_of_traffic_policies_and_unknown_routing_are_not_supported() {
        let instance = found().traffic_policy_instance_id("t").build().unwrap();
        assert!(unsupported_part(&instance).unwrap().contains("traffic policy"));
        let unknown = found().set_identifier("a").build().unwrap();
        assert!(unsupported_part(&unknown).unwrap().contains("routing policy"));
    }

    #[test]
    fn batches_stay_within_the_limits_and_keep_a_name_together() {
        let change = |number: usize| {
            let record = Record { values: BTreeSet::from([format!("10.0.0.{number}")]), ..Record::default() };
            let set = sdk(&Key::new("w.a.dns", "A", None), &record).unwrap();
            Change::builder().action(ChangeAction::Upsert).resource_record_set(set).build().unwrap()
        };
        let names = (0..600).map(|number| vec![change(number), change(number)]);
        let batches = batches(names);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 200]);
    }
}
