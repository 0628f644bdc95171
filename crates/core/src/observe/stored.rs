//! Snapshots as documents: sealed, with a digest by which a changed one is refused.
//!
//! A document holds no secret. Each is replaced by a token; equal secrets have one token, so that a plan still sees
//! whether two are equal. Of the secret itself a token says only which regions it names.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::snapshot::{DesiredSeals, Reading, Region, Seals, Snapshot};
use crate::desire::fill::Inventory;
use crate::desire::fingerprint;
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::resource::secret;
use crate::spec::Spec;

/// The version of the snapshot's JSON; a reader refuses others.
pub const FORMAT: u32 = 1;

/// The largest document that is read, in bytes: 256 MiB.
pub const MAX_BYTES: u64 = 256 << 20;

/// A snapshot's document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The version of this document's form, 1.
    pub format: u32,
    /// The version of regionctl that took it.
    pub tool: String,
    /// The digest of the rest of the document.
    pub digest: String,
    /// What was read, a region of an account each.
    pub regions: Vec<StoredRegion>,
    /// What stands for the secrets that specs wanted.
    #[serde(default)]
    pub seals: Seals,
}

/// One region of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoredRegion {
    /// The account's twelve digits.
    pub account: String,
    /// The region's code.
    pub region: String,
    /// What was read there.
    #[serde(flatten)]
    pub content: Region,
}

/// Why a text is not a snapshot that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASnapshot {
    /// It is not such a document at all, or is truncated.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Another version of the document.
    #[error("it has format {found}, and this regionctl reads format {FORMAT}")]
    Format {
        /// The document's format.
        found: u64,
    },
    /// Somebody changed it.
    #[error("it was changed after it was taken: its content does not match its digest")]
    Edited,
}

impl NotASnapshot {
    /// Says what is wrong with a file, and what to do.
    pub fn diagnostic(&self, file: &str) -> Diagnostic {
        let code = match self {
            Self::Unreadable(_) => "unreadable-snapshot",
            Self::Format { .. } => "snapshot-format",
            Self::Edited => "snapshot-edited",
        };
        Diagnostic::new(code, format!("{file} is not a snapshot that can be used: {self}"))
            .help("take a new one: regionctl snapshot SPEC -o FILE")
    }
}

/// Writes a snapshot's document. `specs` are those that it was taken for, each with what it wants.
///
/// # Guarantees
/// No secret of a live resource or of a spec is in it. The same snapshot gives the same text.
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

/// Reads a snapshot's document.
///
/// # Errors
/// See [`NotASnapshot`].
pub fn read(text: &str) -> Result<Snapshot, NotASnapshot> {
    /// What tells the form of a document, whatever else is in it.
    #[derive(Deserialize)]
    struct Head {
        format: u64,
    }
    let unreadable = |error: serde_json::Error| {
        let truncated = if error.is_eof() { ", so it is probably truncated" } else { "" };
        NotASnapshot::Unreadable(format!("{error}{truncated}"))
    };
    let head: Head = serde_json::from_str(text).map_err(unreadable)?;
    if head.format != u64::from(FORMAT) {
        return Err(NotASnapshot::Format { found: head.format });
    }
    let stored: Stored = serde_json::from_str(text).map_err(unreadable)?;
    if stored.digest != digest_of(&stored.regions, &stored.seals) {
        return Err(NotASnapshot::Edited);
    }
    let regions = stored.regions.into_iter().map(|region| ((region.account, region.region), region.content));
    Ok(Snapshot { regions: regions.collect(), seals: Some(stored.seals) })
}

fn digest_of(regions: &[StoredRegion], seals: &Seals) -> String {
    let json = serde_json::to_value((regions, seals)).expect("invariant: snapshots are plain data");
    digest::of_json(&json)
}

/// The tokens given so far, by the secret that each stands for.
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

fn seal(region: &mut Region, tokens: &mut Tokens) {
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
    use crate::resource::reference::Outputs;

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
            .map(|(name, secret)| LiveResource::new(name, model(secret), Outputs::new()));
        let mut snapshot = Snapshot::default();
        snapshot.add("t.t", &scope, Ok(Observation { seen: seen.to_vec(), unread: Vec::new() }));
        snapshot
    }

    #[test]
    fn a_document_holds_no_secret_and_reads_back() {
        let text = write("test", &snapshot(), &[]);
        assert!(!text.contains("hunter2") && !text.contains("other"), "{text}");
        let read = read(&text).unwrap();
        let found = |name: &str| match &read.regions.values().next().unwrap().kinds["t.t"].names[name] {
            Reading::Found { resource, .. } => resource.clone(),
            other => panic!("{other:?}"),
        };
        let token = |name: &str, key: &str| found(name).model["environment"][key].clone();
        assert_eq!(token("a", "A"), token("a", "B"), "equal secrets have one token");
        assert_ne!(token("b", "A"), token("b", "B"));
        assert!(found("a").sealed.is_some() && found("a").sealed != found("b").sealed);
        assert!(found("a").model.get("x").unwrap().is_null(), "unset stays unset");
    }

    #[test]
    fn what_was_truncated_edited_or_has_another_format_is_refused() {
        let text = write("test", &snapshot(), &[]);
        assert!(
            matches!(read(&text[..text.len() / 2]), Err(NotASnapshot::Unreadable(why)) if why.contains("truncated"))
        );
        assert_eq!(read(&text.replace("\"b\"", "\"c\"")), Err(NotASnapshot::Edited));
        assert_eq!(read(&text.replace("\"format\": 1", "\"format\": 2")), Err(NotASnapshot::Format { found: 2 }));
        assert!(read("{}").is_err() && read("").is_err() && read("[]").is_err());
    }
}
