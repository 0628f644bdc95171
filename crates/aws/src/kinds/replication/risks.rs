// SPDX-License-Identifier: Apache-2.0
//! The risks of replication rules.

use regionctl_core::kind::Risk;

use super::ReplicationModel;

/// The risk rule of replication to another account.
pub(super) const OTHER_ACCOUNT: &str = "s3-replication-account";

/// Returns the risks of a bucket's rules, desired or live.
pub(super) fn risks(model: &ReplicationModel) -> Vec<Risk> {
    let to_accounts = model.rules.iter().filter(|(_, rule)| rule.enabled);
    let to_accounts = to_accounts.filter_map(|(id, rule)| Some((id, rule, rule.account.value()?)));
    to_accounts
        .map(|(id, rule, account)| {
            let path = format!("rules.{id} {account} {}", rule.destination);
            Risk::new(OTHER_ACCOUNT, path, format!("replicates objects to the account {account} (rule {id})"))
        })
        .collect()
}
