// SPDX-License-Identifier: Apache-2.0
//! Rules of a bucket's replication configuration: read from S3's form, merged with the rules of others, and written back.
//!
//! The calls are in the module above.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::types as s3;

use super::ReplicationRule;
use crate::error::{CallError, build_error};

pub(super) fn model(rule: &s3::ReplicationRule) -> Result<ReplicationRule, CallError> {
    const CALL: &str = "S3 GetBucketReplication";
    let Some(destination) = &rule.destination else {
        return Err(CallError::unknown(CALL, "no destination for the rule", rule.id().unwrap_or_default()));
    };
    let filter = rule.filter.as_ref();
    let and = filter.and_then(|filter| filter.and());
    let prefix = filter.and_then(|filter| filter.prefix()).or(and.and_then(|and| and.prefix()));
    let prefix = prefix.map(ToOwned::to_owned);
    let tags = and.map_or(&[][..], |and| and.tags()).iter().chain(filter.and_then(|filter| filter.tag()));
    let tags = tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    #[allow(deprecated)] // V1 rules have the prefix outside `Filter`
    let prefix = prefix.or_else(|| rule.prefix.clone()).unwrap_or_default();
    let marked = rule.delete_marker_replication.as_ref().and_then(|it| it.status.as_ref());
    Ok(ReplicationRule {
        destination: destination.bucket.clone(),
        prefix,
        tags,
        priority: rule.priority,
        delete_markers: marked == Some(&s3::DeleteMarkerReplicationStatus::Enabled),
        storage_class: destination.storage_class.as_ref().map(|class| class.as_str().to_owned()),
        enabled: rule.status == s3::ReplicationRuleStatus::Enabled,
    })
}

/// Merges the spec's rules into the live ones: others are kept, `absent` ones removed, new ones appended. A new rule
/// without a priority gets a free one: priorities must be unique in a bucket.
pub(super) fn merge(
    current: Vec<s3::ReplicationRule>,
    mut desired: BTreeMap<String, ReplicationRule>,
    absent: &BTreeSet<String>,
) -> Result<Vec<s3::ReplicationRule>, CallError> {
    let mut next = current.iter().filter_map(|rule| rule.priority).max().unwrap_or(0) + 1;
    let mut merged = Vec::new();
    for rule in current {
        let id = rule.id.clone().unwrap_or_default();
        match desired.remove(&id) {
            Some(own) => {
                let priority = own.priority.or(rule.priority).unwrap_or(next);
                merged.push(sdk(&id, &own, priority, Some(rule))?);
            }
            None if absent.contains(&id) => {}
            None => merged.push(rule),
        }
    }
    for (id, own) in desired {
        merged.push(sdk(&id, &own, own.priority.unwrap_or(next), None)?);
        next += 1;
    }
    Ok(merged)
}

/// Builds a rule from the spec and its live version. PutBucketReplication replaces the whole rule, so settings that the
/// spec cannot express are copied from the live rule: replication time control, metrics, replica encryption, ownership
/// override and source selection criteria.
fn sdk(
    id: &str,
    rule: &ReplicationRule,
    priority: i32,
    live: Option<s3::ReplicationRule>,
) -> Result<s3::ReplicationRule, CallError> {
    let ReplicationRule { destination, prefix, tags, priority: _, delete_markers, storage_class, enabled } = rule;
    let (current, criteria) = live.map_or((None, None), |live| (live.destination, live.source_selection_criteria));
    let kept = current.filter(|current| current.bucket == *destination);
    let new = || s3::Destination::builder().bucket(destination).build().map_err(build_error);
    let mut destination = kept.map_or_else(new, Ok)?;
    destination.storage_class = storage_class.as_deref().map(s3::StorageClass::from);
    let marked = if *delete_markers {
        s3::DeleteMarkerReplicationStatus::Enabled
    } else {
        s3::DeleteMarkerReplicationStatus::Disabled
    };
    let status = if *enabled { s3::ReplicationRuleStatus::Enabled } else { s3::ReplicationRuleStatus::Disabled };
    s3::ReplicationRule::builder()
        .id(id)
        .priority(priority)
        .filter(filter(prefix, tags)?)
        .status(status)
        .destination(destination)
        .delete_marker_replication(s3::DeleteMarkerReplication::builder().status(marked).build())
        .set_source_selection_criteria(criteria)
        .build()
        .map_err(build_error)
}

/// Builds the filter of a rule. S3 requires `And` for a prefix with tags and for several tags
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRuleFilter.html>).
fn filter(prefix: &str, tags: &BTreeMap<String, String>) -> Result<s3::ReplicationRuleFilter, CallError> {
    if tags.is_empty() {
        return Ok(s3::ReplicationRuleFilter::builder().prefix(prefix).build());
    }
    let tag = |(key, value)| s3::Tag::builder().key(key).value(value).build().map_err(build_error);
    let tags = tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    let and = s3::ReplicationRuleAndOperator::builder().prefix(prefix).set_tags(Some(tags)).build();
    Ok(s3::ReplicationRuleFilter::builder().and(and).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_rules_are_kept_and_a_new_rule_gets_the_next_priority() {
        let rule = |prefix: &str, priority| ReplicationRule {
            destination: "arn:aws:s3:::copies".to_owned(),
            prefix: prefix.to_owned(),
            tags: BTreeMap::new(),
            priority,
            delete_markers: false,
            storage_class: None,
            enabled: true,
        };
        let other = sdk("other", &rule("a/", None), 7, None).unwrap();
        let desired = BTreeMap::from([("new".to_owned(), rule("", None))]);
        let merged = merge(vec![other.clone()], desired, &BTreeSet::new()).unwrap();
        assert_eq!(merged[0], other);
        assert_eq!((merged[1].id(), merged[1].priority()), (Some("new"), Some(8)));
    }

    #[test]
    fn settings_that_the_spec_cannot_express_survive_a_change_of_the_rule() {
        let metrics = s3::Metrics::builder().status(s3::MetricsStatus::Enabled).build().unwrap();
        let destination = s3::Destination::builder().bucket("arn:aws:s3:::copies").account("2").metrics(metrics);
        let live = s3::ReplicationRule::builder()
            .id("a")
            .priority(3)
            .filter(filter("x/", &BTreeMap::from([("k".to_owned(), "v".to_owned())])).unwrap())
            .status(s3::ReplicationRuleStatus::Enabled)
            .destination(destination.build().unwrap())
            .source_selection_criteria(s3::SourceSelectionCriteria::builder().build())
            .build()
            .unwrap();
        let read = model(&live).unwrap();
        assert_eq!((read.prefix.as_str(), read.tags.len()), ("x/", 1));
        let own = ReplicationRule { delete_markers: true, ..read };
        let merged = merge(vec![live.clone()], BTreeMap::from([("a".to_owned(), own)]), &BTreeSet::new()).unwrap();
        assert_eq!(merged[0].destination, live.destination);
        assert_eq!(merged[0].source_selection_criteria, live.source_selection_criteria);
        assert_eq!((merged[0].filter.clone(), merged[0].priority), (live.filter, Some(3)));
    }
}
