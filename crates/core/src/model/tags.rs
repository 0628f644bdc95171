// SPDX-License-Identifier: Apache-2.0
//! Tags in one form for all services: sorted, without the `aws:` tags that AWS sets.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kind::notes::Notes;

/// The prefix of the tag keys that regionctl sets itself. A spec cannot state them.
pub const OWN: &str = "regionctl:";

/// The tag key of a resource that regionctl created. Its value is the name of the spec file without its extension.
pub const CREATED_BY: &str = "regionctl:spec";

/// The tag key of a copy for the region it was copied from. It identifies copies whose source was deleted.
pub const ORIGIN: &str = "regionctl:source";

/// Tag values by key.
pub type Tags = BTreeMap<String, String>;

/// Returns whether a tag is set by AWS (`aws:`). Such tags are never compared and never written.
pub fn is_aws(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:")
}

/// Returns whether regionctl sets the tag itself. Such tags are not compared with a spec, not copied and not written to
/// one.
pub fn is_own(key: &str) -> bool {
    key.starts_with(OWN)
}

/// Checks the tags in a spec's field `tags`. Faults are added to `notes`.
pub fn check(tags: Option<&Tags>, notes: &mut Notes<'_>) {
    if let Some(fault) = tags.and_then(fault) {
        notes.fault("tags", fault, "see the tag limits of AWS");
    }
}

/// Checks AWS's common limits: 50 tags, keys of 128 and values of 256 characters.
fn fault(tags: &Tags) -> Option<String> {
    if tags.len() > 50 {
        return Some(format!("{} tags exceed the AWS limit of 50", tags.len()));
    }
    tags.iter().find_map(|(key, value)| match () {
        () if is_aws(key) => Some(format!("the tag key '{key}' starts with `aws:`, which AWS reserves")),
        () if is_own(key) => Some(format!("the tag key '{key}' starts with `{OWN}`, which regionctl sets itself")),
        () if key.is_empty() || key.chars().count() > 128 => {
            Some(format!("the tag key '{key}' must have 1 to 128 characters"))
        }
        () if value.chars().count() > 256 => Some(format!("the value of the tag '{key}' has more than 256 characters")),
        () => None,
    })
}

/// Merges a spec's tags over those of a source, whose creation is not the copy's.
pub fn over(own: Option<Tags>, source: Option<Tags>) -> Option<Tags> {
    let source = source.map(|mut tags| {
        tags.remove(CREATED_BY);
        tags
    });
    match (own, source) {
        (Some(own), Some(mut source)) => {
            source.extend(own);
            Some(source)
        }
        (own, source) => own.or(source),
    }
}

/// Returns the tags that mark a copy from a region.
pub fn of_copy(region: &str) -> Tags {
    Tags::from([(ORIGIN.to_owned(), region.to_owned())])
}

/// Returns the region that a live model's tags name as its origin: it is a copy. Models have their tags in `tags`.
pub fn origin(live: &Value) -> Option<&str> {
    live.get("tags")?.get(ORIGIN)?.as_str()
}

/// Returns the spec that created a live resource, by the tags in its model. `None` if its tags were not read.
pub fn created_by(live: &Value) -> Option<&str> {
    live.get("tags")?.get(CREATED_BY)?.as_str()
}
