// SPDX-License-Identifier: Apache-2.0
//! SHA-256 digests in lower-case hexadecimal.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Encodes bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the SHA-256 digest of bytes in lower-case hexadecimal (64 characters).
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the SHA-256 digest of the compact serialization of a JSON value.
pub fn of_json(value: &Value) -> String {
    sha256(value.to_string())
}
