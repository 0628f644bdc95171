//! What AWS is: [`session`] is the one door that every call passes, [`services`] has one row per service, [`kinds`] are
//! the types of resources, one folder each, and [`provider`] puts them behind the engine's seam.

mod answer;
mod ec2;
pub mod error;
pub mod iam;
pub mod kinds;
mod last_applied;
pub mod live;
pub mod permissions;
mod preflight;
pub mod provider;
pub mod services;
pub mod session;
mod tags;
mod trail;
