// SPDX-License-Identifier: Apache-2.0
//! `cloudwatch.composite_alarm`: a composite alarm.
//!
//! PutCompositeAlarm (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>)
//! replaces the whole alarm. A spec therefore defines the whole alarm: a field that it leaves out has AWS's default.
//! Tags are separate: tags with other keys do not change.

mod api;
mod defects;
mod model;
mod rule;
mod spec;

use std::collections::BTreeSet;

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Need, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::kinds::alarm::actions;
use crate::tags;
use model::CompositeModel;
use spec::CompositeSpec;

/// The kind `cloudwatch.composite_alarm`.
pub struct CompositeAlarm;

/// The CloudWatch calls that create and change a composite alarm.
#[derive(Debug, Serialize, Deserialize)]
pub enum CompositeOp {
    /// Creates or replaces the alarm. CloudWatch ignores the tags of an existing alarm.
    PutCompositeAlarm {
        /// The whole alarm.
        alarm: Box<CompositeModel>,
        /// The names and ARNs of the alarms that it depends on, before and after. They are created before this call,
        /// and deleted after it.
        children: BTreeSet<String>,
    },
    /// Deletes this alarm only. An alarm that no longer exists is a success.
    DeleteAlarms {
        /// The names and ARNs of the alarms that it depends on. CloudWatch cannot delete them before this alarm.
        children: BTreeSet<String>,
    },
    /// Adds or changes tags of an existing alarm. Tags with other keys stay.
    TagResource {
        /// All tags that the spec sets, also those that do not differ.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets.
    UntagResource {
        /// The live keys that the spec unsets.
        keys: Vec<String>,
    },
}

impl Kind for CompositeAlarm {
    const FACTS: Facts = Facts {
        name: "cloudwatch.composite_alarm",
        service: "CloudWatch",
        summary: "A composite alarm, whose state follows from other alarms. The spec defines the whole alarm: a field \
                  that it leaves out has AWS's default. Alarms of all types share their names.",
        reads: &["DescribeAlarms", "ListTagsForResource"],
        writes: &["PutCompositeAlarm", "TagResource", "UntagResource", "DeleteAlarms"],
        removes: &["DeleteAlarms"],
        checks: &["DescribeAlarms"],
        // PutCompositeAlarm must be allowed for all resources, but its tags only for this one.
        also: &[Need::always(
            "cloudwatch:TagResource",
            &["arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"],
        )
        .for_calls(&["PutCompositeAlarm"])],
        attributes: &["arn", "name"],
        name_fields: &["children"],
        parts: &["tags"],
        lists: true,
        defect_rules: &[defects::DEAD_CHILD, actions::DEAD_ACTION],
        looks_up: &defects::LOOKS_UP,
        creation_tags: true,
        inventory: &["DescribeAlarms"],
        weights: &[
            Weight {
                path: MISSING,
                when: When::Differs,
                severity: Severity::High,
                why: "the alarm does not exist and notifies nobody",
            },
            Weight {
                path: "actions_enabled",
                when: When::Less,
                severity: Severity::High,
                why: "the alarm's actions are disabled",
            },
            Weight {
                path: "alarm_actions",
                when: When::Differs,
                severity: Severity::High,
                why: "the alarm runs other actions or none",
            },
            Weight {
                path: "rule",
                when: When::Differs,
                severity: Severity::High,
                why: "the alarm depends on other states than the spec says",
            },
            Weight {
                path: "suppressor*",
                when: When::Differs,
                severity: Severity::High,
                why: "the alarm's actions are suppressed at other times than the spec says",
            },
        ],
        example: "
sns.topic:
  CloudWatch_Alarms_${Region}_RDS:
cloudwatch.alarm:
  db-prod CPUUtilization:
    namespace: AWS/RDS
    metric: CPUUtilization
    dimensions: {DBClusterIdentifier: prod}
    statistic: Maximum
    comparison: \">\"
    threshold: 80
    period: 15m
  deployment:
    namespace: App
    metric: Deployments
    statistic: Sum
    comparison: \">\"
    threshold: 0
    period: 1m
cloudwatch.composite_alarm:
  db-prod is busy:
    rule: ALARM(\"db-prod CPUUtilization\") AND NOT ALARM(\"deployment\")
    suppressor: {alarm: deployment, wait_seconds: 60, extension_seconds: 120}
    topic: CloudWatch_Alarms_${Region}_RDS
",
        ..Facts::DEFAULT
    };

    type Spec = CompositeSpec;
    type Model = CompositeModel;
    type Op = CompositeOp;

    fn check_name(name: &str) -> Result<(), String> {
        actions::check_name(name)
    }

    fn desire(name: &str, spec: CompositeSpec, notes: &mut Notes<'_>) -> CompositeModel {
        spec::check(name, &spec, notes);
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        spec.into_model()
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        actions::attributes(name, location)
    }

    fn write(model: &CompositeModel) -> Option<Value> {
        let CompositeModel {
            rule,
            description,
            alarm_actions,
            ok_actions,
            insufficient_data_actions,
            actions_enabled,
            suppressor,
            notified_tags,
            tags,
        } = model;
        let mut fields = Map::from_iter([("rule".to_owned(), rule.as_str().into())]);
        let lists = [
            ("alarm_actions", alarm_actions),
            ("ok_actions", ok_actions),
            ("insufficient_data_actions", insufficient_data_actions),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        fields.extend(lists.map(|(field, list)| (field.to_owned(), json!(list))));
        fields.extend(description.as_ref().map(|text| ("description".to_owned(), json!(text))));
        fields.extend((!actions_enabled).then(|| ("actions_enabled".to_owned(), json!(false))));
        fields.extend(suppressor.as_ref().map(|it| ("suppressor".to_owned(), json!(it))));
        fields.extend(notified_tags.as_ref().map(|it| ("notified_tags".to_owned(), json!(it))));
        tags::write(tags, &mut fields);
        Some(Value::Object(fields))
    }

    fn defects(want: &CompositeModel, _: Option<&CompositeModel>, seen: &Seen<'_>) -> Vec<Risk> {
        defects::defects(want, seen)
    }

    fn extras(op: &CompositeOp) -> &'static [&'static str] {
        match op {
            CompositeOp::PutCompositeAlarm { .. } => &["*"],
            _ => &[],
        }
    }

    fn remove(live: &CompositeModel, out: &mut Diff<'_, CompositeOp>) {
        out.removed(CompositeOp::DeleteAlarms { children: live.children() });
    }

    fn diff(want: &CompositeModel, live: Option<&CompositeModel>, out: &mut Diff<'_, CompositeOp>) {
        let CompositeModel {
            rule: _,
            description,
            alarm_actions,
            ok_actions,
            insufficient_data_actions,
            actions_enabled,
            suppressor: _,
            notified_tags,
            tags,
        } = want;
        let sent = live.map_or_else(|| want.clone(), |live| want.over(live));
        let mut children = want.children();
        children.extend(live.map(CompositeModel::children).unwrap_or_default());
        let covers = out
            .creation()
            .and(out.value("rule", &sent.rule, live.map(|live| &live.rule)))
            .and(out.value("description", description, live.map(|live| &live.description)))
            .and(out.value("alarm_actions", alarm_actions, live.map(|live| &live.alarm_actions)))
            .and(out.value("ok_actions", ok_actions, live.map(|live| &live.ok_actions)))
            .and(out.value(
                "insufficient_data_actions",
                insufficient_data_actions,
                live.map(|live| &live.insufficient_data_actions),
            ))
            .and(out.value("actions_enabled", actions_enabled, live.map(|live| &live.actions_enabled)))
            .and(out.value("suppressor", &sent.suppressor, live.map(|live| &live.suppressor)))
            .and(out.value("notified_tags", notified_tags, live.map(|live| &live.notified_tags)));
        let tagged = tags::compare(tags, live.map(|live| &live.tags), out);
        let put = |alarm: CompositeModel| CompositeOp::PutCompositeAlarm { alarm: Box::new(alarm), children };
        if live.is_some() {
            // PutCompositeAlarm ignores the tags of an existing alarm, so the tags have steps of their own.
            out.step(Phase::Change, covers, put(CompositeModel { tags: Setting::Unstated, ..sent }));
            out.step(Phase::Change, tagged.set, CompositeOp::TagResource { tags: tagged.tags });
            out.step(Phase::Change, tagged.removed, CompositeOp::UntagResource { keys: tagged.keys });
        } else {
            let (tagged, tags) = tags::of_new(tagged, out);
            let tags = tags::live(tags);
            out.step(Phase::Create, covers.and(tagged), put(CompositeModel { tags, ..sent }));
        }
    }
}

#[cfg(test)]
mod tests {
    use regionctl_core::diff::Draft;
    use regionctl_core::observe::scope::Extra;
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;

    use super::*;

    fn alarm(yaml: &str) -> CompositeModel {
        decode::<CompositeSpec>(&parse(yaml, 0).unwrap()).unwrap_or_else(|it| panic!("{}", it.message)).into_model()
    }

    fn draft(want: &CompositeModel, live: Option<&CompositeModel>, extras: &[Extra]) -> Draft {
        let mut diff = Diff::new(live.is_some(), &[]);
        CompositeAlarm::diff(want, live, &mut diff);
        diff.guard(extras, CompositeAlarm::extras);
        diff.finish().unwrap()
    }

    const ARN: &str = "arn:aws:cloudwatch:eu-central-1:1:alarm:quiet";

    #[test]
    fn rules_and_suppressors_of_one_meaning_are_equal_and_sent_unchanged() {
        let suppressed =
            |alarm: &str| format!("suppressor: {{alarm: '{alarm}', wait_seconds: 1, extension_seconds: 2}}");
        let live = alarm(&format!("{{rule: 'ALARM(a)  OR OK(b)', {}}}", suppressed(ARN)));
        let same = alarm(&format!("{{rule: \"ALARM(\\\"a\\\") OR OK(b)\\n\", {}}}", suppressed("quiet")));
        assert!(draft(&same, Some(&live), &[]).fields.is_empty());
        let changed = draft(&CompositeModel { actions_enabled: false, ..same }, Some(&live), &[]);
        let sent = &changed.steps[0].op["PutCompositeAlarm"];
        assert_eq!((&sent["alarm"]["rule"], &sent["alarm"]["suppressor"]["alarm"]), (&json!(live.rule), &json!(ARN)));
    }

    #[test]
    fn a_put_and_a_deletion_name_the_alarms_that_they_depend_on() {
        let live = alarm("{rule: ALARM(a) OR OK(old)}");
        let changed = draft(&alarm("{rule: ALARM(a) OR OK(new)}"), Some(&live), &[]);
        assert_eq!(changed.steps[0].op["PutCompositeAlarm"]["children"], json!(["a", "new", "old"]));
        let mut diff = Diff::new(true, &[]);
        CompositeAlarm::remove(&live, &mut diff);
        let removed = diff.finish().unwrap();
        assert_eq!(removed.steps[0].op, json!({"DeleteAlarms": {"children": ["a", "old"]}}));
        assert_eq!(removed.deletes.len(), 1);
    }

    #[test]
    fn an_alarm_with_an_extra_is_never_overwritten() {
        let (want, live) = (alarm("{rule: ALARM(a), description: new}"), alarm("{rule: ALARM(a)}"));
        let blocked = draft(&want, Some(&live), &[Extra::lost("notified_tags", "Team")]);
        assert!(blocked.steps.is_empty() && blocked.blocked[0].contains("notified_tags"));
    }

    #[test]
    fn a_written_alarm_results_in_the_same_model() {
        for yaml in [
            "{rule: 'TRUE'}",
            "{rule: 'ALARM(\"a: b\")', description: d, alarm_actions: [arn:a], ok_actions: [arn:b], \
             insufficient_data_actions: [arn:c], actions_enabled: false, notified_tags: {included: [Team]}, \
             suppressor: {alarm: s, wait_seconds: 0, extension_seconds: 60}, tags: {Team: sre}}",
        ] {
            let model = alarm(yaml);
            let written = CompositeAlarm::write(&model).unwrap();
            assert_eq!(alarm(&written.to_string()), model, "{written}");
        }
    }
}
