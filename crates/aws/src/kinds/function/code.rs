//! A function's code on its way from one region to another: fetched to a file in pieces, held against
//! its digest, and sent from there in pieces. Never more of it is in memory than one piece.

use std::io::Write;

use aws_sdk_lambda::Client;
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

/// So many packages are on their way at once, so that the disk is not filled.
static TRANSFERS: Semaphore = Semaphore::const_new(4);

/// Where code is to be had.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    /// The source's region.
    pub region: String,
    /// The source's name.
    pub function: String,
    /// The digest that it must have, in Base64.
    pub sha256: String,
    /// What it is built for, in AWS's word.
    pub architecture: Option<String>,
}

/// A package in a file.
pub struct Package {
    /// The file, which goes with the package.
    pub file: NamedTempFile,
    /// The tags of the function that it is of.
    pub tags: Tags,
    _permit: SemaphorePermit<'static>,
}

impl Code {
    /// Fetches the package. The URL is valid for ten minutes (GetFunction), so it is asked for only now.
    ///
    /// # Errors
    /// The source cannot be read, or its code is another by now.
    pub async fn fetch(&self, api: &Anywhere<Client>) -> Result<Package, CallError> {
        let permit = TRANSFERS.acquire().await.map_err(|_| failed("the transfer was given up"))?;
        let source = api.at(&self.region).get_function().function_name(&self.function).send().await?;
        let url = source.code().and_then(|code| code.location()).unwrap_or_default();
        let session = api.session(&self.region);
        let mut pieces = ByteStream::new(session.fetch(url).await?);
        let mut file = NamedTempFile::new().map_err(|error| failed(&format!("no temporary file: {error}")))?;
        let mut hasher = Sha256::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| failed(&format!("the download broke off: {error}")))?;
            hasher.update(&piece);
            file.write_all(&piece).map_err(|error| failed(&format!("the temporary file is not written: {error}")))?;
        }
        if BASE64_STANDARD.encode(hasher.finalize()) != self.sha256 {
            return Err(failed("the source's code is another by now: plan again"));
        }
        let tags = source.tags().into_iter().flatten().filter(|(key, _)| !is_aws(key));
        let tags = tags.map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Package { file, tags, _permit: permit })
    }
}

fn failed(why: &str) -> CallError {
    CallError(Failure::new(FailureClass::Other, "copying a function's code", why))
}
