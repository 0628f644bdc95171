// SPDX-License-Identifier: Apache-2.0
//! The enumerated values, statistics and periods of an alarm, as PutMetricAlarm documents them
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).

use std::borrow::Cow;

use aws_sdk_cloudwatch::types::Statistic as SdkStatistic;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// One of the five statistics, or an extended statistic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statistic(pub(super) String);

impl<'de> Deserialize<'de> for Statistic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if SdkStatistic::values().contains(&text.as_str()) || is_extended(&text) {
            return Ok(Self(text));
        }
        let message = format!(
            "unknown statistic '{text}'\n\
             use one of {}, or an extended statistic such as p99, tm90, IQM, TM(10%:90%), PR(0:100)",
            SdkStatistic::values().join(", ")
        );
        Err(serde::de::Error::custom(message))
    }
}

/// Whether a text has the form of an extended statistic (PutMetricAlarm, ExtendedStatistic).
fn is_extended(text: &str) -> bool {
    let is_number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.parse::<f64>().is_ok();
    let after = |names: &[&str]| names.iter().find_map(|name| text.strip_prefix(name)).filter(|rest| !rest.is_empty());
    let percentile = after(&["p", "tm", "tc", "ts", "wm"]).is_some_and(is_number);
    let range = after(&["PR(", "TC(", "TM(", "TS(", "WM("]).and_then(|rest| rest.strip_suffix(')'));
    let bound = |text: &str| text.is_empty() || is_number(text.strip_suffix('%').unwrap_or(text));
    let ranged = range.and_then(|range| range.split_once(':')).is_some_and(|(from, to)| bound(from) && bound(to));
    text == "IQM" || percentile || ranged
}

impl JsonSchema for Statistic {
    fn schema_name() -> Cow<'static, str> {
        "Statistic".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One of the five statistics, or an extended statistic: p99, tm90, IQM, TM(10%:90%).",
            "anyOf": [
                { "enum": SdkStatistic::values() },
                { "type": "string", "pattern": r"^((p|tm|tc|ts|wm)\d+(\.\d+)?|IQM|(PR|TC|TM|TS|WM)\([\d.%]*:[\d.%]*\))$" },
            ],
        })
    }
}

/// The comparison operator, as AWS's name or as its sign. The last three names compare with an anomaly detection band.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[allow(clippy::enum_variant_names)] // AWS's names
#[schemars(extend("enum" = [
    ">", ">=", "<", "<=",
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold",
    "GreaterThanUpperThreshold", "LessThanLowerThreshold", "LessThanLowerOrGreaterThanUpperThreshold",
]))]
pub(super) enum Comparison {
    #[serde(alias = ">")]
    GreaterThanThreshold,
    #[serde(alias = ">=")]
    GreaterThanOrEqualToThreshold,
    #[serde(alias = "<")]
    LessThanThreshold,
    #[serde(alias = "<=")]
    LessThanOrEqualToThreshold,
    GreaterThanUpperThreshold,
    LessThanLowerThreshold,
    LessThanLowerOrGreaterThanUpperThreshold,
}

impl Comparison {
    /// Returns AWS's name of the value.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
            Self::LessThanOrEqualToThreshold => "LessThanOrEqualToThreshold",
            Self::GreaterThanUpperThreshold => "GreaterThanUpperThreshold",
            Self::LessThanLowerThreshold => "LessThanLowerThreshold",
            Self::LessThanLowerOrGreaterThanUpperThreshold => "LessThanLowerOrGreaterThanUpperThreshold",
        }
    }

    /// Whether the operator compares with an anomaly detection band instead of a number.
    pub(super) fn is_anomaly_band(self) -> bool {
        matches!(
            self,
            Self::GreaterThanUpperThreshold
                | Self::LessThanLowerThreshold
                | Self::LessThanLowerOrGreaterThanUpperThreshold
        )
    }
}

/// Returns the sign of a comparison operator, or AWS's name if it has no sign.
pub(super) fn sign(comparison: &str) -> &str {
    match comparison {
        "GreaterThanThreshold" => ">",
        "GreaterThanOrEqualToThreshold" => ">=",
        "LessThanThreshold" => "<",
        "LessThanOrEqualToThreshold" => "<=",
        name => name,
    }
}

/// How periods without data are treated (TreatMissingData).
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) enum MissingData {
    /// If all datapoints are missing, the alarm changes to INSUFFICIENT_DATA.
    Missing,
    /// Missing datapoints count as breaching the threshold.
    Breaching,
    /// Missing datapoints count as within the threshold.
    NotBreaching,
    /// The alarm keeps its state.
    Ignore,
}

impl MissingData {
    /// All of AWS's values.
    pub(super) const VALUES: [&'static str; 4] = ["missing", "breaching", "notBreaching", "ignore"];

    /// Returns AWS's name of the value.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
            Self::Ignore => "ignore",
        }
    }
}

/// Whether a percentile is evaluated with too few samples to be statistically significant
/// (EvaluateLowSampleCountPercentile).
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum LowSamplePercentile {
    /// The percentile is always evaluated.
    Evaluate,
    /// The alarm keeps its state.
    Ignore,
}

impl LowSamplePercentile {
    /// All of AWS's values.
    pub(super) const VALUES: [&'static str; 2] = ["evaluate", "ignore"];

    /// Returns AWS's name of the value.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::Ignore => "ignore",
        }
    }
}

/// A period in seconds: 10, 20, 30 or a multiple of 60.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period(pub(super) i32);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (number, unit) = text.split_at(text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).len());
        let factor = match unit {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => 0,
        };
        let seconds = number.trim().parse::<i32>().ok().and_then(|number| number.checked_mul(factor)).unwrap_or(0);
        if is_period(seconds) {
            return Ok(Self(seconds));
        }
        let message =
            format!("'{text}' is not a valid period\nuse 10, 20 or 30 seconds, or whole minutes: 60, 300, 15m, 1h");
        Err(serde::de::Error::custom(message))
    }
}

/// Whether CloudWatch supports a period of this number of seconds.
pub(super) fn is_period(seconds: i32) -> bool {
    seconds > 0 && (matches!(seconds, 10 | 20 | 30) || seconds % 60 == 0)
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Seconds, minutes (15m), hours (1h) or days (1d): 10, 20, 30 or a multiple of 60 seconds.",
            "anyOf": [{ "type": "integer" }, { "type": "string", "pattern": r"^\d+[smhd]?$" }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extended_statistic_has_one_of_the_documented_forms() {
        for known in ["p99", "p99.9", "tm90", "IQM", "TM(10%:90%)", "TC(0.005:0.030)", "TS(80%:)", "PR(:300)", "wm98"] {
            assert!(is_extended(known), "{known}");
        }
        for unknown in ["", "p", "p99%", "q99", "TM(10%)", "TM(10%:90%", "avg", "pinf", "IQM()"] {
            assert!(!is_extended(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_comparison_is_a_name_or_a_sign() {
        let read = |name: &str| serde_json::from_value::<Comparison>(name.into()).unwrap();
        for name in ["GreaterThanThreshold", "LessThanOrEqualToThreshold", "GreaterThanUpperThreshold"] {
            assert_eq!(read(name).as_str(), name);
            assert_eq!(read(sign(name)).as_str(), name);
        }
        assert!(read("LessThanLowerThreshold").is_anomaly_band() && !read("<").is_anomaly_band());
    }
}
