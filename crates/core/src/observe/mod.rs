//! What is read of AWS: the seam to it, what a read came to, and the snapshot that holds it all.
//!
//! [`provider`] is the only seam to a cloud, [`snapshot`] the value that every verb works on, [`refresh`] reads what a
//! spec rests on into one. Nothing here compares or plans.

pub mod compare;
pub mod explain;
pub mod failure;
pub mod location;
pub mod provider;
pub mod refresh;
pub mod region;
pub mod scope;
pub mod snapshot;
pub mod stored;
