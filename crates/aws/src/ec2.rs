//! What the kinds of EC2 share: tags, filters, and the parts of a VPC that a spec may mean as a whole.

use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification, UnsuccessfulItem};
use regionctl_core::model::tags::Tags;

use crate::error::CallError;

/// The tag that consoles show as a resource's name.
pub(crate) const NAME: &str = "Name";

/// Tags as EC2 takes them.
pub(crate) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags for something that is being made; none at all is `None`.
pub(crate) fn tag_specification(resource: ResourceType, tags: &Tags) -> Option<Vec<TagSpecification>> {
    let specification = || TagSpecification::builder().resource_type(resource).set_tags(Some(sdk_tags(tags))).build();
    (!tags.is_empty()).then(|| vec![specification()])
}

/// Tags with the resource's name among them, unless they say another.
pub(crate) fn named(name: &str, mut tags: Tags) -> Tags {
    tags.entry(NAME.to_owned()).or_insert_with(|| name.to_owned());
    tags
}

/// The name of something that bears it as a tag; its id where it bears none.
pub(crate) fn name_or(tags: &[Tag], id: Option<&str>) -> Option<String> {
    let name = tags.iter().find(|tag| tag.key() == Some(NAME)).and_then(Tag::value);
    name.or(id).map(ToOwned::to_owned)
}

/// What a spec says of a security group: the name of one of its own, or the id of somebody else's.
pub(crate) fn security_group(said: String) -> String {
    if said.starts_with("sg-") || said.contains("${") { said } else { format!("${{ec2.security_group/{said}.id}}") }
}

/// A filter of a Describe call.
pub(crate) fn filter(name: impl Into<String>, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// The ids of a VPC's route tables.
pub(crate) async fn route_tables(api: &Client, vpc: &str) -> Result<BTreeSet<String>, CallError> {
    let of_vpc = filter("vpc-id", [vpc.to_owned()]);
    let mut tables = api.describe_route_tables().filters(of_vpc).into_paginator().items().send();
    let mut ids = BTreeSet::new();
    while let Some(table) = tables.next().await {
        ids.extend(table?.route_table_id);
    }
    Ok(ids)
}

/// The ids of a VPC's subnets.
pub(crate) async fn subnets(api: &Client, vpc: &str) -> Result<BTreeSet<String>, CallError> {
    let of_vpc = filter("vpc-id", [vpc.to_owned()]);
    let mut subnets = api.describe_subnets().filters(of_vpc).into_paginator().items().send();
    let mut ids = BTreeSet::new();
    while let Some(subnet) = subnets.next().await {
        ids.extend(subnet?.subnet_id);
    }
    Ok(ids)
}

/// Some calls of EC2 fail inside an answer of HTTP 200, item by item.
///
/// # Errors
/// The first item that failed, with its code.
pub(crate) fn successful(operation: &str, unsuccessful: &[UnsuccessfulItem]) -> Result<(), CallError> {
    let Some(item) = unsuccessful.first() else { return Ok(()) };
    let error = item.error();
    Err(CallError::of_item(
        format!("EC2 {operation}"),
        error.and_then(|error| error.code()).unwrap_or_default(),
        error.and_then(|error| error.message()).unwrap_or("it failed without an explanation"),
    ))
}
