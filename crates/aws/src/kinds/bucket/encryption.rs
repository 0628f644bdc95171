//! Default encryption: one form for spec and AWS, and the rule that is sent.
//!
//! PutBucketEncryption replaces the whole rule. What the spec leaves out is sent as it is.

use std::collections::BTreeSet;

use aws_sdk_s3::types as s3;
use regionctl_core::diff::{Covers, Diff};
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BucketOp;
use crate::error::{CallError, unbuilt};

/// Default encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// How.
    pub algorithm: Algorithm,
    /// The KMS key's ARN, id or alias; unset for AWS's own key.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub kms_key: Setting<String>,
    /// Whether one data key serves many objects. It means nothing with AES256.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub bucket_key: Setting<bool>,
    /// Encryption types that uploads may not use, such as SSE-C; unset for none.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub blocked_types: Setting<BTreeSet<String>>,
}

/// AWS's names of the algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// SSE-S3.
    AES256,
    /// SSE-KMS.
    #[serde(rename = "aws:kms")]
    Kms,
    /// DSSE-KMS.
    #[serde(rename = "aws:kms:dsse")]
    KmsDsse,
}

/// By this S3 says that nothing is blocked.
const NOTHING: &str = "NONE";

impl Encryption {
    /// Says what AWS refuses.
    pub fn fault(&self) -> Option<String> {
        if self.algorithm == Algorithm::AES256 && self.kms_key.is_set() {
            return Some("AES256 uses S3's own keys, and a KMS key is named".to_owned());
        }
        let known = s3::EncryptionType::values();
        let mut types = self.blocked_types.value().into_iter().flatten();
        let unknown = types.find(|name| !known.contains(&name.as_str()))?;
        Some(format!("S3 does not block the encryption type {unknown}; it blocks SSE-C"))
    }

    /// Brings it into the one form of spec and AWS.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        if self.algorithm == Algorithm::AES256 {
            // AWS answers with either value of the bucket key here, and has no KMS key.
            (self.kms_key, self.bucket_key) = (Setting::Unset, Setting::Unset);
        } else if self.bucket_key == Setting::Unset {
            self.bucket_key = Setting::Set(false);
        }
        if let Setting::Set(types) = &mut self.blocked_types {
            types.remove(NOTHING);
            if types.is_empty() {
                self.blocked_types = Setting::Unset;
            }
        }
        self
    }

    /// Reads a rule of AWS's answer. Without an algorithm S3 uses its own keys.
    pub fn of(rule: &s3::ServerSideEncryptionRule) -> Result<Self, CallError> {
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

    /// Lays what is stated over the live rule, and writes the whole for a request.
    pub fn into_sdk(
        self,
        live: Option<&s3::ServerSideEncryptionRule>,
    ) -> Result<s3::ServerSideEncryptionConfiguration, CallError> {
        let there = live.map(Self::of).transpose()?;
        // A key goes along from one KMS algorithm to the other, and never to or from AES256.
        let kms = |encryption: &Self| encryption.algorithm != Algorithm::AES256;
        let (there_key, there_bucket_key) = match there.filter(|there| kms(there) && kms(&self)) {
            Some(there) => (there.kms_key, there.bucket_key),
            None => (Setting::Unset, Setting::Unset),
        };
        let blocked = match self.blocked_types {
            Setting::Unstated => live.and_then(|live| live.blocked_encryption_types.clone()),
            Setting::Unset => Some(blocked_to_sdk([NOTHING.to_owned()])),
            Setting::Set(types) => Some(blocked_to_sdk(types)),
        };
        let algorithm = match self.algorithm {
            Algorithm::AES256 => s3::ServerSideEncryption::Aes256,
            Algorithm::Kms => s3::ServerSideEncryption::AwsKms,
            Algorithm::KmsDsse => s3::ServerSideEncryption::AwsKmsDsse,
        };
        let default = s3::ServerSideEncryptionByDefault::builder()
            .sse_algorithm(algorithm)
            .set_kms_master_key_id(self.kms_key.or(there_key).into_value())
            .build()
            .map_err(unbuilt)?;
        let rule = s3::ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(self.bucket_key.or(there_bucket_key).into_value().unwrap_or(false))
            .set_blocked_encryption_types(blocked)
            .build();
        s3::ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(unbuilt)
    }
}

fn blocked_to_sdk(types: impl IntoIterator<Item = String>) -> s3::BlockedEncryptionTypes {
    let types = types.into_iter().map(|name| s3::EncryptionType::from(name.as_str())).collect();
    s3::BlockedEncryptionTypes::builder().set_encryption_type(Some(types)).build()
}

/// Compares each part that the spec states.
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
    fn a_bucket_key_means_nothing_with_aes256() {
        let with = json!({"algorithm": "AES256", "bucket_key": true});
        assert_eq!(encryption(with), encryption(json!({"algorithm": "AES256"})));
    }

    #[test]
    fn what_is_sent_is_read_back() {
        for want in [
            json!({"algorithm": "AES256", "blocked_types": null}),
            json!({"algorithm": "AES256", "blocked_types": ["SSE-C"]}),
            json!({"algorithm": "aws:kms", "kms_key": null, "bucket_key": true, "blocked_types": null}),
            json!({"algorithm": "aws:kms:dsse", "kms_key": "alias/a", "bucket_key": false, "blocked_types": ["SSE-C"]}),
        ] {
            assert_eq!(Encryption::of(&sent(want.clone(), None)).unwrap(), encryption(want));
        }
    }

    #[test]
    fn what_is_left_out_stays() {
        let there = json!({"algorithm": "aws:kms", "kms_key": "k", "bucket_key": true, "blocked_types": ["SSE-C"]});
        let live = sent(there.clone(), None);
        let read = |want: Value| Encryption::of(&sent(want, Some(&live))).unwrap();
        assert_eq!(read(json!({"algorithm": "aws:kms"})), encryption(there));
        assert_eq!(read(json!({"algorithm": "aws:kms", "kms_key": null})).kms_key, Setting::Unset);
        let own = encryption(json!({"algorithm": "AES256", "blocked_types": ["SSE-C"]}));
        assert_eq!(read(json!({"algorithm": "AES256"})), own);
    }

    #[test]
    fn an_unknown_algorithm_is_an_error() {
        let default = s3::ServerSideEncryptionByDefault::builder().sse_algorithm("FOO".into()).build().unwrap();
        let rule = s3::ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
        assert!(Encryption::of(&rule).unwrap_err().0.message.contains("FOO"));
    }

    #[test]
    fn a_type_that_s3_cannot_block_is_refused() {
        assert!(encryption(json!({"algorithm": "AES256", "blocked_types": ["SSE-X"]})).fault().is_some());
        assert!(encryption(json!({"algorithm": "AES256", "blocked_types": ["SSE-C"]})).fault().is_none());
    }
}
