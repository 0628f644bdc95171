// SPDX-License-Identifier: Apache-2.0
//! Editing a policy document as text: statements are added, replaced and removed by Sid. Every other byte stays.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use regionctl_core::model::policy::Policy;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde_json::{Error, Value};

/// A document without statements.
pub const EMPTY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// Returns the statements that have a Sid, each as a policy with one statement.
///
/// # Errors
/// The document is not JSON, not an object, or has no `Statement`.
pub fn statements(document: &str) -> Result<BTreeMap<String, Policy>, Error> {
    let (_, items) = spans(document)?;
    let mut found = BTreeMap::new();
    for span in items {
        let statement: Value = serde_json::from_str(&document[span])?;
        if let Some(sid) = statement["Sid"].as_str() {
            found.insert(sid.to_owned(), Policy::of_statement(&statement));
        }
    }
    Ok(found)
}

/// Returns the document with `desired` added or in place of the statements with the same Sid, and without those in
/// `absent`.
///
/// # Errors
/// The document is not JSON, not an object, or has no `Statement`.
pub fn merge(document: &str, desired: &BTreeMap<String, Policy>, absent: &BTreeSet<String>) -> Result<String, Error> {
    let (list, items) = spans(document)?;
    let mut parts: Vec<String> = Vec::new();
    let mut left: BTreeMap<&String, &Policy> = desired.iter().collect();
    for span in items {
        let text = &document[span];
        let statement: Value = serde_json::from_str(text)?;
        let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
        match left.remove(&sid) {
            Some(ours) if *ours == Policy::of_statement(&statement) => parts.push(text.to_owned()),
            Some(ours) => parts.push(ours.statement().to_string()),
            None if absent.contains(&sid) => {}
            None => parts.push(text.to_owned()),
        }
    }
    parts.extend(left.values().map(|ours| ours.statement().to_string()));
    Ok(format!("{}[{}]{}", &document[..list.start], parts.join(","), &document[list.end..]))
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

    fn ours(sid: &str, resource: &str) -> BTreeMap<String, Policy> {
        let statement = json!({"Sid": sid, "Effect": "Allow", "Action": "s3:GetObject", "Resource": resource});
        BTreeMap::from([(sid.to_owned(), Policy::of_statement(&statement))])
    }

    const THEIRS: &str = r#"{ "Version": "2012-10-17", "Statement" : [ {"Sid":"Theirs",  "Effect":"Allow","Action":["s3:*"],"Resource":"*"}, {"Effect":"Deny","Action":"iam:*","Resource":"*"} ] , "Id":"x"}"#;

    #[test]
    fn statements_of_others_stay_byte_for_byte() {
        let merged = merge(THEIRS, &ours("Ours", "a"), &BTreeSet::new()).unwrap();
        for theirs in [
            r#"{"Sid":"Theirs",  "Effect":"Allow","Action":["s3:*"],"Resource":"*"}"#,
            r#"{"Effect":"Deny","Action":"iam:*","Resource":"*"}"#,
            r#"{ "Version": "2012-10-17", "Statement" : ["#,
            r#" , "Id":"x"}"#,
        ] {
            assert!(merged.contains(theirs), "{theirs} is not in {merged}");
        }
        assert_eq!(statements(&merged).unwrap().keys().collect::<Vec<_>>(), ["Ours", "Theirs"]);
    }

    #[test]
    fn a_statement_is_replaced_and_removed_by_its_sid() {
        let one = merge(EMPTY, &ours("Ours", "a"), &BTreeSet::new()).unwrap();
        let other = merge(&one, &ours("Ours", "b"), &BTreeSet::new()).unwrap();
        assert!(other.contains("\"b\"") && !other.contains("\"a\""), "{other}");
        let none = merge(&other, &BTreeMap::new(), &BTreeSet::from(["Ours".to_owned()])).unwrap();
        assert_eq!(none, EMPTY);
    }

    #[test]
    fn a_statement_is_added_to_a_single_one_without_a_list() {
        let single = r#"{"Statement":{"Sid":"Theirs","Effect":"Allow","Action":"a:B","Resource":"*"}}"#;
        let merged = merge(single, &ours("Ours", "a"), &BTreeSet::new()).unwrap();
        assert_eq!(statements(&merged).unwrap().len(), 2);
    }

    #[test]
    fn an_equal_statement_is_not_rewritten() {
        let reordered = r#"{"Statement":[{"Resource":["a"],"Action":"S3:getobject","Effect":"Allow","Sid":"Ours"}]}"#;
        assert_eq!(merge(reordered, &ours("Ours", "a"), &BTreeSet::new()).unwrap(), reordered);
    }
}
