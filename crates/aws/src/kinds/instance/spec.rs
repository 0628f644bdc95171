// SPDX-License-Identifier: Apache-2.0
//! The spec of an instance, its checks, and its written form.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use regionctl_core::kind::Notes;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model::{InstanceModel, Metadata, Volume, has_iops};
use super::{IMDS_V1, PUBLIC_ADDRESS};
use crate::ec2::{NAME, security_group};
use crate::tags::{self, TagSettings};

/// An EC2 instance. Its name is the value of its `Name` tag. Fields that are left out are not managed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2Instance")]
pub struct InstanceSpec {
    /// The AMI to launch from: an AMI id, or an SSM parameter that contains one. A parameter is used only at creation,
    /// because its AMI changes over time. An id is compared; the AMI of an existing instance cannot change.
    image: ImageSpec,
    /// The instance type, such as t3.small. It can change only while the instance is stopped.
    instance_type: String,
    /// The name of the EC2 key pair; `unset`: no key pair, which is the default. The key pair of an existing instance
    /// cannot change.
    #[serde(default)]
    key_pair: Setting<String>,
    /// Names of security groups in this spec, or security group ids. Default: the VPC's default security group.
    #[serde(default)]
    security_groups: BTreeSet<String>,
    /// The subnet id. Default: the subnet of the spec's VPC with the most free addresses. The subnet of an existing
    /// instance cannot change.
    subnet: Option<String>,
    /// The name of the IAM instance profile. `unset`: no profile, which is the default.
    #[serde(default)]
    profile: Setting<String>,
    /// Whether the instance runs: `true` starts and `false` stops an existing instance. A field that is left out is not
    /// managed.
    running: Option<bool>,
    /// Whether the instance has a public IPv4 address. `true` at creation needs `waiver:`. Default: what the subnet
    /// says. regionctl does not change it on an existing instance.
    public_address: Option<bool>,
    /// Whether EC2 drops traffic that is not from or to the instance itself. A NAT instance or router needs `false`.
    /// Default: true.
    source_dest_check: Option<bool>,
    /// The options of the instance metadata service (IMDS). A new instance requires IMDSv2 unless `tokens` is stated.
    metadata: Option<MetadataSpec>,
    /// Whether detailed monitoring is on: metrics each minute. Default: false.
    monitoring: Option<bool>,
    /// Whether the instance has dedicated bandwidth to EBS. It can change only while the instance is stopped. For
    /// current instance types it is always on.
    ebs_optimized: Option<bool>,
    /// Whether EC2 rejects TerminateInstances. Default: false.
    termination_protection: Option<bool>,
    /// Whether EC2 rejects StopInstances. Default: false.
    stop_protection: Option<bool>,
    /// What a shutdown from within the instance does: `stop` or `terminate`. Default: stop.
    shutdown_behavior: Option<ShutdownBehavior>,
    /// The size of the root volume in GiB. Short for `root_volume: {size_gib: …}`.
    volume_gib: Option<i32>,
    /// The root volume. A new one is an encrypted gp3 volume unless stated otherwise. Default: the AMI's root volume.
    root_volume: Option<VolumeSpec>,
    /// Further EBS volumes by device name, such as /dev/sdf. They are created with the instance. Other volumes of the
    /// instance do not change.
    volumes: Option<BTreeMap<String, VolumeSpec>>,
    /// The user data, up to 16 KiB: typically a script that runs at first boot. Never displayed. It can change only
    /// while the instance is stopped. `unset`: none.
    #[serde(default)]
    user_data: Setting<String>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag. The tag `Name` identifies the instance.
    #[serde(default)]
    tags: Setting<TagSettings>,
    /// The reason to waive the risks of IMDSv1 and of a public address.
    waiver: Option<String>,
}

/// The AMI of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Ec2Image")]
pub enum ImageSpec {
    /// An AMI id, `ami-…`.
    Id(String),
    /// The name of an SSM parameter, such as /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64.
    Ssm(String),
}

/// The options of the instance metadata service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2Metadata")]
pub struct MetadataSpec {
    /// `required`: only IMDSv2. `optional`: IMDSv1 too, which needs `waiver:`.
    tokens: Option<Tokens>,
    /// The number of network hops that a token may travel, 1 to 64. Containers need 2.
    hop_limit: Option<i32>,
    /// Whether the service also has an IPv6 endpoint.
    ipv6: Option<bool>,
    /// Whether the instance can read its own tags.
    tags: Option<bool>,
    /// Whether the service is on. Without it, programs on the instance get no credentials from its profile. `false`
    /// excludes the other options.
    endpoint: Option<bool>,
}

/// Whether IMDS requires session tokens (`HttpTokens`).
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tokens {
    /// IMDSv1 and IMDSv2.
    Optional,
    /// IMDSv2 only.
    Required,
}

/// What a shutdown from within the instance does (`InstanceInitiatedShutdownBehavior`).
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownBehavior {
    /// The instance stops.
    Stop,
    /// The instance is terminated, with its volumes that are deleted on termination.
    Terminate,
}

/// An EBS volume of an instance. Only `delete_on_termination` changes on an existing volume.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2Volume")]
pub struct VolumeSpec {
    /// The size in GiB.
    size_gib: Option<i32>,
    /// The volume type: gp2, gp3, io1, io2, sc1, st1 or standard. Default for a new volume: gp3.
    #[serde(rename = "type")]
    volume_type: Option<String>,
    /// The IOPS of a gp3, io1 or io2 volume. `unset` for other types.
    #[serde(default)]
    iops: Setting<i32>,
    /// The throughput of a gp3 volume in MiB/s, 125 to 2000. `unset` for other types.
    #[serde(default)]
    throughput: Setting<i32>,
    /// Whether the volume is encrypted. Default for a new volume: true.
    encrypted: Option<bool>,
    /// The ARN of the KMS key. Default: the account's key for EBS. `unset` if the volume is not encrypted.
    #[serde(default)]
    kms_key: Setting<String>,
    /// Whether EC2 deletes the volume with all data when the instance is terminated. Default: true for the root volume
    /// and for new volumes.
    delete_on_termination: Option<bool>,
}

const VOLUME_TYPES: [&str; 7] = ["gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"];

impl InstanceSpec {
    /// Converts the entry to a desired model.
    pub(super) fn desire(self, name: &str, notes: &mut Notes<'_>) -> InstanceModel {
        self.check(name, notes);
        if let Some(reason) = &self.waiver {
            for rule in [IMDS_V1, PUBLIC_ADDRESS] {
                notes.waive(rule, reason, "waiver");
            }
        }
        let groups: BTreeSet<String> = self.security_groups.into_iter().map(security_group).collect();
        let root = self
            .root_volume
            .or(self.volume_gib.map(|size| VolumeSpec { size_gib: Some(size), ..VolumeSpec::default() }));
        let shutdown = self.shutdown_behavior.map(|behavior| match behavior {
            ShutdownBehavior::Stop => "stop".to_owned(),
            ShutdownBehavior::Terminate => "terminate".to_owned(),
        });
        let volumes =
            self.volumes.map(|all| all.into_iter().map(|(device, volume)| (device, volume.desire())).collect());
        InstanceModel {
            image: Setting::Set(self.image),
            instance_type: Setting::Set(self.instance_type),
            key_pair: self.key_pair,
            security_groups: Setting::stated(Some(groups).filter(|groups| !groups.is_empty())),
            subnet: Setting::stated(self.subnet),
            profile: self.profile,
            running: Setting::stated(self.running),
            public_address: Setting::stated(self.public_address),
            source_dest_check: Setting::stated(self.source_dest_check),
            metadata: Setting::stated(self.metadata.map(MetadataSpec::desire)),
            monitoring: Setting::stated(self.monitoring),
            ebs_optimized: Setting::stated(self.ebs_optimized),
            termination_protection: Setting::stated(self.termination_protection),
            stop_protection: Setting::stated(self.stop_protection),
            shutdown_behavior: Setting::stated(shutdown),
            root_volume: Setting::stated(root.map(VolumeSpec::desire)),
            volumes: Setting::stated(volumes),
            user_data: match self.user_data {
                Setting::Set(text) if text.is_empty() => Setting::Unset,
                other => other.map(Secret::new),
            },
            tags: with_name(name, self.tags),
            state: None,
        }
    }

    /// Adds a fault to the notes for everything that EC2 would reject.
    fn check(&self, name: &str, notes: &mut Notes<'_>) {
        check_tags(name, &self.tags, notes);
        match &self.image {
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
        if !self.instance_type.contains('.') && !self.instance_type.contains("${") {
            let message = format!("'{}' is not an instance type", self.instance_type);
            notes.fault("instance_type", message, "use a type such as t3.small");
        }
        if self.user_data.is_set_and(|data| data.len() > 16 * 1024) {
            let help = "download the rest, such as from S3, in the script";
            notes.fault("user_data", "user data is larger than 16 KiB", help);
        }
        if self.volume_gib.is_some() && self.root_volume.is_some() {
            let message = "`volume_gib` and `root_volume` are mutually exclusive";
            notes.fault("volume_gib", message, "remove `volume_gib` and state `root_volume.size_gib`");
        }
        in_range("volume_gib", self.volume_gib, 1..=65_536, notes);
        if let Some(metadata) = &self.metadata {
            metadata.check(notes);
        }
        if let Some(volume) = &self.root_volume {
            volume.check("root_volume", notes);
        }
        for (device, volume) in self.volumes.iter().flatten() {
            if !device.starts_with("/dev/") && !device.starts_with("xvd") {
                let message = format!("'{device}' is not a device name");
                notes.fault(&format!("volumes.{device}"), message, "use a device name such as /dev/sdf");
            }
            volume.check(&format!("volumes.{device}"), notes);
        }
    }
}

fn check_tags(name: &str, tags: &Setting<TagSettings>, notes: &mut Notes<'_>) {
    tags::check(tags, notes);
    let own = tags.value().and_then(|tags| tags.get(NAME));
    if own.is_some_and(|tag| tag.value().is_none_or(|tag| tag != name)) {
        let help = "remove it: the name of the entry is the value of this tag";
        notes.fault(&format!("tags.{NAME}"), "the tag `Name` identifies the instance", help);
    }
    if *tags == Setting::Unset {
        let help = "unset the tags one by one: the tag `Name` identifies the instance";
        notes.fault("tags", "the tags of an instance cannot be removed as a whole", help);
    }
}

/// Adds a fault if a value is outside AWS's limits.
fn in_range(path: &str, value: Option<i32>, range: RangeInclusive<i32>, notes: &mut Notes<'_>) {
    if let Some(value) = value.filter(|value| !range.contains(value)) {
        let help = format!("use {} to {}", range.start(), range.end());
        notes.fault(path, format!("{value} is out of range"), help);
    }
}

/// Returns the tags with the instance's name, which no tag of the spec overrides.
fn with_name(name: &str, tags: Setting<TagSettings>) -> Setting<TagSettings> {
    let mut tags = tags.unwrap_or_default();
    tags.insert(NAME.to_owned(), Setting::Set(name.to_owned()));
    Setting::Set(tags)
}

impl MetadataSpec {
    fn desire(self) -> Metadata {
        let tokens = self.tokens.map(|tokens| match tokens {
            Tokens::Optional => super::model::OPTIONAL.to_owned(),
            Tokens::Required => "required".to_owned(),
        });
        Metadata {
            tokens: Setting::stated(tokens),
            hop_limit: Setting::stated(self.hop_limit),
            ipv6: Setting::stated(self.ipv6),
            tags: Setting::stated(self.tags),
            endpoint: Setting::stated(self.endpoint),
        }
    }

    fn check(&self, notes: &mut Notes<'_>) {
        in_range("metadata.hop_limit", self.hop_limit, 1..=64, notes);
        let others = [self.tokens.is_some(), self.hop_limit.is_some(), self.ipv6.is_some(), self.tags.is_some()];
        if self.endpoint == Some(false) && others.contains(&true) {
            let message = "`metadata.endpoint: false` excludes the other options of the metadata service";
            notes.fault("metadata.endpoint", message, "remove the other options, or `endpoint: false`");
        }
    }
}

impl VolumeSpec {
    fn desire(self) -> Volume {
        Volume {
            size_gib: Setting::stated(self.size_gib),
            volume_type: Setting::stated(self.volume_type),
            iops: self.iops,
            throughput: self.throughput,
            encrypted: Setting::stated(self.encrypted),
            kms_key: self.kms_key,
            delete_on_termination: Setting::stated(self.delete_on_termination),
        }
    }

    /// The limits are those of <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>.
    fn check(&self, path: &str, notes: &mut Notes<'_>) {
        in_range(&format!("{path}.size_gib"), self.size_gib, 1..=65_536, notes);
        in_range(&format!("{path}.iops"), self.iops.get(), 100..=256_000, notes);
        in_range(&format!("{path}.throughput"), self.throughput.get(), 125..=2_000, notes);
        let of_type = self.volume_type.as_deref().unwrap_or("gp3");
        if !VOLUME_TYPES.contains(&of_type) {
            let message = format!("'{of_type}' is not a volume type");
            notes.fault(&format!("{path}.type"), message, format!("use one of {}", VOLUME_TYPES.join(", ")));
        } else if self.iops.is_set() && !has_iops(of_type) {
            let help = "remove it, or use gp3, io1 or io2";
            notes.fault(&format!("{path}.iops"), format!("a volume of the type {of_type} has no `iops`"), help);
        }
        if self.throughput.is_set() && of_type != "gp3" {
            let message = format!("a volume of the type {of_type} has no `throughput`");
            notes.fault(&format!("{path}.throughput"), message, "remove it, or use gp3");
        }
        // DescribeVolumes returns the ARN of the key
        // (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Volume.html).
        let is_key = |key: &str| key.starts_with("${") || (key.starts_with("arn:") && key.contains(":key/"));
        if self.kms_key.is_set_and(|key| !is_key(key)) {
            let help = "write arn:aws:kms:REGION:ACCOUNT:key/ID instead of an alias or a key ID";
            notes.fault(&format!("{path}.kms_key"), "`kms_key` must be the ARN of a KMS key", help);
        }
        if self.kms_key.is_set() && self.encrypted == Some(false) {
            let message = "a volume that is not encrypted has no `kms_key`";
            notes.fault(&format!("{path}.kms_key"), message, "remove it, or `encrypted: false`");
        }
    }
}

/// Writes a model as a spec.
pub(super) fn written(model: &InstanceModel) -> Value {
    let mut fields = Map::new();
    write::setting("image", &model.image, &mut fields);
    write::setting("instance_type", &model.instance_type, &mut fields);
    write::setting("key_pair", &model.key_pair, &mut fields);
    write::setting("security_groups", &model.security_groups, &mut fields);
    write::setting("subnet", &model.subnet, &mut fields);
    write::setting("profile", &model.profile, &mut fields);
    write::setting("running", &model.running, &mut fields);
    write::setting("public_address", &model.public_address, &mut fields);
    write::setting("source_dest_check", &model.source_dest_check, &mut fields);
    write::setting("metadata", &model.metadata, &mut fields);
    write::setting("monitoring", &model.monitoring, &mut fields);
    write::setting("ebs_optimized", &model.ebs_optimized, &mut fields);
    write::setting("termination_protection", &model.termination_protection, &mut fields);
    write::setting("stop_protection", &model.stop_protection, &mut fields);
    write::setting("shutdown_behavior", &model.shutdown_behavior, &mut fields);
    write::setting("root_volume", &model.root_volume.as_ref().map(written_volume), &mut fields);
    let volumes = model.volumes.as_ref().map(|volumes| {
        volumes.iter().map(|(device, volume)| (device.clone(), written_volume(volume))).collect::<Map<_, _>>()
    });
    write::setting("volumes", &volumes, &mut fields);
    write::setting("user_data", &model.user_data.as_ref().map(Secret::reveal), &mut fields);
    tags::write(&model.tags, &mut fields);
    Value::Object(fields)
}

fn written_volume(volume: &Volume) -> Value {
    let Volume { size_gib, volume_type, iops, throughput, encrypted, kms_key, delete_on_termination } = volume;
    let mut fields = Map::new();
    write::setting("size_gib", size_gib, &mut fields);
    write::setting("type", volume_type, &mut fields);
    write::setting("iops", iops, &mut fields);
    write::setting("throughput", throughput, &mut fields);
    write::setting("encrypted", encrypted, &mut fields);
    write::setting("kms_key", kms_key, &mut fields);
    write::setting("delete_on_termination", delete_on_termination, &mut fields);
    Value::Object(fields)
}
