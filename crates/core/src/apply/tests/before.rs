// SPDX-License-Identifier: Apache-2.0
//! Tests of the phases before the first step: confirmation, gates, preflight, and saved plans that no longer hold.

use jiff::Timestamp;

use super::{Answer, ApplyErrorKind, Case, Completion, ONE, PlanSource, applied, denied, messages};
use crate::observe::provider::{Check, Verdict};
use crate::resource::address::Address;
use crate::testing::cloud::{settings, spec};

#[tokio::test]
async fn fresh_and_saved_plans_run_through_the_same_phases() {
    let order = ["plan of 1", "confirm", "0 checks", "started 1", "finished"];
    let mut case = Case::of(ONE);
    assert_eq!(case.run(false).await.unwrap(), applied(1));
    assert_eq!(case.front.seen, order);
    let mut case = Case::of(ONE);
    assert_eq!(case.run(true).await.unwrap(), applied(1));
    assert_eq!(case.front.seen, ["plan of 1", "confirm", "0 checks", "mark used", "started 1", "finished"]);
}

#[tokio::test]
async fn a_change_between_the_plan_and_the_confirmation_is_refused() {
    for is_saved in [false, true] {
        let mut case = Case::of(ONE).with(&[("a", &[("size", "large")])]);
        // One read for the plan, another one for a saved plan, and one after the confirmation.
        case.cloud.change_at_read(2 + usize::from(is_saved), "a", settings(&[("size", "huge")]));
        let messages = case.refused(is_saved, ApplyErrorKind::Refused).await;
        assert_eq!(messages, ["t.t/a was changed in AWS after the plan was created"]);
        assert!(case.front.seen.contains(&"confirm".to_owned()));
    }
}

#[tokio::test]
async fn with_yes_there_is_no_confirmation_and_no_second_read() {
    let mut case = Case::of(ONE);
    case.options.yes = true;
    assert_eq!(case.run(false).await.unwrap(), applied(1));
    assert!(!case.front.seen.contains(&"confirm".to_owned()));
    assert_eq!(case.cloud.count("identify"), 2, "for the plan and for the verification");
}

#[tokio::test]
async fn without_a_yes_nothing_is_applied() {
    for is_saved in [false, true] {
        let mut case = Case::of(ONE);
        case.front.answer = Answer::No;
        assert_eq!(case.refused(is_saved, ApplyErrorKind::Refused).await, ["not applied; nothing was changed"]);
        case.front.answer = Answer::NotATerminal;
        assert_eq!(case.refused(is_saved, ApplyErrorKind::Refused).await, ["stdin is not a terminal"]);
    }
}

#[tokio::test]
async fn a_large_plan_needs_allow_large() {
    let names: Vec<String> = (0..12).map(|number| format!("t{number}")).collect();
    let entries: Vec<String> = names.iter().map(|name| format!("  {name}: {{size: small}}")).collect();
    for is_saved in [false, true] {
        let mut case = Case::of(&format!("t.t:\n{}\n", entries.join("\n")));
        for name in &names {
            case.cloud.put("t.t", name, settings(&[("size", "large")]));
        }
        let messages = case.refused(is_saved, ApplyErrorKind::Refused).await;
        assert_eq!(messages, ["not applied: 12 of 12 existing resources would change, more than a third"]);
        case.options.allow_large = true;
        assert_eq!(case.run(is_saved).await.unwrap(), applied(12));
    }
}

#[tokio::test]
async fn a_deletion_needs_allow_destroy() {
    for is_saved in [false, true] {
        let mut case = Case::of("t.t:\n  a: absent\n").with(&[("a", &[])]);
        let messages = case.refused(is_saved, ApplyErrorKind::Refused).await;
        assert_eq!(messages, ["not applied: t.t/a: it is deleted"]);
        case.options.allow_destroy = true;
        assert_eq!(case.run(is_saved).await.unwrap(), applied(1));
    }
}

#[tokio::test]
async fn no_flag_allows_an_exposure_or_a_blocked_change() {
    for is_saved in [false, true] {
        let mut case = Case::of("t.t:\n  a: {open: world}\n  b: {fixed: one}\n").with(&[("b", &[("fixed", "two")])]);
        (case.options.allow_large, case.options.allow_destroy, case.options.yes) = (true, true, true);
        let messages = case.refused(is_saved, ApplyErrorKind::Refused).await;
        let exposure = "not applied: t.t/a makes it open, and the spec does not waive this risk";
        assert_eq!(messages, [exposure, "not applied: t.t/b: it cannot be changed in place"]);
    }
    let mut case = Case::of("t.t:\n  a: {open: world, waiver: a web site}\n");
    assert_eq!(case.run(false).await.unwrap(), applied(1));
}

#[tokio::test]
async fn an_incomplete_plan_is_an_error() {
    let mut case = Case::of("t.t:\n  a: {}\ng.g:\n  b: {}\n");
    let saved = case.saved().await;
    case.cloud.fail("observe g.g", denied());
    let incomplete = "the plan is incomplete";
    assert_eq!(case.refused(false, ApplyErrorKind::Error).await, [incomplete]);
    // The saved plan changes only t.t/a, so the gap in g.g makes it incomplete. A plan that changes g.g is stale.
    case.cloud.heal();
    case.cloud.put("g.g", "b", settings(&[]));
    let saved_of_a = case.saved().await;
    case.cloud.fail("observe g.g", denied());
    let error = case.apply_saved(&saved_of_a).await.unwrap_err();
    assert_eq!((error.kind, messages(&error)), (ApplyErrorKind::Error, vec![incomplete.to_owned()]));
    assert_eq!(error.diagnostics.0[0].notes, ["g.g/*: T Call failed: no"]);
    let error = case.apply_saved(&saved).await.unwrap_err();
    assert_eq!(error.kind, ApplyErrorKind::Refused);
    assert!(messages(&error)[0].starts_with("g.g/* could not be read"), "{error:?}");
    assert!(case.cloud.writes().is_empty());
}

#[tokio::test]
async fn after_a_failed_preflight_nothing_is_written() {
    for is_saved in [false, true] {
        let mut case = Case::of(ONE);
        case.cloud.check(Check::new("quota", Verdict::Failed, "none is left"));
        assert_eq!(case.refused(is_saved, ApplyErrorKind::Refused).await, ["not applied: quota: none is left"]);
        case.options.skip_preflight = true;
        assert_eq!(case.run(is_saved).await.unwrap(), applied(1));
    }
}

#[tokio::test]
async fn only_resend_asks_again_and_only_for_the_targets() {
    for is_saved in [false, true] {
        let mut case = Case::of("t.t:\n  a: {}\n  b: {}\n").with(&[("a", &[("person", "pending")]), ("b", &[])]);
        assert_eq!(case.run(is_saved).await.unwrap(), Completion::NothingToDo);
        assert!(case.cloud.writes().is_empty());
        case.options.resend = true;
        case.options.targets = vec![Address::new("t.t", "b")];
        assert_eq!(case.run(is_saved).await.unwrap(), Completion::NothingToDo);
        assert!(case.cloud.writes().is_empty(), "t.t/b does not wait");
        case.options.targets.clear();
        assert_eq!(case.run(is_saved).await.unwrap(), Completion::NothingToDo);
        assert_eq!(case.cloud.writes(), ["run AskAgain a"]);
        assert_eq!(case.front.seen.last().unwrap(), "asked again t.t/a");
    }
}

#[tokio::test]
async fn an_unknown_target_is_refused_before_the_first_read() {
    for is_saved in [false, true] {
        let mut case = Case::of(ONE);
        let saved = case.saved().await;
        case.options.targets = vec![Address::new("t.t", "none")];
        let source = PlanSource::Saved { saved: &saved, now: Timestamp::UNIX_EPOCH, used: false };
        let error = case.apply(if is_saved { source } else { PlanSource::Fresh }).await.unwrap_err();
        assert_eq!(messages(&error), ["spec.yaml has no resource 't.t/none'"]);
        assert_eq!(case.cloud.count("identify"), 1, "only for the saved plan");
    }
}

#[tokio::test]
async fn a_used_or_outdated_saved_plan_is_refused_before_the_first_read() {
    let mut case = Case::of(ONE);
    let saved = case.saved().await;
    let used = PlanSource::Saved { saved: &saved, now: Timestamp::UNIX_EPOCH, used: true };
    let error = case.apply(used).await.unwrap_err();
    assert_eq!(messages(&error), ["the plan was already applied; a plan can be applied once"]);
    case.spec = spec("t.t:\n  a: {size: large}\n");
    let error = case.apply_saved(&saved).await.unwrap_err();
    assert_eq!(messages(&error), ["spec.yaml was changed after the plan was created"]);
    assert_eq!(case.cloud.count("identify"), 1, "only for the saved plan");
}

#[tokio::test]
async fn a_saved_plan_that_cannot_be_marked_as_used_is_not_applied() {
    let mut case = Case::of(ONE);
    case.front.mark = Err("the disk is full".to_owned());
    let messages = case.refused(true, ApplyErrorKind::Refused).await;
    assert_eq!(messages, ["cannot mark this plan as used: the disk is full"]);
    case.front.mark = Ok(false);
    let messages = case.refused(true, ApplyErrorKind::Refused).await;
    assert_eq!(messages, ["the plan was already applied; a plan can be applied once"]);
}
