// SPDX-License-Identifier: Apache-2.0
//! Kinds: the types of resources, with their specs, models and diffs.
//!
//! [`Kind`] is the typed part without I/O that each kind implements. [`AnyKind`] is the same with the types erased to
//! JSON, which the engine uses; [`Erased`] is its only implementation.

mod erased;
pub mod facts;
pub mod notes;
mod typed;
pub mod weight;

pub use erased::{AnyKind, Broken, DiffContext, Erased, Registry};
pub use facts::{Facts, Need, NeededWhen};
pub use notes::Notes;
pub use typed::{Fit, Kind, Risk};
