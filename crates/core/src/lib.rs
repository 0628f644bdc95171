// SPDX-License-Identifier: Apache-2.0
//! The reconciler, independent of the cloud provider: specs with positions, kinds that compare desired with live,
//! plans as values, and apply.
//!
//! Nothing in this crate calls AWS, prints, or reads a clock or an environment variable; all input and output goes
//! through the [`observe::provider::Provider`] trait. Data flows in one direction through the modules:
//! [`spec`] → [`observe`] → [`desire`] → [`diff`] → [`plan`] → [`apply`] or [`report`] → [`render`].
//! [`read_plan`] runs the steps from a spec to a plan.

pub mod apply;
pub mod desire;
pub mod diagnostic;
pub mod diff;
pub mod digest;
pub mod format;
pub mod kind;
pub mod model;
pub mod observe;
pub mod plan;
pub mod read_plan;
pub mod render;
pub mod report;
pub mod resource;
pub mod schema;
pub mod spec;
#[cfg(test)]
mod testing;
