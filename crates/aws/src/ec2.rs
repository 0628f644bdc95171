// SPDX-License-Identifier: Apache-2.0
//! Helpers that the EC2 kinds share: tags, filters, and the ids of a VPC's route tables and subnets.

use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification, UnsuccessfulItem};
use regionctl_core::model::tags::Tags;

use crate::error::CallError;

/// The key of the tag that the EC2 console shows as a resource's name.
pub(crate) const NAME: &str = "Name";

/// Converts tags into EC2's SDK type.
pub(crate) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Returns the tag specification of a create call; `None` without tags, because EC2 rejects an empty one.
pub(crate) fn tag_specification(resource: ResourceType, tags: &Tags) -> Option<Vec<TagSpecification>> {
    let specification = || TagSpecification::builder().resource_type(resource).set_tags(Some(sdk_tags(tags))).build();
    (!tags.is_empty()).then(|| vec![specification()])
}

/// Adds the tag `Name` with the resource's name, unless the tags have a `Name`.
pub(crate) fn named(name: &str, mut tags: Tags) -> Tags {
    tags.entry(NAME.to_owned()).or_insert_with(|| name.to_owned());
    tags
}

/// Removes tags of a resource by key, whatever their values
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html>).
pub(crate) async fn delete_tags(api: &Client, id: &str, keys: &[String]) -> Result<(), CallError> {
    let tags = keys.iter().map(|key| Tag::builder().key(key).build()).collect();
    api.delete_tags().resources(id).set_tags(Some(tags)).send().await?;
    Ok(())
}

/// Returns the value of the tag `Name`, or the id of a resource without that tag.
pub(crate) fn name_or(tags: &[Tag], id: Option<&str>) -> Option<String> {
    let name = tags.iter().find(|tag| tag.key() == Some(NAME)).and_then(Tag::value);
    name.or(id).map(ToOwned::to_owned)
}

/// Turns the name of a security group of the spec into a reference to its id. Returns ids and references unchanged.
pub(crate) fn security_group(text: String) -> String {
    if text.starts_with("sg-") || text.contains("${") { text } else { format!("${{ec2.security_group/{text}.id}}") }
}

/// Returns a filter for a Describe call.
pub(crate) fn filter(name: impl Into<String>, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// Reads the ids of a VPC's route tables, all pages
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html>).
pub(crate) async fn route_tables(api: &Client, vpc: &str) -> Result<BTreeSet<String>, CallError> {
    let of_vpc = filter("vpc-id", [vpc.to_owned()]);
    let mut tables = api.describe_route_tables().filters(of_vpc).into_paginator().items().send();
    let mut ids = BTreeSet::new();
    while let Some(table) = tables.next().await {
        ids.extend(table?.route_table_id);
    }
    Ok(ids)
}

/// Reads the ids of a VPC's subnets, all pages
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html>).
pub(crate) async fn subnets(api: &Client, vpc: &str) -> Result<BTreeSet<String>, CallError> {
    let of_vpc = filter("vpc-id", [vpc.to_owned()]);
    let mut subnets = api.describe_subnets().filters(of_vpc).into_paginator().items().send();
    let mut ids = BTreeSet::new();
    while let Some(subnet) = subnets.next().await {
        ids.extend(subnet?.subnet_id);
    }
    Ok(ids)
}

/// Checks the `unsuccessful` items of a response: some EC2 calls report failures per item in a response with HTTP
/// status 200 (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html>).
///
/// # Errors
/// The first failed item, with its error code.
pub(crate) fn successful(operation: &str, unsuccessful: &[UnsuccessfulItem]) -> Result<(), CallError> {
    let Some(item) = unsuccessful.first() else { return Ok(()) };
    let error = item.error();
    Err(CallError::of_item(
        format!("EC2 {operation}"),
        error.and_then(|error| error.code()).unwrap_or_default(),
        error.and_then(|error| error.message()).unwrap_or("EC2 returned no error message"),
    ))
}
