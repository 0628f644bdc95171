// SPDX-License-Identifier: Apache-2.0
//! Computes the desired resources from a spec and a snapshot. Pure: no I/O.
//!
//! [`requests`] lists what to read, [`expand`] expands rules, patterns and copies into one entry per resource, and
//! [`fill`] combines both and resolves references.

pub mod expand;
pub mod fill;
pub mod fingerprint;
mod follow;
mod leftover;
pub mod requests;
mod rules;
