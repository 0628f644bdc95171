// SPDX-License-Identifier: Apache-2.0
//! Converts a bucket's model to the fields of a spec.

use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write::{self, unset};
use serde::Serialize;
use serde_json::{Map, Value};

use super::BucketModel;
use super::encryption::{Algorithm, Encryption};
use crate::tags;

/// Returns the fields of a spec for a model.
///
/// # Guarantees
/// `desire` returns the same model for these fields. An unset `encryption` is left out, because a spec cannot unset it;
/// live buckets always have one.
pub fn write(model: &BucketModel) -> Value {
    let BucketModel {
        age_days: _,
        public_access_block,
        ownership,
        encryption,
        versioning,
        policy,
        lifecycle,
        transition_minimum_size,
        cors,
        logging,
        tags,
    } = model;
    let block =
        public_access_block.as_ref().map(|block| if block.off().is_empty() { Value::from("all") } else { json(block) });
    let encryption = encryption.as_ref().map(short_encryption);
    let settings = [
        ("public_access_block", block),
        ("ownership", ownership.as_ref().map(json)),
        ("encryption", if encryption == Setting::Unset { Setting::Unstated } else { encryption }),
        ("versioning", versioning.as_ref().map(json)),
        // A `null` within the policy document is part of the document, not an unset setting.
        ("policy", policy.as_ref().map(json)),
        ("lifecycle", lifecycle.as_ref().map(json)),
        ("transition_minimum_size", transition_minimum_size.as_ref().map(json)),
        ("cors", cors.as_ref().map(json)),
        ("logging", logging.as_ref().map(|logging| with_unset(json(logging)))),
        ("tags", tags.as_ref().map(|stated| with_unset(json(&tags::stated(stated))))),
    ];
    let mut spec = Map::new();
    for (name, setting) in settings {
        write::setting(name, &setting, &mut spec);
    }
    Value::Object(spec)
}

/// Leaves out `kms_key` and `bucket_key` with AES256, where they have no effect.
fn short_encryption(encryption: &Encryption) -> Value {
    let mut short = encryption.clone();
    if short.algorithm == Algorithm::AES256 {
        (short.kms_key, short.bucket_key) = (Setting::Unstated, Setting::Unstated);
    }
    with_unset(json(&short))
}

fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("invariant: models are plain data")
}

/// Replaces the `null` of a model's JSON with the `unset` of a spec.
fn with_unset(value: Value) -> Value {
    match value {
        Value::Null => unset(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, with_unset(value))).collect(),
        other => other,
    }
}
