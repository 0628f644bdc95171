// SPDX-License-Identifier: Apache-2.0
//! The content of a document and its three formats.
//!
//! JSON and YAML content is compared after parsing, TEXT content byte by byte. A document keeps its format: content that
//! a spec states as a mapping is sent in the document's own format.

use regionctl_core::spec::{tree, write};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format of a document (`DocumentFormat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "SsmDocumentFormat")]
pub enum Format {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Plain text.
    Text,
}

impl Format {
    /// Returns SSM's word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Text => "TEXT",
        }
    }

    /// Returns the format of SSM's word, or `None` if the word is unknown.
    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Json, Self::Yaml, Self::Text].into_iter().find(|format| format.as_str() == word)
    }
}

/// Returns the content parsed, so that white space, comments and the order of keys do not matter. Without a format, JSON
/// and then YAML are tried. Text that cannot be parsed is returned as a string.
pub(super) fn parsed(text: &str, format: Option<Format>) -> Value {
    let value = match format {
        Some(Format::Text) => None,
        Some(Format::Json) => json(text),
        Some(Format::Yaml) => yaml(text),
        None => json(text).or_else(|| yaml(text)),
    };
    value.unwrap_or_else(|| text.into())
}

/// Returns the format of a text: JSON if it is JSON, else YAML.
pub(super) fn guessed(text: &str) -> Format {
    if json(text).is_some() { Format::Json } else { Format::Yaml }
}

/// Returns the content in a format. Text that already has the format is returned unchanged, with its comments.
pub(super) fn in_format(text: &str, format: Format) -> String {
    let converted = match (guessed(text), format) {
        (Format::Yaml, Format::Json) => yaml(text).filter(Value::is_object).map(|value| format!("{value:#}")),
        (Format::Json, Format::Yaml) => json(text).filter(Value::is_object).map(|value| write::yaml(&value, 0)),
        _ => None,
    };
    converted.unwrap_or_else(|| text.to_owned())
}

/// Returns the fault of a text in a format, or `None` if SSM can read it.
pub(super) fn fault(text: &str, format: Format) -> Option<&'static str> {
    match format {
        Format::Json if json(text).is_none() => Some("the content is not JSON"),
        Format::Yaml if yaml(text).is_none_or(|value| !value.is_object()) => Some("the content is not a YAML mapping"),
        _ => None,
    }
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn yaml(text: &str) -> Option<Value> {
    // JSON is YAML, and its strict reader keeps the types that its author wrote.
    json(text).or_else(|| tree::parse(text, 0).ok().map(|node| tree::to_json(&node)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_the_order_of_keys_are_not_compared() {
        let (json, yaml) = (Some(Format::Json), Some(Format::Yaml));
        assert_eq!(parsed("{\"b\": 1, \"a\": [2]}", json), parsed("{\"a\":[2],\n\"b\":1}", json));
        assert_eq!(parsed("b: 1 # one\na: [2]\n", yaml), parsed("{a: [2], b: 1}", yaml));
        assert_eq!(parsed("b: 1\n", None), parsed("{\"b\": 1}", None));
        assert_ne!(parsed("a  b", Some(Format::Text)), parsed("a b", Some(Format::Text)));
    }

    #[test]
    fn content_is_converted_only_into_another_format() {
        assert_eq!(in_format("a: 1 # one\n", Format::Yaml), "a: 1 # one\n");
        assert_eq!(in_format("{\"a\": \"2.2\"}", Format::Yaml), "a: \"2.2\"\n");
        assert_eq!(in_format("a: \"2.2\"\n", Format::Json), "{\n  \"a\": \"2.2\"\n}");
        assert_eq!(in_format("any text", Format::Text), "any text");
        assert_eq!(in_format("not a mapping", Format::Json), "not a mapping");
    }

    #[test]
    fn a_yaml_script_survives_the_conversion() {
        let script =
            serde_json::json!({"schemaVersion": "0.3", "mainSteps": [{"inputs": {"Script": "a:\n  b # c\n\tno"}}]});
        let text = in_format(&script.to_string(), Format::Yaml);
        assert_eq!(parsed(&text, Some(Format::Yaml)), script, "{text}");
    }
}
