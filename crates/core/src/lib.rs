//! What a reconciler is, for any cloud: a spec with positions, kinds that compare desired with live,
//! a plan that is a value, and an apply that runs it.
//!
//! Nothing here talks to AWS, prints, reads a clock or an environment variable: the outside world is
//! the [`observe::provider::Provider`] trait. The flow is one way, and each module is one word of it:
//! [`spec`] → [`observe`] → [`desire`] → [`diff`] → [`plan`] → [`apply`] or [`report`] → [`render`]. [`look`] is the way
//! from the first to a plan.

pub mod apply;
pub mod desire;
pub mod diagnostic;
pub mod diff;
pub mod digest;
pub mod kind;
pub mod look;
pub mod model;
pub mod observe;
pub mod plan;
pub mod render;
pub mod report;
pub mod resource;
pub mod schema;
pub mod spec;
#[cfg(test)]
mod testing;
