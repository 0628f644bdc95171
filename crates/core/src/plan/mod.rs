//! A plan: what would be done, why, with what risk, on what live state. A value that serialises.
//!
//! [`build`] compares and orders, [`gates`] says what needs an explicit word, [`saved`] seals a plan for later. Text,
//! JSON and the steps that are run all come from the one [`Plan`] value, which holds no times and no random ids: same
//! input, same plan.

pub mod build;
mod document;
pub mod gates;
mod graph;
pub mod saved;

pub use document::*;
