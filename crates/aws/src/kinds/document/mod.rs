// SPDX-License-Identifier: Apache-2.0
//! `ssm.document`: the default version of a Systems Manager document that the account owns.
//!
//! JSON and YAML content is compared after parsing, TEXT content byte by byte. Changed content creates a version
//! (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateDocument.html>), which a second call
//! makes the default version
//! (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateDocumentDefaultVersion.html>).

use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::list_documents::builders::ListDocumentsFluentBuilder;
use aws_sdk_ssm::types::{
    DocumentFormat, DocumentIdentifier, DocumentKeyValuesFilter, DocumentType, ResourceTypeForTagging, Tag,
};
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::tree;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{CallError, done_if};
use crate::live::{Live, names_of, read_concurrently};
use crate::tags::collect;

/// The kind `ssm.document`.
pub struct Document;

/// A Systems Manager document. A field that is left out is copied from the source (`like:` or `copy:`). Without a
/// source, it is not managed, and AWS's default applies on creation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SsmDocument")]
pub struct DocumentSpec {
    /// The document's content: YAML, or a string that contains JSON or YAML. Required without a source.
    content: Option<Value>,
    /// Document type, such as Command, Automation or Session. AWS's default is Command. Cannot change.
    #[serde(rename = "type")]
    document_type: Option<String>,
    /// Target type: the resource type that the document can run on, such as /AWS::EC2::Instance.
    target_type: Option<String>,
    /// Tags to set. Other tags stay.
    tags: Option<Tags>,
}

/// A document, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DocumentModel {
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    content: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    format: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    document_type: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    target_type: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
    /// Names of the attachments, which are not copied. Set in live models only.
    attachments: Vec<String>,
}

/// The Systems Manager API calls that create, change and delete a document.
#[derive(Debug, Serialize, Deserialize)]
pub enum DocumentOp {
    /// Creates the document with its tags.
    CreateDocument {
        /// The content as text in `format`.
        content: String,
        /// `JSON`, `YAML` or `TEXT`; AWS's default is `JSON`.
        format: Option<String>,
        /// Document type, such as `Command`; AWS's default is `Command`.
        document_type: Option<String>,
        /// Resource type that the document can run on.
        target_type: Option<String>,
        /// Tags of the new document: the spec's over the source's.
        tags: Tags,
    },
    /// Creates a version, which is not the default version yet.
    UpdateDocument {
        /// The content as text in `format`.
        content: String,
        /// `JSON`, `YAML` or `TEXT`; AWS's default is `JSON`.
        format: Option<String>,
        /// Resource type that the document can run on.
        target_type: Option<String>,
    },
    /// Makes the newest version the default version.
    UpdateDocumentDefaultVersion,
    /// Adds or updates tags; other tags stay.
    AddTagsToResource {
        /// All desired tags, also those that do not differ.
        tags: Tags,
    },
    /// Deletes the document with all its versions.
    DeleteDocument,
}

/// The step attribute with which UpdateDocument passes the new version to UpdateDocumentDefaultVersion.
const VERSION: &str = "version";

impl Kind for Document {
    const FACTS: Facts = Facts {
        name: "ssm.document",
        service: "SSM",
        summary: "The default version of a Systems Manager document that the account owns, compared after parsing.",
        reads: &["ListDocuments", "GetDocument"],
        removes: &["DeleteDocument"],
        writes: &[
            "CreateDocument",
            "UpdateDocument",
            "UpdateDocumentDefaultVersion",
            "AddTagsToResource",
            "DeleteDocument",
        ],
        attributes: &["arn", "name"],
        lists: true,
        follows: true,
        inventory: &["ListDocuments"],
        example: "
ssm.document:
  \"*\": {copy: us-east-1, except: [tmp-*], rewrite: {us-east-1: \"${region}\"}}
  restart:
    type: Command
    content:
      schemaVersion: \"2.2\"
      mainSteps:
        - {action: \"aws:runShellScript\", name: run, inputs: {runCommand: [systemctl restart core]}}
",
        ..Facts::DEFAULT
    };

    type Spec = DocumentSpec;
    type Model = DocumentModel;
    type Op = DocumentOp;

    fn check_name(name: &str) -> Result<(), String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let reserved = ["aws", "amazon", "amzn"].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
        if (3..=128).contains(&name.len()) && name.bytes().all(allowed) && !reserved {
            return Ok(());
        }
        Err(format!(
            "'{name}' is not a valid Systems Manager document name\n\
             use 3 to 128 letters, digits, `_`, `-` and `.`; the prefixes aws, amazon and amzn are reserved"
        ))
    }

    fn desire(_: &str, spec: DocumentSpec, notes: &mut Notes<'_>) -> DocumentModel {
        tags::check(spec.tags.as_ref(), notes);
        if spec.content.is_none() && !notes.follows {
            notes.fault("", "a document needs `content`", "add it, or copy a document with `like:` or `copy:`");
        }
        let known = DocumentType::values();
        if let Some(word) = spec.document_type.as_deref().filter(|word| !known.contains(word)) {
            let help = format!("use one of: {}", known.join(", "));
            notes.fault("type", format!("'{word}' is not a Systems Manager document type"), help);
        }
        let (content, format) = match spec.content {
            None => (None, None),
            Some(Value::String(text)) => {
                let format = if serde_json::from_str::<Value>(&text).is_ok() { "JSON" } else { "YAML" };
                (Some(text), Some(format.to_owned()))
            }
            Some(structured) => (Some(structured.to_string()), Some("JSON".to_owned())),
        };
        let (document_type, target_type) = (spec.document_type, spec.target_type);
        DocumentModel {
            content: Setting::stated(content),
            format: Setting::stated(format),
            document_type: Setting::stated(document_type),
            target_type: Setting::stated(target_type),
            tags: Setting::stated(spec.tags),
            attachments: Vec::new(),
        }
    }

    fn attributes(name: &str, location: &Location) -> Attributes {
        Attributes::from([
            ("arn".to_owned(), location.arn("ssm", &format!("document/{name}"))),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn follow(
        own: DocumentModel,
        source: &LiveResource<DocumentModel>,
        location: &Location,
        not_copied: &mut Vec<String>,
    ) -> Option<DocumentModel> {
        let DocumentModel { content, format, document_type, target_type, tags, attachments } = source.model.clone();
        if !attachments.is_empty() {
            not_copied.push(format!("attachments are not copied: {}; add them by hand", attachments.join(", ")));
        }
        let (content, format) = if own.content.is_set() { (own.content, own.format) } else { (content, format) };
        Some(DocumentModel {
            content,
            format,
            document_type: own.document_type.or(document_type),
            target_type: own.target_type.or(target_type),
            tags: Setting::stated(tags::over(
                own.tags.into_value(),
                tags::over(Some(tags::of_copy(&location.region)), tags.into_value()),
            )),
            attachments: Vec::new(),
        })
    }

    fn remove(_: &DocumentModel, out: &mut Diff<'_, DocumentOp>) {
        out.removed(DocumentOp::DeleteDocument);
    }

    fn diff(want: &DocumentModel, live: Option<&DocumentModel>, out: &mut Diff<'_, DocumentOp>) {
        let DocumentModel { content, format, document_type, target_type, tags, attachments: _ } = want;
        let parsed = |model: &DocumentModel| {
            model.content.value().map(|text| parsed(text, model.format.value().map(String::as_str)))
        };
        let live_content = live.and_then(parsed);
        let written = out.stated("content", parsed(want).as_ref(), live_content.as_ref());
        let typed = out.setting("type", document_type, live.map(|live| &live.document_type));
        let targeted = out.setting("target_type", target_type, live.map(|live| &live.target_type));
        let tagged = out.stated_entries("tags", tags.value(), live.and_then(|live| live.tags.value()));
        let tags = tags.clone().unwrap_or_default();
        let (text, format, target_type) = (content.clone().unwrap_or_default(), format.get(), target_type.get());
        if live.is_none() {
            let covers = out.creation().and(written).and(typed).and(targeted).and(tagged);
            let document_type = document_type.get();
            let op = DocumentOp::CreateDocument { content: text, format, document_type, target_type, tags };
            return out.step(Phase::Create, covers, op);
        }
        out.blocked(
            &typed,
            "a document's type cannot change: create a document with another name, then set this one to `absent`",
        );
        let changed = written.and(targeted);
        out.step(Phase::Change, changed.clone(), DocumentOp::UpdateDocument { content: text, format, target_type });
        out.step(Phase::Change, changed, DocumentOp::UpdateDocumentDefaultVersion);
        out.step(Phase::Change, tagged, DocumentOp::AddTagsToResource { tags });
    }
}

/// Returns the content parsed, so that white space and the order of keys do not matter. Text that cannot be parsed is
/// returned as a string.
fn parsed(text: &str, format: Option<&str>) -> Value {
    let value = match format {
        Some("TEXT") => None,
        Some("YAML") => tree::parse(text, 0).ok().map(|node| tree::to_json(&node)),
        _ => serde_json::from_str(text).ok(),
    };
    value.unwrap_or_else(|| text.into())
}

impl Live for Document {
    type Api = Client;

    /// ListDocuments returns no content, so each document is read with GetDocument
    /// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListDocuments.html>).
    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<DocumentModel>, CallError> {
        let mut items = own(api).into_paginator().items().send();
        let mut documents = Vec::new();
        while let Some(document) = items.next().await {
            let document = document?;
            if scope.asks_for(document.name().unwrap_or_default()) {
                documents.push(document);
            }
        }
        let reads = documents.into_iter().map(|document| {
            let name = document.name().unwrap_or_default().to_owned();
            let attributes = Self::attributes(&name, &scope.location);
            let read = async move {
                let name = document.name().unwrap_or_default().to_owned();
                Ok(Some(LiveResource::new(name, read(api, &document).await?, attributes)))
            };
            (name, read)
        });
        Ok(read_concurrently(reads).await)
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        names_of(own(api).into_paginator().items().send(), |document| document.name).await
    }

    async fn run(api: &Client, target: &StepTarget, op: DocumentOp) -> Result<Attributes, CallError> {
        let name = &target.name;
        match op {
            DocumentOp::CreateDocument { content, format, document_type, target_type, tags } => {
                let made = api
                    .create_document()
                    .name(name)
                    .content(content)
                    .set_document_format(format.as_deref().map(DocumentFormat::from))
                    .set_document_type(document_type.as_deref().map(DocumentType::from))
                    .set_target_type(target_type)
                    .set_tags((!tags.is_empty()).then(|| sdk_tags(&tags)))
                    .send()
                    .await;
                done_if(made.map(|_| ()).map_err(CallError::from), "DocumentAlreadyExists")?;
            }
            DocumentOp::UpdateDocument { content, format, target_type } => {
                // SSM can only update the newest version, and requires its number or `$LATEST`.
                let made = api
                    .update_document()
                    .name(name)
                    .content(content)
                    .set_document_format(format.as_deref().map(DocumentFormat::from))
                    .set_target_type(target_type)
                    .document_version("$LATEST")
                    .send()
                    .await
                    .map_err(CallError::from);
                let version = match made {
                    Ok(made) => made.document_description.and_then(|it| it.latest_version.or(it.document_version)),
                    // The newest version already has this content: an interrupted run did not make it the default.
                    Err(error) if error.is("DuplicateDocumentContent") => Some(LATEST.to_owned()),
                    Err(error) => return Err(error),
                };
                return Ok(version.map(|version| (VERSION.to_owned(), version)).into_iter().collect());
            }
            DocumentOp::UpdateDocumentDefaultVersion => {
                let mut version = target.attributes.get(VERSION).cloned().unwrap_or_else(|| LATEST.to_owned());
                // This call accepts a number only, not `$LATEST`.
                if version == LATEST {
                    let newest = api.get_document().name(name).document_version(LATEST).send().await?;
                    version = newest.document_version.unwrap_or_default();
                }
                api.update_document_default_version().name(name).document_version(version).send().await?;
            }
            DocumentOp::AddTagsToResource { tags } => {
                api.add_tags_to_resource()
                    .resource_type(ResourceTypeForTagging::Document)
                    .resource_id(name)
                    .set_tags(Some(sdk_tags(&tags)))
                    .send()
                    .await?;
            }
            DocumentOp::DeleteDocument => {
                api.delete_document().name(name).send().await?;
            }
        }
        Ok(Attributes::new())
    }
}

/// The newest version, in requests.
const LATEST: &str = "$LATEST";

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(|pair| tag(pair).expect("invariant: key and value are set")).collect()
}

/// Lists the documents that the account owns.
fn own(api: &Client) -> ListDocumentsFluentBuilder {
    let own = DocumentKeyValuesFilter::builder().key("Owner").values("Self").build();
    api.list_documents().filters(own).max_results(50)
}

/// Reads the default version: GetDocument returns it if the request names no version
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetDocument.html>).
async fn read(api: &Client, listed: &DocumentIdentifier) -> Result<DocumentModel, CallError> {
    let document = api.get_document().set_name(listed.name.clone()).send().await?;
    let attachments = document.attachments_content().iter().filter_map(|it| it.name().map(ToOwned::to_owned));
    Ok(DocumentModel {
        attachments: attachments.collect(),
        format: Setting::live(document.document_format().map(|format| format.as_str().to_owned())),
        document_type: Setting::live(document.document_type().map(|it| it.as_str().to_owned())),
        target_type: Setting::live(listed.target_type().map(ToOwned::to_owned)),
        tags: Setting::Set(collect(listed.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value()))))),
        content: Setting::live(document.content),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_the_order_of_keys_are_not_compared() {
        assert_eq!(parsed("{\"b\": 1, \"a\": [2]}", Some("JSON")), parsed("{\"a\":[2],\n\"b\":1}", Some("JSON")));
        assert_eq!(parsed("b: 1\na: [2]\n", Some("YAML")), parsed("{a: [2], b: 1}", Some("YAML")));
        assert_ne!(parsed("a  b", Some("TEXT")), parsed("a b", Some("TEXT")));
    }
}
