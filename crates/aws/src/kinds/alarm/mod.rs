//! `cloudwatch.alarm`: a metric alarm.
//!
//! `PutMetricAlarm` replaces the whole alarm and what it leaves out falls to AWS's defaults, so a spec
//! owns an alarm whole: what it does not state is the default, here as there. Tags are apart: others stay.

mod api;
mod check;
mod model;
mod sdk;
mod spec;
mod words;
mod write;

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tags;
use model::AlarmModel;
use spec::AlarmSpec;

/// The kind `cloudwatch.alarm`.
pub struct Alarm;

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum AlarmOp {
    /// Replaces the alarm whole. Tags are set only where it is new.
    PutMetricAlarm(Box<AlarmModel>),
    /// Its history stays.
    DeleteAlarms,
    /// Adds or changes these; others stay.
    TagResource {
        /// The spec's.
        tags: Tags,
    },
    /// Removes these.
    UntagResource {
        /// The keys.
        keys: Vec<String>,
    },
}

/// Compares each of these fields with live's, and adds the differences to those that the same call covers.
macro_rules! compare_each {
    ($covers:ident, $out:ident, $live:ident: $($field:ident)*) => {
        $covers$(.and($out.value(stringify!($field), $field, $live.map(|live| &live.$field))))*
    };
}

impl Kind for Alarm {
    const FACTS: Facts = Facts {
        name: "cloudwatch.alarm",
        service: "CloudWatch",
        summary: "A metric alarm. The spec owns it whole: what it leaves out is AWS's default.",
        reads: &["DescribeAlarms", "ListTagsForResource"],
        writes: &["PutMetricAlarm", "TagResource", "UntagResource", "DeleteAlarms"],
        removes: &["DeleteAlarms"],
        outputs: &["arn"],
        parts: &["tags"],
        lists: true,
        inventory: &["DescribeAlarms"],
        weights: &[
            Weight {
                path: MISSING,
                when: When::Differs,
                severity: Severity::High,
                why: "nobody is told: the alarm is gone",
            },
            Weight {
                path: "actions_enabled",
                when: When::Less,
                severity: Severity::High,
                why: "nobody is told: its actions are off",
            },
            Weight {
                path: "alarm_actions",
                when: When::Differs,
                severity: Severity::High,
                why: "somebody else is told, or nobody",
            },
        ],
        example: "
sns.topic:
  CloudWatch_Alarms_${Region}_RDS:
cloudwatch.alarm:
  db-prod CPUUtilization:
    namespace: AWS/RDS
    metric: CPUUtilization
    dimensions: {DBClusterIdentifier: prod, EngineName: aurora-postgresql}
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
        if (1..=255).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
            return Ok(());
        }
        Err("CloudWatch does not take this as an alarm's name\n1 to 255 characters, none of them a control character"
            .into())
    }

    fn desire(_: &str, spec: AlarmSpec, notes: &mut Notes<'_>) -> AlarmModel {
        check::check(&spec, notes);
        spec.into_model()
    }

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([("arn".to_owned(), location.arn("cloudwatch", &format!("alarm:{name}")))])
    }

    fn write(model: &AlarmModel) -> Option<Value> {
        Some(write::write(model))
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
        let covers = out.birth();
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
                    out.deletes("the queries that it watches are removed");
                }
                out.step(Phase::Change, covers, put(AlarmModel { tags: Setting::Unstated, ..want.over(live) }));
                out.step(Phase::Change, tagged.set, AlarmOp::TagResource { tags: tagged.tags });
                out.step(Phase::Change, tagged.removed, AlarmOp::UntagResource { keys: tagged.keys });
            }
            None => out.step(Phase::Create, covers.and(tagged.set), put(want.clone())),
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
    fn a_default_that_aws_says_is_no_difference_and_is_sent_along() {
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
    fn an_alarm_over_queries_does_not_become_one_over_a_metric_without_a_word() {
        let live = alarm(
            "metrics: [{id: q, expression: 'SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/EC2\")', period: 60}], \
             comparison: '>', threshold: 1",
        );
        assert_eq!(draft(&alarm(PLAIN), &live, &[]).deletes.len(), 1);
        assert!(draft(&live, &live, &[]).fields.is_empty());
    }

    #[test]
    fn what_the_model_cannot_express_is_never_overwritten() {
        let (want, live) = (alarm(&format!("{PLAIN}, description: new")), alarm(PLAIN));
        let calls = |draft: &Draft| draft.steps.iter().map(|step| operation(&step.op).to_owned()).collect::<Vec<_>>();
        assert_eq!(calls(&draft(&want, &live, &[])), ["PutMetricAlarm"]);
        let blocked = draft(&want, &live, &[Extra::lost("later", 1)]);
        assert!(calls(&blocked).is_empty() && blocked.blocked[0].contains("later"));
        assert!(draft(&live, &live, &[Extra::lost("later", 1)]).blocked.is_empty());
    }
}
