// SPDX-License-Identifier: Apache-2.0
//! The address of a resource: its kind and its name. It is not an AWS id and not a display name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An address `kind/name`, such as `sns.topic/CloudWatch_Alarms_EU_Central_1_RDS`.
///
/// Addresses are ordered by kind, then name. Every list in a plan or report is sorted by address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Address {
    /// The kind's name, `service.noun`.
    pub kind: String,
    /// The resource's name in AWS; it may contain slashes and dots.
    pub name: String,
}

impl Address {
    /// Creates an address from a kind and a name.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// The error for a text that is not an address.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not an address such as sns.topic/my-topic")]
pub struct NotAnAddress(String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((kind, name)) if kind.contains('.') && !name.is_empty() => Ok(Self::new(kind, name)),
            _ => Err(NotAnAddress(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_slashes_and_dots() {
        let address: Address = "logs.log_group//aws/lambda/a.b".parse().unwrap();
        assert_eq!(address, Address::new("logs.log_group", "/aws/lambda/a.b"));
        assert_eq!(address.to_string(), "logs.log_group//aws/lambda/a.b");
    }

    #[test]
    fn a_text_without_a_kind_or_a_name_is_not_an_address() {
        assert!("my-topic".parse::<Address>().is_err());
        assert!("sns.topic/".parse::<Address>().is_err());
    }
}
