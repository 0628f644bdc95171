// SPDX-License-Identifier: Apache-2.0
//! Unit tests of the model, its diff and its written form.

use aws_sdk_ec2::types::builders::FlowLogBuilder;
use aws_sdk_ec2::types::{
    DestinationFileFormat, DestinationOptionsResponse, FlowLog as SdkFlowLog, LogDestinationType, Tag,
    TagFieldSpecificationResponse, TaggableResourceType, TrafficType,
};
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::diff::{Diff, Draft};
use regionctl_core::kind::{Kind, Notes};
use regionctl_core::observe::location::Vpc;
use regionctl_core::spec::decode::decode;
use regionctl_core::spec::tree::parse;
use regionctl_core::spec::write;

use super::api::model;
use super::*;

fn desired(name: &str, yaml: &str) -> (FlowLogModel, Vec<String>) {
    let (node, sources) = (parse(yaml, 0).unwrap(), SourceFiles::default());
    let mut notes = Notes::new(&node, &sources, "eu-central-1", false);
    let spec = decode(&node).map_err(|fault| fault.message).unwrap();
    let model = FlowLog::desire(name, spec, &mut notes);
    (model, notes.faults.0.iter().map(|fault| fault.message.clone()).collect())
}

fn vpc() -> Vpc {
    Vpc { id: "vpc-1".to_owned(), ..Vpc::default() }
}

fn live(log: FlowLogBuilder) -> FlowLogModel {
    model(&log.build(), &vpc()).unwrap()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// A flow log to a bucket with every member set.
fn to_bucket() -> FlowLogBuilder {
    let options = DestinationOptionsResponse::builder()
        .file_format(DestinationFileFormat::Parquet)
        .hive_compatible_partitions(true)
        .per_hour_partition(true);
    SdkFlowLog::builder()
        .flow_log_id("fl-1")
        .resource_id("vpc-1")
        .traffic_type(TrafficType::Reject)
        .log_destination_type(LogDestinationType::S3)
        .log_destination("arn:aws:s3:::b/flows/")
        .log_format("${srcaddr}")
        .max_aggregation_interval(60)
        .destination_options(options.build())
        .tag_field_specifications(
            TagFieldSpecificationResponse::builder()
                .resource_type(TaggableResourceType::Instance)
                .tag_keys("Team")
                .build(),
        )
        .tags(tag("Name", "flows"))
        .tags(tag("Team", "sre"))
}

fn to_log_group() -> FlowLogBuilder {
    SdkFlowLog::builder()
        .flow_log_id("fl-2")
        .resource_id("subnet-1")
        .traffic_type(TrafficType::All)
        .log_group_name("/vpc")
        .deliver_logs_permission_arn("arn:aws:iam::123456789012:role/r")
        .tags(tag("Name", "flows"))
}

fn diff(want: &FlowLogModel, live: &FlowLogModel) -> Draft {
    let mut out = Diff::new(true, &[]);
    FlowLog::diff(want, Some(live), &mut out);
    out.finish().unwrap()
}

fn calls(draft: &Draft) -> Vec<&str> {
    draft.steps.iter().map(|step| regionctl_core::diff::operation(&step.op)).collect()
}

#[test]
fn a_written_flow_log_is_the_same_model() {
    let stream = SdkFlowLog::builder()
        .resource_id("eni-1")
        .traffic_type(TrafficType::All)
        .log_destination_type(LogDestinationType::KinesisDataFirehose)
        .log_destination("arn:aws:firehose:eu-central-1:210987654321:deliverystream/s")
        .deliver_logs_permission_arn("arn:aws:iam::123456789012:role/r")
        .deliver_cross_account_role("arn:aws:iam::210987654321:role/r")
        .tags(tag("Name", "flows"));
    let with_unused_role = to_bucket().deliver_logs_permission_arn("arn:aws:iam::123456789012:role/r");
    for log in [to_bucket(), with_unused_role, to_log_group(), stream] {
        let live = FlowLogModel { id: None, ..live(log) };
        let written = write::yaml(&FlowLog::write(&live).unwrap(), 0).replace("$${", "${");
        let (model, faults) = desired("flows", &written);
        assert_eq!((model, faults), (live, vec![]), "{written}");
    }
}

#[test]
fn a_replacement_keeps_every_setting_that_the_spec_does_not_state() {
    let (want, _) = desired("flows", "bucket: arn:aws:s3:::b\nprefix: flows\ntraffic: ALL\naggregation_minutes: 1\n");
    let draft = diff(&want, &live(to_bucket()));
    assert_eq!(calls(&draft), ["CreateFlowLogs", "DeleteFlowLogs"]);
    let created = &draft.steps[0].op["CreateFlowLogs"];
    let log = &created["log"];
    assert_eq!((&log["file_format"], &log["hive_partitions"]), (&"parquet".into(), &true.into()));
    assert_eq!((&log["hourly_partitions"], &log["format"]), (&true.into(), &"${srcaddr}".into()));
    assert_eq!(log["tag_fields"], serde_json::json!({"instance": ["Team"]}));
    assert_eq!(created["tags"]["Team"], "sre");
}

#[test]
fn a_name_tag_is_not_demanded_of_an_entry_named_by_an_id() {
    let (want, _) = desired("fl-1", "bucket: arn:aws:s3:::b\nprefix: flows\ntraffic: REJECT\naggregation_minutes: 1\n");
    assert!(diff(&want, &live(to_bucket())).fields.is_empty());
}

#[test]
fn unset_removes_all_tags_but_the_name() {
    let yaml = "bucket: arn:aws:s3:::b\nprefix: flows\ntraffic: REJECT\naggregation_minutes: 1\ntags: unset\n";
    let draft = diff(&desired("flows", yaml).0, &live(to_bucket()));
    assert_eq!(draft.steps[0].op, serde_json::json!({"DeleteTags": {"id": "fl-1", "keys": ["Team"]}}));
}

#[test]
fn a_failed_delivery_is_a_defect() {
    let yaml = "resource: subnet-1\nlog_group: /vpc\nrole: arn:aws:iam::123456789012:role/r\n";
    let want = desired("flows", yaml).0;
    let failed = to_log_group().deliver_logs_status("FAILED").deliver_logs_error_message("Access error");
    let defects = delivery_defects(&want, Some(&live(failed)));
    assert!(defects[0].what.contains("Access error"), "{defects:?}");
    assert!(delivery_defects(&want, Some(&live(to_log_group()))).is_empty());
}

#[test]
fn flow_logs_of_other_resources_with_the_same_name_stay() {
    let both = FlowLogModel { others: vec![live(to_log_group())], ..live(to_bucket()) };
    let (want, _) =
        desired("flows", "bucket: arn:aws:s3:::b\nprefix: flows\ntraffic: REJECT\naggregation_minutes: 1\n");
    assert!(diff(&want, &both).steps.is_empty());
    let (elsewhere, _) = desired("flows", "bucket: arn:aws:s3:::b\nresource: eni-1\n");
    assert_eq!(diff(&elsewhere, &both).blocked.len(), 1);
    let mut out = Diff::new(true, &[]);
    FlowLog::remove(&both, &mut out);
    assert_eq!(out.finish().unwrap().blocked.len(), 1);
}

#[test]
fn a_log_group_has_one_form() {
    let role = "role: arn:aws:iam::123456789012:role/r\n";
    let (name, _) = desired("a", &format!("log_group: /vpc\n{role}"));
    let (arn, _) = desired("a", &format!("log_group: arn:aws:logs:eu-central-1:123456789012:log-group:/vpc:*\n{role}"));
    assert_eq!(name, arn);
}

#[test]
fn the_destination_is_checked() {
    assert_eq!(desired("a", "traffic: ALL\n").1, ["the flow log has no destination"]);
    assert_eq!(desired("a", "{bucket: b, delivery_stream: \"arn:x\"}\n").1, ["a flow log has one destination"]);
    assert_eq!(desired("a", "{log_group: /vpc, prefix: x}\n").1.len(), 2);
    assert_eq!(desired("a", "{bucket: b, role: \"arn:x\", resource: i-1}\n").1.len(), 2);
}

#[test]
fn an_unknown_value_is_an_error() {
    let unknown = |log: FlowLogBuilder| model(&log.build(), &vpc()).is_err();
    assert!(unknown(to_bucket().traffic_type(TrafficType::from("SOME"))));
    assert!(unknown(to_bucket().max_aggregation_interval(300)));
}
