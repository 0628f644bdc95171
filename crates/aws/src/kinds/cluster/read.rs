// SPDX-License-Identifier: Apache-2.0
//! Reading clusters, their instances, and their subnet and parameter groups
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html>).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbCluster, DbInstance, DbSubnetGroup};
use futures::future::try_join;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::Scope;
use regionctl_core::resource::setting::Setting;

use super::convert::model;
use super::model::{ClusterModel, LiveOnly, ParameterGroup, SubnetGroup};
use super::parts::{AWS_GROUP, DEFAULT_SUBNETS};
use crate::error::CallError;

/// Returns all clusters of the region. They include Neptune, DocumentDB and Multi-AZ DB clusters.
pub(super) async fn clusters(api: &Client) -> Result<Vec<DbCluster>, CallError> {
    let mut items = api.describe_db_clusters().into_paginator().items().send();
    let mut clusters = Vec::new();
    while let Some(cluster) = items.next().await {
        clusters.push(cluster?);
    }
    Ok(clusters)
}

/// Returns all DB instances of the region.
pub(super) async fn instances(api: &Client) -> Result<Vec<DbInstance>, CallError> {
    let mut items = api.describe_db_instances().into_paginator().items().send();
    let mut instances = Vec::new();
    while let Some(instance) = items.next().await {
        instances.push(instance?);
    }
    Ok(instances)
}

/// Returns why the cluster is not one of this kind. `None` for a provisioned Aurora cluster. AWS omits the engine mode of
/// clusters that are older than it.
pub(super) fn foreign(cluster: &DbCluster) -> Option<String> {
    let engine = cluster.engine().unwrap_or_default();
    let mode = cluster.engine_mode().unwrap_or("provisioned");
    if !engine.starts_with("aurora") {
        return Some(format!(
            "a cluster of the engine '{engine}' has this name; this kind has Aurora clusters only, so choose another name"
        ));
    }
    if mode == "serverless" {
        let what = "it is an Aurora Serverless v1 cluster, which regionctl does not support: convert it to provisioned \
                    instances or Serverless v2 first";
        return Some(what.to_owned());
    }
    (mode != "provisioned").then(|| {
        format!("it is an Aurora cluster with the engine mode '{mode}', which regionctl does not support; use another source or name")
    })
}

/// Returns the failure for a cluster that is not one of this kind.
pub(super) fn foreign_error(why: String) -> CallError {
    CallError(Failure::new(FailureClass::Unknown, "RDS DescribeDBClusters", why))
}

/// Returns a cluster's model. Reads its subnet group and parameter group only if the scope asks for them.
pub(super) async fn read(
    api: &Client,
    ec2: &aws_sdk_ec2::Client,
    cluster: &DbCluster,
    members: &[&DbInstance],
    name: &str,
    scope: &Scope,
) -> Result<ClusterModel, CallError> {
    let subnets = async {
        match cluster.db_subnet_group() {
            Some(group) if !scope.reads(name, "subnet_group") || group.is_empty() => Ok(None),
            // The name of AWS's group is enough: nobody can change its subnets. And only a source has no VPC here. Its
            // subnets are not copied.
            Some(group) if group == DEFAULT_SUBNETS || scope.location.vpc.is_none() => {
                Ok(Some((SubnetGroup { name: group.to_owned(), subnets: None }, BTreeSet::new())))
            }
            Some(group) => subnet_group(api, ec2, group, &scope.location).await.map(Some),
            None => Ok(None),
        }
    };
    let parameters = async {
        match cluster.db_cluster_parameter_group().filter(|_| scope.reads(name, "parameter_group")) {
            // The name of AWS's group says all of it: nobody can change its parameters.
            Some(group) if group.starts_with(AWS_GROUP) => {
                let family = group[AWS_GROUP.len()..].to_owned();
                Ok(Some(ParameterGroup { name: group.to_owned(), family, parameters: BTreeMap::new() }))
            }
            Some(group) if !group.is_empty() => parameter_group(api, group).await.map(Some),
            _ => Ok(None),
        }
    };
    let (subnets, parameter_group) = try_join(subnets, parameters).await?;
    let (subnet_group, of_vpc) = subnets.map_or((None, BTreeSet::new()), |(group, of_vpc)| (Some(group), of_vpc));
    let model = model(cluster, members)?;
    let subnet_group = if scope.reads(name, "subnet_group") { Setting::live(subnet_group) } else { Setting::Unstated };
    let parameter_group =
        if scope.reads(name, "parameter_group") { Setting::live(parameter_group) } else { Setting::Unstated };
    Ok(ClusterModel { subnet_group, parameter_group, live: LiveOnly { of_vpc, ..model.live }, ..model })
}

/// Returns the DB subnet group with its subnet IDs, and all subnet IDs of the VPC.
async fn subnet_group(
    api: &Client,
    ec2: &aws_sdk_ec2::Client,
    name: &str,
    location: &Location,
) -> Result<(SubnetGroup, BTreeSet<String>), CallError> {
    let vpc = location.vpc.as_ref().map(|vpc| &vpc.id);
    let of_vpc = async {
        match vpc {
            Some(vpc) => crate::ec2::subnets(ec2, vpc).await,
            None => Ok(BTreeSet::new()),
        }
    };
    let (subnets, of_vpc) = try_join(subnets_of(api, name), of_vpc).await?;
    Ok((SubnetGroup { name: name.to_owned(), subnets: Some(subnets) }, of_vpc))
}

/// Returns the subnet IDs of a DB subnet group
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSubnetGroups.html>).
pub(super) async fn subnets_of(api: &Client, group: &str) -> Result<BTreeSet<String>, CallError> {
    let answer = api.describe_db_subnet_groups().db_subnet_group_name(group).send().await?;
    let subnets = answer.db_subnet_groups().iter().flat_map(DbSubnetGroup::subnets);
    Ok(subnets.filter_map(|subnet| subnet.subnet_identifier().map(ToOwned::to_owned)).collect())
}

/// Returns the DB cluster parameter group with the parameters that were set on it, without the engine's defaults
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterParameters.html>).
async fn parameter_group(api: &Client, name: &str) -> Result<ParameterGroup, CallError> {
    let group = async {
        let answer = api.describe_db_cluster_parameter_groups().db_cluster_parameter_group_name(name).send().await?;
        let groups = answer.db_cluster_parameter_groups.unwrap_or_default();
        Ok::<_, CallError>(
            groups.into_iter().next().and_then(|group| group.db_parameter_group_family).unwrap_or_default(),
        )
    };
    let parameters = async {
        let mut items = api
            .describe_db_cluster_parameters()
            .db_cluster_parameter_group_name(name)
            .source("user")
            .into_paginator()
            .items()
            .send();
        let mut parameters = BTreeMap::new();
        while let Some(parameter) = items.next().await {
            let parameter = parameter?;
            parameters.extend(parameter.parameter_name.zip(parameter.parameter_value.map(Setting::Set)));
        }
        Ok(parameters)
    };
    let (family, parameters) = try_join(group, parameters).await?;
    Ok(ParameterGroup { name: name.to_owned(), family, parameters })
}
