//! Snapshots as documents.
