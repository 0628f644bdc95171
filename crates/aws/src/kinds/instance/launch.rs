// SPDX-License-Identifier: Apache-2.0
//! The RunInstances request, and the checks before it. AWS's rules for a launch:
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>.

use std::cmp::Reverse;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceMetadataProtocolState,
    InstanceMetadataTagsState, InstanceNetworkInterfaceSpecification, InstanceType, ResourceType,
    RunInstancesMonitoringEnabled, ShutdownBehavior, VolumeType,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Verdict};
use regionctl_core::resource::setting::Setting;

use super::InstanceOp;
use super::model::{InstanceModel, Metadata, Volume};
use super::spec::ImageSpec;
use crate::ec2::{filter, tag_specification};
use crate::error::CallError;
use crate::preflight::{check_of, rehearsed};

/// Builds the request that launches an instance.
pub(super) async fn request(
    api: &Client,
    parameters: &aws_sdk_ssm::Client,
    location: &Location,
    settings: InstanceModel,
    tags: &Tags,
) -> Result<RunInstancesFluentBuilder, CallError> {
    let subnet = subnet_or_own(api, settings.subnet.get(), location).await?;
    let image = image_id(parameters, settings.image.get()).await?;
    let profile = settings.profile.get().map(|name| IamInstanceProfileSpecification::builder().name(name).build());
    let volumes = volumes(api, &image, &settings).await?;
    let monitoring = settings.monitoring.get().map(|on| RunInstancesMonitoringEnabled::builder().enabled(on).build());
    let shutdown = settings.shutdown_behavior.value().map(|behavior| ShutdownBehavior::from(behavior.as_str()));
    // EC2 takes user data base64-encoded, and the SDK does not encode it.
    let user_data = settings.user_data.value().map(|data| BASE64_STANDARD.encode(data.reveal()));
    let groups = settings.security_groups.get().map(|groups| groups.into_iter().collect());
    let request = api
        .run_instances()
        .image_id(image)
        .set_instance_type(settings.instance_type.value().map(|it| InstanceType::from(it.as_str())))
        .min_count(1)
        .max_count(1)
        .set_key_name(settings.key_pair.get())
        .set_iam_instance_profile(profile)
        .metadata_options(launch_options(&settings.metadata.unwrap_or_default()))
        .set_block_device_mappings(volumes)
        .set_user_data(user_data)
        .set_monitoring(monitoring)
        .set_ebs_optimized(settings.ebs_optimized.get())
        .set_disable_api_termination(settings.termination_protection.get())
        .set_disable_api_stop(settings.stop_protection.get())
        .set_instance_initiated_shutdown_behavior(shutdown)
        .set_tag_specifications(tag_specification(ResourceType::Instance, tags));
    // A public address is a setting of the network interface, which then also has the subnet and the groups.
    Ok(match settings.public_address.get() {
        None => request.subnet_id(subnet).set_security_group_ids(groups),
        Some(public) => {
            let interface = InstanceNetworkInterfaceSpecification::builder().device_index(0).subnet_id(subnet);
            request.network_interfaces(interface.associate_public_ip_address(public).set_groups(groups).build())
        }
    })
}

/// Returns the options of a new instance, which requires IMDSv2 unless the spec says otherwise.
fn launch_options(want: &Metadata) -> InstanceMetadataOptionsRequest {
    let Metadata { tokens, hop_limit, ipv6, tags, endpoint } = want;
    let request = InstanceMetadataOptionsRequest::builder();
    if *endpoint == Setting::Set(false) {
        return request.http_endpoint(InstanceMetadataEndpointState::Disabled).build();
    }
    let tokens = tokens.value().map_or(HttpTokensState::Required, |tokens| HttpTokensState::from(tokens.as_str()));
    request
        .http_tokens(tokens)
        .set_http_put_response_hop_limit(hop_limit.get())
        .set_http_protocol_ipv6(ipv6.get().map(|on| InstanceMetadataProtocolState::from(enabled(on))))
        .set_instance_metadata_tags(tags.get().map(|on| InstanceMetadataTagsState::from(enabled(on))))
        .set_http_endpoint(endpoint.get().map(|on| InstanceMetadataEndpointState::from(enabled(on))))
        .build()
}

/// Returns EC2's word for a switch.
pub(super) fn enabled(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}

/// Returns the subnet, by default the one of the spec's VPC with the most free addresses. Without a subnet, EC2 would
/// launch into the default VPC (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>).
async fn subnet_or_own(api: &Client, subnet: Option<String>, location: &Location) -> Result<String, CallError> {
    if let Some(subnet) = subnet {
        return Ok(subnet);
    }
    let vpc = location.vpc.as_ref().map(|vpc| vpc.id.clone()).unwrap_or_default();
    let of_vpc = filter("vpc-id", [vpc.clone()]);
    let mut pages = api.describe_subnets().filters(of_vpc).into_paginator().items().send();
    let mut best: Option<(i32, Reverse<String>)> = None;
    while let Some(subnet) = pages.next().await {
        let subnet = subnet?;
        let free = subnet.available_ip_address_count().unwrap_or_default();
        best = best.max(subnet.subnet_id.map(|id| (free, Reverse(id))));
    }
    best.map(|(_, Reverse(id))| id).ok_or_else(|| {
        let message = format!("{vpc} has no subnet; create one, or state `subnet`");
        CallError(Failure::new(FailureClass::Invalid, "EC2 DescribeSubnets", message))
    })
}

/// Returns the AMI id, which can be the value of an SSM parameter
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>).
async fn image_id(parameters: &aws_sdk_ssm::Client, image: Option<ImageSpec>) -> Result<String, CallError> {
    match image {
        Some(ImageSpec::Id(id)) => Ok(id),
        Some(ImageSpec::Ssm(path)) => {
            let answer = parameters.get_parameter().name(path).send().await?;
            Ok(answer.parameter().and_then(|parameter| parameter.value()).unwrap_or_default().to_owned())
        }
        None => Ok(String::new()),
    }
}

/// Returns the volumes that the spec states. The root volume has the AMI's root device name: under another name, EC2
/// would attach a second volume
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>).
async fn volumes(
    api: &Client,
    image: &str,
    settings: &InstanceModel,
) -> Result<Option<Vec<BlockDeviceMapping>>, CallError> {
    let mut mappings = Vec::new();
    if let Some(root) = settings.root_volume.value() {
        let images = api.describe_images().image_ids(image).send().await?;
        let device = images.images().first().and_then(|image| image.root_device_name()).unwrap_or("/dev/xvda");
        mappings.push(mapping(device, root));
    }
    mappings.extend(settings.volumes.value().into_iter().flatten().map(|(device, volume)| mapping(device, volume)));
    Ok(Some(mappings).filter(|mappings| !mappings.is_empty()))
}

/// Returns a new volume: an encrypted gp3 volume, unless the spec says otherwise.
fn mapping(device: &str, want: &Volume) -> BlockDeviceMapping {
    let Volume { size_gib, volume_type, iops, throughput, encrypted, kms_key, delete_on_termination } = want;
    let volume_type = volume_type.value().map_or(VolumeType::Gp3, |it| VolumeType::from(it.as_str()));
    let volume = EbsBlockDevice::builder()
        .set_volume_size(size_gib.get())
        .volume_type(volume_type)
        .set_iops(iops.get())
        .set_throughput(throughput.get())
        .encrypted(encrypted.get().unwrap_or(true))
        .set_kms_key_id(kms_key.get())
        .set_delete_on_termination(Some(delete_on_termination.get().unwrap_or(true)))
        .build();
    BlockDeviceMapping::builder().device_name(device).ebs(volume).build()
}

/// Checks that the region offers the instance types, and that dry runs of RunInstances succeed.
pub(super) async fn preflight(
    api: &Client,
    parameters: &aws_sdk_ssm::Client,
    location: &Location,
    steps: Vec<(String, InstanceOp)>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, op) in steps {
        let InstanceOp::RunInstances { settings, tags } = op else { continue };
        let mut settings = *settings;
        checks.push(type_available(api, settings.instance_type.value().map_or("", String::as_str), location).await);
        // A group or key pair that this apply creates does not exist yet, so the dry run leaves it out.
        let known = |id: &String| !id.contains("${");
        settings.security_groups = settings.security_groups.map(|groups| groups.into_iter().filter(known).collect());
        settings.key_pair = Setting::Unstated;
        let name = format!("dry run of RunInstances for {name}");
        checks.push(match request(api, parameters, location, settings, &tags).await {
            Ok(request) => rehearsed(&name, request.dry_run(true).send().await.map_err(CallError::from)),
            Err(error) => Check::new(name, Verdict::CouldNotCheck, error.0.to_string()),
        });
    }
    checks
}

/// Checks that the region offers the instance type
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html>).
async fn type_available(api: &Client, instance_type: &str, location: &Location) -> Check {
    let by_type = filter("instance-type", [instance_type.to_owned()]);
    let offers = api.describe_instance_type_offerings().filters(by_type).send().await.map_err(CallError::from);
    let result = offers.map(|offers| match offers.instance_type_offerings() {
        [] => (Verdict::Failed, format!("{instance_type} is not available in {}", location.region)),
        _ => (Verdict::Passed, format!("available in {}", location.region)),
    });
    check_of(&format!("instance type {instance_type} is available"), result)
}
