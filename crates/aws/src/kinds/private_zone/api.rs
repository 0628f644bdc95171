// SPDX-License-Identifier: Apache-2.0
//! Finds and reads hosted zones, and runs the calls that change them.

use std::collections::BTreeMap;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{
    HostedZone, HostedZoneConfig, ResourceTagSet, Tag, TagResourceType, Vpc as SdkVpc, VpcRegion,
};
use futures::future::{try_join_all, try_join4};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Depth, Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::model::{Vpcs, ZoneModel};
use super::{PrivateZone, ZoneOp, ZoneVpc, record_sets};
use crate::error::{CallError, done_if};
use crate::live::{Live, read_concurrently};
use crate::once;
use crate::tags::{self, collect};

/// The most tags to add, and to remove, in one call
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html>).
const TAGS_PER_CALL: usize = 10;

impl ZoneVpc {
    fn sdk(&self) -> SdkVpc {
        SdkVpc::builder().vpc_id(&self.id).vpc_region(VpcRegion::from(self.region.as_str())).build()
    }
}

/// Returns the VPC of a step; `None` is the VPC that the spec selects.
fn vpc_of(vpc: Option<ZoneVpc>, location: &Location) -> ZoneVpc {
    vpc.unwrap_or_else(|| ZoneVpc {
        id: location.vpc.as_ref().map(|vpc| vpc.id.clone()).unwrap_or_default(),
        region: location.region.clone(),
    })
}

impl Live for PrivateZone {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<ZoneModel>, CallError> {
        let vpc = scope.location.vpc.as_ref().map_or("", |vpc| &vpc.id);
        let reads = scope.names.iter().map(|(name, depth)| (name.clone(), read(api, vpc, name, depth)));
        Ok(read_concurrently(reads).await)
    }

    /// Lists this account's private hosted zones that are associated with the region's VPC
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByVPC.html>).
    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let region = VpcRegion::from(location.region.as_str());
            let page = api.list_hosted_zones_by_vpc().vpc_id(&vpc.id).vpc_region(region).set_next_token(token);
            let page = page.send().await?;
            // Zones that an AWS service owns, such as those of interface endpoints, are managed by that service, and
            // zones of other accounts by these accounts.
            let is_own = |account: Option<&str>, service: Option<&str>| {
                service.is_none() && account.is_none_or(|account| account == location.account)
            };
            let own = page
                .hosted_zone_summaries()
                .iter()
                .filter(|zone| zone.owner().is_none_or(|owner| is_own(owner.owning_account(), owner.owning_service())));
            names.extend(own.map(|zone| zone.name().trim_end_matches('.').to_owned()));
            token = page.next_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    async fn run(api: &Client, target: &StepTarget, op: ZoneOp) -> Result<Attributes, CallError> {
        let id = target.attributes.get("id").cloned().unwrap_or_default();
        match op {
            ZoneOp::CreateHostedZone { comment, vpc } => {
                let id = create(api, target, comment, &vpc_of(vpc, &target.location)).await?;
                return Ok(Attributes::from([("id".to_owned(), id)]));
            }
            ZoneOp::AssociateVPCWithHostedZone { vpc } => {
                let vpc = vpc_of(vpc, &target.location);
                let made = api.associate_vpc_with_hosted_zone().hosted_zone_id(&id).vpc(vpc.sdk()).send().await;
                match made.map(|_| ()).map_err(CallError::from) {
                    Err(error) if error.is("ConflictingDomainExists") => {
                        already_associated(api, &id, &vpc, error).await?;
                    }
                    other => other?,
                }
            }
            ZoneOp::DisassociateVPCFromHostedZone { vpc } => {
                let vpc = vpc_of(vpc, &target.location);
                let call = api.disassociate_vpc_from_hosted_zone().hosted_zone_id(&id).vpc(vpc.sdk());
                done_if(call.send().await.map(|_| ()).map_err(CallError::from), "VPCAssociationNotFound")?;
            }
            ZoneOp::CreateVPCAssociationAuthorization { vpc } => {
                api.create_vpc_association_authorization().hosted_zone_id(&id).vpc(vpc.sdk()).send().await?;
            }
            ZoneOp::DeleteVPCAssociationAuthorization { vpc } => {
                let call = api.delete_vpc_association_authorization().hosted_zone_id(&id).vpc(vpc.sdk());
                let gone = call.send().await.map(|_| ()).map_err(CallError::from);
                done_if(gone, "VPCAssociationAuthorizationNotFound")?;
            }
            ZoneOp::UpdateHostedZoneComment { comment } => {
                api.update_hosted_zone_comment().id(id).set_comment(comment).send().await?;
            }
            ZoneOp::ChangeResourceRecordSets { upsert, delete } => {
                record_sets::change(api, &id, upsert, delete).await?;
            }
            ZoneOp::ChangeTagsForResource { tags, keys } => change_tags(api, &id, tags, keys).await?,
        }
        Ok(Attributes::new())
    }
}

/// Creates the zone and returns its id. A retry in this process sends the same caller reference, so Route 53 does not
/// create a second zone.
async fn create(
    api: &Client,
    target: &StepTarget,
    comment: Option<String>,
    vpc: &ZoneVpc,
) -> Result<String, CallError> {
    // Route 53 never accepts the caller reference of a deleted zone again.
    let reference = once::token(&format!("{} {} {}", target.location.region, target.name, vpc.id));
    let config = HostedZoneConfig::builder().set_comment(comment).private_zone(true).build();
    let made = api
        .create_hosted_zone()
        .name(&target.name)
        .caller_reference(format!("regionctl-{reference}"))
        .hosted_zone_config(config)
        .vpc(vpc.sdk())
        .send()
        .await;
    match made.map_err(CallError::from) {
        Ok(made) => Ok(made.hosted_zone().map(|zone| bare(zone.id())).unwrap_or_default()),
        // The answer of an earlier try was lost.
        Err(error) if error.is("HostedZoneAlreadyExists") => {
            let found = read(api, &vpc.id, &target.name, &Depth::existence()).await?;
            found.and_then(|zone| zone.attributes.get("id").cloned()).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// Returns whether the zone is associated with the VPC. ConflictingDomainExists also means that another zone of this
/// name is (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_AssociateVPCWithHostedZone.html>).
///
/// # Errors
/// Another zone is associated with the VPC.
async fn already_associated(api: &Client, id: &str, vpc: &ZoneVpc, mut error: CallError) -> Result<(), CallError> {
    let zone = api.get_hosted_zone().id(id).send().await?;
    if zone.vpcs().iter().any(|associated| associated.vpc_id() == Some(&vpc.id)) {
        return Ok(());
    }
    error.0.message = format!(
        "{}; another hosted zone with this name or a domain above or below it is associated with {}: remove that \
         association first",
        error.0.message, vpc.id
    );
    Err(error)
}

async fn change_tags(api: &Client, id: &str, tags: Tags, keys: Vec<String>) -> Result<(), CallError> {
    let add = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect::<Vec<_>>();
    let (mut add, mut remove) = (add.chunks(TAGS_PER_CALL), keys.chunks(TAGS_PER_CALL));
    loop {
        let (add, remove) = (add.next(), remove.next());
        if add.is_none() && remove.is_none() {
            return Ok(());
        }
        api.change_tags_for_resource()
            .resource_type(TagResourceType::Hostedzone)
            .resource_id(id)
            .set_add_tags(add.map(<[Tag]>::to_vec))
            .set_remove_tag_keys(remove.map(<[String]>::to_vec))
            .send()
            .await?;
    }
}

/// Strips `/hostedzone/` from an id: responses contain it, requests do not.
fn bare(id: &str) -> String {
    id.trim_start_matches("/hostedzone/").to_owned()
}

/// Returns the ids of the private zones of this name. Route 53 sorts the answer by name and starts at `dns_name`, so the
/// zones of this name come first (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByName.html>).
async fn find(api: &Client, name: &str) -> Result<Vec<String>, CallError> {
    let has_name = |found: &str| found.trim_end_matches('.') == name;
    let is_private = |zone: &HostedZone| zone.config().is_some_and(HostedZoneConfig::private_zone);
    let mut ids = Vec::new();
    let mut next = None;
    loop {
        let page = api.list_hosted_zones_by_name().dns_name(name).set_hosted_zone_id(next).send().await?;
        let of_name = page.hosted_zones().iter().filter(|zone| has_name(zone.name()) && is_private(zone));
        ids.extend(of_name.map(|zone| bare(zone.id())));
        if !page.is_truncated() || !page.next_dns_name().is_some_and(has_name) {
            return Ok(ids);
        }
        next = page.next_hosted_zone_id;
    }
}

/// Reads the private zone of this name.
async fn read(
    api: &Client,
    vpc: &str,
    name: &str,
    depth: &Depth,
) -> Result<Option<LiveResource<ZoneModel>>, CallError> {
    let ids = find(api, name).await?;
    let mut zones = try_join_all(ids.into_iter().map(|id| details(api, vpc, name, id, depth))).await?;
    if zones.len() > 1 {
        let in_vpc = |zone: &LiveResource<ZoneModel>| zone.model.region_vpc.is_set_and(|is| *is);
        let (associated, others): (Vec<_>, Vec<_>) = zones.into_iter().partition(in_vpc);
        zones = if associated.is_empty() { others } else { associated };
    }
    match zones.len() {
        0 | 1 => Ok(zones.pop()),
        several => Err(ambiguous(name, several)),
    }
}

fn ambiguous(name: &str, several: usize) -> CallError {
    CallError(Failure::new(
        FailureClass::Invalid,
        "Route 53 ListHostedZonesByName",
        format!(
            "{several} private hosted zones match '{name}'; expected one: associate exactly one of them with the \
             region's VPC"
        ),
    ))
}

/// Reads one zone. Its parts are read concurrently.
async fn details(
    api: &Client,
    vpc: &str,
    name: &str,
    id: String,
    depth: &Depth,
) -> Result<LiveResource<ZoneModel>, CallError> {
    let zone = async { Ok::<_, CallError>(api.get_hosted_zone().id(&id).send().await?) };
    let authorized = async {
        if !depth.reads("authorized_vpcs") {
            return Ok(Setting::Unstated);
        }
        authorizations(api, &id).await.map(Setting::Set)
    };
    let records = async {
        if !depth.reads("records") {
            return Ok((Setting::Unstated, BTreeMap::new()));
        }
        let (records, unsupported) = record_sets::read(api, &id).await?;
        Ok((Setting::Set(records), unsupported))
    };
    let read = try_join4(zone, read_tags(api, &id, depth), authorized, records);
    let (zone, tags, authorized_vpcs, (records, unsupported)) = Box::pin(read).await?;
    let mut vpcs = zone.vpcs().iter().map(vpc_entry).collect::<Result<Vpcs, _>>()?;
    let region_vpc = Setting::Set(vpcs.remove(vpc).is_some());
    let hosted = zone.hosted_zone();
    let comment = hosted.and_then(HostedZone::config).and_then(HostedZoneConfig::comment);
    let comment = comment.filter(|comment| !comment.is_empty()).map(ToOwned::to_owned);
    let mut extras: Vec<Extra> =
        unsupported.iter().map(|(key, why)| Extra::kept(format!("records[{key}]"), why.as_str())).collect();
    let service = hosted.and_then(HostedZone::linked_service);
    extras.extend(service.map(|it| Extra::kept("linked_service", it.service_principal().unwrap_or_default())));
    let model = ZoneModel {
        comment: Setting::live(comment),
        region_vpc,
        vpcs: Setting::Set(vpcs),
        authorized_vpcs,
        records,
        tags,
        unsupported,
        own_vpc: Some(vpc.to_owned()).filter(|vpc| !vpc.is_empty()),
    };
    Ok(LiveResource::new(name, model, Attributes::from([("id".to_owned(), id)])).with_extras(extras))
}

/// Returns a VPC's ID and region.
///
/// # Errors
/// One of them is missing.
fn vpc_entry(vpc: &SdkVpc) -> Result<(String, Setting<String>), CallError> {
    let unknown = || CallError::unknown("Route 53 GetHostedZone", "a VPC without ID or region", "");
    let (id, region) = vpc.vpc_id().zip(vpc.vpc_region()).ok_or_else(unknown)?;
    Ok((id.to_owned(), Setting::Set(region.as_str().to_owned())))
}

async fn authorizations(api: &Client, id: &str) -> Result<Vpcs, CallError> {
    let mut vpcs = Vpcs::new();
    let mut token = None;
    loop {
        let page = api.list_vpc_association_authorizations().hosted_zone_id(id).set_next_token(token).send().await?;
        for vpc in page.vpcs() {
            vpcs.extend([vpc_entry(vpc)?]);
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(vpcs);
        }
    }
}

async fn read_tags(api: &Client, id: &str, depth: &Depth) -> Result<Setting<tags::TagSettings>, CallError> {
    if !depth.reads("tags") {
        return Ok(Setting::Unstated);
    }
    let answer = api.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id).send().await?;
    let set = answer.resource_tag_set().map(ResourceTagSet::tags).unwrap_or_default();
    Ok(tags::live(collect(set.iter().map(|tag| (tag.key(), tag.value())))))
}
