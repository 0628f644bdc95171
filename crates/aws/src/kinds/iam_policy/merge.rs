// SPDX-License-Identifier: Apache-2.0
//! Merging statements into a policy that other callers change too. IAM has no conditional write: version numbers show
//! concurrent changes, because IAM never reuses them (IAM User Guide, "Versioning IAM policies").

use aws_sdk_iam::Client;
use regionctl_core::observe::failure::{Failure, FailureClass};

use super::document::{self, Edit, MAX_CHARACTERS, characters};
use crate::error::{CallError, if_found};

/// The most versions of a managed policy (IAM User Guide, "IAM and AWS STS quotas").
const MAX_VERSIONS: usize = 5;

const CREATE: &str = "IAM CreatePolicyVersion";

/// A policy's default version ID, and the numbers of its other versions.
pub(super) struct Versions {
    pub(super) default: String,
    others: Vec<u32>,
}

impl Versions {
    /// Returns the highest version number.
    fn newest(&self) -> u32 {
        self.others.iter().copied().chain(number(&self.default)).max().unwrap_or_default()
    }

    /// Returns the number of the oldest non-default version if the policy has the most versions. Versions that are
    /// older than the default version come first: a newer one may be a draft.
    pub(super) fn to_delete(&self) -> Option<u32> {
        let is_full = self.others.len() + 1 >= MAX_VERSIONS;
        self.others.iter().copied().filter(|_| is_full).min()
    }

    /// Whether a version is newer than the default version.
    pub(super) fn is_newer(&self, version: u32) -> bool {
        number(&self.default).is_none_or(|default| version > default)
    }

    /// Returns the versions that are newer than the default version, such as drafts.
    pub(super) fn newer(&self) -> Vec<String> {
        let mut newer: Vec<u32> = self.others.iter().copied().filter(|version| self.is_newer(*version)).collect();
        newer.sort_unstable();
        newer.into_iter().map(|version| format!("v{version}")).collect()
    }
}

/// Reads all versions of a policy.
pub(super) async fn versions(api: &Client, arn: &str) -> Result<Versions, CallError> {
    const CALL: &str = "IAM ListPolicyVersions";
    let mut pages = api.list_policy_versions().policy_arn(arn).into_paginator().send();
    let mut versions = Versions { default: String::new(), others: Vec::new() };
    while let Some(page) = pages.next().await {
        for version in page?.versions() {
            let id = version.version_id().unwrap_or_default();
            let Some(found) = number(id) else { return Err(CallError::unknown(CALL, "the version", id)) };
            if version.is_default_version() {
                id.clone_into(&mut versions.default);
            } else {
                versions.others.push(found);
            }
        }
    }
    if versions.default.is_empty() {
        return Err(CallError::unknown(CALL, "a policy without a default version", arn));
    }
    Ok(versions)
}

fn number(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.parse().ok()
}

/// Returns a version's document. GetPolicyVersion URL-encodes it
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html>).
pub(super) async fn text_of(api: &Client, arn: &str, version: &str) -> Result<String, CallError> {
    let answer = api.get_policy_version().policy_arn(arn).version_id(version).send().await?;
    let text = answer.policy_version().and_then(|version| version.document()).unwrap_or_default();
    Ok(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned())
}

/// Merges the statements into the default version and creates a new default version.
///
/// If another caller creates a version in between, merges into that version too, so that its changes are not lost.
/// Versions that existed before and are not the default are not merged: they may be drafts.
pub(super) async fn merge(api: &Client, arn: &str, edit: &Edit) -> Result<(), CallError> {
    const TRIES: usize = 6;
    let mut now = versions(api, arn).await?;
    // The default version need not be the newest: versions that already exist are not concurrent changes.
    let (mut read, mut base) = (now.newest(), now.default.clone());
    let mut own: Vec<u32> = Vec::new();
    let mut refused = None;
    for _ in 0..TRIES {
        let text = text_of(api, arn, &base).await?;
        let document = changed(&text, edit, CREATE)?;
        // Once a version of ours is the default, the concurrent version must replace it even if nothing is added.
        if document == text && own.is_empty() {
            return Ok(());
        }
        let made = match create(api, arn, document).await {
            Ok(made) => made,
            // Other callers created versions since the list was read.
            Err(error) if error.is("LimitExceeded") => {
                now = versions(api, arn).await?;
                if own.is_empty() {
                    (read, base) = (now.newest(), now.default.clone());
                }
                make_room(api, arn, &now).await?;
                refused = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        refused = None;
        now = versions(api, arn).await?;
        // Version numbers only grow, so another caller created each version in between that is not ours.
        let theirs = |other: &&u32| (read + 1..made).contains(*other) && !own.contains(other);
        let Some(other) = now.others.iter().filter(theirs).max() else { return Ok(()) };
        (base, read) = (format!("v{other}"), made);
        own.push(made);
        // The next attempt creates another version, and IAM rejects a sixth.
        make_room(api, arn, &now).await?;
    }
    let message = "other callers keep changing the policy concurrently: apply again";
    Err(refused.unwrap_or_else(|| CallError(Failure::new(FailureClass::Conflict, CREATE, message))))
}

/// Creates a default version and returns its number.
async fn create(api: &Client, arn: &str, document: String) -> Result<u32, CallError> {
    let call = api.create_policy_version().policy_arn(arn).policy_document(document).set_as_default(true);
    let made = call.send().await?;
    let id = made.policy_version().and_then(|version| version.version_id()).unwrap_or_default();
    number(id).ok_or_else(|| CallError::unknown(CREATE, "the version", id))
}

/// Deletes the oldest version if the policy has the most versions. Does not delete a version that may be a draft.
async fn make_room(api: &Client, arn: &str, now: &Versions) -> Result<(), CallError> {
    let Some(oldest) = now.to_delete() else { return Ok(()) };
    if now.is_newer(oldest) {
        let message =
            format!("the policy has {MAX_VERSIONS} versions, and v{oldest} may be a draft: delete one of them");
        return Err(CallError(Failure::new(FailureClass::Invalid, CREATE, message)));
    }
    let deleted = api.delete_policy_version().policy_arn(arn).version_id(format!("v{oldest}")).send().await;
    if_found(deleted.map_err(CallError::from)).map(|_| ())
}

/// Returns the changed document.
///
/// # Errors
/// The document cannot be parsed, has no statement after the change, or is larger than IAM allows.
pub(super) fn changed(text: &str, edit: &Edit, call: &str) -> Result<String, CallError> {
    let invalid = |message: String| CallError(Failure::new(FailureClass::Invalid, call, message));
    let document = document::merge(text, edit).map_err(|error| unreadable(&error))?;
    let parsed = document::parse(&document).map_err(|error| unreadable(&error))?;
    if parsed.statements.is_empty() && parsed.unnamed.is_empty() {
        return Err(invalid("no statement would remain, and IAM accepts no policy without one".to_owned()));
    }
    let size = characters(&document);
    if size > MAX_CHARACTERS {
        return Err(invalid(format!(
            "the document would have {size} characters without white space, more than the {MAX_CHARACTERS} that IAM \
             allows: remove statements, or move some to another policy"
        )));
    }
    Ok(document)
}

/// Returns the failure of a document that cannot be parsed.
pub(super) fn unreadable(error: &serde_json::Error) -> CallError {
    let message = format!("cannot parse the policy's default version: {error}");
    CallError(Failure::new(FailureClass::Unknown, "IAM GetPolicyVersion", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_five_versions_is_deleted_unless_it_may_be_a_draft() {
        let of = |default: &str, others: &[u32]| Versions { default: default.to_owned(), others: others.to_vec() };
        assert_eq!(of("v5", &[1, 2, 3]).to_delete(), None);
        let full = of("v5", &[4, 3, 2, 6]);
        assert_eq!((full.to_delete(), full.newer(), full.newest()), (Some(2), vec!["v6".to_owned()], 6));
        let drafts = of("v1", &[2, 3, 4, 5]);
        assert!(drafts.to_delete().is_some_and(|oldest| drafts.is_newer(oldest)));
    }

    #[test]
    fn a_document_that_iam_would_reject_is_not_sent() {
        let theirs = format!(
            r#"{{"Statement":[{{"Sid":"A","Effect":"Allow","Action":"a:B","Resource":"{}"}}]}}"#,
            "x".repeat(MAX_CHARACTERS - 80)
        );
        assert!(changed(&theirs, &Edit::default(), CREATE).is_ok());
        let statement = serde_json::json!({"Sid": "B", "Effect": "Allow", "Action": "a:B", "Resource": "*"});
        let policy = regionctl_core::model::policy::Policy::of_statement(&statement);
        let edit = Edit { statements: [("B".to_owned(), policy)].into(), ..Edit::default() };
        let failure = changed(&theirs, &edit, CREATE).unwrap_err().0;
        assert!(failure.class == FailureClass::Invalid && failure.message.contains("6144"), "{failure}");
        let edit = Edit { absent: ["A".to_owned()].into(), ..Edit::default() };
        assert!(changed(&theirs, &edit, CREATE).unwrap_err().0.message.contains("no statement"));
    }
}
