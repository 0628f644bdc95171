// SPDX-License-Identifier: Apache-2.0
//! The spec of a managed policy and its checks.

use std::collections::{BTreeMap, BTreeSet};

use regionctl_core::kind::Notes;
use regionctl_core::model::policy::{Policy, PolicySpec};
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::document::{EMPTY, Edit, MAX_CHARACTERS, characters, merge};
use super::risks;
use crate::tags::{self, TagSettings};

/// A customer managed policy. It is global: specs of several regions can contribute statements to it. It is found by
/// its name, whatever its path. Fields that are left out are not managed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IamPolicy")]
pub struct IamPolicySpec {
    /// Policy statements by Sid (letters and digits). Other statements of the policy stay as they are.
    #[serde(default)]
    pub(super) statements: BTreeMap<String, Map<String, Value>>,
    /// All statements without a Sid, which are compared by meaning. `unset` or `[]`: there are none. Left out: they are
    /// not managed.
    #[serde(default)]
    pub(super) unnamed: Setting<Vec<Map<String, Value>>>,
    /// Sids of statements to remove.
    #[serde(default)]
    pub(super) absent: BTreeSet<String>,
    /// Whether the document is this spec's alone: statements that it does not state are removed, which needs
    /// `--allow-destroy`. Default: false.
    #[serde(default)]
    pub(super) whole: bool,
    /// The path, such as `/service-role/`. It is set at creation and cannot be changed. Default: `/`.
    pub(super) path: Option<String>,
    /// Description, at most 1,000 characters. It is set at creation and cannot be changed. `unset`: it has none.
    #[serde(default)]
    pub(super) description: Setting<String>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    pub(super) tags: Setting<TagSettings>,
    /// The reason to waive the risks of statements that allow every action, all actions except some, or passing every
    /// role.
    pub(super) waiver: Option<String>,
}

/// The checked statements of a spec.
pub(super) struct Statements {
    pub(super) named: BTreeMap<String, Policy>,
    pub(super) unnamed: Setting<Vec<Policy>>,
}

/// Checks the statements. Adds a fault to the notes for everything that IAM would reject.
pub(super) fn check_statements(spec: &mut IamPolicySpec, notes: &mut Notes<'_>) -> Statements {
    let before = notes.faults.0.len();
    let mut named = BTreeMap::new();
    for (sid, fields) in std::mem::take(&mut spec.statements) {
        let path = format!("statements.{sid}");
        check_sid(&sid, &path, notes);
        if spec.absent.contains(&sid) {
            notes.fault(&path, format!("'{sid}' is in both `statements` and `absent`"), "remove one of the two");
        }
        if let Some(policy) = check_statement(Some(&sid), fields, &path, notes) {
            named.insert(sid, policy);
        }
    }
    for (index, sid) in spec.absent.iter().enumerate() {
        check_sid(sid, &format!("absent[{index}]"), notes);
    }
    let unnamed = std::mem::take(&mut spec.unnamed).map(|items| {
        let checked = items.into_iter().enumerate();
        let checked =
            checked.filter_map(|(at, fields)| check_statement(None, fields, &format!("unnamed[{at}]"), notes));
        checked.collect::<Vec<_>>()
    });
    let unnamed = if unnamed.is_set_and(Vec::is_empty) { Setting::Unset } else { unnamed };
    let (is_empty, is_valid) = (named.is_empty() && !unnamed.is_set(), notes.faults.0.len() == before);
    if spec.whole && is_empty && is_valid {
        let message = "`whole: true` needs a statement: IAM accepts no policy without one";
        notes.fault("whole", message, "add the policy's statements, or remove `whole`");
    }
    if spec.whole && !spec.absent.is_empty() {
        let message = "`absent` has no effect with `whole: true`, which removes all other statements";
        notes.fault("absent", message, "remove `absent` or `whole`");
    }
    let edit = Edit { statements: named, unnamed, ..Edit::default() };
    // `EMPTY` is a valid document.
    let size = merge(EMPTY, &edit).map_or(0, |document| characters(&document));
    if size > MAX_CHARACTERS {
        let message = format!(
            "the policy has {size} characters without white space, more than the {MAX_CHARACTERS} that IAM allows"
        );
        notes.fault("statements", message, "shorten the statements, or move some to another policy");
    }
    Statements { named: edit.statements, unnamed: edit.unnamed }
}

fn check_sid(sid: &str, path: &str, notes: &mut Notes<'_>) {
    if sid.is_empty() || !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        notes.fault(path, format!("'{sid}' is not a valid Sid"), "use letters and digits only");
    }
}

/// Checks one statement, with its Sid if it has one. Returns `None` if it has faults.
fn check_statement(sid: Option<&str>, fields: Map<String, Value>, path: &str, notes: &mut Notes<'_>) -> Option<Policy> {
    let before = notes.faults.0.len();
    for field in ["Principal", "NotPrincipal"].iter().filter(|field| fields.contains_key(**field)) {
        let message = format!("a managed policy has no `{field}`: it applies to the identities it is attached to");
        notes.fault(&format!("{path}.{field}"), message, "remove it");
    }
    if fields.contains_key("Sid") {
        let (message, help) = match sid {
            Some(_) => ("the key of a statement is its Sid", "remove `Sid`"),
            None => ("a statement in `unnamed` has no Sid", "move it to `statements`"),
        };
        notes.fault(&format!("{path}.Sid"), message, help);
    }
    if !fields.contains_key("Resource") && !fields.contains_key("NotResource") {
        notes.fault(path, "the statement has no `Resource`", "add one, such as Resource: \"*\"");
    }
    let statement = match sid {
        Some(sid) => PolicySpec::of_statement(sid, fields),
        None => serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [fields]}))
            .expect("invariant: a policy in a spec is any JSON value"),
    };
    // The size is checked for all statements together.
    let policy = statement.check(path, usize::MAX, notes);
    policy.filter(|_| notes.faults.0.len() == before)
}

/// Checks everything but the statements, and adds the waivers.
pub(super) fn check_rest(spec: &IamPolicySpec, notes: &mut Notes<'_>) {
    let is_path = |path: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
        path.len() <= 512
            && path.starts_with('/')
            && path.ends_with('/')
            && path.bytes().all(allowed)
            && !path.contains("//")
    };
    if let Some(path) = spec.path.as_ref().filter(|path| !is_path(path)) {
        let message = format!("'{path}' is not a valid path");
        notes.fault(
            "path",
            message,
            "begin and end it with `/`, such as /service-role/; use letters, digits and +=,.@_-",
        );
    }
    let description = spec.description.value();
    if description.is_some_and(|text| text.chars().count() > 1000) {
        notes.fault("description", "the description is longer than 1,000 characters", "shorten it");
    }
    // The pattern of `Description` (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html).
    let is_allowed = |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    if let Some(letter) = description.and_then(|text| text.chars().find(|letter| !is_allowed(*letter))) {
        let message = format!("IAM does not allow the character '{letter}' in a description");
        notes.fault("description", message, "use the characters of Latin-1");
    }
    tags::check(&spec.tags, notes);
    if let Some(reason) = &spec.waiver {
        for rule in risks::RULES {
            notes.waive(rule, reason, "waiver");
        }
    }
}
