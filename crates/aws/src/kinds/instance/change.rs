// SPDX-License-Identifier: Apache-2.0
//! The differences of an instance, and the calls that fix them.

use std::collections::BTreeMap;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::resource::setting::Setting;

use super::model::{InstanceModel, Metadata, Volume};
use super::spec::ImageSpec;
use super::{InstanceAttribute, InstanceOp};
use crate::tags::{self, TagChanges};

/// The differences by attribute.
pub(super) struct Differences {
    pub(super) image: Covers,
    pub(super) instance_type: Covers,
    pub(super) security_groups: Covers,
    pub(super) key_pair: Covers,
    pub(super) subnet: Covers,
    pub(super) profile: Covers,
    pub(super) public_address: Covers,
    pub(super) source_dest_check: Covers,
    pub(super) metadata: Covers,
    pub(super) monitoring: Covers,
    pub(super) ebs_optimized: Covers,
    pub(super) termination_protection: Covers,
    pub(super) stop_protection: Covers,
    pub(super) shutdown_behavior: Covers,
    pub(super) volumes: VolumeDifferences,
    pub(super) user_data: Covers,
    pub(super) tags: TagChanges,
}

/// The differences of volumes.
#[derive(Default)]
pub(super) struct VolumeDifferences {
    /// What regionctl does not change on an existing volume.
    fixed: Covers,
    /// Volumes that the instance does not have.
    missing: Covers,
    /// `delete_on_termination`, with the device; `None` for the root device.
    deletion: Vec<(Option<String>, bool, Covers)>,
}

/// Compares the image. The AMI of an SSM parameter is not compared with that of an existing instance.
pub(super) fn image_differs(
    want: &Setting<ImageSpec>,
    live: Option<&InstanceModel>,
    out: &mut Diff<'_, InstanceOp>,
) -> Covers {
    match (want.value(), live) {
        (None, _) | (Some(ImageSpec::Ssm(_)), Some(_)) => Covers::default(),
        (Some(ImageSpec::Ssm(path)), None) => out.value("image", &format!("the AMI in parameter {path}"), None),
        (Some(ImageSpec::Id(id)), live) => {
            let live = live.and_then(|live| live.image.value()).and_then(|image| match image {
                ImageSpec::Id(id) => Some(id),
                ImageSpec::Ssm(_) => None,
            });
            out.value("image", id, live)
        }
    }
}

/// Compares whether the instance has a public address. EC2 releases it when the instance stops: that of a stopped
/// instance is not known.
pub(super) fn public_address_differs(
    want: Setting<bool>,
    live: Option<&InstanceModel>,
    out: &mut Diff<'_, InstanceOp>,
) -> Covers {
    if live.is_some_and(|live| live.public_address.is_unstated()) {
        return Covers::default();
    }
    out.setting("public_address", &want, live.map(|live| &live.public_address))
}

pub(super) fn metadata_differs(
    want: &Setting<Metadata>,
    live: Option<&InstanceModel>,
    out: &mut Diff<'_, InstanceOp>,
) -> Covers {
    let Some(Metadata { tokens, hop_limit, ipv6, tags, endpoint }) = want.value() else { return Covers::default() };
    let live = live.and_then(|live| live.metadata.value());
    let covers = out.setting("metadata.tokens", tokens, live.map(|live| &live.tokens));
    let covers = covers.and(out.setting("metadata.hop_limit", hop_limit, live.map(|live| &live.hop_limit)));
    let covers = covers.and(out.setting("metadata.ipv6", ipv6, live.map(|live| &live.ipv6)));
    let covers = covers.and(out.setting("metadata.tags", tags, live.map(|live| &live.tags)));
    covers.and(out.setting("metadata.endpoint", endpoint, live.map(|live| &live.endpoint)))
}

/// Compares the volumes that the spec states. Others are not managed.
pub(super) fn volumes_differ(
    root: &Setting<Volume>,
    others: &Setting<BTreeMap<String, Volume>>,
    live: Option<&InstanceModel>,
    out: &mut Diff<'_, InstanceOp>,
) -> VolumeDifferences {
    let mut differences = VolumeDifferences::default();
    if let Some(want) = root.value() {
        let found = live.and_then(|live| live.root_volume.value());
        volume_differs("root_volume", None, want, found, &mut differences, out);
    }
    for (device, want) in others.value().into_iter().flatten() {
        let found = live.and_then(|live| live.volumes.value()).and_then(|volumes| volumes.get(device));
        volume_differs(&format!("volumes.{device}"), Some(device.clone()), want, found, &mut differences, out);
    }
    differences
}

fn volume_differs(
    path: &str,
    device: Option<String>,
    want: &Volume,
    live: Option<&Volume>,
    differences: &mut VolumeDifferences,
    out: &mut Diff<'_, InstanceOp>,
) {
    let Volume { size_gib, volume_type, iops, throughput, encrypted, kms_key, delete_on_termination } = want;
    let at = |field: &str| format!("{path}.{field}");
    let covers = out.setting(&at("size_gib"), size_gib, live.map(|live| &live.size_gib));
    let covers = covers.and(out.setting(&at("type"), volume_type, live.map(|live| &live.volume_type)));
    let covers = covers.and(out.setting(&at("iops"), iops, live.map(|live| &live.iops)));
    let covers = covers.and(out.setting(&at("throughput"), throughput, live.map(|live| &live.throughput)));
    let covers = covers.and(out.setting(&at("encrypted"), encrypted, live.map(|live| &live.encrypted)));
    let covers = covers.and(out.setting(&at("kms_key"), kms_key, live.map(|live| &live.kms_key)));
    let kept = live.map(|live| &live.delete_on_termination);
    let deletion = out.setting(&at("delete_on_termination"), delete_on_termination, kept);
    if live.is_none() {
        differences.missing = std::mem::take(&mut differences.missing).and(covers).and(deletion);
        return;
    }
    differences.fixed = std::mem::take(&mut differences.fixed).and(covers);
    if let Some(delete) = delete_on_termination.get() {
        differences.deletion.push((device, delete, deletion));
    }
}

/// Adds the steps that create the instance.
pub(super) fn create(want: &InstanceModel, differences: Differences, out: &mut Diff<'_, InstanceOp>) {
    let Differences {
        image,
        instance_type,
        security_groups,
        key_pair,
        subnet,
        profile,
        public_address,
        source_dest_check,
        metadata,
        monitoring,
        ebs_optimized,
        termination_protection,
        stop_protection,
        shutdown_behavior,
        volumes,
        user_data,
        tags,
    } = differences;
    let (tagged, tags) = tags::of_new(tags, out);
    let covers =
        [image, instance_type, security_groups, key_pair, subnet, profile, public_address, metadata, monitoring]
            .into_iter()
            .chain([
                ebs_optimized,
                termination_protection,
                stop_protection,
                shutdown_behavior,
                volumes.missing,
                user_data,
            ])
            .fold(out.creation().and(tagged), Covers::and);
    let settings = InstanceModel { tags: Setting::Unstated, ..want.clone() };
    let launch = InstanceOp::RunInstances { settings: Box::new(settings), tags };
    // RunInstances cannot turn the check off.
    if want.source_dest_check == Setting::Set(false) {
        out.step(Phase::Create, covers, launch);
        out.step(Phase::Change, source_dest_check, modify(InstanceAttribute::SourceDestCheck(false)));
    } else {
        out.step(Phase::Create, covers.and(source_dest_check), launch);
    }
    if want.running == Setting::Set(false) {
        let stopped = out.value("running", &false, None);
        out.step(Phase::Change, stopped, InstanceOp::StopInstances);
    }
}

/// Adds the steps that change an existing instance, in the order in which EC2 accepts them.
pub(super) fn change(
    want: &InstanceModel,
    live: &InstanceModel,
    differences: Differences,
    out: &mut Diff<'_, InstanceOp>,
) {
    live.state.iter().for_each(|state| out.in_progress(state));
    block_what_cannot_change(&differences, out);
    let Differences { stop_protection, source_dest_check, termination_protection, shutdown_behavior, .. } = differences;
    out.step(Phase::Change, differences.tags.set, InstanceOp::CreateTags { tags: differences.tags.tags });
    out.step(Phase::Change, differences.tags.removed, InstanceOp::DeleteTags { keys: differences.tags.keys });
    if let Some(groups) = want.security_groups.get() {
        for group in live.security_groups.value().into_iter().flatten().filter(|group| !groups.contains(*group)) {
            out.displaces(format!("the security group {group} is removed from the instance"));
        }
        out.step(Phase::Change, differences.security_groups, modify(InstanceAttribute::SecurityGroups(groups)));
    }
    change_profile(want, live, differences.profile, out);
    change_metadata(want, live, differences.metadata, out);
    let monitoring = if want.monitoring == Setting::Set(true) {
        InstanceOp::MonitorInstances
    } else {
        InstanceOp::UnmonitorInstances
    };
    out.step(Phase::Change, differences.monitoring, monitoring);
    let mut switch = |covers, value: &Setting<bool>, attribute: fn(bool) -> InstanceAttribute| {
        out.step(Phase::Change, covers, modify(attribute(value.get().unwrap_or_default())));
    };
    switch(source_dest_check, &want.source_dest_check, InstanceAttribute::SourceDestCheck);
    switch(termination_protection, &want.termination_protection, InstanceAttribute::TerminationProtection);
    if let Some(behavior) = want.shutdown_behavior.get() {
        out.step(Phase::Change, shutdown_behavior, modify(InstanceAttribute::ShutdownBehavior(behavior)));
    }
    for (device, delete, covers) in differences.volumes.deletion {
        if delete {
            out.remark(&covers, "the volume is deleted with the instance");
        }
        out.step(Phase::Change, covers, modify(InstanceAttribute::DeleteOnTermination { device, delete }));
    }
    let while_stopped = [differences.instance_type, differences.ebs_optimized, differences.user_data];
    change_state(want, live, stop_protection, while_stopped, out);
}

fn modify(attribute: InstanceAttribute) -> InstanceOp {
    InstanceOp::ModifyInstanceAttribute(attribute)
}

/// Stops or starts the instance, and changes what EC2 changes only while it is stopped
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html>).
fn change_state(
    want: &InstanceModel,
    live: &InstanceModel,
    stop_protection: Covers,
    [typed, optimized, user_data]: [Covers; 3],
    out: &mut Diff<'_, InstanceOp>,
) {
    let stops = want.running == Setting::Set(false);
    let switched = out.setting("running", &want.running, Some(&live.running));
    // EC2 rejects StopInstances while stop protection is on.
    let protection = modify(InstanceAttribute::StopProtection(want.stop_protection == Setting::Set(true)));
    let protects = stops && want.stop_protection == Setting::Set(true);
    if protects && live.stop_protection == Setting::Set(true) {
        out.blocked(&switched, "stop protection is on; apply `stop_protection: false` first");
    }
    let (before, after) =
        if protects { (Covers::default(), stop_protection) } else { (stop_protection, Covers::default()) };
    out.step(Phase::Change, before, protection);
    if stops {
        out.interrupts(&switched, "the instance stops, and data on instance store volumes is lost");
        out.step(Phase::Change, switched.clone(), InstanceOp::StopInstances);
    }
    if !stops && live.running != Setting::Set(false) {
        for (covers, what) in [(&typed, "type"), (&optimized, "EBS optimization"), (&user_data, "user data")] {
            let why = format!(
                "EC2 changes the {what} of an instance only while it is stopped, which interrupts it: state `running: \
                 false` with this change and apply, then state `running: true` and apply again"
            );
            out.blocked(covers, &why);
        }
    } else {
        out.remark(&user_data, "by default, a script in user data runs only at the first boot");
        if let Some(instance_type) = want.instance_type.get() {
            out.step(Phase::Change, typed, modify(InstanceAttribute::InstanceType(instance_type)));
        }
        let optimize = InstanceAttribute::EbsOptimized(want.ebs_optimized == Setting::Set(true));
        out.step(Phase::Change, optimized, modify(optimize));
        out.step(Phase::Change, user_data, modify(InstanceAttribute::UserData(want.user_data.get())));
    }
    out.step(Phase::Change, after, modify(InstanceAttribute::StopProtection(true)));
    if !stops {
        out.step(Phase::Change, switched, InstanceOp::StartInstances);
    }
}

fn change_profile(want: &InstanceModel, live: &InstanceModel, covers: Covers, out: &mut Diff<'_, InstanceOp>) {
    let op = match want.profile.get() {
        Some(profile) if live.profile.is_set() => InstanceOp::ReplaceIamInstanceProfileAssociation { profile },
        Some(profile) => InstanceOp::AssociateIamInstanceProfile { profile },
        None => {
            out.remark(&covers, "programs on the instance lose the credentials of the profile");
            InstanceOp::DisassociateIamInstanceProfile
        }
    };
    out.step(Phase::Change, covers, op);
}

fn change_metadata(want: &InstanceModel, live: &InstanceModel, covers: Covers, out: &mut Diff<'_, InstanceOp>) {
    let (Some(want), live) = (want.metadata.value(), live.metadata.get().unwrap_or_default()) else { return };
    let options = want.over(&live);
    if options.endpoint == Setting::Set(false) {
        if want.endpoint != Setting::Set(false) {
            let why = "the metadata service of the instance is off, and EC2 then rejects its other options: state \
                       `endpoint: true` too";
            out.blocked(&covers, why);
        }
        out.remark(&covers, "programs on the instance lose the credentials of its profile");
    }
    out.step(Phase::Change, covers, InstanceOp::ModifyInstanceMetadataOptions { options });
}

/// Blocks what needs a new instance, and what regionctl does not change.
fn block_what_cannot_change(differences: &Differences, out: &mut Diff<'_, InstanceOp>) {
    let Differences { image, key_pair, subnet, public_address, volumes, .. } = differences;
    out.blocked(
        image,
        "the AMI of an instance cannot change: state its own AMI, or set the instance to `absent`, apply, and create it \
         again",
    );
    out.blocked(
        key_pair,
        "the key pair of an instance cannot change: edit its authorized_keys file, or set the instance to `absent`, \
         apply, and create it again",
    );
    out.blocked(
        subnet,
        "the subnet of an instance cannot change: state its own subnet, or set the instance to `absent`, apply, and \
         create it again",
    );
    out.blocked(
        public_address,
        "regionctl does not change the public address of an existing instance: associate an Elastic IP address, or change \
         it with `aws ec2 modify-network-interface-attribute --associate-public-ip-address`, and apply again",
    );
    out.blocked(
        &volumes.fixed,
        "regionctl does not change volumes: change size, type, IOPS and throughput with `aws ec2 modify-volume`, which \
         needs no stop, and apply again; encryption cannot change: replace the volume by an encrypted copy of its snapshot",
    );
    out.blocked(
        &volumes.missing,
        "regionctl creates volumes only with the instance: create this one with `aws ec2 create-volume`, attach it with \
         `aws ec2 attach-volume`, and apply again",
    );
}
