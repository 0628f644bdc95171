// SPDX-License-Identifier: Apache-2.0
//! The spec of a document and its checks.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::DocumentType;
use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::content::{Format, fault};
use super::model::{DocumentModel, EVERYONE, SharedVersion};
use super::sharing::PUBLIC;
use crate::tags::{self, TagSettings};

/// SSM's maximum size of the content, in bytes (`Content` in
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html>).
const MAX_CONTENT: usize = 64 * 1024;

/// A Systems Manager document. A field that is left out is copied from the source (`like:` or `copy:`). Without a
/// source, it is not managed, and AWS's default applies on creation. Changed content, and a changed format, target type
/// or display name, creates a version, which becomes the default version.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SsmDocument")]
pub struct DocumentSpec {
    /// The document's content, up to 64 KiB: YAML, or a string that contains JSON, YAML or plain text. Content that is
    /// not a string is sent in the document's format. Required without a source.
    content: Option<Value>,
    /// The format: JSON, YAML or TEXT. Default: the format of an existing document, and for a new one JSON, or YAML if
    /// `content` is a string that contains YAML.
    format: Option<Format>,
    /// The document type, such as Command, Automation or Session. AWS's default is Command. It cannot change.
    #[serde(rename = "type")]
    document_type: Option<String>,
    /// The resource type that the document can run on, such as /AWS::EC2::Instance; `/` for all. It can change, but SSM
    /// cannot remove it.
    #[serde(default)]
    target_type: Setting<String>,
    /// The name that the console shows, up to 1,024 characters. It can change, but SSM cannot remove it.
    #[serde(default)]
    display_name: Setting<String>,
    /// The name of the version with this content, such as `1.4.2`. It is unique in the document. SSM cannot change the
    /// name of a version, so state another name whenever the content changes.
    #[serde(default)]
    version_name: Setting<String>,
    /// The accounts that may use the document, by account id, each with the version that they may use: `default`,
    /// `latest` or `all`. The id `all`, which excludes all others, makes the document public, a risk. Accounts that are not
    /// listed keep their access. `unset` ends it for one account, or for all of them.
    #[serde(default)]
    shared_with: Setting<BTreeMap<String, Setting<SharedVersion>>>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    tags: Setting<TagSettings>,
    /// The reason to waive the risk of a public document.
    waiver: Option<String>,
}

impl DocumentSpec {
    /// Returns the desired model. Adds faults and waivers to the notes.
    pub(super) fn into_model(self, notes: &mut Notes<'_>) -> DocumentModel {
        self.check(notes);
        if let Some(reason) = &self.waiver {
            notes.waive(PUBLIC, reason, "waiver");
        }
        let content = self.content.map(|content| match content {
            Value::String(text) => text,
            structured => structured.to_string(),
        });
        DocumentModel {
            content: Setting::stated(content),
            format: Setting::stated(self.format),
            document_type: Setting::stated(self.document_type),
            target_type: self.target_type,
            display_name: self.display_name,
            version_name: self.version_name,
            shared_with: self.shared_with,
            tags: self.tags,
            attachments: Vec::new(),
        }
    }

    /// Adds a fault to the notes for everything that SSM would reject.
    fn check(&self, notes: &mut Notes<'_>) {
        tags::check(&self.tags, notes);
        self.check_content(notes);
        let known = DocumentType::values();
        if let Some(word) = self.document_type.as_deref().filter(|word| !known.contains(word)) {
            let help = format!("use one of: {}", known.join(", "));
            notes.fault("type", format!("'{word}' is not a Systems Manager document type"), help);
        }
        let is_target = |text: &str| text.starts_with('/') && text.len() <= 200;
        check_text("target_type", &self.target_type, is_target, "a resource type such as /AWS::EC2::Instance", notes);
        let is_shown = |text: &str| !text.is_empty() && text.chars().count() <= 1024;
        let help = "1 to 1,024 letters, digits, spaces and the characters _ . - : /";
        check_text("display_name", &self.display_name, |text| is_shown(text) && is_plain(text, "_.-:/ "), help, notes);
        let is_name = |text: &str| (1..=128).contains(&text.len()) && text.is_ascii() && is_plain(text, "_-.");
        let help = "1 to 128 letters, digits and the characters _ - .";
        check_text("version_name", &self.version_name, is_name, help, notes);
        self.check_shares(notes);
    }

    fn check_content(&self, notes: &mut Notes<'_>) {
        let Some(content) = &self.content else {
            if !notes.follows {
                notes.fault("", "a document needs `content`", "add it, or copy a document with `like:` or `copy:`");
            }
            return;
        };
        let text = content.as_str().map_or_else(|| content.to_string(), ToOwned::to_owned);
        if text.trim().is_empty() {
            notes.fault("content", "the content is empty", "add the content of the document");
        } else if text.len() > MAX_CONTENT {
            let message = format!("the content has {} bytes; SSM accepts {MAX_CONTENT}", text.len());
            notes.fault("content", message, "move scripts out of the document, such as to S3");
        }
        if content.is_string()
            && let Some(format) = self.format
            && let Some(message) = fault(&text, format)
        {
            notes.fault("content", message, format!("correct it, or change `format: {}`", format.as_str()));
        }
    }

    fn check_shares(&self, notes: &mut Notes<'_>) {
        let Some(shares) = self.shared_with.value() else { return };
        for (account, version) in shares {
            let path = format!("shared_with.{account}");
            let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            if !is_account && account != EVERYONE && !account.contains("${") {
                let help = "use an account id of 12 digits in quotes, or `all` for every AWS account";
                notes.fault(&path, format!("'{account}' is not an account id"), help);
            }
            if version.is_unstated() {
                let help = "write `default`, `latest` or `all`, or `unset` to end the access";
                notes.fault(&path, format!("the account '{account}' has no version"), help);
            }
        }
        let is_public = shares.get(EVERYONE).is_some_and(Setting::is_set);
        if is_public && shares.iter().any(|(account, version)| account != EVERYONE && version.is_set()) {
            let message = "a public document cannot be shared with single accounts";
            notes.fault("shared_with", message, "remove `all`, or the other accounts");
        }
    }
}

fn is_plain(text: &str, punctuation: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || punctuation.contains(letter))
}

fn check_text(
    path: &str,
    setting: &Setting<String>,
    fits: impl Fn(&str) -> bool,
    expected: &str,
    notes: &mut Notes<'_>,
) {
    if let Some(text) = setting.value().filter(|text| !text.contains("${") && !fits(text)) {
        notes.fault(path, format!("'{text}' is not a valid `{path}`"), format!("use {expected}"));
    }
}
