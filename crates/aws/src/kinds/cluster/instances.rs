// SPDX-License-Identifier: Apache-2.0
//! Comparing the instances of a cluster. Others stay, because regionctl deletes no part of a database.

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::resource::setting::Setting;

use super::ClusterOp;
use super::model::{ClusterInstance, ClusterModel, Insights};
use crate::tags::{self, TagChanges};

/// Creates or changes the desired instances. Returns the differences, except tags.
pub(super) fn members(want: &ClusterModel, live: Option<&ClusterModel>, out: &mut Diff<'_, ClusterOp>) -> Covers {
    let mut all = Covers::default();
    for (id, desired) in want.instances.value().into_iter().flatten() {
        let member = live.and_then(|live| live.instances.value()).and_then(|instances| instances.get(id));
        all = all.and(one(id, desired, member, (want, live), out));
    }
    all
}

fn one(
    id: &str,
    want: &ClusterInstance,
    live: Option<&ClusterInstance>,
    (cluster, live_cluster): (&ClusterModel, Option<&ClusterModel>),
    out: &mut Diff<'_, ClusterOp>,
) -> Covers {
    let mut differing = ClusterInstance::default();
    macro_rules! compare {
        ($name:ident) => {{
            let path = format!("instances.{id}.{}", stringify!($name));
            let covers = out.setting(&path, &want.$name, live.map(|live| &live.$name));
            if !covers.is_empty() {
                differing.$name = want.$name.clone();
            }
            covers
        }};
    }
    let class = compare!(class);
    let zone = compare!(availability_zone);
    let public = compare!(publicly_accessible);
    let authority = compare!(ca_certificate);
    let group = compare!(parameter_group);
    let plain = compare!(promotion_tier)
        .and(compare!(auto_minor_version_upgrade))
        .and(compare!(maintenance_window))
        .and(compare!(monitoring));
    let insights = Insights::with_key_of(&want.performance_insights, live.map(|live| &live.performance_insights));
    let path = format!("instances.{id}.performance_insights");
    let insightful = out.setting(&path, &insights, live.map(|live| &live.performance_insights));
    if !insightful.is_empty() {
        differing.performance_insights = insights;
    }
    let plain = plain.and(insightful);
    let tagging = tagging(id, want, live, out);
    let Some(live) = live else {
        let has_range = cluster.serverless.is_set() || live_cluster.is_some_and(|live| live.serverless.is_set());
        if !has_range && want.class.is_set_and(|class| class == "db.serverless") {
            out.never_made(
                "an instance of class db.serverless needs the cluster's capacity range: state `serverless:`",
            );
        }
        let engine = cluster.engine.get().unwrap_or_default();
        let (tagged, tags) = tags::of_new(tagging, out);
        let covers = class.and(zone).and(public).and(authority).and(group).and(plain).and(tagged);
        let settings = Box::new(ClusterInstance { tags: Setting::Unstated, ..want.clone() });
        let create = ClusterOp::CreateDBInstance { id: id.to_owned(), engine, settings, tags };
        out.step(if live_cluster.is_some() { Phase::Change } else { Phase::Create }, covers.clone(), create);
        return covers;
    };
    out.blocked(
        &zone,
        "RDS cannot move an instance to another zone: add an instance there, then delete this one by hand",
    );
    key_change(&plain, want, live, out);
    restarts(id, &class, "the class", cluster.apply_immediately, out);
    restarts(id, &authority, "the CA certificate", cluster.apply_immediately, out);
    out.remark(&group, "it takes effect when the instance restarts: reboot it");
    // RDS applies this change at once, also without ApplyImmediately
    // (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html).
    if want.publicly_accessible == Setting::Set(false) {
        out.interrupts(&public, &format!("connections to {id} from outside the VPC end at once"));
    }
    let covers = class.and(zone).and(public).and(authority).and(group).and(plain);
    let (id, settings) = (id.to_owned(), Box::new(differing));
    let apply_immediately = cluster.apply_immediately;
    out.step(
        Phase::Change,
        covers.clone(),
        ClusterOp::ModifyDBInstance { id: id.clone(), settings, apply_immediately },
    );
    let instance = Some(id);
    let add = ClusterOp::AddTagsToResource { instance: instance.clone(), tags: tagging.tags };
    out.step(Phase::Change, tagging.set, add);
    let remove = ClusterOp::RemoveTagsFromResource { instance, keys: tagging.keys };
    out.step(Phase::Change, tagging.removed, remove);
    covers
}

/// Compares the tags of an instance.
fn tagging(
    id: &str,
    want: &ClusterInstance,
    live: Option<&ClusterInstance>,
    out: &mut Diff<'_, ClusterOp>,
) -> TagChanges {
    let of_live = live.and_then(|live| live.tags.value()).map(tags::set).unwrap_or_default();
    let stated = tags::by_key(&want.tags, &of_live);
    let (set, removed) = out.entries(&format!("instances.{id}.tags"), &stated, &of_live);
    let keys = stated.iter().filter(|(key, value)| **value == Setting::Unset && of_live.contains_key(*key));
    TagChanges { set, tags: tags::set(&stated), removed, keys: keys.map(|(key, _)| key.clone()).collect() }
}

/// RDS rejects another key while Performance Insights is on.
fn key_change(plain: &Covers, want: &ClusterInstance, live: &ClusterInstance, out: &mut Diff<'_, ClusterOp>) {
    let keys = want.performance_insights.value().zip(live.performance_insights.value());
    if keys.is_some_and(|(want, live)| want.kms_key.is_some() && want.kms_key != live.kms_key) {
        out.blocked(plain, "the key of Performance Insights cannot change while it is on: turn it off by hand first");
    }
}

/// Says when a change restarts an instance. The restart of the writer is a failover if there is a reader.
fn restarts(id: &str, covers: &Covers, what: &str, immediately: bool, out: &mut Diff<'_, ClusterOp>) {
    if immediately {
        out.interrupts(
            covers,
            &format!("{what} of {id} changes at once: it restarts, or fails over if it is the writer"),
        );
    } else {
        out.remark(
            covers,
            "in the maintenance window, with a restart or failover; set `apply_immediately: true` to apply it immediately",
        );
    }
}
