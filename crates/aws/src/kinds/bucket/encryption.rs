// SPDX-License-Identifier: Apache-2.0
//! Default encryption, the same type for spec and live, and the rule that is sent.
//!
//! PutBucketEncryption (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html>) replaces
//! the whole rule, so parts that the spec leaves out are sent with their live values.

use std::collections::BTreeSet;

use aws_sdk_s3::types as s3;
use regionctl_core::diff::{Covers, Diff};
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BucketOp;
use crate::error::{CallError, build_error};

/// Default encryption of new objects. Parts that are left out do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The encryption algorithm: AES256 (SSE-S3), aws:kms (SSE-KMS) or aws:kms:dsse (DSSE-KMS).
    pub algorithm: Algorithm,
    /// The ARN, ID or alias of the KMS key. It cannot be combined with AES256. `unset`: the AWS managed key `aws/s3`.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub kms_key: Setting<String>,
    /// Whether S3 Bucket Keys are enabled, which reduces requests to KMS. It has no effect with AES256. `unset`: false.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub bucket_key: Setting<bool>,
    /// Encryption types that uploads must not use; S3 supports SSE-C. `unset`: no type is blocked.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub blocked_types: Setting<BTreeSet<String>>,
}

/// The server-side encryption algorithm (`SSEAlgorithm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// SSE-S3: keys that S3 manages.
    AES256,
    /// SSE-KMS: KMS keys.
    #[serde(rename = "aws:kms")]
    Kms,
    /// DSSE-KMS: dual-layer encryption with KMS keys.
    #[serde(rename = "aws:kms:dsse")]
    KmsDsse,
}

/// The value in S3's answer if no encryption type is blocked.
const NONE: &str = "NONE";

impl Encryption {
    /// Returns why S3 would reject these settings, or `None` if they are valid.
    pub fn fault(&self) -> Option<String> {
        if self.algorithm == Algorithm::AES256 && self.kms_key.is_set() {
            return Some("`kms_key` cannot be combined with AES256".to_owned());
        }
        let known = s3::EncryptionType::values();
        let mut types = self.blocked_types.value().into_iter().flatten();
        let unknown = types.find(|name| !known.contains(&name.as_str()))?;
        Some(format!("S3 cannot block the encryption type '{unknown}'"))
    }

    /// Normalizes the settings, so that equal settings of spec and AWS compare as equal.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        if self.algorithm == Algorithm::AES256 {
            // With AES256, S3 returns either value of BucketKeyEnabled and no KMS key.
            (self.kms_key, self.bucket_key) = (Setting::Unset, Setting::Unset);
        } else if self.bucket_key == Setting::Unset {
            self.bucket_key = Setting::Set(false);
        }
        if let Setting::Set(types) = &mut self.blocked_types {
            types.remove(NONE);
            if types.is_empty() {
                self.blocked_types = Setting::Unset;
            }
        }
        self
    }

    /// Converts a rule of GetBucketEncryption. A rule without an algorithm means SSE-S3.
    pub fn from_sdk(rule: &s3::ServerSideEncryptionRule) -> Result<Self, CallError> {
        let default = rule.apply_server_side_encryption_by_default();
        let algorithm = match default.map(s3::ServerSideEncryptionByDefault::sse_algorithm) {
            None | Some(s3::ServerSideEncryption::Aes256) => Algorithm::AES256,
            Some(s3::ServerSideEncryption::AwsKms) => Algorithm::Kms,
            Some(s3::ServerSideEncryption::AwsKmsDsse) => Algorithm::KmsDsse,
            Some(other) => return Err(CallError::unknown("S3 GetBucketEncryption", "the algorithm", other.as_str())),
        };
        let kms_key = default.and_then(s3::ServerSideEncryptionByDefault::kms_master_key_id).map(ToOwned::to_owned);
        let blocked = rule.blocked_encryption_types();
        let types = blocked.map(|it| it.encryption_type().iter().map(|it| it.as_str().to_owned()).collect());
        let found = Self {
            algorithm,
            kms_key: Setting::live(kms_key),
            bucket_key: Setting::Set(rule.bucket_key_enabled().unwrap_or(false)),
            blocked_types: Setting::live(types),
        };
        Ok(found.canonical())
    }

    /// Merges the stated parts into the live rule and returns the whole configuration for PutBucketEncryption.
    pub fn into_sdk(
        self,
        live: Option<&s3::ServerSideEncryptionRule>,
    ) -> Result<s3::ServerSideEncryptionConfiguration, CallError> {
        let current = live.map(Self::from_sdk).transpose()?;
        // The live key stays if the algorithm changes between aws:kms and aws:kms:dsse. AES256 has no key.
        let kms = |encryption: &Self| encryption.algorithm != Algorithm::AES256;
        let (live_key, live_bucket_key) = match current.filter(|current| kms(current) && kms(&self)) {
            Some(current) => (current.kms_key, current.bucket_key),
            None => (Setting::Unset, Setting::Unset),
        };
        let blocked = match self.blocked_types {
            Setting::Unstated => live.and_then(|live| live.blocked_encryption_types.clone()),
            Setting::Unset => Some(blocked_to_sdk([NONE.to_owned()])),
            Setting::Set(types) => Some(blocked_to_sdk(types)),
        };
        let algorithm = match self.algorithm {
            Algorithm::AES256 => s3::ServerSideEncryption::Aes256,
            Algorithm::Kms => s3::ServerSideEncryption::AwsKms,
            Algorithm::KmsDsse => s3::ServerSideEncryption::AwsKmsDsse,
        };
        let default = s3::ServerSideEncryptionByDefault::builder()
            .sse_algorithm(algorithm)
            .set_kms_master_key_id(self.kms_key.or(live_key).into_value())
            .build()
            .map_err(build_error)?;
        let rule = s3::ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(self.bucket_key.or(live_bucket_key).into_value().unwrap_or(false))
            .set_blocked_encryption_types(blocked)
            .build();
        s3::ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(build_error)
    }
}

fn blocked_to_sdk(types: impl IntoIterator<Item = String>) -> s3::BlockedEncryptionTypes {
    let types = types.into_iter().map(|name| s3::EncryptionType::from(name.as_str())).collect();
    s3::BlockedEncryptionTypes::builder().set_encryption_type(Some(types)).build()
}

/// Compares the parts that the spec states.
pub fn diff(want: &Encryption, live: Option<&Encryption>, out: &mut Diff<'_, BucketOp>) -> Covers {
    let Encryption { algorithm, kms_key, bucket_key, blocked_types } = want;
    out.value("encryption.algorithm", algorithm, live.map(|live| &live.algorithm))
        .and(out.setting("encryption.kms_key", kms_key, live.map(|live| &live.kms_key)))
        .and(out.setting("encryption.bucket_key", bucket_key, live.map(|live| &live.bucket_key)))
        .and(out.setting("encryption.blocked_types", blocked_types, live.map(|live| &live.blocked_types)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn encryption(fields: Value) -> Encryption {
        serde_json::from_value::<Encryption>(fields).unwrap().canonical()
    }

    fn sent(want: Value, live: Option<&s3::ServerSideEncryptionRule>) -> s3::ServerSideEncryptionRule {
        encryption(want).into_sdk(live).unwrap().rules.remove(0)
    }

    #[test]
    fn a_bucket_key_is_ignored_with_aes256() {
        let with = json!({"algorithm": "AES256", "bucket_key": true});
        assert_eq!(encryption(with), encryption(json!({"algorithm": "AES256"})));
    }

    #[test]
    fn settings_survive_a_round_trip() {
        for want in [
            json!({"algorithm": "AES256", "blocked_types": null}),
            json!({"algorithm": "AES256", "blocked_types": ["SSE-C"]}),
            json!({"algorithm": "aws:kms", "kms_key": null, "bucket_key": true, "blocked_types": null}),
            json!({"algorithm": "aws:kms:dsse", "kms_key": "alias/a", "bucket_key": false, "blocked_types": ["SSE-C"]}),
        ] {
            assert_eq!(Encryption::from_sdk(&sent(want.clone(), None)).unwrap(), encryption(want));
        }
    }

    #[test]
    fn parts_that_are_left_out_keep_their_live_values() {
        let current = json!({"algorithm": "aws:kms", "kms_key": "k", "bucket_key": true, "blocked_types": ["SSE-C"]});
        let live = sent(current.clone(), None);
        let read = |want: Value| Encryption::from_sdk(&sent(want, Some(&live))).unwrap();
        assert_eq!(read(json!({"algorithm": "aws:kms"})), encryption(current));
        assert_eq!(read(json!({"algorithm": "aws:kms", "kms_key": null})).kms_key, Setting::Unset);
        let aes256 = encryption(json!({"algorithm": "AES256", "blocked_types": ["SSE-C"]}));
        assert_eq!(read(json!({"algorithm": "AES256"})), aes256);
    }

    #[test]
    fn an_unknown_algorithm_is_an_error() {
        let default = s3::ServerSideEncryptionByDefault::builder().sse_algorithm("FOO".into()).build().unwrap();
        let rule = s3::ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
        assert!(Encryption::from_sdk(&rule).unwrap_err().0.message.contains("FOO"));
    }

    #[test]
    fn a_type_that_s3_cannot_block_is_a_fault() {
        assert!(encryption(json!({"algorithm": "AES256", "blocked_types": ["SSE-X"]})).fault().is_some());
        assert!(encryption(json!({"algorithm": "AES256", "blocked_types": ["SSE-C"]})).fault().is_none());
    }
}
