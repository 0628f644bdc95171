// SPDX-License-Identifier: Apache-2.0
//! Systems Manager: the public parameters with the latest image ids (User Guide, "Calling AMI public parameters";
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>).

use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse};

/// The path of the parameters of Amazon Linux.
const IMAGES: &str = "/aws/service/ami-amazon-linux-latest/";

pub(super) fn answer(region: &str, request: &MockRequest) -> Option<MockResponse> {
    let target = request.headers.get("x-amz-target")?.to_str().ok()?;
    let asked: Value = serde_json::from_slice(&request.body).ok()?;
    let name = asked["Name"].as_str()?;
    if !target.ends_with(".GetParameter") || !name.starts_with(IMAGES) {
        return None;
    }
    let digits: String = format!("{region}{name}")
        .bytes()
        .take(17)
        .map(|byte| char::from(b"0123456789abcdef"[usize::from(byte % 16)]))
        .collect();
    let parameter =
        json!({ "Parameter": { "Name": name, "Type": "String", "Version": 1, "Value": format!("ami-{digits}") } });
    Some(MockResponse::json(200, parameter.to_string()))
}
