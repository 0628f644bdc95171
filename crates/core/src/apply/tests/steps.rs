// SPDX-License-Identifier: Apache-2.0
//! Tests of the phases from the first step on: failures, stops, verification, and the last-applied record.

use tokio::sync::watch;

use super::{ApplyErrorKind, Case, Completion, ONE, RECORDED, Totals, applied, denied, messages};
use crate::observe::provider::Status;
use crate::resource::address::Address;
use crate::testing::cloud::settings;

#[tokio::test]
async fn apply_twice_sends_no_second_write() {
    for is_saved in [false, true] {
        let mut case = Case::of(RECORDED);
        assert_eq!(case.run(is_saved).await.unwrap(), applied(2));
        let writes = case.cloud.writes();
        assert_eq!(writes, ["run CreateThing a", "run CreateThing b", "save_applied"]);
        assert_eq!(case.run(is_saved).await.unwrap(), Completion::NothingToDo);
        assert_eq!(case.cloud.writes(), writes);
    }
}

#[tokio::test]
async fn the_record_is_saved_only_after_the_entire_spec_is_applied() {
    for is_saved in [false, true] {
        let mut case = Case::of(RECORDED);
        case.options.targets = vec![Address::new("t.t", "a")];
        let completion = case.run(is_saved).await.unwrap();
        assert_eq!(completion, Completion::Applied(Totals { calls: 1, left: 1, in_progress: 0, waiting: 0 }));
        assert!(!case.cloud.has_record(), "targets were given");
        case.options.targets.clear();
        case.cloud.fail("run CreateThing b", denied());
        assert_eq!(case.run(is_saved).await.unwrap_err().kind, ApplyErrorKind::Error);
        assert!(!case.cloud.has_record(), "a call failed");
        case.cloud.heal();
        assert_eq!(case.run(is_saved).await.unwrap(), applied(1));
        assert!(case.cloud.has_record());
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_saved_is_an_error_with_a_completion() {
    let mut case = Case::of(RECORDED);
    case.cloud.fail("save_applied", denied());
    let error = case.run(false).await.unwrap_err();
    assert_eq!(messages(&error), ["applied, but the last-applied record could not be saved: no"]);
    assert_eq!((error.kind, error.completion), (ApplyErrorKind::Error, Some(applied(2))));
}

#[tokio::test]
async fn after_a_stop_every_step_is_reported_and_the_next_apply_continues() {
    for is_saved in [false, true] {
        let mut case = Case::of("t.t:\n  a: {}\n  b: {}\n  c: {}\n");
        case.front.stops = true;
        let error = case.run(is_saved).await.unwrap_err();
        assert_eq!(error.kind, ApplyErrorKind::Interrupted);
        let stopped = error.stopped.unwrap();
        assert_eq!((stopped.done, stopped.failed, stopped.not_tried), (1, 0, 2));
        assert!(error.diagnostics.0.is_empty());
        assert_eq!(case.front.seen.last().unwrap(), "finished");
        // A stop before the first step runs no step and does not mark a saved plan as used.
        case.front.seen.clear();
        assert_eq!(case.run(is_saved).await.unwrap_err().stopped.unwrap().not_tried, 2);
        assert!(!case.front.seen.contains(&"mark used".to_owned()));
        (case.front.stops, case.front.stop) = (false, watch::channel(false).0);
        assert_eq!(case.run(is_saved).await.unwrap(), applied(2));
    }
}

#[tokio::test]
async fn a_failed_call_skips_only_dependent_steps() {
    for is_saved in [false, true] {
        let mut case = Case::of("t.t:\n  a: {}\n  b: {of: \"${t.t/a.id}\"}\n  c: {}\n");
        case.cloud.fail("run CreateThing a", denied());
        let error = case.run(is_saved).await.unwrap_err();
        assert_eq!(error.kind, ApplyErrorKind::Partly);
        assert_eq!(messages(&error), ["t.t/a: T CreateThing failed: no"]);
        let stopped = error.stopped.unwrap();
        assert_eq!((stopped.done, stopped.failed, stopped.not_tried), (1, 1, 1));
        case.cloud.heal();
        assert_eq!(case.run(is_saved).await.unwrap(), applied(2));
    }
}

#[tokio::test]
async fn a_difference_that_remains_after_all_calls_is_reported() {
    for is_saved in [false, true] {
        let mut case = Case::of("record_applied: true\nt.t:\n  a: {size: small, stuck: \"yes\"}\n");
        let error = case.run(is_saved).await.unwrap_err();
        assert_eq!(error.kind, ApplyErrorKind::Partly);
        assert_eq!(messages(&error), ["t.t/a: all calls succeeded, but stuck still differs"]);
        assert!(!case.cloud.has_record());
    }
}

#[tokio::test]
async fn apply_waits_until_resources_are_ready_and_reports_those_that_fail() {
    let mut case = Case::of(ONE);
    case.cloud.status_of("a", Ok(Status::InProgress("creating".to_owned())));
    assert_eq!(case.run(false).await.unwrap(), applied(1));
    assert_eq!(case.cloud.count("status a"), 2);
    let mut case = Case::of(ONE);
    case.cloud.status_of("a", Ok(Status::Failed("no capacity".to_owned())));
    let error = case.run(false).await.unwrap_err();
    assert_eq!(error.kind, ApplyErrorKind::Partly);
    assert_eq!(messages(&error), ["t.t/a accepted the change but never became ready: no capacity"]);
    let mut case = Case::of(ONE);
    case.options.wait = false;
    case.cloud.status_of("a", Ok(Status::Failed("no capacity".to_owned())));
    assert_eq!(case.run(false).await.unwrap(), applied(1));
    assert_eq!(case.cloud.count("status"), 0);
}

#[tokio::test]
async fn apply_waits_for_a_resource_while_the_steps_of_others_run() {
    let mut case = Case::of("t.t:\n  a: {}\n  b: {}\n  c: {}\n  d: {}\n");
    case.cloud.status_of("a", Ok(Status::InProgress("creating".to_owned())));
    assert_eq!(case.run(false).await.unwrap(), applied(4));
    let position = |call| case.cloud.position(call).unwrap();
    assert!(position("status a") < position("run CreateThing d"));
    assert_eq!(case.cloud.count("status"), 5);
}

#[tokio::test]
async fn an_empty_saved_plan_saves_no_record_while_the_spec_has_changes() {
    let mut case = Case::of(RECORDED).with(&[("a", &[("size", "small")]), ("b", &[("size", "small")])]);
    let saved = case.saved().await;
    case.cloud.put("t.t", "b", settings(&[("size", "large")]));
    assert_eq!(case.apply_saved(&saved).await.unwrap(), Completion::NothingToDo);
    assert!(case.cloud.writes().is_empty());
}
