//! From a positioned node to a kind's own type, by serde.
//!
//! An error stands at the node where it arose: the unknown key, the value of the wrong type, the
//! mapping that lacks a field. A type that parses its text (`Cidr`, `RetentionDays`) fails with a
//! message whose first line says what is wrong and whose further lines say what to do.

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
/// The first place where the node does not fit the type.
pub fn decode<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, Diagnostic> {
    T::deserialize(At(node)).map_err(|error| error.into_diagnostic(node.span))
}

/// Why a node does not fit, and where.
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

    /// Keeps the innermost place, which is set first.
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
            Unexpected::Unit => "nothing".to_owned(),
            Unexpected::Str(text) => format!("the text '{text}'"),
            Unexpected::Signed(number) => format!("the number {number}"),
            Unexpected::Unsigned(number) => format!("the number {number}"),
            Unexpected::Float(number) => format!("the number {number}"),
            Unexpected::Bool(value) => format!("`{value}`"),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            other => other.to_string(),
        };
        Self::of("wrong-type", format!("expected {}, found {found}", in_yaml_words(&expected.to_string())), None)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let mut error = Self::invalid_type(unexpected, expected);
        error.code = "invalid-value";
        error
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::of("unknown-field", format!("there is no field '{field}' here"), Some(choices(field, expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::of(
            "invalid-value",
            format!("'{variant}' is not one of the values here"),
            Some(choices(variant, expected)),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of("missing-field", format!("the field '{field}' is missing"), None)
    }
}

/// Says rust's words for shapes in YAML's.
fn in_yaml_words(expected: &str) -> String {
    match expected {
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "a boolean" => "true or false".to_owned(),
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "i32" | "i64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        other => other.to_owned(),
    }
}

/// "did you mean" where a word is near, else all words.
pub(crate) fn choices(word: &str, expected: &[&str]) -> String {
    match did_you_mean(word, expected.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("possible here: {}", expected.join(", ")),
    }
}

struct At<'de>(&'de Node);

impl<'de> At<'de> {
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
                Some(format!("regionctl does not take this setting off; leave it out to keep it as it is. The text itself is \"{UNSET}\" in quotes")),
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

impl<'de> Deserializer<'de> for At<'de> {
    type Error = DecodeError;

    by_any! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
        deserialize_char deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq
        deserialize_map deserialize_identifier deserialize_ignored_any
    }

    /// A text may look like a number (`5432`, `2012`) without quotes.
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

    /// A setting has two forms that no other type has: left empty it is unstated, and a word unsets it.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let span = self.0.span;
        match self.0.value {
            Value::Null if name == setting::NAME => visitor.visit_unit(),
            Value::Unset if name == setting::NAME => visitor.visit_none(),
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
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let (variant, content) = match &self.0.value {
            Value::Text(text) => (text.as_str(), None),
            Value::Map(entries) if entries.len() == 1 => (entries[0].key.as_str(), Some(&entries[0].value)),
            _ => return self.any(visitor),
        };
        visitor.visit_enum(Variant { name: variant, content }).map_err(|error| error.within(self.0.span))
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        self.0.next().map(|node| seed.deserialize(At(node)).map_err(|error| error.within(node.span))).transpose()
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
        seed.deserialize(At(&entry.value)).map_err(|error| error.within(entry.value.span))
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
            Some(_) => Err(de::Error::custom(format_args!("'{}' stands alone, without a value", self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        match self.content {
            Some(node) => seed.deserialize(At(node)),
            None => Err(de::Error::custom(format_args!("'{}' needs a value", self.name))),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.struct_variant(&[], visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, DecodeError> {
        match self.content {
            Some(node) => At(node).any(visitor),
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
    fn an_unknown_field_stands_at_its_key() {
        let (message, line, column, help) = fault("name: a\nportz: [1]\n");
        assert_eq!((message.as_str(), line, column), ("there is no field 'portz' here", 2, 1));
        assert_eq!(help, ["did you mean 'ports'?"]);
    }

    #[test]
    fn a_wrong_type_stands_at_its_value() {
        let (message, line, column, _) = fault("name: a\nports: [1, x]\n");
        assert_eq!((message.as_str(), line, column), ("expected a whole number, found the text 'x'", 2, 12));
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
    fn a_missing_field_stands_at_its_mapping() {
        assert_eq!(fault("ports: [1]\n").0, "the field 'name' is missing");
    }

    #[test]
    fn an_unknown_word_lists_the_words_there_are() {
        let (message, line, _, help) = fault("name: a\nmode: exclusiv\n");
        assert_eq!((message.as_str(), line), ("'exclusiv' is not one of the values here", 2));
        assert_eq!(help, ["did you mean 'exclusive'?"]);
    }
}
