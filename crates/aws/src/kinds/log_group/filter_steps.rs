// SPDX-License-Identifier: Apache-2.0
//! Compares the filters of a log group, each on its own: other filters of the group do not change.

use std::collections::BTreeSet;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::resource::setting::Setting;
use serde::Serialize;

use super::LogGroupOp;
use super::filter_check::{MOST_METRIC_FILTERS, MOST_SUBSCRIPTION_FILTERS};
use super::filters::{Filters, MetricFilter};
use super::model::LogGroupModel;

/// The classes that support neither metric filters nor subscription filters
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html>).
pub(super) const WITHOUT_FILTERS: [&str; 2] = ["INFREQUENT_ACCESS", super::model::DELIVERY];

/// Adds the steps that create, change and delete the filters that the spec names.
pub(super) fn diff(want: &LogGroupModel, live: Option<&LogGroupModel>, out: &mut Diff<'_, LogGroupOp>) {
    let class = live.and_then(|live| live.class.value()).map(String::as_str);
    let metrics = compare(
        ("metric_filters", MOST_METRIC_FILTERS, class),
        &want.metric_filters,
        live.map(|live| &live.metric_filters),
        out,
    );
    for change in metrics.changes {
        let Change { name, covers, want, live } = change;
        let old = live.as_ref().map(MetricFilter::published);
        match want {
            Some(filter) => {
                if let Some(old) = old.filter(|old| *old != filter.published()) {
                    out.remark(&covers, &format!("the metric {old} gets no new data"));
                }
                out.step(Phase::Change, covers, LogGroupOp::PutMetricFilter { name, filter });
            }
            None => {
                let metric = old.unwrap_or_default();
                out.deletes(format!("the metric filter {name} is deleted: the metric {metric} gets no new data"));
                out.step(metrics.deletion, covers, LogGroupOp::DeleteMetricFilter { name });
            }
        }
    }
    let subscriptions = compare(
        ("subscription_filters", MOST_SUBSCRIPTION_FILTERS, class),
        &want.subscription_filters,
        live.map(|live| &live.subscription_filters),
        out,
    );
    for change in subscriptions.changes {
        let Change { name, covers, want, live } = change;
        let old = live.map(|live| live.destination);
        match want {
            Some(filter) => {
                if let Some(old) = old.filter(|old| *old != filter.destination) {
                    out.remark(&covers, &format!("{old} receives no new events"));
                }
                out.step(Phase::Change, covers, LogGroupOp::PutSubscriptionFilter { name, filter });
            }
            None => {
                let destination = old.unwrap_or_default();
                out.deletes(format!("the subscription filter {name} is deleted: {destination} receives no new events"));
                out.step(subscriptions.deletion, covers, LogGroupOp::DeleteSubscriptionFilter { name });
            }
        }
    }
}

/// The difference of one filter.
struct Change<T> {
    name: String,
    covers: Covers,
    /// The desired filter; `None` if it is deleted.
    want: Option<T>,
    live: Option<T>,
}

/// The differences of the filters of one type.
struct Changes<T> {
    /// The filters to delete first.
    changes: Vec<Change<T>>,
    /// When filters are deleted: by default after others are created, so that no event is lost. At the limit they are
    /// deleted first.
    deletion: Phase,
}

fn compare<T: Clone + Serialize>(
    (field, most, class): (&str, usize, Option<&str>),
    want: &Setting<Filters<T>>,
    live: Option<&Setting<Filters<T>>>,
    out: &mut Diff<'_, LogGroupOp>,
) -> Changes<T> {
    let none = Filters::new();
    let live = live.and_then(Setting::value).unwrap_or(&none);
    let want = match want {
        Setting::Unstated => none.clone(),
        Setting::Unset => live.keys().map(|name| (name.clone(), Setting::Unset)).collect(),
        Setting::Set(want) => want.clone(),
    };
    let mut names: BTreeSet<&String> = live.keys().collect();
    names.extend(want.iter().filter(|(_, filter)| filter.is_set()).map(|(name, _)| name));
    let deletion = if names.len() > most { Phase::Change } else { Phase::Narrow };
    names.retain(|name| !matches!(want.get(*name), Some(Setting::Unset)));
    let is_over = names.len() > most;
    let all = names.into_iter().cloned().collect::<Vec<_>>().join(", ");
    let mut changes = Vec::new();
    for (name, filter) in want {
        let found = live.get(&name);
        let covers = out.setting(&format!("{field}.{name}"), &filter, found);
        if covers.is_empty() {
            continue;
        }
        if let Some(class) = class.filter(|class| filter.is_set() && WITHOUT_FILTERS.contains(class)) {
            out.blocked(&covers, &format!("a log group of the class {class} cannot have `{field}`"));
        }
        if is_over && filter.is_set() && found.is_none() {
            let why = format!("a log group can have at most {most} entries in `{field}`; unset one of {all}");
            out.blocked(&covers, &why);
        }
        changes.push(Change { name, covers, want: filter.into_value(), live: found.and_then(Setting::get) });
    }
    changes.sort_by_key(|change| change.want.is_some());
    Changes { changes, deletion }
}
