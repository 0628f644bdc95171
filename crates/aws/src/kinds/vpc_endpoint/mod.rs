//! `ec2.vpc_endpoint`: a gateway endpoint of the region's VPC, one a service.
//!
//! Interface endpoints are another thing (network interfaces, subnets, DNS) and not of this kind.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{ResourceType, State, VpcEndpoint as SdkEndpoint, VpcEndpointType};
use futures::future::try_join;
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::policy::{Policy, PolicySpec};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Status, StepTarget};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::answer::live_policy;
use crate::ec2::{filter, named, route_tables, sdk_tags, tag_specification};
use crate::error::CallError;
use crate::live::{Live, observation_of};
use crate::tags::collect;

/// The kind `ec2.vpc_endpoint`.
pub struct VpcEndpoint;

/// What a person writes of a gateway endpoint; its name is the service's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2VpcEndpoint")]
pub struct EndpointSpec {
    /// `all` of the VPC's route tables, or their ids. All where it is left out.
    #[serde(default)]
    route_tables: RouteTables,
    /// What may be done through it. Where it is left out it is not managed; `unset` lets everything through, as AWS
    /// does with a new one.
    #[serde(default)]
    policy: Setting<PolicySpec>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// Which route tables send the service's traffic through the endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RouteTables {
    /// Every one that the VPC has.
    #[default]
    #[serde(serialize_with = "all")]
    All,
    /// These, and no others.
    These(BTreeSet<String>),
}

fn all<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(ALL)
}

const ALL: &str = "all";

impl<'de> Deserialize<'de> for RouteTables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "`all`, or a list of route tables' ids")]
        enum Either {
            Word(String),
            List(BTreeSet<String>),
        }
        match Either::deserialize(deserializer)? {
            Either::List(ids) => Ok(Self::These(ids)),
            Either::Word(word) if word == ALL => Ok(Self::All),
            Either::Word(word) => Err(serde::de::Error::custom(format!(
                "'{word}' is neither `all` nor a list of route tables' ids\none looks like [rtb-0123456789abcdef0]"
            ))),
        }
    }
}

impl JsonSchema for RouteTables {
    fn schema_name() -> Cow<'static, str> {
        "RouteTables".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "all" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// An endpoint, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndpointModel {
    route_tables: RouteTables,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    policy: Setting<Policy>,
    tags: Tags,
    /// The service's own word while it is on its way; only live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// The route tables of the VPC; only live.
    of_vpc: BTreeSet<String>,
}

impl EndpointModel {
    /// The ids of the route tables that a live endpoint is in.
    fn routed(&self) -> &BTreeSet<String> {
        match &self.route_tables {
            RouteTables::All => &self.of_vpc,
            RouteTables::These(ids) => ids,
        }
    }

    /// A live endpoint's route tables in the form of the spec's: all of the VPC's are all of them, however listed.
    fn routed_as(&self, want: &RouteTables) -> RouteTables {
        match want {
            RouteTables::All if self.of_vpc.is_subset(self.routed()) => RouteTables::All,
            _ => RouteTables::These(self.routed().clone()),
        }
    }
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum EndpointOp {
    /// With all it has.
    CreateVpcEndpoint {
        /// Which.
        route_tables: RouteTables,
        /// What may be done through it.
        policy: Option<Policy>,
        /// The spec's tags, and its name.
        tags: Tags,
    },
    /// Changes what differs.
    ModifyVpcEndpoint {
        /// Route tables that are added.
        add: BTreeSet<String>,
        /// Route tables that are taken out.
        remove: BTreeSet<String>,
        /// What may be done through it; unset for everything.
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        policy: Setting<Policy>,
    },
    /// Adds or changes these; others stay.
    CreateTags {
        /// The spec's.
        tags: Tags,
    },
    /// What goes to the service goes over the internet again.
    DeleteVpcEndpoints,
}

impl Kind for VpcEndpoint {
    const FACTS: Facts = Facts {
        name: "ec2.vpc_endpoint",
        service: "EC2",
        summary: "A gateway endpoint of the region's VPC, named by its service: s3 or dynamodb.",
        reads: &["DescribeVpcEndpoints", "DescribeRouteTables"],
        removes: &["DeleteVpcEndpoints"],
        writes: &["CreateVpcEndpoint", "ModifyVpcEndpoint", "CreateTags", "DeleteVpcEndpoints"],
        outputs: &["id", "vpc_id"],
        needs_vpc: true,
        inventory: &["DescribeVpcEndpoints"],
        weights: &[
            Weight {
                path: MISSING,
                when: When::Differs,
                severity: Severity::High,
                why: "traffic leaves the VPC, and policies on its source fail",
            },
            Weight {
                path: "policy",
                when: When::Differs,
                severity: Severity::High,
                why: "others may do something else through it",
            },
            Weight {
                path: "route_tables*",
                when: When::Lacking,
                severity: Severity::High,
                why: "some subnets do not go through it",
            },
        ],
        example: "
ec2.vpc_endpoint:
  s3: {route_tables: all, tags: {Team: sre}}
",
        ..Facts::DEFAULT
    };

    type Spec = EndpointSpec;
    type Model = EndpointModel;
    type Op = EndpointOp;

    fn check_name(name: &str) -> Result<(), String> {
        if matches!(name, "s3" | "dynamodb") {
            return Ok(());
        }
        Err(format!("there is no gateway endpoint for '{name}'\nAWS has them for s3 and dynamodb"))
    }

    fn desire(_: &str, spec: EndpointSpec, notes: &mut Notes<'_>) -> EndpointModel {
        tags::check(spec.tags.as_ref(), notes);
        EndpointModel {
            route_tables: spec.route_tables,
            policy: spec
                .policy
                .map(|policy| Setting::stated(policy.check("policy", 20_480, notes)))
                .flatten()
                .map(|policy| if is_default(&policy) { Setting::Unset } else { Setting::Set(policy) })
                .flatten(),
            tags: spec.tags.unwrap_or_default(),
            state: None,
            of_vpc: BTreeSet::new(),
        }
    }

    /// A policy that says `${ec2.vpc_endpoint/s3.vpc_id}` comes after the endpoint on which it relies.
    fn outputs(_: &str, location: &Location) -> Outputs {
        location.vpc.iter().map(|vpc| ("vpc_id".to_owned(), vpc.id.clone())).collect()
    }

    fn relevant(_: Option<&Self::Model>, live: EndpointModel) -> EndpointModel {
        EndpointModel { state: None, ..live }
    }

    fn remove(_: &EndpointModel, out: &mut Diff<'_, EndpointOp>) {
        out.removed(EndpointOp::DeleteVpcEndpoints);
    }

    fn diff(want: &EndpointModel, live: Option<&EndpointModel>, out: &mut Diff<'_, EndpointOp>) {
        let EndpointModel { route_tables, policy, tags, state: _, of_vpc: _ } = want;
        let routed = out.value("route_tables", route_tables, live.map(|live| live.routed_as(route_tables)).as_ref());
        let granted = out.policy("policy", policy, live.map(|live| &live.policy));
        let tagged = out.stated_entries("tags", Some(tags), live.map(|live| &live.tags));
        let Some(live) = live else {
            let (route_tables, policy, tags) = (route_tables.clone(), policy.get(), tags.clone());
            let covers = out.birth().and(routed).and(granted).and(tagged);
            return out.step(Phase::Create, covers, EndpointOp::CreateVpcEndpoint { route_tables, policy, tags });
        };
        live.state.iter().for_each(|state| out.coming(state));
        let there = live.routed();
        let (add, remove) = match route_tables {
            _ if routed.is_empty() => (BTreeSet::new(), BTreeSet::new()),
            RouteTables::All => (&live.of_vpc - there, BTreeSet::new()),
            RouteTables::These(ids) => (ids - there, there - ids),
        };
        let changed = if granted.is_empty() { Setting::Unstated } else { policy.clone() };
        out.step(Phase::Change, routed.and(granted), EndpointOp::ModifyVpcEndpoint { add, remove, policy: changed });
        out.step(Phase::Change, tagged, EndpointOp::CreateTags { tags: tags.clone() });
    }
}

/// `com.amazonaws.eu-central-1.s3`
fn service(name: &str, location: &Location) -> String {
    let prefix = if location.partition == "aws-cn" { "cn.com.amazonaws" } else { "com.amazonaws" };
    format!("{prefix}.{}.{name}", location.region)
}

impl Live for VpcEndpoint {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<EndpointModel>, CallError> {
        let Some(vpc) = &scope.location.vpc else { return Ok(Observation::default()) };
        let services = scope.names.keys().map(|name| service(name, &scope.location));
        let endpoints = endpoints(api, &vpc.id, services.collect());
        let (endpoints, of_vpc) = try_join(endpoints, route_tables(api, &vpc.id)).await?;
        let seen = scope.names.keys().filter_map(|name| {
            let service = service(name, &scope.location);
            let endpoint = endpoints.iter().find(|endpoint| endpoint.service_name() == Some(&service))?;
            let mut outputs = Self::outputs(name, &scope.location);
            outputs.insert("id".to_owned(), endpoint.vpc_endpoint_id().unwrap_or_default().to_owned());
            Some((name.clone(), model(endpoint, &of_vpc).map(|model| LiveResource::new(name, model, outputs))))
        });
        Ok(observation_of(seen))
    }

    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let services = ["s3", "dynamodb"].map(|name| service(name, location));
        let endpoints = endpoints(api, &vpc.id, services.to_vec()).await?;
        let name = |endpoint: &SdkEndpoint| Some(endpoint.service_name()?.rsplit('.').next()?.to_owned());
        Ok(endpoints.iter().filter_map(name).collect())
    }

    async fn run(api: &Client, target: &StepTarget, op: EndpointOp) -> Result<Outputs, CallError> {
        let id = target.outputs.get("id").cloned().unwrap_or_default();
        match op {
            EndpointOp::CreateVpcEndpoint { route_tables: tables, policy, tags } => {
                let vpc = target.location.vpc.as_ref().map_or("", |vpc| &vpc.id);
                let tables = match tables {
                    RouteTables::All => route_tables(api, vpc).await?,
                    RouteTables::These(ids) => ids,
                };
                let made = api
                    .create_vpc_endpoint()
                    .vpc_endpoint_type(VpcEndpointType::Gateway)
                    .vpc_id(vpc)
                    .service_name(service(&target.name, &target.location))
                    .set_route_table_ids((!tables.is_empty()).then(|| tables.into_iter().collect()))
                    .set_policy_document(policy.map(|policy| policy.to_aws()))
                    .set_tag_specifications(tag_specification(ResourceType::VpcEndpoint, &named(&target.name, tags)))
                    .send()
                    .await?;
                let id = made.vpc_endpoint().and_then(SdkEndpoint::vpc_endpoint_id).unwrap_or_default();
                return Ok(Outputs::from([("id".to_owned(), id.to_owned())]));
            }
            EndpointOp::ModifyVpcEndpoint { add, remove, policy } => {
                let ids = |ids: BTreeSet<String>| (!ids.is_empty()).then(|| ids.into_iter().collect());
                api.modify_vpc_endpoint()
                    .vpc_endpoint_id(id)
                    .set_add_route_table_ids(ids(add))
                    .set_remove_route_table_ids(ids(remove))
                    .set_reset_policy((policy == Setting::Unset).then_some(true))
                    .set_policy_document(policy.value().map(Policy::to_aws))
                    .send()
                    .await?;
            }
            EndpointOp::CreateTags { tags } => {
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            EndpointOp::DeleteVpcEndpoints => {
                let answer = api.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await?;
                crate::ec2::successful("DeleteVpcEndpoints", answer.unsuccessful())?;
            }
        }
        Ok(Outputs::new())
    }

    async fn status(api: &Client, target: &StepTarget) -> Result<Status, CallError> {
        let Some(id) = target.outputs.get("id") else { return Ok(Status::Ready) };
        let answer = api.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await?;
        Ok(match answer.vpc_endpoints().first().and_then(SdkEndpoint::state) {
            state if is(state, &["failed", "rejected", "expired"]) => Status::Failed("the endpoint failed".to_owned()),
            state => in_progress(state).map_or(Status::Ready, Status::InProgress),
        })
    }
}

/// The service model has `Pending`, the service answers `pending`.
fn is(state: Option<&State>, words: &[&str]) -> bool {
    state.is_some_and(|state| words.iter().any(|word| state.as_str().eq_ignore_ascii_case(word)))
}

fn in_progress(state: Option<&State>) -> Option<String> {
    is(state, &["pending"]).then(|| "pending".to_owned())
}

/// A new endpoint lets everything through, by a policy that EC2 answers like one that somebody put.
fn is_default(policy: &Policy) -> bool {
    let everything = json!([{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]);
    policy.canonical()["Statement"] == everything
}

async fn endpoints(api: &Client, vpc: &str, services: Vec<String>) -> Result<Vec<SdkEndpoint>, CallError> {
    let mut items = api
        .describe_vpc_endpoints()
        .filters(filter("vpc-id", [vpc.to_owned()]))
        .filters(filter("service-name", services))
        .into_paginator()
        .items()
        .send();
    let mut endpoints = Vec::new();
    while let Some(endpoint) = items.next().await {
        let endpoint = endpoint?;
        let is_gateway = endpoint.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway);
        if is_gateway && !is(endpoint.state(), &["deleting", "deleted"]) {
            endpoints.push(endpoint);
        }
    }
    Ok(endpoints)
}

fn model(endpoint: &SdkEndpoint, of_vpc: &BTreeSet<String>) -> Result<EndpointModel, CallError> {
    Ok(EndpointModel {
        route_tables: RouteTables::These(endpoint.route_table_ids().iter().cloned().collect()),
        policy: live_policy("EC2 DescribeVpcEndpoints", endpoint.policy_document(), is_default)?,
        tags: collect(endpoint.tags().iter().map(|tag| (tag.key(), tag.value()))),
        state: in_progress(endpoint.state()),
        of_vpc: of_vpc.clone(),
    })
}
