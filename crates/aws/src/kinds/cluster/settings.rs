// SPDX-License-Identifier: Apache-2.0
//! Comparing a cluster's settings: those of its creation, those that interrupt it, and the others.

use std::collections::BTreeSet;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::resource::setting::Setting;

use super::ClusterOp;
use super::instances::members;
use super::model::{ClusterModel, Insights};
use super::parts::{in_progress, parameters, roles, subnets};
use super::version;
use crate::tags;

/// The differences of a cluster by how RDS changes them, and the settings that ModifyDBCluster sends.
struct Differences {
    /// RDS cannot change them.
    fixed: Covers,
    /// The engine version.
    version: Covers,
    port: Covers,
    network: Covers,
    password: Covers,
    backtrack: Covers,
    storage: Covers,
    data_api: Covers,
    /// RestoreDBClusterFromSnapshot does not have them.
    not_restored: Covers,
    plain: Covers,
    sent: ClusterModel,
}

impl Differences {
    fn of_modify(&self) -> Covers {
        let of = [&self.version, &self.port, &self.network, &self.password, &self.backtrack, &self.storage];
        let of = of.into_iter().chain([&self.not_restored]);
        of.fold(self.plain.clone(), |all, covers| all.and(covers.clone()))
    }
}

fn compare(want: &ClusterModel, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) -> Differences {
    let mut sent = ClusterModel { apply_immediately: want.apply_immediately, ..ClusterModel::default() };
    macro_rules! compare {
        ($($name:ident),* $(,)?) => {{
            let mut all = Covers::default();
            $(
                let covers = out.setting(stringify!($name), &want.$name, live.map(|live| &live.$name));
                if !covers.is_empty() {
                    sent.$name = want.$name.clone();
                }
                all = all.and(covers);
            )*
            all
        }};
    }
    let fixed = compare!(engine, master_username, database, storage_encrypted, kms_key);
    let version = version::compare(want.engine_version.value().map(String::as_str), live, out);
    if !version.is_empty() {
        sent.engine_version = want.engine_version.clone();
    }
    let live_insights = live.map(|live| &live.performance_insights);
    let insights = Insights::with_key_of(&want.performance_insights, live_insights);
    let insightful = out.setting("performance_insights", &insights, live_insights);
    if !insightful.is_empty() {
        sent.performance_insights = insights;
    }
    Differences {
        fixed,
        version,
        port: compare!(port),
        network: compare!(network_type),
        password: compare!(managed_password, secret_kms_key),
        backtrack: compare!(backtrack_seconds),
        storage: compare!(storage_type),
        data_api: compare!(data_api),
        not_restored: compare!(
            maintenance_window,
            auto_minor_version_upgrade,
            local_write_forwarding,
            database_insights,
        ),
        plain: compare!(
            engine_lifecycle_support,
            security_groups,
            deletion_protection,
            backup_days,
            backup_window,
            iam_auth,
            copy_tags_to_snapshots,
            log_exports,
            monitoring,
            serverless,
        )
        .and(insightful),
        sent,
    }
}

pub(super) fn diff(want: &ClusterModel, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) {
    let found = compare(want, live, out);
    let tag_changes = tags::compare(&want.tags, live.map(|live| &live.tags), out);
    unset_groups(want, live, out);
    let of_default = subnets(want.subnet_group.value(), live, out);
    let grouped = parameters(want.parameter_group.value(), live, out).and(of_default);
    let Some(live) = live else {
        create(want, found, grouped, tag_changes, out);
        let _created = roles(want.roles.value(), None, out);
        let _created = members(want, None, out);
        return;
    };
    blocked(want, live, &found, out);
    interruptions(want, live, &found, out);
    displaced(want, live, out);
    out.remark(&grouped, "it takes effect when the instances restart: reboot them");
    let mut all = found.of_modify().and(grouped.clone());
    let modify = modify(want, live, &found.sent, !grouped.is_empty());
    out.step(Phase::Change, all.clone(), modify);
    let is_data_api_on = want.data_api == Setting::Set(true);
    let switch = if is_data_api_on { ClusterOp::EnableHttpEndpoint } else { ClusterOp::DisableHttpEndpoint };
    if !is_data_api_on {
        out.interrupts(&found.data_api, "requests to the Data API fail at once");
    }
    out.step(Phase::Change, found.data_api.clone(), switch);
    let add = ClusterOp::AddTagsToResource { instance: None, tags: tag_changes.tags };
    out.step(Phase::Change, tag_changes.set, add);
    let remove = ClusterOp::RemoveTagsFromResource { instance: None, keys: tag_changes.keys };
    out.step(Phase::Change, tag_changes.removed, remove);
    all = all.and(found.fixed).and(found.data_api).and(roles(want.roles.value(), Some(live), out));
    all = all.and(members(want, Some(live), out));
    in_progress(live, &all, out);
}

/// Returns the call that changes these settings.
fn modify(want: &ClusterModel, live: &ClusterModel, changed: &ClusterModel, is_other_group: bool) -> ClusterOp {
    let logs = |cluster: &ClusterModel| cluster.log_exports.get().unwrap_or_default();
    let starts: BTreeSet<String> = &logs(want) - &logs(live);
    let stops = if want.log_exports.is_set() { &logs(live) - &logs(want) } else { BTreeSet::new() };
    let parameter_group = if is_other_group { want.parameter_group.clone() } else { Setting::Unstated };
    let log_exports = changed.log_exports.clone().map(|_| starts);
    // RDS changes the mode of Database Insights only together with Performance Insights.
    let live_insights = if live.performance_insights.is_set() && changed.database_insights.is_set() {
        live.performance_insights.clone()
    } else {
        Setting::Unstated
    };
    let performance_insights = changed.performance_insights.clone().or(live_insights);
    // EnableHttpEndpoint of ModifyDBCluster is for Serverless v1.
    let settings = ClusterModel {
        parameter_group,
        log_exports,
        performance_insights,
        data_api: Setting::Unstated,
        ..changed.clone()
    };
    ClusterOp::ModifyDBCluster { settings: Box::new(settings), disable_logs: stops }
}

/// Records what the spec does not list and the change removes.
fn displaced(want: &ClusterModel, live: &ClusterModel, out: &mut Diff<'_, ClusterOp>) {
    let lost = |want: &Setting<BTreeSet<String>>, live: &Setting<BTreeSet<String>>| {
        let live = live.get().unwrap_or_default();
        want.value().map(|want| &live - want).unwrap_or_default()
    };
    let (days, live_days) = (want.backup_days.value(), live.backup_days.value());
    if let Some((days, _)) = days.zip(live_days).filter(|(days, live)| days < live) {
        out.deletes(format!("automated backups older than {days} days are deleted"));
    }
    for group in lost(&want.security_groups, &live.security_groups) {
        out.displaces(format!("the security group {group} is removed"));
    }
    for log in lost(&want.log_exports, &live.log_exports) {
        out.displaces(format!("the export of the log '{log}' is stopped"));
    }
}

/// RDS has no call that takes a group off a cluster.
fn unset_groups(want: &ClusterModel, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) {
    let Some(live) = live else { return };
    if want.subnet_group == Setting::Unset && live.subnet_group.is_set() {
        out.never_made("a cluster always has a subnet group: remove `subnet_group: unset`");
    }
    if want.parameter_group == Setting::Unset && live.parameter_group.is_set() {
        out.never_made("a cluster always has a parameter group: name AWS's group, such as default.aurora-postgresql16");
    }
    if want.serverless == Setting::Unset && live.serverless.is_set() {
        out.never_made("RDS keeps the capacity range of a cluster: remove `serverless: unset`");
    }
}

fn create(
    want: &ClusterModel,
    found: Differences,
    grouped: Covers,
    tag_changes: tags::TagChanges,
    out: &mut Diff<'_, ClusterOp>,
) {
    if want.engine.is_set_and(|engine| engine == "aurora") {
        out.never_made("RDS creates no clusters of the engine 'aurora': use aurora-mysql");
    }
    if !want.master_username.is_set() && !want.restore_from.is_set() {
        out.never_made("the source has no master user: state `master_username:`");
    }
    let (tagged, tags) = tags::of_new(tag_changes, out);
    let of_tags = tags.into_iter().map(|(key, value)| (key, Setting::Set(value))).collect();
    let cluster = ClusterModel { tags: Setting::Set(of_tags), instances: Setting::Unstated, ..want.clone() };
    let covers = out.creation().and(tagged).and(grouped).and(found.fixed).and(found.version).and(found.port);
    let covers = covers.and(found.network).and(found.backtrack).and(found.storage).and(found.plain);
    if want.restore_from.is_set() {
        let is_data_api_on = want.data_api == Setting::Set(true);
        let covers = if is_data_api_on { covers } else { covers.and(found.data_api.clone()) };
        let covers = covers.and(out.setting("restore_from", &want.restore_from, None));
        out.step(Phase::Create, covers, ClusterOp::RestoreDBClusterFromSnapshot(Box::new(cluster)));
        let settings = ClusterModel {
            managed_password: want.managed_password,
            secret_kms_key: want.secret_kms_key.clone(),
            maintenance_window: want.maintenance_window.clone(),
            auto_minor_version_upgrade: want.auto_minor_version_upgrade,
            local_write_forwarding: want.local_write_forwarding,
            database_insights: want.database_insights.clone(),
            performance_insights: want.performance_insights.clone(),
            apply_immediately: true,
            ..ClusterModel::default()
        };
        let modify = ClusterOp::ModifyDBCluster { settings: Box::new(settings), disable_logs: BTreeSet::new() };
        out.step(Phase::Change, found.password.and(found.not_restored), modify);
        if is_data_api_on {
            out.step(Phase::Change, found.data_api, ClusterOp::EnableHttpEndpoint);
        }
        return;
    }
    if want.managed_password == Setting::Set(false) {
        out.never_made(
            "regionctl never has a password: remove `managed_password: false`, or state `restore_from:` a snapshot",
        );
    }
    let covers = covers.and(found.password).and(found.data_api).and(found.not_restored);
    out.step(Phase::Create, covers, ClusterOp::CreateDBCluster(Box::new(cluster)));
}

fn blocked(want: &ClusterModel, live: &ClusterModel, found: &Differences, out: &mut Diff<'_, ClusterOp>) {
    out.blocked(
        &found.fixed,
        "RDS cannot change this in place, and regionctl never replaces a database: restore a snapshot into a new \
         cluster with this setting, migrate, then change the spec",
    );
    if live.managed_password == Setting::Set(true) {
        out.blocked(
            &found.password,
            "regionctl does not take the master password out of Secrets Manager, and RDS cannot change the key of its \
             secret: change it by hand",
        );
    }
    let is_off = live.backtrack_seconds == Setting::Set(0);
    if is_off && want.backtrack_seconds.is_set_and(|seconds| *seconds > 0) {
        out.blocked(
            &found.backtrack,
            "only a cluster that was created with a backtrack window can be backtracked: restore a snapshot with \
             `backtrack_seconds`",
        );
    }
}

/// Says what a change interrupts. RDS changes a port at once, also without ApplyImmediately
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Modifying.html>).
fn interruptions(want: &ClusterModel, live: &ClusterModel, found: &Differences, out: &mut Diff<'_, ClusterOp>) {
    out.interrupts(&found.port, "the database restarts at once, and clients must use the new port");
    if want.managed_password == Setting::Set(true) {
        out.interrupts(&found.password, "Secrets Manager replaces the master password at once");
    }
    let later = "in the maintenance window, with a restart; set `apply_immediately: true` to apply it immediately";
    // Another storage type interrupts only instances of Optimized Reads classes, which are db.r6gd, db.r6id and db.r8gd.
    let has_disk = |class: &String| class.split('.').nth(1).is_some_and(|family| family.ends_with('d'));
    let mut instances = live.instances.value().into_iter().flatten();
    let restarts = instances.any(|(_, instance)| instance.class.is_set_and(has_disk));
    let storage = if restarts { found.storage.clone() } else { Covers::default() };
    for (covers, what) in
        [(&found.version, "the engine version"), (&found.network, "the network type"), (&storage, "the storage type")]
    {
        if want.apply_immediately {
            out.interrupts(covers, &format!("{what} changes at once: the instances restart"));
        } else {
            out.remark(covers, later);
        }
    }
}
