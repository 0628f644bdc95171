// SPDX-License-Identifier: Apache-2.0
//! Downloading a source function's code to a temporary file, in chunks, and verifying its digest.
//!
//! `upload.rs` sends the file. Only one chunk of a package is in memory at a time.

use std::io::Write;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use regionctl_core::model::tags::{Tags, is_aws};
use regionctl_core::observe::failure::{Failure, FailureClass};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::CallError;
use crate::session::Anywhere;

/// Limits concurrent transfers, so that the packages do not fill the disk.
static TRANSFERS: Semaphore = Semaphore::const_new(4);

/// A source function's code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    /// Region of the source function.
    pub region: String,
    /// Name of the source function.
    pub function: String,
    /// Expected SHA-256 of the package in Base64 (Lambda's `CodeSha256`).
    pub sha256: String,
    /// Instruction set architecture: `x86_64` or `arm64`.
    pub architecture: Option<String>,
    /// The URI of a container image in this region, by its digest; `None` for a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// A downloaded deployment package.
pub struct Package {
    /// The package's file, which is deleted on drop.
    pub file: NamedTempFile,
    /// The source function's tags.
    pub tags: Tags,
    _permit: SemaphorePermit<'static>,
}

impl Code {
    /// Returns the ARN of the image's repository.
    pub fn repository(&self) -> Option<String> {
        let (registry, name) = self.image.as_deref()?.split_once('/')?;
        let mut parts = registry.split('.');
        let (account, region) = (parts.next()?, parts.nth(2)?);
        let name = name.split(['@', ':']).next()?;
        let partition = match region {
            china if china.starts_with("cn-") => "aws-cn",
            government if government.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Some(format!("arn:{partition}:ecr:{region}:{account}:repository/{name}"))
    }

    /// Downloads the package. GetFunction's download URL is valid for ten minutes, so it is requested only now
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
    ///
    /// # Errors
    /// The source cannot be read, the temporary file cannot be written, or the code has another digest.
    pub async fn fetch(&self, api: &Anywhere<Client>) -> Result<Package, CallError> {
        let permit = TRANSFERS.acquire().await.map_err(|_| failed("the transfer was canceled"))?;
        let source = api.at(&self.region).get_function().function_name(&self.function).send().await?;
        let url = source.code().and_then(|code| code.location()).unwrap_or_default();
        let session = api.session(&self.region);
        let mut chunks = ByteStream::new(session.fetch(url).await?);
        let mut file =
            NamedTempFile::new().map_err(|error| failed(&format!("cannot create a temporary file: {error}")))?;
        let mut hasher = Sha256::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| failed(&format!("the download failed: {error}")))?;
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(|error| failed(&format!("cannot write the temporary file: {error}")))?;
        }
        if BASE64_STANDARD.encode(hasher.finalize()) != self.sha256 {
            return Err(failed("the source's code changed after the plan: plan again"));
        }
        let tags = tags_of(&source)?;
        Ok(Package { file, tags, _permit: permit })
    }

    /// Returns the source function's tags.
    ///
    /// # Errors
    /// The source cannot be read.
    pub async fn tags(&self, api: &Anywhere<Client>) -> Result<Tags, CallError> {
        let source = api.at(&self.region).get_function().function_name(&self.function).send().await?;
        tags_of(&source)
    }
}

/// Returns the tags of an answer. If the caller may not list tags, Lambda omits them and returns an error inside the
/// answer (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
fn tags_of(source: &GetFunctionOutput) -> Result<Tags, CallError> {
    if let Some(error) = source.tags_error() {
        return Err(CallError::of_item("Lambda GetFunction".to_owned(), error.error_code(), error.message()));
    }
    let tags = source.tags().into_iter().flatten().filter(|(key, _)| !is_aws(key));
    Ok(tags.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn failed(why: &str) -> CallError {
    CallError(Failure::new(FailureClass::Other, "copying a function's code", why))
}
