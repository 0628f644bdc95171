// SPDX-License-Identifier: Apache-2.0
//! Editing a policy document as text: statements are added, replaced and removed by Sid. Every other byte stays.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use regionctl_core::model::policy::Policy;
use regionctl_core::resource::setting::Setting;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Error, Value};

/// A document without statements.
pub const EMPTY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// The version of the policy language if the document has none (IAM User Guide, "IAM JSON policy elements: Version").
const DEFAULT_VERSION: &str = "2008-10-17";

/// The only version of the policy language that IAM accepts in managed policies.
const VERSION: &str = "2012-10-17";

/// The most characters of a managed policy, without white space (IAM User Guide, "IAM and AWS STS quotas").
pub const MAX_CHARACTERS: usize = 6144;

/// A change of a document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Edit {
    /// The spec's statements, by Sid. They are added, or replace statements with the same Sid.
    #[serde(default)]
    pub statements: BTreeMap<String, Policy>,
    /// All statements without a Sid. Unset removes them, and unstated keeps them.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub unnamed: Setting<Vec<Policy>>,
    /// The Sids of statements to remove.
    #[serde(default)]
    pub absent: BTreeSet<String>,
}

/// A parsed document.
pub struct Document {
    /// The statements that have a Sid, by Sid, each as a document with one statement.
    pub statements: BTreeMap<String, Policy>,
    /// The statements without a Sid.
    pub unnamed: Vec<Policy>,
    /// The version of the policy language, if it is not the one that IAM accepts.
    pub other_version: Option<String>,
    /// The document's `Id`, which IAM ignores.
    pub id: Option<String>,
}

/// Parses a document.
///
/// # Errors
/// The document is not JSON, not an object, or has no `Statement`; or a statement is not an object.
pub fn parse(document: &str) -> Result<Document, Error> {
    let (_, items) = spans(document)?;
    let (mut statements, mut unnamed) = (BTreeMap::new(), Vec::new());
    for span in items {
        let statement = statement_of(&document[span])?;
        match sid(&statement) {
            Some(sid) => drop(statements.insert(sid.to_owned(), Policy::of_statement(&statement))),
            None => unnamed.push(of_unnamed(statement)),
        }
    }
    let text = |name| member(document, name).map(|span| span.and_then(|span| text_at(document, span)));
    let version = text("Version")?.unwrap_or_else(|| DEFAULT_VERSION.to_owned());
    let other_version = Some(version).filter(|version| version != VERSION);
    Ok(Document { statements, unnamed, other_version, id: text("Id")? })
}

/// Returns the document after a change. It is the same text if there is nothing to change.
///
/// # Errors
/// The document is not JSON, not an object, or has no `Statement`; or a statement is not an object.
pub fn merge(document: &str, edit: &Edit) -> Result<String, Error> {
    let (list, items) = spans(document)?;
    let mut left = Left::of(edit);
    let mut is_changed = false;
    let mut parts: Vec<String> = Vec::new();
    for span in items {
        let text = &document[span];
        let part = left.merged(text, &statement_of(text)?);
        is_changed |= part.as_deref() != Some(text);
        parts.extend(part);
    }
    let added: Vec<String> = left.rest().map(|ours| ours.statement().to_string()).collect();
    if !is_changed && added.is_empty() {
        return Ok(document.to_owned());
    }
    parts.extend(added);
    Ok(format!("{}[{}]{}", &document[..list.start], parts.join(","), &document[list.end..]))
}

/// The desired statements that were not found in the document yet.
struct Left<'a> {
    edit: &'a Edit,
    named: BTreeMap<&'a str, &'a Policy>,
    /// `None`: statements without a Sid are kept.
    unnamed: Option<Vec<&'a Policy>>,
}

impl<'a> Left<'a> {
    fn of(edit: &'a Edit) -> Self {
        let named = edit.statements.iter().map(|(sid, statement)| (sid.as_str(), statement)).collect();
        let is_managed = !edit.unnamed.is_unstated();
        let unnamed = is_managed.then(|| edit.unnamed.value().into_iter().flatten().collect());
        Self { edit, named, unnamed }
    }

    /// Returns the text that replaces a live statement; `None` if the statement is removed.
    fn merged(&mut self, text: &str, statement: &Value) -> Option<String> {
        let Some(sid) = sid(statement) else {
            let policy = of_unnamed(statement.clone());
            let Some(left) = &mut self.unnamed else { return Some(text.to_owned()) };
            let at = left.iter().position(|ours| **ours == policy)?;
            left.remove(at);
            return Some(text.to_owned());
        };
        match self.named.remove(sid) {
            Some(ours) if *ours == Policy::of_statement(statement) => Some(text.to_owned()),
            Some(ours) => Some(ours.statement().to_string()),
            None if self.edit.absent.contains(sid) => None,
            None => Some(text.to_owned()),
        }
    }

    fn rest(self) -> impl Iterator<Item = &'a Policy> {
        self.named.into_values().chain(self.unnamed.into_iter().flatten())
    }
}

/// Returns the size of a document as IAM counts it: characters without white space.
pub fn characters(text: &str) -> usize {
    text.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// Returns the characters of a policy's only statement.
pub fn size_of(policy: &Policy) -> usize {
    characters(&policy.statement().to_string())
}

fn statement_of(text: &str) -> Result<Value, Error> {
    let statement: Value = serde_json::from_str(text)?;
    if statement.is_object() { Ok(statement) } else { Err(Error::custom("a statement is not a JSON object")) }
}

/// Returns a statement's Sid. An empty one does not identify it.
fn sid(statement: &Value) -> Option<&str> {
    statement["Sid"].as_str().filter(|sid| !sid.is_empty())
}

/// Returns a statement without a Sid in one form: without an empty `Sid`.
fn of_unnamed(mut statement: Value) -> Policy {
    if let Some(fields) = statement.as_object_mut() {
        fields.shift_remove("Sid");
    }
    Policy::of_statement(&statement)
}

fn text_at(document: &str, span: Range<usize>) -> Option<String> {
    serde_json::from_str(&document[span]).ok()
}

/// Returns the byte ranges of the value of `Statement` and of each statement in it.
fn spans(document: &str) -> Result<(Range<usize>, Vec<Range<usize>>), Error> {
    let list = member(document, "Statement")?.ok_or_else(|| Error::custom("the document has no `Statement`"))?;
    if !document[list.clone()].starts_with('[') {
        return Ok((list.clone(), vec![list])); // IAM allows a single statement without a list.
    }
    let mut items = Vec::new();
    let mut at = list.start + 1;
    loop {
        at += skipped(&document[at..], ",");
        if document[at..].starts_with(']') {
            return Ok((list, items));
        }
        let (_, end) = one::<IgnoredAny>(document, at)?;
        items.push(at..end);
        at = end;
    }
}

/// Returns the byte range of the value of a member of the outermost object.
fn member(document: &str, name: &str) -> Result<Option<Range<usize>>, Error> {
    let mut at = skipped(document, "");
    if !document[at..].starts_with('{') {
        return Err(Error::custom("the document is not a JSON object"));
    }
    at += 1;
    let mut found = None;
    loop {
        at += skipped(&document[at..], ",");
        if document[at..].starts_with('}') {
            return Ok(found);
        }
        let (key, end) = one::<String>(document, at)?;
        at = end + skipped(&document[end..], ":");
        let (_, end) = one::<IgnoredAny>(document, at)?;
        if key == name {
            found = Some(at..end);
        }
        at = end;
    }
}

/// Returns the length of the white space and one separator at the start of the text, in bytes.
fn skipped(text: &str, separator: &str) -> usize {
    let rest = text.trim_start();
    let rest = rest.strip_prefix(separator).unwrap_or(rest).trim_start();
    text.len() - rest.len()
}

/// Returns the JSON value at a byte offset, and the offset of its end.
fn one<T: DeserializeOwned>(text: &str, at: usize) -> Result<(T, usize), Error> {
    let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<T>();
    let value = values.next().ok_or_else(|| Error::custom("the document ends unexpectedly"))??;
    Ok((value, at + values.byte_offset()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ours(sid: &str, resource: &str) -> Edit {
        let statement = json!({"Sid": sid, "Effect": "Allow", "Action": "s3:GetObject", "Resource": resource});
        let statements = BTreeMap::from([(sid.to_owned(), Policy::of_statement(&statement))]);
        Edit { statements, ..Edit::default() }
    }

    fn without(sid: &str) -> Edit {
        Edit { absent: BTreeSet::from([sid.to_owned()]), ..Edit::default() }
    }

    const THEIRS: &str = r#"{ "Version": "2012-10-17", "Statement" : [ {"Sid":"Theirs",  "Effect":"Allow","Action":["s3:*"],"Resource":"*"}, {"Effect":"Deny","Action":"iam:*","Resource":"*"} ] , "Id":"x"}"#;

    #[test]
    fn statements_of_others_stay_byte_for_byte() {
        let merged = merge(THEIRS, &ours("Ours", "a")).unwrap();
        for theirs in [
            r#"{"Sid":"Theirs",  "Effect":"Allow","Action":["s3:*"],"Resource":"*"}"#,
            r#"{"Effect":"Deny","Action":"iam:*","Resource":"*"}"#,
            r#"{ "Version": "2012-10-17", "Statement" : ["#,
            r#" , "Id":"x"}"#,
        ] {
            assert!(merged.contains(theirs), "{theirs} is not in {merged}");
        }
        let parsed = parse(&merged).unwrap();
        assert_eq!(parsed.statements.keys().collect::<Vec<_>>(), ["Ours", "Theirs"]);
        assert_eq!((parsed.unnamed.len(), parsed.id.as_deref(), parsed.other_version), (1, Some("x"), None));
    }

    #[test]
    fn a_statement_is_replaced_and_removed_by_its_sid() {
        let one = merge(EMPTY, &ours("Ours", "a")).unwrap();
        let other = merge(&one, &ours("Ours", "b")).unwrap();
        assert!(other.contains("\"b\"") && !other.contains("\"a\""), "{other}");
        assert_eq!(merge(&other, &without("Ours")).unwrap(), EMPTY);
    }

    #[test]
    fn a_statement_is_added_to_a_single_one_without_a_list() {
        let single = r#"{"Statement":{"Sid":"Theirs","Effect":"Allow","Action":"a:B","Resource":"*"}}"#;
        let merged = merge(single, &ours("Ours", "a")).unwrap();
        assert_eq!(parse(&merged).unwrap().statements.len(), 2);
    }

    #[test]
    fn an_equal_statement_is_not_rewritten() {
        let reordered = r#"{"Statement":[{"Resource":["a"],"Action":"S3:getobject","Effect":"Allow","Sid":"Ours"}]}"#;
        assert_eq!(merge(reordered, &ours("Ours", "a")).unwrap(), reordered);
    }

    /// The console writes `"Sid": ""`. Such a statement has no Sid.
    #[test]
    fn an_empty_sid_is_no_sid() {
        let text = r#"{"Statement":[{"Sid":"","Effect":"Allow","Action":"a:B","Resource":"*"}]}"#;
        assert_eq!(merge(text, &without("")).unwrap(), text);
        let parsed = parse(text).unwrap();
        assert_eq!((parsed.statements.len(), parsed.unnamed.len()), (0, 1));
        assert_eq!(parsed.other_version.as_deref(), Some("2008-10-17"));
        let same = Edit { unnamed: Setting::Set(parsed.unnamed), ..Edit::default() };
        assert_eq!(merge(text, &same).unwrap(), text);
    }

    #[test]
    fn unset_removes_only_the_statements_without_a_sid() {
        let merged = merge(THEIRS, &Edit { unnamed: Setting::Unset, ..ours("Ours", "a") }).unwrap();
        let parsed = parse(&merged).unwrap();
        assert_eq!(parsed.statements.keys().collect::<Vec<_>>(), ["Ours", "Theirs"]);
        assert_eq!((parsed.unnamed.len(), parsed.id.as_deref()), (0, Some("x")));
    }

    #[test]
    fn white_space_does_not_count() {
        assert_eq!(characters("{ \"a\" :\n\t1 }"), 7);
    }
}
