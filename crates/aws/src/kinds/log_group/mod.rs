//! `logs.log_group`: a log group and its retention; with `*`, every log group of the region.
//!
//! A group that the spec names is made; a pattern only sets what it says on groups that are there.

use std::borrow::Cow;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::LogGroup as SdkLogGroup;
use futures::future::try_join_all;
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Outputs;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{CallError, done_if, if_found};
use crate::live::Live;

/// The kind `logs.log_group`.
pub struct LogGroup;

/// What a person writes of a log group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogsLogGroup")]
pub struct LogGroupSpec {
    /// For how many days events are kept; 12 months are 365.
    retention_days: Option<RetentionDays>,
}

/// The numbers of days that CloudWatch Logs takes (PutRetentionPolicy).
const DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// A number of days that CloudWatch Logs takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct RetentionDays(i32);

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

/// A log group, desired or live. Without retention it keeps its events for ever.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogGroupModel {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention_days: Option<i32>,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum LogGroupOp {
    /// Makes the group; it keeps events for ever until told otherwise.
    CreateLogGroup,
    /// With all that was logged.
    DeleteLogGroup,
    /// Sets the retention.
    PutRetentionPolicy {
        /// Days.
        days: i32,
    },
}

impl Kind for LogGroup {
    const FACTS: Facts = Facts {
        name: "logs.log_group",
        service: "CloudWatch Logs",
        summary: "A log group and its retention; with `*` in its name, every log group of the region that matches.",
        reads: &["DescribeLogGroups"],
        removes: &["DeleteLogGroup"],
        writes: &["CreateLogGroup", "PutRetentionPolicy", "DeleteLogGroup"],
        outputs: &["arn", "name"],
        patterns: true,
        lists: true,
        inventory: &["DescribeLogGroups"],
        weights: &[Weight {
            path: "retention_days",
            when: When::Less,
            severity: Severity::High,
            why: "events are deleted earlier",
        }],
        example: "
logs.log_group:
  \"*\": {retention_days: 365}
  /aws/lambda/resize: {retention_days: 30}
",
        ..Facts::DEFAULT
    };

    type Spec = LogGroupSpec;
    type Model = LogGroupModel;
    type Op = LogGroupOp;

    fn check_name(name: &str) -> Result<(), String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._/#-".contains(&byte);
        if (1..=512).contains(&name.len()) && name.bytes().all(fits) {
            return Ok(());
        }
        Err(format!("CloudWatch Logs does not take '{name}' as a log group's name\n1 to 512 of a-z A-Z 0-9 . _ / # -"))
    }

    fn desire(_: &str, spec: LogGroupSpec, _: &mut Notes<'_>) -> LogGroupModel {
        LogGroupModel { retention_days: spec.retention_days.map(|days| days.0) }
    }

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), location.arn("logs", &format!("log-group:{name}"))),
            // A function that logs into it holds its name, and so comes after it.
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn remove(_: &LogGroupModel, out: &mut Diff<'_, LogGroupOp>) {
        out.removed(LogGroupOp::DeleteLogGroup);
    }

    fn diff(want: &LogGroupModel, live: Option<&LogGroupModel>, out: &mut Diff<'_, LogGroupOp>) {
        let LogGroupModel { retention_days } = want;
        let birth = out.birth();
        out.step(Phase::Create, birth, LogGroupOp::CreateLogGroup);
        let covers =
            out.stated("retention_days", retention_days.as_ref(), live.and_then(|live| live.retention_days.as_ref()));
        if live.is_some_and(|live| live.retention_days.is_none()) {
            out.remark(&covers, "kept for ever so far");
        }
        if let Some(days) = *retention_days {
            out.step(Phase::Change, covers, LogGroupOp::PutRetentionPolicy { days });
        }
    }
}

impl Live for LogGroup {
    type Api = Client;

    /// Everything is one chain of pages of 50; named groups alone are found by their names, all at once.
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<LogGroupModel>, CallError> {
        let groups = if scope.everything.is_some() {
            pages(api, None).await?
        } else {
            try_join_all(scope.names.keys().map(|name| pages(api, Some(name)))).await?.concat()
        };
        let seen = groups.into_iter().filter_map(|group| {
            let name = group.log_group_name.filter(|name| scope.asks_for(name))?;
            let outputs = Self::outputs(&name, &scope.location);
            Some(LiveResource::new(name, LogGroupModel { retention_days: group.retention_in_days }, outputs))
        });
        Ok(Observation { seen: seen.collect(), unread: Vec::new() })
    }

    async fn run(api: &Client, target: &StepTarget, op: LogGroupOp) -> Result<Outputs, CallError> {
        match op {
            LogGroupOp::CreateLogGroup => {
                let made = api.create_log_group().log_group_name(&target.name).send().await;
                done_if(made.map(|_| ()).map_err(CallError::from), "ResourceAlreadyExistsException")?;
            }
            LogGroupOp::DeleteLogGroup => {
                if_found(api.delete_log_group().log_group_name(&target.name).send().await.map_err(CallError::from))?;
            }
            LogGroupOp::PutRetentionPolicy { days } => {
                api.put_retention_policy().log_group_name(&target.name).retention_in_days(days).send().await?;
            }
        }
        Ok(Outputs::new())
    }
}

async fn pages(api: &Client, prefix: Option<&str>) -> Result<Vec<SdkLogGroup>, CallError> {
    let prefix = prefix.map(ToOwned::to_owned);
    let mut pages = api.describe_log_groups().set_log_group_name_prefix(prefix).limit(50).into_paginator().send();
    let mut groups = Vec::new();
    while let Some(page) = pages.next().await {
        groups.extend(page?.log_groups.unwrap_or_default());
    }
    Ok(groups)
}
