//! `ssm.document`: an own document of Systems Manager, its default version.
//!
//! Content is compared by its meaning: JSON and YAML are parsed, a text is taken as it is. A new
//! content makes a version that is not in force until it is made the default.

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
use regionctl_core::resource::reference::Outputs;
use regionctl_core::spec::tree;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{CallError, done_if};
use crate::live::{Live, all_at_once, names_of};
use crate::tags::collect;

/// The kind `ssm.document`.
pub struct Document;

/// What a person writes of a document. What is left out comes from the source, where there is one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SsmDocument")]
pub struct DocumentSpec {
    /// The content, as YAML or as a text of JSON or YAML.
    content: Option<Value>,
    /// What it is, in AWS's word: Command, Automation, Session, … Command where it is left out.
    #[serde(rename = "type")]
    document_type: Option<String>,
    /// The resources it can run on, such as /AWS::EC2::Instance.
    target_type: Option<String>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// A document, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DocumentModel {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    /// What cannot be copied with it; only live.
    attachments: Vec<String>,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum DocumentOp {
    /// With all it has.
    CreateDocument {
        /// The text.
        content: String,
        /// JSON, YAML or TEXT.
        format: Option<String>,
        /// AWS's word.
        document_type: Option<String>,
        /// What it can run on.
        target_type: Option<String>,
        /// The spec's tags.
        tags: Tags,
    },
    /// Makes a version that is not in force yet.
    UpdateDocument {
        /// The text.
        content: String,
        /// JSON, YAML or TEXT.
        format: Option<String>,
        /// What it can run on.
        target_type: Option<String>,
    },
    /// Puts the newest version in force.
    UpdateDocumentDefaultVersion,
    /// Adds or changes these; others stay.
    AddTagsToResource {
        /// The spec's.
        tags: Tags,
    },
    /// All versions.
    DeleteDocument,
}

/// The output by which a new version is known to the step that puts it in force.
const VERSION: &str = "version";

impl Kind for Document {
    const FACTS: Facts = Facts {
        name: "ssm.document",
        service: "SSM",
        summary: "An own document of Systems Manager: its default version, compared by meaning.",
        reads: &["ListDocuments", "GetDocument"],
        removes: &["DeleteDocument"],
        writes: &[
            "CreateDocument",
            "UpdateDocument",
            "UpdateDocumentDefaultVersion",
            "AddTagsToResource",
            "DeleteDocument",
        ],
        outputs: &["arn", "name"],
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
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let reserved = ["aws", "amazon", "amzn"].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
        if (3..=128).contains(&name.len()) && name.bytes().all(fits) && !reserved {
            return Ok(());
        }
        Err(format!(
            "Systems Manager does not take '{name}' as a document's name\n\
             3 to 128 letters, digits and _-. that do not start with aws, amazon or amzn"
        ))
    }

    fn desire(_: &str, spec: DocumentSpec, notes: &mut Notes<'_>) -> DocumentModel {
        tags::check(spec.tags.as_ref(), notes);
        if spec.content.is_none() && !notes.follows {
            notes.fault("", "a document needs its content", "state `content:`, or follow one with `like:` or `copy:`");
        }
        let known = DocumentType::values();
        if let Some(word) = spec.document_type.as_deref().filter(|word| !known.contains(word)) {
            notes.fault("type", format!("Systems Manager knows no document of type {word}"), known.join(", "));
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
        DocumentModel { content, format, document_type, target_type, tags: spec.tags, attachments: Vec::new() }
    }

    fn outputs(name: &str, location: &Location) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), location.arn("ssm", &format!("document/{name}"))),
            ("name".to_owned(), name.to_owned()),
        ])
    }

    fn origin(live: &DocumentModel) -> Option<String> {
        tags::origin(live.tags.as_ref())
    }

    fn follow(
        own: DocumentModel,
        source: &LiveResource<DocumentModel>,
        location: &Location,
        left: &mut Vec<String>,
    ) -> Option<DocumentModel> {
        let DocumentModel { content, format, document_type, target_type, tags, attachments } = source.model.clone();
        if !attachments.is_empty() {
            left.push(format!("its attachments are not copied: {}; add them by hand", attachments.join(", ")));
        }
        let (content, format) = if own.content.is_some() { (own.content, own.format) } else { (content, format) };
        Some(DocumentModel {
            content,
            format,
            document_type: own.document_type.or(document_type),
            target_type: own.target_type.or(target_type),
            tags: tags::over(own.tags, tags::over(Some(tags::of_copy(&location.region)), tags)),
            attachments: Vec::new(),
        })
    }

    fn remove(_: &DocumentModel, out: &mut Diff<'_, DocumentOp>) {
        out.removed(DocumentOp::DeleteDocument);
    }

    fn diff(want: &DocumentModel, live: Option<&DocumentModel>, out: &mut Diff<'_, DocumentOp>) {
        let DocumentModel { content, format, document_type, target_type, tags, attachments: _ } = want;
        let meaning =
            |model: &DocumentModel| model.content.as_deref().map(|text| meaning(text, model.format.as_deref()));
        let live_content = live.and_then(meaning);
        let written = out.stated("content", meaning(want).as_ref(), live_content.as_ref());
        let typed = out.stated("type", document_type.as_ref(), live.and_then(|live| live.document_type.as_ref()));
        let targeted = out.stated("target_type", target_type.as_ref(), live.and_then(|live| live.target_type.as_ref()));
        let tagged = out.stated_entries("tags", tags.as_ref(), live.and_then(|live| live.tags.as_ref()));
        let tags = tags.clone().unwrap_or_default();
        let (text, format, target_type) = (content.clone().unwrap_or_default(), format.clone(), target_type.clone());
        if live.is_none() {
            let covers = out.birth().and(written).and(typed).and(targeted).and(tagged);
            let document_type = document_type.clone();
            let op = DocumentOp::CreateDocument { content: text, format, document_type, target_type, tags };
            return out.step(Phase::Create, covers, op);
        }
        out.blocked(&typed, "a document's type never changes: make one of another name, then say `absent` of this one");
        let changed = written.and(targeted);
        out.step(Phase::Change, changed.clone(), DocumentOp::UpdateDocument { content: text, format, target_type });
        out.step(Phase::Change, changed, DocumentOp::UpdateDocumentDefaultVersion);
        out.step(Phase::Change, tagged, DocumentOp::AddTagsToResource { tags });
    }
}

/// What a text means: the order of keys and white space do not count.
fn meaning(text: &str, format: Option<&str>) -> Value {
    let parsed = match format {
        Some("TEXT") => None,
        Some("YAML") => tree::parse(text, 0).ok().map(|node| tree::to_json(&node)),
        _ => serde_json::from_str(text).ok(),
    };
    parsed.unwrap_or_else(|| text.into())
}

impl Live for Document {
    type Api = Client;

    /// The list has no content, so each document is got; the two are all the round trips there are.
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
            let outputs = Self::outputs(&name, &scope.location);
            let read = async move {
                let name = document.name().unwrap_or_default().to_owned();
                Ok(Some(LiveResource::new(name, read(api, &document).await?, outputs)))
            };
            (name, read)
        });
        Ok(all_at_once(reads).await)
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        names_of(own(api).into_paginator().items().send(), |document| document.name).await
    }

    async fn run(api: &Client, target: &StepTarget, op: DocumentOp) -> Result<Outputs, CallError> {
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
                    // The newest version is this one already: a run was cut before it was put in force.
                    Err(error) if error.is("DuplicateDocumentContent") => Some(LATEST.to_owned()),
                    Err(error) => return Err(error),
                };
                return Ok(version.map(|version| (VERSION.to_owned(), version)).into_iter().collect());
            }
            DocumentOp::UpdateDocumentDefaultVersion => {
                let mut version = target.outputs.get(VERSION).cloned().unwrap_or_else(|| LATEST.to_owned());
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
        Ok(Outputs::new())
    }
}

/// SSM's word for the newest version in requests.
const LATEST: &str = "$LATEST";

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(|pair| tag(pair).expect("invariant: key and value are set")).collect()
}

/// Without a version, the default one is meant.
/// Asks for the account's own documents.
fn own(api: &Client) -> ListDocumentsFluentBuilder {
    let own = DocumentKeyValuesFilter::builder().key("Owner").values("Self").build();
    api.list_documents().filters(own).max_results(50)
}

async fn read(api: &Client, listed: &DocumentIdentifier) -> Result<DocumentModel, CallError> {
    let document = api.get_document().set_name(listed.name.clone()).send().await?;
    let attachments = document.attachments_content().iter().filter_map(|it| it.name().map(ToOwned::to_owned));
    Ok(DocumentModel {
        attachments: attachments.collect(),
        format: document.document_format().map(|format| format.as_str().to_owned()),
        document_type: document.document_type().map(|it| it.as_str().to_owned()),
        target_type: listed.target_type().map(ToOwned::to_owned),
        tags: Some(collect(listed.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value()))))),
        content: document.content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_the_order_of_keys_mean_nothing() {
        assert_eq!(meaning("{\"b\": 1, \"a\": [2]}", Some("JSON")), meaning("{\"a\":[2],\n\"b\":1}", Some("JSON")));
        assert_eq!(meaning("b: 1\na: [2]\n", Some("YAML")), meaning("{a: [2], b: 1}", Some("YAML")));
        assert_ne!(meaning("a  b", Some("TEXT")), meaning("a b", Some("TEXT")));
    }
}
