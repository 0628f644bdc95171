//! What is dangerous about a bucket.

use regionctl_core::kind::Risk;

use super::BucketModel;

const PUBLIC_POLICY: &str = "s3-public-policy";
const POLICY_LOCKOUT: &str = "s3-policy-lockout";
const BLOCK_OFF: &str = "s3-block-off";

/// The rules that a bucket's `waiver:` waives.
pub const RULES: [&str; 3] = [PUBLIC_POLICY, POLICY_LOCKOUT, BLOCK_OFF];

/// Returns what is dangerous about a bucket, desired or live.
pub fn risks(model: &BucketModel) -> Vec<Risk> {
    let lifted = model.public_access_block.value().map(|block| block.off()).unwrap_or_default();
    let mut risks: Vec<Risk> = lifted
        .into_iter()
        .map(|block| {
            let what = format!("leaves {block} off, which AWS has on in every new bucket");
            Risk::new(BLOCK_OFF, format!("public_access_block.{block}"), what)
        })
        .collect();
    let Some(policy) = model.policy.value() else { return risks };
    // A statement that is another than before is a risk of its own.
    let path = |statement: String| format!("policy {statement}");
    for (sid, statement) in policy.public_statements() {
        let path = path(statement);
        risks.push(Risk::new(PUBLIC_POLICY, path, format!("lets everyone in by the policy's statement {sid}")));
    }
    for (sid, statement) in policy.lockout_statements() {
        let what = format!("shuts out everyone outside the VPC by the policy's statement {sid}, regionctl included");
        risks.push(Risk::new(POLICY_LOCKOUT, path(statement), what));
    }
    risks
}
