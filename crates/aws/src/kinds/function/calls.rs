// SPDX-License-Identifier: Apache-2.0
//! Sends the calls that change the settings with calls of their own.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types as sdk;
use regionctl_core::observe::provider::StepTarget;

use super::parts::{AsyncConfig, Cors, Permission, RuntimeUpdates, Url};
use super::words::name;
use super::{FunctionOp, event_source_sdk};
use crate::error::{CallError, done_if_exists, if_found};

/// Sends a call that changes a part.
pub(super) async fn run(api: &Client, target: &StepTarget, op: FunctionOp) -> Result<(), CallError> {
    let function = target.name.as_str();
    match op {
        FunctionOp::AddPermission { id, permission } => add_permission(api, function, id, permission).await?,
        FunctionOp::RemovePermission { id } => {
            let removed = api.remove_permission().function_name(function).statement_id(id).send().await;
            if_found(removed.map_err(CallError::from))?;
        }
        FunctionOp::PutFunctionConcurrency { executions } => {
            let call = api.put_function_concurrency().function_name(function);
            call.reserved_concurrent_executions(executions).send().await?;
        }
        FunctionOp::DeleteFunctionConcurrency => {
            api.delete_function_concurrency().function_name(function).send().await?;
        }
        FunctionOp::PutProvisionedConcurrencyConfig { qualifier, executions } => {
            let call = api.put_provisioned_concurrency_config().function_name(function).qualifier(qualifier);
            call.provisioned_concurrent_executions(executions).send().await?;
        }
        FunctionOp::DeleteProvisionedConcurrencyConfig { qualifier } => {
            let call = api.delete_provisioned_concurrency_config().function_name(function).qualifier(qualifier);
            call.send().await?;
        }
        FunctionOp::CreateFunctionUrlConfig(url) => create_url(api, function, url).await?,
        FunctionOp::UpdateFunctionUrlConfig(url) => update_url(api, function, url).await?,
        FunctionOp::DeleteFunctionUrlConfig => {
            if_found(api.delete_function_url_config().function_name(function).send().await.map_err(CallError::from))?;
        }
        FunctionOp::PutFunctionEventInvokeConfig(config) => put_async(api, function, config).await?,
        FunctionOp::DeleteFunctionEventInvokeConfig => {
            let deleted = api.delete_function_event_invoke_config().function_name(function).send().await;
            if_found(deleted.map_err(CallError::from))?;
        }
        FunctionOp::PutFunctionRecursionConfig { reaction } => {
            let call = api.put_function_recursion_config().function_name(function);
            call.recursive_loop(sdk::RecursiveLoop::from(name(&reaction).as_str())).send().await?;
        }
        FunctionOp::PutRuntimeManagementConfig(RuntimeUpdates { mode, version }) => {
            let call = api.put_runtime_management_config().function_name(function);
            let call = call.update_runtime_on(sdk::UpdateRuntimeOn::from(name(&mode).as_str()));
            call.set_runtime_version_arn(version).send().await?;
        }
        FunctionOp::PutFunctionCodeSigningConfig { arn } => {
            let call = api.put_function_code_signing_config().function_name(function);
            call.code_signing_config_arn(arn).send().await?;
        }
        FunctionOp::DeleteFunctionCodeSigningConfig => {
            api.delete_function_code_signing_config().function_name(function).send().await?;
        }
        FunctionOp::CreateEventSourceMapping { arn, source } => {
            event_source_sdk::create(api, function, arn, source).await?;
        }
        FunctionOp::UpdateEventSourceMapping { id, source } => {
            event_source_sdk::update(api, function, id, source).await?;
        }
        FunctionOp::DeleteEventSourceMapping { id } => event_source_sdk::delete(api, id).await?,
        FunctionOp::CreateFunction { .. }
        | FunctionOp::UpdateFunctionCode { .. }
        | FunctionOp::UpdateFunctionConfiguration { .. }
        | FunctionOp::TagResource { .. }
        | FunctionOp::UntagResource { .. }
        | FunctionOp::DeleteFunction => {}
    }
    Ok(())
}

async fn add_permission(api: &Client, function: &str, id: String, permission: Permission) -> Result<(), CallError> {
    let added = api
        .add_permission()
        .function_name(function)
        .statement_id(id)
        .action(permission.action)
        .principal(permission.principal)
        .set_source_arn(permission.source_arn)
        .set_source_account(permission.source_account)
        .set_principal_org_id(permission.organization)
        .set_event_source_token(permission.event_source_token)
        .set_function_url_auth_type(
            permission.url_auth.map(|auth| sdk::FunctionUrlAuthType::from(name(&auth).as_str())),
        )
        .set_invoked_via_function_url(permission.by_url)
        .send()
        .await;
    // "The statement id provided already exists": an earlier attempt of this call succeeded.
    done_if_exists(added.map(|_| ()).map_err(CallError::from), "ResourceConflictException")
}

async fn create_url(api: &Client, function: &str, url: Url) -> Result<(), CallError> {
    let call = api.create_function_url_config().function_name(function);
    let call = call.auth_type(sdk::FunctionUrlAuthType::from(name(&url.auth).as_str()));
    let call = call.set_invoke_mode(url.invoke_mode.value().map(|it| sdk::InvokeMode::from(name(it).as_str())));
    let created = call.set_cors(url.cors.into_value().map(cors)).send().await;
    // A URL that exists is compared with the spec when the apply verifies its result.
    done_if_exists(created.map(|_| ()).map_err(CallError::from), "ResourceConflictException")
}

async fn update_url(api: &Client, function: &str, url: Url) -> Result<(), CallError> {
    let call = api.update_function_url_config().function_name(function);
    let call = call.auth_type(sdk::FunctionUrlAuthType::from(name(&url.auth).as_str()));
    // Without Cors, Lambda would keep the live settings. An empty structure removes them.
    let call = call.cors(cors(url.cors.into_value().unwrap_or_default()));
    let mode = url.invoke_mode.value().map(|mode| sdk::InvokeMode::from(name(mode).as_str()));
    call.set_invoke_mode(mode).send().await?;
    Ok(())
}

fn cors(cors: Cors) -> sdk::Cors {
    if cors == Cors::default() {
        return sdk::Cors::builder().build();
    }
    sdk::Cors::builder()
        .allow_credentials(cors.allow_credentials)
        .set_allow_headers(Some(cors.allow_headers.into_iter().collect()))
        .set_allow_methods(Some(cors.allow_methods.into_iter().collect()))
        .set_allow_origins(Some(cors.allow_origins.into_iter().collect()))
        .set_expose_headers(Some(cors.expose_headers.into_iter().collect()))
        .max_age(cors.max_age_seconds)
        .build()
}

async fn put_async(api: &Client, function: &str, config: AsyncConfig) -> Result<(), CallError> {
    let success = config.on_success.into_value().map(|arn| sdk::OnSuccess::builder().destination(arn).build());
    let failure = config.on_failure.into_value().map(|arn| sdk::OnFailure::builder().destination(arn).build());
    let destinations = sdk::DestinationConfig::builder().set_on_success(success).set_on_failure(failure).build();
    api.put_function_event_invoke_config()
        .function_name(function)
        .set_maximum_retry_attempts(config.max_retries.into_value())
        .set_maximum_event_age_in_seconds(config.max_age_seconds.into_value())
        .destination_config(destinations)
        .send()
        .await?;
    Ok(())
}
