// SPDX-License-Identifier: Apache-2.0
//! The AWS side of regionctl: [`session`] sends every call, [`services`] has one row per service, [`kinds`] one folder
//! per resource type, and [`provider`] implements the engine's `Provider` trait.

mod answer;
mod ec2;
pub mod error;
pub mod iam;
pub mod kinds;
mod last_applied;
pub mod live;
mod once;
pub mod permissions;
mod preflight;
pub mod provider;
pub mod services;
pub mod session;
mod tags;
mod trail;
