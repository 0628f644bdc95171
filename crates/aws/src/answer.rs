// SPDX-License-Identifier: Apache-2.0
//! Conversion of values in AWS responses. A value that regionctl does not understand is an error, never "not set".

use regionctl_core::model::policy::Policy;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::resource::setting::Setting;

use crate::error::CallError;

/// Converts an optional text of a response. A missing or empty text is `Unset`.
pub(crate) fn live_text(text: Option<&str>) -> Setting<String> {
    Setting::live(text.filter(|text| !text.is_empty()).map(ToOwned::to_owned))
}

/// Parses a policy document of a response. A missing or empty document, and the service's default policy, is `Unset`.
///
/// # Errors
/// The document is not valid JSON.
pub(crate) fn live_policy(
    call: &str,
    text: Option<&str>,
    is_default: impl Fn(&Policy) -> bool,
) -> Result<Setting<Policy>, CallError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Setting::Unset) };
    let unreadable = |error: serde_json::Error| {
        let message = format!("AWS returned a policy that is not valid JSON: {error}");
        CallError(Failure::new(FailureClass::Unknown, call, message))
    };
    let policy = Policy::from_aws(text).map_err(unreadable)?;
    Ok(if is_default(&policy) { Setting::Unset } else { Setting::Set(policy) })
}
