// SPDX-License-Identifier: Apache-2.0
//! The RDS API calls that list, create and modify clusters and instances.
//!
//! RDS rejects a resource that already exists, such as with DBInstanceAlreadyExists: an earlier attempt created it
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{
    ApplyMethod, CloudwatchLogsExportConfiguration, DbCluster, DbInstance, Parameter, ServerlessV2ScalingConfiguration,
    Tag,
};
use futures::future::{join, join_all, try_join, try_join_all};
use regionctl_core::kind::Kind;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Status, StepTarget, Verdict};
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;

use super::read::{clusters, instances, read};
use super::spec::Scaling;
use super::{Cluster, ClusterModel, ClusterOp, Modified, SubnetGroup};
use crate::error::{CallError, done_if, if_found};
use crate::live::Live;
use crate::preflight::{check_of, room};

/// The status of a cluster or instance that is ready.
pub(super) const AVAILABLE: &str = "available";

/// The most parameters in one request
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBClusterParameterGroup.html>).
const MAX_PARAMETERS: usize = 20;

impl Live for Cluster {
    type Api = (Client, aws_sdk_ec2::Client);

    /// Lists clusters and instances concurrently, then reads the subnet and parameter groups that the scope asks for.
    async fn observe((api, ec2): &Self::Api, scope: &Scope) -> Result<Observation<ClusterModel>, CallError> {
        let (clusters, instances) = try_join(clusters(api), instances(api)).await?;
        let reads = clusters.into_iter().filter(|cluster| scope.asks_for(id_of(cluster))).map(|cluster| {
            let name = id_of(&cluster).to_owned();
            let members: Vec<&DbInstance> =
                instances.iter().filter(|instance| instance.db_cluster_identifier() == Some(&name)).collect();
            async move {
                let model = read(api, ec2, &cluster, &members, &name, scope).await;
                (name, model)
            }
        });
        let mut observation = Observation::default();
        for (name, model) in join_all(reads).await {
            match model {
                Ok(model) => {
                    let mut attributes = Self::attributes(&name, &scope.location);
                    attributes.extend(Self::model_attributes(&model));
                    observation.resources.push(LiveResource::new(name, model, attributes));
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
                let made = api
                    .create_db_subnet_group()
                    .db_subnet_group_name(&group.name)
                    .db_subnet_group_description(format!("subnets of {name}"))
                    .set_subnet_ids(Some(subnets))
                    .send()
                    .await;
                done_if(made.map(|_| ()).map_err(CallError::from), "DBSubnetGroupAlreadyExists")?;
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
            ClusterOp::CreateDBCluster(cluster) => create(api, name, *cluster).await?,
            ClusterOp::ModifyDBCluster(modified) => modify(api, name, *modified).await?,
            ClusterOp::CreateDBInstance { id, class, engine, tags } => {
                let made = api
                    .create_db_instance()
                    .db_instance_identifier(id)
                    .db_cluster_identifier(name)
                    .db_instance_class(class)
                    .engine(engine)
                    .set_tags(sdk_tags(&tags))
                    .send()
                    .await;
                done_if(made.map(|_| ()).map_err(CallError::from), "DBInstanceAlreadyExists")?;
            }
            ClusterOp::ModifyDBInstance { id, class, apply_immediately } => {
                api.modify_db_instance()
                    .db_instance_identifier(id)
                    .db_instance_class(class)
                    .apply_immediately(apply_immediately)
                    .send()
                    .await?;
            }
            ClusterOp::AddTagsToResource { instance, tags } => {
                let resource = match instance {
                    Some(id) => format!("db:{id}"),
                    None => format!("cluster:{name}"),
                };
                let arn = target.location.arn("rds", &resource);
                api.add_tags_to_resource().resource_name(arn).set_tags(sdk_tags(&tags)).send().await?;
            }
        }
        Ok(Attributes::new())
    }

    /// Checks that the region offers the instance classes for the engine, and that the quotas allow the new resources.
    async fn preflight((api, _): &Self::Api, location: &Location, steps: Vec<(String, ClusterOp)>) -> Vec<Check> {
        let (mut clusters, mut classes) = (0, Vec::new());
        let mut versions: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (name, op) in steps {
            match op {
                ClusterOp::CreateDBCluster(cluster) => {
                    clusters += 1;
                    versions.insert(name, cluster.engine_version.into_value());
                }
                ClusterOp::CreateDBInstance { class, engine, .. } => classes.push((name, engine, class)),
                _ => {}
            }
        }
        if clusters + classes.len() == 0 {
            return Vec::new();
        }
        let requested: BTreeSet<(String, Option<String>, String)> = classes
            .iter()
            .map(|(name, engine, class)| (engine.clone(), versions.get(name).cloned().flatten(), class.clone()))
            .collect();
        let offers = requested
            .iter()
            .map(|(engine, version, class)| class_check(api, location, engine, version.as_deref(), class));
        let (mut checks, quotas) = join(join_all(offers), quotas(api, clusters, classes.len())).await;
        checks.extend(quotas);
        checks
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

/// Checks that the region offers the class
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html>).
async fn class_check(api: &Client, location: &Location, engine: &str, version: Option<&str>, class: &str) -> Check {
    let name = format!("DB instance class {class} is available");
    let ask = |class: Option<&str>| {
        // RDS only knows exact versions, so a major version such as 16 cannot be a filter.
        let version = version.filter(|version| version.contains('.')).map(ToOwned::to_owned);
        let call = api.describe_orderable_db_instance_options().engine(engine).set_engine_version(version);
        let call = call.set_db_instance_class(class.map(ToOwned::to_owned)).max_records(20).send();
        async { call.await.map(|answer| !answer.orderable_db_instance_options().is_empty()).map_err(CallError::from) }
    };
    let result = match ask(Some(class)).await {
        Ok(true) => Ok((Verdict::Passed, format!("{} offers it for {engine}", location.region))),
        // If RDS offers no class at all, it does not know the version.
        Ok(false) => ask(None).await.map(|any| {
            if any {
                (Verdict::Failed, format!("{} does not offer it for {engine}", location.region))
            } else {
                let version = version.unwrap_or_default();
                (Verdict::CouldNotCheck, format!("RDS lists no instance class for {engine} {version}"))
            }
        }),
        Err(error) => Err(error),
    };
    check_of(&name, result)
}

/// Checks the account's quotas
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html>).
async fn quotas(api: &Client, clusters: usize, instances: usize) -> Vec<Check> {
    let answer = match api.describe_account_attributes().send().await.map_err(CallError::from) {
        Ok(answer) => answer,
        Err(error) => return vec![Check::new("quotas of RDS", Verdict::CouldNotCheck, error.0.to_string())],
    };
    let of = |quota: &str| {
        let found = answer.account_quotas().iter().find(|it| it.account_quota_name() == Some(quota))?;
        found.used().zip(found.max())
    };
    [("DBClusters", "DB clusters", clusters), ("DBInstances", "DB instances", instances)]
        .into_iter()
        .filter_map(|(quota, name, more)| of(quota).map(|(used, most)| room(name, used, most, more)))
        .collect()
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

/// Sets parameters with `pending-reboot`: RDS accepts it for static and dynamic parameters.
async fn set_parameters(api: &Client, group: &str, parameters: BTreeMap<String, String>) -> Result<(), CallError> {
    let parameter = |(name, value): (String, String)| {
        Parameter::builder()
            .parameter_name(name)
            .parameter_value(value)
            .apply_method(ApplyMethod::PendingReboot)
            .build()
    };
    let parameters: Vec<Parameter> = parameters.into_iter().map(parameter).collect();
    let calls = parameters.chunks(MAX_PARAMETERS).map(|chunk| {
        let call = api.modify_db_cluster_parameter_group().db_cluster_parameter_group_name(group);
        let call = call.set_parameters(Some(chunk.to_vec())).send();
        async { call.await.map(|_| ()).map_err(CallError::from) }
    });
    try_join_all(calls).await.map(|_| ())
}

/// Sends CreateDBCluster (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>).
/// Secrets Manager creates and stores the master password, so regionctl never has it.
async fn create(api: &Client, name: &str, cluster: ClusterModel) -> Result<(), CallError> {
    let made = api
        .create_db_cluster()
        .db_cluster_identifier(name)
        .set_engine(cluster.engine.into_value())
        .set_engine_version(cluster.engine_version.into_value())
        .set_master_username(cluster.master_username.into_value())
        .manage_master_user_password(true)
        .set_database_name(cluster.database.into_value())
        .set_port(cluster.port.into_value())
        .set_db_subnet_group_name(cluster.subnet_group.into_value().map(|group| group.name))
        .set_db_cluster_parameter_group_name(cluster.parameter_group.into_value().map(|group| group.name))
        .set_vpc_security_group_ids(cluster.security_groups.into_value().map(|groups| groups.into_iter().collect()))
        .set_deletion_protection(cluster.deletion_protection.into_value())
        .set_backup_retention_period(cluster.backup_days.into_value())
        .set_storage_encrypted(cluster.storage_encrypted.into_value())
        .set_kms_key_id(cluster.kms_key.into_value())
        .set_enable_iam_database_authentication(cluster.iam_auth.into_value())
        .set_copy_tags_to_snapshot(cluster.copy_tags_to_snapshots.into_value())
        .set_enable_cloudwatch_logs_exports(
            cluster.log_exports.into_value().filter(|logs| !logs.is_empty()).map(|logs| logs.into_iter().collect()),
        )
        .set_serverless_v2_scaling_configuration(cluster.serverless.into_value().map(scaling))
        .set_tags(sdk_tags(&cluster.tags.unwrap_or_default()))
        .send()
        .await;
    done_if(made.map(|_| ()).map_err(CallError::from), "DBClusterAlreadyExistsFault")
}

fn scaling(scaling: Scaling) -> ServerlessV2ScalingConfiguration {
    ServerlessV2ScalingConfiguration::builder().min_capacity(scaling.min).max_capacity(scaling.max).build()
}

/// Sends ModifyDBCluster (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>).
/// RDS does not change the settings that the request omits.
async fn modify(api: &Client, name: &str, modified: Modified) -> Result<(), CallError> {
    let Modified {
        engine_version,
        port,
        parameter_group,
        security_groups,
        deletion_protection,
        backup_days,
        iam_auth,
        copy_tags_to_snapshots,
        enable_logs,
        disable_logs,
        serverless,
        apply_immediately,
    } = modified;
    let list = |logs: BTreeSet<String>| Some(logs.into_iter().collect::<Vec<_>>()).filter(|logs| !logs.is_empty());
    let logs = (!enable_logs.is_empty() || !disable_logs.is_empty()).then(|| {
        CloudwatchLogsExportConfiguration::builder()
            .set_enable_log_types(list(enable_logs))
            .set_disable_log_types(list(disable_logs))
            .build()
    });
    api.modify_db_cluster()
        .db_cluster_identifier(name)
        .set_engine_version(engine_version)
        .set_port(port)
        .set_db_cluster_parameter_group_name(parameter_group)
        .set_vpc_security_group_ids(security_groups.map(|groups| groups.into_iter().collect()))
        .set_deletion_protection(deletion_protection)
        .set_backup_retention_period(backup_days)
        .set_enable_iam_database_authentication(iam_auth)
        .set_copy_tags_to_snapshot(copy_tags_to_snapshots)
        .set_cloudwatch_logs_export_configuration(logs)
        .set_serverless_v2_scaling_configuration(serverless.map(scaling))
        .apply_immediately(apply_immediately)
        .send()
        .await?;
    Ok(())
}

fn sdk_tags(tags: &Tags) -> Option<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}
