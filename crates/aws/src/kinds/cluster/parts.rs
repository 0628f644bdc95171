//! The parts of a cluster that have calls of their own: its settings, its groups, its instances.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::resource::setting::Setting;

use super::{AWS_GROUP, ClusterModel, ClusterOp, Instance, Modified, ParameterGroup, SubnetGroup};

/// What differs of the settings that one call changes.
pub(super) fn modified(want: &ClusterModel, there: &ClusterModel) -> Modified {
    let logs = |cluster: &ClusterModel| cluster.log_exports.get().unwrap_or_default();
    let (wanted, live) = (logs(want), logs(there));
    Modified {
        engine_version: None,
        port: differing(&want.port, &there.port),
        parameter_group: None,
        security_groups: differing(&want.security_groups, &there.security_groups),
        deletion_protection: differing(&want.deletion_protection, &there.deletion_protection),
        backup_days: differing(&want.backup_days, &there.backup_days),
        iam_auth: differing(&want.iam_auth, &there.iam_auth),
        copy_tags_to_snapshots: differing(&want.copy_tags_to_snapshots, &there.copy_tags_to_snapshots),
        enable_logs: &wanted - &live,
        disable_logs: if want.log_exports.is_set() { &live - &wanted } else { BTreeSet::new() },
        serverless: differing(&want.serverless, &there.serverless),
        apply_immediately: want.apply_immediately,
    }
}

/// The wanted value, where live has another.
fn differing<T: Clone + PartialEq>(want: &Setting<T>, live: &Setting<T>) -> Option<T> {
    want.get().filter(|_| want != live)
}

/// The subnet group is made or spread over other subnets; a cluster never moves to another one.
pub(super) fn subnets(want: Option<&SubnetGroup>, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) {
    let Some(group) = want else { return };
    let there = live.and_then(|live| live.subnet_group.value());
    let all = "all of the VPC".to_owned();
    // A group that has all of the VPC's subnets is what "all" means, however it came by them.
    let has_all = |ids: &BTreeSet<String>| group.subnets.is_none() && live.is_some_and(|live| live.live.of_vpc == *ids);
    let shown = |group: &SubnetGroup| match &group.subnets {
        Some(ids) if !has_all(ids) => ids.iter().cloned().collect::<Vec<_>>().join(", "),
        _ => all.clone(),
    };
    let named = out.value("subnet_group.name", &group.name, there.map(|there| &there.name));
    let spread = out.value("subnet_group.subnets", &shown(group), there.map(shown).as_ref());
    if live.is_some() {
        out.blocked(&named, "a cluster never changes its subnet group: restore a snapshot into a new cluster in it, move, and change the spec");
        out.step(Phase::Widen, spread, ClusterOp::ModifyDBSubnetGroup(group.clone()));
    } else {
        out.step(Phase::Create, named.and(spread), ClusterOp::CreateDBSubnetGroup(group.clone()));
    }
}

/// Returns the difference "the cluster has another parameter group", which the cluster's step mends.
pub(super) fn parameters(
    want: Option<&ParameterGroup>,
    live: Option<&ClusterModel>,
    out: &mut Diff<'_, ClusterOp>,
) -> Covers {
    let Some(ParameterGroup { name, family, parameters }) = want else { return Covers::default() };
    let there = live.and_then(|live| live.parameter_group.value());
    let named = out.value("parameter_group.name", name, there.map(|there| &there.name));
    if name.starts_with(AWS_GROUP) {
        return named;
    }
    let there = there.filter(|there| there.name == *name);
    let of_family = out.value("parameter_group.family", family, there.map(|there| &there.family));
    let set = out.stated_entries("parameter_group.parameters", Some(parameters), there.map(|there| &there.parameters));
    if there.is_some() {
        out.blocked(&of_family, "a parameter group's family never changes: name another group");
    } else {
        let (name, family) = (name.clone(), family.clone());
        let create = ClusterOp::CreateDBClusterParameterGroup { name, family };
        out.step(if live.is_some() { Phase::Widen } else { Phase::Create }, named.clone().and(of_family), create);
    }
    let modify = ClusterOp::ModifyDBClusterParameterGroup { name: name.clone(), parameters: parameters.clone() };
    out.step(if live.is_some() { Phase::Widen } else { Phase::Create }, set, modify);
    named
}

/// Instances that are wanted are made or changed; others stay, as nothing of a database is deleted.
pub(super) fn members(
    instances: Option<&BTreeMap<String, Instance>>,
    want: &ClusterModel,
    live: Option<&ClusterModel>,
    out: &mut Diff<'_, ClusterOp>,
) {
    for (id, Instance { class, tags }) in instances.into_iter().flatten() {
        let there = live.and_then(|live| live.instances.value()).and_then(|instances| instances.get(id));
        let classed = out.value(&format!("instances.{id}.class"), class, there.map(|there| &there.class));
        let path = format!("instances.{id}.tags");
        let tagged = out.stated_entries(&path, Some(tags), there.map(|there| &there.tags));
        let (id, class, tags) = (id.clone(), class.clone(), tags.clone());
        if there.is_some() {
            let apply_immediately = want.apply_immediately;
            let when = if apply_immediately {
                "at once; it restarts"
            } else {
                "in the maintenance window; `apply_immediately: true` does it at once"
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

/// Says what the cluster is doing, and what it waits for.
pub(super) fn in_progress(there: &ClusterModel, covers: &Covers, out: &mut Diff<'_, ClusterOp>) {
    if there.live.status.as_deref() == Some("stopped") {
        out.blocked(covers, "the cluster is stopped and takes no change: start it, then apply again");
    }
    there.live.status.iter().filter(|status| *status != "stopped").for_each(|status| out.coming(status));
    there
        .live
        .pending
        .iter()
        .for_each(|what| out.waiting(format!("{what} waits for the cluster's maintenance window")));
}
