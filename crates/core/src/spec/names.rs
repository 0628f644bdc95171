// SPDX-License-Identifier: Apache-2.0
//! Names derived from a region code: the partition and the title form that resource names use.

/// The partitions besides `aws`, by the first words of their region codes
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("eusc-", "aws-eusc"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
];

/// Returns the AWS partition of a region: `aws`, `aws-cn`, `aws-eusc`, `aws-us-gov`, or one of the isolated ones.
pub fn partition(region: &str) -> &'static str {
    PARTITIONS.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
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
        && (parts[0].len() == 2 || parts[0] == "eusc")
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
        assert_eq!(partition("eusc-de-east-1"), "aws-eusc");
        assert_eq!(["us-iso-east-1", "us-isob-east-1"].map(partition), ["aws-iso", "aws-iso-b"]);
    }

    #[test]
    fn region_codes_have_at_least_three_parts_in_lower_case_and_end_in_digits() {
        assert!(is_region("ap-southeast-2") && is_region("us-gov-west-1") && is_region("eusc-de-east-1"));
        assert!(!is_region("frankfurt") && !is_region("eu-central") && !is_region("EU-central-1"));
    }
}
