// SPDX-License-Identifier: Apache-2.0
//! Conversion of tags between the services' SDK types and the canonical form, and tags as settings of a model.

use std::collections::BTreeMap;

use regionctl_core::diff::{Covers, Diff};
use regionctl_core::kind::Notes;
use regionctl_core::model::tags::{self, Tags, is_aws, is_own};
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write::unset;
use serde::Serialize;
use serde_json::{Map, Value};

/// Tags of a model by key. A spec sets or unsets keys; keys that it does not list are kept. Live tags are all set.
pub(crate) type TagSettings = BTreeMap<String, Setting<String>>;

/// Collects the tags of a response, without AWS's own (`aws:…`), which users cannot change.
pub fn collect<'a>(tags: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Tags {
    tags.filter_map(|(key, value)| Some((key?.to_owned(), value.unwrap_or_default().to_owned())))
        .filter(|(key, _)| !is_aws(key))
        .collect()
}

/// Converts live tags into the setting of a model.
pub(crate) fn live(tags: Tags) -> Setting<TagSettings> {
    Setting::Set(tags.into_iter().map(|(key, value)| (key, Setting::Set(value))).collect())
}

/// Returns the tags that are set.
pub(crate) fn set(tags: &TagSettings) -> Tags {
    tags.iter().filter_map(|(key, value)| Some((key.clone(), value.value()?.clone()))).collect()
}

/// Records the faults of the tags that a spec states under `tags`.
pub(crate) fn check(tags: &Setting<TagSettings>, notes: &mut Notes<'_>) {
    let Some(stated) = tags.value() else { return };
    for (key, _) in stated.iter().filter(|(_, value)| value.is_unstated()) {
        let message = format!("the tag '{key}' has no value");
        notes.fault(
            &format!("tags.{key}"),
            message,
            "set a value, \"\" for an empty value, or `unset` to remove the tag",
        );
    }
    tags::check(Some(&set(stated)), notes);
}

/// The differences between a resource's tags and the spec's.
pub(crate) struct TagChanges {
    /// The differences that setting [`Self::tags`] removes.
    pub set: Covers,
    /// The tags that the spec sets.
    pub tags: Tags,
    /// The differences that removing [`Self::keys`] removes.
    pub removed: Covers,
    /// The live keys that the spec unsets.
    pub keys: Vec<String>,
}

/// Returns the differences and the tags of a new resource: the spec's, and those that show that regionctl created it.
pub(crate) fn of_new<Op: Serialize>(changes: TagChanges, out: &Diff<'_, Op>) -> (Covers, Tags) {
    let mut tags = changes.tags;
    tags.extend(out.creation_tags());
    (changes.set, tags)
}

/// Returns the desired setting of each key. `tags: unset` unsets every live key, except regionctl's own.
pub(crate) fn by_key(want: &Setting<TagSettings>, live: &Tags) -> TagSettings {
    match want {
        Setting::Unstated => TagSettings::new(),
        Setting::Unset => live.keys().filter(|key| !is_own(key)).map(|key| (key.clone(), Setting::Unset)).collect(),
        Setting::Set(want) => want.clone(),
    }
}

/// Returns the tags that a spec states: all but regionctl's own.
pub(crate) fn stated(tags: &TagSettings) -> TagSettings {
    tags.iter().filter(|(key, _)| !is_own(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Returns the tags of a copy: the spec's over the source's, and the region of the source. regionctl's own tags of the
/// source are not copied.
pub(crate) fn of_copy(own: Setting<TagSettings>, source: Setting<TagSettings>, region: &str) -> Setting<TagSettings> {
    let own = match own {
        Setting::Unset => return Setting::Unset,
        own => own.unwrap_or_default(),
    };
    let mut tags = source.unwrap_or_default();
    tags.retain(|key, _| !is_own(key));
    tags.extend(tags::of_copy(region).into_iter().map(|(key, value)| (key, Setting::Set(value))));
    tags.extend(own);
    Setting::Set(tags)
}

/// Compares tags. `tags: unset` removes all of them, except regionctl's own.
pub(crate) fn compare<Op: Serialize>(
    want: &Setting<TagSettings>,
    live: Option<&Setting<TagSettings>>,
    out: &mut Diff<'_, Op>,
) -> TagChanges {
    let live = live.and_then(Setting::value).map(set).unwrap_or_default();
    let want = by_key(want, &live);
    let (covers, removed) = out.entries("tags", &want, &live);
    let is_removed = |(key, value): &(&String, &Setting<String>)| **value == Setting::Unset && live.contains_key(*key);
    let keys = want.iter().filter(is_removed).map(|(key, _)| key.clone()).collect();
    TagChanges { set: covers, tags: set(&want), removed, keys }
}

/// Writes the tags in spec form into the fields of a resource.
pub(crate) fn write(tags: &Setting<TagSettings>, fields: &mut Map<String, Value>) {
    let written = match tags {
        Setting::Unstated => return,
        Setting::Unset => unset(),
        Setting::Set(tags) => {
            let value = |value: &Setting<String>| value.value().map_or_else(unset, |value| value.as_str().into());
            Value::Object(stated(tags).iter().map(|(key, tag)| (key.clone(), value(tag))).collect())
        }
    };
    fields.insert("tags".to_owned(), written);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, Setting<&str>)]) -> TagSettings {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(ToOwned::to_owned))).collect()
    }

    #[test]
    fn unset_tags_are_removed_and_unlisted_tags_are_kept() {
        let want =
            Setting::Set(tags(&[("Team", Setting::Set("sre")), ("Old", Setting::Unset), ("No", Setting::Unset)]));
        let live = Setting::Set(tags(&[
            ("Team", Setting::Set("core")),
            ("Old", Setting::Set("x")),
            ("Other", Setting::Set("y")),
        ]));
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        let changes = compare(&want, Some(&live), &mut diff);
        assert_eq!(changes.tags, Tags::from([("Team".to_owned(), "sre".to_owned())]));
        assert_eq!(changes.keys, ["Old"]);
        assert!(!changes.set.is_empty() && !changes.removed.is_empty());
    }

    #[test]
    fn unset_removes_all_tags_and_unstated_removes_none() {
        let live = Setting::Set(tags(&[("a", Setting::Set("1")), ("b", Setting::Set("2"))]));
        let mut diff: Diff<'_, String> = Diff::new(true, &[]);
        assert_eq!(compare(&Setting::Unset, Some(&live), &mut diff).keys, ["a", "b"]);
        assert!(compare(&Setting::Unstated, Some(&live), &mut diff).removed.is_empty());
    }
}
