//! Tags: a spec sets keys, unsets keys and leaves all others as they are.

use std::collections::BTreeMap;

use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::Notes;
use regionctl_core::model::tags::{self, Tags, is_aws};
use regionctl_core::resource::setting::Setting;

use super::BucketOp;

/// Tags, each set or to be removed.
pub type TagSettings = BTreeMap<String, Setting<String>>;

/// Returns live tags as settings. AWS's own are no setting of ours, and without others the tags are unset.
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

/// Notes what is wrong with the tags that a spec states, and returns them without those that it leaves empty.
pub fn checked(tags: Setting<TagSettings>, notes: &mut Notes<'_>) -> Setting<TagSettings> {
    tags::check(Some(&plain(&tags)), notes);
    tags.map(|mut tags| {
        for (key, value) in &tags {
            let at = format!("tags.{key}");
            if value.is_unstated() {
                let help = "write \"\" for an empty value, or `unset` to remove the tag";
                notes.fault(&at, format!("the tag '{key}' has no value"), help);
            } else if *value == Setting::Unset && is_aws(key) {
                notes.fault(&at, format!("the tag '{key}' is AWS's own"), "AWS's own tags cannot be removed");
            }
        }
        tags.retain(|_, value| !value.is_unstated());
        tags
    })
}

/// Lays a spec's tags over those of a source. A source without tags removes none.
pub fn over(own: Setting<TagSettings>, source: Setting<TagSettings>) -> Setting<TagSettings> {
    match (own, source) {
        (Setting::Set(own), Setting::Set(mut source)) => {
            source.extend(own);
            Setting::Set(source)
        }
        (Setting::Unstated, Setting::Set(source)) => Setting::Set(source),
        (own, _) => own,
    }
}

/// Compares, and says which call changes the tags.
pub fn diff(want: &Setting<TagSettings>, live: Option<&Setting<TagSettings>>, out: &mut Diff<'_, BucketOp>) {
    let there = live.map(plain).unwrap_or_default();
    let want: TagSettings = match want {
        Setting::Unstated => return,
        Setting::Unset => there.keys().map(|key| (key.clone(), Setting::Unset)).collect(),
        Setting::Set(want) => want.clone(),
    };
    let (set, removed) = out.entries("tags", &want, &there);
    let stays = there.keys().any(|key| !want.contains_key(key));
    let op = if stays || want.values().any(Setting::is_set) {
        BucketOp::PutBucketTagging(want)
    } else {
        BucketOp::DeleteBucketTagging
    };
    out.step(Phase::Change, set.and(removed), op);
}

/// Returns the whole set that a Put sends: what is there, with what is stated laid over it.
pub fn merged(there: Tags, want: TagSettings) -> Tags {
    let mut all = there;
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

    fn ops(want: &Setting<TagSettings>, there: &[(&str, &str)]) -> Vec<String> {
        let mut out = Diff::new(true, &[]);
        diff(want, Some(&live(tags(there))), &mut out);
        let steps = out.finish().unwrap().steps;
        steps.into_iter().map(|step| step.op.to_string()).collect()
    }

    #[test]
    fn the_last_tag_goes_with_a_delete() {
        let team_off = Setting::Set(TagSettings::from([("Team".to_owned(), Setting::Unset)]));
        let put = r#"{"PutBucketTagging":{"Team":null}}"#;
        assert_eq!(ops(&team_off, &[("Team", "a"), ("Theirs", "b")]), [put]);
        assert_eq!(ops(&team_off, &[("Team", "a")]), [r#""DeleteBucketTagging""#]);
        assert_eq!(ops(&Setting::Unset, &[("Team", "a"), ("Theirs", "b")]), [r#""DeleteBucketTagging""#]);
        assert!(ops(&team_off, &[("Theirs", "b")]).is_empty());
        assert!(ops(&Setting::Unset, &[]).is_empty());
    }

    #[test]
    fn what_others_set_is_sent_along() {
        let there = tags(&[("aws:a", "1"), ("Theirs", "2"), ("Team", "3")]);
        let want = TagSettings::from([
            ("Team".to_owned(), Setting::Unset),
            ("Ours".to_owned(), Setting::Set("4".to_owned())),
            ("aws:a".to_owned(), Setting::Unset),
        ]);
        assert_eq!(merged(there, want), tags(&[("aws:a", "1"), ("Theirs", "2"), ("Ours", "4")]));
    }
}
