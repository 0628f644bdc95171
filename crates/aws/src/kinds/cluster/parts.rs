// SPDX-License-Identifier: Apache-2.0
//! Comparing the parts of a cluster that have their own API calls: groups, roles, the Data API.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::{Covers, Diff, Phase};

use super::ClusterOp;
use super::model::{ClusterModel, LiveOnly, ParameterGroup, Role, SubnetGroup};

/// The name prefix of AWS's default parameter groups, which cannot be modified.
pub(super) const AWS_GROUP: &str = "default.";

/// Compares the DB subnet group. ModifyDBCluster cannot move a cluster to another group
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>).
pub(super) fn subnets(want: Option<&SubnetGroup>, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) {
    let Some(group) = want else { return };
    let live_group = live.and_then(|live| live.subnet_group.value());
    let all = "all of the VPC".to_owned();
    // A live group always lists its subnets, so "all" is compared with the VPC's subnets.
    let has_all = |ids: &BTreeSet<String>| group.subnets.is_none() && live.is_some_and(|live| live.live.of_vpc == *ids);
    let shown = |group: &SubnetGroup| match &group.subnets {
        Some(ids) if !has_all(ids) => ids.iter().cloned().collect::<Vec<_>>().join(", "),
        _ => all.clone(),
    };
    let named = out.value("subnet_group.name", &group.name, live_group.map(|live| &live.name));
    let subnets = out.value("subnet_group.subnets", &shown(group), live_group.map(shown).as_ref());
    if live.is_some() {
        out.blocked(
            &named,
            "a cluster cannot change its subnet group: restore a snapshot into a new cluster in that group, migrate, \
             then change the spec",
        );
        out.step(Phase::Widen, subnets, ClusterOp::ModifyDBSubnetGroup(group.clone()));
    } else {
        out.step(Phase::Create, named.and(subnets), ClusterOp::CreateDBSubnetGroup(group.clone()));
    }
}

/// Compares the DB cluster parameter group. Returns the difference in the group's name, which ModifyDBCluster changes.
pub(super) fn parameters(
    want: Option<&ParameterGroup>,
    live: Option<&ClusterModel>,
    out: &mut Diff<'_, ClusterOp>,
) -> Covers {
    let Some(ParameterGroup { name, family, parameters }) = want else { return Covers::default() };
    let live_group = live.and_then(|live| live.parameter_group.value());
    let named = out.value("parameter_group.name", name, live_group.map(|live| &live.name));
    if name.starts_with(AWS_GROUP) {
        return named;
    }
    let live_group = live_group.filter(|live| live.name == *name);
    let of_family = out.value("parameter_group.family", family, live_group.map(|live| &live.family));
    let live_parameters = live_group.map(|live| &live.parameters);
    let set = out.stated_entries("parameter_group.parameters", Some(parameters), live_parameters);
    if live_group.is_some() {
        out.blocked(&of_family, "a parameter group's family cannot change: name another group");
    } else {
        let (name, family) = (name.clone(), family.clone());
        let create = ClusterOp::CreateDBClusterParameterGroup { name, family };
        out.step(if live.is_some() { Phase::Widen } else { Phase::Create }, named.clone().and(of_family), create);
    }
    let differs = |(key, value): &(&String, &String)| live_parameters.and_then(|live| live.get(*key)) != Some(*value);
    let changed: BTreeMap<_, _> =
        parameters.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect();
    out.remark(&set, "a dynamic parameter takes effect at once, a static one when the instances restart");
    let modify = ClusterOp::ModifyDBClusterParameterGroup { name: name.clone(), parameters: changed };
    out.step(if live.is_some() { Phase::Widen } else { Phase::Create }, set, modify);
    named
}

/// Compares the roles. RDS takes one role in each call, and only when the cluster is available.
pub(super) fn roles(want: Option<&BTreeSet<Role>>, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) {
    let Some(want) = want else { return };
    let found = live.and_then(|live| live.roles.get()).unwrap_or_default();
    let path = |role: &Role| match &role.feature {
        Some(feature) => format!("roles.{feature} {}", role.role),
        None => format!("roles.{}", role.role),
    };
    for role in found.difference(want) {
        let covers = out.gone(&path(role), &role.role);
        out.displaces(format!("the role {} is removed", role.role));
        out.step(Phase::Change, covers, ClusterOp::RemoveRoleFromDBCluster(role.clone()));
    }
    for role in want.difference(&found) {
        let covers = out.value(&path(role), &role.role, None);
        out.step(Phase::Change, covers, ClusterOp::AddRoleToDBCluster(role.clone()));
    }
}

/// Reports the status of a cluster that is not available, and the changes that wait for its maintenance window.
pub(super) fn in_progress(cluster: &ClusterModel, covers: &Covers, out: &mut Diff<'_, ClusterOp>) {
    let LiveOnly { status, pending, pending_restart, .. } = &cluster.live;
    if status.as_deref() == Some("stopped") {
        out.blocked(covers, "the cluster is stopped and cannot be changed: start it, then apply again");
    }
    for status in status.iter().filter(|status| *status != "stopped") {
        out.in_progress(status);
    }
    for what in pending {
        out.waiting(format!("{what} waits for the cluster's maintenance window"));
    }
    for id in pending_restart {
        out.waiting(format!("changed parameters take effect when instance {id} restarts: reboot it"));
    }
}
