//! Sends a package from its file in the SDK's own request, a piece at a time.
//!
//! Lambda takes a package as Base64 inside JSON, and the SDK builds that whole in memory: five times
//! the package. So the request is built with a mark in the package's place, and before it is signed its
//! body becomes what stands before the mark, the file, and what stands behind.

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

/// What stands in the package's place until the request is sent. A multiple of three bytes, so that it
/// is a whole piece of Base64.
pub const MARK: &[u8; 30] = b"regionctl puts the code here..";

/// Bytes of a package that are in memory at once; a multiple of three.
const PIECE: usize = 48 << 10;

/// Puts the package into the request.
#[derive(Debug)]
pub struct Upload {
    package: PathBuf,
}

impl Upload {
    /// Will send this file, which must stay until the call is over.
    pub fn new(package: &Path) -> Self {
        Self { package: package.to_owned() }
    }
}

impl Intercept for Upload {
    fn name(&self) -> &'static str {
        "a package from its file"
    }

    /// Once before the first try; the body can be made anew for each further one.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let text = std::str::from_utf8(request.body().bytes().ok_or("the request has no body")?)?;
        let (before, behind) =
            text.split_once(&BASE64_STANDARD.encode(MARK)).ok_or("the request has no place for the package")?;
        let (before, behind, package) = (before.to_owned(), behind.to_owned(), self.package.clone());
        let mut whole = Pieces::open(&before, &package, &behind)?;
        let (length, mut hasher) = (whole.left, Sha256::new());
        while let Some(piece) = whole.piece()? {
            hasher.update(&piece);
        }
        cfg.interceptor_state().store_put(PayloadSigningOverride::Precomputed(hex(&hasher.finalize())));
        request.headers_mut().insert("content-length", length.to_string());
        *request.body_mut() = SdkBody::retryable(move || match Pieces::open(&before, &package, &behind) {
            Ok(pieces) => SdkBody::from_body_1_x(pieces),
            Err(error) => SdkBody::from_body_1_x(Pieces::broken(error)),
        });
        Ok(())
    }
}

/// A body: a text, a file in Base64, a text.
struct Pieces {
    before: Option<Bytes>,
    file: Option<io::Result<File>>,
    behind: Option<Bytes>,
    left: u64,
}

impl Pieces {
    fn open(before: &str, package: &Path, behind: &str) -> io::Result<Self> {
        let file = File::open(package)?;
        let encoded = file.metadata()?.len().div_ceil(3) * 4;
        let left = encoded + (before.len() + behind.len()) as u64;
        let text = |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
        Ok(Self { before: text(before), file: Some(Ok(file)), behind: text(behind), left })
    }

    fn broken(error: io::Error) -> Self {
        Self { before: None, file: Some(Err(error)), behind: None, left: 0 }
    }

    fn piece(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(before) = self.before.take() {
            return Ok(Some(before));
        }
        match self.file.take() {
            None => Ok(self.behind.take()),
            Some(file) => {
                let mut file = file?;
                let mut piece = Vec::with_capacity(PIECE);
                (&mut file).take(PIECE as u64).read_to_end(&mut piece)?;
                if piece.is_empty() {
                    return Ok(self.behind.take());
                }
                self.file = Some(Ok(file));
                Ok(Some(BASE64_STANDARD.encode(piece).into()))
            }
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    /// The file was just written, so reading it does not wait for a disk.
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = self.piece();
        if let Ok(Some(piece)) = &piece {
            self.left = self.left.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
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
    fn the_file_stands_between_the_texts_as_base64() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 2] {
            let package = vec![7_u8; size];
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&package).unwrap();
            let mut pieces = Pieces::open("{\"Z\":\"", file.path(), "\"}").unwrap();
            let (length, mut all) = (pieces.left, Vec::new());
            while let Some(piece) = pieces.piece().unwrap() {
                assert!(piece.len() <= PIECE / 3 * 4);
                all.extend(piece);
            }
            let expected = format!("{{\"Z\":\"{}\"}}", BASE64_STANDARD.encode(&package));
            assert_eq!(String::from_utf8(all).unwrap(), expected, "{size}");
            assert_eq!(length, expected.len() as u64, "{size}");
        }
    }
}
