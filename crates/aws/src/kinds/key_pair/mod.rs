//! `ec2.key_pair`: a public key under a name, with which instances are made. Private keys are nobody's
//! business here: a spec that holds one is refused.

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
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ec2::{filter, sdk_tags, tag_specification};
use crate::error::{CallError, done_if};
use crate::live::Live;
use crate::tags::collect;

/// The kind `ec2.key_pair`.
pub struct KeyPair;

/// What a person writes of a key pair.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2KeyPair")]
pub struct KeyPairSpec {
    /// The public key, as it stands in a file `.pub`: ssh-ed25519 or ssh-rsa.
    public_key: String,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// A key pair, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyPairModel {
    /// Type and key, without the comment.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    public_key: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum KeyPairOp {
    /// The public half.
    ImportKeyPair {
        /// Type and key.
        public_key: String,
        /// The spec's tags.
        tags: Tags,
    },
    /// Adds or changes these; others stay.
    CreateTags {
        /// The spec's.
        tags: Tags,
    },
    /// Instances that were made with it keep the key.
    DeleteKeyPair,
}

impl Kind for KeyPair {
    const FACTS: Facts = Facts {
        name: "ec2.key_pair",
        service: "EC2",
        summary: "A public ssh key under a name. Handing out the private half is people's work.",
        reads: &["DescribeKeyPairs"],
        removes: &["DeleteKeyPair"],
        writes: &["ImportKeyPair", "CreateTags", "DeleteKeyPair"],
        outputs: &["id", "name"],
        name_fields: &["key_pair"],
        inventory: &["DescribeKeyPairs"],
        weights: &[Weight {
            path: "public_key",
            when: When::Differs,
            severity: Severity::High,
            why: "another key opens new instances",
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
        Err(format!("EC2 does not take '{name}' as a key pair's name\n1 to 255 ASCII characters"))
    }

    fn desire(_: &str, spec: KeyPairSpec, notes: &mut Notes<'_>) -> KeyPairModel {
        tags::check(spec.tags.as_ref(), notes);
        if spec.public_key.contains("PRIVATE KEY") {
            let help =
                "a secret does not belong in a spec: treat it as known to all and make another; here goes the .pub";
            notes.fault_of_a_secret("public_key", "a private key", help);
        } else if normalised(&spec.public_key).is_none() {
            let help = "it stands in a file .pub and starts with ssh-ed25519 or ssh-rsa";
            notes.fault("public_key", "this is not a public key that EC2 takes", help);
        }
        KeyPairModel { public_key: Setting::stated(normalised(&spec.public_key)), tags: Setting::stated(spec.tags) }
    }

    fn outputs(name: &str, _: &regionctl_core::observe::location::Location) -> Outputs {
        Outputs::from([("name".to_owned(), name.to_owned())])
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
            let why = "a key pair's key never changes: import the new one under a name of its own, move the \
                       instances' authorized_keys, then say `absent` of the old one";
            out.blocked(&keyed, why);
            out.step(Phase::Change, tagged, KeyPairOp::CreateTags { tags });
        } else {
            let covers = out.birth().and(keyed).and(tagged);
            let public_key = public_key.clone().unwrap_or_default();
            out.step(Phase::Create, covers, KeyPairOp::ImportKeyPair { public_key, tags });
        }
    }
}

/// Type and key without the comment, which is not part of the key.
fn normalised(text: &str) -> Option<String> {
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
        // By filter, as asking for names fails when one of them is not there.
        let answer =
            api.describe_key_pairs().filters(filter("key-name", names)).include_public_key(true).send().await?;
        let seen = answer.key_pairs().iter().map(|pair| {
            let name = pair.key_name().unwrap_or_default().to_owned();
            let mut outputs = Self::outputs(&name, &scope.location);
            outputs.insert("id".to_owned(), pair.key_pair_id().unwrap_or_default().to_owned());
            LiveResource::new(name, model(pair), outputs)
        });
        Ok(Observation { seen: seen.collect(), unread: Vec::new() })
    }

    async fn list(api: &Client, _: &Location) -> Result<Vec<String>, CallError> {
        let answer = api.describe_key_pairs().send().await?;
        Ok(answer.key_pairs().iter().filter_map(|pair| pair.key_name().map(ToOwned::to_owned)).collect())
    }

    async fn run(api: &Client, target: &StepTarget, op: KeyPairOp) -> Result<Outputs, CallError> {
        match op {
            KeyPairOp::ImportKeyPair { public_key, tags } => {
                let made = api
                    .import_key_pair()
                    .key_name(&target.name)
                    .public_key_material(Blob::new(public_key))
                    .set_tag_specifications(tag_specification(ResourceType::KeyPair, &tags))
                    .send()
                    .await;
                let made =
                    done_if(made.map(|made| made.key_pair_id).map_err(CallError::from), "InvalidKeyPair.Duplicate")?;
                return Ok(made.map(|id| ("id".to_owned(), id)).into_iter().collect());
            }
            KeyPairOp::CreateTags { tags } => {
                let id = target.outputs.get("id").cloned().unwrap_or_default();
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            KeyPairOp::DeleteKeyPair => {
                api.delete_key_pair().key_name(&target.name).send().await?;
            }
        }
        Ok(Outputs::new())
    }
}

fn model(pair: &KeyPairInfo) -> KeyPairModel {
    KeyPairModel {
        public_key: Setting::live(pair.public_key().and_then(normalised)),
        tags: Setting::Set(collect(pair.tags().iter().map(|tag| (tag.key(), tag.value())))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_is_not_part_of_a_key() {
        assert_eq!(normalised("ssh-ed25519 AAAAC3 a@b\n").unwrap(), "ssh-ed25519 AAAAC3");
        assert!(normalised("ssh-dss AAAAC3").is_none() && normalised("AAAAC3").is_none());
    }
}
