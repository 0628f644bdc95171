// SPDX-License-Identifier: Apache-2.0
//! What is checked before the first write: the VPC, the snapshot, the instance classes and the quotas.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::Client;
use aws_sdk_rds::types::DbClusterSnapshot;
use futures::future::{join_all, join3};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::{Check, Verdict};
use regionctl_core::resource::setting::Setting;

use super::ClusterOp;
use super::api::AVAILABLE;
use super::model::{ClusterModel, SubnetGroup};
use super::parts::DEFAULT_SUBNETS;
use crate::error::{CallError, if_found};
use crate::preflight::{check_of, room};

/// Checks that new clusters are in the VPC of the spec, that their snapshots can be restored, that the region offers the
/// instance classes for the engine, and that the quotas allow the new resources.
pub(super) async fn preflight(api: &Client, location: &Location, steps: Vec<(String, ClusterOp)>) -> Vec<Check> {
    let (mut clusters, mut classes, mut restored) = (0, Vec::new(), Vec::new());
    let mut checks = Vec::new();
    let mut versions: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (name, op) in steps {
        match op {
            ClusterOp::CreateDBCluster(cluster) | ClusterOp::RestoreDBClusterFromSnapshot(cluster) => {
                clusters += 1;
                checks.extend(group_check(location, &name, &cluster));
                versions.insert(name, cluster.engine_version.value().cloned());
                restored.extend(cluster.restore_from.is_set().then_some(cluster));
            }
            ClusterOp::CreateDBInstance { settings, engine, .. } => {
                classes.push((name, engine, settings.class.unwrap_or_default()));
            }
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
    let offers =
        requested.iter().map(|(engine, version, class)| class_check(api, location, engine, version.as_deref(), class));
    let snapshots = restored.iter().map(|cluster| snapshot_check(api, cluster));
    let (offered, snapshots, quotas) =
        join3(join_all(offers), join_all(snapshots), quotas(api, clusters, classes.len())).await;
    checks.extend(snapshots);
    checks.extend(offered);
    checks.extend(quotas);
    checks
}

/// Without a subnet group, RDS uses the group `default` of the default VPC
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html>).
fn group_check(location: &Location, name: &str, cluster: &ClusterModel) -> Option<Check> {
    let vpc = location.vpc.as_ref().filter(|vpc| !vpc.default)?;
    let is_default = |group: &SubnetGroup| group.name == DEFAULT_SUBNETS;
    (!cluster.subnet_group.is_set() || cluster.subnet_group.is_set_and(is_default)).then(|| {
        let what = format!("{} is not the default VPC: state `subnet_group:` for {name}", vpc.id);
        Check::new("the cluster is in the VPC of the spec", Verdict::Failed, what)
    })
}

/// Checks that the snapshot exists and can become this cluster
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterSnapshots.html>).
async fn snapshot_check(api: &Client, cluster: &ClusterModel) -> Check {
    let id = cluster.restore_from.get().unwrap_or_default();
    let call = api.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(&id).include_shared(true).send();
    let found = if_found(call.await.map_err(CallError::from));
    let found = found.map(|answer| answer.and_then(|answer| answer.db_cluster_snapshots?.into_iter().next()));
    let result = found.map(|snapshot| match snapshot.map(|snapshot| unfit(&snapshot, cluster)) {
        None => (Verdict::Failed, "it does not exist in this region".to_owned()),
        Some(Some(why)) => (Verdict::Failed, why),
        Some(None) => (Verdict::Passed, "it is available".to_owned()),
    });
    check_of(&format!("the snapshot {id} can be restored"), result)
}

/// Returns why a snapshot cannot become this cluster.
fn unfit(snapshot: &DbClusterSnapshot, cluster: &ClusterModel) -> Option<String> {
    if let Some(status) = snapshot.status().filter(|status| *status != AVAILABLE) {
        return Some(format!("it is {status}: wait until it is available"));
    }
    if let Some((is, wanted)) = snapshot.engine().zip(cluster.engine.value()).filter(|(is, wanted)| is != wanted) {
        return Some(format!("it is of the engine {is}, and the spec states {wanted}"));
    }
    let is_plain = snapshot.storage_encrypted() == Some(false) && !cluster.kms_key.is_set();
    let why = "it is not encrypted: state `kms_key:` to encrypt the cluster, or `storage_encrypted: false`";
    (is_plain && cluster.storage_encrypted == Setting::Set(true)).then(|| why.to_owned())
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

#[cfg(test)]
mod tests {
    use regionctl_core::observe::location::Vpc;

    use super::*;

    #[test]
    fn a_new_cluster_needs_a_subnet_group_unless_the_vpc_is_the_default_one() {
        let location = |default: bool| Location {
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
            vpc: Some(Vpc { id: "vpc-1".to_owned(), default, ..Vpc::default() }),
        };
        let group = |name: &str| Setting::Set(SubnetGroup { name: name.to_owned(), subnets: None });
        let with = |subnet_group| ClusterModel { subnet_group, ..ClusterModel::default() };
        let failed = |default, cluster: &ClusterModel| {
            group_check(&location(default), "orders", cluster).map(|check| check.verdict == Verdict::Failed)
        };
        assert_eq!(failed(false, &with(Setting::Unstated)), Some(true));
        assert_eq!(failed(false, &with(group("default"))), Some(true));
        assert_eq!(failed(false, &with(group("orders"))), None);
        assert_eq!(failed(true, &with(Setting::Unstated)), None);
    }

    #[test]
    fn a_snapshot_must_fit_the_cluster() {
        let encrypted = ClusterModel {
            engine: Setting::Set("aurora-postgresql".to_owned()),
            storage_encrypted: Setting::Set(true),
            ..ClusterModel::default()
        };
        let key = Setting::Set("arn:aws:kms:eu-central-1:123456789012:key/1".to_owned());
        let with_key = ClusterModel { kms_key: key, ..encrypted.clone() };
        let snapshot = || DbClusterSnapshot::builder().status("available").engine("aurora-postgresql");
        let plain = snapshot().storage_encrypted(false).build();
        assert_eq!(unfit(&snapshot().storage_encrypted(true).build(), &encrypted), None);
        assert!(unfit(&plain, &encrypted).is_some_and(|why| why.contains("kms_key")));
        assert_eq!(unfit(&plain, &with_key), None);
        assert!(unfit(&snapshot().status("creating").build(), &encrypted).is_some_and(|why| why.contains("creating")));
        assert!(
            unfit(&snapshot().engine("aurora-mysql").build(), &encrypted).is_some_and(|why| why.contains("engine"))
        );
    }
}
