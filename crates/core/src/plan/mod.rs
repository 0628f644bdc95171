// SPDX-License-Identifier: Apache-2.0
//! Plans: the changes that an apply would make, their steps, risks and gates.
//!
//! [`build`] compares and orders, [`gates`] sets the gates, [`saved`] seals a plan for a later apply. Text, JSON and
//! executed steps all come from one [`Plan`] value. It contains no times and no random ids: same input, same plan.

pub mod build;
mod document;
pub mod gates;
mod graph;
pub mod saved;

pub use document::*;
