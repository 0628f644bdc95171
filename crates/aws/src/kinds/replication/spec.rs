// SPDX-License-Identifier: Apache-2.0
//! The spec of replication rules and its checks.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::kind::Notes;
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::names;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::risks;
use super::rules::ReplicationRule;

/// The maximum number of rules of a bucket
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html>).
pub(super) const MAX_RULES: usize = 1000;

/// Replication rules of an S3 bucket. The resource's name is the name of the source bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Replication")]
pub struct ReplicationSpec {
    /// The region of the source bucket.
    pub(super) region: String,
    /// The ARN of the IAM role that S3 assumes to replicate objects. Required if the bucket has no replication
    /// configuration. An existing role applies to all rules of the bucket and is kept. `unset`: the bucket has no
    /// replication configuration.
    #[serde(default)]
    pub(super) role: Setting<String>,
    /// The replication rules of this spec, by rule id. Other rules on the bucket are kept.
    #[serde(default)]
    pub(super) rules: BTreeMap<String, ReplicationRuleSpec>,
    /// Ids of rules to remove.
    #[serde(default)]
    pub(super) absent: BTreeSet<String>,
    /// The reason to waive the risk of replicating objects to another account, and of rules whose operations fail.
    pub(super) waiver: Option<String>,
}

/// One replication rule. Settings of an existing rule that are left out do not change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3ReplicationRule")]
pub(super) struct ReplicationRuleSpec {
    /// The name or ARN of the destination bucket. Versioning must be enabled on both buckets.
    destination: String,
    /// Whether S3 applies the rule. Default: true.
    #[serde(default = "on")]
    enabled: bool,
    /// Replicates only objects whose key starts with this prefix. `unset` or `""`: all keys.
    #[serde(default)]
    prefix: Setting<String>,
    /// Replicates only objects that have all of these tags. `unset` or `{}`: objects with any tags.
    #[serde(default)]
    tags: Setting<Tags>,
    /// The priority, 0 or more, unique in the bucket: if rules conflict, S3 applies the rule with the highest priority.
    /// Default: the rule's live priority, or the next free one for a new rule.
    priority: Option<i32>,
    /// Whether S3 replicates delete markers to the destination bucket. Excludes `tags`. Default for a new rule: false.
    delete_markers: Option<bool>,
    /// Whether S3 replicates objects that are older than the rule. AWS turns this on only on request; S3 Batch
    /// Replication is the usual way. Default for a new rule: false.
    existing_objects: Option<bool>,
    /// Whether S3 replicates changes of the metadata of replicas, for replication in both directions. Default for a new
    /// rule: false.
    replica_modifications: Option<bool>,
    /// Whether S3 replicates objects that are encrypted with KMS keys. Needs `replica_kms_key`. Default for a new rule:
    /// false.
    sse_kms_objects: Option<bool>,
    /// The ARN of the KMS key that encrypts replicas, in the region of the destination bucket. `unset`: none.
    #[serde(default)]
    replica_kms_key: Setting<String>,
    /// The storage class of the replicas. `unset`: the storage class of the source object.
    #[serde(default)]
    storage_class: Setting<StorageClass>,
    /// The id of the account that owns the destination bucket, if it is another one. `unset`: S3 does not check it.
    #[serde(default)]
    account: Setting<String>,
    /// Whether the destination's account owns the replicas. Needs `account`. Default for a new rule: false.
    owner_override: Option<bool>,
    /// Whether S3 Replication Time Control is on: most objects are replicated within 15 minutes. It turns on `metrics`.
    /// Default for a new rule: false.
    time_control: Option<bool>,
    /// Whether S3 publishes replication metrics. Default for a new rule: false.
    metrics: Option<bool>,
}

fn on() -> bool {
    true
}

/// The storage class of replicas (`StorageClass` in
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Destination.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StorageClass {
    Standard,
    ReducedRedundancy,
    StandardIa,
    OnezoneIa,
    IntelligentTiering,
    GlacierIr,
    Glacier,
    DeepArchive,
    Outposts,
    Snow,
    ExpressOnezone,
}

impl StorageClass {
    /// Returns AWS's name of the class.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
            Self::StandardIa => "STANDARD_IA",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
            Self::Glacier => "GLACIER",
            Self::DeepArchive => "DEEP_ARCHIVE",
            Self::Outposts => "OUTPOSTS",
            Self::Snow => "SNOW",
            Self::ExpressOnezone => "EXPRESS_ONEZONE",
        }
    }
}

impl ReplicationRuleSpec {
    /// Returns the desired rule, in one form: an empty filter is unset, and time control implies metrics.
    fn into_rule(self, partition: &str) -> ReplicationRule {
        let is_arn = self.destination.starts_with("arn:") || self.destination.starts_with("${");
        let destination = if is_arn { self.destination } else { format!("arn:{partition}:s3:::{}", self.destination) };
        let metrics = self.metrics.or(self.time_control.filter(|on| *on));
        ReplicationRule {
            destination,
            enabled: self.enabled,
            prefix: if self.prefix.is_set_and(String::is_empty) { Setting::Unset } else { self.prefix },
            tags: if self.tags.is_set_and(Tags::is_empty) { Setting::Unset } else { self.tags },
            priority: Setting::stated(self.priority),
            delete_markers: Setting::stated(self.delete_markers),
            existing_objects: Setting::stated(self.existing_objects),
            replica_modifications: Setting::stated(self.replica_modifications),
            sse_kms_objects: Setting::stated(self.sse_kms_objects),
            replica_kms_key: self.replica_kms_key,
            storage_class: self.storage_class,
            account: self.account,
            owner_override: Setting::stated(self.owner_override),
            time_control: Setting::stated(self.time_control),
            metrics: Setting::stated(metrics),
            is_v1: false,
        }
    }
}

/// Checks everything but the rules, and adds the waivers.
pub(super) fn check(spec: &ReplicationSpec, notes: &mut Notes<'_>) {
    if !names::is_region(&spec.region) {
        let message = format!("'{}' is not a region code", spec.region);
        notes.fault("region", message, "use the region of the source bucket, such as us-east-1");
    }
    if let Some(role) = spec.role.value().filter(|role| !role.starts_with("arn:") && !role.contains("${")) {
        let message = format!("'{role}' is not an ARN");
        notes.fault("role", message, "use the role's ARN, such as arn:aws:iam::123456789012:role/name");
    }
    let is_unset = spec.role == Setting::Unset;
    if is_unset && !spec.rules.is_empty() {
        notes.fault("role", "rules need a role", "state the role's ARN, or leave `role` out");
    }
    if spec.rules.is_empty() && spec.absent.is_empty() && !is_unset {
        let help = "add a rule, such as `rules: {to-here: {destination: copies}}`";
        notes.fault("rules", "`rules` and `absent` are both empty", help);
    }
    if spec.rules.len() > MAX_RULES {
        let message = format!("{} rules exceed the maximum of {MAX_RULES} in a bucket", spec.rules.len());
        notes.fault("rules", message, "merge some of them");
    }
    notes.waive_all(&[risks::OTHER_ACCOUNT], spec.waiver.as_ref());
}

/// Checks the rules and returns them as desired rules.
pub(super) fn check_rules(
    name: &str,
    rules: BTreeMap<String, ReplicationRuleSpec>,
    absent: &BTreeSet<String>,
    partition: &str,
    notes: &mut Notes<'_>,
) -> BTreeMap<String, ReplicationRule> {
    let mut checked: BTreeMap<String, ReplicationRule> = BTreeMap::new();
    for (id, rule) in rules {
        let at = format!("rules.{id}");
        if id.is_empty() || id.chars().count() > 255 {
            notes.fault(&at, "a rule id must have 1 to 255 characters", "change the rule id");
        }
        if absent.contains(&id) {
            notes.fault(&at, format!("rule '{id}' is in both `rules` and `absent`"), "remove one of the two");
        }
        let same = |other: &&String| rule.priority.is_some() && checked[*other].priority.get() == rule.priority;
        if let Some(other) = checked.keys().find(same) {
            let message = format!("the rules '{other}' and '{id}' have the same priority");
            notes.fault(&format!("{at}.priority"), message, "give each rule a different one");
        }
        let rule = rule.into_rule(partition);
        if rule.destination.strip_suffix(name).is_some_and(|arn| arn.ends_with(":::")) {
            notes.fault(&at, "the destination is the source bucket", "set `destination` to another bucket");
        }
        check_rule(&rule, &at, notes);
        checked.insert(id, rule);
    }
    checked
}

fn check_rule(rule: &ReplicationRule, at: &str, notes: &mut Notes<'_>) {
    let at = |field: &str| format!("{at}.{field}");
    if rule.priority.is_set_and(|priority| *priority < 0) {
        notes.fault(&at("priority"), "the priority is negative", "use 0 or a higher number");
    }
    if rule.prefix.is_set_and(|prefix| prefix.len() > 1024) {
        notes.fault(&at("prefix"), "the prefix is longer than 1,024 bytes, the maximum of a key", "shorten it");
    }
    let is_id = |account: &String| {
        account.contains("${") || (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if let Some(account) = rule.account.value().filter(|account| !is_id(account)) {
        let message = format!("'{account}' is not an account id");
        notes.fault(&at("account"), message, "use 12 digits in quotes, such as \"123456789012\"");
    }
    let is_key = |key: &String| key.contains("${") || key.starts_with("arn:");
    if rule.replica_kms_key.is_set_and(|key| !is_key(key)) {
        let message = "`replica_kms_key` must be the ARN of a KMS key";
        notes.fault(&at("replica_kms_key"), message, "write arn:aws:kms:REGION:ACCOUNT:key/ID");
    }
    // An existing rule may have what is left out here, so the diff checks this again.
    let full = |setting: &Setting<bool>| !setting.is_unstated();
    let is_complete = |field: &str| match field {
        "delete_markers" => full(&rule.delete_markers) && !rule.tags.is_unstated(),
        "owner_override" => rule.account == Setting::Unset,
        "sse_kms_objects" => rule.replica_kms_key == Setting::Unset,
        _ => true,
    };
    for (field, message, help) in rule.over(None).faults().into_iter().filter(|(field, ..)| is_complete(field)) {
        notes.fault(&at(field), message, help);
    }
}
