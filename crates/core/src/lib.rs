//! What a reconciler is, for any cloud: a spec with positions, kinds that compare desired with live,
//! a plan that is a value, and an apply that runs it.
//!
//! Nothing here talks to AWS, prints, reads a clock or an environment variable: the outside world is
//! the [`world::World`] trait. The flow is one way, and each module is one word of it:
//! [`spec`] → [`world`] (observe) → [`diff`] → [`plan`] → [`apply`] or [`report`] → [`render`].

pub mod address;
pub mod apply;
pub mod diagnostic;
pub mod diff;
pub mod kind;
pub mod model;
pub mod plan;
pub mod reference;
pub mod render;
pub mod report;
pub mod schema;
pub mod spec;
pub mod world;
