// SPDX-License-Identifier: Apache-2.0
//! The last-applied record in AWS: digests of the spec's entries and of the sources that followers copied. With it, a
//! report distinguishes changes in AWS from unapplied spec changes and from changed sources.
//!
//! The digests do not include secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::desire::expand::Expanded;
use crate::desire::fill::Inventory;
use crate::digest;
use crate::observe::failure::Failure;
use crate::observe::provider::Provider;
use crate::resource::secret;
use crate::spec::{Spec, Want};

/// The last-applied record of a spec, or the reason why there is none.
#[derive(Debug, Clone)]
pub enum LastApplied {
    /// The spec does not set `record_applied: true`.
    NotRecorded,
    /// No record has been saved, or it has another format or is missing a part.
    Never,
    /// The record could not be read.
    ReadFailed(Failure),
    /// The report is built from a snapshot, which does not contain the record.
    NotInSnapshot,
    /// The record that the last complete apply saved.
    Applied(Applied),
}

/// Reads the last-applied record if the spec sets `record_applied: true`.
pub async fn read_last_applied(provider: &dyn Provider, spec: &Spec) -> LastApplied {
    if !spec.record_applied {
        return LastApplied::NotRecorded;
    }
    match provider.last_applied(&spec.path).await {
        Ok(parts) => Applied::from_parts(&parts).map_or(LastApplied::Never, LastApplied::Applied),
        Err(failure) => LastApplied::ReadFailed(failure),
    }
}

/// Saves the last-applied record if the spec sets `record_applied: true`.
///
/// # Guarantees
/// Writes nothing if the saved record is equal.
///
/// # Errors
/// The record could not be read or written.
pub async fn save_last_applied(provider: &dyn Provider, spec: &Spec, inventory: &Inventory) -> Result<(), Failure> {
    if !spec.record_applied {
        return Ok(());
    }
    let applied = Applied::of(spec, inventory);
    let before = provider.last_applied(&spec.path).await?;
    if Applied::from_parts(&before).as_ref() == Some(&applied) {
        return Ok(());
    }
    provider.save_applied(&spec.path, applied.parts()).await
}

/// A last-applied record: the digests of entries and of sources, by the digest of the resource's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    entries: BTreeMap<String, String>,
    sources: BTreeMap<String, String>,
}

/// One part of a record. A standard SSM parameter holds 4 KiB:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    format: u32,
    /// The digest of the complete record, so that parts of different records are never mixed.
    whole: String,
    /// The number of parts that the complete record has.
    of: usize,
    entries: BTreeMap<String, String>,
    sources: BTreeMap<String, String>,
}

/// Formats 1 and 2 had different digests for the same models.
const FORMAT: u32 = 3;

/// The maximum number of digests in one part. Each takes 22 characters.
const PART_SIZE: usize = 170;

impl Applied {
    /// Returns the record of a spec and of the sources that it copies now.
    pub fn of(spec: &Spec, inventory: &Inventory) -> Self {
        let entries = spec.wants.iter().map(|want| (key(want.address.to_string()), entry(want))).collect();
        let followed = inventory.wants.iter().filter_map(|expanded| {
            let followed = expanded.followed.as_ref()?;
            Some((key(expanded.want.address.to_string()), short(&followed.fingerprint)))
        });
        Self { entries, sources: followed.collect() }
    }

    /// Returns the record as JSON texts of less than 4 KiB each.
    pub fn parts(&self) -> Vec<String> {
        let all: Vec<(bool, &String, &String)> = self
            .entries
            .iter()
            .map(|(key, digest)| (true, key, digest))
            .chain(self.sources.iter().map(|(key, digest)| (false, key, digest)))
            .collect();
        let whole = short(&digest::sha256(format!("{:?}{:?}", self.entries, self.sources)));
        let chunks: Vec<_> = all.chunks(PART_SIZE).collect();
        let part = |chunk: &&[(bool, &String, &String)]| {
            let of = |entries: bool| {
                let chosen = chunk.iter().filter(move |(is_entry, ..)| *is_entry == entries);
                chosen.map(|(_, key, digest)| ((*key).clone(), (*digest).clone())).collect()
            };
            let part =
                Part { format: FORMAT, whole: whole.clone(), of: chunks.len(), entries: of(true), sources: of(false) };
            serde_json::to_string(&part).expect("invariant: digests are plain data")
        };
        chunks.iter().map(part).collect()
    }

    /// Parses a record. Returns `None` if a part is missing, belongs to another record or has another format.
    pub fn from_parts(texts: &[String]) -> Option<Self> {
        let parts: Vec<Part> = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let first = parts.first()?;
        let (whole, of) = (first.whole.clone(), first.of);
        // Saving a record with fewer parts leaves the last parts of the earlier record.
        let mut own: Vec<Part> = parts.into_iter().filter(|part| part.whole == whole).collect();
        if own.len() != of || own.iter().any(|part| part.format != FORMAT) {
            return None;
        }
        let mut applied = Self::default();
        for part in &mut own {
            applied.entries.append(&mut part.entries);
            applied.sources.append(&mut part.sources);
        }
        Some(applied)
    }

    /// Returns whether the entry of a resource is unchanged since the last apply.
    pub(super) fn has(&self, spec: &Spec, expanded: &Expanded) -> bool {
        let name = expanded.entry.as_ref().unwrap_or(&expanded.want.address.name);
        let of = |want: &&Want| want.address.kind == expanded.want.address.kind && want.address.name == *name;
        let Some(want) = spec.wants.iter().find(of) else { return false };
        self.entries.get(&key(want.address.to_string())) == Some(&entry(want))
    }

    /// Returns whether the source of a resource changed since it was copied, or was not copied at all.
    pub(super) fn source_changed(&self, expanded: &Expanded) -> bool {
        let Some(followed) = &expanded.followed else { return false };
        let copied = self.sources.get(&key(expanded.want.address.to_string()));
        copied.is_none_or(|copied| *copied != short(&followed.fingerprint))
    }
}

fn entry(want: &Want) -> String {
    let Want { address: _, selector, source, absent, model, references: _, at: _, waivers: _, whole: _ } = want;
    let mut model = model.clone();
    // Replaces each secret by the same token.
    secret::hide(&mut model);
    short(&digest::sha256(format!("{selector:?} {source:?} {absent} {model}")))
}

fn key(address: impl AsRef<[u8]>) -> String {
    short(&digest::sha256(address))
}

fn short(digest: &str) -> String {
    digest.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(count: usize) -> Applied {
        let entries = (0..count).map(|number| (key(number.to_string()), key(format!("d{number}")))).collect();
        Applied { entries, sources: BTreeMap::from([(key("s"), key("t"))]) }
    }

    #[test]
    fn a_large_record_is_split_into_parts_and_parsed_again() {
        let applied = applied(1000);
        let parts = applied.parts();
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= 4096), "{:?}", parts[0].len());
        assert_eq!(Applied::from_parts(&parts), Some(applied));
    }

    #[test]
    fn parts_of_different_records_are_never_mixed() {
        let (old, new) = (applied(400).parts(), applied(500).parts());
        assert_eq!(Applied::from_parts(&[new[0].clone(), old[1].clone(), old[2].clone()]), None);
        // A part that remains of a longer record is ignored.
        let mut left = applied(3).parts();
        left.push(old[1].clone());
        assert_eq!(Applied::from_parts(&left), Some(applied(3)));
        assert_eq!(Applied::from_parts(&["{".to_owned()]), None);
    }
}
