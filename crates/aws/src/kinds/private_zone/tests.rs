// SPDX-License-Identifier: Apache-2.0
//! Unit tests of the spec's checks, the diff and the written form.

use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::diff::{Diff, Draft, operation};
use regionctl_core::kind::{Kind, Notes};
use regionctl_core::spec::decode::decode;
use regionctl_core::spec::tree::parse;
use regionctl_core::spec::write;

use super::*;

fn desired(yaml: &str) -> (ZoneModel, Vec<String>) {
    let (node, sources) = (parse(yaml, 0).unwrap(), SourceFiles::default());
    let mut notes = Notes::new(&node, &sources, "eu-central-1", false);
    let spec = decode(&node).map_err(|fault| fault.message).unwrap();
    let model = PrivateZone::desire("a.dns", spec, &mut notes);
    (model, notes.faults.0.iter().map(|fault| fault.message.clone()).collect())
}

fn diff(want: &str, live: Option<&str>) -> Draft {
    let (want, faults) = desired(want);
    assert!(faults.is_empty(), "{faults:?}");
    let live = live.map(|live| desired(live).0);
    let mut out = Diff::new(live.is_some(), &[]).of_spec("a");
    PrivateZone::diff(&want, live.as_ref(), &mut out);
    out.finish().unwrap()
}

fn calls(draft: &Draft) -> Vec<&str> {
    draft.steps.iter().map(|step| operation(&step.op)).collect()
}

const RECORDS: &str = "
vpcs: {}
authorized_vpcs: {}
records:
  db.a.dns CNAME: {ttl: 60, values: [db.example.com]}
  '*.a.dns A': {values: [10.0.0.1, 10.0.0.2]}
  t.a.dns TXT: {values: ['\"${x}\"']}
  w.a.dns A blue one: {ttl: 5, weight: 0, values: [10.0.0.1], health_check: h}
  l.a.dns A a: {latency_region: eu-west-1, values: [10.0.0.1]}
  f.a.dns A a: {failover: SECONDARY, alias: {name: x.a.dns, zone_id: Z1, evaluate_target_health: true}}
  m.a.dns A a: {multivalue: true, values: [10.0.0.1]}
  g.a.dns A a: {geolocation: {country: US, subdivision: CA}, values: [10.0.0.1]}
  p.a.dns A a: {geoproximity: {latitude: '49.2', longitude: '-74.0', bias: -5}, values: [10.0.0.1]}
";

#[test]
fn a_written_zone_is_the_same_model() {
    let every = format!(
        "comment: c\nregion_vpc: false\n{}tags: {{A: b, C: unset}}\n",
        RECORDS.replacen("{}", "{vpc-1: eu-west-1}", 1)
    );
    for yaml in [every.as_str(), "comment: unset\n", "{records: {old.a.dns A: unset}, vpcs: {vpc-2: unset}}\n"] {
        let (model, faults) = desired(yaml);
        assert_eq!(faults, Vec::<String>::new());
        let written = write::yaml(&PrivateZone::write(&model).unwrap(), 0);
        assert_eq!(desired(&written.replace("$${", "${")).0, model, "{written}");
    }
}

#[test]
fn record_sets_of_other_names_and_types_stay() {
    let want = "records: {db.a.dns CNAME: {values: [new.example.com]}, m.a.dns A a: unset}\n";
    let draft = diff(want, Some(RECORDS));
    assert_eq!(calls(&draft), ["ChangeResourceRecordSets"]);
    let op = &draft.steps[0].op["ChangeResourceRecordSets"];
    assert_eq!(op["upsert"]["db.a.dns CNAME"]["ttl"], 300);
    assert_eq!(op["upsert"].as_object().unwrap().len(), 1);
    assert_eq!(op["delete"], serde_json::json!(["m.a.dns A a"]));
    assert_eq!(draft.deletes, ["the record set m.a.dns A a is deleted"]);
}

#[test]
fn names_with_and_without_a_trailing_dot_are_equal() {
    let want = "records: {DB.a.dns. cname: {ttl: 60, values: [DB.example.com.]}}\n";
    assert!(diff(want, Some(RECORDS)).fields.is_empty());
}

#[test]
fn a_record_set_that_a_spec_cannot_state_is_blocked() {
    let live = ZoneModel {
        unsupported: BTreeMap::from([("x.a.dns A".to_owned(), "belongs to the traffic policy instance t".to_owned())]),
        ..desired("{}\n").0
    };
    for want in ["records: {x.a.dns A: {values: [10.0.0.1]}}\n", "records: {x.a.dns A: unset}\n"] {
        let mut out = Diff::new(true, &[]);
        PrivateZone::diff(&desired(want).0, Some(&live), &mut out);
        assert!(out.finish().unwrap().blocked[0].contains("traffic policy"));
    }
}

#[test]
fn vpcs_are_added_and_removed_one_by_one() {
    let draft = diff("vpcs: {vpc-1: eu-west-1, vpc-2: unset}\n", Some("vpcs: {vpc-2: eu-west-2, vpc-3: eu-west-3}\n"));
    assert_eq!(calls(&draft), ["AssociateVPCWithHostedZone", "DisassociateVPCFromHostedZone"]);
    assert_eq!(draft.deletes, ["names of the zone no longer resolve in vpc-2"]);
    let moved = diff("vpcs: {vpc-2: eu-west-1}\n", Some("vpcs: {vpc-2: eu-west-2}\n"));
    assert_eq!(moved.blocked, ["vpc-2 is in eu-west-2: correct its region"]);
    let live = ZoneModel { own_vpc: Some("vpc-7".to_owned()), ..desired("{}\n").0 };
    let mut own = Diff::new(true, &[]);
    PrivateZone::diff(&desired("vpcs: {vpc-7: eu-central-1}\n").0, Some(&live), &mut own);
    assert!(own.finish().unwrap().blocked[0].contains("is the region's VPC"));
    let elsewhere = diff("{region_vpc: false, vpcs: {vpc-1: eu-west-1}}\n", None);
    assert_eq!(calls(&elsewhere), ["CreateHostedZone", "ChangeTagsForResource"]);
    assert_eq!(elsewhere.steps[0].op["CreateHostedZone"]["vpc"]["id"], "vpc-1");
}

#[test]
fn a_vpc_of_another_account_is_authorized_and_its_account_associates_it() {
    let want = "authorized_vpcs: {vpc-9: eu-west-1}\n";
    let first = diff(want, Some("{}\n"));
    assert_eq!(calls(&first), ["CreateVPCAssociationAuthorization"]);
    assert!(first.waiting[0].what.contains("VPCRegion=eu-west-1,VPCId=vpc-9"), "{:?}", first.waiting);
    let next = diff(want, Some(want));
    assert!(next.steps.is_empty() && next.waiting.len() == 1);
    let done = diff(want, Some("vpcs: {vpc-9: eu-west-1}\n"));
    assert!(done.steps.is_empty() && done.waiting.is_empty());
    let gone = diff("authorized_vpcs: {vpc-9: unset}\n", Some(want));
    assert_eq!(calls(&gone), ["DeleteVPCAssociationAuthorization"]);
}

#[test]
fn everything_that_route_53_rejects_is_a_fault() {
    let faults = |yaml: &str| desired(yaml).1.join("\n");
    assert!(faults("region_vpc: false\n").contains("needs a VPC"));
    assert!(faults("vpcs: {x: eu-west-1}\n").contains("not a VPC ID"));
    assert!(faults("vpcs: {vpc-1: }\n").contains("region of vpc-1"));
    let record = |text: &str| faults(&format!("records:\n  {text}\n"));
    for (text, fault) in [
        ("db.a.dns: {values: [x]}", "not a record set"),
        ("db.b.dns A: {values: [10.0.0.1]}", "not in the zone"),
        ("a.dns CNAME: {values: [b]}", "cannot be a CNAME"),
        ("a.dns SOA: unset", "NS and SOA"),
        ("db.a.dns A: ", "is empty"),
        ("db.a.dns A: {ttl: 5}", "has no values"),
        ("db.a.dns A: {values: [10.0.0.1], alias: {name: b, zone_id: Z}}", "mutually exclusive"),
        ("db.a.dns A: {ttl: 5, alias: {name: b, zone_id: Z}}", "TTL of its target"),
        ("db.a.dns CNAME: {values: [b, c]}", "one value"),
        ("db.a.dns A: {values: [b]}", "not valid"),
        ("db.a.dns TXT: {values: [b]}", "not valid"),
        ("db.a.dns A: {values: [10.0.0.1], weight: 1}", "set identifier"),
        ("db.a.dns A x: {values: [10.0.0.1]}", "routing policy"),
        ("db.a.dns A x: {values: [10.0.0.1], weight: 256}", "weight"),
        ("db.a.dns A x: {values: [10.0.0.1], weight: 1, multivalue: true}", "mutually exclusive"),
        ("db.a.dns A x: {values: [10.0.0.1], geolocation: {}}", "a location is"),
        ("db.a.dns A x: {values: [10.0.0.1], geoproximity: {bias: 100}}", "bias"),
    ] {
        assert!(record(text).contains(fault), "{text}: {}", record(text));
    }
}
