// SPDX-License-Identifier: Apache-2.0
//! `route53.private_zone`: a private hosted zone, associated with the region's VPC.
//!
//! Zone names are not unique. The spec's zone is the one associated with the VPC, or else the only one of this name;
//! more than one such zone is an error. Associations with other VPCs are kept.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{HostedZone, HostedZoneConfig, Tag, TagResourceType, Vpc as SdkVpc, VpcRegion};
use futures::future::{try_join, try_join_all};
use regionctl_core::diff::{Diff, Keyed, Mode, Phase};
use regionctl_core::digest::hex;
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::CallError;
use crate::live::{Live, read_concurrently};
use crate::tags::collect;

/// The kind `route53.private_zone`.
pub struct PrivateZone;

/// A Route 53 private hosted zone, associated with the region's VPC. The name is the domain name without trailing dot.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route53PrivateZone")]
pub struct ZoneSpec {
    /// The comment on the hosted zone, up to 256 characters. If omitted, not managed; `unset` removes it.
    #[serde(default)]
    comment: Setting<String>,
    /// Tags to set. Other tags on the hosted zone are kept.
    tags: Option<Tags>,
}

/// A hosted zone, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZoneModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    comment: Setting<String>,
    vpcs: Vec<ZoneVpc>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
}

/// A VPC that is associated with a hosted zone.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZoneVpc {
    id: String,
    region: String,
}

impl ZoneVpc {
    /// Returns references to the VPC that the spec selects.
    fn of_the_region() -> Self {
        Self { id: "${vpc.id}".to_owned(), region: "${vpc.region}".to_owned() }
    }

    fn sdk(&self) -> SdkVpc {
        SdkVpc::builder().vpc_id(&self.id).vpc_region(VpcRegion::from(self.region.as_str())).build()
    }
}

impl Keyed for ZoneVpc {
    fn key(&self) -> String {
        format!("{} in {}", self.id, self.region)
    }
}

/// A Route 53 API call that creates or changes a private hosted zone.
#[derive(Debug, Serialize, Deserialize)]
pub enum ZoneOp {
    /// Creates the zone with its first VPC: a private hosted zone needs one at creation
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html>).
    CreateHostedZone {
        /// The comment on the hosted zone, up to 256 characters; `None` for no comment.
        comment: Option<String>,
        /// The zone's first VPC: the one that the spec selects.
        vpc: ZoneVpc,
    },
    /// Associates another VPC with the zone; the other associations are kept
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_AssociateVPCWithHostedZone.html>).
    AssociateVPCWithHostedZone {
        /// The VPC that the spec selects.
        vpc: ZoneVpc,
    },
    /// Replaces or removes the comment on the hosted zone.
    UpdateHostedZoneComment {
        /// The spec's comment, up to 256 characters; `None` removes it.
        comment: Option<String>,
    },
    /// Adds or overwrites tags; other tags are kept.
    ChangeTagsForResource {
        /// The spec's tags.
        tags: Tags,
    },
}

impl Kind for PrivateZone {
    const FACTS: Facts = Facts {
        name: "route53.private_zone",
        service: "Route 53",
        summary: "A private hosted zone, associated with the region's VPC.",
        reads: &["ListHostedZonesByName", "GetHostedZone", "ListTagsForResource"],
        writes: &["CreateHostedZone", "AssociateVPCWithHostedZone", "UpdateHostedZoneComment", "ChangeTagsForResource"],
        attributes: &["id"],
        needs_vpc: true,
        inventory: &["ListHostedZonesByVPC"],
        weights: &[Weight {
            path: MISSING,
            when: When::Differs,
            severity: Severity::High,
            why: "names do not resolve",
        }],
        example: "
route53.private_zone:
  ${region}.dns:
    comment: names inside the region
",
        parts: &["tags"],
        ..Facts::DEFAULT
    };

    type Spec = ZoneSpec;
    type Model = ZoneModel;
    type Op = ZoneOp;

    fn check_name(name: &str) -> Result<(), String> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
        };
        if name.len() <= 255 && name.split('.').all(label) {
            return Ok(());
        }
        Err(format!(
            "'{name}' is not a valid zone name\nuse labels of 1 to 63 characters (a-z 0-9 - _), separated by dots, \
             without a trailing dot"
        ))
    }

    fn desire(_: &str, spec: ZoneSpec, notes: &mut Notes<'_>) -> ZoneModel {
        if spec.comment.is_set_and(|comment| comment.chars().count() > 256) {
            notes.fault("comment", "the comment has more than 256 characters", "shorten the comment");
        }
        tags::check(spec.tags.as_ref(), notes);
        // Route 53 has no empty comment: it returns a comment that was set to "" like one that was never set.
        let comment = match spec.comment {
            Setting::Set(comment) if comment.is_empty() => Setting::Unset,
            comment => comment,
        };
        let tags = Setting::stated(spec.tags);
        ZoneModel { comment, vpcs: vec![ZoneVpc::of_the_region()], tags }
    }

    fn remove(_: &ZoneModel, out: &mut Diff<'_, ZoneOp>) {
        out.never_removed("regionctl never deletes a hosted zone: delete its records and the zone in Route 53");
    }

    fn diff(want: &ZoneModel, live: Option<&ZoneModel>, out: &mut Diff<'_, ZoneOp>) {
        let ZoneModel { comment, vpcs, tags } = want;
        let commented = out.setting("comment", comment, live.map(|live| &live.comment));
        let mut missing = out.keyed("vpcs", vpcs, live.map_or(&[], |live| &live.vpcs), Mode::Additive).added;
        if live.is_none() && !missing.is_empty() {
            let (vpc, covers) = missing.remove(0);
            let covers = out.creation().and(commented).and(covers);
            out.step(Phase::Create, covers, ZoneOp::CreateHostedZone { comment: comment.get(), vpc });
        } else {
            out.step(Phase::Change, commented, ZoneOp::UpdateHostedZoneComment { comment: comment.get() });
        }
        for (vpc, covers) in missing {
            out.step(Phase::Widen, covers, ZoneOp::AssociateVPCWithHostedZone { vpc });
        }
        let tagged = out.stated_entries("tags", tags.value(), live.and_then(|live| live.tags.value()));
        out.step(Phase::Change, tagged, ZoneOp::ChangeTagsForResource { tags: tags.clone().unwrap_or_default() });
    }
}

impl Live for PrivateZone {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<ZoneModel>, CallError> {
        let vpc = scope.location.vpc.as_ref().map_or("", |vpc| &vpc.id);
        let reads = scope.names.iter().map(|(name, depth)| (name.clone(), read(api, vpc, name, depth)));
        Ok(read_concurrently(reads).await)
    }

    /// Lists the private hosted zones that are associated with the region's VPC
    /// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByVPC.html>).
    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let region = VpcRegion::from(location.region.as_str());
            let page = api.list_hosted_zones_by_vpc().vpc_id(&vpc.id).vpc_region(region).set_next_token(token);
            let page = page.send().await?;
            // Zones that an AWS service owns, such as those of interface endpoints, are managed by that service.
            let own = page
                .hosted_zone_summaries()
                .iter()
                .filter(|zone| zone.owner().is_none_or(|owner| owner.owning_service().is_none()));
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
                let id = create(api, target, comment, &vpc).await?;
                return Ok(Attributes::from([("id".to_owned(), id)]));
            }
            ZoneOp::AssociateVPCWithHostedZone { vpc } => {
                let made = api.associate_vpc_with_hosted_zone().hosted_zone_id(&id).vpc(vpc.sdk()).send().await;
                match made.map(|_| ()).map_err(CallError::from) {
                    Err(error) if error.is("ConflictingDomainExists") => {
                        already_associated(api, &id, &vpc, error).await?;
                    }
                    other => other?,
                }
            }
            ZoneOp::UpdateHostedZoneComment { comment } => {
                api.update_hosted_zone_comment().id(id).set_comment(comment).send().await?;
            }
            ZoneOp::ChangeTagsForResource { tags } => {
                let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
                api.change_tags_for_resource()
                    .resource_type(TagResourceType::Hostedzone)
                    .resource_id(id)
                    .set_add_tags(Some(tags.collect()))
                    .send()
                    .await?;
            }
        }
        Ok(Attributes::new())
    }
}

/// A random text of this process. Route 53 never accepts the caller reference of a deleted zone again, so the reference
/// of a zone must differ from that of an earlier one with the same name
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html>).
static NONCE: LazyLock<String> = LazyLock::new(|| {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
});

/// Creates the zone and returns its id. A retry in this process sends the same caller reference, so Route 53 does not
/// create a second zone.
async fn create(
    api: &Client,
    target: &StepTarget,
    comment: Option<String>,
    vpc: &ZoneVpc,
) -> Result<String, CallError> {
    // A digest, because a reference has at most 128 characters, and a zone's name may be longer.
    let identity = format!("{} {} {} {}", *NONCE, target.location.region, target.name, vpc.id);
    let reference = format!("regionctl-{}", hex(&Sha256::digest(identity)));
    let config = HostedZoneConfig::builder().set_comment(comment).private_zone(true).build();
    let made = api
        .create_hosted_zone()
        .name(&target.name)
        .caller_reference(reference)
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

/// Strips `/hostedzone/` from an id: responses contain it, requests do not.
fn bare(id: &str) -> String {
    id.trim_start_matches("/hostedzone/").to_owned()
}

/// Reads the private zone of this name. Route 53 sorts the answer by name and starts at `dns_name`, so the zones of
/// this name come first (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByName.html>).
async fn read(
    api: &Client,
    vpc: &str,
    name: &str,
    depth: &Depth,
) -> Result<Option<LiveResource<ZoneModel>>, CallError> {
    let answer = api.list_hosted_zones_by_name().dns_name(name).send().await?;
    let of_name = |zone: &&HostedZone| {
        zone.name().trim_end_matches('.') == name && zone.config().is_some_and(HostedZoneConfig::private_zone)
    };
    let ids = answer.hosted_zones().iter().filter(of_name).map(|zone| bare(zone.id()));
    let mut zones = try_join_all(ids.map(|id| details(api, id, depth))).await?;
    if zones.len() > 1 {
        let in_vpc = |(_, zone): &(String, ZoneModel)| zone.vpcs.iter().any(|associated| associated.id == vpc);
        let (associated, others): (Vec<_>, Vec<_>) = zones.into_iter().partition(in_vpc);
        zones = if associated.is_empty() { others } else { associated };
    }
    match zones.len() {
        0 | 1 => {
            let resource = |(id, zone)| LiveResource::new(name, zone, Attributes::from([("id".to_owned(), id)]));
            Ok(zones.pop().map(resource))
        }
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

async fn details(api: &Client, id: String, depth: &Depth) -> Result<(String, ZoneModel), CallError> {
    let zone = async { Ok::<_, CallError>(api.get_hosted_zone().id(&id).send().await?) };
    let (zone, tags) = try_join(zone, read_tags(api, &id, depth)).await?;
    let vpc = |vpc: &SdkVpc| ZoneVpc {
        id: vpc.vpc_id().unwrap_or_default().to_owned(),
        region: vpc.vpc_region().map(|region| region.as_str().to_owned()).unwrap_or_default(),
    };
    let mut vpcs: Vec<ZoneVpc> = zone.vpcs().iter().map(vpc).collect();
    vpcs.sort();
    let comment = zone.hosted_zone().and_then(HostedZone::config).and_then(HostedZoneConfig::comment);
    let comment = comment.filter(|comment| !comment.is_empty()).map(ToOwned::to_owned);
    let tags = if depth.reads("tags") { Setting::live(tags) } else { Setting::Unstated };
    Ok((id, ZoneModel { comment: Setting::live(comment), vpcs, tags }))
}

async fn read_tags(api: &Client, id: &str, depth: &Depth) -> Result<Option<Tags>, CallError> {
    if !depth.reads("tags") {
        return Ok(None);
    }
    let answer = api.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id).send().await?;
    let tags = answer.resource_tag_set().map(|set| collect(set.tags().iter().map(|tag| (tag.key(), tag.value()))));
    Ok(tags)
}
