// SPDX-License-Identifier: Apache-2.0
//! IAM: version numbers of a policy are never reused (IAM User Guide, "Versioning IAM policies"). The emulated service
//! starts again at 1 after its state was restored, so the answer of CreatePolicyVersion is corrected
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>).

use winterbaume_core::{MockResponse, StatefulService};

use super::{Sent, parameter};
use crate::ACCOUNT;
use crate::services::Services;

/// The region that holds the state of global services.
const HOME: &str = "us-east-1";

pub(super) async fn after(services: &Services, sent: &Sent, mut answer: MockResponse) -> MockResponse {
    if answer.status != 200 || parameter(&sent.body, "Action").as_deref() != Some("CreatePolicyVersion") {
        return answer;
    }
    let arn = parameter(&sent.body, "PolicyArn").unwrap_or_default();
    let mut view = services.iam.snapshot(ACCOUNT, HOME).await;
    let Some(policy) = view.policies.get_mut(&arn) else { return answer };
    let Some((newest, others)) = policy.versions.split_last_mut() else { return answer };
    let number = |id: &str| id.trim_start_matches('v').parse::<u32>().unwrap_or(0);
    let last = others.iter().map(|version| number(&version.version_id)).max().unwrap_or(0);
    if number(&newest.version_id) > last {
        return answer;
    }
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let id = format!("v{}", last + 1);
    answer.body = text.replace(&format!(">{}<", newest.version_id), &format!(">{id}<")).into();
    newest.version_id.clone_from(&id);
    if newest.is_default_version {
        policy.default_version_id = id;
    }
    // Restoring a state that this service returned cannot fail.
    let _ = services.iam.restore(ACCOUNT, HOME, view).await;
    answer
}
