// SPDX-License-Identifier: Apache-2.0
//! A replication rule: its model, and its conversion from and to S3's form
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRule.html>).
//!
//! S3 has two versions of rules. A rule without `Filter` has the first version: it has no priority and replicates delete
//! markers (S3 User Guide, "Replication configuration file elements").

use aws_sdk_s3::types as s3;
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use super::spec::StorageClass;
use crate::error::{CallError, build_error};

const GET: &str = "S3 GetBucketReplication";

/// The minutes of replication time control, and of its metrics: the only value that S3 supports
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationTimeValue.html>).
const MINUTES: i32 = 15;

/// A replication rule, desired or live. In a desired rule, unstated settings of an existing rule are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationRule {
    /// The destination bucket's ARN.
    pub(super) destination: String,
    pub(super) enabled: bool,
    /// Unset: all keys.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) prefix: Setting<String>,
    /// The tags that an object must have. Unset: any tags.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<Tags>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) priority: Setting<i32>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) delete_markers: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) existing_objects: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) replica_modifications: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) sse_kms_objects: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) replica_kms_key: Setting<String>,
    /// Unset: the class of the source object.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) storage_class: Setting<StorageClass>,
    /// The account of the destination bucket. Unset: S3 does not check it.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) account: Setting<String>,
    /// Whether the destination's account owns the replicas.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) owner_override: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) time_control: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) metrics: Setting<bool>,
    /// Live only: the rule has the first version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_v1: bool,
}

impl ReplicationRule {
    /// Returns the rule after a change: unstated settings are the live rule's, or those of a new rule.
    pub(super) fn over(&self, live: Option<&Self>) -> Self {
        let new = Self::new();
        let other = live.unwrap_or(&new).clone();
        let own = self.clone();
        Self {
            destination: own.destination,
            enabled: own.enabled,
            prefix: own.prefix.or(other.prefix),
            tags: own.tags.or(other.tags),
            priority: own.priority.or(other.priority),
            delete_markers: own.delete_markers.or(other.delete_markers),
            existing_objects: own.existing_objects.or(other.existing_objects),
            replica_modifications: own.replica_modifications.or(other.replica_modifications),
            sse_kms_objects: own.sse_kms_objects.or(other.sse_kms_objects),
            replica_kms_key: own.replica_kms_key.or(other.replica_kms_key),
            storage_class: own.storage_class.or(other.storage_class),
            account: own.account.or(other.account),
            owner_override: own.owner_override.or(other.owner_override),
            time_control: own.time_control.or(other.time_control),
            metrics: own.metrics.or(other.metrics),
            is_v1: false,
        }
    }

    /// Returns S3's defaults for a new rule. Its priority is assigned later.
    fn new() -> Self {
        let off = Setting::Set(false);
        Self {
            prefix: Setting::Unset,
            tags: Setting::Unset,
            delete_markers: off,
            existing_objects: off,
            replica_modifications: off,
            sse_kms_objects: off,
            replica_kms_key: Setting::Unset,
            storage_class: Setting::Unset,
            account: Setting::Unset,
            owner_override: off,
            time_control: off,
            metrics: off,
            ..Self::default()
        }
    }

    /// Returns the settings that S3 rejects together: the field, the reason and what to do.
    pub(super) fn faults(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let on = |setting: &Setting<bool>| *setting == Setting::Set(true);
        let mut faults = Vec::new();
        if on(&self.delete_markers) && self.tags.is_set() {
            faults.push((
                "delete_markers",
                "S3 does not replicate delete markers with a filter on tags",
                "set `delete_markers: false`, or filter by `prefix` only",
            ));
        }
        if on(&self.owner_override) && !self.account.is_set() {
            faults.push(("owner_override", "`owner_override` needs `account`", "add the destination's account"));
        }
        if on(&self.sse_kms_objects) && !self.replica_kms_key.is_set() {
            faults.push((
                "sse_kms_objects",
                "`sse_kms_objects` needs `replica_kms_key`",
                "add the ARN of a KMS key in the destination's region",
            ));
        }
        if on(&self.time_control) && !on(&self.metrics) {
            faults.push(("time_control", "`time_control` needs `metrics`", "set `metrics: true`"));
        }
        faults
    }
}

/// Converts a rule of GetBucketReplication.
///
/// # Errors
/// The rule has a value that this version does not support.
pub(super) fn from_sdk(rule: &s3::ReplicationRule) -> Result<ReplicationRule, CallError> {
    let id = rule.id().unwrap_or_default();
    let destination =
        rule.destination.as_ref().ok_or_else(|| CallError::unknown(GET, "no destination for the rule", id))?;
    let (prefix, tags) = filter_from_sdk(rule)?;
    let is_v1 = rule.filter.is_none();
    let criteria = rule.source_selection_criteria.as_ref();
    let modifications = criteria.and_then(|criteria| criteria.replica_modifications.as_ref());
    let kms_objects = criteria.and_then(|criteria| criteria.sse_kms_encrypted_objects.as_ref());
    let markers = rule.delete_marker_replication.as_ref();
    let markers = match markers {
        // The first version replicates delete markers and has no setting for it.
        None => is_v1,
        Some(markers) => {
            is_on("DeleteMarkerReplication", markers.status.as_ref().map(s3::DeleteMarkerReplicationStatus::as_str))?
        }
    };
    let existing = rule.existing_object_replication.as_ref();
    let key = destination.encryption_configuration.as_ref().and_then(|it| it.replica_kms_key_id.clone());
    Ok(ReplicationRule {
        destination: destination.bucket.clone(),
        enabled: is_on("Status", Some(rule.status.as_str()))?,
        prefix: Setting::live(Some(prefix).filter(|prefix| !prefix.is_empty())),
        tags: Setting::live(Some(tags).filter(|tags| !tags.is_empty())),
        priority: Setting::Set(rule.priority.unwrap_or(0)),
        delete_markers: Setting::Set(markers),
        existing_objects: switch("ExistingObjectReplication", existing.map(|it| it.status.as_str()))?,
        replica_modifications: switch("ReplicaModifications", modifications.map(|it| it.status.as_str()))?,
        sse_kms_objects: switch("SseKmsEncryptedObjects", kms_objects.map(|it| it.status.as_str()))?,
        replica_kms_key: Setting::live(key.filter(|key| !key.is_empty())),
        storage_class: Setting::live(destination.storage_class.as_ref().map(class_from_sdk).transpose()?),
        account: Setting::live(destination.account.clone().filter(|account| !account.is_empty())),
        owner_override: Setting::Set(owner_override(destination)?),
        time_control: Setting::Set(time_control(destination)?),
        metrics: Setting::Set(metrics(destination)?),
        is_v1,
    })
}

/// Converts a status. Absent is off.
fn is_on(what: &str, status: Option<&str>) -> Result<bool, CallError> {
    match status {
        Some("Enabled") => Ok(true),
        None | Some("Disabled") => Ok(false),
        Some(other) => Err(CallError::unknown(GET, &format!("the status of {what}"), other)),
    }
}

fn switch(what: &str, status: Option<&str>) -> Result<Setting<bool>, CallError> {
    is_on(what, status).map(Setting::Set)
}

fn class_from_sdk(class: &s3::StorageClass) -> Result<StorageClass, CallError> {
    let known = serde_json::from_value(class.as_str().into());
    known.map_err(|_| CallError::unknown(GET, "the storage class", class.as_str()))
}

fn owner_override(destination: &s3::Destination) -> Result<bool, CallError> {
    match destination.access_control_translation.as_ref().map(|it| it.owner.as_str()) {
        None => Ok(false),
        Some("Destination") => Ok(true),
        Some(other) => Err(CallError::unknown(GET, "the owner of replicas", other)),
    }
}

fn time_control(destination: &s3::Destination) -> Result<bool, CallError> {
    let Some(time) = &destination.replication_time else { return Ok(false) };
    minutes(time.time.as_ref())?;
    is_on("ReplicationTime", Some(time.status.as_str()))
}

fn metrics(destination: &s3::Destination) -> Result<bool, CallError> {
    let Some(metrics) = &destination.metrics else { return Ok(false) };
    minutes(metrics.event_threshold.as_ref())?;
    is_on("Metrics", Some(metrics.status.as_str()))
}

fn minutes(time: Option<&s3::ReplicationTimeValue>) -> Result<(), CallError> {
    match time.and_then(|time| time.minutes) {
        None | Some(MINUTES) => Ok(()),
        Some(other) => Err(CallError::unknown(GET, "the minutes of a replication time", &other.to_string())),
    }
}

/// Returns the prefix and tags that an object must have. S3 has several forms for them.
fn filter_from_sdk(rule: &s3::ReplicationRule) -> Result<(String, Tags), CallError> {
    #[allow(deprecated)] // rules of the first version have the prefix outside `Filter`
    let outside = rule.prefix.clone();
    let Some(filter) = &rule.filter else { return Ok((outside.unwrap_or_default(), Tags::new())) };
    let tags = |tags: &[s3::Tag]| tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect::<Tags>();
    match (&filter.prefix, &filter.tag, &filter.and) {
        (prefix, None, None) => Ok((prefix.clone().unwrap_or_default(), Tags::new())),
        (None, Some(tag), None) => Ok((String::new(), tags(std::slice::from_ref(tag)))),
        (None, None, Some(and)) => Ok((and.prefix.clone().unwrap_or_default(), tags(and.tags()))),
        _ => Err(CallError::unknown(GET, "a filter", "(several conditions without And)")),
    }
}

/// Returns S3's form of a new rule.
pub(super) fn new_rule(id: &str, rule: &ReplicationRule, priority: i32) -> Result<s3::ReplicationRule, CallError> {
    let destination = s3::Destination::builder().bucket(&rule.destination).build().map_err(build_error)?;
    let live = s3::ReplicationRule::builder()
        .id(id)
        .filter(filter_to_sdk("", &Tags::new())?)
        .status(s3::ReplicationRuleStatus::Enabled)
        .destination(destination)
        .delete_marker_replication(delete_markers(false))
        .build()
        .map_err(build_error)?;
    changed(rule, live, priority)
}

/// Returns S3's form of a live rule after a change. Only members that differ change; the others are sent back as they
/// are, because PutBucketReplication replaces the whole rule.
pub(super) fn changed(
    rule: &ReplicationRule,
    live: s3::ReplicationRule,
    priority: i32,
) -> Result<s3::ReplicationRule, CallError> {
    let before = from_sdk(&live)?;
    let after = rule.over(Some(&before));
    let mut changed = lifted(live, priority)?;
    changed.priority = Some(priority);
    if after.enabled != before.enabled {
        changed.status =
            if after.enabled { s3::ReplicationRuleStatus::Enabled } else { s3::ReplicationRuleStatus::Disabled };
    }
    if (&after.prefix, &after.tags) != (&before.prefix, &before.tags) {
        let (prefix, tags) = (after.prefix.get().unwrap_or_default(), after.tags.get().unwrap_or_default());
        changed.filter = Some(filter_to_sdk(&prefix, &tags)?);
    }
    if after.delete_markers != before.delete_markers {
        changed.delete_marker_replication = Some(delete_markers(after.delete_markers == Setting::Set(true)));
    }
    if after.existing_objects != before.existing_objects {
        let status = existing_status(after.existing_objects == Setting::Set(true));
        let existing = s3::ExistingObjectReplication::builder().status(status).build().map_err(build_error)?;
        changed.existing_object_replication = Some(existing);
    }
    change_criteria(&before, &after, &mut changed)?;
    if let Some(destination) = &mut changed.destination {
        change_destination(&before, &after, destination)?;
    }
    Ok(changed)
}

fn existing_status(on: bool) -> s3::ExistingObjectReplicationStatus {
    if on { s3::ExistingObjectReplicationStatus::Enabled } else { s3::ExistingObjectReplicationStatus::Disabled }
}

fn delete_markers(on: bool) -> s3::DeleteMarkerReplication {
    let status =
        if on { s3::DeleteMarkerReplicationStatus::Enabled } else { s3::DeleteMarkerReplicationStatus::Disabled };
    s3::DeleteMarkerReplication::builder().status(status).build()
}

fn change_criteria(
    before: &ReplicationRule,
    after: &ReplicationRule,
    changed: &mut s3::ReplicationRule,
) -> Result<(), CallError> {
    let modifications = after.replica_modifications != before.replica_modifications;
    let kms_objects = after.sse_kms_objects != before.sse_kms_objects;
    if !modifications && !kms_objects {
        return Ok(());
    }
    let mut criteria =
        changed.source_selection_criteria.take().unwrap_or_else(|| s3::SourceSelectionCriteria::builder().build());
    if modifications {
        let status = if after.replica_modifications == Setting::Set(true) {
            s3::ReplicaModificationsStatus::Enabled
        } else {
            s3::ReplicaModificationsStatus::Disabled
        };
        let built = s3::ReplicaModifications::builder().status(status).build().map_err(build_error)?;
        criteria.replica_modifications = Some(built);
    }
    if kms_objects {
        let status = if after.sse_kms_objects == Setting::Set(true) {
            s3::SseKmsEncryptedObjectsStatus::Enabled
        } else {
            s3::SseKmsEncryptedObjectsStatus::Disabled
        };
        let built = s3::SseKmsEncryptedObjects::builder().status(status).build().map_err(build_error)?;
        criteria.sse_kms_encrypted_objects = Some(built);
    }
    changed.source_selection_criteria = Some(criteria);
    Ok(())
}

fn change_destination(
    before: &ReplicationRule,
    after: &ReplicationRule,
    destination: &mut s3::Destination,
) -> Result<(), CallError> {
    destination.bucket.clone_from(&after.destination);
    if after.storage_class != before.storage_class {
        destination.storage_class = after.storage_class.value().map(|class| class.as_str().into());
    }
    if after.account != before.account {
        destination.account = after.account.get();
    }
    if after.owner_override != before.owner_override {
        let built = s3::AccessControlTranslation::builder().owner(s3::OwnerOverride::Destination).build();
        let built = built.map_err(build_error)?;
        destination.access_control_translation = (after.owner_override == Setting::Set(true)).then_some(built);
    }
    if after.replica_kms_key != before.replica_kms_key {
        let key = after.replica_kms_key.get();
        destination.encryption_configuration =
            key.map(|key| s3::EncryptionConfiguration::builder().replica_kms_key_id(key).build());
    }
    let time = || s3::ReplicationTimeValue::builder().minutes(MINUTES).build();
    let times = after.time_control == Setting::Set(true);
    if after.time_control != before.time_control {
        let status = if times { s3::ReplicationTimeStatus::Enabled } else { s3::ReplicationTimeStatus::Disabled };
        let built = s3::ReplicationTime::builder().status(status).time(time()).build().map_err(build_error)?;
        destination.replication_time = Some(built);
    }
    if (&after.time_control, &after.metrics) != (&before.time_control, &before.metrics) {
        let metrics = after.metrics == Setting::Set(true);
        let status = if metrics { s3::MetricsStatus::Enabled } else { s3::MetricsStatus::Disabled };
        // S3 requires the threshold with replication time control.
        let threshold = destination.metrics.take().and_then(|it| it.event_threshold).or_else(|| times.then(time));
        let built = s3::Metrics::builder().status(status).set_event_threshold(threshold).build();
        destination.metrics = Some(built.map_err(build_error)?);
    }
    Ok(())
}

/// Converts a rule of the first version to the second, with the same meaning. Returns other rules unchanged.
pub(super) fn lifted(mut rule: s3::ReplicationRule, priority: i32) -> Result<s3::ReplicationRule, CallError> {
    if rule.filter.is_some() {
        return Ok(rule);
    }
    #[allow(deprecated)] // the first version has the prefix outside `Filter`
    let prefix = rule.prefix.take().unwrap_or_default();
    rule.filter = Some(filter_to_sdk(&prefix, &Tags::new())?);
    rule.priority = Some(priority);
    rule.delete_marker_replication.get_or_insert_with(|| delete_markers(true));
    Ok(rule)
}

/// Builds the filter of a rule. S3 requires `And` for a prefix with tags and for several tags
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRuleFilter.html>).
fn filter_to_sdk(prefix: &str, tags: &Tags) -> Result<s3::ReplicationRuleFilter, CallError> {
    let tag = |(key, value)| s3::Tag::builder().key(key).value(value).build().map_err(build_error);
    let mut tags = tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    let filter = s3::ReplicationRuleFilter::builder();
    if tags.is_empty() {
        return Ok(filter.prefix(prefix).build());
    }
    if tags.len() == 1 && prefix.is_empty() {
        return Ok(filter.set_tag(tags.pop()).build());
    }
    let prefix = (!prefix.is_empty()).then(|| prefix.to_owned());
    let and = s3::ReplicationRuleAndOperator::builder().set_prefix(prefix).set_tags(Some(tags)).build();
    Ok(filter.and(and).build())
}
