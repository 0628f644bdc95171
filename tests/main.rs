// SPDX-License-Identifier: Apache-2.0
//! All tests that link the AWS SDK, in one binary: the laws over all kinds, the scenario on both emulators, invalid
//! input, saved plans, interruptions, and generated files.

// Tests may panic, measure time and wait.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros)]

mod adoption;
mod answers;
mod bad_input;
mod drift;
mod findings;
mod generated;
mod guard;
mod harness;
mod interrupted;
mod laws;
#[path = "laws/neighbours.rs"]
mod neighbours;
mod nightly;
mod noise;
mod old_files;
mod permissions;
mod replay;
mod replay_bucket;
mod replay_cluster;
mod replay_document;
mod replay_elbv2;
mod replay_endpoint;
mod replay_function;
mod replay_iam_policy;
mod replay_instance;
mod replay_monitoring;
mod replay_network;
mod replay_reads;
mod replay_replication;
mod replay_security_group;
mod replay_session;
mod replay_topic;
mod replay_zone;
mod runbook;
mod saved_plan;
mod scenario;
mod snapshot;
mod sources;
mod style;
mod terminal;
