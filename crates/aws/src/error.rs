//! A failed call, classified by the service's code and never by its words.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use regionctl_core::observe::failure::{Failure, FailureClass};

use crate::session::WriteWhileReading;

/// A [`Failure`] that `?` makes of any of the SDK's errors.
#[derive(Debug, Clone)]
pub struct CallError(pub Failure);

impl CallError {
    /// Says whether the service answered with this code.
    pub fn is(&self, code: &str) -> bool {
        self.0.code.as_deref() == Some(code)
    }

    /// Makes a failure of an item that an answer names as failed.
    pub(crate) fn of_item(call: String, code: &str, message: &str) -> Self {
        let class = class_of_code(code).unwrap_or(FailureClass::Invalid);
        let (code, message) = (Some(code.to_owned()), message.to_owned());
        Self(Failure { class, call, code, message, request_id: None })
    }

    /// Says whether the thing is not there.
    pub fn is_not_found(&self) -> bool {
        self.0.class == FailureClass::NotFound
    }
}

/// Turns "it is not there" into `None`.
///
/// # Errors
/// Every other failure.
pub fn if_found<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The codes by which S3 says that a bucket is there and one of its settings is not (each Get's API reference).
const UNSET: [&str; 8] = [
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "OwnershipControlsNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
];

/// Turns "the bucket has no such setting" into `None`. A bucket that is gone has no settings that could be known.
///
/// # Errors
/// Every other failure.
pub fn if_set<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if UNSET.iter().any(|code| error.is(code)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the code `ok` count as done: the state is what the call was to bring about.
///
/// # Errors
/// Every other failure.
pub fn done_if<T: Default>(result: Result<T, CallError>, ok: &str) -> Result<T, CallError> {
    match result {
        Err(error) if error.is(ok) => Ok(T::default()),
        other => other,
    }
}

/// A request that lacks a member that AWS needs: a fault in regionctl.
#[allow(clippy::needless_pass_by_value)] // the form that `map_err` wants
pub(crate) fn unbuilt(error: aws_smithy_types::error::operation::BuildError) -> CallError {
    CallError(Failure::new(FailureClass::Other, "regionctl", format!("the request could not be built: {error}")))
}

impl<E> From<SdkError<E, HttpResponse>> for CallError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let (code, own_message) = match error.as_service_error() {
            Some(service) => (service.code().map(ToOwned::to_owned), service.message().map(ToOwned::to_owned)),
            None => (None, None),
        };
        let class = match &error {
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => classify(code.as_deref(), status),
            other => classify_unsent(other),
        };
        let message = own_message.unwrap_or_else(|| match status {
            Some(status @ 300..) if code.is_none() => format!("HTTP status {status}, without an explanation"),
            _ => innermost(&error),
        });
        // The query protocol has it in the body, the others in a header.
        let in_body = error.as_service_error().and_then(|service| service.meta().request_id());
        let request_id = error.request_id().or(in_body).map(ToOwned::to_owned);
        Self(Failure { class, call: call_of::<E>(), code, message, request_id })
    }
}

/// `aws_sdk_sns::operation::create_topic::CreateTopicError` → `SNS CreateTopic`. For display only.
fn call_of<E>() -> String {
    let path = std::any::type_name::<E>();
    let service = match path.split("::").next().unwrap_or_default() {
        "aws_sdk_cloudtrail" => "CloudTrail",
        "aws_sdk_cloudwatch" => "CloudWatch",
        "aws_sdk_cloudwatchlogs" => "CloudWatch Logs",
        "aws_sdk_ec2" => "EC2",
        "aws_sdk_elasticloadbalancingv2" => "Elastic Load Balancing v2",
        "aws_sdk_iam" => "IAM",
        "aws_sdk_lambda" => "Lambda",
        "aws_sdk_rds" => "RDS",
        "aws_sdk_route53" => "Route 53",
        "aws_sdk_s3" => "S3",
        "aws_sdk_sns" => "SNS",
        "aws_sdk_ssm" => "SSM",
        "aws_sdk_sts" => "STS",
        other => other,
    };
    let operation = path.rsplit("::").next().unwrap_or_default();
    format!("{service} {}", operation.strip_suffix("Error").unwrap_or(operation))
}

fn classify(code: Option<&str>, status: Option<u16>) -> FailureClass {
    match (code.and_then(class_of_code), code, status) {
        (Some(class), ..) => class,
        (None, _, Some(301)) => FailureClass::Taken,
        (None, None, Some(404)) => FailureClass::NotFound,
        (None, None, Some(403)) => FailureClass::Denied,
        (None, _, Some(400..=499)) => FailureClass::Invalid,
        _ => FailureClass::Other,
    }
}

/// The codes by which regionctl decides; every service has its own words for the same thing.
fn class_of_code(code: &str) -> Option<FailureClass> {
    Some(match code {
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "AuthFailure"
        | "RequestExpired"
        | "TokenRefreshRequired" => FailureClass::Credentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "AllAccessDisabled" => FailureClass::Denied,
        "NotFound"
        | "NotFoundException"
        | "ResourceNotFound"
        | "ResourceNotFoundException"
        | "NoSuchBucket"
        | "NoSuchBucketPolicy"
        | "NoSuchTagSet"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchCORSConfiguration"
        | "NoSuchPublicAccessBlockConfiguration"
        | "OwnershipControlsNotFoundError"
        | "ServerSideEncryptionConfigurationNotFoundError"
        | "NoSuchHostedZone"
        | "InvalidGroup.NotFound"
        | "InvalidGroupId.NotFound"
        | "InvalidVpcID.NotFound"
        | "InvalidVpcEndpointId.NotFound"
        | "InvalidFlowLogId.NotFound"
        | "InvalidKeyPair.NotFound"
        | "InvalidInstanceID.NotFound"
        | "InvalidSubnetID.NotFound"
        | "InvalidSecurityGroupID.NotFound"
        | "InvalidRouteTableID.NotFound"
        | "NoSuchEntity"
        | "ReplicationConfigurationNotFoundError"
        | "InvalidDocument"
        | "ParameterNotFound"
        | "DBClusterNotFoundFault"
        | "DBInstanceNotFound"
        | "DBInstanceNotFoundFault"
        | "DBSubnetGroupNotFoundFault"
        | "DBClusterParameterGroupNotFound"
        | "DBParameterGroupNotFound" => FailureClass::NotFound,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "RequestThrottled" => FailureClass::Throttled,
        "InvalidDBClusterStateFault"
        | "InvalidDBInstanceState"
        | "InvalidDBInstanceStateFault"
        | "InvalidDBParameterGroupState"
        | "InvalidDBSubnetGroupStateFault"
        | "ResourceConflictException"
        | "ResourceNotReadyException"
        | "IncorrectInstanceState" => FailureClass::NotReady,
        "OperationAborted"
        | "OperationAbortedException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "PriorRequestNotComplete"
        | "ConcurrentAccess"
        | "ConcurrentAccessException" => FailureClass::Conflict,
        "BucketAlreadyExists" => FailureClass::Taken,
        _ => return None,
    })
}

fn classify_unsent<E>(error: &SdkError<E, HttpResponse>) -> FailureClass
where
    E: Error + 'static,
{
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<WriteWhileReading>() {
            return FailureClass::Refused;
        }
        if error.is::<aws_credential_types::provider::error::CredentialsError>() {
            return FailureClass::Credentials;
        }
        cause = error.source();
    }
    match error {
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => FailureClass::Transport,
        _ => FailureClass::Other,
    }
}

/// The last cause says what happened; those above it only that something did.
fn innermost(error: &dyn Error) -> String {
    let mut chain = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push(error.to_string());
        cause = error.source();
    }
    chain.dedup();
    let tail: Vec<String> = chain.split_off(chain.len().saturating_sub(2));
    tail.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_and_the_status_where_there_is_none() {
        assert_eq!(classify(Some("ExpiredToken"), Some(403)), FailureClass::Credentials);
        assert_eq!(classify(Some("NoSuchTagSet"), Some(404)), FailureClass::NotFound);
        assert_eq!(classify(Some("RequestLimitExceeded"), Some(503)), FailureClass::Throttled);
        assert_eq!(classify(Some("SomethingNew"), Some(400)), FailureClass::Invalid);
        assert_eq!(classify(Some("SomethingNew"), Some(403)), FailureClass::Invalid);
        assert_eq!(classify(None, Some(403)), FailureClass::Denied);
        assert_eq!(classify(None, Some(404)), FailureClass::NotFound);
        assert_eq!(classify(None, Some(500)), FailureClass::Other);
    }

    #[test]
    fn the_call_is_read_off_the_errors_type() {
        let call = call_of::<aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsError>();
        assert_eq!(call, "CloudWatch Logs DescribeLogGroups");
    }
}
