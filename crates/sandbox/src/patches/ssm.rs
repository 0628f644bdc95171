// SPDX-License-Identifier: Apache-2.0
//! Systems Manager: CreateDocument stores tags, ListDocuments returns them, and UpdateDocument refuses unchanged
//! content with `DuplicateDocumentContent`
//! (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateDocument.html>). The emulated service
//! does none of it.

use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use crate::ACCOUNT;
use crate::services::Services;

pub(super) async fn before(services: &Services, region: &str, request: &mut MockRequest) -> Option<MockResponse> {
    let target = request.headers.get("x-amz-target")?.to_str().ok()?;
    let sent: Value = serde_json::from_slice(&request.body).ok()?;
    if target.ends_with(".CreateDocument") {
        let name = sent["Name"].as_str().unwrap_or_default();
        let tags = sent["Tags"].as_array().into_iter().flatten();
        let tags = tags.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned())));
        let mut view = services.ssm.snapshot(ACCOUNT, region).await;
        view.resource_tags.insert(name.to_owned(), tags.collect());
        // Restoring a state that this service returned cannot fail.
        let _ = services.ssm.restore(ACCOUNT, region, view).await;
        return None;
    }
    if !target.ends_with(".UpdateDocument") {
        return None;
    }
    let view = services.ssm.snapshot(ACCOUNT, region).await;
    let document = serde_json::to_value(view.documents.get(sent["Name"].as_str()?)?).ok()?;
    let latest = document["latest_version"].as_str()?;
    let versions = document["versions"].as_array()?;
    let newest =
        versions.iter().find(|version| version["version"] == latest || version["document_version"] == latest)?;
    (newest["content"] == sent["Content"]).then(|| {
        let message = "The content of the association document matches another document.";
        MockResponse::json(400, json!({ "__type": "DuplicateDocumentContent", "message": message }).to_string())
    })
}

pub(super) async fn after(services: &Services, region: &str, mut answer: MockResponse) -> MockResponse {
    let Ok(mut listed) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
    // Only ListDocuments has this field.
    let Some(documents) = listed["DocumentIdentifiers"].as_array_mut() else { return answer };
    let view = services.ssm.snapshot(ACCOUNT, region).await;
    for document in documents {
        let tags = document["Name"].as_str().and_then(|name| view.resource_tags.get(name));
        let tags = tags.into_iter().flatten().map(|(key, value)| json!({ "Key": key, "Value": value }));
        document["Tags"] = tags.collect();
    }
    answer.body = listed.to_string().into();
    answer
}
