// SPDX-License-Identifier: Apache-2.0
//! `ec2.flow_log`: a VPC flow log of the region's VPC with an S3 destination.
//!
//! EC2 cannot change a flow log (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>), so
//! the new one is created before the old one is deleted. A live flow log is found by its `Name` tag, or else by its
//! destination. CloudWatch Logs and Firehose destinations are not covered.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{FlowLog as SdkFlowLog, FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType};
use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Fit, Kind, Notes};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ec2::{NAME, filter, name_or, named, sdk_tags, successful, tag_specification};
use crate::error::{CallError, done_if};
use crate::live::{Live, names_of};
use crate::tags::collect;

/// The kind `ec2.flow_log`.
pub struct FlowLog;

/// A VPC flow log to an S3 bucket. A change other than of tags creates a new flow log, then deletes the old one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2FlowLog")]
pub struct FlowLogSpec {
    /// Destination bucket: the name of an `s3.bucket` entry of this spec, or a bucket ARN. The bucket policy must allow
    /// `delivery.logs.amazonaws.com` to write.
    bucket: String,
    /// Key prefix in the bucket, without a leading slash and without `AWSLogs`. Default: none.
    #[serde(default)]
    prefix: String,
    /// Traffic to record: ALL, ACCEPT or REJECT. Default: ALL.
    #[serde(default)]
    traffic: Traffic,
    /// Maximum aggregation interval in minutes: 1 or 10. Default: 10.
    aggregation_minutes: Option<i32>,
    /// Log record format (`LogFormat`). If it is left out, AWS's default format applies and the field is not managed.
    format: Option<String>,
    /// Tags to set. Other tags stay.
    tags: Option<Tags>,
}

/// The traffic that a flow log records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Traffic {
    /// Accepted and rejected traffic.
    #[default]
    All,
    /// Only accepted traffic: security groups and network ACLs allow it.
    Accept,
    /// Only rejected traffic, such as traffic that a security group or network ACL does not allow.
    Reject,
}

/// A flow log, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlowLogModel {
    /// Bucket ARN.
    bucket: String,
    prefix: String,
    traffic: Traffic,
    aggregation_seconds: i32,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    format: Setting<String>,
    tags: Tags,
    /// Further flow logs with this name, left by an interrupted run. Set in live models only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<FlowLogModel>,
    /// Flow log ID. Set in live models only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// The EC2 API calls that create, tag and delete a flow log.
#[derive(Debug, Serialize, Deserialize)]
pub enum FlowLogOp {
    /// Creates the flow log with its tags.
    CreateFlowLogs {
        /// ARN of the bucket, without the prefix that `LogDestination` appends.
        bucket: String,
        /// Key prefix without slashes at either end; empty for none.
        prefix: String,
        /// `ALL`, `ACCEPT` or `REJECT`.
        traffic: String,
        /// Maximum aggregation interval in seconds: 60 or 600.
        aggregation_seconds: i32,
        /// Log record format; `None` for AWS's default.
        format: Option<String>,
        /// Tags of the new flow log, with its `Name` tag.
        tags: Tags,
    },
    /// Adds or updates tags; other tags stay.
    CreateTags {
        /// Flow log ID; `None` if the flow log is created in the same run.
        id: Option<String>,
        /// All tags of the spec and the `Name` tag, also those that do not differ.
        tags: Tags,
    },
    /// Deletes flow logs. Their records stay in the bucket.
    DeleteFlowLogs {
        /// IDs of the replaced or removed flow log, and of those that an interrupted run left.
        ids: Vec<String>,
    },
}

impl Kind for FlowLog {
    const FACTS: Facts = Facts {
        name: "ec2.flow_log",
        service: "EC2",
        summary: "A flow log of the region's VPC with an S3 destination. A change creates the new flow log, then \
                  deletes the old one.",
        reads: &["DescribeFlowLogs"],
        writes: &["CreateFlowLogs", "CreateTags", "DeleteFlowLogs"],
        also: &[
            regionctl_core::kind::Need::always("ec2:CreateTags", crate::services::EC2_RESOURCES),
            regionctl_core::kind::Need::always("logs:CreateLogDelivery", &["*"]),
            regionctl_core::kind::Need::always("logs:DeleteLogDelivery", &["*"]),
        ],
        attributes: &["id"],
        needs_vpc: true,
        adopts: true,
        inventory: &["DescribeFlowLogs"],
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "traffic is not recorded" },
            Weight {
                path: "traffic",
                when: When::Differs,
                severity: Severity::High,
                why: "the recorded traffic differs from the spec",
            },
            Weight {
                path: "bucket",
                when: When::Differs,
                severity: Severity::High,
                why: "traffic is recorded in another bucket",
            },
        ],
        example: "
s3.bucket:
  access-logs-${region}:
ec2.flow_log:
  vpc: {bucket: \"access-logs-${region}\", prefix: vpc-flow-logs, traffic: ALL}
",
        ..Facts::DEFAULT
    };

    type Spec = FlowLogSpec;
    type Model = FlowLogModel;
    type Op = FlowLogOp;

    fn desire(name: &str, spec: FlowLogSpec, notes: &mut Notes<'_>) -> FlowLogModel {
        let minutes = spec.aggregation_minutes.unwrap_or(10);
        if minutes != 1 && minutes != 10 {
            let message = format!("an aggregation interval of {minutes} minutes is not supported");
            notes.fault("aggregation_minutes", message, "set 1 or 10");
        }
        if spec.prefix.starts_with('/') || spec.prefix.contains("AWSLogs") {
            let message = format!("'{}' is not a valid flow log prefix", spec.prefix);
            notes.fault("prefix", message, "remove the leading slash and `AWSLogs`; AWS adds AWSLogs/ itself");
        }
        tags::check(spec.tags.as_ref(), notes);
        FlowLogModel {
            bucket: if spec.bucket.starts_with("arn:") || spec.bucket.contains("${") {
                spec.bucket
            } else {
                format!("${{s3.bucket/{}.arn}}", spec.bucket)
            },
            prefix: spec.prefix.trim_end_matches('/').to_owned(),
            traffic: spec.traffic,
            aggregation_seconds: minutes * 60,
            format: Setting::stated(spec.format),
            tags: named(name, spec.tags.unwrap_or_default()),
            others: Vec::new(),
            id: None,
        }
    }

    fn also_needs(op: &FlowLogOp) -> Vec<(&'static str, String)> {
        match op {
            FlowLogOp::CreateFlowLogs { .. } => {
                ["logs:CreateLogDelivery", "ec2:CreateTags"].map(|action| (action, "*".to_owned())).to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// Adopts a flow log without a `Name` tag that has the same destination, because EC2 rejects a second one there.
    fn adopts(want: &FlowLogModel, live: &FlowLogModel) -> Option<Fit> {
        let adoptable = !live.tags.contains_key(NAME) && want.bucket == live.bucket && want.prefix == live.prefix;
        adoptable.then(|| if same(want, live) { Fit::Same } else { Fit::Changed })
    }

    fn remove(live: &FlowLogModel, out: &mut Diff<'_, FlowLogOp>) {
        let ids = std::iter::once(live).chain(&live.others).filter_map(|log| log.id.clone());
        out.removed(FlowLogOp::DeleteFlowLogs { ids: ids.collect() });
    }

    fn diff(want: &FlowLogModel, live: Option<&FlowLogModel>, out: &mut Diff<'_, FlowLogOp>) {
        let FlowLogModel { bucket, prefix, traffic, aggregation_seconds, format, tags, others: _, id: _ } = want;
        let candidates: Vec<&FlowLogModel> =
            live.iter().flat_map(|live| std::iter::once(*live).chain(&live.others)).collect();
        // If an interrupted run left several, the one that matches the spec stays, and the others are deleted.
        let live = candidates.iter().copied().find(|log| same(want, log)).or(live);
        let older: Vec<String> = candidates
            .iter()
            .filter(|log| live.is_some_and(|live| live.id != log.id))
            .filter_map(|log| log.id.clone())
            .collect();
        let differs = out
            .value("bucket", bucket, live.map(|live| &live.bucket))
            .and(out.value("prefix", prefix, live.map(|live| &live.prefix)))
            .and(out.value("traffic", traffic, live.map(|live| &live.traffic)))
            .and(out.value("aggregation_seconds", aggregation_seconds, live.map(|live| &live.aggregation_seconds)))
            .and(out.setting("format", format, live.map(|live| &live.format)));
        let tagged = out.stated_entries("tags", Some(tags), live.map(|live| &live.tags));
        let create = FlowLogOp::CreateFlowLogs {
            bucket: bucket.clone(),
            prefix: prefix.clone(),
            traffic: traffic_type(*traffic),
            aggregation_seconds: *aggregation_seconds,
            format: format.get(),
            // A replacement keeps the old one's tags with other keys.
            tags: live.map(|live| live.tags.clone()).into_iter().flatten().chain(tags.clone()).collect(),
        };
        let Some(live) = live else {
            let covers = out.creation().and(differs).and(tagged);
            return out.step(Phase::Create, covers, create);
        };
        let mut deleted = older.clone();
        let mut gone: Covers = older.iter().map(|id| out.gone("older", id)).fold(Covers::default(), Covers::and);
        if differs.is_empty() {
            out.step(Phase::Change, tagged, FlowLogOp::CreateTags { id: live.id.clone(), tags: tags.clone() });
        } else {
            out.replaced("EC2 cannot change a flow log: the new one is created before the old one is deleted");
            out.step(Phase::Create, differs.clone().and(tagged), create);
            deleted.extend(live.id.clone());
            gone = gone.and(differs);
        }
        if !gone.is_empty() {
            out.deletes(format!("flow log {} is deleted; its records stay in the bucket", deleted.join(", ")));
            out.step(Phase::Narrow, gone, FlowLogOp::DeleteFlowLogs { ids: deleted });
        }
    }
}

fn traffic_type(traffic: Traffic) -> String {
    match traffic {
        Traffic::All => "ALL",
        Traffic::Accept => "ACCEPT",
        Traffic::Reject => "REJECT",
    }
    .to_owned()
}

impl Live for FlowLog {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<FlowLogModel>, CallError> {
        let Some(vpc) = &scope.location.vpc else { return Ok(Observation::default()) };
        let of_vpc = filter("resource-id", [vpc.id.clone()]);
        let mut items = api.describe_flow_logs().filter(of_vpc).into_paginator().items().send();
        let mut logs = Vec::new();
        while let Some(log) = items.next().await {
            logs.extend(model(&log?).transpose()?);
        }
        let mut by_name: BTreeMap<String, Vec<FlowLogModel>> = BTreeMap::new();
        for log in logs {
            let name = log.tags.get(NAME).or(log.id.as_ref()).cloned().unwrap_or_default();
            by_name.entry(name).or_default().push(log);
        }
        let seen = by_name.into_iter().filter(|(name, _)| scope.asks_for(name)).filter_map(|(name, mut logs)| {
            logs.sort_by(|a, b| a.id.cmp(&b.id));
            let mut logs = logs.into_iter();
            let first = logs.next()?;
            let attributes = first.id.iter().map(|id| ("id".to_owned(), id.clone())).collect();
            Some(LiveResource::new(name, FlowLogModel { others: logs.collect(), ..first }, attributes))
        });
        Ok(Observation { resources: seen.collect(), gaps: Vec::new() })
    }

    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let of_vpc = filter("resource-id", [vpc.id.clone()]);
        let logs = api.describe_flow_logs().filter(of_vpc).into_paginator().items().send();
        names_of(logs, |log| name_or(log.tags(), log.flow_log_id())).await
    }

    async fn run(api: &Client, target: &StepTarget, op: FlowLogOp) -> Result<Attributes, CallError> {
        match op {
            FlowLogOp::CreateFlowLogs { bucket, prefix, traffic, aggregation_seconds, format, tags } => {
                let vpc = target.location.vpc.as_ref().map_or("", |vpc| &vpc.id);
                let destination = if prefix.is_empty() { bucket } else { format!("{bucket}/{prefix}/") };
                let made = api
                    .create_flow_logs()
                    .resource_ids(vpc)
                    .resource_type(FlowLogsResourceType::Vpc)
                    .log_destination_type(LogDestinationType::S3)
                    .log_destination(destination)
                    .traffic_type(TrafficType::from(traffic.as_str()))
                    .max_aggregation_interval(aggregation_seconds)
                    .set_log_format(format)
                    .set_tag_specifications(tag_specification(ResourceType::VpcFlowLog, &tags))
                    .send()
                    .await?;
                // CreateFlowLogs returns status 200 even if it fails; the errors are in `Unsuccessful`.
                successful("CreateFlowLogs", made.unsuccessful())?;
                let id = made.flow_log_ids().first();
                return Ok(id.map(|id| ("id".to_owned(), id.clone())).into_iter().collect());
            }
            FlowLogOp::CreateTags { id, tags } => {
                let id = id.or_else(|| target.attributes.get("id").cloned()).unwrap_or_default();
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            FlowLogOp::DeleteFlowLogs { ids } => {
                let answer = api.delete_flow_logs().set_flow_log_ids(Some(ids)).send().await?;
                done_if(successful("DeleteFlowLogs", answer.unsuccessful()), "InvalidFlowLogId.NotFound")?;
            }
        }
        Ok(Attributes::new())
    }
}

/// Returns whether nothing but tags differs.
fn same(want: &FlowLogModel, log: &FlowLogModel) -> bool {
    let key = |log: &FlowLogModel| (log.bucket.clone(), log.prefix.clone(), log.traffic, log.aggregation_seconds);
    key(want) == key(log) && (want.format.is_unstated() || want.format == log.format)
}

/// Returns the model; `None` if the destination is not a bucket.
fn model(log: &SdkFlowLog) -> Option<Result<FlowLogModel, CallError>> {
    let destination = log.log_destination().filter(|_| log.log_destination_type() == Some(&LogDestinationType::S3))?;
    let (bucket, prefix) = destination.split_once('/').unwrap_or((destination, ""));
    Some(Ok(FlowLogModel {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_end_matches('/').to_owned(),
        traffic: match log.traffic_type() {
            Some(TrafficType::Accept) => Traffic::Accept,
            Some(TrafficType::Reject) => Traffic::Reject,
            Some(TrafficType::All) | None => Traffic::All,
            Some(other) => {
                return Some(Err(CallError::unknown("EC2 DescribeFlowLogs", "the traffic type", other.as_str())));
            }
        },
        aggregation_seconds: log.max_aggregation_interval().unwrap_or(600),
        format: Setting::live(log.log_format().map(ToOwned::to_owned)),
        tags: collect(log.tags().iter().map(|tag| (tag.key(), tag.value()))),
        others: Vec::new(),
        id: log.flow_log_id().map(ToOwned::to_owned),
    }))
}
