// SPDX-License-Identifier: Apache-2.0
//! The error codes that all services share ("Common error types" in each service's API reference).

use regionctl_core::observe::failure::FailureClass::{Credentials, Denied, Other, Throttled, Transport};

use super::Common;

/// The error codes and HTTP statuses that all services share.
pub static COMMON: Common = Common {
    codes: &[
        (
            Credentials,
            &[
                "ExpiredToken",
                "ExpiredTokenException",
                "IncompleteSignature",
                "IncompleteSignatureException",
                "InvalidAccessKeyId",
                "InvalidClientTokenId",
                "InvalidSignatureException",
                "MissingAuthenticationToken",
                "MissingAuthenticationTokenException",
                "RequestExpired",
                "RequestTimeTooSkewed",
                "SignatureDoesNotMatch",
                "TokenRefreshRequired",
                "UnrecognizedClientException",
            ],
        ),
        (Denied, &["AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired"]),
        (
            Throttled,
            &[
                "BandwidthLimitExceeded",
                "ProvisionedThroughputExceededException",
                "RequestLimitExceeded",
                "RequestThrottled",
                "RequestThrottledException",
                "SlowDown",
                "ThrottledException",
                "Throttling",
                "ThrottlingException",
                "TooManyRequestsException",
            ],
        ),
        (Transport, &["RequestTimeout", "RequestTimeoutException"]),
        (
            Other,
            &[
                "InternalError",
                "InternalFailure",
                "InternalServerError",
                "ServiceUnavailable",
                "ServiceUnavailableException",
            ],
        ),
    ],
    throttle_statuses: &[429, 503],
};
