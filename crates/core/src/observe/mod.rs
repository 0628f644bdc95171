// SPDX-License-Identifier: Apache-2.0
//! Reads live resources into snapshots, and compares snapshots.
//!
//! [`provider`] is the only interface to a cloud. [`refresh`] reads all that a spec depends on into a [`snapshot`], the
//! value that every command works on. Nothing here compares with a spec or plans.

pub mod compare;
pub mod explain;
pub mod failure;
pub mod location;
pub mod provider;
pub mod refresh;
pub mod region;
pub mod scope;
pub mod seen;
pub mod snapshot;
pub mod stored;
