//! What a person writes of a log group, and what is wrong with it before AWS is asked.

use std::borrow::Cow;

use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::tags::{self, TagSettings};

/// What a person writes of a log group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogsLogGroup")]
pub struct LogGroupSpec {
    /// For how many days events are kept; 12 months are 365. `unset`: events never expire. A shorter retention deletes
    /// events for good, and so needs --allow-destroy.
    #[serde(default)]
    pub(super) retention_days: Setting<RetentionDays>,
    /// For how many days events are kept at least. A group with a longer retention, or whose events never expire,
    /// stays as it is. Excludes `retention_days`.
    pub(super) retention_at_least: Option<RetentionDays>,
    /// The ARN of the KMS key that events are encrypted with. `unset`: CloudWatch Logs encrypts with a key of its own.
    #[serde(default)]
    pub(super) kms_key: Setting<String>,
    /// The log class, which is set at creation and never changes. STANDARD where it is left out.
    pub(super) class: Option<Class>,
    /// Whether the group is protected from deletion.
    pub(super) deletion_protection: Option<bool>,
    /// Tags; others stay. `unset` removes a tag, or all of them.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
}

/// AWS's log classes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Class {
    /// All features.
    Standard,
    /// Fewer features for a lower price.
    InfrequentAccess,
    /// For the delivery of Lambda's logs to S3 or Firehose. AWS alone decides how long events are kept.
    Delivery,
    /// Fewer features for a lower price.
    Essentials,
}

impl Class {
    /// Returns AWS's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::InfrequentAccess => "INFREQUENT_ACCESS",
            Self::Delivery => super::model::DELIVERY,
            Self::Essentials => "ESSENTIALS",
        }
    }
}

/// The numbers of days that CloudWatch Logs takes (PutRetentionPolicy).
pub(super) const DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// A number of days that CloudWatch Logs takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct RetentionDays(pub(super) i32);

impl<'de> Deserialize<'de> for RetentionDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let days = i32::deserialize(deserializer)?;
        if DAYS.contains(&days) {
            return Ok(Self(days));
        }
        let near = DAYS.iter().min_by_key(|allowed| (*allowed - days).abs()).unwrap_or(&365);
        let allowed: Vec<String> = DAYS.iter().map(ToString::to_string).collect();
        Err(serde::de::Error::custom(format!(
            "CloudWatch Logs does not take a retention of {days} days; the nearest is {near}\nit takes {}",
            allowed.join(", ")
        )))
    }
}

impl JsonSchema for RetentionDays {
    fn schema_name() -> Cow<'static, str> {
        "RetentionDays".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "enum": DAYS })
    }
}

/// Notes what AWS would refuse.
pub(super) fn check(spec: &LogGroupSpec, notes: &mut Notes<'_>) {
    let states_days = !spec.retention_days.is_unstated();
    if states_days && spec.retention_at_least.is_some() {
        let message = "`retention_days` and `retention_at_least` exclude each other";
        notes.fault("retention_at_least", message, "write one of them");
    }
    if spec.class == Some(Class::Delivery) && (states_days || spec.retention_at_least.is_some()) {
        let field = if states_days { "retention_days" } else { "retention_at_least" };
        let message = "a log group of class DELIVERY takes no retention: AWS decides how long it keeps events";
        notes.fault(field, message, "leave the retention out");
    }
    // AssociateKmsKey takes the ARN of a key, and that is what DescribeLogGroups answers.
    let is_key = |key: &str| key.starts_with("${") || (key.starts_with("arn:") && key.contains(":key/"));
    if spec.kms_key.is_set_and(|key| !is_key(key)) {
        let message = "this is not the ARN of a KMS key";
        notes.fault("kms_key", message, "write arn:aws:kms:REGION:ACCOUNT:key/ID, not an alias or an id");
    }
    tags::check(&spec.tags, notes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;

    fn spec(yaml: &str) -> Result<LogGroupSpec, String> {
        decode(&parse(yaml, 0).unwrap()).map_err(|fault| fault.message)
    }

    #[test]
    fn a_retention_is_unstated_unset_or_one_that_aws_takes() {
        assert_eq!(spec("class: STANDARD\n").unwrap().retention_days, Setting::Unstated);
        assert_eq!(spec("retention_days: unset\n").unwrap().retention_days, Setting::Unset);
        assert_eq!(spec("retention_days: 365\n").unwrap().retention_days, Setting::Set(RetentionDays(365)));
        assert!(spec("retention_days: 364\n").unwrap_err().contains("the nearest is 365"));
        assert!(spec("retention_days: never\n").is_err());
    }

    #[test]
    fn one_tag_is_removed_by_the_word_unset() {
        let tags = spec("tags: {Team: sre, Old: unset}\n").unwrap().tags.into_value().unwrap();
        assert_eq!((&tags["Team"], &tags["Old"]), (&Setting::Set("sre".to_owned()), &Setting::Unset));
    }
}
