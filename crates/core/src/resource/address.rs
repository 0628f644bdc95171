//! The one identity of a resource: its kind and its name. Never an AWS id, never a display name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `kind/name`, such as `sns.topic/CloudWatch_Alarms_EU_Central_1_RDS`.
///
/// Ordered by kind, then name: every list in a plan or report is sorted by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Address {
    /// The kind's name, `service.noun`.
    pub kind: String,
    /// The resource's own name in AWS; it may hold slashes and dots.
    pub name: String,
}

impl Address {
    /// Makes an address of a kind and a name.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// Says why a text is not an address.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not an address; one looks like sns.topic/my-topic")]
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
    fn a_name_may_hold_slashes_and_dots() {
        let address: Address = "logs.log_group//aws/lambda/a.b".parse().unwrap();
        assert_eq!(address, Address::new("logs.log_group", "/aws/lambda/a.b"));
        assert_eq!(address.to_string(), "logs.log_group//aws/lambda/a.b");
    }

    #[test]
    fn a_text_without_kind_is_refused() {
        assert!("my-topic".parse::<Address>().is_err());
        assert!("sns.topic/".parse::<Address>().is_err());
    }
}
