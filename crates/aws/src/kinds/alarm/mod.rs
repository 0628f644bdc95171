//! `cloudwatch.alarm`: a metric alarm.
//!
//! `PutMetricAlarm` replaces the whole alarm and what it leaves out falls to AWS's defaults, so a spec
//! owns an alarm whole: what it does not state is the default, here as there.

mod api;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::StandardUnit;
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::resource::reference::Outputs;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// The kind `cloudwatch.alarm`.
pub struct Alarm;

/// What a person writes of an alarm.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CloudWatchAlarm")]
pub struct AlarmSpec {
    /// The metric's namespace, such as AWS/RDS.
    namespace: String,
    /// The metric's name, such as CPUUtilization.
    metric: String,
    /// All dimensions that the metric is published with; one too many or too few never fires.
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    /// How a period's values become one.
    statistic: Statistic,
    /// How that one is compared with the threshold.
    comparison: Comparison,
    /// The number it is compared with.
    threshold: f64,
    /// 10, 20 or 30 seconds, or whole minutes: 900, 15m, 1h.
    period: Period,
    /// Over how many periods. One where it is left out.
    evaluation_periods: Option<i32>,
    /// How many of them must be beyond the threshold. All where it is left out.
    datapoints_to_alarm: Option<i32>,
    /// What periods without data count as. `missing` where it is left out.
    treat_missing_data: Option<MissingData>,
    /// The metric's unit, if only values with it count.
    unit: Option<String>,
    /// What it is about, for who gets the mail.
    description: Option<String>,
    /// A topic of this spec that is told when the alarm fires.
    topic: Option<String>,
    /// ARNs of further actions when the alarm fires.
    #[serde(default)]
    alarm_actions: BTreeSet<String>,
    /// ARNs of actions when all is well again.
    #[serde(default)]
    ok_actions: BTreeSet<String>,
    /// ARNs of actions when there is no data.
    #[serde(default)]
    insufficient_data_actions: BTreeSet<String>,
    /// Whether actions are run at all. They are where it is left out.
    actions_enabled: Option<bool>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// AWS's statistics.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
enum Statistic {
    Average,
    Maximum,
    Minimum,
    SampleCount,
    Sum,
}

/// AWS's comparisons; the signs mean the same.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[allow(clippy::enum_variant_names)] // AWS's names
#[schemars(extend("enum" = [
    ">", ">=", "<", "<=",
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold",
]))]
enum Comparison {
    #[serde(alias = ">")]
    GreaterThanThreshold,
    #[serde(alias = ">=")]
    GreaterThanOrEqualToThreshold,
    #[serde(alias = "<")]
    LessThanThreshold,
    #[serde(alias = "<=")]
    LessThanOrEqualToThreshold,
}

/// What periods without data count as.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
enum MissingData {
    /// Neither way; the alarm has insufficient data.
    #[default]
    Missing,
    /// As beyond the threshold.
    Breaching,
    /// As within it.
    NotBreaching,
    /// The alarm stays as it is.
    Ignore,
}

/// Seconds that CloudWatch takes as a period.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
struct Period(i32);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (number, unit) = text.split_at(text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).len());
        let factor = match unit {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => 0,
        };
        let seconds = number.trim().parse::<i32>().ok().and_then(|number| number.checked_mul(factor)).unwrap_or(0);
        if seconds > 0 && (matches!(seconds, 10 | 20 | 30) || seconds % 60 == 0) {
            return Ok(Self(seconds));
        }
        let message = format!(
            "CloudWatch does not take a period of '{text}'\nit takes 10, 20 and 30 seconds and whole minutes: 60, 300, 15m, 1h"
        );
        Err(serde::de::Error::custom(message))
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Seconds, or minutes (15m) or hours (1h): 10, 20, 30 or a multiple of 60 seconds.",
            "anyOf": [{ "type": "integer" }, { "type": "string", "pattern": r"^\d+[smh]?$" }],
        })
    }
}

/// An alarm, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlarmModel {
    namespace: String,
    metric: String,
    dimensions: BTreeMap<String, String>,
    statistic: String,
    comparison: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    period: i32,
    evaluation_periods: i32,
    datapoints_to_alarm: i32,
    treat_missing_data: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    alarm_actions: BTreeSet<String>,
    ok_actions: BTreeSet<String>,
    insufficient_data_actions: BTreeSet<String>,
    actions_enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

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
}

fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

impl Kind for Alarm {
    const FACTS: Facts = Facts {
        name: "cloudwatch.alarm",
        service: "CloudWatch",
        summary: "A metric alarm. The spec owns it whole: what it leaves out is AWS's default.",
        reads: &["DescribeAlarms", "ListTagsForResource"],
        removes: &["DeleteAlarms"],
        writes: &["PutMetricAlarm", "TagResource", "DeleteAlarms"],
        outputs: &["arn"],
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
",
        parts: &["tags"],
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
        check(&spec, notes);
        let evaluation_periods = spec.evaluation_periods.unwrap_or(1);
        let mut alarm_actions = spec.alarm_actions;
        alarm_actions.extend(spec.topic.map(|topic| format!("${{sns.topic/{topic}.arn}}")));
        AlarmModel {
            namespace: spec.namespace,
            metric: spec.metric,
            dimensions: spec.dimensions,
            statistic: word(spec.statistic),
            comparison: word(spec.comparison),
            threshold: Some(spec.threshold),
            period: spec.period.0,
            evaluation_periods,
            datapoints_to_alarm: spec.datapoints_to_alarm.unwrap_or(evaluation_periods),
            treat_missing_data: word(spec.treat_missing_data.unwrap_or_default()),
            unit: spec.unit,
            description: spec.description,
            alarm_actions,
            ok_actions: spec.ok_actions,
            insufficient_data_actions: spec.insufficient_data_actions,
            actions_enabled: spec.actions_enabled.unwrap_or(true),
            tags: spec.tags,
        }
    }

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([("arn".to_owned(), location.arn("cloudwatch", &format!("alarm:{name}")))])
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
            comparison,
            threshold,
            period,
            evaluation_periods,
            datapoints_to_alarm,
            treat_missing_data,
            unit,
            description,
            alarm_actions,
            ok_actions,
            insufficient_data_actions,
            actions_enabled,
            tags,
        } = want;
        let covers = out
            .birth()
            .and(out.value("namespace", namespace, live.map(|live| &live.namespace)))
            .and(out.value("metric", metric, live.map(|live| &live.metric)))
            .and(out.value("dimensions", dimensions, live.map(|live| &live.dimensions)))
            .and(out.value("statistic", statistic, live.map(|live| &live.statistic)))
            .and(out.value("comparison", comparison, live.map(|live| &live.comparison)))
            .and(out.value("threshold", threshold, live.map(|live| &live.threshold)))
            .and(out.value("period", period, live.map(|live| &live.period)))
            .and(out.value("evaluation_periods", evaluation_periods, live.map(|live| &live.evaluation_periods)))
            .and(out.value("datapoints_to_alarm", datapoints_to_alarm, live.map(|live| &live.datapoints_to_alarm)))
            .and(out.value("treat_missing_data", treat_missing_data, live.map(|live| &live.treat_missing_data)))
            .and(out.value("unit", unit, live.map(|live| &live.unit)))
            .and(out.value("description", description, live.map(|live| &live.description)))
            .and(out.value("alarm_actions", alarm_actions, live.map(|live| &live.alarm_actions)))
            .and(out.value("ok_actions", ok_actions, live.map(|live| &live.ok_actions)))
            .and(out.value(
                "insufficient_data_actions",
                insufficient_data_actions,
                live.map(|live| &live.insufficient_data_actions),
            ))
            .and(out.value("actions_enabled", actions_enabled, live.map(|live| &live.actions_enabled)));
        let tagged = out.stated_entries("tags", tags.as_ref(), live.and_then(|live| live.tags.as_ref()));
        let put = |tags| AlarmOp::PutMetricAlarm(Box::new(AlarmModel { tags, ..want.clone() }));
        if live.is_some() {
            out.step(Phase::Change, covers, put(None));
            out.step(Phase::Change, tagged, AlarmOp::TagResource { tags: tags.clone().unwrap_or_default() });
        } else {
            out.step(Phase::Create, covers.and(tagged), put(tags.clone()));
        }
    }
}

/// CloudWatch's own limits (PutMetricAlarm).
fn check(spec: &AlarmSpec, notes: &mut Notes<'_>) {
    let periods = spec.evaluation_periods.unwrap_or(1);
    if periods < 1 {
        notes.fault("evaluation_periods", "an alarm looks at one period at least", "write 1 or more");
    }
    if spec.datapoints_to_alarm.is_some_and(|points| points < 1 || points > periods) {
        notes.fault(
            "datapoints_to_alarm",
            format!("of {periods} periods, 1 to {periods} can be beyond"),
            "write fewer",
        );
    }
    let longest = if spec.period.0 >= 3600 { 7 * 86_400 } else { 86_400 };
    if i64::from(spec.period.0) * i64::from(periods) > longest {
        let message = format!("{periods} periods of {} s are more than CloudWatch looks back", spec.period.0);
        notes.fault("evaluation_periods", message, "a day at most, and a week with periods of an hour or more");
    }
    if spec.dimensions.len() > 30 {
        notes.fault("dimensions", "a metric has 30 dimensions at most", "take some out");
    }
    for (name, value) in &spec.dimensions {
        if !(1..=255).contains(&name.chars().count()) || !(1..=1024).contains(&value.chars().count()) {
            let message = format!("the dimension '{name}' is empty or too long");
            notes.fault(&format!("dimensions.{name}"), message, "255 characters for a name, 1,024 for a value");
        }
    }
    if !spec.metric.is_ascii() || !(1..=255).contains(&spec.metric.len()) {
        let message = "a metric's name is ASCII and has 1 to 255 characters";
        notes.fault("metric", message, "copy it from the service's documentation");
    }
    if !(1..=255).contains(&spec.namespace.len()) || spec.namespace.starts_with(':') {
        let message = "a namespace has 1 to 255 characters and does not start with a colon";
        notes.fault("namespace", message, "such as AWS/RDS");
    }
    if spec.description.as_ref().is_some_and(|text| text.chars().count() > 1024) {
        notes.fault("description", "an alarm's description has 1,024 characters at most", "shorten it");
    }
    if spec.unit.as_deref().is_some_and(|unit| !StandardUnit::values().contains(&unit)) {
        notes.fault("unit", "CloudWatch has no such unit", format!("it has {}", StandardUnit::values().join(", ")));
    }
    let actions = [&spec.alarm_actions, &spec.ok_actions, &spec.insufficient_data_actions];
    for (field, actions) in ["alarm_actions", "ok_actions", "insufficient_data_actions"].iter().zip(actions) {
        if actions.len() > 5 {
            notes.fault(field, "an alarm has five actions at most", "publish to a topic with several subscribers");
        }
        if let Some(action) = actions.iter().find(|action| !action.starts_with("arn:") && !action.starts_with("${")) {
            notes.fault(field, format!("'{action}' is not an ARN"), "for a topic of this spec write `topic: NAME`");
        }
    }
    tags::check(spec.tags.as_ref(), notes);
}
