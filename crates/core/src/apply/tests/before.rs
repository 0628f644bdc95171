//! What comes before the first step: the question, the gates, the preflight, and what of a saved plan no longer holds.

use jiff::Timestamp;

use super::{Answer, ApplyErrorKind, Case, Completion, ONE, PlanSource, applied, denied, messages};
use crate::observe::provider::{Check, Verdict};
use crate::resource::address::Address;
use crate::testing::cloud::{settings, spec};

#[tokio::test]
async fn the_order_is_one_for_a_fresh_plan_and_a_saved_one() {
    let order = ["plan of 1", "confirm", "0 checks", "started 1", "finished"];
    let mut case = Case::of(ONE);
    assert_eq!(case.run(false).await.unwrap(), applied(1));
    assert_eq!(case.watcher.seen, order);
    let mut case = Case::of(ONE);
    assert_eq!(case.run(true).await.unwrap(), applied(1));
    assert_eq!(case.watcher.seen, ["plan of 1", "confirm", "0 checks", "mark used", "started 1", "finished"]);
}

#[tokio::test]
async fn what_changes_between_the_question_and_the_answer_is_refused() {
    for is_saved in [false, true] {
        let mut case = Case::of(ONE).with(&[("a", &[("size", "large")])]);
        // Read once for the plan, once more where it is saved, and then after the answer.
        case.cloud.change_at_read(2 + usize::from(is_saved), "a", settings(&[("size", "huge")]));
        let messages = case.refused(is_saved, ApplyErrorKind::Refused).await;
        assert_eq!(messages, ["t.t/a was changed in AWS after the plan was made"]);
        assert!(case.watcher.seen.contains(&"confirm".to_owned()));
    }
}

#[tokio::test]
async fn nobody_is_asked_and_nothing_is_read_again_where_yes_was_said_before() {
    let mut case = Case::of(ONE);
    case.options.yes = true;
    assert_eq!(case.run(false).await.unwrap(), applied(1));
    assert!(!case.watcher.seen.contains(&"confirm".to_owned()));
    assert_eq!(case.cloud.count("identify"), 2, "for the plan and for the verification");
}

#[tokio::test]
async fn no_and_nobody_to_ask_are_refused() {
    for is_saved in [false, true] {
        let mut case = Case::of(ONE);
        case.watcher.answer = Answer::No;
        assert_eq!(case.refused(is_saved, ApplyErrorKind::Refused).await, ["not applied; nothing was changed"]);
        case.watcher.answer = Answer::NotATerminal;
        assert_eq!(case.refused(is_saved, ApplyErrorKind::Refused).await, ["stdin is not a terminal"]);
    }
}

#[tokio::test]
async fn a_large_plan_needs_a_word() {
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
async fn a_deletion_needs_a_word() {
    for is_saved in [false, true] {
        let mut case = Case::of("t.t:\n  a: absent\n").with(&[("a", &[])]);
        let messages = case.refused(is_saved, ApplyErrorKind::Refused).await;
        assert_eq!(messages, ["not applied: t.t/a: it is deleted"]);
        case.options.allow_destroy = true;
        assert_eq!(case.run(is_saved).await.unwrap(), applied(1));
    }
}

#[tokio::test]
async fn an_exposure_and_what_cannot_be_changed_are_let_through_by_no_word() {
    for is_saved in [false, true] {
        let mut case = Case::of("t.t:\n  a: {open: world}\n  b: {fixed: one}\n").with(&[("b", &[("fixed", "two")])]);
        (case.options.allow_large, case.options.allow_destroy, case.options.yes) = (true, true, true);
        let messages = case.refused(is_saved, ApplyErrorKind::Refused).await;
        let exposure = "not applied: t.t/a makes it open, and the spec does not say why";
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
    let incomplete = "the plan is incomplete: something could not be read";
    assert_eq!(case.refused(false, ApplyErrorKind::Error).await, [incomplete]);
    // A saved plan that touches what cannot be read is refused by name; here it touches something else alone.
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
async fn people_are_asked_again_only_where_that_is_wanted_and_of_the_targets() {
    for is_saved in [false, true] {
        let mut case = Case::of("t.t:\n  a: {}\n  b: {}\n").with(&[("a", &[("person", "pending")]), ("b", &[])]);
        assert_eq!(case.run(is_saved).await.unwrap(), Completion::NothingToDo);
        assert!(case.cloud.writes().is_empty());
        case.options.resend = true;
        case.options.targets = vec![Address::new("t.t", "b")];
        assert_eq!(case.run(is_saved).await.unwrap(), Completion::NothingToDo);
        assert!(case.cloud.writes().is_empty(), "nobody waits there");
        case.options.targets.clear();
        assert_eq!(case.run(is_saved).await.unwrap(), Completion::NothingToDo);
        assert_eq!(case.cloud.writes(), ["run AskAgain a"]);
        assert_eq!(case.watcher.seen.last().unwrap(), "asked again t.t/a");
    }
}

#[tokio::test]
async fn a_target_that_the_spec_does_not_have_is_refused_before_anything_is_read() {
    for is_saved in [false, true] {
        let mut case = Case::of(ONE);
        let saved = case.saved().await;
        case.options.targets = vec![Address::new("t.t", "none")];
        let source = PlanSource::Saved { saved: &saved, now: Timestamp::UNIX_EPOCH, used: false };
        let error = case.apply(if is_saved { source } else { PlanSource::Fresh }).await.unwrap_err();
        assert_eq!(messages(&error), ["spec.yaml has no t.t/none"]);
        assert_eq!(case.cloud.count("identify"), 1, "only for the saved plan");
    }
}

#[tokio::test]
async fn a_saved_plan_is_refused_before_anything_is_read_where_its_seal_or_its_spec_speaks_against_it() {
    let mut case = Case::of(ONE);
    let saved = case.saved().await;
    let used = PlanSource::Saved { saved: &saved, now: Timestamp::UNIX_EPOCH, used: true };
    let error = case.apply(used).await.unwrap_err();
    assert_eq!(messages(&error), ["the plan was applied before; a plan is applied once"]);
    case.spec = spec("t.t:\n  a: {size: large}\n");
    let error = case.apply_saved(&saved).await.unwrap_err();
    assert_eq!(messages(&error), ["spec.yaml no longer says what it said when the plan was made"]);
    assert_eq!(case.cloud.count("identify"), 1, "only for the saved plan");
}

#[tokio::test]
async fn a_saved_plan_that_cannot_be_marked_as_used_is_not_begun() {
    let mut case = Case::of(ONE);
    case.watcher.mark = Err("the disk is full".to_owned());
    let messages = case.refused(true, ApplyErrorKind::Refused).await;
    assert_eq!(messages, ["cannot mark this plan as used: the disk is full"]);
    case.watcher.mark = Ok(false);
    let messages = case.refused(true, ApplyErrorKind::Refused).await;
    assert_eq!(messages, ["the plan was applied before; a plan is applied once"]);
}
