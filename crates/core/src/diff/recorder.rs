// SPDX-License-Identifier: Apache-2.0
//! [`Diff`], the recorder that a kind's `diff` writes differences and steps into.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::covers::{Covers, Keyed, KeyedDelta, Mode};
use super::{
    Draft, DraftStep, FieldAction, FieldChange, Phase, RiskNote, Waiting, WaiverNote, head, leaves, operation, shown,
};
use crate::kind;
use crate::model::policy::Policy;
use crate::model::tags::{CREATED_BY, Tags};
use crate::observe::scope::Extra;
use crate::resource::secret;
use crate::resource::setting::Setting;
use crate::spec::Waiver;

/// Records the differences of one resource and the steps that fix them.
pub struct Diff<'a, Op> {
    exists: bool,
    created: bool,
    creation_tags: Tags,
    is_adopted: bool,
    waivers: &'a [Waiver],
    draft: Draft,
    steps: Vec<(Phase, Vec<usize>, Op)>,
}

impl<'a, Op: Serialize> Diff<'a, Op> {
    /// Starts a diff; `exists` is whether the live resource exists.
    pub fn new(exists: bool, waivers: &'a [Waiver]) -> Self {
        Self {
            exists,
            created: exists,
            creation_tags: Tags::new(),
            is_adopted: false,
            waivers,
            draft: Draft::default(),
            steps: Vec::new(),
        }
    }

    /// Sets the spec whose name a new resource gets as a tag.
    #[must_use]
    pub fn of_spec(self, spec: &str) -> Self {
        Self { creation_tags: Tags::from([(CREATED_BY.to_owned(), spec.to_owned())]), ..self }
    }

    /// Sets whether the live resource lacks the tag that regionctl sets on what it creates.
    #[must_use]
    pub fn adopted(self, is_adopted: bool) -> Self {
        Self { is_adopted, ..self }
    }

    /// Returns the tags of a new resource in addition to the spec's. Every kind with tags sets them in the call that
    /// creates the resource: they show later that regionctl created it.
    pub fn creation_tags(&self) -> Tags {
        self.creation_tags.clone()
    }

    /// Returns the difference "the resource does not exist", which the creating step must cover. Empty if it exists.
    pub fn creation(&self) -> Covers {
        Covers { fields: Vec::new(), creation: !self.exists }
    }

    /// Compares a value. Each leaf that differs becomes a field change.
    pub fn value<T: Serialize + ?Sized>(&mut self, path: &str, want: &T, live: Option<&T>) -> Covers {
        self.stated(path, Some(want), live)
    }

    /// Compares a value that the spec may leave out. A value left out is not managed.
    pub fn stated<T: Serialize + ?Sized>(&mut self, path: &str, want: Option<&T>, live: Option<&T>) -> Covers {
        let Some(want) = want else { return Covers::default() };
        let (want, live) = (json(want), live.map(json));
        self.recorded(|fields| leaves::compare(path, live.as_ref(), Some(&want), fields))
    }

    /// Compares a setting. Unstated is not managed, and unset clears the live value.
    pub fn setting<T: Serialize>(&mut self, path: &str, want: &Setting<T>, live: Option<&Setting<T>>) -> Covers {
        let live = live.and_then(Setting::value);
        match want {
            Setting::Unstated => Covers::default(),
            Setting::Unset => live.map_or_else(Covers::default, |value| self.gone(path, value)),
            Setting::Set(want) => self.value(path, want, live),
        }
    }

    /// Compares a setting that holds a policy document by meaning, and records lost statements as deletions.
    pub fn policy(&mut self, path: &str, want: &Setting<Policy>, live: Option<&Setting<Policy>>) -> Covers {
        let live = live.and_then(Setting::value);
        match want {
            Setting::Unstated => Covers::default(),
            Setting::Unset => live.map_or_else(Covers::default, |policy| {
                self.deletes(format!("{path} is removed as a whole"));
                self.gone(path, &policy.canonical())
            }),
            Setting::Set(want) => {
                for lost in live.map(|policy| policy.lost_to(want)).unwrap_or_default() {
                    self.deletes(format!("{lost} of {path} is removed: the spec does not state it"));
                }
                self.document(path, Some(want), live)
            }
        }
    }

    /// Compares settings by key. Keys that the spec does not name are not managed, and unset keys are removed. Returns
    /// the differences to set and the differences to remove.
    pub fn entries(
        &mut self,
        path: &str,
        want: &BTreeMap<String, Setting<String>>,
        live: &BTreeMap<String, String>,
    ) -> (Covers, Covers) {
        let (mut set, mut removed) = (Covers::default(), Covers::default());
        for (key, value) in want {
            let (at, found) = (format!("{path}.{key}"), live.get(key));
            match value {
                Setting::Unstated => {}
                Setting::Unset => removed = found.map_or(removed.clone(), |found| removed.and(self.gone(&at, found))),
                Setting::Set(value) => set = set.and(self.value(&at, value, found)),
            }
        }
        (set, removed)
    }

    /// Compares mappings by key. Keys that the spec does not name are not managed.
    pub fn stated_entries(
        &mut self,
        path: &str,
        want: Option<&BTreeMap<String, String>>,
        live: Option<&BTreeMap<String, String>>,
    ) -> Covers {
        let mut covers = Covers::default();
        for (key, value) in want.into_iter().flatten() {
            let found = live.and_then(|live| live.get(key));
            covers = covers.and(self.value(&format!("{path}.{key}"), value, found));
        }
        covers
    }

    /// Compares policy documents by meaning, and records the normalized documents.
    pub fn document(&mut self, path: &str, want: Option<&Policy>, live: Option<&Policy>) -> Covers {
        self.meaning(path, want, live, Policy::canonical)
    }

    /// Compares policy documents of one statement by meaning, and records the normalized statements.
    pub fn statement(&mut self, path: &str, want: &Policy, live: Option<&Policy>) -> Covers {
        self.meaning(path, Some(want), live, |policy| policy.canonical()["Statement"][0].take())
    }

    fn meaning(
        &mut self,
        path: &str,
        want: Option<&Policy>,
        live: Option<&Policy>,
        shown: fn(&Policy) -> Value,
    ) -> Covers {
        let Some(want) = want else { return Covers::default() };
        // Uses `Policy`'s equality because the writer uses it too: the case of action names is ignored.
        if live == Some(want) {
            return Covers::default();
        }
        let (after, before) = (shown(want), live.map(shown));
        let action = if before.is_some() { FieldAction::Change } else { FieldAction::Add };
        self.recorded(|fields| {
            fields.push(FieldChange { path: path.to_owned(), action, before, after: Some(after), note: None });
        })
    }

    /// Records that a live value is removed. Secrets in it are hidden.
    pub fn gone<T: Serialize + ?Sized>(&mut self, path: &str, live: &T) -> Covers {
        let (before, action) = (Some(shown::without_unset(secret::shown(json(live)))), FieldAction::Remove);
        self.recorded(|fields| {
            fields.push(FieldChange { path: path.to_owned(), action, before, after: None, note: None });
        })
    }

    /// Compares sets by the keys of their elements.
    pub fn keyed<T: Keyed>(&mut self, path: &str, want: &[T], live: &[T], mode: Mode) -> KeyedDelta<T> {
        let by_key = |items: &[T]| items.iter().map(|item| (item.key(), item.clone())).collect::<BTreeMap<_, _>>();
        let (desired, found) = (by_key(want), by_key(live));
        let mut delta = KeyedDelta { added: Vec::new(), removed: Vec::new(), changed: Vec::new() };
        for (key, item) in &desired {
            let at = format!("{path}[{key}]");
            match found.get(key) {
                None => {
                    let covers = self.recorded(|fields| fields.push(element(&at, None, Some(item))));
                    delta.added.push((item.clone(), covers));
                }
                Some(other) if item.detail().is_some() && other.detail() != item.detail() => {
                    let covers = self.recorded(|fields| fields.push(element(&at, Some(other), Some(item))));
                    delta.changed.push((item.clone(), covers));
                }
                Some(_) => {}
            }
        }
        if mode == Mode::Exclusive {
            for (key, item) in found.iter().filter(|(key, _)| !desired.contains_key(*key)) {
                let covers = self.recorded(|fields| fields.push(element(&format!("{path}[{key}]"), Some(item), None)));
                delta.removed.push((item.clone(), covers));
            }
        }
        delta
    }

    /// Adds a step that fixes these differences. Does nothing if there are none.
    pub fn step(&mut self, phase: Phase, covers: Covers, op: Op) {
        if covers.is_empty() {
            return;
        }
        self.created |= covers.creation;
        self.steps.push((phase, covers.fields, op));
    }

    /// Blocks the resource because these differences cannot be fixed in place. Does nothing if there are none.
    ///
    /// `why` states the reason and what to do.
    pub fn blocked(&mut self, covers: &Covers, why: &str) {
        if !covers.is_empty() {
            self.draft.blocked.push(why.to_owned());
        }
    }

    /// Records a manual step.
    pub fn waiting(&mut self, what: impl Into<String>) {
        self.draft.waiting.push(Waiting { what: what.into(), ask_again: None });
    }

    /// Records a manual step, with the operation that asks the person again.
    pub fn waiting_again(&mut self, what: impl Into<String>, ask_again: &Op) {
        self.draft.waiting.push(Waiting { what: what.into(), ask_again: Some(json(ask_again)) });
    }

    /// Records that the resource is created outside regionctl. Drops all field changes and waits for the creation.
    pub fn made_by_others(&mut self, what: impl Into<String>) {
        self.created = true;
        self.draft.fields.clear();
        self.waiting(what);
    }

    /// Records something that is no difference and that no step changes, such as a setting that another one overrides.
    pub fn note(&mut self, what: impl Into<String>) {
        self.draft.notes.push(what.into());
    }

    /// Records an operation in progress, in the service's own word: `creating`.
    pub fn in_progress(&mut self, word: impl Into<String>) {
        self.draft.in_progress.push(word.into());
    }

    /// Records that the resource is replaced, and why.
    pub fn replaced(&mut self, why: &str) {
        self.draft.replaced = Some(why.to_owned());
    }

    /// Records a deletion, which needs `--allow-destroy`. `what` is a clause: `it is deleted`.
    pub fn deletes(&mut self, what: impl Into<String>) {
        self.draft.deletes.push(what.into());
    }

    /// Records that a step removes something that the spec does not state. This needs `--allow-destroy` if somebody
    /// else created the resource: it is adopted. `what` is a clause: `ingress tcp 22 from 10.0.0.0/8 is removed`.
    pub fn displaces(&mut self, what: impl Into<String>) {
        if self.is_adopted {
            self.deletes(format!("{}, and regionctl did not create this resource", what.into()));
        }
    }

    /// Records that these differences interrupt a service at once, which needs `--allow-interrupt`. Does nothing if there
    /// are none. `what` is a clause: `the database restarts`. Each of the differences gets it as its remark.
    pub fn interrupts(&mut self, covers: &Covers, what: &str) {
        if !covers.is_empty() {
            self.remark(covers, what);
            self.draft.interrupts.push(what.to_owned());
        }
    }

    /// Deletes the resource with one call.
    pub fn removed(&mut self, op: Op) {
        let covers = self.recorded(|fields| {
            fields.push(FieldChange {
                path: "absent".to_owned(),
                action: FieldAction::Remove,
                before: None,
                after: None,
                note: None,
            });
        });
        self.deletes("it is deleted");
        self.step(Phase::Narrow, covers, op);
    }

    /// Blocks the deletion of the resource. `why` states the reason and what to do.
    pub fn never_removed(&mut self, why: &str) {
        self.draft.blocked.push(why.to_owned());
    }

    /// Compares the risks of desired and live. A risk that the change adds is recorded with its waiver, if any; a risk
    /// that already exists is recorded only if it has no waiver.
    pub fn risks(&mut self, desired: Vec<kind::Risk>, live: &[kind::Risk]) {
        for risk in desired {
            let waiver = self.waiver(risk.rule).or_else(|| self.waiver(&risk.path));
            let existed = live.iter().any(|other| (other.rule, &other.path) == (risk.rule, &risk.path));
            let note = RiskNote { rule: risk.rule.to_owned(), what: risk.what, waiver };
            if !existed {
                self.draft.risks.push(note);
            } else if note.waiver.is_none() {
                self.draft.unwaived.push(note);
            }
        }
    }

    /// Blocks each step whose call replaces an attribute with a live extra, because the call would remove the extra.
    ///
    /// `replaced` returns the attributes that a call replaces as a whole; `*` means all.
    pub fn guard(&mut self, extras: &[Extra], replaced: fn(&Op) -> &'static [&'static str]) {
        let lost = |attributes: &[&str], extra: &&Extra| {
            !extra.kept && attributes.iter().any(|attribute| *attribute == "*" || *attribute == head(&extra.path))
        };
        let mut blocked = Vec::new();
        for (_, _, op) in &self.steps {
            let attributes = replaced(op);
            for extra in extras.iter().filter(|extra| lost(attributes, extra)) {
                let op = json(op);
                let why = format!(
                    "{} would remove {}, which a spec cannot state; remove it in AWS, or leave this field out",
                    operation(&op),
                    extra.said()
                );
                if !blocked.contains(&why) {
                    blocked.push(why);
                }
            }
        }
        self.draft.blocked.extend(blocked);
    }

    fn waiver(&self, key: &str) -> Option<WaiverNote> {
        let waiver = self.waivers.iter().find(|waiver| waiver.key == key)?;
        Some(WaiverNote { reason: waiver.reason.clone(), at: waiver.at.clone() })
    }

    /// Blocks the creation of the resource. `why` states the reason and what to do.
    pub fn never_made(&mut self, why: &str) {
        self.draft.blocked.push(why.to_owned());
    }

    /// Records that these differences are a risk, with the waiver of this key, if any. Does nothing if there are none.
    pub fn risk(&mut self, covers: &Covers, key: &str, what: impl Into<String>) {
        if covers.is_empty() {
            return;
        }
        let note = RiskNote { rule: key.to_owned(), what: what.into(), waiver: self.waiver(key) };
        self.draft.risks.push(note);
    }

    /// Adds a remark to each of these differences.
    pub fn remark(&mut self, covers: &Covers, note: &str) {
        for &field in &covers.fields {
            self.draft.fields[field].note = Some(note.to_owned());
        }
    }

    fn recorded(&mut self, record: impl FnOnce(&mut Vec<FieldChange>)) -> Covers {
        let first = self.draft.fields.len();
        record(&mut self.draft.fields);
        Covers { fields: (first..self.draft.fields.len()).collect(), creation: false }
    }

    /// Finishes the diff.
    ///
    /// # Guarantees
    /// Unless the resource is blocked, a step covers every field that differs. The steps are in the order of their
    /// phases.
    ///
    /// # Errors
    /// No step covers a field that differs, or the resource does not exist and no step creates it.
    pub fn finish(self) -> Result<Draft, String> {
        let Self { created, mut draft, mut steps, .. } = self;
        if !draft.blocked.is_empty() {
            return Ok(draft);
        }
        let covered: Vec<usize> = steps.iter().flat_map(|(_, fields, _)| fields.iter().copied()).collect();
        if let Some(field) = (0..draft.fields.len()).find(|index| !covered.contains(index)) {
            return Err(format!("no step covers the change of '{}'", draft.fields[field].path));
        }
        if !created {
            return Err("no step creates the resource".to_owned());
        }
        steps.sort_by_key(|(phase, ..)| *phase);
        draft.steps = steps.into_iter().map(|(phase, covers, op)| DraftStep { phase, covers, op: json(&op) }).collect();
        Ok(draft)
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Value {
    serde_json::to_value(value).expect("invariant: models and operations are plain data")
}

fn element<T: Keyed>(path: &str, before: Option<&T>, after: Option<&T>) -> FieldChange {
    let action = match (before, after) {
        (None, _) => FieldAction::Add,
        (_, None) => FieldAction::Remove,
        _ => FieldAction::Change,
    };
    let detail = |item: Option<&T>| item.and_then(Keyed::detail).filter(|text| !text.is_empty()).map(Value::from);
    FieldChange { path: path.to_owned(), action, before: detail(before), after: detail(after), note: None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_without_a_step_is_a_fault() {
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        let _covers = diff.value("threshold", &1, Some(&2));
        assert_eq!(diff.finish().unwrap_err(), "no step covers the change of 'threshold'");
    }

    #[test]
    fn a_missing_resource_that_no_step_creates_is_a_fault() {
        let diff: Diff<'_, String> = Diff::new(false, &[]);
        assert_eq!(diff.finish().unwrap_err(), "no step creates the resource");
    }

    #[test]
    fn a_removed_value_is_shown_without_secrets_and_without_unset_settings() {
        let mut out: Diff<'_, &str> = Diff::new(true, &[]);
        let live = json!({"PASSWORD": {"$secret": "hunter2"}, "retries": [{"max": 3, "delay": null}], "key": null});
        let covers = out.gone("environment", &live);
        out.step(Phase::Change, covers, "Update");
        let shown = out.finish().unwrap().fields[0].before.clone().unwrap();
        assert_eq!(shown, json!({"PASSWORD": secret::HIDDEN, "retries": [{"max": 3}]}));
    }

    #[test]
    fn widening_steps_run_before_narrowing_steps() {
        let mut diff: Diff<'_, &str> = Diff::new(true, &[]);
        let (narrow, widen) = (diff.value("a", &1, Some(&2)), diff.value("b", &1, Some(&2)));
        diff.step(Phase::Narrow, narrow, "Revoke");
        diff.step(Phase::Widen, widen, "Authorize");
        let ops: Vec<_> = diff.finish().unwrap().steps.into_iter().map(|step| step.op).collect();
        assert_eq!(ops, ["Authorize", "Revoke"]);
    }

    #[test]
    fn policies_that_differ_only_in_the_case_of_actions_are_equal() {
        let policy = |action: &str| {
            Policy::of_statement(&serde_json::json!({"Sid": "A", "Effect": "Allow", "Action": action, "Resource": "*"}))
        };
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        assert!(diff.statement("s", &policy("S3:GetObject"), Some(&policy("s3:GetObject"))).is_empty());
    }

    #[test]
    fn an_unset_setting_clears_only_a_live_value() {
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        assert!(diff.setting("a", &Setting::<u32>::Unset, Some(&Setting::Unset)).is_empty());
        assert!(diff.setting("b", &Setting::Unstated, Some(&Setting::Set(1))).is_empty());
        let covers = diff.setting("c", &Setting::Unset, Some(&Setting::Set(1)));
        diff.step(Phase::Change, covers, "Delete".to_owned());
        let draft = diff.finish().unwrap();
        assert_eq!((draft.fields[0].path.as_str(), draft.fields[0].action), ("c", FieldAction::Remove));
    }

    #[test]
    fn an_interruption_is_a_record_and_the_remark_of_its_differences() {
        let mut diff: Diff<'_, &str> = Diff::new(true, &[]);
        diff.interrupts(&Covers::default(), "nothing differs");
        let covers = diff.value("port", &1, Some(&2));
        diff.interrupts(&covers, "the database restarts");
        diff.step(Phase::Change, covers, "Modify");
        let draft = diff.finish().unwrap();
        assert_eq!(draft.interrupts, ["the database restarts"]);
        assert_eq!(draft.fields[0].note.as_deref(), Some("the database restarts"));
    }

    #[test]
    fn a_value_left_out_of_the_spec_is_not_managed() {
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        assert!(diff.stated::<u32>("versioning", None, Some(&1)).is_empty());
        assert!(diff.finish().unwrap().fields.is_empty());
    }
}
