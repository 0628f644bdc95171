//! The services that regionctl calls, one row each.
//!
//! Codes are those of AWS's service models (shapes with `exception`) and, for EC2 and S3, of the lists "Error codes for the
//! Amazon EC2 API" and "Error responses" (Amazon S3 API reference). A code that no row has is refused or a fault by its
//! HTTP status. Limits (`LimitExceeded`, `QuotaExceeded`) are such codes on purpose: no retry helps.
//! Rates are from each service's quota page, action names and resources from the Service Authorization Reference.

use regionctl_core::observe::failure::FailureClass::{
    Conflict, Credentials, Denied, NotFound, NotReady, Other, Taken, Throttled, Transport,
};

use super::Operations::{Only, Rest, Verbs};
use super::{Common, Rate, Scope, Service};

/// What is the same for every service.
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

/// The regions in which partitions sign requests to IAM; CloudTrail keeps its events there.
const IAM: &[(&str, &str)] = &[
    ("aws", "us-east-1"),
    ("aws-cn", "cn-north-1"),
    ("aws-us-gov", "us-gov-west-1"),
    ("aws-iso", "us-iso-east-1"),
    ("aws-iso-b", "us-isob-east-1"),
    ("aws-iso-f", "us-isof-south-1"),
];

/// The same for Route 53.
const ROUTE53: &[(&str, &str)] = &[
    ("aws", "us-east-1"),
    ("aws-cn", "cn-northwest-1"),
    ("aws-us-gov", "us-gov-west-1"),
    ("aws-iso", "us-iso-east-1"),
    ("aws-iso-b", "us-isob-east-1"),
    ("aws-iso-e", "eu-isoe-west-1"),
    ("aws-iso-f", "us-isof-south-1"),
];

/// A row without facts: each row below states only what it has.
const ROW: Service = Service {
    name: "",
    crate_name: "",
    iam_prefix: "",
    event_source: "",
    scope: Scope::Regional,
    rates: &[],
    codes: &[],
    unset: &[],
    actions: &[],
    resources: &[],
};

/// Every service that regionctl calls.
pub static SERVICES: &[Service] = &[
    Service {
        name: "CloudTrail",
        crate_name: "aws_sdk_cloudtrail",
        iam_prefix: "cloudtrail",
        event_source: "cloudtrail.amazonaws.com",
        rates: &[
            Rate { operations: Only(&["LookupEvents"]), per_second: 2.0, burst: 2.0 },
            Rate { operations: Rest, per_second: 10.0, burst: 10.0 },
        ],
        codes: &[
            (NotFound, &["ResourceNotFoundException", "TrailNotFoundException"]),
            (Denied, &["OperationNotPermittedException"]),
            (Conflict, &["ConcurrentModificationException"]),
        ],
        ..ROW
    },
    Service {
        name: "CloudWatch",
        crate_name: "aws_sdk_cloudwatch",
        iam_prefix: "cloudwatch",
        event_source: "monitoring.amazonaws.com",
        rates: &[
            Rate { operations: Only(&["PutMetricAlarm"]), per_second: 3.0, burst: 3.0 },
            Rate { operations: Only(&["DeleteAlarms"]), per_second: 3.0, burst: 3.0 },
            Rate { operations: Only(&["DescribeAlarms"]), per_second: 9.0, burst: 9.0 },
            Rate { operations: Rest, per_second: 10.0, burst: 10.0 },
        ],
        codes: &[
            (NotFound, &["ResourceNotFound", "ResourceNotFoundException"]),
            // It comes with HTTP 429, and is not about the rate of calls.
            (Conflict, &["ConcurrentModificationException", "ResourceConflict"]),
            (Other, &["InternalServiceError", "InternalServiceFault"]),
        ],
        resources: &[
            (Only(&["DescribeAlarms"]), &["*"]),
            (Rest, &["arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"]),
        ],
        ..ROW
    },
    Service {
        name: "CloudWatch Logs",
        crate_name: "aws_sdk_cloudwatchlogs",
        iam_prefix: "logs",
        event_source: "logs.amazonaws.com",
        rates: &[
            Rate { operations: Only(&["DescribeLogGroups"]), per_second: 10.0, burst: 10.0 },
            Rate { operations: Only(&["PutRetentionPolicy"]), per_second: 10.0, burst: 10.0 },
            Rate { operations: Rest, per_second: 10.0, burst: 10.0 },
        ],
        codes: &[(NotFound, &["ResourceNotFoundException"]), (Conflict, &["OperationAbortedException"])],
        resources: &[
            (Only(&["DescribeLogGroups"]), &["*"]),
            (
                Rest,
                &[
                    "arn:{partition}:logs:{region}:{account}:log-group:{name}",
                    "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
                ],
            ),
        ],
        ..ROW
    },
    Service {
        name: "EC2",
        crate_name: "aws_sdk_ec2",
        iam_prefix: "ec2",
        event_source: "ec2.amazonaws.com",
        rates: &[
            Rate { operations: Verbs(&["Describe"]), per_second: 20.0, burst: 50.0 },
            Rate { operations: Rest, per_second: 5.0, burst: 50.0 },
        ],
        codes: &[
            (NotFound, &["*.NotFound"]),
            (Credentials, &["AuthFailure"]),
            (Denied, &["Blocked", "PendingVerification", "UnauthorizedOperation"]),
            (Throttled, &["EC2ThrottledException"]),
            (NotReady, &["IncorrectInstanceState"]),
            // What depends on it is often going itself: an instance that is shutting down still has its groups.
            (Conflict, &["ConcurrentTagAccess", "DependencyViolation"]),
            (Other, &["Unavailable"]),
        ],
        resources: &[
            (Verbs(&["Describe", "Get"]), &["*"]),
            // Images and snapshots of others have no account in their ARN.
            (
                Only(&["RunInstances"]),
                &[
                    "arn:{partition}:ec2:{region}:{account}:*",
                    "arn:{partition}:ec2:{region}::image/*",
                    "arn:{partition}:ec2:{region}::snapshot/*",
                ],
            ),
            (Rest, &["arn:{partition}:ec2:{region}:{account}:*"]),
        ],
        ..ROW
    },
    Service {
        name: "Elastic Load Balancing v2",
        crate_name: "aws_sdk_elasticloadbalancingv2",
        iam_prefix: "elasticloadbalancing",
        event_source: "elasticloadbalancing.amazonaws.com",
        rates: &[Rate { operations: Rest, per_second: 10.0, burst: 40.0 }],
        codes: &[(NotFound, &["LoadBalancerNotFound"]), (Conflict, &["PriorRequestNotComplete"])],
        ..ROW
    },
    Service {
        name: "IAM",
        crate_name: "aws_sdk_iam",
        iam_prefix: "iam",
        event_source: "iam.amazonaws.com",
        scope: Scope::Global { homes: IAM },
        rates: &[Rate { operations: Rest, per_second: 15.0, burst: 15.0 }],
        codes: &[
            (NotFound, &["NoSuchEntity", "ReportNotPresent"]),
            (NotReady, &["ReportInProgress"]),
            (Conflict, &["ConcurrentModification", "EntityTemporarilyUnmodifiable"]),
            (Other, &["ServiceFailure"]),
        ],
        resources: &[
            (Only(&["GetAccountSummary", "ListPolicies"]), &["*"]),
            (Rest, &["arn:{partition}:iam::{account}:policy/{name}"]),
        ],
        ..ROW
    },
    Service {
        name: "Lambda",
        crate_name: "aws_sdk_lambda",
        iam_prefix: "lambda",
        event_source: "lambda.amazonaws.com",
        rates: &[
            Rate { operations: Only(&["GetFunction"]), per_second: 100.0, burst: 100.0 },
            Rate { operations: Rest, per_second: 15.0, burst: 15.0 },
        ],
        codes: &[
            (NotFound, &["*NotFoundException"]),
            (NotReady, &["ResourceConflictException", "ResourceNotReadyException"]),
            (Conflict, &["PreconditionFailedException"]),
            (Other, &["ServiceException"]),
        ],
        resources: &[
            (Only(&["GetAccountSettings", "ListEventSourceMappings", "ListFunctions"]), &["*"]),
            (Rest, &["arn:{partition}:lambda:{region}:{account}:function:{name}"]),
        ],
        ..ROW
    },
    Service {
        name: "RDS",
        crate_name: "aws_sdk_rds",
        iam_prefix: "rds",
        event_source: "rds.amazonaws.com",
        rates: &[Rate { operations: Rest, per_second: 10.0, burst: 10.0 }],
        codes: &[
            (NotFound, &["*NotFound", "*NotFoundFault"]),
            (
                NotReady,
                &[
                    "InvalidDBClusterStateFault",
                    "InvalidDBInstanceState",
                    "InvalidDBInstanceStateFault",
                    "InvalidDBParameterGroupState",
                    "InvalidDBSubnetGroupStateFault",
                    "InvalidGlobalClusterStateFault",
                ],
            ),
        ],
        resources: &[
            (
                Only(&["DescribeDBClusterParameterGroups", "DescribeDBClusterParameters"]),
                &["arn:{partition}:rds:{region}:{account}:cluster-pg:*"],
            ),
            (Verbs(&["Describe"]), &["*"]),
            (
                Only(&["CreateDBClusterParameterGroup", "ModifyDBClusterParameterGroup"]),
                &["arn:{partition}:rds:{region}:{account}:cluster-pg:*"],
            ),
            (
                Only(&["CreateDBSubnetGroup", "ModifyDBSubnetGroup"]),
                &["arn:{partition}:rds:{region}:{account}:subgrp:*"],
            ),
            // A call names its groups too, AWS's default ones where the request says none.
            (
                Only(&["CreateDBCluster", "ModifyDBCluster"]),
                &[
                    "arn:{partition}:rds:{region}:{account}:cluster:{name}",
                    "arn:{partition}:rds:{region}:{account}:cluster-pg:*",
                    "arn:{partition}:rds:{region}:{account}:og:*",
                    "arn:{partition}:rds:{region}:{account}:subgrp:*",
                ],
            ),
            (
                Only(&["CreateDBInstance", "ModifyDBInstance"]),
                &[
                    "arn:{partition}:rds:{region}:{account}:cluster:{name}",
                    "arn:{partition}:rds:{region}:{account}:db:*",
                    "arn:{partition}:rds:{region}:{account}:og:*",
                    "arn:{partition}:rds:{region}:{account}:pg:*",
                    "arn:{partition}:rds:{region}:{account}:secgrp:*",
                    "arn:{partition}:rds:{region}:{account}:subgrp:*",
                ],
            ),
            (
                Rest,
                &[
                    "arn:{partition}:rds:{region}:{account}:cluster:{name}",
                    "arn:{partition}:rds:{region}:{account}:db:*",
                    "arn:{partition}:rds:{region}:{account}:subgrp:*",
                    "arn:{partition}:rds:{region}:{account}:cluster-pg:*",
                ],
            ),
        ],
        ..ROW
    },
    Service {
        name: "Route 53",
        crate_name: "aws_sdk_route53",
        iam_prefix: "route53",
        event_source: "route53.amazonaws.com",
        scope: Scope::Global { homes: ROUTE53 },
        rates: &[Rate { operations: Rest, per_second: 5.0, burst: 5.0 }],
        codes: &[
            (NotFound, &["NoSuch*"]),
            (Denied, &["NotAuthorizedException"]),
            (Conflict, &["ConcurrentModification", "PriorRequestNotComplete"]),
        ],
        resources: &[
            (Only(&["CreateHostedZone", "ListHostedZonesByName", "ListHostedZonesByVPC"]), &["*"]),
            (Rest, &["arn:{partition}:route53:::hostedzone/*"]),
        ],
        ..ROW
    },
    Service {
        name: "S3",
        crate_name: "aws_sdk_s3",
        iam_prefix: "s3",
        event_source: "s3.amazonaws.com",
        rates: &[Rate { operations: Rest, per_second: 100.0, burst: 100.0 }],
        codes: &[
            // The SDK gives an answer without a body `NotFound` (HEAD).
            (NotFound, &["NoSuch*", "NotFound", "*NotFoundError"]),
            (Credentials, &["InvalidSecurity", "InvalidToken"]),
            (Denied, &["AccountProblem", "AllAccessDisabled", "NotSignedUp"]),
            (Conflict, &["ConditionalRequestConflict", "OperationAborted"]),
            (Taken, &["BucketAlreadyExists", "PermanentRedirect"]),
        ],
        unset: &[
            "NoSuchBucketPolicy",
            "NoSuchCORSConfiguration",
            "NoSuchLifecycleConfiguration",
            "NoSuchPublicAccessBlockConfiguration",
            "NoSuchTagSet",
            "OwnershipControlsNotFoundError",
            "ReplicationConfigurationNotFoundError",
            "ServerSideEncryptionConfigurationNotFoundError",
        ],
        actions: &[
            ("HeadBucket", "ListBucket"),
            ("ListBuckets", "ListAllMyBuckets"),
            ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
            ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
            ("GetBucketEncryption", "GetEncryptionConfiguration"),
            ("PutBucketEncryption", "PutEncryptionConfiguration"),
            ("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
            ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
            ("DeleteBucketLifecycle", "PutLifecycleConfiguration"),
            ("GetBucketReplication", "GetReplicationConfiguration"),
            ("PutBucketReplication", "PutReplicationConfiguration"),
            ("GetBucketCors", "GetBucketCORS"),
            ("PutBucketCors", "PutBucketCORS"),
            ("DeleteBucketCors", "PutBucketCORS"),
        ],
        resources: &[(Only(&["ListBuckets"]), &["*"]), (Rest, &["arn:{partition}:s3:::{name}"])],
        ..ROW
    },
    Service {
        name: "SNS",
        crate_name: "aws_sdk_sns",
        iam_prefix: "sns",
        event_source: "sns.amazonaws.com",
        rates: &[
            Rate { operations: Only(&["TagResource"]), per_second: 10.0, burst: 10.0 },
            Rate { operations: Only(&["ListTagsForResource"]), per_second: 10.0, burst: 10.0 },
            Rate { operations: Only(&["CreateTopic"]), per_second: 30.0, burst: 30.0 },
            Rate { operations: Rest, per_second: 30.0, burst: 30.0 },
        ],
        codes: &[
            (NotFound, &["NotFound", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException"]),
            (Credentials, &["InvalidSecurity", "InvalidSecurityException"]),
            (Denied, &["AuthorizationError", "AuthorizationErrorException", "KMSAccessDenied", "KMSOptInRequired"]),
            (Throttled, &["KMSThrottling", "Throttled"]),
            // A tag of a deleted topic of the same name is not gone yet.
            (Conflict, &["ConcurrentAccess", "ConcurrentAccessException", "StaleTag", "StaleTagException"]),
        ],
        resources: &[(Only(&["ListTopics"]), &["*"]), (Rest, &["arn:{partition}:sns:{region}:{account}:{name}"])],
        ..ROW
    },
    Service {
        name: "SSM",
        crate_name: "aws_sdk_ssm",
        iam_prefix: "ssm",
        event_source: "ssm.amazonaws.com",
        rates: &[
            Rate { operations: Only(&["GetParameter", "GetParametersByPath"]), per_second: 40.0, burst: 40.0 },
            Rate { operations: Rest, per_second: 10.0, burst: 10.0 },
        ],
        codes: &[
            // The tagging calls say InvalidResourceId of a document that does not exist.
            (NotFound, &["InvalidDocument", "InvalidResourceId", "ParameterNotFound", "ParameterVersionNotFound"]),
            (NotFound, &["*NotFoundException"]),
            (Conflict, &["TooManyUpdates"]),
        ],
        resources: &[
            (Only(&["ListDocuments"]), &["*"]),
            (Rest, &["arn:{partition}:ssm:{region}:{account}:document/{name}"]),
        ],
        ..ROW
    },
    Service {
        name: "STS",
        crate_name: "aws_sdk_sts",
        iam_prefix: "sts",
        event_source: "sts.amazonaws.com",
        rates: &[Rate { operations: Rest, per_second: 50.0, burst: 50.0 }],
        codes: &[(Credentials, &["IDPRejectedClaim", "InvalidIdentityToken"]), (Denied, &["RegionDisabledException"])],
        ..ROW
    },
];
