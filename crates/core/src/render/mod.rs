// SPDX-License-Identifier: Apache-2.0
//! Renders plans, reports and snapshot differences as text and in other formats.
//!
//! Renderers contain nothing specific to a kind and add no facts of their own. The JSON format is the serialized value.

mod ascii;
mod differences;
mod document;
pub mod report;
pub mod text;

pub use ascii::ascii;
pub use differences::differences;
pub use text::{Style, checks, counted, text, waiting_for_people};
