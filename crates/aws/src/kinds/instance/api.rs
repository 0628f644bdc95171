// SPDX-License-Identifier: Apache-2.0
//! Reads instances by `Name` tag, and sends the calls that create, change and terminate them.
//! AWS's rules for a launch: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, HttpTokensState, IamInstanceProfileSpecification,
    Instance as SdkInstance, InstanceMetadataOptionsRequest, InstanceStateName, InstanceType, ResourceType, VolumeType,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::try_join_all;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Status, StepTarget, Verdict};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;

use super::{Creation, ImageSpec, Instance, InstanceModel, InstanceOp};
use crate::ec2::{NAME, filter, name_or, sdk_tags, tag_specification};
use crate::error::{CallError, if_found};
use crate::live::Live;
use crate::preflight::{check_of, rehearsed};
use crate::tags::{self, collect};

/// The states of an instance that exists: all but `shutting-down` and `terminated`. EC2 still returns an instance for
/// some time after its termination
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
const EXISTING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// EC2's maximum number of values in a filter
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
const MAX_FILTER_VALUES: usize = 200;

impl Live for Instance {
    type Api = (Client, aws_sdk_ssm::Client);

    async fn observe((api, _): &Self::Api, scope: &Scope) -> Result<Observation<InstanceModel>, CallError> {
        let names: Vec<String> = scope.names.keys().cloned().collect();
        let batches =
            names.chunks(MAX_FILTER_VALUES).map(|names| describe(api, by_name_tag(names.to_vec()), &EXISTING));
        let instances = try_join_all(batches).await?.concat();
        let mut found = Observation::default();
        for name in scope.names.keys() {
            let of_name: Vec<&SdkInstance> =
                instances.iter().filter(|instance| name_of(instance) == Some(name)).collect();
            match of_name.as_slice() {
                [] => {}
                [only] => {
                    let id = only.instance_id().unwrap_or_default().to_owned();
                    let attributes = Attributes::from([("id".to_owned(), id)]);
                    found.resources.push(LiveResource::new(name, model(only), attributes));
                }
                several => found.gaps.push((name.clone(), ambiguous(name, several.len()))),
            }
        }
        Ok(found)
    }

    async fn list((api, _): &Self::Api, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let instances = describe(api, filter("vpc-id", [vpc.id.clone()]), &EXISTING).await?;
        Ok(instances.iter().filter_map(|instance| name_or(instance.tags(), instance.instance_id())).collect())
    }

    async fn run((api, parameters): &Self::Api, target: &StepTarget, op: InstanceOp) -> Result<Attributes, CallError> {
        let id = target.attributes.get("id").cloned().unwrap_or_default();
        match op {
            InstanceOp::RunInstances { instance_type, key_pair, security_groups, subnet, profile, creation, tags } => {
                let subnet = Some(subnet_or_own(api, subnet, &target.location).await?);
                let launch =
                    Launch { instance_type, key_pair, security_groups, subnet, profile, creation: *creation, tags };
                // The SDK adds a random client token, and repeats it in its own retries. A token that is derived from the
                // name would return: EC2 rejects the token of a terminated instance and of another request
                // (IdempotentInstanceTerminated, IdempotentParameterMismatch).
                let made = launch.request(api, parameters).await?.send().await?;
                let id = made.instances().first().and_then(SdkInstance::instance_id).unwrap_or_default();
                return Ok(Attributes::from([("id".to_owned(), id.to_owned())]));
            }
            InstanceOp::StartInstances => {
                api.start_instances().instance_ids(id).send().await?;
            }
            InstanceOp::StopInstances => {
                api.stop_instances().instance_ids(id).send().await?;
            }
            InstanceOp::ModifyInstanceAttribute { security_groups } => {
                let groups = Some(security_groups.into_iter().collect());
                api.modify_instance_attribute().instance_id(id).set_groups(groups).send().await?;
            }
            InstanceOp::CreateTags { tags } => {
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            InstanceOp::DeleteTags { keys } => {
                let tag = |key: String| aws_sdk_ec2::types::Tag::builder().key(key).build();
                let tags: Vec<_> = keys.into_iter().map(tag).collect();
                api.delete_tags().resources(id).set_tags(Some(tags)).send().await?;
            }
            InstanceOp::TerminateInstances => {
                api.terminate_instances().instance_ids(id).send().await?;
            }
        }
        Ok(Attributes::new())
    }

    /// Checks that the region offers the instance type, and that a dry run of RunInstances succeeds.
    async fn preflight(
        (api, parameters): &Self::Api,
        location: &Location,
        steps: Vec<(String, InstanceOp)>,
    ) -> Vec<Check> {
        let mut checks = Vec::new();
        for (name, op) in steps {
            let InstanceOp::RunInstances { instance_type, security_groups, subnet, profile, creation, tags, .. } = op
            else {
                continue;
            };
            checks.push(type_available(api, &instance_type, location).await);
            // A group that this apply creates has no id yet, so the dry run leaves it out.
            let known = |id: &String| !id.contains("${");
            let security_groups = security_groups.map(|groups| groups.into_iter().filter(known).collect());
            let name = format!("dry run of RunInstances for {name}");
            let request = async {
                let subnet = Some(subnet_or_own(api, subnet, location).await?);
                let creation = *creation;
                let key_pair = None;
                let launch = Launch { instance_type, key_pair, security_groups, subnet, profile, creation, tags };
                launch.request(api, parameters).await
            };
            checks.push(match request.await {
                Ok(request) => rehearsed(&name, request.dry_run(true).send().await.map_err(CallError::from)),
                Err(error) => Check::new(name, Verdict::CouldNotCheck, error.0.to_string()),
            });
        }
        checks
    }

    /// Reads the instance by its id. EC2 is eventually consistent: a new instance may not be found yet
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/query-api-troubleshooting.html>).
    async fn status((api, _): &Self::Api, target: &StepTarget) -> Result<Status, CallError> {
        let instances = match target.attributes.get("id") {
            Some(id) => {
                let found = api.describe_instances().instance_ids(id).send().await.map_err(CallError::from);
                let Some(found) = if_found(found)? else { return Ok(Status::InProgress("pending".to_owned())) };
                found
                    .reservations
                    .unwrap_or_default()
                    .into_iter()
                    .flat_map(|it| it.instances.unwrap_or_default())
                    .collect()
            }
            None => describe(api, by_name_tag([target.name.clone()]), &EXISTING).await?,
        };
        let Some(instance) = instances.first() else { return Ok(Status::InProgress("pending".to_owned())) };
        Ok(match state_of(instance) {
            Some(InstanceStateName::Running | InstanceStateName::Stopped) => Status::Ready,
            Some(InstanceStateName::ShuttingDown | InstanceStateName::Terminated) => {
                let reason = instance.state_reason().and_then(|reason| reason.message()).unwrap_or("no reason");
                Status::Failed(format!("EC2 terminated the instance: {reason}"))
            }
            state => Status::InProgress(state.map_or("pending", InstanceStateName::as_str).to_owned()),
        })
    }
}

/// The settings of a RunInstances request.
struct Launch {
    instance_type: String,
    key_pair: Option<String>,
    security_groups: Option<BTreeSet<String>>,
    subnet: Option<String>,
    profile: Option<String>,
    creation: Creation,
    tags: Tags,
}

impl Launch {
    async fn request(
        self,
        api: &Client,
        parameters: &aws_sdk_ssm::Client,
    ) -> Result<RunInstancesFluentBuilder, CallError> {
        let Creation { image, volume_gib, user_data } = self.creation;
        let image = image_id(parameters, image).await?;
        let profile = self.profile.map(|name| IamInstanceProfileSpecification::builder().name(name).build());
        let imds_v2 = InstanceMetadataOptionsRequest::builder().http_tokens(HttpTokensState::Required).build();
        let volumes = match volume_gib {
            Some(size) => Some(vec![root_volume(api, &image, size).await?]),
            None => None,
        };
        // EC2 takes user data base64-encoded, and the SDK does not encode it.
        Ok(api
            .run_instances()
            .image_id(image)
            .instance_type(InstanceType::from(self.instance_type.as_str()))
            .min_count(1)
            .max_count(1)
            .set_key_name(self.key_pair)
            .set_security_group_ids(self.security_groups.map(|groups| groups.into_iter().collect()))
            .set_subnet_id(self.subnet)
            .set_iam_instance_profile(profile)
            .metadata_options(imds_v2)
            .set_block_device_mappings(volumes)
            .set_user_data(user_data.as_ref().map(Secret::reveal).map(|data| BASE64_STANDARD.encode(data)))
            .set_tag_specifications(tag_specification(ResourceType::Instance, &self.tags)))
    }
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

/// Filters for instances whose `Name` tag is one of `names`.
fn by_name_tag(names: impl IntoIterator<Item = String>) -> Filter {
    filter(format!("tag:{NAME}"), names)
}

async fn describe(api: &Client, which: Filter, states: &[&str]) -> Result<Vec<SdkInstance>, CallError> {
    let mut pages = api
        .describe_instances()
        .filters(which)
        .filters(filter("instance-state-name", states.iter().map(ToString::to_string)))
        .into_paginator()
        .send();
    let mut instances = Vec::new();
    while let Some(page) = pages.next().await {
        let reservations = page?.reservations.unwrap_or_default();
        instances.extend(reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()));
    }
    Ok(instances)
}

fn name_of(instance: &SdkInstance) -> Option<&str> {
    instance.tags().iter().find(|tag| tag.key() == Some(NAME)).and_then(|tag| tag.value())
}

fn state_of(instance: &SdkInstance) -> Option<&InstanceStateName> {
    instance.state().and_then(|state| state.name())
}

fn ambiguous(name: &str, several: usize) -> Failure {
    Failure::new(
        FailureClass::Invalid,
        "EC2 DescribeInstances",
        format!("{several} instances have the Name tag '{name}'; expected one: rename or terminate the others"),
    )
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
async fn image_id(parameters: &aws_sdk_ssm::Client, image: ImageSpec) -> Result<String, CallError> {
    match image {
        ImageSpec::Id(id) => Ok(id),
        ImageSpec::Ssm(path) => {
            let answer = parameters.get_parameter().name(path).send().await?;
            Ok(answer.parameter().and_then(|parameter| parameter.value()).unwrap_or_default().to_owned())
        }
    }
}

/// Returns an encrypted gp3 root volume of this size, under the AMI's root device name: under another
/// name, EC2 would attach a second volume
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>).
async fn root_volume(api: &Client, image: &str, size: i32) -> Result<BlockDeviceMapping, CallError> {
    let images = api.describe_images().image_ids(image).send().await?;
    let device = images.images().first().and_then(|image| image.root_device_name()).unwrap_or("/dev/xvda").to_owned();
    let volume = EbsBlockDevice::builder().volume_size(size).volume_type(VolumeType::Gp3).encrypted(true).build();
    Ok(BlockDeviceMapping::builder().device_name(device).ebs(volume).build())
}

fn model(instance: &SdkInstance) -> InstanceModel {
    let state = state_of(instance);
    let transitional = matches!(state, Some(InstanceStateName::Pending | InstanceStateName::Stopping));
    InstanceModel {
        instance_type: instance.instance_type().map(|it| it.as_str().to_owned()).unwrap_or_default(),
        security_groups: Setting::Set(
            instance.security_groups().iter().filter_map(|group| group.group_id().map(ToOwned::to_owned)).collect(),
        ),
        tags: tags::live(collect(instance.tags().iter().map(|tag| (tag.key(), tag.value())))),
        // A stopping instance counts as stopped: StartInstances is retried until EC2 accepts it.
        running: Setting::Set(!matches!(state, Some(InstanceStateName::Stopped | InstanceStateName::Stopping))),
        subnet: Setting::live(instance.subnet_id().map(ToOwned::to_owned)),
        profile: Setting::live(instance.iam_instance_profile().and_then(|it| it.arn()).map(profile_name)),
        creation: None,
        key_pair: Setting::live(instance.key_name().map(ToOwned::to_owned)),
        state: state.filter(|_| transitional).map(|state| state.as_str().to_owned()),
    }
}

/// Returns the name in an instance profile's ARN, after its path.
fn profile_name(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}
