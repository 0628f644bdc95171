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

/// Compares each of these fields of two models that are owned whole; one call covers all of them.
macro_rules! compare_whole {
    ($out:ident, $live:ident: $($field:ident)*) => {
        $out.birth()$(.and($out.value(stringify!($field), $field, $live.map(|live| &live.$field))))*
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
            low_sample_percentile,
            period,
            unit,
            metrics,
            promql,
            comparison,
            threshold,
            threshold_metric,
            evaluation_periods,
            datapoints_to_alarm,
            treat_missing_data,
            evaluation_window,
            warm_up,
            description,
            alarm_actions,
            ok_actions,
            insufficient_data_actions,
            actions_enabled,
            notified_tags,
            tags,
        } = want;
        let covers = compare_whole!(out, live:
            namespace metric dimensions statistic low_sample_percentile period unit metrics promql comparison threshold
            threshold_metric evaluation_periods datapoints_to_alarm treat_missing_data evaluation_window warm_up
            description alarm_actions ok_actions insufficient_data_actions actions_enabled notified_tags);
        let tagged = tags::compare(tags, live.map(|live| &live.tags), out);
        let put = |tags: Setting<_>| AlarmOp::PutMetricAlarm(Box::new(AlarmModel { tags, ..want.clone() }));
        if live.is_some() {
            out.step(Phase::Change, covers, put(Setting::Unstated));
            out.step(Phase::Change, tagged.set, AlarmOp::TagResource { tags: tagged.tags });
            out.step(Phase::Change, tagged.removed, AlarmOp::UntagResource { keys: tagged.keys });
        } else {
            out.step(Phase::Create, covers.and(tagged.set), put(tags.clone()));
        }
    }
}
