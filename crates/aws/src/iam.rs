//! The IAM action of an API operation. Most bear the operation's name; S3's often do not
//! (Service Authorization Reference, "Actions defined by Amazon S3").

/// Returns the action, such as `s3:GetEncryptionConfiguration` for `S3 GetBucketEncryption`.
pub fn action(service: &str, operation: &str) -> String {
    let prefix = match service {
        "CloudTrail" => "cloudtrail",
        "CloudWatch" => "cloudwatch",
        "CloudWatch Logs" => "logs",
        "EC2" => "ec2",
        "Elastic Load Balancing v2" => "elasticloadbalancing",
        "IAM" => "iam",
        "Lambda" => "lambda",
        "RDS" => "rds",
        "Route 53" => "route53",
        "S3" => "s3",
        "SNS" => "sns",
        "SSM" => "ssm",
        "STS" => "sts",
        other => other,
    };
    let name = match (service, operation) {
        ("S3", "HeadBucket") => "ListBucket",
        ("S3", "ListBuckets") => "ListAllMyBuckets",
        ("S3", "GetPublicAccessBlock") => "GetBucketPublicAccessBlock",
        ("S3", "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("S3", "GetBucketEncryption") => "GetEncryptionConfiguration",
        ("S3", "PutBucketEncryption") => "PutEncryptionConfiguration",
        ("S3", "GetBucketLifecycleConfiguration") => "GetLifecycleConfiguration",
        ("S3", "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle") => "PutLifecycleConfiguration",
        ("S3", "GetBucketReplication") => "GetReplicationConfiguration",
        ("S3", "PutBucketReplication") => "PutReplicationConfiguration",
        ("S3", "GetBucketCors") => "GetBucketCORS",
        ("S3", "PutBucketCors" | "DeleteBucketCors") => "PutBucketCORS",
        (_, operation) => operation,
    };
    format!("{prefix}:{name}")
}
