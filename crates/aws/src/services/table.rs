// SPDX-License-Identifier: Apache-2.0
//! The services that regionctl calls, one row each.
//!
//! Error codes: AWS's service models and, for EC2 and S3, "Error codes for the Amazon EC2 API" and "Error responses"
//! (Amazon S3 API Reference). Other codes are classified by HTTP status. This includes quotas (`LimitExceeded`): a retry
//! does not help. Rates: each service's quota page. Actions and resources: Service Authorization Reference.

use regionctl_core::observe::failure::FailureClass::{
    Conflict, Credentials, Denied, NotFound, NotReady, Other, Taken, Throttled,
};

use super::Operations::{Only, Rest, Verbs};
use super::{Rate, Service, ServiceScope};

/// The regions of IAM's endpoint by partition, in which CloudTrail records its events.
/// They are enabled in every account.
pub const IAM: &[(&str, &str)] = &[
    ("aws", "us-east-1"),
    ("aws-cn", "cn-north-1"),
    ("aws-eusc", "eusc-de-east-1"),
    ("aws-us-gov", "us-gov-west-1"),
    ("aws-iso", "us-iso-east-1"),
    ("aws-iso-b", "us-isob-east-1"),
    ("aws-iso-e", "eu-isoe-west-1"),
    ("aws-iso-f", "us-isof-south-1"),
];

/// The regions of Route 53's endpoint by partition, in which CloudTrail records its events.
const ROUTE53: &[(&str, &str)] = &[
    ("aws", "us-east-1"),
    ("aws-cn", "cn-northwest-1"),
    ("aws-eusc", "eusc-de-east-1"),
    ("aws-us-gov", "us-gov-west-1"),
    ("aws-iso", "us-iso-east-1"),
    ("aws-iso-b", "us-isob-east-1"),
    ("aws-iso-e", "eu-isoe-west-1"),
    ("aws-iso-f", "us-isof-south-1"),
];

/// An empty row: each row below states only the fields that differ from it.
const ROW: Service = Service {
    name: "",
    crate_name: "",
    iam_prefix: "",
    event_source: "",
    scope: ServiceScope::Regional,
    rates: &[],
    codes: &[],
    texts: &[],
    unset: &[],
    actions: &[],
    tagging: &[],
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
            Rate { operations: Only(&["PutCompositeAlarm"]), per_second: 3.0, burst: 3.0 },
            Rate { operations: Only(&["DeleteAlarms"]), per_second: 3.0, burst: 3.0 },
            Rate { operations: Only(&["DescribeAlarms"]), per_second: 9.0, burst: 9.0 },
            Rate { operations: Only(&["ListMetrics"]), per_second: 25.0, burst: 25.0 },
            Rate { operations: Rest, per_second: 10.0, burst: 10.0 },
        ],
        codes: &[
            (NotFound, &["ResourceNotFound", "ResourceNotFoundException"]),
            // ConcurrentModificationException has HTTP status 429 but is not throttling.
            (Conflict, &["ConcurrentModificationException", "ResourceConflict"]),
            (Other, &["InternalServiceError", "InternalServiceFault"]),
        ],
        // Two changes of an alarm at the same time; its own code, `ConcurrentModificationException`, is only for tags.
        // An alarm that was created or deleted a moment ago may not be seen yet by the call for its composite alarm.
        texts: &[
            (Conflict, "ValidationError", "A separate request to update this alarm is in progress"),
            (Conflict, "ValidationError", "in the alarm rule do not exist"),
            (Conflict, "ValidationError", "there are composite alarm(s) depending on it"),
        ],
        tagging: &[(Only(&["PutMetricAlarm"]), "TagResource")],
        resources: &[
            // PutCompositeAlarm cannot be restricted to some alarms (its API reference).
            (Only(&["DescribeAlarms", "ListMetrics", "PutCompositeAlarm"]), &["*"]),
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
            Rate { operations: Only(&["DescribeMetricFilters"]), per_second: 5.0, burst: 5.0 },
            Rate { operations: Only(&["DescribeSubscriptionFilters"]), per_second: 5.0, burst: 5.0 },
            Rate { operations: Verbs(&["Delete", "Put"]), per_second: 5.0, burst: 5.0 },
            Rate { operations: Rest, per_second: 10.0, burst: 10.0 },
        ],
        codes: &[(NotFound, &["ResourceNotFoundException"]), (Conflict, &["OperationAbortedException"])],
        // PutSubscriptionFilter sends a test message. A role or a permission that is new takes a moment to be effective.
        texts: &[
            (Conflict, "InvalidParameterException", "Could not deliver test message to specified"),
            (Conflict, "InvalidParameterException", "Could not execute the lambda function"),
        ],
        tagging: &[(Only(&["CreateLogGroup"]), "TagResource")],
        resources: &[
            (Only(&["DescribeLogGroups"]), &["*"]),
            (
                Only(&["PutSubscriptionFilter"]),
                &[
                    "arn:{partition}:logs:{region}:{account}:log-group:{name}",
                    "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
                    // A logical destination may be in another account.
                    "arn:{partition}:logs:{region}:*:destination:*",
                ],
            ),
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
            // A DependencyViolation often resolves itself: an instance that is shutting down still uses its groups.
            (Conflict, &["ConcurrentTagAccess", "DependencyViolation"]),
            (Other, &["Unavailable"]),
        ],
        tagging: &[(Verbs(&["Authorize", "Create", "Import", "Run"]), "CreateTags")],
        resources: &[
            (Verbs(&["Describe", "Get"]), &["*"]),
            // The ARNs of images and snapshots have no account id.
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
        codes: &[
            (NotFound, &["LoadBalancerNotFound", "TargetGroupNotFound"]),
            (Conflict, &["PriorRequestNotComplete"]),
        ],
        ..ROW
    },
    Service {
        name: "IAM",
        crate_name: "aws_sdk_iam",
        iam_prefix: "iam",
        event_source: "iam.amazonaws.com",
        scope: ServiceScope::Global { homes: IAM },
        rates: &[Rate { operations: Rest, per_second: 15.0, burst: 15.0 }],
        codes: &[
            (NotFound, &["NoSuchEntity", "ReportNotPresent"]),
            (NotReady, &["ReportInProgress"]),
            (Conflict, &["ConcurrentModification", "EntityTemporarilyUnmodifiable"]),
            (Other, &["ServiceFailure"]),
        ],
        tagging: &[(Only(&["CreatePolicy"]), "TagPolicy")],
        resources: &[
            (Only(&["GetAccountSummary", "ListPolicies"]), &["*"]),
            // The path of a policy is part of its ARN.
            (Rest, &["arn:{partition}:iam::{account}:policy/{name}", "arn:{partition}:iam::{account}:policy/*/{name}"]),
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
            Rate { operations: Only(&["GetPolicy"]), per_second: 15.0, burst: 15.0 },
            Rate { operations: Rest, per_second: 15.0, burst: 15.0 },
        ],
        codes: &[
            (NotFound, &["*NotFoundException"]),
            (NotReady, &["ResourceConflictException", "ResourceInUseException", "ResourceNotReadyException"]),
            (Conflict, &["PreconditionFailedException"]),
            (Other, &["ServiceException"]),
        ],
        tagging: &[(Only(&["CreateFunction"]), "TagResource")],
        resources: &[
            (
                Only(&["CreateEventSourceMapping", "GetAccountSettings", "ListEventSourceMappings", "ListFunctions"]),
                &["*"],
            ),
            (
                Only(&["DeleteEventSourceMapping", "UpdateEventSourceMapping"]),
                &["arn:{partition}:lambda:{region}:{account}:event-source-mapping:*"],
            ),
            // The resource is an alias or a version.
            (
                Only(&["DeleteProvisionedConcurrencyConfig", "PutProvisionedConcurrencyConfig"]),
                &["arn:{partition}:lambda:{region}:{account}:function:{name}:*"],
            ),
            (
                Only(&["PutFunctionCodeSigningConfig"]),
                &[
                    "arn:{partition}:lambda:{region}:{account}:function:{name}",
                    "arn:{partition}:lambda:{region}:{account}:code-signing-config:*",
                ],
            ),
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
        tagging: &[(Verbs(&["Create"]), "AddTagsToResource")],
        resources: &[
            (
                Only(&["DescribeDBClusterParameterGroups", "DescribeDBClusterParameters"]),
                &["arn:{partition}:rds:{region}:{account}:cluster-pg:*"],
            ),
            (Verbs(&["Describe"]), &["*"]),
            (
                Only(&[
                    "CreateDBClusterParameterGroup",
                    "ModifyDBClusterParameterGroup",
                    "ResetDBClusterParameterGroup",
                ]),
                &["arn:{partition}:rds:{region}:{account}:cluster-pg:*"],
            ),
            (
                Only(&["CreateDBSubnetGroup", "ModifyDBSubnetGroup"]),
                &["arn:{partition}:rds:{region}:{account}:subgrp:*"],
            ),
            // IAM also checks the parameter, option and subnet groups, even defaults that the request does not name.
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
                Only(&["RestoreDBClusterFromSnapshot"]),
                &[
                    "arn:{partition}:rds:{region}:{account}:cluster:{name}",
                    "arn:{partition}:rds:{region}:{account}:cluster-pg:*",
                    "arn:{partition}:rds:{region}:{account}:cluster-snapshot:*",
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
        scope: ServiceScope::Global { homes: ROUTE53 },
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
            // The SDK reports `NotFound` for a HEAD response with status 404, which has no body.
            (NotFound, &["NoSuch*", "NotFound", "*NotFoundError"]),
            (Credentials, &["InvalidSecurity", "InvalidToken"]),
            (Denied, &["AccountProblem", "AllAccessDisabled", "NotSignedUp"]),
            (Conflict, &["ConditionalRequestConflict", "OperationAborted"]),
            (Taken, &["BucketAlreadyExists", "PermanentRedirect"]),
        ],
        // S3 checks a new destination of notifications with its policy, which SNS, SQS and Lambda propagate in seconds.
        texts: &[(Conflict, "InvalidArgument", "Unable to validate the following destination configurations")],
        unset: &[
            "NoSuchBucketPolicy",
            "NoSuchCORSConfiguration",
            "NoSuchLifecycleConfiguration",
            "NoSuchPublicAccessBlockConfiguration",
            "NoSuchTagSet",
            "NoSuchWebsiteConfiguration",
            "ObjectLockConfigurationNotFoundError",
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
            ("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration"),
            ("PutBucketAccelerateConfiguration", "PutAccelerateConfiguration"),
            ("GetBucketNotificationConfiguration", "GetBucketNotification"),
            ("PutBucketNotificationConfiguration", "PutBucketNotification"),
            ("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
            ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
            ("GetBucketReplication", "GetReplicationConfiguration"),
            ("PutBucketReplication", "PutReplicationConfiguration"),
            ("DeleteBucketReplication", "PutReplicationConfiguration"),
            ("GetBucketCors", "GetBucketCORS"),
            ("PutBucketCors", "PutBucketCORS"),
            ("DeleteBucketCors", "PutBucketCORS"),
            ("DeleteBucketTagging", "PutBucketTagging"),
        ],
        tagging: &[(Only(&["CreateBucket"]), "TagResource")],
        resources: &[(Only(&["ListBuckets"]), &["*"]), (Rest, &["arn:{partition}:s3:::{name}"])],
        ..ROW
    },
    Service {
        name: "SNS",
        crate_name: "aws_sdk_sns",
        iam_prefix: "sns",
        event_source: "sns.amazonaws.com",
        rates: &[
            Rate { operations: Only(&["TagResource", "UntagResource"]), per_second: 10.0, burst: 10.0 },
            Rate { operations: Only(&["ListTagsForResource"]), per_second: 10.0, burst: 10.0 },
            Rate { operations: Only(&["CreateTopic"]), per_second: 30.0, burst: 30.0 },
            Rate { operations: Rest, per_second: 30.0, burst: 30.0 },
        ],
        codes: &[
            (NotFound, &["NotFound", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException"]),
            (Credentials, &["InvalidSecurity", "InvalidSecurityException"]),
            (Denied, &["AuthorizationError", "AuthorizationErrorException", "KMSAccessDenied", "KMSOptInRequired"]),
            (Throttled, &["KMSThrottling", "Throttled"]),
            // StaleTag: a tag of a deleted topic with the same name still exists.
            (Conflict, &["ConcurrentAccess", "ConcurrentAccessException", "StaleTag", "StaleTagException"]),
        ],
        tagging: &[(Only(&["CreateTopic"]), "TagResource")],
        // The actions on subscriptions have no resource type (Service Authorization Reference).
        resources: &[
            (Only(&["ListTopics", "GetSubscriptionAttributes", "SetSubscriptionAttributes", "Unsubscribe"]), &["*"]),
            (Rest, &["arn:{partition}:sns:{region}:{account}:{name}"]),
        ],
        ..ROW
    },
    Service {
        name: "SQS",
        crate_name: "aws_sdk_sqs",
        iam_prefix: "sqs",
        event_source: "sqs.amazonaws.com",
        // AWS publishes no rate for ListQueues.
        rates: &[Rate { operations: Rest, per_second: 10.0, burst: 20.0 }],
        codes: &[
            (NotFound, &["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"]),
            (Throttled, &["OverLimit"]),
        ],
        ..ROW
    },
    Service {
        name: "SSM",
        crate_name: "aws_sdk_ssm",
        iam_prefix: "ssm",
        event_source: "ssm.amazonaws.com",
        rates: &[
            Rate { operations: Only(&["GetParameter", "GetParametersByPath"]), per_second: 40.0, burst: 40.0 },
            Rate { operations: Only(&["DescribeDocumentPermission"]), per_second: 10.0, burst: 10.0 },
            Rate { operations: Rest, per_second: 10.0, burst: 10.0 },
        ],
        codes: &[
            // The tagging calls return InvalidResourceId if the document does not exist.
            (NotFound, &["InvalidDocument", "InvalidResourceId", "ParameterNotFound", "ParameterVersionNotFound"]),
            (NotFound, &["*NotFoundException"]),
            (Conflict, &["TooManyUpdates"]),
        ],
        tagging: &[(Only(&["CreateDocument"]), "AddTagsToResource")],
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
