// SPDX-License-Identifier: Apache-2.0
//! Copying a source function's code and settings to its follower, and reporting what is not copied.

use std::collections::BTreeMap;

use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::setting::Setting;

use super::LARGEST_PACKAGE;
use super::code::Code;
use super::config::Config;
use super::event_source::EventSource;
use super::model::{CodeModel, FunctionModel, Package};
use super::parts::{AsyncConfig, Parts, Url};
use super::words::{LogFormat, name};

/// Merges a spec's settings over those of the source. Each setting that is not copied adds a message to `left`. Returns
/// `None` if the source's code cannot be copied.
pub(super) fn follow(
    own: FunctionModel,
    source: &LiveResource<FunctionModel>,
    location: &Location,
    left: &mut Vec<String>,
) -> Option<FunctionModel> {
    let found = source.model.clone();
    let region = location.region.as_str();
    let architecture = own.architecture.or(found.architecture);
    let code = copied_code(&own.code, &found, architecture.value().map(name), source, location, left)?;
    let log_groups = [source.name.as_str(), own.name.as_deref().unwrap_or(&source.name)];
    let config = copied_config(own.config, found.config, region, log_groups, left);
    let parts = copied_parts(own.parts, found.parts, region, left);
    for alias in &found.aliases {
        left.push(format!(
            "the alias '{alias}' with its version, permissions and settings is not copied: publish a version and \
             create the alias here if needed"
        ));
    }
    let own = FunctionModel { code, architecture, config, parts, ..own };
    Some(own.settings())
}

/// Returns the follower's code; `None` if the source's package cannot be copied. Each reason adds a message to `left`.
fn copied_code(
    own: &CodeModel,
    found: &FunctionModel,
    architecture: Option<String>,
    source: &LiveResource<FunctionModel>,
    location: &Location,
    left: &mut Vec<String>,
) -> Option<CodeModel> {
    let CodeModel::Is { sha256, .. } = &found.code else { return None };
    let Package { is_image, bytes, image } = &found.package;
    // Lambda runs images from the same region only
    // (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html).
    let image = image.clone().filter(|uri| !uri.contains(&location.region));
    let is_elsewhere = *is_image && image.is_none();
    let (region, function) = (location.region.clone(), source.name.clone());
    let from = Code { region, function, sha256: sha256.clone(), architecture, image };
    match own {
        CodeModel::External => Some(CodeModel::External),
        _ if is_elsewhere => {
            left.push(
                "a container image is not copied: replicate it to this region's ECR and replace the region with \
                 `rewrite:`, or deploy the function with another tool and set `code: external`"
                    .to_owned(),
            );
            None
        }
        _ if !*is_image && *bytes > LARGEST_PACKAGE => {
            left.push(format!(
                "the package has {} MB, and Lambda accepts at most 50 MB in a request: deploy it through S3, and set \
                 `code: external`",
                *bytes >> 20
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
/// copied; each adds a message to `left`. `names` are the names of the source and of the follower.
fn copied_config(own: Config, mut source: Config, region: &str, names: [&str; 2], left: &mut Vec<String>) -> Config {
    let mut omit = |field: &str, is_stated: bool| {
        if !is_stated {
            left.push(format!("`{field}` belongs to the source's region and is not copied: set `{field}:`"));
        }
    };
    if source.layers.is_set_and(|layers| layers.iter().any(|arn| arn.contains(region))) {
        omit("layers", !own.layers.is_unstated());
        source.layers = Setting::Unstated;
    }
    if source.vpc.is_set() {
        omit("vpc", !own.vpc.is_unstated());
        source.vpc = Setting::Unstated;
    }
    if source.file_systems.is_set() {
        omit("file_systems", !own.file_systems.is_unstated());
        source.file_systems = Setting::Unstated;
    }
    if source.kms_key.is_set_and(|arn| arn.contains(region)) {
        omit("kms_key", !own.kms_key.is_unstated());
        source.kms_key = Setting::Unstated;
    }
    if source.dead_letter.is_set_and(|arn| arn.contains(region)) {
        omit("dead_letter", !own.dead_letter.is_unstated());
        source.dead_letter = Setting::Unstated;
    }
    // The default log group has the name of its function, which the follower's may differ from.
    let defaults = names.map(|name| format!("/aws/lambda/{name}"));
    if source.log_group.is_set_and(|group| *group == defaults[0]) {
        source.log_group = Setting::Set(defaults[1].clone());
    }
    // Text logs have no levels.
    if own.log_format == Setting::Set(LogFormat::Text) {
        source.application_log_level = Setting::Unstated;
        source.system_log_level = Setting::Unstated;
    }
    if let (Setting::Set(own), Setting::Set(source)) = (&own.environment, &mut source.environment) {
        source.extend(own.clone());
    }
    let environment = match (&own.environment, &source.environment) {
        (Setting::Set(_), Setting::Set(merged)) => Setting::Set(merged.clone()),
        (own, _) => own.clone(),
    };
    let image_config = match (own.image_config.clone(), source.image_config.clone()) {
        (Setting::Set(mut own), Setting::Set(source)) => {
            own.entry_point = own.entry_point.or(source.entry_point);
            own.command = own.command.or(source.command);
            own.working_directory = own.working_directory.or(source.working_directory);
            Setting::Set(own)
        }
        (own, _) => own,
    };
    let copied = Config { environment, image_config, ..own }.over(source);
    let variables = copied.environment.value().into_iter().flatten();
    for (key, _) in variables.filter(|(_, value)| value.reveal().contains(region)) {
        left.push(format!("the variable {key} contains '{region}': add it to `rewrite:` if it must change"));
    }
    copied
}

/// Returns the source's parts with the spec's own on top.
fn copied_parts(own: Parts, source: Parts, region: &str, left: &mut Vec<String>) -> Parts {
    let permissions = own_and(
        own.permissions,
        source.permissions,
        |id, permission, left| {
            let text = serde_json::to_string(permission).unwrap_or_default();
            let is_copied = !text.contains(region);
            if !is_copied {
                left.push(format!(
                "the permission {id} names the source's region and is not copied: add `permissions.{id}`, or replace \
                 the region with `rewrite:`"
            ));
            }
            is_copied
        },
        left,
    );
    let provisioned = own_and(
        own.provisioned_concurrency,
        source.provisioned_concurrency,
        |qualifier, _, left| {
            left.push(format!(
                "the provisioned concurrency of '{qualifier}' is not copied, because aliases and versions are not: set \
             `provisioned_concurrency:` when the alias exists"
            ));
            false
        },
        left,
    );
    let event_sources = copied_sources(own.event_sources, source.event_sources, region, left);
    let mut omit = |field: &str| {
        left.push(format!(
            "`{field}` names the source's region and is not copied: set `{field}:`, or replace the region with `rewrite:`"
        ));
    };
    let async_config = copied_async(own.async_config, source.async_config, region, &mut omit);
    let mut runtime_updates = copied(source.runtime_updates);
    if own.runtime_updates.is_unstated()
        && runtime_updates.is_set_and(|updates| updates.version.as_ref().is_some_and(|arn| arn.contains(region)))
    {
        omit("runtime_updates");
        runtime_updates = Setting::Unstated;
    }
    let mut code_signing = copied(source.code_signing);
    if own.code_signing.is_unstated() && code_signing.is_set_and(|arn| arn.contains(region)) {
        omit("code_signing");
        code_signing = Setting::Unstated;
    }
    Parts {
        permissions,
        reserved_concurrency: own.reserved_concurrency.or(copied(source.reserved_concurrency)),
        provisioned_concurrency: provisioned,
        url: copied_url(own.url, source.url),
        async_config,
        recursive_loop: own.recursive_loop.or(copied(source.recursive_loop)),
        runtime_updates: own.runtime_updates.or(runtime_updates),
        code_signing: own.code_signing.or(code_signing),
        event_sources,
    }
}

/// The event source mappings of a model by the ARN of their source.
type Sources = Setting<BTreeMap<String, Setting<EventSource>>>;

fn copied_sources(own: Sources, source: Sources, region: &str, left: &mut Vec<String>) -> Sources {
    own_and(
        own,
        source,
        |arn, mapping, left| {
            let text = serde_json::to_string(mapping).unwrap_or_default();
            let is_copied = !arn.contains(region) && !text.contains(region) && !mapping.alias.is_set();
            if !is_copied {
                left.push(format!(
                    "event source '{arn}' is not copied: add it to `event_sources:`, or replace the region with \
                     `rewrite:`"
                ));
            }
            is_copied
        },
        left,
    )
}

/// Merges a spec's entries over those of the source that are copied.
fn own_and<T>(
    own: Setting<BTreeMap<String, Setting<T>>>,
    source: Setting<BTreeMap<String, Setting<T>>>,
    mut is_copied: impl FnMut(&str, &T, &mut Vec<String>) -> bool,
    left: &mut Vec<String>,
) -> Setting<BTreeMap<String, Setting<T>>> {
    if matches!(own, Setting::Unset) {
        return Setting::Unset;
    }
    let mut merged = own.into_value().unwrap_or_default();
    for (key, entry) in source.into_value().unwrap_or_default() {
        if !merged.contains_key(&key) && entry.value().is_some_and(|it| is_copied(&key, it, left)) {
            merged.insert(key, entry);
        }
    }
    if merged.is_empty() { Setting::Unstated } else { Setting::Set(merged) }
}

fn copied_url(own: Setting<Url>, source: Setting<Url>) -> Setting<Url> {
    match (own, source) {
        (Setting::Set(own), Setting::Set(source)) => Setting::Set(Url {
            invoke_mode: own.invoke_mode.or(copied(source.invoke_mode)),
            cors: own.cors.or(copied(source.cors)),
            ..own
        }),
        (own, source) => own.or(copied(source.map(|url| Url { cors: copied(url.cors), ..url }))),
    }
}

fn copied_async(
    own: Setting<AsyncConfig>,
    source: Setting<AsyncConfig>,
    region: &str,
    omit: &mut impl FnMut(&str),
) -> Setting<AsyncConfig> {
    if own == Setting::Unset {
        return own;
    }
    let Setting::Set(mut found) = source else { return own };
    let stated = own.clone().into_value().unwrap_or_default();
    for (field, own, destination) in [
        ("async_config.on_success", &stated.on_success, &mut found.on_success),
        ("async_config.on_failure", &stated.on_failure, &mut found.on_failure),
    ] {
        if destination.is_set_and(|arn| arn.contains(region)) {
            if own.is_unstated() {
                omit(field);
            }
            *destination = Setting::Unstated;
        }
        *destination = copied(std::mem::take(destination));
    }
    Setting::Set(stated.over(&found))
}

/// Leaves a setting unstated if the source does not have it, so that AWS's default applies.
fn copied<T>(setting: Setting<T>) -> Setting<T> {
    Setting::stated(setting.into_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::function::parts::Permission;
    use regionctl_core::resource::secret::Secret;

    fn source() -> Config {
        Config {
            runtime: Setting::Set("nodejs22.x".to_owned()),
            layers: Setting::Set(vec!["arn:aws:lambda:eu-west-1:1:layer:l:1".to_owned()]),
            kms_key: Setting::Set("arn:aws:kms:eu-west-1:1:key/k".to_owned()),
            dead_letter: Setting::Set("arn:aws:sqs:eu-west-1:1:failed".to_owned()),
            log_group: Setting::Set("/aws/lambda/source".to_owned()),
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
        let mut left = Vec::new();
        let copied = copied_config(own, source(), "eu-west-1", ["source", "copy"], &mut left);
        assert_eq!(copied.runtime.value().map(String::as_str), Some("nodejs22.x"));
        assert_eq!((copied.layers, copied.kms_key), (Setting::Unstated, Setting::Unstated));
        assert_eq!(copied.dead_letter, Setting::Unstated);
        assert_eq!(copied.environment.into_value().unwrap()["A"].reveal(), "own");
        assert_eq!(left.len(), 4, "{left:?}");
        assert!(left[2].contains("dead_letter"), "{left:?}");
        assert!(left[3].contains("QUEUE") && !left[3].contains("https"), "{left:?}");
    }

    #[test]
    fn the_default_log_group_of_the_source_becomes_the_followers() {
        let copied = copied_config(Config::default(), source(), "x", ["source", "copy"], &mut Vec::new());
        assert_eq!(copied.log_group, Setting::Set("/aws/lambda/copy".to_owned()));
        let other = Config { log_group: Setting::Set("/app".to_owned()), ..source() };
        let copied = copied_config(Config::default(), other, "x", ["source", "copy"], &mut Vec::new());
        assert_eq!(copied.log_group, Setting::Set("/app".to_owned()));
    }

    #[test]
    fn an_image_is_copied_by_digest_if_it_is_in_this_region() {
        let model: FunctionModel = serde_json::from_value(serde_json::json!({
            "code": {"Is": {"sha256": "ab", "from": null}}, "architecture": "arm64",
            "package": {"is_image": true, "bytes": 0, "image": "1.dkr.ecr.eu-central-1.amazonaws.com/r@sha256:ab"},
        }))
        .unwrap();
        let follow = |region: &str, left: &mut Vec<String>| {
            let location =
                Location { partition: "aws".to_owned(), region: region.to_owned(), account: "1".to_owned(), vpc: None };
            let own = FunctionModel { code: CodeModel::Follow, architecture: Setting::Unstated, ..model.clone() };
            let source = LiveResource::new("f", model.clone(), regionctl_core::resource::reference::Attributes::new());
            super::follow(own.settings(), &source, &location, left)
        };
        let copied = follow("eu-west-1", &mut Vec::new()).unwrap();
        let CodeModel::Is { from: Some(from), .. } = copied.code else { panic!("{:?}", copied.code) };
        assert_eq!(from.image.as_deref(), Some("1.dkr.ecr.eu-central-1.amazonaws.com/r@sha256:ab"));
        assert_eq!(from.architecture.as_deref(), Some("arm64"));
        let mut left = Vec::new();
        assert!(follow("eu-central-1", &mut left).is_none());
        assert!(left[0].contains("replicate it"), "{left:?}");
    }

    #[test]
    fn parts_are_copied_or_named() {
        let statement = |arn: &str| {
            let value = serde_json::json!({"principal": "s3.amazonaws.com", "source_arn": arn});
            Setting::Set(serde_json::from_value::<Permission>(value).unwrap())
        };
        let source = Parts {
            permissions: Setting::Set(BTreeMap::from([
                ("bucket".to_owned(), statement("arn:aws:s3:::uploads")),
                ("rule".to_owned(), statement("arn:aws:events:eu-west-1:1:rule/r")),
            ])),
            reserved_concurrency: Setting::Set(7),
            provisioned_concurrency: Setting::Set(BTreeMap::from([("live".to_owned(), Setting::Set(2))])),
            async_config: Setting::Set(AsyncConfig {
                max_retries: Setting::Set(1),
                on_failure: Setting::Set("arn:aws:sqs:eu-west-1:1:failed".to_owned()),
                ..AsyncConfig::default()
            }),
            ..Parts::default()
        };
        let mut left = Vec::new();
        let copied = copied_parts(Parts::default(), source, "eu-west-1", &mut left);
        assert_eq!(copied.permissions.value().unwrap().keys().collect::<Vec<_>>(), ["bucket"]);
        assert_eq!(copied.reserved_concurrency, Setting::Set(7));
        assert_eq!(copied.async_config.value().unwrap().max_retries, Setting::Set(1));
        let said = left.join("\n");
        for part in ["permissions.rule", "concurrency of 'live'", "async_config.on_failure"] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        assert_eq!(left.len(), 3, "{said}");
    }
}
