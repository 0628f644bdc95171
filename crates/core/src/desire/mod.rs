//! From a spec and a snapshot to what is wanted of each resource. Pure.
//!
//! [`requests`] says what of AWS a spec rests on, [`expand`] lays entries that stand for many over what is live, and
//! [`fill`] puts both together with the values that references take.

pub mod expand;
pub mod fill;
pub mod fingerprint;
mod follow;
mod leftover;
pub mod requests;
mod rules;
