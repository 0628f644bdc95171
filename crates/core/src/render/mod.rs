//! Plans and reports as people and other programs read them. Renderers know no kind and invent no explanation: what
//! they show is in the value. JSON is the value itself.

mod differences;
mod document;
pub mod report;
pub mod text;

pub use differences::differences;
pub use text::{Style, checks, counted, text, waiting_for_people};
