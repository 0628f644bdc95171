// SPDX-License-Identifier: Apache-2.0
//! The accounts that may use a document. A spec owns them account by account.
//!
//! AWS's rules: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ModifyDocumentPermission.html>.

use std::collections::BTreeMap;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::Risk;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write::unset;
use serde_json::{Map, Value};

use super::DocumentOp;
use super::model::{DocumentModel, EVERYONE, SharedVersion, Shares};

/// The rule of the risk that every AWS account can use the document.
pub(super) const PUBLIC: &str = "ssm-public-document";

/// The maximum number of accounts in one call (`AccountIdsToAdd`).
const BATCH: usize = 20;

/// Returns the risks of a document, desired or live.
pub(super) fn risks(model: &DocumentModel) -> Vec<Risk> {
    let is_public = model.shared_with.is_set_and(|shares| shares.get(EVERYONE).is_some_and(Setting::is_set));
    let path = format!("shared_with.{EVERYONE}");
    is_public.then(|| Risk::new(PUBLIC, path, "lets every AWS account use the document")).into_iter().collect()
}

/// Compares the accounts and adds the steps that share the document with them or stop sharing it.
pub(super) fn diff(want: &Setting<Shares>, live: Option<&DocumentModel>, out: &mut Diff<'_, DocumentOp>) {
    let live = live.map(shares).unwrap_or_default();
    let want = match want {
        Setting::Unstated => return,
        Setting::Unset => live.keys().map(|account| (account.clone(), Setting::Unset)).collect(),
        Setting::Set(want) => want.clone(),
    };
    let mut added: BTreeMap<SharedVersion, Vec<(String, Covers)>> = BTreeMap::new();
    let mut removed = Vec::new();
    for (account, version) in &want {
        let (path, found) = (format!("shared_with.{account}"), live.get(account));
        match version {
            Setting::Unstated => {}
            Setting::Unset => removed.extend(found.map(|found| (account.clone(), out.gone(&path, found)))),
            Setting::Set(version) => {
                let covers = out.value(&path, version, found);
                if !covers.is_empty() {
                    added.entry(*version).or_default().push((account.clone(), covers));
                }
            }
        }
    }
    // A document is public or shared with single accounts: SSM replaces one by the other.
    let becomes_public = added.values().flatten().any(|(account, _)| account == EVERYONE);
    let replaced = live.keys().filter(|account| !added.is_empty() && (*account == EVERYONE) != becomes_public);
    for account in replaced.filter(|account| !want.contains_key(*account)) {
        out.displaces(format!("the access of account {account} ends"));
    }
    for (version, accounts) in added {
        for (accounts, covers) in batches(accounts) {
            let op = DocumentOp::ModifyDocumentPermission { add: accounts, remove: Vec::new(), version: Some(version) };
            out.step(Phase::Widen, covers, op);
        }
    }
    for (accounts, covers) in batches(removed) {
        let op = DocumentOp::ModifyDocumentPermission { add: Vec::new(), remove: accounts, version: None };
        out.step(Phase::Narrow, covers, op);
    }
}

/// Adds the steps that end all sharing: SSM deletes only documents that are not shared.
pub(super) fn end(live: &DocumentModel, out: &mut Diff<'_, DocumentOp>) {
    diff(&Setting::Unset, Some(live), out);
}

/// Writes the accounts in spec form into the fields of a resource.
pub(super) fn write(shares: &Setting<Shares>, fields: &mut Map<String, Value>) {
    let written = match shares {
        Setting::Unstated => return,
        Setting::Unset => unset(),
        Setting::Set(shares) => {
            let word = |version: SharedVersion| serde_json::to_value(version).expect("invariant: a word is plain data");
            let value = |version: &Setting<SharedVersion>| version.get().map_or_else(unset, word);
            Value::Object(shares.iter().map(|(account, version)| (account.clone(), value(version))).collect())
        }
    };
    fields.insert("shared_with".to_owned(), written);
}

fn shares(live: &DocumentModel) -> BTreeMap<String, SharedVersion> {
    let shares = live.shared_with.value().into_iter().flatten();
    shares.filter_map(|(account, version)| Some((account.clone(), version.get()?))).collect()
}

/// Splits accounts into the batches of one call each. SSM does not accept `all` together with accounts.
fn batches(accounts: Vec<(String, Covers)>) -> Vec<(Vec<String>, Covers)> {
    let (everyone, accounts): (Vec<_>, Vec<_>) = accounts.into_iter().partition(|(account, _)| account == EVERYONE);
    let mut batches: Vec<(Vec<String>, Covers)> = Vec::new();
    for (index, (account, covers)) in accounts.into_iter().enumerate() {
        if index % BATCH == 0 {
            batches.push((Vec::new(), Covers::default()));
        }
        if let Some((names, all)) = batches.last_mut() {
            names.push(account);
            *all = std::mem::take(all).and(covers);
        }
    }
    batches.extend(everyone.into_iter().map(|(account, covers)| (vec![account], covers)));
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(accounts: &[&str]) -> DocumentModel {
        let shares = accounts.iter().map(|account| ((*account).to_owned(), Setting::Set(SharedVersion::Default)));
        DocumentModel { shared_with: Setting::Set(shares.collect()), ..DocumentModel::default() }
    }

    #[test]
    fn accounts_are_shared_in_batches_and_others_are_kept() {
        let accounts: Vec<String> = (0..45).map(|number| format!("{number:012}")).collect();
        let want = model(&accounts.iter().map(String::as_str).collect::<Vec<_>>());
        let mut out = Diff::new(true, &[]);
        diff(&want.shared_with, Some(&model(&["999999999999", "000000000000"])), &mut out);
        let draft = out.finish().unwrap();
        let sizes: Vec<usize> = draft.steps.iter().map(|step| step.covers.len()).collect();
        assert_eq!((sizes, draft.deletes.len()), (vec![20, 20, 4], 0));
    }

    #[test]
    fn a_public_document_is_a_risk_and_accounts_of_others_are_displaced() {
        assert_eq!(risks(&model(&["210987654321"])), []);
        assert_eq!(risks(&model(&[EVERYONE]))[0].rule, PUBLIC);
        let mut out = Diff::new(true, &[]).adopted(true);
        diff(&model(&[EVERYONE]).shared_with, Some(&model(&["210987654321"])), &mut out);
        assert_eq!(out.finish().unwrap().deletes.len(), 1);
    }

    #[test]
    fn unset_ends_the_access_of_all_accounts() {
        let mut out = Diff::new(true, &[]);
        end(&model(&["210987654321", "310987654321"]), &mut out);
        let draft = out.finish().unwrap();
        assert_eq!(draft.steps[0].op["ModifyDocumentPermission"]["remove"].as_array().unwrap().len(), 2);
    }
}
