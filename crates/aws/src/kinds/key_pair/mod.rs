// SPDX-License-Identifier: Apache-2.0
//! `ec2.key_pair`: a named SSH public key for instances.
//!
//! regionctl imports public keys only (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImportKeyPair.html>)
//! and rejects a spec that contains a private key.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{KeyPairInfo, ResourceType};
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ec2::{filter, sdk_tags, tag_specification};
use crate::error::{CallError, done_if};
use crate::live::Live;
use crate::tags::collect;

/// The kind `ec2.key_pair`.
pub struct KeyPair;

/// An EC2 key pair, imported from an SSH public key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2KeyPair")]
pub struct KeyPairSpec {
    /// The public key in OpenSSH format, the content of a `.pub` file: ssh-ed25519 or ssh-rsa. The comment is ignored.
    /// The key of an existing key pair cannot change.
    public_key: String,
    /// Tags to set. Other tags on the key pair are kept.
    tags: Option<Tags>,
}

/// A key pair, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyPairModel {
    /// The key type and the key, without the comment.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    public_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
}

/// An EC2 API call that creates, changes or deletes a key pair.
#[derive(Debug, Serialize, Deserialize)]
pub enum KeyPairOp {
    /// Imports the public key.
    ImportKeyPair {
        /// The key type and the key, without the comment.
        public_key: String,
        /// The spec's tags.
        tags: Tags,
    },
    /// Adds or overwrites tags; other tags are kept.
    CreateTags {
        /// The spec's tags.
        tags: Tags,
    },
    /// Deletes the key pair in EC2. Existing instances keep the key in `authorized_keys`.
    DeleteKeyPair,
}

impl Kind for KeyPair {
    const FACTS: Facts = Facts {
        name: "ec2.key_pair",
        service: "EC2",
        summary: "A named SSH public key for instances. regionctl never handles private keys.",
        reads: &["DescribeKeyPairs"],
        removes: &["DeleteKeyPair"],
        writes: &["ImportKeyPair", "CreateTags", "DeleteKeyPair"],
        attributes: &["id", "name"],
        name_fields: &["key_pair"],
        inventory: &["DescribeKeyPairs"],
        weights: &[Weight {
            path: "public_key",
            when: When::Differs,
            severity: Severity::High,
            why: "new instances accept another SSH key",
        }],
        example: "
ec2.key_pair:
  team: {public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUm5sBYkLQeFfPUVJ3fSAgKNqPoTpTAGeLMkPXxG0nE team@example.com}
",
        ..Facts::DEFAULT
    };

    type Spec = KeyPairSpec;
    type Model = KeyPairModel;
    type Op = KeyPairOp;

    fn check_name(name: &str) -> Result<(), String> {
        if (1..=255).contains(&name.len()) && name.is_ascii() {
            return Ok(());
        }
        Err(format!("'{name}' is not a valid key pair name\nuse 1 to 255 ASCII characters"))
    }

    fn desire(_: &str, spec: KeyPairSpec, notes: &mut Notes<'_>) -> KeyPairModel {
        tags::check(spec.tags.as_ref(), notes);
        if spec.public_key.contains("PRIVATE KEY") {
            let help =
                "treat this key as compromised and generate a new key pair; put the content of the .pub file here";
            notes.fault_of_a_secret("public_key", "the spec contains a private key", help);
        } else if normalized(&spec.public_key).is_none() {
            let help = "use the content of a .pub file; it starts with ssh-ed25519 or ssh-rsa";
            notes.fault("public_key", "the public key is not in OpenSSH format", help);
        }
        KeyPairModel { public_key: Setting::stated(normalized(&spec.public_key)), tags: Setting::stated(spec.tags) }
    }

    fn attributes(name: &str, _: &regionctl_core::observe::location::Location) -> Attributes {
        Attributes::from([("name".to_owned(), name.to_owned())])
    }

    fn remove(_: &KeyPairModel, out: &mut Diff<'_, KeyPairOp>) {
        out.removed(KeyPairOp::DeleteKeyPair);
    }

    fn diff(want: &KeyPairModel, live: Option<&KeyPairModel>, out: &mut Diff<'_, KeyPairOp>) {
        let KeyPairModel { public_key, tags } = want;
        let keyed = out.setting("public_key", public_key, live.map(|live| &live.public_key));
        let tagged = out.stated_entries("tags", tags.value(), live.and_then(|live| live.tags.value()));
        let tags = tags.clone().unwrap_or_default();
        if live.is_some() {
            let why = "the public key of a key pair cannot change: add the new key under a new name, update \
                       authorized_keys on the instances, then set the old key pair to `absent`";
            out.blocked(&keyed, why);
            out.step(Phase::Change, tagged, KeyPairOp::CreateTags { tags });
        } else {
            let covers = out.creation().and(keyed).and(tagged);
            let public_key = public_key.clone().unwrap_or_default();
            out.step(Phase::Create, covers, KeyPairOp::ImportKeyPair { public_key, tags });
        }
    }
}

/// Returns the key type and the key without the comment; `None` if the text is not an ed25519 or RSA public key.
fn normalized(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (kind, key) = (words.next()?, words.next()?);
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    let fits = matches!(kind, "ssh-ed25519" | "ssh-rsa") && key.starts_with("AAAA") && key.bytes().all(is_base64);
    fits.then(|| format!("{kind} {key}"))
}

impl Live for KeyPair {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<KeyPairModel>, CallError> {
        let names = scope.names.keys().cloned();
        // Filters by name: with `KeyNames`, the call fails if one of the names does not exist
        // (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeKeyPairs.html).
        let answer =
            api.describe_key_pairs().filters(filter("key-name", names)).include_public_key(true).send().await?;
        let seen = answer.key_pairs().iter().map(|pair| {
            let name = pair.key_name().unwrap_or_default().to_owned();
            let mut attributes = Self::attributes(&name, &scope.location);
            attributes.insert("id".to_owned(), pair.key_pair_id().unwrap_or_default().to_owned());
            LiveResource::new(name, model(pair), attributes)
        });
        Ok(Observation { resources: seen.collect(), gaps: Vec::new() })
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let answer = api.describe_key_pairs().send().await?;
        Ok(answer.key_pairs().iter().filter_map(|pair| pair.key_name().map(ToOwned::to_owned)).collect())
    }

    async fn run(api: &Client, target: &StepTarget, op: KeyPairOp) -> Result<Attributes, CallError> {
        match op {
            KeyPairOp::ImportKeyPair { public_key, tags } => {
                let made = api
                    .import_key_pair()
                    .key_name(&target.name)
                    .public_key_material(Blob::new(public_key))
                    .set_tag_specifications(tag_specification(ResourceType::KeyPair, &tags))
                    .send()
                    .await;
                // A retry after a lost response finds the key pair of the first try.
                let made =
                    done_if(made.map(|made| made.key_pair_id).map_err(CallError::from), "InvalidKeyPair.Duplicate")?;
                return Ok(made.map(|id| ("id".to_owned(), id)).into_iter().collect());
            }
            KeyPairOp::CreateTags { tags } => {
                let id = target.attributes.get("id").cloned().unwrap_or_default();
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            KeyPairOp::DeleteKeyPair => {
                api.delete_key_pair().key_name(&target.name).send().await?;
            }
        }
        Ok(Attributes::new())
    }
}

fn model(pair: &KeyPairInfo) -> KeyPairModel {
    KeyPairModel {
        public_key: Setting::live(pair.public_key().and_then(normalized)),
        tags: Setting::Set(collect(pair.tags().iter().map(|tag| (tag.key(), tag.value())))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_of_a_public_key_is_ignored() {
        assert_eq!(normalized("ssh-ed25519 AAAAC3 a@b\n").unwrap(), "ssh-ed25519 AAAAC3");
        assert!(normalized("ssh-dss AAAAC3").is_none() && normalized("AAAAC3").is_none());
    }
}
