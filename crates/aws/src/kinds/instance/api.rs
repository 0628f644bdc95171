// SPDX-License-Identifier: Apache-2.0
//! Reads instances by `Name` tag, and sends the calls that create, change and terminate them.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::describe_instance_attribute::DescribeInstanceAttributeOutput;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, Instance as SdkInstance, InstanceAttributeName, InstanceStateName,
    Volume as SdkVolume,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::{OptionFuture, try_join_all};
use futures::try_join;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Status, StepTarget};
use regionctl_core::observe::scope::{Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::secret::Secret;
use regionctl_core::resource::setting::Setting;

use super::calls::{self, associate, disassociate, modify, replace};
use super::extras::extras;
use super::model::InstanceModel;
use super::sdk::{Parts, model, state_of};
use super::{Instance, InstanceOp, launch};
use crate::ec2::{NAME, delete_tags, filter, name_or, sdk_tags};
use crate::error::{CallError, if_found};
use crate::live::{Live, read_concurrently};

/// The states of an instance that exists: all but `shutting-down` and `terminated`. EC2 still returns an instance for
/// some time after its termination
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
const EXISTING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// EC2's maximum number of values in a filter
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
const MAX_FILTER_VALUES: usize = 200;

impl Live for Instance {
    type Api = (Client, aws_sdk_ssm::Client);

    /// Reads instances and their volumes in bulk. Each attribute that only DescribeInstanceAttribute returns needs a call
    /// per instance.
    async fn observe((api, _): &Self::Api, scope: &Scope) -> Result<Observation<InstanceModel>, CallError> {
        let names: Vec<String> = scope.names.keys().cloned().collect();
        let batches =
            names.chunks(MAX_FILTER_VALUES).map(|names| describe(api, by_name_tag(names.to_vec()), &EXISTING));
        let instances = try_join_all(batches).await?.concat();
        let mut by_name: BTreeMap<&str, Vec<&SdkInstance>> = BTreeMap::new();
        for (name, instance) in instances.iter().filter_map(|instance| Some((name_of(instance)?, instance))) {
            by_name.entry(name).or_default().push(instance);
        }
        by_name.retain(|name, _| scope.names.contains_key(*name));
        let with_volumes = |name: &str| scope.reads(name, "root_volume") || scope.reads(name, "volumes");
        let ids = by_name.iter().filter(|(name, _)| with_volumes(name)).flat_map(|(_, instances)| instances);
        let ids: Vec<String> = ids.filter_map(|it| it.instance_id().map(ToOwned::to_owned)).collect();
        let volumes = try_join_all(ids.chunks(MAX_FILTER_VALUES).map(|ids| volumes_of(api, ids))).await?.concat();
        let volumes: BTreeMap<String, SdkVolume> =
            volumes.into_iter().filter_map(|volume| Some((volume.volume_id.clone()?, volume))).collect();
        let reads = by_name.into_iter().map(|(name, instances)| {
            let volumes = with_volumes(name).then_some(&volumes);
            (name.to_owned(), async move {
                let [instance] = instances.as_slice() else { return Err(ambiguous(name, instances.len())) };
                Box::pin(read(api, scope, name, instance, volumes)).await.map(Some)
            })
        });
        Ok(read_concurrently(reads).await)
    }

    async fn list((api, _): &Self::Api, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let instances = describe(api, filter("vpc-id", [vpc.id.clone()]), &EXISTING).await?;
        Ok(instances.iter().filter_map(|instance| name_or(instance.tags(), instance.instance_id())).collect())
    }

    async fn run((api, parameters): &Self::Api, target: &StepTarget, op: InstanceOp) -> Result<Attributes, CallError> {
        let id = target.attributes.get("id").cloned().unwrap_or_default();
        match op {
            InstanceOp::RunInstances { settings, tags } => {
                // The SDK adds a random client token, and repeats it in its own retries. A token that is derived from the
                // name would return: EC2 rejects the token of a terminated instance and of another request
                // (IdempotentInstanceTerminated, IdempotentParameterMismatch).
                let request = launch::request(api, parameters, &target.location, *settings, &tags).await?;
                let made = request.send().await?;
                let id = made.instances().first().and_then(SdkInstance::instance_id).unwrap_or_default();
                return Ok(Attributes::from([("id".to_owned(), id.to_owned())]));
            }
            InstanceOp::StartInstances => {
                api.start_instances().instance_ids(id).send().await?;
            }
            InstanceOp::StopInstances => {
                api.stop_instances().instance_ids(id).send().await?;
            }
            InstanceOp::ModifyInstanceAttribute(attribute) => modify(api, id, attribute).await?,
            InstanceOp::ModifyInstanceMetadataOptions { options } => calls::metadata(api, id, &options).await?,
            InstanceOp::MonitorInstances => {
                api.monitor_instances().instance_ids(id).send().await?;
            }
            InstanceOp::UnmonitorInstances => {
                api.unmonitor_instances().instance_ids(id).send().await?;
            }
            InstanceOp::AssociateIamInstanceProfile { profile } => associate(api, &id, &profile).await?,
            InstanceOp::ReplaceIamInstanceProfileAssociation { profile } => replace(api, &id, &profile).await?,
            InstanceOp::DisassociateIamInstanceProfile => disassociate(api, &id).await?,
            InstanceOp::CreateTags { tags } => {
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            InstanceOp::DeleteTags { keys } => delete_tags(api, &id, &keys).await?,
            InstanceOp::TerminateInstances => {
                api.terminate_instances().instance_ids(id).send().await?;
            }
        }
        Ok(Attributes::new())
    }

    async fn preflight(
        (api, parameters): &Self::Api,
        location: &Location,
        steps: Vec<(String, InstanceOp)>,
    ) -> Vec<Check> {
        launch::preflight(api, parameters, location, steps).await
    }

    /// Reads the instance by its id. EC2 is eventually consistent: a new instance may not be found yet
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/query-api-troubleshooting.html>).
    async fn status((api, _): &Self::Api, target: &StepTarget) -> Result<Status, CallError> {
        let instances = match target.attributes.get("id") {
            Some(id) => match if_found(by_id(api, id).await)? {
                Some(instances) => instances,
                None => return Ok(Status::InProgress("pending".to_owned())),
            },
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

/// Reads the attributes of an instance that need calls of their own, concurrently, and converts it.
async fn read(
    api: &Client,
    scope: &Scope,
    name: &str,
    instance: &SdkInstance,
    volumes: Option<&BTreeMap<String, SdkVolume>>,
) -> Result<LiveResource<InstanceModel>, CallError> {
    let id = instance.instance_id().unwrap_or_default();
    let asked = |field: &str, attribute: InstanceAttributeName| {
        let read = scope.reads(name, field).then(|| read_attribute(api, id, attribute));
        async { OptionFuture::from(read).await.transpose() }
    };
    let (user_data, termination, stop, shutdown) = try_join!(
        asked("user_data", InstanceAttributeName::UserData),
        asked("termination_protection", InstanceAttributeName::DisableApiTermination),
        asked("stop_protection", InstanceAttributeName::DisableApiStop),
        asked("shutdown_behavior", InstanceAttributeName::InstanceInitiatedShutdownBehavior),
    )?;
    let mut extras = extras(instance);
    let user_data = match user_data {
        Some(answer) => user_data_of(&answer, &mut extras)?,
        None => Setting::Unstated,
    };
    let switch = |answer: Option<DescribeInstanceAttributeOutput>,
                  value: fn(&DescribeInstanceAttributeOutput) -> Option<bool>| {
        answer.map_or(Ok(Setting::Unstated), |answer| value(&answer).map(Setting::Set).ok_or_else(|| missing(id)))
    };
    let parts = Parts {
        volumes: volumes.cloned(),
        user_data,
        termination_protection: switch(termination, |answer| {
            answer.disable_api_termination().and_then(AttributeBooleanValue::value)
        })?,
        stop_protection: switch(stop, |answer| answer.disable_api_stop().and_then(AttributeBooleanValue::value))?,
        shutdown_behavior: match shutdown {
            Some(answer) => {
                let value = answer.instance_initiated_shutdown_behavior().and_then(|it| it.value());
                Setting::Set(value.ok_or_else(|| missing(id))?.to_owned())
            }
            None => Setting::Unstated,
        },
    };
    let attributes = Attributes::from([("id".to_owned(), id.to_owned())]);
    Ok(LiveResource::new(name, model(instance, parts)?, attributes).with_extras(extras))
}

async fn read_attribute(
    api: &Client,
    id: &str,
    attribute: InstanceAttributeName,
) -> Result<DescribeInstanceAttributeOutput, CallError> {
    Ok(api.describe_instance_attribute().instance_id(id).attribute(attribute).send().await?)
}

fn missing(id: &str) -> CallError {
    CallError::unknown("EC2 DescribeInstanceAttribute", "no value of the attribute of", id)
}

/// Converts user data. A spec states text only: other user data, such as a compressed file, is an extra.
fn user_data_of(
    answer: &DescribeInstanceAttributeOutput,
    extras: &mut Vec<Extra>,
) -> Result<Setting<Secret>, CallError> {
    let Some(encoded) = answer.user_data().and_then(|it| it.value()).filter(|data| !data.is_empty()) else {
        return Ok(Setting::Unset);
    };
    let unknown = |_| CallError::unknown("EC2 DescribeInstanceAttribute", "user data that is not base64", "");
    let bytes = BASE64_STANDARD.decode(encoded).map_err(unknown)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Setting::Set(Secret::new(text)),
        Err(binary) => {
            extras.push(Extra::kept("user_data", format!("{} bytes that are not text", binary.as_bytes().len())));
            Setting::Unstated
        }
    })
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

/// Reads an instance by its id.
pub(super) async fn by_id(api: &Client, id: &str) -> Result<Vec<SdkInstance>, CallError> {
    let found = api.describe_instances().instance_ids(id).send().await?;
    let reservations = found.reservations.unwrap_or_default().into_iter();
    Ok(reservations.flat_map(|it| it.instances.unwrap_or_default()).collect())
}

/// Reads the volumes that are attached to instances, all pages.
async fn volumes_of(api: &Client, ids: &[String]) -> Result<Vec<SdkVolume>, CallError> {
    let attached = filter("attachment.instance-id", ids.iter().cloned());
    let mut items = api.describe_volumes().filters(attached).into_paginator().items().send();
    let mut volumes = Vec::new();
    while let Some(volume) = items.next().await {
        volumes.push(volume?);
    }
    Ok(volumes)
}

fn name_of(instance: &SdkInstance) -> Option<&str> {
    instance.tags().iter().find(|tag| tag.key() == Some(NAME)).and_then(|tag| tag.value())
}

fn ambiguous(name: &str, several: usize) -> CallError {
    CallError(Failure::new(
        FailureClass::Invalid,
        "EC2 DescribeInstances",
        format!("{several} instances have the Name tag '{name}'; expected one: rename or terminate the others"),
    ))
}
