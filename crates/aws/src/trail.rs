// SPDX-License-Identifier: Apache-2.0
//! Who changed a resource, from CloudTrail's event history of the last 90 days, with 2 calls per second
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>).

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use regionctl_core::observe::provider::AuditEvent;
use regionctl_core::resource::reference::Attributes;
use serde_json::Value;

use crate::error::CallError;
use crate::services;

/// The number of newest changes that are returned.
const MAX_EVENTS: usize = 3;

/// Returns the region in which CloudTrail records a service's events (CloudTrail User Guide, "Global service events").
pub(crate) fn home<'a>(service: &str, partition: &str, region: &'a str) -> &'a str {
    services::by_name(service).map_or(region, |service| service.home(partition, region))
}

/// Returns the newest changes of a resource, newest first. An event's `ResourceName` is the id, the name or the ARN,
/// depending on the service, so all three are tried.
pub(crate) async fn events(api: &Client, name: &str, attributes: &Attributes) -> Result<Vec<AuditEvent>, CallError> {
    let mut resource_names: Vec<&str> = vec![name];
    resource_names.splice(0..0, attributes.get("id").map(String::as_str));
    resource_names.extend(attributes.get("arn").map(String::as_str));
    for resource in resource_names {
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::ResourceName)
            .attribute_value(resource)
            .build()
            .expect("invariant: key and value are set");
        let events = api.lookup_events().lookup_attributes(attribute).max_results(50).send().await?;
        let found: Vec<AuditEvent> = events.events().iter().filter_map(audit_event).take(MAX_EVENTS).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Converts an event; `None` for a read-only or failed call.
fn audit_event(event: &Event) -> Option<AuditEvent> {
    let record: Value = event.cloud_trail_event().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let changed = event.read_only() == Some("false") || record["readOnly"] == Value::Bool(false);
    if !changed || record["errorCode"].is_string() {
        return None;
    }
    let identity = &record["userIdentity"];
    let who = ["arn", "principalId", "invokedBy"].into_iter().find_map(|key| identity[key].as_str());
    Some(AuditEvent {
        who: who.or(event.username()).unwrap_or("unknown principal").to_owned(),
        when: DateTime::from_secs(event.event_time()?.secs()).fmt(Format::DateTime).ok()?,
        event: event.event_name()?.to_owned(),
    })
}
