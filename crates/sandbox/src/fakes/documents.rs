// SPDX-License-Identifier: Apache-2.0
//! Systems Manager documents with their versions, shares and tags. The emulated service stores neither target types,
//! names and formats of versions, nor shared versions.
//!
//! AWS's rules: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateDocument.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ModifyDocumentPermission.html>.

use serde_json::{Map, Value, json};
use winterbaume_core::{MockRequest, MockResponse};

use super::{FakeState, Records, now};
use crate::ACCOUNT;

type Done = Result<Value, (&'static str, &'static str)>;

pub(super) fn answer(state: &FakeState, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let target = request.headers.get("x-amz-target")?.to_str().ok()?;
    let operation = target.rsplit('.').next()?;
    let sent: Value = serde_json::from_slice(&request.body).ok()?;
    let done = state.with(region, |records| Documents { records, sent }.act(operation))?;
    Some(match done {
        Ok(answer) => MockResponse::json(200, answer.to_string()),
        Err((code, message)) => MockResponse::json(400, json!({ "__type": code, "message": message }).to_string()),
    })
}

/// The members of a version that a request sets and that every answer contains.
const OF_VERSION: [&str; 4] = ["DocumentFormat", "TargetType", "DisplayName", "VersionName"];

struct Documents<'a> {
    records: &'a mut Records,
    sent: Value,
}

impl Documents<'_> {
    fn act(mut self, operation: &str) -> Option<Done> {
        let is_tagging = self.sent["ResourceType"] == "Document";
        Some(match operation {
            "CreateDocument" => self.create(),
            "UpdateDocument" => self.update(),
            "UpdateDocumentDefaultVersion" => self.set_default(),
            "GetDocument" => self.get(),
            "DescribeDocument" => self.describe(),
            "ListDocuments" => Ok(self.list()),
            "ListDocumentVersions" => self.versions(),
            "DescribeDocumentPermission" => self.permission(),
            "ModifyDocumentPermission" => self.share(),
            "DeleteDocument" => self.delete(),
            "AddTagsToResource" if is_tagging => self.tag(),
            "RemoveTagsFromResource" if is_tagging => self.untag(),
            "ListTagsForResource" if is_tagging => self.tags(),
            _ => return None,
        })
    }

    fn text(&self, name: &str) -> &str {
        self.sent[name].as_str().unwrap_or_default()
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let items = self.sent[name].as_array().into_iter().flatten();
        items.filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect()
    }

    fn key(&self) -> String {
        let name = if self.sent["Name"].is_string() { self.text("Name") } else { self.text("ResourceId") };
        format!("ssm/{name}")
    }

    fn document(&self) -> Result<Value, (&'static str, &'static str)> {
        let code = if self.sent["Name"].is_string() { "InvalidDocument" } else { "InvalidResourceId" };
        self.records.get(&self.key()).cloned().ok_or((code, "The document does not exist."))
    }

    fn keep(&mut self, document: Value) {
        self.records.insert(self.key(), document);
    }

    /// Returns the version that the request names, by default the default version.
    fn version(&self, document: &Value) -> Result<Value, (&'static str, &'static str)> {
        let versions = document["versions"].as_array().into_iter().flatten();
        let is_named = |version: &&Value| match (self.text("VersionName"), self.text("DocumentVersion")) {
            ("", "" | "$DEFAULT") => version["DocumentVersion"] == document["DefaultVersion"],
            ("", "$LATEST") => version["DocumentVersion"] == document["LatestVersion"],
            ("", number) => version["DocumentVersion"] == number,
            (name, _) => version["VersionName"] == name,
        };
        versions.clone().find(is_named).cloned().ok_or(("InvalidDocumentVersion", "The version does not exist."))
    }

    /// Returns a version as the request describes it, with the defaults of the one before.
    fn new_version(&self, number: usize, before: Option<&Value>) -> Value {
        let mut version = Map::new();
        version.insert("Content".to_owned(), self.sent["Content"].clone());
        version.insert("DocumentVersion".to_owned(), number.to_string().into());
        version.insert("CreatedDate".to_owned(), now().into());
        version.insert("DocumentFormat".to_owned(), "JSON".into());
        if let Some(shown) = before.and_then(|before| before.get("DisplayName")) {
            version.insert("DisplayName".to_owned(), shown.clone());
        }
        let sent = OF_VERSION.iter().filter(|name| self.sent[**name].is_string());
        version.extend(sent.map(|name| ((*name).to_owned(), self.sent[*name].clone())));
        Value::Object(version)
    }

    fn create(&mut self) -> Done {
        if self.records.contains_key(&self.key()) {
            return Err(("DocumentAlreadyExists", "The specified document already exists."));
        }
        let tags = self.sent["Tags"].as_array().into_iter().flatten();
        let tags = tags.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone())));
        let document = json!({
            "DocumentType": self.sent.get("DocumentType").cloned().unwrap_or_else(|| "Command".into()),
            "DefaultVersion": "1",
            "LatestVersion": "1",
            "versions": [self.new_version(1, None)],
            "shares": {},
            "tags": tags.collect::<Map<_, _>>(),
        });
        self.keep(document);
        self.describe().map(|answer| json!({ "DocumentDescription": answer["Document"] }))
    }

    fn update(&mut self) -> Done {
        let mut document = self.document()?;
        let latest = document["LatestVersion"].as_str().unwrap_or_default().to_owned();
        if !["$LATEST", &latest].contains(&self.text("DocumentVersion")) {
            return Err(("InvalidDocumentVersion", "Only the newest version can be updated."));
        }
        let versions = document["versions"].as_array().cloned().unwrap_or_default();
        let name = &self.sent["VersionName"];
        if name.is_string() && versions.iter().any(|version| version["VersionName"] == *name) {
            return Err(("DuplicateDocumentVersionName", "The version name has already been used."));
        }
        let target = &self.sent["TargetType"];
        let is_same = |version: &&Value| {
            version["Content"] == self.sent["Content"] && (target.is_null() || version["TargetType"] == *target)
        };
        if versions.iter().any(|version| is_same(&version)) {
            let message = "The content of the association document matches another document.";
            return Err(("DuplicateDocumentContent", message));
        }
        let made = self.new_version(versions.len() + 1, versions.last());
        document["LatestVersion"] = made["DocumentVersion"].clone();
        self.sent["DocumentVersion"] = made["DocumentVersion"].clone();
        document["versions"] = versions.into_iter().chain([made]).collect();
        self.keep(document);
        self.describe().map(|answer| json!({ "DocumentDescription": answer["Document"] }))
    }

    fn set_default(&mut self) -> Done {
        let mut document = self.document()?;
        let version = self.version(&document)?;
        document["DefaultVersion"] = version["DocumentVersion"].clone();
        self.keep(document);
        Ok(json!({ "Description": { "Name": self.text("Name"), "DefaultVersion": version["DocumentVersion"] } }))
    }

    /// Returns the members of a version that all answers contain.
    fn shown(name: &str, document: &Value, version: &Value) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("Name".to_owned(), name.into());
        shown.insert("DocumentType".to_owned(), document["DocumentType"].clone());
        for name in OF_VERSION.iter().chain(&["DocumentVersion", "CreatedDate"]) {
            shown.extend(version.get(*name).map(|value| ((*name).to_owned(), value.clone())));
        }
        shown
    }

    fn get(&self) -> Done {
        let document = self.document()?;
        let version = self.version(&document)?;
        let mut shown = Self::shown(self.text("Name"), &document, &version);
        // Only the lists and descriptions contain the target type.
        shown.remove("TargetType");
        shown.insert("Content".to_owned(), version["Content"].clone());
        shown.insert("Status".to_owned(), "Active".into());
        Ok(shown.into())
    }

    fn describe(&self) -> Done {
        let document = self.document()?;
        let version = self.version(&document)?;
        let mut shown = Self::shown(self.text("Name"), &document, &version);
        for name in ["DefaultVersion", "LatestVersion"] {
            shown.insert(name.to_owned(), document[name].clone());
        }
        shown.insert("Owner".to_owned(), ACCOUNT.into());
        shown.insert("Status".to_owned(), "Active".into());
        shown.insert("Tags".to_owned(), tags(&document));
        Ok(json!({ "Document": shown }))
    }

    fn list(&self) -> Value {
        let from: usize = self.text("NextToken").parse().unwrap_or_default();
        let size = self.sent["MaxResults"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(50);
        let all = self.records.iter().filter_map(|(key, document)| Some((key.strip_prefix("ssm/")?, document)));
        let mut listed: Vec<Value> = Vec::new();
        for (name, document) in all.skip(from).take(size) {
            let versions = document["versions"].as_array().into_iter().flatten();
            let default = versions.clone().find(|version| version["DocumentVersion"] == document["DefaultVersion"]);
            let mut shown = Self::shown(name, document, default.unwrap_or(&Value::Null));
            shown.insert("Owner".to_owned(), ACCOUNT.into());
            shown.insert("Tags".to_owned(), tags(document));
            listed.push(shown.into());
        }
        let is_last = listed.len() < size;
        let mut answer = json!({ "DocumentIdentifiers": listed });
        if !is_last {
            answer["NextToken"] = (from + size).to_string().into();
        }
        answer
    }

    fn versions(&self) -> Done {
        let document = self.document()?;
        let versions = document["versions"].as_array().into_iter().flatten().rev().map(|version| {
            let mut shown = Self::shown(self.text("Name"), &document, version);
            shown.remove("DocumentType");
            shown.remove("TargetType");
            let is_default = version["DocumentVersion"] == document["DefaultVersion"];
            shown.insert("IsDefaultVersion".to_owned(), is_default.into());
            Value::Object(shown)
        });
        Ok(json!({ "DocumentVersions": versions.collect::<Vec<_>>() }))
    }

    fn permission(&self) -> Done {
        let document = self.document()?;
        let shares = document["shares"].as_object().cloned().unwrap_or_default();
        let infos = shares.iter().map(|(id, version)| json!({ "AccountId": id, "SharedDocumentVersion": version }));
        Ok(json!({
            "AccountIds": shares.keys().collect::<Vec<_>>(),
            "AccountSharingInfoList": infos.collect::<Vec<_>>(),
        }))
    }

    /// A document is public or shared with accounts, never both.
    fn share(&mut self) -> Done {
        let mut document = self.document()?;
        let (add, remove) = (self.texts("AccountIdsToAdd"), self.texts("AccountIdsToRemove"));
        if add.len().max(remove.len()) > 20 || (add.len() > 1 && add.contains(&"all".to_owned())) {
            return Err(("DocumentPermissionLimit", "The document cannot be shared with these accounts."));
        }
        let mut shares = document["shares"].as_object().cloned().unwrap_or_default();
        if !add.is_empty() {
            let is_public = add[0] == "all";
            shares.retain(|id, _| (id == "all") == is_public);
        }
        let version = self.sent.get("SharedDocumentVersion").cloned().unwrap_or_else(|| "$DEFAULT".into());
        shares.extend(add.into_iter().map(|id| (id, version.clone())));
        shares.retain(|id, _| !remove.contains(id));
        document["shares"] = shares.into();
        self.keep(document);
        Ok(json!({}))
    }

    fn delete(&mut self) -> Done {
        let document = self.document()?;
        if document["shares"].as_object().is_some_and(|shares| !shares.is_empty()) {
            return Err(("InvalidDocumentOperation", "Must unshare document first before delete"));
        }
        self.records.remove(&self.key());
        Ok(json!({}))
    }

    fn tag(&mut self) -> Done {
        let mut document = self.document()?;
        for tag in self.sent["Tags"].as_array().into_iter().flatten() {
            document["tags"][tag["Key"].as_str().unwrap_or_default()] = tag["Value"].clone();
        }
        self.keep(document);
        Ok(json!({}))
    }

    fn untag(&mut self) -> Done {
        let mut document = self.document()?;
        if let Some(tags) = document["tags"].as_object_mut() {
            for key in self.texts("TagKeys") {
                tags.remove(&key);
            }
        }
        self.keep(document);
        Ok(json!({}))
    }

    fn tags(&self) -> Done {
        Ok(json!({ "TagList": tags(&self.document()?) }))
    }
}

fn tags(document: &Value) -> Value {
    let tags = document["tags"].as_object().into_iter().flatten();
    tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}
