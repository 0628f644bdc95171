// SPDX-License-Identifier: Apache-2.0
//! Copies settings from the document that a document follows.

use std::collections::BTreeMap;

use regionctl_core::observe::location::Location;
use regionctl_core::resource::setting::Setting;

use super::model::DocumentModel;
use crate::tags;

/// Merges the spec over the settings of the source. `left` names what is not copied.
///
/// An unset target type, display name or version name of the source is not copied: SSM cannot remove them.
pub(super) fn follow(
    own: DocumentModel,
    source: &DocumentModel,
    location: &Location,
    left: &mut Vec<String>,
) -> DocumentModel {
    let source = source.clone();
    if !source.attachments.is_empty() {
        let files: Vec<&str> = source.attachments.iter().filter_map(|path| path.rsplit('/').next()).collect();
        left.push(format!(
            "attachments are not copied: {}; add them with `aws ssm update-document --attachments`",
            files.join(", ")
        ));
    }
    DocumentModel {
        content: own.content.or(source.content),
        format: own.format.or(source.format),
        document_type: own.document_type.or(source.document_type),
        target_type: own.target_type.or(set_or_unstated(source.target_type)),
        display_name: own.display_name.or(set_or_unstated(source.display_name)),
        version_name: own.version_name.or(set_or_unstated(source.version_name)),
        shared_with: over(own.shared_with, source.shared_with),
        tags: tags::of_copy(own.tags, source.tags, &location.region),
        attachments: Vec::new(),
    }
}

/// Turns an unset setting into an unstated one.
fn set_or_unstated<T>(setting: Setting<T>) -> Setting<T> {
    if setting.is_set() { setting } else { Setting::Unstated }
}

/// Merges a spec's accounts over those of the source, account by account.
fn over<T>(own: Setting<BTreeMap<String, T>>, source: Setting<BTreeMap<String, T>>) -> Setting<BTreeMap<String, T>> {
    match (own, source) {
        (Setting::Set(own), Setting::Set(mut source)) => {
            source.extend(own);
            Setting::Set(source)
        }
        (own, source) => own.or(source),
    }
}
