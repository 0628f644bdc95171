// SPDX-License-Identifier: Apache-2.0
//! A setting of a model: unstated, unset or set.
//!
//! In a model's JSON an unstated setting is missing, an unset one is `null`, and a set one is its value. In a spec's
//! YAML the plain word [`UNSET`] unsets a setting; the same word in quotes is a text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The plain word that clears a setting in a spec.
pub const UNSET: &str = "unset";

/// The newtype name by which a deserializer recognizes a [`Setting`].
pub(crate) const NAME: &str = "$regionctl::Setting";

/// One setting of a model.
///
/// # Guarantees
/// An unstated setting of a desired model is neither compared nor written. A live model that was read completely has no
/// unstated settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Setting<T> {
    /// The spec does not state the setting, or it was not read.
    #[default]
    Unstated,
    /// Desired: the setting is cleared. Live: it has no value.
    Unset,
    /// The setting has this value.
    Set(T),
}

impl<T> Setting<T> {
    /// Creates a live setting. `None`, a value missing from AWS's response, is unset.
    pub fn live(value: Option<T>) -> Self {
        value.map_or(Self::Unset, Self::Set)
    }

    /// Creates a desired setting. `None`, a field missing from the spec, is unstated.
    pub fn stated(value: Option<T>) -> Self {
        value.map_or(Self::Unstated, Self::Set)
    }

    /// Whether the setting is unstated: not in the spec, or not read.
    pub fn is_unstated(&self) -> bool {
        matches!(self, Self::Unstated)
    }

    /// Whether the setting has a value.
    pub fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    /// Whether the setting has a value for which `fits` returns `true`.
    pub fn is_set_and(&self, fits: impl FnOnce(&T) -> bool) -> bool {
        self.value().is_some_and(fits)
    }

    /// Returns a reference to the value if it is set.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unstated | Self::Unset => None,
        }
    }

    /// Converts the setting to its value if it is set.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unstated | Self::Unset => None,
        }
    }

    /// Returns the value, or the type's default if it is not set.
    pub fn unwrap_or_default(self) -> T
    where
        T: Default,
    {
        self.into_value().unwrap_or_default()
    }

    /// Converts to a setting with a reference to the value.
    pub fn as_ref(&self) -> Setting<&T> {
        match self {
            Self::Unstated => Setting::Unstated,
            Self::Unset => Setting::Unset,
            Self::Set(value) => Setting::Set(value),
        }
    }

    /// Applies a function to the value if it is set.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        match self {
            Self::Unstated => Setting::Unstated,
            Self::Unset => Setting::Unset,
            Self::Set(value) => Setting::Set(change(value)),
        }
    }

    /// Returns `other` if this setting is unstated, for a spec's setting over its source's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_unstated() { other } else { self }
    }

    /// Returns this setting, or unstated if it has a value for which `fits` returns `false`.
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
    /// Returns a clone of the value if it is set.
    pub fn get(&self) -> Option<T> {
        self.value().cloned()
    }
}

impl<T> Setting<Setting<T>> {
    /// Flattens a setting whose value is a setting.
    pub fn flatten(self) -> Setting<T> {
        match self {
            Self::Unstated => Setting::Unstated,
            Self::Unset => Setting::Unset,
            Self::Set(inner) => inner,
        }
    }
}

impl<T: Serialize> Serialize for Setting<T> {
    /// Serializes an unstated setting like an unset one. Its field must have
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

/// The visitor for a setting. A spec's deserializer recognizes [`NAME`] and calls the visit method for the state; with
/// other deserializers `null` is unset.
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
    fn a_stated_setting_overrides_its_source_even_if_it_is_unset() {
        assert_eq!(Setting::Unset.or(Setting::Set(1)), Setting::Unset);
        assert_eq!(Setting::Unstated.or(Setting::Set(1)), Setting::Set(1));
        assert_eq!(Setting::Set(2).or(Setting::Set(1)), Setting::Set(2));
    }
}
