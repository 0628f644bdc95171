// SPDX-License-Identifier: Apache-2.0
//! Tests of the diff of log groups.

use regionctl_core::spec::decode::decode;
use regionctl_core::spec::tree::parse;

use super::model::DELIVERY;
use super::*;

fn with_retention(retention_days: Setting<i32>) -> LogGroupModel {
    LogGroupModel { retention_days, ..LogGroupModel::default() }
}

fn at_least(days: i32) -> LogGroupModel {
    LogGroupModel { retention_at_least: Setting::Set(days), ..LogGroupModel::default() }
}

/// Returns the calls, the number of deletions and the blocked changes.
fn steps(want: &LogGroupModel, live: &LogGroupModel) -> (Vec<String>, usize, Vec<String>) {
    let mut diff = Diff::new(true, &[]);
    LogGroup::diff(want, Some(live), &mut diff);
    let draft = diff.finish().unwrap();
    let calls = draft.steps.iter().map(|step| regionctl_core::diff::operation(&step.op).to_owned());
    (calls.collect(), draft.deletes.len(), draft.blocked)
}

#[test]
fn a_shorter_retention_deletes_events_and_a_longer_one_does_not() {
    let put = || vec!["PutRetentionPolicy".to_owned()];
    assert_eq!(steps(&with_retention(Setting::Set(365)), &with_retention(Setting::Set(3653))), (put(), 1, vec![]));
    assert_eq!(steps(&with_retention(Setting::Set(365)), &with_retention(Setting::Set(30))), (put(), 0, vec![]));
    assert_eq!(steps(&with_retention(Setting::Set(365)), &with_retention(Setting::Unset)), (put(), 1, vec![]));
    let young = LogGroupModel { oldest_event_days: Some(30), ..with_retention(Setting::Unset) };
    assert_eq!(steps(&with_retention(Setting::Set(365)), &young), (put(), 0, vec![]));
    assert_eq!(steps(&with_retention(Setting::Set(7)), &young), (put(), 1, vec![]));
    let delete = vec!["DeleteRetentionPolicy".to_owned()];
    assert_eq!(steps(&with_retention(Setting::Unset), &with_retention(Setting::Set(30))), (delete, 0, vec![]));
}

#[test]
fn at_least_keeps_a_longer_or_unlimited_retention() {
    let nothing = || (Vec::<String>::new(), 0_usize, Vec::<String>::new());
    assert_eq!(steps(&at_least(365), &with_retention(Setting::Set(400))), nothing());
    assert_eq!(steps(&at_least(365), &with_retention(Setting::Unset)), nothing());
    assert_eq!(steps(&at_least(365), &with_retention(Setting::Set(30))).0, ["PutRetentionPolicy"]);
}

/// Returns the notes of a diff without differences.
fn notes(want: &LogGroupModel, live: &LogGroupModel) -> Vec<String> {
    let mut diff = Diff::new(true, &[]);
    LogGroup::diff(want, Some(live), &mut diff);
    let draft = diff.finish().unwrap();
    assert!(draft.fields.is_empty() && draft.steps.is_empty() && draft.blocked.is_empty(), "{draft:?}");
    draft.notes
}

#[test]
fn the_retention_of_a_delivery_group_is_named_and_no_difference() {
    let live = LogGroupModel { class: Setting::Set(DELIVERY.to_owned()), ..with_retention(Setting::Set(1)) };
    for want in [with_retention(Setting::Set(365)), with_retention(Setting::Unset), at_least(365)] {
        assert!(notes(&want, &live)[0].contains("DELIVERY"));
    }
    assert!(notes(&LogGroupModel::default(), &live).is_empty());
}

#[test]
fn a_retention_that_an_account_level_policy_overrides_is_named_and_no_difference() {
    let live = LogGroupModel { retention_policy: Some("org-90".to_owned()), ..with_retention(Setting::Set(90)) };
    let named = notes(&with_retention(Setting::Set(365)), &live);
    assert!(named[0].contains("(365 days)") && named[0].contains("'org-90' decides (90 days)"), "{named:?}");
    assert!(notes(&with_retention(Setting::Unset), &live)[0].contains("(never)"));
    assert!(notes(&with_retention(Setting::Set(90)), &live).is_empty());
    assert!(notes(&at_least(30), &live).is_empty());
    let forever = LogGroupModel { retention_policy: live.retention_policy, ..with_retention(Setting::Unset) };
    assert!(notes(&with_retention(Setting::Set(365)), &forever)[0].contains("decides (never)"));
}

fn group(filters: &str) -> LogGroupModel {
    let spec = decode::<LogGroupSpec>(&parse(&format!("{{{filters}}}"), 0).unwrap());
    let spec = spec.unwrap_or_else(|fault| panic!("{}", fault.message));
    LogGroupModel {
        metric_filters: spec.metric_filters,
        subscription_filters: spec.subscription_filters,
        ..LogGroupModel::default()
    }
}

#[test]
fn filters_of_others_are_kept_and_count_for_the_limit() {
    let to = |names: &[&str]| {
        let filters = names.iter().map(|name| format!("{name}: {{destination: arn:aws:logs:r:1:destination:d}}"));
        format!("subscription_filters: {{{}}}", filters.collect::<Vec<_>>().join(", "))
    };
    let live = group(&to(&["theirs", "old"]));
    assert_eq!(steps(&group(&to(&["old"])), &live), (vec![], 0, vec![]));
    let blocked = steps(&group(&to(&["new"])), &live).2;
    assert!(blocked[0].ends_with("unset one of new, old, theirs"), "{blocked:?}");
    let calls = |want: &str, live: &LogGroupModel| steps(&group(want), live).0;
    let swapped = "subscription_filters: {old: unset, new: {destination: arn:aws:logs:r:1:destination:d}}";
    let (put, delete) = ("PutSubscriptionFilter".to_owned(), "DeleteSubscriptionFilter".to_owned());
    assert_eq!(calls(swapped, &live), [delete.clone(), put.clone()], "a filter must be deleted first");
    assert_eq!(calls(swapped, &group(&to(&["old"]))), [put, delete], "no event is lost");
    assert_eq!(steps(&group("subscription_filters: unset"), &live).1, 2);
}

#[test]
fn a_group_of_a_class_without_filters_is_blocked() {
    let class = Setting::Set("INFREQUENT_ACCESS".to_owned());
    let live = LogGroupModel { class, ..group("metric_filters: {}") };
    let want = group("metric_filters: {errors: {metric: Errors, namespace: App, value: 1}}");
    assert!(steps(&want, &live).2[0].contains("INFREQUENT_ACCESS"));
}

#[test]
fn a_class_change_and_the_deletion_of_a_protected_group_are_blocked() {
    let class = |class: &str| Setting::Set(class.to_owned());
    let want = LogGroupModel { class: class("INFREQUENT_ACCESS"), ..LogGroupModel::default() };
    let live = LogGroupModel { class: class("STANDARD"), ..LogGroupModel::default() };
    assert_eq!(steps(&want, &live).2.len(), 1);
    let live = LogGroupModel { deletion_protection: Setting::Set(true), ..LogGroupModel::default() };
    let mut diff = Diff::new(true, &[]);
    LogGroup::remove(&live, &mut diff);
    assert_eq!(diff.finish().unwrap().blocked.len(), 1);
}
