// SPDX-License-Identifier: Apache-2.0
//! Comparing the parts of a cluster that have their own API calls: settings, groups and instances.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::resource::setting::Setting;

use super::{AWS_GROUP, ClusterInstance, ClusterModel, ClusterOp, LiveOnly, Modified, ParameterGroup, SubnetGroup};

/// Returns the settings that differ and that ModifyDBCluster changes. The caller adds the engine version, which can be
/// stated in part, and the parameter group, of which only the name counts.
pub(super) fn modified(want: &ClusterModel, live: &ClusterModel) -> Modified {
    let logs = |cluster: &ClusterModel| cluster.log_exports.get().unwrap_or_default();
    let (desired_logs, live_logs) = (logs(want), logs(live));
    Modified {
        engine_version: None,
        port: differing(&want.port, &live.port),
        parameter_group: None,
        security_groups: differing(&want.security_groups, &live.security_groups),
        deletion_protection: differing(&want.deletion_protection, &live.deletion_protection),
        backup_days: differing(&want.backup_days, &live.backup_days),
        iam_auth: differing(&want.iam_auth, &live.iam_auth),
        copy_tags_to_snapshots: differing(&want.copy_tags_to_snapshots, &live.copy_tags_to_snapshots),
        enable_logs: &desired_logs - &live_logs,
        disable_logs: if want.log_exports.is_set() { &live_logs - &desired_logs } else { BTreeSet::new() },
        serverless: differing(&want.serverless, &live.serverless),
        apply_immediately: want.apply_immediately,
    }
}

/// Returns the desired value if the live value differs.
fn differing<T: Clone + PartialEq>(want: &Setting<T>, live: &Setting<T>) -> Option<T> {
    want.get().filter(|_| want != live)
}

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
    let modify = ClusterOp::ModifyDBClusterParameterGroup { name: name.clone(), parameters: parameters.clone() };
    out.step(if live.is_some() { Phase::Widen } else { Phase::Create }, set, modify);
    named
}

/// Creates or changes the desired instances. Others stay, because regionctl deletes no part of a database.
pub(super) fn members(
    instances: Option<&BTreeMap<String, ClusterInstance>>,
    want: &ClusterModel,
    live: Option<&ClusterModel>,
    out: &mut Diff<'_, ClusterOp>,
) {
    for (id, ClusterInstance { class, tags }) in instances.into_iter().flatten() {
        let member = live.and_then(|live| live.instances.value()).and_then(|instances| instances.get(id));
        let classed = out.value(&format!("instances.{id}.class"), class, member.map(|member| &member.class));
        let path = format!("instances.{id}.tags");
        let tagged = out.stated_entries(&path, Some(tags), member.map(|member| &member.tags));
        let (id, class, tags) = (id.clone(), class.clone(), tags.clone());
        if member.is_some() {
            let apply_immediately = want.apply_immediately;
            let when = if apply_immediately {
                "immediately; the instance restarts"
            } else {
                "in the maintenance window; set `apply_immediately: true` to apply it immediately"
            };
            out.remark(&classed, when);
            out.step(Phase::Change, classed, ClusterOp::ModifyDBInstance { id: id.clone(), class, apply_immediately });
            out.step(Phase::Change, tagged, ClusterOp::AddTagsToResource { instance: Some(id), tags });
        } else {
            let engine = want.engine.get().unwrap_or_default();
            let phase = if live.is_some() { Phase::Change } else { Phase::Create };
            out.step(phase, classed.and(tagged), ClusterOp::CreateDBInstance { id, class, engine, tags });
        }
    }
}

/// Reports the status of a cluster that is not available, and the changes that wait for its maintenance window.
pub(super) fn in_progress(cluster: &ClusterModel, covers: &Covers, out: &mut Diff<'_, ClusterOp>) {
    let LiveOnly { status, pending, .. } = &cluster.live;
    if status.as_deref() == Some("stopped") {
        out.blocked(covers, "the cluster is stopped and cannot be changed: start it, then apply again");
    }
    for status in status.iter().filter(|status| *status != "stopped") {
        out.in_progress(status);
    }
    for what in pending {
        out.waiting(format!("{what} waits for the cluster's maintenance window"));
    }
}
