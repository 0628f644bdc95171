// SPDX-License-Identifier: Apache-2.0
//! Finds elements of a replication configuration that the SDK drops because it does not know them. A write would remove
//! them: a filter without its conditions matches all objects.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// The elements that the SDK knows
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationConfiguration.html>).
const KNOWN: [&str; 30] = [
    "AccessControlTranslation",
    "Account",
    "And",
    "Bucket",
    "DeleteMarkerReplication",
    "Destination",
    "EncryptionConfiguration",
    "EventThreshold",
    "ExistingObjectReplication",
    "Filter",
    "ID",
    "Key",
    "Metrics",
    "Minutes",
    "Owner",
    "Prefix",
    "Priority",
    "ReplicaKmsKeyID",
    "ReplicaModifications",
    "ReplicationConfiguration",
    "ReplicationTime",
    "Role",
    "Rule",
    "SourceSelectionCriteria",
    "SseKmsEncryptedObjects",
    "Status",
    "StorageClass",
    "Tag",
    "Time",
    "Value",
];

/// The elements of AWS's service model that the SDK does not know yet. A rule with one of them has another meaning than
/// without.
const NOT_IN_SDK: [&str; 4] = ["Not", "Or", "Prefixes", "UseSourceMultiRegionKey"];

/// An interceptor that keeps the unknown elements of the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct UnknownElements(Arc<Mutex<Vec<String>>>);

impl UnknownElements {
    /// Returns the names of the unknown elements of the answer.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether an element changes the meaning of a rule.
pub(super) fn changes_meaning(name: &str) -> bool {
    NOT_IN_SDK.contains(&name)
}

impl Intercept for UnknownElements {
    fn name(&self) -> &'static str {
        "regionctl unknown elements of a replication configuration"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !context.response().status().is_success() {
            return Ok(());
        }
        // The body of an answer that is not streamed is in memory.
        let text = String::from_utf8_lossy(context.response().body().bytes().unwrap_or_default());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = unknown(&text);
        Ok(())
    }
}

/// Returns the names of the XML elements that are not known. `<` occurs only in markup: in texts it is escaped.
fn unknown(xml: &str) -> Vec<String> {
    let names = xml.split('<').skip(1).filter(|markup| !markup.starts_with(['/', '?', '!']));
    let names = names.map(|markup| markup.split([' ', '\t', '\r', '\n', '>', '/']).next().unwrap_or_default());
    names.filter(|name| !KNOWN.contains(name)).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_that_the_sdk_does_not_know_is_found() {
        let known = "<?xml version=\"1.0\"?>\n<ReplicationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                     <Role>a</Role><Rule><Filter/><Status>Enabled</Status></Rule></ReplicationConfiguration>";
        assert!(unknown(known).is_empty());
        assert_eq!(unknown(&known.replace("<Filter/>", "<Filter><Not><Prefix>a</Prefix></Not></Filter>")), ["Not"]);
    }
}
