// SPDX-License-Identifier: Apache-2.0
//! Converts lifecycle rules to and from the SDK's types.
//!
//! A live rule with a value that this SDK does not know is an error, because it could not be written back. For the form
//! of a rule see <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html>.

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types as s3;
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::setting::Setting;

use super::lifecycle::{LifecycleRule, MinimumSize, NoncurrentTransition, Transition, canonical, date_of};
use crate::error::{CallError, build_error};

const GET: &str = "S3 GetBucketLifecycleConfiguration";

/// Converts all rules of GetBucketLifecycleConfiguration.
pub fn rules_from_sdk(rules: Vec<s3::LifecycleRule>) -> Result<Setting<Vec<LifecycleRule>>, CallError> {
    Ok(canonical(rules.into_iter().map(rule_from_sdk).collect::<Result<_, _>>()?))
}

/// Converts the default minimum object size for transitions. A missing value is S3's default.
pub fn minimum_size_from_sdk(size: Option<&s3::TransitionDefaultMinimumObjectSize>) -> Result<MinimumSize, CallError> {
    use s3::TransitionDefaultMinimumObjectSize as Size;
    match size {
        None | Some(Size::AllStorageClasses128K) => Ok(MinimumSize::AllStorageClasses128K),
        Some(Size::VariesByStorageClass) => Ok(MinimumSize::VariesByStorageClass),
        Some(other) => Err(CallError::unknown(GET, "the minimum object size", other.as_str())),
    }
}

pub fn minimum_size_to_sdk(size: MinimumSize) -> s3::TransitionDefaultMinimumObjectSize {
    match size {
        MinimumSize::AllStorageClasses128K => s3::TransitionDefaultMinimumObjectSize::AllStorageClasses128K,
        MinimumSize::VariesByStorageClass => s3::TransitionDefaultMinimumObjectSize::VariesByStorageClass,
    }
}

/// Converts one rule of GetBucketLifecycleConfiguration.
///
/// # Errors
/// The rule has an unknown value.
pub fn rule_from_sdk(rule: s3::LifecycleRule) -> Result<LifecycleRule, CallError> {
    let enabled = match &rule.status {
        s3::ExpirationStatus::Enabled => true,
        s3::ExpirationStatus::Disabled => false,
        other => return Err(CallError::unknown(GET, "the rule status", other.as_str())),
    };
    #[allow(deprecated)] // S3 returns the deprecated prefix for rules that were created with it
    let old_prefix = rule.prefix.unwrap_or_default();
    let filter = filter_from_sdk(rule.filter.as_ref(), old_prefix)?;
    let expiration = rule.expiration.as_ref();
    let noncurrent = rule.noncurrent_version_expiration.as_ref();
    let abort_uploads_days = match rule.abort_incomplete_multipart_upload {
        None => None,
        Some(abort) => match abort.days_after_initiation {
            Some(days) => Some(days),
            None => return Err(CallError::unknown(GET, "AbortIncompleteMultipartUpload", "(no days)")),
        },
    };
    Ok(LifecycleRule {
        id: rule.id.unwrap_or_default(),
        enabled,
        prefix: filter.prefix,
        tags: filter.tags,
        size_greater_than: filter.size_greater_than,
        size_less_than: filter.size_less_than,
        expire_days: expiration.and_then(|it| it.days),
        expire_date: expiration.and_then(|it| it.date.as_ref()).map(date_from_sdk).transpose()?,
        expire_delete_markers: expiration.and_then(|it| it.expired_object_delete_marker).unwrap_or(false),
        noncurrent_expire_days: noncurrent.and_then(|it| it.noncurrent_days),
        // 0 means the same as no value.
        noncurrent_newer_versions: noncurrent.and_then(|it| it.newer_noncurrent_versions).filter(|kept| *kept != 0),
        abort_uploads_days,
        transitions: rule.transitions.unwrap_or_default().iter().map(transition_from_sdk).collect::<Result<_, _>>()?,
        noncurrent_transitions: rule
            .noncurrent_version_transitions
            .unwrap_or_default()
            .iter()
            .map(noncurrent_transition_from_sdk)
            .collect::<Result<_, _>>()?,
    })
}

/// The conditions of a filter. All of them must match.
struct Conditions {
    prefix: String,
    tags: Tags,
    size_greater_than: Option<i64>,
    size_less_than: Option<i64>,
}

/// Converts a filter, which has one condition, or several in `And`. Several conditions without `And` are undocumented.
fn filter_from_sdk(filter: Option<&s3::LifecycleRuleFilter>, old_prefix: String) -> Result<Conditions, CallError> {
    let mut found = Conditions { prefix: old_prefix, tags: Tags::new(), size_greater_than: None, size_less_than: None };
    let Some(filter) = filter else { return Ok(found) };
    let (greater, less) = (filter.object_size_greater_than, filter.object_size_less_than);
    let prefix = filter.prefix().filter(|prefix| !prefix.is_empty());
    let conditions = [prefix.is_some(), filter.tag.is_some(), greater.is_some(), less.is_some(), filter.and.is_some()];
    let has_old_prefix = !found.prefix.is_empty();
    if conditions.iter().filter(|is_set| **is_set).count() + usize::from(has_old_prefix) > 1 {
        return Err(CallError::unknown(GET, "a lifecycle filter", "(several conditions without And)"));
    }
    if let Some(and) = &filter.and {
        found.prefix = and.prefix.clone().unwrap_or_default();
        found.tags.extend(and.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone())));
        (found.size_greater_than, found.size_less_than) = (and.object_size_greater_than, and.object_size_less_than);
        return Ok(found);
    }
    if let Some(prefix) = prefix {
        prefix.clone_into(&mut found.prefix);
    }
    found.tags.extend(filter.tag.as_ref().map(|tag| (tag.key.clone(), tag.value.clone())));
    (found.size_greater_than, found.size_less_than) = (greater, less);
    Ok(found)
}

/// Formats a date as `2027-01-31`. S3 stores midnight UTC; any other time is kept.
fn date_from_sdk(date: &DateTime) -> Result<String, CallError> {
    let text =
        date.fmt(DateTimeFormat::DateTime).map_err(|_| CallError::unknown(GET, "the date", &format!("{date:?}")))?;
    if let Some(day) = text.strip_suffix("T00:00:00Z") {
        return Ok(day.to_owned());
    }
    Ok(text)
}

fn storage_class_from_sdk(class: Option<&s3::TransitionStorageClass>) -> Result<String, CallError> {
    let class = class.map_or("", s3::TransitionStorageClass::as_str);
    match s3::TransitionStorageClass::try_parse(class) {
        Ok(known) => Ok(known.as_str().to_owned()),
        Err(_) => Err(CallError::unknown(GET, "the storage class", class)),
    }
}

fn transition_from_sdk(transition: &s3::Transition) -> Result<Transition, CallError> {
    let date = transition.date.as_ref().map(date_from_sdk).transpose()?;
    // Without days and date, objects transition as soon as they are created.
    let days = transition.days.or(date.is_none().then_some(0));
    Ok(Transition { days, date, storage_class: storage_class_from_sdk(transition.storage_class.as_ref())? })
}

fn noncurrent_transition_from_sdk(
    transition: &s3::NoncurrentVersionTransition,
) -> Result<NoncurrentTransition, CallError> {
    Ok(NoncurrentTransition {
        days: transition.noncurrent_days.unwrap_or(0),
        storage_class: storage_class_from_sdk(transition.storage_class.as_ref())?,
        newer_versions: transition.newer_noncurrent_versions.filter(|kept| *kept != 0),
    })
}

pub fn rule_to_sdk(rule: LifecycleRule) -> Result<s3::LifecycleRule, CallError> {
    let status = if rule.enabled { s3::ExpirationStatus::Enabled } else { s3::ExpirationStatus::Disabled };
    let expiration = expiration_to_sdk(&rule)?;
    let filter = filter_to_sdk(&rule)?;
    let noncurrent = (rule.noncurrent_expire_days.is_some() || rule.noncurrent_newer_versions.is_some()).then(|| {
        s3::NoncurrentVersionExpiration::builder()
            .set_noncurrent_days(rule.noncurrent_expire_days)
            .set_newer_noncurrent_versions(rule.noncurrent_newer_versions)
            .build()
    });
    let abort = rule
        .abort_uploads_days
        .map(|days| s3::AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build());
    let transitions = rule.transitions.iter().map(transition_to_sdk).collect::<Result<Vec<_>, _>>()?;
    let noncurrent_transitions = rule.noncurrent_transitions.iter().map(|it| {
        s3::NoncurrentVersionTransition::builder()
            .noncurrent_days(it.days)
            .storage_class(s3::TransitionStorageClass::from(it.storage_class.as_str()))
            .set_newer_noncurrent_versions(it.newer_versions)
            .build()
    });
    let noncurrent_transitions: Vec<_> = noncurrent_transitions.collect();
    s3::LifecycleRule::builder()
        .id(rule.id)
        .filter(filter)
        .status(status)
        .set_expiration(expiration)
        .set_noncurrent_version_expiration(noncurrent)
        .set_abort_incomplete_multipart_upload(abort)
        .set_transitions((!transitions.is_empty()).then_some(transitions))
        .set_noncurrent_version_transitions((!noncurrent_transitions.is_empty()).then_some(noncurrent_transitions))
        .build()
        .map_err(build_error)
}

/// Converts the conditions. One condition is sent alone, several in `And`. An empty prefix matches all objects.
fn filter_to_sdk(rule: &LifecycleRule) -> Result<s3::LifecycleRuleFilter, CallError> {
    let tags =
        rule.tags.iter().map(|(key, value)| s3::Tag::builder().key(key).value(value).build().map_err(build_error));
    let mut tags = tags.collect::<Result<Vec<_>, _>>()?;
    let sizes = [rule.size_greater_than, rule.size_less_than].into_iter().flatten().count();
    let prefix = (!rule.prefix.is_empty()).then(|| rule.prefix.clone());
    let conditions = usize::from(prefix.is_some()) + tags.len() + sizes;
    let filter = s3::LifecycleRuleFilter::builder();
    if conditions > 1 {
        let and = s3::LifecycleRuleAndOperator::builder()
            .set_prefix(prefix)
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_object_size_greater_than(rule.size_greater_than)
            .set_object_size_less_than(rule.size_less_than)
            .build();
        return Ok(filter.and(and).build());
    }
    let prefix = if conditions == 0 { Some(String::new()) } else { prefix };
    Ok(filter
        .set_prefix(prefix)
        .set_tag(tags.pop())
        .set_object_size_greater_than(rule.size_greater_than)
        .set_object_size_less_than(rule.size_less_than)
        .build())
}

fn expiration_to_sdk(rule: &LifecycleRule) -> Result<Option<s3::LifecycleExpiration>, CallError> {
    let date = rule.expire_date.as_deref().map(date_to_sdk).transpose()?;
    if rule.expire_days.is_none() && date.is_none() && !rule.expire_delete_markers {
        return Ok(None);
    }
    let markers = rule.expire_delete_markers.then_some(true);
    let expiration = s3::LifecycleExpiration::builder()
        .set_days(rule.expire_days)
        .set_date(date)
        .set_expired_object_delete_marker(markers)
        .build();
    Ok(Some(expiration))
}

fn transition_to_sdk(transition: &Transition) -> Result<s3::Transition, CallError> {
    Ok(s3::Transition::builder()
        .set_days(transition.days)
        .set_date(transition.date.as_deref().map(date_to_sdk).transpose()?)
        .storage_class(s3::TransitionStorageClass::from(transition.storage_class.as_str()))
        .build())
}

fn date_to_sdk(text: &str) -> Result<DateTime, CallError> {
    date_of(text).ok_or_else(|| CallError::unknown("regionctl", "the date", text))
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
