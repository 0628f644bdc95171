// SPDX-License-Identifier: Apache-2.0
//! The RDS API calls that list, create and modify clusters and instances.
//!
//! RDS rejects a resource that already exists, such as with DBInstanceAlreadyExists: an earlier attempt created it
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbCluster, DbInstance};
use futures::future::{join_all, try_join};
use regionctl_core::kind::Kind;
use regionctl_core::observe::failure::Failure;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Status, StepTarget};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;

use super::calls::{
    create, create_instance, modify, modify_instance, reset_parameters, restore, sdk_tags, set_parameters,
};
use super::convert::extras;
use super::model::{ClusterModel, SubnetGroup};
use super::parts::{AWS_GROUP, DEFAULT_SUBNETS};
use super::preflight::preflight;
use super::read::{clusters, foreign, foreign_error, instances, read, subnets_of};
use super::{Cluster, ClusterOp};
use crate::error::{CallError, done_if, if_found};
use crate::live::Live;

/// The status of a cluster or instance that is ready.
pub(super) const AVAILABLE: &str = "available";

impl Live for Cluster {
    type Api = (Client, aws_sdk_ec2::Client);

    /// Lists clusters and instances concurrently, then reads the subnet and parameter groups that the scope asks for. A
    /// named cluster that is not a provisioned Aurora cluster is a gap; others of them are left out.
    async fn observe((api, ec2): &Self::Api, scope: &Scope) -> Result<Observation<ClusterModel>, CallError> {
        let (clusters, instances) = try_join(clusters(api), instances(api)).await?;
        let users = Users::of(&clusters, &instances);
        let users = &users;
        let reads = clusters.into_iter().filter(|cluster| {
            scope.names.contains_key(id_of(cluster)) || (scope.everything.is_some() && foreign(cluster).is_none())
        });
        let reads = reads.map(|cluster| {
            let name = id_of(&cluster).to_owned();
            let members: Vec<&DbInstance> =
                instances.iter().filter(|instance| instance.db_cluster_identifier() == Some(&name)).collect();
            async move {
                let found = match foreign(&cluster) {
                    Some(why) => Err(foreign_error(why)),
                    None => read(api, ec2, &cluster, &members, &name, scope).await,
                };
                let found = found.map(|model| (users.with_others(&cluster, &name, model), extras(&cluster, &members)));
                (name, found)
            }
        });
        let mut observation = Observation::default();
        for (name, model) in join_all(reads).await {
            match model {
                Ok((model, extras)) => {
                    let mut attributes = Self::attributes(&name, &scope.location);
                    attributes.extend(Self::model_attributes(&model));
                    observation.resources.push(LiveResource::new(name, model, attributes).with_extras(extras));
                }
                Err(error) => observation.gaps.push((name, error.0)),
            }
        }
        Ok(observation)
    }

    async fn list((api, _): &Self::Api, _: &Location) -> Result<Vec<String>, CallError> {
        Ok(clusters(api).await?.iter().map(|cluster| id_of(cluster).to_owned()).collect())
    }

    async fn run((api, ec2): &Self::Api, target: &StepTarget, op: ClusterOp) -> Result<Attributes, CallError> {
        let name = &target.name;
        match op {
            ClusterOp::CreateDBSubnetGroup(group) => {
                let subnets = subnet_ids(ec2, &group, &target.location).await?;
                create_subnet_group(api, name, &group.name, subnets).await?;
            }
            ClusterOp::ModifyDBSubnetGroup(group) => {
                let subnets = subnet_ids(ec2, &group, &target.location).await?;
                api.modify_db_subnet_group()
                    .db_subnet_group_name(&group.name)
                    .set_subnet_ids(Some(subnets))
                    .send()
                    .await?;
            }
            ClusterOp::CreateDBClusterParameterGroup { name: group, family } => {
                let made = api
                    .create_db_cluster_parameter_group()
                    .db_cluster_parameter_group_name(group)
                    .db_parameter_group_family(family)
                    .description(format!("parameters of {name}"))
                    .send()
                    .await;
                done_if(made.map(|_| ()).map_err(CallError::from), "DBParameterGroupAlreadyExists")?;
            }
            ClusterOp::ModifyDBClusterParameterGroup { name: group, parameters } => {
                set_parameters(api, &group, parameters).await?;
            }
            ClusterOp::ResetDBClusterParameterGroup { name: group, parameters } => {
                reset_parameters(api, &group, parameters).await?;
            }
            ClusterOp::CreateDBCluster(cluster) => create(api, name, *cluster).await?,
            ClusterOp::RestoreDBClusterFromSnapshot(cluster) => restore(api, name, *cluster).await?,
            ClusterOp::ModifyDBCluster { settings, disable_logs } => {
                modify(api, name, *settings, disable_logs).await?;
            }
            ClusterOp::EnableHttpEndpoint => {
                api.enable_http_endpoint().resource_arn(arn(target, None)).send().await?;
            }
            ClusterOp::DisableHttpEndpoint => {
                api.disable_http_endpoint().resource_arn(arn(target, None)).send().await?;
            }
            ClusterOp::AddRoleToDBCluster(role) => {
                let call = api.add_role_to_db_cluster().db_cluster_identifier(name).role_arn(role.role);
                let added = call.set_feature_name(role.feature).send().await;
                done_if(added.map(|_| ()).map_err(CallError::from), "DBClusterRoleAlreadyExists")?;
            }
            ClusterOp::RemoveRoleFromDBCluster(role) => {
                let call = api.remove_role_from_db_cluster().db_cluster_identifier(name).role_arn(role.role);
                let removed = call.set_feature_name(role.feature).send().await;
                done_if(removed.map(|_| ()).map_err(CallError::from), "DBClusterRoleNotFound")?;
            }
            ClusterOp::CreateDBInstance { id, engine, settings, tags } => {
                create_instance(api, name, (id, engine), *settings, &tags).await?;
            }
            ClusterOp::ModifyDBInstance { id, settings, apply_immediately } => {
                modify_instance(api, id, *settings, apply_immediately).await?;
            }
            ClusterOp::AddTagsToResource { instance, tags } => {
                let call = api.add_tags_to_resource().resource_name(arn(target, instance.as_deref()));
                call.set_tags(sdk_tags(&tags)).send().await?;
            }
            ClusterOp::RemoveTagsFromResource { instance, keys } => {
                let call = api.remove_tags_from_resource().resource_name(arn(target, instance.as_deref()));
                call.set_tag_keys(Some(keys)).send().await?;
            }
        }
        Ok(Attributes::new())
    }

    async fn preflight((api, _): &Self::Api, location: &Location, steps: Vec<(String, ClusterOp)>) -> Vec<Check> {
        preflight(api, location, steps).await
    }

    /// Returns `Ready` when the cluster and all its instances are available.
    async fn status((api, _): &Self::Api, target: &StepTarget) -> Result<Status, CallError> {
        let cluster = api.describe_db_clusters().db_cluster_identifier(&target.name).send();
        let cluster = async { if_found(cluster.await.map_err(CallError::from)) };
        let by_cluster = aws_sdk_rds::types::Filter::builder().name("db-cluster-id").values(&target.name).build();
        let instances = api.describe_db_instances().filters(by_cluster).send();
        let instances = async { Ok::<_, CallError>(instances.await?) };
        let (cluster, instances) = Box::pin(try_join(cluster, instances)).await?;
        let Some(cluster) = cluster.and_then(|answer| answer.db_clusters.unwrap_or_default().into_iter().next()) else {
            return Ok(Status::Failed("the cluster no longer exists".to_owned()));
        };
        let of_instances = instances.db_instances().iter().map(|instance| {
            (instance.db_instance_identifier().unwrap_or_default(), instance.db_instance_status().unwrap_or(AVAILABLE))
        });
        let all = std::iter::once(("the cluster", cluster.status().unwrap_or(AVAILABLE))).chain(of_instances);
        let mut in_progress = BTreeSet::new();
        for (what, status) in all.filter(|(_, status)| *status != AVAILABLE) {
            if stuck(status) {
                return Ok(Status::Failed(format!("{what} is {status}")));
            }
            in_progress.insert(status.to_owned());
        }
        let statuses = in_progress.into_iter().collect::<Vec<_>>().join(", ");
        Ok(if statuses.is_empty() { Status::Ready } else { Status::InProgress(statuses) })
    }
}

/// The clusters and instances of the region that use a DB cluster parameter group or DB subnet group.
struct Users {
    by_parameter_group: BTreeMap<String, BTreeSet<String>>,
    by_subnet_group: BTreeMap<String, BTreeSet<String>>,
}

impl Users {
    fn of(clusters: &[DbCluster], instances: &[DbInstance]) -> Self {
        let mut users = Self { by_parameter_group: BTreeMap::new(), by_subnet_group: BTreeMap::new() };
        let mut add = |is_subnets: bool, group: Option<&str>, user: Option<&str>| {
            let of = if is_subnets { &mut users.by_subnet_group } else { &mut users.by_parameter_group };
            if let Some((group, user)) = group.zip(user) {
                of.entry(group.to_owned()).or_default().insert(user.to_owned());
            }
        };
        for cluster in clusters {
            add(false, cluster.db_cluster_parameter_group(), cluster.db_cluster_identifier());
            add(true, cluster.db_subnet_group(), cluster.db_cluster_identifier());
        }
        for instance in instances.iter().filter(|instance| instance.db_cluster_identifier().is_none()) {
            let group = instance.db_subnet_group().and_then(|group| group.db_subnet_group_name());
            add(true, group, instance.db_instance_identifier());
        }
        users
    }

    /// Adds the other users of the cluster's groups to its model.
    fn with_others(&self, cluster: &DbCluster, name: &str, mut model: ClusterModel) -> ClusterModel {
        let others = |users: &BTreeMap<String, BTreeSet<String>>, group: Option<&str>| -> BTreeSet<String> {
            let users = group.and_then(|group| users.get(group)).into_iter().flatten();
            users.filter(|user| *user != name).cloned().collect()
        };
        if model.parameter_group.is_set_and(|group| !group.name.starts_with(AWS_GROUP)) {
            model.live.group_users = others(&self.by_parameter_group, cluster.db_cluster_parameter_group());
        }
        if model.subnet_group.is_set_and(|group| group.name != DEFAULT_SUBNETS) {
            model.live.subnet_users = others(&self.by_subnet_group, cluster.db_subnet_group());
        }
        model
    }
}

/// Returns the ARN of the cluster or of one of its instances.
fn arn(target: &StepTarget, instance: Option<&str>) -> String {
    let resource = instance.map_or_else(|| format!("cluster:{}", target.name), |id| format!("db:{id}"));
    target.location.arn("rds", &resource)
}

/// Returns whether a status does not change without a manual step (Aurora User Guide, "Viewing DB cluster status").
fn stuck(status: &str) -> bool {
    matches!(status, "stopped" | "failed" | "storage-full" | "restore-error" | "deleting")
        || status.starts_with("incompatible-")
        || status.starts_with("inaccessible-")
}

fn id_of(cluster: &DbCluster) -> &str {
    cluster.db_cluster_identifier().unwrap_or_default()
}

/// Creates the DB subnet group. A group of this name with other subnets may be one of another VPC.
async fn create_subnet_group(api: &Client, name: &str, group: &str, subnets: Vec<String>) -> Result<(), CallError> {
    let call = api.create_db_subnet_group().db_subnet_group_name(group);
    let call = call.db_subnet_group_description(format!("subnets of {name}")).set_subnet_ids(Some(subnets.clone()));
    match call.send().await.map(|_| ()).map_err(CallError::from) {
        Err(error) if error.is("DBSubnetGroupAlreadyExists") => {
            let found = subnets_of(api, group).await?;
            if found == subnets.into_iter().collect() {
                return Ok(());
            }
            let found = found.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "the subnet group '{group}' exists with other subnets ({found}): list them in `subnet_group.subnets`, or \
                 choose another name"
            );
            Err(CallError(Failure { message, ..error.0 }))
        }
        other => other,
    }
}

async fn subnet_ids(
    ec2: &aws_sdk_ec2::Client,
    group: &SubnetGroup,
    location: &Location,
) -> Result<Vec<String>, CallError> {
    let ids = match (&group.subnets, &location.vpc) {
        (Some(ids), _) => ids.clone(),
        (None, Some(vpc)) => crate::ec2::subnets(ec2, &vpc.id).await?,
        (None, None) => BTreeSet::new(),
    };
    Ok(ids.into_iter().collect())
}
