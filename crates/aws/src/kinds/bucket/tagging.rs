// SPDX-License-Identifier: Apache-2.0
//! Bucket tags. A spec sets and unsets single keys; tags with other keys do not change.

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::Notes;
use regionctl_core::model::tags::{self, Tags, is_aws};
use regionctl_core::resource::setting::Setting;

use super::BucketOp;
use crate::tags::{TagSettings, by_key, compare, of_new, stated};

/// Converts live tags, without AWS system tags, to settings. No tags at all are `Unset`.
pub fn live(tags: Tags) -> Setting<TagSettings> {
    if tags.is_empty() {
        return Setting::Unset;
    }
    Setting::Set(tags.into_iter().map(|(key, value)| (key, Setting::Set(value))).collect())
}

/// Returns the tags that are set.
pub fn plain(tags: &Setting<TagSettings>) -> Tags {
    let set = |(key, value): (&String, &Setting<String>)| Some((key.clone(), value.value()?.clone()));
    tags.value().into_iter().flatten().filter_map(set).collect()
}

/// Adds the faults of a spec's tags to the notes and returns the tags that have a value or are unset.
pub fn checked(tags: Setting<TagSettings>, notes: &mut Notes<'_>) -> Setting<TagSettings> {
    tags::check(Some(&plain(&tags)), notes);
    tags.map(|mut tags| {
        for (key, value) in &tags {
            let at = format!("tags.{key}");
            if value.is_unstated() {
                let help = "write \"\" for an empty value, or `unset` to remove the tag";
                notes.fault(&at, format!("the tag '{key}' has no value"), help);
            } else if *value == Setting::Unset && is_aws(key) {
                notes.fault(
                    &at,
                    format!("the tag '{key}' is an AWS system tag"),
                    "remove it from the spec; AWS does not allow changes to `aws:` tags",
                );
            }
        }
        tags.retain(|_, value| !value.is_unstated());
        tags
    })
}

/// Merges a spec's tags over the tags of a source. A source without tags removes none.
pub fn over(own: Setting<TagSettings>, source: Setting<TagSettings>) -> Setting<TagSettings> {
    let source = source.map(|tags| stated(&tags));
    match (own, source) {
        (Setting::Set(own), Setting::Set(mut source)) => {
            source.extend(own);
            Setting::Set(source)
        }
        (Setting::Unstated, Setting::Set(source)) => Setting::Set(source),
        (own, _) => own,
    }
}

/// Compares the tags, and adds the step that creates the bucket with its tags or that changes them.
pub fn diff(want: &Setting<TagSettings>, live: Option<&Setting<TagSettings>>, out: &mut Diff<'_, BucketOp>) {
    let Some(live) = live else {
        let changes = compare(want, None, out);
        let (covers, tags) = of_new(changes, out);
        return out.step(Phase::Create, out.creation().and(covers), BucketOp::CreateBucket { tags });
    };
    let live = plain(live);
    let want = by_key(want, &live);
    let (set, removed) = out.entries("tags", &want, &live);
    // DeleteBucketTagging removes all tags, also those with other keys.
    let keeps_others = live.keys().any(|key| !want.contains_key(key));
    let op = if keeps_others || want.values().any(Setting::is_set) {
        BucketOp::PutBucketTagging(want)
    } else {
        BucketOp::DeleteBucketTagging
    };
    out.step(Phase::Change, set.and(removed), op);
}

/// Returns the complete tag set for PutBucketTagging: the live tags with the spec's changes.
pub fn merged(live: Tags, want: TagSettings) -> Tags {
    let mut all = live;
    for (key, value) in want.into_iter().filter(|(key, _)| !is_aws(key)) {
        match value {
            Setting::Unstated => {}
            Setting::Unset => {
                all.remove(&key);
            }
            Setting::Set(value) => {
                all.insert(key, value);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn ops(want: &Setting<TagSettings>, live_tags: &[(&str, &str)]) -> Vec<String> {
        let mut out = Diff::new(true, &[]);
        diff(want, Some(&live(tags(live_tags))), &mut out);
        let steps = out.finish().unwrap().steps;
        steps.into_iter().map(|step| step.op.to_string()).collect()
    }

    #[test]
    fn removing_the_last_tag_deletes_the_tag_set() {
        let team_unset = Setting::Set(TagSettings::from([("Team".to_owned(), Setting::Unset)]));
        let put = r#"{"PutBucketTagging":{"Team":null}}"#;
        assert_eq!(ops(&team_unset, &[("Team", "a"), ("Theirs", "b")]), [put]);
        assert_eq!(ops(&team_unset, &[("Team", "a")]), [r#""DeleteBucketTagging""#]);
        assert_eq!(ops(&Setting::Unset, &[("Team", "a"), ("Theirs", "b")]), [r#""DeleteBucketTagging""#]);
        assert!(ops(&team_unset, &[("Theirs", "b")]).is_empty());
        assert!(ops(&Setting::Unset, &[]).is_empty());
    }

    #[test]
    fn tags_with_other_keys_are_sent_unchanged() {
        let live = tags(&[("aws:a", "1"), ("Theirs", "2"), ("Team", "3")]);
        let want = TagSettings::from([
            ("Team".to_owned(), Setting::Unset),
            ("Ours".to_owned(), Setting::Set("4".to_owned())),
            ("aws:a".to_owned(), Setting::Unset),
        ]);
        assert_eq!(merged(live, want), tags(&[("aws:a", "1"), ("Theirs", "2"), ("Ours", "4")]));
    }
}
