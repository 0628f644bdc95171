// SPDX-License-Identifier: Apache-2.0
//! What keeps an alarm from working: a metric that AWS does not publish with its dimensions, and actions that no longer
//! exist. CloudWatch accepts both without an error.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::kind::Risk;
use regionctl_core::observe::seen::{Lookup, Seen};

use super::actions::dead_actions;
use super::model::AlarmModel;
use crate::kinds::metric::{self, MetricModel};
use crate::kinds::targets::TOPIC;

/// The rule of an alarm on a metric that is never published with the alarm's dimensions.
pub const DEAD_METRIC: &str = "alarm-dead-metric";

const METRIC: &str = "cloudwatch.metric";

/// The kinds that [`defects`] asks for.
pub const LOOKS_UP: [&str; 2] = [METRIC, TOPIC];

/// Returns the defects of an alarm.
pub fn defects(alarm: &AlarmModel, seen: &Seen<'_>) -> Vec<Risk> {
    let mut found: Vec<Risk> = watched(alarm).filter_map(|watched| dead_metric(&watched, seen)).collect();
    found.extend(dead_actions(&alarm.alarm_actions, seen));
    found
}

/// A metric that an alarm watches.
struct Watched<'a> {
    namespace: &'a str,
    metric: &'a str,
    dimensions: &'a BTreeMap<String, String>,
}

/// Returns the metrics that an alarm watches, except those of other accounts, which this account cannot list.
fn watched(alarm: &AlarmModel) -> impl Iterator<Item = Watched<'_>> {
    let single = alarm.namespace.as_deref().zip(alarm.metric.as_deref());
    let single = single.map(|(namespace, metric)| Watched { namespace, metric, dimensions: &alarm.dimensions });
    let queries = alarm.metrics.values().filter(|query| query.account.is_none()).filter_map(|query| {
        let (namespace, metric) = query.namespace.as_deref().zip(query.metric.as_deref())?;
        Some(Watched { namespace, metric, dimensions: &query.dimensions })
    });
    single.into_iter().chain(queries)
}

/// Returns a defect if the metric has data, but never with the dimensions that the alarm names. A metric without any
/// data in this region is looked up in the regions that the spec copies from: a new region has none yet.
fn dead_metric(watched: &Watched<'_>, seen: &Seen<'_>) -> Option<Risk> {
    let Watched { namespace, metric, dimensions } = watched;
    let name = metric::name(namespace, metric)?;
    let published = match seen.here(METRIC, &name) {
        Lookup::Absent => seen.at_sources(METRIC, &name),
        found => found,
    };
    let Lookup::Exists(Some(model)) = published else { return None };
    let published: MetricModel = serde_json::from_value(model.clone()).ok()?;
    let wanted: BTreeSet<String> = dimensions.keys().cloned().collect();
    if published.dimensions.contains(&wanted) || published.truncated {
        return None;
    }
    let names = |names: &BTreeSet<String>| format!("({})", names.iter().cloned().collect::<Vec<_>>().join(", "));
    let what = format!(
        "it has no data: {namespace} {metric} is published with the dimensions {}, never with {}",
        published.dimensions.iter().map(names).collect::<Vec<_>>().join(" or "),
        names(&wanted)
    );
    Some(Risk::new(DEAD_METRIC, "dimensions", what))
}

#[cfg(test)]
mod tests {
    use regionctl_core::observe::location::Location;
    use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
    use regionctl_core::observe::snapshot::Snapshot;
    use regionctl_core::resource::reference::Attributes;
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;
    use serde_json::{Value, json};

    use super::super::spec::AlarmSpec;
    use super::*;

    const CLUSTER: &str = "{namespace: AWS/RDS, metric: CPUUtilization, statistic: Sum, comparison: '>', threshold: 1, \
                           period: 60, dimensions: {DBClusterIdentifier: c, EngineName: aurora}, \
                           alarm_actions: ['arn:aws:sns:eu-central-1:1:gone', 'arn:aws:sns:us-east-1:1:elsewhere']}";

    fn alarm(yaml: &str) -> AlarmModel {
        decode::<AlarmSpec>(&parse(yaml, 0).unwrap()).unwrap().into_model()
    }

    fn add(snapshot: &mut Snapshot, region: &str, kind: &str, name: &str, model: Option<Value>) {
        let mut scope = Scope::of(Location::of("1", region));
        scope.ask(name, Depth::existence());
        let resources = model.into_iter().map(|model| LiveResource::new(name, model, Attributes::new())).collect();
        snapshot.add(kind, &scope, Ok(Observation { resources, gaps: Vec::new() }));
    }

    fn found(snapshot: &Snapshot, yaml: &str) -> (Vec<Risk>, usize) {
        let (here, sources, desired) = (Location::of("1", "eu-central-1"), ["us-east-1".to_owned()], BTreeSet::new());
        let seen = Seen::new(snapshot, &here, &sources, &desired);
        let found = defects(&alarm(yaml), &seen);
        (found, seen.into_asked().len())
    }

    #[test]
    fn a_metric_that_is_published_with_other_dimensions_is_dead() {
        let mut snapshot = Snapshot::default();
        assert_eq!(found(&snapshot, CLUSTER), (Vec::new(), 2), "unread, it asks for the metric and the topic");
        let published = json!({"dimensions": [["DBClusterIdentifier"], ["DBClusterIdentifier", "Role"]]});
        add(&mut snapshot, "eu-central-1", "cloudwatch.metric", "AWS/RDS:CPUUtilization", Some(published));
        add(&mut snapshot, "eu-central-1", "sns.topic", "gone", None);
        let (dead, asked) = found(&snapshot, CLUSTER);
        assert_eq!(asked, 2);
        assert_eq!(
            dead.iter().map(|risk| risk.what.as_str()).collect::<Vec<_>>(),
            [
                "it has no data: AWS/RDS CPUUtilization is published with the dimensions (DBClusterIdentifier) or \
                 (DBClusterIdentifier, Role), never with (DBClusterIdentifier, EngineName)",
                "an action fails: the topic gone does not exist",
            ]
        );
        let alive = CLUSTER.replace(", EngineName: aurora", "");
        assert_eq!(found(&snapshot, &alive).0.len(), 1, "another cluster of these dimensions may have no data yet");
    }

    #[test]
    fn a_metric_without_data_here_is_looked_up_in_the_source_region() {
        let mut empty = Snapshot::default();
        add(&mut empty, "eu-central-1", "cloudwatch.metric", "AWS/RDS:CPUUtilization", None);
        add(&mut empty, "eu-central-1", "sns.topic", "gone", Some(json!({})));
        assert_eq!(found(&empty, CLUSTER), (Vec::new(), 3), "it asks in the source region too");
        let mut with_data = empty.clone();
        let published = json!({"dimensions": [["DBClusterIdentifier"]]});
        add(&mut with_data, "us-east-1", "cloudwatch.metric", "AWS/RDS:CPUUtilization", Some(published));
        assert_eq!(found(&with_data, CLUSTER).0.len(), 1);
        add(&mut empty, "us-east-1", "cloudwatch.metric", "AWS/RDS:CPUUtilization", None);
        assert_eq!(found(&empty, CLUSTER), (Vec::new(), 3), "without data anywhere it is unknown");
    }
}
