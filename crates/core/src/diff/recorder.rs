//! The recorder that a kind's `diff` writes into.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    Draft, DraftStep, FieldAction, FieldChange, Phase, RiskNote, Waiting, WaiverNote, head, leaves, operation,
};
use crate::kind;
use crate::model::policy::Policy;
use crate::observe::scope::Extra;
use crate::resource::setting::Setting;
use crate::spec::Waiver;

/// The differences that a step mends. Empty when there is nothing to mend.
#[derive(Debug, Clone, Default)]
#[must_use = "a difference must be covered by a step"]
pub struct Covers {
    fields: Vec<usize>,
    birth: bool,
}

impl Covers {
    /// Joins two sets of differences that one call mends.
    pub fn and(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self.birth |= other.birth;
        self
    }

    /// Says whether there is nothing to mend.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && !self.birth
    }
}

/// Whether the entries that a spec does not name stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They go.
    Exclusive,
    /// They stay.
    Additive,
}

/// An element of a set: what identifies it, and what may change in place.
pub trait Keyed: Clone {
    /// The identity, as the plan shows it.
    fn key(&self) -> String;
    /// What may differ between two elements with one identity (a description); a wanted element
    /// without one leaves the live one's as it is.
    fn detail(&self) -> Option<String> {
        None
    }
}

/// How two sets differ; each element with the difference that a step must cover.
#[derive(Debug)]
pub struct KeyedDelta<T> {
    /// Wanted and not there.
    pub added: Vec<(T, Covers)>,
    /// There and not wanted; empty in additive mode.
    pub removed: Vec<(T, Covers)>,
    /// There, with another detail.
    pub changed: Vec<(T, Covers)>,
}

/// Collects what differs and what mends it.
pub struct Diff<'a, Op> {
    exists: bool,
    born: bool,
    waivers: &'a [Waiver],
    draft: Draft,
    steps: Vec<(Phase, Vec<usize>, Op)>,
}

impl<'a, Op: Serialize> Diff<'a, Op> {
    /// Starts for a resource that exists or not.
    pub fn new(exists: bool, waivers: &'a [Waiver]) -> Self {
        Self { exists, born: exists, waivers, draft: Draft::default(), steps: Vec::new() }
    }

    /// Returns the difference "it is not there", which the creating step covers.
    pub fn birth(&self) -> Covers {
        Covers { fields: Vec::new(), birth: !self.exists }
    }

    /// Compares a value; every leaf that differs becomes a field change.
    pub fn value<T: Serialize + ?Sized>(&mut self, path: &str, want: &T, live: Option<&T>) -> Covers {
        self.stated(path, Some(want), live)
    }

    /// Compares a value that the spec may leave out; what it leaves out is not managed.
    pub fn stated<T: Serialize + ?Sized>(&mut self, path: &str, want: Option<&T>, live: Option<&T>) -> Covers {
        let Some(want) = want else { return Covers::default() };
        let (want, live) = (json(want), live.map(json));
        self.recorded(|fields| leaves::compare(path, live.as_ref(), Some(&want), fields))
    }

    /// Compares a setting: unstated is not managed, unset takes off what is set.
    pub fn setting<T: Serialize>(&mut self, path: &str, want: &Setting<T>, live: Option<&Setting<T>>) -> Covers {
        let live = live.and_then(Setting::value);
        match want {
            Setting::Unstated => Covers::default(),
            Setting::Unset => live.map_or_else(Covers::default, |there| self.gone(path, there)),
            Setting::Set(want) => self.value(path, want, live),
        }
    }

    /// Compares a setting that holds a policy document, by its meaning.
    pub fn policy(&mut self, path: &str, want: &Setting<Policy>, live: Option<&Setting<Policy>>) -> Covers {
        let live = live.and_then(Setting::value);
        match want {
            Setting::Unstated => Covers::default(),
            Setting::Unset => live.map_or_else(Covers::default, |there| {
                self.deletes(format!("{path} is removed as a whole"));
                self.gone(path, &there.canonical())
            }),
            Setting::Set(want) => {
                for lost in live.map(|there| there.lost_to(want)).unwrap_or_default() {
                    self.deletes(format!("{lost} of {path} is removed: the spec does not state it"));
                }
                self.document(path, Some(want), live)
            }
        }
    }

    /// Compares settings by their keys; keys that the spec does not name stay, those that it unsets go. Returns what
    /// is to be set and what is to be removed.
    pub fn entries(
        &mut self,
        path: &str,
        want: &BTreeMap<String, Setting<String>>,
        live: &BTreeMap<String, String>,
    ) -> (Covers, Covers) {
        let (mut set, mut removed) = (Covers::default(), Covers::default());
        for (key, value) in want {
            let (at, there) = (format!("{path}.{key}"), live.get(key));
            match value {
                Setting::Unstated => {}
                Setting::Unset => removed = there.map_or(removed.clone(), |there| removed.and(self.gone(&at, there))),
                Setting::Set(value) => set = set.and(self.value(&at, value, there)),
            }
        }
        (set, removed)
    }

    /// Compares mappings by their keys; keys that the spec does not name stay as they are.
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

    /// Compares policy documents by their meaning; shown as a diff of the normalised documents.
    pub fn document(&mut self, path: &str, want: Option<&Policy>, live: Option<&Policy>) -> Covers {
        self.meaning(path, want, live, Policy::canonical)
    }

    /// Compares the first statements of policy documents by their meaning.
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
        // The same equality by which the writer decides: the case of action names does not count.
        if live == Some(want) {
            return Covers::default();
        }
        let (after, before) = (shown(want), live.map(shown));
        let action = if before.is_some() { FieldAction::Change } else { FieldAction::Add };
        self.recorded(|fields| {
            fields.push(FieldChange { path: path.to_owned(), action, before, after: Some(after), note: None });
        })
    }

    /// Says that something there is to be taken out.
    pub fn gone<T: Serialize + ?Sized>(&mut self, path: &str, there: &T) -> Covers {
        let (before, action) = (Some(json(there)), FieldAction::Remove);
        self.recorded(|fields| {
            fields.push(FieldChange { path: path.to_owned(), action, before, after: None, note: None });
        })
    }

    /// Compares sets by the identity of their elements.
    pub fn keyed<T: Keyed>(&mut self, path: &str, want: &[T], live: &[T], mode: Mode) -> KeyedDelta<T> {
        let by_key = |items: &[T]| items.iter().map(|item| (item.key(), item.clone())).collect::<BTreeMap<_, _>>();
        let (wanted, found) = (by_key(want), by_key(live));
        let mut delta = KeyedDelta { added: Vec::new(), removed: Vec::new(), changed: Vec::new() };
        for (key, item) in &wanted {
            let at = format!("{path}[{key}]");
            match found.get(key) {
                None => {
                    let covers = self.recorded(|fields| fields.push(element(&at, None, Some(item))));
                    delta.added.push((item.clone(), covers));
                }
                Some(there) if item.detail().is_some() && there.detail() != item.detail() => {
                    let covers = self.recorded(|fields| fields.push(element(&at, Some(there), Some(item))));
                    delta.changed.push((item.clone(), covers));
                }
                Some(_) => {}
            }
        }
        if mode == Mode::Exclusive {
            for (key, item) in found.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
                let covers = self.recorded(|fields| fields.push(element(&format!("{path}[{key}]"), Some(item), None)));
                delta.removed.push((item.clone(), covers));
            }
        }
        delta
    }

    /// Adds a step that mends these differences; nothing when there are none.
    pub fn step(&mut self, phase: Phase, covers: Covers, op: Op) {
        if covers.is_empty() {
            return;
        }
        self.born |= covers.birth;
        self.steps.push((phase, covers.fields, op));
    }

    /// Says that these differences cannot be mended in place, why, and what to do.
    pub fn blocked(&mut self, covers: &Covers, why: &str) {
        if !covers.is_empty() {
            self.draft.blocked.push(why.to_owned());
        }
    }

    /// Says that something waits for a person.
    pub fn waiting(&mut self, what: impl Into<String>) {
        self.draft.waiting.push(Waiting { what: what.into(), again: None });
    }

    /// Says that something waits for a person, who can be asked again by this operation.
    pub fn waiting_again(&mut self, what: impl Into<String>, again: &Op) {
        self.draft.waiting.push(Waiting { what: what.into(), again: Some(json(again)) });
    }

    /// Says that nothing here makes the resource: somebody or something else does, and it waits for that.
    pub fn made_by_others(&mut self, what: impl Into<String>) {
        self.born = true;
        self.draft.fields.clear();
        self.waiting(what);
    }

    /// Says that the resource is on its way already, in the service's own word.
    pub fn coming(&mut self, word: impl Into<String>) {
        self.draft.coming.push(word.into());
    }

    /// Says that the resource is made anew, and why.
    pub fn replaced(&mut self, why: &str) {
        self.draft.replaced = Some(why.to_owned());
    }

    /// Says that a step deletes something, which needs an explicit word.
    pub fn deletes(&mut self, what: impl Into<String>) {
        self.draft.deletes.push(what.into());
    }

    /// Takes the resource away with one call.
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

    /// Says that the resource is not deleted, and what to do.
    pub fn never_removed(&mut self, why: &str) {
        self.draft.blocked.push(why.to_owned());
    }

    /// Compares the risks of desired with those of live: what is added needs a waiver, and so does what is there.
    pub fn risks(&mut self, desired: Vec<kind::Risk>, live: &[kind::Risk]) {
        for risk in desired {
            let waiver = self.waiver(risk.rule).or_else(|| self.waiver(&risk.path));
            let was_there = live.iter().any(|there| (there.rule, &there.path) == (risk.rule, &risk.path));
            let note = RiskNote { rule: risk.rule.to_owned(), what: risk.what, waiver };
            if !was_there {
                self.draft.risks.push(note);
            } else if note.waiver.is_none() {
                self.draft.unwaived.push(note);
            }
        }
    }

    /// Refuses each call that would replace something of which a part is known to be missing in the model.
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
                    "{} would remove {}, which regionctl cannot express; remove it in AWS first, or leave this attribute out of the spec",
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

    /// Says that the resource does not exist and no call here makes it, why, and what to do.
    pub fn never_made(&mut self, why: &str) {
        self.draft.blocked.push(why.to_owned());
    }

    /// Says that a difference is a risk, unless there is none; the waiver of this key is shown with it.
    pub fn risk(&mut self, covers: &Covers, key: &str, what: impl Into<String>) {
        if covers.is_empty() {
            return;
        }
        let note = RiskNote { rule: key.to_owned(), what: what.into(), waiver: self.waiver(key) };
        self.draft.risks.push(note);
    }

    /// Adds a remark to differences.
    pub fn remark(&mut self, covers: &Covers, note: &str) {
        for &field in &covers.fields {
            self.draft.fields[field].note = Some(note.to_owned());
        }
    }

    fn recorded(&mut self, record: impl FnOnce(&mut Vec<FieldChange>)) -> Covers {
        let first = self.draft.fields.len();
        record(&mut self.draft.fields);
        Covers { fields: (first..self.draft.fields.len()).collect(), birth: false }
    }

    /// Ends the recording and checks that display and action agree.
    ///
    /// # Errors
    /// A field that differs is covered by no step, or the resource is not there and no step makes it.
    pub fn finish(self) -> Result<Draft, String> {
        let Self { born, mut draft, mut steps, .. } = self;
        if !draft.blocked.is_empty() {
            return Ok(draft);
        }
        let covered: Vec<usize> = steps.iter().flat_map(|(_, fields, _)| fields.iter().copied()).collect();
        if let Some(field) = (0..draft.fields.len()).find(|index| !covered.contains(index)) {
            return Err(format!("no step covers the change of '{}'", draft.fields[field].path));
        }
        if !born {
            return Err("no step makes the resource".to_owned());
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
    let detail = |item: Option<&T>| item.and_then(Keyed::detail).map(Value::from);
    FieldChange { path: path.to_owned(), action, before: detail(before), after: detail(after), note: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_without_a_step_is_a_fault() {
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        let _covers = diff.value("threshold", &1, Some(&2));
        assert_eq!(diff.finish().unwrap_err(), "no step covers the change of 'threshold'");
    }

    #[test]
    fn a_missing_resource_that_no_step_makes_is_a_fault() {
        let diff: Diff<'_, String> = Diff::new(false, &[]);
        assert_eq!(diff.finish().unwrap_err(), "no step makes the resource");
    }

    #[test]
    fn what_widens_comes_before_what_narrows() {
        let mut diff: Diff<'_, &str> = Diff::new(true, &[]);
        let (narrow, widen) = (diff.value("a", &1, Some(&2)), diff.value("b", &1, Some(&2)));
        diff.step(Phase::Narrow, narrow, "Revoke");
        diff.step(Phase::Widen, widen, "Authorize");
        let ops: Vec<_> = diff.finish().unwrap().steps.into_iter().map(|step| step.op).collect();
        assert_eq!(ops, ["Authorize", "Revoke"]);
    }

    #[test]
    fn a_policy_with_actions_in_another_case_is_the_same() {
        let policy = |action: &str| {
            Policy::of_statement(&serde_json::json!({"Sid": "A", "Effect": "Allow", "Action": action, "Resource": "*"}))
        };
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        assert!(diff.statement("s", &policy("S3:GetObject"), Some(&policy("s3:GetObject"))).is_empty());
    }

    #[test]
    fn an_unset_setting_takes_off_what_is_set_and_nothing_else() {
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        assert!(diff.setting("a", &Setting::<u32>::Unset, Some(&Setting::Unset)).is_empty());
        assert!(diff.setting("b", &Setting::Unstated, Some(&Setting::Set(1))).is_empty());
        let covers = diff.setting("c", &Setting::Unset, Some(&Setting::Set(1)));
        diff.step(Phase::Change, covers, "Delete".to_owned());
        let draft = diff.finish().unwrap();
        assert_eq!((draft.fields[0].path.as_str(), draft.fields[0].action), ("c", FieldAction::Remove));
    }

    #[test]
    fn what_the_spec_leaves_out_is_not_managed() {
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        assert!(diff.stated::<u32>("versioning", None, Some(&1)).is_empty());
        assert!(diff.finish().unwrap().fields.is_empty());
    }
}
