// SPDX-License-Identifier: Apache-2.0
//! Failed AWS calls, classified by service, error code and HTTP status. The codes are in [`crate::services`], and so are
//! the few errors that AWS tells from others only by their text.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use regionctl_core::observe::failure::{Failure, FailureClass};

use crate::services::{self, Service};
use crate::session::WriteWhileReading;

/// The response header with a bucket's region. S3 sends it also with errors that have no body
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>).
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// The start of the message for a bucket in another region.
const BUCKET_IS_IN: &str = "the bucket is in ";

/// A [`Failure`], with conversions from the SDK's error types for `?`.
#[derive(Debug, Clone)]
pub struct CallError(pub Failure);

impl CallError {
    /// Whether the service returned this error code.
    pub fn is(&self, code: &str) -> bool {
        self.0.code.as_deref() == Some(code)
    }

    /// Creates the failure of one item of a batch call. `call` has the form `EC2 DeleteVpcEndpoints`.
    pub(crate) fn of_item(call: String, code: &str, message: &str) -> Self {
        let service = call.rsplit_once(' ').and_then(|(service, _)| services::by_name(service));
        let class = services::class_of(service, code).unwrap_or(FailureClass::Invalid);
        let (code, message) = (Some(code.to_owned()), message.to_owned());
        Self(Failure { class, call, code, message, request_id: None })
    }

    /// Creates the failure of a response with a value that this version does not support. Such a value is never treated
    /// as "not set".
    pub(crate) fn unknown(call: &str, what: &str, value: &str) -> Self {
        let message = format!("AWS returned {what} '{value}', which this version of regionctl does not support");
        Self(Failure::new(FailureClass::Unknown, call, message))
    }

    /// Returns the region of the bucket, if the answer to a HEAD request named it (see [`no_body`]).
    pub(crate) fn bucket_region(&self) -> Option<&str> {
        self.0.message.strip_prefix(BUCKET_IS_IN).and_then(|rest| rest.split(' ').next())
    }

    /// Whether the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.class == FailureClass::NotFound
    }
}

/// Returns `None` if the resource does not exist.
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

/// Returns `None` if the resource exists and the setting is not set ([`services::is_unset`]).
///
/// # Errors
/// Every other failure, also "the resource does not exist": then its settings are unknown.
pub fn if_set<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.0.code.as_deref().is_some_and(services::is_unset) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Treats the error code `ok` as success: the resource already has the state that the call sets.
///
/// # Errors
/// Every other failure.
pub fn done_if<T: Default>(result: Result<T, CallError>, ok: &str) -> Result<T, CallError> {
    match result {
        Err(error) if error.is(ok) => Ok(T::default()),
        other => other,
    }
}

/// Treats an error with the code `code` as success if its text says that the resource exists: an earlier attempt of the
/// call succeeded. Lambda's ResourceConflictException also means that another operation is in progress
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
///
/// # Errors
/// Every other failure.
pub(crate) fn done_if_exists<T: Default>(result: Result<T, CallError>, code: &str) -> Result<T, CallError> {
    match result {
        Err(error) if error.is(code) && error.0.message.contains("exist") => Ok(T::default()),
        other => other,
    }
}

/// Creates the failure of a request that lacks a required member. This is a bug in regionctl.
#[allow(clippy::needless_pass_by_value)] // `map_err` passes the error by value
pub(crate) fn build_error(error: aws_smithy_types::error::operation::BuildError) -> CallError {
    CallError(Failure::new(FailureClass::Other, "regionctl", format!("could not build the request: {error}")))
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
        let service = services::by_crate(crate_of::<E>());
        let text = own_message.as_deref().unwrap_or_default();
        let by_text = code.as_deref().and_then(|code| services::class_of_text(service, code, text));
        let class = match &error {
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
                by_text.unwrap_or_else(|| classify(service, code.as_deref(), status))
            }
            other => classify_unsent(other),
        };
        let bucket_region = error.raw_response().and_then(|response| response.headers().get(BUCKET_REGION));
        let message = own_message.unwrap_or_else(|| match status {
            Some(status @ 300..) if code.is_none() => no_body(status, bucket_region),
            _ => innermost(&error),
        });
        // The query protocol returns the request id in the body, the other protocols in a header.
        let in_body = error.as_service_error().and_then(|service| service.meta().request_id());
        let request_id = error.request_id().or(in_body).map(ToOwned::to_owned);
        Self(Failure { class, call: call_of::<E>(), code, message, request_id })
    }
}

/// Returns the crate of an operation's error type, such as `aws_sdk_sns`.
fn crate_of<E>() -> &'static str {
    std::any::type_name::<E>().split("::").next().unwrap_or_default()
}

/// Turns `aws_sdk_sns::operation::create_topic::CreateTopicError` into `SNS CreateTopic`, for display only.
fn call_of<E>() -> String {
    let of = crate_of::<E>();
    let service = services::by_crate(of).map_or(of, |service| service.name);
    let operation = std::any::type_name::<E>().rsplit("::").next().unwrap_or_default();
    format!("{service} {}", operation.strip_suffix("Error").unwrap_or(operation))
}

/// Returns the message for an error response without a body, as S3 sends to HEAD requests. Status 301 or 400 with a
/// bucket region means that the bucket is in that region.
fn no_body(status: u16, bucket_region: Option<&str>) -> String {
    match bucket_region.filter(|_| matches!(status, 301 | 400)) {
        Some(region) => format!("{BUCKET_IS_IN}{region} (HTTP status {status} without an error message)"),
        None => format!("HTTP status {status} without an error message"),
    }
}

fn classify(service: Option<&Service>, code: Option<&str>, status: Option<u16>) -> FailureClass {
    match (code.and_then(|code| services::class_of(service, code)), code, status) {
        (Some(class), ..) => class,
        (None, _, Some(301)) => FailureClass::Taken,
        // Only S3 answers without a code, to HEAD requests. Any other answer without one is not AWS's own.
        (None, None, Some(404)) if service.is_some_and(|service| service.name == "S3") => FailureClass::NotFound,
        (None, None, Some(403)) => FailureClass::Denied,
        (None, _, Some(400..=499)) => FailureClass::Invalid,
        _ => FailureClass::Other,
    }
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

/// Returns the last two messages of the error chain: the outer ones only say that the call failed.
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
    use FailureClass::{
        Conflict, Credentials, Denied, Invalid, NotFound, NotReady, Other, Taken, Throttled, Transport,
    };
    use aws_sdk_cloudwatch::operation::put_metric_alarm::PutMetricAlarmError;
    use aws_sdk_s3::operation::head_bucket::HeadBucketError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    /// Errors from AWS's service models and recorded responses: service, operation, code, HTTP status, expected class.
    const ERRORS: &[(&str, &str, &str, u16, FailureClass)] = &[
        ("CloudTrail", "LookupEvents", "AccessDeniedException", 400, Denied),
        ("CloudTrail", "LookupEvents", "OperationNotPermittedException", 400, Denied),
        ("CloudTrail", "LookupEvents", "ThrottlingException", 400, Throttled),
        ("CloudTrail", "LookupEvents", "InvalidTimeRangeException", 400, Invalid),
        ("CloudTrail", "DeleteTrail", "TrailNotFoundException", 400, NotFound),
        ("CloudWatch", "DeleteAlarms", "ResourceNotFound", 404, NotFound),
        ("CloudWatch", "DeleteAlarms", "ResourceConflict", 409, Conflict),
        ("CloudWatch", "TagResource", "ResourceNotFoundException", 404, NotFound),
        ("CloudWatch", "TagResource", "ConcurrentModificationException", 429, Conflict),
        ("CloudWatch", "PutMetricAlarm", "LimitExceeded", 400, Invalid),
        ("CloudWatch", "PutMetricAlarm", "Throttling", 400, Throttled),
        ("CloudWatch", "PutMetricAlarm", "ValidationError", 400, Invalid),
        ("CloudWatch", "ListTagsForResource", "InternalServiceError", 500, Other),
        ("CloudWatch Logs", "PutRetentionPolicy", "ResourceNotFoundException", 400, NotFound),
        ("CloudWatch Logs", "PutRetentionPolicy", "OperationAbortedException", 400, Conflict),
        ("CloudWatch Logs", "CreateLogGroup", "ResourceAlreadyExistsException", 400, Invalid),
        ("CloudWatch Logs", "CreateLogGroup", "LimitExceededException", 400, Invalid),
        ("CloudWatch Logs", "DescribeLogGroups", "ThrottlingException", 400, Throttled),
        ("CloudWatch Logs", "DescribeLogGroups", "ServiceUnavailableException", 400, Other),
        ("EC2", "DescribeSecurityGroups", "InvalidGroup.NotFound", 400, NotFound),
        ("EC2", "DescribeSubnets", "InvalidSubnetID.NotFound", 400, NotFound),
        ("EC2", "DeleteFlowLogs", "InvalidFlowLogId.NotFound", 400, NotFound),
        ("EC2", "DeleteVpcEndpoints", "InvalidVpcEndpointId.NotFound", 400, NotFound),
        ("EC2", "RevokeSecurityGroupIngress", "InvalidPermission.NotFound", 400, NotFound),
        ("EC2", "AuthorizeSecurityGroupIngress", "InvalidPermission.Duplicate", 400, Invalid),
        ("EC2", "DeleteSecurityGroup", "DependencyViolation", 400, Conflict),
        ("EC2", "CreateTags", "ConcurrentTagAccess", 400, Conflict),
        ("EC2", "TerminateInstances", "OperationNotPermitted", 400, Invalid),
        ("EC2", "StartInstances", "IncorrectInstanceState", 400, NotReady),
        ("EC2", "RunInstances", "UnauthorizedOperation", 403, Denied),
        ("EC2", "RunInstances", "InstanceLimitExceeded", 400, Invalid),
        ("EC2", "RunInstances", "RequestLimitExceeded", 503, Throttled),
        ("EC2", "DescribeVpcs", "AuthFailure", 401, Credentials),
        ("EC2", "DescribeVpcs", "RequestExpired", 400, Credentials),
        ("Elastic Load Balancing v2", "DescribeLoadBalancers", "LoadBalancerNotFound", 400, NotFound),
        ("Elastic Load Balancing v2", "DeleteLoadBalancer", "OperationNotPermitted", 400, Invalid),
        ("IAM", "GetPolicyVersion", "NoSuchEntity", 404, NotFound),
        ("IAM", "CreatePolicy", "ConcurrentModification", 409, Conflict),
        ("IAM", "CreatePolicy", "EntityAlreadyExists", 409, Invalid),
        ("IAM", "CreatePolicyVersion", "LimitExceeded", 409, Invalid),
        ("IAM", "DeletePolicyVersion", "DeleteConflict", 409, Invalid),
        ("IAM", "ListPolicies", "SignatureDoesNotMatch", 403, Credentials),
        ("IAM", "ListPolicies", "ServiceFailure", 500, Other),
        ("Lambda", "GetFunction", "ResourceNotFoundException", 404, NotFound),
        ("Lambda", "UpdateFunctionCode", "ResourceConflictException", 409, NotReady),
        ("Lambda", "UpdateFunctionCode", "PreconditionFailedException", 412, Conflict),
        ("Lambda", "CreateFunction", "CodeStorageExceededException", 400, Invalid),
        ("Lambda", "CreateFunction", "InvalidParameterValueException", 400, Invalid),
        ("Lambda", "GetFunctionConfiguration", "TooManyRequestsException", 429, Throttled),
        ("Lambda", "ListFunctions", "InvalidSignatureException", 403, Credentials),
        ("Lambda", "ListTags", "AccessDeniedException", 403, Denied),
        ("RDS", "DescribeDBClusters", "DBClusterNotFoundFault", 404, NotFound),
        ("RDS", "DescribeDBInstances", "DBInstanceNotFound", 404, NotFound),
        ("RDS", "DescribeDBSubnetGroups", "DBSubnetGroupNotFoundFault", 404, NotFound),
        ("RDS", "DescribeDBClusterParameterGroups", "DBParameterGroupNotFound", 404, NotFound),
        ("RDS", "ModifyDBCluster", "OptionGroupNotFoundFault", 404, NotFound),
        ("RDS", "ModifyDBCluster", "InvalidDBClusterStateFault", 400, NotReady),
        ("RDS", "ModifyDBInstance", "InvalidDBInstanceState", 400, NotReady),
        ("RDS", "ModifyDBClusterParameterGroup", "InvalidDBParameterGroupState", 400, NotReady),
        ("RDS", "CreateDBCluster", "DBClusterQuotaExceededFault", 403, Invalid),
        ("RDS", "CreateDBCluster", "KMSKeyNotAccessibleFault", 400, Invalid),
        ("RDS", "CreateDBInstance", "DBInstanceAlreadyExists", 400, Invalid),
        ("Route 53", "GetHostedZone", "NoSuchHostedZone", 404, NotFound),
        ("Route 53", "UpdateHostedZoneComment", "PriorRequestNotComplete", 400, Conflict),
        ("Route 53", "AssociateVPCWithHostedZone", "NotAuthorizedException", 401, Denied),
        ("Route 53", "CreateHostedZone", "ConflictingDomainExists", 400, Invalid),
        ("Route 53", "CreateHostedZone", "TooManyHostedZones", 400, Invalid),
        ("Route 53", "ListTagsForResource", "ThrottlingException", 400, Throttled),
        ("S3", "HeadBucket", "NotFound", 404, NotFound),
        ("S3", "GetBucketPolicy", "NoSuchBucket", 404, NotFound),
        ("S3", "GetBucketTagging", "NoSuchTagSet", 404, NotFound),
        ("S3", "GetBucketWebsite", "NoSuchWebsiteConfiguration", 404, NotFound),
        ("S3", "GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", 404, NotFound),
        ("S3", "GetBucketReplication", "ReplicationConfigurationNotFoundError", 404, NotFound),
        ("S3", "GetBucketPolicy", "AccessDenied", 403, Denied),
        ("S3", "GetBucketPolicy", "RequestTimeTooSkewed", 403, Credentials),
        ("S3", "GetBucketPolicy", "InvalidToken", 400, Credentials),
        ("S3", "GetBucketPolicy", "PermanentRedirect", 301, Taken),
        ("S3", "PutBucketPolicy", "OperationAborted", 409, Conflict),
        ("S3", "PutBucketPolicy", "RequestTimeout", 400, Transport),
        ("S3", "PutBucketLogging", "CrossLocationLoggingProhibitted", 403, Invalid),
        ("S3", "PutBucketVersioning", "InvalidBucketState", 409, Invalid),
        ("S3", "CreateBucket", "BucketAlreadyExists", 409, Taken),
        ("S3", "ListBuckets", "SlowDown", 503, Throttled),
        ("SNS", "GetTopicAttributes", "NotFound", 404, NotFound),
        ("SNS", "TagResource", "ResourceNotFound", 404, NotFound),
        ("SNS", "TagResource", "ConcurrentAccess", 400, Conflict),
        ("SNS", "CreateTopic", "StaleTag", 400, Conflict),
        ("SNS", "CreateTopic", "TopicLimitExceeded", 403, Invalid),
        ("SNS", "CreateTopic", "Throttled", 429, Throttled),
        ("SNS", "Subscribe", "InvalidSecurity", 403, Credentials),
        ("SNS", "ListTopics", "AuthorizationError", 403, Denied),
        ("SNS", "ListTopics", "InvalidClientTokenId", 403, Credentials),
        ("SSM", "GetDocument", "InvalidDocument", 400, NotFound),
        ("SSM", "AddTagsToResource", "InvalidResourceId", 400, NotFound),
        ("SSM", "UpdateDocument", "TooManyUpdates", 400, Conflict),
        ("SSM", "UpdateDocument", "DuplicateDocumentContent", 400, Invalid),
        ("SSM", "UpdateDocument", "InvalidDocumentVersion", 400, Invalid),
        ("SSM", "CreateDocument", "DocumentLimitExceeded", 400, Invalid),
        ("SSM", "DeleteDocument", "InvalidDocumentOperation", 400, Invalid),
        ("SSM", "GetParameter", "ParameterNotFound", 400, NotFound),
        ("SSM", "ListDocuments", "InternalServerError", 500, Other),
        ("STS", "GetCallerIdentity", "ExpiredToken", 403, Credentials),
        ("STS", "AssumeRole", "ExpiredTokenException", 400, Credentials),
        ("STS", "AssumeRole", "RegionDisabledException", 403, Denied),
    ];

    #[test]
    fn a_code_is_classified_by_service() {
        for (service, operation, code, status, class) in ERRORS {
            let row = services::by_name(service);
            assert!(row.is_some(), "{service} has no row");
            assert_eq!(classify(row, Some(*code), Some(*status)), *class, "{service} {operation} {code}");
        }
    }

    #[test]
    fn the_http_status_classifies_unknown_and_missing_codes() {
        let status = |code: Option<&str>, status: u16| classify(services::by_name("S3"), code, Some(status));
        assert_eq!(status(Some("SomethingNew"), 400), Invalid);
        assert_eq!(status(Some("SomethingNew"), 403), Invalid);
        assert_eq!(status(Some("SomethingNew"), 500), Other);
        assert_eq!(status(None, 301), Taken);
        assert_eq!(status(None, 400), Invalid);
        assert_eq!(status(None, 403), Denied);
        assert_eq!(status(None, 404), NotFound);
        assert_eq!(classify(services::by_name("Lambda"), None, Some(404)), Invalid);
        assert_eq!(status(None, 500), Other);
    }

    #[test]
    fn the_call_name_is_derived_from_the_error_type() {
        let call = call_of::<aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsError>();
        assert_eq!(call, "CloudWatch Logs DescribeLogGroups");
    }

    #[test]
    fn a_second_change_of_an_alarm_at_the_same_time_is_a_conflict() {
        let class = |text: &str| {
            let metadata = ErrorMetadata::builder().code("ValidationError").message(text).build();
            let response = HttpResponse::new(400.try_into().expect("invariant: 400 is a status"), SdkBody::empty());
            CallError::from(SdkError::service_error(PutMetricAlarmError::generic(metadata), response)).0.class
        };
        assert_eq!(class("A separate request to update this alarm is in progress"), Conflict);
        assert_eq!(class("Period must be 10, 30 or a multiple of 60"), Invalid);
    }

    #[test]
    fn a_head_bucket_error_without_a_body_names_the_buckets_region() {
        for (status, class) in [(301_u16, Taken), (400, Invalid)] {
            let error = HeadBucketError::generic(ErrorMetadata::builder().build());
            let code = aws_smithy_runtime_api::http::StatusCode::try_from(status).expect("invariant: a valid status");
            let mut response = HttpResponse::new(code, SdkBody::empty());
            response.headers_mut().insert(BUCKET_REGION, "eu-west-1");
            let error = CallError::from(SdkError::service_error(error, response));
            assert_eq!(error.bucket_region(), Some("eu-west-1"));
            assert_eq!((error.0.class, error.0.call.as_str(), error.0.code), (class, "S3 HeadBucket", None));
        }
    }
}
