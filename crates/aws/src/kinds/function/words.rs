// SPDX-License-Identifier: Apache-2.0
//! Lambda's words for settings with a fixed set of values. They serialize as in Lambda's API.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::CallError;

/// Converts a word of an answer.
///
/// # Errors
/// This version does not know the word.
pub(super) fn word<T: DeserializeOwned>(call: &str, what: &str, text: &str) -> Result<T, CallError> {
    serde_json::from_value(text.into()).map_err(|_| CallError::unknown(&format!("Lambda {call}"), what, text))
}

/// Returns the word as in Lambda's API.
pub(super) fn name<T: Serialize>(word: &T) -> String {
    let json = serde_json::to_value(word).expect("invariant: words are texts");
    json.as_str().unwrap_or_default().to_owned()
}

/// X-Ray tracing mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LambdaTracing")]
pub(super) enum Tracing {
    /// Lambda samples and traces requests.
    Active,
    /// Lambda traces only requests that the caller traces.
    PassThrough,
}

/// Format of a function's logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LambdaLogFormat")]
pub(super) enum LogFormat {
    /// JSON objects. They can be filtered by level.
    #[serde(rename = "JSON")]
    Json,
    /// Plain text.
    Text,
}

/// Lowest level of the application's logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "LambdaApplicationLogLevel")]
pub(super) enum ApplicationLevel {
    /// All logs.
    Trace,
    /// Debug logs and above.
    Debug,
    /// Informational logs and above. AWS's default.
    Info,
    /// Warnings and above.
    Warn,
    /// Errors and above.
    Error,
    /// Fatal errors.
    Fatal,
}

/// Lowest level of the logs that Lambda writes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "LambdaSystemLogLevel")]
pub enum SystemLevel {
    /// All logs.
    Debug,
    /// Informational logs and above. AWS's default.
    Info,
    /// Warnings and above.
    Warn,
}

/// The versions for which Lambda creates snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LambdaSnapStart")]
pub(super) enum SnapStart {
    /// Published versions start from a snapshot.
    PublishedVersions,
    /// No snapshots. AWS's default.
    None,
}

/// Instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LambdaArchitecture")]
pub(super) enum Architecture {
    /// 64-bit x86. AWS's default.
    #[serde(rename = "x86_64")]
    X86,
    /// 64-bit ARM (Graviton).
    #[serde(rename = "arm64")]
    Arm,
}

/// How a function with an S3 file system reads objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "LambdaDirectS3Read")]
pub(super) enum DirectS3Read {
    /// From S3 directly.
    Enabled,
    /// Through the file system.
    Disabled,
    /// Lambda decides.
    Auto,
}

/// Who may invoke a function by its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LambdaUrlAuth")]
pub(super) enum UrlAuth {
    /// Callers with AWS credentials and the permission.
    #[serde(rename = "AWS_IAM")]
    AwsIam,
    /// Everyone, if the function's permissions also allow it.
    #[serde(rename = "NONE")]
    None,
}

/// How a function URL returns the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "LambdaInvokeMode")]
pub(super) enum InvokeMode {
    /// When it is complete. AWS's default.
    Buffered,
    /// As a stream.
    ResponseStream,
}

/// What Lambda does when it detects that a function invokes itself in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LambdaRecursiveLoop")]
pub enum RecursiveLoop {
    /// Nothing.
    Allow,
    /// It stops the loop. AWS's default.
    Terminate,
}

/// When Lambda updates the runtime of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LambdaUpdateRuntimeOn")]
pub(super) enum UpdateRuntimeOn {
    /// When a new runtime version is available. AWS's default.
    Auto,
    /// When the function's code or configuration changes.
    FunctionUpdate,
    /// Never: the function uses the stated runtime version.
    Manual,
}

/// Where Lambda starts to read a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "LambdaStartingPosition")]
pub enum StartingPosition {
    /// The oldest record.
    TrimHorizon,
    /// New records only.
    Latest,
    /// Records after a time, which a spec cannot state.
    AtTimestamp,
}
