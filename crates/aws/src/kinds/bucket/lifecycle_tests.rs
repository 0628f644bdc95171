// SPDX-License-Identifier: Apache-2.0
//! Rules survive a round trip, and equivalent forms of S3 convert to the same model.

use super::super::lifecycle_check::faults;
use super::*;
use regionctl_core::observe::failure::FailureClass;

fn builder() -> s3::builders::LifecycleRuleBuilder {
    s3::LifecycleRule::builder().id("a").status(s3::ExpirationStatus::Enabled)
}

fn tag(key: &str, value: &str) -> s3::Tag {
    s3::Tag::builder().key(key).value(value).build().unwrap()
}

fn filter() -> s3::builders::LifecycleRuleFilterBuilder {
    s3::LifecycleRuleFilter::builder()
}

fn and() -> s3::builders::LifecycleRuleAndOperatorBuilder {
    s3::LifecycleRuleAndOperator::builder()
}

fn day() -> DateTime {
    DateTime::from_secs(1_801_353_600) // 2027-01-31
}

fn all() -> s3::LifecycleRuleFilter {
    filter().prefix("").build()
}

/// SDK rules in the form that regionctl sends.
fn sdk_rules() -> Vec<s3::builders::LifecycleRuleBuilder> {
    let expire = || s3::LifecycleExpiration::builder();
    let noncurrent = || s3::NoncurrentVersionExpiration::builder().noncurrent_days(30);
    let transition = || s3::Transition::builder().storage_class(s3::TransitionStorageClass::Glacier);
    let abort = s3::AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build();
    let noncurrent_transition = s3::NoncurrentVersionTransition::builder()
        .noncurrent_days(30)
        .storage_class(s3::TransitionStorageClass::StandardIa)
        .newer_noncurrent_versions(3);
    let tagged = || filter().tag(tag("tmp", "yes")).build();
    let both_sizes = and().object_size_greater_than(0).object_size_less_than(131_072).build();
    let everything = and().prefix("logs/").tags(tag("a", "1")).tags(tag("b", "2")).object_size_less_than(9).build();
    vec![
        builder().filter(all()).expiration(expire().days(30).build()),
        builder().filter(filter().prefix("tmp/").build()).expiration(expire().days(30).build()),
        builder().filter(tagged()).expiration(expire().date(day()).build()),
        builder().filter(filter().object_size_greater_than(0).build()).expiration(expire().days(1).build()),
        builder().filter(filter().object_size_less_than(1_024).build()).expiration(expire().days(1).build()),
        builder().filter(filter().and(both_sizes).build()).transitions(transition().days(0).build()),
        builder().filter(filter().and(everything).build()).transitions(transition().date(day()).build()),
        builder()
            .filter(filter().and(and().prefix("x").tags(tag("a", "")).build()).build())
            .transitions(transition().days(90).build()),
        builder().filter(all()).expiration(expire().expired_object_delete_marker(true).build()),
        builder().filter(all()).noncurrent_version_expiration(noncurrent().newer_noncurrent_versions(10).build()),
        builder()
            .filter(all())
            .noncurrent_version_expiration(noncurrent().build())
            .abort_incomplete_multipart_upload(abort),
        builder().filter(all()).noncurrent_version_transitions(noncurrent_transition.build()),
        builder().filter(tagged()).status(s3::ExpirationStatus::Disabled).expiration(expire().days(3).build()),
    ]
}

#[test]
fn a_rule_survives_a_round_trip() {
    for sdk_rule in sdk_rules() {
        let rule = sdk_rule.build().unwrap();
        let model = rule_from_sdk(rule.clone()).unwrap();
        assert_eq!(faults(&model), []);
        assert_eq!(rule_to_sdk(model.clone()).unwrap(), rule);
        let json = serde_json::to_value(&model).unwrap();
        assert_eq!(serde_json::from_value::<LifecycleRule>(json).unwrap(), model);
    }
}

#[test]
fn equivalent_forms_convert_to_the_same_rule() {
    #[allow(deprecated)] // the top-level Prefix
    let old = |prefix: &str| builder().prefix(prefix).build().unwrap();
    let new = |filter: s3::LifecycleRuleFilter| rule_from_sdk(builder().filter(filter).build().unwrap()).unwrap();
    assert_eq!(rule_from_sdk(old("tmp/")).unwrap(), new(filter().prefix("tmp/").build()));
    assert_eq!(rule_from_sdk(old("")).unwrap(), new(all()));
    assert_eq!(new(filter().build()), new(all()));
    assert_eq!(new(filter().and(and().tags(tag("a", "b")).build()).build()), new(filter().tag(tag("a", "b")).build()));
    let immediate = s3::Transition::builder().storage_class(s3::TransitionStorageClass::IntelligentTiering).build();
    assert_eq!(transition_from_sdk(&immediate).unwrap().days, Some(0));
}

#[test]
fn a_filtered_rule_never_converts_to_a_rule_for_all_objects() {
    let unfiltered = model_of(all());
    for narrow in [
        filter().tag(tag("tmp", "yes")).build(),
        filter().object_size_greater_than(0).build(),
        filter().and(and().tags(tag("tmp", "yes")).build()).build(),
    ] {
        assert_ne!(model_of(narrow), unfiltered);
    }
}

fn model_of(filter: s3::LifecycleRuleFilter) -> LifecycleRule {
    rule_from_sdk(builder().filter(filter).build().unwrap()).unwrap()
}

#[test]
fn an_unknown_value_is_an_error() {
    let class = s3::TransitionStorageClass::from("FOO");
    let transition = s3::Transition::builder().days(1).storage_class(class.clone()).build();
    let noncurrent = s3::NoncurrentVersionTransition::builder().noncurrent_days(1).storage_class(class).build();
    let two = filter().prefix("a").tag(tag("b", "c")).build();
    for (rule, value) in [
        (builder().filter(all()).transitions(transition), "FOO"),
        (builder().filter(all()).noncurrent_version_transitions(noncurrent), "FOO"),
        (builder().filter(all()).status(s3::ExpirationStatus::from("Paused")), "Paused"),
        (builder().filter(two), "several conditions"),
    ] {
        let CallError(failure) = rule_from_sdk(rule.build().unwrap()).unwrap_err();
        assert_eq!(failure.class, FailureClass::Unknown);
        assert!(failure.message.contains(value), "{failure}");
    }
    let size = s3::TransitionDefaultMinimumObjectSize::from("never");
    assert!(minimum_size_from_sdk(Some(&size)).unwrap_err().0.message.contains("never"));
}
