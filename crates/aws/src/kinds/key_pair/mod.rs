// SPDX-License-Identifier: Apache-2.0
//! `ec2.key_pair`: a named SSH public key for instances.
//!
//! regionctl imports public keys only (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImportKeyPair.html>)
//! and rejects a spec that contains a private key.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{KeyPairInfo, ResourceType};
use futures::future::try_join_all;
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::model::tags::Tags;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ec2::{delete_tags, filter, sdk_tags, tag_specification};
use crate::error::{CallError, if_found};
use crate::live::{Live, collect_results};
use crate::tags::{self, TagSettings, collect};

/// EC2 accepts up to 200 values in a filter
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
const NAMES_PER_CALL: usize = 200;

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
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    tags: Setting<TagSettings>,
}

/// A key pair, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyPairModel {
    /// The key type and the key, without the comment.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    public_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<TagSettings>,
}

/// An EC2 API call that creates, changes or deletes a key pair.
#[derive(Debug, Serialize, Deserialize)]
pub enum KeyPairOp {
    /// Imports the public key.
    ImportKeyPair {
        /// The key type and the key, without the comment.
        public_key: String,
        /// The spec's tags, and regionctl's own.
        tags: Tags,
    },
    /// Adds or overwrites tags; other tags are kept.
    CreateTags {
        /// The spec's tags.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags are kept.
    DeleteTags {
        /// The keys of live tags to remove.
        keys: Vec<String>,
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
        writes: &["ImportKeyPair", "CreateTags", "DeleteTags", "DeleteKeyPair"],
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
        creation_tags: true,
        ..Facts::DEFAULT
    };

    type Spec = KeyPairSpec;
    type Model = KeyPairModel;
    type Op = KeyPairOp;

    fn check_name(name: &str) -> Result<(), String> {
        // EC2 ignores spaces at both ends of a name, and regionctl would not find it again
        // (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateKeyPair.html).
        if (1..=255).contains(&name.len()) && name.is_ascii() && name.trim() == name {
            return Ok(());
        }
        let help = "use 1 to 255 ASCII characters, without spaces at the start or the end";
        Err(format!("'{name}' is not a valid key pair name\n{help}"))
    }

    fn desire(_: &str, spec: KeyPairSpec, notes: &mut Notes<'_>) -> KeyPairModel {
        tags::check(&spec.tags, notes);
        if spec.public_key.contains("PRIVATE KEY") {
            let help =
                "treat this key as compromised and generate a new key pair; put the content of the .pub file here";
            notes.fault_of_a_secret("public_key", "the spec contains a private key", help);
        } else if normalized(&spec.public_key).is_none() {
            let help = "use the content of a .pub file; it starts with ssh-ed25519 or ssh-rsa";
            notes.fault("public_key", "the public key is not in OpenSSH format", help);
        }
        KeyPairModel { public_key: Setting::stated(normalized(&spec.public_key)), tags: spec.tags }
    }

    fn attributes(name: &str, _: &regionctl_core::observe::location::Location) -> Attributes {
        Attributes::from([("name".to_owned(), name.to_owned())])
    }

    fn write(model: &KeyPairModel) -> Option<Value> {
        let KeyPairModel { public_key, tags } = model;
        let mut fields = Map::new();
        write::setting("public_key", public_key, &mut fields);
        tags::write(tags, &mut fields);
        Some(Value::Object(fields))
    }

    fn remove(_: &KeyPairModel, out: &mut Diff<'_, KeyPairOp>) {
        out.removed(KeyPairOp::DeleteKeyPair);
    }

    fn diff(want: &KeyPairModel, live: Option<&KeyPairModel>, out: &mut Diff<'_, KeyPairOp>) {
        let KeyPairModel { public_key, tags } = want;
        let keyed = out.setting("public_key", public_key, live.map(|live| &live.public_key));
        let changes = tags::compare(tags, live.map(|live| &live.tags), out);
        if live.is_some() {
            let why = "the public key of a key pair cannot change: add the new key under a new name, update \
                       authorized_keys on the instances, then set the old key pair to `absent`";
            out.blocked(&keyed, why);
            out.step(Phase::Change, changes.set, KeyPairOp::CreateTags { tags: changes.tags });
            out.step(Phase::Change, changes.removed, KeyPairOp::DeleteTags { keys: changes.keys });
        } else {
            let covers = out.creation().and(keyed);
            let (tagged, tags) = tags::of_new(changes, out);
            let public_key = public_key.clone().unwrap_or_default();
            out.step(Phase::Create, covers.and(tagged), KeyPairOp::ImportKeyPair { public_key, tags });
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
        let names: Vec<&str> = scope.names.keys().map(String::as_str).collect();
        let pairs = try_join_all(names.chunks(NAMES_PER_CALL).map(|names| describe(api, names))).await?;
        let read = pairs.into_iter().flatten().map(|pair| {
            let name = pair.key_name().unwrap_or_default().to_owned();
            let mut attributes = Self::attributes(&name, &scope.location);
            attributes.insert("id".to_owned(), pair.key_pair_id().unwrap_or_default().to_owned());
            let seen = model(&pair).map(|model| LiveResource::new(name.clone(), model, attributes));
            (name, seen)
        });
        Ok(collect_results(read))
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
                    .public_key_material(Blob::new(public_key.as_str()))
                    .set_tag_specifications(tag_specification(ResourceType::KeyPair, &tags))
                    .send()
                    .await
                    .map_err(CallError::from);
                let id = match made {
                    Ok(made) => made.key_pair_id,
                    Err(error) if error.is("InvalidKeyPair.Duplicate") => {
                        imported_before(api, &target.name, &public_key, error).await?
                    }
                    Err(error) => return Err(error),
                };
                return Ok(id.map(|id| ("id".to_owned(), id)).into_iter().collect());
            }
            KeyPairOp::CreateTags { tags } => {
                let id = target.attributes.get("id").cloned().unwrap_or_default();
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            KeyPairOp::DeleteTags { keys } => {
                delete_tags(api, target.attributes.get("id").map_or("", String::as_str), &keys).await?;
            }
            KeyPairOp::DeleteKeyPair => {
                if_found(api.delete_key_pair().key_name(&target.name).send().await.map_err(CallError::from))?;
            }
        }
        Ok(Attributes::new())
    }
}

/// Reads key pairs by name. With `KeyNames` instead of a filter, the call fails if one of the names does not exist
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeKeyPairs.html>).
async fn describe(api: &Client, names: &[&str]) -> Result<Vec<KeyPairInfo>, CallError> {
    let by_name = filter("key-name", names.iter().map(ToString::to_string));
    let answer = api.describe_key_pairs().filters(by_name).include_public_key(true).send().await?;
    Ok(answer.key_pairs.unwrap_or_default())
}

/// Returns the id of the key pair that exists under this name, if it has the same key: a retry after a lost answer
/// finds the key pair of the first try.
///
/// # Errors
/// `duplicate`, if the existing key pair has another key.
async fn imported_before(
    api: &Client,
    name: &str,
    public_key: &str,
    mut duplicate: CallError,
) -> Result<Option<String>, CallError> {
    let pairs = describe(api, &[name]).await?;
    match pairs.into_iter().find(|pair| pair.key_name() == Some(name)) {
        Some(pair) if pair.public_key().and_then(normalized).as_deref() == Some(public_key) => Ok(pair.key_pair_id),
        _ => {
            duplicate.0.message = format!("{}; it has another public key", duplicate.0.message);
            Err(duplicate)
        }
    }
}

/// Converts a key pair.
///
/// # Errors
/// EC2 returned no public key although the request asks for it, or one of another type.
fn model(pair: &KeyPairInfo) -> Result<KeyPairModel, CallError> {
    let key = pair.public_key().unwrap_or_default();
    let unknown = || CallError::unknown("EC2 DescribeKeyPairs", "the public key", key);
    Ok(KeyPairModel {
        public_key: Setting::Set(normalized(key).ok_or_else(unknown)?),
        tags: tags::live(collect(pair.tags().iter().map(|tag| (tag.key(), tag.value())))),
    })
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
