//! A plan as people read it. Renderers know no kind and invent no explanation: what they show is in
//! the plan. JSON is the plan itself.

mod document;
pub mod text;

pub use text::{Style, checks, counted, text, waiting_for_people};
