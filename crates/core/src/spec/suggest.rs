//! "Did you mean": the nearest of the words that would have been right.

/// Returns the candidate nearest to `word`, if one is near enough to have been meant.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .filter(|candidate| {
            let distance = strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
            distance <= candidate.chars().count().max(3) / 3
        })
        .min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word_and_another_word_does_not() {
        let fields = ["subscriptions", "tags", "display_name"];
        assert_eq!(did_you_mean("subscription", fields), Some("subscriptions"));
        assert_eq!(did_you_mean("tgas", fields), Some("tags"));
        assert_eq!(did_you_mean("encryption", fields), None);
    }
}
