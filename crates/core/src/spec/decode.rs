// SPDX-License-Identifier: Apache-2.0
//! A serde deserializer from nodes with positions to the types of the kinds.
//!
//! An error has the position of the unknown key, of the value with the wrong type, or of the mapping that lacks a
//! field. A custom error's first line is the message and its other lines are the help text.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};

use crate::diagnostic::{Diagnostic, Span};
use crate::resource::setting::{self, UNSET};
use crate::spec::suggest::did_you_mean;
use crate::spec::tree::{Entry, Node, Value};

/// Decodes a node into a type.
///
/// # Errors
/// The first mismatch between the node and the type.
pub fn decode<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, Diagnostic> {
    T::deserialize(NodeDeserializer(node)).map_err(|error| error.into_diagnostic(node.span))
}

/// A mismatch between a node and a type, with its position.
#[derive(Debug)]
pub struct DecodeError {
    code: &'static str,
    message: String,
    help: Option<String>,
    span: Option<Span>,
}

impl DecodeError {
    fn of(code: &'static str, message: String, help: Option<String>) -> Self {
        Self { code, message, help, span: None }
    }

    /// Sets the position. The first call wins: it is the innermost node.
    fn within(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }

    fn into_diagnostic(self, fallback: Span) -> Diagnostic {
        let fault = Diagnostic::at(self.code, self.span.unwrap_or(fallback), self.message);
        match self.help {
            Some(help) => fault.help(help),
            None => fault,
        }
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        let (first, rest) = text.split_once('\n').map_or((text.as_str(), None), |(first, rest)| (first, Some(rest)));
        Self::of("invalid-value", first.to_owned(), rest.map(ToOwned::to_owned))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            Unexpected::Str(text) => format!("the text '{text}'"),
            Unexpected::Char(text) => format!("the text '{text}'"),
            Unexpected::Signed(number) => format!("the number {number}"),
            Unexpected::Unsigned(number) => format!("the number {number}"),
            Unexpected::Float(number) => format!("the number {number}"),
            Unexpected::Bool(value) => format!("`{value}`"),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            other => other.to_string(),
        };
        let expected = describe_expected(&expected.to_string());
        let help = match unexpected {
            Unexpected::Str(text) if expected.contains("number") && text.parse::<f64>().is_ok() => {
                Some("remove the quotes".to_owned())
            }
            // Booleans of YAML 1.1 (https://yaml.org/type/bool.html), which are texts in YAML 1.2.
            Unexpected::Str("yes" | "Yes" | "on" | "On") if expected == "true or false" => {
                Some("write true".to_owned())
            }
            Unexpected::Str("no" | "No" | "off" | "Off") if expected == "true or false" => {
                Some("write false".to_owned())
            }
            _ => None,
        };
        Self::of("wrong-type", format!("expected {expected}, found {found}"), help)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let range = describe_range(&expected.to_string());
        let mut error = match range {
            Some(range) => Self::invalid_type(unexpected, &range.as_str()),
            None => Self::invalid_type(unexpected, expected),
        };
        error.code = "invalid-value";
        error
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let count = expected.split_whitespace().find_map(|word| word.parse::<usize>().ok());
        let message = match count {
            Some(count) => format!("expected {count} values, found {length}"),
            None => format!("{length} is the wrong number of values"),
        };
        Self::of("invalid-value", message, None)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::of("unknown-field", format!("unknown field '{field}'"), Some(choices(field, expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = did_you_mean(variant, expected.iter().copied()).map(|near| format!("did you mean '{near}'?"));
        Self::of("invalid-value", format!("expected {}, found '{variant}'", one_of(expected)), help)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of("missing-field", format!("the field `{field}` is missing"), None)
    }
}

/// Translates serde's name of an expected type: "expected …" is shown to users.
fn describe_expected(expected: &str) -> String {
    match expected {
        "a string" | "a borrowed string" | "a character" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "string or map" => "a text or a mapping".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "unit" => "nothing".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        other if other.starts_with("tuple struct ") || other.starts_with("a tuple ") => "a list".to_owned(),
        other if other.starts_with("enum ") => "a text or a mapping".to_owned(),
        other => other.to_owned(),
    }
}

/// Describes the range of an integer type, for numbers outside it.
fn describe_range(integer: &str) -> Option<String> {
    let range = match integer {
        "u8" => format!("0 to {}", u8::MAX),
        "u16" => format!("0 to {}", u16::MAX),
        "u32" => format!("0 to {}", u32::MAX),
        "u64" | "usize" => return Some("a whole number of at least 0".to_owned()),
        "i8" => format!("{} to {}", i8::MIN, i8::MAX),
        "i16" => format!("{} to {}", i16::MIN, i16::MAX),
        "i32" => format!("{} to {}", i32::MIN, i32::MAX),
        _ => return None,
    };
    Some(format!("a whole number from {range}"))
}

/// Returns `one of a, b, c`; a single value alone.
fn one_of(values: &[&str]) -> String {
    match values {
        [only] => format!("'{only}'"),
        _ => format!("one of {}", values.join(", ")),
    }
}

/// Returns a help text: the nearest of the expected names if one is near, otherwise all of them.
pub(crate) fn choices(word: &str, expected: &[&str]) -> String {
    match did_you_mean(word, expected.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None if expected.is_empty() => "remove it".to_owned(),
        None => format!("use {}", one_of(expected)),
    }
}

struct NodeDeserializer<'de>(&'de Node);

impl<'de> NodeDeserializer<'de> {
    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Node { value, span } = self.0;
        match value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Unset => Err(DecodeError::of(
                "invalid-value",
                format!("`{UNSET}` cannot be used here"),
                Some(format!("remove the field; for the literal text write \"{UNSET}\" with the quotes")),
            )),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), open: None }),
        }
        .map_err(|error| error.within(*span))
    }
}

macro_rules! by_any {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.any(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = DecodeError;

    by_any! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
        deserialize_char deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq
        deserialize_map deserialize_identifier deserialize_ignored_any
    }

    /// Accepts an unquoted text that YAML reads as a number, such as `5432`.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.0.value {
            Value::Int(number) => visitor.visit_string(number.to_string()),
            _ => return self.any(visitor),
        }
        .map_err(|error: DecodeError| error.within(self.0.span))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// Decodes a [`setting::Setting`], which has two forms of its own: no value is unstated, the plain word `unset` is
    /// unset.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let span = self.0.span;
        match &self.0.value {
            Value::Null if name == setting::NAME => visitor.visit_unit(),
            Value::Unset if name == setting::NAME => visitor.visit_none(),
            Value::Text(text) if name == setting::NAME && text.eq_ignore_ascii_case(UNSET) => {
                visitor.visit_newtype_struct(self).map_err(|error| DecodeError {
                    help: Some(format!("write `{UNSET}` in lower case and without quotes to clear the setting")),
                    ..error
                })
            }
            _ => visitor.visit_newtype_struct(self),
        }
        .map_err(|error| error.within(span))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        self.any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.0.value {
            Value::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &"a mapping")),
            _ => return self.any(visitor),
        }
        .map_err(|error: DecodeError| error.within(self.0.span))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let (variant, content) = match &self.0.value {
            Value::Text(text) => (text.as_str(), None),
            Value::Map(entries) if entries.len() == 1 => (entries[0].key.as_str(), Some(&entries[0].value)),
            Value::Unset => return self.any(visitor),
            other => {
                let message = format!("expected {}, found {}", one_of(variants), other.describe());
                return Err(DecodeError::of("wrong-type", message, None).within(self.0.span));
            }
        };
        visitor.visit_enum(Variant { name: variant, content }).map_err(|error| error.within(self.0.span))
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        self.0
            .next()
            .map(|node| seed.deserialize(NodeDeserializer(node)).map_err(|error| error.within(node.span)))
            .transpose()
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, Entry>,
    open: Option<&'de Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        self.open = self.entries.next();
        self.open
            .map(|entry| {
                let key: StrDeserializer<'_, DecodeError> = entry.key.as_str().into_deserializer();
                seed.deserialize(key).map_err(|error| error.within(entry.span))
            })
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let entry = self.open.take().expect("invariant: serde asks for a key before its value");
        seed.deserialize(NodeDeserializer(&entry.value)).map_err(|error| error.within(entry.value.span))
    }
}

struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let name: StrDeserializer<'_, DecodeError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(de::Error::custom(format_args!("'{}' takes no value\nremove the value", self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        match self.content {
            Some(node) => seed.deserialize(NodeDeserializer(node)),
            None => Err(de::Error::custom(format_args!("'{}' needs a value", self.name))),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.struct_variant(&[], visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, DecodeError> {
        match self.content {
            Some(node) => NodeDeserializer(node).any(visitor),
            None => Err(de::Error::custom(format_args!("'{}' needs a value", self.name))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::setting::Setting;
    use crate::spec::tree::parse;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Topic {
        name: String,
        #[serde(default)]
        ports: Vec<u16>,
        mode: Option<Mode>,
        #[serde(default)]
        days: Setting<u16>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Additive,
        Exclusive,
    }

    fn fault(text: &str) -> (String, u32, u32, Vec<String>) {
        let node = parse(text, 0).unwrap();
        let fault = decode::<Topic>(&node).unwrap_err();
        let (span, _) = fault.labels[0];
        (fault.message, span.line, span.column, fault.help)
    }

    #[test]
    fn an_unknown_field_has_the_position_of_its_key() {
        let (message, line, column, help) = fault("name: a\nportz: [1]\n");
        assert_eq!((message.as_str(), line, column), ("unknown field 'portz'", 2, 1));
        assert_eq!(help, ["did you mean 'ports'?"]);
    }

    #[test]
    fn a_wrong_type_has_the_position_of_its_value() {
        let (message, line, column, _) = fault("name: a\nports: [1, x]\n");
        assert_eq!((message.as_str(), line, column), ("expected a whole number, found the text 'x'", 2, 12));
        assert_eq!(fault("name: a\nports: [-1]\n").0, "expected a whole number from 0 to 65535, found the number -1");
        assert_eq!(fault("name: a\ndays: \"30\"\n").3, ["remove the quotes"]);
        let help = |text: &str| decode::<bool>(&parse(text, 0).unwrap()).unwrap_err().help;
        assert_eq!((help("yes"), help("off")), (vec!["write true".to_owned()], vec!["write false".to_owned()]));
    }

    #[test]
    fn a_setting_is_unstated_unset_or_set() {
        let days = |text: &str| decode::<Topic>(&parse(&format!("name: a\n{text}"), 0).unwrap()).unwrap().days;
        assert_eq!(
            ["", "days:\n", "days: unset\n", "days: 30\n"].map(days),
            [Setting::Unstated, Setting::Unstated, Setting::Unset, Setting::Set(30)]
        );
        assert_eq!(fault("name: unset\n").0, "`unset` cannot be used here");
        assert_eq!(fault("name: a\ndays: \"unset\"\n").0, "expected a whole number, found the text 'unset'");
    }

    #[test]
    fn a_misspelled_unset_has_a_help_text() {
        for text in ["Unset", "UNSET", "\"unset\""] {
            let (.., help) = fault(&format!("name: a\ndays: {text}\n"));
            assert_eq!(help, ["write `unset` in lower case and without quotes to clear the setting"]);
        }
    }

    #[test]
    fn a_missing_field_has_the_position_of_its_mapping() {
        assert_eq!(fault("ports: [1]\n").0, "the field `name` is missing");
    }

    #[test]
    fn an_unknown_value_lists_the_valid_values() {
        let (message, line, _, help) = fault("name: a\nmode: exclusiv\n");
        assert_eq!((message.as_str(), line), ("expected one of additive, exclusive, found 'exclusiv'", 2));
        assert_eq!(help, ["did you mean 'exclusive'?"]);
        let (message, ..) = fault("name: a\nmode: 1\n");
        assert_eq!(message, "expected one of additive, exclusive, found the number 1");
    }
}
