//! Every shape of a rule comes back from AWS as it was sent, and what S3 spells otherwise means the same.

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

/// Rules in the form in which regionctl writes them.
fn shapes() -> Vec<s3::builders::LifecycleRuleBuilder> {
    let expire = || s3::LifecycleExpiration::builder();
    let old = || s3::NoncurrentVersionExpiration::builder().noncurrent_days(30);
    let moved = || s3::Transition::builder().storage_class(s3::TransitionStorageClass::Glacier);
    let abort = s3::AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build();
    let old_moved = s3::NoncurrentVersionTransition::builder()
        .noncurrent_days(10)
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
        builder().filter(filter().and(both_sizes).build()).transitions(moved().days(0).build()),
        builder().filter(filter().and(everything).build()).transitions(moved().date(day()).build()),
        builder()
            .filter(filter().and(and().prefix("x").tags(tag("a", "")).build()).build())
            .transitions(moved().days(90).build()),
        builder().filter(all()).expiration(expire().expired_object_delete_marker(true).build()),
        builder().filter(all()).noncurrent_version_expiration(old().newer_noncurrent_versions(10).build()),
        builder().filter(all()).noncurrent_version_expiration(old().build()).abort_incomplete_multipart_upload(abort),
        builder().filter(all()).noncurrent_version_transitions(old_moved.build()),
        builder().filter(tagged()).status(s3::ExpirationStatus::Disabled).expiration(expire().days(3).build()),
    ]
}

#[test]
fn a_rule_comes_back_as_it_was() {
    for shape in shapes() {
        let rule = shape.build().unwrap();
        let model = rule_of(rule.clone()).unwrap();
        assert_eq!(faults(&model), []);
        assert_eq!(rule_to_sdk(model.clone()).unwrap(), rule);
        let json = serde_json::to_value(&model).unwrap();
        assert_eq!(serde_json::from_value::<LifecycleRule>(json).unwrap(), model);
    }
}

#[test]
fn other_spellings_mean_the_same() {
    #[allow(deprecated)] // the old form
    let old = |prefix: &str| builder().prefix(prefix).build().unwrap();
    let new = |filter: s3::LifecycleRuleFilter| rule_of(builder().filter(filter).build().unwrap()).unwrap();
    assert_eq!(rule_of(old("tmp/")).unwrap(), new(filter().prefix("tmp/").build()));
    assert_eq!(rule_of(old("")).unwrap(), new(all()));
    assert_eq!(new(filter().build()), new(all()));
    assert_eq!(new(filter().and(and().tags(tag("a", "b")).build()).build()), new(filter().tag(tag("a", "b")).build()));
    let at_once = s3::Transition::builder().storage_class(s3::TransitionStorageClass::IntelligentTiering).build();
    assert_eq!(transition_of(&at_once).unwrap().days, Some(0));
}

#[test]
fn a_filter_is_never_taken_for_all_objects() {
    let everything = new_model(all());
    for narrow in [
        filter().tag(tag("tmp", "yes")).build(),
        filter().object_size_greater_than(0).build(),
        filter().and(and().tags(tag("tmp", "yes")).build()).build(),
    ] {
        assert_ne!(new_model(narrow), everything);
    }
}

fn new_model(filter: s3::LifecycleRuleFilter) -> LifecycleRule {
    rule_of(builder().filter(filter).build().unwrap()).unwrap()
}

#[test]
fn what_this_sdk_does_not_know_is_an_error() {
    let class = s3::TransitionStorageClass::from("FOO");
    let moved = s3::Transition::builder().days(1).storage_class(class.clone()).build();
    let old = s3::NoncurrentVersionTransition::builder().noncurrent_days(1).storage_class(class).build();
    let two = filter().prefix("a").tag(tag("b", "c")).build();
    for (rule, value) in [
        (builder().filter(all()).transitions(moved), "FOO"),
        (builder().filter(all()).noncurrent_version_transitions(old), "FOO"),
        (builder().filter(all()).status(s3::ExpirationStatus::from("Paused")), "Paused"),
        (builder().filter(two), "several conditions"),
    ] {
        let CallError(failure) = rule_of(rule.build().unwrap()).unwrap_err();
        assert_eq!(failure.class, FailureClass::Unknown);
        assert!(failure.message.contains(value), "{failure}");
    }
    let size = s3::TransitionDefaultMinimumObjectSize::from("never");
    assert!(minimum_size_of(Some(&size)).unwrap_err().0.message.contains("never"));
}
