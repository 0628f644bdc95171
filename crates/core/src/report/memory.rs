//! What was applied last, as AWS keeps it: digests of the spec's entries and of the sources that were followed. By it
//! a report tells what somebody changed by hand from what nobody applied yet, and from sources that moved.
//!
//! No digest is of a secret: what may be one is left out of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::desire::expand::Expanded;
use crate::desire::fill::Inventory;
use crate::digest;
use crate::observe::failure::Failure;
use crate::observe::provider::Provider;
use crate::resource::secret;
use crate::spec::{Spec, Want};

/// What is known of the last apply.
#[derive(Debug, Clone)]
pub enum Memory {
    /// The spec does not want it kept.
    NotKept,
    /// Nothing was kept yet.
    Never,
    /// It is there and could not be read.
    Unread(Failure),
    /// Only a snapshot is looked at, which does not hold it.
    NotInSnapshot,
    /// This was applied.
    Applied(Applied),
}

/// Reads a spec's last-applied record, where the spec wants one.
pub async fn read_last_applied(provider: &dyn Provider, spec: &Spec) -> Memory {
    if !spec.remember {
        return Memory::NotKept;
    }
    match provider.last_applied(&spec.path).await {
        Ok(parts) => Applied::from_parts(&parts).map_or(Memory::Never, Memory::Applied),
        Err(failure) => Memory::Unread(failure),
    }
}

/// Saves a spec's last-applied record, where the spec wants one, so that drift can be told from what nobody applied.
///
/// # Guarantees
/// Nothing is written where the record says the same already.
///
/// # Errors
/// The call that failed.
pub async fn save_last_applied(provider: &dyn Provider, spec: &Spec, inventory: &Inventory) -> Result<(), Failure> {
    if !spec.remember {
        return Ok(());
    }
    let applied = Applied::of(spec, inventory);
    let before = provider.last_applied(&spec.path).await?;
    if Applied::from_parts(&before).as_ref() == Some(&applied) {
        return Ok(());
    }
    provider.save_applied(&spec.path, applied.parts()).await
}

/// What was applied last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    entries: BTreeMap<String, String>,
    sources: BTreeMap<String, String>,
}

/// One stored text of it: a parameter of the standard tier holds 4 KiB.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    format: u32,
    /// The digest of the whole, so that parts of different applies are never mixed.
    whole: String,
    /// How many parts there are.
    of: usize,
    entries: BTreeMap<String, String>,
    sources: BTreeMap<String, String>,
}

/// Format 1 had other digests of the same models.
const FORMAT: u32 = 2;

/// So many digests are in one part: each takes 22 characters.
const A_PART: usize = 170;

impl Applied {
    /// Takes down what a spec and its sources say now.
    pub fn of(spec: &Spec, inventory: &Inventory) -> Self {
        let entries = spec.wants.iter().map(|want| (key(want.address.to_string()), entry(want))).collect();
        let followed = inventory.wants.iter().filter_map(|expanded| {
            let followed = expanded.followed.as_ref()?;
            Some((key(expanded.want.address.to_string()), short(&followed.fingerprint)))
        });
        Self { entries, sources: followed.collect() }
    }

    /// Writes it as texts of less than 4 KiB each.
    pub fn parts(&self) -> Vec<String> {
        let all: Vec<(bool, &String, &String)> = self
            .entries
            .iter()
            .map(|(key, digest)| (true, key, digest))
            .chain(self.sources.iter().map(|(key, digest)| (false, key, digest)))
            .collect();
        let whole = short(&digest::sha256(format!("{:?}{:?}", self.entries, self.sources)));
        let chunks: Vec<_> = all.chunks(A_PART).collect();
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

    /// Reads it back; none when a part is missing, of another apply or of another form.
    pub fn from_parts(texts: &[String]) -> Option<Self> {
        let parts: Vec<Part> = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let first = parts.first()?;
        let (whole, of) = (first.whole.clone(), first.of);
        // A shorter one leaves parts of a longer one behind.
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

    /// Says whether the entry of a resource is what it was when it was applied.
    pub(super) fn has(&self, spec: &Spec, expanded: &Expanded) -> bool {
        let name = expanded.by.as_ref().unwrap_or(&expanded.want.address.name);
        let of = |want: &&Want| want.address.kind == expanded.want.address.kind && want.address.name == *name;
        let Some(want) = spec.wants.iter().find(of) else { return false };
        self.entries.get(&key(want.address.to_string())) == Some(&entry(want))
    }

    /// Says whether the source of a resource is another than the one that was taken over, or was not there then.
    pub(super) fn source_moved(&self, expanded: &Expanded) -> bool {
        let Some(followed) = &expanded.followed else { return false };
        let kept = self.sources.get(&key(expanded.want.address.to_string()));
        kept.is_none_or(|kept| *kept != short(&followed.fingerprint))
    }
}

fn entry(want: &Want) -> String {
    let Want { address: _, stands, source, absent, model, references: _, at: _, waivers: _, whole: _ } = want;
    let mut model = model.clone();
    // Each secret becomes the token of none.
    secret::hide(&mut model);
    short(&digest::sha256(format!("{stands:?} {source:?} {absent} {model}")))
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
    fn a_large_one_is_in_parts_that_fit_and_comes_back_whole() {
        let applied = applied(1000);
        let parts = applied.parts();
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= 4096), "{:?}", parts[0].len());
        assert_eq!(Applied::from_parts(&parts), Some(applied));
    }

    #[test]
    fn parts_of_two_applies_are_never_mixed() {
        let (old, new) = (applied(400).parts(), applied(500).parts());
        assert_eq!(Applied::from_parts(&[new[0].clone(), old[1].clone(), old[2].clone()]), None);
        // What a longer one left behind is no part of a shorter one.
        let mut left = applied(3).parts();
        left.push(old[1].clone());
        assert_eq!(Applied::from_parts(&left), Some(applied(3)));
        assert_eq!(Applied::from_parts(&["{".to_owned()]), None);
    }
}
