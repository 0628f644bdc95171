// SPDX-License-Identifier: Apache-2.0
//! Names derived from a region code: the partition and the title form that resource names use.

/// Returns the AWS partition of a region: `aws`, `aws-cn` or `aws-us-gov`.
pub fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Returns the title form of a region: `eu-central-1` → `EU_Central_1`, `us-gov-west-1` → `US_Gov_West_1`.
pub fn title(region: &str) -> String {
    let parts = region.split('-').enumerate().map(|(at, part)| {
        if at == 0 {
            part.to_uppercase()
        } else {
            let mut letters = part.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    });
    parts.collect::<Vec<_>>().join("_")
}

/// Returns whether a text has the form of a region code. It need not be an existing region.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts[..parts.len() - 1].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
        && parts[parts.len() - 1].bytes().all(|b| b.is_ascii_digit())
        && !parts[parts.len() - 1].is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_capitalizes_each_part_of_the_code() {
        assert_eq!(title("eu-central-1"), "EU_Central_1");
        assert_eq!(title("us-east-1"), "US_East_1");
        assert_eq!(title("ap-south-1"), "AP_South_1");
    }

    #[test]
    fn the_partition_is_derived_from_the_region_code() {
        assert_eq!(partition("eu-central-1"), "aws");
        assert_eq!(partition("cn-north-1"), "aws-cn");
        assert_eq!(partition("us-gov-west-1"), "aws-us-gov");
    }

    #[test]
    fn region_codes_have_at_least_three_parts_in_lower_case_and_end_in_digits() {
        assert!(is_region("ap-southeast-2") && is_region("us-gov-west-1"));
        assert!(!is_region("frankfurt") && !is_region("eu-central") && !is_region("EU-central-1"));
    }
}
