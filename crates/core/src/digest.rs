//! Digests as text: SHA-256 in lower-case hexadecimal digits.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Writes bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the SHA-256 digest of bytes.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the digest of a JSON value, as it is written without white space.
pub fn of_json(value: &Value) -> String {
    sha256(value.to_string())
}
