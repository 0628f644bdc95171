//! `route53.private_zone`: a private hosted zone, associated with the region's VPC.
//!
//! Two zones may bear one name, so a zone is ours when it is associated with the VPC, or when it is
//! the only one; with several that are not, regionctl refuses to guess. Further associations stay.

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
use regionctl_core::resource::reference::Outputs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{CallError, done_if};
use crate::live::{Live, all_at_once};
use crate::tags::collect;

/// The kind `route53.private_zone`.
pub struct PrivateZone;

/// What a person writes of a private zone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route53PrivateZone")]
pub struct ZoneSpec {
    /// What it is for.
    comment: Option<String>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// A zone, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZoneModel {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    vpcs: Vec<ZoneVpc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

/// An association.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZoneVpc {
    id: String,
    region: String,
}

impl ZoneVpc {
    /// The VPC that the spec selects.
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

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum ZoneOp {
    /// A private zone is tied to a VPC from birth.
    CreateHostedZone {
        /// What it is for.
        comment: Option<String>,
        /// The VPC.
        vpc: ZoneVpc,
    },
    /// Ties it to a further VPC.
    AssociateVPCWithHostedZone {
        /// The VPC.
        vpc: ZoneVpc,
    },
    /// Sets the comment.
    UpdateHostedZoneComment {
        /// The new one.
        comment: String,
    },
    /// Adds or changes these; others stay.
    ChangeTagsForResource {
        /// The spec's.
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
        outputs: &["id"],
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
            "'{name}' is not a zone's name\nlower-case labels of up to 63 characters with dots between, none at the end"
        ))
    }

    fn desire(_: &str, spec: ZoneSpec, notes: &mut Notes<'_>) -> ZoneModel {
        if spec.comment.as_ref().is_some_and(|comment| comment.chars().count() > 256) {
            notes.fault("comment", "a zone's comment has 256 characters at most", "shorten it");
        }
        tags::check(spec.tags.as_ref(), notes);
        ZoneModel { comment: spec.comment, vpcs: vec![ZoneVpc::of_the_region()], tags: spec.tags }
    }

    fn remove(_: &ZoneModel, out: &mut Diff<'_, ZoneOp>) {
        out.never_removed("regionctl never deletes a zone; delete its records and then the zone by hand");
    }

    fn diff(want: &ZoneModel, live: Option<&ZoneModel>, out: &mut Diff<'_, ZoneOp>) {
        let ZoneModel { comment, vpcs, tags } = want;
        let commented = out.stated("comment", comment.as_ref(), live.and_then(|live| live.comment.as_ref()));
        let mut missing = out.keyed("vpcs", vpcs, live.map_or(&[], |live| &live.vpcs), Mode::Additive).added;
        if live.is_none() && !missing.is_empty() {
            let (vpc, covers) = missing.remove(0);
            let covers = out.birth().and(commented).and(covers);
            out.step(Phase::Create, covers, ZoneOp::CreateHostedZone { comment: comment.clone(), vpc });
        } else {
            let comment = comment.clone().unwrap_or_default();
            out.step(Phase::Change, commented, ZoneOp::UpdateHostedZoneComment { comment });
        }
        for (vpc, covers) in missing {
            out.step(Phase::Widen, covers, ZoneOp::AssociateVPCWithHostedZone { vpc });
        }
        let tagged = out.stated_entries("tags", tags.as_ref(), live.and_then(|live| live.tags.as_ref()));
        out.step(Phase::Change, tagged, ZoneOp::ChangeTagsForResource { tags: tags.clone().unwrap_or_default() });
    }
}

impl Live for PrivateZone {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<ZoneModel>, CallError> {
        let vpc = scope.location.vpc.as_ref().map_or("", |vpc| &vpc.id);
        let reads = scope.names.iter().map(|(name, depth)| (name.clone(), read(api, vpc, name, depth)));
        Ok(all_at_once(reads).await)
    }

    /// Those that resolve in the region's VPC.
    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let region = VpcRegion::from(location.region.as_str());
            let page = api.list_hosted_zones_by_vpc().vpc_id(&vpc.id).vpc_region(region).set_next_token(token);
            let page = page.send().await?;
            // A service's own zones (of an endpoint, say) are its business.
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

    async fn run(api: &Client, target: &StepTarget, op: ZoneOp) -> Result<Outputs, CallError> {
        let id = target.outputs.get("id").cloned().unwrap_or_default();
        match op {
            ZoneOp::CreateHostedZone { comment, vpc } => {
                // The same zone asked for again by a retry has the same reference, so no second one is made.
                // It takes 128 characters at most, and a name may have more.
                let identity = format!("{} {} {}", target.location.region, target.name, vpc.id);
                let reference = format!("regionctl-{}", hex(&Sha256::digest(identity)));
                let config = HostedZoneConfig::builder().set_comment(comment).private_zone(true).build();
                let made = api
                    .create_hosted_zone()
                    .name(&target.name)
                    .caller_reference(reference)
                    .hosted_zone_config(config)
                    .vpc(vpc.sdk())
                    .send()
                    .await?;
                let id = made.hosted_zone().map(|zone| bare(zone.id())).unwrap_or_default();
                return Ok(Outputs::from([("id".to_owned(), id)]));
            }
            ZoneOp::AssociateVPCWithHostedZone { vpc } => {
                let made = api.associate_vpc_with_hosted_zone().hosted_zone_id(id).vpc(vpc.sdk()).send().await;
                done_if(made.map(|_| ()).map_err(CallError::from), "ConflictingDomainExists")?;
            }
            ZoneOp::UpdateHostedZoneComment { comment } => {
                api.update_hosted_zone_comment().id(id).comment(comment).send().await?;
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
        Ok(Outputs::new())
    }
}

/// Ids come as `/hostedzone/Z…`, and requests take the part behind.
fn bare(id: &str) -> String {
    id.trim_start_matches("/hostedzone/").to_owned()
}

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
        let ours = |(_, zone): &(String, ZoneModel)| zone.vpcs.iter().any(|associated| associated.id == vpc);
        let (mine, others): (Vec<_>, Vec<_>) = zones.into_iter().partition(ours);
        zones = if mine.is_empty() { others } else { mine };
    }
    match zones.len() {
        0 | 1 => {
            let resource = |(id, zone)| LiveResource::new(name, zone, Outputs::from([("id".to_owned(), id)]));
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
            "there are {several} private zones {name}, and which of them is meant cannot be told: associate one of them with the region's VPC"
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
    Ok((id, ZoneModel { comment, vpcs, tags }))
}

async fn read_tags(api: &Client, id: &str, depth: &Depth) -> Result<Option<Tags>, CallError> {
    if !depth.reads("tags") {
        return Ok(None);
    }
    let answer = api.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id).send().await?;
    let tags = answer.resource_tag_set().map(|set| collect(set.tags().iter().map(|tag| (tag.key(), tag.value()))));
    Ok(tags)
}
