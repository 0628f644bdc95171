//! What one resource is made of: its address, its settings, its references and its secrets.
//!
//! Nothing here knows a kind, a plan or AWS.

pub mod address;
pub mod reference;
pub mod secret;
pub mod setting;
