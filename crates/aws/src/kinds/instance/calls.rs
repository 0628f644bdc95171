// SPDX-License-Identifier: Apache-2.0
//! The calls that change an attribute, the metadata options or the profile of an instance.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, EbsInstanceBlockDeviceSpecification, HttpTokensState,
    IamInstanceProfileAssociation, IamInstanceProfileSpecification, InstanceBlockDeviceMappingSpecification,
    InstanceMetadataEndpointState, InstanceMetadataProtocolState, InstanceMetadataTagsState, SecureBlobAttributeValue,
};
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::resource::secret::Secret;

use super::InstanceAttribute;
use super::api::by_id;
use super::launch::enabled;
use super::model::Metadata;
use super::sdk::profile_name;
use crate::ec2::filter;
use crate::error::CallError;

/// Changes one attribute.
pub(super) async fn modify(api: &Client, id: String, attribute: InstanceAttribute) -> Result<(), CallError> {
    let request = api.modify_instance_attribute().instance_id(&id);
    let switch = |on: bool| AttributeBooleanValue::builder().value(on).build();
    let text = |text: String| AttributeValue::builder().value(text).build();
    let request = match attribute {
        InstanceAttribute::SecurityGroups(groups) => request.set_groups(Some(groups.into_iter().collect())),
        InstanceAttribute::SourceDestCheck(on) => request.source_dest_check(switch(on)),
        InstanceAttribute::TerminationProtection(on) => request.disable_api_termination(switch(on)),
        InstanceAttribute::StopProtection(on) => request.disable_api_stop(switch(on)),
        InstanceAttribute::ShutdownBehavior(behavior) => request.instance_initiated_shutdown_behavior(text(behavior)),
        InstanceAttribute::DeleteOnTermination { device, delete } => {
            let device = match device {
                Some(device) => Some(device),
                None => by_id(api, &id).await?.first().and_then(|it| it.root_device_name().map(ToOwned::to_owned)),
            };
            let volume = EbsInstanceBlockDeviceSpecification::builder().delete_on_termination(delete).build();
            let mapping = InstanceBlockDeviceMappingSpecification::builder().set_device_name(device).ebs(volume);
            request.block_device_mappings(mapping.build())
        }
        InstanceAttribute::InstanceType(instance_type) => request.instance_type(text(instance_type)),
        InstanceAttribute::EbsOptimized(on) => request.ebs_optimized(switch(on)),
        InstanceAttribute::UserData(data) => {
            let data = Blob::new(data.as_ref().map_or("", Secret::reveal));
            request.user_data(SecureBlobAttributeValue::builder().value(data).build())
        }
    };
    request.send().await?;
    Ok(())
}

/// Sets the options of the metadata service. EC2 rejects the other options while the endpoint is off.
pub(super) async fn metadata(api: &Client, id: String, options: &Metadata) -> Result<(), CallError> {
    let Metadata { tokens, hop_limit, ipv6, tags, endpoint } = options;
    let tokens = tokens.value().map(|tokens| HttpTokensState::from(tokens.as_str()));
    api.modify_instance_metadata_options()
        .instance_id(id)
        .set_http_tokens(tokens)
        .set_http_put_response_hop_limit(hop_limit.get())
        .set_http_protocol_ipv6(ipv6.get().map(|on| InstanceMetadataProtocolState::from(enabled(on))))
        .set_instance_metadata_tags(tags.get().map(|on| InstanceMetadataTagsState::from(enabled(on))))
        .set_http_endpoint(endpoint.get().map(|on| InstanceMetadataEndpointState::from(enabled(on))))
        .send()
        .await?;
    Ok(())
}

fn by_name(profile: &str) -> IamInstanceProfileSpecification {
    IamInstanceProfileSpecification::builder().name(profile).build()
}

/// Sets the profile of an instance that has none. An earlier try may have set it.
pub(super) async fn associate(api: &Client, id: &str, profile: &str) -> Result<(), CallError> {
    let request = api.associate_iam_instance_profile().instance_id(id).iam_instance_profile(by_name(profile));
    match request.send().await.map_err(CallError::from) {
        // The instance has a profile.
        Err(error) if error.is("IncorrectState") => {
            let current = association(api, id).await?;
            current.filter(|current| is_of(current, profile)).map(|_| ()).ok_or(error)
        }
        result => result.map(|_| ()),
    }
}

/// Replaces the profile. An earlier try may have done it.
pub(super) async fn replace(api: &Client, id: &str, profile: &str) -> Result<(), CallError> {
    let Some(current) = association(api, id).await? else {
        let message = "the instance no longer has a profile; plan again";
        let call = "EC2 ReplaceIamInstanceProfileAssociation";
        return Err(CallError(Failure::new(FailureClass::Invalid, call, message)));
    };
    if !is_of(&current, profile) {
        let request = api.replace_iam_instance_profile_association().iam_instance_profile(by_name(profile));
        request.set_association_id(current.association_id).send().await?;
    }
    Ok(())
}

/// Removes the profile, if there is one.
pub(super) async fn disassociate(api: &Client, id: &str) -> Result<(), CallError> {
    if let Some(current) = association(api, id).await? {
        api.disassociate_iam_instance_profile().set_association_id(current.association_id).send().await?;
    }
    Ok(())
}

/// Reads the current profile association of an instance.
async fn association(api: &Client, id: &str) -> Result<Option<IamInstanceProfileAssociation>, CallError> {
    let of_instance = filter("instance-id", [id.to_owned()]);
    let current = filter("state", ["associating".to_owned(), "associated".to_owned()]);
    let request = api.describe_iam_instance_profile_associations().filters(of_instance).filters(current);
    Ok(request.send().await?.iam_instance_profile_associations.unwrap_or_default().into_iter().next())
}

fn is_of(association: &IamInstanceProfileAssociation, profile: &str) -> bool {
    let arn = association.iam_instance_profile().and_then(|it| it.arn()).unwrap_or_default();
    profile_name(arn) == profile
}
