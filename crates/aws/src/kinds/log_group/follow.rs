// SPDX-License-Identifier: Apache-2.0
//! Copies settings from the log group that a log group follows.

use std::collections::BTreeSet;

use regionctl_core::resource::setting::Setting;

use super::filter_check::set;
use super::filters::Filters;
use super::model::LogGroupModel;
use crate::tags;

/// Merges the spec over the settings of the source, filters by name. Each setting that is not copied adds a message to
/// `left`.
pub(super) fn follow(
    own: LogGroupModel,
    source: &LogGroupModel,
    region: &str,
    left: &mut Vec<String>,
) -> LogGroupModel {
    let mut source = source.clone();
    let states_retention = !own.retention_days.is_unstated() || !own.retention_at_least.is_unstated();
    if let Some(policy) = source.retention_policy.filter(|_| !states_retention) {
        left.push(format!(
            "the retention is not copied, because the account-level retention policy '{policy}' sets it: set \
             `retention_days:`, or create a policy in this region"
        ));
        source.retention_days = Setting::Unstated;
    }
    let class = own.class.or(source.class);
    if own.kms_key.is_unstated() && source.kms_key.is_set_and(|key| key.contains(region)) {
        left.push(
            "`kms_key` names the source's region and is not copied: set `kms_key:`, or replace the ARN with `rewrite:`"
                .to_owned(),
        );
        source.kms_key = Setting::Unstated;
    }
    if let Setting::Set(filters) = &mut source.subscription_filters {
        let states = |name: &String| match &own.subscription_filters {
            Setting::Set(own) => own.contains_key(name),
            other => !other.is_unstated(),
        };
        filters.retain(|name, filter| {
            let is_far = !states(name) && filter.is_set_and(|filter| filter.destination.contains(region));
            if is_far {
                left.push(format!(
                    "the subscription filter {name} has a destination in the source's region and is not copied: add \
                     `subscription_filters.{name}`, or replace the region with `rewrite:`"
                ));
            }
            !is_far
        });
    }
    let subscription_filters = merged(own.subscription_filters, source.subscription_filters);
    let passed_roles: BTreeSet<String> =
        set(&subscription_filters).filter_map(|(_, filter)| filter.role.clone()).collect();
    LogGroupModel {
        // AWS sets the retention of the class DELIVERY.
        retention_days: if states_retention || class.is_set_and(|class| class == super::model::DELIVERY) {
            own.retention_days
        } else {
            source.retention_days
        },
        retention_at_least: own.retention_at_least,
        kms_key: own.kms_key.or(source.kms_key),
        class,
        deletion_protection: own.deletion_protection.or(source.deletion_protection),
        metric_filters: merged(own.metric_filters, source.metric_filters),
        subscription_filters,
        passed_roles,
        tags: tags::of_copy(own.tags, source.tags, region),
        retention_policy: None,
        oldest_event_days: None,
    }
}

/// Merges a spec's filters over those of the source, by name. `unset` copies none.
fn merged<T>(own: Setting<Filters<T>>, source: Setting<Filters<T>>) -> Setting<Filters<T>> {
    match (own, source) {
        (Setting::Set(own), Setting::Set(mut source)) => {
            source.extend(own);
            Setting::Set(source)
        }
        (own, source) => own.or(source),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::filters::SubscriptionFilter;
    use super::*;

    #[test]
    fn settings_of_the_sources_region_are_left_and_named() {
        let to = |destination: &str, role: &str| {
            let (destination, role) = (destination.to_owned(), Some(role.to_owned()));
            Setting::Set(SubscriptionFilter { destination, role, ..SubscriptionFilter::default() })
        };
        let source = LogGroupModel {
            retention_days: Setting::Set(90),
            retention_policy: Some("org-90".to_owned()),
            kms_key: Setting::Set("arn:aws:kms:us-east-1:1:key/k".to_owned()),
            deletion_protection: Setting::Set(true),
            subscription_filters: Setting::Set(BTreeMap::from([
                ("far".to_owned(), to("arn:aws:kinesis:us-east-1:1:stream/s", "arn:a")),
                ("near".to_owned(), to("arn:aws:kinesis:eu-central-1:1:stream/s", "arn:b")),
            ])),
            ..LogGroupModel::default()
        };
        let mut left = Vec::new();
        let copied = follow(LogGroupModel::default(), &source, "us-east-1", &mut left);
        for named in ["'org-90'", "`kms_key`", "the subscription filter far"] {
            assert!(left.iter().any(|left| left.contains(named)), "{named}: {left:?}");
        }
        assert_eq!((copied.retention_days, copied.deletion_protection), (Setting::Unstated, Setting::Set(true)));
        assert_eq!(
            copied.subscription_filters.value().map(|it| it.keys().cloned().collect()),
            Some(vec!["near".to_owned()])
        );
        assert_eq!(copied.passed_roles, BTreeSet::from(["arn:b".to_owned()]));
        let own = LogGroupModel {
            retention_days: Setting::Set(30),
            kms_key: Setting::Unset,
            subscription_filters: Setting::Set(BTreeMap::from([
                ("far".to_owned(), to("arn:aws:kinesis:eu-central-1:1:stream/own", "arn:c")),
                ("near".to_owned(), Setting::Unset),
            ])),
            ..LogGroupModel::default()
        };
        let mut left = Vec::new();
        let copied = follow(own, &source, "us-east-1", &mut left);
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(copied.retention_days, Setting::Set(30));
        assert_eq!(set(&copied.subscription_filters).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["far"]);
    }
}
