// SPDX-License-Identifier: Apache-2.0
//! The IAM action of an API operation. Most have the operation's name; S3's often do not
//! (Service Authorization Reference, "Actions defined by Amazon S3").

use crate::services;

/// Returns the IAM action of an operation, such as `s3:GetEncryptionConfiguration` for `S3 GetBucketEncryption`.
pub fn action(service: &str, operation: &str) -> String {
    match services::by_name(service) {
        Some(row) => format!("{}:{}", row.iam_prefix, row.action(operation)),
        None => format!("{service}:{operation}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_can_differ_from_the_operation() {
        assert_eq!(action("S3", "HeadBucket"), "s3:ListBucket");
        assert_eq!(action("S3", "DeleteBucketCors"), "s3:PutBucketCORS");
        assert_eq!(action("CloudWatch Logs", "PutRetentionPolicy"), "logs:PutRetentionPolicy");
    }
}
