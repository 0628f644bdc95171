//! A setting of a model: unstated, unset or set.
//!
//! `Option` had three meanings: the spec does not state it, AWS has none, it was not read. A setting keeps them apart.
//! In a model's JSON an unstated setting is missing, an unset one is `null`, a set one is its value. In a spec's YAML
//! the plain word [`UNSET`] unsets; the same word in quotes is text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The word by which a spec says that a setting is to be taken off.
pub const UNSET: &str = "unset";

/// The name by which a deserializer knows that a setting is asked for.
pub(crate) const NAME: &str = "$regionctl::Setting";

/// One setting of a model.
///
/// # Guarantees
/// A desired model's unstated setting is neither compared nor written. A live model that was read whole has nothing
/// unstated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Setting<T> {
    /// The spec does not say, or the setting was not read.
    #[default]
    Unstated,
    /// There is to be none, or there is none.
    Unset,
    /// The value.
    Set(T),
}

impl<T> Setting<T> {
    /// A live value: what AWS does not answer with is not set.
    pub fn live(value: Option<T>) -> Self {
        value.map_or(Self::Unset, Self::Set)
    }

    /// A desired value: what a spec leaves out is unstated.
    pub fn stated(value: Option<T>) -> Self {
        value.map_or(Self::Unstated, Self::Set)
    }

    /// Says whether the spec leaves it out, or it was not read.
    pub fn is_unstated(&self) -> bool {
        matches!(self, Self::Unstated)
    }

    /// Says whether it has a value.
    pub fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    /// Says whether it has a value that fits.
    pub fn is_set_and(&self, fits: impl FnOnce(&T) -> bool) -> bool {
        self.value().is_some_and(fits)
    }

    /// Returns the value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unstated | Self::Unset => None,
        }
    }

    /// Returns the value, where there is one, by value.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unstated | Self::Unset => None,
        }
    }

    /// Returns the value, or the type's default where there is none.
    pub fn unwrap_or_default(self) -> T
    where
        T: Default,
    {
        self.into_value().unwrap_or_default()
    }

    /// Borrows the value.
    pub fn as_ref(&self) -> Setting<&T> {
        match self {
            Self::Unstated => Setting::Unstated,
            Self::Unset => Setting::Unset,
            Self::Set(value) => Setting::Set(value),
        }
    }

    /// Changes the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        match self {
            Self::Unstated => Setting::Unstated,
            Self::Unset => Setting::Unset,
            Self::Set(value) => Setting::Set(change(value)),
        }
    }

    /// Returns the other where this one is unstated: a spec's setting over its source's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_unstated() { other } else { self }
    }

    /// Returns this setting, or unstated where its value does not fit.
    #[must_use]
    pub fn filter(self, fits: impl FnOnce(&T) -> bool) -> Self {
        match self {
            Self::Set(value) if !fits(&value) => Self::Unstated,
            other => other,
        }
    }
}

impl<T> From<Setting<T>> for Option<T> {
    fn from(setting: Setting<T>) -> Self {
        setting.into_value()
    }
}

impl<T: Clone> Setting<T> {
    /// Returns a copy of the value, where there is one.
    pub fn get(&self) -> Option<T> {
        self.value().cloned()
    }
}

impl<T> Setting<Setting<T>> {
    /// Unnests a setting whose value may itself be missing.
    pub fn flatten(self) -> Setting<T> {
        match self {
            Self::Unstated => Setting::Unstated,
            Self::Unset => Setting::Unset,
            Self::Set(inner) => inner,
        }
    }
}

impl<T: Serialize> Serialize for Setting<T> {
    /// An unstated setting has no form of its own: its field says
    /// `#[serde(default, skip_serializing_if = "Setting::is_unstated")]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => value.serialize(serializer),
            Self::Unstated | Self::Unset => serializer.serialize_none(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, Form(PhantomData))
    }
}

/// A spec's deserializer knows the setting by its name and says which of the three it is; any other has `null` for
/// unset.
struct Form<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Form<T> {
    type Value = Setting<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value, or `{UNSET}`")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Setting::Unstated)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Setting::Unset)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Ok(Setting::live(Option::<T>::deserialize(deserializer)?))
    }
}

impl<T: JsonSchema> JsonSchema for Setting<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrUnset", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [value, { "const": UNSET }, { "type": "null" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
    struct Model {
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        a: Setting<u32>,
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        b: Setting<String>,
        #[serde(default, skip_serializing_if = "Setting::is_unstated")]
        c: Setting<Vec<u32>>,
    }

    #[test]
    fn the_three_states_survive_json() {
        let model = Model { a: Setting::Unstated, b: Setting::Unset, c: Setting::Set(vec![1]) };
        let json = serde_json::to_value(&model).unwrap();
        assert_eq!(json, json!({"b": null, "c": [1]}));
        assert_eq!(serde_json::from_value::<Model>(json).unwrap(), model);
    }

    #[test]
    fn what_a_spec_states_wins_even_where_it_unsets() {
        assert_eq!(Setting::Unset.or(Setting::Set(1)), Setting::Unset);
        assert_eq!(Setting::Unstated.or(Setting::Set(1)), Setting::Set(1));
        assert_eq!(Setting::Set(2).or(Setting::Set(1)), Setting::Set(2));
    }
}
