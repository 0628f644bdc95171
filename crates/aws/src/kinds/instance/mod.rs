// SPDX-License-Identifier: Apache-2.0
//! `ec2.instance`: an instance, identified by its `Name` tag among the instances that are not terminated.
//!
//! What EC2 changes on a running instance is changed. Instance type, user data and EBS optimization change only while the
//! instance is stopped. A change that needs a new instance or another volume is blocked, with what to do. An AMI that an
//! SSM parameter names is used only at creation: the latest AMI behind a public parameter changes over time.

mod api;
mod calls;
mod change;
mod extras;
mod launch;
mod model;
mod sdk;
mod spec;

use std::collections::BTreeSet;

use regionctl_core::diff::Diff;
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tags;
use change::{Differences, change, create, image_differs, metadata_differs, public_address_differs, volumes_differ};
use model::{InstanceModel, Metadata, OPTIONAL};
use spec::{ImageSpec, InstanceSpec, written};

/// The kind `ec2.instance`.
pub struct Instance;

/// The rule of instances that accept requests of IMDSv1.
const IMDS_V1: &str = "ec2-imdsv1";
/// The rule of instances with a public IPv4 address.
const PUBLIC_ADDRESS: &str = "ec2-public-address";

/// An EC2 API call that creates, changes or terminates an instance.
#[derive(Debug, Serialize, Deserialize)]
pub enum InstanceOp {
    /// Launches one instance. It requires IMDSv2, and its volumes are encrypted gp3 volumes, unless stated otherwise.
    RunInstances {
        /// The settings. Groups, subnet and volumes that are not stated are the VPC's, the subnet with the most free
        /// addresses and the AMI's.
        settings: Box<InstanceModel>,
        /// The spec's tags, the `Name` tag and regionctl's own.
        tags: Tags,
    },
    /// Starts a stopped instance.
    StartInstances,
    /// Stops a running instance.
    StopInstances,
    /// Changes one attribute
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html>).
    ModifyInstanceAttribute(InstanceAttribute),
    /// Changes the options of the metadata service
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>).
    ModifyInstanceMetadataOptions {
        /// The options that the instance then has.
        options: Metadata,
    },
    /// Turns detailed monitoring on.
    MonitorInstances,
    /// Turns detailed monitoring off.
    UnmonitorInstances,
    /// Sets the profile of an instance without one.
    AssociateIamInstanceProfile {
        /// The name of the instance profile.
        profile: String,
    },
    /// Replaces the profile.
    ReplaceIamInstanceProfileAssociation {
        /// The name of the new instance profile.
        profile: String,
    },
    /// Removes the profile.
    DisassociateIamInstanceProfile,
    /// Adds or overwrites tags; other tags are kept.
    CreateTags {
        /// The spec's tags and the `Name` tag.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags are kept.
    DeleteTags {
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
    /// Terminates the instance. EC2 also deletes its volumes with `DeleteOnTermination`
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>).
    TerminateInstances,
}

/// An attribute and its new value. ModifyInstanceAttribute changes one at a time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceAttribute {
    /// The ids of all groups that the instance then has. The call replaces the whole list.
    SecurityGroups(BTreeSet<String>),
    /// Whether source and destination of traffic are checked.
    SourceDestCheck(bool),
    /// Whether EC2 rejects TerminateInstances.
    TerminationProtection(bool),
    /// Whether EC2 rejects StopInstances.
    StopProtection(bool),
    /// `stop` or `terminate`.
    ShutdownBehavior(String),
    /// Whether EC2 deletes the volume of a device with the instance.
    DeleteOnTermination {
        /// The device name, such as `/dev/sdf`; `None` for the root device.
        device: Option<String>,
        /// The new value.
        delete: bool,
    },
    /// The instance type. The instance must be stopped.
    InstanceType(String),
    /// Whether the instance is EBS-optimized. It must be stopped.
    EbsOptimized(bool),
    /// The user data; `None` removes it. The instance must be stopped.
    UserData(Option<Secret>),
}

impl Kind for Instance {
    const FACTS: Facts = Facts {
        name: "ec2.instance",
        service: "EC2",
        summary: "An instance, identified by its Name tag.",
        reads: &[
            "DescribeInstances",
            "DescribeInstanceAttribute",
            "DescribeVolumes",
            "DescribeImages",
            "DescribeSubnets",
            "DescribeIamInstanceProfileAssociations",
        ],
        step_reads: &[
            "DescribeInstances",
            "DescribeImages",
            "DescribeSubnets",
            "DescribeIamInstanceProfileAssociations",
        ],
        removes: &["TerminateInstances"],
        writes: &[
            "RunInstances",
            "StartInstances",
            "StopInstances",
            "ModifyInstanceAttribute",
            "ModifyInstanceMetadataOptions",
            "MonitorInstances",
            "UnmonitorInstances",
            "AssociateIamInstanceProfile",
            "ReplaceIamInstanceProfileAssociation",
            "DisassociateIamInstanceProfile",
            "CreateTags",
            "DeleteTags",
            "TerminateInstances",
        ],
        checks: &["DescribeInstanceTypeOfferings", "RunInstances"],
        also: &[
            regionctl_core::kind::Need::always("ec2:CreateTags", crate::services::EC2_RESOURCES),
            regionctl_core::kind::Need::if_stated("profile", "iam:PassRole", crate::services::ROLES),
            // The ARNs of AWS's public parameters have no account id.
            regionctl_core::kind::Need::if_stated(
                "image.ssm",
                "ssm:GetParameter",
                &[
                    "arn:{partition}:ssm:{region}::parameter/aws/*",
                    "arn:{partition}:ssm:{region}:{account}:parameter/*",
                ],
            ),
        ],
        attributes: &["id"],
        parts: &[
            "root_volume",
            "volumes",
            "user_data",
            "termination_protection",
            "stop_protection",
            "shutdown_behavior",
        ],
        read_to_remove: &["termination_protection"],
        needs_vpc: true,
        inventory: &["DescribeInstances"],
        weights: WEIGHTS,
        defaults: r#"{"profile": null, "monitoring": false, "source_dest_check": true, "termination_protection": false, "stop_protection": false, "shutdown_behavior": "stop"}"#,
        example: "
ec2.instance:
  dev-${region}:
    image: {ssm: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64}
    instance_type: t3.small
    volume_gib: 30
    running: true
    tags: {Team: sre}
  nat:
    image: {id: ami-0123456789abcdef0}
    instance_type: t3.micro
    public_address: true
    source_dest_check: false
    metadata: {tokens: required, hop_limit: 2}
    termination_protection: true
    root_volume: {size_gib: 20, type: gp3, iops: 3000}
    volumes: {/dev/sdf: {size_gib: 100, delete_on_termination: false}}
    waiver: it is the way out of the private subnets
",
        creation_tags: true,
        ..Facts::DEFAULT
    };

    type Spec = InstanceSpec;
    type Model = InstanceModel;
    type Op = InstanceOp;

    fn check_name(name: &str) -> Result<(), String> {
        if (1..=256).contains(&name.chars().count()) {
            return Ok(());
        }
        Err("the name of an instance must have 1 to 256 characters\nshorten the name: it is the value of the `Name` tag"
            .to_owned())
    }

    fn desire(name: &str, spec: InstanceSpec, notes: &mut Notes<'_>) -> InstanceModel {
        spec.desire(name, notes)
    }

    fn also_needs(op: &InstanceOp) -> Vec<(&'static str, String)> {
        // The spec names the instance profile. The ARN of its role is known only to IAM.
        let role = ("iam:PassRole", "*".to_owned());
        match op {
            InstanceOp::RunInstances { settings, .. } => {
                let tags = ("ec2:CreateTags", "*".to_owned());
                let role = settings.profile.is_set().then_some(role);
                let is_parameter = settings.image.is_set_and(|image| matches!(image, ImageSpec::Ssm(_)));
                let image = is_parameter.then(|| ("ssm:GetParameter", "*".to_owned()));
                std::iter::once(tags).chain(role).chain(image).collect()
            }
            InstanceOp::AssociateIamInstanceProfile { .. }
            | InstanceOp::ReplaceIamInstanceProfileAssociation { .. } => vec![role],
            _ => Vec::new(),
        }
    }

    fn relevant(_: Option<&Self::Model>, live: InstanceModel) -> InstanceModel {
        InstanceModel { state: None, ..live }
    }

    fn write(model: &InstanceModel) -> Option<Value> {
        Some(written(model))
    }

    fn risks(model: &InstanceModel) -> Vec<Risk> {
        let mut risks = Vec::new();
        if model.metadata.is_set_and(|metadata| metadata.tokens.is_set_and(|tokens| tokens == OPTIONAL)) {
            let what = "accepts IMDSv1, with which a server that forwards requests can leak the profile's credentials";
            risks.push(Risk::new(IMDS_V1, "metadata.tokens", what));
        }
        if model.public_address == Setting::Set(true) {
            risks.push(Risk::new(PUBLIC_ADDRESS, "public_address", "gives the instance a public IPv4 address"));
        }
        risks
    }

    fn remove(live: &InstanceModel, out: &mut Diff<'_, InstanceOp>) {
        // EC2 would reject TerminateInstances.
        if live.termination_protection == Setting::Set(true) {
            out.never_removed("termination protection is on; apply `termination_protection: false` first");
            return;
        }
        out.removed(InstanceOp::TerminateInstances);
    }

    fn diff(want: &InstanceModel, live: Option<&InstanceModel>, out: &mut Diff<'_, InstanceOp>) {
        let InstanceModel {
            image,
            instance_type,
            key_pair,
            security_groups,
            subnet,
            profile,
            running: _,
            public_address,
            source_dest_check,
            metadata,
            monitoring,
            ebs_optimized,
            termination_protection,
            stop_protection,
            shutdown_behavior,
            root_volume,
            volumes,
            user_data,
            tags,
            state: _,
        } = want;
        let differences = Differences {
            image: image_differs(image, live, out),
            instance_type: out.setting("instance_type", instance_type, live.map(|live| &live.instance_type)),
            security_groups: out.setting("security_groups", security_groups, live.map(|live| &live.security_groups)),
            key_pair: out.setting("key_pair", key_pair, live.map(|live| &live.key_pair)),
            subnet: out.setting("subnet", subnet, live.map(|live| &live.subnet)),
            profile: out.setting("profile", profile, live.map(|live| &live.profile)),
            public_address: public_address_differs(*public_address, live, out),
            source_dest_check: out.setting(
                "source_dest_check",
                source_dest_check,
                live.map(|live| &live.source_dest_check),
            ),
            metadata: metadata_differs(metadata, live, out),
            monitoring: out.setting("monitoring", monitoring, live.map(|live| &live.monitoring)),
            ebs_optimized: out.setting("ebs_optimized", ebs_optimized, live.map(|live| &live.ebs_optimized)),
            termination_protection: out.setting(
                "termination_protection",
                termination_protection,
                live.map(|live| &live.termination_protection),
            ),
            stop_protection: out.setting("stop_protection", stop_protection, live.map(|live| &live.stop_protection)),
            shutdown_behavior: out.setting(
                "shutdown_behavior",
                shutdown_behavior,
                live.map(|live| &live.shutdown_behavior),
            ),
            volumes: volumes_differ(root_volume, volumes, live, out),
            user_data: out.setting("user_data", user_data, live.map(|live| &live.user_data)),
            tags: tags::compare(tags, live.map(|live| &live.tags), out),
        };
        match live {
            None => create(want, differences, out),
            Some(live) => change(want, live, differences, out),
        }
    }
}

const WEIGHTS: &[Weight] = &[
    Weight {
        path: "security_groups",
        when: When::Differs,
        severity: Severity::High,
        why: "access to the instance differs from the spec",
    },
    Weight {
        path: "metadata.tokens",
        when: When::Differs,
        severity: Severity::High,
        why: "the protection of the instance's credentials differs from the spec",
    },
    Weight {
        path: "public_address",
        when: When::Differs,
        severity: Severity::High,
        why: "the instance has a public address, or lacks it",
    },
    Weight {
        path: "profile",
        when: When::Differs,
        severity: Severity::High,
        why: "the permissions of programs on the instance differ from the spec",
    },
    Weight {
        path: "termination_protection",
        when: When::Less,
        severity: Severity::High,
        why: "the instance can be terminated",
    },
];
