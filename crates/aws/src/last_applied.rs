// SPDX-License-Identifier: Apache-2.0
//! The last-applied record in SSM parameters: `/regionctl/applied/SPEC/1`, `/2`, … (standard tier: up to 4 KiB each, no
//! charge; <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>).

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;

use crate::error::CallError;

/// Returns the path of a spec's parameters. Characters that PutParameter does not allow (all but letters, digits and
/// `.-_`) become `_`.
pub(crate) fn path(spec: &str) -> String {
    let file = spec.rsplit(['/', '\\']).next().unwrap_or(spec);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let stem: String = stem.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect();
    format!("/regionctl/applied/{stem}")
}

/// Reads the parts of the record in order, in pages of 10, the maximum; empty if there is no record
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>).
pub(crate) async fn read(api: &Client, spec: &str) -> Result<Vec<String>, CallError> {
    let mut pages = api.get_parameters_by_path().path(path(spec)).max_results(10).into_paginator().send();
    let mut parts: Vec<(u32, String)> = Vec::new();
    while let Some(page) = pages.next().await {
        for parameter in page?.parameters.unwrap_or_default() {
            let number = parameter.name().and_then(|name| name.rsplit('/').next()?.parse().ok());
            parts.extend(number.zip(parameter.value));
        }
    }
    parts.sort();
    Ok(parts.into_iter().map(|(_, text)| text).collect())
}

/// Writes the parts, overwriting parameters of the same number. The last parts of a longer, earlier record remain: the
/// digest in each part excludes them when the record is parsed.
pub(crate) async fn save(api: &Client, spec: &str, parts: &[String]) -> Result<(), CallError> {
    for (index, part) in parts.iter().enumerate() {
        api.put_parameter()
            .name(format!("{}/{}", path(spec), index + 1))
            .description("regionctl: last-applied record (digests only)")
            .r#type(ParameterType::String)
            .value(part)
            .overwrite(true)
            .send()
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_contains_the_spec_files_stem() {
        assert_eq!(path("regions/eu-central-1.yaml"), "/regionctl/applied/eu-central-1");
        assert_eq!(path("my region.yml"), "/regionctl/applied/my_region");
    }
}
