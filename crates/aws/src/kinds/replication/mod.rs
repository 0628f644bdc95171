// SPDX-License-Identifier: Apache-2.0
//! `s3.replication`: rules in a bucket's replication configuration. Several specs can contribute rules to one bucket,
//! and the bucket can be in another region. PutBucketReplication replaces the whole configuration
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html>): regionctl writes the rules
//! whose ids the spec names and sends the others back unchanged.

mod api;
mod elements;
mod merge;
mod risks;
mod rules;
mod spec;

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::names;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::replication_failures;
use rules::ReplicationRule;
use spec::{MAX_RULES, ReplicationSpec, check, check_rules};

/// The kind `s3.replication`.
pub struct Replication;

/// A bucket's replication configuration, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplicationModel {
    /// The source bucket's name. It orders this resource after the bucket if the spec creates both.
    bucket: String,
    region: String,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    role: Setting<String>,
    rules: BTreeMap<String, ReplicationRule>,
    absent: BTreeSet<String>,
    /// Whether versioning is enabled on the source bucket, which S3 requires for replication; meaningful only in a live
    /// model.
    versioned: bool,
    /// Whether the source bucket is in the spec's region, so that the same apply can create it and enable versioning;
    /// meaningful only in a desired model.
    local: bool,
}

/// The S3 API calls that change a bucket's replication configuration.
#[derive(Debug, Serialize, Deserialize)]
pub enum ReplicationOp {
    /// Reads the live configuration, merges the spec's rules into it, and puts the result.
    PutBucketReplication {
        /// The source bucket's name.
        bucket: String,
        /// The source bucket's region, to which the call is sent.
        region: String,
        /// The ARN of the IAM role that S3 assumes: the live configuration's, or else the spec's.
        role: Option<String>,
        /// The spec's rules, by rule id.
        rules: BTreeMap<String, ReplicationRule>,
        /// Ids of rules to remove.
        absent: BTreeSet<String>,
    },
    /// Removes the configuration, whose last rules are removed: S3 accepts none without a rule. Puts it instead if
    /// another rule exists by then.
    DeleteBucketReplication {
        /// The source bucket's name.
        bucket: String,
        /// The source bucket's region, to which the call is sent.
        region: String,
        /// Ids of rules to remove.
        absent: BTreeSet<String>,
    },
}

impl Kind for Replication {
    const FACTS: Facts = Facts {
        name: "s3.replication",
        service: "S3",
        summary: "Replication rules of a bucket in any region, by rule id. Rules that the spec does not name are kept.",
        reads: &["GetBucketReplication", "GetBucketVersioning"],
        writes: &["PutBucketReplication", "DeleteBucketReplication"],
        // The call passes the bucket's live role if it has one, so the spec's role alone is not enough for the policy.
        also: &[regionctl_core::kind::Need::always("iam:PassRole", crate::services::ROLES)],
        global: true,
        part_of: Some("s3.bucket"),
        defect_rules: &[risks::FAILS],
        looks_up: &[replication_failures::NAME],
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "nothing is replicated" },
            Weight {
                path: "rules*",
                when: When::Lacking,
                severity: Severity::High,
                why: "some objects are not replicated",
            },
            Weight {
                path: "role",
                when: When::Differs,
                severity: Severity::High,
                why: "the replication role differs from the spec",
            },
        ],
        example: "
s3.replication:
  certificates:
    region: us-east-1
    role: arn:${partition}:iam::${account}:role/replicate-certificates
    rules:
      to-${region}: {destination: \"certificates-${region}\"}
      audit-${region}:
        destination: audit-${region}
        prefix: audit/
        delete_markers: true
        storage_class: GLACIER_IR
        time_control: true
",
        ..Facts::DEFAULT
    };

    type Spec = ReplicationSpec;
    type Model = ReplicationModel;
    type Op = ReplicationOp;

    fn desire(name: &str, spec: ReplicationSpec, notes: &mut Notes<'_>) -> ReplicationModel {
        check(&spec, notes);
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        let ReplicationSpec { region, role, rules, absent, waiver: _ } = spec;
        let local = region == notes.region;
        let rules = check_rules(name, rules, &absent, names::partition(&region), notes);
        ReplicationModel { bucket: name.to_owned(), region, role, rules, absent, versioned: true, local }
    }

    fn region(want: &ReplicationModel) -> Option<String> {
        Some(want.region.clone())
    }

    /// Leaves out rules that the spec does not name: the call reads and sends them back at apply time, so a change to
    /// them does not invalidate a saved plan.
    fn relevant(want: Option<&ReplicationModel>, live: ReplicationModel) -> ReplicationModel {
        let named = |id: &String| want.is_none_or(|want| want.rules.contains_key(id) || want.absent.contains(id));
        let rules = live.rules.into_iter().filter(|(id, _)| named(id));
        let rules = rules.map(|(id, rule)| (id, ReplicationRule { is_v1: false, ..rule })).collect();
        let versioned = want.is_none_or(|want| live.versioned || want.local);
        ReplicationModel { rules, versioned, local: false, ..live }
    }

    fn claims(name: &str, model: &ReplicationModel) -> Vec<String> {
        model.rules.keys().chain(&model.absent).map(|id| format!("{name} rule {id}")).collect()
    }

    /// Returns `iam:PassRole`: the call passes the role to S3.
    fn also_needs(op: &ReplicationOp) -> Vec<(&'static str, String)> {
        match op {
            ReplicationOp::PutBucketReplication { role, .. } => {
                role.iter().map(|role| ("iam:PassRole", role.clone())).collect()
            }
            ReplicationOp::DeleteBucketReplication { .. } => Vec::new(),
        }
    }

    fn write(model: &ReplicationModel) -> Option<Value> {
        let ReplicationModel { bucket: _, region, role, rules, absent, versioned: _, local: _ } = model;
        let mut fields = Map::from_iter([("region".to_owned(), region.as_str().into())]);
        write::setting("role", role, &mut fields);
        if !rules.is_empty() {
            let partition = names::partition(region);
            let rules = rules.iter().map(|(id, rule)| (id.clone(), written(rule, partition)));
            fields.insert("rules".to_owned(), Value::Object(rules.collect()));
        }
        if !absent.is_empty() {
            fields.insert("absent".to_owned(), json!(absent));
        }
        Some(Value::Object(fields))
    }

    fn risks(model: &ReplicationModel) -> Vec<Risk> {
        risks::risks(model)
    }

    fn defects(want: &ReplicationModel, live: Option<&ReplicationModel>, seen: &Seen<'_>) -> Vec<Risk> {
        risks::defects(want, live, seen)
    }

    fn extras(_: &ReplicationOp) -> &'static [&'static str] {
        &["rules"]
    }

    fn diff(want: &ReplicationModel, live: Option<&ReplicationModel>, out: &mut Diff<'_, ReplicationOp>) {
        let ReplicationModel { bucket, region, role, rules, absent, versioned: _, local } = want;
        let none = ReplicationModel { role: Setting::Unset, rules: BTreeMap::new(), ..want.clone() };
        let exists = live.is_some();
        let (creation, live) = (out.creation(), live.unwrap_or(&none));
        let has_role = live.role.is_set() || role.is_set();
        let new_role = role.value().filter(|_| !live.role.is_set());
        let mut covers = out.stated("role", new_role, None);
        for (id, rule) in rules {
            covers = covers.and(compare(id, rule, live.rules.get(id), out));
        }
        for (id, rule) in live.rules.iter().filter(|(id, _)| absent.contains(*id)) {
            covers = covers.and(out.gone(&format!("rules.{id}"), rule));
        }
        if !exists && !local {
            out.never_made(&format!(
                "the bucket '{bucket}' does not exist in {region}: create it first, or correct `region`"
            ));
        } else if !live.versioned && !local {
            out.blocked(
                &covers,
                "versioning is not enabled on the source bucket: enable it, S3 replication requires it",
            );
        } else if !has_role && !rules.is_empty() {
            out.blocked(&covers, "the bucket has no replication role: set `role`");
        }
        check_merged(want, live, &covers, out);
        let others = live.rules.keys().any(|id| !absent.contains(id) && !rules.contains_key(id));
        let (bucket, region, absent) = (bucket.clone(), region.clone(), absent.clone());
        let op = if rules.is_empty() && !others && live.role.is_set() {
            out.remark(&covers, "no rule remains: the bucket's replication configuration is removed");
            ReplicationOp::DeleteBucketReplication { bucket, region, absent }
        } else {
            let role = live.role.get().or_else(|| role.get());
            ReplicationOp::PutBucketReplication { bucket, region, role, rules: rules.clone(), absent }
        };
        out.step(if creation.is_empty() { Phase::Change } else { Phase::Create }, creation.and(covers), op);
    }
}

/// Compares one rule.
fn compare(
    id: &str,
    rule: &ReplicationRule,
    live: Option<&ReplicationRule>,
    out: &mut Diff<'_, ReplicationOp>,
) -> Covers {
    let ReplicationRule {
        destination,
        enabled,
        prefix,
        tags,
        priority,
        delete_markers,
        existing_objects,
        replica_modifications,
        sse_kms_objects,
        replica_kms_key,
        storage_class,
        account,
        owner_override,
        time_control,
        metrics,
        is_v1: _,
    } = rule;
    let at = |part: &str| format!("rules.{id}.{part}");
    let moved = out.value(&at("destination"), destination, live.map(|it| &it.destination));
    // The account and the key are those of the old destination.
    let lacks = |own: bool, live: Option<bool>| own && live == Some(true);
    let lacks_account = lacks(account.is_unstated(), live.map(|it| it.account.is_set()));
    let lacks_key = lacks(replica_kms_key.is_unstated(), live.map(|it| it.replica_kms_key.is_set()));
    if lacks_account || lacks_key {
        let field = if lacks_account { "account" } else { "replica_kms_key" };
        let why = format!("rule '{id}' gets another destination: state its `{field}` too, or `{field}: unset`");
        out.blocked(&moved, &why);
    }
    moved
        .and(out.value(&at("enabled"), enabled, live.map(|it| &it.enabled)))
        .and(out.setting(&at("prefix"), prefix, live.map(|it| &it.prefix)))
        .and(out.setting(&at("tags"), tags, live.map(|it| &it.tags)))
        .and(out.setting(&at("priority"), priority, live.map(|it| &it.priority)))
        .and(out.setting(&at("delete_markers"), delete_markers, live.map(|it| &it.delete_markers)))
        .and(out.setting(&at("existing_objects"), existing_objects, live.map(|it| &it.existing_objects)))
        .and(out.setting(&at("replica_modifications"), replica_modifications, live.map(|it| &it.replica_modifications)))
        .and(out.setting(&at("sse_kms_objects"), sse_kms_objects, live.map(|it| &it.sse_kms_objects)))
        .and(out.setting(&at("replica_kms_key"), replica_kms_key, live.map(|it| &it.replica_kms_key)))
        .and(out.setting(&at("storage_class"), storage_class, live.map(|it| &it.storage_class)))
        .and(out.setting(&at("account"), account, live.map(|it| &it.account)))
        .and(out.setting(&at("owner_override"), owner_override, live.map(|it| &it.owner_override)))
        .and(out.setting(&at("time_control"), time_control, live.map(|it| &it.time_control)))
        .and(out.setting(&at("metrics"), metrics, live.map(|it| &it.metrics)))
}

/// Blocks a change that S3 would reject because of the live rules, and says what it changes in rules of others.
fn check_merged(want: &ReplicationModel, live: &ReplicationModel, covers: &Covers, out: &mut Diff<'_, ReplicationOp>) {
    if covers.is_empty() {
        return;
    }
    let others = || live.rules.iter().filter(|(id, _)| !want.absent.contains(*id) && !want.rules.contains_key(*id));
    for (id, rule) in &want.rules {
        let merged = rule.over(live.rules.get(id));
        for (_, message, help) in merged.faults() {
            out.blocked(covers, &format!("rule '{id}': {message}: {help}"));
        }
        let has_same = |other: &ReplicationRule| merged.priority.is_set() && other.priority == merged.priority;
        if let Some((other, _)) = others().find(|(_, other)| !other.is_v1 && has_same(other)) {
            out.blocked(
                covers,
                &format!("the rules '{id}' and '{other}' have the same priority: change that of '{id}'"),
            );
        }
    }
    if want.rules.len() + others().count() > MAX_RULES {
        out.blocked(covers, &format!("the bucket would have more than {MAX_RULES} rules: merge some of them"));
    }
    let converted: Vec<&str> = others().filter(|(_, other)| other.is_v1).map(|(id, _)| id.as_str()).collect();
    let has_v2 = !want.rules.is_empty() || others().any(|(_, other)| !other.is_v1);
    if has_v2 && !converted.is_empty() {
        let note = format!(
            "S3 accepts one version of rules in a bucket: {} get a filter and a priority, and still replicate delete \
             markers",
            converted.join(", ")
        );
        out.remark(covers, &note);
    }
}

/// Returns the spec form of a rule.
fn written(rule: &ReplicationRule, partition: &str) -> Value {
    let name = rule.destination.strip_prefix(&format!("arn:{partition}:s3:::"));
    let mut fields = Map::from_iter([("destination".to_owned(), name.unwrap_or(&rule.destination).into())]);
    if !rule.enabled {
        fields.insert("enabled".to_owned(), false.into());
    }
    write::setting("prefix", &rule.prefix, &mut fields);
    write::setting("tags", &rule.tags, &mut fields);
    write::setting("priority", &rule.priority, &mut fields);
    write::setting("delete_markers", &rule.delete_markers, &mut fields);
    write::setting("existing_objects", &rule.existing_objects, &mut fields);
    write::setting("replica_modifications", &rule.replica_modifications, &mut fields);
    write::setting("sse_kms_objects", &rule.sse_kms_objects, &mut fields);
    write::setting("replica_kms_key", &rule.replica_kms_key, &mut fields);
    write::setting("storage_class", &rule.storage_class, &mut fields);
    write::setting("account", &rule.account, &mut fields);
    write::setting("owner_override", &rule.owner_override, &mut fields);
    write::setting("time_control", &rule.time_control, &mut fields);
    write::setting("metrics", &rule.metrics, &mut fields);
    Value::Object(fields)
}
