// SPDX-License-Identifier: Apache-2.0
//! Reads flow logs in bulk and runs the calls that create, tag and delete them.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    DestinationFileFormat, DestinationOptionsRequest, DestinationOptionsResponse, FlowLog as SdkFlowLog,
    FlowLogsResourceType, LogDestinationType, ResourceType, TagFieldSpecificationRequest, TaggableResourceType,
    TrafficType,
};
use regionctl_core::observe::location::{Location, Vpc};
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::model::{FileFormat, FlowLogModel, TagFields, TaggedResource, Traffic, log_group};
use super::{FlowLog, FlowLogOp};
use crate::ec2::{delete_tags, filter, name_or, named, sdk_tags, successful, tag_specification};
use crate::error::{CallError, done_if};
use crate::live::{Live, collect_results};
use crate::tags::{self, collect};

const DESCRIBE: &str = "EC2 DescribeFlowLogs";

/// The format of the records if the request has none
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>).
const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} \
                              ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

impl Live for FlowLog {
    type Api = Client;

    /// Reads the region's flow logs in pages of 1,000, the maximum
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFlowLogs.html>). Flow logs of subnets and
    /// network interfaces have their own resource id, so a filter by the VPC would leave them out.
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<FlowLogModel>, CallError> {
        let Some(vpc) = &scope.location.vpc else { return Ok(Observation::default()) };
        let mut by_name: BTreeMap<String, Vec<SdkFlowLog>> = BTreeMap::new();
        for log in read(api, vpc, None).await? {
            let name = name_or(log.tags(), log.flow_log_id()).unwrap_or_default();
            by_name.entry(name).or_default().push(log);
        }
        let named = by_name.into_iter().filter(|(name, _)| scope.asks_for(name));
        Ok(collect_results(named.map(|(name, logs)| (name.clone(), live(name, &logs, vpc)))))
    }

    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let logs = read(api, vpc, None).await?;
        Ok(logs.iter().filter_map(|log| name_or(log.tags(), log.flow_log_id())).collect())
    }

    async fn run(api: &Client, target: &StepTarget, op: FlowLogOp) -> Result<Attributes, CallError> {
        let id = |id: Option<String>| id.or_else(|| target.attributes.get("id").cloned()).unwrap_or_default();
        match op {
            FlowLogOp::CreateFlowLogs { log, tags } => {
                let vpc = target.location.vpc.clone().unwrap_or_default();
                let id = create(api, &vpc, &log, &named(&target.name, tags)).await?;
                return Ok(id.map(|id| ("id".to_owned(), id)).into_iter().collect());
            }
            FlowLogOp::CreateTags { id: flow_log, tags } => {
                api.create_tags().resources(id(flow_log)).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            FlowLogOp::DeleteTags { id: flow_log, keys } => {
                delete_tags(api, &id(flow_log), &keys).await?;
            }
            FlowLogOp::DeleteFlowLogs { ids } => {
                let answer = api.delete_flow_logs().set_flow_log_ids(Some(ids)).send().await?;
                done_if(successful("DeleteFlowLogs", answer.unsuccessful()), "InvalidFlowLogId.NotFound")?;
            }
        }
        Ok(Attributes::new())
    }
}

/// Reads the flow logs of this VPC, and of subnets and network interfaces; with `resource`, only this one's.
async fn read(api: &Client, vpc: &Vpc, resource: Option<&str>) -> Result<Vec<SdkFlowLog>, CallError> {
    let of_resource = resource.map(|id| vec![filter("resource-id", [id.to_owned()])]);
    let mut items = api.describe_flow_logs().set_filter(of_resource).into_paginator().items().send();
    let mut logs = Vec::new();
    while let Some(log) = items.next().await {
        let log = log?;
        // Transit gateways, NAT gateways and core networks are in no VPC, so no spec can state them.
        let id = log.resource_id().unwrap_or_default();
        if id == vpc.id || id.starts_with("subnet-") || id.starts_with("eni-") {
            logs.push(log);
        }
    }
    Ok(logs)
}

/// Creates a flow log and returns its id.
///
/// # Errors
/// EC2 rejects it, also if another flow log exists there: only an equal one with the same tags is the result of an
/// earlier run of this call.
async fn create(
    api: &Client,
    vpc: &Vpc,
    log: &FlowLogModel,
    tags: &BTreeMap<String, String>,
) -> Result<Option<String>, CallError> {
    let resource = log.resource.get().unwrap_or_else(|| vpc.id.clone());
    let made = api
        .create_flow_logs()
        .resource_ids(&resource)
        .resource_type(resource_type(&resource))
        .set_traffic_type(log.traffic.value().map(|traffic| TrafficType::from(traffic.as_str())))
        .set_max_aggregation_interval(log.aggregation_seconds.get())
        .set_log_format(log.format.get())
        .set_deliver_logs_permission_arn(log.role.get())
        .set_deliver_cross_account_role(log.cross_account_role.get())
        .set_tag_field_specifications(log.tag_fields.value().map(sdk_tag_fields))
        .set_tag_specifications(tag_specification(ResourceType::VpcFlowLog, tags));
    let made = match (log.bucket.get(), log.delivery_stream.get(), log.canonical_log_group().into_value()) {
        (Some(bucket), ..) => {
            let destination = log.prefix.value().map_or(bucket.clone(), |prefix| format!("{bucket}/{prefix}/"));
            made.log_destination_type(LogDestinationType::S3)
                .log_destination(destination)
                .set_destination_options(destination_options(log))
        }
        (_, Some(stream), _) => {
            made.log_destination_type(LogDestinationType::KinesisDataFirehose).log_destination(stream)
        }
        (.., Some(group)) if group.starts_with("arn:") => {
            made.log_destination_type(LogDestinationType::CloudWatchLogs).log_destination(group)
        }
        (.., group) => made.log_destination_type(LogDestinationType::CloudWatchLogs).set_log_group_name(group),
    };
    let answer = match made.send().await {
        // CreateFlowLogs returns status 200 even if it fails; the errors are in `Unsuccessful`.
        Ok(answer) => {
            successful("CreateFlowLogs", answer.unsuccessful()).map(|()| answer.flow_log_ids().first().cloned())
        }
        Err(error) => Err(error.into()),
    };
    match answer {
        Err(error) if error.is("FlowLogAlreadyExists") => already_exists(api, vpc, log, tags, error).await.map(Some),
        other => other,
    }
}

/// Returns the id of the flow log that an earlier run of this call created, or the error.
async fn already_exists(
    api: &Client,
    vpc: &Vpc,
    log: &FlowLogModel,
    tags: &BTreeMap<String, String>,
    mut error: CallError,
) -> Result<String, CallError> {
    let resource = log.resource.get().unwrap_or_else(|| vpc.id.clone());
    let mut others = Vec::new();
    for found in read(api, vpc, Some(&resource)).await? {
        let (found_model, id) = (model(&found, vpc)?, found.flow_log_id().unwrap_or_default());
        let found_tags = found_model.tags.value().map(tags::set).unwrap_or_default();
        if log.equals(&found_model) && tags.iter().all(|(key, value)| found_tags.get(key) == Some(value)) {
            return Ok(id.to_owned());
        }
        if log.same_destination(&found_model) {
            others.push(id.to_owned());
        }
    }
    error.0.message = format!(
        "{}; {} delivers to the same destination and is not the flow log of the spec: delete it, or change the prefix",
        error.0.message,
        if others.is_empty() { "another flow log".to_owned() } else { others.join(", ") }
    );
    Err(error)
}

fn resource_type(id: &str) -> FlowLogsResourceType {
    match id.split_once('-') {
        Some(("subnet", _)) => FlowLogsResourceType::Subnet,
        Some(("eni", _)) => FlowLogsResourceType::NetworkInterface,
        _ => FlowLogsResourceType::Vpc,
    }
}

/// Returns the options of files in a bucket; `None` if the log states none.
fn destination_options(log: &FlowLogModel) -> Option<DestinationOptionsRequest> {
    let (format, hive, hourly) = (log.file_format.get(), log.hive_partitions.get(), log.hourly_partitions.get());
    if format.is_none() && hive.is_none() && hourly.is_none() {
        return None;
    }
    let format = format.map(|format| DestinationFileFormat::from(format.as_str()));
    let options = DestinationOptionsRequest::builder().set_file_format(format);
    Some(options.set_hive_compatible_partitions(hive).set_per_hour_partition(hourly).build())
}

fn sdk_tag_fields(fields: &TagFields) -> Vec<TagFieldSpecificationRequest> {
    let field = |(resource, keys): (&TaggedResource, &std::collections::BTreeSet<String>)| {
        TagFieldSpecificationRequest::builder()
            .resource_type(TaggableResourceType::from(resource.as_str()))
            .set_tag_keys(Some(keys.iter().cloned().collect()))
            .build()
    };
    fields.iter().map(field).collect()
}

/// Converts the flow logs of one name.
fn live(name: String, logs: &[SdkFlowLog], vpc: &Vpc) -> Result<LiveResource<FlowLogModel>, CallError> {
    let mut models = logs.iter().map(|log| model(log, vpc)).collect::<Result<Vec<_>, _>>()?;
    models.sort_by(|a, b| a.id.cmp(&b.id));
    let mut models = models.into_iter();
    let first = models.next().unwrap_or_default();
    let attributes = first.id.iter().map(|id| ("id".to_owned(), id.clone())).collect();
    let extras = logs.iter().filter_map(unused_role).collect();
    Ok(LiveResource::new(name, FlowLogModel { others: models.collect(), ..first }, attributes).with_extras(extras))
}

/// Returns the role of a flow log to a bucket, which a spec cannot state.
fn unused_role(log: &SdkFlowLog) -> Option<Extra> {
    let is_to_bucket = log.log_destination_type() == Some(&LogDestinationType::S3);
    let role = log.deliver_logs_permission_arn().filter(|role| is_to_bucket && !role.is_empty())?;
    Some(Extra::lost("role", role))
}

/// Converts one flow log.
///
/// # Errors
/// It has a value that this version does not know.
pub(super) fn model(log: &SdkFlowLog, vpc: &Vpc) -> Result<FlowLogModel, CallError> {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let cross_account_role = text(log.deliver_cross_account_role());
    let destination = text(log.log_destination());
    let mut model = FlowLogModel {
        resource: Setting::live(text(log.resource_id()).filter(|id| *id != vpc.id)),
        bucket: Setting::Unset,
        prefix: Setting::Unset,
        log_group: Setting::Unset,
        delivery_stream: Setting::Unset,
        role: Setting::live(text(log.deliver_logs_permission_arn())),
        traffic: Setting::Set(traffic(log)?),
        aggregation_seconds: Setting::Set(match log.max_aggregation_interval().unwrap_or(600) {
            seconds @ (60 | 600) => seconds,
            other => return Err(CallError::unknown(DESCRIBE, "the aggregation interval", &other.to_string())),
        }),
        format: Setting::Set(text(log.log_format()).unwrap_or_else(|| DEFAULT_FORMAT.to_owned())),
        file_format: Setting::Unset,
        hive_partitions: Setting::Unset,
        hourly_partitions: Setting::Unset,
        tag_fields: Setting::live(Some(tag_fields(log)?).filter(|fields| !fields.is_empty())),
        tags: tags::live(collect(log.tags().iter().map(|tag| (tag.key(), tag.value())))),
        delivery_error: delivery_error(log),
        others: Vec::new(),
        id: text(log.flow_log_id()),
        cross_account_role: Setting::Unset,
    };
    // A log without a type delivers to CloudWatch Logs, the default
    // (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html).
    match log.log_destination_type() {
        Some(LogDestinationType::S3) => {
            let destination = destination.unwrap_or_default();
            let (bucket, prefix) = destination.split_once('/').unwrap_or((&destination, ""));
            model.bucket = Setting::Set(bucket.to_owned());
            model.prefix = Setting::live(text(Some(prefix.trim_end_matches('/'))));
            // EC2 can return a role here too. It has no effect: the bucket policy allows the delivery.
            model.role = Setting::Unset;
            let options = log.destination_options();
            model.file_format = Setting::Set(match options.and_then(|options| options.file_format()) {
                None | Some(DestinationFileFormat::PlainText) => FileFormat::PlainText,
                Some(DestinationFileFormat::Parquet) => FileFormat::Parquet,
                Some(other) => return Err(CallError::unknown(DESCRIBE, "the file format", other.as_str())),
            });
            let on = |option: Option<bool>| Setting::Set(option.unwrap_or(false));
            model.hive_partitions = on(options.and_then(DestinationOptionsResponse::hive_compatible_partitions));
            model.hourly_partitions = on(options.and_then(DestinationOptionsResponse::per_hour_partition));
        }
        Some(LogDestinationType::KinesisDataFirehose) => model.delivery_stream = Setting::live(destination),
        Some(LogDestinationType::CloudWatchLogs) | None => {
            let group = destination.or_else(|| text(log.log_group_name()));
            model.log_group = Setting::live(group.map(|group| log_group(&group, cross_account_role.is_some())));
        }
        Some(other) => return Err(CallError::unknown(DESCRIBE, "the destination type", other.as_str())),
    }
    model.cross_account_role = Setting::live(cross_account_role);
    Ok(model)
}

fn traffic(log: &SdkFlowLog) -> Result<Traffic, CallError> {
    match log.traffic_type() {
        Some(TrafficType::Accept) => Ok(Traffic::Accept),
        Some(TrafficType::Reject) => Ok(Traffic::Reject),
        Some(TrafficType::All) => Ok(Traffic::All),
        other => Err(CallError::unknown(DESCRIBE, "the traffic type", other.map_or("", TrafficType::as_str))),
    }
}

fn tag_fields(log: &SdkFlowLog) -> Result<TagFields, CallError> {
    let mut fields = TagFields::new();
    for field in log.tag_field_specifications() {
        let resource = match field.resource_type() {
            Some(TaggableResourceType::NetworkInterface) => TaggedResource::NetworkInterface,
            Some(TaggableResourceType::Instance) => TaggedResource::Instance,
            Some(TaggableResourceType::AutoScalingGroup) => TaggedResource::AutoScalingGroup,
            other => {
                let value = other.map_or("", TaggableResourceType::as_str);
                return Err(CallError::unknown(DESCRIBE, "the tagged resource type", value));
            }
        };
        fields.entry(resource).or_default().extend(field.tag_keys().iter().cloned());
    }
    Ok(fields)
}

/// Returns why EC2 cannot deliver. DeliverLogsStatus is SUCCESS or FAILED, and is absent before the first delivery
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FlowLog.html>).
fn delivery_error(log: &SdkFlowLog) -> Option<String> {
    let failed = log.deliver_logs_status() == Some("FAILED");
    failed.then(|| log.deliver_logs_error_message().unwrap_or("EC2 returned no error message").to_owned())
}
