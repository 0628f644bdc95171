// SPDX-License-Identifier: Apache-2.0
//! `ec2.flow_log`: a flow log of the region's VPC, a subnet or a network interface.
//!
//! EC2 cannot change a flow log (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>), so
//! the new one is created before the old one is deleted. A live flow log is found by its `Name` tag, or else by its
//! destination. Flow logs of transit gateways, NAT gateways and core networks are not covered.

mod api;
mod model;
mod spec;
#[cfg(test)]
mod tests;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Fit, Kind, Need, Notes, Risk};
use regionctl_core::model::tags::{Tags, is_own};
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ec2::NAME;
use crate::services::{EC2_RESOURCES, ROLES};
use crate::tags::{self, TagSettings};
use model::FlowLogModel;
use spec::FlowLogSpec;

/// The rule of a flow log that EC2 cannot deliver.
const DELIVERY_FAILS: &str = "flow-log-delivery-fails";

/// The kind `ec2.flow_log`.
pub struct FlowLog;

/// The EC2 API calls that create, tag and delete a flow log.
#[derive(Debug, Serialize, Deserialize)]
pub enum FlowLogOp {
    /// Creates the flow log with its tags.
    CreateFlowLogs {
        /// The settings of the new flow log. Those that the spec does not state are the replaced one's.
        log: Box<FlowLogModel>,
        /// Tags of the new flow log. The `Name` tag is added if they have none.
        tags: Tags,
    },
    /// Adds or updates tags; other tags stay.
    CreateTags {
        /// Flow log ID; `None` if the flow log is created in the same run.
        id: Option<String>,
        /// The tags that the spec sets.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags stay.
    DeleteTags {
        /// Flow log ID; `None` if the flow log is created in the same run.
        id: Option<String>,
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
    /// Deletes flow logs. Their records stay at the destination.
    DeleteFlowLogs {
        /// IDs of the replaced or removed flow log, and of those that an interrupted run left.
        ids: Vec<String>,
    },
}

impl Kind for FlowLog {
    const FACTS: Facts = Facts {
        name: "ec2.flow_log",
        service: "EC2",
        summary: "A flow log of the region's VPC, a subnet or a network interface. A change creates the new flow log, \
                  then deletes the old one.",
        reads: &["DescribeFlowLogs"],
        writes: &["CreateFlowLogs", "CreateTags", "DeleteTags", "DeleteFlowLogs"],
        // https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-firehose.html
        also: &[
            Need::always("ec2:CreateTags", EC2_RESOURCES),
            Need::always("logs:CreateLogDelivery", &["*"]),
            Need::always("logs:DeleteLogDelivery", &["*"]),
            Need::if_stated("role", "iam:PassRole", ROLES),
            Need::if_stated("delivery_stream", "firehose:TagDeliveryStream", &["*"]),
        ],
        attributes: &["id"],
        needs_vpc: true,
        adopts: true,
        creation_tags: true,
        defect_rules: &[DELIVERY_FAILS],
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
            Weight {
                path: "log_group",
                when: When::Differs,
                severity: Severity::High,
                why: "traffic is recorded in another log group",
            },
            Weight {
                path: "delivery_stream",
                when: When::Differs,
                severity: Severity::High,
                why: "traffic is delivered to another stream",
            },
        ],
        defaults: r#"{"file_format": "plain-text", "hive_partitions": false, "hourly_partitions": false, "tag_fields": null}"#,
        example: "
s3.bucket:
  access-logs-${region}:
ec2.flow_log:
  vpc: {bucket: \"access-logs-${region}\", prefix: vpc-flow-logs, traffic: ALL}
  rejected:
    log_group: /vpc/rejected
    role: arn:aws:iam::123456789012:role/flow-logs
    traffic: REJECT
    aggregation_minutes: 1
",
        ..Facts::DEFAULT
    };

    type Spec = FlowLogSpec;
    type Model = FlowLogModel;
    type Op = FlowLogOp;

    fn desire(name: &str, spec: FlowLogSpec, notes: &mut Notes<'_>) -> FlowLogModel {
        notes.waive_all(Self::FACTS.defect_rules, spec.waiver.as_ref());
        spec::model(name, spec, notes)
    }

    fn also_needs(op: &FlowLogOp) -> Vec<(&'static str, String)> {
        let FlowLogOp::CreateFlowLogs { log, .. } = op else { return Vec::new() };
        let mut needs = ["logs:CreateLogDelivery", "ec2:CreateTags"].map(|action| (action, "*".to_owned())).to_vec();
        needs.extend(log.role.get().map(|role| ("iam:PassRole", role)));
        needs
    }

    /// Adopts a flow log without a `Name` tag that has the same resource and destination, because EC2 rejects a second
    /// one there.
    fn adopts(want: &FlowLogModel, live: &FlowLogModel) -> Option<Fit> {
        let is_named = live.tags.is_set_and(|tags| tags.contains_key(NAME));
        let adoptable = !is_named && want.resource == live.resource && want.same_destination(live);
        adoptable.then(|| if want.equals(live) { Fit::Same } else { Fit::Changed })
    }

    /// Leaves out whether EC2 can deliver, which changes without anyone changing the flow log, and the ID: EC2 rejects a
    /// call for a flow log that was replaced meanwhile.
    fn relevant(_: Option<&FlowLogModel>, live: FlowLogModel) -> FlowLogModel {
        let without = |log: FlowLogModel| FlowLogModel { delivery_error: None, id: None, ..log };
        let others = live.others.iter().cloned().map(without).collect();
        FlowLogModel { others, ..without(live) }
    }

    fn write(model: &FlowLogModel) -> Option<Value> {
        let mut fields = Map::new();
        let mut text = |name: &str, setting: &Setting<String>| {
            fields.extend(setting.value().map(|value| (name.to_owned(), Value::from(value.as_str()))));
        };
        text("resource", &model.resource);
        text("bucket", &model.bucket);
        text("prefix", &model.prefix);
        text("log_group", &model.canonical_log_group());
        text("delivery_stream", &model.delivery_stream);
        text("role", &model.role);
        text("cross_account_role", &model.cross_account_role);
        text("traffic", &model.traffic.map(|traffic| traffic.as_str().to_owned()));
        // The fields of a format are no references.
        text("format", &model.format.as_ref().map(|format| format.replace("${", "$${")));
        text("file_format", &model.file_format.map(|format| format.as_str().to_owned()));
        let minutes = model.aggregation_seconds.value().map(|seconds| seconds / 60);
        fields.extend(minutes.map(|minutes| ("aggregation_minutes".to_owned(), minutes.into())));
        for (name, setting) in
            [("hive_partitions", model.hive_partitions), ("hourly_partitions", model.hourly_partitions)]
        {
            fields.extend(setting.value().map(|on| (name.to_owned(), (*on).into())));
        }
        write::setting("tag_fields", &model.tag_fields, &mut fields);
        tags::write(&model.tags, &mut fields);
        Some(Value::Object(fields))
    }

    fn defects(want: &FlowLogModel, live: Option<&FlowLogModel>, _: &Seen<'_>) -> Vec<Risk> {
        delivery_defects(want, live)
    }

    fn remove(live: &FlowLogModel, out: &mut Diff<'_, FlowLogOp>) {
        let logs: Vec<&FlowLogModel> = std::iter::once(live).chain(&live.others).collect();
        let ids: Vec<String> = logs.iter().filter_map(|log| log.id.clone()).collect();
        // One of them may be another spec's: names of flow logs are not unique.
        if logs.iter().any(|log| log.resource != live.resource) {
            let ids = ids.join(", ");
            out.never_removed(&format!(
                "several resources have flow logs with this name ({ids}); delete the right one"
            ));
            return;
        }
        out.removed(FlowLogOp::DeleteFlowLogs { ids });
    }

    fn diff(want: &FlowLogModel, live: Option<&FlowLogModel>, out: &mut Diff<'_, FlowLogOp>) {
        let FlowLogModel {
            resource,
            bucket: _,
            prefix: _,
            log_group: _,
            delivery_stream: _,
            role: _,
            cross_account_role: _,
            traffic: _,
            aggregation_seconds: _,
            format: _,
            file_format: _,
            hive_partitions: _,
            hourly_partitions: _,
            tag_fields: _,
            tags,
            delivery_error: _,
            others: _,
            id: _,
        } = want;
        let named: Vec<&FlowLogModel> =
            live.into_iter().flat_map(|live| [live].into_iter().chain(&live.others)).collect();
        let logs: Vec<&FlowLogModel> = named.iter().copied().filter(|log| log.resource == *resource).collect();
        if let (Some(other), true) = (named.first(), logs.is_empty()) {
            let covers = out.setting("resource", resource, Some(&other.resource));
            let why = "the flow log with this name records another resource; choose another name, or delete it first";
            out.blocked(&covers, why);
            return;
        }
        let equal = logs.iter().find(|log| want.equals(log));
        let live = equal.or_else(|| logs.iter().find(|log| want.same_destination(log))).or(logs.first()).copied();
        let differs = settings(want, live, out);
        let tag_changes = tags::compare(&wanted_tags(tags, live), live.map(|live| &live.tags), out);
        let log = Box::new(want.over(live));
        let Some(live) = live else {
            let (tagged, tags) = tags::of_new(tag_changes, out);
            let covers = out.creation().and(differs).and(tagged);
            return out.step(Phase::Create, covers, FlowLogOp::CreateFlowLogs { log, tags });
        };
        let mut deleted: Vec<String> =
            logs.iter().filter(|log| log.id != live.id).filter_map(|log| log.id.clone()).collect();
        let mut gone = Covers::default();
        for id in &deleted {
            gone = gone.and(out.gone("older", id));
        }
        if differs.is_empty() {
            let id = live.id.clone();
            out.step(Phase::Change, tag_changes.set, FlowLogOp::CreateTags { id: id.clone(), tags: tag_changes.tags });
            out.step(Phase::Change, tag_changes.removed, FlowLogOp::DeleteTags { id, keys: tag_changes.keys });
        } else {
            out.replaced("EC2 cannot change a flow log: the new one is created before the old one is deleted");
            // The replacement keeps the tags that the spec does not unset.
            let mut kept = live.tags.value().map(tags::set).unwrap_or_default();
            kept.retain(|key, _| !tag_changes.keys.contains(key));
            let removed = tag_changes.removed.clone();
            let (tagged, tags) = tags::of_new(tag_changes, out);
            kept.extend(tags);
            let covers = differs.clone().and(tagged).and(removed);
            out.step(Phase::Create, covers, FlowLogOp::CreateFlowLogs { log, tags: kept });
            deleted.extend(live.id.clone());
            gone = gone.and(differs);
        }
        if !gone.is_empty() {
            out.deletes(format!("flow log {} is deleted; its records stay at the destination", deleted.join(", ")));
            out.step(Phase::Narrow, gone, FlowLogOp::DeleteFlowLogs { ids: deleted });
        }
    }
}

/// Compares everything but the tags. A difference needs a new flow log.
fn settings(want: &FlowLogModel, live: Option<&FlowLogModel>, out: &mut Diff<'_, FlowLogOp>) -> Covers {
    let log_group = want.canonical_log_group();
    out.setting("resource", &want.resource, live.map(|live| &live.resource))
        .and(out.setting("bucket", &want.bucket, live.map(|live| &live.bucket)))
        .and(out.setting("prefix", &want.prefix, live.map(|live| &live.prefix)))
        .and(out.setting("log_group", &log_group, live.map(|live| &live.log_group)))
        .and(out.setting("delivery_stream", &want.delivery_stream, live.map(|live| &live.delivery_stream)))
        .and(out.setting("role", &want.role, live.map(|live| &live.role)))
        .and(out.setting("cross_account_role", &want.cross_account_role, live.map(|live| &live.cross_account_role)))
        .and(out.setting("traffic", &want.traffic, live.map(|live| &live.traffic)))
        .and(out.setting("aggregation_seconds", &want.aggregation_seconds, live.map(|live| &live.aggregation_seconds)))
        .and(out.setting("format", &want.format, live.map(|live| &live.format)))
        .and(out.setting("file_format", &want.file_format, live.map(|live| &live.file_format)))
        .and(out.setting("hive_partitions", &want.hive_partitions, live.map(|live| &live.hive_partitions)))
        .and(out.setting("hourly_partitions", &want.hourly_partitions, live.map(|live| &live.hourly_partitions)))
        .and(out.setting("tag_fields", &want.tag_fields, live.map(|live| &live.tag_fields)))
}

/// Returns the desired tags. `tags: unset` keeps the `Name`, by which the flow log is found.
fn wanted_tags(tags: &Setting<TagSettings>, live: Option<&FlowLogModel>) -> Setting<TagSettings> {
    let Some(live) = live.and_then(|live| live.tags.value()).filter(|_| *tags == Setting::Unset) else {
        return tags.clone();
    };
    let keys = live.keys().filter(|key| *key != NAME && !is_own(key));
    Setting::Set(keys.map(|key| (key.clone(), Setting::Unset)).collect())
}

/// Returns a defect for each flow log of the desired settings that EC2 cannot deliver. No call fixes it: EC2 delivers
/// again as soon as the policy of the bucket or key, or the role, allows it
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html>).
fn delivery_defects(want: &FlowLogModel, live: Option<&FlowLogModel>) -> Vec<Risk> {
    let logs = live.into_iter().flat_map(|live| [live].into_iter().chain(&live.others));
    let errors = logs.filter(|log| want.equals(log)).filter_map(|log| log.delivery_error.as_deref());
    let what = |error: &str| {
        format!("records no traffic: EC2 cannot deliver ({error}); check the policy or role of the destination")
    };
    errors.map(|error| Risk::new(DELIVERY_FAILS, "delivery", what(error))).collect()
}
