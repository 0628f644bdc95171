// SPDX-License-Identifier: Apache-2.0
//! `cloudwatch.alarm`: a metric alarm.
//!
//! PutMetricAlarm (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>)
//! replaces the whole alarm and resets omitted fields to AWS's defaults. A spec therefore defines the whole alarm: a
//! field that it leaves out has AWS's default. Tags are separate: tags with other keys do not change.

pub(in crate::kinds) mod actions;
mod api;
mod check;
mod defects;
mod model;
mod sdk;
mod spec;
mod words;
mod write;

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tags;
use model::AlarmModel;
use spec::AlarmSpec;

/// The kind `cloudwatch.alarm`.
pub struct Alarm;

/// The CloudWatch calls that create and change an alarm.
#[derive(Debug, Serialize, Deserialize)]
pub enum AlarmOp {
    /// Creates or replaces the alarm. CloudWatch ignores the tags of an existing alarm.
    PutMetricAlarm(Box<AlarmModel>),
    /// Deletes this alarm only. An alarm that no longer exists is a success.
    DeleteAlarms,
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

/// Compares each of these fields with the live alarm and adds the differences to `$covers`.
macro_rules! compare_each {
    ($covers:ident, $out:ident, $live:ident: $($field:ident)*) => {
        $covers$(.and($out.value(stringify!($field), $field, $live.map(|live| &live.$field))))*
    };
}

impl Kind for Alarm {
    const FACTS: Facts = Facts {
        name: "cloudwatch.alarm",
        service: "CloudWatch",
        summary: "A metric alarm. The spec defines the whole alarm: a field that it leaves out has AWS's default.",
        reads: &["DescribeAlarms", "ListTagsForResource"],
        writes: &["PutMetricAlarm", "TagResource", "UntagResource", "DeleteAlarms"],
        removes: &["DeleteAlarms"],
        checks: &["DescribeAlarms"],
        attributes: &["arn", "name"],
        name_fields: &["children"],
        parts: &["tags"],
        lists: true,
        defect_rules: &[defects::DEAD_METRIC, actions::DEAD_ACTION],
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
    topic: CloudWatch_Alarms_${Region}_RDS
  resize error rate:
    metrics:
      - {id: rate, expression: 100 * errors / calls, return_data: true}
      - {id: errors, namespace: AWS/Lambda, metric: Errors, dimensions: {FunctionName: resize}, statistic: Sum, period: 5m}
      - {id: calls, namespace: AWS/Lambda, metric: Invocations, dimensions: {FunctionName: resize}, statistic: Sum, period: 5m}
    comparison: \">\"
    threshold: 5
    topic: CloudWatch_Alarms_${Region}_RDS
",
        ..Facts::DEFAULT
    };

    type Spec = AlarmSpec;
    type Model = AlarmModel;
    type Op = AlarmOp;

    fn check_name(name: &str) -> Result<(), String> {
        actions::check_name(name)
    }

    fn desire(_: &str, spec: AlarmSpec, notes: &mut Notes<'_>) -> AlarmModel {
        check::check(&spec, notes);
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        spec.into_model()
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        actions::attributes(name, location)
    }

    fn write(model: &AlarmModel) -> Option<Value> {
        Some(write::write(model))
    }

    fn defects(want: &AlarmModel, _: Option<&AlarmModel>, seen: &Seen<'_>) -> Vec<Risk> {
        if want.actions_enabled { defects::defects(want, seen) } else { Vec::new() }
    }

    fn extras(op: &AlarmOp) -> &'static [&'static str] {
        match op {
            AlarmOp::PutMetricAlarm(_) => &["*"],
            AlarmOp::DeleteAlarms | AlarmOp::TagResource { .. } | AlarmOp::UntagResource { .. } => &[],
        }
    }

    fn remove(_: &AlarmModel, out: &mut Diff<'_, AlarmOp>) {
        out.removed(AlarmOp::DeleteAlarms);
    }

    fn diff(want: &AlarmModel, live: Option<&AlarmModel>, out: &mut Diff<'_, AlarmOp>) {
        let AlarmModel {
            namespace,
            metric,
            dimensions,
            statistic,
            low_sample_percentile: _,
            period,
            unit,
            metrics,
            promql,
            comparison,
            threshold,
            threshold_metric,
            evaluation_periods,
            datapoints_to_alarm: _,
            treat_missing_data: _,
            evaluation_window: _,
            warm_up,
            description,
            alarm_actions,
            ok_actions,
            insufficient_data_actions,
            actions_enabled,
            notified_tags,
            tags,
        } = want;
        let covers = out.creation();
        let covers = compare_each!(covers, out, live: namespace metric dimensions statistic metrics promql comparison
            threshold threshold_metric period evaluation_periods);
        let covers = covers
            .and(out.value("datapoints_to_alarm", &want.points(), live.map(AlarmModel::points).as_ref()))
            .and(out.value("treat_missing_data", want.missing_data(), live.map(AlarmModel::missing_data)))
            .and(out.value("low_sample_percentile", &want.low_samples(), live.map(AlarmModel::low_samples).as_ref()))
            .and(out.value("evaluation_window", &want.window(), live.map(AlarmModel::window).as_ref()));
        let covers = compare_each!(covers, out, live: unit warm_up description alarm_actions ok_actions
            insufficient_data_actions actions_enabled notified_tags);
        let tagged = tags::compare(tags, live.map(|live| &live.tags), out);
        let put = |alarm: AlarmModel| AlarmOp::PutMetricAlarm(Box::new(alarm));
        match live {
            Some(live) => {
                if want.loses_queries(live) {
                    out.deletes("the alarm's queries are removed");
                }
                // PutMetricAlarm ignores the tags of an existing alarm, so the tags have steps of their own.
                out.step(Phase::Change, covers, put(AlarmModel { tags: Setting::Unstated, ..want.over(live) }));
                out.step(Phase::Change, tagged.set, AlarmOp::TagResource { tags: tagged.tags });
                out.step(Phase::Change, tagged.removed, AlarmOp::UntagResource { keys: tagged.keys });
            }
            None => {
                let (tagged, tags) = tags::of_new(tagged, out);
                let tags = tags::live(tags);
                out.step(Phase::Create, covers.and(tagged), put(AlarmModel { tags, ..want.clone() }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use regionctl_core::diff::{Draft, operation};
    use regionctl_core::observe::scope::Extra;
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;

    use super::*;

    const PLAIN: &str = "namespace: A, metric: B, statistic: Sum, comparison: '>', threshold: 1, period: 60";

    fn alarm(fields: &str) -> AlarmModel {
        decode::<AlarmSpec>(&parse(&format!("{{{fields}}}"), 0).unwrap()).unwrap().into_model()
    }

    fn draft(want: &AlarmModel, live: &AlarmModel, extras: &[Extra]) -> Draft {
        let mut diff = Diff::new(true, &[]);
        Alarm::diff(want, Some(live), &mut diff);
        diff.guard(extras, Alarm::extras);
        diff.finish().unwrap()
    }

    #[test]
    fn an_explicit_default_is_not_a_difference_and_is_sent_unchanged() {
        let live = alarm(&format!(
            "{PLAIN}, datapoints_to_alarm: 1, treat_missing_data: missing, low_sample_percentile: evaluate, \
             evaluation_window: sliding"
        ));
        assert!(draft(&alarm(PLAIN), &live, &[]).fields.is_empty());
        let sent = alarm(&format!("{PLAIN}, description: new")).over(&live);
        assert_eq!((sent.datapoints_to_alarm, sent.treat_missing_data.as_deref()), (Some(1), Some("missing")));
        assert_eq!(sent.evaluation_window, live.evaluation_window);
        assert_eq!(alarm(PLAIN).over(&alarm(PLAIN)), alarm(PLAIN));
    }

    #[test]
    fn replacing_queries_with_a_metric_is_reported_as_a_deletion() {
        let live = alarm(
            "metrics: [{id: q, expression: 'SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/EC2\")', period: 60}], \
             comparison: '>', threshold: 1",
        );
        assert_eq!(draft(&alarm(PLAIN), &live, &[]).deletes.len(), 1);
        assert!(draft(&live, &live, &[]).fields.is_empty());
    }

    #[test]
    fn an_alarm_with_an_extra_is_never_overwritten() {
        let (want, live) = (alarm(&format!("{PLAIN}, description: new")), alarm(PLAIN));
        let calls = |draft: &Draft| draft.steps.iter().map(|step| operation(&step.op).to_owned()).collect::<Vec<_>>();
        assert_eq!(calls(&draft(&want, &live, &[])), ["PutMetricAlarm"]);
        let blocked = draft(&want, &live, &[Extra::lost("later", 1)]);
        assert!(calls(&blocked).is_empty() && blocked.blocked[0].contains("later"));
        assert!(draft(&live, &live, &[Extra::lost("later", 1)]).blocked.is_empty());
    }
}
