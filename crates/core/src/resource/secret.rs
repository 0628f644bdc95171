// SPDX-License-Identifier: Apache-2.0
//! Secrets: values that leave the process only in requests to the AWS service that they are for.
//!
//! In a model a secret is `{"$secret": value}`. Wherever a model is shown, the value is hidden. In a plan a token, the
//! path of the secret, replaces it; only a run with the same inventory can replace the token by the secret. In a saved
//! snapshot another token replaces it, which contains only the region codes that occur in the secret.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spec::names::is_region;

/// The key of a secret in a serialized model.
pub const KEY: &str = "$secret";

/// The text that is shown instead of a secret.
pub const HIDDEN: &str = "(not shown)";

/// A secret text. Its `Debug` output is [`HIDDEN`]; its JSON contains the text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    #[serde(rename = "$secret")]
    value: String,
}

impl Secret {
    /// Creates a secret from its text.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into() }
    }

    /// Returns the secret text, for a request only.
    pub fn reveal(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Returns the text of a serialized secret, or `None` if the value is not one.
pub fn of(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) if fields.len() == 1 => fields.get(KEY)?.as_str(),
        _ => None,
    }
}

/// The secrets of a model by their tokens.
pub type Secrets = BTreeMap<String, String>;

/// Returns a model's secrets. A token is the dotted path of the secret in the model.
pub fn of_model(model: &Value) -> Secrets {
    let mut secrets = Secrets::new();
    collect(model, "", &mut secrets);
    secrets
}

fn collect(value: &Value, path: &str, secrets: &mut Secrets) {
    let joined = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        value if of(value).is_some() => {
            secrets.insert(path.to_owned(), of(value).unwrap_or_default().to_owned());
        }
        Value::Object(fields) => fields.iter().for_each(|(key, item)| collect(item, &joined(key), secrets)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, &joined(&index.to_string()), secrets));
        }
        _ => {}
    }
}

/// Replaces each secret in a value by its token, and a secret without a token by an empty text.
pub fn seal(value: &mut Value, secrets: &Secrets) {
    replace(value, &|text| {
        secrets.iter().find(|(_, secret)| *secret == text).map_or_else(String::new, |(token, _)| token.clone())
    });
}

/// Replaces each secret in a value by an empty text.
pub fn hide(value: &mut Value) {
    replace(value, &|_| String::new());
}

/// Replaces each secret in a value by [`HIDDEN`], for display.
pub fn show(value: &mut Value) {
    if of(value).is_some() {
        *value = HIDDEN.into();
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(show),
        Value::Array(items) => items.iter_mut().for_each(show),
        _ => {}
    }
}

/// Replaces each token in a value by its secret. Unknown tokens remain.
pub fn unseal(value: &mut Value, secrets: &Secrets) {
    replace(value, &|token| secrets.get(token).cloned().unwrap_or_else(|| token.to_owned()));
}

fn replace(value: &mut Value, by: &dyn Fn(&str) -> String) {
    if let Some(text) = of(value) {
        let text = by(text);
        value[KEY] = text.into();
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|item| replace(item, by)),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, by)),
        _ => {}
    }
}

/// The prefix of a secret's token in a saved snapshot. Texts of AWS services do not contain the control character.
const SEAL: &str = "\u{1}sealed:";

/// Returns the token of a secret in a saved snapshot: a number, and the region codes that occur in the secret. Plans
/// report these region codes.
pub fn seal_of(number: usize, secret: &str) -> String {
    let regions: Vec<&str> = regions(secret).collect();
    format!("{SEAL}{number}:{}", regions.join(","))
}

/// Returns the region codes in a text.
fn regions(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    words.filter_map(|word| {
        let mut starts = word.char_indices().map(|(at, _)| at);
        let code = |at: usize| {
            let rest = &word[at..];
            let end = rest.find(|letter: char| letter.is_ascii_digit())?;
            Some(&rest[..=end]).filter(|code| is_region(code))
        };
        starts.find_map(code)
    })
}

/// Returns whether a secret's text is the token of a saved snapshot.
pub fn is_seal(text: &str) -> bool {
    text.starts_with(SEAL)
}

/// Replaces the secret at a path by a text; see [`of_model`] for the form of the path.
pub fn put(value: &mut Value, path: &str, text: &str) {
    put_at(value, "", path, text);
}

fn put_at(value: &mut Value, at: &str, path: &str, text: &str) {
    let joined = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    if of(value).is_some() {
        if at == path {
            value[KEY] = text.into();
        }
        return;
    }
    match value {
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(key, item)| put_at(item, &joined(key), path, text));
        }
        Value::Array(items) => {
            items
                .iter_mut()
                .enumerate()
                .for_each(|(index, item)| put_at(item, &joined(&index.to_string()), path, text));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_sealed_value_contains_no_secret_and_can_be_unsealed() {
        let model = json!({"environment": {"A": {"$secret": "hunter2"}, "B": {"$secret": "x"}}, "name": "f"});
        let secrets = of_model(&model);
        let mut op = json!({"Create": {"env": [{"$secret": "hunter2"}]}});
        seal(&mut op, &secrets);
        assert_eq!(op, json!({"Create": {"env": [{"$secret": "environment.A"}]}}));
        unseal(&mut op, &secrets);
        assert_eq!(op, json!({"Create": {"env": [{"$secret": "hunter2"}]}}));
        assert_eq!(format!("{:?}", Secret::new("hunter2")), HIDDEN);
    }
}
