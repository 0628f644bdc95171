//! All tests that link the SDK, in one binary: the laws over the registry of kinds, the scenario on
//! both emulators, wrong input, saved plans, interruptions, and what is generated.

mod answers;
mod bad_input;
mod drift;
mod generated;
mod harness;
mod interrupted;
mod laws;
#[path = "laws/neighbours.rs"]
mod neighbours;
mod nightly;
mod noise;
mod replay;
mod replay_reads;
mod runbook;
mod saved_plan;
mod scenario;
mod snapshot;
mod sources;
mod terminal;
