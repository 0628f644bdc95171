// SPDX-License-Identifier: Apache-2.0
//! Writes and reads snapshot documents. A digest detects edits.
//!
//! A document contains no secrets. A token replaces each one. Equal secrets have the same token, so that a plan can
//! still compare them. A token reveals only which region codes the secret contains.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::snapshot::{DesiredSeals, Reading, RegionSnapshot, Seals, Snapshot};
use crate::desire::fill::Inventory;
use crate::desire::fingerprint;
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::format::{self, Document, WrongDocument};
use crate::resource::secret;
use crate::spec::Spec;

/// The format version of snapshot documents. [`read`] refuses other versions.
pub const FORMAT: u32 = 2;

/// The maximum size of a document in bytes: 256 MiB.
pub const MAX_BYTES: u64 = 256 << 20;

/// A snapshot document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Snapshot")]
pub struct Stored {
    /// The format version of this document: 2.
    pub format: u32,
    /// The tool that took the snapshot, with its version: `regionctl 1.2.3`.
    pub tool: String,
    /// The SHA-256 digest of `regions` and `seals`, in lowercase hexadecimal. It detects edits and truncation.
    pub digest: String,
    /// The regions that were read, sorted by account and region.
    pub regions: Vec<StoredRegion>,
    /// The tokens of the secrets in the desired resources of the specs that the snapshot was taken for. Empty if the
    /// snapshot was taken without a spec.
    #[serde(default)]
    pub seals: Seals,
}

/// The live resources and gaps of one region of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoredRegion {
    /// The twelve-digit account id.
    pub account: String,
    /// The region's code: `eu-central-1`.
    pub region: String,
    /// The VPCs and live resources of the region.
    #[serde(flatten)]
    pub content: RegionSnapshot,
}

/// Why a text is not a usable snapshot document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// A member of the document is invalid.
    #[error("the document is invalid: {0}")]
    Unreadable(String),
    /// It is another document, or has another format version.
    #[error(transparent)]
    Wrong(#[from] WrongDocument),
    /// It was edited.
    #[error("it was edited after it was taken: its content does not match its digest")]
    Edited,
}

impl SnapshotError {
    /// Returns the diagnostic for a file, with the next step.
    pub fn diagnostic(&self, file: &str) -> Diagnostic {
        let code = match self {
            Self::Wrong(WrongDocument::Format { .. }) => "snapshot-format",
            Self::Unreadable(_) | Self::Wrong(_) => "unreadable-snapshot",
            Self::Edited => "snapshot-edited",
        };
        Diagnostic::new(code, format!("'{file}' is not a usable snapshot: {self}"))
            .help("take a new snapshot: `regionctl snapshot SPEC -o FILE`")
    }
}

/// Returns the JSON document of a snapshot. `specs` are the specs that it was taken for, each with its inventory.
///
/// # Guarantees
/// Contains no secret of a live resource or of a spec. The same snapshot gives the same text.
pub fn write(tool: &str, snapshot: &Snapshot, specs: &[(&Spec, &Inventory)]) -> String {
    let mut tokens = Tokens::default();
    let mut regions = snapshot.regions.clone();
    for region in regions.values_mut() {
        seal(region, &mut tokens);
    }
    let regions: Vec<StoredRegion> =
        regions.into_iter().map(|((account, region), content)| StoredRegion { account, region, content }).collect();
    let mut seals = Seals::default();
    for (spec, inventory) in specs {
        for expanded in &inventory.wants {
            let address = &expanded.want.address;
            let Some(secrets) = inventory.secrets.get(address) else { continue };
            let key = format!("{}/{}/{address}", spec.account, spec.region);
            let tokens = secrets.iter().map(|(path, value)| (path.clone(), tokens.of(value))).collect();
            let rewritten = expanded.followed.iter().flat_map(|followed| &followed.rewritten);
            let rewritten = rewritten.filter(|(path, _)| secrets.contains_key(*path));
            let rewritten = rewritten.map(|(path, what)| (path.clone(), what.clone())).collect();
            seals.desired.insert(key, DesiredSeals { spec: spec.digest.clone(), tokens, rewritten });
        }
    }
    let digest = digest_of(&regions, &seals);
    let stored = Stored { format: FORMAT, tool: tool.to_owned(), digest, regions, seals };
    serde_json::to_string_pretty(&stored).expect("invariant: snapshots are plain data") + "\n"
}

/// Reads a snapshot document.
///
/// # Errors
/// See [`SnapshotError`].
pub fn read(text: &str) -> Result<Snapshot, SnapshotError> {
    format::expect(text, Document::Snapshot, FORMAT)?;
    let unreadable = |error: serde_json::Error| SnapshotError::Unreadable(error.to_string());
    let stored: Stored = serde_json::from_str(text).map_err(unreadable)?;
    if stored.digest != digest_of(&stored.regions, &stored.seals) {
        return Err(SnapshotError::Edited);
    }
    let regions = stored.regions.into_iter().map(|region| ((region.account, region.region), region.content));
    Ok(Snapshot { regions: regions.collect(), seals: Some(stored.seals) })
}

fn digest_of(regions: &[StoredRegion], seals: &Seals) -> String {
    let json = serde_json::to_value((regions, seals)).expect("invariant: snapshots are plain data");
    digest::of_json(&json)
}

/// The assigned tokens, by secret.
#[derive(Default)]
struct Tokens(BTreeMap<String, String>);

impl Tokens {
    fn of(&mut self, value: &str) -> String {
        if secret::is_seal(value) {
            return value.to_owned();
        }
        let next = secret::seal_of(self.0.len() + 1, value);
        self.0.entry(value.to_owned()).or_insert(next).clone()
    }
}

fn seal(region: &mut RegionSnapshot, tokens: &mut Tokens) {
    for reading in region.kinds.values_mut().flat_map(|kind| kind.names.values_mut()) {
        let Reading::Found { resource, .. } = reading else { continue };
        resource.sealed = fingerprint::of_secrets(resource);
        for (path, value) in secret::of_model(&resource.model) {
            secret::put(&mut resource.model, &path, &tokens.of(&value));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::location::Location;
    use crate::observe::scope::{Depth, LiveResource, Observation, Scope};
    use crate::resource::reference::Attributes;

    fn snapshot() -> Snapshot {
        let location = Location {
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
            vpc: None,
        };
        let scope = Scope { everything: Some(Depth::Whole), ..Scope::of(location) };
        let model =
            |secret: &str| json!({"environment": {"A": {"$secret": secret}, "B": {"$secret": "hunter2"}}, "x": null});
        let seen = [("a", "hunter2"), ("b", "other")]
            .map(|(name, secret)| LiveResource::new(name, model(secret), Attributes::new()));
        let mut snapshot = Snapshot::default();
        snapshot.add("t.t", &scope, Ok(Observation { resources: seen.to_vec(), gaps: Vec::new() }));
        snapshot
    }

    #[test]
    fn a_document_contains_no_secret_and_can_be_read_back() {
        let text = write("test", &snapshot(), &[]);
        assert!(!text.contains("hunter2") && !text.contains("other"), "{text}");
        let read = read(&text).unwrap();
        let found = |name: &str| match &read.regions.values().next().unwrap().kinds["t.t"].names[name] {
            Reading::Found { resource, .. } => resource.clone(),
            other => panic!("{other:?}"),
        };
        let token = |name: &str, key: &str| found(name).model["environment"][key].clone();
        assert_eq!(token("a", "A"), token("a", "B"), "equal secrets have the same token");
        assert_ne!(token("b", "A"), token("b", "B"));
        assert!(found("a").sealed.is_some() && found("a").sealed != found("b").sealed);
        assert!(found("a").model.get("x").unwrap().is_null(), "unset stays unset");
    }

    #[test]
    fn a_document_that_is_truncated_edited_or_of_another_format_is_refused() {
        let text = write("test", &snapshot(), &[]);
        assert!(read(&text[..text.len() / 2]).unwrap_err().to_string().contains("truncated"));
        assert_eq!(read(&text.replace("\"b\"", "\"c\"")), Err(SnapshotError::Edited));
        let other = read(&text.replace("\"format\": 2", "\"format\": 1")).unwrap_err();
        assert!(matches!(other, SnapshotError::Wrong(WrongDocument::Format { found: 1, expected: 2, .. })), "{other}");
        assert!(read("{}").is_err() && read("").is_err() && read("[]").is_err());
    }
}
