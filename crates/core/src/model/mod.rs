//! Canonical types that kinds share: policy documents by meaning, CIDR blocks, name patterns, tags.

pub mod cidr;
pub mod pattern;
pub mod policy;
pub mod tags;
