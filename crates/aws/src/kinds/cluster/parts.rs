// SPDX-License-Identifier: Apache-2.0
//! Comparing the parts of a cluster that have their own API calls: groups, roles, the Data API.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::resource::setting::Setting;

use super::ClusterOp;
use super::model::{ClusterModel, LiveOnly, ParameterGroup, Role, SubnetGroup};
use crate::tags;

/// The name prefix of AWS's default parameter groups, which cannot be modified.
pub(super) const AWS_GROUP: &str = "default.";

/// The subnet group of the default VPC. ModifyDBSubnetGroup refuses it
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html>).
pub(super) const DEFAULT_SUBNETS: &str = "default";

/// Compares the DB subnet group. A move to another group is an outage, and RDS cannot always undo a failed one
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>).
/// Returns the difference that the creation of the cluster covers.
pub(super) fn subnets(
    want: Option<&SubnetGroup>,
    live: Option<&ClusterModel>,
    out: &mut Diff<'_, ClusterOp>,
) -> Covers {
    let Some(group) = want else { return Covers::default() };
    let live_group = live.and_then(|live| live.subnet_group.value());
    let all = "all of the VPC".to_owned();
    // A live group always lists its subnets, so "all" is compared with the VPC's subnets.
    let has_all = |ids: &BTreeSet<String>| group.subnets.is_none() && live.is_some_and(|live| live.live.of_vpc == *ids);
    let shown = |group: &SubnetGroup| match &group.subnets {
        Some(ids) if !has_all(ids) => ids.iter().cloned().collect::<Vec<_>>().join(", "),
        _ => all.clone(),
    };
    let named = out.value("subnet_group.name", &group.name, live_group.map(|live| &live.name));
    let is_default = group.name == DEFAULT_SUBNETS;
    let subnets = if is_default {
        Covers::default()
    } else {
        out.value("subnet_group.subnets", &shown(group), live_group.map(shown).as_ref())
    };
    let Some(live) = live else {
        // The step that creates the cluster names AWS's group, which exists.
        let made = ClusterOp::CreateDBSubnetGroup(group.clone());
        let covers = if is_default { Covers::default() } else { named.clone().and(subnets) };
        out.step(Phase::Create, covers, made);
        return if is_default { named } else { Covers::default() };
    };
    out.blocked(
        &named,
        "regionctl does not move a cluster to another subnet group, which is an outage: restore a snapshot into a new \
         cluster in that group, or move it by hand, then change the spec",
    );
    let kept = group.subnets.as_ref().unwrap_or(&live.live.of_vpc);
    for lost in live_group.and_then(|live| live.subnets.as_ref()).filter(|_| !subnets.is_empty()).into_iter().flatten()
    {
        if !kept.contains(lost) {
            out.displaces(format!("the subnet {lost} is removed from the subnet group"));
        }
    }
    also(&subnets, "", &live.live.subnet_users, out);
    out.step(Phase::Widen, subnets, ClusterOp::ModifyDBSubnetGroup(group.clone()));
    Covers::default()
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
    let live_parameters = live_group.map(|live| tags::set(&live.parameters)).unwrap_or_default();
    let (set, reset) = out.entries("parameter_group.parameters", parameters, &live_parameters);
    if live_group.is_some() {
        out.blocked(&of_family, "a parameter group's family cannot change: name another group");
    } else {
        let (name, family) = (name.clone(), family.clone());
        let create = ClusterOp::CreateDBClusterParameterGroup { name, family };
        out.step(if live.is_some() { Phase::Widen } else { Phase::Create }, named.clone().and(of_family), create);
    }
    let differs = |(key, value): &(&String, &String)| live_parameters.get(*key) != Some(*value);
    let stated = tags::set(parameters);
    let changed: BTreeMap<_, _> =
        stated.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect();
    let is_reset =
        |(key, value): &(&String, &Setting<String>)| **value == Setting::Unset && live_parameters.contains_key(*key);
    let defaults: BTreeSet<String> = parameters.iter().filter(is_reset).map(|(key, _)| key.clone()).collect();
    let users = live.map(|live| live.live.group_users.clone()).unwrap_or_default();
    let when = "a dynamic parameter takes effect at once, a static one when the instances restart";
    also(&set.clone().and(reset.clone()), when, &users, out);
    let modify = ClusterOp::ModifyDBClusterParameterGroup { name: name.clone(), parameters: changed };
    out.step(if live.is_some() { Phase::Widen } else { Phase::Create }, set, modify);
    let to_defaults = ClusterOp::ResetDBClusterParameterGroup { name: name.clone(), parameters: defaults };
    out.step(Phase::Widen, reset, to_defaults);
    named
}

/// Adds a remark to the differences of a group, with the other clusters and instances that use the group too.
fn also(covers: &Covers, what: &str, users: &BTreeSet<String>, out: &mut Diff<'_, ClusterOp>) {
    let names = users.iter().cloned().collect::<Vec<_>>().join(", ");
    match (what.is_empty(), users.is_empty()) {
        (true, true) => {}
        (false, true) => out.remark(covers, what),
        (true, false) => out.remark(covers, &format!("{names} use this group too")),
        (false, false) => out.remark(covers, &format!("{what}; {names} use this group too")),
    }
}

/// Compares the roles. RDS takes one role in each call, and only when the cluster is available.
pub(super) fn roles(
    want: Option<&BTreeSet<Role>>,
    live: Option<&ClusterModel>,
    out: &mut Diff<'_, ClusterOp>,
) -> Covers {
    let mut all = Covers::default();
    let Some(want) = want else { return all };
    let found = live.and_then(|live| live.roles.get()).unwrap_or_default();
    let path = |role: &Role| match &role.feature {
        Some(feature) => format!("roles.{feature} {}", role.role),
        None => format!("roles.{}", role.role),
    };
    for role in found.difference(want) {
        let covers = out.gone(&path(role), &role.role);
        all = all.and(covers.clone());
        out.displaces(format!("the role {} is removed", role.role));
        out.step(Phase::Change, covers, ClusterOp::RemoveRoleFromDBCluster(role.clone()));
    }
    for role in want.difference(&found) {
        let covers = out.value(&path(role), &role.role, None);
        all = all.and(covers.clone());
        out.step(Phase::Change, covers, ClusterOp::AddRoleToDBCluster(role.clone()));
    }
    all
}

/// Reports the status of a cluster that is not available, and the changes that wait for its maintenance window.
pub(super) fn in_progress(cluster: &ClusterModel, covers: &Covers, out: &mut Diff<'_, ClusterOp>) {
    let LiveOnly { status, pending, pending_restart, .. } = &cluster.live;
    let statuses = status.iter().flat_map(|statuses| statuses.split(", "));
    let (stopped, others): (Vec<&str>, Vec<&str>) = statuses.partition(|status| *status == "stopped");
    if !stopped.is_empty() {
        out.blocked(covers, "the cluster is stopped and cannot be changed: start it, then apply again");
    }
    if !others.is_empty() {
        out.in_progress(others.join(", "));
    }
    for what in pending {
        out.waiting(format!("{what} waits for the cluster's maintenance window"));
    }
    for id in pending_restart {
        out.waiting(format!("changed parameters take effect when instance {id} restarts: reboot it"));
    }
}
