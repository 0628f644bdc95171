// SPDX-License-Identifier: Apache-2.0
//! `ssm.document`: the default version of a Systems Manager document that the account owns.
//!
//! Changed content creates a version (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateDocument.html>),
//! which a second call makes the default version
//! (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateDocumentDefaultVersion.html>).

mod api;
mod content;
mod follow;
mod model;
mod sharing;
mod spec;

use regionctl_core::diff::{Covers, Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::scope::LiveResource;
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tags;
use content::{Format, guessed, in_format};
use model::{DocumentModel, SharedVersion};
use spec::DocumentSpec;

/// The kind `ssm.document`.
pub struct Document;

/// The Systems Manager API calls that create, change and delete a document.
#[derive(Debug, Serialize, Deserialize)]
pub enum DocumentOp {
    /// Creates the document with its tags.
    CreateDocument {
        /// The document's type; `None` for AWS's default, Command.
        document_type: Option<String>,
        /// The first version.
        version: Version,
        /// The spec's tags, and regionctl's own.
        tags: Tags,
    },
    /// Creates a version, which is not the default version yet. SSM bases it on the newest version, so the values of the
    /// default version are sent.
    UpdateDocument {
        /// The new version.
        version: Version,
        /// The files attached to the default version, each as `DOCUMENT/VERSION/FILE`.
        attachments: Vec<String>,
    },
    /// Makes the version of the step before the default version.
    UpdateDocumentDefaultVersion,
    /// Shares the document with accounts, or stops sharing it.
    ModifyDocumentPermission {
        /// The account ids to add, or `all`.
        add: Vec<String>,
        /// The account ids to remove, or `all`.
        remove: Vec<String>,
        /// The version that the added accounts may use.
        version: Option<SharedVersion>,
    },
    /// Adds or overwrites tags; other tags are kept.
    AddTagsToResource {
        /// The tags that the spec sets.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags are kept.
    RemoveTagsFromResource {
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
    /// Deletes the document with all its versions.
    DeleteDocument,
}

/// A new version of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The content as text in `format`.
    content: String,
    format: Format,
    target_type: Option<String>,
    display_name: Option<String>,
    name: Option<String>,
}

impl Kind for Document {
    const FACTS: Facts = Facts {
        name: "ssm.document",
        service: "SSM",
        summary: "The default version of a Systems Manager document that the account owns, compared after parsing.",
        reads: &["ListDocuments", "GetDocument", "DescribeDocumentPermission"],
        removes: &["DeleteDocument"],
        writes: &[
            "CreateDocument",
            "UpdateDocument",
            "UpdateDocumentDefaultVersion",
            "ModifyDocumentPermission",
            "AddTagsToResource",
            "RemoveTagsFromResource",
            "DeleteDocument",
        ],
        attributes: &["arn", "name"],
        parts: &["content", "shared_with"],
        // SSM deletes only documents that are not shared.
        read_to_remove: &["shared_with"],
        lists: true,
        follows: true,
        inventory: &["ListDocuments"],
        weights: &[Weight {
            path: "shared_with.all",
            when: When::Differs,
            severity: Severity::High,
            why: "it decides whether every AWS account can use the document",
        }],
        defaults: r#"{"document_type": "Command", "target_type": null, "display_name": null, "shared_with": null}"#,
        example: "
ssm.document:
  \"*\": {copy: us-east-1, except: [tmp-*], rewrite: {us-east-1: \"${region}\"}}
  restart:
    type: Command
    target_type: /AWS::EC2::Instance
    shared_with: {\"210987654321\": default}
    content:
      schemaVersion: \"2.2\"
      mainSteps:
        - {action: \"aws:runShellScript\", name: run, inputs: {runCommand: [systemctl restart core]}}
",
        creation_tags: true,
        ..Facts::DEFAULT
    };

    type Spec = DocumentSpec;
    type Model = DocumentModel;
    type Op = DocumentOp;

    fn check_name(name: &str) -> Result<(), String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if (3..=128).contains(&name.len()) && name.bytes().all(allowed) && !is_reserved(name) {
            return Ok(());
        }
        Err(format!(
            "'{name}' is not a valid Systems Manager document name\n\
             use 3 to 128 letters, digits, `_`, `-` and `.`; the prefixes aws, amazon and amzn are reserved"
        ))
    }

    fn desire(_: &str, spec: DocumentSpec, notes: &mut Notes<'_>) -> DocumentModel {
        spec.into_model(notes)
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
        left: &mut Vec<String>,
    ) -> Option<DocumentModel> {
        Some(follow::follow(own, &source.model, location, left))
    }

    fn write(model: &DocumentModel) -> Option<Value> {
        let DocumentModel { content, format, document_type, target_type, display_name, version_name, .. } = model;
        let mut fields = Map::new();
        write::setting("type", document_type, &mut fields);
        write::setting("format", format, &mut fields);
        write::setting("content", content, &mut fields);
        write::setting("target_type", target_type, &mut fields);
        write::setting("display_name", display_name, &mut fields);
        write::setting("version_name", version_name, &mut fields);
        sharing::write(&model.shared_with, &mut fields);
        tags::write(&model.tags, &mut fields);
        Some(Value::Object(fields))
    }

    fn risks(model: &DocumentModel) -> Vec<Risk> {
        sharing::risks(model)
    }

    fn relevant(_: Option<&DocumentModel>, live: DocumentModel) -> DocumentModel {
        DocumentModel { attachments: Vec::new(), ..live }
    }

    fn remove(live: &DocumentModel, out: &mut Diff<'_, DocumentOp>) {
        sharing::end(live, out);
        out.removed(DocumentOp::DeleteDocument);
    }

    fn diff(want: &DocumentModel, live: Option<&DocumentModel>, out: &mut Diff<'_, DocumentOp>) {
        let DocumentModel {
            content: _,
            format: _,
            document_type,
            target_type: _,
            display_name: _,
            version_name,
            shared_with,
            tags,
            attachments: _,
        } = want;
        let typed = out.setting("type", document_type, live.map(|live| &live.document_type));
        let changed = compare_version(want, live, out);
        let named = out.setting("version_name", version_name, live.map(|live| &live.version_name));
        let tag_changes = tags::compare(tags, live.map(|live| &live.tags), out);
        let version = new_version(want, live);
        let Some(live) = live else {
            let (tagged, tags) = tags::of_new(tag_changes, out);
            let covers = out.creation().and(typed).and(changed).and(named).and(tagged);
            let document_type = document_type.get();
            out.step(Phase::Create, covers, DocumentOp::CreateDocument { document_type, version, tags });
            return sharing::diff(shared_with, None, out);
        };
        out.blocked(
            &typed,
            "a document's type cannot change: create a document with another name, then set this one to `absent`",
        );
        let changed = check_update(want, live, changed, named, out);
        let attachments = live.attachments.clone();
        out.step(Phase::Change, changed.clone(), DocumentOp::UpdateDocument { version, attachments });
        out.step(Phase::Change, changed, DocumentOp::UpdateDocumentDefaultVersion);
        out.step(Phase::Change, tag_changes.set, DocumentOp::AddTagsToResource { tags: tag_changes.tags });
        out.step(Phase::Change, tag_changes.removed, DocumentOp::RemoveTagsFromResource { keys: tag_changes.keys });
        sharing::diff(shared_with, Some(live), out);
    }
}

/// Whether AWS reserves the name (`Name` in
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html>).
fn is_reserved(name: &str) -> bool {
    ["aws", "amazon", "amzn"].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix))
}

/// Compares what only a new version can change.
fn compare_version(want: &DocumentModel, live: Option<&DocumentModel>, out: &mut Diff<'_, DocumentOp>) -> Covers {
    // Only TEXT must be stated: JSON and YAML of equal meaning are equal.
    let is_text = want.format.value().or(live.and_then(|live| live.format.value())) == Some(&Format::Text);
    let desired = want.parsed(is_text.then_some(Format::Text));
    let found = live.and_then(|live| live.parsed(live.format.get()));
    let written = out.stated("content", desired.as_ref(), found.as_ref());
    let formatted = out.setting("format", &want.format, live.map(|live| &live.format));
    let targeted = out.setting("target_type", &want.target_type, live.map(|live| &live.target_type));
    let shown = out.setting("display_name", &want.display_name, live.map(|live| &live.display_name));
    if live.is_some() {
        for (covers, setting, name) in
            [(&targeted, &want.target_type, "target type"), (&shown, &want.display_name, "display name")]
        {
            if *setting == Setting::Unset {
                let why = format!("SSM cannot remove the {name} of a document: state another one, or leave it out");
                out.blocked(covers, &why);
            }
        }
    }
    written.and(formatted).and(targeted).and(shown)
}

/// Returns the version that a creation or an update sends. What the spec does not state is the live default version's.
fn new_version(want: &DocumentModel, live: Option<&DocumentModel>) -> Version {
    let text =
        |own: &Setting<String>, live: Option<&Setting<String>>| own.value().or(live.and_then(Setting::value)).cloned();
    let content = text(&want.content, live.map(|live| &live.content)).unwrap_or_default();
    let format = want.format.get().or(live.and_then(|live| live.format.get())).unwrap_or_else(|| guessed(&content));
    Version {
        content: in_format(&content, format),
        format,
        target_type: text(&want.target_type, live.map(|live| &live.target_type)),
        display_name: text(&want.display_name, live.map(|live| &live.display_name)),
        // A name belongs to one version.
        name: want.version_name.get(),
    }
}

/// Blocks updates that SSM rejects, and returns what an update fixes.
fn check_update(
    want: &DocumentModel,
    live: &DocumentModel,
    changed: Covers,
    named: Covers,
    out: &mut Diff<'_, DocumentOp>,
) -> Covers {
    if changed.is_empty() {
        out.blocked(
            &named,
            "SSM cannot change the name of a version: change the content too, or remove `version_name`",
        );
        return named;
    }
    if live.is_fixed() {
        out.blocked(
            &changed,
            "SSM does not update Command documents with schema version 1.x: create a document with another name and \
             schema version 2.2, then set this one to `absent`",
        );
    }
    if let Setting::Set(name) = &want.version_name
        && want.version_name == live.version_name
    {
        let why = format!("the live version already has the name '{name}': state another `version_name`");
        out.blocked(&changed, &why);
    }
    // UpdateDocumentDefaultVersion's documentation says it of every changed version.
    out.remark(&changed, "State Manager runs associations of the default version at once");
    changed.and(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(content: &str, format: Format) -> DocumentModel {
        DocumentModel {
            content: Setting::Set(content.to_owned()),
            format: Setting::Set(format),
            document_type: Setting::Set("Automation".to_owned()),
            target_type: Setting::Set("/".to_owned()),
            display_name: Setting::Unset,
            version_name: Setting::Set("1".to_owned()),
            ..DocumentModel::default()
        }
    }

    fn wanted(content: &str) -> DocumentModel {
        DocumentModel { content: Setting::Set(content.to_owned()), ..DocumentModel::default() }
    }

    fn draft(want: &DocumentModel, live: &DocumentModel) -> regionctl_core::diff::Draft {
        let mut out = Diff::new(true, &[]);
        Document::diff(want, Some(live), &mut out);
        out.finish().unwrap()
    }

    #[test]
    fn a_yaml_document_stays_yaml_and_keeps_its_target_type() {
        let live = model("a: 1 # one\n", Format::Yaml);
        assert!(draft(&wanted("{\"a\":1}"), &live).steps.is_empty());
        let draft = draft(&wanted("{\"a\":2}"), &live);
        let version = &draft.steps[0].op["UpdateDocument"]["version"];
        assert_eq!((&version["content"], &version["format"]), (&"a: 2\n".into(), &"YAML".into()));
        assert_eq!((&version["target_type"], &version["name"]), (&"/".into(), &Value::Null));
    }

    #[test]
    fn a_version_is_renamed_only_with_its_content() {
        let live = model("a: 1\n", Format::Yaml);
        let named = |content: &str, name: &str| DocumentModel {
            version_name: Setting::Set(name.to_owned()),
            ..wanted(content)
        };
        assert!(draft(&named("a: 1", "2"), &live).blocked[0].contains("cannot change the name"));
        assert!(draft(&named("a: 2", "1"), &live).blocked[0].contains("already has the name"));
        assert_eq!(draft(&named("a: 2", "2"), &live).steps.len(), 2);
    }

    #[test]
    fn what_ssm_cannot_change_is_blocked() {
        let fixed = DocumentModel {
            document_type: Setting::Set("Command".to_owned()),
            ..model("{\"schemaVersion\": \"1.2\"}", Format::Json)
        };
        assert!(draft(&wanted("{\"schemaVersion\": \"2.2\"}"), &fixed).blocked[0].contains("schema version 1.x"));
        let untargeted = DocumentModel { target_type: Setting::Unset, ..DocumentModel::default() };
        assert!(draft(&untargeted, &model("a: 1", Format::Yaml)).blocked[0].contains("cannot remove the target type"));
    }

    #[test]
    fn a_shared_document_is_unshared_before_its_deletion() {
        let shared_with = Setting::Set([("210987654321".to_owned(), Setting::Set(SharedVersion::Default))].into());
        let mut out = Diff::new(true, &[]);
        Document::remove(&DocumentModel { shared_with, ..DocumentModel::default() }, &mut out);
        let draft = out.finish().unwrap();
        let calls: Vec<&str> = draft.steps.iter().map(|step| regionctl_core::diff::operation(&step.op)).collect();
        assert_eq!(calls, ["ModifyDocumentPermission", "DeleteDocument"]);
    }
}
