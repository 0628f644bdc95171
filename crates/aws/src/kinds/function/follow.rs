//! What a function takes over from the one that it follows, and what it leaves, said.

use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::setting::Setting;

use super::code::Code;
use super::{Beyond, CodeModel, Config, FunctionModel, LARGEST_PACKAGE};

/// The code that a follower has, if anything can be made of the source.
pub(super) fn carried_code(
    own: &CodeModel,
    code: &CodeModel,
    beyond: &Beyond,
    source: &LiveResource<FunctionModel>,
    location: &Location,
    left: &mut Vec<String>,
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
            left.push(
                "it is a container image, which is not copied: push the image to this region's ECR, deploy the \
                 function from it, and name it here with `code: external`"
                    .to_owned(),
            );
            None
        }
        _ if beyond.code_bytes > LARGEST_PACKAGE => {
            left.push(format!(
                "its package has {} MB and Lambda takes 50 MB at once: deploy it through S3, and name it here with \
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

/// The spec's fields over the source's. What is of the source's region is left out, and said.
pub(super) fn carried_config(own: Config, source: Config, region: &str, left: &mut Vec<String>) -> Config {
    let mut leave = |what: &str, of: &str, stated: bool, there: bool| {
        if there && !stated {
            left.push(format!(
                "{what} not taken over, since {of} of their region: state `{}:` here",
                what.split(' ').next().unwrap_or_default()
            ));
        }
    };
    leave("layers are", "they are", !own.layers.is_unstated(), source.layers.is_set_and(|it| !it.is_empty()));
    leave("vpc access is", "subnets and groups are", !own.vpc.is_unstated(), source.vpc.is_set());
    leave("kms_key is", "keys are", !own.kms_key.is_unstated(), source.kms_key.is_set());
    let dead_letter = source.dead_letter.filter(|arn| !arn.contains(region));
    let environment = match (own.environment, source.environment) {
        (Setting::Set(own), Setting::Set(mut source)) => {
            source.extend(own);
            Setting::Set(source)
        }
        (own, source) => own.or(carried(source)),
    };
    for (key, _) in environment.value().into_iter().flatten().filter(|(_, value)| value.reveal().contains(region)) {
        left.push(format!("its environment's {key} names {region}: add it to `rewrite:` if it should not"));
    }
    Config {
        runtime: own.runtime.or(carried(source.runtime)),
        handler: own.handler.or(carried(source.handler)),
        role: own.role.or(carried(source.role)),
        description: own.description.or(carried(source.description)),
        timeout: own.timeout.or(carried(source.timeout)),
        memory_mb: own.memory_mb.or(carried(source.memory_mb)),
        ephemeral_mb: own.ephemeral_mb.or(carried(source.ephemeral_mb)),
        environment,
        tracing: own.tracing.or(carried(source.tracing)),
        log_group: own.log_group.or(carried(source.log_group)),
        layers: own.layers,
        vpc: own.vpc,
        kms_key: own.kms_key,
        dead_letter: own.dead_letter.or(carried(dead_letter)),
    }
}

/// What the source has not is not stated here: AWS's default is taken.
fn carried<T>(setting: Setting<T>) -> Setting<T> {
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
    fn what_is_of_the_sources_region_is_left_out_and_said() {
        let own = Config {
            environment: Setting::Set(BTreeMap::from([("A".to_owned(), Secret::new("own"))])),
            ..Config::default()
        };
        let mut left = Vec::new();
        let carried = carried_config(own, source(), "eu-west-1", &mut left);
        assert_eq!(carried.runtime.value().map(String::as_str), Some("nodejs22.x"));
        assert_eq!((carried.layers, carried.kms_key), (Setting::Unstated, Setting::Unstated));
        assert_eq!(carried.environment.into_value().unwrap()["A"].reveal(), "own");
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left[2].contains("QUEUE") && !left[2].contains("https"), "{left:?}");
    }
}
