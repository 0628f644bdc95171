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

/// Returns the IAM action that an operation needs in addition to create a resource with tags.
pub fn tagging_action(service: &str, operation: &str) -> Option<String> {
    let row = services::by_name(service)?;
    row.tagging(operation).map(|action| format!("{}:{action}", row.iam_prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_can_differ_from_the_operation() {
        assert_eq!(action("S3", "HeadBucket"), "s3:ListBucket");
        assert_eq!(action("S3", "DeleteBucketCors"), "s3:PutBucketCORS");
        assert_eq!(action("CloudWatch Logs", "PutRetentionPolicy"), "logs:PutRetentionPolicy");
        assert_eq!(tagging_action("SSM", "CreateDocument").as_deref(), Some("ssm:AddTagsToResource"));
        assert_eq!(tagging_action("SSM", "UpdateDocument"), None);
    }
}
