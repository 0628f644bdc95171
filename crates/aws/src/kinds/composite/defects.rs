// SPDX-License-Identifier: Apache-2.0
//! What keeps a composite alarm from working: alarms in its rule that do not exist, and actions that no longer exist.

use regionctl_core::kind::Risk;
use regionctl_core::observe::seen::{Lookup, Seen};

use super::model::{CompositeModel, name_here};
use crate::kinds::alarm::actions::dead_actions;
use crate::kinds::targets::TOPIC;

/// The rule of a composite alarm that depends on an alarm that does not exist.
pub(super) const DEAD_CHILD: &str = "alarm-dead-child";

const METRIC_ALARM: &str = "cloudwatch.alarm";
const COMPOSITE_ALARM: &str = "cloudwatch.composite_alarm";

/// The kinds that [`defects`] asks for.
pub(super) const LOOKS_UP: [&str; 3] = [METRIC_ALARM, COMPOSITE_ALARM, TOPIC];

/// Returns the defects of a composite alarm. CloudWatch rejects a rule with an alarm that does not exist, and does not
/// delete an alarm of a rule. A suppressor can be deleted.
pub(super) fn defects(alarm: &CompositeModel, seen: &Seen<'_>) -> Vec<Risk> {
    let children = alarm.children();
    let gone = children.iter().filter_map(|child| name_here(child, seen.location())).filter(|name| {
        // Both questions are asked, so that one round answers them.
        let found = [METRIC_ALARM, COMPOSITE_ALARM].map(|kind| seen.here(kind, name));
        found.iter().all(|found| *found == Lookup::Absent)
    });
    let suppressor = alarm.suppressor.as_ref().map(|suppressor| suppressor.alarm.as_str());
    let gone = gone.map(|name| {
        let is_suppressor = suppressor.is_some_and(|it| name_here(it, seen.location()) == Some(name));
        let path = if is_suppressor { "suppressor.alarm" } else { "rule" };
        Risk::new(DEAD_CHILD, path, format!("it depends on the alarm {name}, which does not exist"))
    });
    let mut found: Vec<Risk> = gone.collect();
    if alarm.actions_enabled {
        found.extend(dead_actions(&alarm.alarm_actions, seen));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regionctl_core::observe::location::Location;
    use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
    use regionctl_core::observe::snapshot::Snapshot;
    use regionctl_core::resource::address::Address;
    use regionctl_core::resource::reference::Attributes;
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;
    use serde_json::{Value, json};

    use super::super::spec::CompositeSpec;
    use super::*;

    fn add(snapshot: &mut Snapshot, kind: &str, name: &str, model: Option<Value>) {
        let mut scope = Scope::of(Location::of("1", "eu-central-1"));
        scope.ask(name, Depth::existence());
        let resources = model.into_iter().map(|model| LiveResource::new(name, model, Attributes::new())).collect();
        snapshot.add(kind, &scope, Ok(Observation { resources, gaps: Vec::new() }));
    }

    #[test]
    fn an_alarm_that_exists_nowhere_is_a_dead_child() {
        let yaml = "{rule: 'ALARM(a) OR OK(new) OR OK(gone) OR ALARM(\"arn:aws:cloudwatch:us-east-1:1:alarm:far\")', \
                    suppressor: {alarm: 'arn:aws:cloudwatch:eu-central-1:1:alarm:s', wait_seconds: 1, \
                    extension_seconds: 1}}";
        let alarm = decode::<CompositeSpec>(&parse(yaml, 0).unwrap()).unwrap().into_model();
        let (location, desired) =
            (Location::of("1", "eu-central-1"), BTreeSet::from([Address::new(COMPOSITE_ALARM, "new")]));
        let mut snapshot = Snapshot::default();
        let seen = Seen::new(&snapshot, &location, &[], &desired);
        assert!(defects(&alarm, &seen).is_empty(), "nothing was read yet");
        assert_eq!(seen.into_asked().len(), 8, "four alarms of this region, each of both types");
        for name in ["a", "new", "gone", "s"] {
            add(&mut snapshot, METRIC_ALARM, name, (name == "a").then(|| json!({})));
            add(&mut snapshot, COMPOSITE_ALARM, name, None);
        }
        let seen = Seen::new(&snapshot, &location, &[], &desired);
        let found: Vec<_> = defects(&alarm, &seen).into_iter().map(|risk| (risk.path, risk.what)).collect();
        let dead =
            |path: &str, name: &str| (path.to_owned(), format!("it depends on the alarm {name}, which does not exist"));
        assert_eq!(found, [dead("suppressor.alarm", "s"), dead("rule", "gone")]);
    }
}
