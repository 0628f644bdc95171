// SPDX-License-Identifier: Apache-2.0
//! Converts EC2's answers into a model and its extras. A value that is missing or unknown is an error, never "not set".

#![allow(clippy::redundant_closure_for_method_calls)] // the SDK's types would hide what is read

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    HttpTokensState, Instance as SdkInstance, InstanceMetadataEndpointState, InstanceMetadataOptionsResponse,
    InstanceMetadataProtocolState, InstanceMetadataTagsState, InstanceStateName, MonitoringState, Volume as SdkVolume,
};
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;

use super::model::{InstanceModel, Metadata, OPTIONAL, Volume, has_iops};
use super::spec::ImageSpec;
use crate::answer::live_text;
use crate::error::CallError;
use crate::tags::{self, collect};

const INSTANCES: &str = "EC2 DescribeInstances";
const VOLUMES: &str = "EC2 DescribeVolumes";

/// What calls of their own return about an instance. Unstated: not read.
#[derive(Default)]
pub(super) struct Parts {
    /// The volumes by id; `None` if they were not read.
    pub(super) volumes: Option<BTreeMap<String, SdkVolume>>,
    pub(super) user_data: Setting<Secret>,
    pub(super) termination_protection: Setting<bool>,
    pub(super) stop_protection: Setting<bool>,
    pub(super) shutdown_behavior: Setting<String>,
}

pub(super) fn state_of(instance: &SdkInstance) -> Option<&InstanceStateName> {
    instance.state().and_then(|state| state.name())
}

/// Converts an instance.
///
/// # Errors
/// EC2 left out a value that every instance has, or returned one that this version does not know.
pub(super) fn model(instance: &SdkInstance, parts: Parts) -> Result<InstanceModel, CallError> {
    let unknown = |what: &str| CallError::unknown(INSTANCES, what, "");
    let state = state_of(instance).ok_or_else(|| unknown("the instance state"))?;
    let transitional = matches!(state, InstanceStateName::Pending | InstanceStateName::Stopping);
    // A stopping instance counts as stopped: StartInstances is retried until EC2 accepts it.
    let running = !matches!(state, InstanceStateName::Stopped | InstanceStateName::Stopping);
    let image = instance.image_id().ok_or_else(|| unknown("the image"))?;
    let instance_type = instance.instance_type().ok_or_else(|| unknown("the instance type"))?;
    let groups = instance.security_groups().iter().filter_map(|group| group.group_id().map(ToOwned::to_owned));
    let (root_volume, volumes) = volumes(instance, parts.volumes.as_ref())?;
    Ok(InstanceModel {
        image: Setting::Set(ImageSpec::Id(image.to_owned())),
        instance_type: Setting::Set(instance_type.as_str().to_owned()),
        key_pair: live_text(instance.key_name()),
        security_groups: Setting::Set(groups.collect()),
        subnet: live_text(instance.subnet_id()),
        profile: Setting::live(instance.iam_instance_profile().and_then(|it| it.arn()).map(profile_name)),
        running: Setting::Set(running),
        public_address: match instance.public_ip_address() {
            None | Some("") if !running => Setting::Unstated,
            address => Setting::Set(address.is_some_and(|address| !address.is_empty())),
        },
        source_dest_check: Setting::Set(instance.source_dest_check().unwrap_or(true)),
        metadata: Setting::Set(metadata(instance.metadata_options())?),
        monitoring: Setting::Set(monitored(instance)?),
        ebs_optimized: Setting::Set(instance.ebs_optimized().unwrap_or(false)),
        termination_protection: parts.termination_protection,
        stop_protection: parts.stop_protection,
        shutdown_behavior: parts.shutdown_behavior,
        root_volume,
        volumes,
        user_data: parts.user_data,
        tags: tags::live(collect(instance.tags().iter().map(|tag| (tag.key(), tag.value())))),
        state: Some(state).filter(|_| transitional).map(|state| state.as_str().to_owned()),
    })
}

/// Returns the name in an instance profile's ARN, after its path.
pub(super) fn profile_name(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

fn monitored(instance: &SdkInstance) -> Result<bool, CallError> {
    match instance.monitoring().and_then(|monitoring| monitoring.state()) {
        Some(MonitoringState::Enabled | MonitoringState::Pending) => Ok(true),
        Some(MonitoringState::Disabled | MonitoringState::Disabling) | None => Ok(false),
        Some(other) => Err(CallError::unknown(INSTANCES, "the monitoring state", other.as_str())),
    }
}

/// Converts the options of the metadata service. A missing option has EC2's default
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsResponse.html>).
fn metadata(options: Option<&InstanceMetadataOptionsResponse>) -> Result<Metadata, CallError> {
    let unknown = |what: &str, value: &str| CallError::unknown(INSTANCES, what, value);
    let endpoint = match options.and_then(|options| options.http_endpoint()) {
        Some(InstanceMetadataEndpointState::Enabled) | None => true,
        Some(InstanceMetadataEndpointState::Disabled) => false,
        Some(other) => return Err(unknown("the metadata endpoint", other.as_str())),
    };
    if !endpoint {
        return Ok(Metadata { endpoint: Setting::Set(false), ..Metadata::default() });
    }
    let tokens = match options.and_then(|options| options.http_tokens()) {
        Some(HttpTokensState::Optional) | None => OPTIONAL,
        Some(HttpTokensState::Required) => "required",
        Some(other) => return Err(unknown("the metadata tokens", other.as_str())),
    };
    let ipv6 = match options.and_then(|options| options.http_protocol_ipv6()) {
        Some(InstanceMetadataProtocolState::Enabled) => true,
        Some(InstanceMetadataProtocolState::Disabled) | None => false,
        Some(other) => return Err(unknown("the metadata protocol", other.as_str())),
    };
    let tags = match options.and_then(|options| options.instance_metadata_tags()) {
        Some(InstanceMetadataTagsState::Enabled) => true,
        Some(InstanceMetadataTagsState::Disabled) | None => false,
        Some(other) => return Err(unknown("the metadata tags", other.as_str())),
    };
    Ok(Metadata {
        tokens: Setting::Set(tokens.to_owned()),
        hop_limit: Setting::Set(options.and_then(|options| options.http_put_response_hop_limit()).unwrap_or(1)),
        ipv6: Setting::Set(ipv6),
        tags: Setting::Set(tags),
        endpoint: Setting::Set(true),
    })
}

type Volumes = (Setting<Volume>, Setting<BTreeMap<String, Volume>>);

/// Converts the EBS volumes of an instance, the root volume apart from the others.
fn volumes(instance: &SdkInstance, read: Option<&BTreeMap<String, SdkVolume>>) -> Result<Volumes, CallError> {
    let Some(read) = read else { return Ok((Setting::Unstated, Setting::Unstated)) };
    let (mut root, mut others) = (Setting::Unset, BTreeMap::new());
    for mapping in instance.block_device_mappings() {
        let Some(ebs) = mapping.ebs() else { continue };
        let id = ebs.volume_id().unwrap_or_default();
        let found = read.get(id).ok_or_else(|| CallError::unknown(VOLUMES, "nothing for the volume", id))?;
        let volume = volume(found, ebs.delete_on_termination().unwrap_or(false))?;
        if mapping.device_name() == instance.root_device_name() {
            root = Setting::Set(volume);
        } else {
            others.insert(mapping.device_name().unwrap_or_default().to_owned(), volume);
        }
    }
    Ok((root, Setting::Set(others)))
}

fn volume(volume: &SdkVolume, delete_on_termination: bool) -> Result<Volume, CallError> {
    let id = volume.volume_id().unwrap_or_default();
    let size = volume.size().ok_or_else(|| CallError::unknown(VOLUMES, "no size for the volume", id))?;
    let volume_type = volume.volume_type().ok_or_else(|| CallError::unknown(VOLUMES, "no type for the volume", id))?;
    let encrypted = volume.encrypted().unwrap_or(false);
    Ok(Volume {
        size_gib: Setting::Set(size),
        volume_type: Setting::Set(volume_type.as_str().to_owned()),
        iops: Setting::live(volume.iops().filter(|_| has_iops(volume_type.as_str()))),
        throughput: Setting::live(volume.throughput().filter(|_| volume_type.as_str() == "gp3")),
        encrypted: Setting::Set(encrypted),
        kms_key: live_text(volume.kms_key_id().filter(|_| encrypted)),
        delete_on_termination: Setting::Set(delete_on_termination),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_option_of_the_metadata_service_has_its_default_and_an_unknown_one_is_an_error() {
        let options = InstanceMetadataOptionsResponse::builder;
        let default = metadata(None).unwrap();
        assert_eq!(default.tokens, Setting::Set("optional".to_owned()));
        assert_eq!((default.hop_limit, default.endpoint), (Setting::Set(1), Setting::Set(true)));
        let off = metadata(Some(&options().http_endpoint(InstanceMetadataEndpointState::Disabled).build())).unwrap();
        assert_eq!(off, Metadata { endpoint: Setting::Set(false), ..Metadata::default() });
        let error = metadata(Some(&options().http_tokens(HttpTokensState::from("sometimes")).build())).unwrap_err();
        assert!(error.0.message.contains("sometimes"), "{}", error.0);
    }

    #[test]
    fn a_profile_name_has_no_path() {
        assert_eq!(profile_name("arn:aws:iam::1:instance-profile/team/dev"), "dev");
    }
}
