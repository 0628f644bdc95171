// SPDX-License-Identifier: Apache-2.0
//! Tokens for create calls: a retry in this process repeats the token, so AWS does not create a second resource.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use regionctl_core::digest::hex;
use sha2::{Digest, Sha256};

/// A random text of this process. Some services never accept the token of a deleted resource again, so the token of a
/// resource must differ from that of an earlier one with the same name.
static NONCE: LazyLock<String> = LazyLock::new(|| {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
});

/// Returns 64 hexadecimal digits that are equal for equal identities in this process only.
pub(crate) fn token(identity: &str) -> String {
    hex(&Sha256::digest(format!("{} {identity}", *NONCE)))
}
