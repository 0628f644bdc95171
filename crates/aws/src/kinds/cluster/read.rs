// SPDX-License-Identifier: Apache-2.0
//! Reading clusters, their instances, and their subnet and parameter groups
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html>).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{ClusterPendingModifiedValues, DbCluster, DbInstance};
use futures::future::try_join;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::Scope;
use regionctl_core::resource::setting::Setting;

use super::api::AVAILABLE;
use super::spec::{ParameterGroup, Scaling};
use super::{AWS_GROUP, ClusterInstance, ClusterModel, LiveOnly, SubnetGroup};
use crate::error::{CallError, if_found};
use crate::tags::collect;

/// Returns all clusters of the region.
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
            // Only a source has no VPC here. Its subnets are not copied, so the group's name is enough.
            Some(group) if scope.location.vpc.is_none() => {
                Ok(Some((SubnetGroup { name: group.to_owned(), subnets: None }, BTreeSet::new())))
            }
            Some(group) => subnet_group(api, ec2, group, &scope.location).await,
            None => Ok(None),
        }
    };
    let parameters = async {
        match cluster.db_cluster_parameter_group() {
            Some(group) if !group.starts_with(AWS_GROUP) && scope.reads(name, "parameter_group") => {
                parameter_group(api, group).await.map(Some)
            }
            _ => Ok(None),
        }
    };
    let (subnets, parameter_group) = try_join(subnets, parameters).await?;
    let (subnet_group, of_vpc) = subnets.map_or((None, BTreeSet::new()), |(group, of_vpc)| (Some(group), of_vpc));
    let model = model(cluster, members);
    let subnet_group = if scope.reads(name, "subnet_group") { Setting::live(subnet_group) } else { Setting::Unstated };
    let parameter_group =
        if scope.reads(name, "parameter_group") { Setting::live(parameter_group) } else { Setting::Unstated };
    Ok(ClusterModel { subnet_group, parameter_group, live: LiveOnly { of_vpc, ..model.live }, ..model })
}

fn model(cluster: &DbCluster, members: &[&DbInstance]) -> ClusterModel {
    let pending = cluster.pending_modified_values();
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    // A change that waits for the maintenance window was already requested, so it is not a difference.
    let version = pending.and_then(|pending| pending.engine_version()).or(cluster.engine_version());
    let backup =
        pending.and_then(ClusterPendingModifiedValues::backup_retention_period).or(cluster.backup_retention_period());
    let iam_auth = pending
        .and_then(ClusterPendingModifiedValues::iam_database_authentication_enabled)
        .or(cluster.iam_database_authentication_enabled());
    let scaling = |it: &aws_sdk_rds::types::ServerlessV2ScalingConfigurationInfo| {
        Some(Scaling { min: it.min_capacity()?, max: it.max_capacity()? })
    };
    ClusterModel {
        engine: Setting::live(text(cluster.engine())),
        engine_version: Setting::live(text(version)),
        master_username: Setting::live(text(cluster.master_username())),
        database: Setting::live(text(cluster.database_name())),
        port: Setting::live(cluster.port()),
        instances: Setting::Set(members.iter().map(|instance| member(instance)).collect()),
        subnet_group: Setting::Unstated,
        parameter_group: Setting::Unstated,
        security_groups: Setting::Set(
            cluster
                .vpc_security_groups()
                .iter()
                .filter_map(|group| group.vpc_security_group_id().map(ToOwned::to_owned))
                .collect(),
        ),
        deletion_protection: Setting::Set(cluster.deletion_protection().unwrap_or(false)),
        backup_days: Setting::live(backup),
        storage_encrypted: Setting::Set(cluster.storage_encrypted().unwrap_or(false)),
        kms_key: Setting::live(text(cluster.kms_key_id())),
        iam_auth: Setting::Set(iam_auth.unwrap_or(false)),
        copy_tags_to_snapshots: Setting::Set(cluster.copy_tags_to_snapshot().unwrap_or(false)),
        log_exports: Setting::Set(cluster.enabled_cloudwatch_logs_exports().iter().cloned().collect()),
        serverless: Setting::live(cluster.serverless_v2_scaling_configuration().and_then(scaling)),
        apply_immediately: false,
        tags: Setting::Set(collect(cluster.tag_list().iter().map(|tag| (tag.key(), tag.value())))),
        instance_tags: Setting::Unstated,
        live: live_only(cluster, members),
    }
}

fn member(instance: &DbInstance) -> (String, ClusterInstance) {
    let pending = instance.pending_modified_values().and_then(|pending| pending.db_instance_class());
    let class = pending.or(instance.db_instance_class()).unwrap_or_default().to_owned();
    let tags = collect(instance.tag_list().iter().map(|tag| (tag.key(), tag.value())));
    (instance.db_instance_identifier().unwrap_or_default().to_owned(), ClusterInstance { class, tags })
}

fn live_only(cluster: &DbCluster, members: &[&DbInstance]) -> LiveOnly {
    let mut pending = Vec::new();
    if let Some(values) = cluster.pending_modified_values() {
        pending.extend(values.engine_version().map(|version| format!("engine_version {version}")));
        pending.extend(values.backup_retention_period().map(|days| format!("backup_days {days}")));
        pending.extend(values.iam_database_authentication_enabled().map(|on| format!("iam_auth {on}")));
    }
    for instance in members {
        let class = instance.pending_modified_values().and_then(|pending| pending.db_instance_class());
        let id = instance.db_instance_identifier().unwrap_or_default();
        pending.extend(class.map(|class| format!("the class {class} of {id}")));
    }
    let of_instances = members.iter().filter_map(|instance| instance.db_instance_status());
    let statuses: BTreeSet<&str> =
        cluster.status().into_iter().chain(of_instances).filter(|it| *it != AVAILABLE).collect();
    let groups = members.iter().flat_map(|instance| instance.db_parameter_groups());
    let groups = groups.filter_map(|group| group.db_parameter_group_name().map(ToOwned::to_owned));
    LiveOnly {
        status: (!statuses.is_empty()).then(|| statuses.into_iter().collect::<Vec<_>>().join(", ")),
        moves: members.iter().any(|instance| instance.auto_minor_version_upgrade().unwrap_or(true)),
        pending,
        of_vpc: BTreeSet::new(),
        instance_parameter_groups: groups.filter(|group| !group.starts_with(AWS_GROUP)).collect(),
    }
}

/// Returns the DB subnet group with its subnet IDs, and all subnet IDs of the VPC.
async fn subnet_group(
    api: &Client,
    ec2: &aws_sdk_ec2::Client,
    name: &str,
    location: &Location,
) -> Result<Option<(SubnetGroup, BTreeSet<String>)>, CallError> {
    let vpc = location.vpc.as_ref().map(|vpc| &vpc.id);
    let of_vpc = async {
        match vpc {
            Some(vpc) => crate::ec2::subnets(ec2, vpc).await,
            None => Ok(BTreeSet::new()),
        }
    };
    let group = async {
        if_found(api.describe_db_subnet_groups().db_subnet_group_name(name).send().await.map_err(CallError::from))
    };
    let (group, of_vpc) = try_join(group, of_vpc).await?;
    Ok(group.and_then(|answer| answer.db_subnet_groups.unwrap_or_default().into_iter().next()).map(|group| {
        let ids: BTreeSet<String> =
            group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier().map(ToOwned::to_owned)).collect();
        (SubnetGroup { name: name.to_owned(), subnets: Some(ids) }, of_vpc)
    }))
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
            parameters.extend(parameter.parameter_name.zip(parameter.parameter_value));
        }
        Ok(parameters)
    };
    let (family, parameters) = try_join(group, parameters).await?;
    Ok(ParameterGroup { name: name.to_owned(), family, parameters })
}
