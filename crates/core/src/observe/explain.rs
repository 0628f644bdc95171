//! What a failed call means and what to do about it.

use super::failure::{Failure, FailureClass};
use crate::diagnostic::Diagnostic;

/// Says what a failed call means and what to do about it.
pub fn explain(failure: &Failure) -> Diagnostic {
    let code = match failure.class {
        FailureClass::NotFound => "not-found",
        FailureClass::Denied => "access-denied",
        FailureClass::Throttled => "throttled",
        FailureClass::Conflict => "conflict",
        FailureClass::NotReady => "not-ready",
        FailureClass::Invalid => "refused-by-aws",
        FailureClass::Taken => "name-taken",
        FailureClass::Credentials => "credentials",
        FailureClass::Transport => "unreachable",
        FailureClass::Refused => "read-only",
        FailureClass::Unknown => "unknown-answer",
        FailureClass::Other => "aws-error",
    };
    let help = help_by_code(failure).unwrap_or(match failure.class {
        FailureClass::Denied => "give the caller the permission for this call",
        FailureClass::Throttled => "try again later, or with a smaller --parallelism",
        FailureClass::NotReady => "it is still being made or changed; run it again when it is done",
        FailureClass::Conflict => "somebody else changes the same thing; run it again when they are done",
        FailureClass::Taken => "names of buckets are shared by all AWS accounts; choose another in the spec",
        FailureClass::Credentials => {
            "log in again (aws sso login, or new keys), or name a profile with --profile or AWS_PROFILE"
        }
        FailureClass::Transport => "check the network, the region's name and --endpoint-url or AWS_ENDPOINT_URL",
        FailureClass::Refused => "this is a fault in regionctl: reading must not write. Please report it",
        FailureClass::Unknown => "this regionctl does not know that answer: use a newer one, or report it",
        FailureClass::NotFound | FailureClass::Invalid | FailureClass::Other => "",
    });
    let mut diagnostic = Diagnostic::new(code, failure.message.clone()).note(match &failure.code {
        Some(code) => format!("{} answered {code}", failure.call),
        None => format!("the call was {}", failure.call),
    });
    if let Some(id) = &failure.request_id {
        diagnostic = diagnostic.note(format!("request id {id}"));
    }
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

/// Says what to do where the code tells more than the failure's class.
fn help_by_code(failure: &Failure) -> Option<&'static str> {
    let code = failure.code.as_deref()?;
    let is_quota = ["LimitExceeded", "LimitsExceeded", "QuotaExceeded"].iter().any(|word| code.contains(word));
    match code {
        "RequestTimeTooSkewed" | "RequestExpired" => Some("set this machine's clock: it differs too much from AWS's"),
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            Some("check this machine's clock, then the secret key: AWS does not accept the signature of the request")
        }
        "RegionDisabledException" | "OptInRequired" => Some("enable the region or the service for this account"),
        "DependencyViolation" | "DeleteConflict" | "ResourceInUse" => {
            Some("something else still uses it: remove that first, or run it again when it is gone")
        }
        // Codes for too many calls have the same words.
        _ if is_quota && failure.class == FailureClass::Invalid => {
            Some("a quota is reached: ask for a higher one, or remove what is no longer needed")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_the_cause_that_the_code_tells() {
        let help = |class: FailureClass, code: &str| {
            let failure = Failure { code: Some(code.to_owned()), ..Failure::new(class, "T Call", "no") };
            help_by_code(&failure).unwrap_or_default()
        };
        for code in ["RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired"] {
            assert!(help(FailureClass::Credentials, code).contains("clock"), "{code}");
        }
        assert_eq!(help(FailureClass::Credentials, "ExpiredToken"), "");
        assert!(help(FailureClass::Invalid, "TopicLimitExceeded").contains("quota"));
        assert_eq!(help(FailureClass::Throttled, "RequestLimitExceeded"), "");
    }
}
