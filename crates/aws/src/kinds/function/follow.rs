// SPDX-License-Identifier: Apache-2.0
//! Copying a source function's code and configuration to its follower, and reporting what is not copied.

use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::setting::Setting;

use super::code::Code;
use super::{Beyond, CodeModel, Config, FunctionModel, LARGEST_PACKAGE};

/// Returns the follower's code; `None` if the source's package cannot be copied. Each reason adds a message to
/// `not_copied`.
pub(super) fn copied_code(
    own: &CodeModel,
    code: &CodeModel,
    beyond: &Beyond,
    source: &LiveResource<FunctionModel>,
    location: &Location,
    not_copied: &mut Vec<String>,
) -> Option<CodeModel> {
    let CodeModel::Is { sha256, .. } = code else { return None };
    let from = Code {
        region: location.region.clone(),
        function: source.name.clone(),
        sha256: sha256.clone(),
        architecture: beyond.architecture.clone(),
    };
    match own {
        CodeModel::External => Some(CodeModel::External),
        _ if beyond.is_image => {
            not_copied.push(
                "a container image is not copied: push it to this region's ECR, deploy the function from it, and set \
                 `code: external`"
                    .to_owned(),
            );
            None
        }
        _ if beyond.code_bytes > LARGEST_PACKAGE => {
            not_copied.push(format!(
                "the package has {} MB, and Lambda accepts at most 50 MB in a request: deploy it through S3, and set \
                 `code: external`",
                beyond.code_bytes >> 20
            ));
            None
        }
        CodeModel::Follow => Some(CodeModel::Is { sha256: sha256.clone(), from: Some(from) }),
        CodeModel::Is { sha256: pinned, .. } => {
            let from = Some(from).filter(|from| from.sha256 == *pinned);
            Some(CodeModel::Is { sha256: pinned.clone(), from })
        }
    }
}

/// Returns the source's configuration with the spec's own on top. Settings that belong to the source's region are not
/// copied; each but `dead_letter` adds a message to `not_copied`.
pub(super) fn copied_config(own: Config, source: Config, region: &str, not_copied: &mut Vec<String>) -> Config {
    let mut omit = |field: &str, stated: bool, in_source: bool| {
        if in_source && !stated {
            not_copied.push(format!("`{field}` belongs to the source's region and is not copied: set `{field}:`"));
        }
    };
    omit("layers", !own.layers.is_unstated(), source.layers.is_set_and(|it| !it.is_empty()));
    omit("vpc", !own.vpc.is_unstated(), source.vpc.is_set());
    omit("kms_key", !own.kms_key.is_unstated(), source.kms_key.is_set());
    let dead_letter = source.dead_letter.filter(|arn| !arn.contains(region));
    let environment = match (own.environment, source.environment) {
        (Setting::Set(own), Setting::Set(mut source)) => {
            source.extend(own);
            Setting::Set(source)
        }
        (own, source) => own.or(copied(source)),
    };
    for (key, _) in environment.value().into_iter().flatten().filter(|(_, value)| value.reveal().contains(region)) {
        not_copied.push(format!("the variable {key} contains '{region}': add it to `rewrite:` if it must change"));
    }
    Config {
        runtime: own.runtime.or(copied(source.runtime)),
        handler: own.handler.or(copied(source.handler)),
        role: own.role.or(copied(source.role)),
        description: own.description.or(copied(source.description)),
        timeout: own.timeout.or(copied(source.timeout)),
        memory_mb: own.memory_mb.or(copied(source.memory_mb)),
        ephemeral_mb: own.ephemeral_mb.or(copied(source.ephemeral_mb)),
        environment,
        tracing: own.tracing.or(copied(source.tracing)),
        log_group: own.log_group.or(copied(source.log_group)),
        layers: own.layers,
        vpc: own.vpc,
        kms_key: own.kms_key,
        dead_letter: own.dead_letter.or(copied(dead_letter)),
    }
}

/// Leaves a setting unstated if the source does not have it, so that AWS's default applies.
fn copied<T>(setting: Setting<T>) -> Setting<T> {
    Setting::stated(setting.into_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use regionctl_core::resource::secret::Secret;
    use std::collections::BTreeMap;

    fn source() -> Config {
        Config {
            runtime: Setting::Set("nodejs22.x".to_owned()),
            layers: Setting::Set(vec!["arn:aws:lambda:eu-west-1:1:layer:l:1".to_owned()]),
            kms_key: Setting::Set("arn:aws:kms:eu-west-1:1:key/k".to_owned()),
            environment: Setting::Set(BTreeMap::from([
                ("A".to_owned(), Secret::new("a")),
                ("QUEUE".to_owned(), Secret::new("https://sqs.eu-west-1.amazonaws.com/q")),
            ])),
            ..Config::default()
        }
    }

    #[test]
    fn settings_of_the_sources_region_are_not_copied_and_are_reported() {
        let own = Config {
            environment: Setting::Set(BTreeMap::from([("A".to_owned(), Secret::new("own"))])),
            ..Config::default()
        };
        let mut not_copied = Vec::new();
        let copied = copied_config(own, source(), "eu-west-1", &mut not_copied);
        assert_eq!(copied.runtime.value().map(String::as_str), Some("nodejs22.x"));
        assert_eq!((copied.layers, copied.kms_key), (Setting::Unstated, Setting::Unstated));
        assert_eq!(copied.environment.into_value().unwrap()["A"].reveal(), "own");
        assert_eq!(not_copied.len(), 3, "{not_copied:?}");
        assert!(not_copied[2].contains("QUEUE") && !not_copied[2].contains("https"), "{not_copied:?}");
    }
}
