// SPDX-License-Identifier: Apache-2.0
//! The model of a managed policy, desired or live.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::model::policy::Policy;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::document::{Edit, size_of};
use crate::tags::{self, TagSettings};

/// A managed policy, desired or live. The statements are those of the default version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct IamPolicyModel {
    /// The statements that have a Sid, by Sid, each as a document with one statement.
    #[serde(default)]
    pub(super) statements: BTreeMap<String, Policy>,
    /// The statements without a Sid. Unset: there are none.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) unnamed: Setting<Vec<Policy>>,
    /// Desired only: the Sids of statements to remove.
    #[serde(default)]
    pub(super) absent: BTreeSet<String>,
    /// Desired only: whether statements that the spec does not state are removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) whole: bool,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) path: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) description: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// Live only: what a change of the document depends on besides the statements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<State>,
}

/// What a change of a live document depends on besides its statements.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The version to delete before a new one is created: the policy has five versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) oldest: Option<String>,
    /// Whether `oldest` is newer than the default version, so that it may be a draft.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_oldest_newer: bool,
    /// The versions that are newer than the default version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) newer: Vec<String>,
    /// The characters of the document without white space.
    #[serde(default)]
    pub(super) characters: usize,
    /// The number of users, groups and roles that the policy is attached to.
    #[serde(default)]
    pub(super) attachments: i32,
}

impl IamPolicyModel {
    /// Returns the change of a live document to this desired model. With `whole`, it names the statements that the plan
    /// shows as removed, so that one that somebody adds in the meantime is not removed unseen.
    pub(super) fn edit(&self, live: &Self) -> Edit {
        let removed = live.statements.keys().filter(|sid| self.removes(sid));
        let unnamed = if self.whole { self.unnamed.clone().or(Setting::Unset) } else { self.unnamed.clone() };
        Edit {
            statements: self.statements.clone(),
            unnamed,
            absent: self.absent.iter().chain(removed).cloned().collect(),
        }
    }

    /// Returns the statements without a Sid.
    pub(super) fn unnamed(&self) -> &[Policy] {
        self.unnamed.value().map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the spec states all statements without a Sid.
    pub(super) fn manages_unnamed(&self) -> bool {
        self.whole || !self.unnamed.is_unstated()
    }

    /// Whether the spec removes a live statement with this Sid.
    pub(super) fn removes(&self, sid: &str) -> bool {
        self.absent.contains(sid) || (self.whole && !self.statements.contains_key(sid))
    }

    /// Returns how many statements a live policy has after the change, and the characters of its document.
    pub(super) fn merged_size(&self, live: &Self) -> (usize, usize) {
        let sizes = |model: &Self, counts: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let counted = model.statements.iter().filter(|(sid, _)| counts(sid));
            counted.map(|(_, statement)| size_of(statement)).collect()
        };
        let unnamed = |model: &Self| -> Vec<usize> { model.unnamed().iter().map(size_of).collect() };
        let all = [sizes(live, &|_| true), unnamed(live)].concat();
        let kept = sizes(live, &|sid| !self.removes(sid) && !self.statements.contains_key(sid));
        let merged_unnamed = unnamed(if self.manages_unnamed() { self } else { live });
        let merged = [kept, sizes(self, &|_| true), merged_unnamed].concat();
        // Each statement but the first has a comma.
        let total = |sizes: &[usize]| sizes.iter().sum::<usize>() + sizes.len().saturating_sub(1);
        let characters = live.state.as_ref().map_or(0, |state| state.characters);
        (merged.len(), characters.saturating_sub(total(&all)) + total(&merged))
    }
}

/// Writes a model in spec form.
pub(super) fn write(model: &IamPolicyModel) -> Value {
    let IamPolicyModel { statements, unnamed, absent, whole, path, description, tags, state: _ } = model;
    let mut fields = Map::new();
    if !statements.is_empty() {
        let named = statements.iter().map(|(sid, statement)| (sid.clone(), without_sid(statement)));
        fields.insert("statements".to_owned(), Value::Object(named.collect()));
    }
    let unnamed = unnamed.as_ref().map(|unnamed| unnamed.iter().map(without_sid).collect::<Vec<_>>());
    write::setting("unnamed", &unnamed, &mut fields);
    if !absent.is_empty() {
        fields.insert("absent".to_owned(), json!(absent));
    }
    if *whole {
        fields.insert("whole".to_owned(), true.into());
    }
    write::setting("path", path, &mut fields);
    write::setting("description", description, &mut fields);
    tags::write(tags, &mut fields);
    Value::Object(fields)
}

fn without_sid(statement: &Policy) -> Value {
    let mut statement = statement.statement();
    if let Some(fields) = statement.as_object_mut() {
        fields.shift_remove("Sid");
    }
    statement
}
