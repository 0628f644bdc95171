//! Who changed something, by CloudTrail's own memory of 90 days (LookupEvents; 2 calls a second).

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use regionctl_core::observe::provider::AuditEvent;
use regionctl_core::resource::reference::Outputs;
use serde_json::Value;

use crate::error::CallError;
use crate::services;

/// So many of the newest changes are told.
const TOLD: usize = 3;

/// Returns the region whose CloudTrail has a service's events (CloudTrail User Guide, "Global service events").
pub(crate) fn home<'a>(service: &str, partition: &str, region: &'a str) -> &'a str {
    services::by_name(service).map_or(region, |service| service.home(partition, region))
}

/// Returns the newest changes of a resource. Events know it by its id, its name or its ARN.
pub(crate) async fn events(api: &Client, name: &str, outputs: &Outputs) -> Result<Vec<AuditEvent>, CallError> {
    let mut known_by: Vec<&str> = vec![name];
    known_by.splice(0..0, outputs.get("id").map(String::as_str));
    known_by.extend(outputs.get("arn").map(String::as_str));
    for resource in known_by {
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::ResourceName)
            .attribute_value(resource)
            .build()
            .expect("invariant: key and value are set");
        let events = api.lookup_events().lookup_attributes(attribute).max_results(50).send().await?;
        let found: Vec<AuditEvent> = events.events().iter().filter_map(audit_event).take(TOLD).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// What an event says; none for one that only read, or failed.
fn audit_event(event: &Event) -> Option<AuditEvent> {
    let record: Value = event.cloud_trail_event().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let changed = event.read_only() == Some("false") || record["readOnly"] == Value::Bool(false);
    if !changed || record["errorCode"].is_string() {
        return None;
    }
    let identity = &record["userIdentity"];
    let who = ["arn", "principalId", "invokedBy"].into_iter().find_map(|key| identity[key].as_str());
    Some(AuditEvent {
        who: who.or(event.username()).unwrap_or("somebody whom CloudTrail does not name").to_owned(),
        when: DateTime::from_secs(event.event_time()?.secs()).fmt(Format::DateTime).ok()?,
        event: event.event_name()?.to_owned(),
    })
}
