//! What is dangerous about a bucket.

use std::collections::BTreeMap;

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
    for (path, sid) in paths(policy.public_statements()) {
        risks.push(Risk::new(PUBLIC_POLICY, path, format!("lets everyone in by the policy's statement {sid}")));
    }
    for (path, sid) in paths(policy.lockout_statements()) {
        let what = format!("shuts out everyone outside the VPC by the policy's statement {sid}, regionctl included");
        risks.push(Risk::new(POLICY_LOCKOUT, path, what));
    }
    risks
}

/// Gives each statement a path of its own, also where several have no Sid: one more than before is one more risk.
fn paths(sids: Vec<String>) -> Vec<(String, String)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut paths = Vec::new();
    for sid in sids {
        let count = seen.entry(sid.clone()).or_default();
        *count += 1;
        let path = if *count == 1 { format!("policy[{sid}]") } else { format!("policy[{sid} {count}]") };
        paths.push((path, sid));
    }
    paths
}
