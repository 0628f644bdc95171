// SPDX-License-Identifier: Apache-2.0
//! The nearest candidate to a misspelled word, for "did you mean" help texts.

/// Returns the candidate nearest to `word`, if the edit distance is at most a third of the candidate's length.
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
    fn a_typo_is_matched_and_a_different_word_is_not() {
        let fields = ["subscriptions", "tags", "display_name"];
        assert_eq!(did_you_mean("subscription", fields), Some("subscriptions"));
        assert_eq!(did_you_mean("tgas", fields), Some("tags"));
        assert_eq!(did_you_mean("encryption", fields), None);
    }
}
