//! Tags in one form for every service: sorted, and without those that AWS itself makes.

use std::collections::BTreeMap;

use crate::kind::notes::Notes;

/// The tag by which a copy says which region it was copied from, so that it is known when its source is gone.
pub const ORIGIN: &str = "regionctl:source";

/// Tag keys and values.
pub type Tags = BTreeMap<String, String>;

/// Says whether a tag is AWS's own, which is never compared and never written.
pub fn is_aws(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:")
}

/// Notes what is wrong with the tags that a spec states under `tags`.
pub fn check(tags: Option<&Tags>, notes: &mut Notes<'_>) {
    if let Some(fault) = tags.and_then(fault) {
        notes.fault("tags", fault, "see AWS's tag limits");
    }
}

/// Returns what is wrong with tags by AWS's common limits (50 tags, keys of 128 and values of 256 characters).
fn fault(tags: &Tags) -> Option<String> {
    if tags.len() > 50 {
        return Some(format!("{} tags, and AWS takes 50", tags.len()));
    }
    tags.iter().find_map(|(key, value)| match () {
        () if is_aws(key) => Some(format!("the tag '{key}': keys that start with aws: are AWS's own")),
        () if key.is_empty() || key.chars().count() > 128 => {
            Some(format!("the tag key '{key}' must have 1 to 128 characters"))
        }
        () if value.chars().count() > 256 => Some(format!("the value of the tag '{key}' has more than 256 characters")),
        () => None,
    })
}

/// Lays a spec's tags over those of a source.
pub fn over(own: Option<Tags>, source: Option<Tags>) -> Option<Tags> {
    match (own, source) {
        (Some(own), Some(mut source)) => {
            source.extend(own);
            Some(source)
        }
        (own, source) => own.or(source),
    }
}

/// The tags of a copy from a region.
pub fn of_copy(region: &str) -> Tags {
    Tags::from([(ORIGIN.to_owned(), region.to_owned())])
}

/// The region that the tags of a copy name.
pub fn origin(tags: Option<&Tags>) -> Option<String> {
    tags?.get(ORIGIN).cloned()
}
