// SPDX-License-Identifier: Apache-2.0
//! Turns a failed AWS call into a diagnostic with its cause and the next step.

use super::failure::{Failure, FailureClass};
use crate::diagnostic::Diagnostic;

/// Returns the diagnostic of a failed call: error code, message, call, request id and the next step.
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
        FailureClass::Denied => "grant the caller the IAM permission for this call",
        FailureClass::Throttled => "try again later, or with a lower `--parallelism`",
        FailureClass::NotReady => "wait until AWS has finished the operation in progress, then run the command again",
        FailureClass::Conflict => "wait until the other change of the resource is done, then run the command again",
        FailureClass::Taken => "choose another name in the spec: bucket names are unique across all AWS accounts",
        FailureClass::Credentials => {
            "renew the credentials (such as `aws sso login`), or select a profile with `--profile` or `AWS_PROFILE`"
        }
        FailureClass::Transport => "check the network, the region code, and `--endpoint-url` or `AWS_ENDPOINT_URL`",
        FailureClass::Refused => "report this as a bug in regionctl: a read must not write",
        FailureClass::Unknown => "use a newer version of regionctl, or report this response as a bug",
        FailureClass::NotFound | FailureClass::Invalid | FailureClass::Other => "",
    });
    let mut diagnostic = Diagnostic::new(code, failure.message.clone()).note(match &failure.code {
        Some(code) => format!("{} returned {code}", failure.call),
        None => format!("the AWS call was {}", failure.call),
    });
    if let Some(id) = &failure.request_id {
        diagnostic = diagnostic.note(format!("request id {id}"));
    }
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

/// Returns the next step for error codes that are more specific than the failure's class.
fn help_by_code(failure: &Failure) -> Option<&'static str> {
    // A HEAD request is denied without a code, whoever owns the bucket
    // (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>).
    if failure.call == "S3 HeadBucket" && failure.class == FailureClass::Denied {
        return Some("grant the caller `s3:ListBucket` on the bucket; if another account owns it, choose another name");
    }
    let code = failure.code.as_deref()?;
    let is_quota = ["LimitExceeded", "LimitsExceeded", "QuotaExceeded"].iter().any(|word| code.contains(word));
    match code {
        "RequestTimeTooSkewed" | "RequestExpired" => Some("correct this machine's clock: it differs too much from AWS"),
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            Some("check this machine's clock, then the secret access key: AWS does not accept the request signature")
        }
        // Calls to a disabled region fail like calls with invalid credentials.
        "AuthFailure" | "InvalidClientTokenId" | "UnrecognizedClientException" => Some(
            "renew the credentials, or select others with `--profile`; if they are valid elsewhere, enable the region in this \
             account",
        ),
        "RegionDisabledException" | "OptInRequired" => Some("enable the region or the service in this account"),
        "DependencyViolation" | "DeleteConflict" | "ResourceInUse" => {
            Some("delete the resources that still use it, then run the command again")
        }
        // Throttling codes such as `RequestLimitExceeded` contain the same words.
        _ if is_quota && failure.class == FailureClass::Invalid => {
            Some("request a quota increase in Service Quotas, or delete unused resources")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_depends_on_the_error_code() {
        let help = |class: FailureClass, code: &str| {
            let failure = Failure { code: Some(code.to_owned()), ..Failure::new(class, "T Call", "no") };
            help_by_code(&failure).unwrap_or_default()
        };
        for code in ["RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired"] {
            assert!(help(FailureClass::Credentials, code).contains("clock"), "{code}");
        }
        assert_eq!(help(FailureClass::Credentials, "ExpiredToken"), "");
        assert!(help(FailureClass::Credentials, "UnrecognizedClientException").contains("enable the region"));
        let head = Failure::new(FailureClass::Denied, "S3 HeadBucket", "HTTP status 403");
        assert!(help_by_code(&head).is_some_and(|help| help.contains("s3:ListBucket")));
        assert!(help(FailureClass::Invalid, "TopicLimitExceeded").contains("quota"));
        assert_eq!(help(FailureClass::Throttled, "RequestLimitExceeded"), "");
    }
}
