// SPDX-License-Identifier: Apache-2.0
//! The risks of a bucket.

use regionctl_core::kind::Risk;

use super::BucketModel;
use super::website::Website;

const PUBLIC_POLICY: &str = "s3-public-policy";
const POLICY_LOCKOUT: &str = "s3-policy-lockout";
const BLOCK_OFF: &str = "s3-block-off";
const PUBLIC_WEBSITE: &str = "s3-public-website";
/// The rule of a weaker default retention, which is a risk of the change and not of the bucket.
pub const WEAKER_RETENTION: &str = "s3-weaker-retention";

/// The risk rules that a bucket's `waiver:` waives.
pub const RULES: [&str; 5] = [PUBLIC_POLICY, POLICY_LOCKOUT, BLOCK_OFF, PUBLIC_WEBSITE, WEAKER_RETENTION];

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
    // With RestrictPublicBuckets, S3 ignores what a public policy grants to everyone.
    let is_restricted = model.public_access_block.is_set_and(|block| block.restrict_public_buckets);
    let is_public = !is_restricted && !policy.public_statements().is_empty();
    if is_public && model.website.is_set_and(Website::serves_objects) {
        let what = "serves the objects over HTTP as a website, and the policy grants public access";
        risks.push(Risk::new(PUBLIC_WEBSITE, "website", what));
    }
    for (sid, statement) in policy.lockout_statements() {
        let what = format!("denies access from outside the VPC, including regionctl, in the policy statement {sid}");
        risks.push(Risk::new(POLICY_LOCKOUT, path(statement), what));
    }
    risks
}
