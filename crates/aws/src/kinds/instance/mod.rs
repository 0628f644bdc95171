// SPDX-License-Identifier: Apache-2.0
//! `ec2.instance`: an instance, identified by its `Name` tag among the instances that are not terminated.
//!
//! The type, key pair, security groups, subnet, instance profile, tags and running state are compared. The image, volume
//! and user data are used only at creation: the latest AMI behind a public parameter changes over time.

mod api;

use std::collections::BTreeSet;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ec2::{NAME, security_group};
use crate::tags::{self, TagSettings};

/// The kind `ec2.instance`.
pub struct Instance;

/// An EC2 instance. Its name is the value of its `Name` tag.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2Instance")]
pub struct InstanceSpec {
    /// The AMI to launch from: an AMI id, or an SSM parameter that contains one. Used only at creation.
    image: ImageSpec,
    /// The instance type, such as t3.small. regionctl does not change the type of an existing instance.
    instance_type: String,
    /// The name of the EC2 key pair. Default: no key pair. The key pair of an existing instance cannot change.
    key_pair: Option<String>,
    /// Names of security groups in this spec, or security group ids. Default: the VPC's default security group.
    #[serde(default)]
    security_groups: BTreeSet<String>,
    /// The subnet id. Default: the subnet of the spec's VPC with the most free addresses. The subnet of an existing
    /// instance cannot change.
    subnet: Option<String>,
    /// The name of the IAM instance profile. Default: none. regionctl does not change the profile of an existing
    /// instance.
    profile: Option<String>,
    /// Whether the instance runs: `true` starts and `false` stops an existing instance. A field that is left out is not
    /// managed.
    running: Option<bool>,
    /// The size of the root volume in GiB; the volume is an encrypted gp3 volume. Default: the AMI's root volume. Used
    /// only at creation.
    volume_gib: Option<i32>,
    /// The user data, up to 16 KiB: typically a script that runs at first boot. Never displayed. Used only at creation.
    user_data: Option<String>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag. The tag `Name` identifies the instance.
    #[serde(default)]
    tags: Setting<TagSettings>,
}

/// The AMI of an instance.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Ec2Image")]
pub enum ImageSpec {
    /// An AMI id, `ami-…`.
    Id(String),
    /// The name of an SSM parameter, such as /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64.
    Ssm(String),
}

/// An instance, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceModel {
    instance_type: String,
    /// Security group ids.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    security_groups: Setting<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<TagSettings>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    running: Setting<bool>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    subnet: Setting<String>,
    /// The name of the IAM instance profile.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    profile: Setting<String>,
    /// The settings used only at creation; `None` in a live model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    creation: Option<Creation>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    key_pair: Setting<String>,
    /// The EC2 state name while it is transitional (`pending`, `stopping`); `None` in a desired model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

/// The settings that are used only when the instance is created.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Creation {
    image: ImageSpec,
    volume_gib: Option<i32>,
    user_data: Option<Secret>,
}

/// An EC2 API call that creates, changes or terminates an instance.
#[derive(Debug, Serialize, Deserialize)]
pub enum InstanceOp {
    /// Launches one instance that requires IMDSv2. A root volume whose size the spec sets is encrypted.
    RunInstances {
        /// EC2's name of the type, such as `t3.small`.
        instance_type: String,
        /// The key pair's name; `None` to launch without a key pair.
        key_pair: Option<String>,
        /// Security group ids; `None` for the VPC's default security group.
        security_groups: Option<BTreeSet<String>>,
        /// The subnet's id; `None` for a subnet of the spec's VPC.
        subnet: Option<String>,
        /// The instance profile's name.
        profile: Option<String>,
        /// The image, volume and user data.
        creation: Box<Creation>,
        /// The spec's tags and the `Name` tag.
        tags: Tags,
    },
    /// Starts a stopped instance.
    StartInstances,
    /// Stops a running instance.
    StopInstances,
    /// Replaces the whole list of security groups
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html>).
    ModifyInstanceAttribute {
        /// The ids of all groups that the instance then has.
        security_groups: BTreeSet<String>,
    },
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

impl Kind for Instance {
    const FACTS: Facts = Facts {
        name: "ec2.instance",
        service: "EC2",
        summary: "An instance, identified by its Name tag. Image, volume and user data are used only at creation.",
        reads: &["DescribeInstances", "DescribeImages", "DescribeSubnets"],
        removes: &["TerminateInstances"],
        writes: &[
            "RunInstances",
            "StartInstances",
            "StopInstances",
            "ModifyInstanceAttribute",
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
                "creation.image.ssm",
                "ssm:GetParameter",
                &[
                    "arn:{partition}:ssm:{region}::parameter/aws/*",
                    "arn:{partition}:ssm:{region}:{account}:parameter/*",
                ],
            ),
        ],
        attributes: &["id"],
        needs_vpc: true,
        inventory: &["DescribeInstances"],
        weights: &[Weight {
            path: "security_groups",
            when: When::Differs,
            severity: Severity::High,
            why: "access to the instance differs from the spec",
        }],
        example: "
ec2.instance:
  dev-${region}:
    image: {ssm: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64}
    instance_type: t3.small
    volume_gib: 30
    running: true
    tags: {Team: sre}
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
        tags::check(&spec.tags, notes);
        if spec
            .tags
            .value()
            .and_then(|tags| tags.get(NAME))
            .is_some_and(|tag| tag.value().is_none_or(|tag| tag != name))
        {
            let help = "remove it: the name of the entry is the value of this tag";
            notes.fault(&format!("tags.{NAME}"), "the tag `Name` identifies the instance", help);
        }
        if spec.tags == Setting::Unset {
            let help = "unset the tags one by one: the tag `Name` identifies the instance";
            notes.fault("tags", "the tags of an instance cannot be removed as a whole", help);
        }
        match &spec.image {
            ImageSpec::Id(id) if !id.starts_with("ami-") && !id.contains("${") => {
                notes.fault("image.id", format!("'{id}' is not an AMI id"), "use an id such as ami-0123456789abcdef0");
            }
            ImageSpec::Ssm(path) if !path.starts_with('/') && !path.contains("${") => {
                let help = "use a parameter such as \
                            /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
                notes.fault("image.ssm", format!("'{path}' is not an SSM parameter path"), help);
            }
            _ => {}
        }
        if !spec.instance_type.contains('.') {
            let message = format!("'{}' is not an instance type", spec.instance_type);
            notes.fault("instance_type", message, "use a type such as t3.small");
        }
        if spec.user_data.as_ref().is_some_and(|data| data.len() > 16 * 1024) {
            let help = "download the rest, such as from S3, in the script";
            notes.fault("user_data", "user data is larger than 16 KiB", help);
        }
        let groups: BTreeSet<String> = spec.security_groups.into_iter().map(security_group).collect();
        InstanceModel {
            instance_type: spec.instance_type,
            security_groups: Setting::stated(Some(groups).filter(|groups| !groups.is_empty())),
            tags: with_name(name, spec.tags),
            running: Setting::stated(spec.running),
            subnet: Setting::stated(spec.subnet),
            profile: Setting::stated(spec.profile),
            key_pair: Setting::stated(spec.key_pair),
            creation: Some(Creation {
                image: spec.image,
                volume_gib: spec.volume_gib,
                user_data: spec.user_data.map(Secret::new),
            }),
            state: None,
        }
    }

    fn also_needs(op: &InstanceOp) -> Vec<(&'static str, String)> {
        match op {
            InstanceOp::RunInstances { creation, profile, .. } => {
                let tags = ("ec2:CreateTags", "*".to_owned());
                // The spec names the instance profile. The ARN of its role is known only to IAM.
                let role = profile.iter().map(|_| ("iam:PassRole", "*".to_owned()));
                let image = matches!(creation.image, ImageSpec::Ssm(_)).then(|| ("ssm:GetParameter", "*".to_owned()));
                std::iter::once(tags).chain(role).chain(image).collect()
            }
            _ => Vec::new(),
        }
    }

    fn relevant(_: Option<&Self::Model>, live: InstanceModel) -> InstanceModel {
        InstanceModel { state: None, ..live }
    }

    fn remove(_: &InstanceModel, out: &mut Diff<'_, InstanceOp>) {
        out.removed(InstanceOp::TerminateInstances);
    }

    fn diff(want: &InstanceModel, live: Option<&InstanceModel>, out: &mut Diff<'_, InstanceOp>) {
        let InstanceModel {
            instance_type,
            security_groups,
            tags,
            running,
            subnet,
            profile,
            creation,
            key_pair,
            state: _,
        } = want;
        let typed = out.value("instance_type", instance_type, live.map(|live| &live.instance_type));
        let grouped = out.setting("security_groups", security_groups, live.map(|live| &live.security_groups));
        let keyed = out.setting("key_pair", key_pair, live.map(|live| &live.key_pair));
        let placed = out.setting("subnet", subnet, live.map(|live| &live.subnet));
        let profiled = out.setting("profile", profile, live.map(|live| &live.profile));
        let tag_changes = tags::compare(tags, live.map(|live| &live.tags), out);
        let Some(live) = live else {
            let Some(creation) = creation.clone().map(Box::new) else { return };
            let shown = match &creation.image {
                ImageSpec::Id(id) => id.clone(),
                ImageSpec::Ssm(path) => format!("the AMI in parameter {path}"),
            };
            let (tagged, tags) = tags::of_new(tag_changes, out);
            let covers = out.creation().and(typed).and(grouped).and(keyed).and(placed).and(profiled).and(tagged);
            let covers = covers.and(out.value("image", &shown, None));
            let (instance_type, key_pair) = (instance_type.clone(), key_pair.get());
            let (security_groups, subnet, profile) = (security_groups.get(), subnet.get(), profile.get());
            out.step(
                Phase::Create,
                covers,
                InstanceOp::RunInstances { instance_type, key_pair, security_groups, subnet, profile, creation, tags },
            );
            if *running == Setting::Set(false) {
                let stopped = out.value("running", &false, None);
                out.step(Phase::Change, stopped, InstanceOp::StopInstances);
            }
            return;
        };
        live.state.iter().for_each(|state| out.in_progress(state));
        block_unchangeable(&[typed, keyed, placed, profiled], out);
        out.step(Phase::Change, tag_changes.set, InstanceOp::CreateTags { tags: tag_changes.tags });
        out.step(Phase::Change, tag_changes.removed, InstanceOp::DeleteTags { keys: tag_changes.keys });
        if let Some(security_groups) = security_groups.get() {
            out.step(Phase::Change, grouped, InstanceOp::ModifyInstanceAttribute { security_groups });
        }
        let switched = out.setting("running", running, Some(&live.running));
        if *running == Setting::Set(false) {
            out.remark(&switched, "the instance stops, and data on instance store volumes is lost");
            out.step(Phase::Change, switched, InstanceOp::StopInstances);
        } else {
            out.step(Phase::Change, switched, InstanceOp::StartInstances);
        }
    }
}

/// Blocks changes of what regionctl does not change on an existing instance: type, key pair, subnet and profile.
fn block_unchangeable([typed, keyed, placed, profiled]: &[Covers; 4], out: &mut Diff<'_, InstanceOp>) {
    out.blocked(
        typed,
        "regionctl does not change the type of an existing instance: stop it, change its type in EC2, and apply again",
    );
    out.blocked(
        keyed,
        "the key pair of an instance cannot change: edit its authorized_keys file, or set the instance to `absent`, \
         apply, and create it again",
    );
    out.blocked(
        placed,
        "the subnet of an instance cannot change: state its own subnet, or set the instance to `absent`, apply, and \
         create it again",
    );
    out.blocked(
        profiled,
        "regionctl does not change the profile of an existing instance: replace it with `aws ec2 \
         replace-iam-instance-profile-association`, and apply again",
    );
}

/// Returns the tags with the instance's name, which no tag of the spec overrides.
fn with_name(name: &str, tags: Setting<TagSettings>) -> Setting<TagSettings> {
    let mut tags = tags.unwrap_or_default();
    tags.insert(NAME.to_owned(), Setting::Set(name.to_owned()));
    Setting::Set(tags)
}
