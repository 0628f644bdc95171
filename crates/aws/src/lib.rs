//! What AWS is: [`session`] is the one door that every call passes, [`kinds`] are the types of
//! resources, one file each, and [`world`] puts both behind the engine's seam.

mod ec2;
pub mod error;
pub mod iam;
pub mod kinds;
mod last_applied;
pub mod live;
pub mod permissions;
mod preflight;
pub mod provider;
pub mod session;
mod tags;
mod trail;
