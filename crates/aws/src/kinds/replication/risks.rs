// SPDX-License-Identifier: Apache-2.0
//! The risks of replication rules, and rules that fail.

use regionctl_core::kind::Risk;
use regionctl_core::observe::seen::Seen;
use regionctl_core::resource::setting::Setting;

use super::ReplicationModel;
use crate::kinds::replication_failures::failed;

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

/// The rule of replication whose operations fail.
pub(super) const FAILS: &str = "s3-replication-fails";

/// Returns a defect for each rule of the spec of which operations failed. S3 counts them only for rules with metrics.
pub(super) fn defects(want: &ReplicationModel, live: Option<&ReplicationModel>, seen: &Seen<'_>) -> Vec<Risk> {
    let counted = live
        .into_iter()
        .flat_map(|live| &live.rules)
        .filter(|(id, rule)| want.rules.contains_key(*id) && rule.enabled && rule.metrics == Setting::Set(true));
    let failing = counted.filter_map(|(id, rule)| {
        let destination = rule.destination.rsplit(':').next()?;
        let failed = failed(seen, &want.region, &want.bucket, destination, id)?;
        let what = format!("replication fails: {failed} operations failed in the last 24 hours (rule {id})");
        Some(Risk::new(FAILS, format!("rules.{id}"), what))
    });
    failing.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regionctl_core::observe::location::Location;
    use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
    use regionctl_core::observe::snapshot::Snapshot;
    use regionctl_core::resource::reference::Attributes;
    use serde_json::json;

    use super::*;
    use crate::kinds::replication_failures::NAME;

    #[test]
    fn a_rule_whose_operations_failed_is_named() {
        let model = |metrics: bool| -> ReplicationModel {
            let rule = json!({"destination": "arn:aws:s3:::copies", "enabled": true, "metrics": metrics});
            serde_json::from_value(json!({
                "bucket": "originals", "region": "us-east-1", "rules": {"all": rule}, "absent": [], "versioned": true,
                "local": false,
            }))
            .unwrap()
        };
        let (here, desired) = (Location::of("1", "eu-central-1"), BTreeSet::new());
        let found = |metrics: bool, failed: u64| {
            let mut scope = Scope::of(here.in_region("us-east-1"));
            scope.ask("originals/copies/all", Depth::existence());
            let live = LiveResource::new("originals/copies/all", json!({"failed": failed}), Attributes::new());
            let mut snapshot = Snapshot::default();
            snapshot.add(NAME, &scope, Ok(Observation { resources: vec![live], gaps: Vec::new() }));
            let live = model(metrics);
            defects(&model(true), Some(&live), &Seen::new(&snapshot, &here, &[], &desired))
        };
        assert_eq!(found(true, 7)[0].what, "replication fails: 7 operations failed in the last 24 hours (rule all)");
        assert!(found(true, 0).is_empty() && found(false, 7).is_empty());
    }
}
