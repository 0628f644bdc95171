//! `ec2.instance`: an instance that runs, found by its Name tag among those that are not terminated.
//!
//! What an instance is made of (image, key, subnet, user data) says how it is born and is not compared
//! afterwards, as the newest image moves by itself; what it is (type, groups, that it runs) is.

mod api;

use std::collections::BTreeSet;

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::resource::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ec2::{named, security_group};

/// The kind `ec2.instance`.
pub struct Instance;

/// What a person writes of an instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2Instance")]
pub struct InstanceSpec {
    /// The image: an id, or a public parameter of Systems Manager that holds one.
    image: ImageSpec,
    /// The instance type, such as t3.small.
    instance_type: String,
    /// A key pair's name.
    key_pair: Option<String>,
    /// Security groups of this spec, or their ids. The VPC's default group where it is left out.
    #[serde(default)]
    security_groups: BTreeSet<String>,
    /// The subnet's id. AWS's choice where it is left out.
    subnet: Option<String>,
    /// The instance profile's name: the role that programs on it have.
    profile: Option<String>,
    /// The root volume's size in GiB. The image's where it is left out.
    volume_gib: Option<i32>,
    /// What it runs when it starts for the first time. Never shown.
    user_data: Option<String>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// An image.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Ec2Image")]
pub enum ImageSpec {
    /// Its id, `ami-…`.
    Id(String),
    /// A parameter, such as /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64.
    Ssm(String),
}

/// An instance, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceModel {
    instance_type: String,
    /// Ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security_groups: Option<BTreeSet<String>>,
    tags: Tags,
    running: bool,
    /// How it is born; only desired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    birth: Option<Birth>,
    /// The key pair's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_pair: Option<String>,
    /// EC2's word while it is on its way; only live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

/// What an instance is born with and does not change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Birth {
    image: ImageSpec,
    subnet: Option<String>,
    profile: Option<String>,
    volume_gib: Option<i32>,
    user_data: Option<Secret>,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum InstanceOp {
    /// One instance, with metadata only by token (IMDSv2) and an encrypted volume.
    RunInstances {
        /// The type.
        instance_type: String,
        /// The key pair's name.
        key_pair: Option<String>,
        /// Ids.
        security_groups: Option<BTreeSet<String>>,
        /// What does not change.
        birth: Box<Birth>,
        /// The spec's tags, and its name.
        tags: Tags,
    },
    /// It was stopped.
    StartInstances,
    /// The groups whole.
    ModifyInstanceAttribute {
        /// Ids.
        security_groups: BTreeSet<String>,
    },
    /// Adds or changes these; others stay.
    CreateTags {
        /// The spec's.
        tags: Tags,
    },
    /// Its volumes go with it where they were made with it.
    TerminateInstances,
}

impl Kind for Instance {
    const FACTS: Facts = Facts {
        name: "ec2.instance",
        service: "EC2",
        summary: "An instance that runs, found by its Name tag. How it is born is not compared afterwards.",
        reads: &["DescribeInstances", "DescribeImages"],
        removes: &["TerminateInstances"],
        writes: &["RunInstances", "StartInstances", "ModifyInstanceAttribute", "CreateTags", "TerminateInstances"],
        checks: &["DescribeInstanceTypeOfferings", "RunInstances"],
        also: &[
            regionctl_core::kind::Need::always("ec2:CreateTags", crate::services::EC2_RESOURCES),
            regionctl_core::kind::Need::if_stated("birth.profile", "iam:PassRole", crate::services::ROLES),
            // AWS's public parameters have no account in their ARN.
            regionctl_core::kind::Need::if_stated(
                "birth.image.ssm",
                "ssm:GetParameter",
                &[
                    "arn:{partition}:ssm:{region}::parameter/aws/*",
                    "arn:{partition}:ssm:{region}:{account}:parameter/*",
                ],
            ),
        ],
        outputs: &["id"],
        needs_vpc: true,
        inventory: &["DescribeInstances"],
        weights: &[Weight {
            path: "security_groups",
            when: When::Differs,
            severity: Severity::High,
            why: "others reach the instance",
        }],
        example: "
ec2.instance:
  dev-${region}:
    image: {ssm: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64}
    instance_type: t3.small
    volume_gib: 30
    tags: {Team: sre}
",
        ..Facts::DEFAULT
    };

    type Spec = InstanceSpec;
    type Model = InstanceModel;
    type Op = InstanceOp;

    fn check_name(name: &str) -> Result<(), String> {
        if (1..=256).contains(&name.chars().count()) {
            return Ok(());
        }
        Err("an instance's name is a tag\n1 to 256 characters".to_owned())
    }

    fn desire(name: &str, spec: InstanceSpec, notes: &mut Notes<'_>) -> InstanceModel {
        tags::check(spec.tags.as_ref(), notes);
        match &spec.image {
            ImageSpec::Id(id) if !id.starts_with("ami-") && !id.contains("${") => {
                notes.fault("image.id", format!("'{id}' is not an image's id"), "one looks like ami-0123456789abcdef0");
            }
            ImageSpec::Ssm(path) if !path.starts_with('/') && !path.contains("${") => {
                let help = "such as /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
                notes.fault("image.ssm", format!("'{path}' is not a public parameter"), help);
            }
            _ => {}
        }
        if !spec.instance_type.contains('.') {
            let message = format!("'{}' does not have the shape of an instance type", spec.instance_type);
            notes.fault("instance_type", message, "one looks like t3.small");
        }
        if spec.user_data.as_ref().is_some_and(|data| data.len() > 16 * 1024) {
            notes.fault("user_data", "user data has 16 KiB at most", "let it fetch the rest");
        }
        let groups: BTreeSet<String> = spec.security_groups.into_iter().map(security_group).collect();
        InstanceModel {
            instance_type: spec.instance_type,
            security_groups: Some(groups).filter(|groups| !groups.is_empty()),
            tags: named(name, spec.tags),
            running: true,
            key_pair: spec.key_pair,
            birth: Some(Birth {
                image: spec.image,
                subnet: spec.subnet,
                profile: spec.profile,
                volume_gib: spec.volume_gib,
                user_data: spec.user_data.map(Secret::new),
            }),
            state: None,
        }
    }

    fn also_needs(op: &InstanceOp) -> Vec<(&'static str, String)> {
        match op {
            InstanceOp::RunInstances { birth, .. } => {
                let tags = ("ec2:CreateTags", "*".to_owned());
                // The role behind a profile usually bears its name; which it is only IAM knows.
                let role = birth.profile.iter().map(|_| ("iam:PassRole", "*".to_owned()));
                let image = matches!(birth.image, ImageSpec::Ssm(_)).then(|| ("ssm:GetParameter", "*".to_owned()));
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
        let InstanceModel { instance_type, security_groups, tags, running, birth, key_pair, state: _ } = want;
        let typed = out.value("instance_type", instance_type, live.map(|live| &live.instance_type));
        let grouped = out.stated(
            "security_groups",
            security_groups.as_ref(),
            live.and_then(|live| live.security_groups.as_ref()),
        );
        let keyed = out.stated("key_pair", key_pair.as_ref(), live.and_then(|live| live.key_pair.as_ref()));
        let tagged = out.stated_entries("tags", Some(tags), live.map(|live| &live.tags));
        let Some(live) = live else {
            let (covers, born) = (out.birth().and(typed).and(grouped).and(keyed).and(tagged), birth.clone());
            let Some(birth) = born.map(Box::new) else { return };
            let shown = match &birth.image {
                ImageSpec::Id(id) => id.clone(),
                ImageSpec::Ssm(path) => format!("the one in {path}"),
            };
            let covers = covers.and(out.value("image", &shown, None));
            let (instance_type, key_pair) = (instance_type.clone(), key_pair.clone());
            let (security_groups, tags) = (security_groups.clone(), tags.clone());
            return out.step(
                Phase::Create,
                covers,
                InstanceOp::RunInstances { instance_type, key_pair, security_groups, birth, tags },
            );
        };
        live.state.iter().for_each(|state| out.coming(state));
        out.blocked(
            &typed,
            "the type of a running instance never changes: stop it, change the type by hand, and apply again",
        );
        out.blocked(
            &keyed,
            "an instance's key pair never changes: change its authorized_keys, or say `absent` and make another",
        );
        out.step(Phase::Change, tagged, InstanceOp::CreateTags { tags: tags.clone() });
        if let Some(security_groups) = security_groups.clone() {
            out.step(Phase::Change, grouped, InstanceOp::ModifyInstanceAttribute { security_groups });
        }
        let started = out.value("running", running, Some(&live.running));
        out.step(Phase::Change, started, InstanceOp::StartInstances);
    }
}
