// SPDX-License-Identifier: Apache-2.0
//! Region codes that are known, to find misspelled ones.

use regionctl_core::spec::did_you_mean;

use crate::output::errln;

/// Region codes, for suggestions only: AWS may have more
/// (<https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>).
const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Returns the known region code that a word was probably meant to be.
pub fn near(word: &str) -> Option<&'static str> {
    did_you_mean(word, REGIONS)
}

/// Warns about a region code that looks misspelled. It is still tried, because AWS adds regions.
pub fn warn_if_unknown(region: &str) {
    if !REGIONS.contains(&region)
        && let Some(known) = near(region)
    {
        errln!("warning: '{region}' is not a known region code; did you mean '{known}'?");
    }
}
