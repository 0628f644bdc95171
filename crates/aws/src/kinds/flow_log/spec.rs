// SPDX-License-Identifier: Apache-2.0
//! The spec of a flow log and its checks.

use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{FileFormat, FlowLogModel, TagFields, Traffic, log_group};
use crate::ec2::NAME;
use crate::tags::{self, TagSettings};

/// A flow log of the region's VPC, a subnet or a network interface. A change other than of tags creates a new flow log,
/// then deletes the old one. State one of `bucket`, `log_group` and `delivery_stream`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2FlowLog")]
pub struct FlowLogSpec {
    /// ID of the subnet (`subnet-…`) or network interface (`eni-…`) to record. Default: the region's VPC.
    resource: Option<String>,
    /// Destination bucket: the name of an `s3.bucket` entry of this spec, or a bucket ARN. The bucket policy must allow
    /// `delivery.logs.amazonaws.com` to write.
    bucket: Option<String>,
    /// Key prefix in the bucket, without a leading slash and without `AWSLogs`. Default: none.
    #[serde(default)]
    prefix: String,
    /// Destination log group of CloudWatch Logs: its name or ARN. Needs `role`.
    log_group: Option<String>,
    /// Destination Firehose delivery stream: its ARN.
    delivery_stream: Option<String>,
    /// ARN of the IAM role with which EC2 delivers records. Required with `log_group`, and with a `delivery_stream` of
    /// another account.
    role: Option<String>,
    /// ARN of the IAM role of the destination's account, for a log group or delivery stream of another account.
    cross_account_role: Option<String>,
    /// Traffic to record: ALL, ACCEPT or REJECT. Default: ALL.
    #[serde(default)]
    traffic: Traffic,
    /// Maximum aggregation interval in minutes: 1 or 10. Default: 10.
    aggregation_minutes: Option<i32>,
    /// Log record format (`LogFormat`). If it is left out, AWS's default format applies and the field is not managed.
    format: Option<String>,
    /// Format of the files in the bucket: plain-text or parquet. AWS's default is plain-text.
    file_format: Option<FileFormat>,
    /// Whether the keys in the bucket have Hive-compatible prefixes (`year=2026/`). AWS's default is `false`.
    hive_partitions: Option<bool>,
    /// Whether the keys in the bucket have one prefix per hour instead of per day. AWS's default is `false`.
    hourly_partitions: Option<bool>,
    /// Tag keys that the tag fields of `format` record, by the type of the tagged resource.
    #[serde(default)]
    tag_fields: Setting<TagFields>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them except `Name`.
    #[serde(default)]
    tags: Setting<TagSettings>,
    /// The reason to waive that EC2 cannot deliver the records.
    pub(super) waiver: Option<String>,
}

/// Converts a spec into the desired model.
pub(super) fn model(name: &str, spec: FlowLogSpec, notes: &mut Notes<'_>) -> FlowLogModel {
    check(&spec, notes);
    let to_bucket = spec.bucket.is_some();
    let bucket = |bucket: String| {
        if bucket.starts_with("arn:") || bucket.contains("${") {
            return bucket;
        }
        format!("${{s3.bucket/{bucket}.arn}}")
    };
    // Files exist only in buckets.
    let of_files = |setting| if to_bucket { setting } else { Setting::Unset };
    let prefix = spec.prefix.trim_end_matches('/').to_owned();
    let elsewhere = spec.cross_account_role.is_some();
    FlowLogModel {
        resource: Setting::live(spec.resource),
        bucket: Setting::live(spec.bucket.map(bucket)),
        prefix: Setting::live(Some(prefix).filter(|prefix| !prefix.is_empty())),
        log_group: Setting::live(spec.log_group.map(|group| log_group(&group, elsewhere))),
        delivery_stream: Setting::live(spec.delivery_stream),
        role: Setting::live(spec.role),
        cross_account_role: Setting::live(spec.cross_account_role),
        traffic: Setting::Set(spec.traffic),
        aggregation_seconds: Setting::Set(spec.aggregation_minutes.unwrap_or(10) * 60),
        format: Setting::stated(spec.format),
        file_format: if to_bucket { Setting::stated(spec.file_format) } else { Setting::Unset },
        hive_partitions: of_files(Setting::stated(spec.hive_partitions)),
        hourly_partitions: of_files(Setting::stated(spec.hourly_partitions)),
        tag_fields: spec.tag_fields.filter(|fields| !fields.is_empty()),
        tags: named(name, spec.tags),
        delivery_error: None,
        others: Vec::new(),
        id: None,
    }
}

/// Adds the tag `Name`, by which the flow log is found again. An entry whose name is an ID finds a flow log without it.
fn named(name: &str, tags: Setting<TagSettings>) -> Setting<TagSettings> {
    if name.starts_with("fl-") || tags == Setting::Unset {
        return tags;
    }
    let mut tags = tags.unwrap_or_default();
    tags.entry(NAME.to_owned()).or_insert_with(|| Setting::Set(name.to_owned()));
    Setting::Set(tags)
}

/// Adds a fault to the notes for everything that EC2 would reject
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>).
fn check(spec: &FlowLogSpec, notes: &mut Notes<'_>) {
    let minutes = spec.aggregation_minutes.unwrap_or(10);
    if minutes != 1 && minutes != 10 {
        let message = format!("an aggregation interval of {minutes} minutes is not supported");
        notes.fault("aggregation_minutes", message, "set 1 or 10");
    }
    if spec.prefix.starts_with('/') || spec.prefix.contains("AWSLogs") {
        let message = format!("'{}' is not a valid flow log prefix", spec.prefix);
        notes.fault("prefix", message, "remove the leading slash and `AWSLogs`; AWS adds AWSLogs/ itself");
    }
    destination(spec, notes);
    let is =
        |text: &str, prefixes: &[&str]| text.contains("${") || prefixes.iter().any(|prefix| text.starts_with(prefix));
    if let Some(resource) = spec.resource.as_ref().filter(|id| !is(id, &["subnet-", "eni-"])) {
        let message = format!("'{resource}' is not the ID of a subnet or network interface");
        notes.fault("resource", message, "write subnet-… or eni-…, or leave the field out for the region's VPC");
    }
    for (field, arn) in [
        ("role", &spec.role),
        ("cross_account_role", &spec.cross_account_role),
        ("delivery_stream", &spec.delivery_stream),
    ] {
        if let Some(arn) = arn.as_ref().filter(|arn| !is(arn, &["arn:"])) {
            notes.fault(
                field,
                format!("'{arn}' is not an ARN"),
                format!("write the ARN of the {}", field.replace('_', " ")),
            );
        }
    }
    tags::check(&spec.tags, notes);
}

fn destination(spec: &FlowLogSpec, notes: &mut Notes<'_>) {
    let stated = [
        ("bucket", spec.bucket.is_some()),
        ("log_group", spec.log_group.is_some()),
        ("delivery_stream", spec.delivery_stream.is_some()),
    ];
    let stated: Vec<&str> = stated.iter().filter(|(_, is)| *is).map(|(field, _)| *field).collect();
    let what = "state one of `bucket`, `log_group` and `delivery_stream`";
    match stated[..] {
        [] => notes.fault("", "the flow log has no destination", what),
        [_] => {}
        [_, second, ..] => notes.fault(second, "a flow log has one destination", what),
    }
    if spec.bucket.is_none() {
        let of_files = [
            ("prefix", !spec.prefix.is_empty()),
            ("file_format", spec.file_format.is_some()),
            ("hive_partitions", spec.hive_partitions.is_some()),
            ("hourly_partitions", spec.hourly_partitions.is_some()),
        ];
        for (field, _) in of_files.iter().filter(|(_, is)| *is) {
            notes.fault(field, format!("`{field}` is for destination buckets only"), format!("remove `{field}`"));
        }
        if spec.log_group.is_some() && spec.role.is_none() {
            let message = "a flow log to a log group needs a role";
            notes.fault(
                "log_group",
                message,
                "add `role` with the ARN of a role that vpc-flow-logs.amazonaws.com can assume",
            );
        }
        return;
    }
    for (field, is) in [("role", spec.role.is_some()), ("cross_account_role", spec.cross_account_role.is_some())] {
        if is {
            let message = format!("`{field}` is not for buckets: the bucket policy allows the delivery");
            notes.fault(field, message, format!("remove `{field}`"));
        }
    }
}
