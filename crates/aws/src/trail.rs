// SPDX-License-Identifier: Apache-2.0
//! Who changed a resource, from CloudTrail's event history of the last 90 days, with 2 calls per second
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>).

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::config::Builder;
use aws_sdk_cloudtrail::config::retry::RetryConfig;
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

/// The number of pages, of 50 events each, that are read for a name. A resource that is read often has many events that
/// changed nothing, and a lookup by name cannot exclude them: it allows one attribute.
const MAX_PAGES: usize = 4;

/// Returns the region in which CloudTrail records a service's events (CloudTrail User Guide, "Global service events").
pub(crate) fn home<'a>(service: &str, partition: &str, region: &'a str) -> &'a str {
    services::by_name(service).map_or(region, |service| service.home(partition, region))
}

/// Returns the newest changes of a resource by calls to its service, newest first. An event's `ResourceName` is the id,
/// the name or the ARN, depending on the service, so all three are tried.
pub(crate) async fn events(
    api: &Client,
    service: &str,
    name: &str,
    attributes: &Attributes,
) -> Result<Vec<AuditEvent>, CallError> {
    let mut resource_names: Vec<&str> = vec![name];
    resource_names.splice(0..0, attributes.get("id").map(String::as_str));
    resource_names.extend(attributes.get("arn").map(String::as_str));
    resource_names.dedup();
    let source = services::by_name(service).map_or("", |service| service.event_source);
    for resource in resource_names {
        let found = events_of(api, source, resource).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Returns the newest changes of a resource by one of its names. Sends each request once: a report is useful without
/// audit events, and should not wait for them.
async fn events_of(api: &Client, source: &str, resource: &str) -> Result<Vec<AuditEvent>, CallError> {
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::ResourceName)
            .attribute_value(resource)
            .build()
            .expect("invariant: key and value are set");
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let lookup = api.lookup_events().lookup_attributes(attribute).max_results(50).set_next_token(next);
        let page = lookup.customize().config_override(once).send().await?;
        // Another service's resource can have the same name: a bucket and a topic.
        let own = page.events().iter().filter(|event| event.event_source() == Some(source));
        found.extend(own.filter_map(audit_event));
        next = page.next_token;
        if found.len() >= MAX_EVENTS || next.is_none() {
            break;
        }
    }
    found.truncate(MAX_EVENTS);
    Ok(found)
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
