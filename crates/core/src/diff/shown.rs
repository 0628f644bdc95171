//! A field's values as people read them, in plans, reports and acceptances alike.

use serde_json::Value;

use super::FieldChange;
use crate::digest;
use crate::resource::reference::{Piece, Reference, Target, pieces};

/// A live value of more characters is pinned by its digest.
const LONG: usize = 120;

/// A scalar without quotes, a list in brackets.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "∅".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => resolved(text),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        // 80.0 is 80; the plan's JSON keeps it as it is.
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    }
}

/// Says references that are still open in words.
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

/// `ingress[tcp 22 from 10.0.0.0/8]` reads `ingress tcp 22 from 10.0.0.0/8`; what follows is said of it.
pub fn element(path: &str) -> Option<String> {
    let (set, key) = path.strip_suffix(']')?.split_once('[')?;
    Some(format!("{set} {key}"))
}

/// The attribute in which a path begins: `ingress` of `ingress[…]`, `tags` of `tags.Owner`.
pub fn head(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

impl FieldChange {
    /// Says whether the values are documents, which are shown as a diff of their lines.
    pub fn is_document(&self) -> bool {
        let nested = |value: &Option<Value>| match value {
            Some(Value::Object(_)) => true,
            Some(Value::Array(items)) => items.iter().any(|item| item.is_object() || item.is_array()),
            _ => false,
        };
        nested(&self.before) || nested(&self.after)
    }

    /// The live value by which an acceptance knows it: as it is shown, or the digest of what is long; none where
    /// nothing is set.
    pub fn pinned(&self) -> Option<String> {
        let before = self.before.as_ref()?;
        let text = shown(before);
        if self.is_document() || text.chars().count() > LONG {
            return Some(format!("sha256:{}", &digest::of_json(before)[..16]));
        }
        Some(text)
    }

    /// The field's name as people read it.
    pub fn label(&self) -> String {
        resolved(&element(&self.path).unwrap_or_else(|| self.path.clone()))
    }
}
