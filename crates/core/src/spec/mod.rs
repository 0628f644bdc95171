// SPDX-License-Identifier: Apache-2.0
//! Reads a spec from its files: [`tree`] parses YAML with positions, [`load`] merges includes, [`vars`] replaces
//! variables, [`selector`] reads which resources an entry matches, [`decode`] converts a node to a kind's type, and
//! [`read()`] runs these steps. Every fault has a position; all faults of a spec are returned together.

pub mod accept;
pub mod contested;
pub mod decode;
pub mod edit;
pub mod load;
pub mod manual;
pub mod names;
pub mod read;
mod references;
pub mod selector;
mod suggest;
pub mod tree;
pub mod vars;
pub mod write;

pub use read::{Spec, VpcSelector, Waiver, Want, read};
pub use suggest::did_you_mean;
