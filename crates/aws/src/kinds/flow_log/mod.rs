//! `ec2.flow_log`: a flow log of the region's VPC into a bucket.
//!
//! A flow log never changes: for another one the new is made first, then the old goes. It is found by
//! its Name tag, else by where it writes. Flow logs into CloudWatch Logs or Firehose are not of this kind.

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
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ec2::{NAME, filter, name_or, named, sdk_tags, successful, tag_specification};
use crate::error::{CallError, done_if};
use crate::live::{Live, names_of};
use crate::tags::collect;

/// The kind `ec2.flow_log`.
pub struct FlowLog;

/// What a person writes of a flow log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2FlowLog")]
pub struct FlowLogSpec {
    /// The bucket that it writes into. Its policy must let delivery.logs.amazonaws.com do so.
    bucket: String,
    /// What the keys start with.
    #[serde(default)]
    prefix: String,
    /// Which traffic is recorded. ALL where it is left out.
    #[serde(default)]
    traffic: Traffic,
    /// Over how many minutes records are put together: 1 or 10. Ten where it is left out.
    aggregation_minutes: Option<i32>,
    /// The fields of a record, in AWS's words. AWS's default where it is left out.
    format: Option<String>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// AWS's kinds of traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Traffic {
    /// What was let through and what was not.
    #[default]
    All,
    /// What was let through.
    Accept,
    /// What was not.
    Reject,
}

/// A flow log, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlowLogModel {
    /// The bucket's ARN.
    bucket: String,
    prefix: String,
    traffic: Traffic,
    aggregation_seconds: i32,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    format: Setting<String>,
    tags: Tags,
    /// Further flow logs of this name, left by a run that was cut; only live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<FlowLogModel>,
    /// Its own id; only live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum FlowLogOp {
    /// With all it has.
    CreateFlowLogs {
        /// The bucket's ARN.
        bucket: String,
        /// What the keys start with.
        prefix: String,
        /// AWS's word.
        traffic: String,
        /// 60 or 600.
        aggregation_seconds: i32,
        /// The fields of a record.
        format: Option<String>,
        /// The spec's tags, and its name.
        tags: Tags,
    },
    /// Adds or changes these; others stay.
    CreateTags {
        /// Which.
        id: Option<String>,
        /// The spec's.
        tags: Tags,
    },
    /// What was recorded stays in the bucket.
    DeleteFlowLogs {
        /// Which.
        ids: Vec<String>,
    },
}

impl Kind for FlowLog {
    const FACTS: Facts = Facts {
        name: "ec2.flow_log",
        service: "EC2",
        summary: "A flow log of the region's VPC into a bucket. It never changes: the new one comes before the old one goes.",
        reads: &["DescribeFlowLogs"],
        writes: &["CreateFlowLogs", "CreateTags", "DeleteFlowLogs"],
        also: &[
            regionctl_core::kind::Need::always("ec2:CreateTags", crate::services::EC2_RESOURCES),
            regionctl_core::kind::Need::always("logs:CreateLogDelivery", &["*"]),
            regionctl_core::kind::Need::always("logs:DeleteLogDelivery", &["*"]),
        ],
        outputs: &["id"],
        needs_vpc: true,
        adopts: true,
        inventory: &["DescribeFlowLogs"],
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "traffic is not recorded" },
            Weight {
                path: "traffic",
                when: When::Differs,
                severity: Severity::High,
                why: "other traffic is recorded than the spec says",
            },
            Weight {
                path: "bucket",
                when: When::Differs,
                severity: Severity::High,
                why: "traffic is recorded elsewhere",
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
            let message = format!("EC2 puts no records of {minutes} minutes together");
            notes.fault("aggregation_minutes", message, "write 1 or 10");
        }
        if spec.prefix.starts_with('/') || spec.prefix.contains("AWSLogs") {
            let message = format!("EC2 does not take '{}' as a prefix", spec.prefix);
            notes.fault("prefix", message, "without a slash in front; AWS itself adds AWSLogs/");
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

    /// One without a name that records into the same place: AWS allows no second one there.
    fn adopts(want: &FlowLogModel, live: &FlowLogModel) -> Option<Fit> {
        let unnamed_there = !live.tags.contains_key(NAME) && want.bucket == live.bucket && want.prefix == live.prefix;
        unnamed_there.then(|| if same(want, live) { Fit::Same } else { Fit::Changed })
    }

    fn remove(live: &FlowLogModel, out: &mut Diff<'_, FlowLogOp>) {
        let ids = std::iter::once(live).chain(&live.others).filter_map(|log| log.id.clone());
        out.removed(FlowLogOp::DeleteFlowLogs { ids: ids.collect() });
    }

    fn diff(want: &FlowLogModel, live: Option<&FlowLogModel>, out: &mut Diff<'_, FlowLogOp>) {
        let FlowLogModel { bucket, prefix, traffic, aggregation_seconds, format, tags, others: _, id: _ } = want;
        let candidates: Vec<&FlowLogModel> =
            live.iter().flat_map(|live| std::iter::once(*live).chain(&live.others)).collect();
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
            traffic: word(*traffic),
            aggregation_seconds: *aggregation_seconds,
            format: format.get(),
            tags: live.map(|live| live.tags.clone()).into_iter().flatten().chain(tags.clone()).collect(),
        };
        let Some(live) = live else {
            let covers = out.birth().and(differs).and(tagged);
            return out.step(Phase::Create, covers, create);
        };
        let mut going = older.clone();
        let mut gone: Covers = older.iter().map(|id| out.gone("older", id)).fold(Covers::default(), Covers::and);
        if differs.is_empty() {
            out.step(Phase::Change, tagged, FlowLogOp::CreateTags { id: live.id.clone(), tags: tags.clone() });
        } else {
            out.replaced("a flow log never changes: the new one is made first, then the old one goes");
            out.step(Phase::Create, differs.clone().and(tagged), create);
            going.extend(live.id.clone());
            gone = gone.and(differs);
        }
        if !gone.is_empty() {
            out.deletes(format!("the flow log {} is deleted; what it recorded stays in the bucket", going.join(", ")));
            out.step(Phase::Narrow, gone, FlowLogOp::DeleteFlowLogs { ids: going });
        }
    }
}

fn word(traffic: Traffic) -> String {
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
            let outputs = first.id.iter().map(|id| ("id".to_owned(), id.clone())).collect();
            Some(LiveResource::new(name, FlowLogModel { others: logs.collect(), ..first }, outputs))
        });
        Ok(Observation { seen: seen.collect(), unread: Vec::new() })
    }

    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let of_vpc = filter("resource-id", [vpc.id.clone()]);
        let logs = api.describe_flow_logs().filter(of_vpc).into_paginator().items().send();
        names_of(logs, |log| name_or(log.tags(), log.flow_log_id())).await
    }

    async fn run(api: &Client, target: &StepTarget, op: FlowLogOp) -> Result<Outputs, CallError> {
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
                // It answers 200 also where it failed.
                successful("CreateFlowLogs", made.unsuccessful())?;
                let id = made.flow_log_ids().first();
                return Ok(id.map(|id| ("id".to_owned(), id.clone())).into_iter().collect());
            }
            FlowLogOp::CreateTags { id, tags } => {
                let id = id.or_else(|| target.outputs.get("id").cloned()).unwrap_or_default();
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            FlowLogOp::DeleteFlowLogs { ids } => {
                let answer = api.delete_flow_logs().set_flow_log_ids(Some(ids)).send().await?;
                done_if(successful("DeleteFlowLogs", answer.unsuccessful()), "InvalidFlowLogId.NotFound")?;
            }
        }
        Ok(Outputs::new())
    }
}

fn same(want: &FlowLogModel, log: &FlowLogModel) -> bool {
    let key = |log: &FlowLogModel| (log.bucket.clone(), log.prefix.clone(), log.traffic, log.aggregation_seconds);
    key(want) == key(log) && (want.format.is_unstated() || want.format == log.format)
}

/// Only those into buckets are of this kind.
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
