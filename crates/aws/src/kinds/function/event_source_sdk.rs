// SPDX-License-Identifier: Apache-2.0
//! Reads event source mappings and sends the calls that change them.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types as sdk;
use regionctl_core::observe::scope::Extra;
use regionctl_core::resource::setting::Setting;
use serde_json::json;

use super::event_source::EventSource;
use super::words::{StartingPosition, name, word};
use crate::error::{CallError, done_if_exists, if_found};

/// The mappings of one function.
#[derive(Debug, Clone, Default)]
pub(super) struct Mappings {
    /// The mappings by the ARN of their source.
    pub(super) settings: BTreeMap<String, Setting<EventSource>>,
    /// The UUIDs of the mappings by the ARN of their source.
    pub(super) ids: BTreeMap<String, String>,
    /// What a spec cannot state.
    pub(super) extras: Vec<Extra>,
}

/// Returns the region's mappings by function ARN; empty unless `needed`
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>).
pub(super) async fn read(
    api: &Client,
    needed: bool,
) -> Result<BTreeMap<String, Result<Mappings, CallError>>, CallError> {
    let mut by_function: BTreeMap<String, Result<Mappings, CallError>> = BTreeMap::new();
    if !needed {
        return Ok(by_function);
    }
    let mut all = Vec::new();
    let mut items = api.list_event_source_mappings().max_items(100).into_paginator().items().send();
    while let Some(mapping) = items.next().await {
        all.push(mapping?);
    }
    // A function may have several mappings of one source. A spec states the one with the first UUID.
    all.sort_by(|a, b| a.uuid().cmp(&b.uuid()));
    for mapping in all.into_iter().filter(|mapping| mapping.state() != Some("Deleting")) {
        // The ARN of a mapping of an alias or version ends with it.
        let arn: Vec<&str> = mapping.function_arn().unwrap_or_default().split(':').collect();
        let function = arn.get(..7).unwrap_or(&arn).join(":");
        let found = by_function.entry(function).or_insert_with(|| Ok(Mappings::default()));
        let alias = arn.get(7).map(|alias| (*alias).to_owned());
        if let Ok(mappings) = found
            && let Err(error) = add(mappings, &mapping, alias)
        {
            *found = Err(error);
        }
    }
    Ok(by_function)
}

fn add(
    mappings: &mut Mappings,
    mapping: &sdk::EventSourceMappingConfiguration,
    alias: Option<String>,
) -> Result<(), CallError> {
    let id = mapping.uuid().unwrap_or_default();
    let Some(arn) = mapping.event_source_arn().filter(|arn| !mappings.settings.contains_key(*arn)) else {
        // A self-managed Kafka cluster has no ARN.
        let source = mapping.event_source_arn().unwrap_or("self-managed");
        mappings.extras.push(Extra::kept(format!("event_sources.{id}"), json!({ "source": source })));
        return Ok(());
    };
    mappings.settings.insert(arn.to_owned(), Setting::Set(live(mapping, alias)?));
    mappings.ids.insert(arn.to_owned(), id.to_owned());
    let path = format!("event_sources.{arn}");
    mappings
        .extras
        .extend(extras(mapping).into_iter().map(|(member, value)| Extra::kept(format!("{path}.{member}"), value)));
    Ok(())
}

fn live(mapping: &sdk::EventSourceMappingConfiguration, alias: Option<String>) -> Result<EventSource, CallError> {
    const CALL: &str = "ListEventSourceMappings";
    let position: Option<StartingPosition> = mapping
        .starting_position()
        .map(|position| word(CALL, "the starting position", position.as_str()))
        .transpose()?;
    let level = mapping.logging_config().and_then(|it| it.system_log_level());
    let level = level.map(|level| word(CALL, "the log level", level.as_str())).transpose()?;
    let filters = mapping.filter_criteria().map(sdk::FilterCriteria::filters).unwrap_or_default();
    let filters = filters.iter().filter_map(|filter| filter.pattern().map(ToOwned::to_owned));
    let destination = mapping.destination_config().and_then(|it| it.on_failure()).and_then(|it| it.destination());
    let metrics = mapping.metrics_config().map(sdk::EventSourceMappingMetricsConfig::metrics).unwrap_or_default();
    let pollers = mapping.provisioned_poller_config();
    let reports = mapping.function_response_types().contains(&sdk::FunctionResponseType::ReportBatchItemFailures);
    let source = EventSource {
        enabled: Setting::Set(!matches!(mapping.state(), Some("Disabled" | "Disabling"))),
        alias: Setting::live(alias),
        batch_size: Setting::live(mapping.batch_size()),
        batching_window_seconds: Setting::live(mapping.maximum_batching_window_in_seconds()),
        parallelization_factor: Setting::live(mapping.parallelization_factor()),
        starting_position: Setting::live(position),
        topics: Setting::Set(mapping.topics().iter().cloned().collect()),
        queues: Setting::Set(mapping.queues().iter().cloned().collect()),
        filters: Setting::Set(filters.collect()),
        max_concurrency: Setting::live(mapping.scaling_config().and_then(sdk::ScalingConfig::maximum_concurrency)),
        max_record_age_seconds: Setting::live(mapping.maximum_record_age_in_seconds()),
        max_retries: Setting::live(mapping.maximum_retry_attempts()),
        bisect_on_error: Setting::Set(mapping.bisect_batch_on_function_error().unwrap_or(false)),
        tumbling_window_seconds: Setting::live(mapping.tumbling_window_in_seconds()),
        report_item_failures: Setting::Set(reports),
        on_failure: Setting::live(destination.map(ToOwned::to_owned)),
        kms_key: Setting::live(mapping.kms_key_arn().map(ToOwned::to_owned)),
        metrics: Setting::Set(metrics.iter().map(|metric| metric.as_str().to_owned()).collect()),
        log_level: Setting::live(level),
        min_pollers: Setting::live(pollers.and_then(sdk::ProvisionedPollerConfig::minimum_pollers)),
        max_pollers: Setting::live(pollers.and_then(sdk::ProvisionedPollerConfig::maximum_pollers)),
    };
    Ok(source.canonical())
}

/// Returns what a spec cannot state. UpdateEventSourceMapping changes none of it, because the request omits it.
fn extras(mapping: &sdk::EventSourceMappingConfiguration) -> Vec<(String, serde_json::Value)> {
    let mut extras = Vec::new();
    let mut add = |member: &str, value: Option<serde_json::Value>| {
        extras.extend(value.map(|value| (member.to_owned(), value)));
    };
    let success = mapping.destination_config().and_then(|it| it.on_success()).and_then(|it| it.destination());
    add("on_success", success.map(Into::into));
    let access: Vec<String> = mapping
        .source_access_configurations()
        .iter()
        .map(|it| format!("{} {}", it.r#type().map_or("", |kind| kind.as_str()), it.uri().unwrap_or_default()))
        .collect();
    add("access", Some(access).filter(|it| !it.is_empty()).map(Into::into));
    add("starting_timestamp", mapping.starting_position_timestamp().map(|time| time.to_string().into()));
    let managed = mapping.amazon_managed_kafka_event_source_config();
    add("kafka", managed.map(|it| kafka(it.consumer_group_id(), it.schema_registry_config())));
    if let Some(config) = mapping.self_managed_kafka_event_source_config() {
        add("self_managed_kafka", Some(kafka(config.consumer_group_id(), config.schema_registry_config())));
        add("consumption_mode", config.consumption_mode().map(|mode| mode.as_str().into()));
    }
    let endpoints = mapping.self_managed_event_source().and_then(|it| it.endpoints());
    let endpoints = endpoints.map(|all| all.iter().map(|(key, hosts)| (key.as_str().to_owned(), json!(hosts))));
    add("endpoints", endpoints.map(|all| all.collect::<serde_json::Map<_, _>>().into()));
    if let Some(config) = mapping.document_db_event_source_config() {
        let value = json!({
            "database": config.database_name(),
            "collection": config.collection_name(),
            "full_document": config.full_document().map(sdk::FullDocument::as_str),
        });
        add("document_db", Some(value));
    }
    let group = mapping.provisioned_poller_config().and_then(|it| it.poller_group_name());
    add("poller_group", group.map(Into::into));
    extras
}

fn kafka(group: Option<&str>, registry: Option<&sdk::KafkaSchemaRegistryConfig>) -> serde_json::Value {
    let registry = registry.map(|it| {
        let access = it
            .access_configs()
            .iter()
            .map(|it| json!({ "type": it.r#type().map(sdk::KafkaSchemaRegistryAuthType::as_str), "uri": it.uri() }));
        let validation = it
            .schema_validation_configs()
            .iter()
            .map(|it| it.attribute().map(sdk::KafkaSchemaValidationAttribute::as_str));
        json!({
            "uri": it.schema_registry_uri(),
            "format": it.event_record_format().map(sdk::SchemaRegistryEventRecordFormat::as_str),
            "access": access.collect::<Vec<_>>(),
            "validation": validation.collect::<Vec<_>>(),
        })
    });
    json!({ "consumer_group": group, "schema_registry": registry })
}

/// Sets the members that CreateEventSourceMapping and UpdateEventSourceMapping share. Lambda replaces structures as a
/// whole, and an empty structure clears them.
macro_rules! mapped {
    ($call:expr, $source:expr) => {{
        let source: &EventSource = $source;
        let poller = sdk::ProvisionedPollerConfig::builder()
            .set_minimum_pollers(source.min_pollers.get())
            .set_maximum_pollers(source.max_pollers.get());
        let is_polled = !source.min_pollers.is_unstated() || !source.max_pollers.is_unstated();
        $call
            .set_enabled(source.enabled.get())
            .set_batch_size(source.batch_size.get())
            .set_maximum_batching_window_in_seconds(sent(&source.batching_window_seconds, 0))
            .set_parallelization_factor(sent(&source.parallelization_factor, 1))
            .set_filter_criteria(sent(&source.filters, [].into()).map(filter_criteria))
            .set_scaling_config(
                (!source.max_concurrency.is_unstated()).then(|| {
                    sdk::ScalingConfig::builder().set_maximum_concurrency(source.max_concurrency.get()).build()
                }),
            )
            .set_maximum_record_age_in_seconds(sent(&source.max_record_age_seconds, -1))
            .set_maximum_retry_attempts(sent(&source.max_retries, -1))
            .set_bisect_batch_on_function_error(sent(&source.bisect_on_error, false))
            .set_tumbling_window_in_seconds(sent(&source.tumbling_window_seconds, 0))
            .set_function_response_types(sent(&source.report_item_failures, false).map(|reports| {
                if reports { vec![sdk::FunctionResponseType::ReportBatchItemFailures] } else { Vec::new() }
            }))
            .set_destination_config((!source.on_failure.is_unstated()).then(|| {
                let failure = source.on_failure.get().map(|arn| sdk::OnFailure::builder().destination(arn).build());
                sdk::DestinationConfig::builder().set_on_failure(failure).build()
            }))
            .set_kms_key_arn(sent(&source.kms_key, String::new()))
            .set_metrics_config(sent(&source.metrics, [].into()).map(|metrics| {
                let metrics = metrics.iter().map(|it| sdk::EventSourceMappingMetric::from(it.as_str())).collect();
                sdk::EventSourceMappingMetricsConfig::builder().set_metrics(Some(metrics)).build()
            }))
            .set_logging_config((!source.log_level.is_unstated()).then(|| {
                let level = source.log_level.value();
                let level = level.map(|it| sdk::EventSourceMappingSystemLogLevel::from(name(it).as_str()));
                sdk::EventSourceMappingLoggingConfig::builder().set_system_log_level(level).build()
            }))
            .set_provisioned_poller_config(is_polled.then(|| poller.build()))
    }};
}

/// Returns the value to send: AWS's default for an unset setting.
fn sent<T: Clone>(setting: &Setting<T>, default: T) -> Option<T> {
    match setting {
        Setting::Unstated => None,
        Setting::Unset => Some(default),
        Setting::Set(value) => Some(value.clone()),
    }
}

fn filter_criteria(patterns: std::collections::BTreeSet<String>) -> sdk::FilterCriteria {
    let filters = patterns.into_iter().map(|pattern| sdk::Filter::builder().pattern(pattern).build());
    sdk::FilterCriteria::builder().set_filters(Some(filters.collect())).build()
}

/// Returns the name of the function, or of its alias.
fn function_name(function: &str, alias: Option<&String>) -> String {
    alias.map_or_else(|| function.to_owned(), |alias| format!("{function}:{alias}"))
}

pub(super) async fn create(api: &Client, function: &str, arn: String, source: EventSource) -> Result<(), CallError> {
    let call = api.create_event_source_mapping().event_source_arn(arn);
    let call = call.function_name(function_name(function, source.alias.value()));
    let position = source.starting_position.value().map(|it| sdk::EventSourcePosition::from(name(it).as_str()));
    let call = call
        .set_starting_position(position)
        .set_topics(source.topics.get().map(|topics| topics.into_iter().collect()))
        .set_queues(source.queues.get().map(|queues| queues.into_iter().collect()));
    // An unset member needs no value in a new mapping.
    let created = mapped!(call, &source.set_members()).send().await;
    // "An event source mapping … already exists": an earlier attempt of this call succeeded.
    done_if_exists(created.map(|_| ()).map_err(CallError::from), "ResourceConflictException")
}

pub(super) async fn update(api: &Client, function: &str, id: String, source: EventSource) -> Result<(), CallError> {
    let call = api.update_event_source_mapping().uuid(id);
    let moved = (!source.alias.is_unstated()).then(|| function_name(function, source.alias.value()));
    mapped!(call.set_function_name(moved), &source).send().await?;
    Ok(())
}

pub(super) async fn delete(api: &Client, id: String) -> Result<(), CallError> {
    if_found(api.delete_event_source_mapping().uuid(id).send().await.map_err(CallError::from))?;
    Ok(())
}
