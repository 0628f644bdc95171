// SPDX-License-Identifier: Apache-2.0
//! Reads documents and runs the calls that change them.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::list_documents::builders::ListDocumentsFluentBuilder;
use aws_sdk_ssm::types::{
    AttachmentsSource, AttachmentsSourceKey, DocumentFormat, DocumentIdentifier, DocumentKeyValuesFilter,
    DocumentPermissionType, DocumentRequires, DocumentType, ResourceTypeForTagging, Tag,
};
use futures::future::try_join;
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::content::{Format, parsed};
use super::model::{DocumentModel, EVERYONE, SharedVersion, Shares};
use super::{Document, DocumentOp, Version, is_reserved};
use crate::error::{CallError, done_if, if_found};
use crate::live::{Live, names_of, read_concurrently};
use crate::tags::{self, collect};

/// The newest version, in requests.
const LATEST: &str = "$LATEST";

/// The step attribute with which UpdateDocument passes the new version to UpdateDocumentDefaultVersion.
const VERSION: &str = "version";

/// The number of versions, from the newest, that are searched for content which SSM calls a duplicate.
const SEARCHED_VERSIONS: u32 = 50;

impl Live for Document {
    type Api = Client;

    /// ListDocuments returns all but the content and the accounts, which need a call per document each
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
            let read = async move { Ok(Some(read(api, &document, scope).await?)) };
            (name, read)
        });
        Ok(read_concurrently(reads).await)
    }

    /// Leaves out documents that AWS services created in the account: their names are reserved.
    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let names = names_of(own(api).into_paginator().items().send(), |document| document.name).await?;
        Ok(names.into_iter().filter(|name| !is_reserved(name)).collect())
    }

    async fn run(api: &Client, target: &StepTarget, op: DocumentOp) -> Result<Attributes, CallError> {
        let name = &target.name;
        match op {
            DocumentOp::CreateDocument { document_type, version, tags } => {
                let made = api
                    .create_document()
                    .name(name)
                    .content(version.content)
                    .document_format(DocumentFormat::from(version.format.as_str()))
                    .set_document_type(document_type.as_deref().map(DocumentType::from))
                    .set_target_type(version.target_type)
                    .set_display_name(version.display_name)
                    .set_version_name(version.name)
                    .set_tags((!tags.is_empty()).then(|| sdk_tags(&tags)))
                    .send()
                    .await;
                done_if(made.map(|_| ()).map_err(CallError::from), "DocumentAlreadyExists")?;
            }
            DocumentOp::UpdateDocument { version, attachments } => {
                let number = update(api, name, &version, &attachments).await?;
                return Ok(Attributes::from([(VERSION.to_owned(), number)]));
            }
            DocumentOp::UpdateDocumentDefaultVersion => {
                let version = match target.attributes.get(VERSION) {
                    Some(version) => version.clone(),
                    // This call accepts a number only, not `$LATEST`.
                    None => newest(api, name).await?,
                };
                api.update_document_default_version().name(name).document_version(version).send().await?;
            }
            DocumentOp::ModifyDocumentPermission { add, remove, version } => {
                let filled = |accounts: Vec<String>| (!accounts.is_empty()).then_some(accounts);
                api.modify_document_permission()
                    .name(name)
                    .permission_type(DocumentPermissionType::Share)
                    .set_account_ids_to_add(filled(add))
                    .set_account_ids_to_remove(filled(remove))
                    .set_shared_document_version(version.map(|version| version.as_str().to_owned()))
                    .send()
                    .await?;
            }
            DocumentOp::AddTagsToResource { tags } => {
                let call = api.add_tags_to_resource().resource_type(ResourceTypeForTagging::Document);
                call.resource_id(name).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            DocumentOp::RemoveTagsFromResource { keys } => {
                let call = api.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Document);
                call.resource_id(name).set_tag_keys(Some(keys)).send().await?;
            }
            DocumentOp::DeleteDocument => {
                if_found(api.delete_document().name(name).send().await.map_err(CallError::from))?;
            }
        }
        Ok(Attributes::new())
    }
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(|pair| tag(pair).expect("invariant: key and value are set")).collect()
}

/// Lists the documents that the account owns.
fn own(api: &Client) -> ListDocumentsFluentBuilder {
    let own = DocumentKeyValuesFilter::builder().key("Owner").values("Self").build();
    api.list_documents().filters(own).max_results(50)
}

/// Creates a version and returns its number.
///
/// SSM answers DuplicateDocumentContent if another version has this content: the content is reverted, an interrupted run
/// did not make its version the default, or the SDK repeated a call whose answer was lost. That version then becomes the
/// default version. It may have another display name, which only a new version can change: its content then differs in
/// the line break at its end.
async fn update(api: &Client, name: &str, version: &Version, attachments: &[String]) -> Result<String, CallError> {
    let error = match send(api, name, version, attachments).await {
        Ok(number) => return Ok(number),
        Err(error) => error,
    };
    let is_name = error.is("DuplicateDocumentVersionName");
    if !is_name && !error.is("DuplicateDocumentContent") {
        return Err(error);
    }
    match same_content(api, name, version, is_name).await? {
        None => Err(error),
        Some((number, shown)) if version.display_name.is_none() || shown == version.display_name => Ok(number),
        Some(_) if version.format == Format::Text || is_name => Err(error),
        Some(_) => {
            let text = version.content.trim_end();
            let break_at_end = if version.content.ends_with('\n') { "" } else { "\n" };
            let content = format!("{text}{break_at_end}");
            send(api, name, &Version { content, ..version.clone() }, attachments).await
        }
    }
}

async fn send(api: &Client, name: &str, version: &Version, attachments: &[String]) -> Result<String, CallError> {
    let reference = |path: &String| {
        let source = AttachmentsSource::builder().key(AttachmentsSourceKey::AttachmentReference).values(path);
        source.set_name(path.rsplit('/').next().map(ToOwned::to_owned)).build()
    };
    let made = api
        .update_document()
        .name(name)
        .content(&version.content)
        .document_format(DocumentFormat::from(version.format.as_str()))
        .set_target_type(version.target_type.clone())
        .set_display_name(version.display_name.clone())
        .set_version_name(version.name.clone())
        .set_attachments((!attachments.is_empty()).then(|| attachments.iter().map(reference).collect()))
        // SSM can only update the newest version, and requires its number or `$LATEST`.
        .document_version(LATEST)
        .send()
        .await?;
    match made.document_description.and_then(|made| made.document_version) {
        Some(number) => Ok(number),
        None => newest(api, name).await,
    }
}

async fn newest(api: &Client, name: &str) -> Result<String, CallError> {
    let newest = api.get_document().name(name).document_version(LATEST).send().await?;
    Ok(newest.document_version.unwrap_or_default())
}

/// Returns the number and the display name of the version that has this content: the one with the version's name, or
/// the newest. Versions with the display name precede others, and equal text precedes equal meaning.
async fn same_content(
    api: &Client,
    name: &str,
    version: &Version,
    by_name: bool,
) -> Result<Option<(String, Option<String>)>, CallError> {
    let format = DocumentFormat::from(version.format.as_str());
    let meaning = parsed(&version.content, Some(version.format));
    let mut best: Option<((bool, bool), (String, Option<String>))> = None;
    let mut asked = LATEST.to_owned();
    for _ in 0..SEARCHED_VERSIONS {
        let call = api.get_document().name(name).document_format(format.clone());
        let call = if by_name { call.set_version_name(version.name.clone()) } else { call.document_version(&asked) };
        let found = call.send().await.map_err(CallError::from);
        if let Some(found) = found_version(found)? {
            let number = found.document_version.unwrap_or_default();
            let text = found.content.unwrap_or_default();
            let is_equal = text == version.content;
            if is_equal || parsed(&text, Some(version.format)) == meaning {
                let has_name = version.display_name.is_none() || found.display_name == version.display_name;
                let rank = (has_name, is_equal);
                if best.as_ref().is_none_or(|(other, _)| *other < rank) {
                    best = Some((rank, (number.clone(), found.display_name)));
                }
                if rank == (true, true) {
                    break;
                }
            }
            if asked == LATEST {
                asked = number;
            }
        }
        let Some(next) = asked.parse::<u32>().ok().and_then(|number| number.checked_sub(1)).filter(|next| *next > 0)
        else {
            break;
        };
        if by_name {
            break;
        }
        asked = next.to_string();
    }
    Ok(best.map(|(_, found)| found))
}

/// Returns `None` for a version that was deleted.
fn found_version<T>(found: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is("InvalidDocumentVersion") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the parts of a document that the scope includes.
async fn read(
    api: &Client,
    listed: &DocumentIdentifier,
    scope: &Scope,
) -> Result<LiveResource<DocumentModel>, CallError> {
    let name = listed.name().unwrap_or_default();
    let format =
        known("the document format", listed.document_format().map_or("JSON", DocumentFormat::as_str), Format::of)?;
    // AWS's default; the type of every document is listed.
    let document_type = listed.document_type().map_or("Command", DocumentType::as_str);
    let is_known = |word: &str| DocumentType::values().contains(&word).then(|| word.to_owned());
    let mut extras = extras(listed);
    let mut model = DocumentModel {
        format: Setting::Set(format),
        document_type: Setting::Set(known("the document type", document_type, is_known)?),
        target_type: live_text(listed.target_type()),
        display_name: live_text(listed.display_name()),
        version_name: live_text(listed.version_name()),
        tags: tags::live(collect(listed.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value()))))),
        ..DocumentModel::default()
    };
    let content = async {
        if !scope.reads(name, "content") {
            return Ok(None);
        }
        // Without a format, SSM converts every document to JSON.
        let call = api.get_document().name(name).document_format(DocumentFormat::from(format.as_str()));
        call.send().await.map(Some).map_err(CallError::from)
    };
    let shares = async {
        if scope.reads(name, "shared_with") {
            read_shares(api, name).await.map(Setting::Set)
        } else {
            Ok(Setting::Unstated)
        }
    };
    let (content, shares) = try_join(content, shares).await?;
    model.shared_with = shares;
    if let Some(document) = content {
        let text = document.content().ok_or_else(|| CallError::unknown("SSM GetDocument", "the content", ""))?;
        model.content = Setting::Set(text.to_owned());
        // The read returns the default version.
        let version = document.document_version().unwrap_or_default();
        let files = document.attachments_content().iter().filter_map(|file| file.name());
        model.attachments = files.map(|file| format!("{name}/{version}/{file}")).collect();
        if !model.attachments.is_empty() {
            extras.push(Extra::kept("attachments", model.attachments.clone()));
        }
    }
    let attributes = <Document as regionctl_core::kind::Kind>::attributes(name, &scope.location);
    Ok(LiveResource::new(name, model, attributes).with_extras(extras))
}

/// Returns a live text. SSM returns an empty text for some settings that were never set.
fn live_text(text: Option<&str>) -> Setting<String> {
    Setting::live(text.filter(|text| !text.is_empty()).map(ToOwned::to_owned))
}

fn known<T>(what: &str, word: &str, of: impl Fn(&str) -> Option<T>) -> Result<T, CallError> {
    of(word).ok_or_else(|| CallError::unknown("SSM ListDocuments", what, word))
}

/// Returns the extras of a document: what the model cannot express. No call of this kind changes them.
fn extras(listed: &DocumentIdentifier) -> Vec<Extra> {
    let mut extras = Vec::new();
    let requires: Vec<&str> = listed.requires().iter().map(DocumentRequires::name).collect();
    if !requires.is_empty() {
        extras.push(Extra::kept("requires", requires));
    }
    if let Some(status) = listed.review_status() {
        extras.push(Extra::kept("review_status", status.as_str()));
    }
    extras
}

/// Reads the accounts that may use a document, all pages. SSM lists accounts in two forms; an account without a version
/// may use the default version
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeDocumentPermission.html>).
async fn read_shares(api: &Client, name: &str) -> Result<Shares, CallError> {
    let account = |id: &str| if id.eq_ignore_ascii_case(EVERYONE) { EVERYONE.to_owned() } else { id.to_owned() };
    let mut shares = Shares::new();
    let mut token = None;
    loop {
        let call = api.describe_document_permission().name(name).permission_type(DocumentPermissionType::Share);
        let page = call.set_next_token(token).send().await?;
        for info in page.account_sharing_info_list() {
            let word = info.shared_document_version().unwrap_or(SharedVersion::Default.as_str());
            let version = SharedVersion::of(word)
                .ok_or_else(|| CallError::unknown("SSM DescribeDocumentPermission", "the shared version", word))?;
            shares.insert(account(info.account_id().unwrap_or_default()), Setting::Set(version));
        }
        for id in page.account_ids() {
            shares.entry(account(id)).or_insert(Setting::Set(SharedVersion::Default));
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(shares);
        }
    }
}
