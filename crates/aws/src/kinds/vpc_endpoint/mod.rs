// SPDX-License-Identifier: Apache-2.0
//! `ec2.vpc_endpoint`: the gateway endpoint of a service in the region's VPC.
//!
//! Interface endpoints (network interfaces, subnets, private DNS) are not supported.
//! AWS's rules: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>.

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
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Status, StepTarget};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::answer::live_policy;
use crate::ec2::{filter, named, route_tables, sdk_tags, tag_specification};
use crate::error::{CallError, if_found};
use crate::live::{Live, collect_results};
use crate::tags::collect;

/// The kind `ec2.vpc_endpoint`.
pub struct VpcEndpoint;

/// A gateway VPC endpoint in the region's VPC. Its name is the service: `s3` or `dynamodb`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2VpcEndpoint")]
pub struct EndpointSpec {
    /// The route tables that route the service's traffic to the endpoint: `all` route tables of the VPC, or a list of
    /// route table ids. Default: all. The endpoint is removed from other route tables.
    #[serde(default)]
    route_tables: RouteTables,
    /// The endpoint policy. If omitted, not managed; `unset` restores the default policy, which allows full access.
    #[serde(default)]
    policy: Setting<PolicySpec>,
    /// Tags to set. Other tags on the endpoint are kept.
    tags: Option<Tags>,
}

/// The route tables that route the service's traffic to the endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RouteTables {
    /// All route tables of the VPC.
    #[default]
    #[serde(serialize_with = "all")]
    All,
    /// Exactly the route tables with these ids.
    These(BTreeSet<String>),
}

fn all<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(ALL)
}

const ALL: &str = "all";

impl<'de> Deserialize<'de> for RouteTables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "`all`, or a list of route table ids")]
        enum Either {
            Word(String),
            List(BTreeSet<String>),
        }
        match Either::deserialize(deserializer)? {
            Either::List(ids) => Ok(Self::These(ids)),
            Either::Word(word) if word == ALL => Ok(Self::All),
            Either::Word(word) => Err(serde::de::Error::custom(format!(
                "'{word}' is not `all` or a list of route table ids\nuse a list such as [rtb-0123456789abcdef0]"
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

/// A gateway endpoint, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndpointModel {
    route_tables: RouteTables,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    policy: Setting<Policy>,
    tags: Tags,
    /// `pending` while EC2 creates the endpoint; `None` in a desired model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// The ids of all route tables of the VPC; empty in a desired model.
    of_vpc: BTreeSet<String>,
}

impl EndpointModel {
    /// Returns the ids of the endpoint's route tables.
    fn routed(&self) -> &BTreeSet<String> {
        match &self.route_tables {
            RouteTables::All => &self.of_vpc,
            RouteTables::These(ids) => ids,
        }
    }

    /// Returns a live endpoint's route tables in the form of `want`: `All` if that is desired and no table is missing.
    fn routed_as(&self, want: &RouteTables) -> RouteTables {
        match want {
            RouteTables::All if self.of_vpc.is_subset(self.routed()) => RouteTables::All,
            _ => RouteTables::These(self.routed().clone()),
        }
    }
}

/// An EC2 API call that creates, changes or deletes a gateway endpoint.
#[derive(Debug, Serialize, Deserialize)]
pub enum EndpointOp {
    /// Creates the endpoint with its route tables, policy and tags.
    CreateVpcEndpoint {
        /// The route tables to associate; `All` is resolved when the call is sent.
        route_tables: RouteTables,
        /// The endpoint policy; `None` for the default policy.
        policy: Option<Policy>,
        /// The spec's tags, without the default `Name` tag.
        tags: Tags,
    },
    /// Changes the route tables and the policy
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html>).
    ModifyVpcEndpoint {
        /// Ids of route tables to add.
        add: BTreeSet<String>,
        /// Ids of route tables to remove.
        remove: BTreeSet<String>,
        /// The endpoint policy; `Unset` resets it to the default policy, which allows full access.
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        policy: Setting<Policy>,
    },
    /// Adds or overwrites tags; other tags are kept.
    CreateTags {
        /// The spec's tags.
        tags: Tags,
    },
    /// Deletes the endpoint. Traffic to the service then follows the other routes of the route tables.
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
        attributes: &["id", "vpc_id"],
        needs_vpc: true,
        inventory: &["DescribeVpcEndpoints"],
        weights: &[
            Weight {
                path: MISSING,
                when: When::Differs,
                severity: Severity::High,
                why: "traffic leaves the VPC, and policies with `aws:SourceVpc` or `aws:SourceVpce` deny it",
            },
            Weight {
                path: "policy",
                when: When::Differs,
                severity: Severity::High,
                why: "access through the endpoint differs from the spec",
            },
            Weight {
                path: "route_tables*",
                when: When::Lacking,
                severity: Severity::High,
                why: "traffic of some subnets bypasses the endpoint",
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
        Err(format!("'{name}' has no gateway endpoint\nuse `s3` or `dynamodb`"))
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

    /// Returns the VPC's id as `vpc_id`: a bucket policy that refers to `${ec2.vpc_endpoint/s3.vpc_id}` is applied
    /// after the endpoint exists.
    fn attributes(_: &str, location: &Location) -> Attributes {
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
            let covers = out.creation().and(routed).and(granted).and(tagged);
            return out.step(Phase::Create, covers, EndpointOp::CreateVpcEndpoint { route_tables, policy, tags });
        };
        live.state.iter().for_each(|state| out.in_progress(state));
        let current = live.routed();
        let (add, remove) = match route_tables {
            _ if routed.is_empty() => (BTreeSet::new(), BTreeSet::new()),
            RouteTables::All => (&live.of_vpc - current, BTreeSet::new()),
            RouteTables::These(ids) => (ids - current, current - ids),
        };
        let changed = if granted.is_empty() { Setting::Unstated } else { policy.clone() };
        out.step(Phase::Change, routed.and(granted), EndpointOp::ModifyVpcEndpoint { add, remove, policy: changed });
        out.step(Phase::Change, tagged, EndpointOp::CreateTags { tags: tags.clone() });
    }
}

/// Returns the endpoint service's name, such as `com.amazonaws.eu-central-1.s3`. The gateway services have this prefix in
/// China too; `cn.com.amazonaws` is the prefix of some interface endpoints there
/// (<https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_ec2.GatewayVpcEndpointAwsService.html>).
fn service(name: &str, location: &Location) -> String {
    format!("com.amazonaws.{}.{name}", location.region)
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
            let of_service = endpoints.iter().filter(|endpoint| endpoint.service_name() == Some(&service));
            let endpoint = match of_service.collect::<Vec<_>>()[..] {
                [] => return None,
                [endpoint] => endpoint,
                ref several => return Some((name.clone(), Err(ambiguous(name, several)))),
            };
            let mut attributes = Self::attributes(name, &scope.location);
            attributes.insert("id".to_owned(), endpoint.vpc_endpoint_id().unwrap_or_default().to_owned());
            Some((name.clone(), model(endpoint, &of_vpc).map(|model| LiveResource::new(name, model, attributes))))
        });
        Ok(collect_results(seen))
    }

    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let services = ["s3", "dynamodb"].map(|name| service(name, location));
        let endpoints = endpoints(api, &vpc.id, services.to_vec()).await?;
        let name = |endpoint: &SdkEndpoint| Some(endpoint.service_name()?.rsplit('.').next()?.to_owned());
        Ok(endpoints.iter().filter_map(name).collect())
    }

    async fn run(api: &Client, target: &StepTarget, op: EndpointOp) -> Result<Attributes, CallError> {
        let id = target.attributes.get("id").cloned().unwrap_or_default();
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
                return Ok(Attributes::from([("id".to_owned(), id.to_owned())]));
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
        Ok(Attributes::new())
    }

    async fn status(api: &Client, target: &StepTarget) -> Result<Status, CallError> {
        let Some(id) = target.attributes.get("id") else { return Ok(Status::Ready) };
        let answer = api.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await;
        // EC2 is eventually consistent: a new endpoint may not be visible yet
        // (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
        let Some(answer) = if_found(answer.map_err(CallError::from))? else {
            return Ok(Status::InProgress("pending".to_owned()));
        };
        Ok(match answer.vpc_endpoints().first().and_then(SdkEndpoint::state) {
            state if is(state, &["failed", "rejected", "expired"]) => {
                Status::Failed("EC2 could not create the endpoint: delete it and apply again".to_owned())
            }
            state => in_progress(state).map_or(Status::Ready, Status::InProgress),
        })
    }
}

/// Returns the error of a service with several gateway endpoints: EC2 allows them if their route tables differ.
fn ambiguous(name: &str, endpoints: &[&SdkEndpoint]) -> CallError {
    let ids: Vec<&str> = endpoints.iter().filter_map(|endpoint| endpoint.vpc_endpoint_id()).collect();
    let message = format!(
        "the VPC has {} gateway endpoints for {name} ({}); expected one: move their route tables to one of them, and \
         delete the others",
        ids.len(),
        ids.join(", ")
    );
    CallError(Failure::new(FailureClass::Invalid, "EC2 DescribeVpcEndpoints", message))
}

/// Compares without case: the SDK's enum has `Pending`, the API returns `pending`
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html>).
fn is(state: Option<&State>, words: &[&str]) -> bool {
    state.is_some_and(|state| words.iter().any(|word| state.as_str().eq_ignore_ascii_case(word)))
}

fn in_progress(state: Option<&State>) -> Option<String> {
    is(state, &["pending"]).then(|| "pending".to_owned())
}

/// Whether a policy is the default policy (full access). EC2 returns it like a custom policy.
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
