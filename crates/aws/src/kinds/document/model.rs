// SPDX-License-Identifier: Apache-2.0
//! The model of a document, desired or live.

use std::collections::BTreeMap;

use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::content::{Format, parsed};
use crate::tags::TagSettings;

/// The key of [`Shares`] for all AWS accounts.
pub(super) const EVERYONE: &str = "all";

/// The version that an account may use, by account id or [`EVERYONE`]. A spec sets or unsets accounts; accounts that it
/// does not list are kept. Live shares are all set.
pub(super) type Shares = BTreeMap<String, Setting<SharedVersion>>;

/// The version of a document that an account may use (`SharedDocumentVersion` of ModifyDocumentPermission).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SsmSharedVersion")]
pub enum SharedVersion {
    /// The default version.
    Default,
    /// The newest version.
    Latest,
    /// Every version.
    All,
}

impl SharedVersion {
    /// The words of SSM.
    const WORDS: [(Self, &'static str); 3] =
        [(Self::Default, "$DEFAULT"), (Self::Latest, "$LATEST"), (Self::All, "$ALL")];

    /// Returns SSM's word.
    pub(super) fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(version, _)| *version == self).map_or("$DEFAULT", |(_, word)| *word)
    }

    /// Returns the version of SSM's word, or `None` if the word is unknown.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(version, _)| *version)
    }
}

/// A document, desired or live. Content, format, target type and names are those of the default version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentModel {
    /// The content as text. Desired: in the format of the spec, or in any format if the spec states none.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) content: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) format: Setting<Format>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) document_type: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) target_type: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) display_name: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) version_name: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) shared_with: Setting<Shares>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub(super) tags: Setting<TagSettings>,
    /// Live only: the attached files, each as `DOCUMENT/VERSION/FILE`, with which a new version refers to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<String>,
}

impl DocumentModel {
    /// Returns the content for comparisons, read in a format.
    pub(super) fn parsed(&self, format: Option<Format>) -> Option<serde_json::Value> {
        self.content.value().map(|text| parsed(text, format))
    }

    /// Whether SSM rejects a new version: a Command document of schema 1.x cannot be updated (Systems Manager User
    /// Guide, "Command document schema version 2.x features").
    pub(super) fn is_fixed(&self) -> bool {
        let is_command = self.document_type.is_set_and(|word| word == "Command");
        let schema =
            self.parsed(self.format.get()).and_then(|content| Some(content["schemaVersion"].as_str()?.to_owned()));
        is_command && schema.is_some_and(|version| version.starts_with("1."))
    }
}
