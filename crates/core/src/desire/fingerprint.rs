// SPDX-License-Identifier: Apache-2.0
//! SHA-256 digests of live resources, by which `apply` detects that AWS changed after the plan was created.
//!
//! A model is hashed without its secrets. They have a digest of their own, which a saved snapshot contains instead.

use serde_json::Value;

use crate::digest;
use crate::kind::AnyKind;
use crate::observe::scope::LiveResource;
use crate::resource::secret;

/// The fingerprint of a resource that does not exist.
pub const ABSENT: &str = "absent";

/// Returns the digest of a resource's secrets. `None` if it has no secrets.
pub fn of_secrets(live: &LiveResource<Value>) -> Option<String> {
    if live.sealed.is_some() {
        return live.sealed.clone();
    }
    let secrets = secret::of_model(&live.model);
    let one = |(path, value): (&String, &String)| format!("{path}\0{value}\0");
    (!secrets.is_empty()).then(|| digest::sha256(secrets.iter().map(one).collect::<String>()))
}

/// Returns the digest of the part of a live resource that a plan depends on. [`ABSENT`] if it does not exist.
pub fn of_live(kind: &dyn AnyKind, want: Option<&Value>, live: Option<&LiveResource<Value>>) -> String {
    let Some(live) = live else { return ABSENT.to_owned() };
    of(kind.relevant(want, &live.model), live)
}

/// Returns the digest of what a follower copies from its source.
pub fn of_followed(model: &Value, source: &LiveResource<Value>) -> String {
    of(model.clone(), source)
}

/// Hashes a model with its secrets and the extras that a call would remove. A new such extra must invalidate the plan
/// because its gates did not consider it.
fn of(mut model: Value, live: &LiveResource<Value>) -> String {
    secret::hide(&mut model);
    let lost = live.extras.iter().filter(|extra| !extra.kept).map(|extra| format!("\0{}", extra.said()));
    digest::sha256(model.to_string() + &of_secrets(live).unwrap_or_default() + &lost.collect::<String>())
}
