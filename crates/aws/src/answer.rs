//! What kinds make of AWS's answers: a value that is not understood is an error, and never "not set".

use regionctl_core::model::policy::Policy;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::resource::setting::Setting;

use crate::error::CallError;

/// Takes a policy document of an answer. One that AWS gives by itself counts as not set.
///
/// # Errors
/// It is not JSON.
pub(crate) fn live_policy(
    call: &str,
    text: Option<&str>,
    is_default: impl Fn(&Policy) -> bool,
) -> Result<Setting<Policy>, CallError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Setting::Unset) };
    let unreadable = |error: serde_json::Error| {
        let message = format!("AWS answers with a policy that is not a JSON document: {error}");
        CallError(Failure::new(FailureClass::Unknown, call, message))
    };
    let policy = Policy::from_aws(text).map_err(unreadable)?;
    Ok(if is_default(&policy) { Setting::Unset } else { Setting::Set(policy) })
}
