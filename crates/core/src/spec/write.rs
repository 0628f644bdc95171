// SPDX-License-Identifier: Apache-2.0
//! Writes a spec's values as YAML text: the counterpart of [`super::tree`].

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::resource::setting::{Setting, UNSET};

/// The key of the JSON object that represents the plain word `unset`.
const MARKER: &str = "$unset";

/// Returns the JSON value that [`yaml`] writes as the plain word `unset`.
pub fn unset() -> Value {
    json!({ MARKER: true })
}

/// Adds a setting of a model to the fields of an entry. Unstated adds nothing.
pub fn setting<T: Serialize>(name: &str, setting: &Setting<T>, fields: &mut Map<String, Value>) {
    let value = match setting {
        Setting::Unstated => return,
        Setting::Unset => unset(),
        Setting::Set(value) => serde_json::to_value(value).expect("invariant: models are plain data"),
    };
    fields.insert(name.to_owned(), value);
}

/// Returns a value as block-style YAML. Every line is indented by `indent` spaces.
///
/// # Guarantees
/// [`super::tree::parse`] reads the result as the same value: texts that YAML would read as another type are quoted.
pub fn yaml(value: &Value, indent: usize) -> String {
    let mut out = String::new();
    block(value, indent, &mut out);
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() && !is_unset(value) => {
            for (key, item) in fields {
                let _ = write!(out, "{pad}{}:", text(key));
                below(item, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{pad}-");
                match item {
                    Value::Object(fields) if !fields.is_empty() && !is_unset(item) => {
                        let mut nested = String::new();
                        block(item, indent + 2, &mut nested);
                        let _ = write!(out, " {}", nested.trim_start());
                    }
                    item => below(item, indent + 2, out),
                }
            }
        }
        scalar => {
            let _ = writeln!(out, "{pad}{}", inline(scalar));
        }
    }
}

/// Writes the value after a key or a dash: scalars on the same line, collections on the lines below.
fn below(item: &Value, indent: usize, out: &mut String) {
    let nested = match item {
        Value::Object(fields) => !fields.is_empty() && !is_unset(item),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        block(item, indent, out);
    } else {
        let _ = writeln!(out, " {}", inline(item));
    }
}

fn is_unset(value: &Value) -> bool {
    value.get(MARKER).is_some()
}

fn inline(value: &Value) -> String {
    match value {
        value if is_unset(value) => UNSET.to_owned(),
        Value::String(value) => text(value),
        Value::Null => "~".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Returns a text unquoted if YAML reads it as the same text, otherwise quoted as in JSON, which YAML accepts.
fn text(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_./-".contains(letter);
    let first = text.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '/');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", UNSET, "absent"];
    if first && text.chars().all(plain) && !words.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    // YAML rejects some characters that JSON allows unescaped.
    let rejected = |letter: char| {
        matches!(letter, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let escaped =
        |letter: char| if rejected(letter) { format!("\\u{:04x}", u32::from(letter)) } else { letter.to_string() };
    Value::from(text).to_string().chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::tree::{Value as Node, parse, to_json};

    #[test]
    fn texts_are_quoted_only_if_yaml_would_read_another_type() {
        let value = json!({
            "retention_days": unset(), "name": "unset", "on": true, "rules": [{"id": "a", "days": 3}, {"id": "b"}],
            "empty": [], "version": "16", "list": ["x", "1:2"],
        });
        let text = "retention_days: unset\nname: \"unset\"\n\"on\": true\nrules:\n  - id: a\n    days: 3\
            \n  - id: b\nempty: []\nversion: \"16\"\nlist:\n  - x\n  - \"1:2\"\n";
        assert_eq!(yaml(&value, 0), text);
        let node = parse(text, 0).unwrap();
        assert!(matches!(node.get("retention_days").unwrap().value.value, Node::Unset));
    }

    fn values() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![".{0,12}", "[a-z0-9.:#-]{0,6}", Just("unset".to_owned()), Just("012".to_owned())];
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            texts.prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z$:# .-]{1,8}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_written_value_is_read_back_unchanged(value in values()) {
            let text = yaml(&value, 0);
            let read = parse(&text, 0).map(|node| to_json(&node));
            let read = read.map_err(|faults| format!("{text}\n{faults:?}")).unwrap();
            prop_assert_eq!(read, value, "{}", text);
        }
    }
}
