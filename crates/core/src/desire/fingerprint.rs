//! The digests by which a plan knows what it rests on.
//!
//! Secrets are not part of a model's digest; they have one of their own, which a saved snapshot keeps in their place.

use serde_json::Value;

use crate::digest;
use crate::kind::AnyKind;
use crate::observe::scope::LiveResource;
use crate::resource::secret;

/// The fingerprint of what does not exist.
pub const ABSENT: &str = "absent";

/// Returns the digest of a resource's secrets; none where it has none.
pub fn of_secrets(live: &LiveResource<Value>) -> Option<String> {
    if live.sealed.is_some() {
        return live.sealed.clone();
    }
    let secrets = secret::of_model(&live.model);
    let one = |(path, value): (&String, &String)| format!("{path}\0{value}\0");
    (!secrets.is_empty()).then(|| digest::sha256(secrets.iter().map(one).collect::<String>()))
}

/// Returns the digest of what a plan rests on of a live resource; [`ABSENT`] where there is none.
pub fn of_live(kind: &dyn AnyKind, want: Option<&Value>, live: Option<&LiveResource<Value>>) -> String {
    let Some(live) = live else { return ABSENT.to_owned() };
    of(kind.relevant(want, &live.model), live)
}

/// Returns the digest of what is taken over from a source.
pub fn of_followed(model: &Value, source: &LiveResource<Value>) -> String {
    of(model.clone(), source)
}

/// An extra that a call would lose belongs to it: one that is new has not been weighed by the plan's gates.
fn of(mut model: Value, live: &LiveResource<Value>) -> String {
    secret::hide(&mut model);
    let lost = live.extras.iter().filter(|extra| !extra.kept).map(|extra| format!("\0{}", extra.said()));
    digest::sha256(model.to_string() + &of_secrets(live).unwrap_or_default() + &lost.collect::<String>())
}
