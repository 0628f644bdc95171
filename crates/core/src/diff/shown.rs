// SPDX-License-Identifier: Apache-2.0
//! The display form of a field's values, used by plans, reports and acceptances.

use serde_json::Value;

use super::FieldChange;
use crate::digest;
use crate::resource::reference::{Piece, Reference, Target, pieces};

/// The number of characters above which a live value is pinned by its digest.
const LONG: usize = 120;

/// Returns a value in display form: a scalar without quotes, a list in brackets, `∅` for null.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "∅".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => resolved(text),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        // Prints 80.0 as 80. The plan's JSON keeps 80.0.
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    }
}

/// Removes the settings that have no value.
pub(super) fn without_unset(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(key, value)| (key, without_unset(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(without_unset).collect(),
        other => other,
    }
}

/// Replaces each unresolved reference to a resource by words: `(arn of sns.topic/a, known after apply)`.
pub fn resolved(text: &str) -> String {
    if !text.contains("${") {
        return text.to_owned();
    }
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Plain(plain) | Piece::Open(plain) => plain.to_owned(),
            Piece::Escaped => "${".to_owned(),
            Piece::Braced(inside) => match Reference::parse(inside) {
                Some(Reference { target: Target::Resource(address), attribute }) => {
                    format!("({attribute} of {address}, known after apply)")
                }
                _ => format!("${{{inside}}}"),
            },
        })
        .collect()
}

/// Returns the display form of the path of a set element: `ingress tcp 22 from 10.0.0.0/8` for
/// `ingress[tcp 22 from 10.0.0.0/8]`. `None` for any other path.
pub fn element(path: &str) -> Option<String> {
    let (set, key) = path.strip_suffix(']')?.split_once('[')?;
    Some(format!("{set} {key}"))
}

/// Returns the first segment of a path: `ingress` of `ingress[…]`, `tags` of `tags.Owner`.
pub fn head(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

impl FieldChange {
    /// Returns whether a value is a document, which is shown as a line diff.
    pub fn is_document(&self) -> bool {
        let nested = |value: &Option<Value>| match value {
            Some(Value::Object(_)) => true,
            Some(Value::Array(items)) => items.iter().any(|item| item.is_object() || item.is_array()),
            _ => false,
        };
        nested(&self.before) || nested(&self.after)
    }

    /// Returns the live value as an acceptance records it: in display form, or `sha256:` and 16 hexadecimal digits for
    /// a document or a value of more than 120 characters. `None` if there is no live value.
    pub fn pinned(&self) -> Option<String> {
        let before = self.before.as_ref()?;
        let text = shown(before);
        if self.is_document() || text.chars().count() > LONG {
            return Some(format!("sha256:{}", &digest::of_json(before)[..16]));
        }
        Some(text)
    }

    /// Returns the display form of the field's path.
    pub fn label(&self) -> String {
        resolved(&element(&self.path).unwrap_or_else(|| self.path.clone()))
    }
}
