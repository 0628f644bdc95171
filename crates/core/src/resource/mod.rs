// SPDX-License-Identifier: Apache-2.0
//! The parts of a resource: addresses, settings, references and secrets.
//!
//! Nothing here depends on a kind, on plans or on AWS.

pub mod address;
pub mod reference;
pub mod secret;
pub mod setting;
