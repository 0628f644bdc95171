// SPDX-License-Identifier: Apache-2.0
//! `ec2.vpc_dns`: the DNS attributes of a VPC. They are only read, to find zones and endpoints whose names do not resolve.
//!
//! The name is the VPC's ID. DescribeVpcs does not return the attributes
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcAttribute.html>).

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{AttributeBooleanValue, VpcAttributeName};
use futures::future::try_join;
use regionctl_core::diff::Diff;
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::observe::seen::{Lookup, Seen};
use regionctl_core::resource::reference::Attributes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{CallError, if_found};
use crate::live::{Live, read_concurrently};

/// The name of the kind, for the kinds that ask for it.
pub const NAME: &str = "ec2.vpc_dns";

/// The kind `ec2.vpc_dns`.
pub struct VpcDns;

/// A VPC that must exist. It has no fields: regionctl only reads its DNS attributes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2VpcDns")]
pub struct VpcDnsSpec {}

/// The DNS attributes of a VPC.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct VpcDnsModel {
    /// Whether instances get public DNS names (`enableDnsHostnames`). `None` in a desired model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hostnames: Option<bool>,
    /// Whether the VPC has a DNS resolver (`enableDnsSupport`). `None` in a desired model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    support: Option<bool>,
}

/// No operation: regionctl does not change VPCs.
#[derive(Debug, Serialize, Deserialize)]
pub enum VpcDnsOp {}

/// Returns which DNS attributes of the region's VPC are off, as a sentence. Names of private hosted zones and private
/// names of endpoints resolve only if both are on
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>).
pub(crate) fn off(seen: &Seen<'_>) -> Option<String> {
    let vpc = seen.location().vpc.as_ref()?;
    let model = match seen.here(NAME, &vpc.id) {
        Lookup::Exists(model) => model?,
        Lookup::Absent => return Some(format!("EC2 does not find {}", vpc.id)),
        Lookup::Unknown => return None,
    };
    let model: VpcDnsModel = serde_json::from_value(model.clone()).ok()?;
    let attributes = [("enableDnsHostnames", model.hostnames), ("enableDnsSupport", model.support)];
    let off: Vec<&str> = attributes.iter().filter(|(_, on)| *on == Some(false)).map(|(name, _)| *name).collect();
    (!off.is_empty()).then(|| format!("turn on {} of {}", off.join(" and "), vpc.id))
}

impl Kind for VpcDns {
    const FACTS: Facts = Facts {
        name: "ec2.vpc_dns",
        service: "EC2",
        summary: "The DNS attributes of a VPC. They are only read, to find names that do not resolve.",
        reads: &["DescribeVpcAttribute"],
        example: "
ec2.vpc_dns:
  vpc-0123456789abcdef0: # a manual step until it exists
",
        ..Facts::DEFAULT
    };

    type Spec = VpcDnsSpec;
    type Model = VpcDnsModel;
    type Op = VpcDnsOp;

    fn check_name(name: &str) -> Result<(), String> {
        let message = || format!("'{name}' is not the ID of a VPC\nwrite vpc-…");
        name.starts_with("vpc-").then_some(()).ok_or_else(message)
    }

    fn desire(_: &str, _: VpcDnsSpec, _: &mut Notes<'_>) -> VpcDnsModel {
        VpcDnsModel::default()
    }

    fn relevant(_: Option<&VpcDnsModel>, _: VpcDnsModel) -> VpcDnsModel {
        VpcDnsModel::default()
    }

    fn write(_: &VpcDnsModel) -> Option<Value> {
        Some(Value::Object(Map::new()))
    }

    fn diff(want: &VpcDnsModel, live: Option<&VpcDnsModel>, out: &mut Diff<'_, VpcDnsOp>) {
        let VpcDnsModel { hostnames: _, support: _ } = want;
        if live.is_none() {
            out.made_by_others("the VPC does not exist");
        }
    }
}

impl Live for VpcDns {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<VpcDnsModel>, CallError> {
        let reads = scope.names.keys().map(|name| (name.clone(), read(api, name)));
        Ok(read_concurrently(reads).await)
    }

    async fn run(_: &Client, _: &StepTarget, op: VpcDnsOp) -> Result<Attributes, CallError> {
        match op {}
    }
}

async fn read(api: &Client, vpc: &str) -> Result<Option<LiveResource<VpcDnsModel>>, CallError> {
    // A request returns one attribute.
    let attribute = |name: VpcAttributeName| async move {
        if_found(api.describe_vpc_attribute().vpc_id(vpc).attribute(name).send().await.map_err(CallError::from))
    };
    let both = try_join(attribute(VpcAttributeName::EnableDnsHostnames), attribute(VpcAttributeName::EnableDnsSupport));
    let (Some(hostnames), Some(support)) = both.await? else { return Ok(None) };
    let value = |value: Option<&AttributeBooleanValue>| {
        let unknown = || CallError::unknown("EC2 DescribeVpcAttribute", "an attribute without a value", "");
        value.and_then(AttributeBooleanValue::value).ok_or_else(unknown)
    };
    let model = VpcDnsModel {
        hostnames: Some(value(hostnames.enable_dns_hostnames())?),
        support: Some(value(support.enable_dns_support())?),
    };
    Ok(Some(LiveResource::new(vpc, model, Attributes::new())))
}
