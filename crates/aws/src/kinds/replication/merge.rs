// SPDX-License-Identifier: Apache-2.0
//! Merging a spec's rules into the live rules of a bucket, which others may have made.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::types as s3;

use super::rules::{ReplicationRule, changed, lifted, new_rule};
use crate::error::CallError;

/// Merges the spec's rules into the live ones: others are kept, `absent` ones removed, new ones appended. A new rule
/// without a priority gets a free one: priorities must be unique in a bucket.
///
/// S3 rejects a configuration with rules of both versions
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html>), so rules of the first version
/// are converted if there are rules of the second.
pub(super) fn merge(
    current: Vec<s3::ReplicationRule>,
    mut desired: BTreeMap<String, ReplicationRule>,
    absent: &BTreeSet<String>,
) -> Result<Vec<s3::ReplicationRule>, CallError> {
    let stated = desired.values().filter_map(|rule| rule.priority.get());
    let used = current.iter().filter(|rule| rule.filter.is_some()).filter_map(|rule| rule.priority).chain(stated);
    let mut free = Free { used: used.collect() };
    let mut merged = Vec::new();
    for rule in current {
        let id = rule.id.clone().unwrap_or_default();
        match desired.remove(&id) {
            Some(own) => {
                let live = rule.priority.filter(|_| rule.filter.is_some());
                let priority = own.priority.get().or(live).unwrap_or_else(|| free.take());
                merged.push(changed(&own, rule, priority)?);
            }
            None if absent.contains(&id) => {}
            None => merged.push(rule),
        }
    }
    for (id, own) in desired {
        let priority = own.priority.get().unwrap_or_else(|| free.take());
        merged.push(new_rule(&id, &own, priority)?);
    }
    if merged.iter().all(|rule| rule.filter.is_none()) {
        return Ok(merged);
    }
    let lift = |rule: s3::ReplicationRule| {
        let priority = if rule.filter.is_none() { free.take() } else { 0 };
        lifted(rule, priority)
    };
    merged.into_iter().map(lift).collect()
}

/// The priorities that are in use.
struct Free {
    used: BTreeSet<i32>,
}

impl Free {
    /// Returns a priority above all that are in use, or else the highest free one.
    fn take(&mut self) -> i32 {
        let next = self.used.last().map_or(1, |highest| highest.saturating_add(1));
        let free = (0..=next).rev().find(|priority| !self.used.contains(priority)).unwrap_or(0);
        self.used.insert(free);
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regionctl_core::model::tags::Tags;
    use regionctl_core::resource::setting::Setting;

    use super::super::rules::from_sdk;

    fn rule(prefix: &str) -> ReplicationRule {
        ReplicationRule {
            destination: "arn:aws:s3:::copies".to_owned(),
            enabled: true,
            prefix: Setting::Set(prefix.to_owned()),
            ..ReplicationRule::default()
        }
    }

    fn one(id: &str, rule: ReplicationRule) -> BTreeMap<String, ReplicationRule> {
        BTreeMap::from([(id.to_owned(), rule)])
    }

    fn v1(id: &str) -> s3::ReplicationRule {
        let destination = s3::Destination::builder().bucket("arn:aws:s3:::theirs").build().unwrap();
        #[allow(deprecated)]
        let rule = s3::ReplicationRule::builder().id(id).prefix("x/").status(s3::ReplicationRuleStatus::Enabled);
        rule.destination(destination).build().unwrap()
    }

    #[test]
    fn other_rules_are_kept_and_a_new_rule_gets_the_next_priority() {
        let other = new_rule("other", &rule("a/"), 7).unwrap();
        let merged = merge(vec![other.clone()], one("new", rule("b/")), &BTreeSet::new()).unwrap();
        assert_eq!(merged[0], other);
        assert_eq!((merged[1].id(), merged[1].priority()), (Some("new"), Some(8)));
        let other = new_rule("other", &rule("a/"), i32::MAX).unwrap();
        let merged = merge(vec![other], one("new", rule("b/")), &BTreeSet::new()).unwrap();
        assert_eq!(merged[1].priority(), Some(i32::MAX - 1));
    }

    /// A rule with every setting, as S3 returns it.
    fn full() -> s3::ReplicationRule {
        let time = || s3::ReplicationTimeValue::builder().minutes(15).build();
        let metrics = s3::Metrics::builder().status(s3::MetricsStatus::Enabled).event_threshold(time());
        let control = s3::ReplicationTime::builder().status(s3::ReplicationTimeStatus::Enabled).time(time());
        let owner = s3::AccessControlTranslation::builder().owner(s3::OwnerOverride::Destination);
        let destination = s3::Destination::builder()
            .bucket("arn:aws:s3:::copies")
            .account("210987654321")
            .storage_class(s3::StorageClass::GlacierIr)
            .access_control_translation(owner.build().unwrap())
            .encryption_configuration(s3::EncryptionConfiguration::builder().replica_kms_key_id("arn:k").build())
            .replication_time(control.build().unwrap())
            .metrics(metrics.build().unwrap());
        let modifications = s3::ReplicaModifications::builder().status(s3::ReplicaModificationsStatus::Enabled);
        let kms = s3::SseKmsEncryptedObjects::builder().status(s3::SseKmsEncryptedObjectsStatus::Enabled);
        let criteria = s3::SourceSelectionCriteria::builder()
            .replica_modifications(modifications.build().unwrap())
            .sse_kms_encrypted_objects(kms.build().unwrap());
        let existing = s3::ExistingObjectReplication::builder().status(s3::ExistingObjectReplicationStatus::Enabled);
        let tag = |key: &str| s3::Tag::builder().key(key).value("v").build().unwrap();
        let and = s3::ReplicationRuleAndOperator::builder().prefix("x/").tags(tag("a")).tags(tag("b")).build();
        s3::ReplicationRule::builder()
            .id("a")
            .priority(3)
            .filter(s3::ReplicationRuleFilter::builder().and(and).build())
            .status(s3::ReplicationRuleStatus::Disabled)
            .destination(destination.build().unwrap())
            .source_selection_criteria(criteria.build())
            .existing_object_replication(existing.build().unwrap())
            .delete_marker_replication(
                s3::DeleteMarkerReplication::builder().status(s3::DeleteMarkerReplicationStatus::Disabled).build(),
            )
            .build()
            .unwrap()
    }

    #[test]
    fn unstated_settings_survive_a_change_of_the_rule() {
        let live = full();
        let own = ReplicationRule {
            destination: "arn:aws:s3:::copies".to_owned(),
            enabled: true,
            ..ReplicationRule::default()
        };
        let merged = merge(vec![live.clone()], one("a", own), &BTreeSet::new()).unwrap();
        let mut expected = live;
        expected.status = s3::ReplicationRuleStatus::Enabled;
        assert_eq!(merged, [expected]);
    }

    #[test]
    fn every_setting_of_a_rule_can_be_stated_and_unset() {
        let model = from_sdk(&full()).unwrap();
        let created = merge(Vec::new(), one("a", model.clone()), &BTreeSet::new()).unwrap();
        assert_eq!(created, [full()]);
        let off = Setting::Set(false);
        let plain = ReplicationRule {
            tags: Setting::Unset,
            existing_objects: off,
            replica_modifications: off,
            sse_kms_objects: off,
            replica_kms_key: Setting::Unset,
            storage_class: Setting::Unset,
            account: Setting::Unset,
            owner_override: off,
            time_control: off,
            metrics: off,
            ..rule("")
        };
        let plain = ReplicationRule { prefix: Setting::Unset, priority: Setting::Set(3), ..plain };
        let merged = merge(vec![full()], one("a", plain.clone()), &BTreeSet::new()).unwrap();
        let read = from_sdk(&merged[0]).unwrap();
        assert_eq!(read, plain.over(Some(&model)));
        let destination = merged[0].destination().unwrap();
        assert!(destination.account().is_none() && destination.access_control_translation().is_none());
    }

    #[test]
    fn rules_of_the_first_version_are_converted_only_beside_rules_of_the_second() {
        let merged = merge(vec![v1("a"), v1("b")], BTreeMap::new(), &BTreeSet::from(["a".to_owned()])).unwrap();
        assert_eq!(merged, [v1("b")]);
        let desired = ReplicationRule { priority: Setting::Set(1), ..rule("out/") };
        let merged = merge(vec![v1("a"), v1("b")], one("new", desired), &BTreeSet::new()).unwrap();
        let [first, second, new] = merged.as_slice() else { panic!("{merged:?}") };
        assert_eq!((first.priority(), second.priority(), new.priority()), (Some(2), Some(3), Some(1)));
        for lifted in [first, second] {
            let model = from_sdk(lifted).unwrap();
            let before = from_sdk(&v1("a")).unwrap();
            assert_eq!(model.delete_markers, Setting::Set(true));
            assert_eq!((&model.prefix, &model.destination), (&before.prefix, &before.destination));
        }
    }

    #[test]
    fn an_unstated_filter_is_not_widened() {
        let own = ReplicationRule { tags: Setting::Unstated, prefix: Setting::Unstated, ..rule("") };
        let merged = merge(vec![full()], one("a", own), &BTreeSet::new()).unwrap();
        assert_eq!(merged[0].filter, full().filter);
        let tags = Setting::Set(Tags::from([("a".to_owned(), "v".to_owned())]));
        let own = ReplicationRule { tags, prefix: Setting::Unset, ..rule("") };
        let merged = merge(vec![full()], one("a", own), &BTreeSet::new()).unwrap();
        let filter = merged[0].filter().unwrap();
        assert!(filter.tag().is_some() && filter.prefix().is_none() && filter.and().is_none(), "{filter:?}");
    }
}
