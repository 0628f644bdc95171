// SPDX-License-Identifier: Apache-2.0
//! The risks of a bucket.

use regionctl_core::kind::Risk;

use super::BucketModel;

const PUBLIC_POLICY: &str = "s3-public-policy";
const POLICY_LOCKOUT: &str = "s3-policy-lockout";
const BLOCK_OFF: &str = "s3-block-off";

/// The risk rules that a bucket's `waiver:` waives.
pub const RULES: [&str; 3] = [PUBLIC_POLICY, POLICY_LOCKOUT, BLOCK_OFF];

/// Returns the risks of a bucket, desired or live.
pub fn risks(model: &BucketModel) -> Vec<Risk> {
    let off = model.public_access_block.value().map(|block| block.off()).unwrap_or_default();
    let mut risks: Vec<Risk> = off
        .into_iter()
        .map(|block| {
            let what = format!("leaves {block} off, which S3 turns on for new buckets");
            Risk::new(BLOCK_OFF, format!("public_access_block.{block}"), what)
        })
        .collect();
    let Some(policy) = model.policy.value() else { return risks };
    // The path holds the statement's content, so a changed statement is a new risk.
    let path = |statement: String| format!("policy {statement}");
    for (sid, statement) in policy.public_statements() {
        let path = path(statement);
        risks.push(Risk::new(PUBLIC_POLICY, path, format!("grants public access in the policy statement {sid}")));
    }
    for (sid, statement) in policy.lockout_statements() {
        let what = format!("denies access from outside the VPC, including regionctl, in the policy statement {sid}");
        risks.push(Risk::new(POLICY_LOCKOUT, path(statement), what));
    }
    risks
}
