// SPDX-License-Identifier: Apache-2.0
//! Streaming a deployment package from its file in the SDK's own request, in chunks.
//!
//! Lambda takes the package as Base64 in JSON
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html>), for which the SDK needs five times
//! the package's size in memory. So the request is built with a placeholder, which is replaced by the file before the
//! request is signed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_runtime::auth::PayloadSigningOverride;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use regionctl_core::digest::hex;
use sha2::{Digest, Sha256};

/// The placeholder for the package. Its length is a multiple of three bytes, so that its Base64 has no padding.
pub const MARK: &[u8; 30] = b"regionctl puts the code here..";

/// The chunk size in bytes. A multiple of three, so that only the last chunk has Base64 padding.
const CHUNK: usize = 48 << 10;

/// An SDK interceptor that replaces the placeholder in the request body with the package.
#[derive(Debug)]
pub struct Upload {
    package: PathBuf,
}

impl Upload {
    /// Returns an interceptor for this file, which must exist until the call ends.
    pub fn new(package: &Path) -> Self {
        Self { package: package.to_owned() }
    }
}

impl Intercept for Upload {
    fn name(&self) -> &'static str {
        "package upload"
    }

    /// Replaces the body once before the first attempt. The new body can be created again for each retry.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let text = std::str::from_utf8(request.body().bytes().ok_or("the request has no body")?)?;
        let (before, after) =
            text.split_once(&BASE64_STANDARD.encode(MARK)).ok_or("the request has no placeholder for the package")?;
        let (before, after, package) = (before.to_owned(), after.to_owned(), self.package.clone());
        // The signature covers the body's SHA-256, so the file is read once for the digest before it is sent.
        let mut whole = Chunks::open(&before, &package, &after)?;
        let (length, mut hasher) = (whole.left, Sha256::new());
        while let Some(chunk) = whole.chunk()? {
            hasher.update(&chunk);
        }
        cfg.interceptor_state().store_put(PayloadSigningOverride::Precomputed(hex(&hasher.finalize())));
        request.headers_mut().insert("content-length", length.to_string());
        *request.body_mut() = SdkBody::retryable(move || match Chunks::open(&before, &package, &after) {
            Ok(chunks) => SdkBody::from_body_1_x(chunks),
            Err(error) => SdkBody::from_body_1_x(Chunks::broken(error)),
        });
        Ok(())
    }
}

/// A request body: text, then a file in Base64, then text.
struct Chunks {
    before: Option<Bytes>,
    file: Option<io::Result<File>>,
    after: Option<Bytes>,
    left: u64,
}

impl Chunks {
    fn open(before: &str, package: &Path, after: &str) -> io::Result<Self> {
        let file = File::open(package)?;
        let encoded = file.metadata()?.len().div_ceil(3) * 4;
        let left = encoded + (before.len() + after.len()) as u64;
        let text = |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
        Ok(Self { before: text(before), file: Some(Ok(file)), after: text(after), left })
    }

    fn broken(error: io::Error) -> Self {
        Self { before: None, file: Some(Err(error)), after: None, left: 0 }
    }

    fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(before) = self.before.take() {
            return Ok(Some(before));
        }
        match self.file.take() {
            None => Ok(self.after.take()),
            Some(file) => {
                let mut file = file?;
                let mut chunk = Vec::with_capacity(CHUNK);
                (&mut file).take(CHUNK as u64).read_to_end(&mut chunk)?;
                if chunk.is_empty() {
                    return Ok(self.after.take());
                }
                self.file = Some(Ok(file));
                Ok(Some(BASE64_STANDARD.encode(chunk).into()))
            }
        }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    /// Reads the file synchronously: it was just written, so it is in the page cache.
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let chunk = self.chunk();
        if let Ok(Some(chunk)) = &chunk {
            self.left = self.left.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(chunk.transpose().map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_body_is_the_file_as_base64_between_two_texts() {
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 2] {
            let package = vec![7_u8; size];
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&package).unwrap();
            let mut chunks = Chunks::open("{\"Z\":\"", file.path(), "\"}").unwrap();
            let (length, mut all) = (chunks.left, Vec::new());
            while let Some(chunk) = chunks.chunk().unwrap() {
                assert!(chunk.len() <= CHUNK / 3 * 4);
                all.extend(chunk);
            }
            let expected = format!("{{\"Z\":\"{}\"}}", BASE64_STANDARD.encode(&package));
            assert_eq!(String::from_utf8(all).unwrap(), expected, "{size}");
            assert_eq!(length, expected.len() as u64, "{size}");
        }
    }
}
