// SPDX-License-Identifier: Apache-2.0
//! Compares the settings that have calls of their own, and adds their steps.

use std::collections::BTreeMap;

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::resource::setting::Setting;

use super::FunctionOp;
use super::event_source::EventSource;
use super::parts::{AsyncConfig, Parts, Permission, Url};

/// Adds the steps for all parts. The function exists, or an earlier step creates it.
pub(super) fn diff(
    want: &Parts,
    live: Option<&Parts>,
    mapping_ids: Option<&BTreeMap<String, String>>,
    out: &mut Diff<'_, FunctionOp>,
) {
    let of_new = Parts::of_new();
    let live = live.unwrap_or(&of_new);
    let Parts {
        permissions,
        reserved_concurrency,
        provisioned_concurrency,
        url,
        async_config,
        recursive_loop,
        runtime_updates,
        code_signing,
        event_sources,
    } = want;
    self::event_sources(event_sources, &live.event_sources, mapping_ids, out);
    self::permissions(permissions, &live.permissions, out);
    let covers = out.setting("reserved_concurrency", reserved_concurrency, Some(&live.reserved_concurrency));
    if *reserved_concurrency == Setting::Set(0) {
        out.remark(&covers, "Lambda rejects all invocations");
    }
    let op = match *reserved_concurrency {
        Setting::Set(executions) => FunctionOp::PutFunctionConcurrency { executions },
        Setting::Unset | Setting::Unstated => FunctionOp::DeleteFunctionConcurrency,
    };
    out.step(Phase::Change, covers, op);
    provisioned(provisioned_concurrency, &live.provisioned_concurrency, out);
    self::url(url, &live.url, out);
    self::async_config(async_config, &live.async_config, out);
    let covers = out.setting("recursive_loop", recursive_loop, Some(&live.recursive_loop));
    if let Setting::Set(reaction) = *recursive_loop {
        out.step(Phase::Change, covers, FunctionOp::PutFunctionRecursionConfig { reaction });
    }
    let covers = out.setting("runtime_updates", runtime_updates, Some(&live.runtime_updates));
    match runtime_updates {
        Setting::Set(updates) => {
            out.step(Phase::Change, covers, FunctionOp::PutRuntimeManagementConfig(updates.clone()));
        }
        Setting::Unset | Setting::Unstated => out.blocked(
            &covers,
            "only a container image has no runtime updates: state when Lambda updates the runtime of this function",
        ),
    }
    let covers = out.setting("code_signing", code_signing, Some(&live.code_signing));
    let op = match code_signing {
        Setting::Set(arn) => FunctionOp::PutFunctionCodeSigningConfig { arn: arn.clone() },
        Setting::Unset | Setting::Unstated => {
            out.remark(&covers, "Lambda no longer verifies signatures of new code");
            FunctionOp::DeleteFunctionCodeSigningConfig
        }
    };
    out.step(Phase::Change, covers, op);
}

/// Compares the statements that the spec names. AddPermission cannot change a statement, so it is removed first
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>).
fn permissions(
    want: &Setting<BTreeMap<String, Setting<Permission>>>,
    live: &Setting<BTreeMap<String, Setting<Permission>>>,
    out: &mut Diff<'_, FunctionOp>,
) {
    let none = BTreeMap::new();
    let live = live.value().unwrap_or(&none);
    let want = match want {
        Setting::Unstated => return,
        Setting::Unset => {
            for id in live.keys() {
                out.displaces(format!("the permission {id} is removed"));
            }
            live.keys().map(|id| (id.clone(), Setting::Unset)).collect()
        }
        Setting::Set(want) => want.clone(),
    };
    for (id, permission) in want {
        let found = live.get(&id);
        let covers = out.setting(&format!("permissions.{id}"), &permission, found);
        let exists = found.is_some_and(Setting::is_set);
        match permission {
            Setting::Unstated => {}
            Setting::Unset => out.step(Phase::Narrow, covers, FunctionOp::RemovePermission { id }),
            Setting::Set(permission) => {
                if exists {
                    out.remark(&covers, "replaced: invocations that it allows fail for a moment");
                    out.step(Phase::Change, covers.clone(), FunctionOp::RemovePermission { id: id.clone() });
                }
                let phase = if exists { Phase::Change } else { Phase::Widen };
                out.step(phase, covers, FunctionOp::AddPermission { id, permission });
            }
        }
    }
}

fn provisioned(
    want: &Setting<BTreeMap<String, Setting<i32>>>,
    live: &Setting<BTreeMap<String, Setting<i32>>>,
    out: &mut Diff<'_, FunctionOp>,
) {
    let none = BTreeMap::new();
    let live = live.value().unwrap_or(&none);
    let want = match want {
        Setting::Unstated => return,
        Setting::Unset => {
            for qualifier in live.keys() {
                out.displaces(format!("the provisioned concurrency of {qualifier} is removed"));
            }
            live.keys().map(|qualifier| (qualifier.clone(), Setting::Unset)).collect()
        }
        Setting::Set(want) => want.clone(),
    };
    for (qualifier, executions) in want {
        let path = format!("provisioned_concurrency.{qualifier}");
        let covers = out.setting(&path, &executions, live.get(&qualifier));
        let op = match executions {
            Setting::Set(executions) => FunctionOp::PutProvisionedConcurrencyConfig { qualifier, executions },
            Setting::Unset | Setting::Unstated => FunctionOp::DeleteProvisionedConcurrencyConfig { qualifier },
        };
        out.step(Phase::Change, covers, op);
    }
}

fn url(want: &Setting<Url>, live: &Setting<Url>, out: &mut Diff<'_, FunctionOp>) {
    let whole = match (want, live) {
        (Setting::Set(want), Setting::Set(live)) => Setting::Set(Url {
            auth: want.auth,
            invoke_mode: want.invoke_mode.or(live.invoke_mode),
            cors: want.cors.clone().or(live.cors.clone()),
            waiver: None,
        }),
        (want, _) => want.clone(),
    };
    let covers = out.setting("url", &whole, Some(live));
    match whole {
        Setting::Set(url) if live.is_set() => {
            out.step(Phase::Change, covers, FunctionOp::UpdateFunctionUrlConfig(url));
        }
        Setting::Set(url) => out.step(Phase::Widen, covers, FunctionOp::CreateFunctionUrlConfig(url)),
        Setting::Unset | Setting::Unstated => {
            if !covers.is_empty() {
                out.deletes("the function's URL is deleted: a new one has another address");
            }
            out.step(Phase::Narrow, covers, FunctionOp::DeleteFunctionUrlConfig);
        }
    }
}

/// PutFunctionEventInvokeConfig replaces the whole configuration
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>).
fn async_config(want: &Setting<AsyncConfig>, live: &Setting<AsyncConfig>, out: &mut Diff<'_, FunctionOp>) {
    let whole = match (want, live) {
        (Setting::Set(want), Setting::Set(live)) => Setting::Set(want.clone().over(live)),
        (want, _) => want.clone(),
    };
    let covers = out.setting("async_config", &whole, Some(live));
    let op = match whole {
        Setting::Set(config) => FunctionOp::PutFunctionEventInvokeConfig(config),
        Setting::Unset | Setting::Unstated => FunctionOp::DeleteFunctionEventInvokeConfig,
    };
    out.step(Phase::Change, covers, op);
}

/// Compares the mappings of the sources that the spec names.
fn event_sources(
    want: &Setting<BTreeMap<String, Setting<EventSource>>>,
    live: &Setting<BTreeMap<String, Setting<EventSource>>>,
    ids: Option<&BTreeMap<String, String>>,
    out: &mut Diff<'_, FunctionOp>,
) {
    let none = BTreeMap::new();
    let live = live.value().unwrap_or(&none);
    let want = match want {
        Setting::Unstated => return,
        Setting::Unset => live.keys().map(|arn| (arn.clone(), Setting::Unset)).collect(),
        Setting::Set(want) => want.clone(),
    };
    for (arn, source) in want {
        let path = format!("event_sources.{arn}");
        let id = ids.and_then(|ids| ids.get(&arn)).cloned();
        match (source, live.get(&arn).and_then(Setting::value).zip(id)) {
            (Setting::Set(source), Some((live, id))) => change_source(&path, &source, live, id, out),
            (Setting::Set(source), None) => {
                let covers = out.value(&path, &source, None);
                // A mapping without settings is a difference too.
                let covers = if covers.is_empty() { out.value(&path, &arn, None) } else { covers };
                out.step(Phase::Change, covers, FunctionOp::CreateEventSourceMapping { arn, source });
            }
            (Setting::Unset, Some((live, id))) => {
                let covers = out.gone(&path, live);
                out.deletes(format!("the event source {arn} is removed, and Lambda forgets how far it read"));
                out.step(Phase::Narrow, covers, FunctionOp::DeleteEventSourceMapping { id });
            }
            (Setting::Unset | Setting::Unstated, _) => {}
        }
    }
}

fn change_source(path: &str, want: &EventSource, live: &EventSource, id: String, out: &mut Diff<'_, FunctionOp>) {
    let (covers, differing) = want.differing(path, live, out);
    let is_fixed = !differing.starting_position.is_unstated()
        || !differing.topics.is_unstated()
        || !differing.queues.is_unstated();
    if is_fixed {
        out.blocked(
            &covers,
            "the starting position, topics and queues of an event source are set at creation: unset the event source \
             first, then add it again",
        );
        return;
    }
    if differing.enabled == Setting::Set(false) {
        out.remark(&covers, "Lambda no longer reads from it");
    }
    let source = differing.with_pollers(want, live);
    out.step(Phase::Change, covers, FunctionOp::UpdateEventSourceMapping { id, source });
}
